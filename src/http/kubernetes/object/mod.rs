//! Objects as they are sent, made of the hosts of a service in one namespace.

mod endpoints;
mod namespace;
mod pod;
mod service;
mod slice;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::labels::{LabelMap, SERVICE_NAME};
use super::names;
use super::resource::Resource;
use crate::clock::Timestamp;
use crate::http::App;
use crate::registry::Snapshot;
use crate::table::{Dialect, Host, Port, Revision, Standing, Status};

pub(super) use slice::slices;

/// The hosts of a service in one namespace.
#[derive(Clone, Debug)]
pub(super) struct Group<'a> {
    /// Without capitals: the hosts are those of all spellings.
    pub(super) service: Cow<'a, str>,
    pub(super) namespace: &'a str,
    pub(super) hosts: Vec<&'a Arc<Host>>,
}

/// The labels of an object that is made of all hosts of a service, or of a part of them.
pub(super) fn labels_of<'a>(resource: Resource, group: &Group<'a>) -> LabelMap<'a> {
    let mut labels = super::labels::of_service(group.service.clone(), group.hosts.iter().map(|host| &***host));
    if matches!(resource, Resource::Endpoints | Resource::EndpointSlices) {
        labels.insert("service.kubernetes.io/headless", Cow::Borrowed(""));
    }
    if resource == Resource::EndpointSlices {
        labels.insert(SERVICE_NAME, group.service.clone());
        labels.insert("endpointslice.kubernetes.io/managed-by", Cow::Borrowed("rollcall"));
    }
    labels
}

/// What is known beside the hosts.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    /// Whether hosts that warn are left out.
    only_passing: bool,
    /// The moment at which leases are looked at; `None` where they do not count.
    now: Option<Timestamp>,
    /// The node that this server is.
    node: &'a str,
}

impl<'a> Facts<'a> {
    /// Those of an answer that is made now.
    pub(super) fn now(app: &'a App, snapshot: &Snapshot) -> Facts<'a> {
        let only_passing = snapshot.zones.policy().only_passing;
        Facts { only_passing, now: Some(app.registry.now()), node: &app.consul.node_name }
    }

    /// The same whatever became of the leases since: for what was said before.
    pub(super) fn before(self) -> Facts<'a> {
        Facts { now: None, ..self }
    }

    /// Whether a host is there.
    pub(super) fn is_live(&self, host: &Host) -> bool {
        self.now.is_none_or(|now| host.lease.is_live(now))
    }

    /// Whether a host is in the answers: what [`Snapshot::serves`] says.
    fn is_ready(&self, host: &Host) -> bool {
        self.is_live(host) && host.is_served(self.only_passing)
    }

    /// The same whether it drains or not.
    fn is_serving(&self, host: &Host) -> bool {
        let worst = if self.only_passing { Status::Passing } else { Status::Warning };
        self.is_live(host) && host.status() <= worst
    }

    /// The node that a host stands on, where it says so.
    fn node_of<'h>(&self, host: &'h Host) -> Option<&'h str>
    where
        'a: 'h,
    {
        match Standing::of(&host.id).node {
            _ if host.dialect != Dialect::Consul => None,
            "" => Some(self.node),
            node => Some(node),
        }
    }
}

/// An object.
#[derive(Serialize, PartialEq, Debug)]
#[serde(rename_all = "camelCase")]
pub(super) struct Object<'a> {
    kind: &'static str,
    api_version: &'static str,
    pub(super) metadata: Metadata<'a>,
    #[serde(flatten)]
    pub(super) body: Body<'a>,
}

/// What an object says beside its name.
#[derive(Serialize, PartialEq, Debug)]
#[serde(untagged)]
pub(super) enum Body<'a> {
    Endpoints(endpoints::Endpoints<'a>),
    Service(service::Service<'a>),
    Slice(slice::Slice<'a>),
    Pod(Box<pod::Pod<'a>>),
    Namespace(namespace::Namespace),
}

/// `metadata` (`v1.ObjectMeta`).
#[derive(Serialize, PartialEq, Debug)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata<'a> {
    pub(super) name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) namespace: Option<&'a str>,
    uid: String,
    #[serde(serialize_with = "as_text")]
    pub(super) resource_version: Revision,
    /// Nobody keeps it: null, which clients show as unknown.
    creation_timestamp: (),
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) labels: LabelMap<'a>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<&'static str, Cow<'a, str>>,
}

fn as_text<S: Serializer>(revision: &Revision, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(revision)
}

impl<'a> Object<'a> {
    fn new(
        resource: Resource,
        namespace: Option<&'a str>,
        name: Cow<'a, str>,
        labels: LabelMap<'a>,
        body: Body<'a>,
    ) -> Object<'a> {
        let uid = names::uid(&[resource.plural(), namespace.unwrap_or_default(), &name]);
        let metadata = Metadata {
            name,
            namespace,
            uid,
            resource_version: Revision(0),
            creation_timestamp: (),
            labels,
            annotations: BTreeMap::new(),
        };
        Object { kind: resource.kind(), api_version: resource.api_version(), metadata, body }
    }

    /// The same as of a revision.
    pub(super) fn at(mut self, revision: Revision) -> Object<'a> {
        self.metadata.resource_version = revision;
        self
    }

    /// The addresses of a service.
    pub(super) fn endpoints(group: &Group<'a>, facts: Facts<'a>) -> Object<'a> {
        endpoints::object(group, facts)
    }

    /// A service.
    pub(super) fn service(group: &Group<'a>, facts: Facts<'a>) -> Object<'a> {
        service::object(group, facts)
    }

    /// A host.
    pub(super) fn pod(host: &'a Host, facts: Facts<'a>) -> Object<'a> {
        pod::object(host, facts)
    }

    /// A namespace.
    pub(super) fn namespace(name: &'a str) -> Object<'a> {
        namespace::object(name)
    }
}

/// A port in a subset of addresses, or in a slice.
#[derive(Serialize, PartialEq, Eq, Debug)]
pub(super) struct PortView<'a> {
    /// Empty in slices, left out elsewhere, where a port has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    pub(super) port: u16,
    protocol: &'static str,
}

impl<'a> PortView<'a> {
    fn of(port: &'a Port) -> PortView<'a> {
        PortView { name: port.name.as_deref(), port: port.number, protocol: protocol(port) }
    }
}

/// The name of a transport as Kubernetes has it.
fn protocol(port: &Port) -> &'static str {
    use crate::table::Protocol;
    match port.protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
        Protocol::Sctp => "SCTP",
    }
}

/// The pod behind an address (`v1.ObjectReference`).
#[derive(Serialize, PartialEq, Eq, Debug)]
pub(super) struct PodReference<'a> {
    kind: &'static str,
    namespace: &'a str,
    name: String,
    uid: String,
}

impl<'a> PodReference<'a> {
    fn of(host: &'a Host) -> PodReference<'a> {
        let name = names::pod(host);
        let uid = pod::uid(host, &name);
        PodReference { kind: "Pod", namespace: host.namespace.as_str(), name, uid }
    }
}

/// Ports by which hosts are told apart: whatever their order.
type PortSet<'a> = Vec<(Option<&'a str>, &'static str, u16)>;

fn port_set(ports: &[Port]) -> PortSet<'_> {
    let mut set: PortSet<'_> =
        ports.iter().map(|port| (port.name.as_deref(), port.protocol.as_str(), port.number)).collect();
    set.sort_unstable();
    set
}
