//! Documents by which clients find the resources.

use axum::http::HeaderMap;
use axum::http::header::HOST;
use serde_json::{Value, json};

use super::resource::Resource;

/// The version that clients are told: they choose by it what to ask for, and this is the last one without lists that are
/// streamed as watches.
const MINOR: &str = "26";

/// Verbs of every resource.
const VERBS: [&str; 3] = ["get", "list", "watch"];

/// `/version`.
pub(super) fn version() -> Value {
    json!({
        "major": "1",
        "minor": MINOR,
        "gitVersion": format!("v1.{MINOR}.0+rollcall-{}", env!("CARGO_PKG_VERSION")),
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "",
        "goVersion": "",
        "compiler": "",
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    })
}

/// `/api`.
pub(super) fn core_versions(headers: &HeaderMap) -> Value {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    json!({
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": host}],
    })
}

/// `/apis`.
pub(super) fn groups() -> Value {
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [group_itself()]})
}

/// `/apis/discovery.k8s.io`.
pub(super) fn group() -> Value {
    let mut group = group_itself();
    group["kind"] = json!("APIGroup");
    group["apiVersion"] = json!("v1");
    group
}

fn group_itself() -> Value {
    let version = json!({"groupVersion": "discovery.k8s.io/v1", "version": "v1"});
    json!({"name": "discovery.k8s.io", "versions": [version], "preferredVersion": version})
}

/// `/api/v1` and `/apis/discovery.k8s.io/v1`: the resources of a group.
pub(super) fn resources(group: &str) -> Value {
    let of_group = Resource::ALL.into_iter().filter(|resource| resource.group() == group);
    let resource = |resource: Resource| {
        let mut known = json!({
            "name": resource.plural(),
            "singularName": "",
            "namespaced": resource.is_namespaced(),
            "kind": resource.kind(),
            "verbs": VERBS,
        });
        if !resource.short_names().is_empty() {
            known["shortNames"] = json!(resource.short_names());
        }
        known
    };
    json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") },
        "resources": of_group.map(resource).collect::<Vec<Value>>(),
    })
}
