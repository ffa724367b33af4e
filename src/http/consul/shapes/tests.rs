use super::*;
use crate::http::consul::filter::{Filter, schema};

fn pairs(pairs: &[(&'static str, &'static str)]) -> Pairs<'static> {
    Pairs(pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect())
}

fn node() -> Node<'static> {
    Node {
        id: "d0c4a5e6-0001-4d3a-8f5b-7c1c2b0a9e10".into(),
        node: "n1".into(),
        address: "10.0.0.1".into(),
        datacenter: "dc1".into(),
        tagged_addresses: pairs(&[("wan", "10.0.0.1"), ("lan", "10.0.0.1")]),
        meta: pairs(&[("consul-network-segment", "")]),
        create_index: 5,
        modify_index: 7,
    }
}

fn service() -> NodeService<'static> {
    NodeService {
        id: "web-1".into(),
        service: "web".into(),
        tags: vec!["v1".into(), "/users".into()],
        address: "10.0.0.2".into(),
        tagged_addresses: TaggedAddresses(
            [("lan_ipv4".into(), ServiceAddress { address: "10.0.0.2".into(), port: 80 })].into(),
        ),
        meta: pairs(&[("a b", "2")]),
        port: 80,
        weights: Weights { passing: 10, warning: 0 },
        create_index: 8,
        modify_index: 9,
        ..NodeService::default()
    }
}

fn check() -> HealthCheck<'static> {
    HealthCheck {
        node: "n1".into(),
        check_id: "service:web-1".into(),
        name: "Service 'web' check".into(),
        status: "passing".into(),
        output: "ok".into(),
        service_id: "web-1".into(),
        service_name: "web".into(),
        service_tags: vec!["v1".into()],
        r#type: "ttl".into(),
        interval: "0s".into(),
        timeout: "0s".into(),
        create_index: 8,
        modify_index: 8,
        ..HealthCheck::default()
    }
}

fn json(row: &impl Serialize) -> String {
    serde_json::to_string(row).expect("JSON")
}

const NODE: &str = r#"{"ID":"d0c4a5e6-0001-4d3a-8f5b-7c1c2b0a9e10","Node":"n1","Address":"10.0.0.1","Datacenter":"dc1","TaggedAddresses":{"lan":"10.0.0.1","wan":"10.0.0.1"},"Meta":{"consul-network-segment":""},"CreateIndex":5,"ModifyIndex":7}"#;
const SERVICE: &str = r#"{"ID":"web-1","Service":"web","Tags":["v1","/users"],"Address":"10.0.0.2","TaggedAddresses":{"lan_ipv4":{"Address":"10.0.0.2","Port":80}},"Meta":{"a b":"2"},"Port":80,"Weights":{"Passing":10,"Warning":0},"EnableTagOverride":false,"Proxy":{"Mode":"","MeshGateway":{},"Expose":{}},"Connect":{},"PeerName":"","CreateIndex":8,"ModifyIndex":9}"#;
const CHECK: &str = r#"{"Node":"n1","CheckID":"service:web-1","Name":"Service 'web' check","Status":"passing","Notes":"","Output":"ok","ServiceID":"web-1","ServiceName":"web","ServiceTags":["v1"],"Type":"ttl","Interval":"0s","Timeout":"0s","ExposedPort":0,"Definition":{},"CreateIndex":8,"ModifyIndex":8}"#;

#[test]
fn a_service_entry_is_a_node_a_service_and_checks() {
    assert_eq!(json(&node()), NODE);
    assert_eq!(json(&service()), SERVICE);
    assert_eq!(json(&check()), CHECK);
    let entry = ServiceEntry { node: node(), service: service(), checks: vec![check()] };
    assert_eq!(json(&entry), format!(r#"{{"Node":{NODE},"Service":{SERVICE},"Checks":[{CHECK}]}}"#));
}

#[test]
fn what_a_bare_service_has_not_is_left_out_or_empty() {
    assert_eq!(
        json(&NodeService { id: "a".into(), service: "a".into(), ..NodeService::default() }),
        r#"{"ID":"a","Service":"a","Tags":[],"Address":"","Meta":{},"Weights":{"Passing":1,"Warning":1},"EnableTagOverride":false,"Proxy":{"Mode":"","MeshGateway":{},"Expose":{}},"Connect":{},"PeerName":"","CreateIndex":0,"ModifyIndex":0}"#
    );
    assert_eq!(
        json(&AgentService {
            id: "a".into(),
            service: "a".into(),
            datacenter: "dc1".into(),
            ..AgentService::default()
        }),
        r#"{"ID":"a","Service":"a","Tags":[],"Meta":{},"Port":0,"Address":"","Weights":{"Passing":1,"Warning":1},"EnableTagOverride":false,"Datacenter":"dc1"}"#
    );
    assert_eq!(
        json(&CatalogService::default()),
        r#"{"ID":"","Node":"","Address":"","Datacenter":"","TaggedAddresses":{},"NodeMeta":{},"ServiceKind":"","ServiceID":"","ServiceName":"","ServiceTags":[],"ServiceAddress":"","ServiceWeights":{"Passing":1,"Warning":1},"ServiceMeta":{},"ServicePort":0,"ServiceSocketPath":"","ServiceEnableTagOverride":false,"ServiceProxy":{"Mode":"","MeshGateway":{},"Expose":{}},"ServiceConnect":{},"CreateIndex":0,"ModifyIndex":0}"#
    );
    assert_eq!(json(&NodeServices::default()), r#"{"Node":null,"Services":null}"#);
    let catalog = CatalogNode { node: node(), services: [("web-1".into(), service())].into() };
    assert_eq!(json(&catalog), format!(r#"{{"Node":{NODE},"Services":{{"web-1":{SERVICE}}}}}"#));
}

/// Every name of a schema finds the value that the JSON shows under it.
#[test]
fn filters_see_what_the_answer_shows() {
    let entry = ServiceEntry { node: node(), service: service(), checks: vec![check(), HealthCheck::default()] };
    let rows = [
        (
            r#"Node.Node == n1 and Node.ID matches "^d0c4" and Node.Address == "10.0.0.1" and Node.Datacenter == dc1"#,
            true,
        ),
        ("Node.TaggedAddresses.lan == `10.0.0.1` and `consul-network-segment` in Node.Meta", true),
        (r#"Service.Meta["a b"] == 2 and "/users" in Service.Tags and Service.Port == 80"#, true),
        ("Service.Weights.Passing == 10 and Service.Weights.Warning == 0 and Service.ID == `web-1`", true),
        ("Service.TaggedAddresses.lan_ipv4.Port == 80 and Service.EnableTagOverride == false", true),
        ("Service.Proxy.Mode == `` and Service.Proxy.Upstreams is empty and Service.Connect.Native != true", true),
        ("Checks.Status == passing and Checks.Status != passing", true),
        ("Checks.Type == ttl and Checks.CheckID == `service:web-1` and Checks.Interval == `0s`", true),
        ("v1 in Checks.ServiceTags and Checks.ExposedPort == 0 and Checks.Output contains k", true),
        ("Checks is empty or Service.Service != web or Node.PeerName != ``", false),
    ];
    for (expression, fits) in rows {
        let filter = Filter::compile(expression, schema::SERVICE_ENTRY).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(filter.fits(&entry), fits, "{expression}");
    }
    let flat = CatalogService {
        service_name: "web".into(),
        service_tags: vec!["v1".into()],
        service_meta: pairs(&[("k", "v")]),
        service_port: 80,
        ..CatalogService::default()
    };
    let filter = "ServiceName == web and v1 in ServiceTags and ServiceMeta.k == v and ServicePort == 80 and ServiceWeights.Passing == 1";
    let filter = Filter::compile(filter, schema::CATALOG_SERVICE).expect("a filter");
    assert!(filter.fits(&flat) && !filter.fits(&CatalogService::default()));
    let filter = Filter::compile("Service == web or Port == 81", schema::SERVICE).expect("a filter");
    assert!(filter.fits(&AgentService { port: 81, ..AgentService::default() }));
    assert!(filter.fits(&service()));
}
