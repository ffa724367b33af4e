//! Hosts as the lists of this API show them.
//!
//! A list is what Envoy's first discovery service reads: one host in it that Envoy cannot read, and Envoy drops them all.

use serde::Serialize;
use utoipa::ToSchema;

use crate::lyft::{Stored, Tags, WEIGHT, WEIGHTS};
use crate::table::{Dialect, Host, Namespace, Protocol};

/// The weight of a row that nobody gave one.
const WEIGHT_DEFAULT: u16 = 1;

/// A host in a list: seven keys, no more.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Listed {
    /// Its address.
    ip_address: String,
    /// Its last heartbeat, in UTC.
    #[schema(example = "2026-11-20 17:08:14.758176+00:00")]
    last_check_in: String,
    /// Its port.
    port: u16,
    /// The revision that it runs.
    revision: String,
    /// The service it offers.
    service: String,
    /// The repository of the service; may be empty.
    service_repo_name: String,
    /// `az`, `instance_id`, `region`, and what else it said of itself.
    #[schema(value_type = Object)]
    tags: Tags,
}

impl Listed {
    /// A row as this API shows it; `None` for one without an address or a TCP port, which no client of it can use, and for
    /// one of another namespace than `default`, which is another service's.
    pub(super) fn of(host: &Host) -> Option<Listed> {
        if host.namespace != Namespace::DEFAULT {
            return None;
        }
        let mut stored = Stored::of(host);
        // The row knows better than the tag: its weight may have been set through another API.
        if stored.weight().unwrap_or(WEIGHT_DEFAULT) != host.weight {
            stored.tags.insert(WEIGHT.into(), host.weight.clamp(*WEIGHTS.start(), *WEIGHTS.end()).into());
        }
        Some(Listed {
            ip_address: host.target.addresses().first()?.to_string(),
            last_check_in: host.lease.renewed().to_python(),
            port: host.ports.iter().find(|port| port.protocol == Protocol::Tcp)?.number,
            revision: stored.revision,
            service: host.service.as_str().to_owned(),
            service_repo_name: stored.service_repo_name,
            tags: stored.tags,
        })
    }
}

/// The hosts of one service, by address as text. An address and port that several APIs registered is one host: that of
/// this API if there is one.
pub(super) fn list<'a>(hosts: impl Iterator<Item = &'a Host>) -> Vec<Listed> {
    let mut listed: Vec<(bool, Listed)> =
        hosts.filter_map(|host| Some((host.dialect != Dialect::Lyft, Listed::of(host)?))).collect();
    listed.sort_by(|(foreign, one), (other_foreign, other)| {
        (&one.ip_address, one.port, foreign).cmp(&(&other.ip_address, other.port, other_foreign))
    });
    let mut listed: Vec<Listed> = listed.into_iter().map(|(_, host)| host).collect();
    listed.dedup_by(|later, kept| (&later.ip_address, later.port) == (&kept.ip_address, kept.port));
    listed
}
