//! The dialect through its router: what waits, for how long, and for whom.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use super::*;
use crate::clock::{Clock, Timestamp};
use crate::http::{Settings as HttpSettings, router};
use crate::limits;
use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::registry::{Durability, Registry};
use crate::table::Revision;

/// A server without sockets, on a clock that stands still.
#[derive(Clone)]
struct Server {
    app: App,
    router: Router,
}

struct Reply {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Reply {
    fn index(&self) -> u64 {
        self.headers["x-consul-index"].to_str().expect("text").parse().expect("a number")
    }
}

impl Server {
    fn new() -> Server {
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let clock = Arc::new(Clock::manual(now));
        let registry = Arc::new(Registry::new(clock, crate::zone::Zones::default(), Durability::Immediate));
        let settings = Settings { node_name: "n1".into(), ..Settings::default() };
        registry.load([Arc::new(own_node(&settings, None, now))], Revision(100), 1);
        let http = HttpSettings { lyft_env: "test".into(), ..HttpSettings::default() };
        let metrics = Arc::new(Metrics::new(&registry));
        let app = App::new(registry, Arc::new(http), metrics, Arc::new(Readiness::ready())).with_consul(settings);
        Server { router: router(app.clone()), app }
    }

    async fn ask(&self, method: &str, path: &str, body: &str) -> Reply {
        let request = Request::builder().method(method).uri(path).body(Body::from(body.to_owned())).expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("a router never fails");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        let body = String::from_utf8(body.to_vec()).expect("text");
        Reply { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    async fn register(&self, service: &str, id: &str) {
        let body =
            format!(r#"{{"Name":"{service}","ID":"{id}","Port":80,"Check":{{"TTL":"10s","Status":"passing"}}}}"#);
        let reply = self.ask("PUT", "/v1/agent/service/register", &body).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, ""));
    }

    fn waits(&self, path: String) -> tokio::task::JoinHandle<Reply> {
        let server = self.clone();
        tokio::spawn(async move { server.ask("GET", &path, "").await })
    }

    /// Lets the tasks run until so many wait.
    async fn until_waiting(&self, count: usize) {
        while self.app.registry.waiting() != count {
            tokio::task::yield_now().await;
        }
    }
}

/// With a paused runtime a wait that nobody ends would go on to its end at once: none does here.
#[tokio::test(start_paused = true)]
async fn a_change_wakes_those_who_wait_for_its_service() {
    const SERVICES: usize = 1000;
    let server = Server::new();
    for service in 0..SERVICES {
        server.register(&format!("svc-{service}"), &format!("id-{service}")).await;
    }
    let index = server.ask("GET", "/v1/health/state/any", "").await.index();
    assert_eq!(index, 100 + SERVICES as u64);
    let path = |service| format!("/v1/health/service/svc-{service}?index={index}&wait=10m");
    let waiting: Vec<_> = (0..SERVICES).map(|service| server.waits(path(service))).collect();
    server.until_waiting(SERVICES).await;

    let pass = server.ask("PUT", "/v1/agent/check/pass/service:id-7?note=other%20words", "").await;
    assert_eq!(pass.status, 200);
    server.until_waiting(SERVICES).await;
    server.register("svc-7", "id-7-b").await;
    server.until_waiting(SERVICES - 1).await;
    let mut answered = Vec::new();
    for (service, task) in waiting.into_iter().enumerate() {
        if service == 7 {
            answered.push(task.await.expect("no panic"));
        } else {
            assert!(!task.is_finished(), "{service} was woken");
            task.abort();
        }
    }
    let [reply] = &answered[..] else { panic!("one was woken") };
    assert_eq!(reply.index(), index + 1);
    assert!(reply.body.contains("id-7-b") && reply.body.contains("other words"), "{}", reply.body);
}

#[tokio::test(start_paused = true)]
#[allow(clippy::disallowed_methods, reason = "the paused clock of the runtime, which nothing but these waits moves")]
async fn a_wait_ends_with_its_time_and_a_part_of_it() {
    let server = Server::new();
    server.register("web", "web-1").await;
    for (wait, seconds) in [("60s", 60.0), ("1m4s", 64.0), ("1h", 600.0), ("", 300.0), ("0s", 300.0)] {
        let began = tokio::time::Instant::now();
        let reply = server.ask("GET", &format!("/v1/catalog/service/web?index=101&wait={wait}"), "").await;
        let took = began.elapsed().as_secs_f64();
        assert_eq!((reply.status, reply.index()), (200, 101), "{wait}");
        assert!((seconds..=seconds * 17.0 / 16.0 + 0.1).contains(&took), "{wait}: {took}");
    }
    // An index of the future waits as well, and gets the true one.
    let reply = server.ask("GET", "/v1/catalog/service/web?index=999&wait=1s", "").await;
    assert_eq!(reply.index(), 101);
    // The first look never waits.
    let began = tokio::time::Instant::now();
    assert_eq!(server.ask("GET", "/v1/catalog/service/web?index=0&wait=1m", "").await.index(), 101);
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_hash_is_waited_on_until_the_content_is_another() {
    let server = Server::new();
    server.register("web", "web-1").await;
    let first = server.ask("GET", "/v1/agent/service/web-1", "").await;
    let hash = first.headers["x-consul-contenthash"].to_str().expect("text").to_owned();
    assert!(first.body.contains(&hash));
    let waiting = server.waits(format!("/v1/agent/service/web-1?hash={hash}&wait=5m"));
    server.until_waiting(1).await;
    // A check is no content.
    server.ask("PUT", "/v1/agent/check/fail/service:web-1", "").await;
    server.register("web", "web-2").await;
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    let body = r#"{"Name":"web","ID":"web-1","Port":81}"#;
    server.ask("PUT", "/v1/agent/service/register", body).await;
    let reply = waiting.await.expect("no panic");
    assert!(reply.body.contains("\"Port\":81") && !reply.body.contains(&hash), "{}", reply.body);
    let gone = server.waits(format!("/v1/agent/service/web-2?hash={}&wait=5m", {
        let reply = server.ask("GET", "/v1/agent/service/web-2", "").await;
        reply.headers["x-consul-contenthash"].to_str().expect("text").to_owned()
    }));
    server.until_waiting(1).await;
    server.ask("PUT", "/v1/agent/service/deregister/web-2", "").await;
    assert_eq!(gone.await.expect("no panic").status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_every_wait_and_too_many_are_told() {
    let server = Server::new();
    server.register("web", "web-1").await;
    let places = limits::WATCHERS;
    let waiting: Vec<_> =
        (0..places).map(|_| server.waits("/v1/health/service/web?index=101&wait=10m".into())).collect();
    server.until_waiting(places).await;
    let refused = server.ask("GET", "/v1/health/service/web?index=101&wait=10m", "").await;
    assert_eq!(refused.status, 429, "{}", refused.body);
    server.app.stopping.cancel();
    for task in waiting {
        assert_eq!(task.await.expect("no panic").status, 200);
    }
    assert_eq!(server.app.registry.waiting(), 0);
}

#[tokio::test]
async fn an_index_never_goes_back() {
    let server = Server::new();
    let index = async |path: &str| server.ask("GET", path, "").await.index();
    let mut last = [0; 5];
    let paths = [
        "/v1/health/service/web",
        "/v1/catalog/services",
        "/v1/catalog/nodes",
        "/v1/catalog/node/n2",
        "/v1/health/state/any",
    ];
    for round in 0..12 {
        match round % 6 {
            0 => server.register("web", "web-1").await,
            1 => drop(server.ask("PUT", "/v1/catalog/register", r#"{"Node":"n2","Address":"10.0.0.2"}"#).await),
            2 => drop(server.ask("PUT", "/v1/agent/service/deregister/web-1", "").await),
            3 => server.register("other", "other-1").await,
            4 => drop(server.ask("PUT", "/v1/catalog/deregister", r#"{"Node":"n2"}"#).await),
            _ => drop(server.ask("PUT", "/v1/agent/service/deregister/other-1", "").await),
        }
        for (path, last) in paths.iter().zip(&mut last) {
            let now = index(path).await;
            assert!(now >= *last && now >= 100, "{path}: {now} after {last}");
            *last = now;
        }
    }
}
