//! A zone of ours inside another of ours.
//!
//! Questions go to the inner one, but the outer one must know where it ends: else it denies the names between the two
//! (RFC 8020 2), and gives an alias of its own a target from records that the inner zone has replaced. So what its
//! file does not delegate is delegated here, to the servers of the inner zone.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::file::rtype;
use super::name::NameKey;
use super::statics::{StaticSet, Statics};
use super::{Apex, Name, Zone};

/// Delegates, in each zone, those that are right inside it.
pub(super) fn cut(zones: &mut [Zone], by_origin: &BTreeMap<Name, usize>) {
    for (origin, &inner) in by_origin {
        let above = std::iter::successors(origin.parent(), Name::parent);
        let Some(outer) = above.into_iter().find_map(|origin| by_origin.get(&origin)) else { continue };
        let inner = zones[inner].clone();
        delegate(Arc::make_mut(&mut zones[*outer].0), &inner.0);
    }
}

fn delegate(outer: &mut Apex, inner: &Apex) {
    let Some(key) = outer.origin.relative(inner.origin.as_wire()).map(NameKey::from_relative) else { return };
    let servers = sets(&inner.statics, &NameKey::default(), &[rtype::NS]);
    for target in servers.iter().flat_map(|set| &set.rdata) {
        let place = |zone: &Apex| zone.origin.relative(target).map(NameKey::from_relative);
        let (Some(there), Some(here)) = (place(inner), place(outer)) else { continue };
        let glue = sets(&inner.statics, &there, &[rtype::A, rtype::AAAA]);
        if !glue.is_empty() {
            outer.statics.put(here, glue);
        }
    }
    if sets(&outer.statics, &key, &[rtype::NS]).is_empty() {
        // DS is the outer zone's word on the inner one; anything else there is the inner one's to say.
        let mut all = sets(&outer.statics, &key, &[rtype::DS]);
        all.extend(servers);
        outer.statics.put(key, all);
    }
}

/// The records of some types at a name.
fn sets(statics: &Statics, key: &NameKey, rtypes: &[u16]) -> Vec<StaticSet> {
    let node = statics.get(key.as_bytes());
    node.into_iter().flat_map(|node| node.iter()).filter(|set| rtypes.contains(&set.rtype)).cloned().collect()
}
