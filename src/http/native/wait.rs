//! Long polls: an answer that waits for a change.

use std::time::Duration;

use axum::response::Response;
use tokio::time::timeout;

use crate::http::App;
use crate::http::problem::{Kind, Problem};
use crate::http::watchers::{self, Place};
use crate::limits;
use crate::registry::{Registry, Topic};
use crate::table::Revision;

/// Takes a place for a long poll or an event stream.
pub(super) fn take_place(app: &App) -> Result<Place, Problem> {
    watchers::take_place(app).ok_or_else(|| {
        let detail = format!("{} long polls and event streams wait, the bound", limits::WATCHERS);
        Problem::new(Kind::TooMany, detail)
    })
}

/// Waits until `service`, or anything at all, has a change newer than `index`; at most `wait`, and not past a stop.
///
/// An index that is not reached yet says that the client knows another history: it gets ours at once.
pub(super) async fn for_change(
    app: &App,
    service: Option<&str>,
    index: Revision,
    wait: Option<Duration>,
) -> Result<(), Problem> {
    let _place = take_place(app)?;
    let wait = wait.unwrap_or(limits::WAIT_DEFAULT).min(limits::WAIT_MAX);
    tokio::select! {
        () = app.stopping.cancelled() => {}
        // Time out or not, the answer is what is there.
        _ = timeout(wait, changed(&app.registry, service, index)) => {}
    }
    Ok(())
}

async fn changed(registry: &Registry, service: Option<&str>, index: Revision) {
    if index > registry.snapshot().revision {
        return;
    }
    let topic = match service {
        Some(service) => Topic::service(service),
        None => Topic::Everything,
    };
    registry.changed_after(&topic, index).await;
}

/// Marks an answer as one that waited, so that its time is not counted.
pub(super) fn mark(mut response: Response) -> Response {
    watchers::mark_waited(&mut response);
    response
}
