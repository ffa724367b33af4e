//! Which names a host gets: one grammar a file, chosen by the zone's apex, never by guessing.

pub(super) mod service;

use crate::table::Protocol;

/// What a name shows of the hosts behind it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::zone) enum View {
    /// A, AAAA, and SRV for every port.
    Service,
    /// A, AAAA, and SRV for the ports of one protocol: `_web._tcp`.
    Transport(Protocol),
    /// SRV for one named port: `_http._tcp.web`.
    Port(Protocol, Box<str>),
    /// A and AAAA only: `0a000001.addr`, the target of SRV records.
    Address,
}
