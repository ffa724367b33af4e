//! A host: one address offering one service.
//!
//! *Host* is the project's and Lyft's word for what Consul calls a service instance and Kubernetes an
//! endpoint. Its parts are parsed once, here, and are valid for ever after: nothing below this file
//! checks a name again. Text is kept as it was given; how much of it can be said in DNS is the zone's affair.

use std::cmp::Ordering;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use smallvec::SmallVec;

use super::{Check, Lease, Revision, Status};
use crate::limits;

/// What is wrong with a value from outside: the field and the rule it breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {rule}")]
pub struct Invalid {
    /// The field, as the caller wrote it.
    pub field: String,
    /// The rule, as a sentence without a subject: `must be 1 to 65535`.
    pub rule: String,
}

impl Invalid {
    /// A broken rule of a field.
    pub fn new(field: impl Into<String>, rule: impl Into<String>) -> Invalid {
        Invalid { field: field.into(), rule: rule.into() }
    }
}

fn text(field: &str, value: &str, most: usize) -> Result<Arc<str>, Invalid> {
    if value.is_empty() {
        return Err(Invalid::new(field, "must not be empty"));
    }
    if value.len() > most {
        return Err(Invalid::new(field, format!("must be at most {most} octets, is {}", value.len())));
    }
    if value.chars().any(char::is_control) {
        return Err(Invalid::new(field, "must not contain control characters"));
    }
    Ok(Arc::from(value))
}

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $most:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses the text of `field`: not empty, bounded, no control characters.
            pub fn parse(field: &str, value: &str) -> Result<$name, Invalid> {
                text(field, value, $most).map($name)
            }

            /// The text as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

text_type! {
    /// The name that groups hosts. Any text; only DNS labels are published.
    ServiceName, limits::NAME_OCTETS
}
text_type! {
    /// A host's id, unique within its service and dialect.
    HostId, limits::ID_OCTETS
}
text_type! {
    /// A word a host carries; `<tag>.<service>` finds the hosts that carry it.
    Tag, limits::TAG_OCTETS
}
text_type! {
    /// The name of an availability zone, a region, a repository.
    Place, limits::ID_OCTETS
}

impl ServiceName {
    /// The same name, sharing the allocation of `other` when it is equal.
    pub(super) fn share(&mut self, other: &ServiceName) {
        debug_assert_eq!(self, other);
        self.0 = Arc::clone(&other.0);
    }
}

/// Groups services; `default` unless said. A lower-case DNS label.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Namespace(Option<Arc<str>>);

impl Namespace {
    /// The namespace of hosts that name none.
    pub const DEFAULT: Namespace = Namespace(None);

    /// Parses a DNS label (RFC 1123 2.1); it is kept in lower case.
    pub fn parse(field: &str, value: &str) -> Result<Namespace, Invalid> {
        if !is_label(value) {
            return Err(Invalid::new(
                field,
                "must be a DNS label: 1 to 63 letters, digits and hyphens, no hyphen at an end",
            ));
        }
        let lower = value.to_ascii_lowercase();
        Ok(if lower == "default" { Namespace::DEFAULT } else { Namespace(Some(Arc::from(lower))) })
    }

    /// The label.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or("default")
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether `text` is a host name label: letters, digits, hyphens not at an end, 1 to 63 (RFC 1123 2.1).
pub fn is_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=63).contains(&bytes.len())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        && bytes[0] != b'-'
        && bytes[bytes.len() - 1] != b'-'
}

/// The API a row belongs to. Ids of different dialects never collide.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Dialect {
    /// rollcall's own API.
    Native = 0,
    /// Lyft's discovery service.
    Lyft = 1,
}

impl Dialect {
    /// Every dialect, in the order of their numbers.
    pub const ALL: [Dialect; 2] = [Dialect::Native, Dialect::Lyft];

    /// The name in APIs, logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Dialect::Native => "native",
            Dialect::Lyft => "lyft",
        }
    }

    /// The dialect of that name.
    pub fn parse(text: &str) -> Option<Dialect> {
        Dialect::ALL.into_iter().find(|dialect| dialect.as_str() == text)
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What identifies a row: service, dialect, id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HostKey {
    /// The service.
    pub service: ServiceName,
    /// The dialect that owns the row.
    pub dialect: Dialect,
    /// The id within both.
    pub id: HostId,
}

impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.id)
    }
}

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
        if is_label(value) {
            Ok(value.to_ascii_lowercase().into_boxed_str())
        } else {
            Err(Invalid::new(field, "must be a DNS label: 1 to 63 letters, digits and hyphens, no hyphen at an end"))
        }
    }

    /// Parses a port number.
    pub fn parse_number(field: &str, value: i64) -> Result<u16, Invalid> {
        u16::try_from(value).ok().filter(|number| *number > 0).ok_or_else(|| Invalid::new(field, "must be 1 to 65535"))
    }
}

/// Where a host is reached.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Target {
    /// One or more addresses, the first of them the one SRV targets are named after.
    Addresses(SmallVec<[IpAddr; 1]>),
    /// A domain name outside our zones, absolute, without the final dot; SRV only.
    Name(Arc<str>),
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
        let mut addresses = SmallVec::new();
        for value in values {
            let address = parse_address(field, value)?;
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        Ok(Target::Addresses(addresses))
    }

    /// The addresses; none for a name.
    pub fn addresses(&self) -> &[IpAddr] {
        match self {
            Target::Addresses(addresses) => addresses,
            Target::Name(_) => &[],
        }
    }
}

fn parse_address(field: &str, value: &str) -> Result<IpAddr, Invalid> {
    let address: IpAddr = value.parse().map_err(|_| {
        Invalid::new(field, format!("must be IPv4 or IPv6 addresses, or one host name; {value:?} is neither"))
    })?;
    let usable = match address {
        IpAddr::V4(v4) => !v4.is_unspecified() && !v4.is_multicast() && !v4.is_broadcast(),
        IpAddr::V6(v6) => !v6.is_unspecified() && !v6.is_multicast() && v6.to_ipv4_mapped().is_none(),
    };
    if usable {
        Ok(address)
    } else {
        Err(Invalid::new(
            field,
            format!("{value} is no address of a host (unspecified, multicast, broadcast or IPv4-mapped)"),
        ))
    }
}

fn host_name(field: &str, value: &str) -> Result<Arc<str>, Invalid> {
    let name = value.strip_suffix('.').unwrap_or(value);
    let labels_fit = name.split('.').all(is_label);
    // An address that does not parse ("10.0.0.256") is a mistake, not a name: no top-level domain is all digits.
    let numeric_end = name.rsplit('.').next().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()));
    if labels_fit && name.len() <= limits::NAME_OCTETS && !numeric_end {
        Ok(Arc::from(name.to_ascii_lowercase()))
    } else {
        Err(Invalid::new(field, format!("must be an IPv4 or IPv6 address or a host name; {value:?} is none")))
    }
}

/// Pairs that a host carries, ordered by key.
pub type Meta = Box<[(Box<str>, Box<str>)]>;

/// Parses meta pairs: bounded, keys of letters, digits, `-`, `_`, `.`, `/`, distinct.
pub fn parse_meta<'a>(field: &str, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Meta, Invalid> {
    let mut meta: Vec<(Box<str>, Box<str>)> = Vec::new();
    for (key, value) in pairs {
        let named = |rule: String| Invalid::new(format!("{field}.{key}"), rule);
        if key.is_empty() || key.len() > limits::META_KEY_OCTETS {
            return Err(named(format!("key must be 1 to {} octets", limits::META_KEY_OCTETS)));
        }
        if !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte)) {
            return Err(named("key must be letters, digits, -, _, . and /".into()));
        }
        if value.len() > limits::META_VALUE_OCTETS {
            return Err(named(format!("value must be at most {} octets", limits::META_VALUE_OCTETS)));
        }
        meta.push((key.into(), value.into()));
        if meta.len() > limits::META_PAIRS {
            return Err(Invalid::new(field, format!("must be at most {} pairs", limits::META_PAIRS)));
        }
    }
    meta.sort();
    meta.dedup_by(|later, earlier| later.0 == earlier.0);
    Ok(meta.into_boxed_slice())
}

/// Parses tags: bounded, distinct, order kept.
pub fn parse_tags<'a>(field: &str, values: impl IntoIterator<Item = &'a str>) -> Result<Box<[Tag]>, Invalid> {
    let mut tags: Vec<Tag> = Vec::new();
    for value in values {
        let tag = Tag::parse(field, value)?;
        if !tags.contains(&tag) {
            tags.push(tag);
        }
        if tags.len() > limits::TAGS {
            return Err(Invalid::new(field, format!("must be at most {} tags", limits::TAGS)));
        }
    }
    Ok(tags.into_boxed_slice())
}

/// One row of the table.
///
/// The fields an answer reads come first and together: at a million hosts each further cache line a row is
/// another trip to memory.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Host {
    /// Its right to stay.
    pub lease: Lease,
    /// Where it is reached.
    pub target: Target,
    /// SRV weight (RFC 2782); 0 to 65535.
    pub weight: u16,
    /// SRV priority (RFC 2782), lower first.
    pub priority: u16,
    /// The dialect that owns the row.
    pub dialect: Dialect,
    /// Whether an operator took it out: draining hosts leave the answers at once, the row stays.
    pub draining: bool,
    /// The ports it listens on; may be empty.
    pub ports: SmallVec<[Port; 1]>,
    /// The service it offers.
    pub service: ServiceName,
    /// Its id.
    pub id: HostId,
    /// Its namespace.
    pub namespace: Namespace,
    /// Its tags, distinct, in the order given.
    pub tags: Box<[Tag]>,
    /// Its pairs, by key.
    pub meta: Meta,
    /// Availability zone.
    pub zone: Option<Place>,
    /// Region.
    pub region: Option<Place>,
    /// What is known of its health.
    pub checks: Box<[Check]>,
    /// The repository of the service, by which Lyft's API lists hosts.
    pub repo: Option<Place>,
    /// What the owning dialect was given and the columns above cannot hold, in a form only it reads.
    pub original: Option<Arc<str>>,
    /// The revision that made the row.
    pub created: Revision,
    /// The revision that last changed it.
    pub modified: Revision,
}

impl Host {
    /// The key of the row.
    pub fn key(&self) -> HostKey {
        HostKey { service: self.service.clone(), dialect: self.dialect, id: self.id.clone() }
    }

    /// What rows are ordered by: service, dialect, id.
    pub(crate) fn order(&self) -> (&str, Dialect, &str) {
        (self.service.as_str(), self.dialect, self.id.as_str())
    }

    /// The worst status of its checks; passing when it has none.
    pub fn status(&self) -> Status {
        self.checks.iter().map(|check| check.status).max().unwrap_or(Status::Passing)
    }

    /// Whether two rows say the same: all but lease time, revisions and the moments of checks.
    pub fn same_content(&self, other: &Host) -> bool {
        // Every field is named, so that a new one cannot be forgotten here.
        let Host {
            service,
            dialect,
            draining,
            weight,
            priority,
            id,
            namespace,
            target,
            ports,
            tags,
            meta,
            zone,
            region,
            checks,
            lease,
            repo,
            original,
            created: _,
            modified: _,
        } = self;
        *service == other.service
            && *dialect == other.dialect
            && *draining == other.draining
            && *weight == other.weight
            && *priority == other.priority
            && *id == other.id
            && *namespace == other.namespace
            && *target == other.target
            && *ports == other.ports
            && *tags == other.tags
            && *meta == other.meta
            && *zone == other.zone
            && *region == other.region
            && checks.len() == other.checks.len()
            && checks.iter().zip(&other.checks).all(|(mine, theirs)| mine.same_content(theirs))
            && lease.ttl() == other.lease.ttl()
            && *repo == other.repo
            && *original == other.original
    }
}

/// A row in an ordered set: compared by its key, so the set needs eight octets a row.
#[derive(Clone, Debug)]
pub struct Row(pub Arc<Host>);

impl PartialEq for Row {
    fn eq(&self, other: &Row) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Row {}

impl PartialOrd for Row {
    fn partial_cmp(&self, other: &Row) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Row {
    fn cmp(&self, other: &Row) -> Ordering {
        self.0.order().cmp(&other.0.order())
    }
}

/// A key to look a [`Row`] up by, or the place just before the first row of a service.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowKey<'a> {
    pub(super) service: &'a str,
    pub(super) dialect: Dialect,
    pub(super) id: &'a str,
}

impl<'a> RowKey<'a> {
    pub(super) fn of(key: &'a HostKey) -> RowKey<'a> {
        RowKey { service: key.service.as_str(), dialect: key.dialect, id: key.id.as_str() }
    }

    /// Sorts before every row of the service: no id is empty.
    pub(super) fn first_of(service: &'a str) -> RowKey<'a> {
        RowKey { service, dialect: Dialect::Native, id: "" }
    }
}

impl equivalent::Equivalent<Row> for RowKey<'_> {
    fn equivalent(&self, row: &Row) -> bool {
        equivalent::Comparable::compare(self, row) == Ordering::Equal
    }
}

impl equivalent::Comparable<Row> for RowKey<'_> {
    fn compare(&self, row: &Row) -> Ordering {
        (self.service, self.dialect, self.id).cmp(&row.0.order())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_addresses_or_one_name() {
        assert_eq!(Target::parse("address", ["10.0.0.1", "10.0.0.1"]).map(|t| t.addresses().len()), Ok(1));
        assert_eq!(Target::parse("address", ["DB.example.com."]), Ok(Target::Name("db.example.com".into())));
        for bad in
            ["10.0.0.256", "0.0.0.0", "::", "ff02::1", "::ffff:1.2.3.4", "255.255.255.255", "", "a b", "-a", "_x.y"]
        {
            assert!(Target::parse("address", [bad]).is_err(), "{bad:?}");
        }
        assert!(Target::parse("addresses", ["10.0.0.1", "a.b"]).is_err());
        assert!(Target::parse("addresses", []).is_err());
    }

    #[test]
    fn names_are_bounded_text() {
        assert!(ServiceName::parse("service", "").is_err());
        assert!(ServiceName::parse("service", &"x".repeat(254)).is_err());
        assert_eq!(
            Tag::parse("tags", "a\nb").map_err(|invalid| invalid.to_string()),
            Err("tags: must not contain control characters".into())
        );
        assert!(ServiceName::parse("service", "my service").is_ok());
    }

    #[test]
    fn the_default_namespace_has_one_form() {
        assert_eq!(Namespace::parse("namespace", "Default"), Ok(Namespace::DEFAULT));
        assert!(Namespace::parse("namespace", "a.b").is_err());
    }
}
