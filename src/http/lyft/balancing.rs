//! Weights set by an operator: no heartbeat, one tag, atomic.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use utoipa::ToSchema;

use super::fields::{Fields, JsonBody};
use super::registration::key_of;
use super::reply::Failure;
use super::{counted, host_of, service_of};
use crate::clock::Timestamp;
use crate::http::App;
use crate::lyft::{self, Stored, WEIGHT, parse_weight};
use crate::metrics::Operation;
use crate::registry::SubmitError;
use crate::table::{Dialect, Event, Host, Hosts, Rejection};

/// The field of a weight.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes the form for the OpenAPI document")]
pub(super) struct WeightForm {
    /// 1 to 100.
    load_balancing_weight: u16,
}

/// Sets the weight of every host of a service, of all or of none.
#[utoipa::path(
    post,
    path = "/v1/loadbalancing/{service}",
    tag = "Lyft discovery",
    params(("service" = String, Path, description = "Any text without a slash")),
    request_body(content(
        (WeightForm = "application/x-www-form-urlencoded"),
        (WeightForm = "multipart/form-data")
    )),
    responses(
        (status = 204, description = "Every live host of the service, if there is one, has the weight"),
        (status = 400, description = "The weight is missing or bad: an `error`"),
        (status = 503, description = "The store cannot be written, or the table is not loaded yet"),
        (status = 507, description = "The store is full")
    )
)]
pub(super) async fn weigh_all(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<StatusCode, Failure> {
    counted(&app, Operation::Weight, all(&app, path, request).await)
}

async fn all(app: &App, path: Result<Path<String>, PathRejection>, request: Request) -> Result<StatusCode, Failure> {
    let service = service_of(path)?;
    let weight = read_weight(request).await?;
    let decide = |hosts: &Hosts, now: Timestamp| {
        let own = hosts.of_service(&service).filter(|host| host.dialect == Dialect::Lyft && host.lease.is_live(now));
        Ok::<_, SubmitError>(own.filter_map(|host| weigh(host, weight)).collect())
    };
    app.registry.submit_with(decide).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sets the weight of one host.
#[utoipa::path(
    post,
    path = "/v1/loadbalancing/{service}/{ip}",
    tag = "Lyft discovery",
    params(
        ("service" = String, Path, description = "Any text without a slash"),
        ("ip" = String, Path, description = "IPv4 or IPv6")
    ),
    request_body(content(
        (WeightForm = "application/x-www-form-urlencoded"),
        (WeightForm = "multipart/form-data")
    )),
    responses(
        (status = 204, description = "The host has the weight"),
        (status = 400, description = "The weight is missing or bad: an `error`"),
        (status = 404, description = "No such host: an `error`"),
        (status = 503, description = "The store cannot be written, or the table is not loaded yet"),
        (status = 507, description = "The store is full")
    )
)]
pub(super) async fn weigh_one(
    State(app): State<App>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Result<StatusCode, Failure> {
    counted(&app, Operation::Weight, one(&app, path, request).await)
}

async fn one(
    app: &App,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Result<StatusCode, Failure> {
    let (service, ip) = host_of(path)?;
    let weight = read_weight(request).await?;
    let key = key_of(&service, &ip).ok_or(Failure::NoSuchHost)?;
    if app.registry.snapshot().hosts.get(&key).is_none() {
        // Another server may have registered it just now.
        app.registry.learn(&key).await;
    }
    let decide = |hosts: &Hosts, now: Timestamp| {
        let host = hosts.get(&key).filter(|host| host.lease.is_live(now));
        let host = host.ok_or_else(|| SubmitError::Rejected(Rejection::UnknownHost(key.clone())))?;
        Ok::<_, SubmitError>(weigh(host, weight).into_iter().collect())
    };
    app.registry.submit_with(decide).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn read_weight(request: Request) -> Result<u16, Failure> {
    let fields = Fields::read(request, JsonBody::Ignored).await?;
    let text = fields.text(WEIGHT)?.filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| Failure::Named("Required parameter 'weight' is missing.".into()))?;
    let weight = lyft::int(&text).and_then(parse_weight);
    weight.ok_or_else(|| Failure::Named("Invalid load_balancing_weight. Supply an integer between 1 and 100.".into()))
}

/// What gives a host the weight; nothing where it has it.
fn weigh(host: &Host, weight: u16) -> Option<Event> {
    let stored = Stored::of(host);
    if host.weight == weight && stored.weight() == Some(weight) {
        return None;
    }
    Some(Event::Weigh { host: host.key(), weight, original: Some(stored.with_weight(weight)) })
}
