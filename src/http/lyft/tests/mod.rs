//! The dialect through its router, request by request.

mod balancing;
mod checks;
mod deleting;
mod forms;
mod listing;
mod paths;
mod refusals;
mod registering;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode, header};
use serde_json::Value;
use tower::ServiceExt;

use crate::clock::{Clock, Timestamp};
use crate::http::{App, Settings};
use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::registry::{Durability, Registry};
use crate::table::{Dialect, Event, HostKey, Revision};
use crate::zone::Zones;

/// The moment at which every test begins.
const START: Timestamp = Timestamp::from_micros(1_795_194_494_758_176);

/// The lease of a host in these tests.
const HOST_TTL: Duration = Duration::from_secs(600);

/// Tags with what every host must have.
const TAGS: &str = r#"{"az":"us-east-1a","instance_id":"i-1","region":"us-east-1"}"#;

/// What came back.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn is(&self, status: u16, body: &str) -> bool {
        self.status == status && self.body == body
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }

    fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a text header"))
    }
}

/// A server without sockets.
struct Server {
    app: App,
}

impl Server {
    fn new() -> Server {
        Server::with(Durability::Immediate, |_| {})
    }

    fn with(durability: Durability, adjust: impl FnOnce(&mut Settings)) -> Server {
        let server = Server::not_loaded(durability, adjust);
        server.app.registry.load([], Revision(0), 0);
        server
    }

    fn not_loaded(durability: Durability, adjust: impl FnOnce(&mut Settings)) -> Server {
        let mut settings = Settings { lyft_host_ttl: HOST_TTL, ..Settings::default() };
        adjust(&mut settings);
        let registry = Registry::new(Arc::new(Clock::manual(START)), Zones::default(), durability);
        let registry = Arc::new(registry);
        let metrics = Arc::new(Metrics::new(&registry));
        Server { app: App::new(registry, Arc::new(settings), metrics, Arc::new(Readiness::ready())) }
    }

    /// The same table behind other settings.
    fn again(&self, adjust: impl FnOnce(&mut Settings)) -> Server {
        let mut settings = Settings::clone(&self.app.settings);
        adjust(&mut settings);
        let (registry, metrics) = (Arc::clone(&self.app.registry), Arc::clone(&self.app.metrics));
        Server { app: App::new(registry, Arc::new(settings), metrics, Arc::new(Readiness::ready())) }
    }

    fn advance(&self, by: Duration) {
        self.app.registry.clock().advance(by);
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let (router, _) = super::routes().with_state(self.app.clone()).split_for_parts();
        let response = router.oneshot(request).await.expect("a router never fails");
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.expect("a whole body");
        let body = String::from_utf8(body.to_vec()).expect("a text body");
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    async fn call(&self, method: &str, path: &str) -> Answer {
        self.send(Request::builder().method(method).uri(path).body(Body::empty()).expect("a request")).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.call("GET", path).await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path).await
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(form(path, fields)).await
    }

    /// Registers a host that must be accepted.
    async fn register(&self, service: &str, ip: &str, tags: &str) {
        let fields =
            [("ip", ip), ("port", "80"), ("revision", "abc"), ("service_repo_name", "web-repo"), ("tags", tags)];
        let answer = self.post(&format!("/v1/registration/{service}"), &fields).await;
        assert!(answer.is(200, "{}\n"), "{answer:?}");
    }

    /// The hosts of a service as listed.
    async fn hosts(&self, service: &str) -> Vec<Value> {
        let answer = self.get(&format!("/v1/registration/{service}")).await;
        assert_eq!(answer.status, StatusCode::OK.as_u16());
        answer.json()["hosts"].as_array().expect("a list").clone()
    }

    /// The addresses of a service as listed.
    async fn addresses(&self, service: &str) -> Vec<String> {
        self.hosts(service).await.iter().map(|host| host["ip_address"].as_str().expect("text").to_owned()).collect()
    }

    /// One tag of the first host of a service.
    async fn tag(&self, service: &str, tag: &str) -> Value {
        self.hosts(service).await[0]["tags"][tag].clone()
    }

    /// Does what another API may do to a row.
    async fn event(&self, make: impl FnOnce(HostKey) -> Event, service: &str, ip: &str) {
        let key = super::registration::key_of(service, ip).expect("a good key");
        assert_eq!(key.dialect, Dialect::Lyft);
        self.app.registry.submit(make(key)).await.expect("the event is accepted");
    }
}

/// A POST with an urlencoded form.
fn form(path: &str, fields: &[(&str, &str)]) -> Request<Body> {
    let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    Request::builder()
        .method("POST")
        .uri(path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(pairs.join("&")))
        .expect("a request")
}

fn escaped(value: &str) -> String {
    value.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The same request from a socket peer.
fn from_peer(mut request: Request<Body>, peer: &str) -> Request<Body> {
    let peer: SocketAddr = peer.parse().expect("an address and port");
    request.extensions_mut().insert(ConnectInfo(peer));
    request
}

/// Fields to change in a good registration.
type Changed = &'static [(&'static str, Option<&'static str>)];

/// A good registration with some fields changed; `None` leaves the field out.
fn fields_with<'a>(changed: &[(&'a str, Option<&'a str>)]) -> Vec<(&'a str, &'a str)> {
    let good = [("ip", "10.0.0.1"), ("port", "80"), ("revision", "abc"), ("tags", TAGS)];
    let mut fields: Vec<(&str, &str)> =
        good.into_iter().filter(|(name, _)| changed.iter().all(|(other, _)| other != name)).collect();
    fields.extend(changed.iter().filter_map(|(name, value)| value.map(|value| (*name, value))));
    fields
}
