//! Single probes against little servers.

mod book;
mod forbidden;
mod os_service;
mod prober;
mod targets;

use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use tokio::io::AsyncWriteExt as _;

use super::*;
use crate::clock::Clock;
use crate::table::{
    Dialect, Endpoint, Host, HostId, HostTable, HttpCheck, HttpUrl, Port, Registration, ServiceName, Target as Place,
    Terms, Tls, Wishes,
};
use targets::{Target, certificate, read_head, serve_grpc};

const SECOND: Duration = Duration::from_secs(1);

fn clock() -> Arc<Clock> {
    Arc::new(Clock::manual(Timestamp::from_micros(1_795_194_000_000_000)))
}

fn net() -> Net {
    Net::new(Settings::default(), clock())
}

pub(super) fn registration(id: &str, address: SocketAddr) -> Registration {
    Registration {
        ports: [Port::tcp(address.port())].into_iter().collect(),
        ..Registration::new(
            ServiceName::parse("service", "web").expect("a name"),
            Dialect::Native,
            HostId::parse("id", id).expect("an id"),
            Place::parse("address", [address.ip().to_string().as_str()]).expect("an address"),
        )
    }
}

fn host(address: SocketAddr) -> Arc<Host> {
    let register = Event::Register(Box::new(registration("a", address)));
    let applied = HostTable::default().apply(register, Timestamp::default()).expect("a host");
    Arc::clone(applied.host())
}

fn job(address: SocketAddr, kind: CheckKind) -> Job {
    let wishes = Wishes { interval: Some(SECOND), timeout: Some(SECOND), ..Wishes::default() };
    let terms = Arc::new(Terms::parse("", kind, wishes).expect("terms"));
    Job { key: book_key(), terms, host: host(address), is_quick: false }
}

fn book_key() -> CheckKey {
    super::book::tests::key("web", "a", "up")
}

fn http(url: &str) -> HttpCheck {
    HttpCheck {
        url: HttpUrl::parse("http", url).expect("a URL"),
        method: "GET".into(),
        headers: Box::default(),
        body: Box::default(),
        tls: Tls::default(),
        follow_redirects: false,
        absent_passes: false,
    }
}

/// Status and output of a probe on a clock that stands still.
async fn probe(net: &Net, address: SocketAddr, kind: CheckKind) -> (Status, String) {
    match ask(net, &job(address, kind)).await {
        Ok(Heard { status, output }) => (status, output),
        Err(Failure::Critical(output)) => (Status::Critical, output),
        Err(Failure::PutOff) => panic!("put off"),
    }
}

async fn get(net: &Net, target: &Target, url: &str) -> (Status, String) {
    probe(net, target.address, CheckKind::Http(Box::new(http(url)))).await
}

fn nobody() -> SocketAddr {
    // Bound and closed again, on an address where no other test listens.
    let closed = std::net::TcpListener::bind("127.0.0.77:0").expect("a port");
    closed.local_addr().expect("an address")
}

#[tokio::test]
async fn the_status_of_http_is_the_verdict() {
    for (line, status) in [
        ("200 OK", Status::Passing),
        ("204 No Content", Status::Passing),
        ("429 Too Many Requests", Status::Warning),
        ("404 Not Found", Status::Critical),
        ("503 Service Unavailable", Status::Critical),
    ] {
        let target = Target::http(format!("HTTP/1.1 {line}\r\ncontent-length: 4\r\n\r\nfine")).await;
        let body = if line.starts_with("204") { "" } else { "fine" };
        let output = format!("HTTP GET http://{}/health: {line} Output: {body}", target.address);
        assert_eq!(get(&net(), &target, "http:/health").await, (status, output));
    }
}

#[tokio::test]
async fn a_host_without_the_path_is_alive_where_the_check_says_so() {
    let lenient = |check: HttpCheck| CheckKind::Http(Box::new(HttpCheck { absent_passes: true, ..check }));
    for (line, status) in [
        ("404 Not Found", Status::Passing),
        ("405 Method Not Allowed", Status::Passing),
        ("403 Forbidden", Status::Critical),
        ("503 Service Unavailable", Status::Critical),
    ] {
        let target = Target::http(format!("HTTP/1.1 {line}\r\ncontent-length: 0\r\n\r\n")).await;
        assert_eq!(probe(&net(), target.address, lenient(http("http:/health"))).await.0, status, "{line}");
    }
}

/// The head that a target gets of a check, sorted and in lower case.
async fn head_of(check: HttpCheck) -> Vec<String> {
    let (sender, mut heads) = tokio::sync::mpsc::channel(1);
    let target = Target::start(move |mut stream| {
        let sender = sender.clone();
        async move {
            sender.send(read_head(&mut stream).await).await.expect("a test that waits");
            let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").await;
        }
    })
    .await;
    let url = HttpUrl { endpoint: Endpoint::Own(None), ..check.url.clone() };
    let (status, _) = probe(&net(), target.address, CheckKind::Http(Box::new(HttpCheck { url, ..check }))).await;
    assert_eq!(status, Status::Passing);
    let head = heads.recv().await.expect("a head").to_ascii_lowercase();
    let mut lines: Vec<String> = head.trim_end().lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

#[tokio::test]
async fn an_http_check_sends_what_it_says_and_nothing_of_ours() {
    let check = HttpCheck {
        method: "PUT".into(),
        headers: [("host".into(), "web.example.com".into()), ("x-key".into(), "v".into())].into(),
        body: "hello".into(),
        ..http("http://127.0.0.1:1/up?x=1")
    };
    assert_eq!(
        head_of(check).await,
        [
            "accept: text/plain, text/*, */*",
            "connection: close",
            "content-length: 5",
            "host: web.example.com",
            "put /up?x=1 http/1.1",
            "user-agent: rollcall health check",
            "x-key: v",
        ]
    );
}

#[tokio::test]
async fn a_check_may_have_another_name_for_who_asks() {
    let headers = [("user-agent".into(), "Consul Health Check".into())].into();
    let head = head_of(HttpCheck { headers, ..http("http:/") }).await;
    let agents: Vec<_> = head.iter().filter(|line| line.starts_with("user-agent:")).collect();
    assert_eq!(agents, ["user-agent: consul health check"]);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let secret = Target::http("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret").await;
    let answer = format!("HTTP/1.1 302 Found\r\nlocation: http://{}/\r\ncontent-length: 0\r\n\r\n", secret.address);
    let target = Target::http(answer).await;
    let (status, output) = get(&net(), &target, "http:/").await;
    assert_eq!((status, secret.hits.load(Ordering::SeqCst)), (Status::Critical, 0));
    assert!(output.contains("302 Found"), "{output}");
}

#[tokio::test]
async fn a_redirect_is_followed_where_check_and_setting_say_so_and_the_place_may_be_asked() {
    let redirect = |to: &str| format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n");
    let (sender, mut heads) = tokio::sync::mpsc::channel(8);
    let end = Target::start(move |mut stream| {
        let sender = sender.clone();
        async move {
            sender.send(read_head(&mut stream).await).await.expect("a test that waits");
            let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").await;
        }
    })
    .await;
    let denied = Target::http("HTTP/1.1 200 OK\r\n\r\n").await;
    let settings = Settings { own: vec![denied.address], redirects: true, ..Settings::default() };
    let net = Net::new(settings, clock());
    let follow = |check: HttpCheck| CheckKind::Http(Box::new(HttpCheck { follow_redirects: true, ..check }));
    let secret = HttpCheck { headers: [("authorization".into(), "secret".into())].into(), ..http("http:/") };

    let target = Target::http(redirect(&format!("http://{}/there", end.address))).await;
    assert_eq!(get(&net, &target, "http:/").await.0, Status::Critical, "the check does not ask for it");
    assert_eq!(probe(&net, target.address, follow(secret)).await.0, Status::Passing);
    let head = heads.recv().await.expect("a head");
    assert!(head.starts_with("GET /there HTTP/1.1") && !head.contains("secret"), "{head}");

    for to in
        [format!("http://{}/", denied.address), "http://169.254.169.254/".into(), "ftp://x/".into(), "http:/x".into()]
    {
        let target = Target::http(redirect(&to)).await;
        let (status, output) = probe(&net, target.address, follow(http("http:/"))).await;
        assert!(status == Status::Critical && output.contains(" is not "), "{to}: {output}");
    }
    assert_eq!(denied.hits.load(Ordering::SeqCst), 0);

    let circle = Target::http(redirect("/again")).await;
    let (status, output) = probe(&net, circle.address, follow(http("http:/"))).await;
    assert!(status == Status::Critical && output.ends_with("more than 10 redirects"), "{output}");
    assert_eq!(circle.hits.load(Ordering::SeqCst), 11);
}

#[tokio::test]
async fn a_huge_body_is_read_up_to_the_bound() {
    let mut answer = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n".to_vec();
    answer.resize(1_000_000, b'x');
    let target = Target::http(answer).await;
    let (status, output) = get(&net(), &target, "http:/").await;
    assert_eq!(status, Status::Passing);
    assert_eq!(output.matches('x').count(), limits::CHECK_OUTPUT_OCTETS);
}

#[tokio::test]
async fn a_head_that_does_not_end_is_an_error() {
    let mut answer = b"HTTP/1.1 200 OK\r\n".to_vec();
    for number in 0..10_000 {
        answer.extend_from_slice(format!("x-{number}: {number}\r\n").as_bytes());
    }
    let target = Target::http(answer).await;
    let (status, output) = get(&net(), &target, "http:/").await;
    assert_eq!(status, Status::Critical, "{output}");
}

#[tokio::test]
async fn nonsense_is_an_error() {
    for answer in ["", "SSH-2.0-x\r\n", "HTTP/1.1 999999 OK\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"] {
        let answer = answer.as_bytes().to_vec();
        let target = Target::start(move |mut stream| {
            let answer = answer.clone();
            async move {
                read_head(&mut stream).await;
                let _ = stream.write_all(&answer).await;
            }
        })
        .await;
        let (status, output) = get(&net(), &target, "http:/").await;
        assert_eq!(status, Status::Critical, "{output}");
    }
}

/// Asks a server that never says what is wanted, and lets the time-out pass once it was reached.
async fn time_out(target: &Target, kind: CheckKind) -> (Status, String) {
    let net = net();
    let pass = async {
        target.hit.notified().await;
        // Whatever is to arrive arrives first.
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        net.clock().advance(SECOND);
    };
    tokio::join!(probe(&net, target.address, kind), pass).0
}

#[tokio::test]
async fn a_host_that_hangs_is_critical_when_its_time_is_over() {
    let hanging = || {
        Target::start(|stream| async move {
            let _stream = stream;
            std::future::pending::<()>().await;
        })
    };
    let own = || Endpoint::Own(None);
    for kind in [
        CheckKind::Http(Box::new(http("http:/"))),
        CheckKind::Http(Box::new(http("https:/"))),
        CheckKind::Tcp(own(), Some(Tls::default())),
        CheckKind::Grpc(own(), "".into(), None),
        CheckKind::H2Ping(own(), None),
    ] {
        let target = hanging().await;
        let (status, output) = time_out(&target, kind).await;
        assert_eq!((status, output.as_str()), (Status::Critical, "timeout: no answer within 1s"));
    }
}

#[tokio::test]
async fn a_body_that_drips_takes_nothing_from_the_status() {
    let target = Target::http("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nslow").await;
    let (status, output) = time_out(&target, CheckKind::Http(Box::new(http("http:/")))).await;
    assert_eq!(status, Status::Passing);
    assert!(output.ends_with("Output: slow"), "{output}");
}

#[tokio::test]
async fn tcp_passes_where_somebody_accepts() {
    let target = Target::http("").await;
    let tcp = || CheckKind::Tcp(Endpoint::Own(None), None);
    let place = format!("TCP connect {}", target.address);
    assert_eq!(probe(&net(), target.address, tcp()).await, (Status::Passing, format!("{place}: Success")));
    let nobody = nobody();
    let refused = format!("TCP connect {nobody}: connection refused");
    assert_eq!(probe(&net(), nobody, tcp()).await, (Status::Critical, refused));
}

#[tokio::test]
async fn udp_passes_where_nobody_refuses() {
    let socket = tokio::net::UdpSocket::bind("127.0.0.78:0").await.expect("a port");
    let address = socket.local_addr().expect("an address");
    let net = net();
    let silent = async {
        socket.recv(&mut [0; 1]).await.expect("a datagram");
        net.clock().advance(SECOND);
    };
    let udp = || CheckKind::Udp(Endpoint::Own(None));
    let (heard, ()) = tokio::join!(probe(&net, address, udp()), silent);
    assert_eq!(heard, (Status::Passing, format!("UDP connect {address}: Success")));
    let answers = async {
        let (_, from) = socket.recv_from(&mut [0; 1]).await.expect("a datagram");
        socket.send_to(b"x", from).await.expect("room");
    };
    assert_eq!(tokio::join!(probe(&net, address, udp()), answers).0.0, Status::Passing);
    drop(socket);
    let (status, output) = probe(&net, address, udp()).await;
    assert_eq!((status, output), (Status::Critical, format!("UDP connect {address}: connection refused")));
}

#[tokio::test]
async fn grpc_passes_where_the_service_serves() {
    let target = Target::start(|stream| serve_grpc(stream, "web", 1)).await;
    let grpc = |service: &str| CheckKind::Grpc(Endpoint::Own(None), service.into(), None);
    let place = format!("gRPC check {}", target.address);
    assert_eq!(probe(&net(), target.address, grpc("web")).await, (Status::Passing, format!("{place}/web: success")));
    let unknown = (Status::Critical, format!("{place}/api: unknown service"));
    assert_eq!(probe(&net(), target.address, grpc("api")).await, unknown);
    let target = Target::start(|stream| serve_grpc(stream, "", 2)).await;
    let not_serving = format!("gRPC check {}: serving status: NOT_SERVING", target.address);
    assert_eq!(probe(&net(), target.address, grpc("")).await, (Status::Critical, not_serving));
    let target = Target::http("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    assert_eq!(probe(&net(), target.address, grpc("")).await.0, Status::Critical);
}

#[tokio::test]
async fn an_http2_ping_is_answered() {
    let target = Target::start(|stream| serve_grpc(stream, "", 1)).await;
    let ping = || CheckKind::H2Ping(Endpoint::Own(None), None);
    let passing = (Status::Passing, "HTTP2 ping was successful".to_owned());
    assert_eq!(probe(&net(), target.address, ping()).await, passing);
    assert_eq!(probe(&net(), nobody(), ping()).await.0, Status::Critical);
}

#[tokio::test]
async fn tls_wants_a_certificate_of_that_name_or_says_that_it_does_not() {
    let (certificate, acceptor) = certificate(b"h2");
    let target = Target::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve_grpc(stream, "", 1).await;
            }
        }
    })
    .await;
    let named = |name: Option<&str>| Tls { skip_verify: false, server_name: name.map(Into::into) };
    let trusting = Net::new(Settings { roots: vec![certificate], ..Settings::default() }, clock());
    let localhost = Endpoint::At("localhost".into(), target.address.port());
    let all = |tls: Tls, endpoint: Endpoint| {
        [
            CheckKind::Tcp(endpoint.clone(), Some(tls.clone())),
            CheckKind::Grpc(endpoint.clone(), "".into(), Some(tls.clone())),
            CheckKind::H2Ping(endpoint, Some(tls)),
        ]
    };
    let skip = Tls { skip_verify: true, server_name: None };
    for (net, tls, endpoint, expected) in [
        (&trusting, named(None), &localhost, Status::Passing),
        (&trusting, named(Some("localhost")), &Endpoint::Own(None), Status::Passing),
        (&trusting, named(Some("example.com")), &localhost, Status::Critical),
        (&trusting, named(None), &Endpoint::Own(None), Status::Critical),
        (&net(), named(None), &localhost, Status::Critical),
        (&net(), skip, &Endpoint::Own(None), Status::Passing),
    ] {
        for kind in all(tls.clone(), endpoint.clone()) {
            let (status, output) = probe(net, target.address, kind).await;
            assert_eq!(status, expected, "{tls:?} {endpoint}: {output}");
        }
    }
}

#[tokio::test]
async fn https_is_asked_over_tls() {
    let (certificate, acceptor) = certificate(b"http/1.1");
    let target = Target::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            read_head(&mut stream).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
            let _ = stream.shutdown().await;
        }
    })
    .await;
    let trusting = Net::new(Settings { roots: vec![certificate], ..Settings::default() }, clock());
    let url = format!("https://localhost:{}/", target.address.port());
    assert_eq!(get(&trusting, &target, &url).await, (Status::Passing, format!("HTTP GET {url}: 200 OK Output: ok")));
    let (status, output) = get(&net(), &target, &url).await;
    assert_eq!(status, Status::Critical);
    assert!(output.contains("invalid peer certificate"), "{output}");
}
