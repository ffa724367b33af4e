//! Lyft's discovery API, as `lyft/discovery` answers it.
//!
//! | method and path | does | state |
//! | --- | --- | --- |
//! | GET `/healthcheck` | 200 `OK` while the server runs | as the original |
//! | POST `/v1/registration/{service}` | registers a host; also its heartbeat | as the original, stricter values |
//! | GET `/v1/registration/{service}` | lists the hosts of a service | as the original, healthy hosts only, of every API |
//! | DELETE `/v1/registration/{service}/{ip}` | takes a host out | as the original, IPv6 too |
//! | GET `/v1/registration/repo/{service_repo_name}` | lists the hosts of a repository | as the original, healthy hosts only |
//! | POST `/v1/loadbalancing/{service}` | sets the weight of all hosts of a service | atomic |
//! | POST `/v1/loadbalancing/{service}/{ip}` | sets the weight of one host | as the original |
//!
//! HEAD goes where GET goes, OPTIONS tells the methods, any other method is 405.
//!
//! # What differs on purpose
//!
//! * What the original answers with 500 is 400, or 405 for a method that its path has no use for.
//! * Values that make its clients fail are refused, or put right where only one meaning is possible: Envoy drops a
//!   whole list for one weight that is no number from 1 to 100, one `canary` that is no boolean, one `az` that is no text.
//! * `ip` may be IPv6, and a registration may be a JSON object with the same fields.
//! * A form field given twice, or one that is no UTF-8, is refused; the original takes the first, or what it can read.
//! * X-Forwarded-For counts only where the settings trust it.
//!
//! # One row, two APIs
//!
//! A registration is a row of the dialect [`Lyft`](crate::table::Dialect::Lyft), its id the address as text; writes go to
//! rows of this dialect only. Lists show what DNS answers with, rows of every dialect: the API has no word for health, so
//! a host that drains or is critical is not in them. A weight set elsewhere is shown in `load_balancing_weight`, at most
//! 100.

mod address;
mod balancing;
mod check_in;
mod fields;
mod listed;
mod registration;
mod reply;
#[cfg(test)]
mod tests;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::MethodRouter;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use self::reply::Failure;
use super::App;
use super::problem::Problem;
use crate::metrics::{Operation, Outcome};
use crate::table::Dialect;

/// Every route of the dialect.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(healthcheck).map(|router| others_refused(router, "GET, HEAD, OPTIONS")))
        .routes(
            routes!(registration::list, registration::register)
                .map(|router| others_refused(router, "GET, HEAD, OPTIONS, POST")),
        )
        .routes(
            routes!(registration::list_repo, registration::deregister_from_repo)
                .map(|router| others_refused(router, "DELETE, GET, HEAD, OPTIONS")),
        )
        .routes(routes!(registration::deregister).map(|router| others_refused(router, "DELETE, OPTIONS")))
        .routes(routes!(balancing::weigh_all).map(|router| others_refused(router, "OPTIONS, POST")))
        .routes(routes!(balancing::weigh_one).map(|router| others_refused(router, "OPTIONS, POST")))
}

/// Whether a path is one of this dialect or below one.
pub(super) fn owns(path: &str) -> bool {
    ["/healthcheck", "/v1/registration", "/v1/loadbalancing"]
        .into_iter()
        .any(|own| path.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// What the server refuses before any route sees it, in Lyft's words.
pub(super) fn problem(problem: &Problem) -> Response {
    reply::error(problem.kind().status(), problem.detail())
}

/// The same as the octets of a body.
pub(super) fn problem_body(problem: &Problem) -> Vec<u8> {
    reply::body(&serde_json::json!({ "error": problem.detail() })).into_bytes()
}

/// Says that the server runs.
#[utoipa::path(
    get,
    path = "/healthcheck",
    tag = "Lyft discovery",
    responses((status = 200, description = "The server runs: `OK`", body = String, content_type = "text/html"))
)]
async fn healthcheck() -> Html<&'static str> {
    Html("OK")
}

/// Answers OPTIONS, and 405 to every method that the route has no handler for.
fn others_refused(router: MethodRouter<App>, allow: &'static str) -> MethodRouter<App> {
    router.fallback(move |method: Method, uri: Uri| std::future::ready(other_method(&method, &uri, allow)))
}

fn other_method(method: &Method, uri: &Uri, allow: &'static str) -> Response {
    // The router takes nothing at all for a service when an address follows.
    if uri.path().contains("//") {
        return Failure::NoSuchPath.into_response();
    }
    let allow = [(header::ALLOW, allow)];
    if method == Method::OPTIONS {
        return (allow, Html("")).into_response();
    }
    let message = serde_json::json!({ "message": "The method is not allowed for the requested URL." });
    (allow, reply::json(StatusCode::METHOD_NOT_ALLOWED, &message)).into_response()
}

/// Counts a write by how it ended.
fn counted<T>(app: &App, operation: Operation, result: Result<T, Failure>) -> Result<T, Failure> {
    let outcome = result.as_ref().err().map_or(Outcome::Ok, Failure::outcome);
    app.metrics.write(Dialect::Lyft, operation, outcome);
    result
}

/// The service of a path. `%2F` is a slash and divides paths: a service with one has no path here, nor has an empty one.
fn service_of(path: Result<Path<String>, PathRejection>) -> Result<String, Failure> {
    let Path(service) = path.map_err(not_text)?;
    segment(service)
}

/// The service and the address of a path.
fn host_of(path: Result<Path<(String, String)>, PathRejection>) -> Result<(String, String), Failure> {
    let Path((service, ip)) = path.map_err(not_text)?;
    Ok((segment(service)?, ip))
}

fn not_text(rejection: PathRejection) -> Failure {
    Failure::Named(rejection.body_text())
}

fn segment(service: String) -> Result<String, Failure> {
    if service.is_empty() || service.contains('/') { Err(Failure::NoSuchPath) } else { Ok(service) }
}
