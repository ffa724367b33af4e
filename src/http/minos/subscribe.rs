//! Hosts come and go.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{Extensions, HeaderMap, StatusCode};
use axum::response::Response;
use smallvec::smallvec;
use utoipa::ToSchema;

use super::body::Body;
use super::reply::{self, Failure};
use super::settings::{CHECK_INTERVAL, Settings, http};
use super::stored::{Endpoint, Stored};
use crate::http::{App, client};
use crate::metrics::{Operation, Outcome};
use crate::table::{
    CheckDefinition, Dialect, Event, Host, HostId, Hosts, Port, Registration, ServiceName, Status, Target, Terms,
};

/// Where a service of minos may say more of its health.
const HEALTH: &str = "/health";
/// The id of the check of every host.
const SYSTEM_CHECK: &str = "system-health";
/// The id of what it says of itself where it has none.
const STATUS_CHECK: &str = "status";
/// The id of that of [`HEALTH`].
const HEALTH_CHECK: &str = "health";

/// A subscription.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes the body for the OpenAPI document")]
pub(super) struct Microservice {
    /// The address of the host, or its name.
    #[schema(example = "10.0.0.1")]
    address: String,
    /// 1 to 65535.
    port: u16,
    /// Pairs of verb and path.
    #[schema(example = json!([["GET", "/orders/{id}"]]))]
    endpoints: Vec<Vec<String>>,
    /// Whether the host is well; true when left out.
    status: Option<bool>,
}

/// Subscribes a host of a service with its endpoints.
#[utoipa::path(
    post,
    path = "/microservices/{name}",
    tag = "minos",
    params(("name" = String, Path, description = "The name of the service")),
    request_body = Microservice,
    responses(
        (status = 201, description = "Subscribed, and in DNS"),
        (status = 400, description = "A field is missing or bad"),
        (status = 429, description = "Too many hosts or services"),
        (status = 503, description = "The store cannot be written, or the table is not loaded yet"),
        (status = 507, description = "The store is full")
    )
)]
pub(super) async fn subscribe(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    extensions: Extensions,
    octets: Bytes,
) -> Result<Response, Failure> {
    let client = client::address(&headers, &extensions, &app.settings);
    let result = async {
        let service = service_of(path)?;
        let registration = registration(service, Body::parse(&octets)?, client, &app.settings.minos)?;
        let replaces = app.settings.minos.replace;
        app.registry
            .submit_with(|hosts, _| {
                let others = if replaces { others_of(hosts, &registration) } else { Vec::new() };
                Ok::<_, Failure>([vec![Event::Register(Box::new(registration.clone()))], others].concat())
            })
            .await
    };
    let result = result.await.map(|_| reply::status(StatusCode::CREATED));
    counted(&app, Operation::Register, result)
}

/// Unsubscribes the host of the name at the address of the client.
///
/// Where several or none are there, those that do not answer their checks; where nobody is asked, all of them.
#[utoipa::path(
    delete,
    path = "/microservices/{name}",
    tag = "minos",
    params(("name" = String, Path, description = "The name of the service")),
    responses(
        (status = 200, description = "Gone, or never there"),
        (status = 503, description = "The store cannot be written, or the table is not loaded yet"),
        (status = 507, description = "The store is full")
    )
)]
pub(super) async fn unsubscribe(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    extensions: Extensions,
) -> Result<Response, Failure> {
    let client = client::address(&headers, &extensions, &app.settings);
    // A name that no service can have is unknown like others, and that is no error here.
    let result = match service_of(path) {
        Ok(service) => app.registry.submit_with(|hosts, _| Ok::<_, Failure>(leaving(hosts, &service, client))).await,
        Err(_) => Ok(Vec::new()),
    };
    counted(&app, Operation::Deregister, result.map(|_| reply::status(StatusCode::OK)))
}

fn counted<T>(app: &App, operation: Operation, result: Result<T, Failure>) -> Result<T, Failure> {
    let outcome = result.as_ref().err().map_or(Outcome::Ok, Failure::outcome);
    app.metrics.write(Dialect::Minos, operation, outcome);
    result
}

fn service_of(path: Result<Path<String>, PathRejection>) -> Result<ServiceName, Failure> {
    let Path(name) = path.map_err(|rejection| Failure::bad(rejection.body_text()))?;
    Ok(ServiceName::parse("name", &name)?)
}

fn registration(
    service: ServiceName,
    body: Body,
    client: Option<IpAddr>,
    settings: &Settings,
) -> Result<Registration, Failure> {
    let target = match (body.target, client) {
        (Some(target), _) => target,
        // Who listens on all addresses is reached where it comes from.
        (None, Some(client)) => Target::parse("address", [client.to_string().as_str()])?,
        (None, None) => return Err(Failure::bad("address: must be that of the host")),
    };
    let place = match target.name() {
        Some(name) => name.to_string(),
        None => target.addresses().first().map(IpAddr::to_string).unwrap_or_default(),
    };
    let id = HostId::parse("address", &format!("{place}:{}", body.port))?;
    Ok(Registration {
        ports: smallvec![Port::tcp(body.port)],
        checks: Some(checks(&body.endpoints, body.status, settings)),
        original: Some(Stored { endpoints: body.endpoints }.to_text()),
        ..Registration::new(service, Dialect::Minos, id, target)
    })
}

/// The checks of a host. It is in the answers at once, as its client believes when it is told 201, unless it says itself
/// that it is not well.
fn checks(endpoints: &[Endpoint], status: Option<bool>, settings: &Settings) -> Vec<CheckDefinition> {
    let begins = if status == Some(false) { Status::Critical } else { Status::Passing };
    let Some(check) = &settings.check else {
        // Nobody is asked: what the host says of itself holds until it says something else.
        let said =
            status.map(|_| CheckDefinition { status: Some(begins), ..CheckDefinition::new(STATUS_CHECK.into(), None) });
        return said.into_iter().collect();
    };
    let defined = |id: &str, terms: Arc<Terms>| CheckDefinition {
        status: Some(begins),
        ..CheckDefinition::new(id.into(), Some(terms))
    };
    let has_health = endpoints.iter().any(|Endpoint(verb, path)| &**verb == "GET" && &**path == HEALTH);
    let interval = if check.interval.is_zero() { CHECK_INTERVAL } else { check.interval };
    let health = has_health.then(|| http(&format!("http:{HEALTH}"), false, interval)).flatten();
    let system = defined(SYSTEM_CHECK, Arc::clone(check));
    std::iter::once(system).chain(health.map(|terms| defined(HEALTH_CHECK, Arc::new(terms)))).collect()
}

/// What takes out the other hosts of a name.
fn others_of(hosts: &Hosts, registration: &Registration) -> Vec<Event> {
    let others = hosts.of_service(registration.service.as_str());
    let others = others.filter(|host| host.dialect == Dialect::Minos && host.id != registration.id);
    others.map(|host| Event::Deregister(host.key())).collect()
}

/// What a client takes out that leaves: the host at its address. Where that is several or none (two on one machine, a proxy
/// between), nobody knows which of them leaves, and one taken out by mistake would never come back: those go that do not
/// answer, and the check takes the others out of the answers when they stop. Where nobody is asked, all go.
fn leaving(hosts: &Hosts, service: &ServiceName, client: Option<IpAddr>) -> Vec<Event> {
    let of_name: Vec<&Arc<Host>> =
        hosts.of_service(service.as_str()).filter(|host| host.dialect == Dialect::Minos).collect();
    let is_its_own = |address: &IpAddr| Some(*address) == client;
    let mut own: Vec<&Arc<Host>> = of_name.clone();
    own.retain(|host| host.target.addresses().iter().any(is_its_own));
    let mut leaving = if own.is_empty() { of_name } else { own };
    if leaving.len() > 1 && leaving.iter().all(|host| host.checks.iter().any(|check| check.kind().is_asked())) {
        leaving.retain(|host| host.status() == Status::Critical);
    }
    leaving.into_iter().map(|host| Event::Deregister(host.key())).collect()
}
