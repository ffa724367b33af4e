//! Another program drops what it does not know, right after a rollcall wrote it: others have not read that yet.

use std::time::Duration;

use super::super::engine::Engine;
use super::super::item::{Item, ROW, VERSION, number};
use super::super::{Settings, place, row};
use super::{engine, key, lyfts};
use crate::table::{Dialect, HostKey};

const POLL: Duration = Duration::from_secs(5);
const TAGS: &str = r#"{"az":"a","instance_id":"i-1","load_balancing_weight":1,"region":"r"}"#;

fn web() -> HostKey {
    key("web", Dialect::Lyft, "10.0.0.1")
}

/// The host of Lyft's, drained or not, as a rollcall writes it.
fn written(draining: bool, version: u64) -> Item {
    let mut host = row::host(&lyfts(80, TAGS), &web(), None, super::TTL, super::at(1)).expect("a host");
    host.draining = draining;
    let mut item = row::item(&host, super::TTL);
    assert_eq!(item.get(ROW).is_some(), draining);
    item.set(VERSION, number(version));
    item
}

fn server() -> Engine {
    engine(&Settings { poll: POLL, lyft_ttl: super::TTL, ..Settings::default() })
}

fn reads(server: &Engine, item: &Item) {
    let began = server.items.lock().begin();
    server.take_one(&web(), Some(item), began);
    server.items.lock().end(began);
}

/// Makes it the server that wrote what it knows.
fn wrote(server: &Engine) {
    server.items.lock().get_mut(&web()).expect("an item").wrote = Some(server.registry.now());
}

fn drains(server: &Engine) -> bool {
    server.registry.snapshot().hosts.get(&web()).expect("a host").draining
}

/// Whether it mends where the row is its part, and where it is not.
fn mends(server: &Engine) -> (bool, bool) {
    let (items, now) = (server.items.lock(), server.registry.now());
    let seen = items.get(&web()).expect("an item");
    (seen.wants_mending(true, POLL, now), seen.wants_mending(false, POLL, now))
}

#[test]
fn who_wrote_it_a_moment_ago_writes_it_again() {
    assert!(place::is_lyfts(&web()));
    for drain in [true, false] {
        let (one, other) = (server(), server());
        reads(&one, &written(!drain, 1));
        reads(&other, &written(!drain, 1));
        // The one changes it, and the other reads it when Lyft's service has written it.
        reads(&one, &written(drain, 2));
        wrote(&one);
        assert_eq!(mends(&one), (false, false));
        for server in [&one, &other] {
            reads(server, &lyfts(80, TAGS));
        }
        assert_eq!((drains(&one), drains(&other)), (drain, !drain), "each goes on with what it knows");
        assert_eq!((mends(&one), mends(&other)), ((true, true), (false, false)));
        reads(&other, &written(drain, 3));
        assert_eq!((drains(&other), mends(&other)), (drain, (false, false)));
    }
}

#[test]
fn where_nobody_does_it_is_the_part_of_one_and_then_of_all() {
    let other = server();
    reads(&other, &written(true, 1));
    wrote(&other);
    other.registry.clock().advance(POLL * 4);
    assert_eq!(mends(&other), (false, false));
    let mut told = Vec::new();
    for _ in 0..7 {
        // It has written again meanwhile: that is no reason to wait anew.
        reads(&other, &lyfts(80 + told.len() as u16, TAGS));
        told.push(mends(&other));
        other.registry.clock().advance(POLL);
    }
    assert!(drains(&other));
    let (none, own, all) = ((false, false), (true, false), (true, true));
    assert_eq!(told, [none, none, own, own, own, all, all]);
}

#[test]
fn what_lyfts_fields_say_is_written_by_nobody_again() {
    let one = server();
    reads(&one, &written(false, 1));
    wrote(&one);
    one.registry.clock().advance(POLL * 4);
    for _ in 0..9 {
        reads(&one, &lyfts(80, TAGS));
        assert_eq!(mends(&one), (false, false));
        one.registry.clock().advance(POLL);
    }
}
