//! A whole table into a tree: what a start does, and the oracle of the incremental way.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use imbl::OrdMap;

use super::{Catalog, Ended, Tree};
use crate::table::{Host, Hosts};
use crate::zone::name::NameKey;
use crate::zone::node::{AddressHosts, Node, Part, Service};
use crate::zone::schema::View;
use crate::zone::schema::service::names;

impl Tree {
    /// The tree of a whole table; what was rendered before is dropped.
    #[must_use]
    pub(in crate::zone) fn render(&self, hosts: &Hosts) -> Tree {
        let mut gathered = Gathered::default();
        for host in hosts.iter() {
            gathered.add(host);
        }
        let nodes = Catalog::render(hosts);
        let mut next = Tree { policy: self.policy, nodes, ended: Ended::default(), ..Tree::default() };
        let addresses: Vec<_> = std::mem::take(&mut gathered.addresses)
            .into_iter()
            .map(|(address, members)| (address, AddressHosts::new(members, |members| self.split(members))))
            .collect();
        next.uneven = addresses.iter().filter(|(_, hosts)| hosts.is_uneven()).count();
        next.addresses = OrdMap::from_iter(addresses);
        next.names = gathered.into_nodes(self).into_iter().collect();
        next
    }

    fn split(&self, members: Vec<Arc<Host>>) -> Part {
        Part::new(members, |host| self.is_served(host))
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
    endpoints: BTreeMap<NameKey, Vec<Arc<Host>>>,
    addresses: BTreeMap<IpAddr, Vec<Arc<Host>>>,
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
        for endpoint in names.endpoints {
            self.endpoints.entry(endpoint).or_default().push(Arc::clone(host));
        }
        for address in names.addresses {
            self.addresses.entry(address).or_default().push(Arc::clone(host));
        }
    }

    fn into_nodes(self, tree: &Tree) -> Vec<Node> {
        let mut nodes = Vec::with_capacity(self.services.len() + self.aliases.len() + self.endpoints.len());
        for (key, Members { all, parts }) in self.services {
            let service = Service::whole(key, all, parts, |members| tree.split(members));
            nodes.push(Node::Service(Arc::new(service)));
        }
        nodes.extend(self.aliases.into_iter().map(|(key, (home, view))| Node::alias(key, home, view)));
        nodes.extend(self.endpoints.into_iter().map(|(key, members)| Node::called(key, tree.split(members))));
        nodes
    }
}
