//! The look-ups of Kubernetes' API, for its clients as they are, without a cluster.
//!
//! | paths | what |
//! | --- | --- |
//! | `/api`, `/apis`, `/api/v1`, `/apis/discovery.k8s.io[/v1]`, `/version` | by what clients find the rest (`discovery`) |
//! | `/api/v1/namespaces/{ns}/endpoints`, `services`, `pods` | lists and watches in a namespace; `/{name}` is one object |
//! | `/apis/discovery.k8s.io/v1/namespaces/{ns}/endpointslices` | the same |
//! | `/api/v1/endpoints`, ... | the same in all namespaces |
//! | `/api/v1/namespaces[/{ns}]` | the namespaces that have hosts, and `default` |
//!
//! Nothing registers here: what writes is 405. Errors are Status objects, below `/api` and `/apis` for paths too that
//! there are not.
//!
//! # Hosts as objects
//!
//! The hosts of one service in one namespace are a Service, an Endpoints and some EndpointSlices ([`object`]); a host is a
//! Pod. All are made of rows when they are asked for, and nothing of them is kept. A service without live hosts is not
//! there. The `resourceVersion` is the revision of the table, watches read the journal ([`watch`]).

mod accept;
mod collect;
mod delta;
mod discovery;
mod labels;
mod list;
mod names;
mod object;
mod params;
mod place;
mod read;
mod resource;
mod selector;
mod status;
mod table;
#[cfg(test)]
mod tests;
mod watch;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use self::read::{Request, json};
use self::resource::Resource;
use self::status::Status;
use super::App;
use super::problem::Problem;

/// The group of the slices.
const DISCOVERY: &str = "discovery.k8s.io";

/// Every route of the dialect.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(version).map(reads_only))
        .routes(routes!(core_versions).map(reads_only))
        .routes(routes!(groups).map(reads_only))
        .routes(routes!(core_resources).map(reads_only))
        .routes(routes!(group).map(reads_only))
        .routes(routes!(group_resources).map(reads_only))
        .routes(routes!(everywhere).map(reads_only))
        .routes(routes!(namespace).map(reads_only))
        .routes(routes!(listed).map(reads_only))
        .routes(routes!(one).map(reads_only))
        .routes(routes!(slices_everywhere).map(reads_only))
        .routes(routes!(slices).map(reads_only))
        .routes(routes!(slice).map(reads_only))
        // Some clients end the paths of documents with a slash.
        .route("/version/", reads_only(get(version)))
        .route("/api/", reads_only(get(core_versions)))
        .route("/apis/", reads_only(get(groups)))
        .route("/api/v1/", reads_only(get(core_resources)))
        .route("/apis/discovery.k8s.io/", reads_only(get(group)))
        .route("/apis/discovery.k8s.io/v1/", reads_only(get(group_resources)))
}

/// Whether a path is one of this dialect or below one.
pub(super) fn owns(path: &str) -> bool {
    let below = |own: &str| path.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    below("/version") || below("/api") || below("/apis")
}

/// What the server refuses before any route sees it, as a Status.
pub(super) fn problem(problem: &Problem) -> Response {
    Status::of_problem(problem).into_response()
}

/// Answers OPTIONS, and 405 to every method that is no look-up.
fn reads_only(router: MethodRouter<App>) -> MethodRouter<App> {
    router.fallback(|method: Method| std::future::ready(other_method(&method)))
}

fn other_method(method: &Method) -> Response {
    let mut response =
        if method == Method::OPTIONS { ().into_response() } else { Status::wrong_method().into_response() };
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
    response
}

/// Says which Kubernetes this is like.
#[utoipa::path(get, path = "/version", tag = "kubernetes",
    responses((status = 200, description = "The version.")))]
#[allow(clippy::unused_async, reason = "a handler")]
async fn version() -> Response {
    json(discovery::version().to_string())
}

/// Lists the versions of the core group.
#[utoipa::path(get, path = "/api", tag = "kubernetes",
    responses((status = 200, description = "An APIVersions object.")))]
#[allow(clippy::unused_async, reason = "a handler")]
async fn core_versions(headers: HeaderMap) -> Response {
    json(discovery::core_versions(&headers).to_string())
}

/// Lists the other groups.
#[utoipa::path(get, path = "/apis", tag = "kubernetes",
    responses((status = 200, description = "An APIGroupList object.")))]
#[allow(clippy::unused_async, reason = "a handler")]
async fn groups() -> Response {
    json(discovery::groups().to_string())
}

/// Lists the resources of the core group.
#[utoipa::path(get, path = "/api/v1", tag = "kubernetes",
    responses((status = 200, description = "An APIResourceList object.")))]
#[allow(clippy::unused_async, reason = "a handler")]
async fn core_resources() -> Response {
    json(discovery::resources("").to_string())
}

/// Shows the group of the slices.
#[utoipa::path(get, path = "/apis/discovery.k8s.io", tag = "kubernetes",
    responses((status = 200, description = "An APIGroup object.")))]
#[allow(clippy::unused_async, reason = "a handler")]
async fn group() -> Response {
    json(discovery::group().to_string())
}

/// Lists the resources of the group of the slices.
#[utoipa::path(get, path = "/apis/discovery.k8s.io/v1", tag = "kubernetes",
    responses((status = 200, description = "An APIResourceList object.")))]
#[allow(clippy::unused_async, reason = "a handler")]
async fn group_resources() -> Response {
    json(discovery::resources(DISCOVERY).to_string())
}

/// Lists or watches objects of a kind in all namespaces: `endpoints`, `services`, `pods` or `namespaces`.
#[utoipa::path(get, path = "/api/v1/{resource}", tag = "kubernetes",
    params(
        ("resource" = String, Path),
        ("labelSelector" = Option<String>, Query, description = "Only objects with such labels."),
        ("fieldSelector" = Option<String>, Query, description = "Only objects with such a `metadata.name` or `metadata.namespace`."),
        ("limit" = Option<u64>, Query, description = "At most so many; `metadata.continue` of the answer leads on."),
        ("continue" = Option<String>, Query, description = "That of the page before."),
        ("watch" = Option<bool>, Query, description = "A stream of changes, a line each."),
        ("resourceVersion" = Option<u64>, Query, description = "Changes after this one; without it the watch begins with what there is."),
        ("timeoutSeconds" = Option<u64>, Query, description = "How long a watch lasts."),
        ("allowWatchBookmarks" = Option<bool>, Query, description = "Whether the watch tells now and then how far it is."),
    ),
    responses(
        (status = 200, description = "The list, a Table of it, or the stream."),
        (status = 400, description = "A Status object: a selector or another parameter is wrong."),
        (status = 410, description = "A Status object: what happened since is forgotten, list anew."),
    ))]
#[allow(clippy::unused_async, reason = "a handler")]
async fn everywhere(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Status> {
    let Path(resource) = path.map_err(not_text)?;
    let resource = Resource::find("", &resource).ok_or_else(Status::no_path)?;
    read::list(Request { app, resource, namespace: None, headers: &headers, query: query.as_deref() })
}

/// Shows a namespace.
#[utoipa::path(get, path = "/api/v1/namespaces/{namespace}", tag = "kubernetes",
    params(("namespace" = String, Path)),
    responses(
        (status = 200, description = "The namespace."),
        (status = 404, description = "A Status object: it has no hosts."),
    ))]
#[allow(clippy::unused_async, reason = "a handler")]
async fn namespace(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Status> {
    let Path(name) = path.map_err(not_text)?;
    let resource = Resource::Namespaces;
    read::object(Request { app, resource, namespace: None, headers: &headers, query: query.as_deref() }, &name)
}

/// Lists or watches objects of a kind in a namespace, with the parameters of the same over all namespaces.
#[utoipa::path(get, path = "/api/v1/namespaces/{namespace}/{resource}", tag = "kubernetes",
    params(("namespace" = String, Path), ("resource" = String, Path, description = "`endpoints`, `services` or `pods`.")),
    responses(
        (status = 200, description = "The list, a Table of it, or the stream."),
        (status = 400, description = "A Status object: a selector or another parameter is wrong."),
        (status = 410, description = "A Status object: what happened since is forgotten, list anew."),
    ))]
#[allow(clippy::unused_async, reason = "a handler")]
async fn listed(
    State(app): State<App>,
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Status> {
    let Path((namespace, resource)) = path.map_err(not_text)?;
    let resource = namespaced(&resource)?;
    let namespace = Some(namespace);
    read::list(Request { app, resource, namespace, headers: &headers, query: query.as_deref() })
}

/// Shows one object.
#[utoipa::path(get, path = "/api/v1/namespaces/{namespace}/{resource}/{name}", tag = "kubernetes",
    params(("namespace" = String, Path), ("resource" = String, Path, description = "`endpoints`, `services` or `pods`."), ("name" = String, Path)),
    responses(
        (status = 200, description = "The object, or a Table of one row."),
        (status = 404, description = "A Status object: there is none of that name."),
    ))]
#[allow(clippy::unused_async, reason = "a handler")]
async fn one(
    State(app): State<App>,
    path: Result<Path<(String, String, String)>, PathRejection>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Status> {
    let Path((namespace, resource, name)) = path.map_err(not_text)?;
    let resource = namespaced(&resource)?;
    let namespace = Some(namespace);
    read::object(Request { app, resource, namespace, headers: &headers, query: query.as_deref() }, &name)
}

/// Lists or watches slices in all namespaces, with the parameters of other kinds.
#[utoipa::path(get, path = "/apis/discovery.k8s.io/v1/endpointslices", tag = "kubernetes",
    responses((status = 200, description = "The list, a Table of it, or the stream.")))]
#[allow(clippy::unused_async, reason = "a handler")]
async fn slices_everywhere(
    State(app): State<App>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Status> {
    let resource = Resource::EndpointSlices;
    read::list(Request { app, resource, namespace: None, headers: &headers, query: query.as_deref() })
}

/// Lists or watches slices in a namespace, with the parameters of other kinds.
#[utoipa::path(get, path = "/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices", tag = "kubernetes",
    params(("namespace" = String, Path)),
    responses((status = 200, description = "The list, a Table of it, or the stream.")))]
#[allow(clippy::unused_async, reason = "a handler")]
async fn slices(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Status> {
    let Path(namespace) = path.map_err(not_text)?;
    let (resource, namespace) = (Resource::EndpointSlices, Some(namespace));
    read::list(Request { app, resource, namespace, headers: &headers, query: query.as_deref() })
}

/// Shows one slice.
#[utoipa::path(get, path = "/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices/{name}", tag = "kubernetes",
    params(("namespace" = String, Path), ("name" = String, Path)),
    responses(
        (status = 200, description = "The slice, or a Table of one row."),
        (status = 404, description = "A Status object: there is none of that name."),
    ))]
#[allow(clippy::unused_async, reason = "a handler")]
async fn slice(
    State(app): State<App>,
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Status> {
    let Path((namespace, name)) = path.map_err(not_text)?;
    let (resource, namespace) = (Resource::EndpointSlices, Some(namespace));
    read::object(Request { app, resource, namespace, headers: &headers, query: query.as_deref() }, &name)
}

/// A kind of the core group whose objects are in namespaces.
fn namespaced(plural: &str) -> Result<Resource, Status> {
    Resource::find("", plural).filter(|resource| resource.is_namespaced()).ok_or_else(Status::no_path)
}

fn not_text(rejection: PathRejection) -> Status {
    Status::bad(format!("path: {}", rejection.body_text()))
}
