//! Which names there are: those that hosts make (`service`), and the way from a question to them, one grammar a zone
//! (`resolve`), chosen by its apex, never by guessing.

pub(super) mod consul;
pub(super) mod resolve;
pub(super) mod reverse;
pub(super) mod service;

use crate::table::{Host, Port, Protocol};

/// A part of the hosts of a service.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::zone) enum View {
    /// All of them.
    Service,
    /// Those with one tag, in lower case.
    Tag(Box<str>),
    /// Those with a port of the protocol.
    Transport(Protocol),
    /// Those with a named port.
    Port(Protocol, Box<str>),
    /// Those in an availability zone, in lower case.
    Zone(Box<str>),
}

impl View {
    /// Whether a host of the service is in this view.
    pub(in crate::zone) fn shows_host(&self, host: &Host) -> bool {
        match self {
            View::Service => true,
            View::Tag(tag) => host.tags.iter().any(|other| other.as_str().eq_ignore_ascii_case(tag)),
            View::Zone(zone) => host.zone.as_ref().is_some_and(|other| other.as_str().eq_ignore_ascii_case(zone)),
            View::Transport(_) | View::Port(..) => host.ports.iter().any(|port| self.shows_port(port)),
        }
    }

    /// Whether a port is the reason why its host is in this view.
    fn shows_port(&self, port: &Port) -> bool {
        match self {
            View::Service | View::Tag(_) | View::Zone(_) => true,
            View::Transport(protocol) => port.protocol == *protocol,
            View::Port(protocol, name) => port.protocol == *protocol && port.name.as_deref() == Some(&**name),
        }
    }
}

/// Which records a name shows of its hosts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::zone) enum Facet<'z> {
    /// What a view shows: A, AAAA, SRV of its ports, SVCB, TXT; of a named port no addresses.
    View(&'z View),
    /// A and AAAA.
    Addresses,
    /// SRV of the ports of a protocol, and TXT: an instance of DNS-SD (RFC 6763 4).
    Instance(Protocol),
    /// PTR to the instances that have a port of a protocol.
    Instances(Protocol),
    /// PTR to the names of hosts: a name in a reverse zone.
    Names,
    /// A, AAAA, and TXT of each pair: a node of Consul's catalog.
    Node,
}

impl Facet<'_> {
    /// Whether a name has A and AAAA records.
    pub(in crate::zone) fn shows_addresses(&self) -> bool {
        match self {
            Facet::View(view) => !matches!(view, View::Port(..)),
            Facet::Addresses | Facet::Node => true,
            Facet::Instance(_) | Facet::Instances(_) | Facet::Names => false,
        }
    }

    /// Whether a port has an SRV record.
    pub(in crate::zone) fn shows_port(&self, port: &Port) -> bool {
        match self {
            Facet::View(view) => view.shows_port(port),
            Facet::Instance(protocol) => port.protocol == *protocol,
            Facet::Addresses | Facet::Instances(_) | Facet::Names | Facet::Node => false,
        }
    }

    /// The protocol whose instances are listed.
    pub(in crate::zone) fn browses(&self) -> Option<Protocol> {
        match self {
            Facet::View(View::Transport(protocol)) | Facet::Instances(protocol) => Some(*protocol),
            Facet::View(_) | Facet::Addresses | Facet::Instance(_) | Facet::Names | Facet::Node => None,
        }
    }
}
