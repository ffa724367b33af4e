//! Watches: a line for each change of an object, from the journal.
//!
//! A watch waits for what it is of: for one service where its selectors name one, else for anything. It reads on when the
//! last piece was taken, so a slow client costs no memory but a list of the rows that changed since, at most as many as
//! the journal remembers. One that falls further behind is told so (`ERROR`, 410), and lists anew.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::{Sleep, sleep, timeout};

use super::accept::Form;
use super::collect::{Among, Unit, Wanted};
use super::delta::{self, Census, Kind, Touched};
use super::list::write_object;
use super::object::{Facts, Object};
use super::params::{Include, Options};
use super::read;
use super::resource::Resource;
use super::status::Status;
use super::table;
use crate::clock::Timestamp;
use crate::http::App;
use crate::http::watchers::{self, Place};
use crate::limits;
use crate::registry::{Snapshot, Topic};
use crate::table::{Change, Compacted, Dialect, Revision};

/// Begins a watch.
pub(super) fn start(
    app: App,
    snapshot: Arc<Snapshot>,
    wanted: Wanted,
    form: Form,
    options: &Options,
) -> Result<Response, Status> {
    let place = watchers::take_place(&app)
        .ok_or_else(|| Status::too_many(format!("{} watches and long polls wait, the bound", limits::WATCHERS)))?;
    let lasts = options.timeout.unwrap_or(limits::KUBERNETES_WATCH_TIME).min(limits::KUBERNETES_WATCH_TIME_MAX);
    let service = match wanted.among(&snapshot.hosts) {
        Among::One(service) => Some(service),
        // Of a name that is nobody's yet it is not known what service it will be of.
        Among::All | Among::None => None,
    };
    let topic = service.as_deref().map_or(Topic::Everything, Topic::service);
    let told = app.registry.now();
    let mut stream = Stream {
        app,
        wanted,
        form,
        include: options.include,
        service,
        topic,
        seen: snapshot.revision,
        telling: None,
        initial: Vec::new().into_iter(),
        pending: VecDeque::new(),
        census: None,
        failure: None,
        has_columns: false,
        bookmarks: options.bookmarks,
        told,
        end: Box::pin(sleep(lasts)),
        ended: false,
        _place: place,
    };
    stream.begin(snapshot, options.revision);
    let pieces = futures_util::stream::unfold(stream, |mut stream| async move {
        let piece = stream.next().await?;
        Some((Ok::<_, Infallible>(piece), stream))
    });
    let mut response = read::json(Body::from_stream(pieces));
    watchers::mark_waited(&mut response);
    Ok(response)
}

struct Stream {
    app: App,
    wanted: Wanted,
    form: Form,
    include: Include,
    /// The service that everything wanted is of.
    service: Option<String>,
    topic: Topic,
    /// The revision up to which it has read; what it read is in `pending`.
    seen: Revision,
    /// What the objects are made of which are being told. It is let go when they are told: rows that nobody else needs
    /// must not wait for one who sleeps.
    telling: Option<Arc<Snapshot>>,
    /// What there was at the beginning and is not told yet.
    initial: std::vec::IntoIter<Unit>,
    /// What changed since and is not told yet.
    pending: VecDeque<Touched>,
    /// Of a watch of namespaces.
    census: Option<Census>,
    /// Why it ends.
    failure: Option<Status>,
    /// Whether the client knows the columns of the table.
    has_columns: bool,
    bookmarks: bool,
    /// When something was told last.
    told: Timestamp,
    end: Pin<Box<Sleep>>,
    ended: bool,
    _place: Place,
}

impl Stream {
    /// Goes to where the client wants to begin.
    fn begin(&mut self, snapshot: Arc<Snapshot>, from: Option<Revision>) {
        let current = snapshot.revision;
        match from {
            None => {
                let facts = Facts::now(&self.app, &snapshot);
                self.initial = read::initial(&self.wanted, &snapshot, facts).into_iter();
            }
            Some(from) if from > current => self.failure = Some(Status::other_history(from, current)),
            Some(from) => self.seen = from,
        }
        match self.changes(current) {
            Ok(changes) if self.wanted.resource == Resource::Namespaces => {
                self.census = Some(Census::before(&snapshot, &changes));
            }
            Ok(_) => {}
            Err(compacted) => self.failure = Some(Status::compacted(compacted)),
        }
        self.telling = Some(snapshot);
    }

    /// The next piece of the stream; `None` ends it.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if self.ended || self.app.stopping.is_cancelled() {
                return None;
            }
            if let Some(failure) = self.failure.take() {
                self.ended = true;
                return Some(line("ERROR", &failure.to_json()));
            }
            let piece = self.take();
            if !piece.is_empty() {
                self.told = self.app.registry.now();
                return Some(piece.into());
            }
            let now = self.app.registry.now();
            if self.bookmarks && now.since(self.told) >= limits::KUBERNETES_BOOKMARK {
                self.told = now;
                self.pass_over();
                return Some(self.bookmark());
            }
            match self.wait().await? {
                Woken::Changed => self.read_on(),
                Woken::Silence => self.pass_over(),
                Woken::End => {
                    self.ended = true;
                    self.pass_over();
                    return self.bookmarks.then(|| self.bookmark());
                }
            }
        }
    }

    /// What is to be told, as much as fits one piece.
    fn take(&mut self) -> Vec<u8> {
        let mut piece = Vec::new();
        let Some(snapshot) = self.telling.clone() else { return piece };
        let app = self.app.clone();
        let facts = Facts::now(&app, &snapshot);
        while piece.len() < limits::HTTP_CHUNK_OCTETS {
            if let Some(unit) = self.initial.next() {
                if let Some(object) = unit.object(&self.wanted, &snapshot, facts) {
                    write_event(
                        &mut piece,
                        Kind::Added,
                        &object,
                        (self.form, self.include, self.has_columns),
                        &self.wanted,
                    );
                    self.has_columns = true;
                }
                continue;
            }
            let Some(touched) = self.pending.pop_front() else {
                self.telling = None;
                break;
            };
            let (form, include, wanted) = (self.form, self.include, &self.wanted);
            let has_columns = &mut self.has_columns;
            delta::tell(&touched, wanted, &snapshot, facts, |kind, object| {
                write_event(&mut piece, kind, &object, (form, include, *has_columns), wanted);
                *has_columns = true;
            });
        }
        piece
    }

    /// Waits until something changed, nothing was heard for a while, or the time of the watch is over; `None` is a stop of
    /// the server.
    async fn wait(&mut self) -> Option<Woken> {
        let changed = timeout(limits::WATCH_KEEPALIVE, self.app.registry.changed_after(&self.topic, self.seen));
        tokio::select! {
            biased;
            () = self.app.stopping.cancelled() => None,
            () = &mut self.end => Some(Woken::End),
            changed = changed => Some(if changed.is_ok() { Woken::Changed } else { Woken::Silence }),
        }
    }

    /// The published changes since it has read up to `revision`, of what it is of.
    fn changes(&self, revision: Revision) -> Result<Vec<Change>, Compacted> {
        let is_meant = |change: &Change| {
            let host = change.host();
            host.dialect != Dialect::Node
                && change.revision <= revision
                && self.service.as_deref().is_none_or(|service| host.service.as_str().eq_ignore_ascii_case(service))
        };
        self.app.registry.changes_that(self.seen, is_meant)
    }

    /// Reads the changes up to now.
    fn read_on(&mut self) {
        // The journal has at least what the snapshot has: it is written under the lock that readers of it take.
        let snapshot = self.app.registry.snapshot_arc();
        match self.changes(snapshot.revision) {
            Ok(changes) => {
                self.pending = match &mut self.census {
                    Some(census) => census.follow(&changes).into(),
                    None => delta::touched(self.wanted.resource, changes).into(),
                };
                self.seen = snapshot.revision;
                self.telling = Some(snapshot);
            }
            Err(compacted) => self.failure = Some(Status::compacted(compacted)),
        }
    }

    /// Goes on to the present where nothing changed of what it is of, so that the journal need not reach back further.
    fn pass_over(&mut self) {
        let snapshot = self.app.registry.snapshot();
        if self.topic.modified(&snapshot) <= self.seen {
            self.seen = self.seen.max(snapshot.revision);
        }
    }

    /// How far it is.
    fn bookmark(&self) -> Bytes {
        let resource = self.wanted.resource;
        let metadata = json!({"resourceVersion": self.seen.to_string(), "creationTimestamp": null});
        let (kind, version) = (resource.kind(), resource.api_version());
        let mut object = json!({"kind": kind, "apiVersion": version, "metadata": metadata});
        if let Form::Table(version) = self.form {
            object["kind"] = json!("PartialObjectMetadata");
            object["apiVersion"] = json!(version);
            let row = json!({"cells": Vec::<Value>::new(), "object": object});
            object = json!({"kind": "Table", "apiVersion": version, "metadata": metadata, "rows": [row],
                "columnDefinitions": Value::Null});
        }
        line("BOOKMARK", object.to_string().as_bytes())
    }
}

/// Why a wait is over.
enum Woken {
    Changed,
    Silence,
    End,
}

fn line(kind: &str, object: &[u8]) -> Bytes {
    let mut line = format!("{{\"type\":\"{kind}\",\"object\":").into_bytes();
    line.extend_from_slice(object);
    line.extend_from_slice(b"}\n");
    line.into()
}

/// Writes an event. As a table the object is one row; the first has the columns too.
fn write_event(
    piece: &mut Vec<u8>,
    kind: Kind,
    object: &Object<'_>,
    (form, include, has_columns): (Form, Include, bool),
    wanted: &Wanted,
) {
    piece.extend_from_slice(format!("{{\"type\":\"{}\",\"object\":", kind.as_str()).as_bytes());
    if let Form::Table(version) = form {
        let columns = if has_columns { Value::Null } else { table::definitions(wanted.resource) };
        let revision = object.metadata.resource_version;
        let head = format!(
            "{{\"kind\":\"Table\",\"apiVersion\":\"{version}\",\"metadata\":{{\"resourceVersion\":\"{revision}\"}},\
             \"columnDefinitions\":{columns},\"rows\":["
        );
        piece.extend_from_slice(head.as_bytes());
    }
    write_object(piece, object, form, include);
    if let Form::Table(_) = form {
        piece.extend_from_slice(b"]}");
    }
    piece.extend_from_slice(b"}\n");
}
