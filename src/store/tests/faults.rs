//! Disks that fill up, fail and lose power while rows are written.

use std::io::ErrorKind;

use super::platter::{Dice, Platter};
use super::*;
use crate::registry::{CommitError, SubmitError};
use crate::store::{Notice, OpenError, file};

fn open(platter: &Platter) -> Box<dyn Store> {
    let opened = file::open(Box::new(platter.clone())).expect("opens");
    assert_eq!(opened.notices, []);
    opened.store
}

fn rows_of(platter: &Platter) -> Vec<String> {
    shown_rows(&open(platter).load().expect("loads").rows)
}

/// Each step of a commit in turn is the one from which the disk fails.
async fn fails_and_recovers(fault: ErrorKind, expected: fn(&SubmitError) -> bool) {
    let mut refusals = 0;
    for steps in 0.. {
        let platter = Platter::default();
        let running = Running::start(clock(), open(&platter), |_| {});
        let registry = &running.registry;
        registry.submit(register("web", "kept")).await.expect("registers");
        platter.fail_after(steps, fault);
        let refused = registry.submit(register("web", "refused")).await;
        let untouched = registry.submit(Event::Deregister(key("web", "kept"))).await;
        assert!(refused.is_ok() || untouched.is_err(), "a full disk does not recover by itself");
        platter.mend();
        if let Err(error) = &refused {
            assert!(expected(error), "{error:?}");
            refusals += 1;
        }
        if untouched.is_err() {
            assert!(registry.snapshot().hosts.get(&key("web", "kept")).is_some());
        }
        registry.submit(register("web", "later")).await.expect("writing recovers without a restart");
        let there = registry.snapshot().hosts.get(&key("web", "refused")).is_some();
        assert_eq!(there, refused.is_ok());
        let done = untouched.is_ok();
        let (rows, _) = running.stop();
        assert_eq!(rows_of(&platter), rows, "step {steps}");
        if done {
            break;
        }
    }
    assert!(refusals > 2, "the fault met several steps of a commit");
}

#[tokio::test]
async fn a_full_disk_is_full_until_it_is_not() {
    let full = |error: &SubmitError| matches!(error, SubmitError::Store(CommitError::Full(_)));
    fails_and_recovers(ErrorKind::StorageFull, full).await;
    fails_and_recovers(ErrorKind::QuotaExceeded, full).await;
}

#[tokio::test]
async fn a_broken_disk_is_unavailable_until_it_is_not() {
    let unavailable = |error: &SubmitError| matches!(error, SubmitError::Store(CommitError::Unavailable(_)));
    fails_and_recovers(ErrorKind::Other, unavailable).await;
    fails_and_recovers(ErrorKind::ReadOnlyFilesystem, unavailable).await;
}

/// The failed commit reached the disk all the same, and the program ends before the disk works again.
#[tokio::test]
async fn a_refused_commit_is_taken_out_of_the_file() {
    for steps in 0..12 {
        let platter = Platter::default();
        let running = Running::start(clock(), open(&platter), |_| {});
        running.registry.submit(register("web", "kept")).await.expect("registers");
        platter.fail_after(steps, ErrorKind::Other);
        let refused = running.registry.submit(register("web", "refused")).await.is_err();
        platter.mend();
        running.registry.submit(Event::Renew(key("web", "kept"))).await.expect("renews");
        running.registry.submit(register("web", "other")).await.expect("registers");
        let (rows, _) = running.stop();
        assert_eq!(rows.len(), if refused { 2 } else { 3 });
        assert_eq!(rows_of(&platter), rows, "step {steps}");
    }
}

/// A power failure at any moment leaves what was acknowledged, at most with the commit that was under way.
#[test]
fn a_power_failure_takes_nothing_that_was_acknowledged() {
    let mut dice = Dice(7);
    for round in 0..60 {
        let platter = Platter::default();
        let mut table = crate::table::HostTable::default();
        let mut store = open(&platter);
        store.load().expect("loads");
        let (mut acknowledged, mut attempted) = (Vec::new(), Vec::new());
        let now = clock().now();
        platter.fail_after(dice.roll(400) as u64, ErrorKind::Other);
        for _ in 0..100 {
            let id = format!("host-{}", dice.roll(30));
            let event = match dice.roll(4) {
                0 if table.hosts().get(&key("web", &id)).is_some() => Event::Deregister(key("web", &id)),
                1 if table.hosts().get(&key("web", &id)).is_some() => {
                    let weight = dice.roll(100) as u16;
                    Event::Weigh { host: key("web", &id), weight, original: None }
                }
                _ => register("web", &id),
            };
            let Some(change) = table.apply(event, now).expect("applies").change().cloned() else { continue };
            attempted = shown_rows(table.hosts().iter());
            if store.commit(&[change], table.revision(), 1).is_err() {
                break;
            }
            acknowledged.clone_from(&attempted);
        }
        let left = platter.after_power_failure(&mut dice);
        let found = rows_of(&left);
        assert!(found == acknowledged || found == attempted, "round {round}");
    }
}

#[test]
fn a_file_that_cannot_be_written_is_read() {
    for unclean in [false, true] {
        let platter = Platter::default();
        let mut table = crate::table::HostTable::default();
        let mut store = open(&platter);
        store.load().expect("loads");
        let mut commit = |store: &mut Box<dyn Store>, event| {
            let change = table.apply(event, clock().now()).expect("applies").change().cloned().expect("a change");
            store.commit(&[change], table.revision(), 5)
        };
        commit(&mut store, register("web", "a")).expect("commits");
        let octets = platter.octets();
        drop(store);
        let platter = if unclean { Platter::holding(octets) } else { platter };

        platter.fail_after(0, ErrorKind::ReadOnlyFilesystem);
        let opened = file::open(Box::new(platter.clone())).expect("opens");
        if opened.notices.is_empty() {
            assert!(!unclean, "a clean file may open without a write");
        } else {
            assert!(matches!(opened.notices[..], [Notice::ReadOnly { .. }]), "{:?}", opened.notices);
        }
        let mut store = opened.store;
        let loaded = store.load().expect("loads");
        assert_eq!((loaded.rows.len(), loaded.serial), (1, 5));
        assert!(matches!(commit(&mut store, register("web", "b")), Err(CommitError::Unavailable(_))));
        platter.mend();
        commit(&mut store, register("web", "c")).expect("commits without a restart");
        drop(store);
        assert_eq!(rows_of(&platter).len(), 2, "a and c");
    }
}

/// Whichever step of making the file is the one that the disk has no room for.
#[test]
fn a_first_start_on_a_full_disk_says_so_and_leaves_nothing() {
    let mut refusals = 0;
    for steps in 0.. {
        let platter = Platter::default();
        platter.fail_after(steps, ErrorKind::StorageFull);
        match file::open(Box::new(platter.clone())) {
            Err(error) => {
                assert!(matches!(error, OpenError::Full { .. }), "step {steps}: {error}");
                assert!(error.to_string().starts_with("the disk is full: platter"), "{error}");
                assert_eq!(platter.octets().len(), 0, "step {steps}");
                refusals += 1;
            }
            Ok(opened) => {
                assert!(matches!(opened.notices[..], [] | [Notice::ReadOnly { .. }]), "{:?}", opened.notices);
                if opened.notices.is_empty() {
                    break;
                }
            }
        }
        assert_eq!(platter.set_aside_count(), 0, "step {steps}");
        platter.mend();
        assert_eq!(rows_of(&platter).len(), 0, "the next start is a first one");
    }
    assert!(refusals > 2, "the disk was full at several steps");
}

/// A program killed, or a power failure, while the file is made: the next start is a first one and says nothing.
#[test]
fn an_interrupted_first_start_is_no_damage() {
    let mut dice = Dice(5);
    for steps in 0..40 {
        let platter = Platter::default();
        platter.fail_after(steps, ErrorKind::Other);
        let mut builder = redb::Builder::new();
        let _ = crate::store::database::guarded(|| {
            Ok(builder.set_cache_size(0).create_with_backend(platter.clone()).map(drop)?)
        });
        platter.mend();
        for left in [Platter::holding(platter.octets()), platter.after_power_failure(&mut dice)] {
            assert_eq!(rows_of(&left).len(), 0, "step {steps}");
            assert_eq!(left.set_aside_count(), 0, "step {steps}");
        }
    }
}

#[test]
fn a_damaged_file_on_a_full_disk_is_set_aside_once() {
    let platter = Platter::holding(b"this is no database".to_vec());
    platter.fail_after(0, ErrorKind::StorageFull);
    let opened = file::open(Box::new(platter.clone())).expect("opens");
    assert!(matches!(opened.notices[..], [Notice::SetAside { .. }, Notice::ReadOnly { .. }]), "{:?}", opened.notices);
    let mut store = opened.store;
    let mut table = crate::table::HostTable::default();
    let change = table.apply(register("web", "a"), clock().now()).expect("applies").change().cloned();
    let changes = [change.expect("a change")];
    assert!(matches!(store.commit(&changes, table.revision(), 1), Err(CommitError::Full(_))));
    platter.mend();
    store.commit(&changes, table.revision(), 1).expect("commits without a restart");
    drop(store);
    assert_eq!((rows_of(&platter).len(), platter.set_aside_count()), (1, 1));
}
