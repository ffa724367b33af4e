//! What the interface promises of writes, stops and its own description.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::support::TestServer;
use crate::support::dns::{Ask, Reply, framed, next_message};
use crate::support::http::{Events, call};

/// A 2xx leaves after the change is in DNS; with a store too, where a batch is written in between.
#[tokio::test]
async fn what_was_acknowledged_is_in_dns() {
    for (settings, pairs) in [("", 2000), ("store = \"file\"", 200)] {
        let server = TestServer::with(settings, &[]).await;
        for i in 0..pairs {
            let service = format!("s{}", i % 50);
            let address = format!("10.0.{}.{}", i / 250, i % 250 + 1);
            let path = format!("/v1/hosts/{service}/h{i}");
            let reply = call(server.http, "PUT", &path, &format!(r#"{{"address":"{address}","port":80}}"#)).await;
            assert_eq!(reply.status, 201);
            let label = format!("0a00{:02x}{:02x}.addr.service.local", i / 250, i % 250 + 1);
            let found = Ask::new(&label, "A").of(server.dns).await.lines();
            assert_eq!(found, ["NOERROR aa".to_owned(), format!("{label}. 5 IN A {address}")]);
            if i % 4 == 0 {
                assert_eq!(call(server.http, "DELETE", &path, "").await.status, 204);
                assert_eq!(Ask::new(&label, "A").of(server.dns).await.rcode(), "NXDOMAIN");
            }
        }
        server.ask_to_stop();
        server.ended().await;
    }
}

/// Writers at once: each sees its own write, and all are there in the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_at_once_each_see_their_write() {
    let server = TestServer::with("store = \"file\"", &[]).await;
    let (http, dns) = (server.http, server.dns);
    let writers = (0..16).map(|writer| {
        tokio::spawn(async move {
            for i in 1..=20 {
                let body = format!(r#"{{"address":"10.{writer}.0.{i}","port":80}}"#);
                assert_eq!(call(http, "PUT", &format!("/v1/hosts/web/w{writer}-{i}"), &body).await.status, 201);
                let label = format!("0a{writer:02x}00{i:02x}.addr.service.local");
                assert_eq!(Ask::new(&label, "A").of(dns).await.rcode(), "NOERROR", "{label}");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("no panic");
    }
    assert_eq!(Ask::new("web.service.local", "A").over_tcp().of(dns).await.message.answers.len(), 320);
}

/// Until the table is read no name is denied, nothing is taken, and nobody is told to send work.
#[test]
fn before_the_table_is_loaded() {
    // The store is read on the one blocking thread, which is held: the start stands still in the middle.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build();
    let (release, held) = std::sync::mpsc::sync_channel::<()>(1);
    // The sender is dropped with the block: a failure lets the thread go, too.
    runtime.expect("a runtime").block_on(async move {
        let holding = tokio::task::spawn_blocking(move || held.recv());
        let server = TestServer::starting("", &[]).await;
        for ask in [Ask::new("web.service.local", "A"), Ask::new("service.local", "SOA").over_tcp()] {
            let reply = ask.of(server.dns).await;
            assert_eq!(reply.lines(), ["SERVFAIL", "ede 14 the table is not loaded yet"]);
        }
        assert_eq!(Ask::new("example.com", "A").of(server.dns).await.rcode(), "REFUSED");
        let body = r#"{"address":"10.0.0.1","port":80}"#;
        assert_eq!(call(server.http, "PUT", "/v1/hosts/web/a", body).await.status, 503);
        assert_eq!(call(server.http, "POST", "/v1/loadbalancing/web", "load_balancing_weight=5").await.status, 503);
        assert_eq!(call(server.http, "GET", "/livez", "").await.status, 200);
        let ready = call(server.http, "GET", "/readyz", "").await;
        assert_eq!((ready.status, &ready.json()["conditions"]["table"]), (503, &"the table is not loaded yet".into()));
        release.send(()).expect("a thread that waits");
        holding.await.expect("no panic").expect("a release");
        server.ready().await;
        assert_eq!(Ask::new("web.service.local", "A").of(server.dns).await.rcode(), "NXDOMAIN");
        assert_eq!(call(server.http, "PUT", "/v1/hosts/web/a", body).await.status, 201);
        server.ask_to_stop();
        server.ended().await;
    });
}

/// A stop answers what was sent before it, ends waits with what is there, and closes streams.
#[tokio::test]
async fn a_stop_answers_what_was_accepted() {
    let server = TestServer::start().await;
    assert_eq!(call(server.http, "PUT", "/v1/hosts/web/a", r#"{"address":"10.0.0.1","port":80}"#).await.status, 201);
    let mut stream = TcpStream::connect(server.dns).await.expect("a listener");
    let packet = framed(&Ask::new("web.service.local", "A").packet());
    // One whole exchange, so that the connection is surely accepted; then many queries at once and the stop.
    stream.write_all(&packet).await.expect("room");
    next_message(&mut stream).await.expect("a reply");
    let http = server.http;
    let poll = tokio::spawn(async move { call(http, "GET", "/v1/hosts/web?index=1&wait=600s", "").await });
    let mut events = Events::open(server.http, "/v1/watch").await;
    assert_eq!(events.next().await.map(|event| event.name).as_deref(), Some("snapshot"));
    // The answer to this call comes after the poll was sent.
    assert_eq!(call(server.http, "GET", "/readyz", "").await.status, 200);
    stream.write_all(&packet.repeat(100)).await.expect("room");
    for _ in 0..100 {
        let reply = Reply::read(next_message(&mut stream).await.expect("a reply"));
        assert_eq!(reply.rcode(), "NOERROR");
    }
    // The first octets of a query are with the server when the stop comes, read together with the one before.
    let (first, rest) = packet.split_at(7);
    stream.write_all(&[&packet, first].concat()).await.expect("room");
    assert!(next_message(&mut stream).await.is_some());
    server.ask_to_stop();
    // The waiting call ends: the stop was noticed.
    assert_eq!(poll.await.expect("no panic").status, 200);
    assert!(events.next().await.is_none());
    stream.write_all(rest).await.expect("room");
    assert!(next_message(&mut stream).await.is_some(), "what had begun is answered");
    assert!(next_message(&mut stream).await.is_none(), "the connection is closed");
    server.ended().await;
}

/// The document of the API describes every route that answers, and no other.
#[tokio::test]
async fn the_document_covers_every_route() {
    let server = TestServer::start().await;
    let document = call(server.http, "GET", "/openapi.json", "").await.json();
    let paths = document["paths"].as_object().expect("paths");
    assert!(paths.len() > 15, "{}", paths.len());
    for (path, operations) in paths {
        let concrete = concrete(path);
        let described: BTreeSet<String> = methods(operations).collect();
        for method in ["get", "put", "post", "delete", "patch"] {
            if concrete == "/v1/watch" && method == "get" {
                Events::open(server.http, &concrete).await;
                continue;
            }
            let reply = call(server.http, &method.to_uppercase(), &concrete, "").await;
            let answers = reply.status != 405 && reply.status != 501;
            assert_eq!(answers, described.contains(method), "{method} {path}: {}", reply.status);
        }
        assert!(operations.as_object().is_some_and(|operations| {
            operations.values().all(|operation| operation["responses"].as_object().is_some_and(|it| !it.is_empty()))
        }));
    }
    server.ask_to_stop();
    server.ended().await;
}

fn methods(operations: &Value) -> impl Iterator<Item = String> {
    operations.as_object().expect("operations").keys().cloned()
}

/// A path with something in place of its parameters.
fn concrete(path: &str) -> String {
    let fill = |part: &str| if part.starts_with('{') { "x".to_owned() } else { part.to_owned() };
    path.split('/').map(fill).collect::<Vec<_>>().join("/")
}

/// A lease ends on the clock alone, not on the timer: the timer's own sleep is real time.
#[tokio::test]
async fn no_answer_waits_for_the_timer() {
    let server = TestServer::start().await;
    let body = r#"{"address":"10.0.0.1","port":80,"ttl":"366d"}"#;
    assert_eq!(call(server.http, "PUT", "/v1/hosts/web/a", body).await.status, 201);
    let ask = Ask::new("web.service.local", "A");
    server.advance(Duration::from_secs(366 * 24 * 3600) - Duration::from_micros(1));
    assert_eq!(ask.of(server.dns).await.lines()[1], "web.service.local. 0 IN A 10.0.0.1");
    server.advance(Duration::from_micros(1));
    assert_eq!(ask.of(server.dns).await.rcode(), "NXDOMAIN");
}
