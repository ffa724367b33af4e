//! The gate before every route: bounds on URL, headers and body, and the counting of requests.

mod body;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use tower::{Service, ServiceExt as _};

pub(super) use self::body::{BODY_UNIT, Entity, Whole};
use super::problem::{self, Kind, Problem};
use super::{App, envoy, minos, native, stretch};
use crate::limits;
use crate::metrics::{Metrics, known_method};
use crate::registry::Unshown;

/// The route of a request that no pattern matched.
const NO_ROUTE: &str = "none";

/// An answer that waited for a change on purpose: its time says nothing about the server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waited;

/// What the gate does with the body of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum BodyRule {
    /// Reads all of it, at most so many octets.
    Whole(usize),
    /// Leaves it to the route, which bounds each message of it.
    Messages,
}

/// The gate before one route. A service of its own because what axum makes of a function boxes and clones more than
/// a heartbeat does in the table.
pub(super) struct Gate<S>(Arc<(App, S)>);

impl<S> Gate<S> {
    /// The gate before `inner`.
    pub(super) fn new(app: App, inner: S) -> Gate<S> {
        Gate(Arc::new((app, inner)))
    }
}

impl<S> Clone for Gate<S> {
    fn clone(&self) -> Gate<S> {
        Gate(Arc::clone(&self.0))
    }
}

impl<S> Service<Request> for Gate<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // The copy of `inner` that is called is waited for.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let gate = Arc::clone(&self.0);
        Box::pin(async move {
            let (app, inner) = &*gate;
            let route = request.extensions().get::<MatchedPath>().cloned();
            let inner = |parts, body| async {
                let Ok(response) = inner.clone().oneshot(Request::from_parts(parts, body)).await;
                response
            };
            Ok(pass(app, route.as_ref().map(MatchedPath::as_str), request, inner).await)
        })
    }
}

/// Lets a request through when it is within its bounds, its body read; counts it either way.
pub(super) async fn pass<F: Future<Output = Response>>(
    app: &App,
    route: Option<&str>,
    request: Request,
    inner: impl FnOnce(Parts, Body) -> F,
) -> Response {
    if is_read(route, request.method()) {
        let inner = |parts, entity: Entity| shown(app, parts, entity.into_body(), inner);
        let (parts, body) = request.into_parts();
        return pass_to(app, route, parts, body, inner, Metrics::request).await;
    }
    let inner = |parts, entity: Entity| inner(parts, entity.into_body());
    let (parts, body) = request.into_parts();
    pass_to(app, route, parts, body, inner, Metrics::request).await
}

/// [`pass`] for what is no read, counted by route, method, status and time. Not an `async fn`, whose future would have room
/// for its arguments twice.
#[expect(clippy::manual_async_fn, reason = "the future is a fifth smaller")]
pub(super) fn pass_to<F: Future<Output = Response>>(
    app: &App,
    route: Option<&str>,
    parts: Parts,
    body: Body,
    inner: impl FnOnce(Parts, Entity) -> F,
    count: impl FnOnce(&Metrics, &str, &str, u16, Option<Duration>),
) -> impl Future<Output = Response> {
    async move {
        let started = app.registry.now();
        let method = known_method(parts.method.as_str());
        let response = match within_bounds(app, &parts, body, body_rule(route, &parts.headers)).await {
            Ok(_) if shows_rows(route) && !app.registry.snapshot().loaded => {
                // "None" would be taken for the truth.
                refused(&parts.uri, &Unshown::NotLoaded)
            }
            Ok(entity) => inner(parts, entity).await,
            Err(problem) => problem::respond(parts.uri.path(), &problem),
        };
        let ended = app.registry.now();
        let took = response.extensions().get::<Waited>().is_none().then(|| ended.since(started));
        count(&app.metrics, route.unwrap_or(NO_ROUTE), method, response.status().as_u16(), took);
        stretch::answered(ended);
        response
    }
}

/// The answer to a read. What it would show may be too old before it is asked, and also once it has waited for a change.
async fn shown<F: Future<Output = Response>>(
    app: &App,
    parts: Parts,
    body: Body,
    inner: impl FnOnce(Parts, Body) -> F,
) -> Response {
    let unshown = || app.registry.unshown(app.registry.now());
    if let Some(unshown) = unshown() {
        return refused(&parts.uri, &unshown);
    }
    let uri = parts.uri.clone();
    let response = inner(parts, body).await;
    match unshown() {
        Some(unshown) => refused(&uri, &unshown),
        None => response,
    }
}

/// What a read gets where nothing may be shown.
fn refused(uri: &Uri, unshown: &Unshown) -> Response {
    problem::respond(uri.path(), &Problem::new(Kind::NotReady, unshown.to_string()))
}

/// Whether a request reads the table. That of a gRPC stream looks itself, for its errors are no statuses of HTTP;
/// `/v1/answer` says what DNS says, and `/v1/export` is how the table is saved where its engine does not come back.
fn is_read(route: Option<&str>, method: &Method) -> bool {
    const THEY: [&str; 9] = [
        "/api/v1/namespaces",
        "/api/v1/{resource}",
        "/apis/discovery.k8s.io/v1/",
        "/endpoints",
        "/microservices",
        "/v1/digest",
        "/v1/prometheus/",
        "/v1/registration/",
        "/v1/watch",
    ];
    let Some(path) = route else { return false };
    match *method {
        Method::GET | Method::HEAD => shows_rows(route) || THEY.iter().any(|they| path.starts_with(they)),
        Method::POST => envoy::is_poll(path),
        _ => false,
    }
}

/// Whether a route says what the table has, or that it has nothing.
fn shows_rows(route: Option<&str>) -> bool {
    const THEY: [&str; 7] = [
        "/v1/agent/checks",
        "/v1/agent/health/",
        "/v1/agent/service",
        "/v1/catalog/",
        "/v1/health/",
        "/v1/hosts",
        "/v1/services",
    ];
    route.is_some_and(|route| THEY.iter().any(|they| route.starts_with(they)))
}

/// What is done with the body of a request to a route.
fn body_rule(route: Option<&str>, headers: &HeaderMap) -> BodyRule {
    if let Some(rule) = envoy::body_rule(route, headers) {
        return rule;
    }
    let own = route.and_then(|route| native::body_octets(route).or(minos::body_octets(route)));
    BodyRule::Whole(own.unwrap_or(limits::HTTP_BODY_OCTETS))
}

/// The body, where the request is within its bounds.
async fn within_bounds(app: &App, parts: &Parts, body: Body, rule: BodyRule) -> Result<Entity, Problem> {
    check_url(parts)?;
    check_headers(parts)?;
    check_encoding(parts)?;
    match rule {
        BodyRule::Whole(bound) => Ok(Entity::Whole(body::read(&app.bodies, body, bound).await?)),
        BodyRule::Messages => Ok(Entity::Messages(body)),
    }
}

fn check_url(parts: &Parts) -> Result<(), Problem> {
    let length = parts.uri.path_and_query().map_or(0, |url| url.as_str().len());
    if length <= limits::HTTP_URL_OCTETS {
        return Ok(());
    }
    let bound = limits::HTTP_URL_OCTETS;
    Err(Problem::new(Kind::LongUrl, format!("path and query must be at most {bound} octets, are {length}")))
}

fn check_headers(parts: &Parts) -> Result<(), Problem> {
    let count = parts.headers.len();
    if count > limits::HTTP_HEADERS {
        let bound = limits::HTTP_HEADERS;
        return Err(Problem::new(Kind::LargeHeaders, format!("there must be at most {bound} headers, are {count}")));
    }
    // Four octets more a line: colon, space, end of line.
    let octets: usize = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if octets > limits::HTTP_HEADER_OCTETS {
        let bound = limits::HTTP_HEADER_OCTETS;
        return Err(Problem::new(Kind::LargeHeaders, format!("headers must be at most {bound} octets, are {octets}")));
    }
    Ok(())
}

fn check_encoding(parts: &Parts) -> Result<(), Problem> {
    let mut encodings = parts.headers.get_all(CONTENT_ENCODING).iter();
    if encodings.all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Ok(());
    }
    Err(Problem::invalid("Content-Encoding", "must be identity or left out").of_kind(Kind::EncodedBody))
}

/// The media type of JSON answers.
pub(super) const JSON: [(axum::http::HeaderName, &str); 1] = [(CONTENT_TYPE, "application/json")];

#[cfg(test)]
mod tests;
