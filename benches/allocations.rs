//! What an answer asks of the heap beyond its reply buffer: `cargo bench --bench allocations`.
//!
//! Each kind of question is asked once, so that what is kept between answers is there, and then a thousand times.

#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs, reason = "a bench")]

use std::alloc::System;
use std::sync::Arc;
use std::time::Duration;

use rollcall::clock::{Clock, Timestamp};
use rollcall::dns::{self, Outcome, Transport};
use rollcall::registry::{Durability, Registry};
use rollcall::table::{
    Dialect, Event, HostId, Port, Registration, Revision, ServiceName, Standing, Target, node_key, parse_meta,
    parse_tags,
};
use rollcall::zone::{Datacenter, Grammar, Name, Policy, Random, Zone, Zones, parse_file, rtype};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const FILE: &str = include_str!("../zones/service.local.zone");
const ROUNDS: usize = 1000;
const LONG: &str = "a-service-with-a-rather-long-name-such-as-people-like";

/// What to call it, the name of the question, in `service.local.` without a final dot, its type and transport.
const KINDS: [(&str, &str, u16, Transport); 18] = [
    ("A, 10 hosts", "web", rtype::A, Transport::Udp),
    ("SRV, 10 hosts with glue", "web", rtype::SRV, Transport::Udp),
    ("NXDOMAIN", "webx", rtype::A, Transport::Udp),
    ("NODATA", "web", rtype::TXT, Transport::Udp),
    ("NODATA at an empty non-terminal", "_tcp", rtype::A, Transport::Udp),
    ("A of a tag", "v1.web", rtype::A, Transport::Udp),
    ("SRV of a protocol", "_web._tcp", rtype::SRV, Transport::Udp),
    ("A of an address", "0a000001.addr", rtype::A, Transport::Udp),
    ("A of a long name", LONG, rtype::A, Transport::Udp),
    (
        "NXDOMAIN at a long name",
        "nothing.a-service-with-a-rather-long-name-such-as-people-like",
        rtype::A,
        Transport::Udp,
    ),
    ("SOA", "", rtype::SOA, Transport::Udp),
    ("ANY", "web", rtype::ANY, Transport::Udp),
    ("A, 200 hosts, cut", "big", rtype::A, Transport::Udp),
    ("A, 200 hosts", "big", rtype::A, Transport::Tcp),
    ("SRV, 200 hosts with glue", "big", rtype::SRV, Transport::Tcp),
    ("SRV, 10 hosts at their nodes", "placed.service.consul.", rtype::SRV, Transport::Udp),
    ("A of a node", "n1.node.consul.", rtype::A, Transport::Udp),
    ("TXT of a node", "n1.node.consul.", rtype::TXT, Transport::Udp),
];

fn main() {
    let registry = registry();
    println!("| answer | allocations | reallocations | octets |");
    println!("|---|---|---|---|");
    for (what, name, qtype, transport) in KINDS {
        let counted = count(&registry, &query(name, qtype), transport);
        let [allocations, reallocations, octets] = counted.map(|sum| sum as f64 / ROUNDS as f64);
        println!("| {what} | {allocations} | {reallocations} | {octets} |");
    }
}

/// Allocations, reallocations and octets of [`ROUNDS`] answers.
fn count(registry: &Registry, packet: &[u8], transport: Transport) -> [usize; 3] {
    let mut random = Random::new(1);
    let mut out = Vec::with_capacity(65_535);
    let now = registry.now();
    let snapshot = registry.snapshot();
    let mut answer = || {
        let settings = dns::Settings::default();
        let view = dns::View { zones: &snapshot.zones, loaded: true, settings: &settings, limiter: None, stale: false };
        let request = dns::Request::own(packet, transport);
        let outcome = dns::respond(&view, &request, now, &mut random, &mut out);
        assert!(!matches!(outcome, Outcome::Dropped(_)));
    };
    answer();
    let region = Region::new(ALLOCATOR);
    (0..ROUNDS).for_each(|_| answer());
    let change = region.change();
    [change.allocations, change.reallocations, change.bytes_allocated]
}

fn registry() -> Registry {
    let origin = Name::parse("origin", "service.local.", &Name::root()).unwrap();
    let zone = Zone::new(
        parse_file(FILE, &origin).unwrap(),
        Grammar::Service,
        &Policy::default(),
        &["127.0.0.1".parse().unwrap()],
    );
    let consul = Name::parse("origin", "consul.", &Name::root()).unwrap();
    let grammar = Grammar::Consul(Datacenter::new("dc1").unwrap());
    let consul = Zone::new(parse_file(FILE, &consul).unwrap(), grammar, &Policy::default(), &[]);
    let registry = Registry::new(
        Arc::new(Clock::manual(Timestamp::default())),
        Zones::new(vec![zone, consul], Policy::default()),
        Durability::Immediate,
    );
    registry.load([], Revision(1), 1);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for (place, (service, hosts)) in [("web", 10), (LONG, 10), ("big", 200)].into_iter().enumerate() {
        for host in 0..hosts {
            let event = Event::Register(Box::new(registration(service, place, host)));
            runtime.block_on(registry.submit(event)).unwrap();
        }
    }
    for number in 0..10 {
        for registration in placed(number) {
            runtime.block_on(registry.submit(Event::Register(Box::new(registration)))).unwrap();
        }
    }
    registry
}

/// A node, and a host that has its address.
fn placed(number: usize) -> [Registration; 2] {
    let target = Target::parse("address", [format!("10.3.0.{number}").as_str()]).unwrap();
    let name = format!("n{number}");
    let key = node_key(&name, false).unwrap();
    let mut node = Registration::new(key.service, key.dialect, key.id, target.clone());
    node.meta = parse_meta("meta", [("rack", "a"), ("row", "b")]).unwrap();
    let id = Standing { node: &name, id: "placed" }.to_id("id").unwrap();
    let service = ServiceName::parse("service", "placed").unwrap();
    let mut host = Registration::new(service, Dialect::Consul, id, target);
    host.ports = [Port::tcp(8080)].into_iter().collect();
    host.at_node = true;
    [node, host]
}

fn registration(service: &str, place: usize, host: usize) -> Registration {
    Registration {
        ports: [Port::tcp(8080)].into_iter().collect(),
        tags: parse_tags("tags", ["v1"]).unwrap(),
        ttl: Some(Duration::from_secs(3600)),
        ..Registration::new(
            ServiceName::parse("service", service).unwrap(),
            Dialect::Native,
            HostId::parse("id", &host.to_string()).unwrap(),
            Target::parse("address", [format!("10.0.{place}.{host}").as_str()]).unwrap(),
        )
    }
}

/// A query with EDNS, about a name in `service.local.`, or one that is absolute.
fn query(name: &str, qtype: u16) -> Vec<u8> {
    let mut packet = vec![0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    let origin: &[&str] = if name.ends_with('.') { &[] } else { &["service", "local"] };
    for label in name.split('.').chain(origin.iter().copied()).filter(|label| !label.is_empty()) {
        packet.push(label.len() as u8);
        packet.extend_from_slice(label.as_bytes());
    }
    packet.push(0);
    packet.extend_from_slice(&qtype.to_be_bytes());
    packet.extend_from_slice(&[0, 1, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    packet
}
