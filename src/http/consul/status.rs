//! `/v1/status/...`: who leads. There is one server, and it does.

use axum::extract::State;
use axum::response::Response;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use super::params::{Params, check_datacenter};
use super::reply::{self, Failure};
use super::view::SERVER_PORT;
use super::{Settings, only};
use crate::http::App;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(leader).map(|router| only(router, "OPTIONS,GET")))
        .routes(routes!(peers).map(|router| only(router, "OPTIONS,GET")))
}

/// Says where the leader is. Nobody listens there: clients ask whether there is one.
#[utoipa::path(get, path = "/v1/status/leader", tag = "consul",
    responses((status = 200, description = "`\"127.0.0.1:8300\"`")))]
#[allow(clippy::unused_async, reason = "a handler")]
async fn leader(State(app): State<App>, params: Params) -> Result<Response, Failure> {
    check_datacenter(&params, &app.consul.datacenter)?;
    Ok(reply::json(&params, &place(&app.consul)))
}

/// Lists the servers.
#[utoipa::path(get, path = "/v1/status/peers", tag = "consul",
    responses((status = 200, description = "`[\"127.0.0.1:8300\"]`")))]
#[allow(clippy::unused_async, reason = "a handler")]
async fn peers(State(app): State<App>, params: Params) -> Result<Response, Failure> {
    check_datacenter(&params, &app.consul.datacenter)?;
    Ok(reply::json(&params, &[place(&app.consul)]))
}

fn place(settings: &Settings) -> String {
    std::net::SocketAddr::new(settings.node_address, SERVER_PORT).to_string()
}
