mod http2;

use std::time::Duration;

use tokio::io::DuplexStream;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;
use crate::clock::Clock;
use crate::http::Settings;
use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::registry::{Durability, Registry};
use crate::table::Revision;
use crate::zone::Zones;

struct Running {
    address: SocketAddr,
    shutdown: CancellationToken,
    server: JoinHandle<()>,
}

fn app() -> App {
    let registry = Arc::new(Registry::new(Arc::new(Clock::system()), Zones::default(), Durability::Immediate));
    registry.load([], Revision::default(), 1);
    let settings = Settings { host_ttl: Some(Duration::from_secs(600)), ..Settings::default() };
    let metrics = Arc::new(Metrics::new(&registry));
    App::new(registry, Arc::new(settings), metrics, Arc::new(Readiness::ready()))
}

async fn start() -> Running {
    let app = app();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let shutdown = CancellationToken::new();
    let server = tokio::spawn(serve(listener, app, shutdown.clone()));
    Running { address, shutdown, server }
}

/// Sends octets and reads until the server closes.
async fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("connects");
    stream.write_all(request).await.expect("is taken");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("no reset");
    String::from_utf8(answer).expect("text")
}

/// Reads until `end` is in what was read.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains(end) {
        let octets = stream.read_buf(&mut read).await.expect("no reset");
        assert_ne!(octets, 0, "{}", String::from_utf8_lossy(&read));
    }
    String::from_utf8(read).expect("text")
}

#[tokio::test]
async fn what_is_out_of_bounds_gets_a_whole_answer() {
    let running = start().await;
    let head = "PUT /v1/hosts/web/a HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
    let url = format!("GET /{} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", "x".repeat(9000));
    let longest = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(200_000));
    let many: String = (0..101).map(|number| format!("h{number}: x\r\n")).collect();
    let large = format!("{head}h: {}\r\n\r\n", "x".repeat(20_000));
    let body = format!("{head}content-length: 300000\r\n\r\n{}", "x".repeat(300_000));
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n30d40\r\n{}\r\n0\r\n\r\n", "x".repeat(200_000));
    for (request, status) in [
        (url, 414),
        (longest, 431),
        (format!("{head}{many}\r\n"), 431),
        (large, 431),
        (body, 413),
        (chunked, 413),
        ("rubbish\r\n\r\n".into(), 400),
        ("GET /livez HTTP/1.1\r\nconnection: close\r\n\r\n".into(), 400),
        ("GET /livez HTTP/1.1\r\nhost: x\r\nhost: y\r\nconnection: close\r\n\r\n".into(), 400),
        (format!("{head}content-encoding: gzip\r\ncontent-length: 2\r\n\r\n{{}}"), 415),
        (format!("{head}content-length: 3\r\n\r\n{{}}x"), 400),
    ] {
        let answer = exchange(running.address, request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer}");
        assert!(answer.contains("application/problem+json"), "{status}: {answer}");
        assert!(answer.ends_with('}') && answer.contains(&format!("\"status\":{status}")), "{status}: {answer}");
    }
}

#[tokio::test]
async fn lyfts_paths_refuse_in_lyfts_form() {
    let running = start().await;
    let head = "POST /v1/registration/web HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
    let many: String = (0..101).map(|number| format!("h{number}: x\r\n")).collect();
    for (request, status) in [
        (format!("GET /healthcheck?{} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", "x".repeat(9000)), 414),
        (format!("GET /v1/registration/{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(200_000)), 431),
        (format!("{head}{many}\r\n"), 431),
        (format!("{head}h: {}\r\n\r\n", "x".repeat(20_000)), 431),
        (format!("{head}h: {}\r\n\r\n", "x".repeat(200_000)), 431),
        (format!("{head}content-length: 300000\r\n\r\n{}", "x".repeat(300_000)), 413),
        ("GET /v1/loadbalancing/a/b/c HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".into(), 404),
    ] {
        let answer = exchange(running.address, request.as_bytes()).await;
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer}");
        assert!(head.contains("content-type: application/json"), "{status}: {answer}");
        assert!(body.starts_with("{\"error\":\"") && body.ends_with("\"}\n"), "{status}: {answer}");
    }
    let old = exchange(running.address, b"GET /livez HTTP/1.0\r\n\r\n").await;
    assert!(old.starts_with("HTTP/1.0 200 "), "{old}");
    let two = "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut stream = TcpStream::connect(running.address).await.expect("connects");
    stream.write_all(two.as_bytes()).await.expect("is taken");
    read_until(&mut stream, "{\"live\":true}").await;
    stream.write_all(b"GET /v1/registration/a\0 HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("is taken");
    read_until(&mut stream, "{\"error\":\"").await;
}

#[tokio::test]
async fn a_stop_ends_idle_connections_and_waits_at_once() {
    let running = start().await;
    let mut idle = TcpStream::connect(running.address).await.expect("connects");
    idle.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("is taken");
    read_until(&mut idle, "{\"live\":true}").await;
    let mut poll = TcpStream::connect(running.address).await.expect("connects");
    poll.write_all(b"GET /v1/hosts?index=0 HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("is taken");
    let mut watch = TcpStream::connect(running.address).await.expect("connects");
    watch.write_all(b"GET /v1/watch HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("is taken");
    read_until(&mut watch, "event: snapshot").await;
    let metrics = exchange(running.address, b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(metrics.contains("rollcall_http_connections 4"), "{metrics}");
    running.shutdown.cancel();
    read_until(&mut poll, "\"hosts\":[]").await;
    for stream in [&mut idle, &mut watch] {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.expect("closes");
    }
    timeout(limits::DRAIN_TIME / 2, running.server).await.expect("in time").expect("ends well");
    assert!(TcpStream::connect(running.address).await.is_err(), "nobody listens");
}

#[tokio::test]
async fn a_request_in_flight_is_answered_after_the_stop() {
    let running = start().await;
    let mut stream = TcpStream::connect(running.address).await.expect("connects");
    let head = b"PUT /v1/hosts/web/a HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 22\r\n\r\n";
    stream.write_all(head).await.expect("is taken");
    read_until(&mut stream, "100 Continue").await;
    running.shutdown.cancel();
    stream.write_all(br#"{"address":"10.0.0.1"}"#).await.expect("is taken");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("no reset");
    assert!(answer.starts_with("HTTP/1.1 201 ") && answer.contains("connection: close"), "{answer}");
    running.server.await.expect("ends well");
}

/// A connection without a socket that holds at most 1 kB which the client has not read.
fn connect() -> (DuplexStream, JoinHandle<()>) {
    let (client, server) = tokio::io::duplex(1024);
    let peer = SocketAddr::from(([127, 0, 0, 1], 40_000));
    (client, tokio::spawn(run_connection(server, peer, Way::new(app()), CancellationToken::new())))
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_cut_off() {
    let (mut client, connection) = connect();
    #[allow(clippy::disallowed_methods, reason = "the paused clock of the runtime, not a real one")]
    let started = Instant::now();
    client.write_all(b"GET /docs HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("is taken");
    connection.await.expect("ends");
    let took = started.elapsed();
    assert!(took >= limits::HTTP_WRITE_TIME, "{took:?}");
    assert!(took <= limits::HTTP_WRITE_TIME + limits::HTTP_LINGER_TIME * 2, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_is_not() {
    let (mut client, connection) = connect();
    client.write_all(b"GET /docs HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.expect("is taken");
    let mut read = Vec::new();
    let mut some = [0_u8; 600];
    loop {
        sleep(limits::HTTP_WRITE_TIME / 2).await;
        match client.read(&mut some).await.expect("no error") {
            0 => break,
            octets => read.extend_from_slice(&some[..octets]),
        }
    }
    let read = String::from_utf8(read).expect("text");
    let (head, page) = read.split_once("\r\n\r\n").expect("a head");
    assert!(head.contains(&format!("content-length: {}", page.len())), "the whole page: {head}");
    connection.await.expect("ends");
}

#[tokio::test(start_paused = true)]
async fn an_event_stream_may_be_silent() {
    let (mut client, connection) = connect();
    client.write_all(b"GET /v1/watch HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("is taken");
    sleep(limits::HTTP_WRITE_TIME * 4).await;
    assert!(!connection.is_finished());
    let mut read = vec![0_u8; 1024];
    let octets = client.read(&mut read).await.expect("no error");
    assert!(String::from_utf8_lossy(&read[..octets]).contains("event: snapshot"));
}
