//! POST `/v1/loadbalancing/{service}` and `/v1/loadbalancing/{service}/{ip}`.

use super::*;

const MISSING: &str = "{\"error\":\"Required parameter 'weight' is missing.\"}\n";
const INVALID: &str = "{\"error\":\"Invalid load_balancing_weight. Supply an integer between 1 and 100.\"}\n";
const NO_HOST: &str = "{\"error\":\"Host not found\"}\n";

#[tokio::test]
async fn the_weight_is_an_integer_from_1_to_100() {
    let server = Server::new();
    server.register("web", "10.0.0.1", TAGS).await;
    let rows = [
        (Some("1"), 204, ""),
        (Some("100"), 204, ""),
        (Some(" 7 "), 204, ""),
        (Some("05"), 204, ""),
        (None, 400, MISSING),
        (Some(""), 400, MISSING),
        (Some("0"), 400, INVALID),
        (Some("-1"), 400, INVALID),
        (Some("101"), 400, INVALID),
        (Some("9001"), 400, INVALID),
        (Some("1.5"), 400, INVALID),
        (Some("1e1"), 400, INVALID),
        (Some(" "), 400, INVALID),
        (Some("not_an_integer"), 400, INVALID),
    ];
    for path in ["/v1/loadbalancing/web", "/v1/loadbalancing/web/10.0.0.1"] {
        for (weight, status, body) in rows {
            let fields: Vec<(&str, &str)> =
                weight.map(|weight| ("load_balancing_weight", weight)).into_iter().collect();
            let answer = server.post(path, &fields).await;
            assert!(answer.is(status, body), "{path} {weight:?}: {answer:?}");
        }
    }
    assert_eq!(server.tag("web", "load_balancing_weight").await, 5, "a number, and the last good one");
}

#[tokio::test]
async fn only_a_form_is_read() {
    let server = Server::new();
    let path = "/v1/loadbalancing/web?load_balancing_weight=5";
    assert!(server.post(path, &[]).await.is(400, MISSING));
    let body = |content_type: &str, body: &'static str| {
        Request::builder()
            .method("POST")
            .uri("/v1/loadbalancing/web")
            .header(header::CONTENT_TYPE, content_type)
            .body(Body::from(body))
            .expect("a request")
    };
    assert!(server.send(body("application/json", r#"{"load_balancing_weight":5}"#)).await.is(400, MISSING));
    let multipart = "--XX\r\nContent-Disposition: form-data; name=\"load_balancing_weight\"\r\n\r\n5\r\n--XX--\r\n";
    assert!(server.send(body("multipart/form-data; boundary=XX", multipart)).await.is(204, ""));
}

#[tokio::test]
async fn hosts_that_are_not_there() {
    let server = Server::new();
    server.register("web", "10.0.0.1", TAGS).await;
    let rows = [
        ("/v1/loadbalancing/web/10.0.0.2", "5", 404, NO_HOST),
        ("/v1/loadbalancing/other/10.0.0.1", "5", 404, NO_HOST),
        ("/v1/loadbalancing/web/nonsense", "5", 404, NO_HOST),
        ("/v1/loadbalancing/%0A/10.0.0.1", "5", 404, NO_HOST),
        ("/v1/loadbalancing/web/10.0.0.2", "x", 400, INVALID),
        ("/v1/loadbalancing/web/10.0.0.2", "", 400, MISSING),
        ("/v1/loadbalancing/other", "5", 204, ""),
        ("/v1/loadbalancing/%0A", "5", 204, ""),
    ];
    for (path, weight, status, body) in rows {
        let answer = server.post(path, &[("load_balancing_weight", weight)]).await;
        assert!(answer.is(status, body), "{path} {weight}: {answer:?}");
    }
    server.advance(HOST_TTL);
    let answer = server.post("/v1/loadbalancing/web/10.0.0.1", &[("load_balancing_weight", "5")]).await;
    assert!(answer.is(404, NO_HOST), "past its lease: {answer:?}");
}

#[tokio::test]
async fn a_weight_survives_heartbeats_that_send_none() {
    let server = Server::new();
    server.register("web", "10.0.0.1", TAGS).await;
    assert_eq!(server.post("/v1/loadbalancing/web/10.0.0.1", &[("load_balancing_weight", "10")]).await.status, 204);
    server.register("web", "10.0.0.1", TAGS).await;
    assert_eq!(server.tag("web", "load_balancing_weight").await, 10);
    let sent = r#"{"az":"a","instance_id":"i","region":"r","load_balancing_weight":20}"#;
    server.register("web", "10.0.0.1", sent).await;
    assert_eq!(server.tag("web", "load_balancing_weight").await, 20, "the host's own overrides it");
    assert_eq!(server.post("/v1/loadbalancing/web/10.0.0.1", &[("load_balancing_weight", "1")]).await.status, 204);
    assert_eq!(server.tag("web", "load_balancing_weight").await, 1);
    assert_eq!(server.app.registry.snapshot().hosts.iter().next().expect("a row").weight, 1);
}

#[tokio::test]
async fn a_weight_is_no_heartbeat() {
    let server = Server::new();
    server.register("web", "10.0.0.1", TAGS).await;
    let before = server.hosts("web").await[0]["last_check_in"].clone();
    server.advance(Duration::from_secs(300));
    for path in ["/v1/loadbalancing/web", "/v1/loadbalancing/web/10.0.0.1"] {
        assert_eq!(server.post(path, &[("load_balancing_weight", "9")]).await.status, 204);
        assert_eq!(server.hosts("web").await[0]["last_check_in"], before);
    }
    server.advance(Duration::from_secs(300));
    assert!(server.hosts("web").await.is_empty());
}

#[tokio::test]
async fn all_hosts_of_a_service_and_no_other() {
    let server = Server::new();
    for (service, ip) in [("web", "10.0.0.1"), ("web", "10.0.0.2"), ("web2", "10.0.0.1"), ("we", "10.0.0.1")] {
        server.register(service, ip, TAGS).await;
    }
    let fifty = [("load_balancing_weight", "50")];
    assert!(server.post("/v1/loadbalancing/web", &fifty).await.is(204, ""));
    let revision = server.app.registry.snapshot().revision;
    assert!(server.post("/v1/loadbalancing/web", &fifty).await.is(204, ""));
    assert_eq!(server.app.registry.snapshot().revision, revision, "what has the weight is left alone");
    for host in server.hosts("web").await {
        assert_eq!(host["tags"]["load_balancing_weight"], 50);
        assert_eq!(host["tags"]["az"], "us-east-1a");
    }
    for service in ["web2", "we"] {
        assert_eq!(server.tag(service, "load_balancing_weight").await, Value::Null);
    }
    server.register("web", "10.0.0.3", TAGS).await;
    assert_eq!(server.hosts("web").await[2]["tags"]["load_balancing_weight"], Value::Null, "later hosts do not get it");
}
