//! A service on a node, in the two forms that the agent and the catalog have for it.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value as Json};

use super::{HealthCheck, Node, Pairs, TaggedAddresses, Text, Weights, is_no_index, is_zero};
use crate::http::consul::filter::{Record, Value};

/// A port with a name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServicePort<'a> {
    /// Its name.
    pub name: Text<'a>,
    /// 1 to 65535.
    pub port: u16,
    /// Whether it is meant where no name is said.
    pub default: bool,
}

/// A service as the catalog knows it: in `/v1/health/service/:service` and `/v1/catalog/node/:node`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct NodeService<'a> {
    /// Empty for a typical one.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub kind: Text<'a>,
    /// Unique on the node.
    #[serde(rename = "ID")]
    pub id: Text<'a>,
    /// Its name.
    pub service: Text<'a>,
    /// Its tags.
    pub tags: Vec<Text<'a>>,
    /// An IP address or a host name; empty for that of the node.
    pub address: Text<'a>,
    /// Addresses by what they are for; left out where there are none.
    #[serde(skip_serializing_if = "TaggedAddresses::is_empty")]
    pub tagged_addresses: TaggedAddresses<'a>,
    /// What it carries.
    pub meta: Pairs<'a>,
    /// Left out where it is 0.
    #[serde(skip_serializing_if = "is_zero")]
    pub port: u16,
    /// Those that have names; left out where there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<ServicePort<'a>>,
    /// A Unix socket in place of address and port.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub socket_path: Text<'a>,
    /// Its weights.
    pub weights: Weights,
    /// Whether others may change the tags in the catalog.
    pub enable_tag_override: bool,
    /// That of a service that is no proxy.
    pub proxy: Proxy,
    /// Whether it speaks mutual TLS itself.
    pub connect: Connect,
    /// Where it was imported from: always empty.
    pub peer_name: Text<'a>,
    /// Where it runs, as its registration said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locality: Option<Map<String, Json>>,
    /// The index of its registration.
    pub create_index: u64,
    /// The index of its last change.
    pub modify_index: u64,
}

impl Record for NodeService<'_> {
    fn field(&self, name: &str) -> Value<'_> {
        match name {
            "Kind" => Value::Text(&self.kind),
            "ID" => Value::Text(&self.id),
            "Service" => Value::Text(&self.service),
            "Tags" => Value::texts(&self.tags),
            "Address" => Value::Text(&self.address),
            "TaggedAddresses" => Value::Map(&self.tagged_addresses),
            "Meta" => Value::Map(&self.meta),
            "Port" => Value::Number(self.port.into()),
            "SocketPath" => Value::Text(&self.socket_path),
            "Weights" => Value::Record(&self.weights),
            "EnableTagOverride" => Value::Flag(self.enable_tag_override),
            "Connect" => Value::Record(&self.connect),
            "PeerName" => Value::Text(&self.peer_name),
            _ => Value::Absent,
        }
    }
}

/// A service as its agent knows it: in `/v1/agent/services` and `/v1/agent/service/:id`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AgentService<'a> {
    /// Empty for a typical one.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub kind: Text<'a>,
    /// Unique on the node.
    #[serde(rename = "ID")]
    pub id: Text<'a>,
    /// Its name.
    pub service: Text<'a>,
    /// Its tags.
    pub tags: Vec<Text<'a>>,
    /// What it carries.
    pub meta: Pairs<'a>,
    /// Shown as 0 where there is none, unlike in the catalog.
    pub port: u16,
    /// Those that have names; left out where there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<ServicePort<'a>>,
    /// An IP address or a host name; empty for that of the node.
    pub address: Text<'a>,
    /// A Unix socket in place of address and port.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub socket_path: Text<'a>,
    /// Addresses by what they are for; left out where there are none.
    #[serde(skip_serializing_if = "TaggedAddresses::is_empty")]
    pub tagged_addresses: TaggedAddresses<'a>,
    /// Its weights.
    pub weights: Weights,
    /// Whether others may change the tags in the catalog.
    pub enable_tag_override: bool,
    /// What it says of itself as a proxy; left out where it is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<Proxy>,
    /// Left out where it does not speak mutual TLS itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect: Option<Connect>,
    /// Where it runs, as its registration said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locality: Option<Map<String, Json>>,
    /// Left out where it is 0, as it is in Consul.
    #[serde(skip_serializing_if = "is_no_index")]
    pub create_index: u64,
    /// Left out where it is 0, as it is in Consul.
    #[serde(skip_serializing_if = "is_no_index")]
    pub modify_index: u64,
    /// The hash that `/v1/agent/service/:id?hash=` waits on; left out elsewhere.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub content_hash: Text<'a>,
    /// Its data center.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub datacenter: Text<'a>,
}

impl Record for AgentService<'_> {
    fn field(&self, name: &str) -> Value<'_> {
        match name {
            "Kind" => Value::Text(&self.kind),
            "ID" => Value::Text(&self.id),
            "Service" => Value::Text(&self.service),
            "Tags" => Value::texts(&self.tags),
            "Meta" => Value::Map(&self.meta),
            "Port" => Value::Number(self.port.into()),
            "Address" => Value::Text(&self.address),
            "SocketPath" => Value::Text(&self.socket_path),
            "TaggedAddresses" => Value::Map(&self.tagged_addresses),
            "Weights" => Value::Record(&self.weights),
            "EnableTagOverride" => Value::Flag(self.enable_tag_override),
            _ => Value::Absent,
        }
    }
}

/// A service with its node and the checks of both, as in `/v1/health/service/:service`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServiceEntry<'a> {
    /// Where it stands.
    pub node: Node<'a>,
    /// The service.
    pub service: NodeService<'a>,
    /// Those of the node and its own.
    pub checks: Vec<HealthCheck<'a>>,
}

impl Record for ServiceEntry<'_> {
    fn field(&self, name: &str) -> Value<'_> {
        match name {
            "Node" => Value::Record(&self.node),
            "Service" => Value::Record(&self.service),
            "Checks" => Value::records(&self.checks),
            _ => Value::Absent,
        }
    }
}

/// The proxy part of a service: `{"Mode":"","MeshGateway":{},"Expose":{}}` and what it said itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxy(pub Option<Map<String, Json>>);

impl Serialize for Proxy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let plain = [("Mode", Json::from("")), ("MeshGateway", Map::new().into()), ("Expose", Map::new().into())];
        let said = self.0.iter().flatten().map(|(key, value)| (key.as_str(), value));
        let unsaid = |key: &str| self.0.as_ref().is_none_or(|said| !said.contains_key(key));
        let rest = plain.iter().filter(|(key, _)| unsaid(key)).map(|(key, value)| (*key, value));
        serializer.collect_map(said.chain(rest))
    }
}

/// Whether a service speaks mutual TLS itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Connect {
    /// Left out where it does not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub native: bool,
}

impl Record for Connect {
    fn field(&self, name: &str) -> Value<'_> {
        if name == "Native" { Value::Flag(self.native) } else { Value::Absent }
    }
}
