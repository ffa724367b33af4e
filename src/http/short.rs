//! The short way of a registration: `PUT` of one host, by a path without escapes and without a query, goes from the
//! connection to its handler, as every host sends it and again with each heartbeat. What axum does in between, to find the
//! route and its parameters, costs as much as what is done with the host.
//!
//! The gate and the handler are those of the route. All that is out of the ordinary takes the full way, so that each rule
//! stands in one place; a test sends the same requests both ways.

use std::convert::Infallible;

use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{Method, Uri};
use axum::response::Response;

use super::gate::{Entity, pass_to};
use super::{App, native};
use crate::metrics::Metrics;

/// What stands before service and id in [`native::HOST_ROUTE`].
const HOSTS: &str = "/v1/hosts/";

/// Octets that stand for themselves in a path: looked up, as every registration has thirty of them.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut octet: u8 = 0;
    while octet < 128 {
        plain[octet as usize] = octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
        octet += 1;
    }
    plain
};

/// Whether a request may take it.
pub(super) fn is_open(request: &Request) -> bool {
    request.method() == Method::PUT && host_of(request.uri()).is_some()
}

/// Service and id of a path; `None` for another path, and where something is left to decode.
fn host_of(uri: &Uri) -> Option<(&str, &str)> {
    let is_plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| PLAIN[usize::from(byte)]);
    let named = uri.path().strip_prefix(HOSTS)?;
    let (service, id) = named.split_at_checked(named.bytes().position(|byte| byte == b'/')?)?;
    let id = &id[1..];
    (uri.query().is_none() && is_plain(service) && is_plain(id)).then_some((service, id))
}

/// Answers a request that [may take it](is_open). No `async fn`, for the reason of [`pass_to`].
pub(super) fn register(app: App, request: Request) -> impl Future<Output = Result<Response, Infallible>> {
    let (parts, body) = request.into_parts();
    async move {
        let handler = |parts: Parts, entity: Entity| {
            let (service, id) = host_of(&parts.uri).unwrap_or_default();
            // Nothing of the request is kept while this waits: the buffer of the connection is free for what it reads.
            let asked = native::registration(&app, service, id, None, &entity.into_whole());
            native::submit(&app, asked)
        };
        Ok(pass_to(&app, Some(native::HOST_ROUTE), parts, body, handler, Metrics::usual_request).await)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::Body;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;
    use crate::clock::{Clock, Timestamp};
    use crate::http::{Settings, router};
    use crate::metrics::Metrics;
    use crate::readiness::Readiness;
    use crate::registry::{Durability, Registry};
    use crate::table::Revision;
    use crate::zone::Zones;

    fn app(loaded: bool) -> App {
        let clock = Clock::manual(Timestamp::from_micros(1_800_000_000_000_000));
        let registry = Arc::new(Registry::new(Arc::new(clock), Zones::default(), Durability::Immediate));
        if loaded {
            registry.load([], Revision(1), 1);
        }
        let metrics = Arc::new(Metrics::new(&registry));
        App::new(registry, Arc::new(Settings::default()), metrics, Arc::new(Readiness::ready()))
    }

    fn request(uri: &str, body: &str, encoding: &str) -> Request {
        let request = Request::builder().method(Method::PUT).uri(uri).header("content-encoding", encoding);
        request.body(Body::from(body.to_owned())).expect("a request")
    }

    /// What a client sees, and what was counted.
    async fn seen(
        app: &App,
        response: Result<Response, Infallible>,
    ) -> (u16, Vec<(String, String)>, String, Vec<String>) {
        let Ok(response) = response;
        let (parts, body) = response.into_parts();
        let text = |value: &axum::http::HeaderValue| value.to_str().expect("text").to_owned();
        let mut headers: Vec<_> = parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        // The router says it where hyper would.
        headers.retain(|(name, _)| name != "content-length");
        headers.sort();
        let body = body.collect().await.expect("a whole body").to_bytes();
        let counts = app.metrics.encode();
        let is_count = |line: &&str| line.starts_with("rollcall_http_requests") || line.starts_with("rollcall_writes");
        let mut counts: Vec<_> = counts.lines().filter(is_count).map(str::to_owned).collect();
        counts.sort();
        (parts.status.as_u16(), headers, String::from_utf8(body.to_vec()).expect("text"), counts)
    }

    /// Up to so many octets the allocator has a short way, and each registration is one.
    #[test]
    fn its_future_is_small() {
        let future = register(app(true), request("/v1/hosts/web/a", "{}", "identity"));
        assert!(size_of_val(&future) <= 1024, "{}", size_of_val(&future));
    }

    #[tokio::test]
    async fn both_ways_answer_alike() {
        let (one, other, unread) = (app(true), app(true), app(false));
        let full = router(other.clone());
        let unread_full = router(unread.clone());
        let large = format!("{{\"address\":\"{}\"}}", "x".repeat(1 << 21));
        for (path, body, encoding) in [
            ("/v1/hosts/web/web-1", r#"{"address":"10.0.0.1","port":80,"ttl":"30s"}"#, "identity"),
            ("/v1/hosts/web/web-1", r#"{"address":"10.0.0.1","port":80,"ttl":"30s"}"#, "identity"),
            ("/v1/hosts/web/web-1", r#"{"address":"10.0.0.2","port":80,"ttl":"30s"}"#, "identity"),
            ("/v1/hosts/Web/web-1", r#"{"address":"10.0.0.1"}"#, "identity"),
            ("/v1/hosts/svc/x", r#"{"address":"10.0.0.1"}"#, "identity"),
            ("/v1/hosts/web/x", "", "identity"),
            ("/v1/hosts/web/x", "[]", "identity"),
            ("/v1/hosts/web/x", r#"{"address":"10.0.0.1","prot":80}"#, "identity"),
            ("/v1/hosts/web/x", r#"{"address":"10.0.0.1"}"#, "gzip"),
            ("/v1/hosts/web/x", &large, "identity"),
        ] {
            assert!(is_open(&request(path, body, encoding)), "{path}");
            let short = seen(&one, register(one.clone(), request(path, body, encoding)).await).await;
            let long = seen(&other, full.clone().oneshot(request(path, body, encoding)).await).await;
            assert_eq!(short, long, "{path} {body:.60}");
            let early = seen(&unread, register(unread.clone(), request(path, body, encoding)).await).await;
            let late = seen(&unread, unread_full.clone().oneshot(request(path, body, encoding)).await).await;
            assert_eq!((early.0, early.1, early.2), (late.0, late.1, late.2), "{path} {body:.60}");
        }
    }

    #[test]
    fn what_is_unusual_takes_the_full_way() {
        for path in [
            "/v1/hosts/web",
            "/v1/hosts/web/",
            "/v1/hosts//x",
            "/v1/hosts/web/x/drain",
            "/v1/hosts/web/x?a=b",
            "/v1/hosts/web/x?",
            "/v1/hosts/web/%78",
            "/v1/hosts/w%65b/x",
            "/v1/host/web/x",
            "/v1/registration/web",
        ] {
            assert!(!is_open(&request(path, "{}", "identity")), "{path}");
        }
        let get = Request::builder().uri("/v1/hosts/web/x").body(Body::empty()).expect("a request");
        assert!(!is_open(&get));
    }
}
