//! The grammar of `consul.`: Consul's names, over the same hosts.
//!
//! | name | records |
//! | --- | --- |
//! | `web.service`, `web.service.<dc>` | A, AAAA, SRV of every port |
//! | `<tag>.web.service` | the same of the hosts with that tag; tags may hold dots |
//! | `_web._<tag>.service`, `_web._<tag>` | the same; `_tcp` is no tag, `_udp` and `_sctp` only where a host has it |
//! | `<node>.node`, `<node>.node.<dc>` | A, AAAA, and TXT of each pair of the node; its name may have dots |
//! | `<hex-ip>.addr`, `<hex-ip>.addr.<dc>` | that address, whoever has it |
//!
//! The datacenter may be written `<dc>.dc` as well. Another datacenter is no name of this zone. What stands between
//! (`service`, `node`, `<dc>`, `_tcp.service`) is an empty non-terminal, where Consul says NXDOMAIN (RFC 8020 2).

use super::Facet;
use super::resolve::{Found, Labels, Look, Members, address_of, home};
use super::service::underscore;
use crate::table::Protocol;
use crate::zone::name::Path;

/// The name of a datacenter: a label in lower case.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Datacenter {
    octets: [u8; 63],
    length: u8,
}

impl Datacenter {
    /// A datacenter of that name; `None` for what is no label.
    pub fn new(name: &str) -> Option<Datacenter> {
        let mut octets = [0; 63];
        octets.get_mut(..name.len())?.copy_from_slice(name.to_ascii_lowercase().as_bytes());
        Some(Datacenter { octets, length: u8::try_from(name.len()).ok().filter(|length| *length > 0)? })
    }

    /// The label.
    pub fn as_bytes(&self) -> &[u8] {
        &self.octets[..usize::from(self.length)]
    }
}

impl std::fmt::Debug for Datacenter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", String::from_utf8_lossy(self.as_bytes()))
    }
}

impl<'z> Look<'z> {
    /// What stands at a name of the zone.
    pub(super) fn consul(&self, datacenter: &Datacenter, key: &Path) -> Found<'z> {
        let labels: Labels<'_> = key.labels().collect();
        let exists = |exists: bool| if exists { Found::Empty } else { Found::Nothing };
        match located(datacenter, &labels) {
            // The zone, the datacenter; and names of addresses are never none.
            [] | [b"dc"] | [b"addr"] => Found::Empty,
            [b"addr", hex] => address_of(hex).map_or(Found::Nothing, Found::Literal),
            [b"node", name @ ..] => self.consul_node(name),
            [b"service"] => exists(self.tree.any_short(self.now)),
            [b"service", rest @ ..] => self.consul_service(rest),
            rest @ [first, ..] if first.starts_with(b"_") => self.consul_service(rest),
            _ => Found::Nothing,
        }
    }

    /// The labels of a node's name, or of its end, from the right.
    fn consul_node(&self, labels: &[&[u8]]) -> Found<'z> {
        let nodes = self.tree.nodes();
        let key = Path::of_kept(labels.iter().copied());
        match nodes.get(key.as_bytes()).filter(|set| set.live(self.now).next().is_some()) {
            Some(set) => Found::Hosts(Facet::Node, Members::Set(set)),
            None if nodes.any_below(key.as_bytes(), self.now) => Found::Empty,
            None => Found::Nothing,
        }
    }

    /// `[<tag>.]<service>` or `_<service>._<tag>`, from the right.
    fn consul_service(&self, labels: &[&[u8]]) -> Found<'z> {
        match labels {
            [first] if first.starts_with(b"_") => {
                let any = is_no_tag(first) && self.tree.any_short(self.now);
                if any { Found::Empty } else { self.kept(&Path::of_kept([*first])) }
            }
            [first, second] if first.starts_with(b"_") => {
                let node = self.tagged(first, second).and_then(|key| self.tree.get(key.as_bytes()));
                node.map_or(Found::Nothing, |node| self.node(node))
            }
            [service, tag @ ..] if !tag.iter().any(|label| label.starts_with(b"_")) => {
                match home(b"default", service) {
                    Some(home) => self.kept(&Path::of_kept(home.labels().chain(tag.iter().copied()))),
                    None => Found::Nothing,
                }
            }
            _ => Found::Nothing,
        }
    }

    /// The name in the tree that `_<service>._<tag>` stands for.
    fn tagged(&self, tag: &[u8], service: &[u8]) -> Option<Path> {
        let home = home(b"default", service.strip_prefix(b"_")?)?;
        let name = Path::of_kept(home.labels().chain([tag.strip_prefix(b"_")?]));
        let is_tag = || self.tree.get(name.as_bytes()).is_some();
        Some(if tag == b"_tcp" || is_no_tag(tag) && !is_tag() { home } else { name })
    }

    /// The name in the tree that a name stands for.
    pub(super) fn consul_canonical(&self, datacenter: &Datacenter, labels: &[&[u8]]) -> Option<Path> {
        match located(datacenter, labels) {
            [b"service", first, second] | [first, second] if first.starts_with(b"_") => self.tagged(first, second),
            [b"service", service, tag @ ..] if !service.starts_with(b"_") => {
                let home = home(b"default", service)?;
                Some(Path::of_kept(home.labels().chain(tag.iter().copied())))
            }
            _ => None,
        }
    }
}

/// What is left of the locality: `<dc>`, `<dc>.dc` or none.
fn located<'l, 'k>(datacenter: &Datacenter, labels: &'l [&'k [u8]]) -> &'l [&'k [u8]] {
    match labels {
        [b"dc", name, rest @ ..] if *name == datacenter.as_bytes() => rest,
        [name, rest @ ..] if *name == datacenter.as_bytes() => rest,
        _ => labels,
    }
}

/// The service that a name speaks of.
pub(super) fn subject(datacenter: &Datacenter, labels: &[&[u8]]) -> Option<Path> {
    let service = match located(datacenter, labels) {
        [b"service", first, second, ..] if first.starts_with(b"_") => second.strip_prefix(b"_")?,
        [b"service", service, ..] => service,
        [first, second, ..] if first.starts_with(b"_") => second.strip_prefix(b"_")?,
        _ => return None,
    };
    home(b"default", service)
}

/// The node that a name speaks of.
pub(super) fn node(datacenter: &Datacenter, labels: &[&[u8]]) -> Option<String> {
    let [b"node", name @ ..] = located(datacenter, labels) else { return None };
    let labels: Vec<&str> = name.iter().rev().filter_map(|label| std::str::from_utf8(label).ok()).collect();
    (!name.is_empty() && labels.len() == name.len()).then(|| labels.join("."))
}

/// Whether a label is a protocol's: no tag, or not at first.
fn is_no_tag(label: &[u8]) -> bool {
    Protocol::ALL.into_iter().any(|protocol| underscore(protocol).as_bytes() == label)
}
