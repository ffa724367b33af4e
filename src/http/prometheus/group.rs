//! A host as target groups: one for each of its ports, with what it says of itself as labels.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::table::{Bracketed, Host, Port};

/// The beginning of every label.
const PREFIX: &str = "__meta_rollcall_";

/// A target with its labels.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TargetGroup)]
pub(super) struct GroupView {
    /// One target: `address:port`, or an address alone where a host has no port.
    targets: [String; 1],
    /// Its labels, all texts.
    labels: BTreeMap<String, String>,
}

/// The groups of a host; none where nothing is known of where it is.
pub(super) fn groups(host: &Host) -> Vec<GroupView> {
    // A host that has a name is scraped by its name.
    let named = host.target.name().map(|name| name.to_string());
    let address = named.or_else(|| host.target.addresses().first().map(ToString::to_string));
    let Some(address) = address else { return Vec::new() };
    let ports = host.ports.iter().map(Some).chain(host.ports.is_empty().then_some(None));
    ports.map(|port| group(host, &address, port)).collect()
}

fn group(host: &Host, address: &str, port: Option<&Port>) -> GroupView {
    let bracketed = Bracketed(address);
    let target = match port {
        Some(port) => format!("{bracketed}:{}", port.number),
        None => bracketed.to_string(),
    };
    let mut labels = BTreeMap::new();
    let mut set = |name: &str, value: &str| {
        labels.entry(format!("{PREFIX}{name}")).or_insert_with(|| value.to_owned());
    };
    set("service", host.service.as_str());
    set("id", host.id.as_str());
    set("namespace", host.namespace.as_str());
    set("origin", host.dialect.as_str());
    set("address", address);
    set("port", &port.map_or_else(String::new, |port| port.number.to_string()));
    set("port_name", port.and_then(|port| port.name.as_deref()).unwrap_or_default());
    set("protocol", port.map_or("", |port| port.protocol.as_str()));
    set("zone", host.zone.as_ref().map_or("", |zone| zone.as_str()));
    set("region", host.region.as_ref().map_or("", |region| region.as_str()));
    set("status", host.status().as_str());
    set("draining", if host.draining { "true" } else { "false" });
    set("weight", &host.weight.to_string());
    set("priority", &host.priority.to_string());
    set("tags", &joined(host));
    for tag in &host.tags {
        match tag.as_str().split_once('=') {
            Some((key, value)) => set(&format!("tag_{}", sanitized(key)), value),
            None => set(&format!("tag_{}", sanitized(tag.as_str())), "true"),
        }
    }
    for (key, value) in &host.meta {
        set(&format!("meta_{}", sanitized(key)), value);
    }
    GroupView { targets: [target], labels }
}

/// The tags between commas, and one at each end, so that `.*,canary,.*` finds a tag wherever it is.
fn joined(host: &Host) -> String {
    let mut joined = String::new();
    for tag in &host.tags {
        joined.push(',');
        joined.push_str(tag.as_str());
    }
    if !joined.is_empty() {
        joined.push(',');
    }
    joined
}

/// A text as a part of a label's name: what cannot be in one is an underscore.
fn sanitized(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}
