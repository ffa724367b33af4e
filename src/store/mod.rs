//! Where the table lives between two runs.

use crate::registry::{CommitError, Durability, Registry};
use crate::table::{Change, Host, Revision};

/// Which store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// None: a stop forgets everything.
    Memory,
    /// The embedded one.
    File,
}

impl Kind {
    /// When a registry over this store publishes: with a store after the commit, without one at once.
    pub fn durability(self) -> Durability {
        match self {
            Kind::Memory => Durability::Immediate,
            Kind::File => Durability::Grouped,
        }
    }
}

/// Settings of the store.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which store.
    pub kind: Kind,
    /// Where it keeps its files.
    pub data_dir: std::path::PathBuf,
}

/// What a store held.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The rows; the time of their leases does not count, each begins anew.
    pub rows: Vec<Host>,
    /// The revision of the last commit.
    pub revision: Revision,
    /// The SOA serial of the last commit.
    pub serial: u32,
}

/// A place for rows. Called from one thread; every call may block.
pub trait Store: Send {
    /// Reads everything.
    fn load(&mut self) -> Result<Loaded, CommitError>;

    /// Writes changes in one transaction: durable when it returns `Ok`, not there at all when it returns `Err`.
    fn commit(&mut self, changes: &[Change], revision: Revision, serial: u32) -> Result<(), CommitError>;
}

/// An open store, and what its operator must hear about it.
pub struct Opened {
    /// The store.
    pub store: Box<dyn Store>,
    /// What went wrong without being a reason not to start.
    pub notices: Vec<String>,
}

/// What became of one group commit.
#[derive(Debug)]
pub struct Outcome<'a> {
    /// Changes in it.
    pub changes: usize,
    /// How long the store took.
    pub took: std::time::Duration,
    /// Why it failed, if it did.
    pub error: Option<&'a CommitError>,
}

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
#[error("never")]
pub struct OpenError;

struct Nowhere;

impl Store for Nowhere {
    fn load(&mut self) -> Result<Loaded, CommitError> {
        Ok(Loaded::default())
    }

    fn commit(&mut self, _: &[Change], _: Revision, _: u32) -> Result<(), CommitError> {
        Ok(())
    }
}

/// Opens a store that keeps nothing (stub while the real ones are being written).
pub fn open(_: &Settings) -> Result<Opened, OpenError> {
    Ok(Opened { store: Box::new(Nowhere), notices: Vec::new() })
}

/// Writes batches until the registry is closed and all that was staged is written.
pub fn run_writer(registry: &Registry, mut store: Box<dyn Store>, mut observe: impl FnMut(&Outcome<'_>)) {
    while let Some(batch) = registry.next_batch() {
        let result = store.commit(&batch.changes, batch.revision(), batch.serial());
        let error = result.as_ref().err();
        observe(&Outcome { changes: batch.changes.len(), took: std::time::Duration::ZERO, error });
        registry.publish(batch);
    }
}
