//! What the table and the zone cost at 100,000 and 1,000,000 hosts: `cargo bench --bench figures`.
//!
//! Ten hosts a service, one address and one port each, one tag. Times are medians over random services, so
//! that caches are as cold as in a real table. Ratios inside one run mean something, the rest is the machine.

#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::unwrap_used, missing_docs, reason = "a bench")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use rollcall::clock::{Clock, Timestamp};
use rollcall::registry::{Durability, Registry};
use rollcall::table::{
    Dialect, Event, Host, HostId, HostKey, HostTable, Port, Registration, Revision, ServiceName, Target, parse_tags,
};
use rollcall::zone::{Asker, Grammar, Name, Policy, Question, Random, Zone, Zones, parse_file, rtype};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const FILE: &str = include_str!("../zones/service.local.zone");

fn main() {
    let sizes: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![100_000, 1_000_000] } else { sizes };
    println!(
        "| hosts | publish | A x10 | SRV x10 + glue | NXDOMAIN | / A hit | AAAA NODATA | RSS a host | render all |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for hosts in sizes {
        measure(hosts);
    }
}

fn origin() -> Name {
    Name::parse("origin", "service.local.", &Name::root()).unwrap()
}

fn registration(service: usize, host: usize) -> Registration {
    let number = service * 10 + host;
    let address = format!("10.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255);
    Registration {
        ports: [Port::tcp(8080)].into_iter().collect(),
        tags: parse_tags("tags", ["v1"]).unwrap(),
        ttl: Some(Duration::from_secs(3600)),
        ..Registration::new(
            ServiceName::parse("service", &format!("svc-{service:06}")).unwrap(),
            Dialect::Native,
            HostId::parse("id", &format!("host-{number}")).unwrap(),
            Target::parse("address", [address.as_str()]).unwrap(),
        )
    }
}

fn rows(hosts: usize) -> Vec<Host> {
    let mut table = HostTable::default();
    for number in 0..hosts {
        let event = Event::Register(Box::new(registration(number / 10, number % 10)));
        table.apply(event, Timestamp::default()).unwrap();
    }
    table.hosts().iter().map(|host| Host::clone(host)).collect()
}

fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    status.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn measure(hosts: usize) {
    let before = resident();
    let file = parse_file(FILE, &origin()).unwrap();
    let zone = Zone::new(file, Grammar::Service, &Policy::default(), &["127.0.0.1".parse().unwrap()]);
    let registry =
        Registry::new(Arc::new(Clock::system()), Zones::new(vec![zone], Policy::default()), Durability::Immediate);
    let rows: Vec<_> = rows(hosts).into_iter().map(Arc::new).collect();
    let start = Instant::now();
    registry.load(rows, Revision(1), 1);
    let load = start.elapsed();
    let publish = publish(&registry, hosts);
    let after = resident();
    let services = hosts / 10;
    let hit = answer(&registry, rtype::A, |random| name(random.below(services), ""));
    let srv = answer(&registry, rtype::SRV, |random| name(random.below(services), ""));
    let nodata = answer(&registry, rtype::AAAA, |random| name(random.below(services), ""));
    let missing = answer(&registry, rtype::A, |random| name(random.below(services), "x"));
    println!(
        "| {hosts} | {publish:.1} us | {hit:.2} us | {srv:.2} us | {missing:.2} us | {:.2} | {nodata:.2} us | {} B | {load:.2?} |",
        missing / hit,
        (after - before) / hosts,
    );
}

fn name(service: usize, suffix: &str) -> Vec<u8> {
    Name::parse("name", &format!("svc-{service:06}{suffix}"), &origin()).unwrap().as_wire().to_vec()
}

/// Median of 20,000 changes of a weight, each published.
fn publish(registry: &Registry, hosts: usize) -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut random = Random::new(5);
    let times = (0..20_000)
        .map(|round| {
            let number = random.below(hosts);
            let registration = registration(number / 10, number % 10);
            let host = HostKey { service: registration.service, dialect: Dialect::Native, id: registration.id };
            let event = Event::Weigh { host, weight: 2 + round, original: None };
            let start = Instant::now();
            runtime.block_on(registry.submit(event)).unwrap();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    median(times)
}

/// Median over rounds of the mean of 1,000 answers to random names.
fn answer(registry: &Registry, qtype: u16, mut name: impl FnMut(&mut Random) -> Vec<u8>) -> f64 {
    let snapshot = registry.snapshot();
    let mut random = Random::new(9);
    let names: Vec<Vec<u8>> = (0..50_000).map(|_| name(&mut random)).collect();
    let times = names
        .chunks(1000)
        .map(|names| {
            let start = Instant::now();
            for name in names {
                let asker = Asker { room: 77, explain: false, ..Asker::at(registry.now()) };
                let zone = snapshot.zones.find(name).unwrap();
                std::hint::black_box(zone.answer(&Question { name, qtype }, &asker, &mut random));
            }
            start.elapsed().as_secs_f64() * 1e6 / names.len() as f64
        })
        .collect();
    median(times)
}
