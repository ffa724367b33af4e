//! The one thread that writes the store: takes what is staged, commits it, publishes it or gives it up.

use std::time::Duration;

use tracing::{error, info};

use super::Store;
use crate::registry::{CommitError, Registry};

/// What became of one group commit.
#[derive(Debug)]
pub struct Outcome<'a> {
    /// Changes in it; a row changed twice counts twice.
    pub changes: usize,
    /// How long the store took.
    pub took: Duration,
    /// Why it failed, if it did.
    pub error: Option<&'a CommitError>,
}

/// Writes batches until the registry is closed and all that was staged is written. Blocks: give it a thread.
///
/// `observe` is told of every commit before its writers are. A store that begins to fail is logged once, and once
/// more when it works again.
pub fn run_writer(registry: &Registry, mut store: Box<dyn Store>, mut observe: impl FnMut(&Outcome<'_>)) {
    let mut refused: u64 = 0;
    while let Some(batch) = registry.next_batch() {
        let began = registry.now();
        let result = store.commit(&batch.changes, batch.revision(), batch.serial());
        let took = registry.now().since(began);
        observe(&Outcome { changes: batch.changes.len(), took, error: result.as_ref().err() });
        match result {
            Ok(()) => {
                if refused > 0 {
                    info!(refused, "the store takes writes again");
                    refused = 0;
                }
                registry.publish(batch);
            }
            Err(error) => {
                if refused == 0 {
                    error!(%error, "the store takes no writes: they are refused until it does");
                }
                refused += 1;
                registry.give_up(batch, &error);
            }
        }
    }
}
