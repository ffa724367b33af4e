//! The records of a zone's file, by name: they change only when the file is read anew.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::file::rtype;
use super::name::{Name, NameKey, Path};

/// Records of one type from a zone file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StaticSet {
    /// Whose records they are.
    pub owner: Name,
    /// The type (RFC 1035 3.2.2).
    pub rtype: u16,
    /// Seconds.
    pub ttl: u32,
    /// RDATA in uncompressed wire form, names in lower case; distinct.
    pub rdata: Vec<Box<[u8]>>,
}

/// The sets of a name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct StaticNode(Box<[StaticSet]>);

impl StaticNode {
    /// The set of a type.
    pub(super) fn set(&self, rtype: u16) -> Option<&StaticSet> {
        self.0.iter().find(|set| set.rtype == rtype)
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, StaticSet> {
        self.0.iter()
    }
}

/// All static names of a zone.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Statics {
    names: BTreeMap<NameKey, StaticNode>,
    /// The lengths that keys have, a bit each: most names that are asked for have another, and need no look-up.
    lengths: u64,
    /// Names that are wildcards or are below one.
    pub(super) wildcards: usize,
    /// Names with DNAME records, or NS records below the apex: the zone ends there.
    pub(super) edges: usize,
    /// Names with CNAME records.
    aliases: usize,
}

impl Statics {
    /// The names below `origin`; the apex is always one.
    pub(super) fn new(origin: &Name, records: BTreeMap<Name, Vec<StaticSet>>) -> Statics {
        let mut statics = Statics::default();
        for (owner, sets) in records {
            let Some(relative) = origin.relative(owner.as_wire()) else { continue };
            let key = NameKey::from_relative(relative);
            statics.wildcards += usize::from(owner.labels().any(|label| label == b"*"));
            statics.put(key, sets);
        }
        // The apex exists whatever the file says of it: it has the SOA.
        statics.lengths |= bit_of(&[]);
        statics.names.entry(NameKey::default()).or_default();
        statics
    }

    /// Sets what stands at a name.
    pub(super) fn put(&mut self, key: NameKey, sets: Vec<StaticSet>) {
        let is_edge = |set: &StaticSet| set.rtype == rtype::DNAME || (set.rtype == rtype::NS && !key.is_apex());
        self.edges += usize::from(sets.iter().any(is_edge));
        let is_alias = |set: &StaticSet| set.rtype == rtype::CNAME;
        self.aliases += usize::from(sets.iter().any(is_alias));
        if let Some(before) = self.names.get(&key) {
            self.edges -= usize::from(before.iter().any(is_edge));
            self.aliases -= usize::from(before.iter().any(is_alias));
        }
        self.lengths |= bit_of(key.as_bytes());
        self.names.insert(key, StaticNode(sets.into()));
    }

    /// Whether a name may be another than it seems: an alias, or a place where the zone ends.
    pub(super) fn hide(&self) -> bool {
        self.edges > 0 || self.aliases > 0
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// How many records there are.
    pub(super) fn records(&self) -> usize {
        self.names.values().flat_map(StaticNode::iter).map(|set| set.rdata.len()).sum()
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<&StaticNode> {
        if self.lengths & bit_of(key) == 0 {
            return None;
        }
        self.names.get(key)
    }

    /// Whether anything stands below `key` (RFC 8020 2).
    pub(super) fn any_below(&self, key: &[u8]) -> bool {
        let mut below = self.names.range::<[u8], _>((Bound::Excluded(key), Bound::Unbounded));
        below.next().is_some_and(|(name, _)| name.as_bytes().starts_with(key))
    }
    /// What is not answered from here: names at or below a delegation, and names below a DNAME.
    ///
    /// The one nearest to the apex counts, and hides the rest (RFC 6672 3.2 step 3).
    pub(super) fn edge(&self, key: &Path, qtype: u16) -> Option<Edge<'_>> {
        if self.edges == 0 {
            return None;
        }
        for end in std::iter::once(0).chain(key.ends()) {
            let Some(node) = self.get(&key.as_bytes()[..end]) else { continue };
            let is_below = end < key.as_bytes().len();
            if let Some(set) = node.set(rtype::DNAME).filter(|_| is_below) {
                return Some(Edge::Redirection(set));
            }
            // DS at the cut belongs to this side of it (RFC 4035 3.1.4.1).
            if let Some(set) = node.set(rtype::NS).filter(|_| end > 0 && (is_below || qtype != rtype::DS)) {
                return Some(Edge::Delegation(set));
            }
        }
        None
    }
}

/// The bit of a key's length.
fn bit_of(key: &[u8]) -> u64 {
    1 << (key.len() % u64::BITS as usize)
}

/// Where a zone ends.
pub(super) enum Edge<'z> {
    /// By NS records below the apex.
    Delegation(&'z StaticSet),
    /// By a DNAME: names below it are elsewhere.
    Redirection(&'z StaticSet),
}
