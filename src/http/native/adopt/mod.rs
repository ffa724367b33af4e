//! The whole table: what it is as one number, out as lines, in from lines.
//!
//! Nothing here holds up an answer: a walk over all rows goes over a snapshot, off the threads of the runtime, and lines are
//! made when there is room for them.

pub(super) mod digest;
pub(super) mod export;
pub(super) mod import;

mod admit;
mod plan;
mod refused;

use std::sync::Arc;

use crate::http::problem::{Kind, Problem};
use crate::http::{App, RowForm};
use crate::registry::Snapshot;
use crate::table::Host;

/// The form of rows.
fn form(app: &App) -> Result<RowForm, Problem> {
    app.rows.ok_or_else(|| Problem::new(Kind::NotReady, "this server knows no form of rows"))
}

/// What is published, once there is something.
fn loaded(app: &App) -> Result<Arc<Snapshot>, Problem> {
    let snapshot = app.registry.snapshot_arc();
    if snapshot.loaded { Ok(snapshot) } else { Err(Problem::new(Kind::NotReady, "the table is not loaded yet")) }
}

/// Whether a row is that of the node that the server itself is: what it says comes from settings, its checks apart.
fn is_own_node(host: &Host) -> bool {
    host.as_node() == Some("")
}

#[cfg(test)]
mod tests;
