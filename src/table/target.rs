//! Where a host is reached: addresses or a name, and ports.

use std::net::IpAddr;
use std::sync::Arc;

use smallvec::SmallVec;

use super::addresses::Addresses;
use super::text::{Invalid, is_label, parse_label};
use crate::limits;

/// Transport protocol of a port, as in `_http._tcp`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Protocol {
    /// TCP, the default.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Protocol; 3] = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];

    /// Lower-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
        }
    }

    /// Parses the name in any case.
    pub fn parse(field: &str, value: &str) -> Result<Protocol, Invalid> {
        Protocol::ALL
            .into_iter()
            .find(|protocol| protocol.as_str().eq_ignore_ascii_case(value))
            .ok_or_else(|| Invalid::new(field, "must be tcp, udp or sctp"))
    }
}

/// A port a host listens on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Port {
    /// `http` in `_http._tcp.web`; `None` for the one unnamed port.
    pub name: Option<Box<str>>,
    /// Its transport.
    pub protocol: Protocol,
    /// 1 to 65535.
    pub number: u16,
}

impl Port {
    /// An unnamed TCP port.
    pub fn tcp(number: u16) -> Port {
        Port { name: None, protocol: Protocol::Tcp, number }
    }

    /// Parses a port name: a DNS label, kept in lower case.
    pub fn parse_name(field: &str, value: &str) -> Result<Box<str>, Invalid> {
        parse_label(field, value)
    }

    /// Parses a port number.
    pub fn parse_number(field: &str, value: i64) -> Result<u16, Invalid> {
        u16::try_from(value).ok().filter(|number| *number > 0).ok_or_else(|| Invalid::new(field, "must be 1 to 65535"))
    }
}

/// Where a host is reached.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Target {
    /// Addresses, the first of them the one SRV targets are named after. None is that of a node of Consul's of which nobody
    /// said where it is, and of what stands on it.
    Addresses(Addresses),
    /// A domain name outside our zones, absolute, without the final dot; SRV only.
    Name(Arc<str>),
    /// The same, and the addresses that it had when the server looked it up last: at least one.
    Resolved(Box<(Arc<str>, Addresses)>),
}

impl Target {
    /// Parses addresses or one host name.
    ///
    /// Unspecified, multicast and broadcast addresses are nobody's address, and IPv4 inside IPv6 has two
    /// names for one thing: both are refused.
    pub fn parse<'a>(field: &str, values: impl IntoIterator<Item = &'a str>) -> Result<Target, Invalid> {
        let values: Vec<&str> = values.into_iter().collect();
        if values.is_empty() {
            return Err(Invalid::new(field, "must name at least one address"));
        }
        if values.len() > limits::ADDRESSES {
            return Err(Invalid::new(field, format!("must be at most {} addresses", limits::ADDRESSES)));
        }
        if let [name] = values[..]
            && name.parse::<IpAddr>().is_err()
        {
            return host_name(field, name).map(Target::Name);
        }
        let mut addresses: SmallVec<[IpAddr; 4]> = SmallVec::new();
        for value in values {
            let address = parse_address(field, value)?;
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        Ok(Target::Addresses(addresses.into_iter().collect()))
    }

    /// Parses a host name that the server is to look up: one that only this machine knows will do (`web-1`, `localhost`),
    /// and underscores are borne, as container names have them.
    pub fn parse_name(field: &str, value: &str) -> Result<Target, Invalid> {
        let name = value.strip_suffix('.').unwrap_or(value);
        let is_known_label = |label: &str| is_label(&label.replace('_', "x"));
        let is_number = name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        if name.len() <= limits::NAME_OCTETS && name.split('.').all(is_known_label) && !is_number {
            Ok(Target::Name(Arc::from(name.to_ascii_lowercase())))
        } else {
            Err(Invalid::new(field, format!("must be an IPv4 or IPv6 address or a host name; {value:?} is neither")))
        }
    }

    /// The addresses; none for a name that was not looked up.
    pub fn addresses(&self) -> &[IpAddr] {
        match self {
            Target::Addresses(addresses) => addresses,
            Target::Resolved(resolved) => &resolved.1,
            Target::Name(_) => &[],
        }
    }

    /// The name, if it is one.
    pub fn name(&self) -> Option<&Arc<str>> {
        match self {
            Target::Addresses(_) => None,
            Target::Resolved(resolved) => Some(&resolved.0),
            Target::Name(name) => Some(name),
        }
    }

    /// The same name with the addresses that were found for it, as many as a host may have; what is no name stays.
    #[must_use]
    pub fn resolved(&self, found: &[IpAddr]) -> Target {
        let Some(name) = self.name() else { return self.clone() };
        let mut addresses: SmallVec<[IpAddr; 4]> = SmallVec::new();
        for address in found.iter().filter(|address| is_somebodys(**address)) {
            if !addresses.contains(address) && addresses.len() < limits::ADDRESSES {
                addresses.push(*address);
            }
        }
        if addresses.is_empty() {
            return Target::Name(Arc::clone(name));
        }
        Target::Resolved(Box::new((Arc::clone(name), addresses.into_iter().collect())))
    }
}

fn parse_address(field: &str, value: &str) -> Result<IpAddr, Invalid> {
    let address: IpAddr = value.parse().map_err(|_| {
        Invalid::new(
            field,
            format!(
                "must be IPv4 or IPv6 addresses, or one host name with a dot such as db.example.com; {value:?} is neither"
            ),
        )
    })?;
    if is_somebodys(address) {
        Ok(address)
    } else {
        Err(Invalid::new(
            field,
            format!("{value} is no address of a host (unspecified, multicast, broadcast or IPv4-mapped)"),
        ))
    }
}

/// Whether an address can be that of a host.
fn is_somebodys(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !v4.is_unspecified() && !v4.is_multicast() && !v4.is_broadcast(),
        IpAddr::V6(v6) => !v6.is_unspecified() && !v6.is_multicast() && v6.to_ipv4_mapped().is_none(),
    }
}

/// A mistyped address (`10.0.0.1O`, `0x0a000001`) or a name that only this machine knows (`localhost`) must not pass
/// for a host name: at least two labels, and the last begins with a letter, as every top-level domain does.
fn host_name(field: &str, value: &str) -> Result<Arc<str>, Invalid> {
    let name = value.strip_suffix('.').unwrap_or(value);
    let labels_fit = name.split('.').all(is_label);
    let has_domain =
        name.rsplit_once('.').is_some_and(|(_, last)| last.starts_with(|first: char| first.is_ascii_alphabetic()));
    if labels_fit && has_domain && name.len() <= limits::NAME_OCTETS {
        Ok(Arc::from(name.to_ascii_lowercase()))
    } else {
        Err(Invalid::new(
            field,
            format!(
                "must be an IPv4 or IPv6 address, or a host name with a dot such as db.example.com; {value:?} is none"
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_addresses_or_one_name() {
        assert_eq!(Target::parse("address", ["10.0.0.1", "10.0.0.1"]).map(|t| t.addresses().len()), Ok(1));
        assert_eq!(Target::parse("address", ["DB.example.com."]), Ok(Target::Name("db.example.com".into())));
        for bad in ["0.0.0.0", "::", "ff02::1", "::ffff:1.2.3.4", "255.255.255.255", "", "a b.c", "-a.b", "_x.y"] {
            assert!(Target::parse("address", [bad]).is_err(), "{bad:?}");
        }
        assert!(Target::parse("addresses", ["10.0.0.1", "a.b"]).is_err());
        assert!(Target::parse("addresses", []).is_err());
    }

    #[test]
    fn a_name_that_was_looked_up_has_addresses() {
        let name = Target::parse_name("address", "Web_1").expect("a name");
        assert_eq!((name.addresses().len(), name.name().map(|name| &**name)), (0, Some("web_1")));
        let found = ["10.0.0.1", "0.0.0.0", "10.0.0.1", "fd00::1"].map(|text| text.parse().expect("an address"));
        let resolved = name.resolved(&found);
        assert_eq!((resolved.addresses(), resolved.name()), (&[found[0], found[3]][..], name.name()));
        assert_eq!(resolved.resolved(&[]), name);
        for bad in ["", "10.0.0.256", "a..b", "a b", "http://a", "-a"] {
            assert!(Target::parse_name("address", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_mistyped_address_is_no_name() {
        for bad in ["10.0.0.256", "10.0.0.1O", "10.0.0.0x1", "0x0a000001", "nonsense", "localhost", "localhost.", "."] {
            let rule = Target::parse("address", [bad]).expect_err(bad).to_string();
            assert!(rule.contains("a host name with a dot such as db.example.com"), "{rule}");
        }
    }
}
