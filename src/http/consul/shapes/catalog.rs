//! Services and nodes in the flat and the nested form of the catalog.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Connect, Node, NodeService, Pairs, Proxy, ServicePort, TaggedAddresses, Text, Weights};
use crate::http::consul::filter::{Record, Value};

/// A service and its node in one object, as in `/v1/catalog/service/:service`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CatalogService<'a> {
    /// The UUID of the node.
    #[serde(rename = "ID")]
    pub id: Text<'a>,
    /// The name of the node.
    pub node: Text<'a>,
    /// The address of the node.
    pub address: Text<'a>,
    /// The data center.
    pub datacenter: Text<'a>,
    /// The addresses of the node.
    pub tagged_addresses: Pairs<'a>,
    /// What the node carries.
    pub node_meta: Pairs<'a>,
    /// Empty for a typical service.
    pub service_kind: Text<'a>,
    /// Unique on the node.
    #[serde(rename = "ServiceID")]
    pub service_id: Text<'a>,
    /// Its name.
    pub service_name: Text<'a>,
    /// Its tags.
    pub service_tags: Vec<Text<'a>>,
    /// Its address; empty for that of the node.
    pub service_address: Text<'a>,
    /// Addresses by what they are for; left out where there are none.
    #[serde(skip_serializing_if = "TaggedAddresses::is_empty")]
    pub service_tagged_addresses: TaggedAddresses<'a>,
    /// Its weights.
    pub service_weights: Weights,
    /// What it carries.
    pub service_meta: Pairs<'a>,
    /// Shown as 0 where there is none.
    pub service_port: u16,
    /// Those that have names; left out where there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub service_ports: Vec<ServicePort<'a>>,
    /// A Unix socket in place of address and port.
    pub service_socket_path: Text<'a>,
    /// Whether others may change the tags in the catalog.
    pub service_enable_tag_override: bool,
    /// That of a service that is no proxy.
    pub service_proxy: Proxy,
    /// Whether it speaks mutual TLS itself.
    pub service_connect: Connect,
    /// Where it runs, as its registration said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_locality: Option<serde_json::Map<String, serde_json::Value>>,
    /// The index of its registration.
    pub create_index: u64,
    /// The index of its last change.
    pub modify_index: u64,
}

impl Record for CatalogService<'_> {
    fn field(&self, name: &str) -> Value<'_> {
        match name {
            "ID" => Value::Text(&self.id),
            "Node" => Value::Text(&self.node),
            "Address" => Value::Text(&self.address),
            "Datacenter" => Value::Text(&self.datacenter),
            "TaggedAddresses" => Value::Map(&self.tagged_addresses),
            "NodeMeta" => Value::Map(&self.node_meta),
            "ServiceKind" => Value::Text(&self.service_kind),
            "ServiceID" => Value::Text(&self.service_id),
            "ServiceName" => Value::Text(&self.service_name),
            "ServiceTags" => Value::texts(&self.service_tags),
            "ServiceAddress" => Value::Text(&self.service_address),
            "ServiceTaggedAddresses" => Value::Map(&self.service_tagged_addresses),
            "ServiceWeights" => Value::Record(&self.service_weights),
            "ServiceMeta" => Value::Map(&self.service_meta),
            "ServicePort" => Value::Number(self.service_port.into()),
            "ServiceSocketPath" => Value::Text(&self.service_socket_path),
            "ServiceEnableTagOverride" => Value::Flag(self.service_enable_tag_override),
            "ServiceConnect" => Value::Record(&self.service_connect),
            _ => Value::Absent,
        }
    }
}

/// `/v1/catalog/node/:node`; `null` where there is no such node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CatalogNode<'a> {
    /// The node.
    pub node: Node<'a>,
    /// Its services by id.
    pub services: BTreeMap<Text<'a>, NodeService<'a>>,
}

/// `/v1/catalog/node-services/:node`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct NodeServices<'a> {
    /// The node; null where there is none.
    pub node: Option<Node<'a>>,
    /// Its services; null where there is no node.
    pub services: Option<Vec<NodeService<'a>>>,
}
