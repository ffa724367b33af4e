//! When nothing of the table may be shown: "none" would be taken for the truth, and so would hosts of long ago.

use std::sync::Arc;

use super::Registry;
use crate::clock::Timestamp;

/// Why nothing of the table may be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unshown {
    /// It was not read from its store yet.
    #[error("the table is not loaded yet")]
    NotLoaded,
    /// Its engine is away, and has been for longer than the operator lets it be used.
    #[error("the table is older than max_stale: {0}")]
    TooOld(Arc<str>),
}

impl Registry {
    /// Why nothing of the table may be shown at `now`; `None` where it may.
    pub fn unshown(&self, now: Timestamp) -> Option<Unshown> {
        if !self.snapshot().loaded {
            return Some(Unshown::NotLoaded);
        }
        let is_old = self.is_away() && self.is_too_old(now);
        is_old.then(|| Unshown::TooOld(self.away().unwrap_or_else(|| "its engine is away".into())))
    }
}
