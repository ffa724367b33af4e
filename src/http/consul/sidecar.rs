//! The proxy beside a service, where its registration asks for one (`Connect.SidecarService`): a service of its own, called
//! `<name>-sidecar-proxy`, that goes when the service does.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Value};

use super::body::{Check, Mesh, ServiceRegistration};
use super::reply::Failure;
use crate::table::Hosts;

/// Where the ports of proxies are taken from, as in Consul.
const PORTS: RangeInclusive<u16> = 21_000..=21_255;

/// The id of the proxy beside a service.
pub(super) fn id_of(service: &str) -> String {
    format!("{service}-sidecar-proxy")
}

/// The registration of the proxy beside a service, if it asks for one; what it says of it counts more than what follows
/// from the service.
pub(super) fn beside(hosts: &Hosts, service: &ServiceRegistration) -> Result<Option<ServiceRegistration>, Failure> {
    let Some(said) = service.mesh.sidecar() else { return Ok(None) };
    let said = ServiceRegistration::read_sidecar(said, &id_of(&service.name))?;
    let id = id_of(&service.id);
    let port = if said.port == 0 { free_port(hosts, &id)? } else { said.port };
    let mut proxy: Map<String, Value> = said.mesh.proxy.to_map().unwrap_or_default();
    proxy.entry("DestinationServiceName").or_insert_with(|| service.name.as_str().into());
    proxy.entry("DestinationServiceID").or_insert_with(|| service.id.as_str().into());
    if service.port > 0 {
        proxy.entry("LocalServiceAddress").or_insert_with(|| "127.0.0.1".into());
        proxy.entry("LocalServicePort").or_insert_with(|| service.port.into());
    }
    let address = if said.address.is_empty() { service.address.clone() } else { said.address.clone() };
    let at = if address.is_empty() { "127.0.0.1" } else { &address };
    let checks = if said.checks.is_empty() { default_checks(&id, at, port, service) } else { said.checks.clone() };
    Ok(Some(ServiceRegistration {
        kind: "connect-proxy".into(),
        id,
        port,
        tags: if said.tags.is_empty() { service.tags.clone() } else { said.tags.clone() },
        meta: if said.meta.is_empty() { service.meta.clone() } else { said.meta.clone() },
        address,
        checks,
        mesh: Mesh { proxy: proxy.into(), ..Mesh::default() },
        ..said
    }))
}

/// Consul's own: whether the proxy listens, and what the service is.
fn default_checks(id: &str, address: &str, port: u16, service: &ServiceRegistration) -> Vec<Check> {
    let host = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
    let check = |number: u8, name: String| Check { id: format!("service:{id}:{number}"), name, ..Check::default() };
    let listens = Check {
        tcp: format!("{host}:{port}"),
        interval: Duration::from_secs(10),
        ..check(1, "Connect Sidecar Listening".into())
    };
    let follows =
        Check { alias_service: service.id.clone(), ..check(2, format!("Connect Sidecar Aliasing {}", service.id)) };
    vec![listens, follows]
}

/// The port that a proxy has, else the first that no other one has.
fn free_port(hosts: &Hosts, id: &str) -> Result<u16, Failure> {
    let port = |host: &crate::table::Host| host.ports.first().map(|port| port.number);
    if let Some(own) = hosts.standing(crate::table::Standing { node: "", id }).and_then(|host| port(host)) {
        return Ok(own);
    }
    let taken: BTreeSet<u16> = hosts.on_node("").filter_map(|host| port(host)).collect();
    let mut free = PORTS.filter(|port| !taken.contains(port));
    free.next().ok_or_else(|| Failure::internal("Failed to allocate a port for the sidecar: none is free"))
}
