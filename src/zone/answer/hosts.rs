//! Records made from rows at the moment of the question.

use std::net::IpAddr;

use super::{Answer, Data, Owner, Record, SrvTarget};
use crate::clock::Timestamp;
use crate::table::{Host, Target};
use crate::zone::Zone;
use crate::zone::file::rtype;
use crate::zone::members::HostSet;
use crate::zone::schema::View;
use crate::zone::schema::service::address_key;

impl Zone {
    /// The records of one type that the hosts behind a name make, and the addresses of SRV targets.
    pub(super) fn host_records<'z>(
        &'z self,
        view: &View,
        set: &'z HostSet,
        owner: Owner<'z>,
        qtype: u16,
        now: Timestamp,
        answer: &mut Answer<'z>,
    ) {
        let ttl = self.apex.policy.record_ttl;
        match qtype {
            rtype::A | rtype::AAAA if view.shows_addresses() => {
                push_addresses(set, owner, qtype, ttl, now, &mut answer.answer);
            }
            rtype::SRV => {
                push_services(view, set, owner, ttl, now, &mut answer.answer);
                self.target_addresses(view, set, ttl, now, &mut answer.additional);
            }
            _ => {}
        }
    }

    /// A and AAAA of every SRV target, each once (R23).
    fn target_addresses<'z>(
        &'z self,
        view: &View,
        set: &'z HostSet,
        ttl: u32,
        now: Timestamp,
        into: &mut Vec<Record<'z>>,
    ) {
        let start = into.len();
        into.reserve(set.len());
        for host in set.live(now).filter(|host| view.shows_service_of(host)) {
            let Some(&first) = host.target.addresses().first() else { continue };
            let owner = Owner::Address(first);
            if set.repeats() && into[start..].iter().any(|record| record.owner == owner) {
                continue;
            }
            // While no two hosts of one address differ in their others, this host knows all records of the target.
            if self.uneven == 0 && !set.repeats() {
                push_host_addresses(host, owner, ttl, now, into);
            } else if let Some(node) = self.names.get(&address_key(first)) {
                for qtype in [rtype::A, rtype::AAAA] {
                    self.addresses(node, owner, qtype, now, into);
                }
            }
        }
    }
}

/// All addresses of one host as records of one name.
fn push_host_addresses<'z>(host: &Host, owner: Owner<'z>, ttl: u32, now: Timestamp, into: &mut Vec<Record<'z>>) {
    let ttl = clip(ttl, host, now);
    for address in host.target.addresses() {
        let data = match *address {
            IpAddr::V4(v4) => Data::A(v4),
            IpAddr::V6(v6) => Data::Aaaa(v6),
        };
        into.push(Record { owner, ttl, data });
    }
}

/// The A or AAAA records of a set: one TTL for all, no address twice (R21).
pub(super) fn push_addresses<'z>(
    set: &HostSet,
    owner: Owner<'z>,
    qtype: u16,
    ttl: u32,
    now: Timestamp,
    into: &mut Vec<Record<'z>>,
) {
    let start = into.len();
    let mut lowest = ttl;
    into.reserve(set.len());
    for host in set.live(now) {
        for address in host.target.addresses() {
            let data = match (*address, qtype) {
                (IpAddr::V4(v4), rtype::A) => Data::A(v4),
                (IpAddr::V6(v6), rtype::AAAA) => Data::Aaaa(v6),
                _ => continue,
            };
            lowest = clip(lowest, host, now);
            into.push(Record { owner, ttl, data });
        }
    }
    if set.repeats() {
        let mut addresses: Vec<Data<'z>> = into.drain(start..).map(|record| record.data).collect();
        addresses.sort_unstable_by_key(address_of);
        addresses.dedup();
        into.extend(addresses.into_iter().map(|data| Record { owner, ttl, data }));
    }
    for record in &mut into[start..] {
        record.ttl = lowest;
    }
}

fn address_of(data: &Data<'_>) -> Option<IpAddr> {
    match data {
        Data::A(v4) => Some(IpAddr::V4(*v4)),
        Data::Aaaa(v6) => Some(IpAddr::V6(*v6)),
        Data::Srv { .. } | Data::Soa { .. } | Data::Static { .. } => None,
    }
}

/// The SRV records of a set: one TTL for all, none twice.
fn push_services<'z>(
    view: &View,
    set: &'z HostSet,
    owner: Owner<'z>,
    ttl: u32,
    now: Timestamp,
    into: &mut Vec<Record<'z>>,
) {
    let start = into.len();
    let mut lowest = ttl;
    into.reserve(set.len());
    for host in set.live(now) {
        let target = match &host.target {
            Target::Addresses(addresses) => SrvTarget::Address(addresses[0]),
            Target::Name(name) => SrvTarget::Name(name),
        };
        for port in host.ports.iter().filter(|port| view.shows_port(port)) {
            lowest = clip(lowest, host, now);
            let data = Data::Srv { priority: host.priority, weight: host.weight, port: port.number, target };
            into.push(Record { owner, ttl, data });
        }
    }
    if set.repeats() || set.iter().any(|host| host.ports.len() > 1) {
        drop_same_services(into, start);
    }
    for record in &mut into[start..] {
        record.ttl = lowest;
    }
}

/// Two hosts on one address and port are one record; so is one port for two protocols.
fn drop_same_services(into: &mut Vec<Record<'_>>, start: usize) {
    type Fields<'a> = (Option<IpAddr>, Option<&'a str>, u16, u16, u16);
    fn sort_key<'a>(data: &Data<'a>) -> Option<Fields<'a>> {
        match *data {
            Data::Srv { priority, weight, port, target: SrvTarget::Address(address) } => {
                Some((Some(address), None, port, priority, weight))
            }
            Data::Srv { priority, weight, port, target: SrvTarget::Name(name) } => {
                Some((None, Some(name), port, priority, weight))
            }
            Data::A(_) | Data::Aaaa(_) | Data::Soa { .. } | Data::Static { .. } => None,
        }
    }
    into[start..].sort_unstable_by_key(|record| sort_key(&record.data));
    let mut kept = start;
    for index in start..into.len() {
        if index == start || into[index].data != into[kept - 1].data {
            into[kept] = into[index];
            kept += 1;
        }
    }
    into.truncate(kept);
}

/// No record outlives the lease it stands on (R24): whole seconds left, rounded down.
fn clip(ttl: u32, host: &Host, now: Timestamp) -> u32 {
    match host.lease.left(now) {
        Some(left) => u32::try_from(left.as_secs()).map_or(ttl, |left| left.min(ttl)),
        None => ttl,
    }
}
