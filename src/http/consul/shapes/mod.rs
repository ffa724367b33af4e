//! The JSON of Consul's answers: names, order and omissions of each object, and its fields for filters.
//!
//! Lists and maps are never null, and a map is ordered by key. What rollcall does not offer, such as proxies, has the
//! form of a service that does without.

mod catalog;
mod check;
mod node;
mod service;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use super::filter::{Keyed, Record, Value};

pub use catalog::{CatalogNode, CatalogService, NodeServices};
pub use check::{Definition, HealthCheck};
pub use node::Node;
pub use service::{AgentService, Connect, NodeService, Proxy, ServiceEntry, ServicePort};

/// A text that is borrowed from the table wherever it stands there.
pub type Text<'a> = Cow<'a, str>;

/// Texts by key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Pairs<'a>(pub BTreeMap<Text<'a>, Text<'a>>);

impl Keyed for Pairs<'_> {
    fn value(&self, key: &str) -> Option<Value<'_>> {
        self.0.get(key).map(|text| Value::Text(text))
    }

    fn has_none(&self) -> bool {
        self.0.is_empty()
    }
}

/// Addresses of a service by what they are for: `lan`, `lan_ipv4`, `lan_ipv6`, `wan`, `wan_ipv4`, `wan_ipv6`, or any
/// other word.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct TaggedAddresses<'a>(pub BTreeMap<Text<'a>, ServiceAddress<'a>>);

impl TaggedAddresses<'_> {
    /// Whether there is none: then the field is left out.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Keyed for TaggedAddresses<'_> {
    fn value(&self, key: &str) -> Option<Value<'_>> {
        self.0.get(key).map(|address| Value::Record(address))
    }

    fn has_none(&self) -> bool {
        self.0.is_empty()
    }
}

/// One address of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServiceAddress<'a> {
    /// An IP address or a host name.
    pub address: Text<'a>,
    /// 0 to 65535.
    pub port: u16,
}

impl Record for ServiceAddress<'_> {
    fn field(&self, name: &str) -> Value<'_> {
        match name {
            "Address" => Value::Text(&self.address),
            "Port" => Value::Number(self.port.into()),
            _ => Value::Absent,
        }
    }
}

/// SRV weights of a service in each state in which it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Weights {
    /// Where every check passes, 1 to 65535.
    pub passing: u16,
    /// Where one warns, 0 to 65535.
    pub warning: u16,
}

impl Default for Weights {
    fn default() -> Weights {
        Weights { passing: 1, warning: 1 }
    }
}

impl Record for Weights {
    fn field(&self, name: &str) -> Value<'_> {
        match name {
            "Passing" => Value::Number(self.passing.into()),
            "Warning" => Value::Number(self.warning.into()),
            _ => Value::Absent,
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
fn is_zero(port: &u16) -> bool {
    *port == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
fn is_no_index(index: &u64) -> bool {
    *index == 0
}
