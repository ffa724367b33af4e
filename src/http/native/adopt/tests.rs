use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::clock::{Clock, Timestamp};
use crate::http::{Settings, consul, router};
use crate::limits;
use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::registry::{Durability, Registry};
use crate::store::record;
use crate::table::{Event, Revision};

const ROWS: RowForm = RowForm {
    version: record::VERSION,
    write: record::write_json,
    write_content: record::write_content,
    read: |text| record::from_json(text).map_err(|error| error.to_string()),
};

/// A server without sockets, on a clock that moves when told.
struct Server {
    app: App,
    router: Router,
}

impl Server {
    /// One that is the node `name`, at a revision of its own.
    fn new(name: &str, revision: u64) -> Server {
        let server = Server::not_loaded(name);
        let own = consul::own_node(&server.app.consul, None, server.app.registry.now());
        server.app.registry.load([Arc::new(own)], Revision(revision), 1);
        server
    }

    fn not_loaded(name: &str) -> Server {
        let clock = Arc::new(Clock::manual(Timestamp::from_micros(1_800_000_000_000_000)));
        let registry = Arc::new(Registry::new(clock, crate::zone::Zones::default(), Durability::Immediate));
        let metrics = Arc::new(Metrics::new(&registry));
        let own = consul::Settings { node_name: name.into(), ..consul::Settings::default() };
        let app = App::new(registry, Arc::new(Settings::default()), metrics, Arc::new(Readiness::ready()));
        let app = app.with_consul(own).with_rows(ROWS);
        Server { router: router(app.clone()), app }
    }

    async fn ask(&self, method: Method, path: &str, body: impl Into<Body>) -> (StatusCode, String) {
        let request = Request::builder().method(method).uri(path).body(body.into()).expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("infallible");
        let status = response.status();
        let octets = response.into_body().collect().await.expect("a whole body").to_bytes();
        (status, String::from_utf8(octets.to_vec()).expect("text"))
    }

    async fn put(&self, path: &str, body: Value) {
        let (status, said) = self.ask(Method::PUT, path, body.to_string()).await;
        assert!(status.is_success(), "{path}: {status} {said}");
    }

    async fn export(&self) -> (Value, Vec<String>) {
        let (status, text) = self.ask(Method::GET, "/v1/export", "").await;
        assert_eq!(status, StatusCode::OK);
        assert!(text.ends_with('\n'));
        let mut lines = text.lines().map(str::to_owned);
        let head = serde_json::from_str(&lines.next().expect("a first line")).expect("JSON");
        (head, lines.collect())
    }

    async fn import(&self, query: &str, lines: &[String]) -> (StatusCode, Value) {
        let (status, said) = self.ask(Method::POST, &format!("/v1/import{query}"), lines.join("\n")).await;
        (status, serde_json::from_str(&said).expect("JSON"))
    }

    /// The counts of what is done: created, updated, unchanged, kept, skipped.
    async fn imported(&self, query: &str, lines: &[String]) -> [u64; 5] {
        let (status, done) = self.import(query, lines).await;
        assert_eq!(status, StatusCode::OK, "{done}");
        ["created", "updated", "unchanged", "kept", "skipped"].map(|name| done[name].as_u64().expect("a number"))
    }

    async fn digest(&self) -> (u64, String) {
        let (status, said) = self.ask(Method::GET, "/v1/digest", "").await;
        assert_eq!(status, StatusCode::OK);
        let said: Value = serde_json::from_str(&said).expect("JSON");
        (said["hosts"].as_u64().expect("hosts"), said["digest"].as_str().expect("a digest").to_owned())
    }

    fn revision(&self) -> u64 {
        self.app.registry.snapshot().revision.0
    }

    async fn populate(&self) {
        let checks =
            json!([{"id": "c", "status": "warning", "output": "slow"}, {"id": "t", "ttl": "1m", "status": "passing"}]);
        let host =
            json!({"addresses": ["10.0.0.1", "fd00::1"], "port": 80, "ttl": "30s", "weight": 5, "checks": checks});
        self.put("/v1/hosts/web/a", host).await;
        self.put("/v1/hosts/web/b", json!({"address": "10.0.0.2"})).await;
        self.put("/v1/hosts/web/b/drain", json!({"enable": true})).await;
        let external = json!({"Node": "N2", "Address": "10.0.0.3", "Service": {"Service": "db", "Port": 1},
            "Checks": [{"Name": "n", "Status": "warning"}]});
        self.put("/v1/catalog/register", external).await;
        self.put("/v1/agent/service/register", json!({"Name": "plain", "Port": 2})).await;
        self.put("/v1/agent/check/register", json!({"Name": "disk", "TTL": "1m", "Status": "warning"})).await;
    }
}

fn row(service: &str, id: &str, more: &str) -> String {
    format!(
        "{{\"version\":1,\"service\":\"{service}\",\"dialect\":\"native\",\"id\":\"{id}\",\"a\":[\"10.0.0.9\"]{more}}}"
    )
}

#[tokio::test]
async fn a_table_goes_from_one_server_to_another() {
    let (from, to) = (Server::new("one", 100), Server::new("two", 5));
    from.populate().await;
    let (head, lines) = from.export().await;
    assert_eq!(head, json!({"form": "rollcall export", "version": 1, "rows": 6, "revision": from.revision()}));
    assert_eq!(lines.len(), 6);
    assert_eq!(to.imported("", &lines).await, [5, 1, 0, 0, 0]);
    assert_eq!(from.digest().await, to.digest().await);
    let (_, back) = to.export().await;
    let content = |lines: &[String]| -> Vec<Value> {
        let read = |line: &String| {
            let mut value: Value = serde_json::from_str(line).expect("JSON");
            let fields = value.as_object_mut().expect("an object");
            fields.retain(|name, _| name != "b" && name != "e");
            value
        };
        // The server's own node has its own name.
        lines.iter().map(read).filter(|value| value["id"] != "self").collect()
    };
    assert_eq!(content(&lines), content(&back));
    // The checks of the other server's own node are those of this one's, and the hosts on it are as ill.
    let hosts = to.app.registry.snapshot().hosts.clone();
    assert_eq!(hosts.node("").map(|node| node.checks.len()), Some(1));
    assert!(hosts.of_service("plain").all(|host| host.status() == crate::table::Status::Warning));
    assert_eq!(to.imported("", &lines).await, [0, 0, 6, 0, 0], "the same again is no change");
}

#[tokio::test]
async fn a_digest_is_of_what_rows_say() {
    let (one, two) = (Server::new("one", 1), Server::new("two", 1000));
    let empty = one.digest().await;
    assert_eq!(empty, two.digest().await);
    two.put("/v1/hosts/web/a", json!({"address": "10.0.0.7"})).await;
    one.populate().await;
    two.populate().await;
    let whole = one.digest().await;
    assert_eq!(whole, two.digest().await, "whatever happened before");
    assert_eq!((whole.0, whole == empty), (4, false));
    let report = json!({"check": "c", "status": "warning", "output": "other words"});
    one.put("/v1/hosts/web/a/health", report).await;
    one.app.registry.clock().advance(Duration::from_secs(20));
    one.put("/v1/agent/check/pass/disk", json!({})).await;
    assert_ne!(one.revision(), two.revision());
    assert_eq!(one.digest().await, whole, "words, moments and the server's own node are no part of it");
    one.put("/v1/hosts/web/b/drain", json!({"enable": false})).await;
    assert_ne!(one.digest().await, whole);
    one.put("/v1/hosts/web/b/drain", json!({"enable": true})).await;
    assert_eq!(one.digest().await, whole);
}

#[tokio::test]
async fn every_bad_line_is_named_and_nothing_is_done() {
    let server = Server::new("one", 1);
    let before = server.digest().await;
    let ask = "\"k\":\"http\",\"s\":\"critical\",\"d\":{\"e\":\"http://10.0.0.9/\"";
    let bad = [
        ("garbage".to_owned(), "the value is malformed"),
        (row("web", "a", ",\"version\":2").replacen("\"version\":1,", "", 1), "version 2"),
        (row("web", "a", ",\"l\":5"), "l: must be 1s"),
        (row("web", "a", ",\"p\":[{\"n\":0}]"), "ports.port"),
        (row("web", "a", &format!(",\"c\":[{{\"i\":\"c\",{ask}}}}}]")), "c.d.interval: must be 1s to 1d"),
        (row("web", "a", &format!(",\"c\":[{{\"i\":\"c\",{ask},\"i\":1000000}}}}]")), "c.d.timeout: must be 10ms"),
        (row("web", "a", ",\"c\":[{\"i\":\"c\"},{\"i\":\"c\"}]"), "c.i: must differ"),
        (
            row(
                "web",
                "a",
                ",\"c\":[{\"i\":\"c\",\"k\":\"os_service\",\"d\":{\"n\":\"x\",\"i\":1000000,\"o\":1000000}}]",
            ),
            "c.k: must not be os_service",
        ),
        (row("web", "n9/a", "").replace("native", "consul"), "id: must name a node that is there"),
        (row("N9", "node", "").replace("native", "node"), "id: of a node must be"),
        (row("n9", "x", "").replace("native", "node"), "id: of a node must be"),
    ];
    for (line, why) in &bad {
        let lines = [row("web", "good", ""), String::new(), line.clone()];
        let (status, said) = server.import("", &lines).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{line}");
        let detail = said["lines"][0]["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(why), "{line}: {said}");
        assert_eq!((&said["lines"][0]["line"], said["lines"].as_array().map(Vec::len)), (&json!(3), Some(1)));
    }
    let twice = [row("web", "a", ""), row("web", "a", ",\"w\":3"), "x".into()];
    let (_, said) = server.import("", &twice).await;
    assert_eq!(said["detail"], "line 2: the row of line 1 once more (and 1 more)");
    let many: Vec<String> = (0..=limits::BATCH_HOSTS).map(|id| row("web", &id.to_string(), "")).collect();
    assert_eq!(server.import("", &many).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(server.import("?replace=true", &[]).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(server.digest().await, before);
    assert_eq!(server.revision(), 1);
    assert_eq!(server.imported("", &many[1..]).await, [500, 0, 0, 0, 0]);
}

#[tokio::test]
async fn what_is_there_is_replaced_or_kept() {
    let server = Server::new("one", 1);
    server.populate().await;
    let other = [row("web", "a", ",\"w\":3"), row("web", "c", "")];
    let before = server.digest().await;
    assert_eq!(server.imported("?dry_run=true", &other).await, [1, 1, 0, 0, 0]);
    assert_eq!(server.imported("?dry_run=true&keep=true", &other).await, [1, 0, 0, 1, 0]);
    assert_eq!(server.digest().await, before);
    assert_eq!(server.imported("?keep=true", &other).await, [1, 0, 0, 1, 0]);
    assert_eq!(server.imported("", &other).await, [0, 1, 1, 0, 0]);
    let host = server.app.registry.snapshot().hosts.of_service("web").next().cloned().expect("a host");
    assert_eq!((host.weight, host.checks.len(), host.created < host.modified), (3, 0, true));
}

#[tokio::test]
async fn the_node_of_this_name_is_this_server() {
    let server = Server::new("two", 1);
    let lines = [
        row("two", "node", ",\"c\":[{\"i\":\"up\"}]").replace("native", "node"),
        row("web", "two/w", ",\"j\":true").replace("native", "consul"),
        row("one", "self", "").replace("native", "node"),
    ];
    assert_eq!(server.imported("", &lines).await, [1, 1, 0, 0, 1]);
    let hosts = server.app.registry.snapshot().hosts.clone();
    let host = hosts.of_service("web").next().expect("a host");
    let own = hosts.node("").expect("a node");
    assert_eq!((host.id.as_str(), &host.target), ("w", &own.target), "its address is that of the node");
    assert_eq!((hosts.node_count(), own.checks.len()), (1, 1));
}

#[tokio::test]
async fn exports_are_few_and_of_a_table_that_is_there() {
    let server = Server::not_loaded("one");
    for path in ["/v1/export", "/v1/digest"] {
        assert_eq!(server.ask(Method::GET, path, "").await.0, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(server.import("", &[row("web", "a", "")]).await.0, StatusCode::SERVICE_UNAVAILABLE);
    let server = Server::new("one", 1);
    for number in 0..2000 {
        let host = record::from_json(row("web", &number.to_string(), "").as_bytes()).expect("a row");
        server.app.registry.submit(Event::Restore(Box::new(host))).await.expect("put");
    }
    let request = || Request::builder().uri("/v1/export").body(Body::empty()).expect("a request");
    let mut held = Vec::new();
    for _ in 0..limits::EXPORTS {
        held.push(server.router.clone().oneshot(request()).await.expect("infallible"));
    }
    assert_eq!(server.ask(Method::GET, "/v1/export", "").await.0, StatusCode::TOO_MANY_REQUESTS);
    // One that was begun has the rows of its moment, in several pieces.
    let body = held.pop().expect("a response").into_body().collect().await.expect("a body").to_bytes();
    assert_eq!(body.split(|octet| *octet == b'\n').count(), 2002);
    assert!(body.len() > 2 * limits::HTTP_CHUNK_OCTETS);
    assert_eq!(server.export().await.1.len(), 2000);
}
