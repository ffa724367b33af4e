//! What objects are called, what is in them, and their bounds.

use std::collections::BTreeSet;

use super::*;

/// Every pod and every slice of a list is found by its name, and no two have one.
#[tokio::test]
async fn whatever_is_listed_is_found_by_its_name() {
    let server = Server::new();
    let long = "x".repeat(250);
    for (service, id) in [
        ("web", "a"),
        ("web", "web"),
        ("web", "web-1"),
        ("web", "webber"),
        ("web", "a-b"),
        ("web-a", "b"),
        ("web", "10.0.0.1"),
        ("web", "A b/c_d"),
        ("web", "-.-"),
        ("web", long.as_str()),
        ("web-ipv4", "0"),
        ("Web", "a"),
        ("my service", "é"),
        ("rollcall", "a"),
        ("a.b", "c"),
        (long.as_str(), long.as_str()),
    ] {
        server.register(service, id, "10.0.0.1", &[]).await;
    }
    for (path, count) in [("/api/v1/pods", 16), ("/apis/discovery.k8s.io/v1/endpointslices", 7)] {
        let list = server.get(path).await;
        let names: BTreeSet<&str> = names_of(&list).into_iter().collect();
        assert_eq!((names.len(), names_of(&list).len()), (count, count), "{names:?}");
        for item in list["items"].as_array().expect("a list") {
            let name = item["metadata"]["name"].as_str().expect("a name");
            let escaped = name.replace(' ', "%20");
            let one = path
                .replace("/pods", "/namespaces/default/pods")
                .replace("/endpointslices", "/namespaces/default/endpointslices");
            assert_eq!(server.get(&format!("{one}/{escaped}")).await, *item, "{name}");
        }
    }
    for name in ["web-a-00000000", "web-a", "a", "rollcall-00000000", "-", "web-a-zzzzzzzz"] {
        assert_eq!(server.call("GET", &format!("/api/v1/namespaces/default/pods/{name}")).await.status, 404, "{name}");
    }
}

#[tokio::test]
async fn names_of_pods_can_be_names() {
    let server = Server::new();
    for id in ["a", "A b/c_d", "-.-", "10.0.0.1", "a..b", "-a-.-b-"] {
        server.register("web", id, "10.0.0.1", &[]).await;
    }
    let list = server.get("/api/v1/pods").await;
    for name in names_of(&list) {
        let fits = name.split('.').all(crate::table::is_label) && !name.bytes().any(|octet| octet.is_ascii_uppercase());
        assert!(fits, "{name}");
    }
}

/// The slices of many hosts: each within its bound, all hosts once, and one more host changes one of them.
#[tokio::test]
async fn slices_are_parts_that_stay() {
    let server = Server::new();
    let host = |number: usize| (format!("h{number}"), format!("10.0.{}.{}", number / 250, number % 250 + 1));
    for number in 0..450 {
        let (id, address) = host(number);
        server.register("web", &id, &address, &[]).await;
    }
    let path = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
    let parts = |list: &Value| -> std::collections::BTreeMap<String, Vec<String>> {
        let items = list["items"].as_array().expect("a list").iter();
        items
            .map(|item| {
                let endpoints = item["endpoints"].as_array().expect("endpoints").iter();
                let addresses = endpoints.map(|endpoint| endpoint["addresses"][0].as_str().expect("text").to_owned());
                (item["metadata"]["name"].as_str().expect("a name").to_owned(), addresses.collect())
            })
            .collect()
    };
    let before = parts(&server.get(path).await);
    assert!(before.len() > 4, "{before:?}");
    assert!(before.values().all(|part| part.len() <= limits::KUBERNETES_SLICE_ENDPOINTS));
    let all: BTreeSet<&String> = before.values().flatten().collect();
    assert_eq!((all.len(), before.values().flatten().count()), (450, 450));
    server.remove("web", "h7").await;
    let after = parts(&server.get(path).await);
    let changed = before.iter().filter(|(name, part)| after.get(*name) != Some(part)).count();
    assert!(changed <= 2, "{changed} parts are others");
}

#[tokio::test]
async fn endpoints_end_at_their_bound_and_say_so() {
    let server = Server::new();
    for number in 0..=limits::KUBERNETES_ENDPOINTS {
        server.register("web", &number.to_string(), &format!("10.{}.0.{}", number / 250, number % 250 + 1), &[]).await;
    }
    let path = "/api/v1/namespaces/default/endpoints/web";
    let endpoints = server.get(path).await;
    assert_eq!(addresses(&endpoints).len(), limits::KUBERNETES_ENDPOINTS);
    assert_eq!(endpoints["metadata"]["annotations"]["endpoints.kubernetes.io/over-capacity"], "truncated");
    server.remove("web", "7").await;
    let endpoints = server.get(path).await;
    assert_eq!(addresses(&endpoints).len(), limits::KUBERNETES_ENDPOINTS);
    assert_eq!(endpoints["metadata"]["annotations"], Value::Null);
}

#[tokio::test]
async fn labels_are_what_hosts_agree_on() {
    let server = Server::new();
    server.register("web", "a", "10.0.0.1", &["tier=front", "env=prod", "v1", "=x", "bad key=x", "k=bad value"]).await;
    server.register("web", "b", "10.0.0.2", &["tier=front", "env=test", "only=b"]).await;
    let service = server.get("/api/v1/namespaces/default/services/web").await;
    assert_eq!(service["metadata"]["labels"], json!({"app": "web", "tier": "front", "only": "b"}));
    let pods = server.get("/api/v1/pods?labelSelector=env%3Dprod").await;
    assert_eq!(pods["items"][0]["metadata"]["labels"], json!({"app": "web", "env": "prod", "tier": "front"}));
    server.register("web", "b", "10.0.0.2", &["app=other"]).await;
    let service = server.get("/api/v1/namespaces/default/services/web").await;
    assert_eq!(service["metadata"]["labels"]["app"], "other", "one says it, and none says another");
    server.register("web", "c", "10.0.0.3", &["app=third"]).await;
    let service = server.get("/api/v1/namespaces/default/services/web").await;
    assert_eq!(service["metadata"]["labels"]["app"], Value::Null);
}
