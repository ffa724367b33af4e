//! Where the table lives between two runs.

use crate::registry::CommitError;
use crate::table::{Change, Host, Revision};

/// Which store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// None: a stop forgets everything.
    Memory,
    /// The embedded one.
    File,
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
