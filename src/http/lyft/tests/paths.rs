//! Paths and methods.

use super::*;

const NOT_ALLOWED: &str = "{\"message\":\"The method is not allowed for the requested URL.\"}\n";

#[tokio::test]
async fn healthcheck() {
    let server = Server::new();
    let answer = server.get("/healthcheck").await;
    assert!(answer.is(200, "OK"), "{answer:?}");
    assert_eq!(answer.header(header::CONTENT_TYPE), "text/html; charset=utf-8");
    assert!(server.call("HEAD", "/healthcheck").await.is(200, ""));
}

#[tokio::test]
async fn methods_that_a_path_has_no_use_for() {
    let server = Server::new();
    let rows: [(&str, &[&str], &str); 6] = [
        ("/healthcheck", &["POST", "PUT", "DELETE"], "GET, HEAD, OPTIONS"),
        ("/v1/registration/web", &["PUT", "DELETE", "PATCH"], "GET, HEAD, OPTIONS, POST"),
        ("/v1/registration/web/10.0.0.1", &["GET", "HEAD", "POST", "PUT"], "DELETE, OPTIONS"),
        ("/v1/registration/repo/r", &["POST", "PUT"], "DELETE, GET, HEAD, OPTIONS"),
        ("/v1/loadbalancing/web", &["GET", "PUT", "DELETE"], "OPTIONS, POST"),
        ("/v1/loadbalancing/web/10.0.0.1", &["GET", "PUT", "DELETE"], "OPTIONS, POST"),
    ];
    for (path, methods, allow) in rows {
        for method in methods {
            let answer = server.call(method, path).await;
            let body = if *method == "HEAD" { "" } else { NOT_ALLOWED };
            assert!(answer.is(405, body), "{method} {path}: {answer:?}");
            assert_eq!(answer.header(header::ALLOW), allow);
        }
        let answer = server.call("OPTIONS", path).await;
        assert!(answer.is(200, "") && answer.header(header::ALLOW) == allow, "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn paths_that_name_nothing() {
    let server = Server::new();
    let paths = [
        "/healthcheck/",
        "/v1/registration",
        "/v1/registration/",
        "/v1/registration//",
        "/v1/registration/web/",
        "/v1/registration//10.0.0.1",
        "/v1/registration/web//10.0.0.1",
        "/v1//registration/web",
        "/v1/registration/repo/",
        "/v1/registration/repo/r/",
        "/v1/registration/web/10.0.0.1/",
        "/v1/loadbalancing",
        "/v1/loadbalancing/",
        "/v1/loadbalancing/web/",
        "/v1/loadbalancing//10.0.0.1",
    ];
    for path in paths {
        for method in ["GET", "POST", "DELETE"] {
            assert_eq!(server.call(method, path).await.status, 404, "{method} {path}");
        }
    }
    assert_eq!(server.get("/v1/registration/a%2Fb").await.status, 404);
    assert_eq!(server.post("/v1/registration/a%2Fb", &fields_with(&[])).await.status, 404);
}

#[tokio::test]
async fn a_path_that_is_no_text() {
    let server = Server::new();
    for (method, path) in [
        ("GET", "/v1/registration/%FF"),
        ("POST", "/v1/registration/%FF"),
        ("DELETE", "/v1/registration/%FF/10.0.0.1"),
        ("POST", "/v1/loadbalancing/%FF"),
    ] {
        let answer = server.call(method, path).await;
        assert_eq!(answer.status, 400, "{method} {path}");
        assert!(answer.json()["error"].is_string());
    }
}

#[tokio::test]
async fn every_route_is_documented() {
    let (_, document) = crate::http::lyft::routes().split_for_parts();
    let documented: Vec<&String> = document.paths.paths.keys().collect();
    assert_eq!(documented.len(), 6);
    for (path, item) in &document.paths.paths {
        for operation in [&item.get, &item.post, &item.delete].into_iter().flatten() {
            assert_eq!(operation.tags.as_deref(), Some(&["Lyft discovery".to_owned()][..]), "{path}");
            assert!(operation.summary.is_some(), "{path}");
        }
    }
}
