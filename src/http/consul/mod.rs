//! The dialect of Consul's clients.
//!
//! | paths | what |
//! | --- | --- |
//! | `/v1/agent/...` | services and checks of this server's node, and the server itself (`agent`) |
//! | `/v1/catalog/...` | nodes and services as they are known, and those that are registered from outside (`catalog`) |
//! | `/v1/health/...` | services with their checks (`health`) |
//! | `/v1/status/...` | who leads: this server |
//! | others | what rollcall does not offer, answered so that no client falls over (`stubs`) |
//!
//! What needs no table stands by itself: the filter language ([`filter`]), the JSON of answers ([`shapes`]), the reader of
//! registration bodies ([`body`]).
//!
//! # One row, two APIs
//!
//! A service is a row of the dialect [`Consul`](crate::table::Dialect::Consul) under its name, its id that of Consul's with
//! the node before it where that is not this server's. Reads show the rows of every dialect; writes go to rows of this one.

mod agent;
mod blocking;
pub mod body;
mod catalog;
pub mod filter;
mod health;
mod instance;
mod node;
mod params;
mod reply;
mod settings;
pub mod shapes;
mod sidecar;
mod status;
mod stored;
mod stubs;
mod terms;
#[cfg(test)]
mod tests;
mod view;

use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use axum::routing::MethodRouter;
use utoipa_axum::router::OpenApiRouter;

use super::App;
use super::problem::Problem;
use crate::metrics::{Operation, Outcome};
use crate::table::{Applied, Dialect, Event, Hosts};
use reply::Failure;

pub use node::own_node;
pub use settings::Settings;

/// Every route of the dialect.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(agent::routes())
        .merge(catalog::routes())
        .merge(health::routes())
        .merge(status::routes())
        .merge(stubs::routes())
}

/// Whether a path is one of this dialect or below one.
pub(super) fn owns(path: &str) -> bool {
    const OWN: [&str; 22] = [
        "acl",
        "agent",
        "catalog",
        "config",
        "connect",
        "coordinate",
        "discovery-chain",
        "event",
        "events",
        "exported-services",
        "health",
        "imported-services",
        "internal",
        "kv",
        "operator",
        "peering",
        "peerings",
        "query",
        "session",
        "snapshot",
        "status",
        "txn",
    ];
    let first = path.strip_prefix("/v1/").map(|rest| rest.split('/').next().unwrap_or_default());
    first.is_some_and(|first| OWN.contains(&first))
}

/// What the server refuses before any route sees it, in Consul's form.
pub(super) fn problem(problem: &Problem) -> Response {
    reply::problem(problem)
}

/// Answers OPTIONS, and 405 to every other method that the route has no handler for, HEAD too.
fn only(router: MethodRouter<App>, allow: &'static str) -> MethodRouter<App> {
    let refuse = move |method: Method| std::future::ready(other_method(&method, allow));
    let router = if allow.contains("GET") { router.head(refuse) } else { router };
    router.fallback(refuse)
}

fn other_method(method: &Method, allow: &'static str) -> Response {
    let mut response = if method == Method::OPTIONS {
        reply::done()
    } else {
        reply::text(StatusCode::METHOD_NOT_ALLOWED, format!("method {method} not allowed"))
    };
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}

/// Asks for the events that `decide` makes of the rows, all or none, and counts how it ended.
async fn submit(
    app: &App,
    operation: Operation,
    mut decide: impl FnMut(&Hosts) -> Result<Vec<Event>, Failure>,
) -> Result<Vec<Applied>, Failure> {
    let result = app.registry.submit_with(|hosts, _| decide(hosts)).await;
    let outcome = result.as_ref().err().map_or(Outcome::Ok, Failure::outcome);
    app.metrics.write(Dialect::Consul, operation, outcome);
    result
}
