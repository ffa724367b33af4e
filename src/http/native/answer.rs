//! What DNS answers, asked over HTTP: the reply, and every host of the service with the reason why it is not in it.

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};

use super::query::Query;
use crate::http::gate::JSON;
use crate::http::problem::{Document, Kind, Problem};
use crate::http::{AnswerView, App};

/// Says what DNS answers now to a client that asks over UDP, and why.
///
/// The reply is made by the same engine, of the same table. Of the service that the name speaks of, each host is
/// listed with the reasons why it is not in the answer.
#[utoipa::path(get, path = "/v1/answer", tag = "native",
    params(
        ("name" = String, Query, description = "The name. One that ends in a dot, or is in a zone of this server, stands as it is; any other is completed by the zone of the hosts: `web`."),
        ("type" = Option<String>, Query, description = "The type, `A` when left out: `AAAA`, `SRV`, `TYPE65`, ..."),
    ),
    responses(
        (status = 200, description = "The reply and the hosts; also where the reply is an error.", body = AnswerView),
        (status = 400, description = "A parameter is unknown or breaks a rule.", body = Document, content_type = "application/problem+json"),
    ))]
#[allow(clippy::unused_async, reason = "a handler")]
pub(super) async fn answer(State(app): State<App>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let query = Query::parse(query.as_deref(), &["name", "type"])?;
    let name = query.name.ok_or_else(|| Problem::invalid("name", "must be given"))?;
    let desk = app.desk.as_ref().ok_or_else(|| Problem::new(Kind::NotReady, "DNS cannot be asked here"))?;
    let answer = desk.answer(&name, query.qtype.as_deref().unwrap_or("A"))?;
    // A struct of numbers and strings serializes.
    Ok((JSON, serde_json::to_vec(&answer).unwrap_or_default()).into_response())
}
