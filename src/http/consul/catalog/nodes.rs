//! Nodes as the catalog has them.

use axum::extract::{Path, State};
use axum::response::Response;

use super::super::blocking;
use super::super::filter::schema;
use super::super::params::{Params, Reading};
use super::super::reply::{self, Failure};
use super::super::shapes::{CatalogNode, Node, NodeService, NodeServices};
use super::super::stored::{self, NodeExtras};
use super::super::view::{self, Views};
use super::services::takes_node;
use crate::http::App;
use crate::registry::Topic;

/// Lists the datacenters: this one.
#[utoipa::path(get, path = "/v1/catalog/datacenters", tag = "consul",
    responses((status = 200, description = "The datacenters.")))]
#[allow(clippy::unused_async, reason = "a handler")]
pub(super) async fn datacenters(State(app): State<App>, params: Params) -> Response {
    reply::json(&params, &[&app.consul.datacenter])
}

/// Lists the nodes.
#[utoipa::path(get, path = "/v1/catalog/nodes", tag = "consul",
    params(("index" = Option<u64>, Query), ("wait" = Option<String>, Query), ("node-meta" = Option<String>, Query), ("filter" = Option<String>, Query)),
    responses((status = 200, description = "The nodes.")))]
pub(super) async fn list(State(app): State<App>, reading: Reading) -> Result<Response, Failure> {
    let filter = reading.params.filter(schema::NODE)?;
    let shown = blocking::shown(&app, &reading, &Topic::Nodes).await?;
    let views = shown.views(&app);
    let mut nodes: Vec<Node<'_>> = views.nodes().into_iter().map(|node| views.node(node)).collect();
    nodes.retain(|node| takes_node(&reading, node) && filter.fits(node));
    Ok(shown.reply(&reading, &nodes))
}

/// Shows a node with its services; `null` where there is none.
#[utoipa::path(get, path = "/v1/catalog/node/{node}", tag = "consul",
    params(("node" = String, Path), ("index" = Option<u64>, Query), ("wait" = Option<String>, Query), ("filter" = Option<String>, Query)),
    responses((status = 200, description = "The node.")))]
pub(super) async fn one(
    State(app): State<App>,
    reading: Reading,
    Path(name): Path<String>,
) -> Result<Response, Failure> {
    let filter = reading.params.filter(schema::SERVICE)?;
    let node = named(&app, &name);
    let shown = blocking::shown(&app, &reading, &Topic::Node(node.as_str().into())).await?;
    let views = shown.views(&app);
    let found = exists(&views, &node).then(|| {
        let services = services_of(&views, &node).into_iter().filter(|service| filter.fits(service));
        CatalogNode {
            node: views.node(&node),
            services: services.map(|service| (service.id.clone(), service)).collect(),
        }
    });
    Ok(shown.reply(&reading, &found))
}

/// Lists the services of a node.
#[utoipa::path(get, path = "/v1/catalog/node-services/{node}", tag = "consul",
    params(("node" = String, Path), ("index" = Option<u64>, Query), ("wait" = Option<String>, Query), ("filter" = Option<String>, Query)),
    responses((status = 200, description = "The node and its services.")))]
pub(super) async fn services(
    State(app): State<App>,
    reading: Reading,
    Path(name): Path<String>,
) -> Result<Response, Failure> {
    let filter = reading.params.filter(schema::SERVICE)?;
    let node = named(&app, &name);
    let shown = blocking::shown(&app, &reading, &Topic::Node(node.as_str().into())).await?;
    let views = shown.views(&app);
    let found = if exists(&views, &node) {
        let services = services_of(&views, &node).into_iter().filter(|service| filter.fits(service));
        NodeServices { node: Some(views.node(&node)), services: Some(services.collect()) }
    } else {
        NodeServices::default()
    };
    Ok(shown.reply(&reading, &found))
}

fn services_of<'a>(views: &Views<'a>, node: &'a str) -> Vec<NodeService<'a>> {
    let mut services: Vec<_> = views.on_node(node).into_iter().map(|host| view::node_service(host)).collect();
    if node.is_empty() {
        services.push(views.own_entry().service);
    }
    services.sort_by_cached_key(|service| service.id.to_lowercase());
    services
}

/// What a node is known as inside, see [`Standing::node`](crate::table::Standing::node).
pub(in crate::http::consul) fn known_as(app: &App, name: &str) -> String {
    if name.eq_ignore_ascii_case(&app.consul.node_name) { String::new() } else { name.to_ascii_lowercase() }
}

/// The same of a name or a UUID.
fn named(app: &App, text: &str) -> String {
    let is_uuid = text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    if !is_uuid {
        return known_as(app, text);
    }
    let id = text.to_ascii_lowercase();
    if id == app.consul.node_id {
        return String::new();
    }
    let snapshot = app.registry.snapshot();
    let of_id = snapshot.hosts.nodes().find(|row| stored::of::<NodeExtras>(row).id == id);
    of_id.and_then(|row| row.as_node()).map_or_else(|| known_as(app, text), str::to_owned)
}

pub(in crate::http::consul) fn exists(views: &Views<'_>, node: &str) -> bool {
    node.is_empty() || views.hosts.node(node).is_some()
}
