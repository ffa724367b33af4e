//! What every store must do, through a registry and a writer thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::store::{MemoryStore, Settings, open};
use crate::table::Status;

fn file(directory: &std::path::Path) -> Box<dyn Store> {
    let opened = open(&Settings::file(directory.join("deep/data"))).expect("opens");
    assert_eq!(opened.notices, []);
    opened.store
}

/// `store` opens the same place every time; `keeps` says whether what was written is there again.
async fn battery(store: impl Fn() -> Box<dyn Store>, keeps: bool) {
    let clock = clock();
    let running = Running::start(Arc::clone(&clock), store(), |_| {});
    let registry = &running.registry;
    for id in ["a", "b", "c", "d"] {
        registry.submit(register("web", id)).await.expect("registers");
    }
    registry.submit(Event::Deregister(key("web", "b"))).await.expect("deregisters");
    registry.submit(Event::Weigh { host: key("web", "a"), weight: 7, original: None }).await.expect("weighs");
    registry.submit(Event::Drain { host: key("web", "c"), enable: true }).await.expect("drains");
    let report = Event::Report {
        host: key("web", "d"),
        check: "disk".into(),
        status: Status::Critical,
        output: "full \"really\"\n".into(),
    };
    registry.submit(report).await.expect("reports");
    let (rows, revision) = running.stop();
    assert_eq!((rows.len(), revision), (3, Revision(8)));

    clock.advance(Duration::from_secs(3600));
    let running = Running::start(Arc::clone(&clock), store(), |_| {});
    let snapshot = running.registry.snapshot_arc();
    if !keeps {
        assert!(snapshot.hosts.is_empty());
        return;
    }
    assert_eq!(shown_rows(snapshot.hosts.iter()), rows);
    assert_eq!(snapshot.revision, revision);
    for host in snapshot.hosts.iter() {
        assert_eq!(host.lease.left(clock.now()), Some(TTL), "every lease begins anew");
    }
    clock.advance(TTL);
    assert!(!running.registry.expire_due());
    assert_eq!(running.stop(), (Vec::new(), Revision(11)), "what expires is gone");
    assert_eq!(store().load().expect("loads").rows.len(), 0, "from the store, too");
}

#[tokio::test]
async fn the_memory_store_keeps_nothing() {
    battery(|| Box::new(MemoryStore), false).await;
}

#[tokio::test]
async fn the_file_store_keeps_everything() {
    let directory = tempfile::tempdir().expect("directory");
    battery(|| file(directory.path()), true).await;
}

#[tokio::test]
async fn heartbeats_never_reach_the_store() {
    let directory = tempfile::tempdir().expect("directory");
    let commits = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&commits);
    let clock = clock();
    let running = Running::start(Arc::clone(&clock), file(directory.path()), move |outcome| {
        assert!(outcome.error.is_none());
        counter.fetch_add(1, Ordering::SeqCst);
    });
    running.registry.submit(register("web", "a")).await.expect("registers");
    assert_eq!(commits.load(Ordering::SeqCst), 1);
    for _ in 0..500 {
        clock.advance(Duration::from_secs(1));
        running.registry.submit(Event::Renew(key("web", "a"))).await.expect("renews");
        running.registry.submit(register("web", "a")).await.expect("registers as it is");
    }
    running.stop();
    assert_eq!(commits.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_row_changed_often_in_one_batch_is_written_as_it_ended() {
    let directory = tempfile::tempdir().expect("directory");
    let running = Running::start(clock(), file(directory.path()), |_| {});
    let events = |_: &crate::table::Hosts, _| {
        let weigh = |weight| Event::Weigh { host: key("web", "a"), weight, original: None };
        let mut events = vec![register("web", "a"), register("web", "b"), Event::Deregister(key("web", "b"))];
        events.extend((2..50).map(weigh));
        Ok::<_, crate::registry::SubmitError>(events)
    };
    running.registry.submit_with(events).await.expect("all of them");
    let (rows, _) = running.stop();
    let loaded = file(directory.path()).load().expect("loads");
    assert_eq!(shown_rows(&loaded.rows), rows);
    assert_eq!(loaded.rows[0].weight, 49);
}

#[test]
fn the_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("directory");
    drop(file(directory.path()));
    let mode =
        |name: &str| std::fs::metadata(directory.path().join(name)).expect("is there").permissions().mode() & 0o777;
    assert_eq!((mode("deep/data"), mode("deep/data/rollcall.redb")), (0o700, 0o600));
}
