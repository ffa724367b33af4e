//! Pods: hosts, as far as a look-up needs them.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::Serialize;

use super::{Body, Facts, Object, protocol};
use crate::http::kubernetes::resource::Resource;
use crate::http::kubernetes::{labels, names};
use crate::table::Host;

/// `spec` and `status` of a pod.
#[derive(Serialize, PartialEq, Debug)]
pub(in crate::http::kubernetes) struct Pod<'a> {
    pub(in crate::http::kubernetes) spec: Spec<'a>,
    pub(in crate::http::kubernetes) status: Status<'a>,
}

#[derive(Serialize, PartialEq, Debug)]
#[serde(rename_all = "camelCase")]
pub(in crate::http::kubernetes) struct Spec<'a> {
    containers: [Container<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    hostname: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http::kubernetes) node_name: Option<&'a str>,
}

#[derive(Serialize, PartialEq, Debug)]
struct Container<'a> {
    name: Cow<'a, str>,
    image: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ports: Vec<ContainerPort<'a>>,
}

#[derive(Serialize, PartialEq, Debug)]
#[serde(rename_all = "camelCase")]
struct ContainerPort<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    container_port: u16,
    protocol: &'static str,
}

#[derive(Serialize, PartialEq, Debug)]
#[serde(rename_all = "camelCase")]
pub(in crate::http::kubernetes) struct Status<'a> {
    phase: &'static str,
    conditions: [Condition; 1],
    #[serde(rename = "podIP", skip_serializing_if = "Option::is_none")]
    pub(in crate::http::kubernetes) pod_ip: Option<IpAddr>,
    #[serde(rename = "podIPs", skip_serializing_if = "Vec::is_empty")]
    pod_ips: Vec<PodIp>,
    container_statuses: [ContainerStatus<'a>; 1],
    /// What `kubectl` shows as the state; not sent.
    #[serde(skip)]
    pub(in crate::http::kubernetes) drains: bool,
}

#[derive(Serialize, PartialEq, Debug)]
struct Condition {
    #[serde(rename = "type")]
    kind: &'static str,
    status: &'static str,
}

#[derive(Serialize, PartialEq, Debug)]
struct PodIp {
    ip: IpAddr,
}

#[derive(Serialize, PartialEq, Debug)]
#[serde(rename_all = "camelCase")]
struct ContainerStatus<'a> {
    name: Cow<'a, str>,
    ready: bool,
    restart_count: u32,
    image: &'static str,
    #[serde(rename = "imageID")]
    image_id: &'static str,
    started: bool,
    state: State,
}

#[derive(Serialize, PartialEq, Debug)]
struct State {
    running: Running,
}

/// Since when is not kept.
#[derive(Serialize, PartialEq, Debug)]
#[serde(rename_all = "camelCase")]
struct Running {
    started_at: (),
}

impl Pod<'_> {
    /// Whether the host is in the answers.
    pub(in crate::http::kubernetes) fn is_ready(&self) -> bool {
        self.status.container_statuses[0].ready
    }
}

/// A host that comes again is another pod.
pub(super) fn uid(host: &Host, name: &str) -> String {
    names::uid(&[Resource::Pods.plural(), host.namespace.as_str(), name, &host.created.to_string()])
}

pub(super) fn object<'a>(host: &'a Host, facts: Facts<'a>) -> Object<'a> {
    let name = names::pod(host);
    let uid = uid(host, &name);
    let body = Body::Pod(Box::new(body(host, facts)));
    let namespace = Some(host.namespace.as_str());
    let mut object = Object::new(Resource::Pods, namespace, Cow::Owned(name), labels::of_host(host), body);
    object.metadata.uid = uid;
    let places = [("rollcall/zone", &host.zone), ("rollcall/region", &host.region)];
    let places = places.into_iter().filter_map(|(key, place)| Some((key, Cow::Borrowed(place.as_ref()?.as_str()))));
    object.metadata.annotations = places.collect();
    object.metadata.annotations.extend([
        ("rollcall/id", Cow::Borrowed(host.own_id())),
        ("rollcall/origin", Cow::Borrowed(host.dialect.as_str())),
        ("rollcall/status", Cow::Borrowed(host.status().as_str())),
        ("rollcall/weight", Cow::Owned(host.weight.to_string())),
    ]);
    object
}

fn body<'a>(host: &'a Host, facts: Facts<'a>) -> Pod<'a> {
    let ready = facts.is_ready(host);
    let name = names::service(host.service.as_str());
    let port = |port: &'a crate::table::Port| ContainerPort {
        name: port.name.as_deref(),
        container_port: port.number,
        protocol: protocol(port),
    };
    let addresses = host.target.addresses();
    Pod {
        spec: Spec {
            containers: [Container { name: name.clone(), image: "", ports: host.ports.iter().map(port).collect() }],
            hostname: host.hostname.as_deref(),
            node_name: facts.node_of(host),
        },
        status: Status {
            phase: "Running",
            conditions: [Condition { kind: "Ready", status: if ready { "True" } else { "False" } }],
            pod_ip: addresses.first().copied(),
            pod_ips: addresses.iter().map(|ip| PodIp { ip: *ip }).collect(),
            container_statuses: [ContainerStatus {
                name,
                ready,
                restart_count: 0,
                image: "",
                image_id: "",
                started: true,
                state: State { running: Running { started_at: () } },
            }],
            drains: host.draining,
        },
    }
}
