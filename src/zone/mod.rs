//! The zone as a value. Pure: no clock, no lock, no IO; `now` and randomness are arguments.
//!
//! A [`Zone`] is an ordered map from names to what stands there: static records of a zone file, hosts of
//! the table, or both. [`Zones::with`] makes the next value from changes and shares with this one all that
//! they do not touch; [`Zones::render`] makes it from a whole table, and both always agree. Records of
//! hosts are made when they are asked for, from the rows themselves: a row's lease decides at that moment
//! whether it is in the answer, and how long the answer may be kept.
//!
//! Names sort by reversed labels ([`NameKey`]), so the question whether anything exists below a name is
//! one look-up: NXDOMAIN costs what a hit costs, at any size.

mod answer;
mod file;
mod members;
mod name;
mod node;
mod order;
mod render;
mod schema;

use std::net::IpAddr;
use std::sync::Arc;

use imbl::OrdMap;

pub use answer::{Answer, Data, ExtendedError, Owner, Question, Rcode, Record, SrvTarget};
pub use file::{FileError, Soa, ZoneFile, parse as parse_file, rtype};
pub use name::{NAME_OCTETS, Name, NameKey, write_name};
pub use node::StaticSet;
pub use order::Random;
pub use schema::service::{address_label, check_service_label};

use node::Node;

/// How hosts are rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// TTL of records made from hosts, in seconds; a lease that ends earlier lowers it.
    pub record_ttl: u32,
    /// TTL of negative answers, in seconds.
    pub negative_ttl: u32,
    /// Whether hosts with the status warning are left out too.
    pub only_passing: bool,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy { record_ttl: 5, negative_ttl: 5, only_passing: false }
    }
}

/// Which names the hosts of the table get in a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grammar {
    /// None: the zone is its file.
    Static,
    /// `web.service.local`.
    Service,
}

/// What a zone has once and for all.
#[derive(Debug)]
struct Apex {
    origin: Name,
    soa: Soa,
    grammar: Grammar,
    policy: Policy,
}

/// One zone.
#[derive(Clone, Debug)]
pub struct Zone {
    apex: Arc<Apex>,
    serial: u32,
    names: OrdMap<NameKey, Node>,
    /// Static names whose leftmost label is `*`.
    wildcards: usize,
    /// Static names below the apex with NS records: the zone ends there.
    cuts: usize,
    /// Names of addresses whose hosts have different further addresses; while there is none, the addresses of an SRV
    /// target are known from the host alone.
    uneven: usize,
}

impl Zone {
    /// A zone of static records. Where the apex' NS names have no address here, they get `own` addresses.
    pub fn new(file: ZoneFile, grammar: Grammar, policy: Policy, own: &[IpAddr]) -> Zone {
        let ZoneFile { origin, mut soa, mut records } = file;
        if grammar == Grammar::Service {
            soa.minimum = policy.negative_ttl;
        }
        give_addresses(&origin, &soa, &mut records, own);
        let mut zone = Zone {
            serial: soa.serial,
            names: OrdMap::new(),
            wildcards: 0,
            cuts: 0,
            uneven: 0,
            apex: Arc::new(Apex { origin, soa, grammar, policy }),
        };
        for (owner, sets) in records {
            let Some(relative) = zone.apex.origin.relative(owner.as_wire()) else { continue };
            let key = NameKey::from_relative(relative);
            zone.wildcards += usize::from(relative.starts_with(b"\x01*"));
            zone.cuts += usize::from(!key.is_apex() && sets.iter().any(|set| set.rtype == rtype::NS));
            zone.names.insert(key, Node { statics: Some(sets.into()), dynamic: None });
        }
        // The apex exists whatever the file says of it: it has the SOA.
        zone.names.entry(NameKey::default()).or_insert_with(|| Node { statics: Some(Arc::from([])), dynamic: None });
        zone
    }

    /// The apex.
    pub fn origin(&self) -> &Name {
        &self.apex.origin
    }

    /// The SOA serial; it grows whenever a record changes (RFC 1982).
    pub fn serial(&self) -> u32 {
        self.serial
    }

    /// Which names hosts get here.
    pub fn grammar(&self) -> Grammar {
        self.apex.grammar
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none; never, the apex is one.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The first name at which two zones differ, if they do; serials do not count.
    pub fn difference(&self, other: &Zone) -> Option<String> {
        let mut theirs = other.names.iter();
        for (key, node) in &self.names {
            match theirs.next() {
                Some((name, _)) if name != key => return Some(format!("{key:?} here, {name:?} there")),
                Some((_, there)) if !node.same(there) => {
                    return Some(format!("{key:?}: {node:?} here, {there:?} there"));
                }
                None => return Some(format!("{key:?} only here")),
                Some(_) => {}
            }
        }
        if let Some((name, _)) = theirs.next() {
            return Some(format!("{name:?} only there"));
        }
        (self.uneven != other.uneven).then(|| format!("{} uneven here, {} there", self.uneven, other.uneven))
    }
}

fn give_addresses(
    origin: &Name,
    soa: &Soa,
    records: &mut std::collections::BTreeMap<Name, Vec<StaticSet>>,
    own: &[IpAddr],
) {
    let mut servers = vec![soa.mname.clone()];
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
        let sets = sets.map(|(rtype, rdata)| StaticSet { owner: server.clone(), rtype, ttl, rdata }).collect();
        records.insert(server, sets);
    }
}

/// All zones the server answers for.
#[derive(Clone, Debug, Default)]
pub struct Zones(Arc<[Zone]>);

impl Zones {
    /// The zones, in any order; of two with one origin the first counts.
    pub fn new(mut zones: Vec<Zone>) -> Zones {
        zones.sort_by_key(|zone| std::cmp::Reverse(zone.origin().as_wire().len()));
        Zones(zones.into())
    }

    /// The zone with the longest origin that `name` (lower-case wire form) is at or below, with its place.
    pub fn find(&self, name: &[u8]) -> Option<(usize, &Zone)> {
        self.0.iter().enumerate().find(|(_, zone)| zone.apex.origin.relative(name).is_some())
    }

    /// [`Zones::find`] for a question: DS at an apex is the parent's, where that is ours too (RFC 4035 3.1.4.1).
    pub fn find_for(&self, question: &Question<'_>) -> Option<(usize, &Zone)> {
        let found = self.find(question.name)?;
        if question.qtype != rtype::DS || found.1.origin().as_wire() != question.name {
            return Some(found);
        }
        let above = |(_, zone): &(usize, &Zone)| {
            zone.origin() != found.1.origin() && zone.apex.origin.relative(question.name).is_some()
        };
        self.0.iter().enumerate().find(above).or(Some(found))
    }

    /// Why the hosts of a service could not be seen at its name: the record of a zone file that stands there.
    pub fn obstacle(&self, service: &str) -> Option<&'static str> {
        let key = NameKey::of_labels([service]);
        let nodes =
            self.0.iter().filter(|zone| zone.grammar() == Grammar::Service).filter_map(|zone| zone.names.get(&key));
        nodes.into_iter().find_map(|node| {
            let hides = |rtype| node.static_set(rtype).is_some();
            match (hides(rtype::CNAME), hides(rtype::NS)) {
                (true, _) => Some("CNAME"),
                (_, true) => Some("NS"),
                (false, false) => None,
            }
        })
    }

    /// The zones, longest origin first.
    pub fn iter(&self) -> impl Iterator<Item = &Zone> {
        self.0.iter()
    }

    /// The serial of the zones that hosts are rendered into; 0 without one.
    pub fn serial(&self) -> u32 {
        self.0.iter().filter(|zone| zone.grammar() != Grammar::Static).map(Zone::serial).max().unwrap_or(0)
    }
}
