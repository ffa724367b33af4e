//! The zones as a value. Pure: no clock, no lock, no IO; `now` and randomness are arguments.
//!
//! [`Zones`] are the zones of files with the hosts of the table in them. What hosts make is kept once, in a tree of
//! names that all zones share (`tree`); a [`Zone`] has the records of its file and a [`Grammar`], the way in which
//! its names lead into the tree (`schema`). [`Zones::with`] makes the next value from changes and shares with this
//! one all that they do not touch; [`Zones::render`] makes it from a whole table, and both always agree. Records of
//! hosts are made when they are asked for, from the rows themselves: a row's lease decides at that moment whether it
//! is in the answer, and how long the answer may be kept.
//!
//! Names sort by reversed labels ([`NameKey`]), so the question whether anything exists below a name is
//! one look-up: NXDOMAIN costs what a hit costs, at any size.

mod address;
mod ahead;
mod answer;
mod file;
mod members;
mod name;
mod nested;
mod node;
mod order;
mod policy;
mod record;
mod rows;
mod schema;
mod statics;
mod tree;
mod trie;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::table::{Change, Hosts};

pub use ahead::{ABREAST, Ahead};
pub use answer::{
    Answer, Asker, Authority, Explanation, ExtendedError, Judged, LISTED_MOST, Listed, Prompt, Question, Rcode, Reason,
    Subject, Words,
};
pub use file::{FileError, Soa, ZoneFile, parse as parse_file, rtype};
pub use name::{NAME_OCTETS, Name, NameKey, write_name};
pub use order::Random;
pub use policy::{AddressOrder, EmptyService, Policy, SrvSubset};
pub use record::{Data, Derived, Owner, Pair, Record, Row, Target, Text};
pub use schema::consul::Datacenter;
pub use schema::reverse::{Prefix, origins as reverse_origins};
pub use schema::service::{address_label, check_service_label, digits};
pub use statics::StaticSet;

use statics::Statics;
use tree::Tree;

/// Which names the hosts of the table get in a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grammar {
    /// None: the zone is its file.
    Static,
    /// `web.service.local`.
    Service,
    /// `web.default.svc.cluster.local`.
    Kubernetes,
    /// `web.service.consul`.
    Consul(Datacenter),
    /// `1.0.0.10.in-addr.arpa`.
    Reverse(Prefix),
}

impl Grammar {
    /// The word for people.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Grammar::Static => "static",
            Grammar::Service => "service",
            Grammar::Kubernetes => "kubernetes",
            Grammar::Consul(_) => "consul",
            Grammar::Reverse(_) => "reverse",
        }
    }
}

/// What a zone has until its file is read anew.
#[derive(PartialEq, Clone, Debug)]
struct Apex {
    origin: Name,
    soa: Soa,
    grammar: Grammar,
    /// `<dc>.consul.`
    datacenter: Option<Name>,
    statics: Statics,
}

/// One zone.
#[derive(Clone, PartialEq, Debug)]
pub struct Zone(Arc<Apex>);

impl Zone {
    /// A zone of static records. Where the apex' NS names have no address here, they get `own` addresses.
    pub fn new(file: ZoneFile, grammar: Grammar, policy: &Policy, own: &[IpAddr]) -> Zone {
        let ZoneFile { origin, mut soa, mut records, .. } = file;
        if grammar != Grammar::Static {
            soa.minimum = policy.negative_ttl;
        }
        if grammar == Grammar::Service {
            give_browsing_domains(&origin, policy, &mut records);
        }
        if matches!(grammar, Grammar::Service | Grammar::Kubernetes) {
            give_version(&origin, &mut records);
        }
        let servers: &[&str] = match grammar {
            Grammar::Service | Grammar::Kubernetes => &["ns.dns"],
            // What clients find Consul's servers by.
            Grammar::Consul(_) => &["consul.service"],
            Grammar::Static | Grammar::Reverse(_) => &[],
        };
        give_addresses(&origin, &soa, servers, &mut records, own);
        let statics = Statics::new(&origin, records);
        let datacenter = match &grammar {
            Grammar::Consul(datacenter) => Some(origin.with_label(datacenter.as_bytes())),
            Grammar::Static | Grammar::Service | Grammar::Kubernetes | Grammar::Reverse(_) => None,
        };
        Zone(Arc::new(Apex { origin, soa, grammar, datacenter, statics }))
    }

    /// The apex.
    pub fn origin(&self) -> &Name {
        &self.0.origin
    }

    /// Which names hosts get here.
    pub fn grammar(&self) -> Grammar {
        self.0.grammar
    }

    /// How many records it has without hosts: those of its file, and those that [`Zone::new`] added.
    pub fn static_records(&self) -> usize {
        1 + self.0.statics.records()
    }
}

fn give_addresses(
    origin: &Name,
    soa: &Soa,
    further: &[&str],
    records: &mut BTreeMap<Name, Vec<StaticSet>>,
    own: &[IpAddr],
) {
    let mut servers = vec![soa.mname.clone()];
    servers.extend(further.iter().filter_map(|label| Name::parse("name", label, origin).ok()));
    for set in records.get(origin).into_iter().flatten().filter(|set| set.rtype == rtype::NS) {
        servers.extend(set.rdata.iter().map(|rdata| Name::from_wire(rdata)));
    }
    for server in servers {
        if origin.relative(server.as_wire()).is_none() || records.contains_key(&server) {
            continue;
        }
        let ttl = soa.ttl;
        let v4 = own.iter().filter_map(|address| match address {
            IpAddr::V4(v4) => Some(Box::from(v4.octets())),
            IpAddr::V6(_) => None,
        });
        let v6 = own.iter().filter_map(|address| match address {
            IpAddr::V4(_) => None,
            IpAddr::V6(v6) => Some(Box::from(v6.octets())),
        });
        let sets: [(u16, Vec<Box<[u8]>>); 2] = [(rtype::A, v4.collect()), (rtype::AAAA, v6.collect())];
        let sets = sets.into_iter().filter(|(_, rdata)| !rdata.is_empty());
        let sets: Vec<_> = sets.map(|(rtype, rdata)| StaticSet { owner: server.clone(), rtype, ttl, rdata }).collect();
        if !sets.is_empty() {
            records.insert(server, sets);
        }
    }
}

/// The version of Kubernetes' DNS specification that is kept to (its section 2.2).
fn give_version(origin: &Name, records: &mut BTreeMap<Name, Vec<StaticSet>>) {
    if let Ok(owner) = Name::parse("name", "dns-version", origin) {
        records.entry(owner.clone()).or_insert_with(|| {
            vec![StaticSet { owner, rtype: rtype::TXT, ttl: 28_800, rdata: vec![b"\x051.1.0".as_slice().into()] }]
        });
    }
}

/// Where to browse for services: here (RFC 6763 11).
fn give_browsing_domains(origin: &Name, policy: &Policy, records: &mut BTreeMap<Name, Vec<StaticSet>>) {
    for label in ["b", "db", "lb"] {
        let Ok(owner) = Name::parse("name", &format!("{label}._dns-sd._udp"), origin) else { continue };
        records.entry(owner.clone()).or_insert_with(|| {
            vec![StaticSet { owner, rtype: rtype::PTR, ttl: policy.record_ttl, rdata: vec![origin.as_wire().into()] }]
        });
    }
}

/// All zones the server answers for, and the hosts in them.
#[derive(Clone, Debug, Default)]
pub struct Zones {
    places: Arc<Places>,
    tree: Tree,
    /// Of the zones that hosts have names in (RFC 1035 3.3.13).
    serial: u32,
    /// How often the files were read anew.
    edition: u64,
}

/// The zones by origin.
#[derive(PartialEq, Debug, Default)]
struct Places {
    /// In the order given.
    zones: Vec<Zone>,
    by_origin: BTreeMap<Name, usize>,
    /// The most labels that an origin has.
    depth: usize,
    /// The first zone that hosts have their names in, where no other is below it: the one that most questions are about.
    main: Option<usize>,
    /// The origin below which hosts have the names that reverse zones give.
    called: Name,
    /// The datacenter below which nodes have theirs; `None` where no zone has Consul's grammar.
    nodes: Option<Name>,
}

impl Zones {
    /// Zones without hosts yet; of two with one origin the first counts.
    pub fn new(zones: Vec<Zone>, policy: Policy) -> Zones {
        let places = Places::new(zones);
        Zones { serial: places.serial(0), places: Arc::new(places), tree: Tree::new(policy), edition: 0 }
    }

    /// The zones after `changes`.
    #[must_use]
    pub fn with(&self, changes: &[Change]) -> Zones {
        let mut next = self.clone();
        if next.tree.apply(changes) {
            next.serial = self.serial.wrapping_add(1);
        }
        next
    }

    /// The zones of a whole table, with serials past `serial`.
    #[must_use]
    pub fn render(&self, hosts: &Hosts, serial: u32) -> Zones {
        let serial = self.places.serial(serial).wrapping_add(1);
        Zones { places: Arc::clone(&self.places), tree: self.tree.render(hosts), serial, edition: self.edition }
    }

    /// The same hosts, rendered as they are, in the zones of files that were read anew; the serial is past `serial`
    /// and those in the files.
    #[must_use]
    pub fn with_files_of(&self, anew: &Zones, serial: u32) -> Zones {
        Zones {
            places: Arc::clone(&anew.places),
            tree: self.tree.clone(),
            serial: if *self.places == *anew.places {
                later(self.serial, serial)
            } else {
                anew.places.serial(later(self.serial, serial)).wrapping_add(1)
            },
            edition: self.edition + 1,
        }
    }

    /// The zone with the longest origin that `name` (lower-case wire form) is at or below.
    pub fn find(&self, name: &[u8]) -> Option<Authority<'_>> {
        self.places.find(name, false).map(|place| self.authority(place))
    }

    /// [`Zones::find`] for a question: DS at an apex is the parent's, where that is ours too (RFC 4035 3.1.4.1).
    pub fn find_for(&self, question: &Question<'_>) -> Option<Authority<'_>> {
        let place = self.places.find(question.name, false)?;
        let is_apex = self.places.zones[place].origin().as_wire() == question.name;
        let above = (question.qtype == rtype::DS && is_apex).then(|| self.places.find(question.name, true)).flatten();
        Some(self.authority(above.unwrap_or(place)))
    }

    fn authority(&self, place: usize) -> Authority<'_> {
        Authority { place, zone: &self.places.zones[place].0, zones: self }
    }

    /// Why the hosts of a service could not be seen at its name: the record of a zone file that stands there.
    pub fn obstacle(&self, service: &str) -> Option<&'static str> {
        let zones =
            || self.places.zones.iter().filter(|zone| zone.grammar() == Grammar::Service && zone.0.statics.hide());
        // Most have no such records.
        zones().next()?;
        let key = NameKey::of_labels([service]);
        let mut apexes = zones().filter_map(|zone| zone.0.statics.get(&[]));
        if apexes.any(|node| node.set(rtype::DNAME).is_some()) {
            return Some("DNAME");
        }
        zones().filter_map(|zone| zone.0.statics.get(key.as_bytes())).find_map(|node| {
            let hides = |rtype| node.set(rtype).is_some();
            match (hides(rtype::CNAME), hides(rtype::NS)) {
                (true, _) => Some("CNAME"),
                (_, true) => Some("NS"),
                (false, false) => None,
            }
        })
    }

    /// The zones, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = &Zone> {
        self.places.zones.iter()
    }

    /// The serial of the zones that hosts are rendered into; it grows whenever a record changes (RFC 1982).
    pub fn serial(&self) -> u32 {
        self.serial
    }

    /// How often the files were read anew: the places of zones hold for one edition.
    pub fn edition(&self) -> u64 {
        self.edition
    }

    /// The origin below which hosts have their short names; `None` where no zone holds them.
    pub fn hosts_origin(&self) -> Option<&Name> {
        self.iter().find(|zone| zone.grammar() == Grammar::Service).map(Zone::origin)
    }

    /// How hosts are rendered.
    pub fn policy(&self) -> &Policy {
        self.tree.policy()
    }

    /// How many names there are, those that are worked out not counted.
    pub fn len(&self) -> usize {
        self.tree.len() + self.iter().map(|zone| zone.0.statics.len()).sum::<usize>()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.zones.is_empty()
    }

    /// The first place at which two values differ, if they do; serials do not count.
    pub fn difference(&self, other: &Zones) -> Option<String> {
        self.tree.difference(&other.tree)
    }
}

impl Places {
    fn new(mut zones: Vec<Zone>) -> Places {
        let mut by_origin = BTreeMap::new();
        for (place, zone) in zones.iter().enumerate() {
            by_origin.entry(zone.origin().clone()).or_insert(place);
        }
        nested::cut(&mut zones, &by_origin);
        let depth = zones.iter().map(|zone| zone.origin().labels().count()).max().unwrap_or(0);
        let first = zones.iter().position(|zone| zone.grammar() == Grammar::Service);
        let called = first.map_or_else(Name::root, |place| zones[place].origin().clone());
        let is_below = |origin: &Name| *origin != called && called.relative(origin.as_wire()).is_some();
        let main = first.filter(|place| by_origin.get(&called) == Some(place) && !by_origin.keys().any(is_below));
        let nodes = zones.iter().find_map(|zone| zone.0.datacenter.clone());
        Places { zones, by_origin, depth, main, called, nodes }
    }

    /// The greatest of `serial` and those in the files.
    fn serial(&self, serial: u32) -> u32 {
        let dynamic = self.zones.iter().filter(|zone| zone.grammar() != Grammar::Static);
        dynamic.map(|zone| zone.0.soa.serial).fold(serial, later)
    }

    /// The place of the zone with the longest origin at or above `name`, or only above it.
    fn find(&self, name: &[u8], above: bool) -> Option<usize> {
        if let Some(main) = self.main.filter(|_| !above)
            && self.called.relative(name).is_some()
        {
            return Some(main);
        }
        let mut starts: smallvec::SmallVec<[u8; 32]> = smallvec::SmallVec::new();
        let mut at = 0;
        while let Some(&length) = name.get(at) {
            // A name has at most 255 octets, so a start fits one.
            starts.push(at as u8);
            if length == 0 {
                break;
            }
            at += 1 + usize::from(length);
        }
        let first = starts.len().saturating_sub(self.depth + 1).max(usize::from(above));
        starts.get(first..)?.iter().find_map(|start| self.by_origin.get(&name[usize::from(*start)..]).copied())
    }
}

/// The greater of both in serial arithmetic (RFC 1982).
fn later(one: u32, other: u32) -> u32 {
    if other.wrapping_sub(one) < 1 << 31 { other } else { one }
}
