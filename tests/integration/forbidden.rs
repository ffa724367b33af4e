//! What a check must never reach, through the front door: registered over HTTP, seen in what the check says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::dns::Ask;
use crate::support::{TestServer, http, in_time};

/// A server that counts who comes.
struct Trap {
    address: SocketAddr,
    hits: Arc<AtomicUsize>,
}

impl Trap {
    /// One that says this to everybody.
    async fn start(address: &str, answer: &str) -> Trap {
        let listener = TcpListener::bind((address, 0)).await.expect("a port");
        let trap = Trap { address: listener.local_addr().expect("an address"), hits: Arc::default() };
        let (hits, answer) = (Arc::clone(&trap.hits), answer.to_owned());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                hits.fetch_add(1, Ordering::SeqCst);
                let answer = answer.clone();
                tokio::spawn(async move {
                    let _ = stream.write_all(answer.as_bytes()).await;
                    let _ = stream.read_to_end(&mut Vec::new()).await;
                });
            }
        });
        trap
    }

    /// One that sends everybody elsewhere.
    async fn redirect(to: &str) -> Trap {
        Trap::start("127.0.0.1", &format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")).await
    }

    fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }
}

/// A check of each kind of this place.
fn every_kind(place: &str) -> Vec<String> {
    let of = |kind: &str| format!(r#""{kind}":"{place}""#);
    vec![format!(r#""http":"http://{place}/""#), of("tcp"), of("udp"), of("grpc"), of("h2ping")]
}

/// What the checks of a host say once each was done; the host must be in no answer.
async fn said(server: &TestServer, address: &str, checks: &[String]) -> Vec<String> {
    let define =
        |(id, check): (usize, &String)| format!(r#"{{"id":"c{id}",{check},"interval":"10s","timeout":"60s"}}"#);
    let checks: Vec<String> = checks.iter().enumerate().map(define).collect();
    let body = format!(r#"{{"address":"{address}","port":80,"checks":[{}]}}"#, checks.join(","));
    let reply = http::call(server.http, "PUT", "/v1/hosts/web/a", &body).await;
    assert!(reply.status < 300, "{body}: {}", reply.body);
    let done = async {
        loop {
            let shown = http::call(server.http, "GET", "/v1/hosts/web/a", "").await.json();
            let checks = shown["checks"].as_array().expect("checks").clone();
            let said: Vec<String> =
                checks.iter().map(|check| check["output"].as_str().expect("words").to_owned()).collect();
            if said.iter().all(|output| !output.is_empty()) {
                assert!(checks.iter().all(|check| check["status"] == "critical"), "{shown}");
                return said;
            }
            server.advance(Duration::from_millis(50));
        }
    };
    let said = in_time("a word of every check", done).await;
    let reply = Ask::new("web.service.local", "A").of(server.dns).await;
    assert!(reply.message.answers.is_empty());
    let gone = http::call(server.http, "DELETE", "/v1/hosts/web/a", "").await;
    assert_eq!(gone.status, 204);
    said
}

/// Nobody asks this place in any way, for a host of this machine.
async fn refused(server: &TestServer, place: &str) {
    for output in said(server, "127.0.0.1", &every_kind(place)).await {
        assert!(output.contains("is not asked"), "{place}: {output}");
    }
}

async fn stop(server: TestServer) {
    server.ask_to_stop();
    server.ended().await;
}

#[tokio::test]
async fn metadata_and_what_is_nobodys_in_every_form() {
    let server = TestServer::start().await;
    for host in [
        "169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "025177524776",
        "0251.0376.0251.0376",
        "0xa9.0xfe.0xa9.0xfe",
        "169.254.43518",
        "169.16689662",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[::ffff:0:a9fe:a9fe]",
        "[::169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::a9fe:a9fe]",
        "[2002:a9fe:a9fe::1]",
        "[2001:0:a9fe:a9fe::1]",
        "[2001:db8::5efe:a9fe:a9fe]",
        "[fe80::1]",
        "[fe80::a9fe:a9fe]",
        "[fd00:ec2::254]",
        "[fd20:ce::254]",
        "169.254.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "0.0.0.0",
        "0",
        "0x0",
        "0.0.0.1",
        "[::]",
        "[::ffff:0.0.0.0]",
        "224.0.0.1",
        "255.255.255.255",
        "[ff02::1]",
    ] {
        refused(&server, &format!("{host}:80")).await;
    }
    stop(server).await;
}

#[tokio::test]
async fn the_server_itself_in_every_form_whatever_the_settings_are() {
    let server = TestServer::with("check_deny = []\ncheck_redirects = true", &[]).await;
    for port in [server.http.port(), server.dns.port()] {
        for host in [
            "127.0.0.1",
            "2130706433",
            "0x7f000001",
            "017700000001",
            "0177.0.0.1",
            "127.1",
            "0x7f.1",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::ffff:0:7f00:1]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::1]",
            "[2001:db8::5efe:7f00:1]",
            "0.0.0.0",
            "0",
            "[::]",
        ] {
            refused(&server, &format!("{host}:{port}")).await;
        }
        // They may have other addresses, too, where nobody listens, or be no name on this machine.
        for name in ["localhost", "localhost.", "LOCALHOST"] {
            for output in said(&server, "127.0.0.1", &every_kind(&format!("{name}:{port}"))).await {
                let harmless = ["is not asked", "refused", "lookup"].iter().any(|words| output.contains(words));
                assert!(harmless, "{name}: {output}");
            }
        }
    }
    // The host's own address and port, as the defaults of a check have them.
    let body = format!(
        r#"{{"address":"127.0.0.1","port":{},"checks":[{{"id":"c","http":"http:/","interval":"10s"}}]}}"#,
        server.http.port()
    );
    http::call(server.http, "PUT", "/v1/hosts/self/a", &body).await;
    let refusal = async {
        loop {
            let shown = http::call(server.http, "GET", "/v1/hosts/self/a", "").await;
            if shown.body.contains("it is this server") {
                return;
            }
            server.advance(Duration::from_millis(50));
        }
    };
    in_time("a refusal", refusal).await;
    stop(server).await;
}

#[tokio::test]
async fn places_that_no_check_can_name() {
    let server = TestServer::start().await;
    for place in [
        "http://[fe80::1%25eth0]:80/",
        "http://[fe80::1%eth0]/",
        "http://user@10.0.0.1/",
        "http://169.254.169.254:80@10.0.0.1/",
        "http://10.0.0.1\\\\@169.254.169.254/",
        "http://10.0.0.1#@169.254.169.254/",
        "http://10.0.0.1%2f/",
        "http://\u{2460}\u{2461}\u{2466}.0.0.1/",
        "http:///path",
        "file:///etc/passwd",
        "gopher://10.0.0.1:6379/x",
        "unix:/run/x",
    ] {
        let check = format!(r#"{{"address":"10.0.0.1","checks":[{{"id":"c","http":"{place}","interval":"10s"}}]}}"#);
        let reply = http::call(server.http, "PUT", "/v1/hosts/web/a", &check).await;
        assert_eq!((reply.status, reply.json()["field"].as_str()), (400, Some("checks[0].http")), "{place}");
    }
    stop(server).await;
}

#[tokio::test]
async fn redirects_lead_nowhere_that_is_forbidden() {
    for redirects in [false, true] {
        let server = TestServer::with(&format!("check_redirects = {redirects}"), &[]).await;
        let port = server.http.port();
        for to in [
            format!("http://{}/v1/hosts", server.http),
            format!("http://2130706433:{port}/v1/hosts"),
            format!("http://[::ffff:127.0.0.1]:{port}/v1/hosts"),
            "http://169.254.169.254/latest/meta-data/".into(),
            "http://0xa9fea9fe/".into(),
            "http://[::ffff:169.254.169.254]/".into(),
            "http://[64:ff9b::a9fe:a9fe]/".into(),
            "http://0.0.0.0/".into(),
            "http://[fe80::1]/".into(),
            "//169.254.169.254/".into(),
            "http:/path".into(),
            "file:///etc/passwd".into(),
        ] {
            let target = Trap::redirect(&to).await;
            let check = format!(r#""http":"http://{}/","follow_redirects":true"#, target.address);
            let output = &said(&server, "127.0.0.1", &[check]).await[0];
            if redirects {
                assert!(output.contains("is not asked") || output.contains("is not followed"), "{to}: {output}");
            } else {
                assert!(output.ends_with("302 Found Output: "), "{to}: {output}");
            }
            assert!(target.hits() > 0);
        }
        stop(server).await;
    }
}

#[tokio::test]
async fn the_loopback_for_hosts_that_are_elsewhere() {
    let server = TestServer::with("check_redirects = true", &[]).await;
    let inside = Trap::start("127.0.0.1", "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret").await;
    let port = inside.address.port();
    let elsewhere = "192.0.2.1";
    for host in ["127.0.0.1", "localhost", "127.1", "[::ffff:127.0.0.1]", "[::1]", "[64:ff9b::7f00:1]"] {
        for output in said(&server, elsewhere, &every_kind(&format!("{host}:{port}"))).await {
            assert!(output.contains("leads to the machine of this server"), "{host}: {output}");
        }
    }
    assert_eq!(inside.hits(), 0);
    stop(server).await;
}

#[tokio::test]
async fn what_is_not_allowed_where_an_operator_allows_little() {
    let server = TestServer::with(r#"check_allow = ["127.0.0.8/32"]"#, &[]).await;
    let down = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
    let (own, allowed) = (Trap::start("127.0.0.1", down).await, Trap::start("127.0.0.8", down).await);
    let other = Trap::start("127.0.0.9", down).await;
    let check = |trap: &Trap| vec![format!(r#""http":"http://{}/""#, trap.address)];
    for trap in [&own, &allowed] {
        let output = &said(&server, "127.0.0.1", &check(trap)).await[0];
        assert!(output.contains("503 Service Unavailable"), "{output}");
    }
    let output = &said(&server, "127.0.0.1", &check(&other)).await[0];
    assert!(output.contains("is not asked") && output.contains("check_allow"), "{output}");
    assert_eq!(other.hits(), 0);
    stop(server).await;
}
