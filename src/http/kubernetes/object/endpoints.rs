//! Endpoints: the addresses of a service.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Serialize;

use super::{Body, Facts, Group, Object, PodReference, PortSet, PortView, labels_of, port_set};
use crate::http::kubernetes::resource::Resource;
use crate::limits;
use crate::table::Host;

/// Says that not all addresses are here: the slices have them (as Kubernetes does past the same bound).
const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";

/// A body with a subset for each set of ports.
#[derive(Serialize, PartialEq, Debug)]
pub(in crate::http::kubernetes) struct Endpoints<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::http::kubernetes) subsets: Vec<Subset<'a>>,
}

/// Addresses that have the same ports.
#[derive(Serialize, PartialEq, Debug)]
#[serde(rename_all = "camelCase")]
pub(in crate::http::kubernetes) struct Subset<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::http::kubernetes) addresses: Vec<Address<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_ready_addresses: Vec<Address<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::http::kubernetes) ports: Vec<PortView<'a>>,
}

/// An address and the pod that has it.
#[derive(Serialize, PartialEq, Debug)]
#[serde(rename_all = "camelCase")]
pub(in crate::http::kubernetes) struct Address<'a> {
    pub(in crate::http::kubernetes) ip: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    hostname: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node_name: Option<&'a str>,
    target_ref: PodReference<'a>,
}

#[derive(Default)]
struct Gathered<'a> {
    /// The ports in the order of the first host that has them.
    ports: Option<&'a Host>,
    ready: BTreeMap<IpAddr, &'a Host>,
    others: BTreeMap<IpAddr, &'a Host>,
}

pub(super) fn object<'a>(group: &Group<'a>, facts: Facts<'a>) -> Object<'a> {
    let (subsets, whole) = gather(group, facts);
    let address = |(ip, host): (IpAddr, &'a Host)| Address {
        ip,
        hostname: host.hostname.as_deref(),
        node_name: facts.node_of(host),
        target_ref: PodReference::of(host),
    };
    let subset = |gathered: Gathered<'a>| Subset {
        addresses: gathered.ready.into_iter().map(address).collect(),
        not_ready_addresses: gathered.others.into_iter().map(address).collect(),
        ports: gathered.ports.iter().flat_map(|host| &host.ports).map(PortView::of).collect(),
    };
    let body = Endpoints { subsets: subsets.into_values().map(subset).collect() };
    let name = group.service.clone();
    let labels = labels_of(Resource::Endpoints, group);
    let mut object = Object::new(Resource::Endpoints, Some(group.namespace), name, labels, Body::Endpoints(body));
    if !whole {
        object.metadata.annotations.insert(OVER_CAPACITY, Cow::Borrowed("truncated"));
    }
    object
}

/// The addresses by sets of ports, those in the answers first, and whether they are all.
fn gather<'a>(group: &Group<'a>, facts: Facts<'a>) -> (BTreeMap<PortSet<'a>, Gathered<'a>>, bool) {
    let mut subsets: BTreeMap<PortSet<'a>, Gathered<'a>> = BTreeMap::new();
    let mut count = 0;
    for ready in [true, false] {
        for host in group.hosts.iter().filter(|host| facts.is_ready(host) == ready) {
            for address in host.target.addresses() {
                let gathered = subsets.entry(port_set(&host.ports)).or_default();
                gathered.ports.get_or_insert(host);
                // An address that two hosts have is there once.
                if gathered.ready.contains_key(address) || gathered.others.contains_key(address) {
                    continue;
                }
                if count == limits::KUBERNETES_ENDPOINTS {
                    subsets.retain(|_, gathered| !gathered.ready.is_empty() || !gathered.others.is_empty());
                    return (subsets, false);
                }
                count += 1;
                let set = if ready { &mut gathered.ready } else { &mut gathered.others };
                set.insert(*address, host);
            }
        }
    }
    (subsets, true)
}
