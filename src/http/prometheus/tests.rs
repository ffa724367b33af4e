use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::clock::{Clock, Timestamp};
use crate::http::{Settings, router};
use crate::limits;
use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::registry::{Durability, Registry};
use crate::table::Revision;

fn server(is_loaded: bool) -> (Router, Arc<Registry>) {
    let clock = Arc::new(Clock::manual(Timestamp::from_micros(1_800_000_000_000_000)));
    let registry = Arc::new(Registry::new(clock, crate::zone::Zones::default(), Durability::Immediate));
    if is_loaded {
        registry.load([], Revision::default(), 1);
    }
    let settings = Settings::default();
    let metrics = Arc::new(Metrics::new(&registry));
    let app = App::new(Arc::clone(&registry), Arc::new(settings), metrics, Arc::new(Readiness::ready()));
    (router(app), registry)
}

async fn ask(router: &Router, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let request = Request::builder().method(method).uri(path).body(Body::from(body.to_string())).expect("a request");
    let answer = router.clone().oneshot(request).await.expect("infallible");
    let status = answer.status().as_u16();
    let octets = answer.into_body().collect().await.expect("a whole body").to_bytes();
    (status, serde_json::from_slice(&octets).unwrap_or(Value::Null))
}

async fn register(router: &Router, path: &str, body: Value) {
    let (status, answer) = ask(router, "PUT", path, &body).await;
    assert!(status < 300, "{path}: {answer}");
}

/// The targets of a list, in its order.
async fn targets(router: &Router, query: &str) -> Vec<String> {
    let (status, list) = ask(router, "GET", &format!("/v1/prometheus/sd{query}"), &Value::Null).await;
    assert_eq!(status, 200, "{list}");
    let groups = list.as_array().expect("a list");
    groups.iter().map(|group| group["targets"][0].as_str().expect("text").to_owned()).collect()
}

#[tokio::test]
async fn each_port_is_a_target_with_labels() {
    let (router, _) = server(true);
    let host = json!({
        "address": "10.0.0.1", "ports": [{"name": "http", "port": 80}, {"port": 53, "protocol": "udp"}], "weight": 3,
        "priority": 2, "tags": ["v1", "team=blue", "v-1", "v_1=x"], "meta": {"rack/a": "r1", "rack.a": "r2"}, "zone": "az-a",
        "region": "r", "namespace": "prod",
    });
    register(&router, "/v1/hosts/web/a", host).await;
    let (_, list) = ask(&router, "GET", "/v1/prometheus/sd", &Value::Null).await;
    assert_eq!(list.as_array().map(Vec::len), Some(2));
    assert_eq!(list[1]["targets"], json!(["10.0.0.1:53"]));
    assert_eq!(list[1]["labels"]["__meta_rollcall_protocol"], "udp");
    assert_eq!(
        list[0],
        json!({"targets": ["10.0.0.1:80"], "labels": {
            "__meta_rollcall_service": "web", "__meta_rollcall_id": "a", "__meta_rollcall_namespace": "prod",
            "__meta_rollcall_origin": "native", "__meta_rollcall_address": "10.0.0.1", "__meta_rollcall_port": "80",
            "__meta_rollcall_port_name": "http", "__meta_rollcall_protocol": "tcp", "__meta_rollcall_zone": "az-a",
            "__meta_rollcall_region": "r", "__meta_rollcall_status": "passing", "__meta_rollcall_draining": "false",
            "__meta_rollcall_weight": "3", "__meta_rollcall_priority": "2",
            "__meta_rollcall_tags": ",v1,team=blue,v-1,v_1=x,", "__meta_rollcall_tag_v1": "true",
            "__meta_rollcall_tag_team": "blue", "__meta_rollcall_tag_v_1": "true", "__meta_rollcall_meta_rack_a": "r2",
        }})
    );
}

#[tokio::test]
async fn hosts_are_chosen_as_in_the_native_lists() {
    let (router, registry) = server(true);
    register(&router, "/v1/hosts/web/a", json!({"address": "10.0.0.1", "port": 80, "tags": ["v1"]})).await;
    register(&router, "/v1/hosts/web/b", json!({"address": "fd00::1", "port": 80, "namespace": "prod"})).await;
    register(&router, "/v1/hosts/web/c", json!({"address": "10.0.0.3", "ttl": "30s"})).await;
    register(&router, "/v1/hosts/db/a", json!({"address": "db.example.com", "port": 5432})).await;
    register(&router, "/v1/hosts/web/a/health", json!({"status": "critical"})).await;
    let all = ["db.example.com:5432", "10.0.0.1:80", "[fd00::1]:80", "10.0.0.3"];
    assert_eq!(targets(&router, "").await, all);
    assert_eq!(targets(&router, "?passing").await, ["db.example.com:5432", "[fd00::1]:80", "10.0.0.3"]);
    assert_eq!(targets(&router, "?service=WEB&tag=v1").await, ["10.0.0.1:80"]);
    assert_eq!(targets(&router, "?service=web&namespace=prod").await, ["[fd00::1]:80"]);
    assert!(targets(&router, "?service=none").await.is_empty());
    registry.clock().advance(Duration::from_secs(30));
    assert_eq!(targets(&router, "").await, all[..3], "no host past its lease");
    let (status, problem) = ask(&router, "GET", "/v1/prometheus/sd?index=1", &Value::Null).await;
    assert_eq!((status, &problem["field"]), (400, &json!("index")));
}

#[tokio::test]
async fn a_table_of_many_hosts_is_one_list() {
    let (router, _) = server(true);
    for number in 0..300 {
        let address = format!("10.0.{}.{}", number / 200, number % 200 + 1);
        register(&router, &format!("/v1/hosts/web/{number:03}"), json!({"address": address, "port": 80})).await;
    }
    let found = targets(&router, "").await;
    assert_eq!((found.len(), found[0].as_str(), found[299].as_str()), (300, "10.0.0.1:80", "10.0.1.100:80"));
    let (_, list) = ask(&router, "GET", "/v1/prometheus/sd", &Value::Null).await;
    assert!(list.to_string().len() > 2 * limits::HTTP_CHUNK_OCTETS, "in pieces");
}

#[tokio::test]
async fn nothing_is_said_before_the_table_is_there() {
    let (router, _) = server(false);
    assert_eq!(ask(&router, "GET", "/v1/prometheus/sd", &Value::Null).await.0, 503);
}
