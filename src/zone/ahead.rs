//! Names looked up many at a time, ahead of their answers.
//!
//! A look-up waits for memory some times, each time for a place that the one before it told of. Many at a time go that
//! way side by side, a step of each in turn, and so do their waits: the system hands over whole batches of queries. What
//! is read of the hosts is what their answers will read first.
//!
//! It is a hint and nothing else: an answer compares the name before it takes what was found, and looks by itself where
//! nothing was.

use std::hint::black_box;

use smallvec::SmallVec;

use super::name::{NAME_OCTETS, Path};
use super::node::Node;
use super::schema::resolve::home;
use super::trie::{self, Probe};
use super::{Grammar, Zones};

/// How many names are looked up side by side; of more there is no gain.
pub const ABREAST: usize = 32;

/// What was found at one name ahead of its answer, if it was looked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ahead<'z>(Option<&'z Node>);

impl<'z> Ahead<'z> {
    /// What stands at a name, where it is the one that was looked for.
    pub(super) fn at(self, name: &[u8]) -> Option<&'z Node> {
        self.0.filter(|node| node.name().as_bytes() == name)
    }
}

impl Zones {
    /// Looks for names in wire form, whatever their case, side by side: one result each, in their order. `None` is a name
    /// that could not be read. Of more than [`ABREAST`] the rest is left out.
    pub fn ahead<'n>(&self, names: impl Iterator<Item = Option<&'n [u8]>>) -> SmallVec<[Ahead<'_>; ABREAST]> {
        let mut key = Path::default();
        let mut probes: SmallVec<[Probe<'_, Node>; ABREAST]> =
            names.take(ABREAST).map(|name| self.probe(name, &mut key).unwrap_or_default()).collect();
        trie::finish(&mut probes);
        let found: SmallVec<[Ahead<'_>; ABREAST]> = probes.iter().map(|probe| Ahead(probe.value())).collect();
        let nodes = || found.iter().filter_map(|ahead| ahead.0);
        black_box(nodes().map(Node::touch).sum::<usize>());
        black_box(nodes().map(Node::touch_hosts).sum::<usize>());
        found
    }

    /// The start of the way to a name.
    fn probe(&self, name: Option<&[u8]>, key: &mut Path) -> Option<Probe<'_, Node>> {
        let name = name?;
        let mut octets = [0; NAME_OCTETS];
        let lower = octets.get_mut(..name.len())?;
        lower.copy_from_slice(name);
        // Lengths are below the capital letters.
        lower.make_ascii_lowercase();
        let zone = &self.places.zones[self.places.find(lower, false)?].0;
        key.set_relative(zone.origin.relative(lower)?);
        let mut labels = key.labels();
        match (&zone.grammar, labels.next()?) {
            (Grammar::Service | Grammar::Kubernetes, b"svc") => {
                let (namespace, service) = (labels.next()?, labels.next()?);
                Some(self.tree.probe(home(namespace, service)?.as_bytes()))
            }
            (Grammar::Service, _) => Some(self.tree.probe(key.as_bytes())),
            _ => None,
        }
    }
}
