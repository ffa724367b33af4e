//! Where the table lives between two runs.

use crate::registry::CommitError;
use crate::table::{Change, Host, Revision};

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
