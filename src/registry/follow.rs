//! Following the changes: each follower at its own pace, a slow one lags alone.

use tokio::sync::watch;

use super::Registry;
use crate::limits;
use crate::table::{Change, Compacted, Revision};

/// A reader of the changes.
#[derive(Debug)]
pub struct Follower {
    published: watch::Receiver<Revision>,
    seen: Revision,
}

impl Follower {
    pub(super) fn new(mut published: watch::Receiver<Revision>) -> Follower {
        let seen = *published.borrow_and_update();
        Follower { published, seen }
    }

    /// The revision up to which it has read.
    pub fn seen(&self) -> Revision {
        self.seen
    }

    /// Goes back, or on, to `revision`.
    pub fn seek(&mut self, revision: Revision) {
        self.seen = revision;
    }

    /// Waits until something newer than [`Follower::seen`] is published; `false` when the registry is gone.
    pub async fn changed(&mut self) -> bool {
        let seen = self.seen;
        self.published.wait_for(|revision| *revision > seen).await.is_ok()
    }

    /// Waits for changes and returns the next of them, at most [`limits::WATCH_BATCH`].
    ///
    /// [`Compacted`] says that the follower fell too far behind: it reads the table whole and seeks to its revision.
    pub async fn next(&mut self, registry: &Registry) -> Result<Vec<Change>, Compacted> {
        loop {
            if !self.changed().await {
                return std::future::pending().await;
            }
            let changes = registry.changes_since(self.seen, limits::WATCH_BATCH)?;
            if let Some(last) = changes.last() {
                self.seen = last.revision;
                return Ok(changes);
            }
            self.seen = *self.published.borrow_and_update();
        }
    }
}
