//! Blocking queries: an answer that waits until what it shows is another.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use super::params::Reading;
use super::reply::{self, Failure};
use super::view::Views;
use crate::http::App;
use crate::http::watchers::{self, mark_waited};
use crate::limits;
use crate::registry::{Snapshot, Topic};
use crate::table::Revision;

/// What is shown, and the revision since which it is so.
pub(super) struct Shown {
    snapshot: Arc<Snapshot>,
    index: Revision,
    waited: bool,
}

impl Shown {
    /// What there is now.
    pub(super) fn now(app: &App) -> Shown {
        let snapshot = app.registry.snapshot_arc();
        Shown { index: snapshot.revision, snapshot, waited: false }
    }

    /// The rows as the dialect shows them.
    pub(super) fn views<'a>(&'a self, app: &'a App) -> Views<'a> {
        Views::new(&self.snapshot.hosts, &app.consul, app.registry.now())
    }

    /// The answer with its headers.
    pub(super) fn reply(&self, reading: &Reading, value: &impl Serialize) -> Response {
        let mut response = reply::read(reading, self.index, value);
        if self.waited {
            mark_waited(&mut response);
        }
        response
    }
}

/// What there is of `topic`, after the wait that was asked for: until it has changed after the index, but no longer than
/// `wait` and a random part of it more, so that many who wait do not come back together.
pub(super) async fn shown(app: &App, reading: &Reading, topic: &Topic) -> Result<Shown, Failure> {
    let waits = reading.index > Revision(0) && topic.modified(&app.registry.snapshot()) <= reading.index;
    if waits {
        let changed = app.registry.changed_after(topic, reading.index);
        in_time(app, reading.wait + jitter(reading.wait), changed).await?;
    }
    let snapshot = app.registry.snapshot_arc();
    let index = topic.modified(&snapshot);
    Ok(Shown { snapshot, index, waited: waits })
}

/// Waits until `changed`, at most so long, and not past a stop: in time or not, the answer is what is there then.
pub(super) async fn in_time(app: &App, most: Duration, changed: impl Future<Output = ()>) -> Result<(), Failure> {
    let Some(_place) = watchers::take_place(app) else {
        let text = format!("{} blocking queries and event streams wait, the bound", limits::WATCHERS);
        return Err(Failure::new(StatusCode::TOO_MANY_REQUESTS, text));
    };
    tokio::select! {
        () = app.stopping.cancelled() => {}
        _ = tokio::time::timeout(most, changed) => {}
    }
    Ok(())
}

/// Up to a sixteenth.
pub(super) fn jitter(wait: Duration) -> Duration {
    let part = RandomState::new().hash_one(0) % 1_000;
    wait / 16 * u32::try_from(part).unwrap_or(0) / 1_000
}
