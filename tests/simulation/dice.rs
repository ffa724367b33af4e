//! Random events: few names, many collisions.

use std::sync::Arc;
use std::time::Duration;

use rollcall::table::{
    CheckDefinition, CheckKind, Dialect, Endpoint, Event, HostId, HostKey, Meta, Namespace, Place, Port, Protocol,
    Registration, ServiceName, Standing, Status, Tag, Target, Terms, Weights, Wishes, node_key,
};
use rollcall::zone::{AddressOrder, EmptyService, Policy, Random, SrvSubset};

use crate::model::{Model, RECORD_TTL, Row};

/// The dialects in which hosts register: rows of others are not this table's to change.
const REGISTERING: [Dialect; 4] = [Dialect::Native, Dialect::Lyft, Dialect::Consul, Dialect::Minos];

const SERVICES: [&str; 11] = ["web", "Web", "WEB", "api", "beta", "v1", "tcp", "my service", "svc", "a.b", "_x"];
const TAGS: [&str; 19] = [
    "v1",
    "V1",
    "v2",
    "a.b",
    "x.a.b",
    "b",
    "tcp",
    "TCP",
    "udp",
    "sctp",
    "web",
    "_odd",
    "x y",
    "-a",
    "a_b",
    "a..b",
    "svc",
    "default",
    "sixty-two-octets-are-the-longest-tag-that-fits-behind-one-line",
];
const TARGETS: [&[&str]; 12] = [
    &["10.0.0.1"],
    &["10.0.0.1", "fd00::1"],
    &["fd00::1", "10.0.0.1"],
    &["fd00::1"],
    &["10.0.0.2"],
    &["10.0.0.2", "10.0.0.1"],
    &["10.0.0.3", "10.0.0.4", "fd00::2"],
    &["10.0.0.4"],
    &["10.0.0.5"],
    &["db.example.com"],
    &["api.example.com"],
    &["web.service.local"],
];
const CHECKS: [&str; 2] = ["health", "disk"];
const PORT_NAMES: [&str; 5] = ["http", "https", "admin", "tcp", "web"];
const IDS: [&str; 11] = [
    "a",
    "b",
    "A",
    "pod",
    "long id/with %",
    "a.b",
    "10-0-0-2",
    "Fd00--1",
    "_x",
    "b-",
    "an-id-of-sixty-four-octets-is-one-more-than-a-label-of-dns-takes",
];
/// What hosts call themselves: some as another is called, or as its address is written.
const HOSTNAMES: [&str; 4] = ["pod", "a", "10-0-0-1", "fd00--2"];
/// Nodes: the name, and whether it is that of the server. One is called as the server is, one as DNS cannot say.
const NODES: [(&str, bool); 6] =
    [("me", true), ("me", false), ("n1", false), ("far.n1", false), ("web", false), ("x y", false)];
/// What hosts say of the node that they stand on: the server, another, none that is there.
const STANDS_ON: [&str; 6] = ["", "", "n1", "far.n1", "x y", "nobody"];
const ZONES: [&str; 5] = ["az-a", "AZ-A", "b.c", "us east", "_x"];

/// What the many hosts of one service have in common.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Crowd {
    /// Nothing.
    Spread,
    /// They are unhealthy.
    Sick,
    /// An address.
    OneAddress,
}

pub(crate) struct Dice(Random);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(Random::new(seed))
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0.below(bound)
    }

    /// True once in `times`.
    pub(crate) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn random(&mut self) -> Random {
        Random::new(self.0.next_u64())
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// A step of time: mostly short, now and then past every lease.
    pub(crate) fn time(&mut self) -> Duration {
        let most = if self.one_in(20) { 60_000_000 } else { 4_000_000 };
        Duration::from_micros(self.below(most) as u64)
    }

    pub(crate) fn event(&mut self, model: &Model) -> Event {
        match self.below(22) {
            0 if self.one_in(2) => Event::Register(Box::new(self.node())),
            0..=6 => Event::Register(Box::new(self.registration())),
            7..=8 => match self.row(model).cloned() {
                Some(row) => Event::Register(Box::new(self.again(&row))),
                None => Event::Register(Box::new(self.registration())),
            },
            9..=11 => Event::Renew(self.key(model)),
            12..=13 => Event::Deregister(self.key(model)),
            14..=15 => Event::Report {
                host: self.key(model),
                check: self.pick(&CHECKS).into(),
                status: self.pick(&Status::ALL),
                output: self.pick(&["", "full"]).into(),
            },
            20..=21 => Event::Observe {
                host: self.key(model),
                check: self.pick(&CHECKS).into(),
                terms: self.terms(),
                status: self.pick(&Status::ALL),
                output: self.pick(&["", "refused"]).into(),
            },
            16 => {
                let original = self.one_in(3).then(|| "weighed".into());
                Event::Weigh { host: self.key(model), weight: self.below(3) as u16, original }
            }
            _ => Event::Drain { host: self.key(model), enable: self.one_in(2) },
        }
    }

    fn row<'m>(&mut self, model: &'m Model) -> Option<&'m Row> {
        (!model.rows.is_empty()).then(|| &model.rows[self.below(model.rows.len())])
    }

    /// Mostly of a row that is there.
    fn key(&mut self, model: &Model) -> HostKey {
        let there = if self.one_in(8) { None } else { self.row(model).map(|row| row.key.clone()) };
        let (service, dialect, id) = there.unwrap_or_else(|| {
            let (service, dialect, id) = (self.pick(&SERVICES), self.pick(&REGISTERING), self.pick(&IDS));
            let standing = Standing { node: self.pick(&STANDS_ON), id };
            let stands = standing.to_id("id").expect("an id").as_str().to_owned();
            (service.to_owned(), dialect, if dialect == Dialect::Consul { stands } else { id.to_owned() })
        });
        HostKey {
            service: ServiceName::parse("service", &service).expect("a name"),
            dialect,
            id: HostId::parse("id", &id).expect("an id"),
        }
    }

    fn registration(&mut self) -> Registration {
        let namespace = if self.one_in(4) { self.pick(&["prod", "v1", "Prod"]) } else { "default" };
        let tags = (0..self.below(4)).map(|_| self.pick(&TAGS)).collect::<Vec<_>>();
        let key = self.key(&Model::default());
        Registration {
            service: key.service,
            dialect: key.dialect,
            id: key.id,
            namespace: Namespace::parse("namespace", namespace).expect("a label"),
            target: Target::parse("target", self.pick(&TARGETS).iter().copied()).expect("a target"),
            ports: self.ports().into(),
            tags: rollcall::table::parse_tags("tags", tags).expect("tags"),
            meta: self.meta(),
            at_node: key.dialect == Dialect::Consul && self.one_in(2),
            weights: self.one_in(2).then(|| self.weights()),
            priority: self.below(2) as u16,
            zone: self.one_in(2).then(|| Place::parse("zone", self.pick(&ZONES)).expect("a zone")),
            region: self.one_in(4).then(|| Place::parse("region", self.pick(&["north", "south"])).expect("a region")),
            hostname: self.one_in(3).then(|| self.pick(&HOSTNAMES).into()),
            ttl: (!self.one_in(3)).then(|| Duration::from_micros(1_000_000 + self.below(15_000_000) as u64)),
            checks: self.one_in(3).then(|| self.checks()),
            repo: self.one_in(2).then(|| Place::parse("repo", self.pick(&["one", "two"])).expect("a repository")),
            original: self.one_in(4).then(|| "original".into()),
        }
    }

    fn weights(&mut self) -> Weights {
        Weights { passing: self.below(3) as u16, warning: self.below(3) as u16 }
    }

    /// A node of Consul's catalog.
    fn node(&mut self) -> Registration {
        let (name, is_self) = self.pick(&NODES);
        let HostKey { service, dialect, id } = node_key(name, is_self).expect("a node");
        let target = Target::parse("target", self.pick(&TARGETS).iter().copied()).expect("a target");
        let pairs: &[(&str, &str)] =
            self.pick(&[&[] as &[(&str, &str)], &[("k", "v")], &[("k", "v"), ("rfc1035-k", "k=v")], &[("a", "`=`")]]);
        Registration {
            meta: rollcall::table::parse_meta("meta", pairs.iter().copied()).expect("pairs"),
            ttl: self.one_in(3).then(|| Duration::from_micros(1_000_000 + self.below(15_000_000) as u64)),
            checks: self.one_in(2).then(|| self.checks()),
            ..Registration::new(service, dialect, id, target)
        }
    }

    fn meta(&mut self) -> Meta {
        let pairs: &[(&str, &str)] = self.pick(&[
            &[] as &[(&str, &str)],
            &[],
            &[("alpn", "h2,h3")],
            &[("alpn", "h2"), ("k", "v")],
            &[("k", "v")],
        ]);
        rollcall::table::parse_meta("meta", pairs.iter().copied()).expect("pairs")
    }

    /// What an operator may have decided.
    pub(crate) fn policy(&mut self) -> Policy {
        Policy {
            record_ttl: RECORD_TTL,
            stale_ttl: RECORD_TTL,
            negative_ttl: 5,
            only_passing: self.one_in(3),
            empty_service: self.pick(&EmptyService::ALL).1,
            address_order: self.pick(&AddressOrder::ALL).1,
            srv_subset: self.pick(&SrvSubset::ALL).1,
            srv_weight_scale: self.pick(&[1, 1, 100, 40_000]),
            record_limit: 0,
            txt: self.one_in(2),
        }
    }

    /// A host of a service that has many.
    pub(crate) fn one_of_many(&mut self, crowd: Crowd) -> Event {
        let mut registration = self.registration();
        let number = self.below(110);
        registration.service = ServiceName::parse("service", "web").expect("a name");
        registration.dialect = Dialect::Native;
        registration.at_node = false;
        registration.id = HostId::parse("id", &format!("host-{number}")).expect("an id");
        registration.namespace = Namespace::DEFAULT;
        if !self.one_in(4) {
            let address = format!("10.0.{}.{}", 1 + number / 50, 1 + number % 50);
            registration.target = Target::parse("target", [address.as_str()]).expect("an address");
        }
        if self.one_in(2) {
            registration.tags = rollcall::table::parse_tags("tags", ["v1"]).expect("tags");
        }
        match crowd {
            Crowd::Spread => {}
            Crowd::Sick => {
                let check =
                    CheckDefinition { status: Some(Status::Critical), ..CheckDefinition::new("health".into(), None) };
                registration.checks = Some(vec![check]);
            }
            Crowd::OneAddress => {
                let own = format!("10.0.9.{}", 1 + number / 2);
                let target = ["10.0.0.1", own.as_str(), "fd00::1"];
                let count = 1 + self.below(3);
                registration.target = Target::parse("target", target[..count].iter().copied()).expect("addresses");
            }
        }
        Event::Register(Box::new(registration))
    }

    fn ports(&mut self) -> Vec<Port> {
        let mut ports: Vec<Port> = Vec::new();
        for _ in 0..self.below(4) {
            let name = (!self.one_in(3)).then(|| self.pick(&PORT_NAMES).into());
            let port = Port { name, protocol: self.pick(&Protocol::ALL), number: self.pick(&[80, 443]) };
            if !ports.iter().any(|other| other.name == port.name && other.protocol == port.protocol) {
                ports.push(port);
            }
        }
        ports
    }

    fn checks(&mut self) -> Vec<CheckDefinition> {
        let definition = |dice: &mut Dice, id: &str| CheckDefinition {
            terms: (!dice.one_in(3)).then(|| dice.terms()),
            status: dice.one_in(2).then(|| dice.pick(&Status::ALL)),
            output: dice.one_in(2).then(|| dice.pick(&["", "slow"]).into()),
            ..CheckDefinition::new(id.into(), None)
        };
        let mut checks = Vec::new();
        for id in CHECKS {
            if self.one_in(2) {
                checks.push(definition(self, id));
            }
        }
        checks
    }

    /// One of a few terms, so that they often are the same.
    fn terms(&mut self) -> Arc<Terms> {
        let kind = match self.below(4) {
            0 => CheckKind::Reported,
            1 => CheckKind::Ttl(Duration::from_secs(3)),
            2 => CheckKind::Ttl(Duration::from_millis(5500)),
            _ => CheckKind::Udp(Endpoint::Own(None)),
        };
        let interval = kind.is_asked().then_some(Duration::from_secs(1));
        let after = self.one_in(2).then_some(Duration::from_secs(4));
        let wishes = Wishes { interval, deregister_critical_after: after, ..Wishes::default() };
        Arc::new(Terms::parse("", kind, wishes).expect("terms"))
    }

    /// What a row said before, as its host says it again.
    fn again(&mut self, row: &Row) -> Registration {
        let said = &row.said;
        Registration {
            service: ServiceName::parse("service", &row.key.0).expect("a name"),
            dialect: row.key.1,
            id: HostId::parse("id", &row.key.2).expect("an id"),
            namespace: Namespace::parse("namespace", &said.namespace).expect("a label"),
            target: said.target.clone(),
            ports: said.ports.clone().into(),
            tags: said.tags.iter().map(|tag| Tag::parse("tag", tag).expect("a tag")).collect(),
            meta: said.meta.iter().map(|(key, value)| (key.as_str().into(), value.as_str().into())).collect(),
            at_node: said.at_node,
            weights: self.one_in(2).then_some(said.weights),
            priority: said.priority,
            zone: said.zone.as_ref().map(|zone| Place::parse("zone", zone).expect("a zone")),
            region: said.region.as_ref().map(|region| Place::parse("region", region).expect("a region")),
            hostname: said.hostname.as_deref().map(Into::into),
            ttl: said.ttl.map(Duration::from_micros),
            checks: None,
            repo: said.repo.as_ref().map(|repo| Place::parse("repo", repo).expect("a repository")),
            original: said.original.as_deref().map(Into::into),
        }
    }
}
