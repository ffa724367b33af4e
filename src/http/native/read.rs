//! Reads: services, hosts, one host; each may wait for a change.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::list::host_list;
use super::query::{Filter, Query, is_passing};
use super::view::HostView;
use super::write::{Named, find, host_json, unknown};
use super::{REVISION, wait};
use crate::clock::Timestamp;
use crate::http::App;
use crate::http::gate::JSON;
use crate::http::problem::{Document, Problem};
use crate::registry::Snapshot;
use crate::table::{Dialect, Host, Hosts, Invalid, Revision};

const LIST: [&str; 8] = ["passing", "served", "tag", "namespace", "index", "wait", "limit", "after"];

/// A list of hosts.
#[derive(ToSchema)]
#[schema(as = HostList)]
#[allow(dead_code, reason = "documents what `list::host_list` writes")]
pub(super) struct HostListView<'a> {
    /// The revision of the table: the next `index`.
    revision: u64,
    /// The hosts, by service, origin, id.
    hosts: Vec<HostView<'a>>,
    /// Where the next page starts (`after`), if there is one.
    next: Option<String>,
}

/// The services that have a host.
#[derive(Serialize, ToSchema)]
#[schema(as = ServiceList)]
pub(super) struct ServiceListView<'a> {
    /// The revision of the table: the next `index`.
    revision: u64,
    /// The services, by name.
    services: Vec<ServiceView<'a>>,
}

/// A service.
#[derive(Serialize, ToSchema)]
#[schema(as = Service)]
pub(super) struct ServiceView<'a> {
    /// Its name.
    name: &'a str,
    /// How many hosts it has.
    hosts: usize,
    /// How many of them pass their checks and do not drain.
    passing: usize,
    /// How many of them drain.
    draining: usize,
    /// The namespaces of its hosts.
    namespaces: BTreeSet<&'a str>,
    /// The tags of its hosts.
    tags: BTreeSet<&'a str>,
    /// The APIs that registered its hosts.
    origins: BTreeSet<&'static str>,
}

/// Lists the services that have a host.
#[utoipa::path(get, path = "/v1/services", tag = "native",
    params(
        ("namespace" = Option<String>, Query, description = "Only hosts of this namespace count."),
        ("index" = Option<u64>, Query, description = "Wait for a change newer than this revision."),
        ("wait" = Option<String>, Query, description = "How long at most, `5m` when left out, at most `10m`."),
    ),
    responses(
        (status = 200, description = "The services.", body = ServiceListView),
        (status = 400, description = "A parameter is unknown or breaks a rule.", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "Too many wait.", body = Document, content_type = "application/problem+json"),
    ))]
pub(super) async fn services(State(app): State<App>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let query = Query::parse(query.as_deref(), &["namespace", "index", "wait"])?;
    let snapshot = after_wait(&app, None, &query).await?;
    let now = app.registry.now();
    let services = services_of(&snapshot.hosts, &query.filter, now);
    let list = ServiceListView { revision: snapshot.revision.0, services };
    // A struct of numbers and strings serializes.
    let json = serde_json::to_vec(&list).unwrap_or_default();
    Ok(listed(snapshot.revision, Body::from(json), &query))
}

fn services_of<'a>(hosts: &'a Hosts, filter: &Filter, now: Timestamp) -> Vec<ServiceView<'a>> {
    let mut services: Vec<ServiceView<'a>> = Vec::new();
    for host in hosts.iter().filter(|host| host.lease.is_live(now) && filter.takes(host)) {
        let name = host.service.as_str();
        if services.last().is_none_or(|service| service.name != name) {
            services.push(ServiceView::new(name));
        }
        if let Some(service) = services.last_mut() {
            service.add(host);
        }
    }
    services
}

impl<'a> ServiceView<'a> {
    fn new(name: &'a str) -> ServiceView<'a> {
        ServiceView {
            name,
            hosts: 0,
            passing: 0,
            draining: 0,
            namespaces: BTreeSet::new(),
            tags: BTreeSet::new(),
            origins: BTreeSet::new(),
        }
    }

    fn add(&mut self, host: &'a Host) {
        self.hosts += 1;
        self.passing += usize::from(is_passing(host));
        self.draining += usize::from(host.draining);
        self.namespaces.insert(host.namespace.as_str());
        self.tags.extend(host.tags.iter().map(|tag| tag.as_str()));
        self.origins.insert(host.dialect.as_str());
    }
}

/// Lists the hosts of every service.
#[utoipa::path(get, path = "/v1/hosts", tag = "native",
    params(
        ("passing" = Option<bool>, Query, description = "Only hosts that pass their checks and do not drain."),
        ("served" = Option<bool>, Query, description = "Only hosts that DNS gives: they do not drain, and neither critical nor, with the setting `only_passing`, warning."),
        ("tag" = Option<String>, Query, description = "Only hosts with this tag; may be given several times, all must be there."),
        ("namespace" = Option<String>, Query, description = "Only hosts of this namespace."),
        ("index" = Option<u64>, Query, description = "Wait for a change newer than this revision."),
        ("wait" = Option<String>, Query, description = "How long at most, `5m` when left out, at most `10m`."),
        ("limit" = Option<u64>, Query, description = "At most so many hosts; `next` in the answer leads on."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, description = "The hosts.", body = HostListView),
        (status = 400, description = "A parameter is unknown or breaks a rule.", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "Too many wait.", body = Document, content_type = "application/problem+json"),
    ))]
pub(super) async fn hosts(State(app): State<App>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let query = Query::parse(query.as_deref(), &LIST)?;
    let snapshot = after_wait(&app, None, &query).await?;
    list(&app, &snapshot, snapshot.hosts.iter(), &query)
}

/// Lists the hosts of a service; a service without hosts has an empty list.
#[utoipa::path(get, path = "/v1/hosts/{service}", tag = "native",
    params(
        ("service" = String, Path),
        ("passing" = Option<bool>, Query, description = "Only hosts that pass their checks and do not drain."),
        ("served" = Option<bool>, Query, description = "Only hosts that DNS gives: they do not drain, and neither critical nor, with the setting `only_passing`, warning."),
        ("tag" = Option<String>, Query, description = "Only hosts with this tag; may be given several times, all must be there."),
        ("namespace" = Option<String>, Query, description = "Only hosts of this namespace."),
        ("index" = Option<u64>, Query, description = "Wait for a change of the service newer than this revision."),
        ("wait" = Option<String>, Query, description = "How long at most, `5m` when left out, at most `10m`."),
        ("limit" = Option<u64>, Query, description = "At most so many hosts; `next` in the answer leads on."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, description = "The hosts.", body = HostListView),
        (status = 400, description = "A parameter is unknown or breaks a rule.", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "Too many wait.", body = Document, content_type = "application/problem+json"),
    ))]
pub(super) async fn hosts_of_service(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let Path(service) = path.map_err(|rejection| Problem::invalid("path", rejection.body_text()))?;
    let query = Query::parse(query.as_deref(), &LIST)?;
    let snapshot = after_wait(&app, Some(&service), &query).await?;
    list(&app, &snapshot, snapshot.hosts.of_any_case(&service), &query)
}

/// Shows one host.
#[utoipa::path(get, path = "/v1/hosts/{service}/{id}", tag = "native",
    params(("service" = String, Path), ("id" = String, Path), ("origin" = Option<String>, Query, description = "`native`, `lyft`, `consul` or `minos`, the API that registered the host. Without it the native host of the id, else the first of the others in this order.")),
    responses(
        (status = 200, description = "The host as stored.", body = HostView),
        (status = 404, description = "No such host.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "Two hosts have the id: say which `origin`.", body = Document, content_type = "application/problem+json"),
    ))]
#[allow(clippy::unused_async, reason = "a handler")]
pub(super) async fn host(State(app): State<App>, named: Named, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let query = Query::parse(query.as_deref(), &["origin"])?;
    let snapshot = app.registry.snapshot();
    let host = find(&snapshot.hosts, &named, query.origin, app.registry.now()).ok_or_else(|| unknown(&named))?;
    let revision = HeaderValue::from(snapshot.revision.0);
    Ok(([(REVISION, revision)], JSON, host_json(host)).into_response())
}

async fn after_wait(app: &App, service: Option<&str>, query: &Query) -> Result<Arc<Snapshot>, Problem> {
    if let Some(index) = query.index {
        wait::for_change(app, service, index, query.wait).await?;
    } else if query.wait.is_some() {
        return Err(Problem::invalid("wait", "must come with index, the revision to wait past"));
    }
    Ok(app.registry.snapshot_arc())
}

fn list<'a>(
    app: &App,
    snapshot: &Snapshot,
    hosts: impl Iterator<Item = &'a Arc<Host>>,
    query: &Query,
) -> Result<Response, Problem> {
    let now = app.registry.now();
    let is_told = |host: &Host| !query.filter.wants_served() || snapshot.serves(host, now);
    let wanted = hosts.filter(|host| host.lease.is_live(now) && query.filter.takes(host) && is_told(host));
    let mut page: Vec<Arc<Host>> = Vec::new();
    let after = query.after.as_deref().map(read_place).transpose()?;
    let mut next = None;
    for host in wanted {
        if after.is_some_and(|after| place_of(host) <= after) {
            continue;
        }
        if query.limit.is_some_and(|limit| page.len() == limit) {
            next = page.last().map(|last| print_place(last));
            break;
        }
        page.push(Arc::clone(host));
    }
    let list = host_list(snapshot.revision, page, next.as_deref());
    Ok(listed(snapshot.revision, list.into_body(), query))
}

/// Where a host stands in a list.
fn place_of(host: &Host) -> (&str, Dialect, &str) {
    (host.service.as_str(), host.dialect, host.id.as_str())
}

/// The place of a host as text: origin, octets of the service's name, name, id. Both may hold a slash.
fn print_place(host: &Host) -> String {
    let (service, origin, id) = place_of(host);
    format!("{origin}/{}/{service}/{id}", service.len())
}

fn read_place(text: &str) -> Result<(&str, Dialect, &str), Invalid> {
    let read = || {
        let (origin, rest) = text.split_once('/')?;
        let (length, rest) = rest.split_once('/')?;
        let (service, id) = rest.split_at_checked(length.parse().ok()?)?;
        Some((service, Dialect::parse(origin)?, id.strip_prefix('/')?))
    };
    read().ok_or_else(|| Invalid::new("after", "must be the next of the page before"))
}

fn listed(revision: Revision, body: Body, query: &Query) -> Response {
    let response = ([(REVISION, HeaderValue::from(revision.0))], JSON, body).into_response();
    if query.index.is_some() { wait::mark(response) } else { response }
}
