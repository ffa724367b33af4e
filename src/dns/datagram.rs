//! A UDP socket that answers from the address it was asked at (RFC 2181 4.1).
//!
//! A socket bound to one address does that by itself. One bound to all of them (`0.0.0.0`, `::`) would send
//! from whatever address the route to the client prefers, and the client would throw the reply away; so each
//! datagram is received with its destination and answered with that as its source, addresses that the
//! machine got later included.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd};

use nix::errno::Errno;
use nix::libc::{in_addr, in_pktinfo, in6_pktinfo};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg, setsockopt, sockopt,
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

/// A bound socket.
pub(super) struct Datagrams {
    socket: UdpSocket,
    local: SocketAddr,
    /// Room for what the system says about a datagram; on a socket of one address nothing is asked.
    control: Option<Vec<u8>>,
}

impl Datagrams {
    pub(super) fn new(socket: UdpSocket) -> io::Result<Datagrams> {
        socket.set_nonblocking(true)?;
        let local = socket.local_addr()?;
        let control = match local.ip() {
            ip if !ip.is_unspecified() => None,
            IpAddr::V4(_) => {
                setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
                Some(nix::cmsg_space!(in_pktinfo))
            }
            IpAddr::V6(_) => {
                setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
                Some(nix::cmsg_space!(in6_pktinfo))
            }
        };
        Ok(Datagrams { socket, local, control })
    }

    /// The address it is bound to, where that is one and not all.
    pub(super) fn one_address(&self) -> Option<SocketAddr> {
        self.control.is_none().then_some(self.local)
    }

    pub(super) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Waits until something may have come, or `stop` is closed.
    pub(super) fn wait(&self, stop: BorrowedFd<'_>) -> io::Result<()> {
        let mut watched = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN), PollFd::new(stop, PollFlags::POLLIN)];
        match poll(&mut watched, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until there may be room to send.
    pub(super) fn wait_for_room(&self) -> io::Result<()> {
        match poll(&mut [PollFd::new(self.socket.as_fd(), PollFlags::POLLOUT)], PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The next datagram, if there is one.
    pub(super) fn try_receive(&mut self, packet: &mut [u8]) -> io::Result<Arrived> {
        let Some(control) = &mut self.control else {
            let (octets, client) = self.socket.recv_from(packet)?;
            return Ok(Arrived { octets, client, at: self.local.ip(), to_many: false });
        };
        let mut parts = [IoSliceMut::new(packet)];
        let descriptor = self.socket.as_raw_fd();
        let received = recvmsg::<SockaddrStorage>(descriptor, &mut parts, Some(control), MsgFlags::MSG_DONTWAIT)?;
        let client = received.address.as_ref().and_then(socket_address).ok_or(io::ErrorKind::InvalidData)?;
        let (at, to_many) = received.cmsgs()?.find_map(destination).unwrap_or((self.local.ip(), false));
        Ok(Arrived { octets: received.bytes, client, at, to_many })
    }

    /// Sends a reply, if there is room.
    pub(super) fn try_send(&self, reply: &[u8], arrived: &Arrived) -> io::Result<()> {
        if self.control.is_none() {
            return self.socket.send_to(reply, arrived.client).map(drop);
        }
        let descriptor = self.socket.as_raw_fd();
        let client = SockaddrStorage::from(arrived.client);
        let parts = [IoSlice::new(reply)];
        let flags = MsgFlags::MSG_DONTWAIT;
        // The system picks the way: only the source is ours to say.
        match arrived.at {
            IpAddr::V4(at) => {
                let source = in_addr { s_addr: at.to_bits().to_be() };
                let nowhere = in_addr { s_addr: Ipv4Addr::UNSPECIFIED.to_bits() };
                let info = in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: source, ipi_addr: nowhere };
                sendmsg(descriptor, &parts, &[ControlMessage::Ipv4PacketInfo(&info)], flags, Some(&client))?;
            }
            IpAddr::V6(at) => {
                let source = nix::libc::in6_addr { s6_addr: at.octets() };
                let info = in6_pktinfo { ipi6_addr: source, ipi6_ifindex: 0 };
                sendmsg(descriptor, &parts, &[ControlMessage::Ipv6PacketInfo(&info)], flags, Some(&client))?;
            }
        }
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

pub(super) fn socket_address(address: &SockaddrStorage) -> Option<SocketAddr> {
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
    use std::net::UdpSocket as Client;
    use std::time::Duration;

    use super::*;

    fn bound(addr: &str) -> (Datagrams, u16) {
        let socket = Client::bind(addr).expect("a socket");
        let port = socket.local_addr().expect("an address").port();
        (Datagrams::new(socket).expect("a socket"), port)
    }

    fn receive(datagrams: &mut Datagrams) -> Arrived {
        let (never, _kept) = std::os::unix::net::UnixStream::pair().expect("a pair");
        let mut packet = [0; 64];
        loop {
            datagrams.wait(never.as_fd()).expect("a socket");
            match datagrams.try_receive(&mut packet) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                arrived => return arrived.expect("a datagram"),
            }
        }
    }

    /// A connected socket takes replies from the address it sent to only.
    #[test]
    fn replies_leave_from_the_address_that_was_asked() {
        let cases =
            [("127.0.0.1:0", "127.0.0.1"), ("0.0.0.0:0", "127.0.0.1"), ("0.0.0.0:0", "127.0.0.77"), ("[::]:0", "::1")];
        for (listen, asked) in cases {
            if listen.starts_with('[') && Client::bind("[::1]:0").is_err() {
                continue;
            }
            let (mut datagrams, port) = bound(listen);
            let asked: IpAddr = asked.parse().expect("an address");
            let client = Client::bind(if asked.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" }).expect("a socket");
            client.set_read_timeout(Some(Duration::from_secs(10))).expect("an option");
            client.connect((asked, port)).expect("a route");
            client.send(b"question").expect("room");
            let arrived = receive(&mut datagrams);
            assert_eq!((arrived.at, arrived.octets), (asked, 8));
            assert_eq!(arrived.client, client.local_addr().expect("an address"));
            assert!(datagrams.has_a_client(&arrived));
            datagrams.try_send(b"reply", &arrived).expect("room");
            let mut reply = [0; 64];
            assert_eq!(client.recv(&mut reply).expect("a reply"), 5, "{listen} {asked}");
        }
    }

    #[test]
    fn nobody_is_not_answered() {
        let (datagrams, port) = bound("127.0.0.1:0");
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
