//! Whom the server never asks, whatever a registration says. Pure but for the question whether an address is ours.
//!
//! A check makes the server speak to an address that somebody else chose, and shows what it heard. So an address is
//! looked at after a name was resolved, and it is that very address that is connected to: a name that changes in
//! between changes nothing. Denied are what is no host's address, the networks of the setting, our own listeners, the
//! loopback for hosts of other machines (it is not theirs), and what neither is the host's own nor allowed. An IPv6
//! address that leads to an IPv4 address is looked at as both.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use rustix::io::Errno;

use super::net::is_our_fault;
use crate::table::Target;

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

/// The networks that may be asked for any host unless the setting says otherwise: all.
pub const ALLOWED: [(IpAddr, u8); 2] = [(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0), (IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0)];

/// Says whom the server may ask.
#[derive(Debug)]
pub(super) struct Guard {
    deny: Vec<(IpAddr, u8)>,
    allow: Vec<(IpAddr, u8)>,
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
    #[error("{0} is not asked: it leads to the machine of this server, where the host is not")]
    Loopback(IpAddr),
    #[error("{0} is not asked: it is no address of the host, and check_allow does not name its network")]
    Elsewhere(IpAddr),
    /// We lack what it takes to find out.
    #[error("{0} is not asked: whether it is this server cannot be found out just now")]
    Unclear(IpAddr),
}

impl Guard {
    /// Denies networks and the listeners of this server; allows networks beside a host's own addresses.
    pub(super) fn new(deny: Vec<(IpAddr, u8)>, allow: Vec<(IpAddr, u8)>, own: Vec<SocketAddr>) -> Guard {
        Guard { deny, allow, own }
    }

    /// Whether this address may be asked for a host that is registered there.
    pub(super) fn check(&self, address: SocketAddr, host: &Target) -> Result<(), Denied> {
        let asked = address.ip().to_canonical();
        if address.port() == 0 {
            return Err(Denied::Nobody(asked));
        }
        for ip in [Some(asked)].into_iter().chain(embedded(asked)).flatten() {
            if is_nobody(ip) {
                return Err(Denied::Nobody(ip));
            }
            if self.deny.iter().any(|network| holds(*network, ip)) {
                return Err(Denied::Network(ip));
            }
            for own in self.own.iter().filter(|own| own.port() == address.port()) {
                let at = own.ip().to_canonical();
                if at == ip || (at.is_unspecified() && is_ours(ip)?) {
                    return Err(Denied::Own(address));
                }
            }
            if ip.is_loopback() && !is_here(host)? {
                return Err(Denied::Loopback(ip));
            }
            let is_its_own = host.addresses().contains(&ip);
            if !is_its_own && !self.allow.iter().any(|network| holds(*network, ip)) {
                return Err(Denied::Elsewhere(ip));
            }
        }
        Ok(())
    }
}

fn is_nobody(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unspecified() || v6.is_multicast(),
    }
}

/// Whether a host is registered on this machine, so that the loopback is its own.
fn is_here(host: &Target) -> Result<bool, Denied> {
    for ip in host.addresses() {
        if ip.is_loopback() || is_ours(*ip)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether an address is one of this machine: the system gives a socket no other.
fn is_ours(ip: IpAddr) -> Result<bool, Denied> {
    let no_such_family = Some(Errno::AFNOSUPPORT.raw_os_error());
    match UdpSocket::bind((ip, 0)) {
        Ok(_) => Ok(true),
        Err(error) if is_our_fault(&error) => Err(Denied::Unclear(ip)),
        Err(error) => Ok(error.kind() != io::ErrorKind::AddrNotAvailable && error.raw_os_error() != no_such_family),
    }
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

/// The IPv4 addresses that an IPv6 address may lead to, by translators and tunnels.
fn embedded(ip: IpAddr) -> [Option<IpAddr>; 5] {
    let IpAddr::V6(v6) = ip else { return [None; 5] };
    let bits = v6.to_bits();
    let v4 = |bits: u128| Some(IpAddr::V4(Ipv4Addr::from_bits((bits & 0xffff_ffff) as u32)));
    // Without the octet that RFC 6052 2.2 keeps out of addresses.
    let joined = bits >> 64 << 56 | bits & ((1 << 56) - 1);
    let segments = v6.segments();
    // The interface of ISATAP (RFC 5214 6.1) may stand behind any prefix.
    let isatap = if matches!(segments, [_, _, _, _, 0 | 0x200, 0x5efe, ..]) { v4(bits) } else { None };
    match segments {
        // The compatible form (RFC 4291 2.5.5.1), the translated one (RFC 2765 2.1), NAT64 (RFC 6052 2.1).
        [0, 0, 0, 0, 0, 0, 1..=0xffff, _] | [0, 0, 0, 0, 0xffff, 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => {
            [v4(bits), None, None, None, isatap]
        }
        // NAT64 of one's own (RFC 8215), cut at whichever length RFC 6052 2.2 has: what begins with 0 is another's form.
        [0x64, 0xff9b, 1, ..] => {
            let forms = [v4(bits), v4(joined >> 40), v4(joined >> 32), v4(joined >> 24), isatap];
            forms.map(|form| form.filter(|ip| !holds((Ipv4Addr::UNSPECIFIED.into(), 8), *ip)))
        }
        // 6to4 (RFC 3056 2).
        [0x2002, ..] => [v4(bits >> 80), None, None, None, isatap],
        // Teredo (RFC 4380 4): its server, and the client with every bit the other way.
        [0x2001, 0, ..] => [v4(bits >> 64), v4(!bits), None, None, isatap],
        _ => [isatap, None, None, None, None],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        let own = ["127.0.0.1:8500", "0.0.0.0:8600", "[::]:8601"].map(|own| own.parse().expect("an address"));
        Guard::new(DENIED.to_vec(), ALLOWED.to_vec(), own.to_vec())
    }

    fn target(address: &str) -> Target {
        Target::parse("address", [address]).expect("an address")
    }

    fn check(address: &str) -> Result<(), Denied> {
        guard().check(address.parse().expect("an address"), &target("127.0.0.1"))
    }

    #[test]
    fn metadata_is_denied_in_every_form() {
        for address in [
            "169.254.169.254:80",
            "[::ffff:169.254.169.254]:80",
            "[::169.254.169.254]:80",
            "[::ffff:0:169.254.169.254]:80",
            "[64:ff9b::a9fe:a9fe]:80",
            "[64:ff9b:1::a9fe:a9fe]:80",
            "[64:ff9b:1:a9fe:a9:fe00::]:80",
            "[64:ff9b:1:a9:fe:a9fe::]:80",
            "[64:ff9b:1:0:a9:fea9:fe00:0]:80",
            "[2002:a9fe:a9fe::1]:80",
            "[2001:0:a9fe:a9fe::1]:80",
            "[2001:0:102:304:0:0:5601:5601]:80",
            "[2001:db8::5efe:169.254.169.254]:80",
            "[2001:db8::200:5efe:169.254.169.254]:80",
            "[2002:102:304::5efe:169.254.169.254]:80",
            "[fe80::1]:80",
            "[febf::1]:80",
            "[fd00:ec2::254]:80",
            "[fd20:ce::254]:80",
            "100.100.100.200:80",
            "168.63.129.16:80",
            "192.0.0.192:80",
            "0.1.2.3:80",
        ] {
            assert!(matches!(check(address), Err(Denied::Network(_))), "{address}: {:?}", check(address));
        }
    }

    #[test]
    fn nobody_is_asked_where_nobody_can_be() {
        for address in [
            "0.0.0.0:80",
            "[::]:80",
            "[::ffff:0.0.0.0]:80",
            "[::ffff:0:0.0.0.0]:80",
            "[64:ff9b::]:80",
            "[2002::1]:80",
            "224.0.0.1:80",
            "255.255.255.255:1",
            "[ff02::1]:80",
            "10.0.0.1:0",
        ] {
            assert!(matches!(check(address), Err(Denied::Nobody(_))), "{address}: {:?}", check(address));
        }
    }

    #[test]
    fn the_server_does_not_ask_itself() {
        for address in [
            "127.0.0.1:8500",
            "[::ffff:127.0.0.1]:8500",
            "[::127.0.0.1]:8500",
            "[::ffff:0:127.0.0.1]:8500",
            "[64:ff9b::7f00:1]:8500",
            "[2002:7f00:1::]:8500",
            "[2001:db8::5efe:127.0.0.1]:8500",
            "127.0.0.1:8600",
            "127.1.2.3:8600",
            "[64:ff9b::7f01:203]:8600",
            "[::1]:8601",
            "127.0.0.1:8601",
        ] {
            let address = address.parse().expect("an address");
            let guard = Guard { deny: Vec::new(), ..guard() };
            assert_eq!(guard.check(address, &target("127.0.0.1")), Err(Denied::Own(address)));
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
            "[64:ff9b::102:304]:80",
            "[64:ff9b:1::a00:1]:80",
            "[64:ff9b:1:a00:0:100::]:80",
            "[2002:102:304::1]:80",
            "[2001:db8::1]:443",
        ] {
            assert_eq!(check(address), Ok(()), "{address}");
        }
    }

    #[test]
    fn the_loopback_is_for_hosts_of_this_machine() {
        // No test changes the addresses of the machine: one of another is in a network for examples (RFC 5737).
        let elsewhere = [target("192.0.2.1"), target("2001:db8::1"), target("db.example.com")];
        for address in ["127.0.0.1:80", "127.1.2.3:80", "[::1]:80", "[::ffff:127.0.0.1]:80", "[64:ff9b::7f00:1]:80"] {
            let address = address.parse().expect("an address");
            for host in &elsewhere {
                assert!(matches!(guard().check(address, host), Err(Denied::Loopback(_))), "{address} {host:?}");
            }
            for host in ["127.0.0.1", "127.0.0.9", "::1"] {
                assert_eq!(guard().check(address, &target(host)), Ok(()), "{address} {host}");
            }
        }
    }

    #[test]
    fn where_little_is_allowed_a_host_is_asked_at_its_own_address() {
        let allow = vec![("10.1.0.0".parse().expect("an address"), 16)];
        let guard = Guard { allow, ..guard() };
        let host = Target::parse("addresses", ["10.0.0.1", "fd00::1"]).expect("addresses");
        for (address, expected) in [
            ("10.0.0.1:80", true),
            ("[::ffff:10.0.0.1]:80", true),
            ("[fd00::1]:81", true),
            ("10.1.2.3:80", true),
            ("10.0.0.2:80", false),
            ("[fd00::2]:80", false),
            ("[64:ff9b::a00:1]:80", false),
        ] {
            let checked = guard.check(address.parse().expect("an address"), &host);
            assert!(matches!(checked, Ok(()) | Err(Denied::Elsewhere(_))), "{address}: {checked:?}");
            assert_eq!(checked.is_ok(), expected, "{address}");
        }
    }
}
