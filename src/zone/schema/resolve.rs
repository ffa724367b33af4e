//! From a name to the hosts behind it: one grammar a zone.
//!
//! What the tree keeps is looked up; what follows from it (endpoints by id and address, instances, zonal names, the
//! addresses of reverse zones) is worked out, so that a host does not cost a name for each way to ask for it. A name
//! exists if something here says so, and every type asks here.

use std::net::IpAddr;
use std::sync::Arc;

use smallvec::SmallVec;

use super::consul;
use super::reverse::Prefix;
use super::service::{RESERVED, underscore};
use super::{Facet, View};
use crate::clock::Timestamp;
use crate::table::{Dialect, Host, Protocol, is_label};
use crate::zone::address::AddressHosts;
use crate::zone::members::{HostSet, is_live};
use crate::zone::name::Path;
use crate::zone::node::{Node, Part, Service};
use crate::zone::record::undashed;
use crate::zone::tree::Tree;
use crate::zone::{EmptyService, Grammar};

/// The hosts that a name shows.
pub(in crate::zone) enum Members<'z> {
    /// A set that is kept.
    Set(&'z HostSet),
    /// A few that were found.
    List(SmallVec<[&'z Arc<Host>; 4]>),
}

/// What hosts have to do with a name.
pub(in crate::zone) enum Found<'z> {
    /// They stand there: some are in the answers now.
    Hosts(Facet<'z>, Members<'z>),
    /// An address stands there, whoever has it.
    Literal(IpAddr),
    /// The types of services are listed there (RFC 6763 9).
    Types,
    /// Something stands below, or the name is kept though nobody is in the answers.
    Empty,
    /// Nothing.
    Nothing,
}

pub(super) type Labels<'a> = SmallVec<[&'a [u8]; 8]>;

/// A look at a tree at one moment.
#[derive(Clone, Copy)]
pub(in crate::zone) struct Look<'z> {
    pub(in crate::zone) tree: &'z Tree,
    /// Whether nodes have names: there is a zone of Consul's grammar.
    pub(in crate::zone) names_nodes: bool,
    pub(in crate::zone) now: Timestamp,
}

impl<'z> Look<'z> {
    /// What stands at a name of a zone.
    pub(in crate::zone) fn find(&self, grammar: &Grammar, key: &Path) -> Found<'z> {
        match grammar {
            Grammar::Static => Found::Nothing,
            Grammar::Service => self.service(key),
            Grammar::Kubernetes => {
                let labels: Labels<'_> = key.labels().collect();
                match &labels[..] {
                    [b"svc", rest @ ..] => self.kubernetes(rest),
                    _ => Found::Nothing,
                }
            }
            Grammar::Reverse(prefix) => self.reverse(*prefix, key),
            Grammar::Consul(datacenter) => self.consul(datacenter, key),
        }
    }

    /// The home of the service that a name speaks of, whether or not it exists.
    pub(in crate::zone) fn subject(&self, grammar: &Grammar, key: &Path) -> Option<Path> {
        let labels: Labels<'_> = key.labels().collect();
        match (grammar, &labels[..]) {
            (Grammar::Service | Grammar::Kubernetes, [b"svc", namespace, service, ..]) => home(namespace, service),
            (Grammar::Service, [first, second, ..]) if first.starts_with(b"_") => {
                home(b"default", second.strip_prefix(b"_")?)
            }
            (Grammar::Service, [service, ..]) => home(b"default", service),
            (Grammar::Consul(datacenter), labels) => consul::subject(datacenter, labels),
            _ => None,
        }
    }

    /// The name in the tree that a name stands for, where the tree keeps one, whether or not it exists.
    pub(in crate::zone) fn canonical(&self, grammar: &Grammar, key: &Path) -> Option<Path> {
        let labels: Labels<'_> = key.labels().collect();
        match (grammar, &labels[..]) {
            (Grammar::Service | Grammar::Kubernetes, [b"svc", namespace, service, rest @ ..]) => {
                let below = rest.first().is_none_or(|first| first.starts_with(b"_"));
                let home = home(namespace, service).filter(|_| below)?;
                Some(Path::of_kept(home.labels().chain(rest.iter().copied())))
            }
            (Grammar::Service, [b"svc" | b"addr", ..]) => None,
            (Grammar::Service, _) => Some(key.clone()),
            (Grammar::Consul(datacenter), labels) => self.consul_canonical(datacenter, labels),
            (Grammar::Static | Grammar::Kubernetes | Grammar::Reverse(_), _) => None,
        }
    }

    /// The part of a service's hosts that a name shows, whether or not any of them is in an answer.
    pub(in crate::zone) fn kept_part(&self, grammar: &Grammar, key: &Path) -> Option<(&'z View, &'z Part)> {
        self.tree.part(self.tree.get(self.canonical(grammar, key)?.as_bytes())?)
    }

    /// Whether a name is that of the service at `home`, as a whole.
    pub(in crate::zone) fn is_home(&self, grammar: &Grammar, key: &Path, home: &Path) -> bool {
        self.canonical(grammar, key).is_some_and(|canonical| canonical == *home)
    }

    /// The node that a name speaks of, whether or not it exists.
    pub(in crate::zone) fn node_asked(&self, grammar: &Grammar, key: &Path) -> Option<String> {
        let labels: Labels<'_> = key.labels().collect();
        match grammar {
            Grammar::Consul(datacenter) => consul::node(datacenter, &labels),
            Grammar::Static | Grammar::Service | Grammar::Kubernetes | Grammar::Reverse(_) => None,
        }
    }

    fn service(&self, key: &Path) -> Found<'z> {
        let labels: Labels<'_> = key.labels().collect();
        match &labels[..] {
            [] => Found::Empty,
            [b"svc", rest @ ..] => self.kubernetes(rest),
            [b"addr"] => self.any_address(),
            [b"addr", hex] => address_of(hex).map_or(Found::Nothing, |address| self.address(Facet::Addresses, address)),
            [b"addr", ..] => Found::Nothing,
            [b"_udp", b"_dns-sd", b"_services"] => self.types(),
            [first, service, rest @ ..] if first.starts_with(b"_") && !rest.is_empty() => {
                self.browsed(first, service, rest)
            }
            [service, b"_zone", rest @ ..] => match home(b"default", service) {
                Some(home) => self.zonal(key, &home, rest),
                None => Found::Nothing,
            },
            _ => self.kept(key),
        }
    }

    /// What the tree keeps at a name or below.
    pub(super) fn kept(&self, key: &Path) -> Found<'z> {
        if let Some(node) = self.tree.get(key.as_bytes()) {
            match self.node(node) {
                Found::Nothing => {}
                found @ (Found::Hosts(..) | Found::Literal(_) | Found::Types | Found::Empty) => return found,
            }
        }
        if self.tree.any_below(key.as_bytes(), self.now) { Found::Empty } else { Found::Nothing }
    }

    pub(super) fn node(&self, node: &'z Node) -> Found<'z> {
        match self.tree.part(node) {
            Some((view, part)) => self.part(Facet::View(view), part),
            None => Found::Nothing,
        }
    }

    fn part(&self, facet: Facet<'z>, part: &'z Part) -> Found<'z> {
        match self.tree.shown(part, self.now) {
            Some(set) => Found::Hosts(facet, Members::Set(set)),
            None if self.tree.exists(part, self.now) => Found::Empty,
            None => Found::Nothing,
        }
    }

    fn any_address(&self) -> Found<'z> {
        let (first, last) = (IpAddr::from([0; 4]), IpAddr::from([255; 16]));
        if self.tree.any_address(first, last, self.now) { Found::Empty } else { Found::Nothing }
    }

    fn address(&self, facet: Facet<'z>, address: IpAddr) -> Found<'z> {
        match (self.of_address(address), self.tree.address(address)) {
            (Some(members), _) => Found::Hosts(facet, members),
            (None, Some(hosts)) if self.tree.address_exists(hosts, self.now) => Found::Empty,
            (None, _) => Found::Nothing,
        }
    }

    /// The hosts of an address that are in the answers.
    pub(in crate::zone) fn of_address(&self, address: IpAddr) -> Option<Members<'z>> {
        match self.tree.address(address)? {
            AddressHosts::One(host) => {
                self.tree.shows(host, self.now).then(|| Members::List(SmallVec::from_slice(&[host])))
            }
            AddressHosts::Several(crowd) => self.tree.shown(&crowd.part, self.now).map(Members::Set),
        }
    }

    fn reverse(&self, prefix: Prefix, key: &Path) -> Found<'z> {
        let Some(prefix) = prefix.below(key.labels()) else { return Found::Nothing };
        if let Some(address) = prefix.address() {
            return self.names_of(address);
        }
        let (first, last) = prefix.range();
        let any = self.tree.any_address(first, last, self.now)
            || self.names_nodes && self.tree.nodes().any_address(first, last, self.now);
        if any { Found::Empty } else { Found::Nothing }
    }

    /// The hosts of an address, and the nodes.
    fn names_of(&self, address: IpAddr) -> Found<'z> {
        let found = self.address(Facet::Names, address);
        let nodes = self.tree.nodes().of_address(address).filter(|_| self.names_nodes);
        let mut all: SmallVec<[&'z Arc<Host>; 4]> = nodes.into_iter().flat_map(|nodes| nodes.live(self.now)).collect();
        if all.is_empty() {
            return found;
        }
        if let Found::Hosts(_, hosts) = &found {
            all.extend(hosts.iter());
        }
        Found::Hosts(Facet::Names, Members::List(all))
    }

    // ---- Kubernetes ----

    /// `[[<endpoint>.|_<port>._<proto>.|<az>.pin._zone.]<service>.]<namespace>`, from the right.
    fn kubernetes(&self, labels: &[&[u8]]) -> Found<'z> {
        let exists = |exists: bool| if exists { Found::Empty } else { Found::Nothing };
        match labels {
            [] => exists(self.tree.any_short(self.now) || self.tree.any_below(b"svc\0", self.now)),
            [b"default"] => exists(self.tree.any_short(self.now)),
            [namespace] => exists(self.tree.any_below(Path::of_kept([b"svc", *namespace]).as_bytes(), self.now)),
            [namespace, service, rest @ ..] => match home(namespace, service) {
                Some(home) => self.of_service(&home, namespace, service, rest),
                None => Found::Nothing,
            },
        }
    }

    fn of_service(&self, home: &Path, namespace: &[u8], service: &[u8], rest: &[&[u8]]) -> Found<'z> {
        match rest {
            [] => self.tree.get(home.as_bytes()).map_or(Found::Nothing, |node| self.node(node)),
            [b"_zone", zonal @ ..] => {
                let key = Path::of_kept(home.labels().chain(rest.iter().copied()));
                self.zonal(&key, home, zonal)
            }
            [first, ..] if first.starts_with(b"_") => {
                self.kept(&Path::of_kept(home.labels().chain(rest.iter().copied())))
            }
            [label] => {
                let found = match std::str::from_utf8(label) {
                    Ok(text) if is_label(text) => self.endpoints(home, namespace, service, text),
                    _ => SmallVec::new(),
                };
                listed(Facet::Addresses, found)
            }
            _ => Found::Nothing,
        }
    }

    /// The hosts of a service that are called `label`: by host name, by id, by address.
    fn endpoints(&self, home: &Path, namespace: &[u8], service: &[u8], label: &str) -> SmallVec<[&'z Arc<Host>; 4]> {
        let mut found = SmallVec::new();
        let Some(hosts) = self.tree.service(home.as_bytes()) else { return found };
        self.by_label(hosts, namespace, service, label, &mut found);
        if let Some(address) = undashed(label) {
            for host in self.tree.of_service(address, hosts) {
                push_once(&mut found, host);
            }
        }
        self.keep_shown(&mut found);
        found
    }

    /// Leaves of the hosts of one name those that are in the answers.
    fn keep_shown(&self, found: &mut SmallVec<[&'z Arc<Host>; 4]>) {
        found.retain(|host| is_live(host, self.now));
        if found.iter().any(|host| self.tree.is_served(host)) {
            found.retain(|host| self.tree.is_served(host));
        } else if self.tree.policy().empty_service != EmptyService::All {
            found.clear();
        }
    }

    /// By host name or id, whatever their state.
    fn by_label(
        &self,
        hosts: &'z Service,
        namespace: &[u8],
        service: &[u8],
        label: &str,
        found: &mut SmallVec<[&'z Arc<Host>; 4]>,
    ) {
        let key = Path::of_kept([b"svc", namespace, service]).below([label]);
        for host in self.tree.get(key.as_bytes()).and_then(Node::endpoint).into_iter().flat_map(|part| part.iter()) {
            push_once(found, host);
        }
        let (Some(part), Ok(service)) = (hosts.part(&View::Service), std::str::from_utf8(service)) else { return };
        for dialect in Dialect::ALL {
            let find = |set: &'z HostSet| set.find(service, dialect, label);
            if let Some(host) = find(&part.served).or_else(|| find(&part.absent)) {
                push_once(found, host);
            }
        }
    }

    // ---- zonal names ----

    /// `<az>.pin._zone` holds the hosts of one availability zone; `<az>.prefer._zone` holds them while there are any,
    /// and all of the service else.
    fn zonal(&self, key: &Path, home: &Path, rest: &[&[u8]]) -> Found<'z> {
        let Some(service) = self.tree.service(home.as_bytes()) else { return Found::Nothing };
        let whole = |facet| service.part(&View::Service).map_or(Found::Nothing, |part| self.part(facet, part));
        match rest {
            [] | [b"prefer"] => match whole(Facet::Addresses) {
                Found::Nothing => Found::Nothing,
                Found::Hosts(..) | Found::Literal(_) | Found::Types | Found::Empty => Found::Empty,
            },
            [b"prefer", zone @ ..] => {
                let labels: Option<SmallVec<[&str; 4]>> =
                    zone.iter().rev().map(|label| std::str::from_utf8(label).ok()).collect();
                let near = labels.and_then(|labels| service.part(&View::Zone(labels.join(".").into())));
                // Healthy hosts elsewhere are better than sick ones here.
                match near.filter(|part| part.served.live(self.now).next().is_some()) {
                    Some(part) => Found::Hosts(Facet::View(&View::Service), Members::Set(&part.served)),
                    None => whole(Facet::View(&View::Service)),
                }
            }
            _ => self.kept(key),
        }
    }

    // ---- DNS-SD ----

    fn types(&self) -> Found<'z> {
        let any = |label: &[u8]| self.tree.any_below(label, self.now);
        if any(b"_tcp\0") || any(b"_udp\0") { Found::Types } else { Found::Nothing }
    }

    /// `<id>._<service>._<proto>`, `<tag>._sub._<service>._<proto>`.
    fn browsed(&self, first: &[u8], second: &[u8], rest: &[&[u8]]) -> Found<'z> {
        let protocol = Protocol::ALL.into_iter().find(|protocol| underscore(*protocol).as_bytes() == first);
        let (Some(protocol), Some(label)) = (protocol, second.strip_prefix(b"_")) else { return Found::Nothing };
        let Some(hosts) = home(b"default", label).and_then(|home| self.tree.service(home.as_bytes())) else {
            return Found::Nothing;
        };
        let offers = |host: &Host| host.ports.iter().any(|port| port.protocol == protocol);
        let shows =
            |part: &'z Part| self.tree.shown(part, self.now).filter(|set| set.live(self.now).any(|host| offers(host)));
        match rest {
            [b"_sub"] => {
                let is_subtype = |view: &View| matches!(view, View::Tag(tag) if !tag.contains('.'));
                let any = hosts.parts().any(|(view, part)| is_subtype(view) && shows(part).is_some());
                if any { Found::Empty } else { Found::Nothing }
            }
            [b"_sub", tag] => {
                let view =
                    std::str::from_utf8(tag).ok().filter(|tag| !tag.contains('.')).map(|tag| View::Tag(tag.into()));
                match view.and_then(|view| hosts.part(&view)).and_then(shows) {
                    Some(set) => Found::Hosts(Facet::Instances(protocol), Members::Set(set)),
                    None => Found::Nothing,
                }
            }
            [id] if !id.starts_with(b"_") => {
                let Ok(id) = std::str::from_utf8(id) else { return Found::Nothing };
                let mut found = SmallVec::new();
                self.by_label(hosts, b"default", label, id, &mut found);
                found.retain(|host| host.own_id().eq_ignore_ascii_case(id) && offers(host));
                self.keep_shown(&mut found);
                listed(Facet::Instance(protocol), found)
            }
            _ => Found::Nothing,
        }
    }
}

fn listed<'z>(facet: Facet<'z>, found: SmallVec<[&'z Arc<Host>; 4]>) -> Found<'z> {
    if found.is_empty() { Found::Nothing } else { Found::Hosts(facet, Members::List(found)) }
}

fn push_once<'z>(found: &mut SmallVec<[&'z Arc<Host>; 4]>, host: &'z Arc<Host>) {
    if !found.iter().any(|other| Arc::ptr_eq(other, host)) {
        found.push(host);
    }
}

/// Where the hosts of a service are kept; `None` for what is no service.
pub(in crate::zone) fn home(namespace: &[u8], service: &[u8]) -> Option<Path> {
    let is_service = !service.starts_with(b"_") && !RESERVED.iter().any(|reserved| reserved.as_bytes() == service);
    is_service.then(|| match namespace {
        b"default" => Path::of_kept([service]),
        _ => Path::of_kept([b"svc", namespace, service]),
    })
}

/// The address whose label has these digits.
pub(in crate::zone) fn address_of(hex: &[u8]) -> Option<IpAddr> {
    if !hex.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let digits = std::str::from_utf8(hex).ok()?;
    match digits.len() {
        8 => u32::from_str_radix(digits, 16).ok().map(|bits| IpAddr::V4(bits.into())),
        32 => u128::from_str_radix(digits, 16).ok().map(|bits| IpAddr::V6(bits.into())),
        _ => None,
    }
}
