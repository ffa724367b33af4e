//! What the gateway asks: who has an endpoint, and what there is.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::reply::Failure;
use super::stored::{Endpoint, endpoints_of};
use super::tree::{self, Rows, Tree};
use crate::clock::Timestamp;
use crate::http::App;
use crate::http::gate::JSON;
use crate::http::pieces::Pieces;
use crate::registry::Snapshot;
use crate::table::{Dialect, Host, Namespace, Protocol, ServiceName};

/// A host with its endpoints.
#[derive(Serialize, ToSchema)]
#[schema(as = Microservice)]
pub(super) struct Shown<'a> {
    /// Its name.
    name: &'a str,
    /// Its address.
    address: String,
    /// Its port.
    port: u16,
    /// Its endpoints: pairs of verb and path where one host is shown, text such as `endpoint:GET:/orders` in the list.
    #[schema(value_type = Vec<Vec<String>>)]
    endpoints: Endpoints,
    /// Whether DNS answers with it.
    status: bool,
}

/// Endpoints in one of the two forms.
enum Endpoints {
    Pairs(Vec<Endpoint>),
    Lines(Vec<Endpoint>),
}

impl Serialize for Endpoints {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Endpoints::Pairs(endpoints) => serializer.collect_seq(endpoints),
            Endpoints::Lines(endpoints) => {
                serializer.collect_seq(endpoints.iter().map(|Endpoint(verb, path)| format!("endpoint:{verb}:{path}")))
            }
        }
    }
}

impl<'a> Shown<'a> {
    /// A row as this API shows it; `None` for one without an address or a port, which no client of it can use.
    fn of(host: &'a Host, status: bool, form: fn(Vec<Endpoint>) -> Endpoints) -> Option<Shown<'a>> {
        let (address, port) = place_of(host)?;
        Some(Shown { name: host.service.as_str(), address, port, endpoints: form(endpoints_of(host)), status })
    }
}

/// Where a host is reached: the name that it registered, else its first address, and its first TCP port. A host of another
/// namespace than that of minos' hosts, `default`, is another service's.
fn place_of(host: &Host) -> Option<(String, u16)> {
    if host.namespace != Namespace::DEFAULT {
        return None;
    }
    let address = match host.target.name() {
        Some(name) => name.to_string(),
        None => host.target.addresses().first()?.to_string(),
    };
    Some((address, host.ports.iter().find(|port| port.protocol == Protocol::Tcp)?.number))
}

/// Finds a host that has an endpoint.
#[utoipa::path(
    get,
    path = "/microservices",
    tag = "minos",
    params(
        ("verb" = String, Query, description = "The verb, such as `GET`; capitals count"),
        ("path" = String, Query, description = "The path, such as `/orders/17`")
    ),
    responses(
        (status = 200, description = "A host that DNS answers with, another each time", body = Shown),
        (status = 400, description = "A parameter is missing, or the path has a part in braces"),
        (status = 404, description = "No host has such an endpoint"),
        (status = 503, description = "Hosts have it, and none of them is in the answers; or the table is not loaded yet, or older than `max_stale`")
    )
)]
#[allow(clippy::unused_async, reason = "a handler")]
pub(super) async fn find(State(app): State<App>, uri: Uri) -> Result<Response, Failure> {
    let (verb, path) = parameters(&uri)?;
    let snapshot = app.registry.snapshot_arc();
    let now = app.registry.now();
    let chosen = app.endpoints.look(&app.registry, &snapshot, |tree| choose(tree, &verb, &path, &snapshot, now));
    let host = match chosen {
        Chosen::One(host) => host,
        Chosen::None => return Err(Failure::of(StatusCode::NOT_FOUND)),
        Chosen::Ill => {
            let text = "503: Service Unavailable: no host of this endpoint is in the answers";
            return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, text));
        }
    };
    let shown = Shown::of(&host, true, Endpoints::Pairs).ok_or(Failure::of(StatusCode::NOT_FOUND))?;
    // Text and numbers serialize.
    Ok((JSON, serde_json::to_vec(&shown).unwrap_or_default()).into_response())
}

/// Lists every host with its endpoints, those that are not in the answers too.
#[utoipa::path(
    get,
    path = "/endpoints",
    tag = "minos",
    responses(
        (status = 200, description = "The hosts, by name", body = Vec<Shown>),
        (status = 503, description = "The table is not loaded yet, or older than `max_stale`")
    )
)]
#[allow(clippy::unused_async, reason = "a handler")]
pub(super) async fn list(State(app): State<App>, RawQuery(_): RawQuery) -> Result<Response, Failure> {
    let snapshot = app.registry.snapshot_arc();
    let now = app.registry.now();
    let shown = |host: &&Arc<Host>| host.lease.is_live(now) && place_of(host).is_some();
    let hosts: Vec<Arc<Host>> = snapshot.hosts.iter().filter(shown).cloned().collect();
    let list = Pieces::new("[", hosts, "]", move |elements, host| {
        if let Some(shown) = Shown::of(&host, snapshot.serves(&host, now), Endpoints::Lines) {
            // Writing into memory cannot fail.
            let _ = serde_json::to_writer(elements.next(), &shown);
        }
    });
    Ok((JSON, list.into_body()).into_response())
}

fn parameters(uri: &Uri) -> Result<(String, String), Failure> {
    use axum::extract::Query;
    let missing = || Failure::bad("Missing either 'verb' or 'path' query params");
    let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(uri) else { return Err(missing()) };
    let value = |name: &str| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let path = value("path");
    if path.as_deref().is_some_and(|path| path.split('/').any(tree::is_generic)) {
        return Err(Failure::bad("The given endpoint cannot have parts enclosed in brackets"));
    }
    value("verb").zip(path).ok_or_else(missing)
}

/// What a look-up came to.
enum Chosen {
    One(Arc<Host>),
    /// The endpoint is there, and nobody who could serve it.
    Ill,
    None,
}

/// The host whose turn it is, of those that serve the best match. Another match is not asked: a path means one thing.
fn choose(tree: &Tree, verb: &str, path: &str, snapshot: &Snapshot, now: Timestamp) -> Chosen {
    let mut chosen = Chosen::None;
    tree.visit(verb, path, &mut |rows| {
        let mut is_known = false;
        let served = served(rows, snapshot, now, &mut is_known);
        if is_known {
            chosen = match served.len() {
                0 => Chosen::Ill,
                hosts => Chosen::One(Arc::clone(&served[rows.turn() % hosts])),
            };
        }
        is_known
    });
    chosen
}

/// The hosts that serve an endpoint of these rows: the rows themselves, and what other APIs registered under their names.
/// Capitals make no difference, as in DNS: minos' names have them, the native API's have not.
fn served(rows: &Rows, snapshot: &Snapshot, now: Timestamp, is_known: &mut bool) -> Vec<Arc<Host>> {
    let mut hosts = Vec::new();
    let mut names: Vec<&ServiceName> = Vec::new();
    for row in &rows.keys {
        let Some(host) = snapshot.hosts.get(row).filter(|host| host.lease.is_live(now)) else { continue };
        *is_known = true;
        if snapshot.serves(host, now) && place_of(host).is_some() {
            hosts.push(Arc::clone(host));
        }
        let is_asked = |name: &&ServiceName| name.as_str().eq_ignore_ascii_case(row.service.as_str());
        // Rows come by service, so that the name is mostly the last.
        if row.dialect == Dialect::Minos && !names.iter().rev().any(is_asked) {
            names.push(&row.service);
            let all = snapshot.hosts.any_case(row.service.as_str());
            let others = all.flat_map(|name| snapshot.hosts.of_service(name.as_str()));
            hosts.extend(others.filter(|host| serves_for(host, snapshot, now)).cloned());
        }
    }
    hosts
}

/// Whether a host says nothing of endpoints and so serves those of its name.
fn serves_for(host: &Host, snapshot: &Snapshot, now: Timestamp) -> bool {
    host.dialect != Dialect::Minos
        && snapshot.serves(host, now)
        && place_of(host).is_some()
        && endpoints_of(host).is_empty()
}
