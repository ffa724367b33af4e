//! The node that this server shows itself as to Consul's clients.

use std::hash::Hasher as _;
use std::net::SocketAddr;
use std::sync::Arc;

use siphasher::sip128::{Hasher128 as _, SipHasher24};

use super::reachable_addresses;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::http::consul;
use crate::table::{Dialect, Host};

/// Where Linux keeps what tells this machine from others (machine-id(5)).
const MACHINE_ID: &str = "/etc/machine-id";

/// What the settings say of the node.
pub(super) fn settings(config: &Config, dns: &[SocketAddr]) -> consul::Settings {
    let own = reachable_addresses(&config.dns.advertise, dns);
    let address = own.iter().find(|address| address.is_ipv4()).or(own.first()).copied();
    let default = consul::Settings::default();
    consul::Settings {
        datacenter: config.dns.datacenter.clone(),
        node_name: config.node_name.clone(),
        node_id: config.node_id.clone().unwrap_or_else(|| made_id(&config.node_name)),
        node_meta: config.node_meta.clone(),
        node_address: address.unwrap_or(default.node_address),
        catalog_hides_critical: config.catalog_hides_critical,
        shares_table: config.store.kind.durability().is_shared(),
    }
}

/// A UUID of the machine and the name (RFC 9562 5.8): the same at every start, and another for another server.
fn made_id(name: &str) -> String {
    // A machine without one is told from others by its name alone.
    let machine = std::fs::read_to_string(MACHINE_ID).unwrap_or_default();
    let mut hasher = SipHasher24::new_with_keys(0x726f_6c6c_6361_6c6c, 0x6e6f_6465);
    hasher.write(machine.trim().as_bytes());
    hasher.write_u8(0);
    hasher.write(name.as_bytes());
    let hash = hasher.finish128().as_u128();
    let bits = hash & !(0xf000_u128 << 64 | 0xc000_u128 << 48) | 0x8000_u128 << 64 | 0x8000_u128 << 48;
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// Puts the row of this server's node among those of the store, in the place of what an earlier run left: the checks of it
/// stay, also where the node had another name.
pub(super) fn put(rows: &mut Vec<Arc<Host>>, settings: &consul::Settings, now: Timestamp) {
    let name = settings.node_name.to_ascii_lowercase();
    let mut own = Vec::new();
    rows.retain(|row| {
        let is_own = row.dialect == Dialect::Node && row.as_node() == Some("");
        if is_own {
            own.push(Arc::clone(row));
        }
        !is_own
    });
    let before = own.iter().max_by_key(|row| (row.service.as_str() == name, row.modified));
    rows.push(Arc::new(consul::own_node(settings, before.map(AsRef::as_ref), now)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stays_and_is_a_uuid() {
        let id = made_id("web-1");
        assert_eq!(id, made_id("web-1"));
        assert_ne!(id, made_id("web-2"));
        let dashes: Vec<usize> = id.match_indices('-').map(|(at, _)| at).collect();
        assert_eq!((id.len(), dashes), (36, vec![8, 13, 18, 23]));
        assert_eq!((&id[14..15], matches!(&id[19..20], "8" | "9" | "a" | "b")), ("8", true), "{id}");
    }
}
