//! Envoy's endpoint discovery (EDS v3), by polling and by streams.
//!
//! | call | does |
//! | --- | --- |
//! | `POST /v3/discovery:endpoints` | one answer in JSON, or 304 |
//! | gRPC `…EndpointDiscoveryService/StreamEndpoints` | answers whenever a service changes, state of the world |
//! | gRPC `…EndpointDiscoveryService/FetchEndpoints` | one answer |
//! | gRPC `…AggregatedDiscoveryService/StreamAggregatedResources` | as `StreamEndpoints`: there are no other resources |
//!
//! Any other call of gRPC is answered with the status 12, unimplemented: the delta protocol among them.
//!
//! Envoy only reads here: hosts of every API are endpoints. What of a host makes what of an endpoint is in `assignment`
//! and `metadata`; the messages are in `proto`, in both their forms. `session` knows the protocol of a stream and nothing
//! of the network, `grpc` the reverse.

mod answer;
mod assignment;
mod encodings;
mod grpc;
mod metadata;
mod parts;
mod proto;
mod resource;
mod rest;
mod session;
mod stream;
#[cfg(test)]
mod tests;

use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) use encodings::Encodings;

use super::App;
use super::gate::BodyRule;
use crate::limits;

const POLL: &str = "/v3/discovery:endpoints";
const STREAM: &str = "/envoy.service.endpoint.v3.EndpointDiscoveryService/StreamEndpoints";
const FETCH: &str = "/envoy.service.endpoint.v3.EndpointDiscoveryService/FetchEndpoints";
const AGGREGATED: &str = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";

/// The routes of the dialect. OpenAPI has no words for those of gRPC.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(rest::endpoints))
        .route(STREAM, post(stream::stream))
        .route(FETCH, post(stream::fetch))
        .route(AGGREGATED, post(stream::stream))
}

/// What the gate does with the body of a request, where it is one of these routes, or one that no route has.
pub(super) fn body_rule(route: Option<&str>, headers: &HeaderMap) -> Option<BodyRule> {
    match route {
        Some(POLL) => Some(BodyRule::Whole(limits::EDS_REQUEST_OCTETS)),
        Some(STREAM | FETCH | AGGREGATED) => Some(BodyRule::Messages),
        Some(_) => None,
        // Nobody reads it, and its client may wait for the answer before it ends it.
        None => grpc::is_call(headers).then_some(BodyRule::Messages),
    }
}

/// Whether a route is the poll, which is no GET and reads all the same.
pub(super) fn is_poll(route: &str) -> bool {
    route == POLL
}

/// The answer to a call of gRPC that no route has; `None` for what is no such call.
pub(super) fn unknown_call(headers: &HeaderMap) -> Option<Response> {
    grpc::is_call(headers).then(|| grpc::Status::new(grpc::Code::Unimplemented, "no such method").into_response())
}
