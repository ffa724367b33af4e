//! Writes: register, renew, deregister, report, drain, weigh.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, Path, RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::future::{Either, ready};

use super::query::Query;
use super::view::HostView;
use super::{REVISION, body};
use crate::clock::Timestamp;
use crate::http::App;
use crate::http::gate::Whole;
use crate::http::problem::{Document, Kind, Problem};
use crate::metrics::{Operation, Outcome};
use crate::table::{Applied, Dialect, Event, Host, HostId, HostKey, Hosts, Registration, ServiceName, Target};
use crate::zone::Name;

/// Headers of an answer, with those that hyper adds.
const ANSWER_HEADERS: usize = 4;

/// Service and id of a path, decoded.
pub(super) struct Named {
    pub(super) service: String,
    pub(super) id: String,
}

impl FromRequestParts<App> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Named, Problem> {
        match Path::<(String, String)>::from_request_parts(parts, app).await {
            Ok(Path((service, id))) => Ok(Named { service, id }),
            Err(rejection) => Err(Problem::invalid("path", rejection.body_text())),
        }
    }
}

/// Registers a host, replaces what it said before, or takes the call as its heartbeat.
///
/// A call that says the same again is a heartbeat and no change: it costs no revision. The answer leaves after the
/// change is visible in DNS and, where there is a store, durable.
#[utoipa::path(put, path = "/v1/hosts/{service}/{id}", tag = "native",
    params(
        ("service" = String, Path, description = "The service: a DNS label in lower case."),
        ("id" = String, Path, description = "The host's id, unique within the service."),
    ),
    request_body(content = body::Register, content_type = "application/json"),
    responses(
        (status = 201, description = "A new host, as stored.", body = HostView),
        (status = 200, description = "The host as stored.", body = HostView),
        (status = 400, description = "A value breaks a rule; the problem names field and rule.", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "A bound of the table is reached.", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "The table is not loaded, or the store cannot be written.", body = Document, content_type = "application/problem+json"),
        (status = 507, description = "The disk is full.", body = Document, content_type = "application/problem+json"),
    ))]
pub(super) async fn register(
    State(app): State<App>,
    Named { service, id }: Named,
    RawQuery(query): RawQuery,
    Whole(bytes): Whole,
) -> Response {
    let asked = registration(&app, &service, &id, query.as_deref(), &bytes);
    drop(bytes);
    submit(&app, asked).await
}

/// What a request to register a host asks for, where it may.
pub(in crate::http) fn registration(
    app: &App,
    service: &str,
    id: &str,
    query: Option<&str>,
    body: &[u8],
) -> Result<Box<Registration>, Problem> {
    Query::parse(query, &[])?;
    let registration = body::registration(service, id, body, &app.settings)?;
    check_target(app, &registration.target)?;
    check_visible(app, service)?;
    Ok(registration)
}

/// Does what is asked for, and answers.
pub(in crate::http) fn submit(
    app: &App,
    asked: Result<Box<Registration>, Problem>,
) -> impl Future<Output = Response> + use<'_> {
    let end = |result| {
        count(app, Dialect::Native, Operation::Register, &result);
        answer(app, result)
    };
    match asked {
        Ok(registration) => {
            Either::Left(
                async move { end(app.registry.submit(Event::Register(registration)).await.map_err(Problem::from)) },
            )
        }
        Err(problem) => Either::Right(ready(end(Err(problem)))),
    }
}

/// A host name inside our zones could be the service itself, and what it stands for is no affair of DNS clients.
pub(super) fn check_target(app: &App, target: &Target) -> Result<(), Problem> {
    let Target::Name(text) = target else { return Ok(()) };
    let name = Name::parse("address", text, &Name::root())?;
    match app.registry.snapshot().zones.find(name.as_wire()) {
        None => Ok(()),
        Some(zone) => {
            let rule = format!("must be outside the zones of this server; {text:?} is in {}", zone.origin());
            Err(Problem::invalid("address", rule))
        }
    }
}

/// A registration is visible in DNS when it is acknowledged: one that no name would show is refused.
pub(super) fn check_visible(app: &App, service: &str) -> Result<(), Problem> {
    match app.registry.snapshot().zones.obstacle(service) {
        None => Ok(()),
        Some(record) => {
            let rule = format!("must not be a name that a zone file gives a {record} record: it would hide the hosts");
            Err(Problem::invalid("service", rule))
        }
    }
}

/// Renews the lease of a host.
#[utoipa::path(post, path = "/v1/hosts/{service}/{id}/renew", tag = "native",
    params(("service" = String, Path), ("id" = String, Path), ("origin" = Option<String>, Query, description = "`native`, `lyft`, `consul` or `minos`, the API that registered the host. Without it the native host of the id, else the first of the others in this order.")),
    responses(
        (status = 200, description = "The host as stored.", body = HostView),
        (status = 400, description = "A parameter is unknown or breaks a rule.", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "No such host, or its lease has ended: register again.", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "The table is not loaded, or the store cannot be written.", body = Document, content_type = "application/problem+json"),
        (status = 507, description = "The disk is full.", body = Document, content_type = "application/problem+json"),
    ))]
pub(super) async fn renew(State(app): State<App>, named: Named, RawQuery(query): RawQuery) -> Response {
    change(&app, Operation::Renew, &named, query.as_deref(), || Ok(Event::Renew)).await
}

/// Deregisters a host, also one whose lease has ended.
///
/// Without `origin` only a native host is meant: the call sent twice never takes out a second host.
#[utoipa::path(delete, path = "/v1/hosts/{service}/{id}", tag = "native",
    params(("service" = String, Path), ("id" = String, Path), ("origin" = Option<String>, Query, description = "`native`, `lyft`, `consul` or `minos`, the API that registered the host. Without it the native host of the id and no other.")),
    responses(
        (status = 204, description = "It is gone."),
        (status = 400, description = "A parameter is unknown or breaks a rule.", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "No such host; the detail names the `origin` of one of that id that was not meant.", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "The table is not loaded, or the store cannot be written.", body = Document, content_type = "application/problem+json"),
        (status = 507, description = "The disk is full.", body = Document, content_type = "application/problem+json"),
    ))]
pub(super) async fn deregister(State(app): State<App>, named: Named, RawQuery(query): RawQuery) -> Response {
    change(&app, Operation::Deregister, &named, query.as_deref(), || Ok(Event::Deregister)).await
}

/// Reports a verdict on a check of a host. Critical hosts leave the answers. No heartbeat.
#[utoipa::path(put, path = "/v1/hosts/{service}/{id}/health", tag = "native",
    params(("service" = String, Path), ("id" = String, Path), ("origin" = Option<String>, Query, description = "`native`, `lyft`, `consul` or `minos`, the API that registered the host. Without it the native host of the id, else the first of the others in this order.")),
    request_body(content = body::HealthBody, content_type = "application/json"),
    responses(
        (status = 200, description = "The host as stored.", body = HostView),
        (status = 400, description = "A value breaks a rule.", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "No such host.", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "The host has as many checks as it may.", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "The table is not loaded, or the store cannot be written.", body = Document, content_type = "application/problem+json"),
        (status = 507, description = "The disk is full.", body = Document, content_type = "application/problem+json"),
    ))]
pub(super) async fn health(
    State(app): State<App>,
    named: Named,
    RawQuery(query): RawQuery,
    Whole(bytes): Whole,
) -> Response {
    let read = || {
        let body::Verdict { check, status, output } = body::verdict(&bytes)?;
        Ok(move |host| Event::Report { host, check: check.clone(), status, output: output.clone() })
    };
    change(&app, Operation::Health, &named, query.as_deref(), read).await
}

/// Takes a host out of the answers, or back in. The host stays registered. No heartbeat.
#[utoipa::path(put, path = "/v1/hosts/{service}/{id}/drain", tag = "native",
    params(("service" = String, Path), ("id" = String, Path), ("origin" = Option<String>, Query, description = "`native`, `lyft`, `consul` or `minos`, the API that registered the host. Without it the native host of the id, else the first of the others in this order.")),
    request_body(content = body::DrainBody, content_type = "application/json"),
    responses(
        (status = 200, description = "The host as stored.", body = HostView),
        (status = 400, description = "A value breaks a rule.", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "No such host.", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "The table is not loaded, or the store cannot be written.", body = Document, content_type = "application/problem+json"),
        (status = 507, description = "The disk is full.", body = Document, content_type = "application/problem+json"),
    ))]
pub(super) async fn drain(
    State(app): State<App>,
    named: Named,
    RawQuery(query): RawQuery,
    Whole(bytes): Whole,
) -> Response {
    let read = || {
        let enable = body::drain(&bytes)?;
        Ok(move |host| Event::Drain { host, enable })
    };
    change(&app, Operation::Drain, &named, query.as_deref(), read).await
}

/// Sets the SRV weight of a host. Registrations that name no weight keep it. No heartbeat.
#[utoipa::path(put, path = "/v1/hosts/{service}/{id}/weight", tag = "native",
    params(("service" = String, Path), ("id" = String, Path), ("origin" = Option<String>, Query, description = "`native`, `lyft`, `consul` or `minos`, the API that registered the host. Without it the native host of the id, else the first of the others in this order.")),
    request_body(content = body::WeightBody, content_type = "application/json"),
    responses(
        (status = 200, description = "The host as stored.", body = HostView),
        (status = 400, description = "A value breaks a rule.", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "No such host.", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "The table is not loaded, or the store cannot be written.", body = Document, content_type = "application/problem+json"),
        (status = 507, description = "The disk is full.", body = Document, content_type = "application/problem+json"),
    ))]
pub(super) async fn weight(
    State(app): State<App>,
    named: Named,
    RawQuery(query): RawQuery,
    Whole(bytes): Whole,
) -> Response {
    let read = || {
        let weight = body::new_weight(&bytes)?;
        Ok(move |host| Event::Weigh { host, weight, original: None })
    };
    change(&app, Operation::Weight, &named, query.as_deref(), read).await
}

/// One event on a host that is there: read the request, find the row, ask, answer.
async fn change<E: Fn(HostKey) -> Event>(
    app: &App,
    operation: Operation,
    named: &Named,
    query: Option<&str>,
    read: impl FnOnce() -> Result<E, Problem>,
) -> Response {
    let mut dialect = Dialect::Native;
    let result = async {
        let origin = Query::parse(query, &["origin"])?.origin;
        let event = read()?;
        learn(app, operation, named, origin).await;
        let applied = app.registry.submit_with(|hosts, now| -> Result<_, Problem> {
            let host = match operation {
                Operation::Deregister => find_to_remove(hosts, named, origin)?,
                Operation::Register | Operation::Renew | Operation::Health => {
                    find(hosts, named, origin, now).ok_or_else(|| register_again(named))?
                }
                Operation::Drain | Operation::Weight => {
                    find(hosts, named, origin, now).ok_or_else(|| unknown(named))?
                }
            };
            dialect = host.dialect;
            Ok(vec![event(host.key())])
        });
        let applied: Option<Applied> = applied.await?.pop();
        applied.ok_or_else(|| Problem::new(Kind::NotReady, "nothing was applied"))
    };
    let result = result.await;
    count(app, dialect, operation, &result);
    answer(app, result)
}

/// Has a host looked up that is not known here, where the table is one that tells late of what other servers write.
async fn learn(app: &App, operation: Operation, named: &Named, origin: Option<Dialect>) {
    let dialects = match (origin, operation) {
        (Some(origin), _) => vec![origin],
        (None, Operation::Deregister) => vec![Dialect::Native],
        (None, Operation::Register | Operation::Renew | Operation::Health | Operation::Drain | Operation::Weight) => {
            // What other programs write into etcd is told at once.
            Dialect::ALL.into_iter().filter(|dialect| *dialect != Dialect::Etcd).collect()
        }
    };
    let Named { service, id } = named;
    let is_known = |dialect: &Dialect| app.registry.snapshot().hosts.find(service, *dialect, id).is_some();
    if dialects.iter().any(is_known) {
        return;
    }
    let (Ok(service), Ok(id)) = (ServiceName::parse("service", service), HostId::parse("id", id)) else { return };
    for dialect in dialects {
        if app.registry.learn(&HostKey { service: service.clone(), dialect, id: id.clone() }).await {
            return;
        }
    }
}

/// The host that a call speaks of: that of `origin`, else the native one, else the only other one of the id.
pub(super) fn find<'a>(
    hosts: &'a Hosts,
    Named { service, id }: &Named,
    origin: Option<Dialect>,
    now: Timestamp,
) -> Option<&'a Arc<Host>> {
    Dialect::ALL
        .into_iter()
        .filter(|dialect| origin.is_none_or(|origin| origin == *dialect))
        .filter_map(|dialect| hosts.find(service, dialect, id))
        .find(|host| host.lease.is_live(now))
}

/// The host that a removal speaks of, past its lease or not: that of `origin`, else the native one and no other, so
/// that a removal sent twice takes out one host.
fn find_to_remove<'a>(
    hosts: &'a Hosts,
    Named { service, id }: &Named,
    origin: Option<Dialect>,
) -> Result<&'a Arc<Host>, Problem> {
    let wanted = origin.unwrap_or(Dialect::Native);
    if let Some(host) = hosts.find(service, wanted, id) {
        return Ok(host);
    }
    let other = Dialect::ALL.into_iter().find(|dialect| hosts.find(service, *dialect, id).is_some());
    let hint = match other {
        Some(other) => format!("; the one of {other} is meant by ?origin={other}"),
        None => String::new(),
    };
    Err(Problem::new(Kind::UnknownHost, format!("no {wanted} host {service}/{id} is registered{hint}")))
}

/// What is said of a host that is not there, or not any more.
pub(super) fn unknown(Named { service, id }: &Named) -> Problem {
    Problem::new(Kind::UnknownHost, format!("no host {service}/{id} is registered, or its lease has ended"))
}

/// The same to whom may speak for the host.
fn register_again(named: &Named) -> Problem {
    Problem::new(Kind::UnknownHost, format!("{}: register again", unknown(named).detail()))
}

fn count(app: &App, dialect: Dialect, operation: Operation, result: &Result<Applied, Problem>) {
    let outcome = result.as_ref().map_or_else(Problem::outcome, |_| Outcome::Ok);
    app.metrics.write(dialect, operation, outcome);
}

fn answer(app: &App, result: Result<Applied, Problem>) -> Response {
    let applied = match result {
        Ok(applied) => applied,
        Err(problem) => return problem.into_response(),
    };
    let status = match &applied {
        Applied::Created(_) => StatusCode::CREATED,
        Applied::Updated(_) | Applied::Unchanged(_) => StatusCode::OK,
        Applied::Removed(_) => StatusCode::NO_CONTENT,
    };
    let removed = status == StatusCode::NO_CONTENT;
    let body = if removed { Body::empty() } else { Body::from(host_json(applied.host())) };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let mut headers = HeaderMap::with_capacity(ANSWER_HEADERS);
    headers.insert(REVISION, app.registry.snapshot().revision.0.into());
    if !removed {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    *response.headers_mut() = headers;
    response
}

/// A host as JSON.
pub(super) fn host_json(host: &Host) -> Vec<u8> {
    // A usual host has 400 to 500 octets.
    let mut json = Vec::with_capacity(640);
    HostView::of(host).write(&mut json);
    json
}
