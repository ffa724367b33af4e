//! Which hosts of many, in which order.
//!
//! Records of a set leave in random order, so that a client that takes the first spreads its load (R25),
//! and a set that is cut for size is cut at random (R26).

use std::cmp::Ordering;
use std::net::IpAddr;

use super::record::{Data, Derived, Record, Target, undashed};
use crate::table::Host;

/// What a weight of 0 counts among others: a very small chance of being first (RFC 2782).
pub(super) const LEAST_WEIGHT: f64 = 0.01;

/// A small, fast generator for load spreading (SplitMix64); of no use for secrets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator that replays the same order for the same seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which must not be zero (Lemire's multiplication; its bias is below 2^-32 for our sizes).
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next_u64()) * bound as u128) >> 64) as usize
    }

    /// A number whose chances fall exponentially, of mean 1.
    pub fn exponential(&mut self) -> f64 {
        // 53 random bits in (0, 1].
        let uniform = ((self.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        -uniform.ln()
    }

    /// Puts `items` in random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.below(end + 1));
        }
    }
}

/// Puts records in an order that is another for each client and always the same for one: hosts that come and go change
/// the places of no others (rendezvous hashing).
pub(super) fn by_client(records: &mut [Record<'_>], client: u64) {
    records.sort_by_cached_key(|record| place_for_client(client, &record.data));
}

/// The number in whose order a client gets records.
pub(super) fn place_for_client(client: u64, data: &Data<'_>) -> u64 {
    Random::new(client ^ identity(data)).next_u64()
}

/// A number for the target and port of an SRV record.
fn identity(data: &Data<'_>) -> u64 {
    let mix = |seed: u64, octets: &[u8]| {
        octets.iter().fold(seed, |hash, octet| (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3))
    };
    let seed = 0xcbf2_9ce4_8422_2325;
    match service(data) {
        Some(service) => {
            let seed = mix(seed, &service.port.to_be_bytes());
            match (service.address, service.name) {
                (Some(IpAddr::V4(v4)), _) => mix(seed, &v4.octets()),
                (Some(IpAddr::V6(v6)), _) => mix(seed, &v6.octets()),
                (None, name) => mix(seed, name.as_bytes()),
            }
        }
        None => seed,
    }
}

/// What tells the names of two hosts of a service apart, where hosts are called by their host names, and else by their
/// first address: a host name may be written as an address is.
pub(super) fn endpoint(host: &Host) -> (Option<IpAddr>, &str) {
    match host.hostname.as_deref() {
        None => (host.target.addresses().first().copied(), ""),
        Some(hostname) => match undashed(hostname) {
            Some(address) => (Some(address), ""),
            None => (None, hostname),
        },
    }
}

/// What tells two SRV or SVCB records of a set apart.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Service<'a> {
    address: Option<IpAddr>,
    is_foreign: bool,
    name: &'a str,
    port: u16,
    priority: u16,
    weight: u16,
}

fn service<'a>(data: &Data<'a>) -> Option<Service<'a>> {
    let (priority, weight, port, target) = match *data {
        Data::Srv { priority, weight, port, target } => (priority, weight, port, target),
        Data::Svcb { priority, port, target, .. } => (priority, 0, port, target),
        Data::A(_)
        | Data::Aaaa(_)
        | Data::Ptr { .. }
        | Data::Txt(_)
        | Data::Pair(_)
        | Data::Soa { .. }
        | Data::Alias(_)
        | Data::Static { .. } => {
            return None;
        }
    };
    let (address, name) = match target {
        Target::Name(name) => (None, name),
        Target::Derived(Derived::Address(address) | Derived::Literal(address)) => (Some(address), ""),
        Target::Derived(Derived::Endpoint(row)) => endpoint(row.0),
        Target::Derived(Derived::Node(row)) => (None, row.0.service.as_str()),
        Target::Derived(_) => (None, ""),
    };
    let is_foreign = matches!(target, Target::Name(_));
    Some(Service { address, is_foreign, name, port, priority, weight })
}

/// The order of SRV or SVCB records in which equal ones stand together.
pub(super) fn services(one: &Data<'_>, other: &Data<'_>) -> Ordering {
    service(one).cmp(&service(other)).then_with(|| params(one).cmp(&params(other)))
}

/// What SVCB says beyond its target: two hosts of one address may speak different protocols.
fn params(data: &Data<'_>) -> Vec<u8> {
    let mut octets = Vec::new();
    if let Data::Svcb { port, host, .. } = data {
        host.write_params(*port, &mut octets);
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_comes_first_about_as_often() {
        let mut random = Random::new(7);
        let mut first = [0_u32; 10];
        for _ in 0..10_000 {
            let mut items: Vec<usize> = (0..10).collect();
            random.shuffle(&mut items);
            first[items[0]] += 1;
        }
        assert!(first.iter().all(|count| (850..1150).contains(count)), "{first:?}");
    }
}
