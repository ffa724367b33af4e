//! How often anybody is asked: one address by whatever checks, and all of them together. Pure.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::clock::Timestamp;
use crate::limits;

/// The probes of each address in the present second.
#[derive(Debug, Default)]
pub(super) struct Pace {
    second: u64,
    asked: HashMap<IpAddr, u32>,
}

impl Pace {
    /// Counts a probe; whether it may be done now.
    pub(super) fn allows(&mut self, address: IpAddr, now: Timestamp) -> bool {
        if now.as_secs() != self.second {
            self.second = now.as_secs();
            self.asked.clear();
        }
        let asked = self.asked.entry(address.to_canonical()).or_default();
        *asked = asked.saturating_add(1);
        *asked <= limits::PROBES_PER_TARGET
    }
}

/// The probes of the present second.
#[derive(Debug, Default)]
pub(super) struct Budget {
    second: u64,
    started: u32,
}

impl Budget {
    /// Whether one more may begin now; `Err` says when.
    pub(super) fn take(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        if now.as_secs() != self.second {
            *self = Budget { second: now.as_secs(), started: 0 };
        }
        if self.started >= limits::PROBES_PER_SECOND {
            return Err(Timestamp::from_micros((self.second + 1) * 1_000_000));
        }
        self.started += 1;
        Ok(())
    }

    /// For one that did not begin after all.
    pub(super) fn give_back(&mut self) {
        self.started = self.started.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_so_many_probes_a_second_and_no_more() {
        let mut pace = Pace::default();
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let now = Timestamp::from_micros(5_000_000);
        for _ in 0..limits::PROBES_PER_TARGET {
            assert!(pace.allows(one, now));
        }
        assert!(!pace.allows(one, now) && pace.allows(other, now));
        let mut budget = Budget::default();
        assert!((0..limits::PROBES_PER_SECOND).all(|_| budget.take(now).is_ok()));
        let next = Timestamp::from_micros(6_000_000);
        assert_eq!(budget.take(now), Err(next));
        budget.give_back();
        assert_eq!((budget.take(now), budget.take(now), budget.take(next)), (Ok(()), Err(next), Ok(())));
        assert!(pace.allows(one, Timestamp::from_micros(6_000_000)));
    }
}
