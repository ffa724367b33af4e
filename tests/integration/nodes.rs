//! Nodes of Consul's catalog and hosts on them, over real sockets; their rows are put into the table directly.

use rollcall::table::{
    CheckDefinition, Dialect, Event, HostKey, Port, Registration, ServiceName, Standing, Status, Target, Weights,
    node_key, parse_meta,
};

use crate::support::TestServer;
use crate::support::dns::Ask;
use crate::support::http::call;

async fn submit(server: &TestServer, registration: Registration) {
    server.registry.submit(Event::Register(Box::new(registration))).await.expect("accepted");
}

fn target(addresses: &[&str]) -> Target {
    Target::parse("address", addresses.iter().copied()).expect("addresses")
}

async fn node(server: &TestServer, name: &str, addresses: &[&str], status: Status) {
    let HostKey { service, dialect, id } = node_key(name, name == "n1").expect("a node");
    let check = CheckDefinition { status: Some(status), ..CheckDefinition::new("serfHealth".into(), None) };
    let registration = Registration {
        meta: parse_meta("meta", [("rack", "a=1"), ("rfc1035-note", "as it is")]).expect("pairs"),
        checks: Some(vec![check]),
        ..Registration::new(service, dialect, id, target(addresses))
    };
    submit(server, registration).await;
}

async fn host(server: &TestServer, node: &str, id: &str, address: Result<&str, &str>) {
    let (address, at_node) = match address {
        Ok(own) => (own, false),
        Err(of_node) => (of_node, true),
    };
    let id = Standing { node, id }.to_id("id").expect("an id");
    let service = ServiceName::parse("service", "web").expect("a name");
    let registration = Registration {
        ports: [Port::tcp(80)].into_iter().collect(),
        weights: Some(Weights { passing: 7, warning: 3 }),
        at_node,
        ..Registration::new(service, Dialect::Consul, id, target(&[address]))
    };
    submit(server, registration).await;
}

/// A server with three nodes and a host on each, one of them at an address of its own.
async fn server() -> TestServer {
    let server = TestServer::with("reverse = [\"10.0.0.0/8\"]", &[]).await;
    node(&server, "n1", &["10.0.0.1", "fd00::1"], Status::Passing).await;
    node(&server, "N2.far", &["10.0.0.2"], Status::Warning).await;
    node(&server, "n3", &["10.0.0.3"], Status::Critical).await;
    host(&server, "", "web-1", Err("10.0.0.1")).await;
    host(&server, "n2.far", "web-1", Err("10.0.0.2")).await;
    host(&server, "n3", "web-3", Err("10.0.0.3")).await;
    host(&server, "n2.far", "web-4", Ok("10.0.9.1")).await;
    server
}

async fn lines(server: &TestServer, name: &str, qtype: &str) -> Vec<String> {
    Ask::new(name, qtype).of(server.dns).await.lines()
}

#[tokio::test]
async fn nodes_and_hosts_on_them_are_in_consuls_zone() {
    let server = server().await;
    assert_eq!(lines(&server, "N2.Far.node.consul", "A").await, ["NOERROR aa", "N2.Far.node.consul. 5 IN A 10.0.0.2"]);
    assert_eq!(lines(&server, "n3.node.dc1.consul", "A").await[1], "n3.node.dc1.consul. 5 IN A 10.0.0.3");
    let texts = lines(&server, "n1.node.consul", "TXT").await;
    assert_eq!(texts[1..], ["n1.node.consul. 5 IN TXT as it is", "n1.node.consul. 5 IN TXT rack=a=1"], "{texts:?}");
    // The node of web-3 is critical, so it is in no answer; that of two others warns, and their weights say so.
    let services = lines(&server, "web.service.consul", "SRV").await;
    assert_eq!(
        services[1..],
        [
            "web.service.consul. 5 IN SRV 1 3 80 0a000901.addr.dc1.consul.",
            "web.service.consul. 5 IN SRV 1 3 80 n2.far.node.dc1.consul.",
            "web.service.consul. 5 IN SRV 1 7 80 n1.node.dc1.consul.",
            "+ 0a000901.addr.dc1.consul. 5 IN A 10.0.9.1",
            "+ n1.node.dc1.consul. 5 IN A 10.0.0.1",
            "+ n1.node.dc1.consul. 5 IN AAAA fd00::1",
            "+ n2.far.node.dc1.consul. 5 IN A 10.0.0.2",
        ]
    );
    assert_eq!(
        lines(&server, "2.0.0.10.in-addr.arpa", "PTR").await[1..],
        [
            "2.0.0.10.in-addr.arpa. 5 IN PTR n2.far.node.dc1.consul.",
            "2.0.0.10.in-addr.arpa. 5 IN PTR web-1.web.default.svc.service.local.",
        ]
    );
    // A node that gets well brings its hosts back.
    node(&server, "n3", &["10.0.0.3"], Status::Passing).await;
    let services = lines(&server, "web.service.consul", "SRV").await.join("\n");
    assert!(services.contains(" 7 80 n3.node.dc1.consul."), "{services}");
}

#[tokio::test]
async fn the_answer_says_which_node() {
    let server = server().await;
    let answer = |name: &'static str| {
        let http = server.http;
        async move { call(http, "GET", &format!("/v1/answer?name={name}"), "").await.json() }
    };
    let found = answer("n3.node.consul").await;
    assert_eq!((&found["node"], &found["service"]), (&"n3".into(), &serde_json::Value::Null));
    let row = &found["hosts"][0];
    assert_eq!((&row["id"], &row["origin"], &row["answered"]), (&"n3".into(), &"node".into(), &true.into()));
    let none = answer("n4.node.dc1.consul").await;
    let nobody = serde_json::Value::Array(vec![]);
    assert_eq!((&none["status"], &none["node"], &none["hosts"]), (&"NXDOMAIN".into(), &"n4".into(), &nobody));
}
