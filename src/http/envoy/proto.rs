//! Envoy's messages, as far as they are read or written here: each in its two forms, protobuf and JSON.
//!
//! Numbers of fields are those of `envoy/service/discovery/v3/discovery.proto` and `envoy/config/endpoint/v3/`. Fields
//! that nobody reads are skipped, so most of what Envoy says of itself is never kept.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize, Serializer};

/// The type of the only resources there are.
pub(super) const TYPE_URL: &str = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";

/// What Envoy asks for, and what it thinks of the last answer.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default)]
pub(super) struct DiscoveryRequest {
    /// The version of the answer that it uses.
    #[prost(string, tag = "1")]
    #[serde(alias = "versionInfo")]
    pub(super) version_info: String,
    #[prost(message, optional, tag = "2")]
    pub(super) node: Option<Node>,
    #[prost(string, repeated, tag = "3")]
    #[serde(alias = "resourceNames")]
    pub(super) resource_names: Vec<String>,
    #[prost(string, tag = "4")]
    #[serde(alias = "typeUrl")]
    pub(super) type_url: String,
    /// The answer it speaks of; empty in the first request of a stream.
    #[prost(string, tag = "5")]
    #[serde(alias = "responseNonce")]
    pub(super) response_nonce: String,
    /// Why it rejects that answer.
    #[prost(message, optional, tag = "6")]
    #[serde(alias = "errorDetail")]
    pub(super) error_detail: Option<Status>,
}

/// Who asks.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default)]
pub(super) struct Node {
    #[prost(string, tag = "1")]
    pub(super) id: String,
}

/// google.rpc.Status.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    #[prost(string, tag = "2")]
    pub(super) message: String,
}

/// The answer over gRPC.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct DiscoveryResponse {
    #[prost(string, tag = "1")]
    pub(super) version_info: String,
    #[prost(message, repeated, tag = "2")]
    pub(super) resources: Vec<Any>,
    #[prost(string, tag = "4")]
    pub(super) type_url: String,
    #[prost(string, tag = "5")]
    pub(super) nonce: String,
}

/// google.protobuf.Any.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Any {
    #[prost(string, tag = "1")]
    pub(super) type_url: String,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) value: Bytes,
}

/// The endpoints of a cluster.
#[derive(Clone, PartialEq, prost::Message, Serialize)]
pub(super) struct ClusterLoadAssignment {
    #[prost(string, tag = "1")]
    pub(super) cluster_name: String,
    #[prost(message, repeated, tag = "2")]
    pub(super) endpoints: Vec<LocalityLbEndpoints>,
}

/// Those of one priority in one place.
#[derive(Clone, PartialEq, prost::Message, Serialize)]
pub(super) struct LocalityLbEndpoints {
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) locality: Option<Locality>,
    #[prost(message, repeated, tag = "2")]
    pub(super) lb_endpoints: Vec<LbEndpoint>,
    #[prost(message, optional, tag = "3")]
    pub(super) load_balancing_weight: Option<u32>,
    #[prost(uint32, tag = "5")]
    pub(super) priority: u32,
}

/// A place.
#[derive(Clone, PartialEq, prost::Message, Serialize)]
pub(super) struct Locality {
    #[prost(string, tag = "1")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) region: String,
    #[prost(string, tag = "2")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) zone: String,
}

/// An endpoint, and how it is to be used.
#[derive(Clone, PartialEq, prost::Message, Serialize)]
pub(super) struct LbEndpoint {
    #[prost(message, optional, tag = "1")]
    pub(super) endpoint: Option<Endpoint>,
    #[prost(enumeration = "HealthStatus", tag = "2")]
    #[serde(serialize_with = "health_in_words")]
    pub(super) health_status: i32,
    #[prost(message, optional, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metadata: Option<Metadata>,
    #[prost(message, optional, tag = "4")]
    pub(super) load_balancing_weight: Option<u32>,
}

/// `envoy.config.core.v3.HealthStatus`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, prost::Enumeration)]
#[repr(i32)]
pub(super) enum HealthStatus {
    Unknown = 0,
    Healthy = 1,
    Unhealthy = 2,
    Draining = 3,
}

fn health_in_words<S: Serializer>(health: &i32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match HealthStatus::try_from(*health) {
        Ok(HealthStatus::Healthy) => "HEALTHY",
        Ok(HealthStatus::Unhealthy) => "UNHEALTHY",
        Ok(HealthStatus::Draining) => "DRAINING",
        Ok(HealthStatus::Unknown) | Err(_) => "UNKNOWN",
    })
}

/// Where it is reached.
#[derive(Clone, PartialEq, prost::Message, Serialize)]
pub(super) struct Endpoint {
    #[prost(message, optional, tag = "1")]
    pub(super) address: Option<Address>,
    #[prost(string, tag = "3")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) hostname: String,
    #[prost(message, repeated, tag = "4")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) additional_addresses: Vec<AdditionalAddress>,
}

/// Another address of the same endpoint.
#[derive(Clone, PartialEq, prost::Message, Serialize)]
pub(super) struct AdditionalAddress {
    #[prost(message, optional, tag = "1")]
    pub(super) address: Option<Address>,
}

/// An address of some kind: always this one.
#[derive(Clone, PartialEq, prost::Message, Serialize)]
pub(super) struct Address {
    #[prost(message, optional, tag = "1")]
    pub(super) socket_address: Option<SocketAddress>,
}

/// An IP address and a port.
#[derive(Clone, PartialEq, prost::Message, Serialize)]
pub(super) struct SocketAddress {
    /// 0 is TCP, 1 UDP.
    #[prost(int32, tag = "1")]
    #[serde(skip_serializing_if = "is_tcp", serialize_with = "udp_in_words")]
    pub(super) protocol: i32,
    #[prost(string, tag = "2")]
    pub(super) address: String,
    /// 1 to 65535.
    #[prost(uint32, tag = "3")]
    pub(super) port_value: u32,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_tcp(protocol: &i32) -> bool {
    *protocol == 0
}

fn udp_in_words<S: Serializer>(_: &i32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str("UDP")
}

/// What filters and load balancers read of an endpoint, by their names.
#[derive(Clone, PartialEq, prost::Message, Serialize)]
pub(super) struct Metadata {
    #[prost(btree_map = "string, message", tag = "1")]
    pub(super) filter_metadata: BTreeMap<String, Struct>,
}

/// google.protobuf.Struct.
#[derive(Clone, PartialEq, prost::Message, Serialize)]
#[serde(transparent)]
pub(super) struct Struct {
    #[prost(btree_map = "string, message", tag = "1")]
    pub(super) fields: BTreeMap<String, Value>,
}

/// google.protobuf.Value, as far as it occurs.
#[derive(Clone, PartialEq, prost::Message, Serialize)]
#[serde(transparent)]
pub(super) struct Value {
    #[prost(oneof = "Kind", tags = "3, 4")]
    pub(super) kind: Option<Kind>,
}

/// A value.
#[derive(Clone, PartialEq, prost::Oneof, Serialize)]
#[serde(untagged)]
pub(super) enum Kind {
    #[prost(string, tag = "3")]
    Text(String),
    #[prost(bool, tag = "4")]
    Flag(bool),
}
