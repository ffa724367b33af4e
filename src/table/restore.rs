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
    pub(super) fn put(&mut self, mut host: Host, now: Timestamp) -> Result<Applied, Rejection> {
        let stored = self.hosts.get(&host.key()).cloned();
        if stored.is_none() {
            self.make_room(&mut host.service, host.dialect)?;
        }
        let current = stored.as_ref().filter(|host| host.lease.is_live(now)).map(Arc::clone);
        let mut host = self.hosts.settled(host);
        host.lease = Lease::new(host.lease.ttl(), now);
        host.checks.iter_mut().for_each(|check| check.restart(now));
        host.created = current.as_ref().map(|host| host.created).unwrap_or_default();
        Ok(self.place(stored, current, host, now))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::*;
    use super::*;

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_micros(secs * 1_000_000)
    }

    fn row(service: &str, dialect: Dialect, id: &str, address: &str) -> Host {
        let service = ServiceName::parse("service", service).expect("a name");
        let target = Target::parse("address", [address]).expect("an address");
        let id = HostId::parse("id", id).expect("an id");
        let registration =
            Registration { ttl: Some(Duration::from_secs(10)), ..Registration::new(service, dialect, id, target) };
        Host { created: Revision(70), modified: Revision(90), draining: true, ..Host::new(registration, at(1)) }
    }

    fn put(table: &mut HostTable, host: Host, now: u64) -> Applied {
        table.apply(Event::Restore(Box::new(host)), at(now)).expect("fits")
    }

    #[test]
    fn a_row_is_put_as_it_is_on_a_lease_that_begins() {
        let mut table = HostTable::default();
        let host = row("web", Dialect::Native, "a", "10.0.0.1");
        let Applied::Created(change) = put(&mut table, host.clone(), 100) else { unreachable!("it is new") };
        let made = change.after.expect("a row");
        assert_eq!((made.created, made.modified, made.draining), (Revision(1), Revision(1), true));
        assert_eq!((made.lease.renewed(), made.due()), (at(100), Some(at(110))));
        assert!(matches!(put(&mut table, host.clone(), 105), Applied::Unchanged(_)));
        assert_eq!(made.lease.expires(), Some(at(115)), "the same again is a heartbeat");
        let other = Host { draining: false, ..host.clone() };
        let Applied::Updated(change) = put(&mut table, other, 106) else { unreachable!("it is another") };
        let made = change.after.expect("a row");
        assert_eq!((made.created, made.modified, made.draining), (Revision(1), Revision(2), false));
        assert!(table.tick(at(115), 9).is_empty());
        assert_eq!(table.tick(at(116), 9).len(), 1, "and ends in its time");
    }

    #[test]
    fn what_is_that_of_the_node_follows_the_node_here() {
        let mut table = HostTable::default();
        let sick = Check::new("c".into(), None, Status::Critical, "", at(1));
        let node = Host { checks: [sick].into(), ..row("n2", Dialect::Node, "node", "10.0.0.5") };
        put(&mut table, node, 1);
        let host = Host { at_node: true, ..row("web", Dialect::Consul, "n2/a", "10.0.0.1") };
        put(&mut table, host, 1);
        let stands = |table: &HostTable| {
            let host = table.hosts().of_service("web").next().cloned().expect("a host");
            (host.status(), host.target.clone())
        };
        let address = |text| Target::parse("address", [text]).expect("an address");
        assert_eq!(stands(&table), (Status::Critical, address("10.0.0.5")));
        put(&mut table, row("n2", Dialect::Node, "node", "10.0.0.6"), 2);
        assert_eq!(stands(&table), (Status::Passing, address("10.0.0.6")));
        let consequences = table.take_consequences();
        assert_eq!(consequences.len(), 1, "a node that comes whole has consequences too");
    }
}
