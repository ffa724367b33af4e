//! Lists: pages, selectors, tables.

use super::*;

#[tokio::test]
async fn pages_hold_each_object_once() {
    let server = Server::new();
    for service in ["a", "b", "c"] {
        for id in ["x", "y"] {
            server.register(service, id, "10.0.0.1", &[]).await;
        }
    }
    for (path, count) in [
        ("/api/v1/services", 3),
        ("/api/v1/namespaces/default/endpoints", 3),
        ("/api/v1/pods", 6),
        ("/apis/discovery.k8s.io/v1/endpointslices", 3),
        ("/api/v1/namespaces", 1),
    ] {
        let whole = server.get(path).await;
        assert_eq!(names_of(&whole).len(), count, "{path}");
        assert_eq!(whole["metadata"]["continue"], Value::Null);
        for limit in 1..=count {
            let mut names: Vec<String> = Vec::new();
            let mut token = String::new();
            loop {
                let page = server.get(&format!("{path}?limit={limit}&continue={token}")).await;
                assert!(names_of(&page).len() <= limit);
                assert_eq!(page["metadata"]["resourceVersion"], whole["metadata"]["resourceVersion"]);
                names.extend(names_of(&page).into_iter().map(str::to_owned));
                let Some(next) = page["metadata"]["continue"].as_str() else { break };
                next.clone_into(&mut token);
            }
            assert_eq!(names, names_of(&whole), "{path} by {limit}");
        }
    }
}

#[tokio::test]
async fn a_page_of_a_list_that_nobody_remembers_is_gone_and_says_how_to_go_on() {
    let server = Server::new();
    for service in ["a", "b"] {
        server.register(service, "x", "10.0.0.1", &[]).await;
    }
    let page = server.get("/api/v1/services?limit=1").await;
    let token = page["metadata"]["continue"].as_str().expect("a token");
    for number in 0..=limits::JOURNAL_CHANGES {
        server.register("c", "x", "10.0.0.1", &[&number.to_string()]).await;
    }
    let reply = server.call("GET", &format!("/api/v1/services?limit=1&continue={token}")).await;
    assert_eq!(reply.status, 410);
    let status = reply.json().await;
    assert_eq!(status["reason"], "Expired");
    let token = status["metadata"]["continue"].as_str().expect("another token");
    let rest = server.get(&format!("/api/v1/services?continue={token}")).await;
    assert_eq!(names_of(&rest), ["b", "c"]);
    assert_eq!(rest["metadata"]["resourceVersion"], server.revision().to_string());
}

#[tokio::test]
async fn a_list_is_no_older_than_what_the_client_knows() {
    let server = Server::new();
    server.register("a", "x", "10.0.0.1", &[]).await;
    let revision = server.revision();
    for (query, status) in [
        (String::new(), 200),
        ("resourceVersion=0".into(), 200),
        (format!("resourceVersion={revision}"), 200),
        (format!("resourceVersion={revision}&resourceVersionMatch=Exact"), 200),
        (format!("resourceVersion={}&resourceVersionMatch=NotOlderThan", revision - 1), 200),
        (format!("resourceVersion={}&resourceVersionMatch=Exact", revision - 1), 410),
        (format!("resourceVersion={}", revision + 1), 504),
    ] {
        assert_eq!(server.call("GET", &format!("/api/v1/services?{query}")).await.status, status, "{query}");
    }
}

#[tokio::test]
async fn one_object_of_a_list_is_found_by_selectors() {
    let server = Server::new();
    for service in ["web", "web-2", "api"] {
        server.register(service, "x", "10.0.0.1", &[]).await;
    }
    let pod = server.get("/api/v1/pods").await;
    let pod = names_of(&pod)[1];
    for (query, names) in [
        ("/api/v1/services?fieldSelector=metadata.name%3Dweb", vec!["web"]),
        ("/api/v1/services?fieldSelector=metadata.name%3Dweb&labelSelector=app%3Dapi", vec![]),
        ("/api/v1/services?fieldSelector=metadata.name%21%3Dweb", vec!["api", "web-2"]),
        ("/api/v1/services?fieldSelector=metadata.namespace%3Dprod", vec![]),
        ("/api/v1/namespaces/prod/services", vec![]),
        ("/apis/discovery.k8s.io/v1/endpointslices?fieldSelector=metadata.name%3Dnope", vec![]),
        (&format!("/api/v1/pods?fieldSelector=metadata.name%3D{pod}"), vec![pod]),
        ("/api/v1/pods?fieldSelector=metadata.name%3Dnope", vec![]),
        ("/api/v1/namespaces?fieldSelector=metadata.name%3Ddefault", vec!["default"]),
    ] {
        let list = server.get(query).await;
        assert_eq!(names_of(&list), names, "{query}");
    }
}

#[tokio::test]
async fn tables_have_a_row_an_object() {
    let server = Server::new();
    server.register("web", "x", "10.0.0.1", &[]).await;
    let table = |path: &'static str| {
        let request = Request::builder().uri(path).header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
        server.send(request.body(Body::empty()).expect("a request"))
    };
    for path in ["/api/v1/endpoints", "/api/v1/namespaces/default/endpoints/web"] {
        let found = table(path).await.json().await;
        assert_eq!((&found["kind"], &found["apiVersion"]), (&json!("Table"), &json!("meta.k8s.io/v1")), "{path}");
        assert_eq!(found["rows"][0]["cells"], json!(["web", "10.0.0.1:80", "<unknown>"]));
        assert_eq!(found["rows"][0]["object"]["kind"], "PartialObjectMetadata");
        assert_eq!(found["columnDefinitions"].as_array().map(Vec::len), Some(3));
    }
    let whole = table("/api/v1/endpoints?includeObject=Object").await.json().await;
    assert_eq!(whole["rows"][0]["object"]["kind"], "Endpoints");
    let request = Request::builder().uri("/api/v1/pods").header("accept", "application/vnd.kubernetes.protobuf");
    assert_eq!(server.send(request.body(Body::empty()).expect("a request")).await.status, 406);
}

#[tokio::test]
async fn an_address_of_two_hosts_is_there_once() {
    let server = Server::new();
    server.register("web", "a", "10.0.0.1", &[]).await;
    server.register("web", "b", "10.0.0.1", &[]).await;
    server.event(Event::Drain { host: key("web", "a"), enable: true }).await;
    let endpoints = server.get("/api/v1/namespaces/default/endpoints/web").await;
    assert_eq!(endpoints["subsets"][0]["addresses"].as_array().map(Vec::len), Some(1));
    assert_eq!(endpoints["subsets"][0]["notReadyAddresses"], Value::Null);
}
