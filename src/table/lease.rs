//! A lease: the right of a host to stay. HOST_TTL, a TTL and an etcd lease are one thing.
//!
//! The moment of the last renewal is a cell shared by the row in the table and every snapshot that holds
//! the row: a renewal is one store, changes no revision and copies nothing, and a reader that compares
//! [`Lease::expires`] with its own `now` never serves a host past its lease, however late a timer is.
//!
//! A lease may be *kept elsewhere*: by the engine of a shared table, which is told of renewals at any node and says when
//! it has ended. Here it has no end then.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::text::Invalid;
use crate::clock::Timestamp;
use crate::limits;

/// The lease of one host.
#[derive(Debug)]
pub struct Lease {
    /// Microseconds; 0 is "for ever". With [`KEPT`] while it is kept elsewhere.
    ttl: AtomicU64,
    renewed: AtomicU64,
    /// Where the host stands in the deadlines, 0 if nowhere; written under the table's exclusive borrow only.
    scheduled: AtomicU64,
}

/// The mark of a lease that is kept elsewhere: no duration is that long.
const KEPT: u64 = 1 << 63;

impl Lease {
    /// A lease that begins now; without a `ttl` it never ends.
    pub fn new(ttl: Option<Duration>, now: Timestamp) -> Lease {
        Lease {
            ttl: AtomicU64::new(ttl.map_or(0, |ttl| u64::try_from(ttl.as_micros()).unwrap_or(u64::MAX).min(KEPT - 1))),
            renewed: AtomicU64::new(now.as_micros()),
            scheduled: AtomicU64::new(0),
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

    /// The end of the lease; `None` is never, or not known here. From this moment on the host is in no answer.
    pub fn expires(&self) -> Option<Timestamp> {
        if self.is_kept() { None } else { self.ttl().map(|ttl| self.renewed().after(ttl)) }
    }

    /// Whether the host may be served at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        let ttl = self.ttl.load(Ordering::Acquire);
        // One that is kept elsewhere is longer than any time there is.
        ttl == 0 || now.as_micros() < self.renewed.load(Ordering::Acquire).saturating_add(ttl)
    }

    /// What is left at `now`; `None` is no end.
    pub fn left(&self, now: Timestamp) -> Option<Duration> {
        self.expires().map(|expires| expires.since(now))
    }

    /// Starts the lease anew; time never runs backwards.
    pub(crate) fn renew(&self, now: Timestamp) {
        self.renewed.fetch_max(now.as_micros(), Ordering::AcqRel);
    }

    pub(super) fn scheduled(&self) -> Option<Timestamp> {
        match self.scheduled.load(Ordering::Relaxed) {
            0 => None,
            micros => Some(Timestamp::from_micros(micros)),
        }
    }

    pub(super) fn set_scheduled(&self, at: Option<Timestamp>) {
        self.scheduled.store(at.map_or(0, Timestamp::as_micros), Ordering::Relaxed);
    }
}

/// A copy begins where the original stands and goes its own way.
impl Clone for Lease {
    fn clone(&self) -> Lease {
        Lease {
            ttl: AtomicU64::new(self.ttl.load(Ordering::Acquire)),
            renewed: AtomicU64::new(self.renewed.load(Ordering::Acquire)),
            scheduled: AtomicU64::new(self.scheduled.load(Ordering::Relaxed)),
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
        assert_eq!((lease.is_live(at(1_000)), lease.expires(), lease.left(at(1))), (true, None, None));
        assert_eq!(lease.ttl(), Some(Duration::from_secs(10)));
        lease.renew(at(500));
        assert_eq!(lease.renewed(), at(500));
        lease.keep(false);
        assert_eq!(lease.expires(), Some(at(510)));
        assert!(!lease.is_live(at(510)));
    }

    #[test]
    fn without_a_ttl_it_never_ends() {
        let lease = Lease::new(None, at(1));
        assert!(lease.is_live(Timestamp::MAX));
        assert_eq!(lease.expires(), None);
    }
}
