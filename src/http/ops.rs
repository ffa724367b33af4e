//! What orchestrators, monitors and people ask of the server itself.

#![allow(clippy::unused_async, reason = "handlers are async whether they wait or not")]

use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::App;
use super::gate::JSON;
use crate::metrics;
use crate::readiness::Condition;

/// The routes of operation.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(live))
        .routes(routes!(ready))
        .routes(routes!(scrape))
        .routes(routes!(openapi))
        .routes(routes!(docs))
        .routes(routes!(root))
}

/// Says that the process runs.
#[utoipa::path(get, path = "/livez", tag = "operation", responses((status = 200, description = "It runs.", body = str, content_type = "application/json")))]
async fn live() -> impl IntoResponse {
    (JSON, r#"{"live":true}"#)
}

/// Says whether the server may be given work: the table is loaded and no older than `max_stale`, the sockets are bound, no stop was asked for.
#[utoipa::path(get, path = "/readyz", tag = "operation", responses(
    (status = 200, description = "Ready; `degraded` says what it has to do without, if there is anything.", content_type = "application/json", body = str, example = json!({"ready": true, "conditions": {"table": null, "dns": null, "http": null, "stopping": null}})),
    (status = 503, description = "Not ready; each condition that does not hold has its reason.", content_type = "application/json", body = str),
))]
async fn ready(State(app): State<App>) -> impl IntoResponse {
    let mut reasons = app.readiness.reasons();
    if app.stopping.is_cancelled()
        && let Some((_, reason)) = reasons.last_mut()
    {
        reason.get_or_insert_with(|| "a stop was asked for".into());
    }
    // No timer tells when the table gets too old: whoever asks looks.
    if let Some(unshown) = app.registry.unshown(app.registry.now())
        && let Some((_, reason)) = reasons.iter_mut().find(|(condition, _)| *condition == Condition::Table)
    {
        reason.get_or_insert_with(|| unshown.to_string());
    }
    let ready = reasons.iter().all(|(_, reason)| reason.is_none());
    let conditions: serde_json::Map<String, serde_json::Value> =
        reasons.into_iter().map(|(condition, reason)| (condition.as_str().to_owned(), json!(reason))).collect();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut body = json!({"ready": ready, "conditions": conditions});
    if let Some(reason) = app.readiness.degraded() {
        body["degraded"] = json!(reason);
    }
    (status, JSON, body.to_string())
}

/// Gives every count of the server to Prometheus (OpenMetrics text).
#[utoipa::path(get, path = "/metrics", tag = "operation", responses((status = 200, description = "The counts.", body = str, content_type = "application/openmetrics-text")))]
async fn scrape(State(app): State<App>) -> impl IntoResponse {
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], app.metrics.encode())
}

/// Gives this interface as an OpenAPI 3.1 document.
#[utoipa::path(get, path = "/openapi.json", tag = "operation", responses((status = 200, description = "The document.", body = str, content_type = "application/json")))]
async fn openapi(State(app): State<App>) -> Response {
    (JSON, app.documents.json.clone()).into_response()
}

/// Shows this interface to people: one page without scripts.
#[utoipa::path(get, path = "/docs", tag = "operation", responses((status = 200, description = "The page.", body = str, content_type = "text/html")))]
async fn docs(State(app): State<App>) -> Response {
    let headers: [(HeaderName, &str); 2] =
        [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, super::docs::CONTENT_POLICY)];
    (headers, app.documents.html.clone()).into_response()
}

/// Leads to the documentation.
#[utoipa::path(get, path = "/", tag = "operation", responses((status = 307, description = "To /docs.")))]
async fn root() -> Redirect {
    Redirect::temporary("/docs")
}
