//! A lease: the right of a host to stay. HOST_TTL, a TTL and an etcd lease are one thing.
//!
//! The moment of the last renewal is a cell shared by the row in the table and every snapshot that holds
//! the row: a renewal is one store, changes no revision and copies nothing, and a reader that compares
//! [`Lease::expires`] with its own `now` never serves a host past its lease, however late a timer is.
//!
//! A lease may be *kept elsewhere*: by the engine of a shared table, which is told of renewals at any node and says when
//! it has ended. Here it has no end then.
//! So is the moment up to which the brake keeps a host past the end of its lease (see `brake`): a hold is one store, and
//! every snapshot knows of it. The host is [stale](Lease::is_stale) then, and a renewal ends it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::text::Invalid;
use crate::clock::Timestamp;
use crate::limits;

/// The bits of the scheduled moment that hold the [`Stage`].
const STAGE: u32 = 62;

/// How far a lease has come, as the brake counts it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// It is renewed in time, as far as anybody knows.
    Fresh,
    /// Less than a window of it is left.
    Late,
    /// It has ended, and its host is kept.
    Held,
}

/// The lease of one host.
#[derive(Debug)]
pub struct Lease {
    /// Microseconds; 0 is "for ever". With [`KEPT`] while it is kept elsewhere.
    ttl: AtomicU64,
    renewed: AtomicU64,
    /// Where the host stands in the deadlines, 0 if nowhere, and the stage; written under the table's exclusive borrow only.
    scheduled: AtomicU64,
    /// Up to when the host is kept past its end, 0 if it is not: a moment in the past is a hold that is over.
    held: AtomicU64,
}

/// The mark of a lease that is kept elsewhere: no duration is that long.
const KEPT: u64 = 1 << 63;

impl Lease {
    /// A lease that begins now; without a `ttl` it never ends.
    pub fn new(ttl: Option<Duration>, now: Timestamp) -> Lease {
        Lease {
            ttl: AtomicU64::new(ttl.map_or(0, micros)),
            renewed: AtomicU64::new(now.as_micros()),
            scheduled: AtomicU64::new(0),
            held: AtomicU64::new(0),
        }
    }

    /// Checks a TTL against [`limits::LEASE_MIN`] and [`limits::LEASE_MAX`].
    pub fn parse_ttl(field: &str, ttl: Duration) -> Result<Duration, Invalid> {
        if (limits::LEASE_MIN..=limits::LEASE_MAX).contains(&ttl) {
            Ok(ttl)
        } else {
            Err(Invalid::new(field, "must be 1s to 366d"))
        }
    }

    /// How long it lasts after a renewal; `None` is for ever.
    pub fn ttl(&self) -> Option<Duration> {
        match self.ttl.load(Ordering::Acquire) & !KEPT {
            0 => None,
            micros => Some(Duration::from_micros(micros)),
        }
    }

    /// Whether its end is somebody else's to say.
    pub fn is_kept(&self) -> bool {
        self.ttl.load(Ordering::Acquire) & KEPT != 0
    }

    /// Leaves its end to somebody else, or takes it over: it then lasts its TTL from the last renewal that is known here.
    pub(crate) fn keep(&self, elsewhere: bool) {
        if elsewhere {
            self.ttl.fetch_or(KEPT, Ordering::AcqRel);
        } else {
            self.ttl.fetch_and(!KEPT, Ordering::AcqRel);
        }
    }

    /// The last renewal: Lyft's `last_check_in`.
    pub fn renewed(&self) -> Timestamp {
        Timestamp::from_micros(self.renewed.load(Ordering::Acquire))
    }

    /// The end of the lease by the clock; `None` is never, or not known here. From this moment on the host is in no answer,
    /// unless it is held.
    pub fn expires(&self) -> Option<Timestamp> {
        self.ttl().filter(|_| !self.is_kept()).map(|ttl| self.renewed().after(ttl))
    }

    /// The end that counts: that of the lease, or of the hold where there is one; `None` is never.
    pub fn ends(&self) -> Option<Timestamp> {
        self.expires().max(self.held_until())
    }

    /// Whether the host may be served at `now`: its lease lasts, or it is held.
    pub fn is_live(&self, now: Timestamp) -> bool {
        // A renewal is stored before its hold is taken away, so whoever misses the hold finds the renewal.
        self.is_fresh(now) || now.as_micros() < self.held.load(Ordering::Acquire) || self.is_fresh(now)
    }

    /// Whether the lease itself lasts at `now`.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        match self.ttl.load(Ordering::Acquire) {
            0 => true,
            ttl if ttl & KEPT != 0 => self.held.load(Ordering::Acquire) == 0,
            ttl => now.as_micros() < self.renewed.load(Ordering::Acquire).saturating_add(ttl),
        }
    }

    /// Whether the host is served at `now` although its lease has ended.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        !self.is_fresh(now) && self.is_live(now) && !self.is_fresh(now)
    }

    /// Whether the table keeps the host past the end of its lease, which nobody has renewed since.
    pub fn is_held(&self) -> bool {
        self.stage() == Stage::Held
    }

    /// Whether the brake counts its host as late, or as kept.
    pub fn is_counted(&self) -> bool {
        self.stage() != Stage::Fresh
    }

    /// Up to when it is kept past the end of its lease, where it is to be.
    pub fn held_until(&self) -> Option<Timestamp> {
        match self.held.load(Ordering::Acquire) {
            0 => None,
            micros => Some(Timestamp::from_micros(micros)),
        }
    }

    /// What is left at `now`: of the lease while it lasts, then of the hold; `None` is no end. Of one that is kept elsewhere
    /// nobody here knows: a third of its TTL, as clients beat so often, and a second at least.
    pub fn left(&self, now: Timestamp) -> Option<Duration> {
        if self.is_kept() && self.is_fresh(now) {
            return self.ttl().map(|ttl| (ttl / 3).max(Duration::from_secs(1)));
        }
        let end = if self.is_fresh(now) { self.expires() } else { self.ends() };
        end.map(|end| end.since(now))
    }

    /// Starts the lease anew, which ends a hold; time never runs backwards.
    pub(crate) fn renew(&self, now: Timestamp) {
        if self.renewed.fetch_max(now.as_micros(), Ordering::AcqRel) <= now.as_micros() {
            self.held.store(0, Ordering::Release);
        }
    }

    /// Keeps the host past the end of its lease, up to `until`.
    pub(crate) fn hold(&self, until: Timestamp) {
        self.held.store(until.as_micros(), Ordering::Release);
    }

    pub(super) fn stage(&self) -> Stage {
        match self.scheduled.load(Ordering::Relaxed) >> STAGE {
            0 => Stage::Fresh,
            1 => Stage::Late,
            _ => Stage::Held,
        }
    }

    pub(super) fn set_stage(&self, stage: Stage) {
        let at = self.scheduled.load(Ordering::Relaxed) & ((1 << STAGE) - 1);
        self.scheduled.store(at | (stage as u64) << STAGE, Ordering::Relaxed);
    }

    pub(super) fn scheduled(&self) -> Option<Timestamp> {
        match self.scheduled.load(Ordering::Relaxed) & ((1 << STAGE) - 1) {
            0 => None,
            micros => Some(Timestamp::from_micros(micros)),
        }
    }

    pub(super) fn set_scheduled(&self, at: Option<Timestamp>) {
        let stage = self.stage() as u64;
        self.scheduled.store(at.map_or(0, Timestamp::as_micros) | stage << STAGE, Ordering::Relaxed);
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).map_or(KEPT - 1, |micros| micros.min(KEPT - 1))
}

/// A copy begins where the original stands and goes its own way.
impl Clone for Lease {
    fn clone(&self) -> Lease {
        Lease {
            ttl: AtomicU64::new(self.ttl.load(Ordering::Acquire)),
            renewed: AtomicU64::new(self.renewed.load(Ordering::Acquire)),
            scheduled: AtomicU64::new(self.scheduled.load(Ordering::Relaxed)),
            held: AtomicU64::new(self.held.load(Ordering::Acquire)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_micros(secs * 1_000_000)
    }

    #[test]
    fn lives_until_but_not_at_its_end() {
        let lease = Lease::new(Some(Duration::from_secs(10)), at(100));
        assert!(lease.is_live(at(109)));
        assert!(!lease.is_live(at(110)));
        lease.renew(at(105));
        assert!(lease.is_live(at(114)));
        lease.renew(at(90));
        assert_eq!(lease.renewed(), at(105), "a renewal out of order takes nothing away");
    }

    #[test]
    fn kept_elsewhere_it_ends_when_it_is_taken_over() {
        let lease = Lease::new(Some(Duration::from_secs(10)), at(100));
        lease.keep(true);
        assert_eq!((lease.is_live(at(1_000)), lease.expires()), (true, None));
        assert_eq!(lease.left(at(1)), Some(Duration::from_secs(10) / 3));
        assert_eq!(lease.ttl(), Some(Duration::from_secs(10)));
        lease.renew(at(500));
        assert_eq!(lease.renewed(), at(500));
        lease.keep(false);
        assert_eq!(lease.expires(), Some(at(510)));
        assert!(!lease.is_live(at(510)));
    }

    #[test]
    fn a_hold_keeps_a_host_until_it_ends_or_is_not_needed() {
        let lease = Lease::new(Some(Duration::from_secs(10)), at(100));
        lease.hold(at(130));
        assert!(lease.is_live(at(109)) && !lease.is_stale(at(109)));
        assert!(lease.is_live(at(129)) && lease.is_stale(at(129)));
        assert_eq!((lease.ends(), lease.left(at(120))), (Some(at(130)), Some(Duration::from_secs(10))));
        assert!(!lease.is_live(at(130)) && !lease.is_stale(at(130)));
        lease.renew(at(125));
        assert_eq!((lease.ends(), lease.is_stale(at(130))), (Some(at(135)), false));
    }

    #[test]
    fn what_is_kept_elsewhere_does_not_end_by_itself() {
        let lease = Lease::new(Some(Duration::from_secs(10)), at(100));
        lease.keep(true);
        assert_eq!((lease.ttl(), lease.expires()), (Some(Duration::from_secs(10)), None));
        assert!(lease.is_live(Timestamp::MAX) && !lease.is_stale(Timestamp::MAX));
        lease.hold(at(130));
        assert!(lease.is_stale(at(101)) && !lease.is_live(at(130)));
        assert_eq!(lease.ends(), Some(at(130)));
    }

    #[test]
    fn the_stage_is_no_part_of_the_moment() {
        let lease = Lease::new(None, at(1));
        lease.set_stage(Stage::Held);
        lease.set_scheduled(Some(at(5)));
        assert_eq!((lease.scheduled(), lease.stage()), (Some(at(5)), Stage::Held));
        lease.set_stage(Stage::Fresh);
        assert_eq!((lease.scheduled(), lease.stage()), (Some(at(5)), Stage::Fresh));
    }

    #[test]
    fn without_a_ttl_it_never_ends() {
        let lease = Lease::new(None, at(1));
        assert!(lease.is_live(Timestamp::MAX));
        assert_eq!(lease.expires(), None);
    }
}
