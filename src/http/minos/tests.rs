//! The dialect through its router, request by request.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use serde_json::Value;
use tower::ServiceExt as _;

use super::Settings;
use crate::clock::{Clock, Timestamp};
use crate::http::App;
use crate::limits;
use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::registry::{Durability, Registry};
use crate::table::{
    CheckKind, Dialect, Event, Host, HostId, HostKey, Port, Registration, Revision, ServiceName, Status, Target,
};
use crate::zone::Zones;

/// A server without sockets.
struct Server(App);

impl Server {
    fn new() -> Server {
        Server::with(Settings::default())
    }

    fn with(minos: Settings) -> Server {
        let settings = crate::http::Settings { minos, ..crate::http::Settings::default() };
        let clock = Clock::manual(Timestamp::from_micros(1_795_194_494_758_176));
        let registry = Arc::new(Registry::new(Arc::new(clock), Zones::default(), Durability::Immediate));
        registry.load([], Revision(0), 0);
        let metrics = Arc::new(Metrics::new(&registry));
        Server(App::new(registry, Arc::new(settings), metrics, Arc::new(Readiness::ready())))
    }

    /// Calls as the client at `peer`; gives the status and the body.
    async fn call_from(&self, peer: &str, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut request =
            Request::builder().method(method).uri(path).body(Body::from(body.to_owned())).expect("a request");
        let peer: SocketAddr = format!("{peer}:1").parse().expect("an address");
        request.extensions_mut().insert(ConnectInfo(peer));
        let (router, _) = super::routes().with_state(self.0.clone()).split_for_parts();
        let response = router.oneshot(request).await.expect("a router never fails");
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a whole body");
        (status, String::from_utf8(body.to_vec()).expect("a text body"))
    }

    async fn call(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        self.call_from("127.0.0.1", method, path, body).await
    }

    async fn subscribe(&self, name: &str, address: &str, endpoints: &str) {
        let body = format!(r#"{{"address":"{address}","port":80,"endpoints":{endpoints}}}"#);
        let answer = self.call("POST", &format!("/microservices/{name}"), &body).await;
        assert_eq!(answer, (201, "201: Created".into()));
    }

    /// Whom the gateway is sent to: name and address, or the status.
    async fn found(&self, verb: &str, path: &str) -> Result<String, u16> {
        let (status, body) = self.call("GET", &format!("/microservices?verb={verb}&path={path}"), "").await;
        if status != 200 {
            return Err(status);
        }
        let host: Value = serde_json::from_str(&body).expect("JSON");
        Ok(format!("{} {}", host["name"].as_str().expect("text"), host["address"].as_str().expect("text")))
    }

    fn hosts(&self) -> Vec<Arc<Host>> {
        self.0.registry.snapshot().hosts.iter().cloned().collect()
    }

    fn ids(&self) -> Vec<String> {
        self.hosts().iter().map(|host| host.id.as_str().to_owned()).collect()
    }

    async fn event(&self, service: &str, id: &str, make: impl FnOnce(HostKey) -> Event) {
        let key = HostKey {
            service: ServiceName::parse("service", service).expect("a name"),
            dialect: Dialect::Minos,
            id: HostId::parse("id", id).expect("an id"),
        };
        self.0.registry.submit(make(key)).await.expect("is accepted");
    }
}

#[tokio::test]
async fn hosts_of_one_name_stand_side_by_side_or_replace_each_other() {
    for (replace, ids) in [(false, vec!["10.0.0.1:80", "10.0.0.2:80"]), (true, vec!["10.0.0.2:80"])] {
        let server = Server::with(Settings { replace, ..Settings::default() });
        server.subscribe("order", "10.0.0.1", "[]").await;
        server.subscribe("order", "10.0.0.2", "[]").await;
        server.subscribe("order", "10.0.0.2", "[]").await;
        assert_eq!(server.ids(), ids, "{replace}");
    }
}

#[tokio::test]
async fn what_leaves_is_at_the_address_of_the_client_or_does_not_answer() {
    for (client, check, left) in [
        ("10.0.0.1", true, vec!["10.0.0.2:80"]),
        ("10.0.0.1", false, vec!["10.0.0.2:80"]),
        ("10.0.0.9", true, vec!["10.0.0.1:80", "10.0.0.2:80"]),
        ("10.0.0.9", false, vec![]),
    ] {
        let asked = Settings::default();
        let server = Server::with(Settings { check: asked.check.filter(|_| check), replace: false });
        server.subscribe("order", "10.0.0.1", "[]").await;
        server.subscribe("order", "10.0.0.2", "[]").await;
        let gone = || server.call_from(client, "DELETE", "/microservices/order", "");
        assert_eq!(gone().await, (200, "200: OK".into()));
        assert_eq!(server.ids(), left, "{client} {check}");
    }
    // Behind a proxy those leave that do not answer.
    let server = Server::new();
    server.subscribe("order", "10.0.0.1", "[]").await;
    let ill = r#"{"address":"10.0.0.2","port":80,"endpoints":[],"status":false}"#;
    server.call("POST", "/microservices/order", ill).await;
    server.call_from("10.0.0.9", "DELETE", "/microservices/order", "").await;
    assert_eq!(server.ids(), ["10.0.0.1:80"]);
    server.call_from("10.0.0.9", "DELETE", "/microservices/order", "").await;
    assert_eq!(server.ids(), [""; 0], "the only one is meant");
    let server = Server::new();
    for name in ["order", "%0A", &"x".repeat(300)] {
        assert_eq!(server.call("DELETE", &format!("/microservices/{name}"), "").await.0, 200, "{name}");
    }
}

#[tokio::test]
async fn what_can_be_stored_is_stored() {
    let server = Server::new();
    let wild = r#"{"address":"0.0.0.0","port":"8080","name":"x","foo":1,"endpoints":[{"url":"/a","method":"GET"},["GET","/a"],["GET","/b",{}]]}"#;
    assert_eq!(server.call_from("10.0.0.7", "POST", "/microservices/Order", wild).await.0, 201);
    assert_eq!(server.ids(), ["10.0.0.7:8080"], "whoever listens everywhere is where it comes from");
    assert_eq!(server.found("GET", "/b").await, Ok("Order 10.0.0.7".into()));
    let named = r#"{"address":"web_1","port":1,"endpoints":[]}"#;
    assert_eq!(server.call("POST", "/microservices/order", named).await.0, 201);
    let many = format!(r#"["GET","/{}"]"#, "x".repeat(limits::MINOS_PATH_OCTETS));
    for (body, said) in [
        ("", "Empty or wrong body"),
        ("[]", "Empty or wrong body"),
        ("{", "Empty or wrong body"),
        (r#"{"port":1,"endpoints":[]}"#, "missing: address"),
        (r#"{"address":1,"port":1,"endpoints":[]}"#, "address: must be"),
        (r#"{"address":"a b","port":1,"endpoints":[]}"#, "address: must be"),
        (r#"{"address":"10.0.0.1","port":null,"endpoints":[]}"#, "port: must be 1 to 65535"),
        (r#"{"address":"10.0.0.1","port":99999,"endpoints":[]}"#, "port: must be 1 to 65535"),
        (r#"{"address":"10.0.0.1","port":1,"endpoints":{}}"#, "endpoints: must be a list"),
        (r#"{"address":"10.0.0.1","port":1,"endpoints":["GET /"]}"#, "endpoints: must be a list of pairs"),
        (r#"{"address":"10.0.0.1","port":1,"endpoints":[["","/"]]}"#, "endpoints: a verb must be 1 to 32 octets"),
        (r#"{"address":"10.0.0.1","port":1,"endpoints":[],"status":"up"}"#, "status: must be true or false"),
        (&format!(r#"{{"address":"10.0.0.1","port":1,"endpoints":[{many}]}}"#), "endpoints: a path must be at most"),
    ] {
        let (status, text) = server.call("POST", "/microservices/order", body).await;
        assert!(status == 400 && text.starts_with(said), "{body}: {status} {text}");
    }
    assert_eq!(server.hosts().len(), 2, "what is refused changes nothing");
}

#[tokio::test]
async fn hosts_are_asked_by_the_convention_and_where_they_say_they_answer() {
    let server = Server::new();
    server.subscribe("order", "10.0.0.1", r#"[["GET","/health"]]"#).await;
    let host = server.hosts().remove(0);
    let checks: Vec<(String, String, bool)> = host
        .checks
        .iter()
        .filter_map(|check| {
            let CheckKind::Http(http) = check.kind() else { return None };
            Some((check.id.to_string(), http.url.to_string(), http.absent_passes))
        })
        .collect();
    let expected = [("system-health", "http:/system/health", true), ("health", "http:/health", false)];
    assert_eq!(checks, expected.map(|(id, url, absent)| (id.to_owned(), url.to_owned(), absent)));
    assert_eq!(host.status(), Status::Passing, "it is in the answers at once");
    assert!(host.lease.expires().is_none(), "nothing renews it");
    let ill = r#"{"address":"10.0.0.2","port":1,"endpoints":[],"status":false}"#;
    server.call("POST", "/microservices/order", ill).await;
    assert_eq!(server.hosts()[1].status(), Status::Critical);
    let nobody = Server::with(Settings { check: None, ..Settings::default() });
    nobody.subscribe("order", "10.0.0.1", r#"[["GET","/health"]]"#).await;
    assert!(nobody.hosts()[0].checks.is_empty());
    nobody.call("POST", "/microservices/order", ill).await;
    assert_eq!(nobody.hosts()[1].status(), Status::Critical, "what it says of itself holds");
}

#[tokio::test]
async fn a_look_up_follows_the_table() {
    let server = Server::new();
    assert_eq!(server.found("GET", "/orders/1").await, Err(404));
    server.subscribe("order", "10.0.0.1", r#"[["GET","/orders/{id}"],["GET","/old"]]"#).await;
    assert_eq!(server.found("GET", "/orders/1").await, Ok("order 10.0.0.1".into()));
    server.subscribe("order", "10.0.0.1", r#"[["GET","/orders/{id}"]]"#).await;
    assert_eq!(server.found("GET", "/old").await, Err(404), "no endpoint is left behind");
    server.subscribe("latest", "10.0.0.3", r#"[["GET","/orders/latest"]]"#).await;
    assert_eq!(server.found("GET", "/orders/latest").await, Ok("latest 10.0.0.3".into()), "exact before generic");
    server.event("latest", "10.0.0.3:80", |host| Event::Drain { host, enable: true }).await;
    assert_eq!(server.found("GET", "/orders/latest").await, Err(503), "a path means one thing");
    server.event("latest", "10.0.0.3:80", Event::Deregister).await;
    assert_eq!(server.found("GET", "/orders/latest").await, Ok("order 10.0.0.1".into()));
    // More changes than the journal remembers.
    for round in 0..=limits::JOURNAL_CHANGES {
        server.event("order", "10.0.0.1:80", |host| Event::Drain { host, enable: round % 2 == 0 }).await;
    }
    server.event("order", "10.0.0.1:80", |host| Event::Drain { host, enable: false }).await;
    server.subscribe("new", "10.0.0.4", r#"[["GET","/new"]]"#).await;
    assert_eq!(server.found("GET", "/new").await, Ok("new 10.0.0.4".into()));
    assert_eq!(server.found("GET", "/orders/1").await, Ok("order 10.0.0.1".into()));
}

#[tokio::test]
async fn hosts_have_their_turns() {
    let server = Server::new();
    for address in ["10.0.0.1", "10.0.0.2", "10.0.0.3"] {
        server.subscribe("order", address, r#"[["GET","/"]]"#).await;
    }
    server.event("order", "10.0.0.2:80", |host| Event::Drain { host, enable: true }).await;
    let mut found = Vec::new();
    for _ in 0..4 {
        found.push(server.found("GET", "/").await.expect("a host"));
    }
    found.sort_unstable();
    found.dedup();
    assert_eq!(found, ["order 10.0.0.1", "order 10.0.0.3"]);
    // Whatever else is looked up between.
    server.subscribe("other", "10.0.0.4", r#"[["GET","/other"]]"#).await;
    let mut found = Vec::new();
    for _ in 0..2 {
        found.push(server.found("GET", "/").await.expect("a host"));
        server.found("GET", "/other").await.expect("a host");
    }
    assert_ne!(found[0], found[1]);
}

#[tokio::test]
async fn hosts_of_other_apis_serve_the_endpoints_of_their_name_whatever_its_capitals() {
    let server = Server::new();
    for name in ["Order", "order"] {
        server.subscribe(name, "10.0.0.1", r#"[["GET","/"]]"#).await;
    }
    let native = |service: &str, address: &str| {
        let service = ServiceName::parse("service", service).expect("a name");
        let target = Target::parse("address", [address]).expect("an address");
        let mut host = Registration::new(service, Dialect::Native, HostId::parse("id", "n").expect("an id"), target);
        host.ports.push(Port::tcp(80));
        Event::Register(Box::new(host))
    };
    for (service, address) in [("order", "10.0.0.2"), ("orders", "10.0.0.3")] {
        server.0.registry.submit(native(service, address)).await.expect("is accepted");
    }
    let mut found = Vec::new();
    for _ in 0..3 {
        found.push(server.found("GET", "/").await.expect("a host"));
    }
    found.sort_unstable();
    assert_eq!(found, ["Order 10.0.0.1", "order 10.0.0.1", "order 10.0.0.2"], "each has one turn");
}
