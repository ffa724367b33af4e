//! Services as the catalog has them.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::{Path, State};
use axum::response::Response;

use super::super::blocking;
use super::super::filter::schema;
use super::super::params::Reading;
use super::super::reply::Failure;
use super::super::shapes::{CatalogService, Node, Pairs};
use super::super::view::{self, OWN_SERVICE, Views, catalog_service};
use crate::http::App;
use crate::registry::Topic;
use crate::table::{Host, Status};

/// Lists the names of the services with the tags of their instances.
#[utoipa::path(get, path = "/v1/catalog/services", tag = "consul",
    params(("index" = Option<u64>, Query), ("wait" = Option<String>, Query), ("node-meta" = Option<String>, Query), ("filter" = Option<String>, Query)),
    responses((status = 200, description = "A map of tags by service.")))]
pub(super) async fn list(State(app): State<App>, reading: Reading) -> Result<Response, Failure> {
    let filter = reading.params.filter(schema::CATALOG_SERVICE)?;
    let filters = reading.params.has("filter") || reading.params.has("node-meta");
    let shown = blocking::shown(&app, &reading, &Topic::Services).await?;
    let views = shown.views(&app);
    let fits = |host: &Host| {
        !filters || {
            let service = views.catalog_service(host);
            takes(&reading, &service.node_meta) && filter.fits(&service)
        }
    };
    let mut services: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    if takes_own(&reading, &views) && filter.fits(&own(&views)) {
        services.insert(OWN_SERVICE, BTreeSet::new());
    }
    for host in views.hosts.iter().filter(|host| views.shows(host) && fits(host)) {
        services.entry(host.service.as_str()).or_default().extend(host.tags.iter().map(|tag| tag.as_str()));
    }
    Ok(shown.reply(&reading, &services))
}

/// Lists the instances of a service, whatever their checks say.
#[utoipa::path(get, path = "/v1/catalog/service/{service}", tag = "consul",
    params(("service" = String, Path), ("tag" = Option<String>, Query, description = "May be given several times."),
        ("index" = Option<u64>, Query), ("wait" = Option<String>, Query), ("filter" = Option<String>, Query)),
    responses((status = 200, description = "The instances.")))]
pub(super) async fn one(
    State(app): State<App>,
    reading: Reading,
    Path(service): Path<String>,
) -> Result<Response, Failure> {
    let filter = reading.params.filter(schema::CATALOG_SERVICE)?;
    let shown = blocking::shown(&app, &reading, &Topic::service(&service)).await?;
    let views = shown.views(&app);
    let mut found: Vec<CatalogService<'_>> = Vec::new();
    if service.eq_ignore_ascii_case(OWN_SERVICE) && takes_own(&reading, &views) && !reading.params.has("tag") {
        found.push(own(&views));
    }
    let hides = |host: &Host| app.consul.catalog_hides_critical && (host.draining || host.status() == Status::Critical);
    let hosts = views.of_service(&service).into_iter().filter(|host| !hides(host) && has_tags(&reading, host));
    found.extend(hosts.map(|host| views.catalog_service(host)));
    found.retain(|service| !reading.is_of_peer() && takes(&reading, &service.node_meta) && filter.fits(service));
    Ok(shown.reply(&reading, &found))
}

/// Lists the instances of a service that speak mutual TLS, and the proxies of it.
#[utoipa::path(get, path = "/v1/catalog/connect/{service}", tag = "consul", params(("service" = String, Path)),
    responses((status = 200, description = "The instances.")))]
pub(super) async fn connect(
    State(app): State<App>,
    reading: Reading,
    Path(service): Path<String>,
) -> Result<Response, Failure> {
    let filter = reading.params.filter(schema::CATALOG_SERVICE)?;
    let shown = blocking::shown(&app, &reading, &Topic::Everything).await?;
    let views = shown.views(&app);
    let hosts = views.connect(&service).into_iter().filter(|host| has_tags(&reading, host));
    let mut found: Vec<CatalogService<'_>> = hosts.map(|host| views.catalog_service(host)).collect();
    found.retain(|service| takes(&reading, &service.node_meta) && filter.fits(service));
    Ok(shown.reply(&reading, &found))
}

fn own<'a>(views: &Views<'a>) -> CatalogService<'a> {
    let entry = views.own_entry();
    catalog_service(entry.node, entry.service)
}

fn takes_own(reading: &Reading, views: &Views<'_>) -> bool {
    takes(reading, &views.node("").meta)
}

/// Whether a node carries every pair that was asked for.
pub(in crate::http::consul) fn takes(reading: &Reading, meta: &Pairs<'_>) -> bool {
    reading.takes_meta(|key| meta.0.get(key).map(|value| &**value))
}

/// The same of a node.
pub(in crate::http::consul) fn takes_node(reading: &Reading, node: &Node<'_>) -> bool {
    takes(reading, &node.meta)
}

/// Whether a row has every tag that was asked for, in any case.
pub(in crate::http::consul) fn has_tags(reading: &Reading, host: &Host) -> bool {
    let mut wanted = reading.params.all("tag").peekable();
    wanted.peek().is_none() || {
        let tags = view::node_service(host).tags;
        wanted.all(|wanted| tags.iter().any(|tag| tag.to_lowercase() == wanted.to_lowercase()))
    }
}
