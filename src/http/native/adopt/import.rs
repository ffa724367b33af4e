//! Rows in from lines: all lines of a call are taken, or none.

use std::collections::BTreeMap;

use axum::extract::{RawQuery, State};
use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;
use utoipa::ToSchema;

use super::admit::admit;
use super::plan::{Foreseen, Plan};
use super::refused::{BadLine, BadLines, Refused};
use super::{form, loaded};
use crate::http::gate::JSON;
use crate::http::native::REVISION;
use crate::http::native::query::Query;
use crate::http::problem::{Document, Problem};
use crate::http::{App, RowForm};
use crate::limits;
use crate::metrics::{Operation, Outcome};
use crate::table::{Applied, Dialect, Host, HostKey};

/// What became of the rows.
#[derive(Serialize, ToSchema)]
#[schema(as = Imported)]
pub(in crate::http::native) struct Done {
    /// The revision of the table.
    revision: u64,
    /// How many were not there.
    created: usize,
    /// How many say something else now.
    updated: usize,
    /// How many said the same; their leases begin anew.
    unchanged: usize,
    /// How many are there and stay as they are, with `keep`.
    kept: usize,
    /// How many say nothing here: the other server's own node, where that has no checks.
    skipped: usize,
}

/// Puts rows as `/v1/export` gives them, one JSON object a line, without the first line: all of them or none.
///
/// A row that is there is replaced by what comes, unless `keep` is set. Leases begin anew, revisions are those of this
/// table.
#[utoipa::path(post, path = "/v1/import", tag = "native",
    params(
        ("keep" = Option<bool>, Query, description = "Leave rows that are there as they are."),
        ("dry_run" = Option<bool>, Query, description = "Say what would be done, and do nothing."),
    ),
    request_body(content = String, content_type = "application/x-ndjson", description = "At most 500 lines."),
    responses(
        (status = 200, description = "All are there, and visible in DNS.", body = Done),
        (status = 400, description = "A parameter is unknown, or lines are wrong; each is named.", body = BadLines, content_type = "application/problem+json"),
        (status = 429, description = "A bound of the table is reached.", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "The table is not loaded, or the store cannot be written.", body = Document, content_type = "application/problem+json"),
        (status = 507, description = "The disk is full.", body = Document, content_type = "application/problem+json"),
    ))]
pub(in crate::http::native) async fn import(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let result = put(&app, query.as_deref(), &body).await;
    let outcome = result.as_ref().map_or_else(Refused::outcome, |_| Outcome::Ok);
    app.metrics.write(Dialect::Native, Operation::Register, outcome);
    match result {
        Ok(done) => {
            // Numbers serialize.
            let json = serde_json::to_vec(&done).unwrap_or_default();
            ([(REVISION, HeaderValue::from(done.revision))], JSON, json).into_response()
        }
        Err(refused) => refused.into_response(),
    }
}

async fn put(app: &App, query: Option<&str>, body: &[u8]) -> Result<Done, Refused> {
    let query = Query::parse(query, &["keep", "dry_run"])?;
    let rows = read(app, form(app)?, body)?;
    let (mut kept, mut skipped) = (0, 0);
    if query.dry_run {
        let (snapshot, now) = (loaded(app)?, app.registry.now());
        let plan = Plan::of(rows, &snapshot.hosts, now, query.keep).map_err(Refused::Lines)?;
        let Foreseen { created, updated, unchanged } = plan.foresee(&snapshot.hosts, now);
        let revision = snapshot.revision.0;
        return Ok(Done { revision, created, updated, unchanged, kept: plan.kept, skipped: plan.skipped });
    }
    let applied = app.registry.submit_with(|hosts, now| -> Result<_, Refused> {
        let plan = Plan::of(rows.clone(), hosts, now, query.keep).map_err(Refused::Lines)?;
        (kept, skipped) = (plan.kept, plan.skipped);
        Ok(plan.events)
    });
    let applied = applied.await?;
    let revision = app.registry.snapshot().revision.0;
    let count = |which: fn(&Applied) -> bool| applied.iter().filter(|one| which(one)).count();
    Ok(Done {
        revision,
        created: count(|one| matches!(one, Applied::Created(_))),
        updated: count(|one| matches!(one, Applied::Updated(_) | Applied::Removed(_))),
        unchanged: count(|one| matches!(one, Applied::Unchanged(_))),
        kept,
        skipped,
    })
}

/// Reads the rows with their lines; every line that is wrong is named.
fn read(app: &App, form: RowForm, body: &[u8]) -> Result<Vec<(usize, Host)>, Refused> {
    let lines = body.split(|octet| *octet == b'\n').enumerate().map(|(place, line)| (place + 1, line.trim_ascii()));
    let lines: Vec<_> = lines.filter(|(_, line)| !line.is_empty()).collect();
    let most = limits::BATCH_HOSTS;
    if lines.len() > most {
        return Err(Problem::invalid("body", format!("must be at most {most} lines, are {}", lines.len())).into());
    }
    let mut places: BTreeMap<HostKey, usize> = BTreeMap::new();
    let (mut rows, mut bad) = (Vec::with_capacity(lines.len()), Vec::new());
    for (line, text) in lines {
        let read = (form.read)(text).map_err(|why| why.to_string());
        let admitted = read.and_then(|host| admit(app, host).map_err(|problem| problem.detail().to_owned()));
        let host = match admitted {
            Ok(host) => host,
            Err(detail) => {
                bad.push(BadLine { line, detail });
                continue;
            }
        };
        match places.insert(host.key(), line) {
            Some(first) => bad.push(BadLine { line, detail: format!("the row of line {first} once more") }),
            None => rows.push((line, host)),
        }
    }
    if bad.is_empty() { Ok(rows) } else { Err(Refused::Lines(bad)) }
}
