//! The dialect through the router, request by request.

mod lists;
mod names;
mod spellings;
mod watches;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::clock::{Clock, Timestamp};
use crate::http::{App, Settings, router};
use crate::limits;
use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::registry::{Durability, Registry};
use crate::table::{Dialect, Event, HostId, HostKey, Port, Registration, Revision, ServiceName, Target, parse_tags};

/// A server without sockets, on a clock that stands still.
#[derive(Clone)]
struct Server {
    app: App,
    router: Router,
}

/// What came back.
struct Reply {
    status: u16,
    content_type: String,
    body: Body,
}

impl Reply {
    async fn text(self) -> String {
        let octets = self.body.collect().await.expect("a whole body").to_bytes();
        String::from_utf8(octets.to_vec()).expect("a text")
    }

    async fn json(self) -> Value {
        serde_json::from_str(&self.text().await).expect("a JSON body")
    }
}

impl Server {
    fn new() -> Server {
        let clock = Arc::new(Clock::manual(Timestamp::from_micros(1_800_000_000_000_000)));
        let registry = Arc::new(Registry::new(clock, crate::zone::Zones::default(), Durability::Immediate));
        registry.load([], Revision(100), 1);
        Server::of(registry)
    }

    fn of(registry: Arc<Registry>) -> Server {
        let settings = Settings::default();
        let metrics = Arc::new(Metrics::new(&registry));
        let app = App::new(registry, Arc::new(settings), metrics, Arc::new(Readiness::ready()));
        Server { router: router(app.clone()), app }
    }

    async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.expect("a router never fails");
        let content_type = response.headers().get("content-type").map_or("", |value| value.to_str().expect("text"));
        Reply { status: response.status().as_u16(), content_type: content_type.to_owned(), body: response.into_body() }
    }

    async fn call(&self, method: &str, path: &str) -> Reply {
        self.send(Request::builder().method(method).uri(path).body(Body::empty()).expect("a request")).await
    }

    async fn get(&self, path: &str) -> Value {
        self.call("GET", path).await.json().await
    }

    async fn event(&self, event: Event) {
        self.app.registry.submit(event).await.expect("a good event");
    }

    /// Registers a native host.
    async fn register(&self, service: &str, id: &str, address: &str, tags: &[&str]) {
        let key = key(service, id);
        let target = Target::parse("address", [address]).expect("an address");
        let registration = Registration {
            ports: [Port::tcp(80)].into_iter().collect(),
            tags: parse_tags("tags", tags.iter().copied()).expect("tags"),
            ..Registration::new(key.service, key.dialect, key.id, target)
        };
        self.event(Event::Register(Box::new(registration))).await;
    }

    async fn remove(&self, service: &str, id: &str) {
        self.event(Event::Deregister(key(service, id))).await;
    }

    fn revision(&self) -> u64 {
        self.app.registry.snapshot().revision.0
    }
}

fn key(service: &str, id: &str) -> HostKey {
    HostKey {
        service: ServiceName::parse("service", service).expect("a service"),
        dialect: Dialect::Native,
        id: HostId::parse("id", id).expect("an id"),
    }
}

/// The addresses that are ready in an Endpoints object.
fn addresses(endpoints: &Value) -> Vec<&str> {
    let subsets = endpoints["subsets"].as_array().into_iter().flatten();
    let addresses = subsets.flat_map(|subset| subset["addresses"].as_array().into_iter().flatten());
    addresses.map(|address| address["ip"].as_str().expect("an address")).collect()
}

/// The names of the objects of a list.
fn names_of(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().expect("a list");
    items.iter().map(|item| item["metadata"]["name"].as_str().expect("a name")).collect()
}

#[tokio::test]
async fn errors_are_status_objects_wherever_they_come_from() {
    let server = Server::new();
    let long = format!("/api/v1/pods?x={}", "x".repeat(limits::HTTP_URL_OCTETS));
    for (method, path, code, reason) in [
        ("GET", "/api/v2", 404, "NotFound"),
        ("GET", "/apis/nope/v1/x", 404, "NotFound"),
        ("GET", "/api/v1/nodes", 404, "NotFound"),
        ("GET", "/api/v1/namespaces/default/namespaces", 404, "NotFound"),
        ("GET", "/api/v1/namespaces/default/pods/%FF", 400, "BadRequest"),
        ("GET", "/api/v1/pods?labelSelector=%FF", 400, "BadRequest"),
        ("GET", long.as_str(), 414, ""),
        ("POST", "/api/v1/namespaces/default/pods", 405, "MethodNotAllowed"),
        ("PATCH", "/apis/discovery.k8s.io/v1/endpointslices", 405, "MethodNotAllowed"),
        ("PUT", "/version", 405, "MethodNotAllowed"),
        ("DELETE", "/api/v1/namespaces/default", 405, "MethodNotAllowed"),
    ] {
        let reply = server.call(method, path).await;
        assert_eq!((reply.status, reply.content_type.as_str()), (code, "application/json"), "{method} {path}");
        let status = reply.json().await;
        let said = (&status["kind"], &status["status"], &status["code"], &status["reason"]);
        assert_eq!(said, (&json!("Status"), &json!("Failure"), &json!(code), &json!(reason)), "{method} {path}");
    }
}

#[tokio::test]
async fn an_object_that_is_not_there_is_named() {
    let server = Server::new();
    let status = server.get("/api/v1/namespaces/default/endpoints/x").await;
    let expected = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "endpoints \"x\" not found", "reason": "NotFound",
        "details": {"name": "x", "kind": "endpoints"}, "code": 404,
    });
    assert_eq!(status, expected);
    let status = server.get("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/x").await;
    assert_eq!(status["message"], "endpointslices.discovery.k8s.io \"x\" not found");
    assert_eq!(status["details"], json!({"name": "x", "group": "discovery.k8s.io", "kind": "endpointslices"}));
}

#[tokio::test]
async fn nothing_is_denied_before_the_table_is_read() {
    let clock = Arc::new(Clock::manual(Timestamp::from_micros(1)));
    let server = Server::of(Arc::new(Registry::new(clock, crate::zone::Zones::default(), Durability::Immediate)));
    for path in ["/api/v1/pods", "/api/v1/namespaces/default/services/web", "/api/v1/pods?watch=1"] {
        assert_eq!(server.call("GET", path).await.status, 503, "{path}");
    }
    assert_eq!(server.call("GET", "/api/v1").await.status, 200);
}

#[tokio::test]
async fn head_and_options_are_answered() {
    let server = Server::new();
    let reply = server.call("HEAD", "/api/v1/pods").await;
    assert_eq!((reply.status, reply.text().await), (200, String::new()));
    assert_eq!(server.call("OPTIONS", "/api/v1/pods").await.status, 200);
}
