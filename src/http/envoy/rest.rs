//! Discovery by polling.

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use super::answer::{Answer, Form, distinct, version};
use super::proto::{DiscoveryRequest, TYPE_URL};
use crate::http::App;
use crate::http::gate::JSON;
use crate::http::problem::{Document, Kind, Problem};
use crate::limits;
use crate::metrics::Discovery;

/// Gives Envoy the endpoints of its clusters (EDS v3 by polling).
///
/// The body is a `DiscoveryRequest` in JSON, the answer a `DiscoveryResponse`: one `ClusterLoadAssignment` for each of
/// `resource_names`, without endpoints where there is no such service. A name is `[namespace/]service[:port]`. 304 says
/// that `version_info` of the request is still the newest.
#[utoipa::path(post, path = "/v3/discovery:endpoints", tag = "envoy",
    request_body(content = String, content_type = "application/json",
        example = json!({"version_info": "", "resource_names": ["web"], "type_url": TYPE_URL, "node": {"id": "envoy-1", "cluster": "edge"}})),
    responses(
        (status = 200, description = "The endpoints.", body = str, content_type = "application/json"),
        (status = 304, description = "They are as the request says it has them."),
        (status = 400, description = "The body is no discovery request, or asks for resources of another type.", body = Document, content_type = "application/problem+json"),
        (status = 413, description = "The body has more than 524288 octets.", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "The services have too many hosts for one answer, or too much waits to be read by others.", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "The table is not loaded yet, or older than `max_stale`.", body = Document, content_type = "application/problem+json"),
    ))]
pub(super) async fn endpoints(State(app): State<App>, body: Bytes) -> Result<Response, Problem> {
    let request = read(&body)?;
    check(&request)?;
    let snapshot = app.registry.snapshot_arc();
    let resources = distinct(&request.resource_names, &snapshot)
        .map_err(|too_many| Problem::new(Kind::TooMany, too_many.to_string()))?;
    drop(snapshot);
    let made = app.encodings.of(resources, Form::Json, &app.registry).await;
    let made = made.map_err(|no_room| Problem::new(Kind::TooMany, no_room.to_string()))?;
    let version = version(made.iter().map(|made| made.number));
    if request.version_info == version {
        app.metrics.discovery("rest", Discovery::Unchanged);
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    app.metrics.discovery("rest", Discovery::Answered);
    let resources = made.into_iter().map(|made| made.octets).collect();
    let answer = Answer { version, nonce: String::new(), resources };
    Ok((JSON, Body::new(answer.into_json())).into_response())
}

fn read(body: &[u8]) -> Result<DiscoveryRequest, Problem> {
    // Serde would take a list, field by field.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(Problem::invalid("body", "must be a discovery request in JSON: an object"));
    }
    serde_json::from_slice(body)
        .map_err(|error| Problem::invalid("body", format!("must be a discovery request in JSON: {error}")))
}

fn check(request: &DiscoveryRequest) -> Result<(), Problem> {
    if !request.type_url.is_empty() && request.type_url != TYPE_URL {
        return Err(Problem::invalid("type_url", format!("must be {TYPE_URL}, or left out")));
    }
    let names = request.resource_names.len();
    if names > limits::EDS_RESOURCES {
        let rule = format!("must be at most {} names, are {names}", limits::EDS_RESOURCES);
        return Err(Problem::invalid("resource_names", rule));
    }
    Ok(())
}
