//! `/v1/agent/...`: the services and checks of the node that this server is, and the server itself.

mod checks;
mod health;
mod maintenance;
mod services;
mod this;

use std::sync::Arc;

use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use super::only;
use super::reply::Failure;
use crate::http::App;
use crate::table::{Host, Hosts, Standing};

pub(super) fn routes() -> OpenApiRouter<App> {
    let put = "OPTIONS,PUT";
    let get = "GET,OPTIONS";
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

/// The service of an id on this server's node.
fn own<'a>(hosts: &'a Hosts, id: &str) -> Option<&'a Arc<Host>> {
    hosts.standing(Standing { node: "", id })
}

/// The row on this server's node that has a check.
fn with_check<'a>(hosts: &'a Hosts, check: &str) -> Result<&'a Arc<Host>, Failure> {
    hosts.with_check("", check).ok_or_else(|| {
        let hint = "Ensure that the check ID is passed, not the check name.";
        Failure::missing(format!("Unknown check ID {check:?}. {hint}"))
    })
}
