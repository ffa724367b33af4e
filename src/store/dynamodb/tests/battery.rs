//! What every store must do, through a registry and an engine on a DynamoDB that is really there: an emulator at the URL of
//! ROLLCALL_TEST_DYNAMODB. Without it nothing is tried, and that is said.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::super::{DynamoDb, Settings};
use super::key;
use crate::clock::{Clock, Timestamp};
use crate::registry::{Durability, Registry, SubmitError};
use crate::table::{
    Applied, Dialect, Event, Host, Hosts, Lease, Port, Registration, Rejection, Revision, Status, Target,
};
use crate::zone::Zones;

const TTL: Duration = Duration::from_secs(60);

/// The settings of a table of its own; `None` where there is no emulator.
fn settings(table: &str) -> Option<Settings> {
    #[allow(clippy::disallowed_methods, reason = "where the emulator is, for tests only")]
    let endpoint = std::env::var("ROLLCALL_TEST_DYNAMODB").ok();
    if endpoint.is_none() {
        eprintln!("SKIP SKIP SKIP: ROLLCALL_TEST_DYNAMODB names no emulator");
    }
    Some(Settings {
        table: format!("{table}-{:x}", std::process::id()),
        endpoint: Some(endpoint?),
        poll: Duration::from_millis(100),
        create_table: true,
        ..Settings::default()
    })
}

/// A server on the table.
struct Running {
    registry: Arc<Registry>,
    shutdown: CancellationToken,
    engine: JoinHandle<()>,
}

impl Running {
    async fn start(clock: &Arc<Clock>, settings: &Settings) -> Running {
        let registry = Arc::new(Registry::new(Arc::clone(clock), Zones::default(), Durability::Shared));
        let store = DynamoDb::new(settings.clone()).expect("settings");
        let mut table = store.read(clock.now()).await.expect("a table");
        registry.load(std::mem::take(&mut table.rows).into_iter().map(Arc::new), Revision(1000), 0);
        let requests = registry.requests().expect("requests");
        let shutdown = CancellationToken::new();
        let (_, engine) = store.engine(Arc::clone(&registry), requests, table, Box::new(Some), shutdown.clone());
        Running { registry, shutdown, engine: tokio::spawn(engine) }
    }

    async fn stop(self) -> Vec<Host> {
        self.shutdown.cancel();
        self.engine.await.expect("the engine ends");
        self.registry.snapshot().hosts.iter().map(|host| Host::clone(host)).collect()
    }

    /// Waits until the table is as it should be.
    async fn until(&self, what: &str, holds: impl Fn(&Hosts) -> bool) {
        for _ in 0..100 {
            if holds(&self.registry.snapshot().hosts) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{what}");
    }
}

fn clock() -> Arc<Clock> {
    Arc::new(Clock::manual(Timestamp::from_micros(1_700_000_000_000_000)))
}

fn register(dialect: Dialect, id: &str, port: u16) -> Event {
    let key = key("web", dialect, id);
    let target = Target::parse("address", ["10.0.0.1"]).expect("an address");
    let registration = Registration::new(key.service, dialect, key.id, target);
    let ports = [Port::tcp(port)].into_iter().collect();
    Event::Register(Box::new(Registration { ttl: Some(TTL), ports, ..registration }))
}

fn native(id: &str) -> crate::table::HostKey {
    key("web", Dialect::Native, id)
}

fn same(left: &[Host], right: &[Host]) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(left, right)| left.same_content(right))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_is_there_after_a_restart() {
    let Some(settings) = settings("battery") else { return };
    let clock = clock();
    let running = Running::start(&clock, &settings).await;
    let registry = &running.registry;
    for id in ["a", "b", "c", "d"] {
        registry.submit(register(Dialect::Native, id, 80)).await.expect("registers");
    }
    registry.submit(register(Dialect::Lyft, "10.0.0.1", 80)).await.expect("registers");
    registry.submit(Event::Deregister(native("b"))).await.expect("deregisters");
    let unknown = registry.submit(Event::Deregister(native("b"))).await;
    assert!(matches!(unknown, Err(SubmitError::Rejected(Rejection::UnknownHost(_)))), "{unknown:?}");
    registry.submit(Event::Weigh { host: native("a"), weight: 7, original: None }).await.expect("weighs");
    registry.submit(Event::Drain { host: native("c"), enable: true }).await.expect("drains");
    let report = Event::Report {
        host: native("d"),
        check: "disk".into(),
        status: Status::Critical,
        output: "full \"really\"\n".into(),
    };
    registry.submit(report).await.expect("reports");
    let rows = running.stop().await;
    assert_eq!(rows.len(), 4);

    clock.advance(Duration::from_secs(3600));
    let running = Running::start(&clock, &settings).await;
    let snapshot = running.registry.snapshot_arc();
    let again: Vec<Host> = snapshot.hosts.iter().map(|host| Host::clone(host)).collect();
    assert!(same(&again, &rows), "{again:?}\n{rows:?}");
    for host in &again {
        assert!(host.lease.left(clock.now()) >= host.lease.ttl(), "every lease begins anew");
    }
    clock.advance(TTL * 2);
    assert!(!running.registry.expire_due());
    running.until("what expires is gone", |hosts| hosts.is_empty()).await;
    let store = DynamoDb::new(settings.clone()).expect("settings");
    for tries in 0.. {
        if store.read(clock.now()).await.expect("a table").rows.is_empty() {
            break;
        }
        assert!(tries < 100, "from the table, too");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_lose_nothing_to_each_other() {
    let Some(settings) = settings("two") else { return };
    let clock = clock();
    let (one, other) = (Running::start(&clock, &settings).await, Running::start(&clock, &settings).await);
    one.registry.submit(register(Dialect::Native, "a", 80)).await.expect("registers");
    other.until("the other has it", |hosts| hosts.len() == 1).await;
    // Each changes what the other has not seen change: the second one meets a condition, and is worked out anew.
    for weight in 2..6 {
        let weigh = Event::Weigh { host: native("a"), weight, original: None };
        let drain = Event::Drain { host: native("a"), enable: weight % 2 == 1 };
        one.registry.submit(weigh).await.expect("weighs");
        other.registry.submit(drain).await.expect("drains");
    }
    for server in [&one, &other] {
        let both = |hosts: &Hosts| hosts.get(&native("a")).is_some_and(|host| host.weight == 5 && host.draining);
        server.until("both changes stand", both).await;
    }
    other.registry.submit(Event::Deregister(native("a"))).await.expect("deregisters");
    let late = one.registry.submit(Event::Weigh { host: native("a"), weight: 9, original: None }).await;
    assert!(matches!(late, Err(SubmitError::Rejected(Rejection::UnknownHost(_)))), "{late:?}");
    one.until("it is gone", |hosts| hosts.is_empty()).await;
    one.stop().await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_elsewhere_is_not_taken_for_what_it_was() {
    let Some(settings) = settings("same") else { return };
    let clock = clock();
    let one = Running::start(&clock, &settings).await;
    for id in ["a", "b", "c"] {
        one.registry.submit(register(Dialect::Native, id, 80)).await.expect("registers");
    }
    one.stop().await;
    // Neither reads the table again while this lasts.
    let settings = Settings { poll: Duration::from_secs(300), ..settings };
    let (one, other) = (Running::start(&clock, &settings).await, Running::start(&clock, &settings).await);
    let (here, there) = (&one.registry, &other.registry);
    let again = |id| here.submit(register(Dialect::Native, id, 80));
    there.submit(Event::Deregister(native("a"))).await.expect("deregisters");
    assert!(matches!(again("a").await, Ok(Applied::Created(_))), "it had gone");
    assert!(matches!(again("a").await, Ok(Applied::Unchanged(_))), "it is there");
    there.submit(register(Dialect::Native, "b", 81)).await.expect("registers");
    assert!(matches!(again("b").await, Ok(Applied::Updated(_))), "it had another port");
    let drain = |enable| Event::Drain { host: native("c"), enable };
    let weigh = |weight| Event::Weigh { host: native("c"), weight, original: None };
    there.submit(drain(true)).await.expect("drains");
    there.submit(weigh(5)).await.expect("weighs");
    here.submit_all(vec![drain(false), weigh(1)]).await.expect("both");
    assert!(matches!(here.submit(drain(false)).await, Ok(Applied::Unchanged(_))));
    // Whether others changed something or nothing: several of one row at once, and a row of which the first is new.
    let events = ["a", "d", "d"].map(|id| register(Dialect::Native, id, 80)).into_iter().collect();
    let applied = here.submit_all(events).await.expect("all");
    assert!(matches!(applied[..], [Applied::Unchanged(_), Applied::Created(_), Applied::Unchanged(_)]), "{applied:?}");
    let rows = one.stop().await;
    other.stop().await;
    let third = Running::start(&clock, &settings).await;
    let stored = third.stop().await;
    assert!(same(&rows, &stored), "{rows:?}\n{stored:?}");
    let hosts: Vec<_> = stored.iter().map(|host| (host.id.as_str(), host.draining, host.weight)).collect();
    assert_eq!(hosts, [("a", false, 1), ("b", false, 1), ("c", false, 1), ("d", false, 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_at_one_server_are_heartbeats_at_all() {
    let Some(settings) = settings("beats") else { return };
    let clock = clock();
    let (one, other) = (Running::start(&clock, &settings).await, Running::start(&clock, &settings).await);
    one.registry.submit(register(Dialect::Native, "a", 80)).await.expect("registers");
    other.until("the other has it", |hosts| hosts.len() == 1).await;
    let renewed =
        |server: &Running| server.registry.snapshot().hosts.get(&native("a")).map(|host| host.lease.renewed());
    clock.advance(TTL / 2);
    one.registry.submit(Event::Renew(native("a"))).await.expect("renews");
    let now = clock.now();
    other
        .until("the other hears of it", |hosts| hosts.get(&native("a")).is_some_and(|host| host.lease.renewed() >= now))
        .await;
    clock.advance(TTL / 10);
    one.registry.submit(Event::Renew(native("a"))).await.expect("renews");
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!((renewed(&one), renewed(&other)), (Some(clock.now()), Some(now)), "it is not written every time");
    let gone = Lease::new(Some(TTL), now);
    assert!(gone.is_live(clock.now()));
    one.stop().await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_one_server_took_for_lapsed_comes_back_with_its_heartbeat() {
    let Some(settings) = settings("back") else { return };
    let (here, there) = (clock(), clock());
    let (one, other) = (Running::start(&here, &settings).await, Running::start(&there, &settings).await);
    one.registry.submit(register(Dialect::Native, "a", 80)).await.expect("registers");
    other.until("the other has it", |hosts| hosts.len() == 1).await;
    // The clock of the other one runs ahead of everybody's.
    there.advance(TTL * 2);
    other.registry.set_duty(crate::registry::Duty::new("other", ["one".to_owned()]));
    other.registry.expire_due();
    here.advance(TTL / 2);
    one.registry.submit(Event::Renew(native("a"))).await.expect("renews");
    other.until("it is back", |hosts| hosts.len() == 1).await;
    assert_eq!(one.stop().await.len(), 1);
    other.stop().await;
}
