//! Whether the server may be given work: named conditions, each with the reason why it does not hold yet.

use parking_lot::RwLock;

/// What must hold before the server is ready.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Condition {
    /// The table is read from its store.
    Table,
    /// The DNS sockets are bound and served.
    Dns,
    /// The HTTP socket is bound and served.
    Http,
    /// No stop was asked for.
    Stopping,
}

impl Condition {
    /// Every condition, in the order of a start.
    pub const ALL: [Condition; 4] = [Condition::Table, Condition::Dns, Condition::Http, Condition::Stopping];

    /// The name in `/readyz`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Condition::Table => "table",
            Condition::Dns => "dns",
            Condition::Http => "http",
            Condition::Stopping => "stopping",
        }
    }
}

/// The conditions of a server; ready when none of them has a reason.
#[derive(Debug)]
pub struct Readiness {
    lacking: RwLock<[Option<String>; Condition::ALL.len()]>,
    degraded: RwLock<Option<String>>,
}

impl Default for Readiness {
    /// A server that has just begun to start.
    fn default() -> Readiness {
        let lacking = [
            Some("the table is not loaded yet".into()),
            Some("the DNS sockets are not bound yet".into()),
            Some("the HTTP socket is not bound yet".into()),
            None,
        ];
        Readiness { lacking: RwLock::new(lacking), degraded: RwLock::default() }
    }
}

impl Readiness {
    /// A server in which every condition holds: for tests and tools without sockets.
    pub fn ready() -> Readiness {
        Readiness { lacking: RwLock::default(), degraded: RwLock::default() }
    }

    /// Marks a condition as met.
    pub fn hold(&self, condition: Condition) {
        self.lacking.write()[condition as usize] = None;
    }

    /// Marks a condition as not met, for this reason.
    pub fn lack(&self, condition: Condition, reason: impl Into<String>) {
        self.lacking.write()[condition as usize] = Some(reason.into());
    }

    /// Whether every condition holds.
    pub fn is_ready(&self) -> bool {
        self.lacking.read().iter().all(Option::is_none)
    }

    /// Every condition with the reason why it does not hold, `None` where it does.
    pub fn reasons(&self) -> Vec<(Condition, Option<String>)> {
        Condition::ALL.into_iter().zip(self.lacking.read().iter().cloned()).collect()
    }

    /// Says what the server does without, though it is ready; or that it does without nothing.
    pub fn degrade(&self, reason: Option<&str>) {
        *self.degraded.write() = reason.map(Into::into);
    }

    /// What the server does without.
    pub fn degraded(&self) -> Option<String> {
        self.degraded.read().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_ready_when_nothing_is_lacking() {
        let readiness = Readiness::default();
        for condition in [Condition::Table, Condition::Dns, Condition::Http] {
            assert!(!readiness.is_ready());
            readiness.hold(condition);
        }
        assert!(readiness.is_ready());
        readiness.lack(Condition::Stopping, "a stop was asked for");
        assert_eq!(readiness.reasons()[3], (Condition::Stopping, Some("a stop was asked for".into())));
        assert!(!readiness.is_ready());
    }
}
