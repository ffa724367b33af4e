//! What a service on this server's node is, in a status that a load balancer understands.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use serde_json::json;

use super::super::blocking::Shown;
use super::super::params::Params;
use super::super::reply::{self, Failure};
use super::super::shapes::{AgentService, HealthCheck};
use super::super::view::Views;
use super::own;
use crate::http::App;
use crate::table::Host;

/// A service and its status.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Health<'a> {
    aggregated_status: &'static str,
    service: AgentService<'a>,
    checks: Vec<HealthCheck<'a>>,
}

/// The services of a name: 200 where all pass, 429 where one warns, 503 where one is critical or in maintenance.
#[utoipa::path(get, path = "/v1/agent/health/service/name/{*name}", tag = "consul",
    params(("name" = String, Path), ("format" = Option<String>, Query, description = "`text` for the word alone.")),
    responses((status = 200, description = "All pass."), (status = 404, description = "There is none."),
        (status = 429, description = "One warns."), (status = 503, description = "One is critical.")))]
#[allow(clippy::unused_async, reason = "a handler")]
pub(super) async fn by_name(
    State(app): State<App>,
    params: Params,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Result<Response, Failure> {
    let shown = Shown::now(&app);
    let views = shown.views(&app);
    let hosts = views.hosts.on_node("").filter(|host| host.service.as_str() == name && views.shows(host));
    let found: Vec<_> = hosts.map(|host| health(&views, host)).collect();
    let worst = found.iter().map(|health| health.aggregated_status).max_by_key(|status| rank(status));
    let Some(worst) = worst else {
        let text = format!("ServiceName {name} Not Found");
        return Ok(answer(&params, &headers, &text, StatusCode::NOT_FOUND, &text, &Vec::<Health<'_>>::new()));
    };
    Ok(answer(&params, &headers, worst, status(worst), worst, &found))
}

/// The same of the service of an id.
#[utoipa::path(get, path = "/v1/agent/health/service/id/{*id}", tag = "consul",
    params(("id" = String, Path), ("format" = Option<String>, Query, description = "`text` for the word alone.")),
    responses((status = 200, description = "It passes."), (status = 404, description = "There is none."),
        (status = 429, description = "It warns."), (status = 503, description = "It is critical.")))]
#[allow(clippy::unused_async, reason = "a handler")]
pub(super) async fn by_id(
    State(app): State<App>,
    params: Params,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let shown = Shown::now(&app);
    let views = shown.views(&app);
    let Some(host) = own(views.hosts, &id).filter(|host| views.shows(host)) else {
        let text = format!("ServiceId {id} not found");
        let nothing = json!({ "AggregatedStatus": "critical", "Service": null, "Checks": null });
        return Ok(answer(&params, &headers, &text, StatusCode::NOT_FOUND, &text, &nothing));
    };
    let found = health(&views, host);
    let word = found.aggregated_status;
    Ok(answer(&params, &headers, word, status(word), word, &found))
}

fn health<'a>(views: &Views<'a>, host: &'a Host) -> Health<'a> {
    let mut checks: Vec<_> = views.node_checks("").into_iter().filter(|check| check.check_id != "serfHealth").collect();
    checks.extend(views.checks(host));
    let word = |check: &HealthCheck<'_>| match (&*check.r#type, &*check.status) {
        ("maintenance", _) => "maintenance",
        (_, "critical") => "critical",
        (_, "warning") => "warning",
        _ => "passing",
    };
    let worst = checks.iter().map(word).max_by_key(|status| rank(status)).unwrap_or("passing");
    // What an agent has of its own has no index yet.
    let checks = checks.into_iter().map(|check| HealthCheck { create_index: 0, modify_index: 0, ..check }).collect();
    Health { aggregated_status: worst, service: views.agent_service(host), checks }
}

fn rank(status: &str) -> u8 {
    match status {
        "passing" => 0,
        "warning" => 1,
        "critical" => 2,
        _ => 3,
    }
}

fn status(word: &str) -> StatusCode {
    match word {
        "passing" => StatusCode::OK,
        "warning" => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// JSON, or the word where a text was asked for.
fn answer(
    params: &Params,
    headers: &HeaderMap,
    reason: &str,
    status: StatusCode,
    text: &str,
    found: &impl Serialize,
) -> Response {
    let accepts = headers.get(header::ACCEPT).is_some_and(|value| value.as_bytes().starts_with(b"text/plain"));
    let mut response = if params.text("format") == "text" || accepts {
        let mut response = reply::text(status, text);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        response
    } else {
        let mut response = reply::json(params, found);
        *response.status_mut() = status;
        response
    };
    if let Ok(value) = HeaderValue::from_str(reason) {
        response.headers_mut().insert("x-consul-reason", value);
    }
    response
}
