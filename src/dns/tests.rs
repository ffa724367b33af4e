use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RData;
use proptest::prelude::*;

use super::*;
use crate::clock::Timestamp;
use crate::limits;
use crate::table::{Dialect, Event, HostId, HostTable, Port, Registration, ServiceName, Target};
use crate::zone::{Ahead, Grammar, Name, Policy, Random, Zone, Zones, parse_file, rtype};

mod at_once;
mod costs;
mod forms;
mod messages;
mod sockets;

const FILE: &str = "$TTL 3600\n@ SOA ns hostmaster 1 4h 1h 1w 5\n@ NS ns\nwww CNAME web\nmail MX 10 mail\n\
    mail A 10.0.0.9\nbig TXT \"0123456789\"\n";

/// `hosts` hosts of the service `web`, of both families.
fn zones(hosts: u16) -> Zones {
    zones_of((0..hosts).map(|number| {
        let address = format!("10.1.{}.{}", number / 250, number % 250 + 1);
        registration("web", &[&address, &format!("fd00::{number:x}")], 8000 + number)
    }))
}

fn registration(service: &str, addresses: &[&str], port: u16) -> Registration {
    Registration {
        ports: [Port::tcp(port)].into_iter().collect(),
        ttl: Some(Duration::from_secs(10)),
        ..Registration::new(
            ServiceName::parse("service", service).expect("service"),
            Dialect::Native,
            HostId::parse("id", addresses[0]).expect("id"),
            Target::parse("address", addresses.iter().copied()).expect("target"),
        )
    }
}

fn zones_of(registrations: impl Iterator<Item = Registration>) -> Zones {
    let origin = Name::parse("origin", "service.local.", &Name::root()).expect("origin");
    let file = parse_file(FILE, &origin).expect("zone file");
    let own = ["127.0.0.1".parse().expect("address")];
    let zone = Zone::new(file, Grammar::Service, &Policy::default(), &own);
    let mut table = HostTable::default();
    for registration in registrations {
        table.apply(Event::Register(Box::new(registration)), Timestamp::default()).expect("registers");
    }
    Zones::new(vec![zone], Policy::default()).render(table.hosts(), 0)
}

/// An engine without hosts.
pub(super) fn engine() -> Arc<Engine> {
    let clock = Arc::new(crate::clock::Clock::manual(Timestamp::default()));
    let registry = crate::registry::Registry::new(clock, Zones::default(), crate::registry::Durability::Immediate);
    Arc::new(Engine::new(Arc::new(registry), Settings::default(), 0))
}

/// A query as octets; `edns` is payload size and version.
fn query(name: &str, qtype: u16, edns: Option<(u16, u8)>) -> Vec<u8> {
    let mut packet = vec![0x12, 0x34, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(edns.is_some())];
    for label in name.split('.').filter(|label| !label.is_empty()) {
        packet.push(label.len() as u8);
        packet.extend_from_slice(label.as_bytes());
    }
    packet.push(0);
    packet.extend_from_slice(&qtype.to_be_bytes());
    packet.extend_from_slice(&[0, 1]);
    if let Some((payload, version)) = edns {
        packet.extend_from_slice(&[0, 0, 41]);
        packet.extend_from_slice(&payload.to_be_bytes());
        packet.extend_from_slice(&[0, version, 0, 0, 0, 0]);
    }
    packet
}

fn ask(zones: &Zones, packet: &[u8], transport: Transport) -> Option<Vec<u8>> {
    ask_when(true, zones, packet, transport)
}

fn ask_when(loaded: bool, zones: &Zones, packet: &[u8], transport: Transport) -> Option<Vec<u8>> {
    let settings = Settings::default();
    let view = View { zones, loaded, settings: &settings, limiter: None, stale: false };
    let request = Request::own(packet, transport);
    let mut out = Vec::new();
    let outcome = respond(&view, &request, Timestamp::default(), &mut Random::new(3), &mut out);
    matches!(outcome, Outcome::Answered(_)).then_some(out)
}

fn read(reply: &[u8]) -> Message {
    Message::from_vec(reply).expect("an independent codec reads the reply")
}

#[test]
fn a_reply_repeats_the_question_octet_for_octet() {
    let packet = query("wEb.SerVice.LOCAL", rtype::A, None);
    let reply = ask(&zones(2), &packet, Transport::Udp).expect("reply");
    assert_eq!(reply[..2], packet[..2]);
    assert_eq!(reply[12..packet.len()], packet[12..]);
    // QR, AA, RD; no RA, Z, AD, CD.
    assert_eq!((reply[2], reply[3]), (0x85, 0));
    let message = read(&reply);
    assert_eq!((message.answers.len(), message.edns.is_none()), (2, true));
}

#[test]
fn the_size_of_a_datagram_is_kept_exactly() {
    let zones = zones(300);
    for (edns, most) in [(None, 512), (Some((100, 0)), 512), (Some((900, 0)), 900), (Some((4096, 0)), 1232)] {
        for qtype in [rtype::A, rtype::AAAA, rtype::SRV] {
            let reply = ask(&zones, &query("web.service.local", qtype, edns), Transport::Udp).expect("reply");
            let message = read(&reply);
            assert!(reply.len() <= most && reply.len() + 45 > most, "{qtype} {edns:?}: {} of {most}", reply.len());
            assert!(message.metadata.truncation);
            assert_eq!(message.edns.is_some(), edns.is_some(), "OPT is kept");
            assert!(!message.answers.is_empty() && message.additionals.is_empty());
        }
    }
    for qtype in [rtype::A, rtype::SRV] {
        let packet = query("web.service.local", qtype, Some((1232, 0)));
        let message = read(&ask(&zones, &packet, Transport::Tcp).expect("reply"));
        assert_eq!((message.answers.len(), message.metadata.truncation), (300, false));
    }
}

#[test]
fn additionals_that_do_not_fit_are_no_truncation() {
    let packet = query("web.service.local", rtype::SRV, Some((1232, 0)));
    let message = read(&ask(&zones(18), &packet, Transport::Udp).expect("reply"));
    assert_eq!((message.answers.len(), message.metadata.truncation), (18, false));
    assert!(!message.additionals.is_empty() && message.additionals.len() < 36);
    let message = read(&ask(&zones(18), &packet, Transport::Tcp).expect("reply"));
    assert_eq!(message.additionals.len(), 36);
    for record in &message.answers {
        let RData::SRV(srv) = &record.data else { panic!("{record:?}") };
        assert_eq!(message.additionals.iter().filter(|glue| glue.name == srv.target).count(), 2);
    }
}

#[test]
fn messages_that_are_no_queries_get_their_error() {
    let zones = zones(1);
    let good = query("web.service.local", rtype::A, Some((1232, 0)));
    let change = |edit: &dyn Fn(&mut Vec<u8>)| {
        let mut packet = good.clone();
        edit(&mut packet);
        ask(&zones, &packet, Transport::Udp).map(|reply| {
            let message = read(&reply);
            (message.metadata.response_code, message.edns.is_some(), message.answers.len())
        })
    };
    assert_eq!(change(&|_| ()), Some((ResponseCode::NoError, true, 1)));
    assert_eq!(change(&|packet| packet.truncate(11)), None);
    assert_eq!(change(&|packet| packet[2] |= 0x80), None);
    assert_eq!(
        change(&|packet| {
            packet[2] |= 0x80;
            packet.truncate(14)
        }),
        None,
        "malformed responses too"
    );
    assert_eq!(change(&|packet| packet.truncate(20)), Some((ResponseCode::FormErr, false, 0)));
    assert_eq!(change(&|packet| packet[2] = 0x28), Some((ResponseCode::NotImp, true, 0)));
    assert_eq!(change(&|packet| packet[5] = 2), Some((ResponseCode::FormErr, false, 0)));
    assert_eq!(change(&|packet| packet[12] = 0x40), Some((ResponseCode::FormErr, false, 0)));
    assert_eq!(change(&|packet| packet[12] = 0xc0), Some((ResponseCode::FormErr, false, 0)));
    let class = good.len() - 12;
    assert_eq!(change(&|packet| packet[class] = 3), Some((ResponseCode::Refused, true, 0)), "CH");
    let version = good.len() - 5;
    assert_eq!(change(&|packet| packet[version] = 1), Some((ResponseCode::BADSIG, true, 0)), "16 is BADVERS in OPT");
    assert_eq!(change(&|packet| packet.extend([1, 2, 3])), Some((ResponseCode::NoError, true, 1)), "trailing octets");
    let second = |packet: &mut Vec<u8>| {
        packet[11] = 2;
        packet.extend([0, 0, 41, 4, 0, 0, 0, 0, 0, 0, 0]);
    };
    assert_eq!(change(&second), Some((ResponseCode::FormErr, true, 0)));
    let options = |packet: &mut Vec<u8>| {
        let length = packet.len() - 1;
        packet[length] = 5;
        packet.extend([0, 10, 0, 9, 1]);
    };
    assert_eq!(change(&options), Some((ResponseCode::FormErr, true, 0)), "an option longer than the record");
    // Bits that mean nothing in a query (RFC 8906 3.2).
    assert_eq!(
        change(&|packet| {
            packet[2] |= 0x06;
            packet[3] |= 0xff
        }),
        Some((ResponseCode::NoError, true, 1))
    );
}

#[test]
fn types_that_are_no_data_get_their_error() {
    let zones = zones(1);
    let rcode = |qtype, transport| {
        let reply = ask(&zones, &query("web.service.local", qtype, None), transport).expect("reply");
        read(&reply).metadata.response_code
    };
    for (qtype, code) in [
        (rtype::OPT, ResponseCode::FormErr),
        (rtype::NXNAME, ResponseCode::FormErr),
        (rtype::TSIG, ResponseCode::NotImp),
        (rtype::AXFR, ResponseCode::FormErr),
        (rtype::IXFR, ResponseCode::Refused),
        (65, ResponseCode::NoError),
        (666, ResponseCode::NoError),
    ] {
        assert_eq!(rcode(qtype, Transport::Udp), code, "{qtype}");
    }
    assert_eq!(rcode(rtype::AXFR, Transport::Tcp), ResponseCode::Refused);
}

#[test]
fn names_of_others_are_refused_and_an_unloaded_table_denies_nothing() {
    let zones = zones(1);
    for name in ["example.com", "local", "", "xservice.local"] {
        let message = read(&ask(&zones, &query(name, rtype::A, None), Transport::Udp).expect("reply"));
        assert_eq!(message.metadata.response_code, ResponseCode::Refused, "{name}");
        assert!(!message.metadata.authoritative && message.authorities.is_empty());
    }
    let reply =
        ask_when(false, &zones, &query("web.service.local", rtype::A, Some((1232, 0))), Transport::Udp).expect("reply");
    let message = read(&reply);
    assert_eq!(message.metadata.response_code, ResponseCode::ServFail);
    let extended = [0, 15, 0, 29, 0, 14];
    assert!(reply.windows(6).any(|window| window == extended), "EDE 14: {reply:?}");
}

#[test]
fn negative_answers_hold_the_soa() {
    let zones = zones(1);
    for (name, rcode) in
        [("nothing.service.local", ResponseCode::NXDomain), ("addr.service.local", ResponseCode::NoError)]
    {
        let message = read(&ask(&zones, &query(name, rtype::A, None), Transport::Udp).expect("reply"));
        assert_eq!((message.metadata.response_code, message.authorities.len()), (rcode, 1));
        assert_eq!(message.authorities[0].ttl, 5);
        assert_eq!(message.authorities[0].name.to_string(), "service.local.");
    }
}

#[test]
fn a_name_of_255_octets_works() {
    let zones = zones(1);
    // 240 octets of labels and 15 of the origin.
    let labels = format!("{}.{}.{}.{}", "a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(47));
    let name = format!("{labels}.service.local");
    let message = read(&ask(&zones, &query(&name, rtype::A, None), Transport::Udp).expect("reply"));
    assert_eq!(message.metadata.response_code, ResponseCode::NXDomain);
    let message = ask(&zones, &query(&format!("x.{name}"), rtype::A, None), Transport::Udp).expect("reply");
    assert_eq!(message[3] & 15, 1, "one more is a format error");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Any octets give one well-formed reply, or silence.
    #[test]
    fn any_octets_are_survived(mut packet in prop::collection::vec(any::<u8>(), 0..200), qr in any::<bool>(), counts in any::<bool>()) {
        if packet.len() >= 12 {
            if !qr { packet[2] &= 0x7f }
            if counts { packet[4..12].copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, 1]) }
        }
        let zones = zones(3);
        let reply = ask(&zones, &packet, Transport::Udp);
        if packet.len() < 12 || packet[2] & 0x80 != 0 {
            prop_assert!(reply.is_none());
        } else {
            let reply = reply.expect("a reply");
            prop_assert!(reply.len() <= 1232 && reply[..2] == packet[..2] && reply[2] & 0x80 != 0);
            prop_assert!(Message::from_vec(&reply).is_ok());
        }
    }

    /// Flipped octets of a good query too.
    #[test]
    fn mutated_queries_are_survived(at in 2_usize..46, value in any::<u8>(), qtype in prop::sample::select(vec![1_u16, 28, 33, 16, 255])) {
        let zones = zones(3);
        let mut packet = query("_web._tcp.service.local", qtype, Some((1232, 0)));
        let at = at % packet.len();
        packet[at] = value;
        if let Some(reply) = ask(&zones, &packet, Transport::Udp) {
            prop_assert!(Message::from_vec(&reply).is_ok(), "{reply:?}");
        }
    }
}
