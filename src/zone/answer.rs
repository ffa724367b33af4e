//! The answer to a question (RFC 1034 4.3.2, RFC 2308, RFC 4592), as a value.
//!
//! No clock, no socket, no message: `now` and the order of records come in, records with their owners and
//! TTLs come out, and the zone they point into is borrowed. What does not fit a message is the affair of
//! whoever writes it.

mod hosts;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Bound;

use super::file::rtype;
use super::members::HostSet;
use super::name::NameKey;
use super::node::{Dynamic, Node, StaticSet};
use super::order::Random;
use super::schema::View;
use super::{Soa, Zone};
use crate::clock::Timestamp;
use crate::limits;

/// What is asked, class IN.
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    /// Lower-case wire form, without compression.
    pub name: &'q [u8],
    /// The type (RFC 1035 3.2.3).
    pub qtype: u16,
}

/// Response codes this server gives (RFC 1035 4.1.1, RFC 6891 9).
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
    pub text: &'static str,
}

/// Whose record it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owner<'z> {
    /// The name that was asked for.
    Question,
    /// A name in lower-case wire form.
    Name(&'z [u8]),
    /// `<hex-ip>.addr` in the zone.
    Address(IpAddr),
}

/// Where an SRV record points.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SrvTarget<'z> {
    /// `<hex-ip>.addr` in the zone.
    Address(IpAddr),
    /// A domain name in text, absolute, without the final dot.
    Name(&'z str),
}

/// What a record says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the fields are the RFCs'")]
pub enum Data<'z> {
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    Srv {
        priority: u16,
        weight: u16,
        port: u16,
        target: SrvTarget<'z>,
    },
    Soa {
        soa: &'z Soa,
        serial: u32,
    },
    /// From a zone file: the type and uncompressed RDATA.
    Static {
        rtype: u16,
        rdata: &'z [u8],
    },
}

impl Data<'_> {
    /// The type number.
    pub fn rtype(&self) -> u16 {
        match self {
            Data::A(_) => rtype::A,
            Data::Aaaa(_) => rtype::AAAA,
            Data::Srv { .. } => rtype::SRV,
            Data::Soa { .. } => rtype::SOA,
            Data::Static { rtype, .. } => *rtype,
        }
    }
}

/// One record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record<'z> {
    /// Whose it is.
    pub owner: Owner<'z>,
    /// Seconds.
    pub ttl: u32,
    /// What it says.
    pub data: Data<'z>,
}

/// A reply without its message.
#[derive(Clone, Debug)]
pub struct Answer<'z> {
    /// NOERROR, NXDOMAIN, ...
    pub rcode: Rcode,
    /// The AA bit: not on referrals (R2).
    pub authoritative: bool,
    /// The answer section, in the order to be sent.
    pub answer: Vec<Record<'z>>,
    /// SOA of a negative answer, NS of a referral: part of what must arrive.
    pub authority: Vec<Record<'z>>,
    /// Addresses of targets, sent as far as they fit.
    pub additional: Vec<Record<'z>>,
    /// Why, for people.
    pub extended: Option<ExtendedError>,
}

impl<'z> Answer<'z> {
    /// An authoritative reply with records yet to come.
    fn positive() -> Answer<'z> {
        Answer {
            rcode: Rcode::NoError,
            authoritative: true,
            answer: Vec::new(),
            authority: Vec::new(),
            additional: Vec::new(),
            extended: None,
        }
    }

    /// A reply that is an error and nothing else.
    pub fn error(rcode: Rcode, extended: Option<ExtendedError>) -> Answer<'static> {
        Answer { rcode, authoritative: false, extended, ..Answer::positive() }
    }
}

impl Zone {
    /// Answers a question about a name at or below the origin.
    pub fn answer<'z>(&'z self, question: &Question<'_>, now: Timestamp, random: &mut Random) -> Answer<'z> {
        let mut answer = Answer::positive();
        let relative = self.apex.origin.relative(question.name).unwrap_or_default();
        let mut key = NameKey::from_relative(relative);
        let mut owner = Owner::Question;
        // The chain ends at a name outside the zone, at a loop, or after the bound: what was found stands (R20).
        for _ in 0..limits::CNAME_CHAIN {
            let Some(alias) = self.answer_at(&key, owner, question.qtype, now, random, &mut answer) else { break };
            let seen = |record: &Record<'_>| record.owner == Owner::Name(alias);
            if alias == question.name || answer.answer.iter().any(seen) {
                break;
            }
            let Some(relative) = self.apex.origin.relative(alias) else { break };
            key.set_relative(relative);
            owner = Owner::Name(alias);
        }
        answer
    }

    /// One step: adds what stands at `key`; gives the target if it was a CNAME to be followed.
    fn answer_at<'z>(
        &'z self,
        key: &NameKey,
        owner: Owner<'z>,
        qtype: u16,
        now: Timestamp,
        random: &mut Random,
        answer: &mut Answer<'z>,
    ) -> Option<&'z [u8]> {
        if self.cuts > 0 && self.refer(key, qtype, now, answer) {
            return None;
        }
        let node = match self.names.get(key) {
            Some(node) if self.is_live(node, now) => Some(node),
            _ if self.lives_below(key, now) => None,
            _ => match self.wildcard(key, now) {
                Some(node) => Some(node),
                None => {
                    answer.rcode = Rcode::NxDomain;
                    self.deny(answer);
                    return None;
                }
            },
        };
        let Some(node) = node else {
            self.deny(answer);
            return None;
        };
        if let Some(set) = node.static_set(rtype::CNAME) {
            push_static(&mut answer.answer, owner, set);
            let followed = qtype != rtype::CNAME && qtype != rtype::ANY;
            return set.rdata.first().map(|target| &**target).filter(|_| followed);
        }
        let found = answer.answer.len();
        if qtype == rtype::ANY {
            self.any(node, key, owner, now, random, answer);
        } else {
            self.records(node, key, owner, qtype, now, random, answer);
        }
        if answer.answer.len() == found {
            self.deny(answer);
        }
        None
    }

    /// The records of one type at a node, and the addresses of their targets.
    #[allow(clippy::too_many_arguments, reason = "one step of answer_at")]
    fn records<'z>(
        &'z self,
        node: &'z Node,
        key: &NameKey,
        owner: Owner<'z>,
        qtype: u16,
        now: Timestamp,
        random: &mut Random,
        answer: &mut Answer<'z>,
    ) {
        if qtype == rtype::SOA && key.is_apex() {
            answer.answer.push(self.soa(owner, self.apex.soa.ttl));
            return;
        }
        let start = answer.answer.len();
        if let Some((view, set)) = self.shown(node) {
            self.host_records(view, set, owner, qtype, now, answer);
        }
        if let Some(set) = node.static_set(qtype) {
            merge_static(&mut answer.answer, start, owner, set);
            self.static_additional(set, now, answer);
        }
        random.shuffle(&mut answer.answer[start..]);
    }

    /// ANY gets one set, whichever is there (RFC 8482 4.1).
    fn any<'z>(
        &'z self,
        node: &'z Node,
        key: &NameKey,
        owner: Owner<'z>,
        now: Timestamp,
        random: &mut Random,
        answer: &mut Answer<'z>,
    ) {
        let found = answer.answer.len();
        let statics = node.statics.iter().flat_map(|sets| sets.iter().map(|set| set.rtype));
        let types = [rtype::A, rtype::AAAA, rtype::SRV].into_iter().chain(statics).chain([rtype::SOA]);
        for qtype in types {
            self.records(node, key, owner, qtype, now, random, answer);
            if answer.answer.len() > found {
                answer.additional.clear();
                return;
            }
        }
    }

    /// Puts the SOA where a resolver reads how long "no" may be kept (RFC 2308 3).
    fn deny<'z>(&'z self, answer: &mut Answer<'z>) {
        let ttl = self.apex.soa.ttl.min(self.apex.soa.minimum);
        let owner = Owner::Name(self.apex.origin.as_wire());
        answer.authority.push(self.soa(owner, ttl));
    }

    fn soa<'z>(&'z self, owner: Owner<'z>, ttl: u32) -> Record<'z> {
        Record { owner, ttl, data: Data::Soa { soa: &self.apex.soa, serial: self.serial } }
    }

    /// The hosts that a node shows, and how much of them.
    fn shown<'z>(&'z self, node: &'z Node) -> Option<(&'z View, &'z HostSet)> {
        match node.dynamic.as_ref()? {
            Dynamic::Service(service) => service.part(&View::Service).map(|set| (&View::Service, set)),
            Dynamic::Address(hosts) => Some((&View::Address, &hosts.set)),
            Dynamic::Alias(alias) => {
                let (key, view) = &**alias;
                let set = self.names.get(key)?.service()?.part(view)?;
                Some((view, set))
            }
        }
    }

    /// Whether anything stands at a node at `now`.
    fn is_live(&self, node: &Node, now: Timestamp) -> bool {
        node.statics.is_some() || self.shown(node).is_some_and(|(_, set)| set.live(now).next().is_some())
    }

    /// Whether anything stands below `key`: an empty non-terminal exists (RFC 8020 2).
    fn lives_below(&self, key: &NameKey, now: Timestamp) -> bool {
        let mut visited = 0;
        let below = (Bound::Excluded(key.as_bytes()), Bound::Unbounded);
        for (name, node) in self.names.range::<_, [u8]>(below) {
            if !name.as_bytes().starts_with(key.as_bytes()) {
                return false;
            }
            visited += 1;
            if self.is_live(node, now) || visited > limits::LAPSED_NAMES_VISITED {
                return true;
            }
        }
        false
    }

    /// The wildcard that covers a name that does not exist (RFC 4592 3.3.1).
    fn wildcard(&self, key: &NameKey, now: Timestamp) -> Option<&Node> {
        if self.wildcards == 0 {
            return None;
        }
        let bytes = key.as_bytes();
        let ends: smallvec::SmallVec<[usize; 16]> = key.ends().collect();
        for &end in ends[..ends.len().saturating_sub(1)].iter().rev().chain([&0]) {
            let encloser = NameKey::from_bytes(&bytes[..end]);
            let exists = end == 0
                || self.names.get(&encloser).is_some_and(|node| self.is_live(node, now))
                || self.lives_below(&encloser, now);
            if exists {
                let mut star = encloser;
                star.push_label(b"*");
                return self.names.get(&star);
            }
        }
        None
    }

    /// A name at or below a delegation gets a referral (RFC 1034 4.3.2 step 3b).
    fn refer<'z>(&'z self, key: &NameKey, qtype: u16, now: Timestamp, answer: &mut Answer<'z>) -> bool {
        for end in key.ends() {
            let cut = NameKey::from_bytes(&key.as_bytes()[..end]);
            let Some((cut, node)) = self.names.get_key_value(&cut) else { continue };
            let Some(set) = node.static_set(rtype::NS) else { continue };
            // DS at the cut belongs to this side of it (RFC 4035 3.1.4.1).
            if cut == key && qtype == rtype::DS {
                return false;
            }
            answer.authoritative = !answer.answer.is_empty();
            let owner =
                if cut == key && answer.answer.is_empty() { Owner::Question } else { Owner::Name(set.owner.as_wire()) };
            push_static(&mut answer.authority, owner, set);
            self.static_additional(set, now, answer);
            return true;
        }
        false
    }

    /// The addresses, in this zone, of the names in a static set.
    fn static_additional<'z>(&'z self, set: &'z StaticSet, now: Timestamp, answer: &mut Answer<'z>) {
        let skip = match set.rtype {
            rtype::NS => 0,
            rtype::MX => 2,
            rtype::SRV => 6,
            _ => return,
        };
        for rdata in &set.rdata {
            let Some(target) = rdata.get(skip..) else { continue };
            let owner = Owner::Name(target);
            if answer.additional.iter().any(|record| record.owner == owner) {
                continue;
            }
            let Some(relative) = self.apex.origin.relative(target) else { continue };
            let Some(node) = self.names.get(&NameKey::from_relative(relative)) else { continue };
            for qtype in [rtype::A, rtype::AAAA] {
                self.addresses(node, owner, qtype, now, &mut answer.additional);
            }
        }
    }

    /// The A or AAAA records at a node.
    fn addresses<'z>(&self, node: &'z Node, owner: Owner<'z>, qtype: u16, now: Timestamp, into: &mut Vec<Record<'z>>) {
        let start = into.len();
        if let Some((_, set)) = self.shown(node).filter(|(view, _)| view.shows_addresses()) {
            hosts::push_addresses(set, owner, qtype, self.apex.policy.record_ttl, now, into);
        }
        if let Some(set) = node.static_set(qtype) {
            merge_static(into, start, owner, set);
        }
    }
}

fn push_static<'z>(into: &mut Vec<Record<'z>>, owner: Owner<'z>, set: &'z StaticSet) {
    let rtype = set.rtype;
    into.extend(set.rdata.iter().map(|rdata| Record { owner, ttl: set.ttl, data: Data::Static { rtype, rdata } }));
}

/// Adds a static set to what hosts gave: one TTL (RFC 2181 5.2), no record twice.
fn merge_static<'z>(into: &mut Vec<Record<'z>>, start: usize, owner: Owner<'z>, set: &'z StaticSet) {
    let ttl = into[start..].first().map_or(set.ttl, |first| first.ttl.min(set.ttl));
    for record in &mut into[start..] {
        record.ttl = ttl;
    }
    let hosts = start..into.len();
    for rdata in &set.rdata {
        let twice = into[hosts.clone()].iter().any(|record| same_address(&record.data, rdata));
        if !twice {
            into.push(Record { owner, ttl, data: Data::Static { rtype: set.rtype, rdata } });
        }
    }
}

fn same_address(data: &Data<'_>, rdata: &[u8]) -> bool {
    match data {
        Data::A(address) => address.octets() == rdata,
        Data::Aaaa(address) => address.octets() == rdata,
        Data::Srv { .. } | Data::Soa { .. } | Data::Static { .. } => false,
    }
}

#[cfg(test)]
mod tests;
