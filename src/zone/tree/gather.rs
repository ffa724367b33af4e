//! A whole table into a tree: what a start does, and the oracle of the incremental way.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use imbl::OrdMap;

use super::{Catalog, Ended, Tree};
use crate::table::{Host, Hosts};
use crate::zone::address::AddressHosts;
use crate::zone::name::NameKey;
use crate::zone::node::{Node, Part, Service};
use crate::zone::schema::View;
use crate::zone::schema::service::names;

impl Tree {
    /// The tree of a whole table; what was rendered before is dropped.
    #[must_use]
    pub(in crate::zone) fn render(&self, hosts: &Hosts) -> Tree {
        let mut gathered = Gathered { addresses: Vec::with_capacity(hosts.len()), ..Gathered::default() };
        for host in hosts.iter() {
            gathered.add(host);
        }
        let nodes = Catalog::render(hosts);
        let mut next = Tree { policy: self.policy, nodes, ended: Ended::default(), ..Tree::default() };
        next.addresses = self.addresses_of(std::mem::take(&mut gathered.addresses));
        next.uneven = next.addresses.values().filter(|hosts| hosts.is_uneven()).count();
        next.names = gathered.into_nodes(self).into_iter().collect();
        next
    }

    fn split(&self, members: Vec<Arc<Host>>) -> Part {
        Part::new(members, |host| self.is_served(host))
    }

    /// Addresses with their hosts, which come in the order of the table.
    fn addresses_of(&self, mut all: Vec<(IpAddr, &Arc<Host>)>) -> OrdMap<IpAddr, AddressHosts> {
        // A stable sort: the hosts of one address stay in their order.
        all.sort_by_key(|(address, _)| *address);
        let alike = || all.chunk_by(|one, other| one.0 == other.0);
        let hosts = |members: &[(IpAddr, &Arc<Host>)]| match members {
            [(_, host)] => AddressHosts::One(Arc::clone(host)),
            several => AddressHosts::crowd(self.split(several.iter().map(|(_, host)| Arc::clone(host)).collect())),
        };
        // In two halves, as `filling_order` has it.
        let halves = alike().step_by(2).chain(alike().skip(1).step_by(2));
        halves.map(|members| (members[0].0, hosts(members))).collect()
    }
}

/// The hosts of one service, and those of each view.
#[derive(Default)]
struct Members {
    all: Vec<Arc<Host>>,
    parts: BTreeMap<View, Vec<Arc<Host>>>,
}

impl Members {
    /// Those of another service after these.
    fn append(&mut self, other: Members) {
        self.all.extend(other.all);
        for (view, part) in other.parts {
            self.parts.entry(view).or_default().extend(part);
        }
    }
}

/// The hosts of a table by the names they stand at.
#[derive(Default)]
struct Gathered<'t> {
    /// In the order of the table, in which services of one name may stand apart where their capitals differ.
    services: Vec<(NameKey, Members)>,
    /// With the names of their services; of one name the first counts.
    aliases: Vec<(NameKey, NameKey, View)>,
    endpoints: BTreeMap<NameKey, Vec<Arc<Host>>>,
    addresses: Vec<(IpAddr, &'t Arc<Host>)>,
}

impl<'t> Gathered<'t> {
    /// Adds the next host, in the order of the table.
    fn add(&mut self, host: &'t Arc<Host>) {
        let names = names(host);
        let Some(key) = names.service else { return };
        if self.services.last().is_none_or(|(last, _)| *last != key) {
            self.services.push((key.clone(), Members::default()));
        }
        let Some((_, Members { all, parts })) = self.services.last_mut() else { return };
        all.push(Arc::clone(host));
        for (alias, view) in names.aliases {
            let is_known = match parts.get_mut(&view) {
                Some(part) => {
                    // A view with two names shows the host once.
                    if part.last().is_none_or(|last| !Arc::ptr_eq(last, host)) {
                        part.push(Arc::clone(host));
                    }
                    part.len() > 1
                }
                None if view == View::Service => false,
                None => {
                    parts.insert(view.clone(), vec![Arc::clone(host)]);
                    false
                }
            };
            // The names of a view are those that its first host gives it.
            if !is_known {
                self.aliases.push((alias, key.clone(), view));
            }
        }
        for endpoint in names.endpoints {
            self.endpoints.entry(endpoint).or_default().push(Arc::clone(host));
        }
        self.addresses.extend(names.addresses.into_iter().map(|address| (address, host)));
    }

    fn into_nodes(mut self, tree: &Tree) -> Vec<Node> {
        let mut nodes = Vec::with_capacity(self.services.len() + self.aliases.len() + self.endpoints.len());
        self.services.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut services = self.services.into_iter().peekable();
        while let Some((key, mut members)) = services.next() {
            while let Some((_, more)) = services.next_if(|(next, _)| *next == key) {
                members.append(more);
            }
            let Members { all, parts } = members;
            let service = Service::whole(key, all, parts, |members| tree.split(members));
            nodes.push(Node::Service(Arc::new(service)));
        }
        self.aliases.sort_by(|(one, ..), (other, ..)| one.cmp(other));
        self.aliases.dedup_by(|later, earlier| later.0 == earlier.0);
        nodes.extend(self.aliases.into_iter().map(|(key, home, view)| Node::alias(key, home, view)));
        nodes.extend(self.endpoints.into_iter().map(|(key, members)| Node::called(key, tree.split(members))));
        nodes
    }
}
