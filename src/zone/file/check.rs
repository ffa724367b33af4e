//! Rules for records together: what no zone may have, and what most likely is a mistake.

use super::{FileError, ZoneFile, rtype};
use crate::limits;
use crate::zone::name::Name;
use crate::zone::statics::StaticSet;

/// Rules for all records of a name (RFC 1034 3.6.2, 4.2.1; RFC 2181 10.1; RFC 6672 2.3, 2.4).
pub(super) fn owner(origin: &Name, owner: &Name, sets: &[StaticSet]) -> Result<(), String> {
    if origin.relative(owner.as_wire()).is_none() {
        return Err(format!("{owner} is outside the zone {origin}"));
    }
    let set = |rtype| sets.iter().find(|set| set.rtype == rtype);
    let signs = |set: &&StaticSet| [rtype::RRSIG, rtype::NSEC].contains(&set.rtype);
    if let Some(alias) = set(rtype::CNAME) {
        // Signatures and proofs may stand with it (RFC 4035 2.5).
        if sets.iter().filter(|set| !signs(set)).count() > 1 || owner == origin {
            return Err(format!("{owner} has a CNAME and other records"));
        }
        if alias.rdata.len() > 1 {
            return Err(format!("{owner} has more than one CNAME"));
        }
    }
    if let Some(alias) = set(rtype::DNAME) {
        if alias.rdata.len() > 1 {
            return Err(format!("{owner} has more than one DNAME"));
        }
        if set(rtype::NS).is_some() && owner != origin {
            return Err(format!("{owner} has DNAME and NS records, and is not the apex"));
        }
    }
    Ok(())
}

/// What can be served all the same, as far as anybody would read it.
pub(super) fn doubts(zone: &ZoneFile, line_of: impl Fn(&Name) -> usize) -> Vec<FileError> {
    let mut doubts = Vec::new();
    let hides = |set: &StaticSet| set.rtype == rtype::DNAME || (set.rtype == rtype::NS && set.owner != zone.origin);
    let hides = zone.records.values().flatten().any(hides);
    for (owner, sets) in &zone.records {
        if doubts.len() >= limits::ZONE_FILE_WARNINGS {
            break;
        }
        let mut doubt = |what: String| doubts.push(FileError { line: line_of(owner), what });
        if hides && let Some((above, rtype)) = hider(zone, owner, sets) {
            doubt(format!("{owner} is never answered: {above} has {rtype} records"));
            continue;
        }
        let is_edge = |set: &StaticSet| [rtype::DNAME, rtype::NS].contains(&set.rtype);
        if owner.labels().next() == Some(b"*") && sets.iter().any(is_edge) {
            doubt(format!("{owner} has DNAME or NS records, which a wildcard should not have (RFC 4592 4.2, 4.4)"));
        }
        for set in sets.iter().filter(|set| [rtype::NS, rtype::MX, rtype::SRV].contains(&set.rtype)) {
            let skip = rtype::before_target(set.rtype).unwrap_or_default();
            for target in set.rdata.iter().filter_map(|rdata| rdata.get(skip..)) {
                let target = Name::from_wire(target);
                let there = zone.records.get(&target).map(Vec::as_slice).unwrap_or_default();
                if there.iter().any(|set| set.rtype == rtype::CNAME) {
                    doubt(format!("{owner} points at {target}, which is an alias (RFC 2181 10.3)"));
                }
                let is_glue =
                    set.rtype == rtype::NS && *owner != zone.origin && owner.relative(target.as_wire()).is_some();
                if is_glue && !there.iter().any(|set| [rtype::A, rtype::AAAA].contains(&set.rtype)) {
                    doubt(format!("{owner} is delegated to {target}, whose address is not here (RFC 1034 4.2.1)"));
                }
            }
        }
    }
    doubts.sort_by_key(|doubt| doubt.line);
    doubts
}

/// The name above `owner` that hides it: a DNAME anywhere, or a delegation; addresses below one are glue.
fn hider(zone: &ZoneFile, owner: &Name, sets: &[StaticSet]) -> Option<(Name, &'static str)> {
    let glue = sets.iter().all(|set| [rtype::A, rtype::AAAA].contains(&set.rtype));
    let mut above = owner.clone();
    while above != zone.origin {
        above = above.parent()?;
        let Some(sets) = zone.records.get(&above) else { continue };
        if sets.iter().any(|set| set.rtype == rtype::DNAME) {
            return Some((above, "DNAME"));
        }
        if above != zone.origin && !glue && sets.iter().any(|set| set.rtype == rtype::NS) {
            return Some((above, "NS"));
        }
    }
    None
}
