//! GET `/v1/registration/{service}` and `/v1/registration/repo/{service_repo_name}`.

use std::collections::BTreeSet;

use super::*;
use crate::table::{
    HostId, Namespace, Port, Registration, ServiceName, Status, Target, Weights, parse_meta, parse_tags,
};

#[tokio::test]
async fn nothing_is_an_empty_list() {
    let server = Server::new();
    let rows = [
        ("/v1/registration/web", r#"{"service":"web","env":"development","hosts":[]}"#),
        ("/v1/registration/repo", r#"{"service":"repo","env":"development","hosts":[]}"#),
        ("/v1/registration/a%20%0Ab", r#"{"service":"a \nb","env":"development","hosts":[]}"#),
        ("/v1/registration/repo/r", r#"{"service_repo_name":"r","env":"development","hosts":[]}"#),
        ("/v1/registration/repo/%0A", r#"{"service_repo_name":"\n","env":"development","hosts":[]}"#),
    ];
    for (path, body) in rows {
        let answer = server.get(path).await;
        assert!(answer.is(200, &format!("{body}\n")), "{path}: {answer:?}");
        assert_eq!(answer.header(header::CONTENT_TYPE), "application/json");
        assert!(server.call("HEAD", path).await.is(200, ""), "{path}");
    }
}

#[tokio::test]
async fn a_host_has_seven_keys() {
    let server = Server::with(Durability::Immediate, |settings| settings.lyft_env = "production".into());
    server.register("web", "10.0.0.1", TAGS).await;
    let host = format!(
        concat!(
            r#"{{"ip_address":"10.0.0.1","last_check_in":"2026-11-20 17:08:14.758176+00:00","port":80,"#,
            r#""revision":"abc","service":"web","service_repo_name":"web-repo","tags":{}}}"#
        ),
        TAGS
    );
    let rows = [
        ("/v1/registration/web", r#"{"service":"web""#),
        ("/v1/registration/repo/web-repo", r#"{"service_repo_name":"web-repo""#),
    ];
    for (path, head) in rows {
        let body = format!("{head},\"env\":\"production\",\"hosts\":[{host}]}}\n");
        let answer = server.get(path).await;
        assert!(answer.is(200, &body), "{path}: {answer:?}");
    }
    let keys: BTreeSet<String> = server.hosts("web").await[0].as_object().expect("an object").keys().cloned().collect();
    assert_eq!(keys.len(), 7);
}

#[tokio::test]
async fn hosts_come_by_address_as_text() {
    let server = Server::new();
    for (service, ip) in [("web", "10.0.0.9"), ("api", "10.0.0.9"), ("web", "10.0.0.10"), ("web", "10.0.0.1")] {
        server.register(service, ip, TAGS).await;
    }
    server.register("WEB", "10.0.0.7", TAGS).await;
    assert_eq!(server.addresses("web").await, ["10.0.0.1", "10.0.0.10", "10.0.0.9"]);
    assert_eq!(server.addresses("WEB").await, ["10.0.0.7"], "names differ by case");
    let repo = server.get("/v1/registration/repo/web-repo").await.json();
    let rows: Vec<(&str, &str)> = repo["hosts"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|host| (host["ip_address"].as_str().expect("text"), host["service"].as_str().expect("text")))
        .collect();
    let expected =
        [("10.0.0.1", "web"), ("10.0.0.10", "web"), ("10.0.0.7", "WEB"), ("10.0.0.9", "api"), ("10.0.0.9", "web")];
    assert_eq!(rows, expected);
}

#[tokio::test]
async fn a_host_past_its_lease_is_not_listed_swept_or_not() {
    let server = Server::new();
    server.register("web", "10.0.0.1", TAGS).await;
    server.advance(Duration::from_secs(660));
    server.register("web", "10.0.0.2", TAGS).await;
    for swept in [false, true] {
        assert_eq!(server.addresses("web").await, ["10.0.0.2"], "{swept}");
        let repo = server.get("/v1/registration/repo/web-repo").await.json();
        assert_eq!(repo["hosts"].as_array().expect("a list").len(), 1, "{swept}");
        server.app.registry.expire_due();
    }
}

#[tokio::test]
async fn what_other_apis_do_to_a_row() {
    let server = Server::new();
    server.register("web", "10.0.0.1", TAGS).await;
    let weigh = |weight| move |host| Event::Weigh { host, weight, original: None };
    for (weight, shown) in [(7, 7), (65_535, 100), (0, 1), (100, 100)] {
        server.event(weigh(weight), "web", "10.0.0.1").await;
        assert_eq!(server.tag("web", "load_balancing_weight").await, shown, "{weight}");
        server.register("web", "10.0.0.1", TAGS).await;
        assert_eq!(server.tag("web", "load_balancing_weight").await, shown, "{weight} survives a heartbeat");
    }
    server.event(weigh(1), "web", "10.0.0.1").await;
    assert_eq!(server.tag("web", "load_balancing_weight").await, Value::Null, "as it registered");
    server.event(|host| Event::Drain { host, enable: true }, "web", "10.0.0.1").await;
    let report =
        |host| Event::Report { host, check: "up".into(), status: Status::Critical, output: "no answer".into() };
    server.event(report, "web", "10.0.0.1").await;
    assert_eq!(server.addresses("web").await, [""; 0], "this API has no word for health");
    server.register("web", "10.0.0.1", TAGS).await;
    let snapshot = server.app.registry.snapshot();
    let host = snapshot.hosts.iter().next().expect("a row");
    assert!(host.draining && host.status() == Status::Critical, "a heartbeat is no verdict");
}

#[tokio::test]
async fn a_row_without_its_stored_form_still_lists() {
    let server = Server::new();
    server.register("web", "10.0.0.1", TAGS).await;
    let row = server.app.registry.snapshot().hosts.iter().next().expect("a row").as_ref().clone();
    for (original, revision) in [(None, "abc"), (Some("no JSON"), "abc"), (Some("[]"), ""), (Some("{}"), "")] {
        let mut row = row.clone();
        row.original = original.map(Arc::from);
        server.app.registry.load([Arc::new(row)], Revision(9), 9);
        let host = server.hosts("web").await.remove(0);
        assert_eq!((&host["ip_address"], &host["port"]), (&"10.0.0.1".into(), &80.into()));
        assert!(host["tags"].is_object() && host["revision"] == revision, "{original:?}: {host}");
    }
}

/// Registers a host of another API.
async fn foreign(server: &Server, id: &str, address: &str, adjust: impl FnOnce(&mut Registration)) {
    let service = ServiceName::parse("service", "web").expect("a name");
    let target = Target::parse("address", [address]).expect("a target");
    let id = HostId::parse("id", id).expect("an id");
    let mut registration = Registration::new(service, Dialect::Native, id, target);
    registration.ports = [Port::tcp(80)].into_iter().collect();
    adjust(&mut registration);
    server.app.registry.submit(Event::Register(Box::new(registration))).await.expect("registers");
}

#[tokio::test]
async fn hosts_of_other_apis_are_listed_in_its_words() {
    let server = Server::new();
    server.register("web", "10.0.0.2", TAGS).await;
    foreign(&server, "twice", "10.0.0.2", |_| {}).await;
    foreign(&server, "no-port", "10.0.0.3", |host| host.ports.clear()).await;
    foreign(&server, "named", "db.example.org", |_| {}).await;
    foreign(&server, "elsewhere", "10.0.0.4", |host| host.namespace = Namespace::parse("n", "prod").expect("a label"))
        .await;
    foreign(&server, "web-1", "10.0.0.10", |host| {
        let pairs = [("canary", "maybe"), ("load_balancing_weight", "huge"), ("team", "a"), ("version", "v7")];
        host.meta = parse_meta("meta", pairs).expect("pairs");
        host.tags = parse_tags("tags", ["canary"]).expect("tags");
        host.weights = Some(Weights::same(0));
    })
    .await;
    assert_eq!(server.addresses("web").await, ["10.0.0.10", "10.0.0.2"]);
    let host = server.hosts("web").await.remove(0);
    let tags = serde_json::json!({
        "az": "", "canary": true, "instance_id": "web-1", "load_balancing_weight": 1, "region": "",
        "team": "a", "version": "v7"
    });
    assert_eq!((&host["tags"], &host["revision"]), (&tags, &"v7".into()));
    assert_eq!(server.hosts("web").await[1]["tags"]["instance_id"], "i-1", "the row of this API, not its double");
}
