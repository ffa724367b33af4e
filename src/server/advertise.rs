//! The addresses at which DNS clients find this server: what `ns.<zone>` has.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// The addresses of `ns.<zone>`: those `advertise` names, else those of the listeners, where one that listens
/// everywhere stands for the address from which this machine sends. Never empty.
pub fn reachable_addresses(advertise: &[IpAddr], listeners: &[SocketAddr]) -> Vec<IpAddr> {
    if !advertise.is_empty() {
        return advertise.to_vec();
    }
    let mut addresses: Vec<IpAddr> = Vec::new();
    let candidates = listeners.iter().map(|listener| match listener.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => primary(Ipv4Addr::UNSPECIFIED.into(), [192, 0, 2, 1].into(), Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(_) => primary(
            Ipv6Addr::UNSPECIFIED.into(),
            Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
            Ipv6Addr::LOCALHOST.into(),
        ),
    });
    for address in candidates {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        addresses.push(Ipv4Addr::LOCALHOST.into());
    }
    addresses
}

/// The address the system would send from to `far`, a documentation address (RFC 5737, RFC 3849): connecting a UDP
/// socket chooses a route and sends nothing.
fn primary(any: IpAddr, far: IpAddr, otherwise: IpAddr) -> IpAddr {
    let chosen = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect((far, 53))?;
        socket.local_addr()
    });
    chosen.map(|address| address.ip()).ok().filter(|ip| !ip.is_unspecified()).unwrap_or(otherwise)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_wins_over_the_listeners() {
        let named = ["10.0.0.9".parse().expect("an address")];
        let listeners: Vec<SocketAddr> =
            ["127.0.0.1:53", "127.0.0.1:5353", "[::1]:53"].map(|text| text.parse().expect("an address")).to_vec();
        assert_eq!(reachable_addresses(&named, &listeners), named);
        let own: Vec<IpAddr> = [listeners[0].ip(), listeners[2].ip()].to_vec();
        assert_eq!(reachable_addresses(&[], &listeners), own);
    }

    #[test]
    fn listening_everywhere_gives_an_address_that_can_be_used() {
        let everywhere: Vec<SocketAddr> =
            ["0.0.0.0:53", "[::]:53"].map(|text| text.parse().expect("an address")).to_vec();
        for listeners in [&everywhere[..1], &everywhere[1..], &[]] {
            let addresses = reachable_addresses(&[], listeners);
            assert!(addresses.len() == 1 && !addresses[0].is_unspecified(), "{addresses:?}");
        }
    }
}
