//! Names of objects that hosts have none for: pods and slices.
//!
//! Both can be read: what a name says leads to the service, so that one object is found without a look at the others.
//! Services are without capitals in all names ([`service`]).
//!
//! | object | name |
//! | --- | --- |
//! | pod | `<service>-<id>-<hash>`, without the service where the id begins with it; the hash is of service, API and id |
//! | slice | `<service>-<ipv4, ipv6 or fqdn>-<hash of the ports>`, then `-` and the part, where there are several |

use std::borrow::Cow;
use std::fmt;
use std::hash::Hasher;
use std::sync::Arc;

use siphasher::sip128::{Hasher128, SipHasher24};

use crate::table::{Dialect, Host, Hosts, Port, ServiceName, is_label};

/// Hex digits of the hash at the end of a pod's name.
const HASH_DIGITS: usize = 8;
/// Octets of a name (a DNS subdomain).
const NAME_OCTETS: usize = 253;
/// What pods of services are called whose own name cannot be part of one.
const NAMELESS: &str = "rollcall";

/// What a service is called here: without capitals, as names are in Kubernetes. Its spellings are one service.
pub(super) fn service(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|octet| octet.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

/// A hash that is the same on every machine and after every start.
fn hash(parts: &[&[u8]]) -> u128 {
    let mut hasher = SipHasher24::new();
    for part in parts {
        hasher.write_usize(part.len());
        hasher.write(part);
    }
    hasher.finish128().as_u128()
}

/// A hash of what identifies a host: in which slice it is.
pub(super) fn host_hash(host: &Host) -> u64 {
    let parts = [host.service.as_str().as_bytes(), &[host.dialect as u8], host.id.as_str().as_bytes()];
    // Half of it is as good a hash.
    (hash(&parts) >> 64) as u64
}

/// A UUID made of what identifies an object.
pub(super) fn uid(parts: &[&str]) -> String {
    let octets: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
    let hash = hash(&octets);
    // Version 8, the variant of RFC 9562.
    let hash = hash & !(0xf << 76 | 0x3 << 62) | 0x8 << 76 | 0x2 << 62;
    let hex = format!("{hash:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// The name of a host as a pod.
pub(super) fn pod(host: &Host) -> String {
    let service = &*service(host.service.as_str());
    let id = clean(host.own_id());
    let mut base = if !is_label(service) {
        NAMELESS.to_owned()
    } else if id.is_empty() {
        service.to_owned()
    } else if id.strip_prefix(service).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')) {
        id
    } else {
        format!("{service}-{id}")
    };
    base.truncate(NAME_OCTETS - HASH_DIGITS - 1);
    let base = base.trim_end_matches(['-', '.']);
    format!("{base}-{:0HASH_DIGITS$x}", host_hash(host) >> 32)
}

/// The host of a pod's name: looked for among the services that the name can begin with.
pub(super) fn find_pod<'a>(hosts: &'a Hosts, name: &str) -> Option<&'a Arc<Host>> {
    let (base, hash) = name.rsplit_once('-')?;
    let hash = u32::from_str_radix(hash, 16).ok().filter(|_| hash.len() == HASH_DIGITS)?;
    let fits = |host: &&'a Arc<Host>| (host_hash(host) >> 32) as u32 == hash && pod(host) == name;
    let odd = hosts.services().map(|(service, _)| service.as_str()).filter(|service| !is_label(service));
    if base == NAMELESS
        && let Some(found) = odd.flat_map(|service| hosts.of_service(service)).find(fits)
    {
        return Some(found);
    }
    let ends = base.match_indices('-').map(|(at, _)| at).chain([base.len()]);
    let services = || ends.clone().flat_map(|end| hosts.any_case(&base[..end])).map(ServiceName::as_str);
    let direct = services().flat_map(|service| {
        let id = base.get(service.len() + 1..).unwrap_or_default();
        [id, base].into_iter().flat_map(move |id| Dialect::ALL.into_iter().map(move |dialect| (service, dialect, id)))
    });
    let direct = direct.filter_map(|(service, dialect, id)| hosts.find(service, dialect, id)).find(fits);
    direct.or_else(|| services().find_map(|service| find_in(hosts, service, fits)))
}

/// The rows of a service one by one: an id may be written differently in a name.
fn find_in<'a>(hosts: &'a Hosts, service: &str, fits: impl Fn(&&'a Arc<Host>) -> bool) -> Option<&'a Arc<Host>> {
    let from = hosts.from_service(service);
    from.take_while(|host| host.service.as_str() == service).find(fits)
}

/// An id with what no name holds made `-`; no label of it is empty, or has a hyphen at an end.
fn clean(id: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c.to_ascii_lowercase() } else { '-' };
    let clean: String = id.chars().map(fits).collect();
    let labels: Vec<&str> = clean.split('.').map(|label| label.trim_matches('-')).filter(|l| !l.is_empty()).collect();
    labels.join(".")
}

/// The kind of addresses of a slice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Family {
    V4,
    V6,
    Fqdn,
}

impl Family {
    /// Every kind.
    pub(super) const ALL: [Family; 3] = [Family::V4, Family::V6, Family::Fqdn];

    /// As `addressType` says it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
            Family::Fqdn => "FQDN",
        }
    }

    const fn in_names(self) -> &'static str {
        match self {
            Family::V4 => "ipv4",
            Family::V6 => "ipv6",
            Family::Fqdn => "fqdn",
        }
    }
}

/// What tells a slice from the others of its service.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct SliceKey {
    pub(super) family: Family,
    /// The hash of the ports.
    pub(super) ports: u32,
    /// The part of the hosts: those whose hash begins with these bits.
    pub(super) part: Part,
}

/// The first bits of a hash: `length` of them, at the upper end of `bits`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) struct Part {
    pub(super) bits: u64,
    pub(super) length: u32,
}

impl Part {
    /// The two halves.
    pub(super) fn halves(self) -> [Part; 2] {
        let length = self.length + 1;
        [Part { bits: self.bits, length }, Part { bits: self.bits | 1 << (u64::BITS - length), length }]
    }
}

impl SliceKey {
    /// The name of the slice.
    pub(super) fn name(&self, service: &str) -> String {
        let SliceKey { family, ports, part } = self;
        format!("{service}-{}-{ports:08x}{part}", family.in_names())
    }

    /// The service of a slice's name.
    pub(super) fn service_of(name: &str) -> Option<&str> {
        let is_hash = |text: &str| text.len() == 8 && text.bytes().all(|octet| octet.is_ascii_hexdigit());
        let whole = |text| {
            let (rest, hash) = str::rsplit_once(text, '-')?;
            let (service, family) = rest.rsplit_once('-')?;
            let known = Family::ALL.iter().any(|known| known.in_names() == family);
            (known && is_hash(hash)).then_some(service)
        };
        let of_part = || {
            let (rest, bits) = name.rsplit_once('-')?;
            let fits = (1..=64).contains(&bits.len()) && bits.bytes().all(|octet| matches!(octet, b'0' | b'1'));
            whole(rest).filter(|_| fits)
        };
        whole(name).or_else(of_part)
    }
}

/// As the end of a name: nothing where the part is the whole.
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.length == 0 {
            return Ok(());
        }
        f.write_str("-")?;
        (0..self.length).try_for_each(|place| f.write_str(if self.bits << place >> 63 == 1 { "1" } else { "0" }))
    }
}

/// The hash of ports, whatever their order.
pub(super) fn ports_hash(ports: &[Port]) -> u32 {
    let mut texts: Vec<String> = ports
        .iter()
        .map(|port| format!("{}/{}/{}", port.name.as_deref().unwrap_or_default(), port.protocol.as_str(), port.number))
        .collect();
    texts.sort();
    let octets: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
    (hash(&octets) >> 96) as u32
}
