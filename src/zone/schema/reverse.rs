//! Reverse zones (RFC 1035 3.5, RFC 3596 2.5): which address a name below `in-addr.arpa` or `ip6.arpa` speaks of.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::name::Name;

/// The addresses that the names at or below one name speak of: octets of IPv4 or nibbles of IPv6, from the left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prefix {
    is_v6: bool,
    digits: [u8; 32],
    length: usize,
}

impl Prefix {
    /// The prefix of a zone; `None` for an origin that is not below `in-addr.arpa` or `ip6.arpa`.
    pub fn of(origin: &Name) -> Option<Prefix> {
        let labels: Vec<&[u8]> = origin.labels().collect();
        let [digits @ .., family, b"arpa"] = &labels[..] else { return None };
        let is_v6 = match *family {
            b"in-addr" => false,
            b"ip6" => true,
            _ => return None,
        };
        Prefix { is_v6, digits: [0; 32], length: 0 }.below(digits.iter().rev().copied())
    }

    /// The prefix with further labels, from the zone's origin outwards; `None` for what is no part of an address.
    pub(in crate::zone) fn below<'a>(mut self, labels: impl IntoIterator<Item = &'a [u8]>) -> Option<Prefix> {
        for label in labels {
            if self.length == self.most() {
                return None;
            }
            self.digits[self.length] = if self.is_v6 { nibble(label)? } else { octet(label)? };
            self.length += 1;
        }
        Some(self)
    }

    fn most(&self) -> usize {
        if self.is_v6 { 32 } else { 4 }
    }

    /// The one address, where the prefix is complete.
    pub(in crate::zone) fn address(&self) -> Option<IpAddr> {
        (self.length == self.most()).then(|| self.filled(0))
    }

    /// The first and the last address.
    pub(in crate::zone) fn range(&self) -> (IpAddr, IpAddr) {
        (self.filled(0), self.filled(if self.is_v6 { 15 } else { 255 }))
    }

    fn filled(&self, rest: u8) -> IpAddr {
        let digit = |place: usize| if place < self.length { self.digits[place] } else { rest };
        if self.is_v6 {
            let octets = std::array::from_fn(|place| digit(2 * place) << 4 | digit(2 * place + 1));
            IpAddr::V6(Ipv6Addr::from(octets))
        } else {
            let octets: [u8; 4] = std::array::from_fn(digit);
            IpAddr::V4(Ipv4Addr::from(octets))
        }
    }
}

/// `0` to `255` without leading zeros: `010` is another name.
fn octet(label: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(label).ok()?;
    let canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
    text.parse().ok().filter(|_| canonical)
}

fn nibble(label: &[u8]) -> Option<u8> {
    match label {
        [digit @ (b'0'..=b'9')] => Some(digit - b'0'),
        [digit @ (b'a'..=b'f')] => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// The origins of the reverse zones that cover a network exactly: one, or as many as its prefix is away from the next
/// label's edge (`10.0.0.0/20` is sixteen `/24`).
pub fn origins(network: IpAddr, prefix: u8) -> Vec<String> {
    let (bits, width) = match network {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 8),
        IpAddr::V6(v6) => (v6.to_bits(), 4),
    };
    // One zone for nothing would be the whole tree.
    let labels = prefix.div_ceil(width).max(1);
    let free = u32::from(labels * width - prefix);
    let first = if prefix == 0 { 0 } else { bits >> (128 - u32::from(prefix)) << free };
    (0..1_u128 << free)
        .map(|number| {
            let digits = first + number;
            let label = |place: u8| digits >> (u32::from(width) * u32::from(place)) & ((1 << width) - 1);
            let labels = (0..labels).map(label);
            match network {
                IpAddr::V4(_) => labels.map(|octet| format!("{octet}.")).collect::<String>() + "in-addr.arpa.",
                IpAddr::V6(_) => labels.map(|nibble| format!("{nibble:x}.")).collect::<String>() + "ip6.arpa.",
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(origin: &str) -> Option<Prefix> {
        Prefix::of(&Name::parse("origin", origin, &Name::root()).expect("a name"))
    }

    #[test]
    fn names_are_addresses_from_the_right() {
        let ten = prefix("10.in-addr.arpa.").expect("reverse");
        assert_eq!(ten.range(), ("10.0.0.0".parse().expect("v4"), "10.255.255.255".parse().expect("v4")));
        let whole = ten.below([&b"0"[..], b"2", b"33"]).expect("an address");
        assert_eq!(whole.address(), Some("10.0.2.33".parse().expect("v4")));
        assert_eq!(whole.below([&b"1"[..]]), None, "an address has no names below");
        for bad in ["256", "01", "x", "1a"] {
            assert_eq!(ten.below([bad.as_bytes()]), None, "{bad}");
        }
        let v6 = prefix("0.0.d.f.ip6.arpa.").expect("reverse");
        assert_eq!(v6.range().0, "fd00::".parse::<IpAddr>().expect("v6"));
        assert_eq!(prefix("service.local."), None);
    }

    #[test]
    fn networks_are_cut_at_labels() {
        let of = |network: &str, prefix| origins(network.parse().expect("an address"), prefix);
        assert_eq!(of("10.0.0.0", 8), ["10.in-addr.arpa."]);
        assert_eq!(of("10.1.0.0", 16), ["1.10.in-addr.arpa."]);
        let split = of("172.16.0.0", 12);
        assert_eq!(
            (split.len(), split[0].as_str(), split[15].as_str()),
            (16, "16.172.in-addr.arpa.", "31.172.in-addr.arpa.")
        );
        assert_eq!(of("fd00::", 8), ["d.f.ip6.arpa."]);
        assert_eq!(of("2001:db8::", 32), ["8.b.d.0.1.0.0.2.ip6.arpa."]);
        assert_eq!(of("10.0.0.1", 32), ["1.0.0.10.in-addr.arpa."]);
    }
}
