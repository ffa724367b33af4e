//! Changes of the table into the next zone; and a whole table into a zone, the oracle of the first.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use imbl::OrdMap;

use super::name::NameKey;
use super::node::{AddressHosts, Dynamic, Node, Service};
use super::schema::View;
use super::schema::service::{Names, address_key, check_service_label, names};
use super::{Grammar, Policy, Zone, Zones};
use crate::table::{Change, Host, Hosts, Status};

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
            // A service that DNS cannot name has no records.
            differs |= !same_records(before, after) && check_service_label(change.host().service.as_str()).is_ok();
        }
        if differs {
            next.serial = self.serial.wrapping_add(1);
        }
        next
    }

    /// Takes a host out of the names it had and puts it into those it has.
    fn move_host(&mut self, before: Option<&Arc<Host>>, after: Option<&Arc<Host>>) {
        if let (Some(before), Some(after)) = (before, after)
            && same_names(before, after)
        {
            return self.replace_host(after);
        }
        let old = before.map(|host| names(host)).unwrap_or_default();
        let new = after.map(|host| names(host)).unwrap_or_default();
        if old.service == new.service {
            self.edit_service(old.service.as_ref(), before.map(|host| (host, &old)), after.map(|host| (host, &new)));
        } else {
            self.edit_service(old.service.as_ref(), before.map(|host| (host, &old)), None);
            self.edit_service(new.service.as_ref(), None, after.map(|host| (host, &new)));
        }
        if let Some(before) = before {
            for key in old.addresses.iter().filter(|key| !new.addresses.contains(key)) {
                self.edit_address(key, |hosts| hosts.and_then(|hosts| hosts.without(before)));
            }
        }
        if let Some(after) = after {
            for key in &new.addresses {
                self.edit_address(key, |hosts| Some(AddressHosts::with(hosts, after)));
            }
        }
    }

    /// Puts a row in the place of one that has the same names: no alias comes or goes.
    fn replace_host(&mut self, host: &Arc<Host>) {
        let names = names(host);
        let Some(key) = &names.service else { return };
        if let Some(service) = self.names.get(key).and_then(Node::service) {
            let mut service = Service::clone(service);
            service.insert(&View::Service, host, &|_| 0);
            for view in names.parts() {
                service.insert(view, host, &|_| 0);
            }
            self.set(key, Some(Dynamic::Service(Arc::new(service))));
        }
        for key in &names.addresses {
            self.edit_address(key, |hosts| Some(AddressHosts::with(hosts, host)));
        }
    }

    /// Changes the hosts of the service at `key`, and its aliases where a view gets its first host or loses its last.
    fn edit_service(
        &mut self,
        key: Option<&NameKey>,
        leaves: Option<(&Arc<Host>, &Names)>,
        joins: Option<(&Arc<Host>, &Names)>,
    ) {
        let Some(key) = key else { return };
        let node = self.names.get(key).cloned().unwrap_or_default();
        let mut service = node.service().map(|service| Service::clone(service)).unwrap_or_default();
        let kept = |view: &View| joins.is_some_and(|(_, names)| names.parts().any(|other| other == view));
        if let Some((host, names)) = leaves {
            for view in names.parts().filter(|view| !kept(view)) {
                service.remove(view, host, &|address| self.others(host, view, address));
            }
            if joins.is_none() {
                service.remove(&View::Service, host, &|address| self.others(host, &View::Service, address));
            }
        }
        if let Some((host, names)) = joins {
            service.insert(&View::Service, host, &|address| self.others(host, &View::Service, address));
            for view in names.parts() {
                service.insert(view, host, &|address| self.others(host, view, address));
            }
        }
        for (alias, view) in leaves.into_iter().flat_map(|(_, names)| &names.aliases) {
            if !service.shows(view) {
                self.set(alias, None);
            }
        }
        for (alias, view) in joins.into_iter().flat_map(|(_, names)| &names.aliases) {
            if self.names.get(alias).is_none_or(|node| node.dynamic.is_none()) {
                self.set(alias, Some(Dynamic::Alias(Arc::new((key.clone(), view.clone())))));
            }
        }
        let service = (!service.is_empty()).then(|| Dynamic::Service(Arc::new(service)));
        self.set(key, service);
    }

    fn edit_address(&mut self, key: &NameKey, change: impl FnOnce(Option<&AddressHosts>) -> Option<AddressHosts>) {
        let before = self.names.get(key).and_then(Node::address);
        let was_uneven = before.is_some_and(|hosts| hosts.uneven);
        let after = change(before);
        self.uneven += usize::from(after.as_ref().is_some_and(|hosts| hosts.uneven));
        self.uneven -= usize::from(was_uneven);
        self.set(key, after.map(|hosts| Dynamic::Address(Arc::new(hosts))));
    }

    /// How many hosts of a view, `host` not counted, have an address.
    fn others(&self, host: &Host, view: &View, address: IpAddr) -> usize {
        let Some(hosts) = self.names.get(&address_key(address)).and_then(Node::address) else { return 0 };
        let is_other = |other: &&Arc<Host>| {
            other.order() != host.order()
                && other.namespace == host.namespace
                && other.service.as_str().eq_ignore_ascii_case(host.service.as_str())
                && view.shows_host(other)
        };
        hosts.set.iter().filter(is_other).count()
    }

    fn set(&mut self, key: &NameKey, dynamic: Option<Dynamic>) {
        let node = match self.names.get(key) {
            Some(node) => node.with_dynamic(dynamic),
            None => Node::default().with_dynamic(dynamic),
        };
        match node {
            Some(node) => self.names.insert(key.clone(), node),
            None => self.names.remove(key),
        };
    }

    /// The zone of a whole table; what was rendered before is dropped.
    #[must_use]
    pub fn render(&self, hosts: &Hosts, serial: u32) -> Zone {
        let mut next = self.clone();
        if self.grammar() == Grammar::Static {
            return next;
        }
        let mut gathered = Gathered::default();
        for host in hosts.iter().filter(|host| is_served(host, &self.apex.policy)) {
            gathered.add(host);
        }
        next.uneven = 0;
        let mut nodes: BTreeMap<NameKey, Node> = self
            .names
            .iter()
            .filter(|(_, node)| node.statics.is_some())
            .map(|(key, node)| (key.clone(), Node { statics: node.statics.clone(), dynamic: None }))
            .collect();
        for (key, dynamic) in gathered.into_names() {
            next.uneven += usize::from(matches!(&dynamic, Dynamic::Address(hosts) if hosts.uneven));
            nodes.entry(key).or_default().dynamic = Some(dynamic);
        }
        next.names = OrdMap::from_iter(nodes);
        next.serial = later(serial, next.apex.soa.serial);
        next
    }
}

/// The hosts of one service, and those of each view.
#[derive(Default)]
struct Members {
    all: Vec<Arc<Host>>,
    parts: BTreeMap<View, Vec<Arc<Host>>>,
}

/// The hosts of a table by the names they stand at.
#[derive(Default)]
struct Gathered {
    services: BTreeMap<NameKey, Members>,
    aliases: BTreeMap<NameKey, (NameKey, View)>,
    addresses: BTreeMap<NameKey, Vec<Arc<Host>>>,
}

impl Gathered {
    /// Adds the next host, in the order of the table.
    fn add(&mut self, host: &Arc<Host>) {
        let names = names(host);
        let Some(key) = names.service else { return };
        let Members { all, parts } = self.services.entry(key.clone()).or_default();
        all.push(Arc::clone(host));
        for (alias, view) in names.aliases {
            if view != View::Service {
                let part = parts.entry(view.clone()).or_default();
                // A view with two names shows the host once.
                if part.last().is_none_or(|last| !Arc::ptr_eq(last, host)) {
                    part.push(Arc::clone(host));
                }
            }
            self.aliases.entry(alias).or_insert_with(|| (key.clone(), view));
        }
        for address in names.addresses {
            self.addresses.entry(address).or_default().push(Arc::clone(host));
        }
    }

    fn into_names(self) -> impl Iterator<Item = (NameKey, Dynamic)> {
        let services = self.services.into_iter().map(|(key, Members { all, parts })| {
            (key, Dynamic::Service(Arc::new(Service::whole(all, parts.into_iter().collect()))))
        });
        let aliases = self.aliases.into_iter().map(|(key, alias)| (key, Dynamic::Alias(Arc::new(alias))));
        let addresses =
            self.addresses.into_iter().map(|(key, set)| (key, Dynamic::Address(Arc::new(AddressHosts::new(set)))));
        services.chain(aliases).chain(addresses)
    }
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

/// Whether two rows have the same names, and the same addresses at them.
fn same_names(before: &Host, after: &Host) -> bool {
    before.target == after.target
        && before.service == after.service
        && before.namespace == after.namespace
        && before.ports == after.ports
        && before.tags == after.tags
}

/// Whether two rows, as far as they are served, make the same records.
fn same_records(before: Option<&Arc<Host>>, after: Option<&Arc<Host>>) -> bool {
    match (before, after) {
        (None, None) => true,
        (Some(before), Some(after)) => {
            same_names(before, after) && before.weight == after.weight && before.priority == after.priority
        }
        (None, Some(_)) | (Some(_), None) => false,
    }
}

/// The greater of both in serial arithmetic (RFC 1982), plus one.
fn later(one: u32, other: u32) -> u32 {
    let newer = if other.wrapping_sub(one) < 1 << 31 { other } else { one };
    newer.wrapping_add(1)
}
