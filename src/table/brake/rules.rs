//! What an operator decides about the brake.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::text::ServiceName;
use crate::limits;

/// What happens to the only host of a service when its lease ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Single {
    /// It leaves, whatever happens around it.
    #[default]
    Expire,
    /// It stays while the whole table is braked.
    WithTable,
    /// It stays up to its cap.
    Hold,
}

impl Single {
    /// Every rule with its word in the settings.
    pub const ALL: [(&'static str, Single); 3] =
        [("expire", Single::Expire), ("with-table", Single::WithTable), ("hold", Single::Hold)];
}

/// The rule of a service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rule {
    /// Whether hosts of it are ever kept.
    pub enabled: bool,
    /// The share, in percent, of its hosts that may expire inside one window.
    pub share: u8,
    /// The fewest hosts that are a mass.
    pub least: u32,
    /// How long a host is kept past its lease, in times of its TTL.
    pub cap: u32,
    /// The same in time, whichever is less.
    pub cap_most: Duration,
    /// The rule for the only host of a service.
    pub single: Single,
}

impl Default for Rule {
    fn default() -> Rule {
        Rule { enabled: true, share: 20, least: 3, cap: 3, cap_most: limits::BRAKE_CAP, single: Single::Expire }
    }
}

impl Rule {
    /// How long a host of that TTL may be kept.
    pub(super) fn cap_of(&self, ttl: Duration) -> Duration {
        ttl.saturating_mul(self.cap).min(self.cap_most).min(limits::BRAKE_CAP_MAX)
    }
}

/// The rules of a table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rules {
    /// That of every service without one of its own.
    pub service: Rule,
    /// Those of services, by name in lower case.
    pub services: BTreeMap<Box<str>, Rule>,
    /// The share, in percent, of the table's hosts that may expire inside one window.
    pub table_share: u8,
    /// Hosts that leave in a second once the brake lets go.
    pub release_rate: u32,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules { service: Rule::default(), services: BTreeMap::new(), table_share: 10, release_rate: 100 }
    }
}

impl Rules {
    /// The rule of a service.
    pub fn of(&self, service: &ServiceName) -> Rule {
        if self.services.is_empty() {
            return self.service;
        }
        let name = service.as_str().to_ascii_lowercase();
        self.services.get(name.as_str()).copied().unwrap_or(self.service)
    }

    /// Whether there is a service that can be braked.
    pub fn any_enabled(&self) -> bool {
        self.service.enabled || self.services.values().any(|rule| rule.enabled)
    }
}
