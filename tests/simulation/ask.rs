//! Questions to a zone, compared with what the model says.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use rollcall::clock::Timestamp;
use rollcall::limits;
use rollcall::table::{Host, Hosts};
use rollcall::zone::{
    self, Asker, Data, Datacenter, Derived, EmptyService, Grammar, Name, Owner, Policy, Prefix, Question, Random,
    Rcode, Target, Zone, Zones, rtype,
};

use crate::model::{Check, Model, STATIC_TTL, STATICS, Said, key_of};
use crate::names::{CLUSTER, CONSUL, DATACENTER, HOSTS, REVERSE, Record, Truth, label_of};

/// How many names are asked for at once.
const MOST_NAMES: usize = 60;

const JUNK: [&str; 25] = [
    "nope.service.local",
    "x.y.z.service.local",
    "0a0000.addr.service.local",
    "ffffffff.addr.service.local",
    "_services.service.local",
    "web.cluster.local",
    "default.cluster.local",
    "web.service.local.cluster.local",
    "web.service.local.svc.cluster.local",
    "web.service.local.default.svc.cluster.local",
    "01.0.0.10.in-addr.arpa",
    "256.0.0.10.in-addr.arpa",
    "1.1.0.0.10.in-addr.arpa",
    "9.9.10.in-addr.arpa",
    "g.d.f.ip6.arpa",
    "00.d.f.ip6.arpa",
    "web.query.consul",
    "_web._tcp.query.consul",
    "web.connect.dc1.consul",
    "web.service.dc2.consul",
    "web.service.dc.consul",
    "n1.node.dc2.consul",
    "0a00000.addr.consul",
    "x.0a000001.addr.consul",
    "web.dc1.consul",
];
/// Labels that make another name of one that is there.
const NEAR: [&str; 10] = ["\\000", "nope", "_nope", "_tcp", "_sub", "pin", "10-0-0-9", "web", "\\255", "a"];
const TYPES: [u16; 9] =
    [rtype::A, rtype::AAAA, rtype::SRV, rtype::PTR, rtype::TXT, rtype::SVCB, rtype::HTTPS, rtype::ANY, rtype::MX];

/// The zones before any host.
pub(crate) fn empty_zones(policy: Policy) -> Zones {
    let zone = |origin: &str, grammar: Option<Grammar>, text: &str| {
        let origin = Name::parse("origin", &format!("{origin}."), &Name::root()).expect("a name");
        let grammar = grammar.unwrap_or_else(|| Grammar::Reverse(Prefix::of(&origin).expect("a reverse zone")));
        let file = zone::parse_file(&format!("$TTL {STATIC_TTL}\n{text}"), &origin).expect("a zone");
        Zone::new(file, grammar, &policy, &[Ipv4Addr::LOCALHOST.into()])
    };
    let mut text = "@ SOA ns hostmaster 1 4h 1h 1w 5\n@ NS ns\n".to_owned();
    for (name, address) in STATICS {
        text.push_str(&format!("{name} A {address}\n"));
    }
    let datacenter = Datacenter::new(DATACENTER).expect("a label");
    let mut zones = vec![
        zone(HOSTS, Some(Grammar::Service), &text),
        zone(CLUSTER, Some(Grammar::Kubernetes), "@ SOA ns.dns hostmaster 1 4h 1h 1w 5\n@ NS ns.dns\n"),
        zone(CONSUL, Some(Grammar::Consul(datacenter)), "@ SOA ns hostmaster 1 4h 1h 1w 5\n@ NS ns\n"),
    ];
    let text = format!("@ SOA ns.{HOSTS}. hostmaster.{HOSTS}. 1 4h 1h 1w 5\n@ NS ns.{HOSTS}.\n");
    zones.extend(REVERSE.map(|origin| zone(origin, None, &text)));
    Zones::new(zones, policy)
}

/// Compares rows and indexes with the model's.
pub(crate) fn compare_rows(hosts: &Hosts, model: &Model) {
    let (mut nodes, mut expected): (Vec<_>, Vec<_>) = model.rows.iter().partition(|row| row.is_node());
    nodes.sort_by(|one, other| one.key.cmp(&other.key));
    assert_eq!(hosts.nodes().map(|node| key_of(&node.key())).collect::<Vec<_>>(), keys(&nodes), "nodes");
    for (node, row) in hosts.nodes().zip(&nodes) {
        assert_eq!(said(node), row.said, "{:?}", row.key);
    }
    expected.sort_by(|one, other| one.key.cmp(&other.key));
    assert_eq!(hosts.iter().map(|host| key_of(&host.key())).collect::<Vec<_>>(), keys(&expected), "rows");
    assert_eq!(hosts.len(), expected.len());
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (host, row) in hosts.iter().zip(&expected) {
        assert_eq!((said(host), host.weight), (row.said.clone(), row.weight()), "{:?}", row.key);
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
        weights: host.weights,
        priority: host.priority,
        checks: checks.collect(),
        draining: host.draining,
        node_status: host.node_status,
        at_node: host.at_node,
        repo: host.repo.as_ref().map(|repo| repo.as_str().to_owned()),
        original: host.original.as_deref().map(str::to_owned),
        meta: host.meta.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
        zone: host.zone.as_ref().map(|zone| zone.as_str().to_owned()),
        region: host.region.as_ref().map(|region| region.as_str().to_owned()),
        hostname: host.hostname.as_deref().map(str::to_owned),
        ttl: host.lease.ttl().map(|ttl| ttl.as_micros() as u64),
    }
}

/// Asks for the names that rows could have and for some that none has; of very many names, for some.
pub(crate) fn ask_everything(zones: &Zones, model: &Model, now: u64, random: &mut Random) {
    let (mut names, truth) = (names(model, random), model.truth(Some(now)));
    truth.check_targets(model.policy.empty_service == EmptyService::All);
    random.shuffle(&mut names);
    for name in names.iter().take(MOST_NAMES) {
        ask(zones, &truth, name, now, random);
    }
}

/// Asks for a few of them, now and then: what is true is worked out from all rows anew.
pub(crate) fn ask_some(zones: &Zones, model: &Model, now: u64, random: &mut Random) {
    if random.below(5) > 0 {
        return;
    }
    let (names, truth) = (names(model, random), model.truth(Some(now)));
    for _ in 0..8 {
        ask(zones, &truth, &names[random.below(names.len())], now, random);
    }
}

/// Names that are there, or were, or might be.
fn names(model: &Model, random: &mut Random) -> Vec<String> {
    let mut names: Vec<String> = model.names().into_iter().collect();
    let there = names.len();
    for _ in 0..20 {
        let (name, label) = (&names[random.below(there)], NEAR[random.below(NEAR.len())]);
        let (_, above) = name.split_once('.').unwrap_or_default();
        // Any zone may be preferred: what is below such a name is not among those that rows are asked for.
        if !name.contains("prefer._zone") {
            names.extend([format!("{label}.{name}"), format!("{label}.{above}")]);
        }
    }
    names.extend(JUNK.map(str::to_owned));
    names
}

fn ask(zones: &Zones, truth: &Truth, name: &str, now: u64, random: &mut Random) {
    let Ok(wire) = Name::parse("name", &format!("{name}."), &Name::root()) else { return };
    let (known, exists) = (truth.at(name), truth.exists(name));
    for qtype in TYPES {
        let at = format!("{name} type {qtype}");
        let question = Question { name: wire.as_wire(), qtype };
        let Some(zone) = zones.find_for(&question) else { return };
        let origin = zone.origin().to_string();
        let answer = zone.answer(&question, &Asker::at(Timestamp::from_micros(now)), random);
        assert_eq!(answer.rcode, if exists { Rcode::NoError } else { Rcode::NxDomain }, "{at}: existence");
        assert!(answer.authoritative, "{at}");
        assert!(answer.answer.iter().all(|record| record.owner == Owner::Question), "{at}: owners");
        let found: Vec<(Record, u32)> = answer.answer.iter().map(|it| (record(&it.data, &origin), it.ttl)).collect();
        if qtype == rtype::ANY {
            compare_any(&at, &found, known);
        } else {
            compare(&at, &found, &of_type(known, qtype));
        }
        let soa = answer.authority.iter().filter(|it| matches!(it.data, Data::Soa { .. })).count();
        assert_eq!((answer.authority.len(), soa), if found.is_empty() { (1, 1) } else { (0, 0) }, "{at}: authority");
        compare_additional(&at, &answer, truth, &origin, qtype == rtype::ANY);
    }
}

/// The smallest set, and all of it (RFC 8482 4.1).
fn compare_any(at: &str, found: &[(Record, u32)], known: &[(Record, u32)]) {
    let Some(first) = found.first().map(|(record, _)| record.rtype()) else {
        return assert!(known.is_empty(), "{at}: nothing of {known:?}");
    };
    compare(at, found, &of_type(known, first));
    for qtype in [rtype::A, rtype::AAAA, rtype::SRV, rtype::PTR, rtype::TXT] {
        let set = of_type(known, qtype);
        let count = set.iter().map(|(record, _)| record).collect::<BTreeSet<_>>().len();
        assert!(count == 0 || found.len() <= count, "{at}: {found:?} is not the smallest of {known:?}");
    }
}

/// The section holds, of each target in the answer, exactly the addresses that the target has; of each instance its
/// SRV and TXT, and the addresses of its targets (RFC 6763 12.1).
fn compare_additional(at: &str, answer: &zone::Answer<'_>, truth: &Truth, origin: &str, is_any: bool) {
    let mut expected: BTreeSet<(String, u16)> = BTreeSet::new();
    let mut expect = |target: &str, qtype| {
        if !of_type(truth.at(target), qtype).is_empty() {
            expected.insert((target.to_owned(), qtype));
        }
    };
    let mut addresses_of = BTreeSet::new();
    let instances =
        answer.answer.iter().filter(|it| matches!(it.data, Data::Ptr { target: Derived::Instance(..), .. }));
    let describes = instances.count() <= limits::INSTANCES_DESCRIBED;
    for it in answer.answer.iter().filter(|_| !is_any) {
        if let Data::Srv { target: Target::Derived(target), .. } | Data::Svcb { target: Target::Derived(target), .. } =
            it.data
        {
            addresses_of.insert(placed(target, origin));
        }
        if let Data::Ptr { target: instance @ Derived::Instance(..), .. } = it.data
            && describes
        {
            let instance = derived(instance, origin);
            expect(&instance, rtype::SRV);
            expect(&instance, rtype::TXT);
            for (record, _) in truth.at(&instance) {
                if let Record::Srv(_, _, _, target) = record
                    && target.contains(".addr.")
                {
                    addresses_of.insert(target.clone());
                }
            }
        }
    }
    for target in &addresses_of {
        expect(target, rtype::A);
        expect(target, rtype::AAAA);
    }
    let mut found: BTreeMap<(String, u16), Vec<(Record, u32)>> = BTreeMap::new();
    for it in &answer.additional {
        let Owner::Derived(owner) = it.owner else { panic!("{at}: a static owner {it:?}") };
        let record = record(&it.data, origin);
        found.entry((placed(owner, origin), record.rtype())).or_default().push((record, it.ttl));
    }
    assert_eq!(found.keys().cloned().collect::<BTreeSet<_>>(), expected, "{at}: additional sets");
    for ((owner, qtype), found) in &found {
        compare(
            &format!("{at}: additional {owner} {qtype}: {:?}", answer.additional),
            found,
            &of_type(truth.at(owner), *qtype),
        );
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
    records.iter().filter(|(record, _)| record.rtype() == qtype).cloned().collect()
}

/// The text of wire octets.
fn text(wire: &[u8]) -> String {
    let (mut labels, mut rest) = (Vec::new(), wire);
    while let Some((&octets, tail)) = rest.split_first().filter(|(octets, _)| **octets > 0) {
        assert!(octets < 64, "a label of {octets} octets");
        let (label, tail) = tail.split_at(usize::from(octets));
        labels.push(label_of(label));
        rest = tail;
    }
    labels.join(".")
}

fn derived(name: Derived<'_>, origin: &str) -> String {
    let mut wire = Vec::new();
    name.write_relative(&mut wire);
    format!("{}.{}", text(&wire), origin.trim_end_matches('.'))
}

/// A name in a zone, below its datacenter where it stands there.
fn placed(name: Derived<'_>, origin: &str) -> String {
    if name.is_in_datacenter() { derived(name, &format!("{DATACENTER}.{origin}")) } else { derived(name, origin) }
}

fn record(data: &Data<'_>, origin: &str) -> Record {
    let named = |target: Target<'_>| match target {
        Target::Derived(name) => placed(name, origin),
        Target::Name(name) => name.to_owned(),
    };
    match *data {
        Data::A(v4) => Record::A(v4),
        Data::Aaaa(v6) => Record::Aaaa(v6),
        Data::Srv { priority, weight, port, target } => Record::Srv(priority, weight, port, named(target)),
        Data::Svcb { rtype, priority, port, target, host } => {
            let mut octets = Vec::new();
            host.write_params(port, &mut octets);
            Record::Binding(rtype, priority, named(target), octets)
        }
        Data::Ptr { target, origin } => Record::Ptr(derived(target, &origin.to_string())),
        Data::Txt(strings) => {
            let mut octets = Vec::new();
            strings.write(&mut octets);
            Record::Txt(octets)
        }
        Data::Pair(pair) => {
            let mut octets = Vec::new();
            pair.write(&mut octets);
            Record::Txt(octets)
        }
        Data::Static { rtype: rtype::A, rdata } => {
            Record::A(Ipv4Addr::from(<[u8; 4]>::try_from(rdata).expect("an address")))
        }
        Data::Static { rtype: rtype::PTR, rdata } => Record::Ptr(text(rdata)),
        Data::Static { rtype: rtype::TXT, rdata } => Record::Txt(rdata.to_vec()),
        Data::Static { rtype, .. } => Record::Other(rtype),
        Data::Soa { .. } => Record::Other(rtype::SOA),
        Data::Alias(_) => Record::Other(rtype::CNAME),
    }
}
