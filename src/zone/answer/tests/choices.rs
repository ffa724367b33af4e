//! Which records of a set come first, and which are in a reply that does not hold all.

use std::collections::BTreeMap;

use super::*;
use crate::zone::{AddressOrder, SrvSubset};

/// A service of `hosts` hosts, 10.0.0.1 and so on, of the weights that are given; the last one for all others.
fn service(policy: Policy, hosts: u16, weights: &[u16]) -> World {
    let mut world = World::with(policy);
    for host in 1..=hosts {
        let weight = weights.get(usize::from(host) - 1).or(weights.last()).copied();
        let address = format!("10.0.{}.{}", host / 250, host % 250);
        world
            .register("web", &[&address], 8000 + host, |registration| registration.weights = weight.map(Weights::same));
    }
    world
}

/// The data of an answer in its order, to a client who can take `room` records.
fn order(world: &World, qtype: u16, room: usize, client: u64, random: &mut Random) -> Vec<String> {
    let name = n("web");
    let question = Question { name: name.as_wire(), qtype };
    let zone = world.zones.find_for(&question).expect("a zone");
    let asker = Asker { room, client, ..Asker::at(at(0)) };
    let answer = zone.answer(&question, &asker, random);
    answer.answer.iter().take(room).map(print).collect()
}

/// How often each address comes first in 3000 answers.
fn first(world: &World) -> BTreeMap<String, u32> {
    let mut random = Random::new(23);
    let mut counts = BTreeMap::new();
    for _ in 0..3000 {
        let answer = order(world, rtype::A, 100, 0, &mut random);
        *counts.entry(answer[0].rsplit('.').next().unwrap_or_default().to_owned()).or_default() += 1;
    }
    counts
}

#[test]
fn addresses_come_first_as_often_as_their_weight_says() {
    let counts = first(&service(Policy::default(), 4, &[1, 2, 3, 0]));
    for (host, expected) in [("1", 500), ("2", 1000), ("3", 1500)] {
        assert!(counts[host].abs_diff(expected) < 120, "{counts:?}");
    }
    // A weight of 0 is a very small chance (RFC 2782).
    assert!(counts.get("4").is_none_or(|count| *count < 60), "{counts:?}");
    let counts = first(&service(Policy { address_order: AddressOrder::Uniform, ..Policy::default() }, 3, &[1, 2, 3]));
    assert!(counts.values().all(|count| count.abs_diff(1000) < 120), "{counts:?}");
    let counts = first(&service(Policy { address_order: AddressOrder::Fixed, ..Policy::default() }, 3, &[1, 2, 3]));
    assert_eq!(counts, BTreeMap::from([("1".to_owned(), 3000)]));
}

/// An address of two hosts has the weights of both.
#[test]
fn hosts_of_one_address_weigh_together() {
    let mut world = service(Policy::default(), 2, &[1, 2]);
    world.register("web", &["10.0.0.1"], 9000, |registration| registration.weights = Some(Weights::same(3)));
    let counts = first(&world);
    assert!(counts["1"].abs_diff(2000) < 120 && counts.len() == 2, "{counts:?}");
}

#[test]
fn a_part_of_a_set_is_another_each_time() {
    let world = service(Policy::default(), 100, &[]);
    let mut random = Random::new(5);
    for qtype in [rtype::A, rtype::SRV] {
        let mut seen = BTreeMap::new();
        for _ in 0..400 {
            for record in order(&world, qtype, 10, 7, &mut random) {
                *seen.entry(record).or_insert(0) += 1;
            }
        }
        assert_eq!(seen.len(), 100, "{qtype}");
        assert!(seen.values().all(|count: &i32| (10..90).contains(count)), "{seen:?}");
    }
}

/// HAProxy uses a part as it comes: each client has its own, and keeps it while its hosts stay.
#[test]
fn a_stable_part_is_the_same_for_a_client() {
    let policy = Policy { srv_subset: SrvSubset::Stable, ..Policy::default() };
    let mut world = service(policy, 100, &[]);
    let mut random = Random::new(5);
    let part = |world: &World, client: u64, random: &mut Random| {
        let mut part = order(world, rtype::SRV, 10, client, random);
        part.sort();
        part
    };
    let mine = part(&world, 7, &mut random);
    let others: Vec<_> = (0..20).map(|client| part(&world, client, &mut random)).collect();
    assert!(others.iter().filter(|other| **other == mine).count() <= 2, "each has its own");
    for _ in 0..50 {
        assert_eq!(part(&world, 7, &mut random), mine);
    }
    assert_ne!(order(&world, rtype::A, 10, 7, &mut random), order(&world, rtype::A, 10, 7, &mut random));
    // A host that this client does not have changes little for it.
    let absent = world.table.hosts().iter().find(|host| {
        let port = host.ports.iter().next().map_or(0, |port| port.number);
        !mine.iter().any(|record| record.contains(&format!(" {port} ")))
    });
    let key = absent.expect("90 of them").key();
    world.apply(Event::Deregister(key), 0);
    let now = part(&world, 7, &mut random);
    assert!(now.iter().filter(|record| mine.contains(record)).count() >= 8, "{mine:?} {now:?}");
}

/// Addresses of what another zone of this server says, or nobody's, are not guessed (RFC 2181 5.4.1).
#[test]
fn additional_records_are_of_the_zone_that_is_asked() {
    let mut world = World::new();
    world.register("db", &["www.example.com"], 5432, |_| ());
    let file = parse_file("$TTL 60\n@ SOA ns h 1 1h 1h 1h 5\n@ NS ns\nwww A 10.9.9.9\n", &n("example.com."));
    let other = Zone::new(file.expect("a zone"), Grammar::Static, &Policy::default(), &[]);
    let file = parse_file(&format!("{FILE}far MX 1 www.example.com.\n"), &n("@")).expect("a zone");
    let own = Zone::new(file, Grammar::Service, &Policy::default(), &[]);
    world.zones = Zones::new(vec![own, other], Policy::default()).render(world.table.hosts(), 0);
    assert_eq!(world.dig("db", rtype::SRV, 0), "NOERROR\n@ 5 SRV 0 1 5432 www.example.com.");
    assert_eq!(world.dig("far", rtype::MX, 0).lines().count(), 2, "the head and the MX record");
}

/// A string of TXT has an octet for its length (RFC 1035 3.3.14); `k=` and the value are one.
#[test]
fn a_long_pair_is_left_out_of_txt() {
    let mut world = World::with(Policy { txt: true, ..Policy::default() });
    let (fits, long) = ("f".repeat(253), "l".repeat(254));
    world.register("web", &["10.0.0.1"], 80, |registration| {
        registration.meta = crate::table::parse_meta("meta", [("a", fits.as_str()), ("b", &long)]).expect("meta");
    });
    let text = world.dig("web", rtype::TXT, 0);
    assert!(text.contains(&format!("a={fits}")) && !text.contains("b=l"), "{text}");
}

/// A zone says nothing of the one above it (RFC 4035 3.1.4.1), and has no keys of its own.
#[test]
fn the_apex_without_signatures() {
    let world = World::new();
    for qtype in [rtype::DS, 48, 59, 60, 46, 47, 50, 51] {
        assert_eq!(world.dig("@", qtype, 0), "NOERROR\n; service.local. 5 SOA 1", "{qtype}");
        assert!(world.dig("nothing", qtype, 0).starts_with("NXDOMAIN"), "{qtype}");
    }
}

/// Equal tables make equal records, in whatever order their hosts came: servers of one state agree.
#[test]
fn one_state_has_one_set_of_records() {
    let hosts = [("web", "10.0.0.1", 80), ("web", "10.0.0.2", 81), ("api", "10.0.0.1", 82), ("web", "10.0.0.3", 80)];
    let (mut one, mut other) = (World::new(), World::new());
    for (service, address, port) in hosts {
        one.register(service, &[address], port, with_tags(&["v1"]));
    }
    for (service, address, port) in hosts.into_iter().rev() {
        other.register(service, &[address], port, with_tags(&["old"]));
        other.register(service, &[address], port, with_tags(&["v1"]));
    }
    for name in ["web", "api", "v1.web", "_web._tcp", "web.default.svc", "0a000001.addr", "_tcp", "old.web"] {
        for qtype in [rtype::A, rtype::SRV, rtype::PTR, rtype::TXT] {
            let records = |world: &World| {
                let text = world.dig(name, qtype, 0);
                text.lines().filter(|line| !line.contains(" SOA ")).map(str::to_owned).collect::<Vec<_>>()
            };
            assert_eq!(records(&one), records(&other), "{name} {qtype}");
        }
    }
}
