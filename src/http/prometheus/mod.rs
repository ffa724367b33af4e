//! Hosts as targets for Prometheus, by its http_sd.
//!
//! | method and path | does |
//! | --- | --- |
//! | GET `/v1/prometheus/sd` | lists the live hosts, one target for each of their ports |
//!
//! Hosts that are critical or drain are in it too, unless `passing` is asked for: monitoring wants to see them.

mod group;
mod list;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::App;
use super::gate::JSON;
use super::native::Query;
use super::problem::{Document, Problem};
use group::GroupView;

/// The routes of the dialect.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(targets))
}

/// Lists hosts as targets for `http_sd_configs` of Prometheus.
///
/// Each port of a host is a target with labels of its own, all of which begin with `__meta_rollcall_`. Hosts that are
/// critical or drain are listed too: `passing` leaves them out.
#[utoipa::path(get, path = "/v1/prometheus/sd", tag = "prometheus",
    params(
        ("service" = Option<String>, Query, description = "Only hosts of this service."),
        ("passing" = Option<bool>, Query, description = "Only hosts that pass their checks and do not drain."),
        ("tag" = Option<String>, Query, description = "Only hosts with this tag; may be given several times, all must be there."),
        ("namespace" = Option<String>, Query, description = "Only hosts of this namespace."),
    ),
    responses(
        (status = 200, description = "The targets.", body = Vec<GroupView>),
        (status = 400, description = "A parameter is unknown or breaks a rule.", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "The table is not loaded yet, or older than `max_stale`: Prometheus keeps the targets that it has.", body = Document, content_type = "application/problem+json"),
    ))]
#[allow(clippy::unused_async, reason = "a handler")]
async fn targets(State(app): State<App>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let query = Query::parse(query.as_deref(), &["service", "passing", "tag", "namespace"])?;
    let (snapshot, now) = (app.registry.snapshot_arc(), app.registry.now());
    let wanted = |host: &&Arc<crate::table::Host>| host.lease.is_live(now) && query.filter.takes(host);
    let hosts: Vec<_> = match &query.service {
        Some(service) => {
            let names = snapshot.hosts.any_case(service);
            names.flat_map(|name| snapshot.hosts.of_service(name.as_str())).filter(wanted).cloned().collect()
        }
        None => snapshot.hosts.iter().filter(wanted).cloned().collect(),
    };
    Ok((JSON, list::targets(hosts).into_body()).into_response())
}
