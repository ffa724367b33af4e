//! The names that hosts make: found by their hash, and in their order where it counts.
//!
//! A host that comes to a service, or leaves it, changes what stands at a name and no order; a name that nobody has is
//! looked for in the order, for what stands below it.

use std::ops::RangeBounds;

use imbl::OrdSet;
use smallvec::SmallVec;

use super::below::Below;
use crate::table::filling_order;
use crate::zone::name::NameKey;
use crate::zone::node::Node;
use crate::zone::trie::{Probe, Trie};

/// What stands at names, by the labels left of a zone's origin.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    nodes: Trie<Node>,
    order: OrdSet<NameKey>,
}

impl Names {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// What stands at a name.
    pub(super) fn get(&self, name: &[u8]) -> Option<&Node> {
        self.nodes.get(name)
    }

    /// The start of a look-up.
    pub(super) fn probe(&self, name: &[u8]) -> Probe<'_, Node> {
        self.nodes.probe(name)
    }

    /// A name below another, if there is one: the next, unless it has been removed.
    pub(super) fn next_below(&self, name: &[u8]) -> Option<SmallVec<[u8; 256]>> {
        let probe = Below::of(name);
        // Finds nothing, and comes by it.
        let _ = self.order.get(&probe);
        probe.next()
    }

    /// Puts something at its name.
    pub(super) fn insert(&mut self, node: Node) {
        let name = node.name().clone();
        if self.nodes.insert(node).is_none() {
            self.order.insert(name);
        }
    }

    /// Takes away what stands at a name.
    pub(super) fn remove(&mut self, name: &NameKey) {
        if self.nodes.remove(name.as_bytes()).is_some() {
            self.order.remove(name);
        }
    }

    /// The names of a range in their order, with what stands there.
    pub(super) fn range<'n>(
        &'n self,
        range: impl RangeBounds<[u8]> + 'n,
    ) -> impl Iterator<Item = (&'n NameKey, &'n Node)> {
        self.order.range::<_, [u8]>(range).filter_map(|name| Some((name, self.get(name.as_bytes())?)))
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&NameKey, &Node)> {
        self.order.iter().filter_map(|name| Some((name, self.get(name.as_bytes())?)))
    }
}

impl FromIterator<Node> for Names {
    /// Names that differ.
    fn from_iter<I: IntoIterator<Item = Node>>(nodes: I) -> Names {
        let nodes: Vec<Node> = nodes.into_iter().collect();
        let mut order: Vec<NameKey> = nodes.iter().map(|node| node.name().clone()).collect();
        order.sort_unstable();
        let order = filling_order(order.len()).map(|place| order[place].clone()).collect();
        Names { nodes: nodes.into_iter().collect(), order }
    }
}
