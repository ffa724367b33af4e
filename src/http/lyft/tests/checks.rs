//! The check that a setting gives to every host.

use super::*;
use crate::limits;
use crate::table::{Check, CheckKind, Endpoint, Host, Status, Terms, Wishes};

/// A check of the host's own address and this port.
fn terms(port: Option<u16>) -> Option<Arc<Terms>> {
    let wishes = Wishes { interval: Some(Duration::from_secs(10)), ..Wishes::default() };
    Some(Arc::new(Terms::parse("", CheckKind::Tcp(Endpoint::Own(port), None), wishes).expect("terms")))
}

fn host(server: &Server) -> Arc<Host> {
    let hosts = &server.app.registry.snapshot().hosts;
    Arc::clone(hosts.find("web", Dialect::Lyft, "10.0.0.1").expect("a host"))
}

/// Ids and statuses of its checks.
fn checks(server: &Server) -> Vec<(String, Status)> {
    host(server).checks.iter().map(|check| (check.id.to_string(), check.status)).collect()
}

/// What a probe, or somebody who reports, says.
async fn observe(server: &Server, check: &str, status: Status) {
    let terms = host(server).checks.iter().find(|other| *other.id == *check).and_then(|check| check.terms.clone());
    let event = |host| match terms {
        Some(terms) => Event::Observe { host, check: check.into(), terms, status, output: "".into() },
        None => Event::Report { host, check: check.into(), status, output: "".into() },
    };
    server.event(event, "web", "10.0.0.1").await;
}

#[tokio::test]
async fn a_host_begins_critical_and_its_heartbeats_change_nothing() {
    let server = Server::with(Durability::Immediate, |settings| settings.lyft_check = terms(None));
    server.register("web", "10.0.0.1", TAGS).await;
    let ours = |status| vec![("lyft_check".to_owned(), status)];
    assert_eq!(checks(&server), ours(Status::Critical));
    observe(&server, "lyft_check", Status::Passing).await;
    let revision = server.app.registry.snapshot().revision;
    server.register("web", "10.0.0.1", TAGS).await;
    // After a restart the terms are equal, and not the same.
    server.again(|settings| settings.lyft_check = terms(None)).register("web", "10.0.0.1", TAGS).await;
    assert_eq!((checks(&server), server.app.registry.snapshot().revision), (ours(Status::Passing), revision));
    assert_eq!(server.addresses("web").await, ["10.0.0.1"]);
}

#[tokio::test]
async fn the_next_heartbeat_brings_what_the_setting_says() {
    let without = Server::new();
    without.register("web", "10.0.0.1", TAGS).await;
    observe(&without, "disk", Status::Warning).await;
    let both = |ours| vec![("disk".to_owned(), Status::Warning), ("lyft_check".to_owned(), ours)];

    let with = without.again(|settings| settings.lyft_check = terms(None));
    with.register("web", "10.0.0.1", TAGS).await;
    assert_eq!(checks(&with), both(Status::Passing), "it stays in the answers until it was asked");
    observe(&with, "lyft_check", Status::Critical).await;

    let other = without.again(|settings| settings.lyft_check = terms(Some(8080)));
    other.register("web", "10.0.0.1", TAGS).await;
    assert_eq!(checks(&other), both(Status::Critical), "what was found out stays until it is asked anew");
    assert_eq!(host(&other).checks[1].terms, terms(Some(8080)));

    without.register("web", "10.0.0.1", TAGS).await;
    assert_eq!(checks(&without), both(Status::Critical)[..1]);
}

#[tokio::test]
async fn what_others_report_is_left_alone() {
    let server = Server::new();
    server.register("web", "10.0.0.1", TAGS).await;
    // Somebody reports by the name of ours.
    observe(&server, "lyft_check", Status::Critical).await;
    server.register("web", "10.0.0.1", TAGS).await;
    assert_eq!(checks(&server), [("lyft_check".to_owned(), Status::Critical)]);
    for number in 1..limits::CHECKS {
        observe(&server, &format!("c{number}"), Status::Passing).await;
    }
    let with = server.again(|settings| settings.lyft_check = terms(None));
    with.register("web", "10.0.0.1", TAGS).await;
    assert_eq!(host(&with).checks.len(), limits::CHECKS);
    assert_eq!(host(&with).checks.iter().filter(|check| check.kind().is_asked()).count(), 1, "it takes its place");
    server.register("web", "10.0.0.1", TAGS).await;
    observe(&server, Check::DEFAULT_ID, Status::Critical).await;
    let revision = with.app.registry.snapshot().revision;
    with.register("web", "10.0.0.1", TAGS).await;
    assert_eq!(host(&with).checks.iter().filter(|check| check.kind().is_asked()).count(), 0, "there is no room");
    assert_eq!(with.app.registry.snapshot().revision, revision);
}
