//! The records of a zone's file, by name: they change only when the file is read anew.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::file::rtype;
use super::name::{Name, NameKey};

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
    /// Names whose leftmost label is `*`.
    pub(super) wildcards: usize,
    /// Names below the apex with NS records: the zone ends there.
    pub(super) cuts: usize,
}

impl Statics {
    /// The names below `origin`; the apex is always one.
    pub(super) fn new(origin: &Name, records: BTreeMap<Name, Vec<StaticSet>>) -> Statics {
        let mut statics = Statics::default();
        for (owner, sets) in records {
            let Some(relative) = origin.relative(owner.as_wire()) else { continue };
            let key = NameKey::from_relative(relative);
            statics.wildcards += usize::from(relative.starts_with(b"\x01*"));
            statics.cuts += usize::from(!key.is_apex() && sets.iter().any(|set| set.rtype == rtype::NS));
            statics.names.insert(key, StaticNode(sets.into()));
        }
        // The apex exists whatever the file says of it: it has the SOA.
        statics.names.entry(NameKey::default()).or_default();
        statics
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// How many records there are.
    pub(super) fn records(&self) -> usize {
        self.names.values().flat_map(StaticNode::iter).map(|set| set.rdata.len()).sum()
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<&StaticNode> {
        self.names.get(key)
    }

    /// Whether anything stands below `key` (RFC 8020 2).
    pub(super) fn any_below(&self, key: &[u8]) -> bool {
        let mut below = self.names.range::<[u8], _>((Bound::Excluded(key), Bound::Unbounded));
        below.next().is_some_and(|(name, _)| name.as_bytes().starts_with(key))
    }
}
