//! The zone files, read anew.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;
use utoipa::ToSchema;

use super::query::Query;
use crate::http::gate::JSON;
use crate::http::problem::{Document, Kind, Problem};
use crate::http::{App, LoadedZone, Reload};

/// The zones that are served from now on.
#[derive(Serialize, ToSchema)]
struct ReloadedZones {
    /// All of them: those of hosts first, then the static ones.
    zones: Vec<LoadedZone>,
    /// The SOA serial of the zones that hold hosts.
    serial: u32,
    /// What can be served and is most likely a mistake, with file and line.
    warnings: Vec<String>,
}

/// Reads the zone files anew, all or none, and the directory they are in: zones may be new or gone.
///
/// The hosts stay as they are. So do the settings: those are read at a start only. SIGHUP does the same.
#[utoipa::path(post, path = "/v1/reload", tag = "native",
    responses(
        (status = 200, description = "The zones that are served from now on.", body = ReloadedZones),
        (status = 400, description = "A parameter is unknown, or there is a body.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "A file has a mistake; the problem names file and line. The zones stay as they are.", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "The server is stopping.", body = Document, content_type = "application/problem+json"),
    ))]
pub(super) async fn reload(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Result<Response, Problem> {
    Query::parse(query.as_deref(), &[])?;
    if !body.is_empty() {
        return Err(Problem::invalid("body", "must be empty: the zone files are those of the server"));
    }
    let Reload { zones, warnings } = reload_zones(&app).await?;
    let serial = app.registry.snapshot().zones.serial();
    // A struct of numbers and strings serializes.
    Ok((JSON, serde_json::to_vec(&ReloadedZones { zones, serial, warnings }).unwrap_or_default()).into_response())
}

/// Has the desk read the zone files; one after the other.
pub(in crate::http) async fn reload_zones(app: &App) -> Result<Reload, Problem> {
    let unavailable = || Problem::new(Kind::NotReady, "the zone files cannot be read now");
    let desk = app.desk.clone().ok_or_else(unavailable)?;
    let one = Arc::clone(&app.reloading).lock_owned().await;
    // Files are read by a thread that may wait for them; who hangs up does not let the next one in before its end.
    let reloaded = tokio::task::spawn_blocking(move || {
        let _one = one;
        desk.reload()
    });
    Ok(reloaded.await.map_err(|_| unavailable())??)
}
