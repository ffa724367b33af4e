//! What a Lyft row keeps beside the columns of the table, and how both are shown in a list.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::reply::Failure;
use crate::limits;
use crate::table::Host;

/// The tag that holds a weight.
pub(super) const WEIGHT: &str = "load_balancing_weight";
/// The weights this API knows: Envoy takes no other.
pub(super) const WEIGHTS: std::ops::RangeInclusive<u16> = 1..=100;
/// The weight of a row that nobody gave one.
const WEIGHT_DEFAULT: u16 = 1;

/// Tags by key, in the order of the keys.
pub(super) type Tags = Map<String, Value>;

/// The `original` of a row: compact JSON that only this dialect reads.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Stored {
    /// The repository; empty when none was named.
    pub(super) service_repo_name: String,
    /// The revision that the host runs.
    pub(super) revision: String,
    /// Everything else that it said of itself.
    pub(super) tags: Tags,
}

impl Stored {
    /// What a row keeps. A row without it, however it came to be, shows what its columns say.
    pub(super) fn of(host: &Host) -> Stored {
        host.original.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(|| from_columns(host))
    }

    /// The JSON text, if it is within its bounds. A weight counts for neither: it may have come later, and a host must
    /// not be refused for what somebody else added.
    pub(super) fn to_text(&self) -> Result<Arc<str>, Failure> {
        let weight = self.tags.get(WEIGHT).map(|weight| format!("\"{WEIGHT}\":{weight},").len());
        let keys = self.tags.len() - usize::from(weight.is_some());
        let most = limits::LYFT_TAG_KEYS;
        if keys > most {
            return Err(Failure::Named(format!("tags: must be at most {most} keys, is {keys}")));
        }
        let text = self.to_json();
        let octets = text.len() - weight.unwrap_or(0);
        let most = limits::ORIGINAL_OCTETS - limits::LYFT_WEIGHT_OCTETS;
        if octets > most {
            let rule = format!("must be at most {most} octets with revision and service_repo_name, is {octets}");
            return Err(Failure::Named(format!("tags: {rule}")));
        }
        Ok(Arc::from(text))
    }

    /// The JSON text with another weight, for which there always is room.
    pub(super) fn with_weight(mut self, weight: u16) -> Arc<str> {
        self.tags.insert(WEIGHT.into(), weight.into());
        Arc::from(self.to_json())
    }

    /// The weight in the tags.
    pub(super) fn weight(&self) -> Option<u16> {
        self.tags.get(WEIGHT).and_then(Value::as_u64).and_then(|weight| u16::try_from(weight).ok())
    }

    fn to_json(&self) -> String {
        // Text, and a map with text as keys: it cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn from_columns(host: &Host) -> Stored {
    let place = |place: &Option<crate::table::Place>| place.as_ref().map_or("", |place| place.as_str()).to_owned();
    let mut tags = Tags::new();
    tags.insert("az".into(), place(&host.zone).into());
    tags.insert("instance_id".into(), host.id.as_str().into());
    tags.insert("region".into(), place(&host.region).into());
    Stored { service_repo_name: place(&host.repo), revision: String::new(), tags }
}

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
    /// A row as this API shows it.
    pub(super) fn of(host: &Host) -> Listed {
        let mut stored = Stored::of(host);
        // The row knows better than the tag: its weight may have been set through another API.
        if stored.weight().unwrap_or(WEIGHT_DEFAULT) != host.weight {
            stored.tags.insert(WEIGHT.into(), host.weight.clamp(*WEIGHTS.start(), *WEIGHTS.end()).into());
        }
        Listed {
            ip_address: host.id.as_str().to_owned(),
            last_check_in: host.lease.renewed().to_python(),
            port: host.ports.first().map_or(0, |port| port.number),
            revision: stored.revision,
            service: host.service.as_str().to_owned(),
            service_repo_name: stored.service_repo_name,
            tags: stored.tags,
        }
    }
}
