//! When something falls due, in order: a set that can be listed, not only awaited.
//!
//! An entry is a lower bound. A renewal does not touch the set; when the entry falls due the table looks
//! at the lease itself and puts the host back at its true end. A heartbeat therefore costs one store.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::host::Host;
use super::key::Row;
use crate::clock::Timestamp;

/// The ordered deadlines of a table. An entry has the row, for its key: it is given the next one when that takes its
/// place, so that it keeps no other.
#[derive(Debug, Default)]
pub struct Deadlines(BTreeSet<(Timestamp, Row)>);

impl Deadlines {
    /// The earliest moment at which something may fall due.
    pub fn next(&self) -> Option<Timestamp> {
        self.0.first().map(|(at, _)| *at)
    }

    /// All of them, earliest first.
    pub fn iter(&self) -> impl Iterator<Item = (Timestamp, &Arc<Host>)> {
        self.0.iter().map(|(at, row)| (*at, &row.0))
    }

    /// Puts a row in, or in the place of the one with its key that is due at the same moment.
    pub(super) fn put(&mut self, at: Timestamp, host: &Arc<Host>) {
        self.0.replace((at, Row(Arc::clone(host))));
    }

    pub(super) fn remove(&mut self, at: Timestamp, host: &Arc<Host>) {
        self.0.remove(&(at, Row(Arc::clone(host))));
    }

    /// Takes the first entry if it is due at `now`.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<Arc<Host>> {
        if self.next()? <= now { self.0.pop_first().map(|(_, row)| row.0) } else { None }
    }
}

impl FromIterator<(Timestamp, Arc<Host>)> for Deadlines {
    fn from_iter<I: IntoIterator<Item = (Timestamp, Arc<Host>)>>(due: I) -> Deadlines {
        Deadlines(due.into_iter().map(|(at, host)| (at, Row(host))).collect())
    }
}
