//! `/v1/catalog/...`: nodes and services as they are known, whoever registered them.

mod external;
mod nodes;
mod services;

use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use super::health::refused;
use super::only;
use crate::http::App;
pub(super) use nodes::{exists, known_as};
pub(super) use services::{has_tags, takes_node};

pub(super) fn routes() -> OpenApiRouter<App> {
    let put = "OPTIONS,PUT";
    let get = "OPTIONS,GET";
    OpenApiRouter::new()
        .routes(routes!(external::register).map(|router| only(router, put)))
        .routes(routes!(external::deregister).map(|router| only(router, put)))
        .routes(routes!(nodes::datacenters).map(|router| only(router, get)))
        .routes(routes!(nodes::list).map(|router| only(router, get)))
        .routes(routes!(nodes::one).map(|router| only(router, get)))
        .routes(routes!(nodes::services).map(|router| only(router, get)))
        .routes(routes!(services::list).map(|router| only(router, get)))
        .routes(routes!(services::one).map(|router| only(router, get)))
        .routes(routes!(services::connect).map(|router| only(router, get)))
        .route("/v1/catalog/service/", refused("Missing service name"))
        .route("/v1/catalog/node/", refused("Missing node name"))
        .route("/v1/catalog/node-services/", refused("Missing node name"))
}
