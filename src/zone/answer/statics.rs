//! What the records of a zone file say: referrals, redirections, wildcards, the addresses of targets.

use smallvec::{Array, SmallVec};

use super::{Data, Owner, Rcode, Record, Search};
use crate::zone::file::rtype;
use crate::zone::name::{NAME_OCTETS, Path};
use crate::zone::schema::resolve::Found;
use crate::zone::statics::{Edge, StaticNode, StaticSet};

impl<'z> Search<'z, '_> {
    /// The wildcard that covers a name that does not exist (RFC 4592 3.3.1), which may be an empty non-terminal (4.9).
    pub(super) fn wildcard(&self, key: &Path) -> Option<Option<&'z StaticNode>> {
        let zone = self.place.zone;
        if zone.statics.wildcards == 0 {
            return None;
        }
        let bytes = key.as_bytes();
        let ends: SmallVec<[usize; 16]> = key.ends().collect();
        for &end in ends[..ends.len().saturating_sub(1)].iter().rev().chain([&0]) {
            let encloser = Path::from_bytes(&bytes[..end]);
            let exists = end == 0
                || zone.statics.get(&bytes[..end]).is_some()
                || zone.statics.any_below(&bytes[..end])
                || !matches!(self.look.find(&zone.grammar, &encloser), Found::Nothing);
            if exists {
                let mut star = encloser;
                star.push_label(b"*");
                let node = zone.statics.get(star.as_bytes());
                return (node.is_some() || zone.statics.any_below(star.as_bytes())).then_some(node);
            }
        }
        None
    }

    /// Says who answers for a name (RFC 1034 4.3.2 step 3b): required glue first, then other addresses that are known.
    pub(super) fn refer(&mut self, set: &'z StaticSet, key: &Path) {
        self.answer.authoritative = !self.answer.answer.is_empty();
        let cut = self.place.zone.origin.relative(set.owner.as_wire()).map(Path::from_relative);
        let at_cut = self.answer.answer.is_empty() && cut.is_some_and(|cut| cut == *key);
        let owner = if at_cut { Owner::Question } else { Owner::Name(set.owner.as_wire()) };
        self.answer.authority.extend(records(owner, set));
        for required in [true, false] {
            for target in set.rdata.iter().filter(|target| set.owner.relative(target).is_some() == required) {
                self.target_addresses_of(target, true);
            }
            if required {
                self.answer.required = self.answer.additional.len();
            }
        }
    }

    /// Adds a DNAME and the alias it makes of the name `owner`; gives the name to go on with (RFC 6672 3.2).
    pub(super) fn redirect(&mut self, set: &'z StaticSet, owner: Owner<'z>) -> Option<Owner<'z>> {
        let target = set.rdata.first()?;
        let name = self.answer.name(owner, self.question.name)?;
        let mut made = set.owner.relative(name)?.to_vec();
        made.extend_from_slice(target);
        let redirection = Owner::Name(set.owner.as_wire());
        let is_there = |record: &Record<'_>| record.owner == redirection && record.data.rtype() == rtype::DNAME;
        if !self.answer.answer.iter().any(is_there) {
            self.push_static(redirection, set);
        }
        if made.len() > NAME_OCTETS {
            self.answer.rcode = Rcode::YxDomain;
            return None;
        }
        let place = self.answer.made.len();
        self.answer.made.push(made.into());
        self.answer.answer.push(Record { owner, ttl: set.ttl, data: Data::Alias(place) });
        let followed = self.question.qtype != rtype::CNAME && self.question.qtype != rtype::ANY;
        followed.then_some(Owner::Made(place))
    }

    pub(super) fn push_static(&mut self, owner: Owner<'z>, set: &'z StaticSet) {
        self.answer.answer.extend(records(owner, set));
    }

    /// The addresses, in this zone, of the names in a static set (RFC 1035 3.3, RFC 2782, RFC 9460 4.1).
    pub(super) fn static_additional(&mut self, set: &'z StaticSet, key: &Path, owner: Owner<'z>) {
        let Some(skip) = rtype::before_target(set.rtype) else { return };
        for target in set.rdata.iter().filter_map(|rdata| first_name(rdata.get(skip..)?)) {
            // A service whose target is the root is at its own name (RFC 9460 2.5.2).
            if target == [0] && [rtype::SVCB, rtype::HTTPS].contains(&set.rtype) {
                for qtype in [rtype::A, rtype::AAAA] {
                    self.addresses(key, owner, qtype);
                }
            } else {
                self.target_addresses_of(target, set.rtype == rtype::NS);
            }
        }
    }

    /// The addresses, in this zone, of a name; those below a cut are here as glue alone.
    fn target_addresses_of(&mut self, target: &'z [u8], glue: bool) {
        let owner = Owner::Name(target);
        if self.answer.additional.iter().any(|record| record.owner == owner) {
            return;
        }
        let Some(relative) = self.place.zone.origin.relative(target) else { return };
        let key = Path::from_relative(relative);
        match self.place.zone.statics.edge(&key, rtype::A) {
            Some(Edge::Redirection(_)) => return,
            Some(Edge::Delegation(_)) if !glue => return,
            Some(Edge::Delegation(_)) | None => {}
        }
        for qtype in [rtype::A, rtype::AAAA] {
            self.addresses(&key, owner, qtype);
        }
    }

    /// The A or AAAA records at a name, into the additional section.
    pub(super) fn addresses(&mut self, key: &Path, owner: Owner<'z>, qtype: u16) {
        let start = self.answer.additional.len();
        let found = self.look.find(&self.place.zone.grammar, key);
        if let Found::Hosts(facet, members) = &found
            && facet.shows_addresses()
        {
            self.push_addresses(members, owner, qtype);
        }
        let found = !matches!(found, Found::Nothing);
        let statics = &self.place.zone.statics;
        let node = statics.get(key.as_bytes());
        let is_there = node.is_some() || found || statics.any_below(key.as_bytes());
        let node = if is_there { node } else { self.wildcard(key).flatten() };
        if let Some(set) = node.and_then(|node| node.set(qtype)) {
            merge(&mut self.answer.additional, start, owner, set);
        }
    }
}

/// The name that octets begin with.
fn first_name(octets: &[u8]) -> Option<&[u8]> {
    let mut at = 0;
    while let Some(&length) = octets.get(at) {
        at += 1 + usize::from(length);
        if length == 0 {
            return octets.get(..at);
        }
    }
    None
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
        | Data::Pair(_)
        | Data::Soa { .. }
        | Data::Alias(_)
        | Data::Static { .. } => false,
    }
}
