//! What the records of a zone file say: referrals, wildcards, the addresses of targets.

use smallvec::{Array, SmallVec};

use super::{Data, Owner, Record, Search};
use crate::zone::file::rtype;
use crate::zone::name::NameKey;
use crate::zone::schema::resolve::Found;
use crate::zone::statics::{StaticNode, StaticSet};

impl<'z> Search<'z, '_> {
    /// The wildcard that covers a name that does not exist (RFC 4592 3.3.1).
    pub(super) fn wildcard(&self, key: &NameKey) -> Option<&'z StaticNode> {
        let zone = self.place.zone;
        if zone.statics.wildcards == 0 {
            return None;
        }
        let bytes = key.as_bytes();
        let ends: SmallVec<[usize; 16]> = key.ends().collect();
        for &end in ends[..ends.len().saturating_sub(1)].iter().rev().chain([&0]) {
            let encloser = NameKey::from_bytes(&bytes[..end]);
            let exists = end == 0
                || zone.statics.get(&bytes[..end]).is_some()
                || zone.statics.any_below(&bytes[..end])
                || !matches!(self.look.find(&zone.grammar, &encloser), Found::Nothing);
            if exists {
                let mut star = encloser;
                star.push_label(b"*");
                return zone.statics.get(star.as_bytes());
            }
        }
        None
    }

    /// A name at or below a delegation gets a referral (RFC 1034 4.3.2 step 3b).
    pub(super) fn refer(&mut self, key: &NameKey) -> bool {
        let statics = &self.place.zone.statics;
        for end in key.ends() {
            let Some(node) = statics.get(&key.as_bytes()[..end]) else { continue };
            let Some(set) = node.set(rtype::NS) else { continue };
            let is_cut = end == key.as_bytes().len();
            // DS at the cut belongs to this side of it (RFC 4035 3.1.4.1).
            if is_cut && self.qtype == rtype::DS {
                return false;
            }
            self.answer.authoritative = !self.answer.answer.is_empty();
            let at_cut = is_cut && self.answer.answer.is_empty();
            let owner = if at_cut { Owner::Question } else { Owner::Name(set.owner.as_wire()) };
            self.answer.authority.extend(records(owner, set));
            self.static_additional(set);
            return true;
        }
        false
    }

    pub(super) fn push_static(&mut self, owner: Owner<'z>, set: &'z StaticSet) {
        self.answer.answer.extend(records(owner, set));
    }

    /// The addresses, in this zone, of the names in a static set.
    pub(super) fn static_additional(&mut self, set: &'z StaticSet) {
        let skip = match set.rtype {
            rtype::NS => 0,
            rtype::MX => 2,
            rtype::SRV => 6,
            _ => return,
        };
        for rdata in &set.rdata {
            let Some(target) = rdata.get(skip..) else { continue };
            let owner = Owner::Name(target);
            if self.answer.additional.iter().any(|record| record.owner == owner) {
                continue;
            }
            let Some(relative) = self.place.zone.origin.relative(target) else { continue };
            let key = NameKey::from_relative(relative);
            for qtype in [rtype::A, rtype::AAAA] {
                self.addresses(&key, owner, qtype);
            }
        }
    }

    /// The A or AAAA records at a name, into the additional section.
    pub(super) fn addresses(&mut self, key: &NameKey, owner: Owner<'z>, qtype: u16) {
        let start = self.answer.additional.len();
        if let Found::Hosts(facet, members) = self.look.find(&self.place.zone.grammar, key)
            && facet.shows_addresses()
        {
            self.push_addresses(&members, owner, qtype);
        }
        if let Some(set) = self.place.zone.statics.get(key.as_bytes()).and_then(|node| node.set(qtype)) {
            merge(&mut self.answer.additional, start, owner, set);
        }
    }
}

fn records<'z>(owner: Owner<'z>, set: &'z StaticSet) -> impl Iterator<Item = Record<'z>> {
    let rtype = set.rtype;
    set.rdata.iter().map(move |rdata| Record { owner, ttl: set.ttl, data: Data::Static { rtype, rdata } })
}

/// Adds a static set to what hosts gave: one TTL (RFC 2181 5.2), no record twice.
pub(super) fn merge<'z, A: Array<Item = Record<'z>>>(
    into: &mut SmallVec<A>,
    start: usize,
    owner: Owner<'z>,
    set: &'z StaticSet,
) {
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
        Data::Srv { .. }
        | Data::Svcb { .. }
        | Data::Ptr { .. }
        | Data::Txt(_)
        | Data::Soa { .. }
        | Data::Static { .. } => false,
    }
}
