//! Check in, list, leave.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::check_in::CheckIn;
use super::fields::{Fields, JsonBody};
use super::listed::{self, Listed};
use super::reply::{self, Failure};
use super::{address, counted, host_of, service_of};
use crate::http::{App, client};
use crate::metrics::Operation;
use crate::registry::SubmitError;
use crate::table::{Dialect, Event, Host, HostId, HostKey, Hosts, Place, Rejection, ServiceName};
use crate::zone;

/// The fields of a registration.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes the form for the OpenAPI document")]
pub(super) struct CheckInForm {
    /// The address of the host, IPv4 or IPv6.
    #[schema(example = "10.0.0.1")]
    ip: Option<String>,
    /// Any text: without `ip`, registers the address the request comes from, if it is in an accepted network.
    auto_ip: Option<String>,
    /// 1 to 65535.
    port: u16,
    /// The revision that the host runs; not empty.
    revision: String,
    /// The repository of the service.
    service_repo_name: Option<String>,
    /// A JSON object as text, with `az`, `instance_id` and `region`; `canary` must be true or false,
    /// `load_balancing_weight` an integer from 1 to 100.
    #[schema(example = r#"{"az":"us-east-1a","instance_id":"i-1","region":"us-east-1"}"#)]
    tags: String,
}

/// The hosts of a service.
#[derive(Serialize, ToSchema)]
#[schema(as = LyftServiceList)]
pub(super) struct ServiceList {
    /// The service asked for.
    service: String,
    /// The environment of this server.
    env: String,
    /// Its hosts, by address as text.
    hosts: Vec<Listed>,
}

/// The hosts of a repository.
#[derive(Serialize, ToSchema)]
#[schema(as = LyftRepoList)]
pub(super) struct RepoList {
    /// The repository asked for.
    service_repo_name: String,
    /// The environment of this server.
    env: String,
    /// Its hosts, by address as text, then by service.
    hosts: Vec<Listed>,
}

/// Registers a host, or sends its heartbeat: what is sent replaces what was there, tag by tag.
#[utoipa::path(
    post,
    path = "/v1/registration/{service}",
    tag = "Lyft discovery",
    params(("service" = String, Path, description = "Any text without a slash")),
    request_body(content(
        (CheckInForm = "application/x-www-form-urlencoded"),
        (CheckInForm = "multipart/form-data"),
        (CheckInForm = "application/json")
    )),
    responses(
        (status = 200, description = "Registered, and visible in DNS: `{}`"),
        (status = 400, description = "A field is missing or bad: `{}`, or an `error`"),
        (status = 413, description = "The body is too long"),
        (status = 429, description = "Too many hosts or services"),
        (status = 503, description = "The store cannot be written, or the table is not loaded yet"),
        (status = 507, description = "The store is full")
    )
)]
pub(super) async fn register(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Failure> {
    counted(&app, Operation::Register, check_in(&app, path, request).await)
}

async fn check_in(app: &App, path: Result<Path<String>, PathRejection>, request: Request) -> Result<Response, Failure> {
    let service = service_of(path)?;
    let client = client_of(app, &request);
    let fields = Fields::read(request, JsonBody::Read).await?;
    let check_in = CheckIn::parse(&service, &fields, || client)?;
    let mut unnamable = None;
    let (ttl, check) = (app.settings.lyft_host_ttl, app.settings.lyft_check.as_ref());
    let decide = |hosts: &Hosts, now| {
        unnamable = unnamable_newcomer(hosts, &service);
        let stored = hosts.find(check_in.service.as_str(), Dialect::Lyft, check_in.id.as_str());
        let current = stored.map(Arc::as_ref).filter(|host: &&Host| host.lease.is_live(now));
        Ok::<_, Failure>(vec![Event::Register(Box::new(check_in.registration(current, ttl, check)?))])
    };
    app.registry.submit_with(decide).await?;
    if let Some(rule) = unnamable {
        tracing::warn!(service, rule, "the hosts of a new service are not in DNS, which cannot have its name");
    }
    Ok(reply::empty(StatusCode::OK))
}

/// Why DNS cannot name a service that has no host yet; `None` for a name it can, and for one that was spoken of.
fn unnamable_newcomer(hosts: &Hosts, service: &str) -> Option<String> {
    if hosts.of_service(service).next().is_some() {
        return None;
    }
    zone::check_service_label(service).err()
}

/// Lists the hosts of a service that DNS answers with, whichever API registered them; an unknown service has none.
#[utoipa::path(
    get,
    path = "/v1/registration/{service}",
    tag = "Lyft discovery",
    params(("service" = String, Path, description = "Any text without a slash")),
    responses(
        (status = 200, description = "The hosts", body = ServiceList),
        (status = 503, description = "The table is not loaded yet, or older than `max_stale`")
    )
)]
pub(super) async fn list(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Failure> {
    let service = service_of(path)?;
    let snapshot = app.registry.snapshot_arc();
    let now = app.registry.now();
    // To this API names differ by their capitals; to the others, as to DNS, they do not.
    let is_meant = |host: &&Host| host.dialect != Dialect::Lyft || host.service.as_str() == service;
    let hosts = snapshot.hosts.of_any_case(&service).map(Arc::as_ref).filter(is_meant);
    let hosts = listed::list(hosts.filter(|host| snapshot.serves(host, now)));
    Ok(reply::json(StatusCode::OK, &ServiceList { service, env: app.settings.lyft_env.clone(), hosts }))
}

/// Lists the hosts of all services of a repository that DNS answers with.
#[utoipa::path(
    get,
    path = "/v1/registration/repo/{service_repo_name}",
    tag = "Lyft discovery",
    params(("service_repo_name" = String, Path, description = "The name that the hosts registered with")),
    responses(
        (status = 200, description = "The hosts", body = RepoList),
        (status = 503, description = "The table is not loaded yet, or older than `max_stale`")
    )
)]
pub(super) async fn list_repo(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Failure> {
    let service_repo_name = service_of(path)?;
    let snapshot = app.registry.snapshot_arc();
    let now = app.registry.now();
    let mut hosts: Vec<&Arc<Host>> = match Place::parse("service_repo_name", &service_repo_name) {
        Ok(repo) => snapshot.hosts.of_repo(&repo).collect(),
        Err(_) => Vec::new(),
    };
    hosts.retain(|host| snapshot.serves(host, now));
    // They come by service; the sort is stable.
    hosts.sort_by(|one, other| one.id.cmp(&other.id));
    let hosts = hosts.into_iter().filter_map(|host| Listed::of(host)).collect();
    Ok(reply::json(StatusCode::OK, &RepoList { service_repo_name, env: app.settings.lyft_env.clone(), hosts }))
}

/// Takes a host out.
#[utoipa::path(
    delete,
    path = "/v1/registration/{service}/{ip}",
    tag = "Lyft discovery",
    params(
        ("service" = String, Path, description = "Any text without a slash"),
        ("ip" = String, Path, description = "IPv4 or IPv6")
    ),
    responses(
        (status = 200, description = "It was there and is gone: `{}`"),
        (status = 400, description = "No such host: `{}`"),
        (status = 503, description = "The store cannot be written, or the table is not loaded yet"),
        (status = 507, description = "The store is full")
    )
)]
pub(super) async fn deregister(
    State(app): State<App>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Failure> {
    let (service, ip) = host_of(path)?;
    counted(&app, Operation::Deregister, leave(&app, &service, &ip).await)
}

/// Takes a host out of the service that is named `repo`: only a GET reads the path otherwise.
#[utoipa::path(
    delete,
    path = "/v1/registration/repo/{service_repo_name}",
    tag = "Lyft discovery",
    params(("service_repo_name" = String, Path, description = "IPv4 or IPv6: an address here, no repository")),
    responses(
        (status = 200, description = "It was there and is gone: `{}`"),
        (status = 400, description = "No such host: `{}`")
    )
)]
pub(super) async fn deregister_from_repo(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Failure> {
    let ip = service_of(path)?;
    counted(&app, Operation::Deregister, leave(&app, "repo", &ip).await)
}

/// The key of a host, if both parts can be parts of one.
pub(super) fn key_of(service: &str, ip: &str) -> Option<HostKey> {
    let ip = address::canonical(ip)?.to_string();
    Some(HostKey {
        service: ServiceName::parse("service", service).ok()?,
        dialect: Dialect::Lyft,
        id: HostId::parse("ip", &ip).ok()?,
    })
}

async fn leave(app: &App, service: &str, ip: &str) -> Result<Response, Failure> {
    let key = key_of(service, ip).ok_or(Failure::Silent("no host can have this name or address"))?;
    match app.registry.submit(Event::Deregister(key)).await {
        Ok(_) => Ok(reply::empty(StatusCode::OK)),
        Err(SubmitError::Rejected(Rejection::UnknownHost(_))) => Err(Failure::Silent("no such host")),
        Err(refused) => Err(refused.into()),
    }
}

/// The address of the client, if `auto_ip` may register it.
fn client_of(app: &App, request: &Request) -> Option<std::net::IpAddr> {
    client::address(request.headers(), request.extensions(), &app.settings)
        .filter(|ip| address::within(*ip, &app.settings.auto_ip_networks))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::registry::{Durability, Registry};
    use crate::table::{Port, Registration, Revision, Target};

    fn host(service: &str) -> Event {
        Event::Register(Box::new(Registration {
            ports: [Port::tcp(80)].into_iter().collect(),
            ..Registration::new(
                ServiceName::parse("service", service).expect("a service"),
                Dialect::Lyft,
                HostId::parse("ip", "10.0.0.1").expect("an id"),
                Target::parse("ip", ["10.0.0.1"]).expect("an address"),
            )
        }))
    }

    #[tokio::test]
    async fn a_name_that_dns_cannot_have_is_spoken_of_once() {
        let registry = Registry::new(Arc::new(Clock::system()), zone::Zones::default(), Durability::Immediate);
        registry.load([], Revision::default(), 1);
        for (service, rule) in
            [("my_web", Some("must be a DNS label")), ("svc", Some("must not be one of the reserved")), ("web", None)]
        {
            let said = unnamable_newcomer(&registry.snapshot().hosts, service);
            let as_wanted = match (&said, rule) {
                (Some(said), Some(rule)) => said.starts_with(rule),
                (said, rule) => said.is_none() && rule.is_none(),
            };
            assert!(as_wanted, "{service}: {said:?}");
            registry.submit(host(service)).await.expect("registers");
            assert_eq!(unnamable_newcomer(&registry.snapshot().hosts, service), None, "a heartbeat");
        }
    }
}
