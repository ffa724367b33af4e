//! The nodes of Consul's catalog: by name, by address, and the one that this server is.
//!
//! They stand beside the names of hosts, not among them: only Consul's grammar and reverse zones look here. A node answers
//! whatever its checks say, so there is one side of them, where the hosts of a service have two.

use std::net::IpAddr;
use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;

use super::below::Below;
use crate::clock::Timestamp;
use crate::limits;
use crate::table::{Host, Hosts};
use crate::zone::members::HostSet;
use crate::zone::name::{Key, NameKey, Path};
use crate::zone::schema::service::is_dotted;

/// The nodes.
#[derive(Clone, Debug, Default)]
pub(in crate::zone) struct Catalog {
    /// By the labels left of `node`. Only a node that this server is may share its name with another row.
    names: OrdMap<NameKey, Arc<HostSet>>,
    addresses: OrdMap<IpAddr, Arc<HostSet>>,
    /// Where it has a name here.
    own: Option<Arc<Host>>,
}

impl Catalog {
    /// The nodes of a whole table.
    pub(super) fn render(hosts: &Hosts) -> Catalog {
        let mut catalog = Catalog::default();
        for node in hosts.nodes() {
            catalog.put(None, Some(node));
        }
        catalog.own = hosts.node("").filter(|own| has_name(own)).cloned();
        catalog
    }

    /// How many names there are.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// The rows of a name, given by the labels left of `node`.
    pub(in crate::zone) fn get(&self, key: &[u8]) -> Option<&HostSet> {
        self.names.get(key).map(|set| &**set)
    }

    /// The nodes of an address.
    pub(in crate::zone) fn of_address(&self, address: IpAddr) -> Option<&HostSet> {
        self.addresses.get(&address).map(|set| &**set)
    }

    /// Whether a node is there whose name ends so; of all, where the end is empty.
    pub(in crate::zone) fn any_below(&self, key: &[u8], now: Timestamp) -> bool {
        let probe = Below::of(key);
        // Finds nothing, and comes by what is below.
        let _ = self.names.get(&probe);
        if probe.next().is_none() {
            return false;
        }
        let below = self.names.range::<_, [u8]>((Bound::Excluded(key), Bound::Unbounded));
        any_live(below.take_while(|(name, _)| name.as_bytes().starts_with(key)).map(|(_, set)| &**set), now)
    }

    /// Whether any node has an address from `first` to `last`.
    pub(in crate::zone) fn any_address(&self, first: IpAddr, last: IpAddr, now: Timestamp) -> bool {
        any_live(self.addresses.range(first..=last).map(|(_, set)| &**set), now)
    }

    /// The rows of a name.
    pub(in crate::zone) fn named(&self, name: &str) -> Option<&HostSet> {
        let path: Path = key_of(name)?;
        self.get(path.as_bytes())
    }

    /// The node by whose name a host is reached that stands there: it has an address. The empty name is that of the node
    /// that this server is.
    pub(in crate::zone) fn standing(&self, node: &str, now: Timestamp) -> Option<&Arc<Host>> {
        let name = match (node, &self.own) {
            ("", None) => return None,
            ("", Some(own)) => own.service.as_str(),
            (name, _) => name,
        };
        self.named(name)?.live(now).find(|row| !row.target.addresses().is_empty())
    }

    /// Puts a row in the place of the one with its key; says whether any record differs.
    pub(super) fn put(&mut self, before: Option<&Arc<Host>>, after: Option<&Arc<Host>>) -> bool {
        let is_renamed = self.set_own(before, after);
        let Some(key) = before.or(after).and_then(|row| key_of(row.service.as_str())) else { return is_renamed };
        match changed(self.get(key.as_bytes()), before, after) {
            Some(set) => self.names.insert(key, set),
            None => self.names.remove(&key),
        };
        let addresses = |row: Option<&Arc<Host>>| row.map(|row| row.target.addresses().to_vec()).unwrap_or_default();
        let kept = addresses(after);
        for address in addresses(before).into_iter().filter(|address| !kept.contains(address)) {
            self.edit_address(address, before, None);
        }
        for address in kept {
            self.edit_address(address, None, after);
        }
        is_renamed || !same_records(before, after)
    }

    /// Notes which node this server is; says whether it has another name since.
    fn set_own(&mut self, before: Option<&Arc<Host>>, after: Option<&Arc<Host>>) -> bool {
        let own = match (before, after) {
            (_, Some(after)) if after.as_node() == Some("") => Some(after).filter(|own| has_name(own)).cloned(),
            (Some(before), None) if self.own.as_ref().is_some_and(|own| own.order() == before.order()) => None,
            _ => return false,
        };
        let name = |own: &Option<Arc<Host>>| own.as_ref().map(|own| own.service.clone());
        let is_renamed = name(&self.own) != name(&own);
        self.own = own;
        is_renamed
    }

    fn edit_address(&mut self, address: IpAddr, before: Option<&Arc<Host>>, after: Option<&Arc<Host>>) {
        match changed(self.of_address(address), before, after) {
            Some(set) => self.addresses.insert(address, set),
            None => self.addresses.remove(&address),
        };
    }

    /// The first place at which two differ, if they do.
    pub(super) fn difference(&self, other: &Catalog) -> Option<String> {
        let sets_differ = |mine: &HostSet, theirs: Option<&HostSet>| !theirs.is_some_and(|set| mine.same_members(set));
        for (name, set) in &self.names {
            if sets_differ(set, other.get(name.as_bytes())) {
                return Some(format!("{name:?}.node: {set:?} here, {:?} there", other.get(name.as_bytes())));
            }
        }
        for (address, set) in &self.addresses {
            if sets_differ(set, other.of_address(*address)) {
                return Some(format!("nodes of {address}: {set:?} here, {:?} there", other.of_address(*address)));
            }
        }
        let counts = |catalog: &Catalog| (catalog.names.len(), catalog.addresses.len());
        let same_own = self.own.as_ref().map(Arc::as_ptr) == other.own.as_ref().map(Arc::as_ptr);
        (counts(self) != counts(other) || !same_own).then(|| format!("{self:?} here, {other:?} there"))
    }
}

/// Whether a row has a name while its lease lasts.
fn has_name(row: &Host) -> bool {
    !row.draining && is_dotted(row.service.as_str())
}

/// The labels of a node's name, from `node` outwards; `None` for what DNS cannot say.
fn key_of<const N: usize>(name: &str) -> Option<Key<N>> {
    is_dotted(name).then(|| Key::of_labels(name.rsplit('.')))
}

/// The rows of a set after a change of one; `None` when none is left.
fn changed(set: Option<&HostSet>, before: Option<&Arc<Host>>, after: Option<&Arc<Host>>) -> Option<Arc<HostSet>> {
    let mut set = set.cloned().unwrap_or_default();
    // What is known of many addresses together is asked of services only.
    match (before, after) {
        (_, Some(after)) => set.put(after, &|_| 0),
        (Some(before), None) => set.take(before, &|_| 0),
        (None, None) => {}
    }
    set.finish();
    (!set.is_empty()).then(|| Arc::new(set))
}

/// Whether any set has a row whose lease has not ended; after a bounded number without one it is said to have.
fn any_live<'t>(sets: impl Iterator<Item = &'t HostSet>, now: Timestamp) -> bool {
    let mut sets = sets.enumerate();
    sets.any(|(visited, set)| visited >= limits::LAPSED_NAMES_VISITED || set.live(now).next().is_some())
}

/// Whether two rows of one node make the same records.
fn same_records(before: Option<&Arc<Host>>, after: Option<&Arc<Host>>) -> bool {
    let shown = |row: &&Arc<Host>| has_name(row);
    match (before.filter(shown), after.filter(shown)) {
        (None, None) => true,
        (Some(before), Some(after)) => before.target == after.target && before.meta == after.meta,
        (None, Some(_)) | (Some(_), None) => false,
    }
}
