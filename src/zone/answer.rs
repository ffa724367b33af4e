//! The answer to a question (RFC 1034 4.3.2, RFC 2308, RFC 4592, RFC 6672), as a value.
//!
//! No clock, no socket, no message: `now` and the order of records come in, records with their owners and
//! TTLs come out, and the zone they point into is borrowed. What does not fit a message is the affair of
//! whoever writes it.

mod census;
mod explain;
mod hosts;
mod nodes;
mod prompt;
mod stale;
mod statics;

use smallvec::SmallVec;

use super::file::rtype;
use super::name::Path;
use super::order::Random;
use super::record::{Data, Owner, Record};
use super::schema::resolve::{Found, Look};
use super::statics::{Edge, StaticNode};
use super::tree::Tree;
use super::{Apex, Name, Policy, Zones};
use crate::clock::Timestamp;
use crate::limits;

pub use census::Words;
pub use explain::{Explanation, Judged, Reason, Subject};
pub use prompt::{LISTED_MOST, Listed, Prompt};

/// What is asked, class IN.
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    /// Lower-case wire form, without compression.
    pub name: &'q [u8],
    /// The type (RFC 1035 3.2.3).
    pub qtype: u16,
}

/// Who asks, as far as the answer depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Asker {
    /// The moment of the question.
    pub now: Timestamp,
    /// The records of one set that the reply has room for, at most: of more, some are enough.
    pub room: usize,
    /// Stands for the client's address: what is stable for a client depends on it.
    pub client: u64,
    /// Whether the reply can say why there is nothing.
    pub explain: bool,
    /// Whether hosts may be others by now, as nobody can be asked.
    pub stale: bool,
}

impl Asker {
    /// Somebody with room for every record.
    pub fn at(now: Timestamp) -> Asker {
        Asker { now, room: usize::MAX, client: 0, explain: true, stale: false }
    }
}

/// Response codes this server gives (RFC 1035 4.1.1, RFC 6672 2.2, RFC 6891 9).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names are the IANA registry's")]
pub enum Rcode {
    NoError = 0,
    FormErr = 1,
    ServFail = 2,
    NxDomain = 3,
    NotImp = 4,
    Refused = 5,
    YxDomain = 6,
    BadVers = 16,
}

impl Rcode {
    /// The mnemonic that dig prints.
    pub const fn as_str(self) -> &'static str {
        match self {
            Rcode::NoError => "NOERROR",
            Rcode::FormErr => "FORMERR",
            Rcode::ServFail => "SERVFAIL",
            Rcode::NxDomain => "NXDOMAIN",
            Rcode::NotImp => "NOTIMP",
            Rcode::Refused => "REFUSED",
            Rcode::YxDomain => "YXDOMAIN",
            Rcode::BadVers => "BADVERS",
        }
    }
}

/// An extended error (RFC 8914): the info code and a sentence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExtendedError {
    /// The IANA info code.
    pub code: u16,
    /// For people.
    pub text: Words,
}

/// A reply without its message.
///
/// The lists hold an ordinary answer without memory of their own: ten hosts with the addresses of both families.
#[derive(Clone, Debug)]
pub struct Answer<'z> {
    /// NOERROR, NXDOMAIN, ...
    pub rcode: Rcode,
    /// The AA bit: not on referrals (R2).
    pub authoritative: bool,
    /// The answer section, in the order to be sent.
    pub answer: SmallVec<[Record<'z>; 16]>,
    /// SOA of a negative answer, NS of a referral: part of what must arrive.
    pub authority: SmallVec<[Record<'z>; 2]>,
    /// Addresses of targets, sent as far as they fit.
    pub additional: SmallVec<[Record<'z>; 24]>,
    /// How many of those, from the first, a referral is of no use without: its glue (RFC 9471 3).
    pub required: usize,
    /// Names in lower-case wire form that stand in no zone, because DNAMEs made them.
    pub made: Vec<Box<[u8]>>,
    /// Why, for people.
    pub extended: Option<ExtendedError>,
}

impl<'z> Answer<'z> {
    /// An authoritative reply with records yet to come.
    fn positive() -> Answer<'z> {
        Answer {
            rcode: Rcode::NoError,
            authoritative: true,
            answer: SmallVec::new(),
            authority: SmallVec::new(),
            additional: SmallVec::new(),
            required: 0,
            made: Vec::new(),
            extended: None,
        }
    }

    /// The wire form of an owner, where `asked` was the question; `None` for names made of hosts.
    pub fn name<'a>(&'a self, owner: Owner<'a>, asked: &'a [u8]) -> Option<&'a [u8]> {
        match owner {
            Owner::Question => Some(asked),
            Owner::Name(name) => Some(name),
            Owner::Made(place) => self.made.get(place).map(|name| &**name),
            Owner::Derived(_) => None,
        }
    }

    /// A reply that is an error and nothing else.
    pub fn error(rcode: Rcode, extended: Option<ExtendedError>) -> Answer<'z> {
        Answer { rcode, authoritative: false, extended, ..Answer::positive() }
    }
}

/// A zone that a name is in, with the hosts.
#[derive(Clone, Copy, Debug)]
pub struct Authority<'z> {
    /// The place of the zone in [`Zones::iter`].
    pub place: usize,
    pub(super) zone: &'z Apex,
    pub(super) zones: &'z Zones,
}

impl<'z> Authority<'z> {
    /// The apex.
    pub fn origin(&self) -> &'z Name {
        &self.zone.origin
    }

    /// What the names of addresses are below in Consul's grammar.
    pub fn datacenter(&self) -> Option<&'z Name> {
        self.zone.datacenter.as_ref()
    }

    /// Whether the zone is its file and nothing else.
    pub fn is_static(&self) -> bool {
        self.zone.grammar == super::Grammar::Static
    }

    /// Answers a question about a name at or below the origin.
    pub fn answer(&self, question: &Question<'_>, asker: &Asker, random: &mut Random) -> Answer<'z> {
        let look = self.look(asker.now);
        let answer = Answer::positive();
        let mut search = Search { place: *self, look, asker, random, question: *question, answer, is_stale: false };
        search.run();
        let Search { mut answer, is_stale, .. } = search;
        if is_stale {
            answer.mark_stale(self.policy().stale_ttl, stale::KEPT);
        } else if asker.stale && !self.is_static() {
            answer.mark_stale(self.policy().stale_ttl, stale::AWAY);
        }
        answer
    }

    fn look(&self, now: Timestamp) -> Look<'z> {
        Look { tree: self.tree(), names_nodes: self.zones.places.nodes.is_some(), now }
    }

    fn tree(&self) -> &'z Tree {
        &self.zones.tree
    }

    fn policy(&self) -> &'z Policy {
        self.zones.tree.policy()
    }

    fn soa(&self, owner: Owner<'z>, ttl: u32) -> Record<'z> {
        let serial = if self.is_static() { self.zone.soa.serial } else { self.zones.serial };
        Record { owner, ttl, data: Data::Soa { soa: &self.zone.soa, serial } }
    }

    /// The SOA where a resolver reads how long "no" may be kept (RFC 2308 3).
    fn soa_of_denials(&self) -> Record<'z> {
        let ttl = self.zone.soa.ttl.min(self.zone.soa.minimum);
        self.soa(Owner::Name(self.zone.origin.as_wire()), ttl)
    }
}

/// One answer in the making.
struct Search<'z, 'a> {
    place: Authority<'z>,
    look: Look<'z>,
    asker: &'a Asker,
    random: &'a mut Random,
    question: Question<'a>,
    answer: Answer<'z>,
    /// Whether a host that the answer is made of is kept past its lease.
    is_stale: bool,
}

impl<'z> Search<'z, '_> {
    /// Follows the name, and the aliases it leads to.
    fn run(&mut self) {
        let zone = self.place.zone;
        let asked = self.question.name;
        let mut key = Path::from_relative(zone.origin.relative(asked).unwrap_or_default());
        let mut owner = Owner::Question;
        // The chain ends at a name outside the zone, at a loop, or after the bound: what was found stands (R20).
        for _ in 0..limits::CNAME_CHAIN {
            let Some(alias) = self.at(&key, owner) else { break };
            let Some(name) = self.answer.name(alias, asked) else { break };
            let is_alias = |record: &&Record<'_>| record.data.rtype() == rtype::CNAME;
            let mut aliases = self.answer.answer.iter().filter(is_alias);
            if aliases.any(|record| self.answer.name(record.owner, asked) == Some(name)) {
                break;
            }
            let Some(relative) = zone.origin.relative(name) else { break };
            key.set_relative(relative);
            owner = alias;
        }
    }

    /// One step: adds what stands at `key`; gives the next name if this one is an alias to be followed.
    fn at(&mut self, key: &Path, owner: Owner<'z>) -> Option<Owner<'z>> {
        let zone = self.place.zone;
        match zone.statics.edge(key, self.question.qtype) {
            Some(Edge::Delegation(set)) => {
                self.refer(set, key);
                return None;
            }
            Some(Edge::Redirection(set)) => return self.redirect(set, owner),
            None => {}
        }
        let node = zone.statics.get(key.as_bytes());
        let found = self.look.find(&zone.grammar, key);
        if node.is_none() && matches!(found, Found::Nothing) && !zone.statics.any_below(key.as_bytes()) {
            return match self.wildcard(key) {
                Some(node) => self.take(node, Found::Nothing, key, owner),
                None => {
                    self.answer.rcode = Rcode::NxDomain;
                    self.deny(key);
                    None
                }
            };
        }
        self.take(node, found, key, owner)
    }

    /// Adds what a name has of the type that is asked for; gives the target if it is an alias to be followed.
    fn take(
        &mut self,
        node: Option<&'z StaticNode>,
        found: Found<'z>,
        key: &Path,
        owner: Owner<'z>,
    ) -> Option<Owner<'z>> {
        let qtype = self.question.qtype;
        if let Some(set) = node.and_then(|node| node.set(rtype::CNAME)) {
            let followed = qtype != rtype::CNAME && qtype != rtype::ANY;
            // Signatures and proofs stand beside an alias, and are not looked for at its target (RFC 4035 2.5).
            if !followed || node.is_none_or(|node| node.set(qtype).is_none()) {
                self.push_static(owner, set);
                return set.rdata.first().map(|target| Owner::Name(target)).filter(|_| followed);
            }
        }
        let start = self.answer.answer.len();
        if qtype == rtype::ANY {
            self.any(node, &found, key, owner);
        } else {
            self.records(node, &found, key, owner, qtype);
        }
        if self.answer.answer.len() == start {
            self.deny(key);
        }
        None
    }

    /// The records of one type at a name, and the addresses of their targets.
    fn records(&mut self, node: Option<&'z StaticNode>, found: &Found<'z>, key: &Path, owner: Owner<'z>, qtype: u16) {
        let zone = self.place.zone;
        if qtype == rtype::SOA && key.is_apex() {
            self.answer.answer.push(self.place.soa(owner, zone.soa.ttl));
            return;
        }
        let start = self.answer.answer.len();
        match found {
            Found::Hosts(facet, members) => self.host_records(*facet, members, owner, qtype),
            Found::Types if qtype == rtype::PTR => self.service_types(owner),
            Found::Literal(address) => {
                let record = hosts::literal(*address, owner, self.place.policy().record_ttl);
                self.answer.answer.extend(Some(record).filter(|record| record.data.rtype() == qtype));
            }
            Found::Types | Found::Empty | Found::Nothing => {}
        }
        if let Some(set) = node.and_then(|node| node.set(qtype)) {
            statics::merge(&mut self.answer.answer, start, owner, set);
            self.random.shuffle(&mut self.answer.answer[start..]);
            self.static_additional(set, key, owner);
        }
    }

    /// ANY gets one set (RFC 8482 4.1): the smallest.
    fn any(&mut self, node: Option<&'z StaticNode>, found: &Found<'z>, key: &Path, owner: Owner<'z>) {
        let start = self.answer.answer.len();
        let made = [rtype::A, rtype::AAAA, rtype::SRV, rtype::PTR, rtype::TXT].into_iter();
        let mut best: Option<(usize, u16)> = None;
        let types: SmallVec<[u16; 8]> = made
            .chain(node.into_iter().flat_map(|node| node.iter().map(|set| set.rtype)))
            .chain([rtype::SOA])
            .collect();
        for qtype in types {
            self.records(node, found, key, owner, qtype);
            let count = self.answer.answer.len() - start;
            self.answer.answer.truncate(start);
            self.answer.additional.clear();
            if count > 0 && best.is_none_or(|(fewest, _)| count < fewest) {
                best = Some((count, qtype));
            }
        }
        if let Some((_, qtype)) = best {
            self.records(node, found, key, owner, qtype);
            self.answer.additional.clear();
        }
    }

    /// Puts the SOA where a resolver reads how long "no" may be kept (RFC 2308 3).
    fn deny(&mut self, key: &Path) {
        self.answer.authority.push(self.place.soa_of_denials());
        if self.asker.explain {
            self.answer.extended = self.place.why_empty(key, self.look);
        }
    }
}

#[cfg(test)]
mod tests;
