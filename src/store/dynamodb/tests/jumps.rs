//! The wall clock is set, here and at whoever else writes heartbeats: what is told by it is only text (promise 6).

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::super::follow::why_gone;
use super::super::item::{CHECK_IN, Item, text};
use super::super::{Settings, check_in};
use super::{at, engine, key, lyfts};
use crate::clock::Timestamp;
use crate::table::{Dialect, Gone};
use crate::zone::Random;

const YEARS: i64 = 10 * 365 * 86_400 * 1_000_000;
const HOUR: i64 = 3600 * 1_000_000;
const OFFSETS: [i64; 7] = [0, 1_000_000, -1_000_000, HOUR, -HOUR, YEARS, -YEARS];
const TTL: Duration = Duration::from_secs(60);

/// What a server shows of three hosts of which one falls silent and one leaves; all heartbeats come from elsewhere.
fn lived(seed: u64, jumps: bool) -> Vec<String> {
    let settings = Settings { lyft_ttl: TTL, poll: Duration::from_secs(5), ..Settings::default() };
    let engine = engine(&settings);
    let (registry, mut wind) = (Arc::clone(&engine.registry), Random::new(seed));
    let mut told = Vec::new();
    let hosts = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map(|id| key("web", Dialect::Lyft, id));
    let mut items: Vec<Item> = hosts.iter().map(|_| lyfts(80, "{}")).collect();
    for step in 0..60_u64 {
        for (place, item) in items.iter_mut().enumerate() {
            // The second falls silent after a while; the third has left by then.
            let beats = place == 0 || step < 20;
            if beats && step.is_multiple_of(2) {
                let offset = if jumps { OFFSETS[wind.below(OFFSETS.len())] } else { 0 };
                registry.clock().set_wall(offset);
                item.set(CHECK_IN, text(&check_in::write(registry.clock().wall())));
            }
        }
        let here: Vec<usize> = if step < 20 { vec![0, 1, 2] } else { vec![0, 1] };
        let began = engine.items.lock().begin();
        for place in &here {
            engine.take_one(&hosts[*place], Some(&items[*place]), began);
        }
        let found: HashSet<_> = here.iter().map(|place| hosts[*place].clone()).collect();
        engine.take_missed(&found, began);
        engine.items.lock().end(began);
        registry.expire_due();
        let snapshot = registry.snapshot_arc();
        let rows: Vec<String> = snapshot
            .hosts
            .iter()
            .map(|host| format!("{} {:?} {:?}", host.key(), host.lease.renewed(), host.lease.expires()))
            .collect();
        told.push(format!("{step} {rows:?} {:?}", registry.deadlines(10)));
        registry.clock().advance(settings.poll);
    }
    told
}

#[test]
fn what_others_clocks_and_ours_say_ends_and_keeps_nobody() {
    let calm = lived(1, false);
    assert_eq!(calm[19].matches("10.0.0.").count(), 6, "three hosts, each with its deadline: {}", calm[19]);
    assert_eq!(calm[59].matches("10.0.0.").count(), 2, "one that beats: {}", calm[59]);
    for seed in 1..20 {
        assert_eq!(lived(seed, true), calm, "seed {seed}");
    }
}

#[test]
fn an_item_that_is_gone_had_lapsed_where_we_saw_no_heartbeat_for_its_lease() {
    let (poll, now) = (Duration::from_secs(5), at(1000));
    let ago = |secs: u64| Some(Timestamp::from_micros(now.as_micros() - secs * 1_000_000));
    let seconds = |secs: u64| Some(Duration::from_secs(secs));
    for (ttl, seen, expected) in [
        (seconds(60), ago(60), Gone::Lapsed),
        // It was written up to a reading before we saw it.
        (seconds(60), ago(55), Gone::Lapsed),
        (seconds(60), ago(54), Gone::Deregistered),
        (seconds(60), ago(0), Gone::Deregistered),
        (seconds(6), ago(2), Gone::Deregistered),
        (seconds(6), ago(3), Gone::Lapsed),
        (None, ago(900), Gone::Deregistered),
        (seconds(60), None, Gone::Deregistered),
    ] {
        assert_eq!(why_gone(ttl, seen, poll, now), expected, "{ttl:?} {seen:?}");
    }
}
