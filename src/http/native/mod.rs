//! rollcall's own API (`/v1/hosts`, `/v1/services`, `/v1/watch`, and for operators `/v1/answer`, `/v1/brake`,
//! `/v1/reload`, and `/v1/digest`, `/v1/export`, `/v1/import`).
//!
//! Writes go to rows of this dialect by `PUT`; every other call also finds the rows of the other dialects.
//! What is wrong is said as a problem document that names the field and the rule.

mod adopt;
mod answer;
mod batch;
mod body;
mod brake;
mod checks;
mod duration;
mod json;
mod list;
mod query;
mod read;
mod reload;
mod terms;
mod view;
mod wait;
mod watch;
mod write;

pub(in crate::http) use adopt::digest::Digest;
pub(in crate::http) use query::Query;
pub(in crate::http) use reload::reload_zones;
pub(in crate::http) use write::{registration, submit};

use axum::http::HeaderName;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::App;
use crate::limits;

/// The revision of the table that an answer was made of.
const REVISION: HeaderName = HeaderName::from_static("x-rollcall-revision");

/// The route of one host.
pub(in crate::http) const HOST_ROUTE: &str = "/v1/hosts/{service}/{id}";

/// The bound on the body of a request to a route, where it is not that of all.
pub(in crate::http) fn body_octets(route: &str) -> Option<usize> {
    match route {
        "/v1/hosts" => Some(limits::BATCH_OCTETS),
        "/v1/import" => Some(limits::IMPORT_OCTETS),
        _ => None,
    }
}

/// The routes of the dialect.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(read::services))
        .routes(routes!(read::hosts, batch::register_all))
        .routes(routes!(read::hosts_of_service))
        .routes(routes!(write::register, write::deregister, read::host))
        .routes(routes!(write::renew))
        .routes(routes!(write::health))
        .routes(routes!(write::drain))
        .routes(routes!(write::weight))
        .routes(routes!(watch::watch))
        .routes(routes!(answer::answer))
        .routes(routes!(reload::reload))
        .routes(routes!(adopt::digest::digest))
        .routes(routes!(adopt::export::export))
        .routes(routes!(adopt::import::import))
        .routes(routes!(brake::brake))
        .routes(routes!(brake::release))
}

#[cfg(test)]
mod tests;
