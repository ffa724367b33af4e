//! In which order records leave, and which of many: shares over many questions, with a fixed seed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use rollcall::clock::Timestamp;
use rollcall::table::{self, Dialect, Event, HostId, HostTable, Port, Registration, ServiceName, Weights};
use rollcall::zone::{
    AddressOrder, Asker, Data, Derived, Name, Policy, Question, Random, SrvSubset, Target, Zones, rtype,
};

use crate::ask;

/// The service `web` with a host for each weight, at an address that ends in its number from 1.
fn service(policy: Policy, weights: &[u16]) -> Zones {
    let hosts: Vec<(usize, usize, u16)> =
        weights.iter().enumerate().map(|(number, weight)| (number + 1, number + 1, *weight)).collect();
    service_of(policy, &hosts)
}

/// Hosts of an id, a number of an address and a weight.
fn service_of(policy: Policy, hosts: &[(usize, usize, u16)]) -> Zones {
    let mut table = HostTable::default();
    for (id, address, weight) in hosts {
        let [_, _, high, low] = (*address as u32).to_be_bytes();
        let registration = Registration {
            ports: [Port::tcp(80)].into_iter().collect(),
            weights: Some(Weights::same(*weight)),
            ..Registration::new(
                ServiceName::parse("service", "web").expect("a name"),
                Dialect::Native,
                HostId::parse("id", &format!("{id:05}")).expect("an id"),
                table::Target::Addresses([IpAddr::from([10, 0, high, low])].into_iter().collect()),
            )
        };
        table.apply(Event::Register(Box::new(registration)), Timestamp::from_micros(1)).expect("accepted");
    }
    ask::empty_zones(policy).render(table.hosts(), 1)
}

fn number(address: Ipv4Addr) -> usize {
    (address.to_bits() & 0xffff) as usize
}

/// The numbers of the addresses in an answer, in its order; those of the targets, for SRV.
fn numbers(zones: &Zones, qtype: u16, room: usize, client: u64, random: &mut Random) -> Vec<usize> {
    let name = Name::parse("name", "web.service.local.", &Name::root()).expect("a name");
    let question = Question { name: name.as_wire(), qtype };
    let asker = Asker { room, client, ..Asker::at(Timestamp::from_micros(2)) };
    let answer = zones.find_for(&question).expect("a zone").answer(&question, &asker, random);
    let of = |data: &Data<'_>| {
        if let Data::A(address) = *data {
            return number(address);
        }
        let Data::Srv { target: Target::Derived(Derived::Address(IpAddr::V4(address))), .. } = *data else {
            panic!("{data:?}");
        };
        number(address)
    };
    let numbers: Vec<usize> = answer.answer.iter().map(|record| of(&record.data)).collect();
    if qtype == rtype::SRV {
        let beside: BTreeSet<usize> = answer.additional.iter().map(|record| of(&record.data)).collect();
        assert_eq!(beside.len(), answer.additional.len(), "no address twice");
        // Of the record that has no room, the address may be left out.
        assert_eq!(beside.len(), numbers.len().min(room), "every target has its address");
        assert!(beside.iter().all(|number| numbers.contains(number)), "no address of another host");
    }
    numbers
}

fn in_order(zones: &Zones, random: &mut Random) -> Vec<usize> {
    numbers(zones, rtype::A, usize::MAX, 0, random)
}

/// How often each host comes first, of `times`.
fn firsts(zones: &Zones, times: usize) -> BTreeMap<usize, usize> {
    let mut random = Random::new(17);
    let mut firsts = BTreeMap::new();
    for _ in 0..times {
        *firsts.entry(in_order(zones, &mut random)[0]).or_default() += 1;
    }
    firsts
}

/// Pearson's statistic of counts against shares.
fn chi_square(counts: &BTreeMap<usize, usize>, shares: &[f64]) -> f64 {
    let total = counts.values().sum::<usize>() as f64;
    let term = |(place, share): (usize, &f64)| {
        let (count, expected) = (counts.get(&(place + 1)).copied().unwrap_or(0) as f64, total * share);
        (count - expected).powi(2) / expected
    };
    shares.iter().enumerate().map(term).sum()
}

#[test]
fn a_host_of_twice_the_weight_comes_first_twice_as_often() {
    let zones = service(Policy::default(), &[1, 2, 5]);
    let counts = firsts(&zones, 8_000);
    // Beyond 13.8 once in a thousand, with three hosts.
    assert!(chi_square(&counts, &[0.125, 0.25, 0.625]) < 13.8, "{counts:?}");
    // Behind the heaviest, the others share by their weights.
    let mut random = Random::new(5);
    let mut seconds = BTreeMap::new();
    for order in (0..8_000).map(|_| in_order(&zones, &mut random)).filter(|order| order[0] == 3) {
        *seconds.entry(order[1]).or_default() += 1;
    }
    assert!(chi_square(&seconds, &[1.0 / 3.0, 2.0 / 3.0]) < 10.8, "{seconds:?}");
}

#[test]
fn an_address_has_the_weights_of_its_hosts_together() {
    let zones = service_of(Policy::default(), &[(1, 1, 1), (2, 1, 3), (3, 2, 4)]);
    let counts = firsts(&zones, 4_000);
    assert!(chi_square(&counts, &[0.5, 0.5]) < 10.8, "{counts:?}");
}

#[test]
fn weight_0_is_first_hardly_ever_and_always_there() {
    let zones = service(Policy::default(), &[0, 1]);
    let counts = firsts(&zones, 10_000);
    // A hundredth of weight 1.
    assert!((40..200).contains(&counts[&1]), "{counts:?}");
    let counts = firsts(&service(Policy::default(), &[0, 0]), 4_000);
    assert!(chi_square(&counts, &[0.5, 0.5]) < 10.8, "{counts:?}");
}

#[test]
fn uniform_and_fixed_orders_know_no_weights() {
    let policy = Policy { address_order: AddressOrder::Uniform, ..Policy::default() };
    let counts = firsts(&service(policy, &[1, 1, 100]), 6_000);
    assert!(chi_square(&counts, &[1.0 / 3.0; 3]) < 13.8, "{counts:?}");
    let policy = Policy { address_order: AddressOrder::Fixed, ..Policy::default() };
    // The order of the ids, not of the addresses.
    let zones = service_of(policy, &[(3, 1, 1), (1, 2, 100), (2, 3, 7)]);
    let mut random = Random::new(1);
    for _ in 0..20 {
        assert_eq!(in_order(&zones, &mut random), [2, 3, 1]);
    }
}

#[test]
fn a_limit_leaves_any_few_by_their_weights() {
    let policy = Policy { record_limit: 2, ..Policy::default() };
    let zones = service(policy, &[1, 1, 1, 7]);
    let mut random = Random::new(3);
    let mut seen = BTreeMap::new();
    for _ in 0..4_000 {
        let some = in_order(&zones, &mut random);
        assert_eq!(some.len(), 2);
        for number in some {
            *seen.entry(number).or_insert(0) += 1;
        }
        assert_eq!(numbers(&zones, rtype::SRV, usize::MAX, 0, &mut random).len(), 2);
    }
    assert!(seen[&4] > 3_400, "{seen:?}");
    assert!((1..=3).all(|light| (1_200..1_700).contains(&seen[&light])), "{seen:?}");
}

#[test]
fn a_stable_subset_is_one_for_each_client_and_moves_only_who_leaves() {
    let policy = Policy { srv_subset: SrvSubset::Stable, ..Policy::default() };
    let (all, fewer) = (service(policy, &[1; 200]), {
        let hosts: Vec<_> = (1..=200).filter(|number| *number != 77).map(|number| (number, number, 1)).collect();
        service_of(policy, &hosts)
    });
    let mut random = Random::new(9);
    let mut first = BTreeMap::new();
    for client in (0..400_u64).map(|client| client.wrapping_mul(0x9e37_79b9_7f4a_7c15)) {
        let whole = numbers(&all, rtype::SRV, usize::MAX, client, &mut random);
        assert_eq!(numbers(&all, rtype::SRV, usize::MAX, client, &mut random), whole, "the same again");
        *first.entry(whole[0]).or_insert(0) += 1;
        let without: Vec<usize> = whole.iter().copied().filter(|number| *number != 77).collect();
        assert_eq!(numbers(&fewer, rtype::SRV, usize::MAX, client, &mut random), without);
        // Cut at what a reply has room for: the first of the same order.
        assert_eq!(numbers(&all, rtype::SRV, 20, client, &mut random), whole[..21]);
        assert_eq!(numbers(&fewer, rtype::SRV, 20, client, &mut random), without[..21]);
    }
    assert!(first.len() > 140 && first.values().all(|count| *count < 12), "clients differ: {first:?}");
}

#[test]
fn of_a_huge_set_a_few_are_drawn_each_as_likely_as_another() {
    let zones = service(Policy::default(), &[1; 1000]);
    for qtype in [rtype::A, rtype::SRV] {
        let mut random = Random::new(23);
        let mut seen = vec![0_usize; 1001];
        for _ in 0..2_000 {
            let mut some = numbers(&zones, qtype, 50, 0, &mut random);
            assert_eq!(some.len(), 51, "one more than there is room for, so that it shows");
            for number in &some {
                seen[*number] += 1;
            }
            some.sort_unstable();
            some.dedup();
            assert_eq!(some.len(), 51, "none twice");
        }
        // About 102 of each, give or take 10.
        assert!(seen[1..].iter().all(|count| (52..152).contains(count)), "{seen:?}");
    }
}
