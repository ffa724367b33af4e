//! The names that hosts make, once for all zones: services with their views, endpoints, addresses.
//!
//! Zones differ in what stands around these names and in how they are asked for (see `schema`), not in the hosts
//! behind them; so a change of one host is rendered once, whatever the number of zones.

mod below;
mod catalog;
mod ended;
mod gather;
mod names;

use std::net::IpAddr;
use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;
use smallvec::SmallVec;

pub(super) use catalog::Catalog;
pub(super) use ended::Ended;

use names::Names;

use super::Policy;
use super::address::AddressHosts;
use super::members::{HostSet, is_live};
use super::name::NameKey;
use super::node::{Node, Part, Service};
use super::schema::View;
use super::schema::service::{Names as HostNames, check_service_label, names};
use super::trie::Probe;
use crate::clock::Timestamp;
use crate::limits;
use crate::table::{Cause, Change, Dialect, Host, Protocol};
use crate::zone::EmptyService;

/// A service that is being changed, beside the tree: changes of one that follow each other are put back together.
type Open = Option<Service>;

/// The dynamic names of all zones.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    /// By the labels left of a zone's origin.
    names: Names,
    addresses: OrdMap<IpAddr, AddressHosts>,
    /// Addresses whose hosts have different further addresses; while there is none, the addresses of an SRV target
    /// are known from the host alone.
    uneven: usize,
    nodes: Catalog,
    /// The last hosts whose lease has ended.
    ended: Ended,
    policy: Policy,
}

impl Tree {
    /// A tree without hosts.
    pub(super) fn new(policy: Policy) -> Tree {
        Tree { policy, ..Tree::default() }
    }

    pub(super) fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(super) fn ended(&self) -> &Ended {
        &self.ended
    }

    /// The nodes of Consul's catalog.
    pub(super) fn nodes(&self) -> &Catalog {
        &self.nodes
    }

    /// How many names there are, those of addresses included.
    pub(super) fn len(&self) -> usize {
        self.names.len() + self.addresses.len() + self.nodes.len()
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<&Node> {
        self.names.get(key)
    }

    /// The start of a look-up for what stands at a name.
    pub(super) fn probe(&self, name: &[u8]) -> Probe<'_, Node> {
        self.names.probe(name)
    }

    /// The service whose hosts stand at a name.
    pub(super) fn service(&self, key: &[u8]) -> Option<&Service> {
        self.names.get(key)?.service().map(|service| &**service)
    }

    pub(super) fn address(&self, address: IpAddr) -> Option<&AddressHosts> {
        self.addresses.get(&address)
    }

    /// Whether every host knows all addresses of the name of its first one.
    pub(super) fn is_even(&self) -> bool {
        self.uneven == 0
    }

    /// The part that an alias shows, or a service as a whole.
    pub(super) fn part<'t>(&'t self, node: &'t Node) -> Option<(&'t View, &'t Part)> {
        match node {
            Node::Service(service) => service.part(&View::Service).map(|part| (&View::Service, part)),
            Node::Endpoint(_) => node.endpoint().map(|part| (&View::Service, part)),
            Node::Alias(alias) => Some((&alias.view, self.service(alias.home.as_bytes())?.part(&alias.view)?)),
        }
    }

    /// The hosts of a part that are in the answers at `now`; `None` when no host of it is.
    pub(super) fn shown<'t>(&self, part: &'t Part, now: Timestamp) -> Option<&'t HostSet> {
        if part.served.live(now).next().is_some() {
            return Some(&part.served);
        }
        let all = self.policy.empty_service == EmptyService::All && part.absent.live(now).next().is_some();
        all.then_some(&part.absent)
    }

    /// Whether the name of a part exists at `now`: somebody is in the answers, or the name is kept without.
    pub(super) fn exists(&self, part: &Part, now: Timestamp) -> bool {
        self.shown(part, now).is_some()
            || self.policy.empty_service == EmptyService::NoData
                && part.absent.iter().any(|host| host.lease.is_live(now))
    }

    /// [`Tree::shown`] of one host.
    pub(super) fn shows(&self, host: &Host, now: Timestamp) -> bool {
        is_live(host, now) && (self.is_served(host) || self.policy.empty_service == EmptyService::All)
    }

    /// [`Tree::exists`] of the name of an address.
    pub(super) fn address_exists(&self, hosts: &AddressHosts, now: Timestamp) -> bool {
        match hosts {
            AddressHosts::One(host) => {
                self.shows(host, now)
                    || self.policy.empty_service == EmptyService::NoData
                        && !self.is_served(host)
                        && host.lease.is_live(now)
            }
            AddressHosts::Several(crowd) => self.exists(&crowd.part, now),
        }
    }

    fn node_exists(&self, node: &Node, now: Timestamp) -> bool {
        self.part(node).is_some_and(|(_, part)| self.exists(part, now))
    }

    /// Whether any name from `from` on that begins with `prefix` exists at `now`.
    fn any(&self, from: Bound<&[u8]>, prefix: &[u8], until: Option<&[u8]>, now: Timestamp) -> bool {
        let mut visited = 0;
        for (name, node) in self.names.range((from, Bound::Unbounded)) {
            let name = name.as_bytes();
            if !name.starts_with(prefix) || until.is_some_and(|until| name >= until) {
                return false;
            }
            visited += 1;
            if visited > limits::LAPSED_NAMES_VISITED || self.node_exists(node, now) {
                return true;
            }
        }
        false
    }

    /// Whether anything stands below `key`: an empty non-terminal exists (RFC 8020 2).
    pub(super) fn any_below(&self, key: &[u8], now: Timestamp) -> bool {
        let Some(next) = self.names.next_below(key) else { return false };
        // The next one, if it is still there, mostly lives.
        self.names.get(&next).is_some_and(|node| self.node_exists(node, now))
            || self.any(Bound::Excluded(key), key, None, now)
    }

    /// What stands at `key`; where nothing does, whether anything stands below.
    pub(super) fn at_or_below(&self, key: &[u8], now: Timestamp) -> Result<&Node, bool> {
        self.names.get(key).ok_or_else(|| {
            // Whatever stands below a service is made of its hosts.
            let is_a_services = may_be_a_services(key);
            debug_assert!(!is_a_services || !self.any_below(key, now), "{key:?}");
            !is_a_services && self.any_below(key, now)
        })
    }

    /// Whether any service has a short name, which those of the namespace `default` have.
    pub(super) fn any_short(&self, now: Timestamp) -> bool {
        self.any(Bound::Unbounded, &[], Some(b"svc\0"), now) || self.any(Bound::Included(b"svc\x01"), &[], None, now)
    }

    /// Whether any host has an address from `first` to `last`.
    pub(super) fn any_address(&self, first: IpAddr, last: IpAddr, now: Timestamp) -> bool {
        for (visited, (_, hosts)) in self.addresses.range(first..=last).enumerate() {
            if visited >= limits::LAPSED_NAMES_VISITED || self.address_exists(hosts, now) {
                return true;
            }
        }
        false
    }

    /// The aliases directly below `key` whose hosts are in the answers, with them, at most `most`.
    pub(super) fn aliases_below<'t>(
        &'t self,
        key: &'t [u8],
        now: Timestamp,
        most: usize,
    ) -> impl Iterator<Item = (&'t NameKey, &'t HostSet)> {
        let is_child =
            move |name: &NameKey| name.as_bytes()[key.len()..].iter().filter(|byte| **byte == 0).count() == 1;
        self.names
            .range((Bound::Excluded(key), Bound::Unbounded))
            .take_while(move |(name, _)| name.as_bytes().starts_with(key))
            .filter(move |(name, _)| is_child(name))
            .filter_map(move |(name, node)| Some((name, self.shown(self.part(node)?.1, now)?)))
            .take(most)
    }

    /// Whether a host is in the answers while its lease lasts.
    pub(super) fn is_served(&self, host: &Host) -> bool {
        host.is_served(self.policy.only_passing)
    }

    /// Takes in changes; says whether any record differs.
    pub(super) fn apply(&mut self, changes: &[Change]) -> bool {
        let mut differs = false;
        let mut open = None;
        for change in changes {
            let (before, after) = (change.before.as_ref(), change.after.as_ref());
            if change.host().dialect == Dialect::Node {
                differs |= self.nodes.put(before, after);
                continue;
            }
            self.move_host(before, after, &mut open);
            self.remember_end(change);
            let is_same = self.same_records(before, after) && protocols_tagged(before) == protocols_tagged(after);
            // A service that DNS cannot name has no records.
            differs |= !is_same && check_service_label(change.host().service.as_str()).is_ok();
        }
        self.close(&mut open);
        differs
    }

    /// The service at `key`, to be changed; the one that was open before is put back.
    fn open<'o>(&mut self, key: &NameKey, open: &'o mut Open) -> &'o mut Service {
        if open.as_ref().is_some_and(|other| other.key() != key) {
            self.close(open);
        }
        let known = || self.service(key.as_bytes()).cloned();
        open.get_or_insert_with(|| known().unwrap_or_else(|| Service::new(key.clone())))
    }

    /// Puts the open service back.
    fn close(&mut self, open: &mut Open) {
        match open.take() {
            Some(service) if service.is_empty() => self.names.remove(service.key()),
            Some(mut service) => {
                service.finish();
                self.names.insert(Node::Service(Arc::new(service)));
            }
            None => {}
        }
    }

    fn remember_end(&mut self, change: &Change) {
        match (&change.before, &change.after) {
            (Some(before), None) if change.cause == Cause::Expiry => self.ended.add(before),
            (None, Some(after)) => self.ended.remove(after),
            _ => {}
        }
    }

    /// Takes a host out of the names it had and puts it into those it has.
    fn move_host(&mut self, before: Option<&Arc<Host>>, after: Option<&Arc<Host>>, open: &mut Open) {
        if let (Some(before), Some(after)) = (before, after)
            && same_names(before, after)
            && self.is_served(before) == self.is_served(after)
        {
            return self.replace_host(after, open);
        }
        let old = before.map(|host| names(host)).unwrap_or_default();
        let new = after.map(|host| names(host)).unwrap_or_default();
        let (leaves, joins) = (before.map(|host| (host, &old)), after.map(|host| (host, &new)));
        if old.service == new.service {
            self.edit_service(old.service.as_ref(), leaves, joins, open);
        } else {
            self.edit_service(old.service.as_ref(), leaves, None, open);
            self.edit_service(new.service.as_ref(), None, joins, open);
        }
        if let Some(before) = before {
            for key in old.endpoints.iter().filter(|key| !new.endpoints.contains(key)) {
                self.edit_endpoint(key, |part| part.remove(before, &|_, _| 0));
            }
            for &address in old.addresses.iter().filter(|address| !new.addresses.contains(address)) {
                let after = self.address(address).and_then(|hosts| hosts.without(address, before));
                self.put_address(address, after);
            }
        }
        if let Some(after) = after {
            self.put_own(after, &new);
        }
    }

    /// Puts a row in the place of one that has the same names: no alias comes or goes.
    fn replace_host(&mut self, host: &Arc<Host>, open: &mut Open) {
        let names = names(host);
        let Some(key) = &names.service else { return };
        let served = self.is_served(host);
        self.open(key, open).insert(names.parts(), host, served, &|_, _, _| 0);
        self.put_own(host, &names);
    }

    /// Puts a host at the names that are its own.
    fn put_own(&mut self, host: &Arc<Host>, names: &HostNames) {
        let served = self.is_served(host);
        for key in &names.endpoints {
            self.edit_endpoint(key, |part| part.insert(host, served, &|_, _| 0));
        }
        for &address in &names.addresses {
            let is_served = |host: &Host| host.is_served(self.policy.only_passing);
            let after = AddressHosts::with(self.address(address), address, host, is_served);
            self.put_address(address, Some(after));
        }
    }

    /// Changes the hosts of the service at `key`, and its aliases where a view gets its first host or loses its last.
    fn edit_service(
        &mut self,
        key: Option<&NameKey>,
        leaves: Option<(&Arc<Host>, &HostNames)>,
        joins: Option<(&Arc<Host>, &HostNames)>,
        open: &mut Open,
    ) {
        let Some(key) = key else { return };
        let service = self.open(key, open);
        // A view with hosts has its names.
        let named: SmallVec<[bool; 4]> =
            joins.into_iter().flat_map(|(_, names)| &names.aliases).map(|(_, view)| service.has(view)).collect();
        let kept = |view: &View| joins.is_some_and(|(_, names)| names.parts().any(|other| other == view));
        if let Some((host, names)) = leaves {
            let views = names.parts().filter(|view| !kept(view));
            service.remove(views, joins.is_none(), host, &|view, side, address| self.others(host, view, side, address));
        }
        if let Some((host, names)) = joins {
            let served = self.is_served(host);
            service.insert(names.parts(), host, served, &|view, side, address| self.others(host, view, side, address));
        }
        for (alias, view) in leaves.into_iter().flat_map(|(_, names)| &names.aliases) {
            if !service.has(view) {
                self.names.remove(alias);
            }
        }
        let aliases = joins.into_iter().flat_map(|(_, names)| &names.aliases);
        for ((alias, view), named) in aliases.zip(named) {
            if !named && self.names.get(alias.as_bytes()).is_none() {
                self.names.insert(Node::alias(alias.clone(), key.clone(), view.clone()));
            }
        }
    }

    fn edit_endpoint(&mut self, key: &NameKey, change: impl FnOnce(&mut Part)) {
        let mut part = self.names.get(key.as_bytes()).and_then(Node::endpoint).cloned().unwrap_or_default();
        change(&mut part);
        part.finish();
        if part.is_empty() {
            self.names.remove(key);
        } else {
            self.names.insert(Node::called(key.clone(), part));
        }
    }

    fn put_address(&mut self, address: IpAddr, after: Option<AddressHosts>) {
        let uneven = |hosts: &Option<AddressHosts>| usize::from(hosts.as_ref().is_some_and(AddressHosts::is_uneven));
        self.uneven += uneven(&after);
        let before = match after {
            Some(hosts) => self.addresses.insert(address, hosts),
            None => self.addresses.remove(&address),
        };
        self.uneven -= uneven(&before);
    }

    /// How many hosts of a view, served ones or not, `host` not counted, have an address.
    fn others(&self, host: &Host, view: &View, served: bool, address: IpAddr) -> usize {
        let Some(hosts) = self.address(address) else { return 0 };
        let is_other =
            |other: &&Arc<Host>| other.order() != host.order() && is_of_service(other, host) && view.shows_host(other);
        match hosts {
            AddressHosts::One(other) => usize::from(self.is_served(other) == served && is_other(&other)),
            AddressHosts::Several(crowd) if served => crowd.part.served.iter().filter(is_other).count(),
            AddressHosts::Several(crowd) => crowd.part.absent.iter().filter(is_other).count(),
        }
    }

    /// Whether two rows, as far as they are in the answers, make the same records.
    fn same_records(&self, before: Option<&Arc<Host>>, after: Option<&Arc<Host>>) -> bool {
        let hides_absent = self.policy.empty_service == EmptyService::NxDomain;
        let shown = |host: &&Arc<Host>| !hides_absent || self.is_served(host);
        match (before.filter(shown), after.filter(shown)) {
            (None, None) => true,
            (Some(before), Some(after)) => {
                same_names(before, after)
                    && before.weight == after.weight
                    && before.priority == after.priority
                    && before.at_node == after.at_node
                    && self.same_meta(before, after)
                    && self.is_served(before) == self.is_served(after)
                    // Of unhealthy hosts too, those that an operator took out are never shown.
                    && before.draining == after.draining
            }
            (None, Some(_)) | (Some(_), None) => false,
        }
    }

    /// Whether the pairs and the region are the same, as far as records are made of them.
    fn same_meta(&self, before: &Host, after: &Host) -> bool {
        let alpn = |host: &Host| host.meta.iter().find(|(key, _)| &**key == "alpn").map(|(_, value)| value.clone());
        if self.policy.txt {
            before.meta == after.meta && before.region == after.region
        } else {
            alpn(before) == alpn(after)
        }
    }

    /// The first place at which two trees differ, if they do.
    pub(super) fn difference(&self, other: &Tree) -> Option<String> {
        let mut theirs = other.names.iter();
        for (key, node) in self.names.iter() {
            match theirs.next() {
                Some((name, _)) if name != key => return Some(format!("{key:?} here, {name:?} there")),
                Some((_, there)) if !node.same(there) => {
                    return Some(format!("{key:?}: {node:?} here, {there:?} there"));
                }
                None => return Some(format!("{key:?} only here")),
                Some(_) => {}
            }
        }
        if let Some((name, _)) = theirs.next() {
            return Some(format!("{name:?} only there"));
        }
        self.address_difference(other).or_else(|| self.nodes.difference(&other.nodes))
    }

    fn address_difference(&self, other: &Tree) -> Option<String> {
        for (address, hosts) in &self.addresses {
            if other.address(*address).is_none_or(|theirs| !hosts.same(theirs)) {
                return Some(format!("{address}: {hosts:?} here, {:?} there", other.address(*address)));
            }
        }
        if self.addresses.len() != other.addresses.len() || self.uneven != other.uneven {
            return Some(format!(
                "{} addresses, {} uneven here; {}, {} there",
                self.addresses.len(),
                self.uneven,
                other.addresses.len(),
                other.uneven
            ));
        }
        None
    }

    /// The hosts of an address that belong to one service, whatever their state.
    pub(super) fn of_service<'t>(
        &'t self,
        address: IpAddr,
        service: &'t Service,
    ) -> impl Iterator<Item = &'t Arc<Host>> {
        let one = service.part(&View::Service).and_then(|part| part.iter().next());
        self.address(address)
            .into_iter()
            .flat_map(AddressHosts::iter)
            .filter(move |host| one.is_some_and(|one| is_of_service(host, one)))
    }
}

/// Whether two hosts offer what DNS cannot tell apart.
/// Whether a name may be that of a service in the namespace `default`, and none of those that only lead to some.
fn may_be_a_services(key: &[u8]) -> bool {
    let label = key.strip_suffix(&[0]).filter(|label| !label.contains(&0));
    label.is_some_and(|label| !label.starts_with(b"_") && label != b"svc")
}

fn is_of_service(one: &Host, other: &Host) -> bool {
    one.namespace == other.namespace && one.service.as_str().eq_ignore_ascii_case(other.service.as_str())
}

/// The protocols that are tags of a host: in Consul's grammar `_web._udp` asks for such a tag while any host has it, a sick
/// one too, and for all hosts else.
fn protocols_tagged(host: Option<&Arc<Host>>) -> [bool; 2] {
    let has = |name: &str| host.is_some_and(|host| host.tags.iter().any(|tag| tag.as_str().eq_ignore_ascii_case(name)));
    [Protocol::Udp, Protocol::Sctp].map(|protocol| has(protocol.as_str()))
}

/// Whether two rows have the same names, and the same addresses at them.
fn same_names(before: &Host, after: &Host) -> bool {
    before.target == after.target
        && before.service == after.service
        && before.namespace == after.namespace
        && before.ports == after.ports
        && before.tags == after.tags
        && before.zone == after.zone
        && before.hostname == after.hostname
}
