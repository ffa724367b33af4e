//! EndpointSlices: the hosts of a service in parts.
//!
//! A slice holds hosts of one family of addresses with one set of ports. Too many for one are divided by the first bits of
//! a hash of what identifies them, again and again until each part fits. So a host that comes or goes changes the one slice
//! that it is in, and the names of the others stay.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;

use super::{Body, Facts, Group, Object, PodReference, PortView};
use crate::http::kubernetes::labels::LabelMap;
use crate::http::kubernetes::names::{Family, Part, SliceKey, host_hash, ports_hash};
use crate::http::kubernetes::resource::Resource;
use crate::limits;
use crate::table::Host;

/// A slice of a service.
#[derive(Serialize, PartialEq, Debug)]
#[serde(rename_all = "camelCase")]
pub(in crate::http::kubernetes) struct Slice<'a> {
    pub(in crate::http::kubernetes) address_type: &'static str,
    pub(in crate::http::kubernetes) endpoints: Vec<Endpoint<'a>>,
    pub(in crate::http::kubernetes) ports: Vec<PortView<'a>>,
}

/// A host in a slice.
#[derive(Serialize, PartialEq, Debug)]
#[serde(rename_all = "camelCase")]
pub(in crate::http::kubernetes) struct Endpoint<'a> {
    pub(in crate::http::kubernetes) addresses: Vec<String>,
    conditions: Conditions,
    #[serde(skip_serializing_if = "Option::is_none")]
    hostname: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node_name: Option<&'a str>,
    target_ref: PodReference<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<&'a str>,
}

#[derive(Serialize, PartialEq, Debug)]
struct Conditions {
    ready: bool,
    serving: bool,
    terminating: bool,
}

/// The slices of a service, each with its hosts.
pub(in crate::http::kubernetes) fn slices<'a>(group: &Group<'a>) -> BTreeMap<SliceKey, Vec<&'a Arc<Host>>> {
    type Hashed<'a> = Vec<(u64, &'a Arc<Host>)>;
    let mut whole: BTreeMap<(Family, u32), Hashed<'a>> = BTreeMap::new();
    for host in &group.hosts {
        let ports = ports_hash(&host.ports);
        for family in Family::ALL.into_iter().filter(|family| addresses(host, *family).next().is_some()) {
            whole.entry((family, ports)).or_default().push((host_hash(host), host));
        }
    }
    let mut slices = BTreeMap::new();
    for ((family, ports), mut hosts) in whole {
        hosts.sort_by_key(|(hash, _)| *hash);
        let mut open = vec![(Part::default(), &hosts[..])];
        while let Some((part, hosts)) = open.pop() {
            if hosts.len() > limits::KUBERNETES_SLICE_ENDPOINTS && part.length < u64::BITS {
                let [lower, upper] = part.halves();
                let (first, second) = hosts.split_at(hosts.partition_point(|(hash, _)| *hash < upper.bits));
                open.extend([(lower, first), (upper, second)].into_iter().filter(|(_, hosts)| !hosts.is_empty()));
            } else {
                let mut hosts: Vec<&'a Arc<Host>> = hosts.iter().map(|(_, host)| *host).collect();
                hosts.sort_unstable_by_key(|host| host.order());
                slices.insert(SliceKey { family, ports, part }, hosts);
            }
        }
    }
    slices
}

/// The addresses of one family; a host that is known by name alone has that.
fn addresses(host: &Host, family: Family) -> impl Iterator<Item = String> {
    let fits = move |address: &&IpAddr| match family {
        Family::V4 => address.is_ipv4(),
        Family::V6 => address.is_ipv6(),
        Family::Fqdn => false,
    };
    let known = host.target.addresses();
    let name = host.target.name().filter(|_| family == Family::Fqdn && known.is_empty());
    known.iter().filter(fits).map(IpAddr::to_string).chain(name.map(|name| name.to_string()))
}

impl<'a> Object<'a> {
    /// A slice of these hosts.
    pub(in crate::http::kubernetes) fn slice(
        service: &str,
        namespace: &'a str,
        key: SliceKey,
        hosts: &[&'a Arc<Host>],
        labels: LabelMap<'a>,
        facts: Facts<'a>,
    ) -> Object<'a> {
        let endpoint = |host: &&'a Arc<Host>| {
            let host: &'a Host = host;
            Endpoint {
                addresses: addresses(host, key.family).collect(),
                conditions: Conditions {
                    ready: facts.is_ready(host),
                    serving: facts.is_serving(host),
                    terminating: host.draining,
                },
                hostname: host.hostname.as_deref(),
                node_name: facts.node_of(host),
                target_ref: PodReference::of(host),
                zone: host.zone.as_ref().map(|zone| zone.as_str()),
            }
        };
        let ports = hosts.first().into_iter().flat_map(|host| &host.ports).map(PortView::of);
        let body = Slice {
            address_type: key.family.as_str(),
            endpoints: hosts.iter().map(endpoint).collect(),
            ports: ports.map(|port| PortView { name: Some(port.name.unwrap_or_default()), ..port }).collect(),
        };
        let name = Cow::Owned(key.name(service));
        Object::new(Resource::EndpointSlices, Some(namespace), name, labels, Body::Slice(body))
    }
}
