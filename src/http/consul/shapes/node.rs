//! A node: a machine with an address, on which services stand.

use serde::Serialize;

use super::{Pairs, Text};
use crate::http::consul::filter::{Record, Value};

/// A node, as in `/v1/catalog/nodes` and beside each service in `/v1/health/service/:service`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Node<'a> {
    /// A UUID that stays; empty for a node that was registered without.
    #[serde(rename = "ID")]
    pub id: Text<'a>,
    /// Its name.
    pub node: Text<'a>,
    /// An IP address or a host name.
    pub address: Text<'a>,
    /// Its data center.
    pub datacenter: Text<'a>,
    /// `lan`, `lan_ipv4`, `wan`, `wan_ipv4` and the like.
    pub tagged_addresses: Pairs<'a>,
    /// What it carries.
    pub meta: Pairs<'a>,
    /// The index of its registration.
    pub create_index: u64,
    /// The index of its last change.
    pub modify_index: u64,
}

impl Record for Node<'_> {
    fn field(&self, name: &str) -> Value<'_> {
        match name {
            "ID" => Value::Text(&self.id),
            "Node" => Value::Text(&self.node),
            "Address" => Value::Text(&self.address),
            "Datacenter" => Value::Text(&self.datacenter),
            "TaggedAddresses" => Value::Map(&self.tagged_addresses),
            "Meta" => Value::Map(&self.meta),
            _ => Value::Absent,
        }
    }
}
