//! Rows that come whole, as another table has them.

use std::sync::Arc;

use super::event::{Applied, Rejection};
use super::host::Host;
use super::key::Dialect;
use super::node::Standing;
use super::rows::Hosts;
use super::{HostTable, Lease, Status};
use crate::clock::Timestamp;

impl Hosts {
    /// What a row that comes whole is among these: what it has of the node that it stands on is that of the node here.
    pub fn settled(&self, mut host: Host) -> Host {
        let stands = host.dialect == Dialect::Consul;
        let node = self.node(Standing::of(&host.id).node).filter(|_| stands);
        host.node_status = node.map_or(Status::default(), |node| node.status());
        if let Some(node) = node.filter(|_| host.at_node) {
            host.target = node.target.clone();
        }
        self.share_name(&mut host.service);
        host
    }
}

impl HostTable {
    /// Puts a whole row.
    pub(super) fn put(&mut self, host: Host, now: Timestamp) -> Result<Applied, Rejection> {
        let stored = self.hosts.get(&host.key()).cloned();
        if stored.is_none() {
            self.make_room(host.service.as_str(), host.dialect)?;
        }
        let current = stored.as_ref().filter(|host| host.lease.is_live(now)).map(Arc::clone);
        let mut host = self.hosts.settled(host);
        host.lease = Lease::new(host.lease.ttl(), now);
        host.checks.iter_mut().for_each(|check| check.restart(now));
        host.created = current.as_ref().map(|host| host.created).unwrap_or_default();
        Ok(self.place(stored, current, host, now))
    }
}
