//! The server that is asked: hosts of every kind, static names of every kind.

use std::net::SocketAddr;

use rollcall::table::{Dialect, Event, Port, Registration, ServiceName, Standing, Target, node_key, parse_meta};

use crate::packets::wire_name;
use crate::support::TestServer;
use crate::support::http::call;

pub(crate) const SERVICE_ZONE: &str = "$TTL 300
@ IN SOA ns hostmaster 7 4h 1h 1w 5
 IN NS ns
 IN MX 10 mail
 IN TXT \"fuzz\"
ns IN A 192.0.2.1
ns IN AAAA 2001:db8::1
mail IN A 192.0.2.2
shop IN CNAME web
broken IN CNAME nosuch
away IN CNAME www.example.com.
tolapsed IN CNAME lapsing
one IN CNAME two
two IN CNAME one
start IN CNAME middle
middle IN CNAME below.deep
*.apps IN A 192.0.2.3
*.wild.apps IN CNAME shop
deep IN NS ns.deep
deep IN NS ns.example.com.
ns.deep IN A 192.0.2.4
web IN TXT \"beside the hosts\"
web 3 IN A 192.0.2.5
lapsing IN TXT \"stays\"
x.y.z IN TXT \"below empty non-terminals\"
old IN SRV 1 2 3 mail
caa IN CAA 0 issue \"ca.example\"
odd IN TYPE65400 \\# 3 010203
wide IN TXT \"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\"
";
const OTHER_ZONE: &str = "$TTL 60
@ IN SOA ns.service.local. hostmaster 1 4h 1h 1w 60
@ IN NS ns.service.local.
www IN A 192.0.2.80
www IN CAA 0 issue \"ca.example\"
* IN MX 5 www
";
const CHILD_ZONE: &str = "$TTL 60
@ IN SOA ns hostmaster 1 4h 1h 1w 60
@ IN NS ns
ns IN A 192.0.2.90
";

/// Names that are there, in part, or would be if the grammar were another.
const NAMES: &[&str] = &[
    "",
    "local",
    "service.local",
    "ns.service.local",
    "web.service.local",
    "big.service.local",
    "big.service.local",
    "_big._tcp.service.local",
    "big.default.svc.service.local",
    "medium.service.local",
    "_medium._tcp.service.local",
    "lapsing.service.local",
    "lyft.service.local",
    "db.service.local",
    "beta.service.local",
    "udp.service.local",
    "v1.web.service.local",
    "a.b.web.service.local",
    "b.web.service.local",
    "_web._tcp.service.local",
    "_web._udp.service.local",
    "_web._v1.service.local",
    "_tcp.service.local",
    "_v1.service.local",
    "_http._tcp.web.service.local",
    "_tcp.web.service.local",
    "_admin._udp.web.service.local",
    "addr.service.local",
    "0a000001.addr.service.local",
    "0a010005.addr.service.local",
    "fd000000000000000000000000000001.addr.service.local",
    "ffffffff.addr.service.local",
    "svc.service.local",
    "default.svc.service.local",
    "web.default.svc.service.local",
    "team.svc.service.local",
    "web.team.svc.service.local",
    "_services._dns-sd._udp.service.local",
    "b._dns-sd._udp.service.local",
    "a._web._tcp.service.local",
    "a._pin._zone.web.service.local",
    "shop.service.local",
    "broken.service.local",
    "away.service.local",
    "tolapsed.service.local",
    "one.service.local",
    "start.service.local",
    "apps.service.local",
    "a.apps.service.local",
    "*.apps.service.local",
    "a.wild.apps.service.local",
    "wild.apps.service.local",
    "deep.service.local",
    "ns.deep.service.local",
    "below.deep.service.local",
    "x.y.z.service.local",
    "z.service.local",
    "old.service.local",
    "odd.service.local",
    "mail.service.local",
    "wide.service.local",
    "child.service.local",
    "ns.child.service.local",
    "nosuch.child.service.local",
    "example.org",
    "www.example.org",
    "any.example.org",
    "a.any.example.org",
    "www.example.com",
    "1.0.0.10.in-addr.arpa",
    "1.0.0.127.in-addr.arpa",
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa",
    "consul",
    "web.service.consul",
    "big.service.dc1.consul",
    "a.b.web.service.consul",
    "_web._v1.service.consul",
    "_big._tcp.dc1.consul",
    "addr.consul",
    "0a000001.addr.dc1.consul",
    "node.consul",
    "n1.node.consul",
    "far.node.dc1.consul",
    "n2.far.node.dc1.consul",
    "nodal.service.consul",
    "_nodal._tcp.service.consul",
    "web.query.consul",
    "web.service.local.default.svc.cluster.local",
    "web.default.svc.cluster.local",
    "dns-version.cluster.local",
    "version.bind",
    "id.server",
];

/// The names to ask about, as octets.
pub(crate) fn names() -> Vec<Vec<u8>> {
    NAMES.iter().map(|name| wire_name(name)).collect()
}

/// A server with hosts.
pub(crate) async fn start() -> TestServer {
    let zones = [
        ("service.local.zone", SERVICE_ZONE),
        ("example.org.zone", OTHER_ZONE),
        ("child.service.local.zone", CHILD_ZONE),
    ];
    let zones = zones.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let server = TestServer::with("", &zones).await;
    fill(server.http).await;
    fill_nodes(&server).await;
    server
}

async fn fill(http: SocketAddr) {
    for number in 1..=9 {
        let ttl = if number % 2 == 0 { format!(r#","ttl":"{}s""#, 2 * number) } else { String::new() };
        let tags = [r#"["v1"]"#, r#"["a.b","v1"]"#, "[]"][number % 3];
        let host = format!(
            r#"{{"addresses":["10.0.0.{number}","fd00::{number}"],"weight":{number},"tags":{tags}{ttl},"meta":{{"k":"v"}},"zone":"az{number}",
            "ports":[{{"port":80}},{{"name":"http","port":8080}},{{"name":"admin","protocol":"udp","port":53}}]}}"#
        );
        put(http, &format!("/v1/hosts/web/h{number}"), &host).await;
    }
    // Two hosts on one address, one of them with others beside it.
    put(http, "/v1/hosts/web/twin", r#"{"addresses":["10.0.0.1","10.0.0.77"],"port":80,"ttl":"9s"}"#).await;
    put(http, "/v1/hosts/web/far", r#"{"address":"10.0.3.1","port":80,"namespace":"team"}"#).await;
    put(http, "/v1/hosts/db/name", r#"{"address":"db.example.com","port":5432}"#).await;
    put(http, "/v1/hosts/db/number", r#"{"address":"10.0.4.1","port":5432,"ttl":"7s"}"#).await;
    put(http, "/v1/hosts/udp/a", r#"{"address":"fd00::5:1","ports":[{"port":53,"protocol":"udp"}]}"#).await;
    put(http, "/v1/hosts/lapsing/a", r#"{"address":"10.0.6.1","port":1,"ttl":"3s"}"#).await;
    put(http, "/v1/hosts/beta/a", r#"{"address":"10.0.7.1","ttl":"5s"}"#).await;
    // A set that fits a datagram, with addresses that do not.
    for number in 0..14 {
        let host = format!(r#"{{"addresses":["10.2.0.{number}","fd00::2:{number:x}"],"port":80}}"#);
        put(http, &format!("/v1/hosts/medium/h{number}"), &host).await;
    }
    for number in 0..300 {
        let (high, low) = (number / 250, number % 250);
        let host = format!(r#"{{"addresses":["10.1.{high}.{low}","fd00::1:{number:x}"],"port":{}}}"#, 8000 + number);
        put(http, &format!("/v1/hosts/big/h{number}"), &host).await;
    }
    let form = "ip=10.0.8.1&port=80&revision=a&tags=%7B%22az%22%3A%22a%22%2C%22instance_id%22%3A%22i%22%2C%22region%22%3A%22r%22%7D";
    assert_eq!(call(http, "POST", "/v1/registration/lyft", form).await.status, 200);
}

/// Nodes, the first of them the server, and hosts of Consul's dialect on them; one node is nobody's.
async fn fill_nodes(server: &TestServer) {
    for (name, addresses) in [("n1", &["10.3.0.1", "fd00::3:1"][..]), ("n2.far", &["10.3.0.2"]), ("n3", &["10.3.0.3"])]
    {
        let key = node_key(name, name == "n1").expect("a node");
        let target = Target::parse("address", addresses.iter().copied()).expect("addresses");
        let mut registration = Registration::new(key.service, key.dialect, key.id, target.clone());
        registration.meta = parse_meta("meta", [("rack", "a"), ("rfc1035-b", &"x".repeat(300))]).expect("pairs");
        submit(server, registration).await;
        for number in 0..9 {
            let node = if name == "n1" { "" } else { name };
            let id = Standing { node, id: &format!("nodal-{number}") }.to_id("id").expect("an id");
            let service = ServiceName::parse("service", "nodal").expect("a name");
            let mut registration = Registration::new(service, Dialect::Consul, id, target.clone());
            registration.at_node = number < 8;
            registration.ports = [Port::tcp(8000 + number / 2)].into_iter().collect();
            submit(server, registration).await;
        }
    }
    let gone = node_key("n3", false).expect("a node");
    server.registry.submit(Event::Deregister(gone)).await.expect("it was there");
}

async fn submit(server: &TestServer, registration: Registration) {
    server.registry.submit(Event::Register(Box::new(registration))).await.expect("accepted");
}

async fn put(http: SocketAddr, path: &str, body: &str) {
    let reply = call(http, "PUT", path, body).await;
    assert_eq!(reply.status, 201, "{path} {body}: {}", reply.body);
}
