//! Checks that are what other hosts are. Pure.

use std::sync::Arc;

use super::book::CheckKey;
use crate::clock::Timestamp;
use crate::table::{CheckKind, Dialect, Event, Host, HostId, Hosts, ServiceName, Standing, Status};

/// What an alias says now; `None` where it is not there any more.
pub(super) fn observe(hosts: &Hosts, key: CheckKey, now: Timestamp) -> Option<Event> {
    let host = hosts.get(&key.host)?;
    let check = host.checks.iter().find(|check| check.id == key.check)?;
    let terms = check.terms.clone()?;
    let CheckKind::Alias(service, id) = &terms.kind else { return None };
    let meant = meant(hosts, host.dialect, service, id.as_ref());
    let (status, output) = judge(meant.into_iter().filter(|host| host.lease.is_live(now)));
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
fn judge<'a>(meant: impl Iterator<Item = &'a Arc<Host>>) -> (Status, &'static str) {
    let best = meant.map(|host| (own_status(host), host.checks.is_empty())).min();
    match best {
        None => (Status::Critical, "No host that this is an alias of is registered"),
        Some((Status::Passing, true)) => (Status::Passing, "No checks found."),
        Some((Status::Passing, false)) => (Status::Passing, "All checks passing."),
        Some((Status::Warning, _)) => (Status::Warning, "Aliased check warning"),
        Some((Status::Critical, _)) => (Status::Critical, "Aliased check critical"),
    }
}

/// The worst of what a host is by itself. Aliases of aliases would chase each other in a circle.
fn own_status(host: &Host) -> Status {
    let own = host.checks.iter().filter(|check| !matches!(check.kind(), CheckKind::Alias(..)));
    own.map(|check| check.status).max().unwrap_or(Status::Passing)
}
