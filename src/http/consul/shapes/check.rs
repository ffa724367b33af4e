//! A check and its verdict.

use serde::Serialize;

use super::Text;
use crate::http::consul::filter::{Record, Value};

/// A check, as in `/v1/health/checks/:service`, `/v1/agent/checks` and beside each service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct HealthCheck<'a> {
    /// The node it is of.
    pub node: Text<'a>,
    /// Unique on the node.
    #[serde(rename = "CheckID")]
    pub check_id: Text<'a>,
    /// For people.
    pub name: Text<'a>,
    /// `passing`, `warning` or `critical`.
    pub status: Text<'a>,
    /// For people.
    pub notes: Text<'a>,
    /// What was said with the verdict.
    pub output: Text<'a>,
    /// The service it is of; empty for one of the node.
    #[serde(rename = "ServiceID")]
    pub service_id: Text<'a>,
    /// That service's name.
    pub service_name: Text<'a>,
    /// That service's tags.
    pub service_tags: Vec<Text<'a>>,
    /// `http`, `tcp`, `udp`, `grpc`, `ttl`, `alias`, `h2ping`, `os_service` or `maintenance`; empty for `serfHealth`.
    pub r#type: Text<'a>,
    /// How often it asks, in Go's form.
    pub interval: Text<'a>,
    /// How long it waits, in Go's form.
    pub timeout: Text<'a>,
    /// Only proxies have one: 0.
    pub exposed_port: u16,
    /// What an external registration said of it.
    pub definition: Definition,
    /// The index of its registration.
    pub create_index: u64,
    /// The index of its last change.
    pub modify_index: u64,
}

/// What an external registration said of a check; an agent's checks have none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Definition(pub serde_json::Map<String, serde_json::Value>);

impl Record for HealthCheck<'_> {
    fn field(&self, name: &str) -> Value<'_> {
        match name {
            "Node" => Value::Text(&self.node),
            "CheckID" => Value::Text(&self.check_id),
            "Name" => Value::Text(&self.name),
            "Status" => Value::Text(&self.status),
            "Notes" => Value::Text(&self.notes),
            "Output" => Value::Text(&self.output),
            "ServiceID" => Value::Text(&self.service_id),
            "ServiceName" => Value::Text(&self.service_name),
            "ServiceTags" => Value::texts(&self.service_tags),
            "Type" => Value::Text(&self.r#type),
            "Interval" => Value::Text(&self.interval),
            "Timeout" => Value::Text(&self.timeout),
            "ExposedPort" => Value::Number(self.exposed_port.into()),
            _ => Value::Absent,
        }
    }
}
