//! minos' discovery API, as its server `minos-discovery` answers it to the framework and to its gateway.
//!
//! | method and path | does |
//! | --- | --- |
//! | POST `/microservices/{name}` | subscribes a host with its endpoints |
//! | DELETE `/microservices/{name}` | unsubscribes it |
//! | GET `/microservices?verb=&path=` | a host that has the endpoint (the gateway asks for every request) |
//! | GET `/endpoints` | every host with its endpoints |
//!
//! # What differs on purpose
//!
//! * The framework's client tries again for ever after any answer from 400 on. What is unknown is no error where it leaves:
//!   DELETE is 200 always; and nothing that can be stored is refused.
//! * A name holds as many hosts as there are addresses and ports. DELETE takes out the one at the address of the client; where
//!   that is none or several, those that do not answer. The setting `minos_replace` has a name hold one host, as in the original.
//! * Endpoints of a host are those of its last POST.
//! * Of two endpoints that match a path the one with fewer parts in braces counts, and of its hosts, in turn, those that
//!   DNS answers with; where none does, 503, which the gateway passes on as 502.
//! * Hosts of other APIs under the same name serve its endpoints too, and tags that are paths are endpoints of any verb.
//!
//! # One row, two APIs
//!
//! A registration is a row of the dialect [`Minos`](crate::table::Dialect::Minos), its id the address and port. It has no
//! lease, as nothing renews it, but checks ([`Settings::check`]): the convention `/system/health`, and `/health` where the host
//! has that endpoint.

mod body;
mod endpoints;
mod lookup;
mod reply;
mod settings;
mod stored;
mod subscribe;
#[cfg(test)]
mod tests;
mod tree;

use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use super::App;
use super::problem::{Kind, Problem};
use crate::limits;
use reply::Failure;

pub use endpoints::Endpoints;
pub use settings::{CHECK_INTERVAL, Settings};

/// Every route of the dialect.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(
            routes!(subscribe::subscribe, subscribe::unsubscribe)
                .map(|router| others_refused(router, "DELETE, OPTIONS, POST")),
        )
        .routes(routes!(lookup::find).map(|router| others_refused(router, "GET, HEAD, OPTIONS")))
        .routes(routes!(lookup::list).map(|router| others_refused(router, "GET, HEAD, OPTIONS")))
}

/// The bound on the body of a request to a route, where it is not that of all.
pub(super) fn body_octets(route: &str) -> Option<usize> {
    (route == "/microservices/{name}").then_some(limits::MINOS_OCTETS)
}

/// Whether a path is one of this dialect or below one.
pub(super) fn owns(path: &str) -> bool {
    ["/microservices", "/endpoints"]
        .into_iter()
        .any(|own| path.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// What the server refuses before any route sees it, in the words of this dialect.
pub(super) fn problem(problem: &Problem) -> Response {
    if problem.kind() == Kind::UnknownPath {
        return reply::status(StatusCode::NOT_FOUND);
    }
    Failure::new(problem.kind().status(), problem.detail()).into_response()
}

/// Answers OPTIONS, and 405 to every method that the route has no handler for.
fn others_refused(router: MethodRouter<App>, allow: &'static str) -> MethodRouter<App> {
    router.fallback(move |method: Method| {
        let allow = [(header::ALLOW, allow)];
        let is_asked = method == Method::OPTIONS;
        let refused = || reply::status(StatusCode::METHOD_NOT_ALLOWED);
        std::future::ready(if is_asked { (allow, "").into_response() } else { (allow, refused()).into_response() })
    })
}
