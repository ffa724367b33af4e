//! Leases that have ended, in news that tell of one row more than once: the last word on it counts. Pure.

use std::collections::BTreeMap;

use super::book::News;
use crate::clock::Timestamp;
use crate::table::{HostKey, Revision};

/// Rows whose leases have ended, and what became of that.
#[derive(Default)]
pub(super) struct Endings(BTreeMap<HostKey, Ending>);

#[derive(Clone, Copy, Default)]
struct Ending {
    /// When we renewed the lease last, where that is known.
    renewed: Option<Timestamp>,
    /// The revision at which it was decided that the row does not stay, if it was.
    decided: Option<Revision>,
}

impl Endings {
    /// The lease of a row has ended, which we renewed last then.
    pub(super) fn end(&mut self, key: HostKey, renewed: Timestamp) {
        self.0.insert(key, Ending { renewed: Some(renewed), decided: None });
    }

    /// It was decided that a row does not stay whose lease has ended, now or before.
    pub(super) fn decide(&mut self, key: HostKey, renewed: Option<Timestamp>, at: Revision) {
        let ending = self.0.entry(key).or_default();
        ending.renewed = renewed.or(ending.renewed);
        ending.decided = Some(at);
    }

    /// The row is back, or gone for another reason.
    pub(super) fn forget(&mut self, key: &HostKey) {
        self.0.remove(key);
    }

    /// Tells what became of each.
    pub(super) fn tell(self, news: &mut News) {
        for (key, Ending { renewed, decided }) in self.0 {
            match decided {
                Some(at) => news.settled.push((key, renewed, at)),
                None => news.ended.push((key, renewed.unwrap_or_default())),
            }
        }
    }
}
