//! A digest of the table: two servers that have the same rows say the same.

use std::hash::Hasher as _;
use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use siphasher::sip128::{Hasher128 as _, SipHasher24};
use utoipa::ToSchema;

use super::{form, is_own_node, loaded};
use crate::http::gate::JSON;
use crate::http::native::REVISION;
use crate::http::native::query::Query;
use crate::http::problem::{Document, Kind, Problem};
use crate::http::{App, RowForm};
use crate::registry::Snapshot;

/// What a table is as one number.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"revision": 17, "hosts": 3, "digest": "0f3a5c0d9a7be1c2448f7a7a35e0d1b9"}))]
pub(in crate::http) struct Digest {
    /// The revision of the table.
    revision: u64,
    /// How many hosts are in it, nodes not counted.
    hosts: usize,
    /// 32 hexadecimal digits.
    digest: String,
}

/// Says what the table is as one number: the same on servers whose tables have the same rows.
///
/// It covers what hosts say and the statuses of their checks, hosts of all APIs and the nodes they stand on. It does not
/// depend on revisions, on the time that leases have left, on moments and outputs of checks, or on the node that the server
/// itself is. It tells tables apart; it is no proof against somebody who makes rows on purpose.
#[utoipa::path(get, path = "/v1/digest", tag = "native",
    responses(
        (status = 200, description = "The digest.", body = Digest),
        (status = 400, description = "A parameter is unknown.", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "The table is not loaded, or the server is stopping.", body = Document, content_type = "application/problem+json"),
    ))]
pub(in crate::http::native) async fn digest(
    State(app): State<App>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    Query::parse(query.as_deref(), &[])?;
    let form = form(&app)?;
    // Who hangs up does not let the next one in before the end of the walk.
    let mut last = Arc::clone(&app.digest).lock_owned().await;
    let snapshot = loaded(&app)?;
    let known = last.as_ref().filter(|last| last.revision == snapshot.revision.0).cloned();
    let digest = match known {
        Some(known) => known,
        None => {
            let walk = move || last.insert(Digest::of(&snapshot, form)).clone();
            let unavailable = |_| Problem::new(Kind::NotReady, "the table cannot be read now");
            tokio::task::spawn_blocking(walk).await.map_err(unavailable)?
        }
    };
    // Numbers and text serialize.
    let json = serde_json::to_vec(&digest).unwrap_or_default();
    Ok(([(REVISION, HeaderValue::from(digest.revision))], JSON, json).into_response())
}

impl Digest {
    /// Takes a part of a second for a hundred thousand rows.
    fn of(snapshot: &Snapshot, form: RowForm) -> Digest {
        let mut hasher = SipHasher24::new();
        let mut line = Vec::with_capacity(1024);
        let nodes = snapshot.hosts.nodes().filter(|node| !is_own_node(node));
        for host in nodes.chain(snapshot.hosts.iter()) {
            line.clear();
            (form.write_content)(&mut line, host);
            line.push(b'\n');
            hasher.write(&line);
        }
        let digest = format!("{:032x}", hasher.finish128().as_u128());
        Digest { revision: snapshot.revision.0, hosts: snapshot.hosts.len(), digest }
    }
}
