//! Registrations of services as events of the table.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use smallvec::SmallVec;

use super::body::{Address, ServiceRegistration};
use super::reply::Failure;
use super::settings::Settings;
use super::stored::{self, ServiceExtras};
use super::terms;
use crate::http::App;
use crate::limits;
use crate::table::{
    CheckDefinition, Dialect, Event, Host, Hosts, Invalid, Port, Protocol, Registration, ServiceName, Standing, Target,
    Weights, parse_meta, parse_tags,
};

/// The id of a service stands in those of its checks.
const SERVICE_ID_OCTETS: usize = limits::ID_OCTETS - 32;

/// The events that put a service on a node. One of that id that was another service before leaves first. Checks that are
/// not named stay, unless `replace` says that they go.
pub(super) fn register(
    app: &App,
    hosts: &Hosts,
    said: ServiceRegistration,
    node: &str,
    replace: bool,
) -> Result<Vec<Event>, Failure> {
    let at = Standing { node, id: &said.id };
    let current = hosts.standing(at).cloned();
    let settings = &*app.consul;
    let mut checks = checks(app, hosts, &said, current.as_deref(), replace)?;
    let mut registration = registration(settings, hosts, &said, node)?;
    let mut events = Vec::new();
    if let Some(current) = current.filter(|current| current.service != registration.service) {
        events.push(Event::Deregister(current.key()));
        keep_verdicts(&mut checks, &current);
    }
    registration.checks = Some(checks);
    events.push(Event::Register(Box::new(registration)));
    Ok(events)
}

fn checks(
    app: &App,
    hosts: &Hosts,
    said: &ServiceRegistration,
    current: Option<&Host>,
    replace: bool,
) -> Result<Vec<CheckDefinition>, Failure> {
    let name = format!("Service '{}' check", said.name);
    let mut checks: Vec<CheckDefinition> = Vec::new();
    for check in said.checks.iter().cloned() {
        let check = terms::definition(app, hosts, check, &name)?;
        // Of two with one id the last counts.
        checks.retain(|known| known.id != check.id);
        checks.push(check);
    }
    let kept = current.into_iter().flat_map(|host| &host.checks);
    for check in kept.filter(|check| !replace || super::view::is_maintenance(&check.id)) {
        if !checks.iter().any(|known| known.id == check.id) {
            checks.push(CheckDefinition::from(check));
        }
    }
    at_most_checks(checks.len())?;
    Ok(checks)
}

/// Gives the checks of a service that has another name from now on what was last found out.
fn keep_verdicts(checks: &mut [CheckDefinition], before: &Host) {
    for check in checks {
        if let Some(last) = before.checks.iter().find(|last| last.id == check.id) {
            check.status = Some(last.status);
            check.output = Some(last.output.read().to_string().into());
        }
    }
}

/// Refuses more checks than a row may have.
pub(super) fn at_most_checks(count: usize) -> Result<(), Failure> {
    if count <= limits::CHECKS {
        return Ok(());
    }
    Err(Failure::bad(format!(
        "Invalid Checks: a service has at most {} checks, this one would have {count}",
        limits::CHECKS
    )))
}

/// What a service says of itself as a row, without its checks.
pub(super) fn registration(
    settings: &Settings,
    hosts: &Hosts,
    said: &ServiceRegistration,
    node: &str,
) -> Result<Registration, Failure> {
    let service = ServiceName::parse("service name", &said.name)?;
    if said.id.len() > SERVICE_ID_OCTETS {
        return Err(Failure::bad(format!("Invalid service ID: must be at most {SERVICE_ID_OCTETS} octets")));
    }
    let id = Standing { node, id: &said.id }.to_id("service ID")?;
    let place = target(settings, hosts, said, node)?;
    let kept_tags: Vec<&str> = distinct(said.tags.iter().map(String::as_str).filter(|tag| !tag.is_empty()));
    let extras = ServiceExtras {
        address: place.written,
        tagged_addresses: further_addresses(said),
        tags: (kept_tags.len() != said.tags.len()).then(|| said.tags.clone()),
        kind: said.kind.clone(),
        socket_path: said.socket_path.clone(),
        enable_tag_override: said.enable_tag_override,
        native: said.mesh.is_native(),
        external: said.external,
        default_port: said.ports.iter().find(|port| port.is_default).map(|port| port.name.to_ascii_lowercase()),
        proxy: said.mesh.proxy.to_map(),
        locality: said.mesh.locality.to_map(),
    };
    let mut ports: SmallVec<[Port; 1]> = (said.port > 0).then(|| Port::tcp(said.port)).into_iter().collect();
    for named in &said.ports {
        let name = Some(Port::parse_name("service port name", &named.name)?);
        ports.push(Port { name, protocol: Protocol::Tcp, number: named.port });
    }
    let weights = Weights { passing: said.weights.passing, warning: said.weights.warning };
    Ok(Registration {
        ports,
        tags: parse_tags("service tag", kept_tags)?,
        meta: parse_meta("Service Meta", said.meta.iter().map(|(key, value)| (key.as_str(), value.as_str())))?,
        at_node: place.at_node,
        weights: Some(weights),
        original: stored::to_text("service", &extras)?,
        ..Registration::new(service, Dialect::Consul, id, place.target)
    })
}

fn distinct<'a>(tags: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut kept: Vec<&str> = Vec::new();
    for tag in tags {
        if !kept.contains(&tag) {
            kept.push(tag);
        }
    }
    kept
}

/// Where a service is reached.
struct Place {
    target: Target,
    at_node: bool,
    /// The address as it was written, where the target says it otherwise.
    written: Option<String>,
}

/// The address of a service, else of its node; `lan_ipv4` and `lan_ipv6` are those of their families. A name that is the
/// node's means the node; any other is looked up later.
fn target(settings: &Settings, hosts: &Hosts, said: &ServiceRegistration, node: &str) -> Result<Place, Failure> {
    let wrong = |_: Invalid| Failure::bad("Invalid service address");
    let of_node = |node: &str| node_target(settings, hosts, node);
    let (mut target, mut at_node, mut written) = match said.address.as_str() {
        // Every server of a shared table has another address: the host is where the one is that it was told to.
        "" if node.is_empty() && settings.shares_table => (of_node(node), false, None),
        "" => (of_node(node), true, None),
        text => match text.parse::<IpAddr>() {
            Ok(ip) => {
                let target = Target::parse("address", [text]).map_err(wrong)?;
                (target, false, (ip.to_string() != text).then(|| text.to_owned()))
            }
            Err(_) => {
                let named = Target::parse_name("address", text).map_err(wrong)?;
                let written = Some(text.to_owned()).filter(|text| named.name().is_none_or(|name| **name != **text));
                match known_node(settings, hosts, text) {
                    Some(known) => {
                        let found = of_node(&known);
                        (named.resolved(found.addresses()), false, written)
                    }
                    None => (named, false, written),
                }
            }
        },
    };
    let family = |form: &str| said.tagged_addresses.get(form).map(|known| known.address.as_str());
    let v4 = family("lan_ipv4").filter(|text| text.parse::<Ipv4Addr>().is_ok());
    let v6 = family("lan_ipv6").filter(|text| text.parse::<Ipv6Addr>().is_ok());
    if target.name().is_none() && (v4.is_some() || v6.is_some()) {
        let own = target.addresses().first().copied();
        let own_text = own.map(|ip| ip.to_string()).unwrap_or_default();
        let v4 = v4.or(own.filter(IpAddr::is_ipv4).map(|_| own_text.as_str()));
        let v6 = v6.or(own.filter(IpAddr::is_ipv6).map(|_| own_text.as_str()));
        let (first, second) = if own.is_some_and(|ip| ip.is_ipv6()) { (v6, v4) } else { (v4, v6) };
        let both = Target::parse("address", first.into_iter().chain(second)).map_err(wrong)?;
        if both != target {
            at_node = false;
            // What is written is no longer the first of the target, or nothing was.
            written = written.or_else(|| Some(said.address.clone()));
            target = both;
        }
    }
    Ok(Place { target, at_node, written })
}

/// The address of a node.
fn node_target(settings: &Settings, hosts: &Hosts, node: &str) -> Target {
    match hosts.node(node) {
        Some(row) => row.target.clone(),
        None => Target::Addresses([settings.node_address].into_iter().collect()),
    }
}

/// The node that a host name is that of, see [`Standing::node`].
fn known_node(settings: &Settings, hosts: &Hosts, name: &str) -> Option<String> {
    if name.eq_ignore_ascii_case(&settings.node_name) {
        return Some(String::new());
    }
    let row = hosts.node(name)?;
    row.as_node().map(str::to_owned)
}

/// The tagged addresses beside those that every IP address has; what is registered from outside has those only that it says.
fn further_addresses(said: &ServiceRegistration) -> std::collections::BTreeMap<String, stored::StoredAddress> {
    let own = Address { address: said.address.clone(), port: said.port };
    let is_implied = |form: &str, known: &Address| {
        matches!(form, "lan_ipv4" | "wan_ipv4" | "lan_ipv6" | "wan_ipv6") && *known == own
    };
    let further = said.tagged_addresses.iter().filter(|(form, known)| said.external || !is_implied(form, known));
    further.map(|(form, known)| (form.clone(), known.clone().into())).collect()
}
