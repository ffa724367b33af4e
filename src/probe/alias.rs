//! Checks that are what other hosts are. Pure.

use super::book::CheckKey;
use crate::clock::Timestamp;
use crate::table::{CheckKind, Dialect, Event, Host, HostId, Hosts, ServiceName, Status};

/// What an alias says now; `None` where it is not there any more.
pub(super) fn observe(hosts: &Hosts, key: CheckKey, now: Timestamp) -> Option<Event> {
    let host = hosts.get(&key.host)?;
    let check = host.checks.iter().find(|check| check.id == key.check)?;
    let terms = check.terms.clone()?;
    let CheckKind::Alias(service, id) = &terms.kind else { return None };
    let (status, output) = judge(hosts, service, id.as_ref(), now);
    let CheckKey { host, check } = key;
    Some(Event::Observe { host, check, terms, status, output: output.into() })
}

/// The best of the hosts that are meant, or the node; critical without any.
fn judge(hosts: &Hosts, service: &ServiceName, id: Option<&HostId>, now: Timestamp) -> (Status, &'static str) {
    let node = id.and_then(|id| hosts.find(service.as_str(), Dialect::Node, id.as_str()));
    let of_service = hosts.of_service(service.as_str()).filter(|host| id.is_none_or(|id| host.id == *id));
    let meant = of_service.chain(node);
    match meant.filter(|host| host.lease.is_live(now)).map(|host| own_status(host)).min() {
        None => (Status::Critical, "No host that this is an alias of is registered"),
        Some(Status::Passing) => (Status::Passing, "All checks passing."),
        Some(Status::Warning) => (Status::Warning, "Aliased check warning"),
        Some(Status::Critical) => (Status::Critical, "Aliased check critical"),
    }
}

/// The worst of what a host is by itself. Aliases of aliases would chase each other in a circle.
fn own_status(host: &Host) -> Status {
    let own = host.checks.iter().filter(|check| !matches!(check.kind(), CheckKind::Alias(..)));
    own.map(|check| check.status).max().unwrap_or(Status::Passing)
}
