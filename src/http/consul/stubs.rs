//! What rollcall does not offer, answered as a Consul does that has nothing of it: lists are empty, look-ups find nothing,
//! writes say that they are not taken.

use axum::extract::{Path, State};
use axum::handler::Handler;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use axum::routing::{MethodRouter, any, get};
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;

use super::params::{Params, Reading};
use super::reply::{self, Failure};
use super::{blocking, only};
use crate::http::App;
use crate::registry::Topic;

/// They are not in the documentation: they are not there.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .route("/v1/acl/{*rest}", any(acl))
        .route("/v1/connect/{*rest}", any(connect))
        .route("/v1/agent/connect/{*rest}", any(connect))
        .route("/v1/coordinate/datacenters", reads(datacenters))
        .route("/v1/coordinate/nodes", reads(coordinates))
        .route("/v1/coordinate/node/{node}", reads(coordinates))
        .route("/v1/kv", any(kv))
        .route("/v1/kv/", any(kv))
        .route("/v1/kv/{*key}", any(kv))
        .route("/v1/session/list", reads(empty))
        .route("/v1/session/info/{id}", reads(empty))
        .route("/v1/session/node/{node}", reads(empty))
        .route("/v1/session/{*rest}", any(not_offered))
        .route("/v1/event/list", reads(empty))
        .route("/v1/event/{*rest}", any(not_offered))
        .route("/v1/query", any(queries))
        .route("/v1/query/{*rest}", any(no_query))
        .route("/v1/config/{kind}", reads(empty))
        .route("/v1/config/{kind}/{name}", any(no_config))
        .route("/v1/peerings", reads(empty))
        .route("/v1/txn", any(not_offered))
        .route("/v1/snapshot", any(not_offered))
        .route("/v1/operator/raft/configuration", reads(raft))
        .route("/v1/operator/autopilot/health", reads(autopilot))
        .route("/v1/operator/{*rest}", any(not_offered))
        .route("/v1/internal/{*rest}", any(not_offered))
}

/// A route that is read and nothing else.
fn reads<H: Handler<T, App>, T: 'static>(handler: H) -> MethodRouter<App> {
    only(get(handler), "OPTIONS,GET")
}

fn refused(what: &str) -> Failure {
    Failure::internal(format!("rollcall does not offer {what}: it is a server of service discovery"))
}

async fn acl() -> Failure {
    Failure::new(StatusCode::UNAUTHORIZED, "ACL support disabled")
}

async fn connect() -> Failure {
    Failure::internal("Connect must be enabled in order to use this endpoint")
}

async fn not_offered(method: Method, uri: axum::http::Uri) -> Failure {
    let path: String = uri.path().chars().take(100).collect();
    refused(&format!("{method} {path}"))
}

/// An empty list, which may be waited on.
async fn empty(State(app): State<App>, reading: Reading) -> Result<Response, Failure> {
    nothing(&app, &reading, json!([])).await
}

async fn nothing(app: &App, reading: &Reading, value: Value) -> Result<Response, Failure> {
    // Nobody has this name: it never changes, and who waits for it waits.
    let shown = blocking::shown(app, reading, &Topic::service("")).await?;
    Ok(shown.reply(reading, &value))
}

/// No key is there; the answer has an index all the same, which python-consul reads.
async fn kv(State(app): State<App>, method: Method, reading: Reading) -> Result<Response, Failure> {
    if method != Method::GET {
        return Err(refused("a key-value store"));
    }
    let mut response = nothing(&app, &reading, Value::Null).await?;
    *response.status_mut() = StatusCode::NOT_FOUND;
    *response.body_mut() = axum::body::Body::empty();
    response.headers_mut().remove(axum::http::header::CONTENT_TYPE);
    Ok(response)
}

async fn queries(State(app): State<App>, method: Method, reading: Reading) -> Result<Response, Failure> {
    if method == Method::GET { nothing(&app, &reading, json!([])).await } else { Err(refused("prepared queries")) }
}

async fn no_query(Path(_rest): Path<String>) -> Failure {
    Failure::missing("Query not found")
}

async fn no_config(Path((kind, name)): Path<(String, String)>) -> Failure {
    Failure::missing(format!("Config entry not found for {kind:?} / {name:?}"))
}

async fn datacenters(State(app): State<App>, params: Params) -> Response {
    reply::json(&params, &json!([{ "Datacenter": app.consul.datacenter, "AreaID": "wan", "Coordinates": [] }]))
}

async fn coordinates(State(app): State<App>, reading: Reading) -> Result<Response, Failure> {
    nothing(&app, &reading, json!([])).await
}

async fn raft(State(app): State<App>, params: Params) -> Response {
    let settings = &app.consul;
    let address = format!("{}:{}", settings.node_address, super::view::SERVER_PORT);
    reply::json(
        &params,
        &json!({
            "Index": 0,
            "Servers": [{ "ID": settings.node_id, "Node": settings.node_name, "Address": address, "Leader": true, "ProtocolVersion": "3", "Voter": true }],
        }),
    )
}

async fn autopilot(State(app): State<App>, params: Params) -> Response {
    let settings = &app.consul;
    let address = format!("{}:{}", settings.node_address, super::view::SERVER_PORT);
    reply::json(
        &params,
        &json!({
            "Healthy": true, "FailureTolerance": 0,
            "Servers": [{ "ID": settings.node_id, "Name": settings.node_name, "Address": address, "SerfStatus": "alive", "Leader": true, "Voter": true, "Healthy": true }],
        }),
    )
}
