//! What "no" costs: about what an answer costs, at any size. Search lists make most questions end in it.
//!
//! Times are compared with each other, the best of several rounds, with a margin that only a search through all names
//! would be outside of; figures are in `benches/`.

use super::*;

/// Services in the large zone.
const SERVICES: u16 = 5000;

fn of_size(services: u16) -> Zones {
    zones_of((0..services).map(|number| {
        let address = format!("10.{}.{}.1", number / 250, number % 250);
        registration(&format!("s{number}"), &[&address], 80)
    }))
}

/// Rounds after which it is no other process that makes one slow.
const ROUNDS: usize = 500;

/// The time that a hundred replies take: in the best of ten rounds, or more where none of these is below `bound`.
fn cost(
    zones: &Zones,
    (name, qtype): (&str, u16),
    (expected, answers): (ResponseCode, usize),
    bound: Duration,
) -> Duration {
    let packet = query(name, qtype, Some((1232, 0)));
    let message = read(&ask(zones, &packet, Transport::Udp).expect("a reply"));
    assert_eq!((message.metadata.response_code, message.answers.len()), (expected, answers), "{name} {qtype}");
    let round = |_| {
        #[allow(clippy::disallowed_methods, reason = "a time that is measured is no time of the program")]
        let start = std::time::Instant::now();
        for _ in 0..100 {
            ask(zones, &packet, Transport::Udp).expect("a reply");
        }
        start.elapsed()
    };
    let best = (0..10).map(round).min().unwrap_or_default();
    if best < bound {
        return best;
    }
    (10..ROUNDS).map(round).find(|time| *time < bound).unwrap_or(best)
}

#[test]
fn no_costs_what_an_answer_costs_at_any_size() {
    let (small, large) = (of_size(20), of_size(SERVICES));
    let no_error = ResponseCode::NoError;
    let hit = cost(&small, ("s7.service.local", rtype::A), (no_error, 1), Duration::MAX);
    for (name, qtype, code) in [
        ("s7.service.local", rtype::AAAA, no_error),
        ("s7.service.local", rtype::HTTPS, no_error),
        ("s7.service.local", 65_280, no_error),
        ("_tcp.service.local", rtype::SRV, no_error),
        ("svc.service.local", rtype::A, no_error),
        ("addr.service.local", rtype::A, no_error),
        ("nothing.service.local", rtype::A, ResponseCode::NXDomain),
        ("zzz.service.local", 65_280, ResponseCode::NXDomain),
        ("_nothing._tcp.service.local", rtype::SRV, ResponseCode::NXDomain),
        ("0b000001.addr.service.local", rtype::A, ResponseCode::NXDomain),
        ("a.b.c.default.svc.service.local", rtype::A, ResponseCode::NXDomain),
    ] {
        let found = cost(&large, (name, qtype), (code, 0), hit * 8);
        assert!(found < hit * 8, "{name} {qtype}: {found:?} where an answer takes {hit:?}");
    }
}
