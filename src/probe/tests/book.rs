//! What the book does with the changes of a table.

use super::*;
use crate::probe::book::tests::{key, terms};
use crate::table::{Applied, CheckDefinition, HostKey};

const AT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)), 80);

/// What a probe takes of a host that answers.
const MOMENT: Duration = Duration::from_millis(1);

fn at(millis: u64) -> Timestamp {
    Timestamp::from_micros(1_795_194_000_000_000 + millis * 1000)
}

/// A table and the book of its checks.
#[derive(Default)]
struct Desk {
    table: HostTable,
    book: Book,
}

impl Desk {
    fn apply(&mut self, event: Event, now: Timestamp) -> Applied {
        let applied = self.table.apply(event, now).expect("an event that fits");
        if let Some(change) = applied.change() {
            self.book.follow(change, now);
        }
        applied
    }

    fn register(&mut self, address: SocketAddr, terms: Option<Arc<Terms>>, now: Timestamp) {
        let checks = terms.map(|terms| CheckDefinition::new("up".into(), Some(terms)));
        let registration = Registration { checks: Some(checks.into_iter().collect()), ..registration("a", address) };
        self.apply(Event::Register(Box::new(registration)), now);
    }

    fn due(&mut self, now: Timestamp) -> Vec<Job> {
        std::iter::from_fn(|| self.book.take_due(now)).collect()
    }
}

#[test]
fn a_check_is_asked_at_once_and_never_twice_at_a_time() {
    let mut desk = Desk::default();
    desk.register(AT, Some(terms()), at(0));
    let jobs = desk.due(at(20));
    assert_eq!(jobs.iter().map(|job| &job.key).collect::<Vec<_>>(), [&key("web", "a", "up")]);
    assert_eq!((desk.due(at(60_000)).len(), desk.book.next_due()), (0, None), "it is under way");
    assert_eq!(desk.book.done(&jobs[0], Status::Passing, MOMENT, at(100)), Some(Status::Passing));
    let next = desk.book.next_due().expect("a place");
    assert!(next > at(100) && next <= at(10_100));
    assert_eq!(desk.due(next).len(), 1);
}

#[test]
fn a_check_that_is_gone_is_asked_no_more() {
    let mut desk = Desk::default();
    desk.register(AT, Some(terms()), at(0));
    let jobs = desk.due(at(20));
    desk.register(AT, None, at(30));
    assert_eq!(desk.book.done(&jobs[0], Status::Passing, MOMENT, at(40)), None);
    assert_eq!((desk.book.len(), desk.book.next_due()), (0, None));
    desk.register(AT, Some(terms()), at(50));
    let host = HostKey { ..key("web", "a", "up").host };
    desk.apply(Event::Deregister(host), at(60));
    assert_eq!((desk.book.len(), desk.book.next_due()), (0, None));
}

#[test]
fn an_answer_on_other_terms_does_not_count() {
    let mut desk = Desk::default();
    desk.register(AT, Some(terms()), at(0));
    let jobs = desk.due(at(20));
    let other = Arc::new(Terms { failures_before_critical: 3, ..Terms::clone(&terms()) });
    desk.register(AT, Some(other), at(30));
    assert_eq!(desk.book.done(&jobs[0], Status::Passing, MOMENT, at(40)), None);
    let new = desk.due(at(60));
    assert_eq!(new.len(), 1, "the new one is asked at once");
    assert_eq!(desk.book.done(&jobs[0], Status::Passing, MOMENT, at(70)), None, "the late one speaks of the old terms");
    assert_eq!(desk.book.done(&new[0], Status::Passing, MOMENT, at(80)), Some(Status::Passing));
}

#[test]
fn a_host_that_moved_is_asked_where_it_is() {
    let mut desk = Desk::default();
    desk.register(AT, Some(terms()), at(0));
    let jobs = desk.due(at(20));
    let elsewhere = SocketAddr::from(([10, 0, 0, 2], 80));
    desk.register(elsewhere, Some(terms()), at(30));
    assert_eq!(desk.book.done(&jobs[0], Status::Passing, MOMENT, at(40)), None, "that was the old place");
    let jobs = desk.due(at(60));
    assert_eq!(jobs[0].host.target.addresses(), [elsewhere.ip()]);
    desk.book.done(&jobs[0], Status::Passing, MOMENT, at(70));
    desk.register(AT, Some(terms()), at(80));
    assert_eq!(desk.due(at(100))[0].host.target.addresses(), [AT.ip()], "at once, not in its place");
}

#[test]
fn a_host_that_begins_anew_is_asked_at_once() {
    let mut desk = Desk::default();
    let register = |desk: &mut Desk, now| {
        let check = CheckDefinition::new("up".into(), Some(terms()));
        let ttl = Some(Duration::from_secs(1));
        let registration = Registration { checks: Some(vec![check]), ttl, ..registration("a", AT) };
        desk.apply(Event::Register(Box::new(registration)), now);
    };
    register(&mut desk, at(0));
    let jobs = desk.due(at(20));
    desk.book.done(&jobs[0], Status::Passing, MOMENT, at(30));
    register(&mut desk, at(900));
    assert_eq!(desk.due(at(920)).len(), 0, "a heartbeat");
    register(&mut desk, at(5000));
    assert_eq!(desk.due(at(5020)).len(), 1, "its lease had ended");
}

#[test]
fn who_took_long_is_not_taken_for_quick() {
    let mut desk = Desk::default();
    desk.register(AT, Some(terms()), at(0));
    let mut ask = |took, now| {
        let job = desk.due(now).pop().expect("a job");
        desk.book.done(&job, Status::Passing, took, now);
        (job.is_quick, desk.book.next_due().expect("a place"))
    };
    let (is_quick, next) = ask(MOMENT, at(20));
    assert!(!is_quick, "nobody knows yet");
    let (is_quick, next) = ask(limits::PROBE_QUICK, next);
    assert!(is_quick);
    let (is_quick, next) = ask(MOMENT, next);
    assert!(!is_quick);
    assert!(ask(MOMENT, next).0);
}

#[test]
fn after_a_start_what_was_good_waits_for_its_place() {
    let mut desk = Desk::default();
    desk.register(AT, Some(terms()), at(0));
    desk.book.reset(desk.table.hosts(), Arc::default(), at(0));
    assert_eq!(desk.due(at(20)).len(), 1, "a critical one is asked at once");
    let up = key("web", "a", "up");
    let (host, check) = (up.host, up.check);
    desk.apply(Event::Observe { host, check, terms: terms(), status: Status::Passing, output: "".into() }, at(30));
    desk.book.reset(desk.table.hosts(), Arc::default(), at(40));
    assert!(desk.book.next_due().expect("a place") > at(60));
}

#[test]
fn an_alias_of_an_alias_is_what_that_one_follows() {
    let mut desk = Desk::default();
    let follows = |id: &str| {
        let service = ServiceName::parse("service", "web").expect("a name");
        let kind = CheckKind::Alias(service, Some(HostId::parse("id", id).expect("an id")));
        Some(Arc::new(Terms::parse("", kind, Wishes::default()).expect("terms")))
    };
    for (id, followed) in [("a", "b"), ("b", "c"), ("c", "d"), ("d", "c")] {
        let check = CheckDefinition::new("up".into(), follows(followed));
        desk.apply(
            Event::Register(Box::new(Registration { checks: Some(vec![check]), ..registration(id, AT) })),
            at(0),
        );
    }
    let status = |desk: &Desk, id: &str| match alias::observe(desk.table.hosts(), key("web", id, "up"), at(1)) {
        Some(Event::Observe { status, .. }) => status,
        other => panic!("{other:?}"),
    };
    assert_eq!(status(&desk, "a"), Status::Passing, "a circle says nothing");
    let host = key("web", "d", "").host;
    desk.apply(Event::Report { host, check: "disk".into(), status: Status::Critical, output: "".into() }, at(2));
    assert_eq!(
        ["a", "b", "c", "d"].map(|id| status(&desk, id)),
        [Status::Critical, Status::Critical, Status::Critical, Status::Passing]
    );
}

#[test]
fn an_alias_is_looked_at_when_its_service_changes() {
    let mut desk = Desk::default();
    let service = ServiceName::parse("service", "web").expect("a name");
    let kind = CheckKind::Alias(service, Some(HostId::parse("id", "b").expect("an id")));
    let alias = Arc::new(Terms::parse("", kind, Wishes::default()).expect("terms"));
    desk.register(AT, Some(alias), at(0));
    let up = key("web", "a", "up");
    let observe = |desk: &Desk, now| alias::observe(desk.table.hosts(), up.clone(), now).expect("an alias");
    let status = |event: &Event| {
        let Event::Observe { status, .. } = event else { panic!("{event:?}") };
        *status
    };
    assert!(desk.book.take_stirred().contains(&up));
    assert_eq!(status(&observe(&desk, at(1))), Status::Critical, "there is no b");
    desk.apply(Event::Register(Box::new(registration("b", AT))), at(2));
    assert!(desk.book.take_stirred().contains(&up));
    let event = observe(&desk, at(3));
    assert_eq!(status(&event), Status::Passing);
    desk.apply(event, at(3));
    desk.book.take_stirred();
    let host = key("web", "b", "").host;
    desk.apply(Event::Report { host, check: "disk".into(), status: Status::Warning, output: "".into() }, at(4));
    assert!(desk.book.take_stirred().contains(&up));
    assert_eq!(status(&observe(&desk, at(5))), Status::Warning);
}
