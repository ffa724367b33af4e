//! The names that a host makes, by the labels left of a zone's origin.
//!
//! | name | records |
//! | --- | --- |
//! | `web` | A, AAAA, SRV of every port |
//! | `<tag>.web`, `_web._<tag>` | the same of the hosts with that tag; tags may hold dots in the first form |
//! | `_web._tcp` | A, AAAA, SRV of the TCP ports (`_udp`, `_sctp` likewise), PTR to the instances (RFC 6763) |
//! | `_<port>._<proto>.web` | SRV of that named port |
//! | `<az>.pin._zone.web` | A, AAAA, SRV of the hosts in that availability zone |
//! | `web.<namespace>.svc` | A, AAAA, SRV; the way to services outside the namespace `default` |
//! | `<hostname>.web.<namespace>.svc` | A and AAAA of the hosts called so |
//!
//! The names without a namespace hold the hosts of the namespace `default`: two namespaces may have a
//! service of one name, and neither may get the other's traffic. Names that can be worked out from these are not
//! kept, but found (see `resolve`): `web.default.svc`, names of addresses, ids and instances.
//!
//! Labels that begin with `_` and the words of [`RESERVED`] are never services or tags, so no two forms can
//! mean the same name.

use std::net::IpAddr;

use smallvec::SmallVec;

use super::View;
use crate::table::{Host, Namespace, Protocol, Tag, is_label};
use crate::zone::name::NameKey;

/// Octets of the longest label (RFC 1035 2.3.4).
const LABEL_OCTETS: usize = 63;

/// Labels directly below the origin that no service may have.
pub(in crate::zone) const RESERVED: [&str; 7] = ["addr", "dns", "dns-version", "node", "ns", "pod", "svc"];

/// Whether `service` can be a name of this zone; the error is the rule it breaks, as a sentence without a subject.
pub fn check_service_label(service: &str) -> Result<(), String> {
    if !is_label(service) {
        return Err("must be a DNS label: 1 to 63 letters, digits and hyphens, no hyphen at an end".into());
    }
    if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(service)) {
        return Err(format!("must not be one of the reserved labels {}", RESERVED.join(", ")));
    }
    Ok(())
}

/// The names of one host.
#[derive(Debug, Default)]
pub(in crate::zone) struct Names {
    /// The name that the hosts of the service are kept under; `None` for a service that DNS cannot name.
    pub(in crate::zone) service: Option<NameKey>,
    /// Every other name of the service that shows this host, and what it shows; sorted, each name once.
    pub(in crate::zone) aliases: SmallVec<[(NameKey, View); 4]>,
    /// The names by which the host itself is called.
    pub(in crate::zone) endpoints: SmallVec<[NameKey; 1]>,
    /// Its addresses.
    pub(in crate::zone) addresses: SmallVec<[IpAddr; 2]>,
}

impl Names {
    /// The parts of the service that the host is in, each once.
    pub(in crate::zone) fn parts(&self) -> impl Iterator<Item = &View> {
        let first = |place: usize, view: &View| !self.aliases[..place].iter().any(|(_, other)| other == view);
        self.aliases
            .iter()
            .enumerate()
            .filter(move |(place, (_, view))| *view != View::Service && first(*place, view))
            .map(|(_, (_, view))| view)
    }
}

/// The name that the hosts of this one's service are kept under.
pub(in crate::zone) fn home(host: &Host) -> Option<NameKey> {
    let service = host.service.as_str();
    check_service_label(service).ok()?;
    Some(if host.namespace == Namespace::DEFAULT {
        NameKey::of_labels([service])
    } else {
        NameKey::of_labels(["svc", host.namespace.as_str(), service])
    })
}

/// The names of a host.
pub(in crate::zone) fn names(host: &Host) -> Names {
    let Some(home) = home(host) else { return Names::default() };
    let mut names = Names {
        service: None,
        aliases: SmallVec::new(),
        endpoints: endpoints(host),
        addresses: host.target.addresses().iter().copied().collect(),
    };
    for port in &host.ports {
        // With its underscore it has to be a label (RFC 1035 2.3.4).
        if let Some(name) = port.name.as_ref().filter(|name| name.len() < LABEL_OCTETS) {
            let key = home.below([underscore(port.protocol), &format!("_{name}")]);
            names.aliases.push((key, View::Port(port.protocol, name.clone())));
        }
    }
    if let Some(zone) = host.zone.as_ref().map(|zone| zone.as_str()).filter(|zone| is_dotted(zone)) {
        let labels = ["_zone", "pin"].into_iter().chain(zone.rsplit('.'));
        names.aliases.push((home.below(labels), View::Zone(zone.to_ascii_lowercase().into())));
    }
    if host.namespace == Namespace::DEFAULT {
        short_names(host, &home, &mut names.aliases);
    }
    names.service = Some(home);
    names.aliases.sort_unstable();
    names.aliases.dedup_by(|later, earlier| later.0 == earlier.0);
    names
}

/// The names that only services of the namespace `default` have.
fn short_names(host: &Host, home: &NameKey, aliases: &mut SmallVec<[(NameKey, View); 4]>) {
    // Written without the formatter, as every change of a host comes by here.
    let underscored = ["_", host.service.as_str()].concat();
    let has_underscored = underscored.len() <= LABEL_OCTETS;
    for protocol in Protocol::ALL.into_iter().filter(|_| has_underscored) {
        if host.ports.iter().any(|port| port.protocol == protocol) {
            aliases.push((NameKey::of_labels([underscore(protocol), &underscored]), View::Transport(protocol)));
        }
    }
    for tag in host.tags.iter().map(Tag::as_str).filter(|tag| is_dotted(tag)) {
        let view = View::Tag(tag.to_ascii_lowercase().into());
        let shadowed = Protocol::ALL.iter().any(|protocol| protocol.as_str().eq_ignore_ascii_case(tag));
        if has_underscored && !tag.contains('.') && tag.len() < LABEL_OCTETS && !shadowed {
            aliases.push((NameKey::of_labels([format!("_{tag}").as_str(), &underscored]), view.clone()));
        }
        aliases.push((home.below(tag.rsplit('.')), view));
    }
}

/// A host has a name of its own where it says one, where its id or its service has capitals (DNS knows none, and an id is
/// found by its text), and where its id is a part of the row's.
fn endpoints(host: &Host) -> SmallVec<[NameKey; 1]> {
    let service = host.service.as_str();
    let has_capitals = |text: &str| text.bytes().any(|byte| byte.is_ascii_uppercase());
    let id = host.own_id();
    let is_part = id.len() < host.id.as_str().len();
    let odd = (is_part || has_capitals(id) || has_capitals(service)) && instance_label(id).is_some();
    let labels = host.hostname.as_deref().into_iter().chain(Some(id).filter(|_| odd));
    let mut keys: SmallVec<[NameKey; 1]> =
        labels.map(|label| NameKey::of_labels(["svc", host.namespace.as_str(), service, label])).collect();
    keys.dedup();
    keys
}

/// An id as the label of an instance (RFC 6763 4.1.1: any text); not one that begins like a protocol.
pub(in crate::zone) fn instance_label(id: &str) -> Option<&str> {
    ((1..=63).contains(&id.len()) && !id.starts_with('_')).then_some(id)
}

/// Whether text is labels that hosts and tags may have, joined by dots.
pub(in crate::zone) fn is_dotted(text: &str) -> bool {
    text.len() <= 200 && text.split('.').all(is_tag_label)
}

fn is_tag_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('_')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

pub(in crate::zone) const fn underscore(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "_tcp",
        Protocol::Udp => "_udp",
        Protocol::Sctp => "_sctp",
    }
}

/// The label of an address: 8 or 32 hexadecimal digits.
pub fn address_label(address: IpAddr) -> SmallVec<[u8; 32]> {
    match address {
        IpAddr::V4(v4) => SmallVec::from_slice(&digits(v4.octets())),
        IpAddr::V6(v6) => v6.octets().as_chunks().0.iter().copied().flat_map(digits).collect(),
    }
}

/// The hexadecimal digits of four octets, in lower case: all eight at once.
#[inline]
pub const fn digits(octets: [u8; 4]) -> [u8; 8] {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // A nibble an octet, in order.
    let mut nibbles = u32::from_be_bytes(octets) as u64;
    nibbles = (nibbles | nibbles << 16) & 0x0000_ffff_0000_ffff;
    nibbles = (nibbles | nibbles << 8) & 0x00ff_00ff_00ff_00ff;
    nibbles = (nibbles | nibbles << 4) & (0x0f * ONES);
    // One where a digit is a letter.
    let letters = ((nibbles + 6 * ONES) >> 4) & ONES;
    (nibbles + b'0' as u64 * ONES + (b'a' - b'0' - 10) as u64 * letters).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_and_broken_labels_are_no_services() {
        for bad in ["svc", "NS", "a.b", "a_b", "-a", "", &"x".repeat(64)] {
            assert!(check_service_label(bad).is_err(), "{bad}");
        }
        assert_eq!(check_service_label("Web-1"), Ok(()));
    }

    #[test]
    fn addresses_have_8_or_32_digits() {
        assert_eq!(&address_label("10.0.0.1".parse().expect("v4"))[..], b"0a000001");
        assert_eq!(&address_label("fd00::1".parse().expect("v6"))[..], b"fd000000000000000000000000000001");
    }
}
