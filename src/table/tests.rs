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
    assert_eq!(table.deadlines().iter().collect::<Vec<_>>(), [(at(10), &key("web", "a"))]);
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
