//! Questions to a zone, compared with what the model says.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};

use rollcall::clock::Timestamp;
use rollcall::table::{Host, Hosts};
use rollcall::zone::{
    self, Asker, Data, Derived, Grammar, Name, Owner, Policy, Question, Random, Rcode, Target, Zone, Zones, rtype,
};

use crate::model::{Check, Model, RECORD_TTL, Record, STATIC_TTL, STATICS, Said, Truth, address_name, key_of};

const JUNK: [&str; 14] = [
    "nope",
    "nope.web",
    "x.y.z",
    "svc",
    "default.svc",
    "addr",
    "_tcp",
    "_web",
    "_tcp.web",
    "web.web",
    "0a0000.addr",
    "ffffffff.addr",
    "ns",
    "gateway",
];

/// The zone before any host.
pub(crate) fn empty_zones(only_passing: bool) -> Zones {
    let origin = Name::parse("origin", "service.local.", &Name::root()).expect("a name");
    let mut text = format!("$TTL {STATIC_TTL}\n@ SOA ns hostmaster 1 4h 1h 1w 5\n@ NS ns\n");
    for (name, address) in STATICS {
        text.push_str(&format!("{name} A {address}\n"));
    }
    let file = zone::parse_file(&text, &origin).expect("a zone");
    let policy = Policy { record_ttl: RECORD_TTL, negative_ttl: 5, only_passing, ..Policy::default() };
    Zones::new(vec![Zone::new(file, Grammar::Service, &policy, &[])], policy)
}

/// Compares rows and indexes with the model's.
pub(crate) fn compare_rows(hosts: &Hosts, model: &Model) {
    let mut expected: Vec<_> = model.rows.iter().collect();
    expected.sort_by(|one, other| one.key.cmp(&other.key));
    assert_eq!(hosts.iter().map(|host| key_of(&host.key())).collect::<Vec<_>>(), keys(&expected), "rows");
    assert_eq!(hosts.len(), expected.len());
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (host, row) in hosts.iter().zip(&expected) {
        assert_eq!(said(host), row.said, "{:?}", row.key);
        for (check, expected) in host.checks.iter().zip(&row.said.checks) {
            let at = format!("{:?} {}", row.key, check.id);
            assert_eq!(*check.output.read(), **expected.output.borrow(), "{at}: output");
            let moments = [Some(check.since), check.lapses(), check.condemns()];
            let moments = moments.map(|at| at.map(Timestamp::as_micros));
            assert_eq!(moments, [Some(expected.since), expected.lapses(), expected.condemns()], "{at}: moments");
        }
        assert_eq!(host.lease.renewed().as_micros(), row.renewed.get(), "renewal of {:?}", row.key);
        *counts.entry(host.service.as_str()).or_default() += 1;
    }
    let services: BTreeMap<&str, usize> = hosts.services().map(|(name, count)| (name.as_str(), count)).collect();
    assert_eq!(services, counts, "services");
    for repo in ["one", "two"] {
        let place = rollcall::table::Place::parse("repo", repo).expect("a repository");
        let found: Vec<_> = hosts.of_repo(&place).map(|host| key_of(&host.key())).collect();
        let of_repo: Vec<_> = expected.iter().copied().filter(|row| row.said.repo.as_deref() == Some(repo)).collect();
        assert_eq!(found, keys(&of_repo), "repository {repo}");
    }
}

fn keys(rows: &[&crate::model::Row]) -> Vec<(String, rollcall::table::Dialect, String)> {
    rows.iter().map(|row| row.key.clone()).collect()
}

fn said(host: &Host) -> Said {
    let checks = host.checks.iter().map(|check| Check {
        id: check.id.to_string(),
        status: check.status,
        terms: check.terms.clone(),
        since: check.since.as_micros(),
        output: Default::default(),
        reported: Default::default(),
    });
    Said {
        namespace: host.namespace.as_str().to_owned(),
        target: host.target.clone(),
        ports: host.ports.to_vec(),
        tags: host.tags.iter().map(|tag| tag.as_str().to_owned()).collect(),
        weight: host.weight,
        priority: host.priority,
        checks: checks.collect(),
        draining: host.draining,
        repo: host.repo.as_ref().map(|repo| repo.as_str().to_owned()),
        original: host.original.as_deref().map(str::to_owned),
        ttl: host.lease.ttl().map(|ttl| ttl.as_micros() as u64),
    }
}

/// Asks for every name that any row could have and some that none has.
pub(crate) fn ask_everything(zones: &Zones, model: &Model, now: u64, random: &mut Random) {
    let (names, truth) = (model.names(), model.truth(now));
    for name in names.iter().map(String::as_str).chain(JUNK).chain([""]) {
        ask(zones, &truth, name, now, random);
    }
}

/// Asks for a few of them.
pub(crate) fn ask_some(zones: &Zones, model: &Model, now: u64, random: &mut Random) {
    let names: Vec<String> = model.names().into_iter().chain(JUNK.map(str::to_owned)).collect();
    let truth = model.truth(now);
    for _ in 0..3 {
        ask(zones, &truth, &names[random.below(names.len())], now, random);
    }
}

fn ask(zones: &Zones, truth: &Truth, name: &str, now: u64, random: &mut Random) {
    let text = if name.is_empty() { "@" } else { name };
    let zone = zones.iter().next().expect("a zone");
    let Ok(wire) = Name::parse("name", text, zone.origin()) else { return };
    let (known, exists) = (truth.at(name), truth.exists(name));
    for qtype in [rtype::A, rtype::AAAA, rtype::SRV, rtype::TXT, rtype::ANY] {
        let at = format!("{text} type {qtype}");
        let question = Question { name: wire.as_wire(), qtype };
        let zone = zones.find_for(&question).expect("a zone");
        let answer = zone.answer(&question, &Asker::at(Timestamp::from_micros(now)), random);
        assert_eq!(answer.rcode, if exists { Rcode::NoError } else { Rcode::NxDomain }, "{at}: existence");
        assert!(answer.authoritative, "{at}");
        let found: Vec<(Record, u32)> = answer.answer.iter().map(|it| (record(&it.data), it.ttl)).collect();
        if qtype == rtype::ANY {
            // The smallest set; pointers to instances may be it.
            let pointers = found.iter().any(|(other, _)| *other == Record::Other(rtype::PTR));
            let any_host = pointers || known.iter().any(|(record, _)| found.iter().any(|(other, _)| other == record));
            assert!(known.is_empty() || any_host, "{at}: {found:?} of {known:?}");
        } else {
            compare(&at, &found, &of_type(known, qtype));
        }
        let negative = answer.authority.iter().any(|it| matches!(it.data, Data::Soa { .. }));
        assert_eq!(negative, found.is_empty(), "{at}: SOA beside {found:?}");
        compare_additional(&at, qtype, &answer, truth);
    }
}

/// The section holds, of each target, exactly the addresses that the target has.
fn compare_additional(at: &str, qtype: u16, answer: &zone::Answer<'_>, truth: &Truth) {
    let mut targets = BTreeSet::new();
    for record in &answer.answer {
        if let Data::Srv { target: Target::Derived(Derived::Address(address)), .. } = record.data {
            targets.insert(address_name(address));
        }
    }
    let mut by_owner: BTreeMap<String, Vec<(Record, u32)>> = BTreeMap::new();
    for it in &answer.additional {
        let Owner::Derived(Derived::Address(address)) = it.owner else { continue };
        by_owner.entry(address_name(address)).or_default().push((record(&it.data), it.ttl));
    }
    let all = qtype == rtype::ANY || by_owner.len() == targets.len();
    assert!(all, "{at}: addresses of {by_owner:?} for {targets:?}");
    for (owner, found) in &by_owner {
        assert!(targets.contains(owner), "{at}: {owner} is no target");
        let known = truth.at(owner);
        for family in [rtype::A, rtype::AAAA] {
            compare(&format!("{at}: additional {owner} {family}"), &of_type(found, family), &of_type(known, family));
        }
    }
}

/// Exactly the known records, none twice, one TTL, within what the leases allow.
fn compare(at: &str, found: &[(Record, u32)], known: &[(Record, u32)]) {
    let set: BTreeSet<&Record> = found.iter().map(|(record, _)| record).collect();
    assert_eq!(set.len(), found.len(), "{at}: a record twice in {found:?}");
    assert_eq!(set, known.iter().map(|(record, _)| record).collect(), "{at}");
    let Some(&(_, ttl)) = found.first() else { return };
    assert!(found.iter().all(|(_, other)| *other == ttl), "{at}: more than one TTL in {found:?}");
    for (record, _) in found {
        let longest = known.iter().filter(|(other, _)| other == record).map(|(_, keep)| *keep).max();
        assert!(longest.is_some_and(|longest| ttl <= longest), "{at}: TTL {ttl} of {record:?} outlives {known:?}");
    }
    let shortest = known.iter().map(|(_, keep)| *keep).min().unwrap_or_default();
    assert!(ttl >= shortest, "{at}: TTL {ttl} is shorter than any reason in {known:?}");
}

fn of_type(records: &[(Record, u32)], qtype: u16) -> Vec<(Record, u32)> {
    let is = |record: &Record| match record {
        Record::A(_) => qtype == rtype::A,
        Record::Aaaa(_) => qtype == rtype::AAAA,
        Record::Srv(..) => qtype == rtype::SRV,
        Record::Other(other) => qtype == *other,
    };
    records.iter().filter(|(record, _)| is(record)).cloned().collect()
}

fn record(data: &Data<'_>) -> Record {
    match *data {
        Data::A(v4) => Record::A(v4),
        Data::Aaaa(v6) => Record::Aaaa(v6),
        Data::Srv { priority, weight, port, target } => {
            let target = match target {
                Target::Derived(Derived::Address(address)) => address_name(address),
                Target::Derived(other) => format!("{other:?}"),
                Target::Name(name) => name.to_owned(),
            };
            Record::Srv(priority, weight, port, target)
        }
        Data::Static { rtype: rtype::A, rdata } => {
            Record::A(Ipv4Addr::from(<[u8; 4]>::try_from(rdata).expect("an address")))
        }
        Data::Static { rtype: rtype::AAAA, rdata } => {
            Record::Aaaa(Ipv6Addr::from(<[u8; 16]>::try_from(rdata).expect("an address")))
        }
        Data::Svcb { rtype, .. } | Data::Static { rtype, .. } => Record::Other(rtype),
        Data::Ptr { .. } => Record::Other(rtype::PTR),
        Data::Txt(_) => Record::Other(rtype::TXT),
        Data::Soa { .. } => Record::Other(rtype::SOA),
    }
}
