//! What is shown of a table whose engine has been away for too long: nothing, in every API.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use crate::clock::{Clock, Timestamp};
use crate::http::{App, RowForm, Settings, router};
use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::registry::{Durability, Registry};
use crate::store::record;
use crate::table::Revision;

const ROWS: RowForm = RowForm {
    version: record::VERSION,
    write: record::write_json,
    write_content: record::write_content,
    read: |text| record::from_json(text).map_err(|error| error.to_string()),
};
const MAX_STALE: Duration = Duration::from_secs(60);
const HOST: &str = r#"{"address":"10.0.0.1","port":80,"ttl":"600s"}"#;
const REASON: &str = "the table is older than max_stale: etcd cannot be reached";
/// What reads the table, and the form of an error there.
const READS: [(&str, &str); 27] = [
    ("/v1/hosts", "application/problem+json"),
    ("/v1/hosts/web", "application/problem+json"),
    ("/v1/hosts/web/a", "application/problem+json"),
    ("/v1/services", "application/problem+json"),
    ("/v1/watch", "application/problem+json"),
    ("/v1/digest", "application/problem+json"),
    ("/v1/prometheus/sd", "application/problem+json"),
    ("/v1/registration/web", "application/json"),
    ("/v1/registration/repo/web", "application/json"),
    ("/v1/agent/services", "text/plain; charset=utf-8"),
    ("/v1/agent/service/a", "text/plain; charset=utf-8"),
    ("/v1/agent/checks", "text/plain; charset=utf-8"),
    ("/v1/agent/health/service/name/web", "text/plain; charset=utf-8"),
    ("/v1/agent/health/service/id/a", "text/plain; charset=utf-8"),
    ("/v1/catalog/services", "text/plain; charset=utf-8"),
    ("/v1/catalog/service/web", "text/plain; charset=utf-8"),
    ("/v1/catalog/nodes", "text/plain; charset=utf-8"),
    ("/v1/health/service/web", "text/plain; charset=utf-8"),
    ("/v1/health/state/any", "text/plain; charset=utf-8"),
    ("/microservices?verb=GET&path=/x", "text/plain; charset=utf-8"),
    ("/endpoints", "text/plain; charset=utf-8"),
    ("/api/v1/services", "application/json"),
    ("/api/v1/namespaces/default", "application/json"),
    ("/api/v1/namespaces/default/endpoints/web", "application/json"),
    ("/apis/discovery.k8s.io/v1/endpointslices?watch=1", "application/json"),
    ("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", "application/json"),
    ("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/web-0", "application/json"),
];

struct Server {
    registry: Arc<Registry>,
    router: Router,
}

impl Server {
    fn new() -> Server {
        let server = Server::not_loaded();
        server.registry.load([], Revision::default(), 1);
        server
    }

    fn not_loaded() -> Server {
        let clock = Arc::new(Clock::manual(Timestamp::from_micros(1_800_000_000_000_000)));
        let registry = Arc::new(Registry::new(clock, crate::zone::Zones::default(), Durability::Immediate));
        registry.set_max_stale(Some(MAX_STALE));
        let metrics = Arc::new(Metrics::new(&registry));
        let app = App::new(Arc::clone(&registry), Arc::new(Settings::default()), metrics, Arc::new(Readiness::ready()))
            .with_rows(ROWS);
        Server { router: router(app), registry }
    }

    /// The engine is away, for longer than it may be.
    fn grow_old(&self) {
        self.registry.set_away(Some("etcd cannot be reached"));
        self.registry.clock().advance(MAX_STALE + Duration::from_secs(1));
    }

    async fn ask(&self, method: Method, path: &str, body: &'static str) -> (StatusCode, HeaderMap, String) {
        let request = Request::builder().method(method).uri(path).body(Body::from(body)).expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("infallible");
        let (parts, body) = response.into_parts();
        if parts.status == StatusCode::OK && path.contains("watch") {
            // It does not end.
            return (parts.status, parts.headers, String::new());
        }
        let body = body.collect().await.expect("a whole body").to_bytes();
        (parts.status, parts.headers, String::from_utf8_lossy(&body).into())
    }
}

fn text(value: &str) -> HeaderValue {
    value.parse().expect("a value")
}

#[tokio::test]
async fn a_table_that_is_too_old_is_shown_by_no_api() {
    let server = Server::new();
    assert_eq!(server.ask(Method::PUT, "/v1/hosts/web/a", HOST).await.0, StatusCode::CREATED);
    let mut statuses = Vec::new();
    for (path, _) in READS {
        statuses.push(server.ask(Method::GET, path, "").await.0);
    }
    server.registry.set_away(Some("etcd cannot be reached"));
    for ((path, _), status) in READS.iter().zip(&statuses) {
        assert_ne!(*status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(server.ask(Method::GET, path, "").await.0, *status, "{path}: away, and not for long");
    }
    assert_eq!(server.ask(Method::GET, "/readyz", "").await.0, StatusCode::OK);
    server.grow_old();
    for (path, form) in READS {
        let (status, headers, body) = server.ask(Method::GET, path, "").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!((&headers["retry-after"], &headers["content-type"]), (&text("1"), &text(form)), "{path}");
        assert!(body.contains(REASON), "{path}: {body}");
    }
    let (status, headers, body) = server.ask(Method::GET, "/api/v1/services", "").await;
    let body: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(
        (status, &body["kind"], &body["reason"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"Status".into(), &"ServiceUnavailable".into())
    );
    assert_eq!(headers["retry-after"], "1");
    let poll = r#"{"resource_names":["web"]}"#;
    let (status, headers, _) = server.ask(Method::POST, "/v3/discovery:endpoints", poll).await;
    assert_eq!((status, &headers["retry-after"]), (StatusCode::SERVICE_UNAVAILABLE, &text("1")));
    let (status, _, ready) = server.ask(Method::GET, "/readyz", "").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let ready: Value = serde_json::from_str(&ready).expect("JSON");
    assert_eq!((&ready["ready"], &ready["conditions"]["table"]), (&false.into(), &REASON.into()));
    for (method, path) in [
        (Method::POST, "/v1/hosts/web/a/renew"),
        (Method::GET, "/livez"),
        (Method::GET, "/metrics"),
        (Method::GET, "/v1/brake"),
    ] {
        assert_eq!(server.ask(method, path, "").await.0, StatusCode::OK, "{path}");
    }
    server.registry.set_away(None);
    for ((path, _), status) in READS.iter().zip(&statuses) {
        assert_eq!(server.ask(Method::GET, path, "").await.0, *status, "{path}: back");
    }
    assert_eq!(server.ask(Method::GET, "/readyz", "").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_table_that_is_not_loaded_is_shown_by_no_api() {
    let server = Server::not_loaded();
    for (path, form) in READS {
        let (status, headers, body) = server.ask(Method::GET, path, "").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!((&headers["retry-after"], &headers["content-type"]), (&text("1"), &text(form)), "{path}");
        assert!(body.contains("the table is not loaded yet"), "{path}: {body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_that_lasts_until_the_table_is_too_old_shows_nothing() {
    let server = Server::new();
    assert_eq!(server.ask(Method::PUT, "/v1/hosts/web/a", HOST).await.0, StatusCode::CREATED);
    for path in ["/v1/hosts/web?index=1&wait=1m", "/v1/health/service/web?index=1&wait=1m"] {
        let poll = server.ask(Method::GET, path, "");
        let grow_old = async {
            tokio::time::sleep(Duration::from_secs(10)).await;
            server.grow_old();
        };
        let ((status, headers, _), ()) = tokio::join!(poll, grow_old);
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(headers["retry-after"], "1", "{path}");
        server.registry.set_away(None);
        assert_eq!(server.ask(Method::GET, path, "").await.0, StatusCode::OK, "{path}");
    }
}
