//! What messages and transports promise beside their answers, over real sockets.

use std::time::Duration;

use rollcall::limits;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpStream, UdpSocket};

use crate::support::dns::{Ask, Reply, framed, next_message};
use crate::support::http::call;
use crate::support::{TestServer, in_time};

const NSID: u16 = 3;
const COOKIE: u16 = 10;
const KEEPALIVE: u16 = 11;

async fn with(settings: &str) -> TestServer {
    let server = TestServer::with(settings, &[]).await;
    assert_eq!(call(server.http, "PUT", "/v1/hosts/web/a", r#"{"address":"10.0.0.1","port":80}"#).await.status, 201);
    server
}

fn question() -> Ask {
    Ask::new("web.service.local", "A")
}

#[tokio::test]
async fn a_client_without_a_cookie_gets_one_first() {
    let server = with("cookies = \"require\"").await;
    let plain = question().of(server.dns).await;
    assert!(plain.truncated() && plain.message.answers.is_empty());
    assert_eq!(question().over_tcp().of(server.dns).await.message.answers.len(), 1);
    let first = question().with(COOKIE, b"12345678").of(server.dns).await;
    assert_eq!((first.rcode().as_str(), first.message.answers.len()), ("BADCOOKIE", 0));
    let cookie = first.option(COOKIE).expect("a cookie");
    let again = || question().with(COOKIE, &cookie);
    assert_eq!(again().of(server.dns).await.message.answers.len(), 1);
    // It holds for an hour, and is renewed on the way.
    server.advance(Duration::from_secs(3500));
    let late = again().of(server.dns).await;
    let renewed = late.option(COOKIE).expect("a cookie");
    assert!(late.rcode() == "NOERROR" && renewed != cookie);
    server.advance(Duration::from_secs(200));
    assert_eq!(again().of(server.dns).await.rcode(), "BADCOOKIE");
    assert_eq!(question().with(COOKIE, &renewed).of(server.dns).await.rcode(), "NOERROR");
    let metrics = call(server.http, "GET", "/metrics", "").await.body;
    for line in [
        "rollcall_dns_cookies_total{cookie=\"new\"} 1",
        "rollcall_dns_cookies_total{cookie=\"valid\"} 3",
        "rollcall_dns_cookies_total{cookie=\"invalid\"} 1",
        "rollcall_dns_edns_queries_total 7",
        "rollcall_dns_dropped_total{reason=\"short\"} 0",
    ] {
        assert!(metrics.lines().any(|it| it == line), "{line}: {metrics}");
    }
}

/// Servers behind one address share a secret, and can change it while clients hold cookies of the old one.
#[tokio::test]
async fn cookies_outlive_a_change_of_the_secret() {
    let [old, new] = ["000102030405060708090a0b0c0d0e0f", "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"];
    let required = |secrets: &str| format!("cookies = \"require\"\ncookie_secret = [{secrets}]");
    let before = with(&required(&format!("\"{old}\""))).await;
    let between = with(&required(&format!("\"{new}\", \"{old}\""))).await;
    let after = with(&required(&format!("\"{new}\""))).await;
    let cookie = question().with(COOKIE, b"12345678").of(before.dns).await.option(COOKIE).expect("a cookie");
    assert_eq!(question().with(COOKIE, &cookie).of(after.dns).await.rcode(), "BADCOOKIE");
    let reply = question().with(COOKIE, &cookie).of(between.dns).await;
    assert_eq!(reply.rcode(), "NOERROR");
    let cookie = reply.option(COOKIE).expect("a cookie");
    assert_eq!(question().with(COOKIE, &cookie).of(after.dns).await.rcode(), "NOERROR");
}

#[tokio::test]
async fn a_server_says_who_it_is_when_asked() {
    let server = with("nsid = \"node 7\"").await;
    assert_eq!(question().of(server.dns).await.option(NSID), None);
    assert_eq!(question().with(NSID, b"").of(server.dns).await.option(NSID).as_deref(), Some(&b"node 7"[..]));
    let chaos = |name: &str| Ask { class: 3, ..Ask::new(name, "TXT") };
    assert_eq!(chaos("id.server").of(server.dns).await.lines(), ["NOERROR aa", "id.server. 0 CH TXT node 7"]);
    let server = with("node_name = \"n1\"").await;
    assert_eq!(question().with(NSID, b"").of(server.dns).await.option(NSID), None);
    assert_eq!(chaos("hostname.bind").of(server.dns).await.lines()[1], "hostname.bind. 0 CH TXT n1");
    let server = with("chaos_identity = false").await;
    assert_eq!(chaos("version.bind").of(server.dns).await.lines()[0], "REFUSED");
}

#[tokio::test]
async fn only_those_who_may_ask_are_answered() {
    let server = with("allow_query = [\"10.0.0.0/8\", \"::1/128\"]").await;
    for ask in [question(), question().over_tcp(), Ask { class: 3, ..Ask::new("id.server", "TXT") }] {
        let reply = ask.of(server.dns).await;
        assert_eq!((reply.rcode().as_str(), reply.extended_error().map(|it| it.0)), ("REFUSED", Some(18)));
    }
    let server = with("allow_query = [\"127.0.0.0/8\"]").await;
    assert_eq!(question().of(server.dns).await.rcode(), "NOERROR");
}

#[tokio::test]
async fn a_client_that_asks_is_told_how_long_its_connection_is_kept() {
    let server = with("").await;
    let mut stream = TcpStream::connect(server.dns).await.expect("a listener");
    let packet = framed(&question().with(KEEPALIVE, b"").packet());
    stream.write_all(&packet).await.expect("room");
    let reply = Reply::read(next_message(&mut stream).await.expect("a reply"));
    let units = u16::try_from(limits::DNS_TCP_KEEPALIVE.as_millis() / 100).expect("short");
    assert_eq!(reply.option(KEEPALIVE).as_deref(), Some(&units.to_be_bytes()[..]));
    let metrics = call(server.http, "GET", "/metrics", "").await.body;
    assert!(metrics.lines().any(|line| line == "rollcall_dns_tcp_connections 1"), "{metrics}");
    assert_eq!(question().with(KEEPALIVE, b"").of(server.dns).await.option(KEEPALIVE), None, "not over UDP");
    assert_eq!(question().over_tcp().of(server.dns).await.option(KEEPALIVE), None, "not asked for");
}

/// The clock stands still: all of it is one second.
#[tokio::test]
async fn what_is_past_the_rate_is_silence_or_an_invitation_to_tcp() {
    let server = with("rate_limit = 5\nrate_limit_exempt = []").await;
    for _ in 0..5 {
        assert_eq!(question().of(server.dns).await.message.answers.len(), 1);
    }
    // One is dropped, the next one slips; a reply to the second proves both.
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    socket.connect(server.dns).await.expect("a route");
    let packet = question().packet();
    for id in [1, 2] {
        let mut packet = packet.clone();
        packet[0] = id;
        socket.send(&packet).await.expect("room");
    }
    let mut reply = vec![0; 2048];
    let length = in_time("a reply", socket.recv(&mut reply)).await.expect("a reply");
    reply.truncate(length);
    let reply = Reply::read(reply);
    assert!(reply.octets[0] == 2 && reply.truncated() && reply.message.answers.is_empty());
    assert_eq!(question().over_tcp().of(server.dns).await.message.answers.len(), 1);
    let cookie = question().with(COOKIE, b"12345678").over_tcp().of(server.dns).await.option(COOKIE).expect("a cookie");
    assert_eq!(question().with(COOKIE, &cookie).of(server.dns).await.message.answers.len(), 1);
    let metrics = call(server.http, "GET", "/metrics", "").await.body;
    assert!(metrics.lines().any(|line| line == "rollcall_dns_dropped_total{reason=\"rate\"} 1"), "{metrics}");
}

#[tokio::test]
async fn replies_are_counted_by_what_they_are() {
    let server = with("").await;
    let many = |name: &str| Ask::new(name, "SRV");
    for i in 0..60 {
        let body = format!(r#"{{"address":"10.1.0.{i}","port":80}}"#);
        assert_eq!(call(server.http, "PUT", &format!("/v1/hosts/many/h{i}"), &body).await.status, 201);
    }
    question().of(server.dns).await;
    question().over_tcp().of(server.dns).await;
    many("many.service.local").of(server.dns).await;
    Ask::new("nothing.service.local", "TYPE65280").of(server.dns).await;
    Ask::new("example.com", "A").of(server.dns).await;
    let metrics = call(server.http, "GET", "/metrics", "").await.body;
    let of = |zone: &str, rest: &str| format!("rollcall_dns_replies_total{{zone=\"{zone}\",{rest}}} 1");
    for line in [
        of("service.local.", r#"type="A",rcode="NOERROR",transport="udp""#),
        of("service.local.", r#"type="A",rcode="NOERROR",transport="tcp""#),
        of("service.local.", r#"type="SRV",rcode="NOERROR",transport="udp""#),
        of("service.local.", r#"type="other",rcode="NXDOMAIN",transport="udp""#),
        of("none", r#"type="A",rcode="REFUSED",transport="udp""#),
        "rollcall_dns_truncated_total{transport=\"udp\"} 1".into(),
        "rollcall_dns_answer_seconds_count 5".into(),
        "rollcall_dns_reply_octets_count 5".into(),
        "rollcall_dns_panics_total 0".into(),
    ] {
        assert!(metrics.lines().any(|it| it == line), "{line}: {metrics}");
    }
    assert!(metrics.lines().any(|it| it.starts_with("rollcall_zone_serial ")), "{metrics}");
}
