//! `/v1/health/...`: services with their checks.

use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{MethodRouter, any};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use super::catalog::{exists, has_tags, known_as, takes_node};
use super::filter::schema;
use super::params::{Params, Reading};
use super::reply::Failure;
use super::shapes::{HealthCheck, ServiceEntry};
use super::view::{OWN_SERVICE, Views};
use super::{blocking, only};
use crate::http::App;
use crate::registry::Topic;

pub(super) fn routes() -> OpenApiRouter<App> {
    let get = "OPTIONS,GET";
    OpenApiRouter::new()
        .routes(routes!(service).map(|router| only(router, get)))
        .routes(routes!(connect).map(|router| only(router, get)))
        .routes(routes!(ingress).map(|router| only(router, get)))
        .routes(routes!(checks).map(|router| only(router, get)))
        .routes(routes!(node).map(|router| only(router, get)))
        .routes(routes!(state).map(|router| only(router, get)))
        .route("/v1/health/state/", refused("Missing check state"))
        .route("/v1/health/service/", refused("Missing service name"))
        .route("/v1/health/checks/", refused("Missing service name"))
        .route("/v1/health/node/", refused("Missing node name"))
}

/// A path that ends where a name was to follow.
pub(super) fn refused(text: &'static str) -> MethodRouter<App> {
    any(move || std::future::ready(Failure::bad(text)))
}

/// Lists the instances of a service with their nodes and checks.
#[utoipa::path(get, path = "/v1/health/service/{service}", tag = "consul",
    params(("service" = String, Path), ("passing" = Option<bool>, Query, description = "Only those of which every check passes."),
        ("tag" = Option<String>, Query, description = "May be given several times."), ("index" = Option<u64>, Query),
        ("wait" = Option<String>, Query), ("filter" = Option<String>, Query)),
    responses((status = 200, description = "The instances."), (status = 400, description = "A parameter breaks a rule.")))]
async fn service(State(app): State<App>, reading: Reading, Path(service): Path<String>) -> Result<Response, Failure> {
    let filter = reading.params.filter(schema::SERVICE_ENTRY)?;
    let passing = passing(&reading.params)?;
    let shown = blocking::shown(&app, &reading, &Topic::service(&service)).await?;
    let views = shown.views(&app);
    let mut entries: Vec<ServiceEntry<'_>> = Vec::new();
    if service.eq_ignore_ascii_case(OWN_SERVICE) && !reading.params.has("tag") {
        entries.push(views.own_entry());
    }
    let hosts = views.of_service(&service).into_iter().filter(|host| has_tags(&reading, host));
    entries.extend(hosts.map(|host| views.entry(host)));
    entries.retain(|entry| {
        !reading.is_of_peer()
            && (!passing || entry.checks.iter().all(|check| check.status == "passing"))
            && takes_node(&reading, &entry.node)
            && filter.fits(entry)
    });
    Ok(shown.reply(&reading, &entries))
}

fn passing(params: &Params) -> Result<bool, Failure> {
    match params.text("passing") {
        "" => Ok(params.has("passing")),
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(Failure::bad("Invalid value for ?passing")),
    }
}

/// Lists the instances of a service that speak mutual TLS, and the proxies of it, with their nodes and checks.
#[utoipa::path(get, path = "/v1/health/connect/{service}", tag = "consul", params(("service" = String, Path)),
    responses((status = 200, description = "The instances.")))]
async fn connect(State(app): State<App>, reading: Reading, Path(service): Path<String>) -> Result<Response, Failure> {
    let filter = reading.params.filter(schema::SERVICE_ENTRY)?;
    let passing = passing(&reading.params)?;
    let shown = blocking::shown(&app, &reading, &Topic::Everything).await?;
    let views = shown.views(&app);
    let hosts = views.connect(&service).into_iter().filter(|host| has_tags(&reading, host));
    let mut entries: Vec<ServiceEntry<'_>> = hosts.map(|host| views.entry(host)).collect();
    entries.retain(|entry| {
        (!passing || entry.checks.iter().all(|check| check.status == "passing"))
            && takes_node(&reading, &entry.node)
            && filter.fits(entry)
    });
    Ok(shown.reply(&reading, &entries))
}

/// Lists the gateways of a service: there is none.
#[utoipa::path(get, path = "/v1/health/ingress/{service}", tag = "consul", params(("service" = String, Path)),
    responses((status = 200, description = "An empty list.")))]
async fn ingress(State(app): State<App>, reading: Reading, Path(service): Path<String>) -> Result<Response, Failure> {
    let shown = blocking::shown(&app, &reading, &Topic::service(&service)).await?;
    Ok(shown.reply(&reading, &Vec::<()>::new()))
}

/// Lists the checks of a service, without those of its nodes.
#[utoipa::path(get, path = "/v1/health/checks/{service}", tag = "consul",
    params(("service" = String, Path), ("index" = Option<u64>, Query), ("wait" = Option<String>, Query), ("filter" = Option<String>, Query)),
    responses((status = 200, description = "The checks.")))]
async fn checks(State(app): State<App>, reading: Reading, Path(service): Path<String>) -> Result<Response, Failure> {
    let filter = reading.params.filter(schema::CHECK)?;
    let shown = blocking::shown(&app, &reading, &Topic::service(&service)).await?;
    let views = shown.views(&app);
    let hosts = views.of_service(&service).into_iter();
    let hosts = hosts.filter(|host| takes_node(&reading, &views.node(super::view::node_of(host))));
    let mut checks: Vec<HealthCheck<'_>> =
        hosts.flat_map(|host| views.checks(host)).filter(|check| filter.fits(check)).collect();
    checks.sort_by_cached_key(|check| (check.node.to_lowercase(), check.check_id.to_lowercase()));
    Ok(shown.reply(&reading, &checks))
}

/// Lists the checks of a node and of the services on it.
#[utoipa::path(get, path = "/v1/health/node/{node}", tag = "consul",
    params(("node" = String, Path), ("index" = Option<u64>, Query), ("wait" = Option<String>, Query), ("filter" = Option<String>, Query)),
    responses((status = 200, description = "The checks.")))]
async fn node(State(app): State<App>, reading: Reading, Path(name): Path<String>) -> Result<Response, Failure> {
    let filter = reading.params.filter(schema::CHECK)?;
    let node = known_as(&app, &name);
    let shown = blocking::shown(&app, &reading, &Topic::Node(node.as_str().into())).await?;
    let views = shown.views(&app);
    let mut checks: Vec<HealthCheck<'_>> = Vec::new();
    if exists(&views, &node) {
        checks.extend(of_node(&views, &node));
    }
    checks.retain(|check| filter.fits(check));
    Ok(shown.reply(&reading, &checks))
}

/// By id, as Consul orders them.
fn of_node<'a>(views: &Views<'a>, node: &'a str) -> Vec<HealthCheck<'a>> {
    let mut checks = views.node_checks(node);
    checks.extend(views.on_node(node).into_iter().flat_map(|host| views.checks(host)));
    checks.sort_by_cached_key(|check| check.check_id.to_lowercase());
    checks
}

/// Lists the checks in a state: `any`, `passing`, `warning` or `critical`.
#[utoipa::path(get, path = "/v1/health/state/{state}", tag = "consul",
    params(("state" = String, Path), ("index" = Option<u64>, Query), ("wait" = Option<String>, Query), ("filter" = Option<String>, Query)),
    responses((status = 200, description = "The checks.")))]
async fn state(State(app): State<App>, reading: Reading, Path(state): Path<String>) -> Result<Response, Failure> {
    let filter = reading.params.filter(schema::CHECK)?;
    let shown = blocking::shown(&app, &reading, &Topic::Everything).await?;
    let views = shown.views(&app);
    let mut checks: Vec<HealthCheck<'_>> = Vec::new();
    for node in views.nodes().into_iter().filter(|node| takes_node(&reading, &views.node(node))) {
        let fits = |check: &HealthCheck<'_>| (state == "any" || check.status == state) && filter.fits(check);
        checks.extend(of_node(&views, node).into_iter().filter(fits));
    }
    Ok(shown.reply(&reading, &checks))
}
