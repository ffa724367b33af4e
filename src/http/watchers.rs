//! Those who wait for a change: long polls, blocking queries, event streams.

use std::sync::Arc;

use axum::response::Response;
use tokio::sync::OwnedSemaphorePermit;

use super::App;
use super::gate::Waited;
use crate::metrics::Open;

/// A place among those that wait; it is free again when this is dropped.
pub(super) struct Place(#[allow(dead_code, reason = "held, not read")] (OwnedSemaphorePermit, Open));

/// Takes a place; `None` where all are taken.
pub(super) fn take_place(app: &App) -> Option<Place> {
    let permit = Arc::clone(&app.watchers).try_acquire_owned().ok()?;
    Some(Place((permit, app.metrics.watcher())))
}

/// Marks an answer as one that waited, so that its time is not counted.
pub(super) fn mark_waited(response: &mut Response) {
    response.extensions_mut().insert(Waited);
}
