//! Why a host is in an answer or not: each host of the service that a name speaks of, judged.
//!
//! The verdict comes from the same look at the tree that makes the answer; the reasons are worked out for those that
//! it does not show.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

use super::{Authority, Question};
use crate::clock::Timestamp;
use crate::limits;
use crate::table::{Host, Port, Protocol, Status, Target};
use crate::zone::Grammar;
use crate::zone::file::rtype;
use crate::zone::name::Path;
use crate::zone::schema::resolve::Found;
use crate::zone::schema::service::{instance_label, underscore};
use crate::zone::schema::{Facet, View};

/// A reason why a host is not in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its lease has ended, then.
    Expired(Timestamp),
    /// An operator took it out.
    Draining,
    /// A check is critical.
    Critical,
    /// A check warns, and only hosts that pass are shown.
    Warning,
    /// It has not the tag that the name asks for.
    NoTag(String),
    /// It has no port of that name and protocol.
    NoPort(Protocol, String),
    /// It has no port of the protocol.
    NoProtocol(Protocol),
    /// It is in another availability zone.
    OtherZone(String),
    /// It is called otherwise.
    OtherName(String),
    /// It has no address of the family that the type asks for.
    NoAddress,
    /// Its address is a host name, which SRV records show and no others.
    NamedTarget,
    /// It makes no records of the type at this name.
    NoRecords,
    /// A record of the zone file hides the hosts: an alias, a delegation.
    Hidden,
}

impl Reason {
    /// One word for programs.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Reason::Expired(_) => "expired",
            Reason::Draining => "draining",
            Reason::Critical => "critical",
            Reason::Warning => "warning",
            Reason::NoTag(_) => "no-tag",
            Reason::NoPort(..) => "no-port",
            Reason::NoProtocol(_) => "no-protocol",
            Reason::OtherZone(_) => "other-zone",
            Reason::OtherName(_) => "other-name",
            Reason::NoAddress => "no-address",
            Reason::NamedTarget => "named-target",
            Reason::NoRecords => "no-records",
            Reason::Hidden => "hidden",
        }
    }
}

/// For people, without the host as the subject.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Expired(at) => write!(f, "expired: its lease ended at {at}"),
            Reason::Draining => f.write_str("draining"),
            Reason::Critical => f.write_str("critical"),
            Reason::Warning => f.write_str("warning, and only_passing is set"),
            Reason::NoTag(tag) => write!(f, "has no tag {tag}"),
            Reason::NoPort(protocol, name) => write!(f, "has no {} port called {name}", protocol.as_str()),
            Reason::NoProtocol(protocol) => write!(f, "has no {} port", protocol.as_str()),
            Reason::OtherZone(zone) => write!(f, "is not in the availability zone {zone}"),
            Reason::OtherName(name) => write!(f, "is not called {name}"),
            Reason::NoAddress => f.write_str("has no address of this family"),
            Reason::NamedTarget => f.write_str("is reached by a name, which is in SRV records only"),
            Reason::NoRecords => f.write_str("makes no records of this type at this name"),
            Reason::Hidden => f.write_str("is hidden by a record of the zone file"),
        }
    }
}

/// A host and why it is not in the answer; without a reason it is.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The row; of a lease that has ended, the last one.
    pub host: Arc<Host>,
    /// Every reason there is.
    pub reasons: Vec<Reason>,
}

/// What a name speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A service.
    Service {
        /// Its name, in lower case.
        name: String,
        /// Its namespace.
        namespace: String,
    },
    /// A node of Consul's catalog, by its name in lower case.
    Node(String),
}

/// The hosts of the service that a name speaks of, or the node.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The service or the node.
    pub subject: Subject,
    /// The row of the node; of a service its hosts, those that are not in the answer first, by dialect and id; at most
    /// [`limits::EXPLAINED_HOSTS`].
    pub hosts: Vec<Judged>,
    /// How many there are, with those left out here.
    pub total: usize,
}

impl<'z> Authority<'z> {
    /// Judges each host of the service that the question speaks of, those whose lease ended a short time ago too, or the
    /// node; `None` for a name that speaks of neither.
    pub fn explain(&self, question: &Question<'_>, now: Timestamp) -> Option<Explanation> {
        let look = self.look(now);
        let key = self.followed(question.name);
        if let Some(node) = look.node_asked(&self.zone.grammar, &key) {
            let found = look.find(&self.zone.grammar, &key);
            let judge = Judge::new(self, question.qtype, &key, &Wanted::Node, &found, now);
            let rows = self.tree().nodes().named(&node).into_iter().flat_map(|rows| rows.iter());
            let hosts: Vec<Judged> = rows.map(|row| judge.judged(row)).collect();
            return Some(Explanation { subject: Subject::Node(node), total: hosts.len(), hosts });
        }
        let home = look.subject(&self.zone.grammar, &key)?;
        let wanted = match &self.zone.grammar {
            Grammar::Consul(_) => Wanted::of(&look.canonical(&self.zone.grammar, &key)?)?,
            Grammar::Static | Grammar::Service | Grammar::Kubernetes | Grammar::Reverse(_) => Wanted::of(&key)?,
        };
        let found = look.find(&self.zone.grammar, &key);
        let judge = Judge::new(self, question.qtype, &key, &wanted, &found, now);
        let part = self.tree().service(home.as_bytes()).and_then(|service| service.part(&View::Service));
        let ended = self.tree().ended().of(home.as_bytes());
        let rows = part.into_iter().flat_map(|part| part.iter()).chain(ended);
        let mut hosts: Vec<Judged> = rows.map(|host| judge.judged(host)).collect();
        hosts.sort_by(|one, other| {
            (one.reasons.is_empty(), one.host.order()).cmp(&(other.reasons.is_empty(), other.host.order()))
        });
        let total = hosts.len();
        hosts.truncate(limits::EXPLAINED_HOSTS);
        let labels: SmallVec<[&[u8]; 4]> = home.labels().collect();
        let text = |label: &[u8]| String::from_utf8_lossy(label).into_owned();
        let (namespace, name) = match &labels[..] {
            [_, namespace, service] => (text(namespace), text(service)),
            other => ("default".to_owned(), other.last().map(|label| text(label)).unwrap_or_default()),
        };
        Some(Explanation { subject: Subject::Service { name, namespace }, hosts, total })
    }

    /// The name that the aliases of the zone's file lead to.
    fn followed(&self, name: &[u8]) -> Path {
        let mut key = Path::from_relative(self.zone.origin.relative(name).unwrap_or_default());
        for _ in 0..limits::CNAME_CHAIN {
            // Hosts at an alias are what is asked for, and hidden by it.
            let home = self.look(Timestamp::default()).subject(&self.zone.grammar, &key);
            if home.is_some_and(|home| self.tree().service(home.as_bytes()).is_some()) {
                break;
            }
            let alias = self.zone.statics.get(key.as_bytes()).and_then(|node| node.set(rtype::CNAME));
            let target = alias.and_then(|set| set.rdata.first());
            let Some(relative) = target.and_then(|target| self.zone.origin.relative(target)) else { break };
            key.set_relative(relative);
        }
        key
    }

    /// Whether the file says that the name is an alias, or somebody else's.
    fn hides(&self, key: &Path) -> bool {
        let has = |bytes: &[u8], rtype| self.zone.statics.get(bytes).is_some_and(|node| node.set(rtype).is_some());
        has(key.as_bytes(), rtype::CNAME) || self.zone.statics.edge(key, rtype::A).is_some()
    }
}

/// What a name wants of the hosts of its service.
enum Wanted {
    /// The hosts of a view.
    View(View),
    /// Those in an availability zone while there are any.
    Prefer(String),
    /// Those that are called so.
    Called(String),
    /// The instance of that id, and a protocol.
    Instance(Protocol, String),
    /// Those with a tag, to be listed for a protocol.
    Subtype(Protocol, String),
    /// A node.
    Node,
}

impl Wanted {
    fn of(key: &Path) -> Option<Wanted> {
        let labels: Option<SmallVec<[&str; 8]>> = key.labels().map(|label| std::str::from_utf8(label).ok()).collect();
        match &labels?[..] {
            ["svc", _, _, rest @ ..] => Wanted::below(rest, true),
            [first, _] if first.starts_with('_') => Some(Wanted::View(match protocol(first) {
                Some(protocol) => View::Transport(protocol),
                None => View::Tag(first[1..].into()),
            })),
            [first, _, "_sub", tag] => Some(Wanted::Subtype(protocol(first)?, (*tag).to_owned())),
            [first, _, id] if first.starts_with('_') && !id.starts_with('_') => {
                Some(Wanted::Instance(protocol(first)?, (*id).to_owned()))
            }
            [_, rest @ ..] => Wanted::below(rest, false),
            [] => None,
        }
    }

    /// The labels below a service.
    fn below(rest: &[&str], called: bool) -> Option<Wanted> {
        let dotted = |labels: &[&str]| labels.iter().rev().copied().collect::<Vec<_>>().join(".");
        match rest {
            [] => Some(Wanted::View(View::Service)),
            ["_zone", "pin", zone @ ..] => Some(Wanted::View(View::Zone(dotted(zone).into()))),
            ["_zone", "prefer", zone @ ..] => Some(Wanted::Prefer(dotted(zone))),
            [first, name] if first.starts_with('_') => {
                Some(Wanted::View(View::Port(protocol(first)?, name.strip_prefix('_')?.into())))
            }
            [label] if called => Some(Wanted::Called((*label).to_owned())),
            [first, ..] if called || first.starts_with('_') => None,
            tag => Some(Wanted::View(View::Tag(dotted(tag).into()))),
        }
    }

    /// Why a host that could be in an answer is not meant.
    fn excludes(&self, host: &Host) -> Option<Reason> {
        let offers = |protocol: Protocol| host.ports.iter().any(|port| port.protocol == protocol);
        match self {
            Wanted::View(view) if view.shows_host(host) => None,
            Wanted::View(View::Service) | Wanted::Node => None,
            Wanted::View(View::Tag(tag)) => Some(Reason::NoTag(tag.to_string())),
            Wanted::View(View::Transport(protocol)) => Some(Reason::NoProtocol(*protocol)),
            Wanted::View(View::Port(protocol, name)) => Some(Reason::NoPort(*protocol, name.to_string())),
            Wanted::View(View::Zone(zone)) => Some(Reason::OtherZone(zone.to_string())),
            Wanted::Prefer(zone) => {
                let view = View::Zone(zone.as_str().into());
                (!view.shows_host(host)).then(|| Reason::OtherZone(zone.clone()))
            }
            Wanted::Called(name) => Some(Reason::OtherName(name.clone())),
            Wanted::Instance(protocol, _) | Wanted::Subtype(protocol, _) if !offers(*protocol) => {
                Some(Reason::NoProtocol(*protocol))
            }
            Wanted::Instance(_, id) => (!host.own_id().eq_ignore_ascii_case(id)).then(|| Reason::OtherName(id.clone())),
            Wanted::Subtype(_, tag) => {
                (!View::Tag(tag.as_str().into()).shows_host(host)).then(|| Reason::NoTag(tag.clone()))
            }
        }
    }

    /// Which records the name would show.
    fn facet(&self) -> Facet<'_> {
        match self {
            Wanted::View(view) => Facet::View(view),
            Wanted::Prefer(_) => Facet::View(&View::Service),
            Wanted::Called(_) => Facet::Addresses,
            Wanted::Instance(protocol, _) => Facet::Instance(*protocol),
            Wanted::Subtype(protocol, _) => Facet::Instances(*protocol),
            Wanted::Node => Facet::Node,
        }
    }
}

fn protocol(label: &str) -> Option<Protocol> {
    Protocol::ALL.into_iter().find(|protocol| underscore(*protocol) == label)
}

/// What all hosts are judged by.
struct Judge<'j> {
    now: Timestamp,
    qtype: u16,
    wanted: &'j Wanted,
    facet: Facet<'j>,
    /// The rows that the name shows.
    shown: HashSet<*const Host>,
    hidden: bool,
    only_passing: bool,
    txt: bool,
}

impl<'j> Judge<'j> {
    fn new<'z: 'j>(
        place: &Authority<'z>,
        qtype: u16,
        key: &Path,
        wanted: &'j Wanted,
        found: &'j Found<'z>,
        now: Timestamp,
    ) -> Judge<'j> {
        let hidden = place.hides(key);
        let (facet, shown) = match found {
            Found::Hosts(facet, members) if !hidden => {
                let live = members.iter().filter(|host| crate::zone::members::is_live(host, now));
                (*facet, live.map(Arc::as_ptr).collect())
            }
            Found::Hosts(..) | Found::Literal(_) | Found::Types | Found::Empty | Found::Nothing => {
                (wanted.facet(), HashSet::new())
            }
        };
        let policy = place.policy();
        Judge { now, qtype, wanted, facet, shown, hidden, only_passing: policy.only_passing, txt: policy.txt }
    }

    fn judged(&self, host: &Arc<Host>) -> Judged {
        Judged { host: Arc::clone(host), reasons: self.reasons(host) }
    }

    fn reasons(&self, host: &Arc<Host>) -> Vec<Reason> {
        let mut reasons = Vec::new();
        if !self.shown.contains(&Arc::as_ptr(host)) {
            reasons.extend(self.absence(host));
            reasons.extend(self.wanted.excludes(host).filter(|_| !self.is_called(host, &reasons)));
            if self.hidden || reasons.is_empty() {
                reasons.push(Reason::Hidden);
            }
        }
        reasons.extend(self.speechless(host));
        reasons
    }

    /// What keeps a host out of every answer.
    fn absence(&self, host: &Host) -> impl Iterator<Item = Reason> {
        let expired = !host.lease.is_live(self.now);
        let expired = expired.then(|| Reason::Expired(host.lease.expires().unwrap_or_default()));
        let health = match host.status() {
            // A node answers whatever its checks say.
            _ if host.as_node().is_some() => None,
            Status::Passing => None,
            Status::Warning => self.only_passing.then_some(Reason::Warning),
            Status::Critical => Some(Reason::Critical),
        };
        let away = expired.is_none();
        expired
            .into_iter()
            .chain(host.draining.then_some(Reason::Draining).into_iter().chain(health).filter(move |_| away))
    }

    /// Whether a host that is away has the name that was asked for: then only its absence is a reason.
    fn is_called(&self, host: &Host, absence: &[Reason]) -> bool {
        let Wanted::Called(name) = self.wanted else { return false };
        let called = |text: &str| text.eq_ignore_ascii_case(name);
        let by_address = |address: &std::net::IpAddr| crate::zone::record::undashed(name).as_ref() == Some(address);
        !absence.is_empty()
            && (host.hostname.as_deref().is_some_and(called)
                || called(host.own_id())
                || host.target.addresses().iter().any(by_address))
    }

    /// Why a host that is meant makes no record of the type.
    fn speechless(&self, host: &Host) -> Option<Reason> {
        let addresses = host.target.addresses();
        let family = |v4: bool| match &host.target {
            _ if !self.facet.shows_addresses() => Some(Reason::NoRecords),
            Target::Name(_) => Some(Reason::NamedTarget),
            Target::Addresses(_) | Target::Resolved(_) if addresses.iter().any(|address| address.is_ipv4() == v4) => {
                None
            }
            Target::Addresses(_) | Target::Resolved(_) => Some(Reason::NoAddress),
        };
        let any_port = |shows: &dyn Fn(&Port) -> bool| {
            let shown = host.ports.iter().any(|port| self.facet.shows_port(port) && shows(port));
            (!shown).then_some(Reason::NoRecords)
        };
        match self.qtype {
            rtype::A => family(true),
            rtype::AAAA => family(false),
            rtype::SRV | rtype::SVCB => any_port(&|_| true),
            rtype::HTTPS if self.facet.shows_addresses() => any_port(&|port| port.name.as_deref() == Some("https")),
            rtype::PTR => match self.facet.browses() {
                Some(_) if instance_label(host.own_id()).is_none() => Some(Reason::NoRecords),
                Some(protocol) if host.ports.iter().any(|port| port.protocol == protocol) => None,
                Some(protocol) => Some(Reason::NoProtocol(protocol)),
                None => Some(Reason::NoRecords),
            },
            rtype::TXT => {
                let told = match self.facet {
                    Facet::Instance(_) => true,
                    Facet::Node => !host.meta.is_empty(),
                    Facet::View(View::Service | View::Tag(_) | View::Zone(_)) => self.txt,
                    Facet::View(_) | Facet::Addresses | Facet::Instances(_) | Facet::Names => false,
                };
                (!told).then_some(Reason::NoRecords)
            }
            rtype::ANY => None,
            _ => Some(Reason::NoRecords),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::table::{CheckDefinition, Event, Registration, parse_tags};
    use crate::zone::answer::tests::{World, at, n};
    use crate::zone::{Asker, Data, Random};

    /// `web` with a host for each reason, at 5 s.
    fn world() -> World {
        let mut world = World::new();
        let tagged = |registration: &mut Registration| {
            registration.tags = parse_tags("tags", ["v1"]).expect("tags");
            registration.zone = Some(crate::table::Place::parse("zone", "az1").expect("a zone"));
            registration.ports =
                [Port { name: Some("http".into()), protocol: Protocol::Tcp, number: 1 }].into_iter().collect();
        };
        world.register("web", &["10.0.0.1", "fd00::1"], 1, tagged);
        world.register("web", &["10.0.0.2"], 1, |_| {});
        world.register("web", &["fd00::3"], 1, |_| {});
        world.register("web", &["far.example.com"], 1, |_| {});
        world.register("web", &["10.0.0.5"], 1, |_| {});
        world.register("web", &["10.0.0.6"], 1, |registration| {
            let failing =
                CheckDefinition { status: Some(Status::Critical), ..CheckDefinition::new("disk".into(), None) };
            registration.checks = Some([failing].into_iter().collect());
        });
        world.register("web", &["10.0.0.7"], 1, |registration| registration.ttl = Some(Duration::from_secs(2)));
        world.register("web", &["10.0.0.8"], 1, |registration| registration.ttl = Some(Duration::from_secs(4)));
        let key = |world: &World, id: &str| {
            let mut hosts = world.table.hosts().iter();
            hosts.find(|host| host.id.as_str() == id).expect("a host").key()
        };
        let host = key(&world, "10.0.0.5-1");
        world.apply(Event::Drain { host, enable: true }, 0);
        let ended = world.table.tick(at(3000), 10);
        assert_eq!(ended.len(), 1, "one of the two is removed");
        world.render(ended);
        world
    }

    fn explain(world: &World, name: &str, qtype: u16) -> Option<Explanation> {
        let name = n(name);
        let question = Question { name: name.as_wire(), qtype };
        world.zones.find_for(&question).expect("a zone").explain(&question, at(5000))
    }

    /// The words of each host's reasons, by id.
    fn reasons(world: &World, name: &str, qtype: u16) -> Vec<(String, Vec<&'static str>)> {
        let explanation = explain(world, name, qtype).expect("a service");
        let web = Subject::Service { name: "web".into(), namespace: "default".into() };
        assert_eq!(explanation.subject, web);
        let words = |judged: &Judged| judged.reasons.iter().map(Reason::as_str).collect();
        let mut all: Vec<_> =
            explanation.hosts.iter().map(|judged| (judged.host.id.as_str().to_owned(), words(judged))).collect();
        all.sort();
        all
    }

    #[test]
    fn every_reason_is_named() {
        let world = world();
        let expected = |rows: [(&str, &[&'static str]); 8]| {
            let mut rows = rows.map(|(id, words)| (format!("{id}-1"), words.to_vec())).to_vec();
            rows.sort();
            rows
        };
        let web = expected([
            ("10.0.0.1", &[]),
            ("10.0.0.2", &[]),
            ("fd00::3", &["no-address"]),
            ("far.example.com", &["named-target"]),
            ("10.0.0.5", &["draining"]),
            ("10.0.0.6", &["critical"]),
            ("10.0.0.7", &["expired"]),
            ("10.0.0.8", &["expired"]),
        ]);
        assert_eq!(reasons(&world, "web", rtype::A), web);
        assert_eq!(reasons(&world, "www", rtype::A), web, "an alias of the file is followed");
        assert_eq!(reasons(&world, "web.default.svc", rtype::A), web);
        let tagged = expected([
            ("10.0.0.1", &[]),
            ("10.0.0.2", &["no-tag", "no-address"]),
            ("fd00::3", &["no-tag"]),
            ("far.example.com", &["no-tag", "named-target"]),
            ("10.0.0.5", &["draining", "no-tag", "no-address"]),
            ("10.0.0.6", &["critical", "no-tag", "no-address"]),
            ("10.0.0.7", &["expired", "no-tag", "no-address"]),
            ("10.0.0.8", &["expired", "no-tag", "no-address"]),
        ]);
        assert_eq!(reasons(&world, "v1.web", rtype::AAAA), tagged);
        for (name, qtype, word) in [
            ("v2.web", rtype::A, "no-tag"),
            ("_grpc._tcp.web", rtype::SRV, "no-port"),
            ("_web._udp", rtype::SRV, "no-protocol"),
            ("az2.pin._zone.web", rtype::A, "other-zone"),
            ("az1.prefer._zone.web", rtype::A, "other-zone"),
            ("10-0-0-9.web.default.svc", rtype::A, "other-name"),
            ("web", rtype::MX, "no-records"),
            ("_http._tcp.web", rtype::A, "no-records"),
        ] {
            let of_two = &reasons(&world, name, qtype)[1];
            assert!(of_two.0 == "10.0.0.2-1" && of_two.1.contains(&word), "{name}: {of_two:?}");
        }
    }

    /// Who has no reason is in the answer, and nobody else.
    #[test]
    fn verdicts_agree_with_answers() {
        let world = world();
        for name in [
            "web",
            "v1.web",
            "v2.web",
            "_web._tcp",
            "_http._tcp.web",
            "az1.pin._zone.web",
            "az1.prefer._zone.web",
            "az3.prefer._zone.web",
            "web.default.svc",
            "10-0-0-1.web.default.svc",
            "www",
            "_web._v1",
            "x.y.web",
        ] {
            for qtype in [rtype::A, rtype::AAAA, rtype::SRV, rtype::TXT] {
                let wire = n(name);
                let question = Question { name: wire.as_wire(), qtype };
                let zone = world.zones.find_for(&question).expect("a zone");
                let answer = zone.answer(&question, &Asker::at(at(5000)), &mut Random::new(1));
                let made = answer.answer.iter().filter(|record| !matches!(record.data, Data::Static { .. })).count();
                let explanation = explain(&world, name, qtype).expect("a service");
                let shown = explanation.hosts.iter().filter(|judged| judged.reasons.is_empty()).count();
                assert_eq!(shown, made, "{name} {qtype}: {answer:?} {explanation:?}");
                assert_eq!(explanation.total, 8);
            }
        }
    }

    #[test]
    fn other_names_speak_of_no_service() {
        let world = world();
        for name in ["@", "0a000001.addr", "_services._dns-sd._udp", "svc", "default.svc"] {
            assert!(explain(&world, name, rtype::A).is_none(), "{name}");
        }
        assert_eq!(explain(&world, "nobody", rtype::A).expect("a service").total, 0);
    }
}
