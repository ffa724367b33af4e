//! All rows, one a line.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::ToSchema;

use super::{form, is_own_node, loaded};
use crate::clock::Timestamp;
use crate::http::native::REVISION;
use crate::http::native::query::Query;
use crate::http::problem::{Document, Kind, Problem};
use crate::http::{App, RowForm};
use crate::limits;
use crate::registry::Snapshot;
use crate::table::Host;

/// The first line of an export; the others are rows.
#[derive(Serialize, ToSchema)]
#[schema(as = ExportHead, example = json!({"form": "rollcall export", "version": 1, "rows": 2, "revision": 17}))]
pub(in crate::http::native) struct Head {
    /// `rollcall export`.
    form: &'static str,
    /// The version of the lines.
    version: u8,
    /// How many lines follow: where there are fewer, the export was cut.
    rows: usize,
    /// The revision of the table.
    revision: u64,
}

/// Gives all rows, one JSON object a line, as they are at one moment; hosts of every API, and nodes of Consul's catalog.
///
/// The first line says how many follow. A line is what `/v1/import` takes; `docs/rows.md` describes it. It has everything
/// that makes the row again: also the values of headers that checks send, which may be secrets.
#[utoipa::path(get, path = "/v1/export", tag = "native",
    responses(
        (status = 200, description = "A line of this form, then one for each row.", body = Head, content_type = "application/x-ndjson"),
        (status = 400, description = "A parameter is unknown.", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "Too many exports are read.", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "The table is not loaded, or the server is stopping.", body = Document, content_type = "application/problem+json"),
    ))]
pub(in crate::http::native) async fn export(
    State(app): State<App>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    Query::parse(query.as_deref(), &[])?;
    let form = form(&app)?;
    let place = Arc::clone(&app.exports).try_acquire_owned().map_err(|_| {
        Problem::new(Kind::TooMany, format!("{} exports are read already, as many as there may be", limits::EXPORTS))
    })?;
    let snapshot = loaded(&app)?;
    let (revision, now) = (snapshot.revision.0, app.registry.now());
    let unavailable = |_| Problem::new(Kind::NotReady, "the table cannot be read now");
    let rows = tokio::task::spawn_blocking(move || gather(&snapshot, now)).await.map_err(unavailable)?;
    let head = Head { form: "rollcall export", version: form.version, rows: rows.len(), revision };
    // Numbers and text serialize.
    let head = serde_json::to_vec(&head).unwrap_or_default();
    let lines = Lines { head: Some(head), rows: rows.into_iter(), form, _place: place };
    let body = Body::from_stream(futures_util::stream::iter(lines.map(Ok::<_, Infallible>)));
    let headers = [(REVISION, HeaderValue::from(revision))];
    Ok((headers, [(CONTENT_TYPE, "application/x-ndjson")], body).into_response())
}

/// The rows that are there at `now`; nodes come before the hosts on them.
fn gather(snapshot: &Snapshot, now: Timestamp) -> Vec<Arc<Host>> {
    // Of the server's own node only the checks are anybody's affair.
    let nodes = snapshot.hosts.nodes().filter(|node| !is_own_node(node) || !node.checks.is_empty());
    nodes.chain(snapshot.hosts.iter()).filter(|host| host.lease.is_live(now)).cloned().collect()
}

/// The lines, made a piece at a time.
struct Lines {
    head: Option<Vec<u8>>,
    rows: std::vec::IntoIter<Arc<Host>>,
    form: RowForm,
    _place: OwnedSemaphorePermit,
}

impl Iterator for Lines {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let mut piece = Vec::with_capacity(limits::HTTP_CHUNK_OCTETS.min(1024 + self.rows.len() * 512));
        if let Some(head) = self.head.take() {
            piece.extend_from_slice(&head);
            piece.push(b'\n');
        }
        while piece.len() < limits::HTTP_CHUNK_OCTETS {
            let Some(host) = self.rows.next() else { break };
            (self.form.write)(&mut piece, &host);
            piece.push(b'\n');
        }
        (!piece.is_empty()).then(|| piece.into())
    }
}
