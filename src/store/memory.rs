//! The store that keeps nothing. A registry over it publishes at once and needs no writer thread.

use super::{Loaded, Store};
use crate::registry::CommitError;
use crate::table::{Change, Revision};

/// Keeps nothing and refuses nothing.
#[derive(Debug, Default)]
pub struct MemoryStore;

impl Store for MemoryStore {
    fn load(&mut self) -> Result<Loaded, CommitError> {
        Ok(Loaded::default())
    }

    fn commit(&mut self, _: &[Change], _: Revision, _: u32) -> Result<(), CommitError> {
        Ok(())
    }
}
