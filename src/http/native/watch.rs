//! The event stream: what is there, then every change, in order (server-sent events).

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use tokio::time::timeout;

use super::REVISION;
use super::list::host_list;
use super::query::Query;
use super::view::ChangeView;
use super::wait::{mark, take_place};
use crate::http::App;
use crate::http::pieces::Pieces;
use crate::http::problem::{Document, Problem};
use crate::http::watchers::Place;
use crate::limits;
use crate::registry::Follower;
use crate::table::{Change, Dialect, Host, Revision};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Streams every change as server-sent events.
///
/// It starts with `event: snapshot`, data `{"revision":n,"hosts":[...]}`; with `Last-Event-ID` or `index` it starts
/// after that revision instead. Then each change is `event: change`. A reader that is too far behind gets
/// `event: reset`, with a new snapshot as data. Every event's id is its revision.
#[utoipa::path(get, path = "/v1/watch", tag = "native",
    params(
        ("service" = Option<String>, Query, description = "Only hosts of this service."),
        ("index" = Option<u64>, Query, description = "Start after this revision, without a snapshot."),
        ("Last-Event-ID" = Option<u64>, Header, description = "The same; browsers send it when they connect again."),
    ),
    responses(
        (status = 200, description = "The stream.", body = super::view::ChangeView, content_type = "text/event-stream"),
        (status = 400, description = "A parameter is unknown or breaks a rule.", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "Too many wait.", body = Document, content_type = "application/problem+json"),
    ))]
#[allow(clippy::unused_async, reason = "a handler")]
pub(super) async fn watch(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query = Query::parse(query.as_deref(), &["service", "index"])?;
    let from = match last_event(&headers)? {
        Some(revision) => Some(revision),
        None => query.index,
    };
    let place = take_place(&app)?;
    let revision = HeaderValue::from(app.registry.snapshot().revision.0);
    let stream = Stream::start(app, query.service, from, place);
    let pieces = futures_util::stream::unfold(stream, |mut stream| async move {
        let piece = stream.next().await?;
        Some((Ok::<_, Infallible>(piece), stream))
    });
    let kind = (CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    let fresh = (CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(mark(([kind, fresh, (REVISION, revision)], Body::from_stream(pieces)).into_response()))
}

fn last_event(headers: &HeaderMap) -> Result<Option<Revision>, Problem> {
    let Some(value) = headers.get(LAST_EVENT_ID).filter(|value| !value.is_empty()) else { return Ok(None) };
    let revision = value.to_str().ok().and_then(|text| text.parse().ok());
    match revision {
        Some(revision) => Ok(Some(Revision(revision))),
        None => Err(Problem::invalid("Last-Event-ID", "must be a revision: a whole number")),
    }
}

/// One reader's stream. It is asked for the next piece when the last one was taken, so a slow reader costs no memory.
struct Stream {
    app: App,
    service: Option<String>,
    follower: Follower,
    /// A snapshot that is being sent.
    list: Option<Pieces<Arc<Host>>>,
    changes: VecDeque<Change>,
    _place: Place,
}

impl Stream {
    fn start(app: App, service: Option<String>, from: Option<Revision>, place: Place) -> Stream {
        let follower = app.registry.follow();
        let mut stream = Stream { app, service, follower, list: None, changes: VecDeque::new(), _place: place };
        match from {
            None => stream.take_snapshot("snapshot"),
            // A revision that was never given out belongs to another history.
            Some(from) if from > stream.follower.seen() => stream.take_snapshot("reset"),
            Some(from) => stream.follower.seek(from),
        }
        stream
    }

    fn take_snapshot(&mut self, event: &str) {
        let (snapshot, now) = (self.app.registry.snapshot_arc(), self.app.registry.now());
        let live = |host: &&Arc<Host>| host.lease.is_live(now);
        let hosts = match &self.service {
            Some(service) => snapshot.hosts.of_any_case(service).filter(live).cloned().collect(),
            None => snapshot.hosts.iter().filter(live).cloned().collect(),
        };
        let before = format!("event: {event}\nid: {}\ndata: ", snapshot.revision);
        self.list = Some(host_list(snapshot.revision, hosts, None).framed(&before, "\n\n"));
        self.follower.seek(snapshot.revision);
    }

    /// The next piece of the stream; `None` ends it: the server stops.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if self.app.stopping.is_cancelled() {
                return None;
            }
            if let Some(list) = &mut self.list {
                match list.next() {
                    Some(piece) => return Some(piece),
                    None => self.list = None,
                }
            }
            if let Some(piece) = self.take_changes() {
                return Some(piece);
            }
            let next = timeout(limits::WATCH_KEEPALIVE, self.follower.next(&self.app.registry));
            let next = self.app.stopping.run_until_cancelled(next).await?;
            match next {
                Ok(Ok(changes)) => self.changes.extend(changes),
                Ok(Err(_compacted)) => self.take_snapshot("reset"),
                Err(_silence) => return Some(Bytes::from_static(b": \n\n")),
            }
        }
    }

    /// The changes at hand that the reader wants, as many as fit one piece.
    fn take_changes(&mut self) -> Option<Bytes> {
        let mut piece = String::new();
        while piece.len() < limits::HTTP_CHUNK_OCTETS {
            let Some(change) = self.changes.pop_front() else { break };
            let is_meant = |service: &String| change.host().service.as_str().eq_ignore_ascii_case(service);
            if change.host().dialect != Dialect::Node && self.service.as_ref().is_none_or(is_meant) {
                write_change(&mut piece, &change);
            }
        }
        (!piece.is_empty()).then(|| piece.into())
    }
}

fn write_change(piece: &mut String, change: &Change) {
    // Strings and numbers serialize, and a String takes every write.
    let data = serde_json::to_string(&ChangeView::of(change)).unwrap_or_default();
    let _ = write!(piece, "event: change\nid: {}\ndata: {data}\n\n", change.revision);
}
