//! Checks that the server does, seen from outside: a real target, a registration over HTTP, answers over DNS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::dns::Ask;
use crate::support::http::{self, Reply};
use crate::support::{TestServer, in_time};

/// What a target does with a request.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Mood {
    Up,
    Warns,
    Down,
    Hangs,
}

/// A server that is asked by checks.
struct Target {
    address: SocketAddr,
    mood: Arc<Mutex<Mood>>,
    asked: Arc<Mutex<usize>>,
}

impl Target {
    async fn start(address: &str, mood: Mood) -> Target {
        let listener = TcpListener::bind((address, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let target = Target { address, mood: Arc::new(Mutex::new(mood)), asked: Arc::default() };
        let (mood, asked) = (Arc::clone(&target.mood), Arc::clone(&target.asked));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                *asked.lock() += 1;
                let answer = match *mood.lock() {
                    Mood::Up => "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nup",
                    Mood::Warns => "HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n",
                    Mood::Down => "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
                    Mood::Hangs => "",
                };
                tokio::spawn(async move {
                    let _ = stream.write_all(answer.as_bytes()).await;
                    // The request, and then the end.
                    let _ = stream.read_to_end(&mut Vec::new()).await;
                });
            }
        });
        target
    }

    fn turn(&self, mood: Mood) {
        *self.mood.lock() = mood;
    }

    fn asked(&self) -> usize {
        *self.asked.lock()
    }
}

async fn register(server: &TestServer, id: &str, target: SocketAddr, check: &str) -> Reply {
    let (address, port) = (target.ip(), target.port());
    let body = format!(r#"{{"address":"{address}","port":{port},"checks":[{{"id":"up",{check}}}]}}"#);
    http::call(server.http, "PUT", &format!("/v1/hosts/web/{id}"), &body).await
}

/// The addresses behind the service.
async fn found(server: &TestServer) -> Vec<String> {
    let reply = Ask::new("web.service.local", "A").of(server.dns).await;
    let mut addresses: Vec<String> = reply.message.answers.iter().map(|record| record.data.to_string()).collect();
    addresses.sort();
    addresses
}

/// Lets time go on, in steps far shorter than a time-out, until the service has these addresses.
async fn until_found(server: &TestServer, expected: &[&str]) {
    let wait = async {
        while found(server).await != expected {
            server.advance(Duration::from_millis(50));
        }
    };
    in_time(&format!("finding {expected:?}"), wait).await;
}

/// The only check of a host, as the API shows it.
async fn check(server: &TestServer, id: &str) -> serde_json::Value {
    http::call(server.http, "GET", &format!("/v1/hosts/web/{id}"), "").await.json()["checks"][0].clone()
}

const HTTP: &str = r#""http":"http:/health","interval":"10s","timeout":"60s""#;

#[tokio::test]
async fn hosts_leave_the_answers_and_come_back_as_their_checks_say() {
    let server = TestServer::start().await;
    let one = Target::start("127.0.0.1", Mood::Down).await;
    let two = Target::start("127.0.0.2", Mood::Up).await;
    let reply = register(&server, "one", one.address, HTTP).await;
    assert_eq!((reply.status, reply.json()["status"].as_str()), (201, Some("critical")), "{}", reply.body);
    register(&server, "two", two.address, HTTP).await;
    until_found(&server, &["127.0.0.2"]).await;
    one.turn(Mood::Up);
    until_found(&server, &["127.0.0.1", "127.0.0.2"]).await;
    two.turn(Mood::Down);
    until_found(&server, &["127.0.0.1"]).await;
    let down = check(&server, "two").await;
    assert_eq!(down["status"], "critical");
    let output = format!("HTTP GET http://{}/health: 503 Service Unavailable Output: ", two.address);
    assert_eq!(down["output"], output);
    two.turn(Mood::Warns);
    until_found(&server, &["127.0.0.1", "127.0.0.2"]).await;
    assert_eq!(check(&server, "two").await["status"], "warning");
    server.ask_to_stop();
    server.ended().await;
}

#[tokio::test]
async fn a_host_that_hangs_keeps_nobody_waiting() {
    let server = TestServer::start().await;
    let hanging = Target::start("127.0.0.1", Mood::Hangs).await;
    let mut up = Vec::new();
    for id in ["one", "two", "three"] {
        register(&server, &format!("hangs-{id}"), hanging.address, HTTP).await;
    }
    for (id, address) in [("one", "127.0.0.2"), ("two", "127.0.0.3")] {
        let target = Target::start(address, Mood::Up).await;
        register(&server, id, target.address, HTTP).await;
        up.push(target);
    }
    until_found(&server, &["127.0.0.2", "127.0.0.3"]).await;
    assert!(hanging.asked() <= 3, "one probe of a check at a time");
    assert_eq!(check(&server, "hangs-one").await["status"], "critical");
    server.ask_to_stop();
    server.ended().await;
}

#[tokio::test]
async fn a_single_failure_is_forgiven_where_the_check_says_so() {
    let server = TestServer::start().await;
    let target = Target::start("127.0.0.1", Mood::Up).await;
    let patient = format!(r#"{HTTP},"failures_before_critical":3"#);
    register(&server, "one", target.address, &patient).await;
    until_found(&server, &["127.0.0.1"]).await;
    target.turn(Mood::Down);
    let before = target.asked();
    until_found(&server, &[]).await;
    assert!(target.asked() >= before + 3, "{} times asked", target.asked() - before);
    server.ask_to_stop();
    server.ended().await;
}

#[tokio::test]
async fn other_words_for_the_same_verdict_wake_nobody() {
    let server = TestServer::start().await;
    let target = Target::start("127.0.0.1", Mood::Up).await;
    register(&server, "one", target.address, HTTP).await;
    until_found(&server, &["127.0.0.1"]).await;
    let (revision, asked) = (server.registry.snapshot().revision, target.asked());
    let wait = async {
        while target.asked() < asked + 3 {
            server.advance(Duration::from_millis(500));
            tokio::task::yield_now().await;
        }
    };
    in_time("three more probes", wait).await;
    assert_eq!(server.registry.snapshot().revision, revision);
    // The words of a report are shown, and are no change either.
    let body = r#"{"address":"127.0.0.1","port":1,"checks":[{"id":"up","ttl":"1h","status":"passing"}]}"#;
    http::call(server.http, "PUT", "/v1/hosts/api/a", body).await;
    let revision = server.registry.snapshot().revision;
    for output in ["fine", "well"] {
        let body = format!(r#"{{"check":"up","status":"passing","output":"{output}"}}"#);
        let reply = http::call(server.http, "PUT", "/v1/hosts/api/a/health", &body).await;
        assert_eq!((reply.status, reply.json()["checks"][0]["output"].as_str()), (200, Some(output)));
    }
    assert_eq!(server.registry.snapshot().revision, revision);
    server.ask_to_stop();
    server.ended().await;
}

#[tokio::test]
async fn checks_go_on_after_a_restart() {
    let mut server = TestServer::with(r#"store = "file""#, &[]).await;
    let target = Target::start("127.0.0.1", Mood::Up).await;
    register(&server, "one", target.address, HTTP).await;
    until_found(&server, &["127.0.0.1"]).await;
    let before = check(&server, "one").await;
    server.restart().await;
    assert_eq!(found(&server).await, ["127.0.0.1"], "the last verdict stands");
    let after = check(&server, "one").await;
    assert_eq!((&before["http"], &before["interval"]), (&after["http"], &after["interval"]));
    target.turn(Mood::Down);
    until_found(&server, &[]).await;
    server.ask_to_stop();
    server.ended().await;
}

#[tokio::test]
async fn hosts_of_lyfts_api_are_asked_where_a_setting_says_so() {
    let settings = "lyft_check = \"http:/healthcheck\"\nlyft_check_interval = \"1s\"";
    let server = TestServer::with(settings, &[]).await;
    let target = Target::start("127.0.0.1", Mood::Down).await;
    let port = target.address.port();
    let fields =
        format!("ip=127.0.0.1&port={port}&revision=abc&tags={{\"az\":\"a\",\"instance_id\":\"i\",\"region\":\"r\"}}");
    let check_in = || http::call(server.http, "POST", "/v1/registration/web", &fields);
    assert_eq!(check_in().await.status, 200);
    assert_eq!(found(&server).await, [""; 0], "it has yet to answer");
    target.turn(Mood::Up);
    until_found(&server, &["127.0.0.1"]).await;
    let revision = server.registry.snapshot().revision;
    assert_eq!(check_in().await.status, 200);
    assert_eq!(server.registry.snapshot().revision, revision, "a heartbeat");
    target.turn(Mood::Down);
    until_found(&server, &[]).await;
    let listed = http::call(server.http, "GET", "/v1/registration/web", "").await;
    assert!(listed.body.contains("\"hosts\":[]"), "its lists have what DNS answers with: {}", listed.body);
    server.ask_to_stop();
    server.ended().await;
}
