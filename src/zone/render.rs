//! Changes of the table into the next zone; and a whole table into a zone, the oracle of the first.

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::OrdMap;
use smallvec::SmallVec;

use super::name::NameKey;
use super::node::{HostSet, Node};
use super::schema::{View, service};
use super::{Grammar, Policy, Zone, Zones};
use crate::table::{Change, Host, Hosts, Status};

type Names = SmallVec<[(NameKey, View); 8]>;

impl Zones {
    /// The zones after `changes`.
    #[must_use]
    pub fn with(&self, changes: &[Change]) -> Zones {
        Zones(self.0.iter().map(|zone| zone.with(changes)).collect())
    }

    /// The zones of a whole table, with serials past `serial`.
    #[must_use]
    pub fn render(&self, hosts: &Hosts, serial: u32) -> Zones {
        Zones(self.0.iter().map(|zone| zone.render(hosts, serial)).collect())
    }
}

impl Zone {
    /// The zone after `changes`.
    #[must_use]
    pub fn with(&self, changes: &[Change]) -> Zone {
        let mut next = self.clone();
        if self.grammar() == Grammar::Static {
            return next;
        }
        let mut differs = false;
        for change in changes {
            let policy = &self.apex.policy;
            let before = change.before.as_ref().filter(|host| is_served(host, policy));
            let after = change.after.as_ref().filter(|host| is_served(host, policy));
            next.move_host(before, after);
            differs |= !same_records(before, after);
        }
        if differs {
            next.serial = self.serial.wrapping_add(1);
        }
        next
    }

    /// The zone of a whole table; what was rendered before is dropped.
    #[must_use]
    pub fn render(&self, hosts: &Hosts, serial: u32) -> Zone {
        let mut next = self.clone();
        if self.grammar() == Grammar::Static {
            return next;
        }
        let mut members: BTreeMap<NameKey, (View, Vec<Arc<Host>>)> = BTreeMap::new();
        for host in hosts.iter().filter(|host| is_served(host, &self.apex.policy)) {
            for (key, view) in names(host) {
                members.entry(key).or_insert_with(|| (view, Vec::new())).1.push(Arc::clone(host));
            }
        }
        let mut nodes: BTreeMap<NameKey, Node> = self
            .names
            .iter()
            .filter(|(_, node)| node.statics.is_some())
            .map(|(key, node)| (key.clone(), Node { statics: node.statics.clone(), hosts: None }))
            .collect();
        next.uneven = 0;
        for (key, (view, hosts)) in members {
            let set = HostSet::new(view, hosts);
            next.uneven += usize::from(set.is_uneven());
            nodes.entry(key).or_default().hosts = Some(Arc::new(set));
        }
        next.names = OrdMap::from_iter(nodes);
        next.serial = later(serial, next.apex.soa.serial);
        next
    }

    /// Takes a host out of the names it had and puts it into those it has.
    fn move_host(&mut self, before: Option<&Arc<Host>>, after: Option<&Arc<Host>>) {
        let old = before.map(|host| names(host)).unwrap_or_default();
        let new = after.map(|host| names(host)).unwrap_or_default();
        if let Some(before) = before {
            for (key, _) in old.iter().filter(|(key, _)| new.binary_search_by(|(other, _)| other.cmp(key)).is_err()) {
                self.edit(key, |node| node.and_then(|node| node.without_host(before)));
            }
        }
        if let Some(after) = after {
            for (key, view) in new {
                self.edit(&key, |node| Some(node.cloned().unwrap_or_default().with_host(view, after)));
            }
        }
    }

    fn edit(&mut self, key: &NameKey, change: impl FnOnce(Option<&Node>) -> Option<Node>) {
        let node = self.names.get(key);
        let was_uneven = node.is_some_and(is_uneven);
        let next = change(node);
        self.uneven += usize::from(next.as_ref().is_some_and(is_uneven));
        self.uneven -= usize::from(was_uneven);
        match next {
            Some(node) => self.names.insert(key.clone(), node),
            None => self.names.remove(key),
        };
    }
}

fn is_uneven(node: &Node) -> bool {
    node.hosts.as_ref().is_some_and(|set| set.is_uneven())
}

/// The names of a host, sorted, each once.
fn names(host: &Host) -> Names {
    let mut names = Names::new();
    service::names(host, |key, view| names.push((key, view)));
    names.sort();
    names.dedup_by(|later, earlier| later.0 == earlier.0);
    names
}

/// Whether a host is in the answers while its lease lasts.
fn is_served(host: &Host, policy: &Policy) -> bool {
    !host.draining
        && match host.status() {
            Status::Passing => true,
            Status::Warning => !policy.only_passing,
            Status::Critical => false,
        }
}

/// Whether two rows, as far as they are served, make the same records.
fn same_records(before: Option<&Arc<Host>>, after: Option<&Arc<Host>>) -> bool {
    match (before, after) {
        (None, None) => true,
        (Some(before), Some(after)) => {
            before.target == after.target
                && before.ports == after.ports
                && before.weight == after.weight
                && before.priority == after.priority
                && before.tags == after.tags
                && before.namespace == after.namespace
        }
        (None, Some(_)) | (Some(_), None) => false,
    }
}

/// The greater of both in serial arithmetic (RFC 1982), plus one.
fn later(one: u32, other: u32) -> u32 {
    let newer = if other.wrapping_sub(one) < 1 << 31 { other } else { one };
    newer.wrapping_add(1)
}
