//! Hosts to endpoints, such that Envoy takes all of them: it rejects a whole answer for one endpoint that is wrong.
//!
//! | of a host | of the endpoint |
//! | --- | --- |
//! | the first address; the others | `address`; `additional_addresses` |
//! | its first port of TCP, or the one of the name that was asked for, be it of UDP | `port_value` |
//! | served | `HEALTHY` |
//! | draining | `DRAINING` |
//! | critical, or warning where only what passes is served | `UNHEALTHY` |
//! | weight, 0 too | `load_balancing_weight`, 1 at least |
//! | region and zone | the locality; without both one that has no name |
//! | priority | the place of it among those that are there: Envoy wants them without gaps, from 0 |
//! | pairs, tags | `envoy.lb`, see [`metadata`] |
//! | a host name that was looked up | `hostname` |
//!
//! Left out are hosts whose lease has ended, that have a name and no address, that have no such port.
//! Of two hosts with one address and port the better one stands: what is served in any API is served here.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::metadata;
use super::proto::{
    AdditionalAddress, Address, ClusterLoadAssignment, Endpoint, HealthStatus, LbEndpoint, Locality,
    LocalityLbEndpoints, SocketAddress,
};
use super::resource::Resource;
use crate::clock::Timestamp;
use crate::registry::Snapshot;
use crate::table::{Host, Place, Port, Protocol};

/// Envoy's highest priority; whoever has more of them shares it.
const PRIORITY_MOST: usize = 128;

/// A host as an endpoint, and where it stands among the others.
struct Candidate<'a> {
    host: &'a Host,
    port: &'a Port,
    health: HealthStatus,
}

impl Candidate<'_> {
    /// Which of two with one address is taken: the lower.
    fn rank(&self) -> (HealthRank, u16) {
        let health = match self.health {
            HealthStatus::Healthy => HealthRank::Served,
            HealthStatus::Draining => HealthRank::Draining,
            HealthStatus::Unhealthy | HealthStatus::Unknown => HealthRank::Not,
        };
        (health, self.host.priority)
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum HealthRank {
    Served,
    Draining,
    Not,
}

/// The endpoints of what a name means; none where it means nothing, so that a service that is gone leaves nothing.
pub(super) fn assignment(resource: &Resource, snapshot: &Snapshot, now: Timestamp) -> ClusterLoadAssignment {
    let candidates = candidates(resource, snapshot, now);
    let mut priorities: Vec<u16> = candidates.values().map(|candidate| candidate.host.priority).collect();
    priorities.sort_unstable();
    priorities.dedup();
    let place_of = |priority: u16| priorities.partition_point(|lower| *lower < priority).min(PRIORITY_MOST);
    let scale = scale(candidates.values().map(|candidate| u64::from(candidate.host.weight.max(1))).sum());
    let mut places: BTreeMap<(usize, &str, &str), Vec<LbEndpoint>> = BTreeMap::new();
    for candidate in candidates.values() {
        let host = candidate.host;
        let place = (place_of(host.priority), text_of(host.region.as_ref()), text_of(host.zone.as_ref()));
        places.entry(place).or_default().push(lb_endpoint(candidate, scale));
    }
    let endpoints = places.into_iter().map(|((priority, region, zone), lb_endpoints)| LocalityLbEndpoints {
        locality: Some(Locality { region: region.to_owned(), zone: zone.to_owned() }),
        load_balancing_weight: Some(lb_endpoints.iter().filter_map(|each| each.load_balancing_weight).sum()),
        lb_endpoints,
        // At most `PRIORITY_MOST`.
        priority: u32::try_from(priority).unwrap_or(0),
    });
    ClusterLoadAssignment { cluster_name: resource.name.clone(), endpoints: endpoints.collect() }
}

fn text_of(place: Option<&Place>) -> &str {
    place.map_or("", Place::as_str)
}

/// The rows that are meant.
fn rows<'a>(resource: &Resource, snapshot: &'a Snapshot) -> impl Iterator<Item = &'a Arc<Host>> {
    let hosts = snapshot.hosts.any_case(&resource.service).flat_map(|name| snapshot.hosts.of_service(name.as_str()));
    hosts.filter(|host| resource.namespace.as_ref() == Some(&host.namespace))
}

/// Until when every row that is meant may be served; `None` where the lease of one has ended.
pub(super) fn first_end(resource: &Resource, snapshot: &Snapshot, now: Timestamp) -> Option<Timestamp> {
    let ends = rows(resource, snapshot).filter_map(|host| host.lease.ends());
    Some(ends.min().unwrap_or(Timestamp::MAX)).filter(|first| *first > now)
}

/// The hosts, one for each address and port.
fn candidates<'a>(
    resource: &Resource,
    snapshot: &'a Snapshot,
    now: Timestamp,
) -> BTreeMap<(IpAddr, u16), Candidate<'a>> {
    let mut candidates: BTreeMap<(IpAddr, u16), Candidate<'a>> = BTreeMap::new();
    for host in rows(resource, snapshot).filter(|host| host.lease.is_live(now)) {
        let Some(address) = host.target.addresses().first() else { continue };
        let Some(port) = port_of(host, resource.port.as_deref()) else { continue };
        let candidate = Candidate { host, port, health: health_of(snapshot, host, now) };
        let at = (*address, port.number);
        if candidates.get(&at).is_none_or(|other| candidate.rank() < other.rank()) {
            candidates.insert(at, candidate);
        }
    }
    candidates
}

fn health_of(snapshot: &Snapshot, host: &Host, now: Timestamp) -> HealthStatus {
    if snapshot.serves(host, now) {
        HealthStatus::Healthy
    } else if host.draining {
        HealthStatus::Draining
    } else {
        HealthStatus::Unhealthy
    }
}

fn port_of<'a>(host: &'a Host, name: Option<&str>) -> Option<&'a Port> {
    let meant = |port: &&Port| name.is_none() || port.name.as_deref() == name;
    let over = |protocol| host.ports.iter().filter(meant).find(move |port| port.protocol == protocol);
    // A cluster that says nothing of ports sends what goes over TCP.
    over(Protocol::Tcp).or_else(|| name.and_then(|_| over(Protocol::Udp)))
}

/// By what weights are divided, as Envoy adds them up in 32 bits.
pub(super) fn scale(sum: u64) -> u64 {
    // Rounding up to 1 may add one for each host: half of the room is left for that.
    if sum <= u64::from(u32::MAX) { 1 } else { sum.div_ceil(u64::from(u32::MAX / 2)) }
}

fn lb_endpoint(candidate: &Candidate<'_>, scale: u64) -> LbEndpoint {
    let Candidate { host, port, health } = candidate;
    let weight = (u64::from(host.weight) / scale).max(1);
    let mut addresses = host.target.addresses().iter().map(|address| Address {
        socket_address: Some(SocketAddress {
            protocol: i32::from(port.protocol == Protocol::Udp),
            address: address.to_string(),
            port_value: port.number.into(),
        }),
    });
    LbEndpoint {
        endpoint: Some(Endpoint {
            address: addresses.next(),
            hostname: host.target.name().map(|name| name.to_string()).unwrap_or_default(),
            additional_addresses: addresses.map(|address| AdditionalAddress { address: Some(address) }).collect(),
        }),
        health_status: *health as i32,
        metadata: metadata::of(host),
        load_balancing_weight: Some(u32::try_from(weight).unwrap_or(u32::MAX)),
    }
}
