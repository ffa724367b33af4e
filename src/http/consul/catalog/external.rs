//! Nodes, services and checks that are registered from outside, and taken out.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;

use super::super::body::{
    Deregistration, ExternalCheck, ExternalNode, ExternalRegistration, ServiceRegistration, Tree,
};
use super::super::params::Params;
use super::super::reply::{self, Failure};
use super::super::settings::Settings;
use super::super::stored::{self, NodeExtras};
use super::super::{instance, node, submit, terms};
use super::nodes::known_as;
use crate::http::App;
use crate::metrics::Operation;
use crate::table::{
    Addresses, Check, CheckDefinition, Event, Hosts, Registration, Standing, Status, Target, Title, node_key,
    parse_meta,
};

/// Registers a node, and a service and checks on it.
#[utoipa::path(put, path = "/v1/catalog/register", tag = "consul",
    request_body(content = String, content_type = "application/json", description = "`{\"Node\":\"n2\",\"Address\":\"10.0.0.2\",\"Service\":{\"Service\":\"web\",\"Port\":80}}`"),
    responses((status = 200, description = "`true`"), (status = 500, description = "A field breaks a rule.")))]
pub(super) async fn register(State(app): State<App>, params: Params, body: Bytes) -> Result<Response, Failure> {
    let said = ExternalRegistration::read(&body)?;
    check_datacenter(&said.datacenter, &app.consul)?;
    if said.node.name.is_empty() {
        return Err(Failure::internal("Must provide node"));
    }
    if said.node.address.is_empty() && !said.skip_node_update {
        return Err(Failure::internal("Must provide address if SkipNodeUpdate is not set"));
    }
    let node = known_as(&app, &said.node.name);
    submit(&app, Operation::Register, |hosts| put(&app, hosts, said.clone(), &node)).await?;
    Ok(reply::json(&params, &true))
}

fn check_datacenter(wanted: &str, settings: &Settings) -> Result<(), Failure> {
    if wanted.is_empty() || wanted == settings.datacenter {
        return Ok(());
    }
    Err(Failure::internal("No path to datacenter"))
}

/// The events of a registration: the node with its checks, then the service with its own, then checks of other services.
fn put(app: &App, hosts: &Hosts, said: ExternalRegistration, node: &str) -> Result<Vec<Event>, Failure> {
    let mut checks: BTreeMap<String, Vec<CheckDefinition>> = BTreeMap::new();
    for check in said.checks {
        checks.entry(check.service_id.clone()).or_default().push(definition(check)?);
    }
    let mut events = Vec::new();
    let own = checks.remove("").unwrap_or_default();
    let mut row = node_row(&app.consul, hosts, &said.node, node, said.skip_node_update)?;
    row.checks = Some(merged(row.checks.take().unwrap_or_default(), own)?);
    let at_node = row.target.clone();
    events.push(Event::Register(Box::new(row)));
    if let Some(service) = said.service {
        let service = agent_form(service)?;
        let of_service = checks.remove(&service.id).unwrap_or_default();
        for event in instance::register(app, hosts, service, node, false)? {
            let Event::Register(mut row) = event else {
                events.push(event);
                continue;
            };
            row.checks = Some(merged(row.checks.take().unwrap_or_default(), of_service.clone())?);
            if row.at_node {
                // The address that the node has from now on.
                row.target = at_node.clone();
            }
            events.push(Event::Register(row));
        }
    }
    for (id, checks) in checks {
        let Some(host) = hosts.standing(Standing { node, id: &id }) else {
            return Err(Failure::internal(format!("Unknown service ID '{id}' for check ID '{}'", checks[0].id)));
        };
        let mut row = Registration::from(&**host);
        row.checks = Some(merged(row.checks.take().unwrap_or_default(), checks)?);
        events.push(Event::Register(Box::new(row)));
    }
    Ok(events)
}

/// The row of a node, with the checks that it has.
fn node_row(
    settings: &Settings,
    hosts: &Hosts,
    said: &ExternalNode,
    node: &str,
    skip: bool,
) -> Result<Registration, Failure> {
    // What this server's own node is, the settings say.
    if node.is_empty() {
        return Ok(node::own_registration(settings, hosts));
    }
    let known = hosts.node(node);
    if let Some(known) = known.filter(|_| skip) {
        return Ok(Registration::from(&**known));
    }
    let wrong = |_| Failure::internal(format!("Invalid node address {:?}", said.address));
    let target = match Target::parse("address", [said.address.as_str()]) {
        // One that is named before anybody says where it is.
        _ if said.address.is_empty() => Target::Addresses(Addresses::default()),
        Ok(target @ Target::Addresses(_)) => target,
        _ => Target::parse_name("address", &said.address).map_err(wrong)?,
    };
    let key = node_key(&said.name, false)?;
    let written = match target.name() {
        Some(name) => name.to_string(),
        None => target.addresses().first().map(|address| address.to_string()).unwrap_or_default(),
    };
    let extras = NodeExtras {
        name: if key.service.as_str() == said.name { String::new() } else { said.name.clone() },
        id: node_id(&said.id)?,
        address: if written == said.address { String::new() } else { said.address.clone() },
        tagged_addresses: said.tagged_addresses.clone(),
    };
    let meta = parse_meta("NodeMeta", said.meta.iter().map(|(key, value)| (key.as_str(), value.as_str())))?;
    Ok(Registration {
        meta,
        original: stored::to_text("node", &extras)?,
        checks: known.map(|known| Registration::from(&**known).checks.unwrap_or_default()),
        ..Registration::new(key.service, key.dialect, key.id, target)
    })
}

fn node_id(text: &str) -> Result<String, Failure> {
    let fits = |(place, byte): (usize, u8)| {
        if matches!(place, 8 | 13 | 18 | 23) { byte == b'-' } else { byte.is_ascii_hexdigit() }
    };
    if text.is_empty() || text.len() == 36 && text.bytes().enumerate().all(fits) {
        return Ok(text.to_ascii_lowercase());
    }
    let why = if text.len() == 36 { "improperly formatted" } else { "wrong length" };
    Err(Failure::internal(format!("Bad node ID: uuid string is {why}")))
}

/// The service as an agent would be told of it.
fn agent_form(service: super::super::body::ExternalService) -> Result<ServiceRegistration, Failure> {
    if service.name.is_empty() && service.id.is_empty() {
        return Err(Failure::internal("Must provide service name with ID"));
    }
    if service.name.is_empty() {
        return Err(Failure::internal("Must provide service name (Service.Service) with ID"));
    }
    let port = u16::try_from(service.port).map_err(|_| Failure::internal("Invalid service port"))?;
    Ok(ServiceRegistration {
        kind: service.kind,
        id: if service.id.is_empty() { service.name.clone() } else { service.id },
        name: service.name,
        tags: service.tags,
        address: service.address,
        tagged_addresses: service.tagged_addresses,
        meta: service.meta,
        port,
        weights: service.weights,
        enable_tag_override: service.enable_tag_override,
        mesh: service.mesh,
        external: true,
        ..ServiceRegistration::default()
    })
}

fn definition(check: ExternalCheck) -> Result<CheckDefinition, Failure> {
    let id = if check.id.is_empty() { &check.name } else { &check.id };
    if id.is_empty() {
        return Err(Failure::internal("Must provide a check ID or a name"));
    }
    let status = match check.status.as_str() {
        "" => Status::Critical,
        word => Status::parse("check status", word)?,
    };
    let definition = if check.definition == Tree::Null {
        Box::default()
    } else {
        terms::bounded("check definition", &check.definition.to_json())?
    };
    let title = Title {
        name: terms::bounded("check name", &check.name)?,
        notes: terms::bounded("check notes", &check.notes)?,
        definition,
    };
    Ok(CheckDefinition {
        status: Some(status),
        output: Some(Check::cut_output(&check.output).into()),
        title: (title != Title::default()).then(|| Arc::new(title)),
        ..CheckDefinition::new(Check::parse_id("check ID", id)?, None)
    })
}

/// The checks that there are with those that are said.
fn merged(mut known: Vec<CheckDefinition>, said: Vec<CheckDefinition>) -> Result<Vec<CheckDefinition>, Failure> {
    for check in said {
        match known.iter_mut().find(|known| known.id == check.id) {
            Some(place) => *place = check,
            None => known.push(check),
        }
    }
    instance::at_most_checks(known.len())?;
    Ok(known)
}

/// Takes out a service, a check, or a node with all that stands on it; what is not there is gone already.
#[utoipa::path(put, path = "/v1/catalog/deregister", tag = "consul",
    request_body(content = String, content_type = "application/json", description = "`{\"Node\":\"n2\",\"ServiceID\":\"web\"}`"),
    responses((status = 200, description = "`true`"), (status = 500, description = "No node is named.")))]
pub(super) async fn deregister(State(app): State<App>, params: Params, body: Bytes) -> Result<Response, Failure> {
    let said = Deregistration::read(&body)?;
    check_datacenter(&said.datacenter, &app.consul)?;
    if said.node.is_empty() {
        return Err(Failure::internal("Must provide node"));
    }
    let node = known_as(&app, &said.node);
    if node.is_empty() && said.service_id.is_empty() && said.check_id.is_empty() {
        // Every host that has no agent of its own stands there, and nobody would put them back.
        let text = "Cannot deregister the node of this server: name a ServiceID or a CheckID on it";
        return Err(Failure::bad(text));
    }
    submit(&app, Operation::Deregister, |hosts| Ok(without(hosts, &node, &said))).await?;
    Ok(reply::json(&params, &true))
}

fn without(hosts: &Hosts, node: &str, said: &Deregistration) -> Vec<Event> {
    if !said.service_id.is_empty() {
        let host = hosts.standing(Standing { node, id: &said.service_id });
        return host.map(|host| Event::Deregister(host.key())).into_iter().collect();
    }
    if !said.check_id.is_empty() {
        let Some(host) = hosts.with_check(node, &said.check_id).first().copied() else { return Vec::new() };
        let mut row = Registration::from(&**host);
        row.checks = row.checks.map(|checks| checks.into_iter().filter(|check| *check.id != *said.check_id).collect());
        return vec![Event::Register(Box::new(row))];
    }
    let services = hosts.on_node(node).map(|host| Event::Deregister(host.key()));
    services.chain(hosts.node(node).map(|row| Event::Deregister(row.key()))).collect()
}
