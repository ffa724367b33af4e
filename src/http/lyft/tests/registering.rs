//! POST `/v1/registration/{service}`: what is accepted, and what it makes.

use serde_json::json;

use super::*;

/// Changes one field of a good registration: the field, its value if it has one, the status, the body.
type Row = (&'static str, Option<&'static str>, u16, &'static str);

async fn check(rows: &[Row]) {
    for (field, value, status, body) in rows {
        let server = Server::new();
        let answer = server.post("/v1/registration/web", &fields_with(&[(field, *value)])).await;
        assert!(answer.is(*status, body), "{field}={value:?}: {answer:?}");
        let registered = usize::from(*status == 200);
        assert_eq!(server.hosts("web").await.len(), registered, "{field}={value:?}");
    }
}

#[tokio::test]
async fn ip() {
    const NOBODY: &str = "is no address of a host (unspecified, multicast, broadcast or IPv4-mapped)";
    check(&[
        ("ip", Some("10.0.0.5"), 200, "{}\n"),
        ("ip", Some("127.0.0.1"), 200, "{}\n"),
        ("ip", Some("fd00::1"), 200, "{}\n"),
        ("ip", None, 400, "{}\n"),
        ("ip", Some(""), 400, "{}\n"),
        ("ip", Some("0"), 400, "{}\n"),
        ("ip", Some("10.0.0"), 400, "{}\n"),
        ("ip", Some("10.1"), 400, "{}\n"),
        ("ip", Some("10.0.0.256"), 400, "{}\n"),
        ("ip", Some("010.0.0.1"), 400, "{}\n"),
        ("ip", Some(" 10.0.0.1"), 400, "{}\n"),
        ("ip", Some("10.0.0.1 "), 400, "{}\n"),
        ("ip", Some("web.example.com"), 400, "{}\n"),
        ("ip", Some("invalid.ip.address"), 400, "{}\n"),
        ("ip", Some("555.555.555.555"), 400, "{}\n"),
        ("ip", Some("fe80::1%eth0"), 400, "{}\n"),
    ])
    .await;
    for ip in ["0.0.0.0", "255.255.255.255", "224.0.0.1", "::", "ff02::1", "::ffff:10.0.0.1"] {
        let answer = Server::new().post("/v1/registration/web", &fields_with(&[("ip", Some(ip))])).await;
        assert_eq!(answer.status, 400, "{ip}");
        assert_eq!(answer.json()["error"], format!("ip: {ip} {NOBODY}"));
    }
}

#[tokio::test]
async fn port() {
    const INTEGER: &str = "{\"error\":\"port: must be an integer from 1 to 65535\"}\n";
    const RANGE: &str = "{\"error\":\"port: must be 1 to 65535\"}\n";
    check(&[
        ("port", Some("1"), 200, "{}\n"),
        ("port", Some("65535"), 200, "{}\n"),
        ("port", Some(" 80 "), 200, "{}\n"),
        ("port", Some("+80"), 200, "{}\n"),
        ("port", Some("8_0"), 200, "{}\n"),
        ("port", None, 400, "{}\n"),
        ("port", Some("0"), 400, "{}\n"),
        ("port", Some("-1"), 400, "{}\n"),
        ("port", Some("65536"), 400, RANGE),
        ("port", Some("99999999"), 400, RANGE),
        ("port", Some("99999999999999999999999"), 400, RANGE),
        ("port", Some(""), 400, INTEGER),
        ("port", Some("test"), 400, INTEGER),
        ("port", Some("80.5"), 400, INTEGER),
    ])
    .await;
}

#[tokio::test]
async fn revision_and_repository() {
    check(&[
        ("revision", Some("0"), 200, "{}\n"),
        ("revision", None, 400, "{}\n"),
        ("revision", Some(""), 400, "{}\n"),
        ("service_repo_name", None, 200, "{}\n"),
        ("service_repo_name", Some(""), 200, "{}\n"),
        ("service_repo_name", Some("any text, ünicode/too"), 200, "{}\n"),
        (
            "service_repo_name",
            Some("a\nb"),
            400,
            "{\"error\":\"service_repo_name: must not contain control characters\"}\n",
        ),
    ])
    .await;
}

#[tokio::test]
async fn tags() {
    const JSON: &str = "{\"error\":\"Invalid json supplied in tags\"}\n";
    const OBJECT: &str = "{\"error\":\"tags: must be a JSON object\"}\n";
    const CANARY: &str = "{\"error\":\"tags.canary: must be true or false\"}\n";
    const WEIGHT: &str = "{\"error\":\"tags.load_balancing_weight: must be an integer from 1 to 100\"}\n";
    check(&[
        ("tags", Some(r#" {"az":null,"instance_id":"","region":7} "#), 200, "{}\n"),
        ("tags", Some(r#"{"az":"a","instance_id":"i","region":"r","canary":true,"onebox":1}"#), 200, "{}\n"),
        ("tags", Some(r#"{"az":"a","instance_id":"i","region":"r","canary":"False"}"#), 200, "{}\n"),
        ("tags", Some(r#"{"az":"a","instance_id":"i","region":"r","load_balancing_weight":100}"#), 200, "{}\n"),
        ("tags", Some(r#"{"az":"a","instance_id":"i","region":"r","load_balancing_weight":" 05 "}"#), 200, "{}\n"),
        ("tags", None, 400, "{}\n"),
        ("tags", Some("{}"), 400, "{}\n"),
        ("tags", Some(r#"{"instance_id":"i","region":"r"}"#), 400, "{}\n"),
        ("tags", Some(r#"{"az":"a","region":"r"}"#), 400, "{}\n"),
        ("tags", Some(r#"{"az":"a","instance_id":"i"}"#), 400, "{}\n"),
        ("tags", Some(""), 400, JSON),
        ("tags", Some("{"), 400, JSON),
        ("tags", Some("{'az': 1}"), 400, JSON),
        ("tags", Some(r#"{"az":NaN,"instance_id":"i","region":"r"}"#), 400, JSON),
        ("tags", Some("null"), 400, OBJECT),
        ("tags", Some("0"), 400, OBJECT),
        ("tags", Some("true"), 400, OBJECT),
        ("tags", Some(r#"["az","instance_id","region"]"#), 400, OBJECT),
        ("tags", Some(r#""az instance_id region""#), 400, OBJECT),
        ("tags", Some(r#"{"az":"a","instance_id":"i","region":"r","canary":"maybe"}"#), 400, CANARY),
        ("tags", Some(r#"{"az":"a","instance_id":"i","region":"r","canary":1}"#), 400, CANARY),
        ("tags", Some(r#"{"az":"a","instance_id":"i","region":"r","canary":null}"#), 400, CANARY),
        ("tags", Some(r#"{"az":"a","instance_id":"i","region":"r","load_balancing_weight":0}"#), 400, WEIGHT),
        ("tags", Some(r#"{"az":"a","instance_id":"i","region":"r","load_balancing_weight":1000}"#), 400, WEIGHT),
        ("tags", Some(r#"{"az":"a","instance_id":"i","region":"r","load_balancing_weight":"huge"}"#), 400, WEIGHT),
        ("tags", Some(r#"{"az":"a","instance_id":"i","region":"r","load_balancing_weight":1.5}"#), 400, WEIGHT),
        ("tags", Some(r#"{"az":"a","instance_id":"i","region":"r","load_balancing_weight":null}"#), 400, WEIGHT),
    ])
    .await;
}

#[tokio::test]
async fn values_are_put_right_where_clients_need_it() {
    let server = Server::new();
    let tags = r#"{"az":null,"instance_id":5,"region":"r","canary":"TRUE","load_balancing_weight":"7","x":[1]}"#;
    server.register("web", "10.0.0.1", tags).await;
    let right = json!({"az":"","instance_id":5,"region":"r","canary":true,"load_balancing_weight":7,"x":[1]});
    assert_eq!(server.hosts("web").await[0]["tags"], right);
}

#[tokio::test]
async fn checks_come_in_the_order_of_the_original() {
    let rows: [(Changed, &str); 4] = [
        (&[("port", Some("x")), ("tags", Some("{"))], "{\"error\":\"port: must be an integer from 1 to 65535\"}\n"),
        (&[("ip", None), ("tags", Some("{"))], "{\"error\":\"Invalid json supplied in tags\"}\n"),
        (&[("ip", Some("0")), ("port", Some("0")), ("revision", Some("0")), ("tags", Some("0"))], "{}\n"),
        (&[("ip", Some("x")), ("tags", Some("null"))], "{}\n"),
    ];
    for (changed, body) in rows {
        let answer = Server::new().post("/v1/registration/web", &fields_with(changed)).await;
        assert!(answer.is(400, body), "{changed:?}: {answer:?}");
    }
}

#[tokio::test]
async fn bounds() {
    let many = |keys: usize| {
        let mut tags = json!({"az":"a","instance_id":"i","region":"r","load_balancing_weight":3});
        for key in 3..keys {
            tags[format!("k{key}")] = json!(key);
        }
        tags.to_string()
    };
    let long = |octets: usize| json!({"az":"a","instance_id":"i","region":"r","x":"x".repeat(octets)}).to_string();
    let rows = [
        (many(64), 200, "{}\n".to_owned()),
        (many(65), 400, "{\"error\":\"tags: must be at most 64 keys, is 65\"}\n".into()),
        (long(16_000), 200, "{}\n".into()),
        (
            long(16_384),
            400,
            "{\"error\":\"tags: must be at most 16320 octets with revision and service_repo_name, is 16481\"}\n".into(),
        ),
    ];
    for (tags, status, body) in rows {
        let answer = Server::new().post("/v1/registration/web", &fields_with(&[("tags", Some(&tags))])).await;
        assert!(answer.is(status, &body), "{answer:?}");
    }
    let service = "s".repeat(254);
    let answer = Server::new().post(&format!("/v1/registration/{service}"), &fields_with(&[])).await;
    assert!(answer.is(400, "{\"error\":\"service: must be at most 253 octets, is 254\"}\n"), "{answer:?}");
}

#[tokio::test]
async fn a_weight_set_later_never_makes_a_heartbeat_fail() {
    let server = Server::new();
    let padding = "x".repeat(16_320 - 119);
    let mut tags = json!({"az":"a","instance_id":"i","region":"r","x":padding});
    let mut accepted = false;
    // The longest registration that is accepted, found from above.
    for _ in 0..200 {
        let answer = server.post("/v1/registration/web", &fields_with(&[("tags", Some(&tags.to_string()))])).await;
        accepted = answer.status == 200;
        if accepted {
            break;
        }
        let shorter = tags["x"].as_str().expect("text")[1..].to_owned();
        tags["x"] = json!(shorter);
    }
    assert!(accepted);
    let text = tags.to_string();
    for weight in ["5", "100"] {
        let answer = server.post("/v1/loadbalancing/web/10.0.0.1", &[("load_balancing_weight", weight)]).await;
        assert_eq!(answer.status, 204);
        let answer = server.post("/v1/registration/web", &fields_with(&[("tags", Some(&text))])).await;
        assert!(answer.is(200, "{}\n"), "{answer:?}");
    }
}

#[tokio::test]
async fn registering_again_replaces_all_but_tags_not_sent() {
    let server = Server::new();
    server.register("web", "10.0.0.1", r#"{"az":"a","instance_id":"i","region":"r","canary":true}"#).await;
    server.advance(Duration::from_secs(5));
    let tags = r#"{"az":"b","instance_id":"i","region":"r","x":1}"#;
    let fields = [("ip", "10.0.0.1"), ("port", "81"), ("revision", "def"), ("tags", tags)];
    assert_eq!(server.post("/v1/registration/web", &fields).await.status, 200);
    let hosts = server.hosts("web").await;
    let expected = json!([{
        "ip_address": "10.0.0.1",
        "last_check_in": "2026-11-20 17:08:19.758176+00:00",
        "port": 81,
        "revision": "def",
        "service": "web",
        "service_repo_name": "",
        "tags": {"az":"b","instance_id":"i","region":"r","canary":true,"x":1},
    }]);
    assert_eq!(json!(hosts), expected);
    assert_eq!(server.get("/v1/registration/repo/web-repo").await.json()["hosts"], json!([]));
}

#[tokio::test]
async fn a_heartbeat_that_says_nothing_new_is_no_change() {
    let server = Server::new();
    server.register("web", "10.0.0.1", TAGS).await;
    let revision = server.app.registry.snapshot().revision;
    server.advance(Duration::from_secs(400));
    server.register("web", "10.0.0.1", TAGS).await;
    assert_eq!(server.app.registry.snapshot().revision, revision);
    server.advance(Duration::from_secs(400));
    assert_eq!(server.addresses("web").await, ["10.0.0.1"]);
}

#[tokio::test]
async fn a_host_whose_lease_ended_begins_anew() {
    let server = Server::new();
    server.register("web", "10.0.0.1", r#"{"az":"a","instance_id":"i","region":"r","canary":true}"#).await;
    server.advance(HOST_TTL);
    server.register("web", "10.0.0.1", TAGS).await;
    assert_eq!(server.tag("web", "canary").await, Value::Null);
}

#[tokio::test]
async fn the_row_other_apis_see() {
    let server = Server::new();
    let tags =
        r#"{"az":"us-east-1a","instance_id":"i-1","region":"us-east-1","canary":false,"load_balancing_weight":9}"#;
    server.register("web", "fd00:0::1", tags).await;
    let snapshot = server.app.registry.snapshot();
    let host = snapshot.hosts.find("web", Dialect::Lyft, "fd00::1").expect("the canonical address is the id");
    assert_eq!(host.target.addresses(), ["fd00::1".parse::<std::net::IpAddr>().expect("an address")]);
    assert_eq!(host.lease.ttl(), Some(HOST_TTL));
    assert_eq!((host.weight, host.priority, host.ports[0].number), (9, 0, 80));
    assert_eq!(host.zone.as_ref().map(|zone| zone.as_str()), Some("us-east-1a"));
    assert_eq!(host.region.as_ref().map(|region| region.as_str()), Some("us-east-1"));
    let meta: Vec<(&str, &str)> = host.meta.iter().map(|(key, value)| (&**key, &**value)).collect();
    let expected = [("canary", "false"), ("instance_id", "i-1"), ("repo", "web-repo"), ("revision", "abc")];
    assert_eq!(meta, expected);
    let original = host.original.as_deref().expect("a stored form");
    assert_eq!(
        original,
        format!(r#"{{"service_repo_name":"web-repo","revision":"abc","tags":{}}}"#, {
            let tags: Value = serde_json::from_str(tags).expect("JSON");
            tags
        })
    );
}

#[tokio::test]
async fn what_does_not_fit_a_column_is_left_out_of_it() {
    let server = Server::new();
    let tags = json!({"az":"","instance_id":"i".repeat(600),"region":["r"],"canary":true}).to_string();
    server.register("a service, not in DNS".replace(' ', "%20").as_str(), "10.0.0.1", &tags).await;
    let snapshot = server.app.registry.snapshot();
    let host = snapshot.hosts.iter().next().expect("a row");
    assert_eq!((&host.zone, &host.region, host.weight), (&None, &None, 1));
    assert_eq!(host.service.as_str(), "a service, not in DNS");
    assert!(host.meta.iter().all(|(key, _)| &**key != "instance_id"));
}
