use std::time::Duration;

use super::*;

fn at(secs: u64) -> Timestamp {
    Timestamp::from_micros(secs * 1_000_000)
}

fn registration(service: &str, id: &str) -> Registration {
    Registration {
        ports: [Port::tcp(80)].into_iter().collect(),
        ttl: Some(Duration::from_secs(10)),
        ..Registration::new(
            ServiceName::parse("service", service).expect("service"),
            Dialect::Native,
            HostId::parse("id", id).expect("id"),
            Target::parse("address", ["10.0.0.1"]).expect("address"),
        )
    }
}

fn register(table: &mut HostTable, registration: Registration, now: Timestamp) -> Applied {
    table.apply(Event::Register(Box::new(registration)), now).expect("registers")
}

fn key(service: &str, id: &str) -> HostKey {
    Event::Register(Box::new(registration(service, id))).key()
}

#[test]
fn a_heartbeat_changes_nothing_but_the_lease() {
    let mut table = HostTable::default();
    assert!(matches!(register(&mut table, registration("web", "a"), at(0)), Applied::Created(_)));
    assert!(matches!(register(&mut table, registration("web", "a"), at(5)), Applied::Unchanged(_)));
    assert_eq!(table.revision(), Revision(1));
    assert_eq!(table.tick(at(10), 100).len(), 0, "renewed at 5, lives until 15");
    assert_eq!(table.deadlines().next(), Some(at(15)));
    let changes = table.tick(at(15), 100);
    assert_eq!((changes.len(), changes[0].cause, table.hosts().len()), (1, Cause::Expiry, 0));
    assert_eq!(table.deadlines().next(), None);
}

#[test]
fn a_lapsed_host_is_unknown_before_it_is_removed() {
    let mut table = HostTable::default();
    register(&mut table, registration("web", "a"), at(0));
    let late = table.apply(Event::Renew(key("web", "a")), at(10));
    assert_eq!(late.err(), Some(Rejection::UnknownHost(key("web", "a"))));
    assert!(matches!(register(&mut table, registration("web", "a"), at(11)), Applied::Created(_)));
    assert_eq!(table.tick(at(12), 100).len(), 0, "the new lease counts");
}

#[test]
fn what_an_operator_set_survives_heartbeats() {
    let mut table = HostTable::default();
    register(&mut table, registration("web", "a"), at(0));
    let host = key("web", "a");
    let weigh = Event::Weigh { host: host.clone(), weight: 7, original: None };
    assert!(matches!(table.apply(weigh, at(1)), Ok(Applied::Updated(_))));
    assert!(matches!(table.apply(Event::Drain { host: host.clone(), enable: true }, at(1)), Ok(Applied::Updated(_))));
    let report =
        Event::Report { host: host.clone(), check: "health".into(), status: Status::Critical, output: "no".into() };
    assert!(matches!(table.apply(report.clone(), at(1)), Ok(Applied::Updated(_))));
    assert!(matches!(table.apply(report, at(2)), Ok(Applied::Unchanged(_))));
    register(&mut table, registration("web", "a"), at(3));
    let row = table.hosts().get(&host).expect("there");
    assert_eq!((row.weight, row.draining, row.status()), (7, true, Status::Critical));
    assert_eq!(row.lease.renewed(), at(3), "neither weight nor drain nor report is a heartbeat, registering is");
}

#[test]
fn rolling_back_restores_rows_and_deadlines() {
    let mut table = HostTable::default();
    register(&mut table, registration("web", "a"), at(0));
    let (hosts, revision) = (table.hosts().clone(), table.revision());
    let mut undone: Vec<Change> = Vec::new();
    undone.extend(register(&mut table, registration("web", "b"), at(1)).change().cloned());
    undone.extend(table.apply(Event::Deregister(key("web", "a")), at(1)).expect("removes").change().cloned());
    table.roll_back(hosts, revision, &undone, at(2));
    assert_eq!(table.revision(), Revision(1));
    assert_eq!(table.hosts().iter().map(|host| host.key()).collect::<Vec<_>>(), [key("web", "a")]);
    let due: Vec<_> = table.deadlines().iter().map(|(at, host)| (at, host.key())).collect();
    assert_eq!(due, [(at(10), key("web", "a"))]);
    assert_eq!(table.tick(at(10), 100).len(), 1);
}

#[test]
fn a_tick_takes_no_more_than_it_is_told() {
    let mut table = HostTable::default();
    for id in 0..10 {
        register(&mut table, registration("web", &id.to_string()), at(0));
    }
    assert_eq!(table.tick(at(10), 4).len(), 4);
    assert_eq!(table.tick(at(10), 100).len(), 6);
}

#[test]
fn indexes_follow_the_rows() {
    let mut table = HostTable::default();
    let mut first = registration("web", "a");
    first.repo = Some(Place::parse("repo", "r").expect("repo"));
    register(&mut table, first.clone(), at(0));
    register(&mut table, registration("web", "b"), at(0));
    register(&mut table, registration("webb", "a"), at(0));
    let repo = Place::parse("repo", "r").expect("repo");
    assert_eq!(table.hosts().of_service("web").count(), 2);
    assert_eq!(table.hosts().of_repo(&repo).count(), 1);
    first.repo = None;
    register(&mut table, first, at(1));
    assert_eq!(table.hosts().of_repo(&repo).count(), 0);
    table.apply(Event::Deregister(key("webb", "a")), at(1)).expect("removes");
    assert_eq!(
        table.hosts().services().map(|(name, count)| (name.to_string(), count)).collect::<Vec<_>>(),
        [("web".to_owned(), 2)]
    );
}

#[test]
fn the_journal_says_when_it_forgot() {
    let mut table = HostTable::default();
    let mut journal = Journal::new(Revision(0), 2);
    for id in ["a", "b", "c"] {
        journal.append(register(&mut table, registration("web", id), at(0)).change().expect("change").clone());
    }
    assert_eq!(journal.since(Revision(1)).map(Iterator::count), Ok(2));
    assert_eq!(journal.since(Revision(3)).map(Iterator::count), Ok(0));
    assert_eq!(journal.since(Revision(0)).err(), Some(Compacted { asked: Revision(0), oldest: Revision(1) }));
}

fn node(name: &str, own: bool, status: Status) -> Registration {
    let key = node_key(name, own).expect("a name");
    let check = CheckDefinition { status: Some(status), ..CheckDefinition::new("disk".into(), None) };
    let target = Target::parse("address", ["10.9.0.1"]).expect("address");
    Registration { checks: Some(vec![check]), ..Registration::new(key.service, Dialect::Node, key.id, target) }
}

fn placed(service: &str, node: &str, id: &str) -> Registration {
    let id = Standing { node, id }.to_id("id").expect("an id");
    Registration { dialect: Dialect::Consul, id, ttl: None, ..registration(service, "a") }
}

#[test]
fn a_node_takes_its_hosts_with_it() {
    let mut table = HostTable::default();
    register(&mut table, node("N1", true, Status::Passing), at(0));
    register(&mut table, node("n2", false, Status::Passing), at(0));
    let weights = Some(Weights { passing: 5, warning: 2 });
    register(&mut table, Registration { weights, ..placed("web", "", "a") }, at(0));
    register(&mut table, placed("db", "n2", "a"), at(0));
    register(&mut table, registration("web", "a"), at(0));
    assert!(table.take_consequences().is_empty());
    assert_eq!((table.hosts().len(), table.hosts().node_count()), (3, 2), "nodes are no hosts");

    register(&mut table, node("N1", true, Status::Warning), at(1));
    let changes = table.take_consequences();
    let [change] = &changes[..] else { panic!("one host stands there: {changes:?}") };
    let host = change.after.as_ref().expect("a row");
    assert_eq!((host.id.as_str(), host.status(), host.weight), ("a", Status::Warning, 2));
    assert_eq!(change.revision, table.revision());
    assert_eq!(table.hosts().on_node("n2").count(), 1);
    assert_eq!(table.hosts().standing(Standing { node: "n2", id: "a" }).map(|row| row.service.as_str()), Some("db"));

    // A host that says no address goes where its node goes.
    register(&mut table, Registration { at_node: true, ..placed("moves", "n2", "b") }, at(1));
    let target = Target::parse("address", ["10.9.0.7"]).expect("address");
    register(&mut table, Registration { target: target.clone(), ..node("n2", false, Status::Passing) }, at(1));
    let moved: Vec<(String, Target)> = table
        .take_consequences()
        .into_iter()
        .map(|change| (change.host().service.to_string(), change.host().target.clone()))
        .collect();
    assert_eq!(moved, [("moves".to_owned(), target)]);

    // Whoever comes later is as its node is, and a start forgets nothing of it.
    register(&mut table, placed("web", "", "b"), at(2));
    let rows: Vec<Host> = table.hosts().iter().chain(table.hosts().nodes()).map(|row| Host::clone(row)).collect();
    let again = HostTable::restore(rows, table.revision(), at(3));
    for hosts in [table.hosts(), again.hosts()] {
        let warns: Vec<&str> =
            hosts.on_node("").filter(|row| row.status() == Status::Warning).map(|row| row.id.as_str()).collect();
        assert_eq!(warns, ["a", "b"]);
        assert_eq!(hosts.node("").map(|node| node.service.as_str()), Some("n1"));
        assert!(hosts.node("N2").is_some() && hosts.node("n3").is_none());
    }
}

#[test]
fn a_server_that_is_somewhere_else_takes_its_hosts_there() {
    let mut table = HostTable::default();
    register(&mut table, node("n1", true, Status::Passing), at(0));
    register(&mut table, Registration { at_node: true, ..placed("web", "", "a") }, at(0));
    register(&mut table, placed("web", "", "b"), at(0));
    let mut rows: Vec<Host> = table.hosts().iter().map(|row| Host::clone(row)).collect();
    let target = Target::parse("address", ["10.9.0.99"]).expect("address");
    rows.push(Host::new(Registration { target: target.clone(), ..node("n1", true, Status::Passing) }, at(1)));
    let again = HostTable::restore(rows, table.revision(), at(1));
    let targets: Vec<&Target> = again.hosts().on_node("").map(|row| &row.target).collect();
    assert_eq!((targets[0], targets[1].addresses()[0].to_string()), (&target, "10.0.0.1".to_owned()));
}

#[test]
fn each_service_has_a_revision_of_its_own() {
    let mut table = HostTable::default();
    register(&mut table, placed("web", "n2", "a"), at(0));
    register(&mut table, registration("db", "a"), at(0));
    let marks = |table: &HostTable| {
        let hosts = table.hosts();
        ["web", "db", "none"]
            .map(|service| hosts.modified(service).0)
            .into_iter()
            .chain([hosts.list_modified().0])
            .collect()
    };
    let before: Vec<u64> = marks(&table);
    assert_eq!(before, [1, 2, 0, 2]);
    register(&mut table, registration("db", "a"), at(1));
    assert_eq!(marks(&table), before, "a heartbeat is no change");
    let report = |status| Event::Report { host: key("db", "a"), check: "up".into(), status, output: "".into() };
    table.apply(report(Status::Critical), at(1)).expect("a report");
    assert_eq!(marks(&table), [1, 3, 0, 2], "the list of services says nothing of checks");
    // What a node says of itself is shown with the services on it.
    register(&mut table, node("n2", false, Status::Passing), at(2));
    assert_eq!(marks(&table), [4, 3, 0, 2]);
    table.apply(Event::Deregister(key("db", "a")), at(3)).expect("removes");
    assert_eq!(marks(&table), [4, 5, 5, 5], "a service that is gone is never older than it was");
}
