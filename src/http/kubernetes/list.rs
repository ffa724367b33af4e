//! Lists of objects, and tables of them.

use std::sync::Arc;

use serde::Serialize;
use serde_json::json;

use super::accept::Form;
use super::collect::{Unit, Wanted};
use super::object::{Facts, Object};
use super::params::Include;
use super::table::{self, Row};
use crate::http::App;
use crate::http::pieces::Pieces;
use crate::registry::Snapshot;
use crate::table::Revision;

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

/// The list of `units` after `head`.
pub(super) fn pieces(
    app: App,
    snapshot: Arc<Snapshot>,
    wanted: Wanted,
    (form, include): (Form, Include),
    (head, units): (String, Vec<Unit>),
) -> Pieces<Unit> {
    Pieces::new(head, units, "]}\n", move |elements, unit| {
        let facts = Facts::now(&app, &snapshot);
        if let Some(object) = unit.object(&wanted, &snapshot, facts) {
            write_object(elements.next(), &object, form, include);
        }
    })
}
