//! What identifies a row, and the order of rows.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use super::host::Host;
use super::text::{HostId, ServiceName};

/// The API a row belongs to. Ids of different dialects never collide.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Dialect {
    /// rollcall's own API.
    Native = 0,
    /// Lyft's discovery service.
    Lyft = 1,
    /// Consul.
    Consul = 2,
    /// None: the row is a node of Consul's catalog, a machine that offers nothing by itself.
    Node = 3,
    /// minos' discovery service.
    Minos = 4,
    /// None: another program wrote the host into etcd.
    Etcd = 5,
}

impl Dialect {
    /// Every dialect in which hosts register, in the order of their numbers.
    pub const ALL: [Dialect; 5] = [Dialect::Native, Dialect::Lyft, Dialect::Consul, Dialect::Minos, Dialect::Etcd];

    /// The name in APIs, logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Dialect::Native => "native",
            Dialect::Lyft => "lyft",
            Dialect::Consul => "consul",
            Dialect::Node => "node",
            Dialect::Minos => "minos",
            Dialect::Etcd => "etcd",
        }
    }

    /// The dialect of a number that [`Dialect`] has.
    pub fn of_number(number: u8) -> Option<Dialect> {
        Dialect::ALL.into_iter().chain([Dialect::Node]).find(|dialect| *dialect as u8 == number)
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
