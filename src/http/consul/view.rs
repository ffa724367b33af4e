//! Rows as Consul's clients see them: nodes, services, checks.
//!
//! Rows of every dialect are seen. Those of this one stand on the node that they were registered on; all others stand on
//! the node that this server is, and have an id that no service of an agent has: `native/web/web-1`.

use std::borrow::Cow;
use std::sync::Arc;

use super::settings::Settings;
use super::shapes::{
    AgentService, CatalogService, Connect, Definition, HealthCheck, Node, NodeService, Pairs, Proxy, ServiceAddress,
    ServiceEntry, ServicePort, TaggedAddresses, Text, Weights,
};
use super::stored::{self, NodeExtras, ServiceExtras};
use crate::clock::Timestamp;
use crate::duration::go::Nanoseconds;
use crate::table::{Check, CheckKind, Dialect, Host, Hosts, Namespace, Port, Standing, Status, Tag};

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

    /// Every node, by name, as [`Standing::node`] has it.
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

    /// A node; `node` as [`Standing::node`] has it.
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

/// A service and its node in the flat form.
pub(super) fn catalog_service<'a>(node: Node<'a>, service: NodeService<'a>) -> CatalogService<'a> {
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
fn is_proxy(kind: &str) -> bool {
    !matches!(kind, "" | "typical")
}

/// Where a row stands, see [`Standing::node`].
pub(super) fn node_of(host: &Host) -> &str {
    match host.dialect {
        Dialect::Consul => Standing::of(&host.id).node,
        Dialect::Native | Dialect::Lyft | Dialect::Node => "",
    }
}

/// The id of a service, unique on its node.
pub(super) fn service_id(host: &Host) -> Text<'_> {
    match host.dialect {
        Dialect::Consul => Standing::of(&host.id).id.into(),
        Dialect::Native | Dialect::Lyft | Dialect::Node => {
            format!("{}/{}/{}", host.dialect, host.service, host.id).into()
        }
    }
}

/// A service as the catalog has it.
pub(super) fn node_service(host: &Host) -> NodeService<'_> {
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
fn written_target(host: &Host) -> Text<'_> {
    match host.target.name() {
        Some(name) => Text::Borrowed(name),
        None => host.target.addresses().first().map(|address| address.to_string()).unwrap_or_default().into(),
    }
}

fn tags(host: &Host) -> Vec<Text<'_>> {
    host.tags.iter().map(Tag::as_str).map(Text::Borrowed).collect()
}

fn meta(host: &Host) -> Pairs<'_> {
    Pairs(host.meta.iter().map(|(key, value)| ((&**key).into(), (&**value).into())).collect())
}

/// A check that is of a service, and no more yet.
fn of_service(host: &Host) -> HealthCheck<'_> {
    HealthCheck {
        service_id: service_id(host),
        service_name: host.service.as_str().into(),
        service_tags: tags(host),
        ..HealthCheck::default()
    }
}

fn health_check<'a>(host: &'a Host, check: &'a Check, node: Text<'a>, service: Option<Text<'a>>) -> HealthCheck<'a> {
    let title = check.title.as_deref();
    let name = title.map_or("", |title| &title.name);
    let definition = title.map(|title| &*title.definition).filter(|text| !text.is_empty());
    let terms = check.terms.as_deref();
    let go = |duration: std::time::Duration| match i64::try_from(duration.as_nanos()) {
        Ok(0) => String::new(),
        Ok(nanoseconds) => Nanoseconds(nanoseconds).to_string(),
        Err(_) => Nanoseconds(i64::MAX).to_string(),
    };
    let base = if service.is_some() { of_service(host) } else { HealthCheck::default() };
    HealthCheck {
        node,
        // An id of another dialect is unique within its host only.
        check_id: match host.dialect {
            Dialect::Consul | Dialect::Node => Text::Borrowed(&check.id),
            Dialect::Native | Dialect::Lyft => format!("{}/{}", service_id(host), check.id).into(),
        },
        name: if name.is_empty() { default_name(host, check).into() } else { name.into() },
        status: check.status.as_str().into(),
        notes: title.map_or("", |title| &title.notes).into(),
        output: check.output.read().to_string().into(),
        r#type: kind_of(check).into(),
        interval: terms.map(|terms| go(terms.interval)).unwrap_or_default().into(),
        timeout: terms.map(|terms| go(terms.timeout)).unwrap_or_default().into(),
        definition: Definition(definition.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()),
        create_index: host.created.0.max(1),
        modify_index: host.modified.0.max(1),
        ..base
    }
}

/// What a check is called that says no name.
pub(super) fn default_name(host: &Host, check: &Check) -> String {
    match host.dialect {
        Dialect::Node => check.id.to_string(),
        Dialect::Native | Dialect::Lyft | Dialect::Consul => format!("Service '{}' check", host.service),
    }
}

fn kind_of(check: &Check) -> &'static str {
    match (check.kind() == &CheckKind::Reported, is_maintenance(&check.id)) {
        (true, true) => "maintenance",
        (true, false) => "",
        (false, _) => check.kind().as_str(),
    }
}

/// Whether an operator took something out by this check.
pub(super) fn is_maintenance(check: &str) -> bool {
    check.starts_with(SERVICE_MAINTENANCE) || check == NODE_MAINTENANCE
}

fn worst_first(checks: &mut [HealthCheck<'_>]) {
    checks.sort_by_key(|check| match &*check.status {
        "critical" => 0,
        "warning" => 1,
        _ => 2,
    });
}
