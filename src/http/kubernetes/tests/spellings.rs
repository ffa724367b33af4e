//! Services whose names differ in capitals only: one object here, of the name without.

use super::*;

const SLICES: &str = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";

/// `Order`, `ORDER` and `order`, with services between them in the order of rows; `Zed` alone has capitals.
async fn server() -> Server {
    let server = Server::new();
    for (service, id, address) in [
        ("order", "a", "10.0.0.1"),
        ("Order", "a", "10.0.0.2"),
        ("ORDER", "a", "10.0.0.3"),
        ("Zed", "a", "10.0.1.1"),
        ("Orders", "a", "10.0.1.2"),
        ("api", "a", "10.0.1.3"),
        ("orb", "a", "10.0.1.4"),
        ("web", "a", "10.0.1.5"),
    ] {
        server.register(service, id, address, &[]).await;
    }
    server
}

#[tokio::test]
async fn one_object_has_the_hosts_of_all_spellings() {
    let server = server().await;
    let path = |kind: &str, name: &str| format!("/api/v1/namespaces/default/{kind}/{name}");
    let endpoints = server.get(&path("endpoints", "order")).await;
    assert_eq!(addresses(&endpoints), ["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
    assert_eq!(endpoints["metadata"]["name"], "order");
    let service = server.get(&path("services", "order")).await;
    assert_eq!(service["metadata"]["labels"], json!({"app": "order"}));
    assert_eq!(server.get(&path("services", "zed")).await["metadata"]["name"], "zed");
    for other in ["Order", "ORDER", "oRDER", "Zed"] {
        for kind in ["endpoints", "services"] {
            assert_eq!(server.call("GET", &path(kind, other)).await.status, 404, "names have no capitals: {other}");
        }
        for selector in ["fieldSelector=metadata.name%3D", "labelSelector=app%3D"] {
            let list = server.get(&format!("/api/v1/services?{selector}{other}")).await;
            assert_eq!(names_of(&list), [""; 0], "{selector}{other}");
        }
    }
    for selector in ["fieldSelector=metadata.name%3Dorder", "labelSelector=app%3Dorder"] {
        let list = server.get(&format!("/api/v1/endpoints?{selector}")).await;
        assert_eq!(list["items"][0]["subsets"], endpoints["subsets"], "{selector}");
        assert_eq!(names_of(&list).len(), 1, "{selector}");
    }
    let slices = server.get(&format!("{SLICES}?labelSelector=kubernetes.io/service-name%3Dorder")).await;
    assert_eq!(slices["items"].as_array().map(Vec::len), Some(1), "{slices}");
    let slice = &slices["items"][0];
    assert_eq!(slice["endpoints"].as_array().map(Vec::len), Some(3), "{slice}");
    let name = slice["metadata"]["name"].as_str().expect("a name");
    assert_eq!(server.get(&format!("{SLICES}/{name}")).await, *slice);
    let list = server.get(&format!("{SLICES}?fieldSelector=metadata.name%3D{name}")).await;
    assert_eq!(list["items"], json!([slice]));
    let other = name.replace("order", "Order");
    assert_eq!(server.call("GET", &format!("{SLICES}/{other}")).await.status, 404);
}

/// Hosts of one id in several spellings are several pods, and each name leads back.
#[tokio::test]
async fn pods_are_called_after_the_service_and_found() {
    let server = server().await;
    let list = server.get("/api/v1/pods?labelSelector=app%3Dorder").await;
    let names: std::collections::BTreeSet<&str> = names_of(&list).into_iter().collect();
    assert_eq!(names.len(), 3, "{names:?}");
    let endpoints = server.get("/api/v1/namespaces/default/endpoints/order").await;
    for item in list["items"].as_array().expect("a list") {
        let name = item["metadata"]["name"].as_str().expect("a name");
        assert!(name.starts_with("order-a-"), "{name}");
        assert_eq!(server.get(&format!("/api/v1/namespaces/default/pods/{name}")).await, *item);
        let one = server.get(&format!("/api/v1/pods?fieldSelector=metadata.name%3D{name}")).await;
        assert_eq!(one["items"], json!([item]));
        let known = endpoints["subsets"][0]["addresses"].as_array().expect("addresses");
        let known = known.iter().find(|address| address["targetRef"]["name"] == name).expect("a reference");
        assert_eq!(known["ip"], item["status"]["podIP"]);
        assert_eq!(known["targetRef"]["uid"], item["metadata"]["uid"]);
    }
}

#[tokio::test]
async fn pages_hold_services_of_several_spellings_once() {
    let server = server().await;
    for (path, expected) in [
        ("/api/v1/services", vec!["order", "orders", "zed", "api", "orb", "web"]),
        ("/api/v1/namespaces/default/endpoints", vec!["order", "orders", "zed", "api", "orb", "web"]),
        (SLICES, vec!["order", "orders", "zed", "api", "orb", "web"]),
        ("/api/v1/pods", vec!["order", "order", "orders", "zed", "api", "orb", "order", "web"]),
    ] {
        let whole = server.get(path).await;
        let services: Vec<&str> =
            names_of(&whole).into_iter().map(|name| name.split('-').next().unwrap_or_default()).collect();
        assert_eq!(services, expected, "{path}");
        for limit in 1..=expected.len() {
            let mut items: Vec<Value> = Vec::new();
            let mut token = String::new();
            loop {
                let mut page = server.get(&format!("{path}?limit={limit}&continue={token}")).await;
                items.append(page["items"].as_array_mut().expect("a list"));
                let Some(next) = page["metadata"]["continue"].as_str() else { break };
                next.clone_into(&mut token);
            }
            assert_eq!(json!(items), whole["items"], "{path} by {limit}");
        }
    }
}

/// The first spelling may have no host in a namespace, or none that is live: the object is there by the others.
#[tokio::test]
async fn an_object_needs_no_host_of_the_first_spelling() {
    let server = Server::new();
    server.register("Order", "a", "10.0.0.1", &[]).await;
    let body = json!({"address": "10.0.0.2", "namespace": "prod", "ttl": "10s"}).to_string();
    let request = Request::builder().method("PUT").uri("/v1/hosts/order/b").body(Body::from(body));
    server.send(request.expect("a request")).await;
    for path in ["/api/v1/services", "/api/v1/namespaces/prod/services"] {
        assert_eq!(names_of(&server.get(path).await).last(), Some(&"order"), "{path}");
    }
    let page = server.get("/api/v1/services?limit=1").await;
    assert_eq!(page["items"][0]["metadata"]["namespace"], "default");
    let token = page["metadata"]["continue"].as_str().expect("a token");
    let page = server.get(&format!("/api/v1/services?limit=1&continue={token}")).await;
    assert_eq!(page["items"][0]["metadata"]["namespace"], "prod");
    assert_eq!(page["metadata"]["continue"], Value::Null);
    server.app.registry.clock().advance(std::time::Duration::from_secs(11));
    assert_eq!(names_of(&server.get("/api/v1/services").await), ["order"]);
    assert_eq!(server.call("GET", "/api/v1/namespaces/prod/services/order").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_watch_tells_of_all_spellings_as_of_one() {
    for (path, changes) in [
        ("/api/v1/endpoints?watch=1".to_owned(), "MODIFIED"),
        ("/api/v1/endpoints?watch=1&fieldSelector=metadata.name%3Dorder".to_owned(), "MODIFIED"),
        (format!("{SLICES}?watch=1&labelSelector=kubernetes.io/service-name%3Dorder"), "MODIFIED"),
    ] {
        let server = Server::new();
        let mut events = server.watch(&path).await;
        let mut from = Vec::new();
        for (service, kind) in [("Order", "ADDED"), ("order", changes), ("ORDER", changes)] {
            from.push(server.revision());
            server.register(service, "a", &format!("10.0.0.{}", from.len()), &[]).await;
            let told = events.told().await;
            assert_eq!((told.0.as_str(), told.2), (kind, server.revision()), "{path} {service}");
            assert!(told.1.starts_with("order"), "{told:?}");
        }
        // Each loses its last host; until the last one, others are there.
        for (service, kind) in [("ORDER", changes), ("Order", changes), ("order", "DELETED")] {
            from.push(server.revision());
            server.remove(service, "a").await;
            let told = tokio::time::timeout(limits::WATCH_KEEPALIVE / 2, events.told()).await.expect("at once");
            assert_eq!((told.0.as_str(), told.2), (kind, server.revision()), "{path} {service}");
        }
        // One that begins in the past gets the same as one event.
        for (from, kind) in from.into_iter().zip([None, Some("DELETED"), Some("DELETED"), Some("DELETED")]) {
            let mut events = server.watch(&format!("{path}&resourceVersion={from}")).await;
            let told = tokio::time::timeout(limits::WATCH_KEEPALIVE * 3, events.told()).await.ok();
            assert_eq!(told.as_ref().map(|told| told.0.as_str()), kind, "{path} from {from}");
        }
    }
}

/// It is known what is left when a spelling went between the past and now.
#[tokio::test(start_paused = true)]
async fn a_watch_from_the_past_tells_of_a_spelling_that_is_gone() {
    let server = Server::new();
    server.register("order", "a", "10.0.0.1", &[]).await;
    server.register("Order", "a", "10.0.0.2", &[]).await;
    let from = server.revision();
    server.remove("Order", "a").await;
    let path = "/api/v1/endpoints?watch=1&fieldSelector=metadata.name%3Dorder";
    let mut events = server.watch(&format!("{path}&resourceVersion={from}")).await;
    let event = events.next().await.expect("an event");
    assert_eq!((&event["type"], addresses(&event["object"])), (&json!("MODIFIED"), vec!["10.0.0.1"]));
    // Alone again, it sleeps while others change.
    let mut next = Box::pin(events.told());
    for number in 0..=limits::JOURNAL_CHANGES / 2 {
        server.register("other", "x", "10.0.0.1", &[&number.to_string()]).await;
    }
    assert!(tokio::time::timeout(limits::WATCH_KEEPALIVE * 2, &mut next).await.is_err());
    drop(next);
    server.register("ORDER", "a", "10.0.0.3", &[]).await;
    assert_eq!(events.told().await.0, "MODIFIED");
}
