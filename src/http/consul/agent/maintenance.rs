//! Maintenance: a service, or the whole node, taken out by a critical check that an operator sets.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;

use super::super::params::Params;
use super::super::reply::{self, Failure};
use super::super::view::{NODE_MAINTENANCE, SERVICE_MAINTENANCE};
use super::super::{instance, node, submit, terms, view};
use super::{own, unknown_service};
use crate::http::App;
use crate::metrics::Operation;
use crate::table::{Check, CheckDefinition, Event, Registration, Status, Title};

const NO_REASON: &str = "but no reason was provided. This is a default message.";

/// Takes a service out of the answers, or back in.
#[utoipa::path(put, path = "/v1/agent/service/maintenance/{*id}", tag = "consul",
    params(("id" = String, Path), ("enable" = bool, Query), ("reason" = Option<String>, Query)),
    responses((status = 200, description = "Done."), (status = 400, description = "`enable` is not said."), (status = 404, description = "There is no such service.")))]
pub(super) async fn service(
    State(app): State<App>,
    params: Params,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let enable = enable(&params)?;
    let check = format!("{SERVICE_MAINTENANCE}{id}");
    let default = format!("Maintenance mode is enabled for this service, {NO_REASON}");
    submit(&app, Operation::Drain, |hosts| {
        let host = own(hosts, &id).ok_or_else(|| unknown_service(&id))?;
        let row = Registration::from(&**host);
        let mut events = turn(row, &check, view::MAINTENANCE_NAME, enable.then(|| reason(&params, &default)))?;
        // A host that is drained is shown as one in maintenance, and comes back like one.
        if host.draining && !enable {
            events.push(Event::Drain { host: host.key(), enable });
        }
        Ok(events)
    })
    .await?;
    Ok(reply::done())
}

/// Takes the node out of the answers with every service on it, or back in.
#[utoipa::path(put, path = "/v1/agent/maintenance", tag = "consul",
    params(("enable" = bool, Query), ("reason" = Option<String>, Query)),
    responses((status = 200, description = "Done."), (status = 400, description = "`enable` is not said.")))]
pub(super) async fn node(State(app): State<App>, params: Params) -> Result<Response, Failure> {
    let enable = enable(&params)?;
    let default = format!("Maintenance mode is enabled for this node, {NO_REASON}");
    submit(&app, Operation::Drain, |hosts| {
        let node = node::own_registration(&app.consul, hosts);
        turn(node, NODE_MAINTENANCE, "Node Maintenance Mode", enable.then(|| reason(&params, &default)))
    })
    .await?;
    Ok(reply::done())
}

fn enable(params: &Params) -> Result<bool, Failure> {
    if !params.has("enable") {
        return Err(Failure::bad("Missing value for enable"));
    }
    match params.text("enable") {
        // What Go's ParseBool takes.
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        other => Err(Failure::bad(format!("Invalid value for enable: {other:?}"))),
    }
}

fn reason<'a>(params: &'a Params, default: &'a str) -> &'a str {
    Some(params.text("reason")).filter(|reason| !reason.is_empty()).unwrap_or(default)
}

/// The event that gives a row the check, or takes it away.
fn turn(mut row: Registration, id: &str, name: &str, reason: Option<&str>) -> Result<Vec<Event>, Failure> {
    let mut checks = row.checks.take().unwrap_or_default();
    let is_on = checks.iter().any(|check| *check.id == *id);
    if reason.is_none() {
        checks.retain(|check| *check.id != *id);
    }
    // Who takes out what is out already changes no reason.
    if let Some(reason) = reason.filter(|_| !is_on) {
        let notes = terms::bounded("reason", reason)?;
        let title = Title { name: name.into(), notes, definition: Box::default() };
        checks.push(CheckDefinition {
            status: Some(Status::Critical),
            title: Some(Arc::new(title)),
            ..CheckDefinition::new(Check::parse_id("service ID", id)?, None)
        });
        instance::at_most_checks(checks.len())?;
    }
    row.checks = Some(checks);
    Ok(vec![Event::Register(Box::new(row))])
}
