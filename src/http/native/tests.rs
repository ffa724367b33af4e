use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::clock::{Clock, Timestamp};
use crate::http::{Settings, router};
use crate::limits;
use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::registry::{Durability, Registry};
use crate::table::{Dialect, Event, HostId, Port, Registration, Revision, ServiceName, Tag, Target};
use std::sync::Arc;

/// A server without sockets, on a clock that stands still.
struct Server {
    app: App,
    router: Router,
}

struct Reply {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    body: Value,
}

impl Reply {
    fn problem(&self) -> (u16, &str) {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.body);
        assert_eq!(self.body["status"], self.status.as_u16());
        (self.status.as_u16(), self.body["detail"].as_str().expect("a detail"))
    }

    fn ids(&self) -> Vec<&str> {
        let hosts = self.body["hosts"].as_array().expect("hosts");
        hosts.iter().map(|host| host["id"].as_str().expect("an id")).collect()
    }
}

impl Server {
    fn new() -> Server {
        let server = Server::not_loaded();
        server.app.registry.load([], Revision::default(), 1);
        server
    }

    fn not_loaded() -> Server {
        let clock = Arc::new(Clock::manual(Timestamp::from_micros(1_800_000_000_000_000)));
        let zones = crate::zone::Zones::default();
        let registry = Arc::new(Registry::new(clock, zones, Durability::Immediate));
        let settings = Settings { lyft_env: "test".into(), ..Settings::default() };
        let metrics = Arc::new(Metrics::new(&registry));
        let app = App::new(registry, Arc::new(settings), metrics, Arc::new(Readiness::ready()));
        Server { router: router(app.clone()), app }
    }

    async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.expect("infallible");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a whole body").to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into());
        Reply { status: parts.status, headers: parts.headers, body }
    }

    async fn ask(&self, method: Method, path: &str, body: impl Into<Body>) -> Reply {
        let request = Request::builder().method(method).uri(path).body(body.into()).expect("a request");
        self.send(request).await
    }

    async fn get(&self, path: &str) -> Reply {
        self.ask(Method::GET, path, Body::empty()).await
    }

    async fn put(&self, path: &str, body: Value) -> Reply {
        self.ask(Method::PUT, path, body.to_string()).await
    }

    async fn register(&self, service: &str, id: &str, address: &str) -> Reply {
        let body = json!({"address": address, "port": 80, "ttl": "30s"});
        self.put(&format!("/v1/hosts/{service}/{id}"), body).await
    }

    async fn register_lyft(&self, service: &str, id: &str) {
        let registration = Registration {
            ports: [Port::tcp(80)].into_iter().collect(),
            tags: [Tag::parse("tag", "canary").expect("tag")].into(),
            ttl: Some(Duration::from_secs(600)),
            ..Registration::new(
                ServiceName::parse("service", service).expect("service"),
                Dialect::Lyft,
                HostId::parse("id", id).expect("id"),
                Target::parse("address", ["10.9.9.9"]).expect("address"),
            )
        };
        self.app.registry.submit(Event::Register(Box::new(registration))).await.expect("registers");
    }

    fn revision(&self) -> u64 {
        self.app.registry.snapshot().revision.0
    }
}

#[tokio::test]
async fn registers_creates_then_replaces_then_renews() {
    let server = Server::new();
    let body = json!({"addresses": ["10.0.0.1", "fd00::1"], "ports": [{"name": "http", "port": 80}], "weight": 5,
        "priority": 1, "tags": ["v1"], "meta": {"k": "v"}, "ttl": "30s", "namespace": "prod", "zone": "az-a",
        "region": "r", "checks": [{"id": "c", "status": "warning", "output": "slow"}]});
    let created = server.put("/v1/hosts/web/a", body.clone()).await;
    assert_eq!(created.status, StatusCode::CREATED);
    assert_eq!(created.headers["x-rollcall-revision"], "1");
    let expected = json!({
        "service": "web", "id": "a", "origin": "native", "namespace": "prod",
        "addresses": ["10.0.0.1", "fd00::1"], "ports": [{"name": "http", "protocol": "tcp", "port": 80}],
        "tags": ["v1"], "meta": {"k": "v"}, "weight": 5, "priority": 1, "zone": "az-a", "region": "r", "hostname": null,
        "status": "warning",
        "checks": [{"id": "c", "status": "warning", "output": "slow", "since": "2027-01-15T08:00:00.000000Z"}],
        "draining": false, "ttl": "30s", "last_renewed": "2027-01-15T08:00:00.000000Z",
        "expires_at": "2027-01-15T08:00:30.000000Z", "stale": false, "kept_until": null,
        "created_revision": 1, "modified_revision": 1, "revision": 1,
    });
    assert_eq!(created.body, expected);
    server.app.registry.clock().advance(Duration::from_secs(10));
    let heartbeat = server.put("/v1/hosts/web/a", body).await;
    assert_eq!((heartbeat.status, server.revision()), (StatusCode::OK, 1), "the same again is no change");
    assert_eq!(heartbeat.body["expires_at"], "2027-01-15T08:00:40.000000Z");
    let updated = server.register("web", "a", "10.0.0.2").await;
    assert_eq!((updated.status, &updated.body["modified_revision"]), (StatusCode::OK, &json!(2)));
    assert_eq!(updated.body["weight"], 5, "a registration without a weight keeps it");
    assert_eq!(server.get("/v1/hosts/web/a").await.body, updated.body);
}

#[tokio::test]
async fn a_bad_registration_changes_nothing() {
    let server = Server::new();
    let good = json!({"address": "10.0.0.1"});
    for (path, body, field) in [
        ("/v1/hosts/My_Web/a", good.clone(), "service"),
        ("/v1/hosts/web/a", json!({"address": "10.0.0.1", "port": 70000}), "port"),
        ("/v1/hosts/web/a", json!({"address": "10.0.0.1", "nope": 1}), "nope"),
        ("/v1/hosts/web/a", json!({}), "address"),
        ("/v1/hosts/web/a%0A", good.clone(), "id"),
        ("/v1/hosts/web/a?ttl=5", good, "ttl"),
    ] {
        let reply = server.put(path, body).await;
        assert_eq!(reply.problem().0, 400, "{path}");
        assert_eq!((&reply.body["field"], &reply.body["type"]), (&json!(field), &json!("/docs#problem-invalid")));
        assert!(reply.body["rule"].is_string() && reply.body["title"].is_string());
    }
    assert_eq!(server.ask(Method::PUT, "/v1/hosts/web/%FF", "{}").await.problem().0, 400);
    assert_eq!(server.ask(Method::PUT, "/v1/hosts/web/a", vec![0xFF, 0xFE]).await.problem().0, 400);
    assert_eq!(server.revision(), 0);
}

#[tokio::test]
async fn several_register_in_one_call_or_none_does() {
    let server = Server::new();
    let host = |id: &str, address: &str| json!({"service": "web", "id": id, "address": address, "port": 80});
    let both = json!({"hosts": [host("a", "10.0.0.1"), host("b", "10.0.0.2")]});
    let post = |body: Value| server.ask(Method::POST, "/v1/hosts", body.to_string());
    let first = post(both.clone()).await;
    assert_eq!(first.body, json!({"revision": 2, "created": 2, "updated": 0, "unchanged": 0}));
    assert_eq!(post(both).await.body, json!({"revision": 2, "created": 0, "updated": 0, "unchanged": 2}));
    let one = post(json!({"hosts": [host("a", "10.0.0.9"), host("b", "10.0.0.2")]})).await;
    assert_eq!(one.body, json!({"revision": 3, "created": 0, "updated": 1, "unchanged": 1}));
    assert_eq!(post(json!({"hosts": []})).await.body["revision"], 3);
    for (hosts, field) in [
        (json!([host("c", "10.0.0.3"), host("d", "x y")]), "hosts[1].address"),
        (json!([host("c", "10.0.0.3"), host("c", "10.0.0.4")]), "hosts[1]"),
        (json!([host("c", "10.0.0.3"), {"service": "web", "address": "10.0.0.4"}]), "hosts[1].id"),
        (json!([{"service": "web", "id": 5, "address": "10.0.0.4"}]), "hosts[0].id"),
        (json!([{"service": "My_Web", "id": "a", "address": "10.0.0.4"}]), "hosts[0].service"),
        (json!([{"service": "web", "id": "c", "address": "10.0.0.4", "port": "80"}]), "hosts[0].port"),
        (json!([{"service": "web", "id": "c", "address": "10.0.0.4", "prot": 80}]), "hosts[0].prot"),
        (json!([host("c", "10.0.0.3"), 7]), "hosts[1]"),
        (json!({}), "body"),
        (json!(vec![host("c", "10.0.0.3"); crate::limits::BATCH_HOSTS + 1]), "hosts"),
    ] {
        let reply = post(json!({ "hosts": hosts })).await;
        assert_eq!((reply.problem().0, &reply.body["field"]), (400, &json!(field)), "{hosts}: {}", reply.body);
    }
    for body in [
        "",
        "{",
        "[]",
        r#"{"hosts":[],"x":1}"#,
        r#"{"hosts":[{"id":"a","id":"b","service":"w","address":"10.0.0.1"}]}"#,
    ] {
        assert_eq!(server.ask(Method::POST, "/v1/hosts", body).await.problem().0, 400, "{body}");
    }
    assert_eq!(server.revision(), 3, "what is refused changes nothing");
}

#[tokio::test]
async fn renews_until_the_lease_ends() {
    let server = Server::new();
    server.register("web", "a", "10.0.0.1").await;
    server.register("web", "b", "10.0.0.2").await;
    server.app.registry.clock().advance(Duration::from_secs(20));
    let renewed = server.ask(Method::POST, "/v1/hosts/web/a/renew", "").await;
    assert_eq!((renewed.status, &renewed.body["id"]), (StatusCode::OK, &json!("a")));
    server.app.registry.clock().advance(Duration::from_secs(10));
    let late = server.ask(Method::POST, "/v1/hosts/web/b/renew", "").await;
    assert_eq!(late.problem(), (404, "no host web/b is registered, or its lease has ended: register again"));
    assert_eq!(server.get("/v1/hosts/web").await.ids(), ["a"], "a lapsed row is in no list, removed or not");
    assert_eq!(server.get("/v1/hosts/web/b").await.problem().0, 404);
    assert_eq!(server.ask(Method::DELETE, "/v1/hosts/web/b", "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(server.ask(Method::DELETE, "/v1/hosts/web/b", "").await.problem().0, 404);
}

#[tokio::test]
async fn an_operator_sets_health_drain_and_weight() {
    let server = Server::new();
    server.register("web", "a", "10.0.0.1").await;
    server.register("web", "b", "10.0.0.2").await;
    let sick = server.put("/v1/hosts/web/a/health", json!({"status": "critical", "output": "no"})).await;
    assert_eq!((&sick.body["status"], &sick.body["checks"][0]["id"]), (&json!("critical"), &json!("health")));
    let other = server.put("/v1/hosts/web/a/health", json!({"status": "warning", "check": "disk"})).await;
    assert_eq!(other.body["checks"].as_array().map(Vec::len), Some(2));
    assert_eq!(server.get("/v1/hosts/web?passing").await.ids(), ["b"]);
    let drained = server.put("/v1/hosts/web/b/drain", json!({"enable": true})).await;
    assert_eq!(drained.body["draining"], true);
    assert_eq!(server.get("/v1/hosts/web?passing=true").await.ids(), [""; 0]);
    assert_eq!(server.get("/v1/hosts/web?passing=false").await.ids(), ["a", "b"]);
    assert_eq!(server.put("/v1/hosts/web/b/weight", json!({"weight": 9})).await.body["weight"], 9);
    let revision = server.revision();
    for (path, body, field) in [
        ("health", json!({"status": "fine"}), "status"),
        ("health", json!({}), "status"),
        ("health", json!({"status": "passing", "check": ""}), "check"),
        ("drain", json!({}), "enable"),
        ("drain", json!({"enable": "yes"}), "enable"),
        ("weight", json!({"weight": 0}), "weight"),
        ("weight", json!({"weight": 1.5}), "weight"),
    ] {
        let reply = server.put(&format!("/v1/hosts/web/b/{path}"), body).await;
        assert_eq!((reply.problem().0, &reply.body["field"]), (400, &json!(field)), "{path}");
    }
    for path in ["health", "drain", "weight"] {
        let body = json!({"health": {"status": "passing"}, "drain": {"enable": true}, "weight": {"weight": 1}});
        let reply = server.put(&format!("/v1/hosts/web/nobody/{path}"), body[path].clone()).await;
        assert_eq!(reply.problem().0, 404, "{path}");
    }
    assert_eq!(server.revision(), revision);
}

#[tokio::test]
async fn lists_filter_and_page() {
    let server = Server::new();
    server.register("web", "a", "10.0.0.1").await;
    server.put("/v1/hosts/web/b", json!({"address": "db.example.com", "tags": ["v1", "x"], "namespace": "prod"})).await;
    server.put("/v1/hosts/api/c", json!({"address": "10.0.0.3", "tags": ["v1"]})).await;
    let all = server.get("/v1/hosts").await;
    assert_eq!((all.ids(), &all.body["revision"]), (vec!["c", "a", "b"], &json!(3)));
    assert_eq!(all.body["hosts"][2]["addresses"], json!(["db.example.com"]));
    assert_eq!(server.get("/v1/hosts?tag=v1&tag=x").await.ids(), ["b"]);
    assert_eq!(server.get("/v1/hosts?namespace=PROD").await.ids(), ["b"]);
    assert_eq!(server.get("/v1/hosts/web?tag=v2").await.ids(), [""; 0]);
    assert_eq!(server.get("/v1/hosts/none").await.ids(), [""; 0]);
    let first = server.get("/v1/hosts?limit=2").await;
    assert_eq!((first.ids(), &first.body["next"]), (vec!["c", "a"], &json!("native/3/web/a")));
    let second = server.get("/v1/hosts?limit=2&after=native/3/web/a").await;
    assert_eq!((second.ids(), &second.body["next"]), (vec!["b"], &Value::Null));
    let services = server.get("/v1/services").await;
    assert_eq!(
        services.body["services"][1],
        json!({"name": "web", "hosts": 2, "passing": 2, "draining": 0,
        "namespaces": ["default", "prod"], "tags": ["v1", "x"], "origins": ["native"]})
    );
    for path in [
        "/v1/hosts?foo=1",
        "/v1/hosts/web?passing=maybe",
        "/v1/hosts?index=-1",
        "/v1/hosts?wait=5s",
        "/v1/hosts?index=1&wait=1h",
        "/v1/hosts?limit=0",
        "/v1/hosts?after=x",
        "/v1/services?tag=x",
        "/v1/watch?wait=5s",
        "/v1/watch?service=",
        "/v1/watch?service=a%00",
        "/v1/hosts?tag=%FF",
        "/v1/hosts?index=1&wait=3601",
        "/v1/hosts?index=1&index=2",
        "/v1/hosts/web/a?origin=nomad",
    ] {
        assert_eq!(server.get(path).await.problem().0, 400, "{path}");
    }
}

#[tokio::test]
async fn a_long_list_comes_in_pieces() {
    let server = Server::new();
    for number in 0..1000 {
        server.register("web", &format!("h{number:04}"), "10.0.0.1").await;
    }
    let list = server.get("/v1/hosts/web").await;
    assert!(!list.headers.contains_key("content-length"));
    assert_eq!((list.ids().len(), list.ids()[999]), (1000, "h0999"));
}

#[tokio::test]
async fn rows_of_other_dialects_are_found() {
    let server = Server::new();
    server.register_lyft("my service", "10.9.9.9:80").await;
    server.register_lyft("web", "a").await;
    assert_eq!(server.get("/v1/hosts/my%20service").await.ids(), ["10.9.9.9:80"]);
    assert_eq!(server.get("/v1/hosts/web/a").await.body["origin"], "lyft");
    server.register("web", "a", "10.0.0.1").await;
    assert_eq!(server.get("/v1/hosts/web/a").await.body["origin"], "native", "the native row comes first");
    assert_eq!(server.get("/v1/hosts/web/a?origin=lyft").await.body["origin"], "lyft");
    assert_eq!(server.put("/v1/hosts/web/a/weight?origin=lyft", json!({"weight": 3})).await.body["origin"], "lyft");
    server.app.registry.clock().advance(Duration::from_secs(30));
    assert_eq!(server.get("/v1/hosts/web/a").await.body["origin"], "lyft", "the native one has lapsed");
    assert_eq!(server.ask(Method::DELETE, "/v1/hosts/web/a?origin=lyft", "").await.status, StatusCode::NO_CONTENT);
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_answers_on_a_change_of_its_service_only() {
    let server = Server::new();
    server.register("web", "a", "10.0.0.1").await;
    server.register("api", "b", "10.0.0.2").await;
    let late = server.get("/v1/hosts/web?index=0").await;
    assert_eq!((late.ids(), &late.body["revision"]), (vec!["a"], &json!(2)), "the past is answered at once");
    assert_eq!(server.get("/v1/hosts/web?index=99").await.ids(), ["a"], "and so is the future");
    let mut poll = std::pin::pin!(server.get("/v1/hosts/web?index=2&wait=10m"));
    let mut services = std::pin::pin!(server.get("/v1/services?index=2"));
    assert!(futures_util::poll!(poll.as_mut()).is_pending());
    assert!(futures_util::poll!(services.as_mut()).is_pending());
    server.register("api", "c", "10.0.0.3").await;
    assert_eq!(services.await.body["revision"], 3);
    assert!(futures_util::poll!(poll.as_mut()).is_pending(), "another service");
    server.register("web", "d", "10.0.0.4").await;
    let answer = poll.await;
    assert_eq!((answer.ids(), &answer.headers["x-rollcall-revision"]), (vec!["a", "d"], &"4".parse().expect("value")));
    #[allow(clippy::disallowed_methods, reason = "the paused clock of the runtime, not a real one")]
    let waited = tokio::time::Instant::now();
    server.get("/v1/hosts?index=4&wait=0").await;
    server.get("/v1/hosts?index=4&wait=7").await;
    assert_eq!(waited.elapsed(), Duration::from_secs(7), "time out answers with what is there");
}

#[tokio::test]
async fn who_waits_is_counted_and_ends_with_the_server() {
    let server = Server::new();
    let all = server.app.watchers.try_acquire_many(u32::try_from(limits::WATCHERS).expect("fits")).expect("free");
    assert_eq!(server.get("/v1/hosts?index=0").await.problem().0, 429);
    assert_eq!(server.get("/v1/watch").await.problem().0, 429);
    drop(all);
    let mut poll = std::pin::pin!(server.get("/v1/hosts?index=0"));
    assert!(futures_util::poll!(poll.as_mut()).is_pending());
    server.app.stopping.cancel();
    assert_eq!(poll.await.status, StatusCode::OK);
    assert_eq!(server.app.watchers.available_permits(), limits::WATCHERS);
}

/// The next piece of an event stream.
async fn piece(stream: &mut Body) -> String {
    let frame = stream.frame().await.expect("goes on").expect("no error");
    String::from_utf8(frame.into_data().expect("data").to_vec()).expect("text")
}

async fn watch(server: &Server, path: &str, last: Option<&str>) -> Body {
    let request = Request::builder().uri(path).header("last-event-id", last.unwrap_or(""));
    let request = request.body(Body::empty()).expect("a request");
    let response = server.router.clone().oneshot(request).await.expect("infallible");
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    response.into_body()
}

#[tokio::test(start_paused = true)]
async fn the_stream_begins_with_a_snapshot_and_goes_on_with_changes() {
    let server = Server::new();
    server.register("web", "a", "10.0.0.1").await;
    let mut stream = watch(&server, "/v1/watch?service=web", None).await;
    let snapshot = piece(&mut stream).await;
    assert!(snapshot.starts_with("event: snapshot\nid: 1\ndata: {\"revision\":1,\"hosts\":[{\"service\":\"web\""));
    assert!(snapshot.ends_with("]}\n\n"));
    server.register("api", "b", "10.0.0.2").await;
    server.register("web", "a", "10.0.0.9").await;
    let change = piece(&mut stream).await;
    assert!(change.starts_with("event: change\nid: 3\ndata: {\"revision\":3,\"at\":\"2027-"), "{change}");
    assert!(change.contains(r#""cause":"native","kind":"updated","host":{"service":"web","id":"a""#));
    assert_eq!(piece(&mut stream).await, ": \n\n", "silence is broken by a comment");
    server.app.registry.clock().advance(Duration::from_secs(30));
    server.app.registry.expire_due();
    assert!(piece(&mut stream).await.contains(r#""cause":"expiry","kind":"removed""#));
    server.app.stopping.cancel();
    assert!(stream.frame().await.is_none());
}

#[tokio::test]
async fn the_stream_resumes_or_resets() {
    let server = Server::new();
    server.register("web", "a", "10.0.0.1").await;
    server.register("web", "b", "10.0.0.2").await;
    let mut stream = watch(&server, "/v1/watch?index=0", Some("1")).await;
    assert!(piece(&mut stream).await.starts_with("event: change\nid: 2\n"), "the header comes before the parameter");
    let mut ahead = watch(&server, "/v1/watch?index=77", None).await;
    assert!(piece(&mut ahead).await.starts_with("event: reset\nid: 2\n"));
    for number in 0..limits::JOURNAL_CHANGES {
        server.register("web", "a", &format!("10.1.{}.{}", number / 250, number % 250 + 1)).await;
    }
    let mut behind = watch(&server, "/v1/watch?index=1", None).await;
    assert!(piece(&mut behind).await.starts_with("event: reset\n"), "compacted");
    let reply = server
        .send(Request::builder().uri("/v1/watch").header("last-event-id", "x").body(Body::empty()).expect("a request"));
    assert_eq!(reply.await.problem().0, 400);
}

#[tokio::test]
async fn a_server_that_is_not_loaded_says_so() {
    let server = Server::not_loaded();
    let reply = server.register("web", "a", "10.0.0.1").await;
    assert_eq!((reply.problem().0, &reply.headers["retry-after"]), (503, &"1".parse().expect("value")));
    assert_eq!(server.ask(Method::POST, "/v1/hosts/web/a/renew", "").await.problem().0, 503);
    assert_eq!(server.get("/livez").await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_no_route_takes_is_a_problem_too() {
    let server = Server::new();
    assert_eq!(server.get("/v2/hosts").await.problem().0, 404);
    let wrong = server.ask(Method::PATCH, "/v1/hosts/web/a", "").await;
    assert_eq!(wrong.problem().0, 405);
    let allowed = wrong.headers["allow"].to_str().expect("text").to_owned();
    assert!(["PUT", "DELETE", "GET"].iter().all(|method| allowed.contains(method)), "{allowed}");
    let long = format!("/v1/hosts/{}", "x".repeat(limits::HTTP_URL_OCTETS));
    assert_eq!(server.get(&long).await.problem().0, 414);
    let large = "x".repeat(limits::HTTP_BODY_OCTETS + 1);
    assert_eq!(server.ask(Method::PUT, "/v1/hosts/web/a", large).await.problem().0, 413);
    let header = Request::builder().uri("/livez").header("x", "y".repeat(limits::HTTP_HEADER_OCTETS));
    assert_eq!(server.send(header.body(Body::empty()).expect("a request")).await.problem().0, 431);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_given_up() {
    let server = Server::new();
    let never = futures_util::stream::pending::<Result<bytes::Bytes, std::convert::Infallible>>();
    let reply = server.ask(Method::PUT, "/v1/hosts/web/a", Body::from_stream(never)).await;
    assert_eq!(reply.problem().0, 408);
}

#[tokio::test]
async fn operation_and_documentation() {
    let server = Server::new();
    server.register("web", "a", "10.0.0.1").await;
    server.register("web", "b", "10.0.0.300").await;
    let ready = server.get("/readyz").await;
    assert_eq!((ready.status, &ready.body["ready"]), (StatusCode::OK, &json!(true)));
    server.app.readiness.lack(crate::readiness::Condition::Dns, "port 53 is taken");
    let ready = server.get("/readyz").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready.body["conditions"]["dns"], "port 53 is taken");
    let metrics = server.get("/metrics").await;
    let text = metrics.body.as_str().expect("text");
    for line in [
        r#"rollcall_writes_total{dialect="native",operation="register",result="ok"} 1"#,
        r#"rollcall_writes_total{dialect="native",operation="register",result="invalid"} 1"#,
        r#"rollcall_http_requests_total{route="/v1/hosts/{service}/{id}",method="PUT",status="2xx"} 1"#,
        r#"rollcall_hosts{status="passing"} 1"#,
        "rollcall_revision 1",
        "rollcall_journal_changes 1",
        "rollcall_http_request_seconds_count",
        "# EOF",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    let api = server.get("/openapi.json").await.body;
    let operations = api["paths"].as_object().expect("paths").values().map(|path| {
        path.as_object().expect("operations").values().filter(|operation| operation["responses"].is_object()).count()
    });
    assert_eq!(operations.sum::<usize>(), 14 + 6 + 13 + 41 + 4 + 13 + 2, "every route is documented");
    let page = server.get("/docs").await;
    assert!(page.headers["content-security-policy"].to_str().expect("text").starts_with("default-src 'none'"));
    let html = page.body.as_str().expect("text");
    assert!(html.contains("/v1/hosts/{service}/{id}/drain") && !html.contains("<script"));
    for kind in crate::http::problem::Kind::ALL {
        assert!(html.contains(&format!("id=\"problem-{}\"", kind.slug())));
    }
}

/// The answer to a write has the form of every other.
#[tokio::test]
async fn a_row_is_written_as_serde_would() {
    let server = Server::new();
    let whole = json!({
        "addresses": ["10.0.0.1", "fd00::1"], "ports": [{"name": "http", "port": 80}], "weight": 5, "priority": 2,
        "tags": ["v1"], "meta": {"a": "\"b\n"}, "ttl": "90s", "namespace": "prod", "zone": "az \"a\"", "region": "eu",
        "hostname": "h", "checks": [{"id": "up", "ttl": "30s"}],
    });
    for (id, body) in
        [("plain", json!({"address": "10.0.0.1"})), ("whole", whole), ("name\u{e9}\"", json!({"address": "a.example"}))]
    {
        let path =
            format!("/v1/hosts/web/{}", percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC));
        let reply = server.ask(Method::PUT, &path, body.to_string()).await;
        assert_eq!(reply.status, 201, "{}", reply.body);
        let host = server.app.registry.snapshot().hosts.find("web", Dialect::Native, id).cloned().expect("a row");
        let derived = serde_json::to_string(&view::HostView::of(&host)).expect("an object");
        assert_eq!(String::from_utf8(write::host_json(&host)).expect("text"), derived);
    }
}
