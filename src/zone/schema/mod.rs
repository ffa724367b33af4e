//! Which names a host gets: one grammar a file, chosen by the zone's apex, never by guessing.

pub(super) mod service;

use crate::table::{Host, Port, Protocol};

/// What a name shows of the hosts behind it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::zone) enum View {
    /// A, AAAA, and SRV for every port.
    Service,
    /// The same for the hosts with one tag, in lower case.
    Tag(Box<str>),
    /// A, AAAA, and SRV for the ports of one protocol: `_web._tcp`.
    Transport(Protocol),
    /// SRV for one named port: `_http._tcp.web`.
    Port(Protocol, Box<str>),
    /// A and AAAA only: `0a000001.addr`, the target of SRV records.
    Address,
}

impl View {
    /// Whether a host of the service is in this view.
    pub(in crate::zone) fn shows_host(&self, host: &Host) -> bool {
        match self {
            View::Service | View::Address => true,
            View::Tag(tag) => host.tags.iter().any(|other| other.as_str().eq_ignore_ascii_case(tag)),
            View::Transport(_) | View::Port(..) => self.shows_service_of(host),
        }
    }

    /// Whether a name of this view has A and AAAA records.
    pub(in crate::zone) fn shows_addresses(&self) -> bool {
        !matches!(self, View::Port(..))
    }

    /// Whether a port has an SRV record under a name of this view.
    pub(in crate::zone) fn shows_port(&self, port: &Port) -> bool {
        match self {
            View::Service | View::Tag(_) => true,
            View::Transport(protocol) => port.protocol == *protocol,
            View::Port(protocol, name) => port.protocol == *protocol && port.name.as_deref() == Some(&**name),
            View::Address => false,
        }
    }

    /// Whether a host has any SRV record under a name of this view.
    pub(in crate::zone) fn shows_service_of(&self, host: &Host) -> bool {
        host.ports.iter().any(|port| self.shows_port(port))
    }
}
