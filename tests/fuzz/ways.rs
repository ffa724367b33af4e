//! The two ways to a reply give the same octets for every packet that the short one takes, and the same facts; the
//! random numbers that they take are the same, and so is what is left of them.
//!
//! Each round has a table of its own, rendered change by change under some policy, and some questions about it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use rollcall::clock::Timestamp;
use rollcall::dns::{
    CookieSecret, Cookies, Limiter, Networks, Outcome, RateLimit, Request, Settings, Transport, View, asked_name,
    respond_at_once, respond_in_full,
};
use rollcall::table::{
    Dialect, Event, HostId, HostKey, HostTable, Namespace, Place, Port, Protocol, Registration, Rule, Rules,
    ServiceName, Single, Status, Target, Weights, parse_tags,
};
use rollcall::zone::{
    ABREAST, AddressOrder, Ahead, EmptyService, Grammar, Name, Policy, Random, SrvSubset, Zone, Zones, address_label,
    parse_file, rtype,
};

use crate::dice::Dice;
use crate::packets::{self, wire_name};
use crate::play::{Trace, play_many};
use crate::world::SERVICE_ZONE;

/// What the short way says: its replies without records, those with addresses, those with services.
const KINDS: [&str; 3] = ["denied", "about addresses", "about services"];
/// Questions of a round.
const QUESTIONS: u64 = 50;
const PLAIN_ZONE: &str = "$TTL 60\n@ IN SOA ns.example.com. hostmaster 1 4h 1h 1w 5\n@ IN NS ns\nwww IN CNAME web\n";
const SERVICES: [&str; 6] =
    ["web", "db", "Cap", "a-service-with-a-name-that-is-as-long-as-a-label-can-be-63-octs", "x", "beta"];
/// Those of services more often than others.
const NAMES: [&str; 26] = [
    "",
    "web",
    "db",
    "cap",
    "a-service-with-a-name-that-is-as-long-as-a-label-can-be-63-octs",
    "x",
    "beta",
    "db",
    "cap",
    "x",
    "beta",
    "_beta._tcp",
    "v1.x",
    "v1.web",
    "a.b.web",
    "_web._tcp",
    "_db._udp",
    "_tcp",
    "_http._tcp.web",
    "az1.pin._zone.web",
    "web.default.svc",
    "nothing",
    "www",
    "www.example.com",
    "deep",
    "zz.apps",
];

const CLUSTER_NAMES: [&str; 6] = [
    "x.default.svc",
    "beta.default.svc",
    "cap.team.svc",
    "nothing.default.svc",
    "h1.x.default.svc",
    "www.example.com.default.svc",
];

#[test]
fn ways() {
    let (mut asked, mut short) = (0, [0; KINDS.len()]);
    play_many("ways", 100, QUESTIONS, |_, dice, trace| {
        let mut world = World::new(dice);
        for _ in 0..QUESTIONS {
            world.hear(dice);
            asked += 1;
            if let Some(kind) = world.check(dice, trace) {
                short[kind] += 1;
            }
        }
    });
    for (kind, short) in KINDS.iter().zip(short) {
        assert!(asked < 1000 || short * 150 > asked, "{short} of {asked} questions are {kind} and took the short way");
    }
}

/// A table, what DNS shows of it, and how a server is set up.
struct World {
    table: HostTable,
    zones: Zones,
    names: Vec<Vec<u8>>,
    settings: Settings,
    now: Timestamp,
}

impl World {
    fn new(dice: &mut Dice) -> World {
        let long = "long-label.".repeat(12);
        let origin = *dice.pick(&["service.local.", "service.local.", "l.", &*long]);
        let mut history = History::new(dice, origin);
        for _ in 0..dice.below(70) {
            history.step(dice);
        }
        let own = NAMES.iter().chain(&CLUSTER_NAMES).map(|name| format!("{name}.{origin}"));
        let services: Vec<String> =
            own.chain(CLUSTER_NAMES.iter().map(|name| format!("{name}.cluster.local"))).collect();
        let addresses = history.table.hosts().iter().flat_map(|host| host.target.addresses().to_vec());
        let labels = addresses.map(|address| String::from_utf8_lossy(&address_label(address)).into_owned());
        let addresses: Vec<String> = labels.take(6).map(|label| format!("{label}.addr.{origin}")).collect();
        let names = services.iter().chain(&addresses).map(|name| wire_name(name)).collect();
        let History { table, zones, now, .. } = history;
        World { table, zones, names, settings: settings(dice), now }
    }

    /// A heartbeat between two questions, or none.
    fn hear(&mut self, dice: &mut Dice) {
        let host = self.table.hosts().iter().nth(dice.below(60)).map(|host| host.key());
        if let Some(host) = host.filter(|_| dice.once_in(4)) {
            let now = self.now.after(Duration::from_millis(dice.below(9000) as u64));
            // A host whose lease has ended by then is not heard.
            let _ = self.table.apply(Event::Renew(host), now);
        }
    }

    /// What was found ahead for a packet among others: nothing, what is there, or, as it is a hint only, what is elsewhere.
    fn ahead(&self, dice: &mut Dice, packet: &[u8]) -> Ahead<'_> {
        let others: Vec<&[u8]> = (0..dice.below(ABREAST)).map(|_| &**dice.pick(&self.names)).collect();
        let names = others.iter().map(|name| Some(*name)).chain([asked_name(packet)]);
        let found = self.zones.ahead(names);
        assert_eq!(found.len(), others.len() + 1);
        if dice.once_in(8) { *dice.pick(&found) } else { found[others.len()] }
    }

    /// Asks on both ways; what the short one said, by its place in [`KINDS`], if it took the question.
    fn check(&self, dice: &mut Dice, trace: &mut Trace) -> Option<usize> {
        let packet = match dice.below(8) {
            0 => packets::packet(dice, &self.names).packet,
            1 | 2 => packets::query(dice, &self.names).packet,
            _ => packets::ordinary(dice, &self.names),
        };
        let v4 = IpAddr::V4(Ipv4Addr::from(0x0a00_0000 | dice.below(4) as u32));
        let request = Request {
            packet: &packet,
            transport: if dice.once_in(4) { Transport::Tcp } else { Transport::Udp },
            client: [None, Some(v4), Some(Ipv6Addr::LOCALHOST.into())][dice.below(3)],
            spare: if dice.once_in(4) { dice.below(301) } else { 0 },
            keep: dice.once_in(2).then_some(Duration::from_secs(10)),
            ahead: self.ahead(dice, &packet),
        };
        let (seed, loaded) = (dice.bits(), !dice.once_in(16));
        let later = if dice.once_in(2) { dice.below(9000) } else { 0 };
        let now = self.now.after(Duration::from_millis(later as u64));
        trace.input("query", &packet);
        trace.input("how", format!("{request:?} {:?} {now:?} {:?}", self.settings, self.zones.policy()).as_bytes());
        let limiter = || self.settings.rate_limit.clone().map(|limit| Limiter::new(limit, 1));
        let limiters = (limiter(), limiter());
        let view = |limiter| View { zones: &self.zones, loaded, settings: &self.settings, limiter, stale: false };
        let (mut short, mut long) = (Vec::new(), Vec::new());
        let mut randoms = (Random::new(seed), Random::new(seed));
        let mut kind = None;
        // The second one may be past the rate.
        for _ in 0..2 {
            let at_once = respond_at_once(&view(limiters.0.as_ref()), &request, now, &mut randoms.0, &mut short);
            if at_once.is_none() {
                assert_eq!(randoms.0, randoms.1, "nothing is taken by who gives up");
                break;
            }
            let whole = respond_in_full(&view(limiters.1.as_ref()), &request, now, &mut randoms.1, &mut long);
            assert_eq!(at_once, Some(whole));
            if let Outcome::Answered(answered) = whole {
                assert_eq!(short, long, "\n{}\n{}", short.escape_ascii(), long.escape_ascii());
                let has_answers = short[6..8] != [0, 0];
                kind = kind.or(Some(usize::from(has_answers) * if answered.qtype == rtype::SRV { 2 } else { 1 }));
            }
            assert_eq!(randoms.0, randoms.1, "random numbers");
        }
        kind
    }
}

fn settings(dice: &mut Dice) -> Settings {
    let secret = CookieSecret::parse("000102030405060708090a0b0c0d0e0f").expect("a secret");
    let cookies = Cookies { secret, other: None, required: dice.once_in(6) };
    let network = ("10.0.0.0".parse().expect("an address"), 31);
    Settings {
        udp_octets: if dice.once_in(2) { 1232 } else { 512 + dice.below(3584) as u16 },
        nsid: dice.once_in(2).then(|| "n".repeat(1 + dice.below(60))),
        cookies: dice.once_in(2).then_some(cookies),
        allow_query: if dice.once_in(8) { Networks::new(&[network]) } else { Networks::All },
        rate_limit: dice.once_in(8).then(|| RateLimit { rate: 1, exempt: Networks::new(&[network]) }),
        ..Settings::default()
    }
}

fn policy(dice: &mut Dice) -> Policy {
    let mut policy = Policy { record_ttl: 1 + dice.below(8) as u32, ..Policy::default() };
    if dice.once_in(2) {
        policy.address_order = dice.pick(&AddressOrder::ALL).1;
        policy.srv_weight_scale = *dice.pick(&[1, 1, 3, 65_535]);
        policy.only_passing = dice.once_in(4);
    }
    if dice.once_in(4) {
        policy.srv_subset = dice.pick(&SrvSubset::ALL).1;
        policy.empty_service = dice.pick(&EmptyService::ALL).1;
        policy.record_limit = dice.below(8) as u16;
        policy.txt = dice.once_in(2);
    }
    policy
}

/// A table in the making, and the zones that follow it.
struct History {
    table: HostTable,
    zones: Zones,
    now: Timestamp,
    /// The form of the addresses of most hosts, where they are mostly alike.
    form: Option<usize>,
}

impl History {
    fn new(dice: &mut Dice, origin: &str) -> History {
        let policy = policy(dice);
        let file = if dice.once_in(4) { SERVICE_ZONE } else { PLAIN_ZONE };
        let zone = |origin: &str, grammar, file| {
            let origin = Name::parse("origin", origin, &Name::root()).expect("an origin");
            Zone::new(parse_file(file, &origin).expect("a zone"), grammar, &policy, &[])
        };
        let cluster = zone("cluster.local.", Grammar::Kubernetes, PLAIN_ZONE);
        let zones = vec![zone(origin, Grammar::Service, file), cluster];
        // Where hosts are kept past their lease, both ways say so.
        let single = if dice.once_in(2) { Single::Hold } else { Single::Expire };
        let rule = Rule { enabled: dice.once_in(2), share: 1, least: 1, single, ..Rule::default() };
        let table = HostTable::braked(Rules { service: rule, ..Rules::default() }, dice.bits());
        let zones = Zones::new(zones, policy).render(table.hosts(), 0);
        History {
            table,
            zones,
            now: Timestamp::from_micros(1_000_000_000),
            form: (!dice.once_in(3)).then(|| dice.below(6)),
        }
    }

    /// Something happens, and a moment passes.
    fn step(&mut self, dice: &mut Dice) {
        let known: Vec<HostKey> = self.table.hosts().iter().map(|host| host.key()).collect();
        let event = match (dice.below(16), known.is_empty()) {
            (0..=10, _) | (_, true) => Event::Register(Box::new(self.registration(dice))),
            (number, false) => other_event(number, dice.pick(&known).clone(), dice),
        };
        // What is refused changes nothing.
        let applied = self.table.apply(event, self.now).ok();
        let changes: Vec<_> = applied.iter().filter_map(|applied| applied.change().cloned()).collect();
        self.zones = self.zones.with(&changes);
        if dice.once_in(3) {
            self.now = self.now.after(Duration::from_millis(dice.below(2000) as u64));
        }
        if dice.once_in(8) {
            self.zones = self.zones.with(&self.table.tick(self.now, 100));
        }
    }

    fn registration(&self, dice: &mut Dice) -> Registration {
        let place = dice.below(SERVICES.len());
        let service = ServiceName::parse("service", SERVICES[place]).expect("a service");
        let number = dice.below(40);
        let dialect = match dice.below(16) {
            0 | 1 => Dialect::Lyft,
            2..=4 => Dialect::Consul,
            _ => Dialect::Native,
        };
        let standing = if dialect == Dialect::Consul { format!("n{}/", number % 3) } else { String::new() };
        let id = HostId::parse("id", &format!("{standing}h{number}")).expect("an id");
        let mut registration = Registration::new(service, dialect, id, self.target(dice, place, number));
        registration.ports = ports(dice, self.form.is_some());
        registration.weights = dice.once_in(3).then(|| Weights { passing: dice.number(), warning: dice.number() });
        registration.at_node = dialect == Dialect::Consul && self.form.is_none() && dice.once_in(3);
        registration.priority = if dice.once_in(4) { dice.number() } else { 0 };
        registration.ttl = (!dice.once_in(4)).then(|| Duration::from_secs(1 + dice.below(30) as u64));
        registration.tags =
            parse_tags("tags", dice.pick(&[&["v1"][..], &["a.b", "v1"], &[]]).iter().copied()).expect("tags");
        if self.form.is_none() {
            registration.hostname = dice.once_in(8).then(|| "called".into());
            registration.zone = dice.once_in(3).then(|| Place::parse("zone", "az1").expect("a zone"));
            if dice.once_in(8) {
                registration.namespace = Namespace::parse("namespace", "team").expect("a namespace");
            }
        }
        registration
    }

    fn target(&self, dice: &mut Dice, service: usize, number: usize) -> Target {
        // Services that share addresses are found among those that are not alike.
        let service = if self.form.is_some() { service } else { 0 };
        let network = dice.below(2);
        let v4 = |last: usize| format!("10.{service}.{network}.{last}");
        let (first, second) = (v4(number), format!("fd00::{service}:{network}:{number:x}"));
        let any = dice.below(if self.form.is_some() { 500 } else { 7 });
        let form = self.form.filter(|_| any > 6).unwrap_or(any);
        let addresses = match form {
            0 | 5 => vec![first],
            1 => vec![second],
            2 => vec![first, second],
            3 => vec![second, first],
            4 => vec![v4(0)],
            _ if number.is_multiple_of(2) => vec![first, v4(number + 100)],
            _ => vec!["db.example.com".to_owned()],
        };
        Target::parse("addresses", addresses.iter().map(String::as_str)).expect("a target")
    }
}

fn ports(dice: &mut Dice, plain: bool) -> smallvec::SmallVec<[Port; 1]> {
    let number = 1 + dice.below(3) as u16;
    let named = Port { name: Some("http".into()), protocol: Protocol::Tcp, number };
    let udp = Port { name: None, protocol: Protocol::Udp, number };
    let ports = match dice.below(if plain { 300 } else { 6 }) {
        0 => vec![],
        1 => vec![named, udp],
        2 => vec![named],
        3 => vec![udp],
        _ => vec![Port::tcp(number)],
    };
    ports.into_iter().collect()
}

fn other_event(number: usize, host: HostKey, dice: &mut Dice) -> Event {
    match number {
        11 => Event::Deregister(host),
        12 => Event::Drain { host, enable: dice.once_in(2) },
        13 => Event::Weigh { host, weight: dice.number(), original: None },
        14 => Event::Renew(host),
        _ => {
            let status = *dice.pick(&[Status::Passing, Status::Warning, Status::Critical]);
            Event::Report { host, check: "check".into(), status, output: "".into() }
        }
    }
}
