//! Whom the server never asks, whatever a registration says. Pure but for the question whether an address is ours.
//!
//! A check makes the server speak to an address that somebody else chose, and shows what it heard. So an address is
//! looked at after a name was resolved, and it is that very address that is connected to: a name that changes in
//! between changes nothing. Denied are the networks of the setting, what is no host's address, and our own listeners.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// The networks that are denied unless the setting says otherwise: link-local ones, and addresses at which clouds tell
/// a machine its secrets (AWS, Google, Alibaba, Azure, Oracle).
pub const DENIED: [(IpAddr, u8); 8] = [
    (IpAddr::V4(Ipv4Addr::new(169, 254, 0, 0)), 16),
    (IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)), 10),
    (IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0)), 32),
    (IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0)), 32),
    (IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)), 32),
    (IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)), 32),
    (IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)), 32),
    (IpAddr::V4(Ipv4Addr::new(0, 0, 0, 0)), 8),
];

/// Says whom the server may ask.
#[derive(Debug)]
pub(super) struct Guard {
    deny: Vec<(IpAddr, u8)>,
    own: Vec<SocketAddr>,
}

/// Why an address is not asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Denied {
    #[error("{0} is not asked: check_deny names its network")]
    Network(IpAddr),
    #[error("{0} is not asked: it is no address of a host")]
    Nobody(IpAddr),
    #[error("{0} is not asked: it is this server")]
    Own(SocketAddr),
}

impl Guard {
    /// Denies networks, and the listeners of this server.
    pub(super) fn new(deny: Vec<(IpAddr, u8)>, own: Vec<SocketAddr>) -> Guard {
        Guard { deny, own }
    }

    /// Whether this address may be asked.
    pub(super) fn check(&self, address: SocketAddr) -> Result<(), Denied> {
        let ip = address.ip().to_canonical();
        let nobody = match ip {
            IpAddr::V4(v4) => v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast(),
            IpAddr::V6(v6) => v6.is_unspecified() || v6.is_multicast(),
        };
        if nobody || address.port() == 0 {
            return Err(Denied::Nobody(ip));
        }
        for ip in [Some(ip), embedded(ip)].into_iter().flatten() {
            if self.deny.iter().any(|network| holds(*network, ip)) {
                return Err(Denied::Network(ip));
            }
            if self.own.iter().any(|own| is_own(*own, ip, address.port())) {
                return Err(Denied::Own(address));
            }
        }
        Ok(())
    }
}

/// Whether a listener is reached at this address.
fn is_own(listener: SocketAddr, ip: IpAddr, port: u16) -> bool {
    let at = listener.ip().to_canonical();
    // The system gives a socket only an address that is its own.
    listener.port() == port && (at == ip || (at.is_unspecified() && UdpSocket::bind((ip, 0)).is_ok()))
}

fn holds((network, prefix): (IpAddr, u8), ip: IpAddr) -> bool {
    let same = |network: u128, ip: u128, bits: u32| {
        let shift = bits.saturating_sub(u32::from(prefix));
        shift >= bits || network >> shift == ip >> shift
    };
    match (network.to_canonical(), ip) {
        (IpAddr::V4(network), IpAddr::V4(ip)) => same(network.to_bits().into(), ip.to_bits().into(), 32),
        (IpAddr::V6(network), IpAddr::V6(ip)) => same(network.to_bits(), ip.to_bits(), 128),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

/// The IPv4 address that an IPv6 address leads to: NAT64 (RFC 6052, RFC 8215), 6to4 (RFC 3056), and the compatible
/// form of RFC 4291 2.5.5.1.
fn embedded(ip: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(v6) = ip else { return None };
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let v4 = |high: u16, low: u16| Some(IpAddr::V4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))));
    match [a, b, c, d, e, f] {
        [0x64, 0xff9b, 0, 0, 0, 0] | [0x64, 0xff9b, 1, ..] => v4(g, h),
        [0x2002, high, low, ..] => v4(high, low),
        [0, 0, 0, 0, 0, 0] if g != 0 => v4(g, h),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        let own = ["127.0.0.1:8500", "0.0.0.0:8600", "[::]:8601"].map(|own| own.parse().expect("an address"));
        Guard::new(DENIED.to_vec(), own.to_vec())
    }

    fn check(address: &str) -> Result<(), Denied> {
        guard().check(address.parse().expect("an address"))
    }

    #[test]
    fn metadata_is_denied_in_every_form() {
        for address in [
            "169.254.169.254:80",
            "[::ffff:169.254.169.254]:80",
            "[::169.254.169.254]:80",
            "[64:ff9b::a9fe:a9fe]:80",
            "[64:ff9b:1::a9fe:a9fe]:80",
            "[2002:a9fe:a9fe::1]:80",
            "[fe80::1]:80",
            "[fd00:ec2::254]:80",
            "100.100.100.200:80",
            "168.63.129.16:80",
            "0.1.2.3:80",
        ] {
            assert!(matches!(check(address), Err(Denied::Network(_))), "{address}");
        }
    }

    #[test]
    fn nobody_is_asked_where_nobody_can_be() {
        for address in [
            "0.0.0.0:80",
            "[::]:80",
            "[::ffff:0.0.0.0]:80",
            "224.0.0.1:80",
            "255.255.255.255:1",
            "[ff02::1]:80",
            "10.0.0.1:0",
        ] {
            assert!(matches!(check(address), Err(Denied::Nobody(_))), "{address}");
        }
    }

    #[test]
    fn the_server_does_not_ask_itself() {
        for address in [
            "127.0.0.1:8500",
            "[::ffff:127.0.0.1]:8500",
            "127.0.0.1:8600",
            "127.1.2.3:8600",
            "[::1]:8601",
            "127.0.0.1:8601",
        ] {
            assert!(matches!(check(address), Err(Denied::Own(_))), "{address}");
        }
    }

    #[test]
    fn hosts_are_asked() {
        for address in [
            "10.0.0.1:80",
            "127.0.0.1:80",
            "127.0.0.2:8500",
            "192.0.2.1:8600",
            "[fd00::1]:8601",
            "[::1]:8500",
            "[2001:db8::1]:443",
        ] {
            assert_eq!(check(address), Ok(()), "{address}");
        }
    }
}
