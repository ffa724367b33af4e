mod choices;
mod nodes;
mod statics;

use std::fmt::Write as _;
use std::time::Duration;

use super::*;
use crate::table::{
    Applied, Change, CheckDefinition, Dialect, Event, HostId, HostTable, Namespace, Port, Protocol, Registration,
    ServiceName, Status, Target, Weights, parse_tags,
};
use crate::zone::{Derived, Target as Pointed};
use crate::zone::{Grammar, Name, Policy, Zone, Zones, parse_file, write_name};

const FILE: &str = "$TTL 3600\n@ SOA ns hostmaster 1 4h 1h 1w 5\n@ NS ns\nwww CNAME web\nloop CNAME loop2\nloop2 CNAME loop\n\
    gone CNAME nothing\nout CNAME www.example.com.\n*.wild TXT \"any\"\nhost.wild A 10.9.9.9\na.b.c TXT deep\n\
    mail MX 10 mx\nmx A 10.8.8.8\nmx AAAA fd00::8\nsub NS ns.sub\nns.sub A 10.7.7.7\n";

pub(super) fn n(text: &str) -> Name {
    Name::parse("name", text, &Name::parse("origin", "service.local.", &Name::root()).expect("origin")).expect("name")
}

pub(super) fn at(millis: u64) -> Timestamp {
    Timestamp::from_micros(millis * 1000)
}

/// A table and its zone, kept in step the incremental way and checked against the whole one.
pub(super) struct World {
    pub(super) table: HostTable,
    pub(super) zones: Zones,
}

impl World {
    pub(super) fn new() -> World {
        World::with(Policy::default())
    }

    fn with(policy: Policy) -> World {
        let file = parse_file(FILE, &n("@")).expect("zone file");
        let own = ["127.0.0.1".parse().expect("address")];
        let zone = Zone::new(file, Grammar::Service, &policy, &own);
        World { table: HostTable::default(), zones: Zones::new(vec![zone], policy) }
    }

    /// The same with zones of other grammars, with what every zone has and nothing else.
    fn with_zones(policy: Policy, others: &[(&str, Grammar)]) -> World {
        let mut world = World::with(policy);
        let mut zones: Vec<Zone> = world.zones.iter().cloned().collect();
        for (origin, grammar) in others {
            let file = parse_file("$TTL 60\n@ SOA ns h 1 1h 1h 1h 5\n@ NS ns\n", &n(origin)).expect("a zone");
            zones.push(Zone::new(file, *grammar, &policy, &[]));
        }
        world.zones = Zones::new(zones, policy);
        world
    }

    pub(super) fn apply(&mut self, event: Event, now: u64) {
        let change = self.table.apply(event, at(now)).expect("accepted").change().cloned();
        let changes = change.into_iter().chain(self.table.take_consequences()).collect();
        self.render(changes);
    }

    pub(super) fn render(&mut self, changes: Vec<Change>) {
        self.zones = self.zones.with(&changes);
        assert_eq!(self.zones.difference(&self.zones.render(self.table.hosts(), 0)), None);
    }

    pub(super) fn register(
        &mut self,
        service: &str,
        addresses: &[&str],
        port: u16,
        change: impl FnOnce(&mut Registration),
    ) {
        let mut registration = Registration {
            ports: [Port::tcp(port)].into_iter().collect(),
            ttl: Some(Duration::from_secs(10)),
            ..Registration::new(
                ServiceName::parse("service", service).expect("service"),
                Dialect::Native,
                HostId::parse("id", &format!("{}-{port}", addresses[0])).expect("id"),
                Target::parse("address", addresses.iter().copied()).expect("target"),
            )
        };
        change(&mut registration);
        self.apply(Event::Register(Box::new(registration)), 0);
    }

    /// The reply in lines a dig user knows, records of a section sorted.
    fn dig(&self, name: &str, qtype: u16, now: u64) -> String {
        let name = n(name);
        let question = Question { name: name.as_wire(), qtype };
        let zone = self.zones.find_for(&question).expect("a zone");
        let answer = zone.answer(&question, &Asker::at(at(now)), &mut Random::new(1));
        let mut text = answer.rcode.as_str().to_owned();
        if !answer.authoritative {
            text.push_str(" not authoritative");
        }
        for (mark, records) in [("", &answer.answer[..]), ("; ", &answer.authority[..]), ("+ ", &answer.additional[..])]
        {
            let mut lines: Vec<String> = records.iter().map(|record| format!("\n{mark}{}", print(record))).collect();
            lines.sort();
            text.extend(lines);
        }
        text
    }
}

fn print(record: &Record<'_>) -> String {
    let mut text = match record.owner {
        Owner::Question => "@".to_owned(),
        Owner::Name(name) => Name::from_wire(name).to_string(),
        Owner::Derived(derived) => print_derived(derived),
        Owner::Made(place) => format!("made {place}"),
    };
    let _ = write!(text, " {} ", record.ttl);
    let _ = match record.data {
        Data::A(address) => write!(text, "A {address}"),
        Data::Aaaa(address) => write!(text, "AAAA {address}"),
        Data::Srv { priority, weight, port, target: Pointed::Derived(derived) } => {
            write!(text, "SRV {priority} {weight} {port} {}", print_derived(derived))
        }
        Data::Srv { priority, weight, port, target: Pointed::Name(name) } => {
            write!(text, "SRV {priority} {weight} {port} {name}.")
        }
        Data::Svcb { rtype, priority, port, target, .. } => write!(text, "TYPE{rtype} {priority} {port} {target:?}"),
        Data::Ptr { target, origin } => write!(text, "PTR {}.{origin}", print_derived(target)),
        Data::Txt(strings) => {
            let mut wire = Vec::new();
            strings.write(&mut wire);
            write!(text, "TXT {:?}", String::from_utf8_lossy(&wire))
        }
        Data::Pair(pair) => {
            let mut wire = Vec::new();
            pair.write(&mut wire);
            write!(text, "TXT {:?}", String::from_utf8_lossy(&wire))
        }
        Data::Soa { serial, .. } => write!(text, "SOA {serial}"),
        Data::Alias(place) => write!(text, "made {place}"),
        Data::Static { rtype: rtype::NS | rtype::CNAME, rdata } => write_name(&mut text, rdata),
        Data::Static { rtype, rdata } => write!(text, "TYPE{rtype} {rdata:?}"),
    };
    text
}

fn print_derived(derived: Derived<'_>) -> String {
    if let Derived::Address(address) = derived {
        return format!("<{address}>");
    }
    let mut wire = Vec::new();
    derived.write_relative(&mut wire);
    wire.push(0);
    Name::from_wire(&wire).to_string().trim_end_matches('.').to_owned()
}

fn with_tags(tags: &'static [&'static str]) -> impl FnOnce(&mut Registration) {
    |registration| registration.tags = parse_tags("tags", tags.iter().copied()).expect("tags")
}

#[test]
fn hosts_are_answered_as_addresses_and_services() {
    let mut world = World::new();
    world.register("web", &["10.0.0.1", "fd00::1"], 80, |registration| registration.weights = Some(Weights::same(3)));
    world.register("web", &["10.0.0.2"], 81, |registration| registration.priority = 7);
    assert_eq!(world.dig("web", rtype::A, 0), "NOERROR\n@ 5 A 10.0.0.1\n@ 5 A 10.0.0.2");
    assert_eq!(world.dig("web", rtype::AAAA, 0), "NOERROR\n@ 5 AAAA fd00::1");
    let services = "NOERROR\n@ 5 SRV 0 3 80 <10.0.0.1>\n@ 5 SRV 7 1 81 <10.0.0.2>\
        \n+ <10.0.0.1> 5 A 10.0.0.1\n+ <10.0.0.1> 5 AAAA fd00::1\n+ <10.0.0.2> 5 A 10.0.0.2";
    for name in ["web", "_web._tcp", "web.default.svc"] {
        assert_eq!(world.dig(name, rtype::SRV, 0), services, "{name}");
    }
    assert_eq!(world.dig("0a000001.addr", rtype::AAAA, 0), "NOERROR\n@ 5 AAAA fd00::1");
    assert!(world.dig("0a000009.addr", rtype::A, 0).starts_with("NXDOMAIN"));
    assert!(world.dig("_web._udp", rtype::SRV, 0).starts_with("NXDOMAIN"));
    assert_eq!(world.dig("web", rtype::TXT, 0), "NOERROR\n; service.local. 5 SOA 3");
}

#[test]
fn tags_and_ports_have_names() {
    let mut world = World::new();
    world.register("web", &["10.0.0.1"], 80, with_tags(&["v1.2", "Blue", "_odd", "tcp", "two words"]));
    world.register("web", &["10.0.0.2"], 80, |registration| {
        registration.ports = [("http", Protocol::Tcp, 80), ("dns", Protocol::Udp, 53)]
            .map(|(name, protocol, number)| Port { name: Some(name.into()), protocol, number })
            .into_iter()
            .collect();
    });
    for name in ["v1.2.web", "blue.web", "_web._blue", "tcp.web"] {
        assert_eq!(world.dig(name, rtype::A, 0), "NOERROR\n@ 5 A 10.0.0.1", "{name}");
    }
    assert!(world.dig("2.web", rtype::A, 0).starts_with("NOERROR\n;"), "an empty non-terminal of a dotted tag");
    assert!(world.dig("_odd.web", rtype::A, 0).starts_with("NXDOMAIN"));
    let http = "NOERROR\n@ 5 SRV 0 1 80 <10.0.0.2>\n+ <10.0.0.2> 5 A 10.0.0.2";
    assert_eq!(world.dig("_http._tcp.web", rtype::SRV, 0), http);
    assert!(world.dig("_http._tcp.web", rtype::A, 0).starts_with("NOERROR\n;"));
    assert!(world.dig("_tcp.web", rtype::SRV, 0).starts_with("NOERROR\n;"));
    assert!(world.dig("_tcp", rtype::SRV, 0).starts_with("NOERROR\n;"));
    assert!(world.dig("_sctp", rtype::SRV, 0).starts_with("NXDOMAIN"));
    assert_eq!(world.dig("_web._udp", rtype::SRV, 0), "NOERROR\n@ 5 SRV 0 1 53 <10.0.0.2>\n+ <10.0.0.2> 5 A 10.0.0.2");
}

#[test]
fn a_lease_ends_the_answer_at_its_moment() {
    let mut world = World::new();
    world.register("web", &["10.0.0.1"], 80, with_tags(&["v1"]));
    world.register("web", &["10.0.0.2"], 80, |registration| registration.ttl = None);
    assert_eq!(world.dig("web", rtype::A, 6_500), "NOERROR\n@ 3 A 10.0.0.1\n@ 3 A 10.0.0.2", "one TTL for the set");
    assert_eq!(world.dig("web", rtype::A, 9_999), "NOERROR\n@ 0 A 10.0.0.1\n@ 0 A 10.0.0.2");
    assert_eq!(world.dig("web", rtype::A, 10_000), "NOERROR\n@ 5 A 10.0.0.2");
    // Not swept yet, and gone all the same: the name, and the empty non-terminals it made.
    for name in ["v1.web", "0a000001.addr"] {
        assert!(world.dig(name, rtype::A, 10_000).starts_with("NXDOMAIN"), "{name}");
    }
    let changes = world.table.tick(at(10_000), 100);
    world.render(changes);
    assert!(world.dig("v1.web", rtype::A, 10_000).starts_with("NXDOMAIN"));
}

#[test]
fn lapsed_names_below_keep_nothing_alive() {
    let mut world = World::new();
    world.register("web", &["10.0.0.1"], 80, with_tags(&["a.b"]));
    assert!(world.dig("b.web", rtype::A, 0).starts_with("NOERROR\n;"));
    assert!(world.dig("b.web", rtype::A, 10_000).starts_with("NXDOMAIN"));
    assert!(world.dig("svc", rtype::A, 10_000).starts_with("NXDOMAIN"));
}

#[test]
fn unhealthy_and_draining_hosts_are_left_out() {
    let mut world = World::new();
    let health = |status| {
        move |registration: &mut Registration| {
            registration.checks =
                Some(vec![CheckDefinition { status: Some(status), ..CheckDefinition::new("health".into(), None) }]);
        }
    };
    world.register("web", &["10.0.0.1"], 80, health(Status::Critical));
    world.register("web", &["10.0.0.2"], 80, health(Status::Warning));
    world.register("web", &["10.0.0.3"], 80, |_| ());
    assert_eq!(world.dig("web", rtype::A, 0), "NOERROR\n@ 5 A 10.0.0.2\n@ 5 A 10.0.0.3");
    let key = world.table.hosts().of_service("web").nth(2).expect("third").key();
    world.apply(Event::Drain { host: key.clone(), enable: true }, 0);
    assert_eq!(world.dig("web", rtype::A, 0), "NOERROR\n@ 5 A 10.0.0.2");
    world.apply(Event::Drain { host: key, enable: false }, 0);
    assert_eq!(world.dig("web", rtype::A, 0), "NOERROR\n@ 5 A 10.0.0.2\n@ 5 A 10.0.0.3");
}

#[test]
fn no_record_comes_twice() {
    let mut world = World::new();
    world.register("web", &["10.0.0.1"], 80, |_| ());
    world.register("web", &["10.0.0.1", "10.0.0.5"], 81, |_| ());
    world.register("web", &["db.example.com"], 82, |_| ());
    assert_eq!(world.dig("web", rtype::A, 0), "NOERROR\n@ 5 A 10.0.0.1\n@ 5 A 10.0.0.5");
    assert_eq!(
        world.dig("web", rtype::SRV, 0),
        "NOERROR\n@ 5 SRV 0 1 80 <10.0.0.1>\n@ 5 SRV 0 1 81 <10.0.0.1>\n@ 5 SRV 0 1 82 db.example.com.\
         \n+ <10.0.0.1> 5 A 10.0.0.1\n+ <10.0.0.1> 5 A 10.0.0.5"
    );
}

#[test]
fn glue_is_the_whole_set_of_the_target() {
    let mut world = World::new();
    world.register("web", &["10.0.0.1"], 80, |_| ());
    world.register("db", &["10.0.0.1", "fd00::1"], 5432, |_| ());
    let web = "NOERROR\n@ 5 SRV 0 1 80 <10.0.0.1>\n+ <10.0.0.1> 5 A 10.0.0.1\n+ <10.0.0.1> 5 AAAA fd00::1";
    assert_eq!(world.dig("web", rtype::SRV, 0), web);
}

#[test]
fn namespaces_do_not_mix() {
    let mut world = World::new();
    world.register("web", &["10.0.0.1"], 80, |_| ());
    world.register("web", &["10.0.0.2"], 80, |registration| {
        registration.namespace = Namespace::parse("namespace", "prod").expect("namespace");
    });
    assert_eq!(world.dig("web", rtype::A, 0), "NOERROR\n@ 5 A 10.0.0.1");
    assert_eq!(world.dig("web.prod.svc", rtype::A, 0), "NOERROR\n@ 5 A 10.0.0.2");
    assert!(world.dig("prod.svc", rtype::A, 0).starts_with("NOERROR\n;"));
    assert!(world.dig("stage.svc", rtype::A, 0).starts_with("NXDOMAIN"));
}

#[test]
fn services_share_a_name_whatever_their_case() {
    let mut world = World::new();
    world.register("Web", &["10.0.0.1"], 80, |_| ());
    world.register("web", &["10.0.0.2"], 80, |_| ());
    world.register("not a label", &["10.0.0.3"], 80, |_| ());
    assert_eq!(world.dig("web", rtype::A, 0), "NOERROR\n@ 5 A 10.0.0.1\n@ 5 A 10.0.0.2");
    assert!(world.dig("0a000003.addr", rtype::A, 0).starts_with("NXDOMAIN"));
}

#[test]
fn static_names_follow_the_rules() {
    let mut world = World::new();
    world.register("web", &["10.0.0.1"], 80, |_| ());
    let soa = "; service.local. 5 SOA 2";
    let cases = [
        ("www", rtype::A, "NOERROR\n@ 3600 web.service.local.\nweb.service.local. 5 A 10.0.0.1".into()),
        ("www", rtype::CNAME, "NOERROR\n@ 3600 web.service.local.".into()),
        ("gone", rtype::A, format!("NXDOMAIN\n@ 3600 nothing.service.local.\n{soa}")),
        ("www", rtype::MX, format!("NOERROR\n@ 3600 web.service.local.\n{soa}")),
        ("out", rtype::A, "NOERROR\n@ 3600 www.example.com.".into()),
        ("x.wild", rtype::TXT, "NOERROR\n@ 3600 TYPE16 [3, 97, 110, 121]".into()),
        ("x.wild", rtype::A, format!("NOERROR\n{soa}")),
        ("host.wild", rtype::TXT, format!("NOERROR\n{soa}")),
        ("x.host.wild", rtype::TXT, format!("NXDOMAIN\n{soa}")),
        ("wild", rtype::TXT, format!("NOERROR\n{soa}")),
        ("b.c", rtype::TXT, format!("NOERROR\n{soa}")),
        ("x.c", rtype::TXT, format!("NXDOMAIN\n{soa}")),
        (
            "mail",
            rtype::MX,
            "NOERROR\n@ 3600 TYPE15 [0, 10, 2, 109, 120, 7, 115, 101, 114, 118, 105, 99, 101, 5, 108, 111, 99, 97, 108, 0]\
             \n+ mx.service.local. 3600 TYPE1 [10, 8, 8, 8]\
             \n+ mx.service.local. 3600 TYPE28 [253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8]"
                .into(),
        ),
        ("@", rtype::SOA, "NOERROR\n@ 3600 SOA 2".into()),
        ("@", rtype::NS, "NOERROR\n@ 3600 ns.service.local.\n+ ns.service.local. 3600 TYPE1 [127, 0, 0, 1]".into()),
        ("ns", rtype::A, "NOERROR\n@ 3600 TYPE1 [127, 0, 0, 1]".into()),
        (
            "x.sub",
            rtype::A,
            "NOERROR not authoritative\n; sub.service.local. 3600 ns.sub.service.local.\
             \n+ ns.sub.service.local. 3600 TYPE1 [10, 7, 7, 7]"
                .into(),
        ),
        ("web", rtype::ANY, "NOERROR\n@ 5 A 10.0.0.1".into()),
        ("nothing", rtype::ANY, format!("NXDOMAIN\n{soa}")),
    ];
    for (name, qtype, expected) in cases {
        assert_eq!(world.dig(name, qtype, 0), expected, "{name} {qtype}");
    }
    assert_eq!(world.dig("loop", rtype::A, 0).lines().count(), 3, "the head, and each alias once");
}

#[test]
fn the_serial_grows_with_the_records_only() {
    let mut world = World::new();
    world.register("web", &["10.0.0.1"], 80, |_| ());
    let serial = world.zones.serial();
    world.register("web", &["10.0.0.1"], 80, |registration| {
        registration.meta = crate::table::parse_meta("meta", [("k", "v")]).expect("meta");
    });
    assert_eq!(world.zones.serial(), serial);
    let key = world.table.hosts().iter().next().expect("row").key();
    let applied = world.table.apply(Event::Renew(key), at(1));
    assert!(matches!(applied, Ok(Applied::Unchanged(_))));
    world.register("web", &["10.0.0.2"], 80, |_| ());
    assert_eq!(world.zones.serial(), serial + 1);
    assert!(world.zones.render(world.table.hosts(), 900).serial() == 901);
}

/// Past the length of a plain list and back, with addresses that come to be shared and cease to be.
#[test]
fn a_large_service_is_kept_as_a_small_one() {
    let mut world = World::new();
    let mut random = Random::new(11);
    for round in 0..750_usize {
        // Grows to about two hundred hosts, then shrinks.
        let grows = random.below(100) < if round < 350 { 85 } else { 15 };
        let port = 8000 + random.below(230) as u16;
        let target = match random.below(40) {
            0 => vec!["db.example.com".to_owned()],
            1..8 => vec![format!("10.0.1.{}", 1 + random.below(20)), format!("fd00::{}", 1 + random.below(9))],
            _ => vec![format!("10.0.{}.{}", 2 + random.below(2), 1 + random.below(200))],
        };
        let id = HostId::parse("id", &port.to_string()).expect("id");
        if grows {
            let target: Vec<&str> = target.iter().map(String::as_str).collect();
            world.register("web", &target, port, |registration| {
                registration.id = id;
                if port.is_multiple_of(3) {
                    registration.tags = parse_tags("tags", ["third"]).expect("tags");
                }
            });
        } else if let Some(host) = world.table.hosts().find("web", Dialect::Native, id.as_str()) {
            let key = host.key();
            world.apply(Event::Deregister(key), 0);
        }
        if round == 349 {
            assert!(world.table.hosts().len() > 120, "{}", world.table.hosts().len());
        }
    }
    assert!(world.table.hosts().len() < 64, "{}", world.table.hosts().len());
    assert_eq!(world.dig("web", rtype::A, 0).lines().next(), Some("NOERROR"));
}
