//! What DNS answers, asked over HTTP, and why a host is not in it.

use std::time::Duration;

use serde_json::Value;

use crate::support::TestServer;
use crate::support::dns::Ask;
use crate::support::http::call;

async fn put(server: &TestServer, path: &str, body: &str) {
    let reply = call(server.http, "PUT", path, body).await;
    assert!(reply.status < 300, "{path}: {}", reply.body);
}

async fn answer(server: &TestServer, query: &str) -> Value {
    let reply = call(server.http, "GET", &format!("/v1/answer?{query}"), "").await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json()
}

/// Id and reasons of each host, as one line.
fn verdicts(answer: &Value) -> Vec<String> {
    let line = |host: &Value| {
        let reasons = host["reasons"].as_array().expect("reasons").iter();
        let words: Vec<_> = reasons.map(|reason| reason["reason"].as_str().expect("a word")).collect();
        assert_eq!(host["answered"], words.is_empty());
        format!("{} {}", host["id"].as_str().expect("an id"), words.join(" ")).trim().to_owned()
    };
    answer["hosts"].as_array().expect("hosts").iter().map(line).collect()
}

#[tokio::test]
async fn every_reason_is_said() {
    let server = TestServer::with("only_passing = true", &[]).await;
    for (id, address, more) in [
        ("fine", "10.0.0.1", r#","tags":["v1"],"zone":"az1""#),
        ("six", "fd00::2", ""),
        ("critical", "10.0.0.3", ""),
        ("warns", "10.0.0.4", ""),
        ("drains", "10.0.0.5", ""),
        ("ends", "10.0.0.6", r#","ttl":"10s""#),
        ("lapses", "10.0.0.7", r#","ttl":"20s""#),
    ] {
        put(&server, &format!("/v1/hosts/web/{id}"), &format!(r#"{{"address":"{address}","port":80{more}}}"#)).await;
    }
    let health = |status: &str| format!(r#"{{"check":"disk","status":"{status}","output":"no room"}}"#);
    put(&server, "/v1/hosts/web/critical/health", &health("critical")).await;
    put(&server, "/v1/hosts/web/warns/health", &health("warning")).await;
    put(&server, "/v1/hosts/web/drains/drain", r#"{"enable":true}"#).await;
    server.advance(Duration::from_secs(10));
    server.tick();
    server.advance(Duration::from_secs(10));
    let web = answer(&server, "name=web").await;
    assert_eq!((&web["name"], &web["type"]), (&"web.service.local.".into(), &"A".into()));
    assert_eq!((&web["status"], &web["answer"][0]["data"]), (&"NOERROR".into(), &"10.0.0.1".into()));
    let expected = [
        "critical critical",
        "drains draining",
        "ends expired",
        "lapses expired",
        "six no-address",
        "warns warning",
        "fine",
    ];
    assert_eq!(verdicts(&web), expected);
    let detail = &web["hosts"][0]["reasons"][0]["detail"];
    assert_eq!(detail, "critical: check disk since 2026-11-20T17:00:00.000000Z: no room");
    // What it says is what DNS says.
    assert_eq!(
        Ask::new("web.service.local", "A").of(server.dns).await.lines()[1],
        "web.service.local. 5 IN A 10.0.0.1"
    );
    assert_eq!(verdicts(&answer(&server, "name=v1.web").await)[6], "fine");
    assert_eq!(verdicts(&answer(&server, "name=v2.web&type=srv").await)[2], "ends expired no-tag");
    let zonal = answer(&server, "name=az2.pin._zone.web.service.local.").await;
    assert_eq!((&zonal["status"], verdicts(&zonal)[3].as_str()), (&"NXDOMAIN".into(), "fine other-zone"));
    let port = answer(&server, "name=_http._tcp.web.service.local&type=SRV").await;
    assert_eq!(verdicts(&port)[3], "fine no-port no-records");
    let other = answer(&server, "name=example.com.").await;
    assert_eq!((&other["status"], &other["zone"], &other["service"]), (&"REFUSED".into(), &Value::Null, &Value::Null));
}

#[tokio::test]
async fn a_large_answer_is_truncated_and_says_so() {
    let server = TestServer::start().await;
    for i in 1..=100 {
        put(&server, &format!("/v1/hosts/web/h{i}"), &format!(r#"{{"address":"10.0.0.{i}","port":80}}"#)).await;
    }
    let web = answer(&server, "name=web").await;
    assert_eq!((&web["truncated"], web["hosts"].as_array().map(Vec::len)), (&true.into(), Some(100)));
    assert!(web["octets"].as_u64().is_some_and(|octets| octets <= 1232), "{}", web["octets"]);
    assert!(web["notes"][0].as_str().is_some_and(|note| note.starts_with("truncated over UDP")), "{}", web["notes"]);
}

#[tokio::test]
async fn wrong_questions_are_refused() {
    let server = TestServer::start().await;
    for (query, detail) in [
        ("", "name: must be given"),
        ("name=", "name: \"\" is no domain name"),
        ("name=a..b", "name: \"a..b\" has an empty label"),
        ("name=web&type=WHAT", "type: must be a type such as A, AAAA, SRV or TYPE65"),
        ("name=web&class=CH", "class: is no parameter of this route; it has name, type"),
        ("name=web&name=db", "name: must be given once"),
    ] {
        let reply = call(server.http, "GET", &format!("/v1/answer?{query}"), "").await;
        assert_eq!((reply.status, &reply.json()["detail"]), (400, &detail.into()), "{query}");
    }
    for qtype in ["TYPE41", "AXFR", "ANY", "TYPE0", "TYPE65535", "RRSIG"] {
        assert_eq!(
            call(server.http, "GET", &format!("/v1/answer?name=web&type={qtype}"), "").await.status,
            200,
            "{qtype}"
        );
    }
}
