//! Whom nobody can have asked: addresses in every form, names that change, redirects.

use std::io;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::sync_channel;

use parking_lot::Mutex;

use super::*;

/// A resolver that gives these answers one after the other, the last one for ever, and how often it was asked.
fn steered(answers: &[&[SocketAddr]]) -> (impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + use<>, Arc<AtomicUsize>) {
    let answers: Vec<Vec<SocketAddr>> = answers.iter().map(|answer| answer.to_vec()).collect();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let resolve = move |_: &str, _: u16| {
        let turn = count.fetch_add(1, Ordering::SeqCst);
        Ok(answers[turn.min(answers.len() - 1)].clone())
    };
    (resolve, asked)
}

fn named(port: u16) -> Endpoint {
    Endpoint::At("web.example.com".into(), port)
}

/// Every kind that asks this place.
fn kinds(place: &Endpoint) -> [CheckKind; 5] {
    let http = HttpCheck { url: HttpUrl { tls: false, endpoint: place.clone(), path: "/".into() }, ..http("http:/") };
    [
        CheckKind::Http(Box::new(http)),
        CheckKind::Tcp(place.clone(), None),
        CheckKind::Udp(place.clone()),
        CheckKind::Grpc(place.clone(), "".into(), None),
        CheckKind::H2Ping(place.clone(), None),
    ]
}

async fn refused(net: &Net, address: SocketAddr, place: &Endpoint) {
    for kind in kinds(place) {
        let (status, output) = probe(net, address, kind).await;
        assert!(status == Status::Critical && output.contains("is not asked"), "{place}: {output}");
    }
}

#[tokio::test]
async fn an_address_is_looked_at_again_where_the_connection_is_made() {
    let own = Target::http("").await;
    let net = Net::new(Settings { own: vec![own.address], ..Settings::default() }, clock());
    let host = host(own.address);
    let probe = Probe { net: &net, host: &host, end: Timestamp::MAX };
    let refused = probe.connect_to(own.address).await;
    assert!(matches!(refused, Err(Failure::Critical(why)) if why.contains("is this server")));
    assert_eq!(own.hits.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn forbidden_places_are_not_asked_in_whatever_form() {
    let own = Target::http("HTTP/1.1 200 OK\r\n\r\n").await;
    let net = Net::new(Settings { own: vec![own.address], ..Settings::default() }, clock());
    let port = own.address.port();
    for place in [
        "169.254.169.254:80".to_owned(),
        "[::ffff:169.254.169.254]:80".into(),
        "[64:ff9b::a9fe:a9fe]:80".into(),
        // What getaddrinfo takes for the same address.
        "2852039166:80".into(),
        "0xa9fea9fe:80".into(),
        "0251.0376.0251.0376:80".into(),
        "169.16689662:80".into(),
        "0.0.0.0:80".into(),
        "0:80".into(),
        "[::]:80".into(),
        "[fe80::1]:80".into(),
        format!("127.0.0.1:{port}"),
        format!("2130706433:{port}"),
        format!("0x7f.1:{port}"),
        format!("127.1:{port}"),
        format!("[::ffff:127.0.0.1]:{port}"),
    ] {
        refused(&net, own.address, &Endpoint::parse("tcp", &place).expect("a place")).await;
    }
    assert_eq!(own.hits.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_name_is_looked_up_once_a_probe_and_what_was_looked_at_is_connected_to() {
    let up = Target::http("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let own = Target::http("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let metadata = SocketAddr::from(([169, 254, 169, 254], 80));
    // The name is something else each time it is asked for: whoever asked twice would connect to the second.
    for rebound in [metadata, own.address] {
        let (resolver, asked) = steered(&[&[up.address], &[rebound]]);
        let settings = Settings { own: vec![own.address], ..Settings::default() };
        let net = Net::new(settings, clock()).with_resolver(resolver);
        let first = probe(&net, up.address, CheckKind::Tcp(named(80), None)).await;
        assert_eq!(first, (Status::Passing, "TCP connect web.example.com:80: Success".into()));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        up.hit.notified().await;
        refused(&net, up.address, &named(80)).await;
        assert_eq!(asked.load(Ordering::SeqCst), 6);
    }
    assert_eq!((up.hits.load(Ordering::SeqCst), own.hits.load(Ordering::SeqCst)), (2, 0));
}

#[tokio::test]
async fn of_the_addresses_of_a_name_the_forbidden_ones_are_passed_over() {
    let up = Target::http("").await;
    let own = Target::http("").await;
    let (resolver, _) = steered(&[&[own.address, SocketAddr::from(([169, 254, 1, 1], 80)), up.address]]);
    let net = Net::new(Settings { own: vec![own.address], ..Settings::default() }, clock()).with_resolver(resolver);
    assert_eq!(probe(&net, up.address, CheckKind::Tcp(named(80), None)).await.0, Status::Passing);
    up.hit.notified().await;
    assert_eq!((up.hits.load(Ordering::SeqCst), own.hits.load(Ordering::SeqCst)), (1, 0));
}

#[tokio::test]
async fn a_redirect_to_a_name_is_looked_at_like_any_other() {
    let own = Target::http("HTTP/1.1 200 OK\r\n\r\n").await;
    let away = "HTTP/1.1 302 Found\r\nlocation: http://inside.example.com/\r\ncontent-length: 0\r\n\r\n";
    let target = Target::http(away).await;
    let follow = || CheckKind::Http(Box::new(HttpCheck { follow_redirects: true, ..http("http:/") }));
    for inside in ["169.254.169.254:80", "[::ffff:169.254.169.254]:80", "[fe80::1]:80", &own.address.to_string()] {
        for redirects in [false, true] {
            let (resolver, asked) = steered(&[&[inside.parse().expect("an address")]]);
            let settings = Settings { own: vec![own.address], redirects, ..Settings::default() };
            let net = Net::new(settings, clock()).with_resolver(resolver);
            let (status, output) = probe(&net, target.address, follow()).await;
            let said = if redirects { "is not asked" } else { "302 Found" };
            assert!(status == Status::Critical && output.contains(said), "{inside}: {output}");
            assert_eq!(asked.load(Ordering::SeqCst), usize::from(redirects));
        }
    }
    assert_eq!(own.hits.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn names_that_are_never_found_take_nothing_from_other_hosts() {
    let up = Target::http("").await;
    let address = up.address;
    // Nothing is ever sent: its end is the end of the waiting.
    let (day, night) = sync_channel::<()>(0);
    let night = Mutex::new(night);
    let net = Net::new(Settings::default(), clock()).with_resolver(move |name, _| {
        if name == "dark.example.com" {
            let _ = night.lock().recv();
        }
        Ok(vec![address])
    });
    let lost = job(up.address, CheckKind::Tcp(Endpoint::At("dark.example.com".into(), 80), None));
    let mut lookups: Vec<_> = (0..limits::PROBE_LOOKUPS).map(|_| Box::pin(ask(&net, &lost))).collect();
    for lookup in &mut lookups {
        assert!(lookup.now_or_never().is_none());
    }
    let good = job(up.address, CheckKind::Tcp(named(80), None));
    let pass = async { net.clock().advance(SECOND / 2) };
    let (heard, ()) = tokio::join!(ask(&net, &good), pass);
    assert!(matches!(heard, Err(Failure::PutOff)), "it is not the one at fault: {heard:?}");
    let by_address = job(up.address, CheckKind::Tcp(Endpoint::Own(None), None));
    assert!(ask(&net, &by_address).await.is_ok(), "addresses need no place");
    drop(day);
    for lookup in lookups {
        assert!(lookup.await.is_ok());
    }
    assert!(ask(&net, &good).await.is_ok());
}
