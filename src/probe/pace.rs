//! How often one address is asked, by whatever checks. Pure.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_is_asked_so_often_and_no_more() {
        let mut pace = Pace::default();
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let now = Timestamp::from_micros(5_000_000);
        for _ in 0..limits::PROBES_PER_TARGET {
            assert!(pace.allows(one, now));
        }
        assert!(!pace.allows(one, now) && pace.allows(other, now));
        assert!(pace.allows(one, Timestamp::from_micros(6_000_000)));
    }
}
