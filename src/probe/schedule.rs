//! When which check is asked next. Pure: `now` is an argument.
//!
//! A new check is asked at once, with a little jitter; then at a place of its own in every interval, which depends on
//! nothing but its name, so that checks that came together do not stay together. Until it passed for the first time
//! it is asked more often, with growing pauses: a host that registers before it listens is found when it does.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use super::book::CheckKey;
use crate::clock::Timestamp;
use crate::limits;

/// The checks in the order of their next probe.
#[derive(Debug, Default)]
pub(super) struct Schedule(BTreeSet<(Timestamp, CheckKey)>);

impl Schedule {
    /// The moment of the next probe.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.0.first().map(|(at, _)| *at)
    }

    /// Puts a check in its place.
    pub(super) fn insert(&mut self, at: Timestamp, key: CheckKey) {
        self.0.insert((at, key));
    }

    /// Takes a check out of its place.
    pub(super) fn remove(&mut self, at: Timestamp, key: &CheckKey) {
        self.0.remove(&(at, key.clone()));
    }

    /// Takes the first check if it is due at `now`.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<CheckKey> {
        if self.next_due()? <= now { self.0.pop_first().map(|(_, key)| key) } else { None }
    }
}

/// The first probe of a check that was just registered.
pub(super) fn first(key: &CheckKey, now: Timestamp) -> Timestamp {
    now.after(share(key, limits::PROBE_JITTER))
}

/// The next place of a check in its interval, after `now`.
pub(super) fn next(key: &CheckKey, interval: Duration, now: Timestamp) -> Timestamp {
    let interval = interval.max(limits::CHECK_INTERVAL_MIN);
    let (length, place) = (micros(interval), micros(share(key, interval)));
    let begun = now.as_micros() / length * length;
    let at = begun + place;
    Timestamp::from_micros(if at > now.as_micros() { at } else { at + length })
}

/// The next probe of a check that has not passed yet, of which `tries` have failed.
pub(super) fn retry(key: &CheckKey, interval: Duration, tries: u32, now: Timestamp) -> Timestamp {
    let pause = limits::PROBE_RETRY.saturating_mul(1 << tries.saturating_sub(1).min(16));
    next(key, interval, now).min(now.after(pause))
}

/// A part of `whole` that is the same for one key, and spread evenly over keys.
fn share(key: &CheckKey, whole: Duration) -> Duration {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    let part = (u128::from(hasher.finish()) * whole.as_micros()) >> 64;
    Duration::from_micros(u64::try_from(part).unwrap_or(u64::MAX))
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::book::tests::key;

    const INTERVAL: Duration = Duration::from_secs(10);

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_micros(1_795_194_000_000_000 + millis * 1000)
    }

    #[test]
    fn a_check_keeps_its_place() {
        let key = key("web", "a", "up");
        let one = next(&key, INTERVAL, at(0));
        assert!(one > at(0) && one <= at(10_000));
        let two = next(&key, INTERVAL, one);
        assert_eq!(two.since(one), INTERVAL);
        let late = one.after(Duration::from_secs(3));
        assert_eq!(next(&key, INTERVAL, late), two, "a slow probe moves no later one");
    }

    #[test]
    fn checks_are_spread_over_their_interval() {
        let mut seconds = [0; 10];
        for id in 0..10_000 {
            let due = next(&key("web", &id.to_string(), "up"), INTERVAL, at(0)).since(at(0));
            seconds[usize::try_from(due.as_micros().saturating_sub(1) / 1_000_000).expect("small")] += 1;
        }
        assert!(seconds.iter().all(|count| (900..1100).contains(count)), "{seconds:?}");
    }

    #[test]
    fn a_new_check_is_asked_at_once_and_then_less_and_less_often() {
        let key = key("web", "a", "up");
        assert!(first(&key, at(0)).since(at(0)) <= limits::PROBE_JITTER);
        let pauses: Vec<u128> =
            (1..4).map(|tries| retry(&key, Duration::from_secs(3600), tries, at(0)).since(at(0)).as_millis()).collect();
        assert_eq!(pauses, [250, 500, 1000]);
        assert!(retry(&key, Duration::from_secs(1), 30, at(0)).since(at(0)) <= Duration::from_secs(1));
    }

    #[test]
    fn the_first_is_taken_first() {
        let mut schedule = Schedule::default();
        schedule.insert(at(5), key("web", "a", "x"));
        schedule.insert(at(3), key("web", "b", "x"));
        assert_eq!(schedule.take_due(at(2)), None);
        assert_eq!(schedule.take_due(at(9)), Some(key("web", "b", "x")));
        schedule.remove(at(5), &key("web", "a", "x"));
        assert_eq!(schedule.next_due(), None);
    }
}
