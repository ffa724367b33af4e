//! The recent changes, in order: watch history, wake-up of long polls, difference sequence of transfers.

use std::collections::VecDeque;

use super::change::{Change, Revision};

/// The asked revision is older than what the journal remembers: read the table whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("revision {asked} is compacted, the oldest that can be followed is {oldest}")]
pub struct Compacted {
    /// What was asked for.
    pub asked: Revision,
    /// The oldest revision that changes can be read from.
    pub oldest: Revision,
}

/// A bounded ring of changes.
#[derive(Debug)]
pub struct Journal {
    changes: VecDeque<Change>,
    /// The revision before the first remembered change.
    base: Revision,
    most: usize,
}

impl Journal {
    /// An empty journal of a table at `base` that remembers at most `most` changes.
    pub fn new(base: Revision, most: usize) -> Journal {
        Journal { changes: VecDeque::new(), base, most }
    }

    /// Appends a change; the oldest goes when the ring is full.
    pub fn append(&mut self, change: Change) {
        debug_assert!(change.revision > self.latest());
        if self.changes.len() == self.most
            && let Some(oldest) = self.changes.pop_front()
        {
            self.base = oldest.revision;
        }
        self.changes.push_back(change);
    }

    /// The revision of the newest change.
    pub fn latest(&self) -> Revision {
        self.changes.back().map_or(self.base, |change| change.revision)
    }

    /// The changes after `revision`, oldest first.
    pub fn since(&self, revision: Revision) -> Result<impl Iterator<Item = &Change>, Compacted> {
        if revision < self.base {
            return Err(Compacted { asked: revision, oldest: self.base });
        }
        let start = self.changes.partition_point(|change| change.revision <= revision);
        Ok(self.changes.range(start..))
    }
}
