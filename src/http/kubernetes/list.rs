//! Lists in pieces: a list of every object is never in memory as text.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use serde::Serialize;
use serde_json::json;

use super::accept::Form;
use super::collect::{Unit, Wanted};
use super::object::{Facts, Object};
use super::params::Include;
use super::table::{self, Row};
use crate::http::App;
use crate::limits;
use crate::registry::Snapshot;
use crate::table::Revision;

/// The text of a list, or of a table with its rows.
pub(super) struct List {
    pub(super) app: App,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) wanted: Wanted,
    pub(super) form: Form,
    pub(super) include: Include,
    head: Option<String>,
    units: std::vec::IntoIter<Unit>,
    comma: bool,
    ended: bool,
}

/// Writes an object as an element of a list, or as a row.
pub(super) fn write_object(piece: &mut Vec<u8>, object: &Object<'_>, form: Form, include: Include) {
    // Writing into memory does not fail.
    let _ = match form {
        Form::Objects => serde_json::to_writer(piece, object),
        Form::Table(version) => serde_json::to_writer(piece, &Row::of(object, include, version)),
    };
}

/// `metadata` of a list.
#[derive(Serialize)]
struct ListMetadata<'a> {
    #[serde(rename = "resourceVersion")]
    resource_version: String,
    #[serde(rename = "continue", skip_serializing_if = "Option::is_none")]
    next: Option<&'a str>,
}

/// What stands before the first object.
pub(super) fn head(wanted: &Wanted, form: Form, revision: Revision, next: Option<&str>) -> String {
    let metadata = ListMetadata { resource_version: revision.to_string(), next };
    // Strings serialize.
    let metadata = serde_json::to_string(&metadata).unwrap_or_default();
    let resource = wanted.resource;
    match form {
        Form::Objects => {
            let (kind, version) = (resource.kind(), resource.api_version());
            format!("{{\"kind\":\"{kind}List\",\"apiVersion\":\"{version}\",\"metadata\":{metadata},\"items\":[")
        }
        Form::Table(version) => {
            let columns = json!(table::definitions(resource));
            format!(
                "{{\"kind\":\"Table\",\"apiVersion\":\"{version}\",\"metadata\":{metadata},\
                 \"columnDefinitions\":{columns},\"rows\":["
            )
        }
    }
}

impl List {
    /// The list of `units` after `head`.
    pub(super) fn new(
        app: App,
        snapshot: Arc<Snapshot>,
        wanted: Wanted,
        (form, include): (Form, Include),
        (head, units): (String, Vec<Unit>),
    ) -> List {
        let units = units.into_iter();
        List { app, snapshot, wanted, form, include, head: Some(head), units, comma: false, ended: false }
    }

    /// The list as a body: whole when it fits one piece.
    pub(super) fn into_body(mut self) -> Body {
        let first = self.next().unwrap_or_default();
        if self.ended {
            return Body::from(first);
        }
        let pieces = std::iter::once(first).chain(self).map(Ok::<_, Infallible>);
        Body::from_stream(futures_util::stream::iter(pieces))
    }
}

impl Iterator for List {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        let mut piece = self.head.take().unwrap_or_default().into_bytes();
        let facts = Facts::now(&self.app, &self.snapshot);
        while piece.len() < limits::HTTP_CHUNK_OCTETS {
            let Some(unit) = self.units.next() else {
                piece.extend_from_slice(b"]}\n");
                self.ended = true;
                break;
            };
            let Some(object) = unit.object(&self.wanted, &self.snapshot, facts) else { continue };
            if std::mem::replace(&mut self.comma, true) {
                piece.push(b',');
            }
            write_object(&mut piece, &object, self.form, self.include);
        }
        Some(piece.into())
    }
}
