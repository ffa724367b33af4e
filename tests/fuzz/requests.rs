//! Every HTTP dialect: no input is the server's fault, and what is refused changes nothing.
//!
//! The router is called without sockets; `tests/integration/sockets.rs` has those. A server lives for an episode of
//! rounds and is dropped, so that memory is that of the code and not of the table.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use rollcall::clock::{Clock, Timestamp};
use rollcall::config::Config;
use rollcall::http::{self, App, Settings};
use rollcall::metrics::Metrics;
use rollcall::readiness::Readiness;
use rollcall::registry::{Durability, Registry};
use rollcall::table::Revision;
use rollcall::zone::Zones;
use tower::ServiceExt as _;

use crate::dice::Dice;
use crate::files;
use crate::play::play;

/// Rounds of one server.
const EPISODE: u64 = 2000;
/// Frames of an answer that are read: an event stream has no end.
const FRAMES: usize = 64;

const METHODS: [&str; 8] = ["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE"];
const PATHS: [&str; 85] = [
    "/v1/hosts/web/a",
    "/v1/hosts/web/b",
    "/v1/hosts/db/a",
    "/v1/hosts/web/a/renew",
    "/v1/hosts/web/a/health",
    "/v1/hosts/web/a/drain",
    "/v1/hosts/web/b/weight",
    "/v1/hosts/web",
    "/v1/hosts?limit=2&after=web",
    "/v1/hosts?service=web&tag=v1&status=passing",
    "/v1/hosts/web?wait=5s&index=1",
    "/v1/services?limit=1",
    "/v1/hosts",
    "/microservices/web",
    "/microservices/%C3%96rder%20x",
    "/microservices?verb=GET&path=/a/b%7Bc%7D/1",
    "/endpoints",
    "/v1/watch?service=web",
    "/v1/watch?since=1",
    "/v1/answer?name=web&type=SRV",
    "/v1/answer?name=v1.web",
    "/v1/reload",
    "/v1/registration/web",
    "/v1/registration/web/10.0.0.1",
    "/v1/registration/repo/web-repo",
    "/v1/loadbalancing/web",
    "/v1/loadbalancing/web/10.0.0.1",
    "/healthcheck",
    "/livez",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/",
    "/v1/hosts/%77eb/%00%ff",
    "/v1/agent/service/register",
    "/v1/agent/service/register?replace-existing-checks",
    "/v1/agent/service/deregister/web-1",
    "/v1/agent/service/deregister/a/b%2Fc",
    "/v1/agent/service/maintenance/web-1?enable=true&reason=x",
    "/v1/agent/maintenance?enable=false",
    "/v1/agent/services?filter=Service%3D%3Dweb",
    "/v1/agent/service/web-1?hash=x",
    "/v1/agent/checks",
    "/v1/agent/check/register",
    "/v1/agent/check/deregister/service:web-1",
    "/v1/agent/check/pass/service:web-1?note=well",
    "/v1/agent/check/update/service:web-1",
    "/v1/agent/health/service/name/web?format=text",
    "/v1/agent/health/service/id/web-1",
    "/v1/agent/self",
    "/v1/agent/metrics",
    "/v1/catalog/register",
    "/v1/catalog/deregister",
    "/v1/catalog/nodes?node-meta=a:b&filter=Meta%20contains%20a",
    "/v1/catalog/node/n2",
    "/v1/catalog/services?pretty",
    "/v1/catalog/service/web?tag=v1&tag=a.b&near=_agent",
    "/v1/health/service/web?passing&index=1&wait=1ms",
    "/v1/health/service/WEB?filter=not%20(Checks.Status%20matches%20%22c.*%22)%20or%20Service.Port%20in%20x",
    "/v1/health/checks/web",
    "/v1/health/node/n2?dc=dc1",
    "/v1/health/state/any?stale",
    "/v1/health/connect/web",
    "/v1/kv/a/b?recurse",
    "/api/v1",
    "/version",
    "/api/v1/endpoints?limit=1&labelSelector=app%20in%20(web,db),!x",
    "/api/v1/namespaces/default/endpoints/web",
    "/api/v1/namespaces/team/services?labelSelector=tier!=a&fieldSelector=metadata.name!=x",
    "/api/v1/namespaces/default/services/web",
    "/api/v1/pods?limit=1&continue=302030",
    "/api/v1/pods?fieldSelector=metadata.name=web-a-c6793e29",
    "/api/v1/namespaces/default/pods/web-a-c6793e29",
    "/api/v1/namespaces/team",
    "/api/v1/namespaces?watch=1&allowWatchBookmarks=1",
    "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/web-ipv4-f73aae4e",
    "/apis/discovery.k8s.io/v1/endpointslices?watch=1&labelSelector=kubernetes.io/service-name=web&timeoutSeconds=1",
    "/api/v1/services?watch=1&resourceVersion=1&timeoutSeconds=1",
    "/api/v1/endpoints?resourceVersion=3&resourceVersionMatch=Exact",
    "/v3/discovery:endpoints",
    "/envoy.service.endpoint.v3.EndpointDiscoveryService/StreamEndpoints",
    "/envoy.service.endpoint.v3.EndpointDiscoveryService/FetchEndpoints",
    "/v1/prometheus/sd",
    "/v1/prometheus/sd?service=web&tag=v1&passing&namespace=team",
];
const BODIES: [&str; 34] = [
    "",
    "{}",
    r#"{"address":"10.0.0.1","port":80}"#,
    r#"{"address":"10.0.0.2","port":8080,"ttl":"30s","weight":5,"priority":1,"tags":["v1","a.b"],"meta":{"k":"v"},"zone":"az1"}"#,
    r#"{"addresses":["10.0.0.3","fd00::3"],"ports":[{"name":"http","port":80},{"port":53,"protocol":"udp"}],"namespace":"team"}"#,
    r#"{"address":"10.0.0.4","port":80,"checks":[{"id":"up","http":"http://:8081/up?x","interval":"10s","timeout":2,"method":"POST","headers":{"x-a":"b"},"body":"c","failures_before_critical":3},{"id":"t","ttl":"30s","deregister_critical_after":"1m"}]}"#,
    r#"{"address":"fd00::4","port":80,"checks":[{"id":"t","tcp":"[fd00::1]:5432","interval":1,"tls":true,"tls_server_name":"a.b"},{"id":"g","grpc":":9000/web.Api","interval":"1m"},{"id":"u","udp":":","interval":"1d"},{"id":"h","h2ping":"a.b:1","interval":"5s","status":"passing"},{"id":"a","alias":"web/a"}]}"#,
    r#"{"address":"db.example.com","ports":[],"checks":[{"id":"disk","status":"warning","output":"full"}],"region":"r"}"#,
    r#"{"status":"critical","output":"no disk left","check":"disk"}"#,
    r#"{"enable":true}"#,
    r#"{"weight":65535}"#,
    r#"{"address":"10.0.0.1","port":80,"tags":["\u0000","\ud800"],"meta":[["a",1e999]]}"#,
    r#"{"ip":"10.0.0.9","port":80,"revision":"a","tags":{"az":"a","instance_id":"i","region":"r","load_balancing_weight":7}}"#,
    "ip=10.0.0.1&port=80&revision=abc&service_repo_name=web-repo&tags={\"az\":\"a\",\"instance_id\":\"i\",\"region\":\"r\"}",
    "ip=fd00%3A%3A1&port=80&revision=abc&tags=%7B%22az%22%3A1%2C%22instance_id%22%3A%22i%22%2C%22region%22%3A%22r%22%7D",
    "auto_ip=1&port=80&revision=abc&tags={\"az\":\"a\",\"instance_id\":\"i\",\"region\":\"r\",\"canary\":\"true\"}",
    "load_balancing_weight=50",
    "--x\r\nContent-Disposition: form-data; name=\"ip\"\r\n\r\n10.0.0.5\r\n--x\r\nContent-Disposition: form-data; name=\"port\"\r\n\r\n80\r\n--x--\r\n",
    r#"{"ID":"web-1","Name":"web","Address":"10.0.0.1","Port":80,"Tags":["v1","a.b"],"Meta":{"k":"v"},"Weights":{"Passing":5,"Warning":0},"Check":{"TTL":"10s"}}"#,
    r#"{"id":"a/b/c","name":"Web","address":"some-box","checks":[{"http":"http://10.0.0.1:80/x","interval":"10s","header":{"a":["b"]}},{"name":"t","tcp":"[fd00::1]:1","interval":1000000000,"status":"warning"}],"tagged_addresses":{"lan_ipv6":{"address":"fd00::1","port":1}}}"#,
    r#"{"Name":"web","ID":"web-2","Ports":[{"Name":"http","Port":80,"Default":true}],"Connect":{"Native":true,"SidecarService":{}},"Locality":{"Region":"r"}}"#,
    r#"{"Name":"p","Kind":"connect-proxy","Proxy":{"DestinationServiceName":"web","Config":{"a":[1,2.5,null]}}}"#,
    r#"{"Name":"up","ID":"service:web-1","ServiceID":"web-1","TTL":"10s","Notes":"n","DeregisterCriticalServiceAfter":"1m"}"#,
    r#"{"Name":"follows","AliasService":"web-1","AliasNode":"n2"}"#,
    r#"{"Node":"N2","ID":"40e4a748-2192-161a-0510-9bf59fe950b5","Address":"10.0.0.2","NodeMeta":{"rfc1035-a":"\"é"},"TaggedAddresses":{"lan":"10.0.0.2"},"Service":{"Service":"web","ID":"web-1","Port":80,"Tags":["v1"]},"Checks":[{"Name":"up","Status":"critical"},{"Name":"own","ServiceID":"web-1","Definition":{"TCP":"a:1"}}]}"#,
    r#"{"Node":"n2","SkipNodeUpdate":true,"Check":{"Name":"up","Status":"passing","Output":"o"}}"#,
    r#"{"Node":"n2","CheckID":"up","ServiceID":""}"#,
    r#"{"hosts":[{"service":"web","id":"a","address":"10.0.0.1","port":80},{"address":"fd00::2","id":"b","tags":["/a"],"service":"db"}]}"#,
    r#"{"address":"10.0.0.1","port":8080,"endpoints":[["GET","/a/{b}/1"],["*",""],["POST","/health"]]}"#,
    r#"{"address":"some-box","port":"80","endpoints":[{"method":"GET","url":"/health"}],"status":false,"x":null}"#,
    r#"{"version_info":"x","node":{"id":"e"},"resource_names":["web","team/web:http","WEB",""],"type_url":"type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment","error_detail":{"code":3,"message":"no"}}"#,
    "\0\0\0\0\x05\x1a\x03web",
    "\0\0\0\0\x03\x1a\x01b\0\0\0\0\x0a\x1a\x03web2\x032\x01x",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
];
const KINDS: [&str; 8] = [
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "multipart/form-data",
    "text/plain",
    "application/json; charset=utf-16",
    "application/grpc",
    "",
];
const HEADERS: [(&str, &str); 8] = [
    ("x-forwarded-for", "10.0.0.1, 192.168.1.1"),
    ("content-encoding", "gzip"),
    ("last-event-id", "3"),
    ("if-none-match", "\"3\""),
    ("accept", "text/event-stream"),
    ("accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"),
    ("content-length", "5"),
    ("expect", "100-continue"),
];

/// A server without sockets.
struct Server {
    router: Router,
    registry: Arc<Registry>,
}

impl Server {
    fn start(zones: &Zones) -> Server {
        let clock = Arc::new(Clock::manual(Timestamp::from_micros(1_800_000_000_000_000)));
        let registry = Arc::new(Registry::new(clock, zones.clone(), Durability::Immediate));
        registry.load([], Revision::default(), 1);
        let settings = Settings { trust_forwarded_for: true, ..Settings::default() };
        let metrics = Arc::new(Metrics::new(&registry));
        let desk = rollcall::server::desk(Config::default().dns, &[], &registry, &metrics);
        let app = App::new(Arc::clone(&registry), Arc::new(settings), metrics, Arc::new(Readiness::ready()));
        let app = app.with_desk(desk);
        Server { router: http::router(app), registry }
    }
}

#[test]
fn requests() {
    // Waits for changes end at once: nobody else makes any.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("one");
    let zones = files::service_zone();
    let mut server = Server::start(&zones);
    let mut accepted = 0;
    play("requests", 2000, |round, dice, trace| {
        if round % EPISODE == 0 {
            server = Server::start(&zones);
        }
        let Some(sent) = Sent::any(dice) else { return };
        trace.input("head", format!("{} {} {}", sent.method, sent.target, sent.kind).as_bytes());
        trace.input("body", &sent.body);
        let before = server.registry.snapshot_arc();
        let (status, reply) = runtime.block_on(sent.to(&server.router, dice));
        trace.input("reply", &reply);
        let after = server.registry.snapshot_arc();
        // Consul says 500 to much that a client could do better, and so does its dialect, with a sentence.
        let is_consuls =
            status == 500 && (sent.method == "HEAD" || !reply.is_empty()) && after.revision == before.revision;
        let is_verdict = status == 503 && ["critical", "maintenance"].iter().any(|word| says(&reply, word));
        // A client of Kubernetes' that knows a later revision than there is waits for the server to reach it.
        let is_early = status == 504 && (sent.method == "HEAD" || says(&reply, "Too large resource version"));
        assert!(status < 500 || is_consuls || is_verdict || is_early, "{status} is nobody's fault but ours");
        let moved = before.revision != after.revision;
        let refused = status >= 300 || !["PUT", "POST", "DELETE"].contains(&&*sent.method);
        assert!(!moved || !refused, "{status}, and the table changed");
        assert_eq!(moved, !Arc::ptr_eq(&before, &after) && moved, "a revision for each change");
        accepted += u64::from(moved);
        if dice.once_in(8) {
            server.registry.clock().advance(Duration::from_secs(dice.below(20) as u64));
            while server.registry.expire_due() {}
        }
    });
    assert!(accepted > 0, "some were accepted");
}

fn says(reply: &[u8], word: &str) -> bool {
    reply.windows(word.len()).any(|window| window == word.as_bytes())
}

/// A request.
struct Sent {
    method: String,
    target: String,
    kind: &'static str,
    header: Option<(&'static str, &'static str)>,
    body: Vec<u8>,
}

impl Sent {
    /// One of the known requests, spoiled in none, one or several places; `None` for what is no URL.
    fn any(dice: &mut Dice) -> Option<Sent> {
        let mut target = dice.pick(&PATHS).as_bytes().to_vec();
        if dice.once_in(3) {
            let other = dice.pick(&PATHS).as_bytes();
            dice.spoil(&mut target, other);
        }
        let mut body = dice.pick(&BODIES).as_bytes().to_vec();
        if dice.once_in(2) {
            let other = dice.pick(&BODIES).as_bytes();
            dice.spoil(&mut body, other);
        }
        if dice.once_in(200) {
            body = body.repeat(1 + dice.below(2000));
        }
        Some(Sent {
            method: (*dice.pick(&METHODS)).to_owned(),
            target: String::from_utf8(target).ok()?,
            kind: if body.starts_with(b"{") && !dice.once_in(4) { KINDS[0] } else { KINDS[dice.below(KINDS.len())] },
            header: dice.once_in(8).then(|| *dice.pick(&HEADERS)),
            body,
        })
    }

    /// Status and body of the answer; 400 for what hyper would not let in.
    async fn to(&self, router: &Router, dice: &mut Dice) -> (u16, Vec<u8>) {
        let mut request = Request::builder().method(&*self.method).uri(&*self.target).header("content-type", self.kind);
        if let Some((name, value)) = self.header {
            request = request.header(name, value);
        }
        let Ok(mut request) = request.body(Body::from(self.body.clone())) else { return (400, Vec::new()) };
        if self.kind == "application/grpc" {
            *request.version_mut() = axum::http::Version::HTTP_2;
        }
        if dice.once_in(2) {
            let client = std::net::SocketAddr::from(([192, 168, 1, dice.octet()], 4000));
            request.extensions_mut().insert(axum::extract::ConnectInfo(client));
        }
        let response = router.clone().oneshot(request).await.expect("infallible");
        let status = response.status().as_u16();
        let mut body = response.into_body();
        let mut octets = Vec::new();
        for _ in 0..FRAMES {
            let Some(frame) = body.frame().await else { break };
            if let Ok(data) = frame.expect("a body in good order").into_data() {
                octets.extend(&data);
            }
        }
        (status, octets)
    }
}
