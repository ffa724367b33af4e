//! The catalog of a Consul, registered here in Consul's own form for what others register.

use anyhow::{Context as _, bail};
use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::import::{Manner, ask};
use super::tally::Tally;
use crate::cli::client::{Client, Sent, interpret};

/// What Consul's servers call themselves. It is not there any more where they are not.
const ITSELF: &str = "consul";

/// Fields of answers that say when something happened, or where, and are no part of a registration.
const NOT_SAID: [&str; 8] =
    ["CreateIndex", "ModifyIndex", "Datacenter", "Namespace", "Partition", "PeerName", "ServiceTags", "ExposedPort"];

/// Takes all nodes with their services and checks.
pub(super) async fn import(from: &Client, to: &Client, manner: Manner, tally: &mut Tally) -> anyhow::Result<()> {
    let nodes = ask(from, &["v1", "catalog", "nodes"]).await?;
    let Some(nodes) = nodes.as_array() else { bail!("the list of nodes is none: is it a Consul?") };
    for node in nodes {
        let Some(name) = node.get("Node").and_then(Value::as_str) else { bail!("a node has no name") };
        let theirs = Standing::read(from, name).await?.with_context(|| format!("the node {name} is not there"))?;
        let ours = Standing::read(to, name).await?;
        for part in theirs.parts() {
            let known = ours.as_ref().and_then(|ours| ours.part(part.id.as_deref()));
            match &known {
                Some(known) if *known == part => tally.unchanged += 1,
                Some(_) if manner.keep => tally.kept += 1,
                _ => put(to, name, &theirs.node, part, known.is_some(), manner, tally).await?,
            }
        }
    }
    Ok(())
}

/// A node with what stands on it.
struct Standing {
    node: Value,
    services: Map<String, Value>,
    checks: Vec<Value>,
}

/// A node alone, or a service on it, with its checks.
#[derive(PartialEq)]
struct Part {
    /// That of the service; none for the node.
    id: Option<String>,
    body: Map<String, Value>,
    checks: Vec<Value>,
}

impl Standing {
    async fn read(client: &Client, name: &str) -> anyhow::Result<Option<Standing>> {
        let answer = ask(client, &["v1", "catalog", "node", name]).await?;
        let Some(node) = answer.get("Node").filter(|node| !node.is_null()).cloned() else { return Ok(None) };
        let services = answer.get("Services").and_then(Value::as_object).cloned().unwrap_or_default();
        let checks = ask(client, &["v1", "health", "node", name]).await?;
        let checks = checks.as_array().cloned().unwrap_or_default();
        Ok(Some(Standing { node, services, checks }))
    }

    /// The node first, then its services.
    fn parts(&self) -> impl Iterator<Item = Part> {
        let services = self.services.iter().filter(|(_, service)| service.get("Service") != Some(&json!(ITSELF)));
        std::iter::once(None).chain(services.map(|(id, _)| Some(id.as_str()))).filter_map(|id| self.part(id))
    }

    fn part(&self, id: Option<&str>) -> Option<Part> {
        let body = match id {
            None => node_fields(&self.node),
            Some(id) => service_fields(self.services.get(id)?.as_object()?),
        };
        let is_of = |check: &&Value| {
            check.get("ServiceID").and_then(Value::as_str).unwrap_or_default() == id.unwrap_or_default()
        };
        let mut checks: Vec<Value> = self.checks.iter().filter(is_of).map(check_fields).collect();
        checks.sort_by_key(|check| check["CheckID"].to_string());
        Some(Part { id: id.map(str::to_owned), body, checks })
    }
}

/// A value that says nothing: some servers have one of these, some another, some leave the field out.
fn is_nothing(value: &Value) -> bool {
    value.is_null() || *value == json!({}) || *value == json!([])
}

/// What a registration says of the node.
fn node_fields(node: &Value) -> Map<String, Value> {
    let field = |name: &str| node.get(name).cloned().unwrap_or_default();
    let fields = [
        ("ID", field("ID")),
        ("Node", field("Node")),
        ("Address", field("Address")),
        ("TaggedAddresses", field("TaggedAddresses")),
        ("NodeMeta", field("Meta")),
    ];
    fields.into_iter().filter(|(_, value)| !is_nothing(value)).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What a registration says of a service: what the catalog does, but for what it adds to everything.
fn service_fields(service: &Map<String, Value>) -> Map<String, Value> {
    let is_plain = service.get("Kind").and_then(Value::as_str).unwrap_or_default().is_empty();
    let is_added = |name: &str| NOT_SAID.contains(&name) || is_plain && name == "Proxy";
    let is_said = |name: &str, value: &Value| !is_added(name) && !is_nothing(value);
    service
        .iter()
        .filter(|(name, value)| is_said(name, value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// What a registration says of a check.
fn check_fields(check: &Value) -> Value {
    let said = ["CheckID", "Name", "Notes", "Status", "Output", "ServiceID", "Definition"];
    let field = |name: &&str| Some(((*name).to_owned(), check.get(*name)?.clone()));
    said.iter().filter_map(field).filter(|(_, value)| !is_nothing(value)).collect::<Map<_, _>>().into()
}

async fn put(
    to: &Client,
    name: &str,
    node: &Value,
    part: Part,
    is_there: bool,
    manner: Manner,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let place = part.id.as_ref().map_or_else(|| format!("node {name}"), |id| format!("node {name}, service {id}"));
    if !manner.dry_run {
        let mut body = node_fields(node);
        if part.id.is_some() {
            body.insert("SkipNodeUpdate".into(), true.into());
            body.insert("Service".into(), part.body.into());
        }
        body.insert("Checks".into(), part.checks.into());
        let sent = Sent::json(&body.into());
        let (status, answer) = to.raw(Method::PUT, &["v1", "catalog", "register"], &[], Some(sent)).await?;
        // Consul's errors are text, and 500 is its word for what it does not like.
        let refused = status == StatusCode::BAD_REQUEST || status == StatusCode::INTERNAL_SERVER_ERROR;
        if refused {
            tally.refuse(&place, String::from_utf8_lossy(&answer).trim());
            return Ok(());
        }
        interpret(status, &answer).context(place)?;
    }
    *(if is_there { &mut tally.updated } else { &mut tally.created }) += 1;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_catalog_becomes_registrations() {
        let standing = Standing {
            node: json!({"ID": "", "Node": "n1", "Address": "10.0.0.1", "Datacenter": "east", "Meta": {"k": "v"},
                "TaggedAddresses": null, "CreateIndex": 1}),
            services: [
                ("consul".to_owned(), json!({"ID": "consul", "Service": "consul"})),
                (
                    "web-1".to_owned(),
                    json!({"ID": "web-1", "Service": "web", "Port": 80, "Tags": ["a"], "Kind": "",
                    "Proxy": {"Mode": ""}, "Connect": {}, "ModifyIndex": 9}),
                ),
            ]
            .into_iter()
            .collect(),
            checks: vec![
                json!({"CheckID": "serfHealth", "ServiceID": "", "Status": "passing", "Definition": {}}),
                json!({"CheckID": "up", "ServiceID": "web-1", "Status": "warning", "Type": "http"}),
            ],
        };
        let parts: Vec<Part> = standing.parts().collect();
        assert_eq!(parts.len(), 2);
        assert_eq!(
            Value::from(parts[0].body.clone()),
            json!({"ID": "", "Node": "n1", "Address": "10.0.0.1", "NodeMeta": {"k": "v"}})
        );
        assert_eq!(parts[0].checks, [json!({"CheckID": "serfHealth", "ServiceID": "", "Status": "passing"})]);
        assert_eq!(
            Value::from(parts[1].body.clone()),
            json!({"ID": "web-1", "Service": "web", "Port": 80, "Tags": ["a"], "Kind": ""})
        );
        assert_eq!(parts[1].checks, [json!({"CheckID": "up", "ServiceID": "web-1", "Status": "warning"})]);
    }
}
