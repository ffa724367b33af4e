//! The stored form of a row, version 1.
//!
//! **Key**: the service, a zero octet, the dialect's number as one octet, the id. Names hold no control character,
//! so the zero ends the service and the order of keys is the order of the table.
//!
//! **Value**: the version as one octet, then a JSON object. All fields but `a` may be missing; fields that are not
//! known are ignored, so a field can be added without a new version. A new version is for a form that this code
//! would misread; it is refused by name, never taken for damage.
//!
//! [`to_json`] has the same fields in one object with the version and the parts of the key.
//!
//! | field | holds | missing |
//! | --- | --- | --- |
//! | `n` | namespace | `default` |
//! | `a` | addresses as text, or one host name and the addresses that were found for it | |
//! | `p` | ports: `{n: number, t: transport, s: name}` | none; `tcp`; unnamed |
//! | `t` | tags | none |
//! | `m` | meta pairs, `[key, value]` | none |
//! | `w`, `v`, `r` | weight, weight while a check warns, priority | 1, that of `w`, 0 |
//! | `j` | whether the address is that of the node | `false` |
//! | `z`, `g` | availability zone, region | none |
//! | `h` | host name | none |
//! | `c` | checks: `{i: id, k: kind, s: status, o: output, t: since, microseconds, d: terms, n: name, q: notes, f: definition}` | none; `reported`; `passing`; empty; 0; none; nothing |
//! | `l` | lease, microseconds | for ever |
//! | `d` | draining | `false` |
//! | `o` | repository | none |
//! | `x` | what the dialect keeps for itself | nothing |
//! | `b`, `e` | revisions that made and last changed the row | 0 |

mod json;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::terms::StoredTerms;
use crate::clock::Timestamp;
use crate::limits;
use crate::table::{
    Addresses, Check, CheckKind, Dialect, Host, HostId, Invalid, Lease, Namespace, Place, Port, Protocol, Revision,
    ServiceName, Status, Target, Title, Weights, parse_label, parse_meta, parse_tags,
};

pub(crate) use json::{from_json, to_json, write_content, write_json};

/// The version this code writes, and the newest it reads.
pub(crate) const VERSION: u8 = 1;

/// Why a row cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    /// A newer release wrote it.
    #[error("version {0} of the stored form")]
    Newer(u8),
    /// Its key is none.
    #[error("the key is malformed")]
    Key,
    /// Its value is not JSON of this form.
    #[error("the value is malformed: {0}")]
    Value(#[from] serde_json::Error),
    /// A part breaks a rule of the table.
    #[error(transparent)]
    Part(#[from] Invalid),
}

/// The key of a row.
pub(super) fn key(host: &Host) -> Vec<u8> {
    let (service, id) = (host.service.as_str().as_bytes(), host.id.as_str().as_bytes());
    let mut key = Vec::with_capacity(service.len() + id.len() + 2);
    key.extend_from_slice(service);
    key.extend_from_slice(&[0, host.dialect as u8]);
    key.extend_from_slice(id);
    key
}

/// The value of a row.
#[allow(clippy::expect_used, reason = "plain structs into memory: serde_json has nothing to fail on")]
pub(super) fn value(host: &Host) -> Vec<u8> {
    let mut value = Vec::with_capacity(256);
    value.push(VERSION);
    serde_json::to_writer(&mut value, &Stored::of(host)).expect("a row is JSON");
    value
}

/// The row of a key and a value. `like` is the row before it: a service's rows share one allocation of its name.
pub(super) fn host(key: &[u8], value: &[u8], like: Option<&Host>) -> Result<Host, Unreadable> {
    let (service, dialect, id) = parts(key).ok_or(Unreadable::Key)?;
    let json = match value.split_first() {
        Some((&VERSION, json)) => json,
        Some((&version, _)) if version > VERSION => return Err(Unreadable::Newer(version)),
        _ => return Err(Unreadable::Value(serde::de::Error::custom("no version"))),
    };
    let stored: Stored<'_> = serde_json::from_slice(json)?;
    let service = match like {
        Some(like) if like.service.as_str() == service => like.service.clone(),
        _ => ServiceName::parse("service", service)?,
    };
    Ok(stored.host(service, dialect, HostId::parse("id", id)?)?)
}

fn parts(key: &[u8]) -> Option<(&str, Dialect, &str)> {
    let end = key.iter().position(|octet| *octet == 0)?;
    let (dialect, id) = key[end + 1..].split_first()?;
    let dialect = Dialect::of_number(*dialect)?;
    Some((std::str::from_utf8(&key[..end]).ok()?, dialect, std::str::from_utf8(id).ok()?))
}

/// Text that is borrowed from what is read where JSON needed no escapes.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Text<'a> {
    fn of(text: &'a str) -> Text<'a> {
        Text(Cow::Borrowed(text))
    }
}

#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    #[serde(rename = "n", borrow, default, skip_serializing_if = "Option::is_none")]
    namespace: Option<Text<'a>>,
    #[serde(rename = "a", borrow)]
    target: Vec<Text<'a>>,
    #[serde(rename = "p", borrow, default, skip_serializing_if = "Vec::is_empty")]
    ports: Vec<StoredPort<'a>>,
    #[serde(rename = "t", borrow, default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Text<'a>>,
    #[serde(rename = "m", borrow, default, skip_serializing_if = "Vec::is_empty")]
    meta: Vec<(Text<'a>, Text<'a>)>,
    #[serde(rename = "w", default = "one", skip_serializing_if = "is_one")]
    weight: u16,
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    warning_weight: Option<u16>,
    #[serde(rename = "j", default, skip_serializing_if = "is_default")]
    at_node: bool,
    #[serde(rename = "r", default, skip_serializing_if = "is_default")]
    priority: u16,
    #[serde(rename = "z", borrow, default, skip_serializing_if = "Option::is_none")]
    zone: Option<Text<'a>>,
    #[serde(rename = "g", borrow, default, skip_serializing_if = "Option::is_none")]
    region: Option<Text<'a>>,
    #[serde(rename = "h", borrow, default, skip_serializing_if = "Option::is_none")]
    hostname: Option<Text<'a>>,
    #[serde(rename = "c", borrow, default, skip_serializing_if = "Vec::is_empty")]
    checks: Vec<StoredCheck<'a>>,
    #[serde(rename = "l", default, skip_serializing_if = "is_default")]
    lease: u64,
    #[serde(rename = "d", default, skip_serializing_if = "is_default")]
    draining: bool,
    #[serde(rename = "o", borrow, default, skip_serializing_if = "Option::is_none")]
    repo: Option<Text<'a>>,
    #[serde(rename = "x", borrow, default, skip_serializing_if = "Option::is_none")]
    original: Option<Text<'a>>,
    #[serde(rename = "b", default)]
    created: u64,
    #[serde(rename = "e", default)]
    modified: u64,
}

#[derive(Serialize, Deserialize)]
struct StoredPort<'a> {
    #[serde(rename = "n")]
    number: u16,
    #[serde(rename = "t", borrow, default, skip_serializing_if = "Option::is_none")]
    transport: Option<Text<'a>>,
    #[serde(rename = "s", borrow, default, skip_serializing_if = "Option::is_none")]
    name: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
struct StoredCheck<'a> {
    #[serde(rename = "i", borrow)]
    id: Text<'a>,
    #[serde(rename = "k", borrow, default, skip_serializing_if = "Option::is_none")]
    kind: Option<Text<'a>>,
    #[serde(rename = "s", borrow, default, skip_serializing_if = "Option::is_none")]
    status: Option<Text<'a>>,
    #[serde(rename = "o", borrow, default, skip_serializing_if = "Option::is_none")]
    output: Option<Text<'a>>,
    #[serde(rename = "t", default, skip_serializing_if = "is_default")]
    since: u64,
    #[serde(rename = "d", borrow, default, skip_serializing_if = "Option::is_none")]
    terms: Option<StoredTerms<'a>>,
    #[serde(rename = "n", borrow, default, skip_serializing_if = "Option::is_none")]
    name: Option<Text<'a>>,
    #[serde(rename = "q", borrow, default, skip_serializing_if = "Option::is_none")]
    notes: Option<Text<'a>>,
    #[serde(rename = "f", borrow, default, skip_serializing_if = "Option::is_none")]
    definition: Option<Text<'a>>,
}

fn one() -> u16 {
    1
}

fn is_one(weight: &u16) -> bool {
    *weight == 1
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl<'a> Stored<'a> {
    fn of(host: &'a Host) -> Stored<'a> {
        // Every field is named, so that a new one cannot be forgotten here.
        let Host {
            service: _,
            dialect: _,
            draining,
            // That of the node is known from the node, the weight from the status.
            node_status: _,
            at_node,
            weight: _,
            weights,
            priority,
            id: _,
            namespace,
            target,
            ports,
            tags,
            meta,
            zone,
            region,
            hostname,
            checks,
            lease,
            repo,
            original,
            created,
            modified,
        } = host;
        let place = |place: &'a Option<Place>| place.as_ref().map(|place| Text::of(place.as_str()));
        Stored {
            namespace: (*namespace != Namespace::DEFAULT).then(|| Text::of(namespace.as_str())),
            target: {
                let addresses = target.addresses().iter().map(|one| Text(one.to_string().into()));
                target.name().map(|name| Text::of(name)).into_iter().chain(addresses).collect()
            },
            ports: ports.iter().map(StoredPort::of).collect(),
            tags: tags.iter().map(|tag| Text::of(tag.as_str())).collect(),
            meta: meta.iter().map(|(key, value)| (Text::of(key), Text::of(value))).collect(),
            weight: weights.passing,
            warning_weight: (weights.warning != weights.passing).then_some(weights.warning),
            at_node: *at_node,
            priority: *priority,
            zone: place(zone),
            region: place(region),
            hostname: hostname.as_deref().map(Text::of),
            checks: checks.iter().map(StoredCheck::of).collect(),
            lease: lease.ttl().map_or(0, |ttl| u64::try_from(ttl.as_micros()).unwrap_or(u64::MAX)),
            draining: *draining,
            repo: place(repo),
            original: original.as_deref().map(Text::of),
            created: created.0,
            modified: modified.0,
        }
    }

    fn host(self, service: ServiceName, dialect: Dialect, id: HostId) -> Result<Host, Invalid> {
        let place = |field, place: Option<Text<'_>>| place.map(|text| Place::parse(field, &text.0)).transpose();
        at_most("ports", self.ports.len(), limits::PORTS)?;
        at_most("checks", self.checks.len(), limits::CHECKS)?;
        at_most("original", self.original.as_ref().map_or(0, |text| text.0.len()), limits::MINOS_OCTETS)?;
        // A lease out of the range of registrations is kept: a bound that moved must not make rows disappear.
        let ttl = (self.lease != 0).then(|| Duration::from_micros(self.lease));
        Ok(Host {
            service,
            dialect,
            draining: self.draining,
            node_status: Status::default(),
            at_node: self.at_node,
            weight: self.weight,
            weights: Weights { passing: self.weight, warning: self.warning_weight.unwrap_or(self.weight) },
            priority: self.priority,
            id,
            namespace: match self.namespace {
                None => Namespace::DEFAULT,
                Some(label) => Namespace::parse("namespace", &label.0)?,
            },
            target: target(&self.target)?,
            ports: self.ports.into_iter().map(StoredPort::port).collect::<Result<_, _>>()?,
            tags: parse_tags("tags", self.tags.iter().map(|text| &*text.0))?,
            meta: parse_meta("meta", self.meta.iter().map(|(key, value)| (&*key.0, &*value.0)))?,
            zone: place("zone", self.zone)?,
            region: place("region", self.region)?,
            hostname: self.hostname.map(|text| parse_label("hostname", &text.0)).transpose()?,
            checks: self.checks.into_iter().map(StoredCheck::check).collect::<Result<_, _>>()?,
            lease: Lease::new(ttl, Timestamp::default()),
            repo: place("repo", self.repo)?,
            original: self.original.map(|text| Arc::from(&*text.0)),
            created: Revision(self.created),
            modified: Revision(self.modified),
        })
    }
}

impl<'a> StoredPort<'a> {
    fn of(port: &'a Port) -> StoredPort<'a> {
        let Port { name, protocol, number } = port;
        StoredPort {
            number: *number,
            transport: (*protocol != Protocol::default()).then(|| Text::of(protocol.as_str())),
            name: name.as_deref().map(Text::of),
        }
    }

    fn port(self) -> Result<Port, Invalid> {
        Ok(Port {
            name: self.name.map(|name| Port::parse_name("ports.name", &name.0)).transpose()?,
            protocol: match self.transport {
                None => Protocol::default(),
                Some(transport) => Protocol::parse("ports.protocol", &transport.0)?,
            },
            number: Port::parse_number("ports.port", self.number.into())?,
        })
    }
}

impl<'a> StoredCheck<'a> {
    fn of(check: &'a Check) -> StoredCheck<'a> {
        let output = check.output.read();
        let told = |part: fn(&Title) -> &str| {
            let text = check.title.as_deref().map_or("", part);
            (!text.is_empty()).then(|| Text::of(text))
        };
        StoredCheck {
            id: Text::of(&check.id),
            kind: (!matches!(check.kind(), CheckKind::Reported)).then(|| Text::of(check.kind().as_str())),
            status: (check.status != Status::default()).then(|| Text::of(check.status.as_str())),
            output: (!output.is_empty()).then(|| Text(Cow::Owned(output.to_string()))),
            since: check.since.as_micros(),
            terms: check.terms.as_deref().map(StoredTerms::of),
            name: told(|title| &title.name),
            notes: told(|title| &title.notes),
            definition: told(|title| &title.definition),
        }
    }

    fn check(self) -> Result<Check, Invalid> {
        let kind = self.kind.as_ref().map(|kind| &*kind.0);
        let terms = match (self.terms, kind) {
            (Some(terms), kind) => Some(Arc::new(terms.terms(kind)?)),
            (None, None | Some("reported")) => None,
            (None, Some(_)) => return Err(Invalid::new("checks.kind", "must be reported, or have terms")),
        };
        let status = match self.status {
            None => Status::default(),
            Some(status) => Status::parse("checks.status", &status.0)?,
        };
        let output = self.output.as_ref().map_or("", |output| &output.0);
        let id = Check::parse_id("checks.id", &self.id.0)?;
        let text = |text: Option<Text<'_>>| text.map(|text| text.0.into()).unwrap_or_default();
        let (name, notes, definition) = (text(self.name), text(self.notes), text(self.definition));
        let title = Title { name, notes, definition };
        let title = (title != Title::default()).then(|| Arc::new(title));
        Ok(Check::new(id, terms, status, output, Timestamp::from_micros(self.since)).titled(title))
    }
}

/// Addresses, or a name and what it was looked up to.
fn target(texts: &[Text<'_>]) -> Result<Target, Invalid> {
    let text = |text: &Text<'_>| text.0.parse::<IpAddr>();
    match texts {
        [] => Ok(Target::Addresses(Addresses::default())),
        [name, found @ ..] if text(name).is_err() => {
            let found: Vec<IpAddr> = found.iter().filter_map(|one| text(one).ok()).collect();
            Ok(Target::parse_name("addresses", &name.0)?.resolved(&found))
        }
        addresses => Target::parse("addresses", addresses.iter().map(|text| &*text.0)),
    }
}

fn at_most(field: &str, found: usize, most: usize) -> Result<(), Invalid> {
    if found <= most { Ok(()) } else { Err(Invalid::new(field, format!("must be at most {most}, is {found}"))) }
}
