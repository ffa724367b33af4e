//! A row as a service, in the forms that Consul has for one.

use super::super::shapes::{
    CatalogService, Connect, Node, NodeService, Pairs, Proxy, ServiceAddress, ServicePort, TaggedAddresses, Text,
    Weights,
};
use super::super::stored::{self, ServiceExtras};
use crate::table::{Dialect, Host, Port, Standing, Tag};

/// A service and its node in the flat form.
pub(in crate::http::consul) fn catalog_service<'a>(node: Node<'a>, service: NodeService<'a>) -> CatalogService<'a> {
    CatalogService {
        id: node.id,
        node: node.node,
        address: node.address,
        datacenter: node.datacenter,
        tagged_addresses: node.tagged_addresses,
        node_meta: node.meta,
        service_kind: service.kind,
        service_id: service.id,
        service_name: service.service,
        service_tags: service.tags,
        service_address: service.address,
        service_tagged_addresses: service.tagged_addresses,
        service_weights: service.weights,
        service_meta: service.meta,
        service_port: service.port,
        service_ports: service.ports,
        service_socket_path: service.socket_path,
        service_enable_tag_override: service.enable_tag_override,
        service_proxy: service.proxy,
        service_connect: service.connect,
        service_locality: service.locality,
        create_index: service.create_index,
        modify_index: service.modify_index,
    }
}

/// Whether a service of that kind has a proxy part of its own.
pub(super) fn is_proxy(kind: &str) -> bool {
    !matches!(kind, "" | "typical")
}

/// Where a row stands, see [`Standing::node`].
pub(in crate::http::consul) fn node_of(host: &Host) -> &str {
    match host.dialect {
        Dialect::Consul => Standing::of(&host.id).node,
        Dialect::Native | Dialect::Lyft | Dialect::Minos | Dialect::Etcd | Dialect::Node => "",
    }
}

/// The id of a service, unique on its node.
pub(in crate::http::consul) fn service_id(host: &Host) -> Text<'_> {
    match host.dialect {
        Dialect::Consul => Standing::of(&host.id).id.into(),
        Dialect::Native | Dialect::Lyft | Dialect::Minos | Dialect::Etcd | Dialect::Node => {
            format!("{}/{}/{}", host.dialect, host.service, host.id).into()
        }
    }
}

/// A service as the catalog has it.
pub(in crate::http::consul) fn node_service(host: &Host) -> NodeService<'_> {
    let extras: ServiceExtras = stored::of(host);
    let ports: Vec<ServicePort<'_>> = host.ports.iter().filter_map(|port| named_port(port, &extras)).collect();
    let port = if ports.is_empty() { host.ports.first().map_or(0, |port| port.number) } else { 0 };
    let address = match extras.address {
        Some(written) => Text::Owned(written),
        None if host.at_node => Text::Borrowed(""),
        None => written_target(host),
    };
    let mut tagged: TaggedAddresses<'_> = TaggedAddresses(
        extras
            .tagged_addresses
            .into_iter()
            .map(|(form, known)| (form.into(), ServiceAddress { address: known.address.into(), port: known.port }))
            .collect(),
    );
    if let Ok(ip) = address.parse::<std::net::IpAddr>()
        && !extras.external
    {
        for form in if ip.is_ipv4() { ["lan_ipv4", "wan_ipv4"] } else { ["lan_ipv6", "wan_ipv6"] } {
            tagged.0.entry(form.into()).or_insert_with(|| ServiceAddress { address: address.clone(), port });
        }
    }
    NodeService {
        kind: extras.kind.into(),
        id: service_id(host),
        service: host.service.as_str().into(),
        tags: match extras.tags {
            Some(written) => written.into_iter().map(Text::Owned).collect(),
            None => tags(host),
        },
        address,
        tagged_addresses: tagged,
        meta: meta(host),
        port,
        ports,
        socket_path: extras.socket_path.into(),
        weights: Weights { passing: host.weights.passing, warning: host.weights.warning },
        enable_tag_override: extras.enable_tag_override,
        connect: Connect { native: extras.native },
        proxy: Proxy(extras.proxy),
        locality: extras.locality,
        create_index: host.created.0.max(1),
        modify_index: host.modified.0.max(1),
        ..NodeService::default()
    }
}

fn named_port<'a>(port: &'a Port, extras: &ServiceExtras) -> Option<ServicePort<'a>> {
    let name = port.name.as_deref()?;
    Some(ServicePort { name: name.into(), port: port.number, default: extras.default_port.as_deref() == Some(name) })
}

/// The name, or the first address.
pub(super) fn written_target(host: &Host) -> Text<'_> {
    match host.target.name() {
        Some(name) => Text::Borrowed(name),
        None => host.target.addresses().first().map(|address| address.to_string()).unwrap_or_default().into(),
    }
}

pub(super) fn tags(host: &Host) -> Vec<Text<'_>> {
    host.tags.iter().map(Tag::as_str).map(Text::Borrowed).collect()
}

pub(super) fn meta(host: &Host) -> Pairs<'_> {
    Pairs(host.meta.iter().map(|(key, value)| ((&**key).into(), (&**value).into())).collect())
}
