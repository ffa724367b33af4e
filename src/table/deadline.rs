//! When something falls due, in order: a set that can be listed, not only awaited.
//!
//! An entry is a lower bound. A renewal does not touch the set; when the entry falls due the table looks
//! at the lease itself and puts the host back at its true end. A heartbeat therefore costs one store.

use std::collections::BTreeSet;

use super::key::HostKey;
use crate::clock::Timestamp;

/// The ordered deadlines of a table.
#[derive(Debug, Default)]
pub struct Deadlines(BTreeSet<(Timestamp, HostKey)>);

impl Deadlines {
    /// The earliest moment at which something may fall due.
    pub fn next(&self) -> Option<Timestamp> {
        self.0.first().map(|(at, _)| *at)
    }

    /// All of them, earliest first.
    pub fn iter(&self) -> impl Iterator<Item = (Timestamp, &HostKey)> {
        self.0.iter().map(|(at, key)| (*at, key))
    }

    pub(super) fn insert(&mut self, at: Timestamp, key: HostKey) {
        self.0.insert((at, key));
    }

    pub(super) fn remove(&mut self, at: Timestamp, key: HostKey) {
        self.0.remove(&(at, key));
    }

    /// Takes the first entry if it is due at `now`.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<HostKey> {
        if self.next()? <= now { self.0.pop_first().map(|(_, key)| key) } else { None }
    }
}
