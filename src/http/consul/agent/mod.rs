//! `/v1/agent/...`: the services and checks of the node that this server is, and the server itself.

mod checks;
mod health;
mod maintenance;
mod services;
mod this;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::routing::any;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use super::only;
use super::reply::Failure;
use crate::http::App;
use crate::table::{Host, Hosts, Standing};

pub(super) fn routes() -> OpenApiRouter<App> {
    let put = "OPTIONS,PUT";
    let get = "OPTIONS,GET";
    OpenApiRouter::new()
        .routes(routes!(services::register).map(|router| only(router, put)))
        .routes(routes!(services::deregister).map(|router| only(router, put)))
        .routes(routes!(services::list).map(|router| only(router, get)))
        .routes(routes!(services::one).map(|router| only(router, get)))
        .routes(routes!(maintenance::service).map(|router| only(router, put)))
        .routes(routes!(maintenance::node).map(|router| only(router, put)))
        .routes(routes!(checks::list).map(|router| only(router, get)))
        .routes(routes!(checks::register).map(|router| only(router, put)))
        .routes(routes!(checks::deregister).map(|router| only(router, put)))
        .routes(routes!(checks::pass).map(|router| only(router, put)))
        .routes(routes!(checks::warn).map(|router| only(router, put)))
        .routes(routes!(checks::fail).map(|router| only(router, put)))
        .routes(routes!(checks::update).map(|router| only(router, put)))
        .routes(routes!(health::by_name).map(|router| only(router, get)))
        .routes(routes!(health::by_id).map(|router| only(router, get)))
        .merge(without_name())
        .routes(routes!(this::this).map(|router| only(router, get)))
        .routes(routes!(this::members).map(|router| only(router, get)))
        .routes(routes!(this::version).map(|router| only(router, get)))
        .routes(routes!(this::host).map(|router| only(router, get)))
        .routes(routes!(this::metrics).map(|router| only(router, get)))
        .routes(routes!(this::reload).map(|router| only(router, put)))
        .routes(routes!(this::leave).map(|router| only(router, put)))
        .routes(routes!(this::join).map(|router| only(router, put)))
        .routes(routes!(this::force_leave).map(|router| only(router, put)))
}

/// Paths that end where a name was to follow. They are not in the documentation: they are mistakes.
fn without_name() -> OpenApiRouter<App> {
    let refused = |failure: Failure| any(move || std::future::ready(failure.clone()));
    let no_check = Failure::missing("Unknown check ID \"\". Ensure that the check ID is passed, not the check name.");
    OpenApiRouter::new()
        .route("/v1/agent/service/", refused(Failure::missing("unknown service ID: ")))
        .route("/v1/agent/service/deregister/", refused(unknown_service("")))
        .route("/v1/agent/service/maintenance/", refused(Failure::bad("Missing service ID")))
        .route("/v1/agent/check/deregister/", refused(no_check.clone()))
        .route("/v1/agent/check/pass/", refused(no_check.clone()))
        .route("/v1/agent/check/warn/", refused(no_check.clone()))
        .route("/v1/agent/check/fail/", refused(no_check.clone()))
        .route("/v1/agent/check/update/", refused(no_check))
        .route("/v1/agent/health/service/name/", refused(Failure::internal("Missing service Name")))
        .route("/v1/agent/health/service/id/", refused(Failure::internal("Missing serviceID")))
        .route("/v1/agent/token/{*rest}", refused(Failure::new(StatusCode::UNAUTHORIZED, "ACL support disabled")))
}

/// The service of an id on this server's node.
fn own<'a>(hosts: &'a Hosts, id: &str) -> Option<&'a Arc<Host>> {
    hosts.standing(Standing { node: "", id })
}

/// What is said of a service that is not there.
fn unknown_service(id: &str) -> Failure {
    let hint = "Ensure that the service ID is passed, not the service name.";
    Failure::missing(format!("Unknown service ID {id:?}. {hint}"))
}

/// The row on this server's node that has a check. Where several hosts gave their checks one id, as they may where each has
/// an agent of its own, the one that asks is meant: that at the address of the client; else the one that was changed last.
fn with_check<'a>(hosts: &'a Hosts, check: &str, client: Option<IpAddr>) -> Result<&'a Arc<Host>, Failure> {
    let rows = hosts.with_check("", check);
    let is_client = |host: &&&Arc<Host>| client.is_some_and(|client| host.target.addresses().contains(&client));
    rows.iter().find(is_client).or(rows.first()).copied().ok_or_else(|| {
        let hint = "Ensure that the check ID is passed, not the check name.";
        Failure::missing(format!("Unknown check ID {check:?}. {hint}"))
    })
}

/// The address of a client, where the listener knows it.
struct Client(Option<IpAddr>);

impl FromRequestParts<App> for Client {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Client, Self::Rejection> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(Client(peer.map(|ConnectInfo(peer)| peer.ip().to_canonical())))
    }
}
