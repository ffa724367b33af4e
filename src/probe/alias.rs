//! Checks that are what other hosts are. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use super::book::CheckKey;
use crate::clock::Timestamp;
use crate::table::{Check, CheckKind, Dialect, Event, Host, HostId, Hosts, ServiceName, Standing, Status};

/// What an alias says now; `None` where it is not there any more.
pub(super) fn observe(hosts: &Hosts, key: CheckKey, now: Timestamp) -> Option<Event> {
    let host = hosts.get(&key.host)?;
    let check = host.checks.iter().find(|check| check.id == key.check)?;
    let terms = check.terms.clone()?;
    let CheckKind::Alias(service, id) = &terms.kind else { return None };
    let meant = meant(hosts, host.dialect, service, id.as_ref());
    let mut look = Look { hosts, known: HashMap::from([(Arc::as_ptr(host), Status::Passing)]) };
    let live = meant.into_iter().filter(|host| host.lease.is_live(now));
    let (status, output) = judge(live.map(|other| (look.status_of(other), other.checks.is_empty())));
    let CheckKey { host, check } = key;
    Some(Event::Observe { host, check, terms, status, output: output.into() })
}

/// The hosts that are meant, or the node. Consul's clients follow what stands on a node by its id, whatever its service.
fn meant<'a>(hosts: &'a Hosts, by: Dialect, service: &'a ServiceName, id: Option<&'a HostId>) -> Vec<&'a Arc<Host>> {
    if let Some(node) = id.and_then(|id| hosts.find(service.as_str(), Dialect::Node, id.as_str())) {
        return vec![node];
    }
    match id.filter(|_| matches!(by, Dialect::Consul | Dialect::Node)) {
        Some(id) => hosts.standing(Standing::of(id)).into_iter().collect(),
        None => hosts.of_service(service.as_str()).filter(|host| id.is_none_or(|id| host.id == *id)).collect(),
    }
}

/// The best of them; critical without any.
fn judge(meant: impl Iterator<Item = (Status, bool)>) -> (Status, &'static str) {
    match meant.min() {
        None => (Status::Critical, "No host that this is an alias of is registered"),
        Some((Status::Passing, true)) => (Status::Passing, "No checks found."),
        Some((Status::Passing, false)) => (Status::Passing, "All checks passing."),
        Some((Status::Warning, _)) => (Status::Warning, "Aliased check warning"),
        Some((Status::Critical, _)) => (Status::Critical, "Aliased check critical"),
    }
}

/// Hosts that one look follows, at most; further aliases are taken for what they were found to be last.
const FOLLOWED: usize = 1024;

/// What hosts are by their checks, aliases by what they follow. In a circle the alias that closes it says nothing.
struct Look<'a> {
    hosts: &'a Hosts,
    known: HashMap<*const Host, Status>,
}

impl Look<'_> {
    fn status_of(&mut self, host: &Arc<Host>) -> Status {
        if let Some(known) = self.known.get(&Arc::as_ptr(host)) {
            return *known;
        }
        // While it is looked at, it says nothing.
        self.known.insert(Arc::as_ptr(host), Status::Passing);
        let worst = host.checks.iter().map(|check| self.status_of_check(host, check)).max().unwrap_or_default();
        self.known.insert(Arc::as_ptr(host), worst);
        worst
    }

    fn status_of_check(&mut self, host: &Host, check: &Check) -> Status {
        match check.kind() {
            CheckKind::Alias(service, id) if self.known.len() < FOLLOWED => {
                let meant = meant(self.hosts, host.dialect, service, id.as_ref());
                meant.into_iter().map(|other| self.status_of(other)).min().unwrap_or(Status::Critical)
            }
            CheckKind::Alias(..)
            | CheckKind::Reported
            | CheckKind::Ttl(_)
            | CheckKind::Http(_)
            | CheckKind::Tcp(..)
            | CheckKind::Udp(_)
            | CheckKind::Grpc(..)
            | CheckKind::H2Ping(..)
            | CheckKind::OsService(_) => check.status,
        }
    }
}
