//! Addresses as this API reads them, and the networks of `auto_ip`.

use std::net::IpAddr;

/// An address in its one canonical form, so that a host has one id however its address is written.
///
/// IPv4 as `inet_pton` reads it: four decimal parts, no leading zero, no blanks.
pub(super) fn canonical(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

/// Whether one of the networks, each an address and a prefix length, holds an address.
pub(super) fn within(address: IpAddr, networks: &[(IpAddr, u8)]) -> bool {
    networks.iter().any(|(network, prefix)| holds(*network, *prefix, address))
}

fn holds(network: IpAddr, prefix: u8, address: IpAddr) -> bool {
    let (network, address, width) = match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            (u128::from(network.to_bits()), u128::from(address.to_bits()), 32_u32)
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => (network.to_bits(), address.to_bits(), 128),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
    };
    let host_bits = width.saturating_sub(u32::from(prefix));
    // A shift by all 128 bits is no shift for the processor: the network of everything.
    (network ^ address).checked_shr(host_bits).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_what_shares_its_prefix() {
        let rows = [
            ("192.168.0.0", 16, "192.168.216.186", true),
            ("192.168.0.0", 16, "192.169.0.1", false),
            ("192.168.0.0", 16, "0.168.0.1", false),
            ("10.0.0.1", 32, "10.0.0.1", true),
            ("10.0.0.1", 32, "10.0.0.2", false),
            ("10.0.0.1", 99, "10.0.0.1", true),
            ("0.0.0.0", 0, "203.0.113.9", true),
            ("fd00::", 8, "fd12::1", true),
            ("fd00::", 8, "fe80::1", false),
            ("::", 0, "fe80::1", true),
            ("::", 0, "10.0.0.1", false),
        ];
        for (network, prefix, address, held) in rows {
            let networks = [(network.parse().expect("an address"), prefix)];
            assert_eq!(within(address.parse().expect("an address"), &networks), held, "{network}/{prefix} {address}");
        }
    }
}
