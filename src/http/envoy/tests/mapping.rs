//! Hosts to endpoints: where they stand, what is left out, what is put right.

use super::*;
use crate::table::{Dialect, Event, HostId, Port, Registration, ServiceName, Target};

#[tokio::test]
async fn a_host_is_an_endpoint_in_its_place() {
    let world = World::new();
    world
        .host("web", "a", json!({"address": "10.0.0.1", "port": 80, "zone": "az-a", "region": "r", "weight": 7}))
        .await;
    world.host("web", "b", json!({"address": "10.0.0.2", "port": 80, "zone": "az-b", "priority": 20})).await;
    world.host("web", "c", json!({"address": "10.0.0.3", "port": 80, "priority": 20})).await;
    world
        .host("web", "d", json!({"address": "10.0.0.4", "port": 80, "zone": "az-a", "region": "r", "priority": 7}))
        .await;
    assert_eq!(
        world.endpoints("web").await,
        [
            "0 az-a 10.0.0.1:80 HEALTHY 7",
            "1 az-a 10.0.0.4:80 HEALTHY 1",
            "2 - 10.0.0.3:80 HEALTHY 1",
            "2 az-b 10.0.0.2:80 HEALTHY 1",
        ]
    );
    let answer = world.poll(&["web"]).await;
    assert_eq!(
        answer["resources"][0]["endpoints"][0],
        json!({
            "locality": {"region": "r", "zone": "az-a"}, "priority": 0, "load_balancing_weight": 7,
            "lb_endpoints": [{
                "endpoint": {"address": {"socket_address": {"address": "10.0.0.1", "port_value": 80}}},
                "health_status": "HEALTHY", "load_balancing_weight": 7,
            }],
        })
    );
}

#[tokio::test]
async fn what_is_not_served_says_why() {
    let world = World::new();
    for id in ["a", "b", "c", "d"] {
        let address = format!("10.0.0.{}", id.as_bytes()[0]);
        world
            .host("web", id, json!({"address": address, "port": 80, "ttl": if id == "d" { "5s" } else { "60s" }}))
            .await;
    }
    world.host("web", "b/health", json!({"status": "critical"})).await;
    world.host("web", "c/drain", json!({"enable": true})).await;
    let (a, b, c) = ("0 - 10.0.0.97:80 HEALTHY 1", "0 - 10.0.0.98:80 UNHEALTHY 1", "0 - 10.0.0.99:80 DRAINING 1");
    assert_eq!(world.endpoints("web").await, ["0 - 10.0.0.97:80 HEALTHY 1", b, c, "0 - 10.0.0.100:80 HEALTHY 1"]);
    world.host("web", "a/health", json!({"status": "warning"})).await;
    world.app.registry.clock().advance(Duration::from_secs(5));
    assert_eq!(
        world.endpoints("web").await,
        [a, b, c],
        "a lease that has ended is in no answer, whatever the timer did"
    );
}

#[tokio::test]
async fn what_envoy_would_reject_is_left_out_or_put_right() {
    let world = World::new();
    world.host("web", "name", json!({"address": "db.example.com", "port": 80})).await;
    world.host("web", "no-port", json!({"address": "10.0.0.1"})).await;
    world.host("web", "sctp", json!({"address": "10.0.0.2", "ports": [{"port": 1, "protocol": "sctp"}]})).await;
    world.host("web", "six", json!({"addresses": ["fd00::1", "10.0.0.3"], "port": 65535})).await;
    world.host("web", "udp", json!({"address": "10.0.0.4", "ports": [{"port": 53, "protocol": "udp"}]})).await;
    let capital = json!({"Name": "WEB", "ID": "Capital", "Address": "10.0.0.5", "Port": 80});
    world.call("PUT", "/v1/agent/service/register", &capital, 200).await;
    let zero = json!({
        "Name": "web", "ID": "zero", "Address": "10.0.0.6", "Port": 80, "Weights": {"Passing": 1, "Warning": 0},
        "Check": {"TTL": "60s", "Status": "warning"},
    });
    world.call("PUT", "/v1/agent/service/register", &zero, 200).await;
    assert!(world.app.registry.snapshot().hosts.iter().any(|host| host.weight == 0));
    let found = world.endpoints("web").await;
    assert_eq!(found, ["0 - 10.0.0.5:80 HEALTHY 1", "0 - 10.0.0.6:80 HEALTHY 1", "0 - fd00::1:65535 HEALTHY 1",]);
    let answer = world.poll(&["web"]).await;
    let endpoints = &answer["resources"][0]["endpoints"][0]["lb_endpoints"];
    let more = json!([{"address": {"socket_address": {"address": "10.0.0.3", "port_value": 65535}}}]);
    assert_eq!(endpoints[2]["endpoint"]["additional_addresses"], more);
}

#[tokio::test]
async fn one_address_and_port_is_one_endpoint_the_better_one() {
    let world = World::new();
    world.host("web", "a", json!({"address": "10.0.0.1", "port": 80, "zone": "x"})).await;
    world.host("web", "b", json!({"address": "10.0.0.1", "port": 80, "zone": "y"})).await;
    world.host("web", "c", json!({"address": "10.0.0.1", "port": 81, "zone": "y"})).await;
    assert_eq!(world.endpoints("web").await, ["0 x 10.0.0.1:80 HEALTHY 1", "0 y 10.0.0.1:81 HEALTHY 1"]);
    world.host("web", "a/health", json!({"status": "critical"})).await;
    assert_eq!(world.endpoints("web").await, ["0 y 10.0.0.1:80 HEALTHY 1", "0 y 10.0.0.1:81 HEALTHY 1"]);
    world.host("web", "b/drain", json!({"enable": true})).await;
    assert_eq!(world.endpoints("web").await, ["0 y 10.0.0.1:80 DRAINING 1", "0 y 10.0.0.1:81 HEALTHY 1"]);
}

#[tokio::test]
async fn ports_and_namespaces_are_chosen_by_the_name() {
    let world = World::new();
    let ports = json!([{"name": "dns", "port": 53, "protocol": "udp"}, {"name": "http", "port": 80}, {"name": "admin", "port": 81}]);
    world.host("web", "a", json!({"address": "10.0.0.1", "ports": ports})).await;
    world.host("web", "b", json!({"address": "10.0.0.2", "port": 82, "namespace": "prod"})).await;
    for (name, found) in [
        ("web", Some("10.0.0.1:80")),
        ("web:admin", Some("10.0.0.1:81")),
        ("WEB:Admin", Some("10.0.0.1:81")),
        ("web:dns", Some("10.0.0.1:53")),
        ("default/web", Some("10.0.0.1:80")),
        ("prod/web", Some("10.0.0.2:82")),
        ("prod/web:admin", None),
        ("web:none", None),
        ("test/web", None),
        ("web.prod", None),
    ] {
        let endpoints = world.endpoints(name).await;
        let expected = found.map(|found| vec![format!("0 - {found} HEALTHY 1")]).unwrap_or_default();
        assert_eq!(endpoints, expected, "{name}");
    }
    let udp = world.poll(&["web:dns"]).await["resources"][0]["endpoints"][0]["lb_endpoints"][0].take();
    assert_eq!(udp["endpoint"]["address"]["socket_address"]["protocol"], "UDP");
}

#[tokio::test]
async fn pairs_and_tags_are_metadata_for_subsets() {
    let world = World::new();
    let tags = json!(["canary", "version=2", "k=tag", "=x", "v1"]);
    let meta = json!({"k": "pair", "instance_id": "i-1"});
    world.host("a", "a", json!({"address": "10.0.0.1", "port": 80, "tags": tags, "meta": meta})).await;
    world.host("b", "b", json!({"address": "10.0.0.1", "port": 80})).await;
    let large: Vec<String> = (0..60).map(|number| format!("{number}{}", "x".repeat(500))).collect();
    world.host("c", "c", json!({"address": "10.0.0.1", "port": 80, "tags": large, "meta": {"k": "v"}})).await;
    let lyft = "ip=10.0.0.1&port=80&revision=abc&tags={\"az\":\"az-a\",\"region\":\"r\",\"instance_id\":\"i\",\"canary\":true,\"load_balancing_weight\":9}";
    let request = Request::post("/v1/registration/d").header("content-type", "application/x-www-form-urlencoded");
    let status = world.send(request.body(Body::from(lyft)).expect("a request")).await.status();
    assert_eq!(status, 200);
    let answer = world.poll(&["a", "b", "c", "d"]).await;
    let endpoint = |number: usize| &answer["resources"][number]["endpoints"][0]["lb_endpoints"][0];
    let filters = |number: usize| &endpoint(number)["metadata"]["filter_metadata"]["envoy.lb"];
    assert_eq!(
        *filters(0),
        json!({"canary": true, "version": "2", "k": "pair", "=x": true, "v1": true, "instance_id": "i-1"})
    );
    assert_eq!(endpoint(1)["metadata"], Value::Null);
    let octets: usize = filters(2).as_object().expect("an object").keys().map(String::len).sum();
    assert!(octets > limits::EDS_METADATA_OCTETS / 2 && octets <= limits::EDS_METADATA_OCTETS, "{octets}");
    assert_eq!(*filters(3), json!({"canary": true, "instance_id": "i", "revision": "abc"}));
    assert_eq!(endpoint(3)["load_balancing_weight"], 9);
    assert_eq!(answer["resources"][3]["endpoints"][0]["locality"], json!({"region": "r", "zone": "az-a"}));
}

#[tokio::test]
async fn weights_never_add_up_to_more_than_32_bits() {
    assert_eq!(super::super::assignment::scale(u64::from(u32::MAX)), 1);
    for hosts in [65_538_u64, 100_000, 1_000_000] {
        let scale = super::super::assignment::scale(hosts * 65_535);
        assert!(hosts * (65_535 / scale).max(1) <= u64::from(u32::MAX), "{hosts}: {scale}");
    }
}

#[tokio::test]
async fn so_many_priorities_share_the_last() {
    let world = World::new();
    for priority in 0..140 {
        let host = json!({"address": format!("10.0.0.{priority}"), "port": 80, "priority": priority * 3});
        world.host("web", &priority.to_string(), host).await;
    }
    let answer = world.poll(&["web"]).await;
    let endpoints = answer["resources"][0]["endpoints"].as_array().expect("a list");
    let priorities: Vec<u64> = endpoints.iter().map(|each| each["priority"].as_u64().expect("a number")).collect();
    assert_eq!(priorities, (0..=128).collect::<Vec<u64>>());
    assert_eq!(endpoints[128]["lb_endpoints"].as_array().expect("a list").len(), 12);
}

#[tokio::test]
async fn a_host_that_was_looked_up_has_its_name() {
    let world = World::new();
    let text = |text: &str| ServiceName::parse("service", text).expect("a name");
    let target =
        Target::parse_name("address", "box-1").expect("a name").resolved(&["10.0.0.1".parse().expect("an address")]);
    let id = HostId::parse("id", "a").expect("an id");
    let host = Registration {
        ports: [Port::tcp(80)].into_iter().collect(),
        ..Registration::new(text("web"), Dialect::Consul, id, target)
    };
    world.app.registry.submit(Event::Register(Box::new(host))).await.expect("is taken");
    let answer = world.poll(&["web"]).await;
    let endpoint = &answer["resources"][0]["endpoints"][0]["lb_endpoints"][0]["endpoint"];
    assert_eq!(
        (&endpoint["hostname"], &endpoint["address"]["socket_address"]["address"]),
        (&json!("box-1"), &json!("10.0.0.1"))
    );
}
