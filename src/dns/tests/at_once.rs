//! What takes the short way, and what it says of leases. That both ways say the same is shown by the target `ways` of
//! the fuzzing.

use super::*;

/// The reply of the short way at a moment, if it takes the packet; it is then that of the full one.
fn at_once(zones: &Zones, packet: &[u8], now: Timestamp) -> Option<Message> {
    let settings = Settings::default();
    let view = View { zones, loaded: true, settings: &settings, limiter: None, stale: false };
    let request = Request::own(packet, Transport::Udp);
    let (mut short, mut full) = (Vec::new(), Vec::new());
    let taken = respond_at_once(&view, &request, now, &mut Random::new(3), &mut short).is_some();
    respond_in_full(&view, &request, now, &mut Random::new(3), &mut full);
    assert!(!taken || short == full);
    taken.then(|| read(&full))
}

#[test]
fn ordinary_questions_take_the_short_way() {
    let mut hosts: Vec<Registration> =
        (1..=10).map(|number| registration("web", &[&format!("10.0.0.{number}")], 80)).collect();
    let ports = [Port::tcp(80), Port::tcp(81)].into_iter().collect();
    hosts.push(Registration { ports, ..registration("ports", &["10.0.1.1"], 80) });
    hosts.extend((0..70).map(|number| registration("many", &[&format!("10.0.2.{number}")], 80)));
    let zones = zones_of(hosts.into_iter());
    let taken = |name: &str, qtype, edns| at_once(&zones, &query(name, qtype, edns), Timestamp::default()).is_some();
    for edns in [None, Some((1232, 0))] {
        for (name, qtype, short) in [
            ("web.service.local", rtype::A, true),
            ("WEB.service.LOCAL", rtype::A, true),
            ("web.service.local", rtype::AAAA, true),
            ("web.service.local", rtype::SRV, true),
            ("_web._tcp.service.local", rtype::A, true),
            ("0a000001.addr.service.local", rtype::A, true),
            ("nothing.service.local", rtype::HTTPS, true),
            ("_tcp.service.local", rtype::A, true),
            ("web.service.local", rtype::MX, false),
            ("web.service.local", rtype::TXT, false),
            ("ports.service.local", rtype::A, false),
            ("many.service.local", rtype::A, false),
            ("mail.service.local", rtype::A, false),
            ("service.local", rtype::A, false),
            ("web.example.com", rtype::A, false),
        ] {
            assert_eq!(taken(name, qtype, edns), short, "{name} {qtype} {edns:?}");
        }
    }
    assert!(!taken("web.service.local", rtype::A, Some((1232, 1))), "another version of EDNS");
}

/// A host that renews its lease, and one that does not.
#[test]
fn the_shortest_lease_counts_until_it_ends() {
    let mut table = HostTable::default();
    let start = Timestamp::from_micros(1_000_000_000);
    for address in ["10.0.0.1", "10.0.0.2"] {
        table.apply(Event::Register(Box::new(registration("web", &[address], 80))), start).expect("registers");
    }
    let zones = zones_of(std::iter::empty()).render(table.hosts(), 0);
    let at = |millis: u64| start.after(Duration::from_millis(millis));
    let renewed = table.hosts().iter().next().expect("a host").key();
    for (millis, ttl) in [
        (0, Some(5)),
        (5000, Some(5)),
        (5001, Some(4)),
        // What was found before is no reason to keep an answer longer, nor shorter.
        (9000, Some(1)),
        (9999, Some(0)),
        (10_000, None),
        (3000, Some(5)),
    ] {
        if millis == 9000 {
            table.apply(Event::Renew(renewed.clone()), at(8000)).expect("renews");
        }
        let reply = at_once(&zones, &query("web.service.local", rtype::A, None), at(millis));
        let said = reply.map(|reply| {
            assert_eq!(reply.answers.len(), 2);
            reply.answers[0].ttl
        });
        assert_eq!(said, ttl, "after {millis} ms");
    }
}
