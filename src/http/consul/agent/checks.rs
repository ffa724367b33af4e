//! Checks of this server's node: registered, reported, listed.

use std::collections::BTreeMap;
use std::net::IpAddr;

use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;

use super::super::blocking::Shown;
use super::super::body;
use super::super::filter::schema;
use super::super::params::Params;
use super::super::reply::{self, Failure};
use super::super::shapes::HealthCheck;
use super::super::{instance, node, submit, terms};
use super::{Client, own, with_check};
use crate::http::App;
use crate::metrics::Operation;
use crate::table::{CheckKind, Event, Hosts, Registration, Status};

/// Lists the checks of this server's node and of the services on it, by id.
#[utoipa::path(get, path = "/v1/agent/checks", tag = "consul", params(("filter" = Option<String>, Query)),
    responses((status = 200, description = "A map of checks by id.")))]
#[allow(clippy::unused_async, reason = "a handler")]
pub(super) async fn list(State(app): State<App>, params: Params) -> Result<Response, Failure> {
    let filter = params.filter(schema::CHECK)?;
    let shown = Shown::now(&app);
    let views = shown.views(&app);
    let mut checks = BTreeMap::new();
    let mut add = |check: HealthCheck<'_>| {
        if filter.fits(&check) {
            // What an agent has of its own has no index yet.
            let shown = serde_json::to_value(HealthCheck { create_index: 0, modify_index: 0, ..check });
            checks.insert(shown.as_ref().map_or_else(|_| String::new(), id_of), shown.unwrap_or_default());
        }
    };
    views.node_checks("").into_iter().filter(|check| check.check_id != "serfHealth").for_each(&mut add);
    for host in views.hosts.on_node("").filter(|host| views.shows(host)) {
        views.checks(host).into_iter().for_each(&mut add);
    }
    Ok(reply::json(&params, &checks))
}

fn id_of(check: &serde_json::Value) -> String {
    check["CheckID"].as_str().unwrap_or_default().to_owned()
}

/// Registers a check of a service, or of the node where no service is named.
#[utoipa::path(put, path = "/v1/agent/check/register", tag = "consul",
    request_body(content = String, content_type = "application/json", description = "`{\"Name\":\"up\",\"ServiceID\":\"web-1\",\"TTL\":\"10s\"}`"),
    responses((status = 200, description = "Registered."), (status = 400, description = "A field breaks a rule."), (status = 404, description = "There is no such service.")))]
pub(super) async fn register(State(app): State<App>, _params: Params, body: Bytes) -> Result<Response, Failure> {
    let check = body::Check::read(&body)?;
    submit(&app, Operation::Health, |hosts| put(&app, hosts, check.clone())).await?;
    Ok(reply::done())
}

fn put(app: &App, hosts: &Hosts, check: body::Check) -> Result<Vec<Event>, Failure> {
    let mut registration = match check.service_id.as_str() {
        "" => node::own_registration(&app.consul, hosts),
        id => {
            let host = own(hosts, id).ok_or_else(|| Failure::missing(format!("ServiceID {id:?} does not exist")))?;
            Registration::from(&**host)
        }
    };
    let definition = terms::definition(app, hosts, check, "")?;
    let mut checks = registration.checks.take().unwrap_or_default();
    match checks.iter_mut().find(|known| known.id == definition.id) {
        Some(known) => *known = definition,
        None => checks.push(definition),
    }
    instance::at_most_checks(checks.len())?;
    registration.checks = Some(checks);
    Ok(vec![Event::Register(Box::new(registration))])
}

/// Takes a check out.
#[utoipa::path(put, path = "/v1/agent/check/deregister/{*id}", tag = "consul", params(("id" = String, Path)),
    responses((status = 200, description = "It is gone."), (status = 404, description = "There is none of that id.")))]
pub(super) async fn deregister(
    State(app): State<App>,
    client: Client,
    _params: Params,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    submit(&app, Operation::Health, |hosts| without(hosts, client.0, &id)).await?;
    Ok(reply::done())
}

fn without(hosts: &Hosts, client: Option<IpAddr>, id: &str) -> Result<Vec<Event>, Failure> {
    let mut registration = Registration::from(&**with_check(hosts, id, client)?);
    if let Some(checks) = &mut registration.checks {
        checks.retain(|known| *known.id != *id);
    }
    Ok(vec![Event::Register(Box::new(registration))])
}

/// Reports that a check with a TTL passes.
#[utoipa::path(put, path = "/v1/agent/check/pass/{*id}", tag = "consul",
    params(("id" = String, Path), ("note" = Option<String>, Query)),
    responses((status = 200, description = "Taken."), (status = 404, description = "There is none of that id.")))]
pub(super) async fn pass(
    State(app): State<App>,
    client: Client,
    params: Params,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    report(&app, client, &id, Status::Passing, params.text("note")).await
}

/// Reports that a check with a TTL warns.
#[utoipa::path(put, path = "/v1/agent/check/warn/{*id}", tag = "consul",
    params(("id" = String, Path), ("note" = Option<String>, Query)),
    responses((status = 200, description = "Taken."), (status = 404, description = "There is none of that id.")))]
pub(super) async fn warn(
    State(app): State<App>,
    client: Client,
    params: Params,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    report(&app, client, &id, Status::Warning, params.text("note")).await
}

/// Reports that a check with a TTL is critical.
#[utoipa::path(put, path = "/v1/agent/check/fail/{*id}", tag = "consul",
    params(("id" = String, Path), ("note" = Option<String>, Query)),
    responses((status = 200, description = "Taken."), (status = 404, description = "There is none of that id.")))]
pub(super) async fn fail(
    State(app): State<App>,
    client: Client,
    params: Params,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    report(&app, client, &id, Status::Critical, params.text("note")).await
}

/// Reports the status of a check with a TTL, and what is said with it.
#[utoipa::path(put, path = "/v1/agent/check/update/{*id}", tag = "consul", params(("id" = String, Path)),
    request_body(content = String, content_type = "application/json", description = "`{\"Status\":\"passing\",\"Output\":\"\"}`"),
    responses((status = 200, description = "Taken."), (status = 400, description = "No such status."), (status = 404, description = "There is none of that id.")))]
pub(super) async fn update(
    State(app): State<App>,
    client: Client,
    _params: Params,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Failure> {
    let (status, output) = body::verdict(&body)?;
    let known = Status::ALL.into_iter().find(|known| known.as_str() == status);
    let status = known.ok_or_else(|| Failure::bad(format!("Invalid check status: '{status}'")))?;
    report(&app, client, &id, status, &output).await
}

async fn report(
    app: &App,
    Client(client): Client,
    id: &str,
    status: Status,
    output: &str,
) -> Result<Response, Failure> {
    submit(app, Operation::Health, |hosts| {
        let host = with_check(hosts, id, client)?;
        let has_ttl = host.checks.iter().any(|check| *check.id == *id && matches!(check.kind(), CheckKind::Ttl(_)));
        if !has_ttl {
            return Err(Failure::internal(format!("CheckID {id:?} does not have associated TTL")));
        }
        Ok(vec![Event::Report { host: host.key(), check: id.into(), status, output: output.into() }])
    })
    .await?;
    Ok(reply::done())
}
