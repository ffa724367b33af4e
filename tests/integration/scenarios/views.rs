//! Whom each view of a service has for healthy: DNS in every zone, and every API.

use serde_json::Value;

use crate::support::TestServer;
use crate::support::dns::Ask;
use crate::support::http;

/// The views over HTTP: a name, and the call with `{}` for the service.
const CALLS: [(&str, &str, &str); 8] = [
    ("native", "GET /v1/hosts/{}?served", ""),
    ("consul", "GET /v1/health/service/{}?passing", ""),
    ("lyft", "GET /v1/registration/{}", ""),
    ("minos", "GET /endpoints", ""),
    ("endpoints", "GET /api/v1/namespaces/default/endpoints/{}", ""),
    ("slices", "GET /apis/discovery.k8s.io/v1/endpointslices?labelSelector=kubernetes.io/service-name={}", ""),
    ("envoy", "POST /v3/discovery:endpoints", r#"{"resource_names":["{}"]}"#),
    ("prometheus", "GET /v1/prometheus/sd?service={}&passing", ""),
];

/// A line a view, with the addresses of the hosts that it has for healthy, and the revision that all of them are of.
pub(super) async fn views(server: &TestServer, service: &str) -> Vec<String> {
    let before = revision(server).await;
    let mut lines = Vec::new();
    for zone in ["service.local", "default.svc.cluster.local", "service.consul"] {
        let reply = Ask::new(&format!("{service}.{zone}"), "A").of(server.dns).await.lines();
        let records = reply.iter().filter_map(|line| line.trim().split_once(" IN A ").map(|(_, address)| address));
        lines.push(line(&format!("{service}.{zone}"), records.map(str::to_owned).collect()));
    }
    for (name, call, body) in CALLS {
        let (call, body) = (call.replace("{}", service), body.replace("{}", service));
        let (method, path) = call.split_once(' ').expect("a method and a path");
        let reply = http::call(server.http, method, path, &body).await;
        let answer: Value = serde_json::from_str(&reply.body).expect("JSON");
        lines.push(line(name, healthy(name, service, &answer)));
    }
    assert_eq!(before, revision(server).await, "nothing has changed meanwhile");
    lines
}

async fn revision(server: &TestServer) -> Value {
    http::call(server.http, "GET", "/v1/services", "").await.json()["revision"].clone()
}

fn line(view: &str, mut addresses: Vec<String>) -> String {
    addresses.sort_unstable();
    format!("{view}: {}", addresses.join(" ")).trim_end().to_owned()
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

fn each(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The addresses in an answer that it calls healthy.
fn healthy(view: &str, service: &str, answer: &Value) -> Vec<String> {
    match view {
        "native" => each(&answer["hosts"]).map(|host| text(&host["addresses"][0])).collect(),
        "consul" => each(answer).map(|entry| text(&entry["Service"]["Address"])).collect(),
        "lyft" => each(&answer["hosts"]).map(|host| text(&host["ip_address"])).collect(),
        "minos" => each(answer)
            .filter(|host| host["name"] == service && host["status"] == true)
            .map(|host| text(&host["address"]))
            .collect(),
        "endpoints" => each(&answer["subsets"])
            .flat_map(|subset| each(&subset["addresses"]))
            .map(|address| text(&address["ip"]))
            .collect(),
        "slices" => each(&answer["items"])
            .flat_map(|slice| each(&slice["endpoints"]))
            .filter(|endpoint| endpoint["conditions"]["ready"] == true)
            .map(|endpoint| text(&endpoint["addresses"][0]))
            .collect(),
        "envoy" => each(&answer["resources"][0]["endpoints"])
            .flat_map(|locality| each(&locality["lb_endpoints"]))
            .filter(|endpoint| endpoint["health_status"] == "HEALTHY")
            .map(|endpoint| text(&endpoint["endpoint"]["address"]["socket_address"]["address"]))
            .collect(),
        _ => each(answer)
            .flat_map(|group| each(&group["targets"]))
            .map(|target| text(target).rsplit_once(':').expect("a port").0.to_owned())
            .collect(),
    }
}
