//! Records as values that point into a zone: what a reply says before it is octets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use smallvec::SmallVec;

use super::file::rtype;
use super::name::{Name, NameKey};
use super::schema::service::{address_label, instance_label, underscore};
use super::{NAME_OCTETS, Soa};
use crate::table::{Host, Protocol, is_label};

/// A row behind a record; two are equal when they are the same row.
#[derive(Clone, Copy)]
pub struct Row<'z>(pub(super) &'z Host);

impl PartialEq for Row<'_> {
    fn eq(&self, other: &Row<'_>) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Row<'_> {}

impl std::fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.key())
    }
}

/// A name that is made of a row, relative to a zone's origin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Derived<'z> {
    /// `<hex-ip>.addr`.
    Address(IpAddr),
    /// `<hex-ip>.addr` below the datacenter: Consul's name of an address.
    Literal(IpAddr),
    /// `<node>.node` below the datacenter: a node of Consul's catalog.
    Node(Row<'z>),
    /// `<hostname or dashed address>.<service>.<namespace>.svc`: the target of SRV records in Kubernetes' grammar.
    Endpoint(Row<'z>),
    /// `<hostname, id or dashed address>.<service>.<namespace>.svc`: what people call the host.
    Called(Row<'z>, IpAddr),
    /// `<id>._<service>._<protocol>`: an instance (RFC 6763 4.1).
    Instance(Row<'z>, Protocol),
    /// `_<service>._<protocol>`: a service type (RFC 6763 9).
    Type(&'z NameKey),
}

impl Derived<'_> {
    /// Appends the labels in wire form, without the origin.
    pub fn write_relative(&self, out: &mut Vec<u8>) {
        match self {
            Derived::Address(address) | Derived::Literal(address) => {
                push_label(out, &address_label(*address));
                push_label(out, b"addr");
            }
            Derived::Endpoint(row) => match (&row.0.hostname, row.0.target.addresses().first()) {
                (Some(hostname), _) => write_endpoint(out, row.0, hostname.as_bytes()),
                (None, Some(address)) => write_endpoint(out, row.0, &dashed(*address)),
                (None, None) => write_endpoint(out, row.0, row.0.own_id().as_bytes()),
            },
            Derived::Called(row, address) => {
                let id = row.0.own_id();
                match &row.0.hostname {
                    Some(hostname) => write_endpoint(out, row.0, hostname.as_bytes()),
                    None if is_label(id) => write_endpoint(out, row.0, id.as_bytes()),
                    None => write_endpoint(out, row.0, &dashed(*address)),
                }
            }
            Derived::Instance(row, protocol) => {
                push_label(out, row.0.own_id().as_bytes());
                push_underscored(out, row.0.service.as_str());
                push_label(out, underscore(*protocol).as_bytes());
            }
            Derived::Node(row) => {
                row.0.service.as_str().split('.').for_each(|label| push_label(out, label.as_bytes()));
                push_label(out, b"node");
            }
            Derived::Type(key) => key.write_relative(out),
        }
    }

    /// Whether it stands below the datacenter, not right in the zone.
    pub fn is_in_datacenter(&self) -> bool {
        matches!(self, Derived::Literal(_) | Derived::Node(_))
    }

    /// Whether it is a name below `origin`, or the datacenter where it stands there (RFC 1035 2.3.4).
    pub(super) fn fits(&self, origin: &Name) -> bool {
        let octets = match self {
            Derived::Address(_) | Derived::Literal(_) | Derived::Type(_) => return true,
            Derived::Endpoint(row) | Derived::Called(row, _) => {
                // Most names fit with the longest label; only the others are put together to be measured.
                let below = 2 + row.0.service.as_str().len() + row.0.namespace.as_str().len() + 4;
                if 64 + below + origin.as_wire().len() <= NAME_OCTETS {
                    return true;
                }
                let mut wire = Vec::with_capacity(NAME_OCTETS);
                self.write_relative(&mut wire);
                wire.len()
            }
            Derived::Node(row) => row.0.service.as_str().len() + 1 + 5,
            Derived::Instance(row, _) => match instance_label(row.0.own_id()) {
                Some(id) => id.len() + 1 + row.0.service.as_str().len() + 2 + 6,
                None => return false,
            },
        };
        octets + origin.as_wire().len() <= NAME_OCTETS
    }
}

fn write_endpoint(out: &mut Vec<u8>, host: &Host, label: &[u8]) {
    push_label(out, label);
    push_label(out, host.service.as_str().as_bytes());
    push_label(out, host.namespace.as_str().as_bytes());
    push_label(out, b"svc");
}

/// A label in lower case, as every name of ours is.
fn push_label(out: &mut Vec<u8>, label: &[u8]) {
    out.push(label.len() as u8);
    out.extend(label.iter().map(u8::to_ascii_lowercase));
}

fn push_underscored(out: &mut Vec<u8>, label: &str) {
    out.push(label.len() as u8 + 1);
    out.push(b'_');
    out.extend(label.bytes().map(|byte| byte.to_ascii_lowercase()));
}

/// An address as a label, the way Kubernetes' DNS does it: `10-0-0-1`, `fd00--1`.
pub(super) fn dashed(address: IpAddr) -> SmallVec<[u8; 40]> {
    use std::io::Write as _;
    let mut label: SmallVec<[u8; 40]> = SmallVec::new();
    // Writing into memory does not fail.
    let _ = write!(label, "{address}");
    for byte in &mut label {
        if matches!(byte, b'.' | b':') {
            *byte = b'-';
        }
    }
    if label.last() == Some(&b'-') {
        label.push(b'0');
    }
    if label.first() == Some(&b'-') {
        label.insert(0, b'0');
    }
    label
}

/// The address that a label is the dashed form of.
pub(super) fn undashed(label: &str) -> Option<IpAddr> {
    let digits = label.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    if !digits || !label.contains('-') {
        return None;
    }
    let v4 = label.replace('-', ".").parse::<Ipv4Addr>().map(IpAddr::V4);
    let address = v4.or_else(|_| label.replace('-', ":").parse::<Ipv6Addr>().map(IpAddr::V6)).ok()?;
    // An address has one name, whatever else would parse.
    (*dashed(address) == *label.as_bytes()).then_some(address)
}

/// Whose record it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owner<'z> {
    /// The name that was asked for.
    Question,
    /// A name in lower-case wire form.
    Name(&'z [u8]),
    /// A name made of a row, in the zone.
    Derived(Derived<'z>),
    /// One of the names that the answer had to make, by its place in [`super::Answer::made`].
    Made(usize),
}

/// Where an SRV or SVCB record points.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target<'z> {
    /// A name made of a row, in the zone.
    Derived(Derived<'z>),
    /// A domain name in text, absolute, without the final dot.
    Name(&'z str),
}

/// What a record says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the fields are the RFCs'")]
pub enum Data<'z> {
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    Srv {
        priority: u16,
        weight: u16,
        port: u16,
        target: Target<'z>,
    },
    /// SVCB or HTTPS in ServiceMode (RFC 9460 2.4).
    Svcb {
        rtype: u16,
        priority: u16,
        port: u16,
        target: Target<'z>,
        host: Row<'z>,
    },
    /// A name made of a row, below an origin.
    Ptr {
        target: Derived<'z>,
        origin: &'z Name,
    },
    /// What a host says of itself.
    Txt(Text<'z>),
    /// TXT: a pair of a node.
    Pair(Pair<'z>),
    Soa {
        soa: &'z Soa,
        serial: u32,
    },
    /// A CNAME made from a DNAME; it points at a name by its place in [`super::Answer::made`] (RFC 6672 3.1).
    Alias(usize),
    /// From a zone file: the type and uncompressed RDATA.
    Static {
        rtype: u16,
        rdata: &'z [u8],
    },
}

impl Data<'_> {
    /// The type number.
    pub fn rtype(&self) -> u16 {
        match self {
            Data::A(_) => rtype::A,
            Data::Aaaa(_) => rtype::AAAA,
            Data::Srv { .. } => rtype::SRV,
            Data::Ptr { .. } => rtype::PTR,
            Data::Txt(_) | Data::Pair(_) => rtype::TXT,
            Data::Soa { .. } => rtype::SOA,
            Data::Alias(_) => rtype::CNAME,
            Data::Svcb { rtype, .. } | Data::Static { rtype, .. } => *rtype,
        }
    }
}

/// The strings of a TXT record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Text<'z> {
    pub(super) host: Row<'z>,
    /// Whether it says anything; else it is one empty string (RFC 6763 6.1).
    pub(super) told: bool,
    /// Whether the id is among the strings: not where the name says it.
    pub(super) with_id: bool,
}

impl Text<'_> {
    /// Appends the RDATA: `key=value` strings (RFC 6763 6.3); what is longer than a string holds is left out.
    pub fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let host = self.host.0;
        let mut push = |key: &str, value: &str| {
            let octets = key.len() + 1 + value.len();
            if let Ok(octets) = u8::try_from(octets) {
                out.push(octets);
                out.extend_from_slice(key.as_bytes());
                out.push(b'=');
                out.extend_from_slice(value.as_bytes());
            }
        };
        if self.told {
            if self.with_id {
                push("id", host.own_id());
            }
            if let Some(zone) = &host.zone {
                push("zone", zone.as_str());
            }
            if let Some(region) = &host.region {
                push("region", region.as_str());
            }
            for tag in &host.tags {
                push("tag", tag.as_str());
            }
            for (key, value) in &host.meta {
                push(key, value);
            }
        }
        if out.len() == start {
            out.push(0);
        }
    }
}

/// A pair of a node as text, the way Consul writes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pair<'z>(pub(super) &'z (Box<str>, Box<str>));

impl Pair<'_> {
    /// Appends the RDATA: `key=value` with a grave accent before what could be misread (RFC 1464), the value alone where
    /// the key begins with `rfc1035-`. Text of more than 255 octets is as many strings as it takes.
    pub fn write(&self, out: &mut Vec<u8>) {
        let (key, value) = self.0;
        let mut text: SmallVec<[u8; 256]> = SmallVec::new();
        if self.has_key() {
            push_attribute(&mut text, key);
            for byte in value.bytes() {
                if byte == b'`' {
                    text.push(b'`');
                }
                text.push(byte);
            }
        } else {
            text.extend_from_slice(value.as_bytes());
        }
        if text.is_empty() {
            out.push(0);
        }
        for string in text.chunks(255) {
            out.push(string.len() as u8);
            out.extend_from_slice(string);
        }
    }

    /// Whether the key is a part of the text.
    pub(super) fn has_key(&self) -> bool {
        const RAW: &[u8] = b"rfc1035-";
        !self.0.0.as_bytes().get(..RAW.len()).is_some_and(|start| start.eq_ignore_ascii_case(RAW))
    }
}

/// The name of an attribute, and what ends it: spaces at its ends, accents and signs of equality in it are quoted.
fn push_attribute(text: &mut SmallVec<[u8; 256]>, key: &str) {
    let start = key.len() - key.trim_start_matches(' ').len();
    let end = key.trim_end_matches(' ').len();
    for (place, byte) in key.bytes().enumerate() {
        if matches!(byte, b'`' | b'=') || byte == b' ' && !(start..end).contains(&place) {
            text.push(b'`');
        }
        text.push(byte);
    }
    text.push(b'=');
}

impl Row<'_> {
    /// Appends SvcParams (RFC 9460 7), in the order of their keys: `alpn` from the pair of that name, port, hints.
    pub fn write_params(&self, port: u16, out: &mut Vec<u8>) {
        let alpn = self.0.meta.iter().find(|(key, _)| &**key == "alpn").map_or("", |(_, value)| value);
        let ids = || alpn.split(',').map(str::trim).filter(|id| (1..=255).contains(&id.len()));
        let octets: usize = ids().map(|id| 1 + id.len()).sum();
        if octets > 0 {
            push_key(out, 1, octets);
            for id in ids() {
                out.push(id.len() as u8);
                out.extend_from_slice(id.as_bytes());
            }
        }
        push_key(out, 3, 2);
        out.extend_from_slice(&port.to_be_bytes());
        let addresses = self.0.target.addresses();
        let v4: SmallVec<[Ipv4Addr; 2]> = addresses.iter().filter_map(|address| v4_of(*address)).collect();
        let v6: SmallVec<[Ipv6Addr; 2]> = addresses.iter().filter_map(|address| v6_of(*address)).collect();
        if !v4.is_empty() {
            push_key(out, 4, 4 * v4.len());
            out.extend(v4.iter().flat_map(Ipv4Addr::octets));
        }
        if !v6.is_empty() {
            push_key(out, 6, 16 * v6.len());
            out.extend(v6.iter().flat_map(Ipv6Addr::octets));
        }
    }
}

fn push_key(out: &mut Vec<u8>, key: u16, octets: usize) {
    out.extend_from_slice(&key.to_be_bytes());
    out.extend_from_slice(&(octets as u16).to_be_bytes());
}

fn v4_of(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(v4) => Some(v4),
        IpAddr::V6(_) => None,
    }
}

fn v6_of(address: IpAddr) -> Option<Ipv6Addr> {
    match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(v6) => Some(v6),
    }
}

/// One record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record<'z> {
    /// Whose it is.
    pub owner: Owner<'z>,
    /// Seconds.
    pub ttl: u32,
    /// What it says.
    pub data: Data<'z>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 1464 2, as far as pairs can be so, and what Consul does with `rfc1035-`.
    #[test]
    fn pairs_are_written_as_rfc_1464_says() {
        let text = |key: &str, value: &str| {
            let mut wire = Vec::new();
            Pair(&(key.into(), value.into())).write(&mut wire);
            wire
        };
        for (key, value, expected) in [
            ("color", "blue", "color=blue"),
            ("equation", "a=4", "equation=a=4"),
            ("a=a", "true", "a`=a=true"),
            ("string2", "`abc`", "string2=``abc``"),
            ("a b", "c d", "a b=c d"),
            ("abc ", "123 ", "abc` =123 "),
            (" ", "x", "` =x"),
            ("novalue", "", "novalue="),
            ("rfc1035-spf", "v=spf1 `-all`", "v=spf1 `-all`"),
            ("RFC1035-x", "", ""),
            ("rfc1035", "x", "rfc1035=x"),
        ] {
            let octets = [&[expected.len() as u8], expected.as_bytes()].concat();
            assert_eq!(text(key, value), octets, "{key}");
        }
        let long = "x".repeat(300);
        let wire = text("rfc1035-key", &long);
        assert_eq!((wire.len(), wire[0], wire[256]), (302, 255, 45));
    }

    #[test]
    fn dashed_addresses_read_back() {
        for (address, label) in [
            ("10.0.0.1", "10-0-0-1"),
            ("fd00::1", "fd00--1"),
            ("5678:abcd::1", "5678-abcd--1"),
            ("fd00::", "fd00--0"),
            ("::1", "0--1"),
        ] {
            let address: IpAddr = address.parse().expect("an address");
            assert_eq!(&*dashed(address), label.as_bytes());
            assert_eq!(undashed(label), Some(address), "{label}");
        }
        for bad in ["10-0-0", "web-1", "10-0-0-01", "fd00-0-0-0-0-0-0-1", "abc", ""] {
            assert_eq!(undashed(bad), None, "{bad}");
        }
    }
}
