//! Nodes of Consul's catalog: what they say of themselves, and hosts that are reached by their names.

use std::net::IpAddr;
use std::sync::Arc;

use smallvec::SmallVec;

use super::hosts::{drop_same_texts, literal, lowest};
use super::{Data, Owner, Record, Search};
use crate::table::{Host, Standing};
use crate::zone::Grammar;
use crate::zone::file::rtype;
use crate::zone::members::HostSet;
use crate::zone::record::{Derived, Pair, Row};
use crate::zone::schema::resolve::Members;

impl<'z> Search<'z, '_> {
    /// TXT of each pair of a node, none twice.
    pub(super) fn pair_records(&mut self, members: &Members<'z>, owner: Owner<'z>) {
        let start = self.answer.answer.len();
        let now = self.asker.now;
        let rows = || members.live(now).map(|row| &**row);
        let ttl = lowest(self.place.policy().record_ttl, rows(), now);
        let pairs = rows().flat_map(|row| row.meta.iter().map(Pair));
        let mut may_repeat = members.len() > 1;
        for pair in pairs {
            may_repeat |= !pair.has_key();
            self.answer.answer.push(Record { owner, ttl, data: Data::Pair(pair) });
        }
        if may_repeat {
            drop_same_texts(&mut self.answer.answer, start);
        }
        self.limit(start);
    }

    /// The name that a host is reached by in a zone of Consul's grammar: that of its node, where it has no address of its
    /// own and the node is there, else that of its address.
    pub(super) fn consul_target(&self, host: &'z Host, address: IpAddr) -> Derived<'z> {
        let nodes = self.place.tree().nodes();
        let on_node = host.at_node.then(|| nodes.standing(Standing::of(&host.id).node, self.asker.now)).flatten();
        let name = on_node.map(|node| Derived::Node(Row(node)));
        name.filter(|name| self.fits(*name)).unwrap_or(Derived::Literal(address))
    }

    /// Whether a name made of a row is one where it stands.
    pub(super) fn fits(&self, derived: Derived<'z>) -> bool {
        let zone = self.place.zone;
        let datacenter = zone.datacenter.as_ref().filter(|_| derived.is_in_datacenter());
        derived.fits(datacenter.unwrap_or(&zone.origin))
    }

    /// Whether hosts of different addresses may have one target: those of a node whose address has just become another.
    pub(super) fn may_share_nodes(&self, set: &HostSet) -> bool {
        matches!(self.place.zone.grammar, Grammar::Consul(_)) && set.stands_on_nodes()
    }

    /// A and AAAA of the names that hosts are reached by, each name once.
    pub(super) fn consul_addresses(&mut self, hosts: impl Iterator<Item = &'z Arc<Host>>) {
        let target = |host: &'z Arc<Host>| Some(self.consul_target(host, *host.target.addresses().first()?));
        let mut targets: SmallVec<[Derived<'z>; 16]> = hosts.filter_map(target).collect();
        let place = |target: &Derived<'z>| match target {
            Derived::Literal(address) => (Some(*address), ""),
            Derived::Node(row) => (None, row.0.service.as_str()),
            Derived::Address(_)
            | Derived::Endpoint(_)
            | Derived::Called(..)
            | Derived::Instance(..)
            | Derived::Type(_) => (None, ""),
        };
        targets.sort_unstable_by_key(place);
        targets.dedup();
        let ttl = self.place.policy().record_ttl;
        for target in targets {
            let owner = Owner::Derived(target);
            if let Derived::Literal(address) = target {
                // It is the address it says for ever, whatever becomes of the host.
                self.answer.additional.push(literal(address, owner, ttl));
            }
            let Derived::Node(row) = target else { continue };
            let Some(rows) = self.place.tree().nodes().named(row.0.service.as_str()) else { continue };
            for qtype in [rtype::A, rtype::AAAA] {
                self.push_addresses(&Members::Set(rows), owner, qtype);
            }
        }
    }
}
