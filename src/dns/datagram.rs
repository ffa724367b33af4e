//! A UDP socket that answers from the address it was asked at (RFC 2181 4.1).
//!
//! A socket bound to one address does that by itself. One bound to all of them (`0.0.0.0`, `::`) would send
//! from whatever address the route to the client prefers, and the client would throw the reply away; so each
//! datagram is received with its destination and answered with that as its source, addresses that the
//! machine got later included.

use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd as _, AsRawFd as _};

use nix::errno::Errno;
use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, RecvMsg, SockaddrStorage, sendmsg, setsockopt, sockopt,
};

/// Where a datagram came from, and where to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrived {
    pub(super) octets: usize,
    pub(super) client: SocketAddr,
    /// The address of ours that was asked.
    pub(super) at: IpAddr,
    /// Whether it was sent to more than this machine.
    pub(super) to_many: bool,
}

impl Arrived {
    /// One of which nothing is known: nobody waits for a reply.
    pub(super) const NOBODY: Arrived = Arrived {
        octets: 0,
        client: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
        at: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        to_many: false,
    };
}

/// A bound socket.
pub(super) struct Datagrams {
    socket: UdpSocket,
    local: SocketAddr,
    /// Whether it is bound to all addresses, so that the system says of each datagram which one was asked.
    is_told: bool,
}

/// The address that a reply leaves from, as the system is told it.
pub(super) enum Source {
    V4(in_pktinfo),
    V6(in6_pktinfo),
}

impl Source {
    fn of(at: IpAddr) -> Source {
        // The system picks the way: only the source is ours to say.
        match at {
            IpAddr::V4(at) => {
                let source = in_addr { s_addr: at.to_bits().to_be() };
                let nowhere = in_addr { s_addr: Ipv4Addr::UNSPECIFIED.to_bits() };
                Source::V4(in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: source, ipi_addr: nowhere })
            }
            IpAddr::V6(at) => Source::V6(in6_pktinfo { ipi6_addr: in6_addr { s6_addr: at.octets() }, ipi6_ifindex: 0 }),
        }
    }

    /// What is sent with a datagram.
    pub(super) fn message(&self) -> ControlMessage<'_> {
        match self {
            Source::V4(info) => ControlMessage::Ipv4PacketInfo(info),
            Source::V6(info) => ControlMessage::Ipv6PacketInfo(info),
        }
    }
}

impl Datagrams {
    pub(super) fn new(socket: UdpSocket) -> io::Result<Datagrams> {
        // Whoever receives may wait; whoever does not want to says so in the call.
        socket.set_nonblocking(false)?;
        let local = socket.local_addr()?;
        let is_told = local.ip().is_unspecified();
        match local.ip() {
            IpAddr::V4(_) if is_told => setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?,
            IpAddr::V6(_) if is_told => setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?,
            IpAddr::V4(_) | IpAddr::V6(_) => {}
        }
        Ok(Datagrams { socket, local, is_told })
    }

    pub(super) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Room for what the system says about a datagram, or is told; on a socket of one address nothing is.
    pub(super) fn control_room(&self) -> Option<Vec<u8>> {
        self.is_told.then(|| match self.local {
            SocketAddr::V4(_) => nix::cmsg_space!(in_pktinfo),
            SocketAddr::V6(_) => nix::cmsg_space!(in6_pktinfo),
        })
    }

    /// What is known of a datagram that was received; `None` where the system may not have said from where, or should have
    /// said at which address and did not.
    pub(super) fn arrived(&self, message: &RecvMsg<'_, '_, SockaddrStorage>) -> Option<Arrived> {
        // Whoever waits is waked by a stop with nothing, which comes from nowhere.
        if message.bytes == 0 {
            return None;
        }
        let client = message.address.as_ref().and_then(socket_address)?;
        let (at, to_many) = match self.is_told {
            true => message.cmsgs().ok()?.find_map(destination)?,
            false => (self.local.ip(), false),
        };
        Some(Arrived { octets: message.bytes, client, at, to_many })
    }

    /// Waits until there may be room to send.
    pub(super) fn wait_for_room(&self) -> io::Result<()> {
        match poll(&mut [PollFd::new(self.socket.as_fd(), PollFlags::POLLOUT)], PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The address that replies leave from which was asked, where the system has to be told.
    pub(super) fn source(&self, at: IpAddr) -> Option<Source> {
        self.is_told.then(|| Source::of(at))
    }

    /// Sends a reply, if there is room.
    pub(super) fn try_send(&self, reply: &[u8], arrived: &Arrived) -> io::Result<()> {
        let client = SockaddrStorage::from(arrived.client);
        let (parts, source) = ([IoSlice::new(reply)], self.source(arrived.at));
        let control = source.as_ref().map(Source::message);
        let descriptor = self.socket.as_raw_fd();
        sendmsg(descriptor, &parts, control.as_slice(), MsgFlags::MSG_DONTWAIT, Some(&client))?;
        Ok(())
    }

    /// Whether somebody can be waiting for a reply (R66): not at port 0, not at an address that is nobody's or many's,
    /// and not we ourselves, which would be a loop. What was sent to many is answered by none.
    pub(super) fn has_a_client(&self, arrived: &Arrived) -> bool {
        let (ip, port) = (arrived.client.ip(), arrived.client.port());
        let nobody = port == 0 || ip.is_unspecified() || ip.is_multicast() || ip == Ipv4Addr::BROADCAST;
        let ourselves = port == self.local.port() && ip == arrived.at;
        !(nobody || ourselves || arrived.to_many)
    }
}

fn socket_address(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| SocketAddr::V4((*v4).into()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| SocketAddr::V6((*v6).into())))
}

/// The address that was asked, and whether others got the question as well.
#[allow(clippy::wildcard_enum_match_arm, reason = "the system has dozens of kinds")]
fn destination(message: ControlMessageOwned) -> Option<(IpAddr, bool)> {
    match message {
        ControlMessageOwned::Ipv4PacketInfo(info) => {
            let ours = Ipv4Addr::from_bits(u32::from_be(info.ipi_spec_dst.s_addr));
            // The header of a broadcast names another address than the interface has (ip(7)).
            Some((ours.into(), info.ipi_spec_dst.s_addr != info.ipi_addr.s_addr))
        }
        ControlMessageOwned::Ipv6PacketInfo(info) => {
            let ours = std::net::Ipv6Addr::from(info.ipi6_addr.s6_addr);
            Some((ours.into(), ours.is_multicast()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_not_answered() {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let port = socket.local_addr().expect("an address").port();
        let datagrams = Datagrams::new(socket).expect("a socket");
        let at = Ipv4Addr::LOCALHOST.into();
        let has = |client: SocketAddr, to_many| datagrams.has_a_client(&Arrived { octets: 0, client, at, to_many });
        assert!(has(SocketAddr::new(at, port ^ 1), false));
        assert!(!has(SocketAddr::new(at, port), false), "we ourselves");
        assert!(!has(SocketAddr::new(at, port ^ 1), true), "a broadcast");
        for client in ["192.0.2.1:0", "0.0.0.0:53", "224.0.0.1:53", "255.255.255.255:53", "[ff02::1]:53"] {
            assert!(!has(client.parse().expect("an address"), false), "{client}");
        }
    }
}
