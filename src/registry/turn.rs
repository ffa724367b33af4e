//! What an accepted event still waits for: the store, or its turn to be published.
//!
//! To publish costs more than to change a row: the snapshot shares everything with the table, so the first change after
//! it copies whatever it touches, and those who follow are woken. So where nothing is stored a writer does not publish
//! at once. It lets every other task go first that is ready on its thread; those of them that write stage their
//! changes too, and whoever goes on first publishes for all. A writer that is alone waits for nobody.

use tokio::sync::oneshot;

use super::{CommitError, Registry, SubmitError};
use crate::table::Revision;

/// What has to happen before an event may be acknowledged.
pub(super) enum Pending<'r> {
    /// It has happened.
    Nothing,
    /// The store writes it.
    Written(oneshot::Receiver<Result<(), CommitError>>),
    /// It is published.
    Published(Turn<'r>),
}

impl Pending<'_> {
    /// Waits for it.
    pub(super) async fn settle(self) -> Result<(), SubmitError> {
        match self {
            Pending::Nothing => Ok(()),
            Pending::Written(receiver) => match receiver.await {
                Ok(result) => Ok(result?),
                Err(_) => Err(SubmitError::Store(CommitError::Unavailable("the server is stopping".into()))),
            },
            Pending::Published(turn) => {
                tokio::task::yield_now().await;
                drop(turn);
                Ok(())
            }
        }
    }
}

/// The turn of a change to be published: when it is dropped the change is visible, also where nobody waits for it any more.
pub(super) struct Turn<'r> {
    registry: &'r Registry,
    revision: Revision,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.registry.publish_up_to(self.revision);
    }
}

impl Registry {
    /// A turn for what is staged up to `revision`.
    pub(super) fn turn(&self, revision: Revision) -> Pending<'_> {
        Pending::Published(Turn { registry: self, revision })
    }

    /// Publishes all that is staged, unless somebody has published this revision.
    fn publish_up_to(&self, revision: Revision) {
        if self.snapshot.load().revision >= revision {
            return;
        }
        let mut core = self.core.lock();
        if let Some(batch) = core.take_batch() {
            self.publish_locked(&mut core, batch);
        }
    }
}
