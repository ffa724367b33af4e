//! Hosts as JSON: written straight from the rows.

use std::fmt::{self, Display};
use std::io::Write as _;

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::duration::Printed;
use super::terms::TermsView;
use crate::clock::Timestamp;
use crate::table::{Change, Check, Host, Port, Said, Target};

/// A host as stored.
#[derive(Serialize, ToSchema)]
#[schema(as = Host)]
pub(super) struct HostView<'a> {
    /// Its service.
    service: &'a str,
    /// Its id, unique within service and origin.
    id: &'a str,
    /// The API that registered it: `native`, `lyft`, `consul` or `minos`.
    origin: &'static str,
    /// Its namespace.
    namespace: &'a str,
    /// Its addresses, or one host name.
    #[schema(value_type = Vec<String>)]
    addresses: Addresses<'a>,
    /// Its ports.
    #[schema(value_type = Vec<super::body::PortBody>)]
    ports: Ports<'a>,
    /// Its tags.
    #[schema(value_type = Vec<String>)]
    tags: Tags<'a>,
    /// Its pairs.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    meta: Meta<'a>,
    /// SRV weight.
    weight: u16,
    /// SRV priority.
    priority: u16,
    /// Availability zone.
    zone: Option<&'a str>,
    /// Region.
    region: Option<&'a str>,
    /// What the host is called in DNS; null without a name of its own.
    hostname: Option<&'a str>,
    /// The worst status of its checks; `passing` without any.
    status: &'static str,
    /// Its checks.
    #[schema(value_type = Vec<CheckView>)]
    checks: Checks<'a>,
    /// Whether an operator took it out of the answers.
    draining: bool,
    /// The lease: how long the host stays after its last heartbeat; null is for ever.
    #[schema(value_type = Option<String>)]
    ttl: Option<Text<Printed>>,
    /// The last heartbeat (RFC 3339).
    #[schema(value_type = String)]
    last_renewed: Text<Timestamp>,
    /// When it leaves the answers unless it renews; null is never. Of a table that several servers share: as far as this server heard.
    #[schema(value_type = Option<String>)]
    expires_at: Option<Text<Timestamp>>,
    /// Whether its lease has ended and it is kept all the same, as too many fell silent with it: see `/v1/brake`.
    stale: bool,
    /// Up to when it is kept then unless it renews; null where it is not.
    #[schema(value_type = Option<String>)]
    kept_until: Option<Text<Timestamp>>,
    /// The revision that made it.
    created_revision: u64,
    /// The revision that last changed it.
    modified_revision: u64,
    /// The same: what a client remembers of the host.
    revision: u64,
}

impl<'a> HostView<'a> {
    /// The view of a row.
    pub(super) fn of(host: &'a Host) -> HostView<'a> {
        HostView {
            service: host.service.as_str(),
            id: host.id.as_str(),
            origin: host.dialect.as_str(),
            namespace: host.namespace.as_str(),
            addresses: Addresses(&host.target),
            ports: Ports(&host.ports),
            tags: Tags(&host.tags),
            meta: Meta(&host.meta),
            weight: host.weight,
            priority: host.priority,
            zone: host.zone.as_ref().map(|zone| zone.as_str()),
            region: host.region.as_ref().map(|region| region.as_str()),
            hostname: host.hostname.as_deref(),
            status: host.status().as_str(),
            checks: Checks(&host.checks),
            draining: host.draining,
            ttl: host.lease.ttl().map(|ttl| Text(Printed(ttl))),
            last_renewed: Text(host.lease.renewed()),
            expires_at: host.lease.ttl().map(|ttl| Text(host.lease.renewed().after(ttl))),
            stale: host.lease.is_held(),
            kept_until: host.lease.held_until().filter(|_| host.lease.is_held()).map(Text),
            created_revision: host.created.0,
            modified_revision: host.modified.0,
            revision: host.modified.0,
        }
    }
}

impl HostView<'_> {
    /// What serde makes of it, in a third of the time: most of a row are the names of its fields, which need no look at
    /// each character.
    pub(super) fn write(&self, json: &mut Vec<u8>) {
        let HostView {
            service,
            id,
            origin,
            namespace,
            addresses,
            ports,
            tags,
            meta,
            weight,
            priority,
            zone,
            region,
            hostname,
            status,
            checks,
            draining,
            ttl,
            last_renewed,
            expires_at,
            stale,
            kept_until,
            created_revision,
            modified_revision,
            revision,
        } = self;
        let mut out = Fields(json);
        out.put(r#"{"service":"#, service);
        out.put(r#","id":"#, id);
        out.word(r#","origin":"#, origin);
        out.put(r#","namespace":"#, namespace);
        out.put(r#","addresses":"#, addresses);
        out.ports(r#","ports":"#, ports);
        out.put(r#","tags":"#, tags);
        out.put(r#","meta":"#, meta);
        out.put(r#","weight":"#, weight);
        out.put(r#","priority":"#, priority);
        out.put(r#","zone":"#, zone);
        out.put(r#","region":"#, region);
        out.put(r#","hostname":"#, hostname);
        out.word(r#","status":"#, status);
        out.put(r#","checks":"#, checks);
        out.put(r#","draining":"#, draining);
        out.print(r#","ttl":"#, ttl.as_ref());
        out.moment(r#","last_renewed":"#, Some(last_renewed));
        out.moment(r#","expires_at":"#, expires_at.as_ref());
        out.put(r#","stale":"#, stale);
        out.moment(r#","kept_until":"#, kept_until.as_ref());
        out.put(r#","created_revision":"#, created_revision);
        out.put(r#","modified_revision":"#, modified_revision);
        out.put(r#","revision":"#, revision);
        out.0.push(b'}');
    }
}

/// An object that is written field by field.
struct Fields<'j>(&'j mut Vec<u8>);

impl Fields<'_> {
    /// A field, with what stands before its value.
    fn put(&mut self, name: &str, value: &impl Serialize) {
        self.0.extend_from_slice(name.as_bytes());
        // Writing into a Vec cannot fail, and a row has no map with keys that are no strings.
        let _ = serde_json::to_writer(&mut *self.0, value);
    }

    /// A field with a word of ours, in which nothing is to be escaped.
    fn word(&mut self, name: &str, word: &'static str) {
        self.quote(name, Some(word), |json, word| json.extend_from_slice(word.as_bytes()));
    }

    fn ports(&mut self, name: &str, Ports(ports): &Ports<'_>) {
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(b'[');
        for (place, port) in ports.iter().enumerate() {
            self.put(if place == 0 { r#"{"name":"# } else { r#",{"name":"# }, &port.name.as_deref());
            self.word(r#","protocol":"#, port.protocol.as_str());
            self.put(r#","port":"#, &port.number);
            self.0.push(b'}');
        }
        self.0.push(b']');
    }

    /// A field whose value prints as digits and letters, or null.
    fn print(&mut self, name: &str, value: Option<&Text<Printed>>) {
        self.quote(name, value, |json, Text(value)| {
            // Into a Vec, too.
            let _ = write!(json, "{value}");
        });
    }

    /// The same of a moment.
    fn moment(&mut self, name: &str, value: Option<&Text<Timestamp>>) {
        self.quote(name, value, |json, Text(moment)| moment.print(json));
    }

    fn quote<T: ?Sized>(&mut self, name: &str, value: Option<&T>, write: impl FnOnce(&mut Vec<u8>, &T)) {
        self.0.extend_from_slice(name.as_bytes());
        match value {
            None => self.0.extend_from_slice(b"null"),
            Some(value) => {
                self.0.push(b'"');
                write(self.0, value);
                self.0.push(b'"');
            }
        }
    }
}

/// A change of a host.
#[derive(Serialize, ToSchema)]
#[schema(as = Change)]
pub(super) struct ChangeView<'a> {
    /// The number of the change.
    revision: u64,
    /// When it happened (RFC 3339).
    #[schema(value_type = String)]
    at: Text<Timestamp>,
    /// Who caused it: an API, `expiry` of a lease, or a `check` that the server does or that nobody reported in time.
    #[schema(value_type = String)]
    cause: Text<crate::table::Cause>,
    /// `created`, `updated` or `removed`.
    kind: &'static str,
    /// The host after the change; for a removal before it.
    host: HostView<'a>,
}

impl<'a> ChangeView<'a> {
    /// The view of a change.
    pub(super) fn of(change: &'a Change) -> ChangeView<'a> {
        let kind = match (&change.before, &change.after) {
            (None, _) => "created",
            (Some(_), Some(_)) => "updated",
            (Some(_), None) => "removed",
        };
        ChangeView {
            revision: change.revision.0,
            at: Text(change.at),
            cause: Text(change.cause),
            kind,
            host: HostView::of(change.host()),
        }
    }
}

/// A check of a host.
#[derive(Serialize, ToSchema)]
#[schema(as = Check)]
pub(super) struct CheckView<'a> {
    /// Unique within the host.
    id: &'a str,
    /// `passing`, `warning` or `critical`.
    status: &'static str,
    /// What was said last.
    #[schema(value_type = String)]
    output: Text<Spoken>,
    /// When the status last changed (RFC 3339).
    #[schema(value_type = String)]
    since: Text<Timestamp>,
    /// What the server does, in the form of the registration; nothing of it for a check that is only reported.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    terms: Option<TermsView<'a>>,
}

/// The words of a check.
struct Spoken(Said);

impl Display for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Something that is written as it prints.
pub(super) struct Text<T>(pub(super) T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

struct Addresses<'a>(&'a Target);

impl Serialize for Addresses<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.name() {
            None => serializer.collect_seq(self.0.addresses()),
            Some(name) => serializer.collect_seq([name.as_ref()]),
        }
    }
}

struct Ports<'a>(&'a [Port]);

impl Serialize for Ports<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct View<'a> {
            name: Option<&'a str>,
            protocol: &'static str,
            port: u16,
        }
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for port in self.0 {
            let view = View { name: port.name.as_deref(), protocol: port.protocol.as_str(), port: port.number };
            list.serialize_element(&view)?;
        }
        list.end()
    }
}

struct Tags<'a>(&'a [crate::table::Tag]);

impl Serialize for Tags<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|tag| tag.as_str()))
    }
}

struct Meta<'a>(&'a [(Box<str>, Box<str>)]);

impl Serialize for Meta<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

struct Checks<'a>(&'a [Check]);

impl Serialize for Checks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|check| CheckView {
            id: &check.id,
            status: check.status.as_str(),
            output: Text(Spoken(check.output.read())),
            since: Text(check.since),
            terms: check.terms.as_deref().map(TermsView),
        }))
    }
}
