//! What happened to the table.

use std::fmt;
use std::sync::Arc;

use super::host::Host;
use super::key::{Dialect, HostKey};
use crate::clock::Timestamp;

/// Numbers the visible changes of a table; it only grows.
///
/// Consul's index, Kubernetes' resourceVersion and the version of an Envoy answer are this number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Revision(pub u64);

impl Revision {
    /// The next one.
    #[must_use]
    pub fn next(self) -> Revision {
        Revision(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who caused a change.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Cause {
    /// A request in this dialect.
    Api(Dialect),
    /// The end of a lease.
    Expiry,
    /// A check: the server asked and heard something else, nobody reported in time, or it was critical for too long.
    Check,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Api(dialect) => dialect.fmt(f),
            Cause::Expiry => f.write_str("expiry"),
            Cause::Check => f.write_str("check"),
        }
    }
}

/// One row before and after: a creation has no `before`, a removal no `after`.
#[derive(Clone, Debug)]
pub struct Change {
    /// The number of the change.
    pub revision: Revision,
    /// When it happened.
    pub at: Timestamp,
    /// Who caused it.
    pub cause: Cause,
    /// The row before.
    pub before: Option<Arc<Host>>,
    /// The row after.
    pub after: Option<Arc<Host>>,
}

impl Change {
    /// The row after the change, or before it where it was removed.
    #[allow(clippy::expect_used, reason = "a change of nothing into nothing is never made")]
    pub fn host(&self) -> &Arc<Host> {
        self.after.as_ref().or(self.before.as_ref()).expect("a change has a before or an after")
    }

    /// The key of the row.
    pub fn key(&self) -> HostKey {
        self.host().key()
    }
}
