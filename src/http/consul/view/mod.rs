//! Rows as Consul's clients see them: nodes, services, checks.
//!
//! Rows of every dialect are seen. Those of this one stand on the node that they were registered on; all others stand on
//! the node that this server is, and have an id that no service of an agent has: `native/web/web-1`.

mod check;
mod service;

use std::borrow::Cow;
use std::sync::Arc;

use super::settings::Settings;
use super::shapes::{AgentService, CatalogService, HealthCheck, Node, NodeService, Pairs, ServiceEntry, Text};
use super::stored::{self, NodeExtras, ServiceExtras};
use crate::clock::Timestamp;
use crate::table::{Dialect, Host, Hosts, Namespace, Status};

pub(super) use check::is_maintenance;
pub(super) use service::{catalog_service, node_of, node_service, service_id};

use check::{health_check, of_service, worst_first};
use service::{is_proxy, meta, written_target};

/// The check that says that the server itself is there.
const SERF_HEALTH: &str = "serfHealth";
/// The service that the server itself is.
pub(super) const OWN_SERVICE: &str = "consul";
/// The version of Consul whose API this is: clients choose by it what they may ask for.
pub(super) const CONSUL_VERSION: &str = "1.14.11";
/// The port that Consul's servers speak with each other at. Nobody listens there.
pub(super) const SERVER_PORT: u16 = 8300;
/// The beginning of the id of the check by which an operator takes a service out.
pub(super) const SERVICE_MAINTENANCE: &str = "_service_maintenance:";
/// The id of the check by which an operator takes a node out.
pub(super) const NODE_MAINTENANCE: &str = "_node_maintenance";

/// The rows, and who looks at them when.
#[derive(Clone, Copy)]
pub(super) struct Views<'a> {
    pub(super) hosts: &'a Hosts,
    pub(super) settings: &'a Settings,
    now: Timestamp,
}

impl<'a> Views<'a> {
    pub(super) fn new(hosts: &'a Hosts, settings: &'a Settings, now: Timestamp) -> Views<'a> {
        Views { hosts, settings, now }
    }

    /// Whether a row is seen: those of other namespaces are not, Consul has but one.
    pub(super) fn shows(&self, host: &Host) -> bool {
        host.lease.is_live(self.now) && host.namespace == Namespace::DEFAULT
    }

    /// The rows of a service, in whatever case, that are seen, by node and id, as Consul orders them.
    pub(super) fn of_service(&self, service: &str) -> Vec<&'a Arc<Host>> {
        let names = self.hosts.any_case(service);
        let mut hosts: Vec<_> =
            names.flat_map(|name| self.hosts.of_service(name.as_str())).filter(|host| self.shows(host)).collect();
        hosts.sort_by_cached_key(|host| self.place(host));
        hosts
    }

    /// The rows through which a service is reached by mutual TLS: its own that speak it, and proxies of it. They are looked
    /// for among all of this dialect: who asks does so once in a while.
    pub(super) fn connect(&self, service: &str) -> Vec<&'a Arc<Host>> {
        let is_meant = |host: &Host| {
            let Some(original) = host.original.as_deref() else { return false };
            let is_one = original.contains("\"native\"") || original.contains("\"proxy\"");
            is_one && {
                let extras: ServiceExtras = stored::of(host);
                let destination = extras.proxy.as_ref().and_then(|proxy| proxy.get("DestinationServiceName"));
                let is_own = extras.native && host.service.as_str().eq_ignore_ascii_case(service);
                is_own
                    || destination.and_then(|name| name.as_str()).is_some_and(|name| name.eq_ignore_ascii_case(service))
            }
        };
        let mut hosts: Vec<_> = self.hosts.iter().filter(|host| is_meant(host) && self.shows(host)).collect();
        hosts.sort_by_cached_key(|host| self.place(host));
        hosts
    }

    /// All rows on a node that are seen, by id.
    pub(super) fn on_node(&self, node: &'a str) -> Vec<&'a Arc<Host>> {
        let mut hosts: Vec<_> = self.hosts.on_node(node).filter(|host| self.shows(host)).collect();
        if node.is_empty() {
            hosts.extend(self.hosts.iter().filter(|host| host.dialect != Dialect::Consul && self.shows(host)));
        }
        hosts.sort_by_cached_key(|host| self.place(host));
        hosts
    }

    /// What Consul orders services by: node and id, whatever the case.
    fn place(&self, host: &Host) -> (String, String) {
        let node = node_of(host);
        let node = if node.is_empty() { &self.settings.node_name } else { node };
        (node.to_lowercase(), service_id(host).to_lowercase())
    }

    /// Every node, by name, as [`Standing::node`](crate::table::Standing::node) has it.
    pub(super) fn nodes(&self) -> Vec<&'a str> {
        let others = self.hosts.nodes().filter_map(|row| row.as_node()).filter(|node| !node.is_empty());
        let mut nodes: Vec<&'a str> = std::iter::once("").chain(others).collect();
        nodes.sort_by_cached_key(|node| self.node_name(node).to_lowercase());
        nodes
    }

    /// The name of a node as it was written.
    pub(super) fn node_name(&self, node: &'a str) -> Text<'a> {
        if node.is_empty() {
            return Cow::Borrowed(&self.settings.node_name);
        }
        match self.hosts.node(node).map(|row| stored::of::<NodeExtras>(row).name).filter(|name| !name.is_empty()) {
            Some(written) => Cow::Owned(written),
            None => Cow::Borrowed(node),
        }
    }

    /// A node; `node` as [`Standing::node`](crate::table::Standing::node) has it.
    pub(super) fn node(&self, node: &'a str) -> Node<'a> {
        let row = self.hosts.node(node);
        if node.is_empty() {
            return self.own_node(row.map(|row| &**row));
        }
        let Some(row) = row else {
            return Node { node: node.into(), datacenter: (&*self.settings.datacenter).into(), ..Node::default() };
        };
        let extras: NodeExtras = stored::of(row);
        let address = if extras.address.is_empty() { written_target(row) } else { extras.address.into() };
        let tagged = extras.tagged_addresses.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        Node {
            id: extras.id.into(),
            node: self.node_name(node),
            address,
            datacenter: (&*self.settings.datacenter).into(),
            tagged_addresses: Pairs(tagged),
            meta: meta(row),
            create_index: row.created.0.max(1),
            modify_index: row.modified.0.max(1),
        }
    }

    fn own_node(&self, row: Option<&'a Host>) -> Node<'a> {
        let settings = self.settings;
        let address = settings.node_address.to_string();
        let family = if settings.node_address.is_ipv4() { "ipv4" } else { "ipv6" };
        let forms = ["lan".to_owned(), format!("lan_{family}"), "wan".to_owned(), format!("wan_{family}")];
        let tagged = forms.into_iter().map(|form| (form.into(), address.clone().into())).collect();
        let mut meta: Pairs<'a> =
            Pairs(settings.node_meta.iter().map(|(key, value)| ((&**key).into(), (&**value).into())).collect());
        // As every agent of Consul says.
        meta.0.insert("consul-network-segment".into(), "".into());
        meta.0.insert("consul-version".into(), CONSUL_VERSION.into());
        Node {
            id: (&*settings.node_id).into(),
            node: (&*settings.node_name).into(),
            address: address.into(),
            datacenter: (&*settings.datacenter).into(),
            tagged_addresses: Pairs(tagged),
            meta,
            create_index: row.map_or(1, |row| row.created.0.max(1)),
            modify_index: row.map_or(1, |row| row.modified.0.max(1)),
        }
    }

    /// The checks of a node itself, those of this server with the one that says that it is there.
    pub(super) fn node_checks(&self, node: &'a str) -> Vec<HealthCheck<'a>> {
        let name = self.node_name(node);
        let mut checks = Vec::new();
        if node.is_empty() {
            checks.push(HealthCheck {
                node: name.clone(),
                check_id: SERF_HEALTH.into(),
                name: "Serf Health Status".into(),
                status: Status::Passing.as_str().into(),
                output: "Agent alive and reachable".into(),
                create_index: 1,
                modify_index: 1,
                ..HealthCheck::default()
            });
        }
        if let Some(row) = self.hosts.node(node) {
            checks.extend(row.checks.iter().map(|check| health_check(row, check, name.clone(), None)));
        }
        checks
    }

    /// The checks of a service, without those of its node. A host that an operator drains is in maintenance.
    pub(super) fn checks(&self, host: &'a Host) -> Vec<HealthCheck<'a>> {
        let node = self.node_name(node_of(host));
        let mut checks: Vec<_> =
            host.checks.iter().map(|check| health_check(host, check, node.clone(), Some(service_id(host)))).collect();
        let is_told = host.checks.iter().any(|check| is_maintenance(&check.id));
        if host.draining && !is_told {
            checks.push(HealthCheck {
                node,
                check_id: format!("{SERVICE_MAINTENANCE}{}", service_id(host)).into(),
                name: MAINTENANCE_NAME.into(),
                status: Status::Critical.as_str().into(),
                notes: "An operator drains the host.".into(),
                r#type: "maintenance".into(),
                create_index: host.created.0.max(1),
                modify_index: host.modified.0.max(1),
                ..of_service(host)
            });
        }
        checks
    }

    /// The checks of a service and its node, the worst first: a client that looks at the first one sees what the host is.
    pub(super) fn all_checks(&self, host: &'a Host) -> Vec<HealthCheck<'a>> {
        let mut checks = self.node_checks(node_of(host));
        if host.dialect != Dialect::Consul {
            // It only seems to stand on this server's node, and DNS does not take it for ill with that.
            checks.retain(|check| check.check_id == SERF_HEALTH);
        }
        checks.extend(self.checks(host));
        worst_first(&mut checks);
        checks
    }

    /// A service with its node and all checks.
    pub(super) fn entry(&self, host: &'a Host) -> ServiceEntry<'a> {
        ServiceEntry { node: self.node(node_of(host)), service: node_service(host), checks: self.all_checks(host) }
    }

    /// A service as its agent has it.
    pub(super) fn agent_service(&self, host: &'a Host) -> AgentService<'a> {
        let service = node_service(host);
        AgentService {
            id: service.id,
            service: service.service,
            tags: service.tags,
            meta: service.meta,
            port: service.port,
            ports: service.ports,
            address: service.address,
            socket_path: service.socket_path,
            tagged_addresses: service.tagged_addresses,
            weights: service.weights,
            enable_tag_override: service.enable_tag_override,
            proxy: is_proxy(&service.kind).then_some(service.proxy),
            connect: service.connect.native.then_some(service.connect),
            locality: service.locality,
            datacenter: (&*self.settings.datacenter).into(),
            kind: service.kind,
            ..AgentService::default()
        }
    }

    /// A service and its node in one.
    pub(super) fn catalog_service(&self, host: &'a Host) -> CatalogService<'a> {
        catalog_service(self.node(node_of(host)), node_service(host))
    }

    /// The server itself, as a service of its own: what clients find Consul's servers by.
    pub(super) fn own_entry(&self) -> ServiceEntry<'a> {
        let service = NodeService {
            id: OWN_SERVICE.into(),
            service: OWN_SERVICE.into(),
            port: SERVER_PORT,
            create_index: 1,
            modify_index: 1,
            ..NodeService::default()
        };
        let mut checks = self.node_checks("");
        worst_first(&mut checks);
        ServiceEntry { node: self.node(""), service, checks }
    }
}

/// What maintenance is called.
pub(super) const MAINTENANCE_NAME: &str = "Service Maintenance Mode";
