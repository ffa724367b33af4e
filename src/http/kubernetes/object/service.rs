//! Services: headless ones, as rollcall has no virtual addresses.

use serde::Serialize;

use super::{Body, Facts, Group, Object, labels_of, protocol};
use crate::http::kubernetes::resource::Resource;
use crate::limits;
use crate::table::{Host, Port};

/// `spec` and `status` of a service.
#[derive(Serialize, PartialEq, Debug)]
pub(in crate::http::kubernetes) struct Service<'a> {
    pub(in crate::http::kubernetes) spec: Spec<'a>,
    status: Status,
}

#[derive(Serialize, PartialEq, Debug)]
#[serde(rename_all = "camelCase")]
pub(in crate::http::kubernetes) struct Spec<'a> {
    #[serde(rename = "clusterIP")]
    cluster_ip: &'static str,
    #[serde(rename = "clusterIPs")]
    cluster_ips: [&'static str; 1],
    internal_traffic_policy: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ip_families: Vec<&'static str>,
    ip_family_policy: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::http::kubernetes) ports: Vec<ServicePort<'a>>,
    session_affinity: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// A port that the hosts of a service have.
#[derive(Serialize, PartialEq, Debug)]
#[serde(rename_all = "camelCase")]
pub(in crate::http::kubernetes) struct ServicePort<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    pub(in crate::http::kubernetes) port: u16,
    pub(in crate::http::kubernetes) protocol: &'static str,
    target_port: TargetPort<'a>,
}

/// A number, or the name of a port that is another number on each host.
#[derive(Serialize, PartialEq, Debug)]
#[serde(untagged)]
enum TargetPort<'a> {
    Number(u16),
    Name(&'a str),
}

#[derive(Serialize, PartialEq, Debug)]
#[serde(rename_all = "camelCase")]
struct Status {
    load_balancer: Empty,
}

#[derive(Serialize, PartialEq, Debug)]
struct Empty {}

pub(super) fn object<'a>(group: &Group<'a>, facts: Facts<'a>) -> Object<'a> {
    let has = |v6: bool| group.hosts.iter().any(|host| host.target.addresses().iter().any(|at| at.is_ipv6() == v6));
    let families = [("IPv4", has(false)), ("IPv6", has(true))];
    let ip_families: Vec<_> = families.into_iter().filter_map(|(family, has)| has.then_some(family)).collect();
    let spec = Spec {
        cluster_ip: "None",
        cluster_ips: ["None"],
        internal_traffic_policy: "Cluster",
        ip_family_policy: if ip_families.len() > 1 { "PreferDualStack" } else { "SingleStack" },
        ip_families,
        ports: ports(group, facts),
        session_affinity: "None",
        kind: "ClusterIP",
    };
    let body = Body::Service(Service { spec, status: Status { load_balancer: Empty {} } });
    let labels = labels_of(Resource::Services, group);
    Object::new(Resource::Services, Some(group.namespace), group.service.clone(), labels, body)
}

/// One port for each name and transport; the number is that of the first host that has it, those in the answers first.
fn ports<'a>(group: &Group<'a>, facts: Facts<'a>) -> Vec<ServicePort<'a>> {
    let mut ports: Vec<ServicePort<'a>> = Vec::new();
    let by_readiness = |ready: bool| group.hosts.iter().filter(move |host| facts.is_ready(host) == ready);
    for port in by_readiness(true).chain(by_readiness(false)).flat_map(|host: &&'a std::sync::Arc<Host>| &host.ports) {
        add(&mut ports, port);
    }
    ports
}

fn add<'a>(ports: &mut Vec<ServicePort<'a>>, port: &'a Port) {
    let (name, protocol) = (port.name.as_deref(), protocol(port));
    let has_room = ports.len() < limits::KUBERNETES_SERVICE_PORTS;
    match ports.iter_mut().find(|known| known.name == name && known.protocol == protocol) {
        Some(known) if known.port == port.number => {}
        Some(known) => {
            if let Some(name) = name {
                known.target_port = TargetPort::Name(name);
            }
        }
        None if has_room => {
            ports.push(ServicePort { name, port: port.number, protocol, target_port: TargetPort::Number(port.number) });
        }
        None => {}
    }
}
