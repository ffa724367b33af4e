//! What a Lyft row keeps beside the columns of the table.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::tags::{AZ, CANARY, INSTANCE_ID, REGION, Tags, WEIGHT};
use crate::limits;
use crate::table::{Dialect, Host, Invalid};

/// The `original` of a row: compact JSON that only this dialect reads.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Stored {
    /// The repository; empty when none was named.
    pub(crate) service_repo_name: String,
    /// The revision that the host runs.
    pub(crate) revision: String,
    /// Everything else that it said of itself.
    pub(crate) tags: Tags,
}

impl Stored {
    /// What a row keeps. A row without it, however it came to be, shows what its columns say.
    pub(crate) fn of(host: &Host) -> Stored {
        let original = host.original.as_deref().filter(|_| host.dialect == Dialect::Lyft);
        original.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(|| from_columns(host))
    }

    /// The JSON text, if it is within its bounds. A weight counts for neither: it may have come later, and a host must
    /// not be refused for what somebody else added.
    pub(crate) fn to_text(&self) -> Result<Arc<str>, Invalid> {
        let weight = self.tags.get(WEIGHT).map(|weight| format!("\"{WEIGHT}\":{weight},").len());
        let keys = self.tags.len() - usize::from(weight.is_some());
        let most = limits::LYFT_TAG_KEYS;
        if keys > most {
            return Err(Invalid::new("tags", format!("must be at most {most} keys, is {keys}")));
        }
        let text = self.to_json();
        let octets = text.len() - weight.unwrap_or(0);
        let most = limits::ORIGINAL_OCTETS - limits::LYFT_WEIGHT_OCTETS;
        if octets > most {
            let rule = format!("must be at most {most} octets with revision and service_repo_name, is {octets}");
            return Err(Invalid::new("tags", rule));
        }
        Ok(Arc::from(text))
    }

    /// The JSON text with another weight, for which there always is room.
    pub(crate) fn with_weight(mut self, weight: u16) -> Arc<str> {
        self.tags.insert(WEIGHT.into(), weight.into());
        Arc::from(self.to_json())
    }

    /// The weight in the tags.
    pub(crate) fn weight(&self) -> Option<u16> {
        self.tags.get(WEIGHT).and_then(Value::as_u64).and_then(|weight| u16::try_from(weight).ok())
    }

    fn to_json(&self) -> String {
        // Text, and a map with text as keys: it cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// What this API shows of a row that it did not write: `az`, `region` and `instance_id` always, `canary` where the host
/// has a tag or pair of that name, and its other pairs as they are.
fn from_columns(host: &Host) -> Stored {
    let place = |place: &Option<crate::table::Place>| place.as_ref().map_or("", |place| place.as_str()).to_owned();
    let pair = |key: &str| host.meta.iter().find(|(known, _)| **known == *key).map(|(_, value)| &**value);
    let mut tags: Tags = host.meta.iter().map(|(key, value)| (key.to_string(), Value::from(&**value))).collect();
    let canary = host.tags.iter().any(|tag| tag.as_str() == CANARY) || pair(CANARY) == Some("true");
    // Envoy takes a boolean here and an integer there, and drops a whole list for anything else.
    tags.remove(CANARY);
    tags.remove(WEIGHT);
    if canary {
        tags.insert(CANARY.into(), true.into());
    }
    tags.insert(AZ.into(), place(&host.zone).into());
    tags.insert(INSTANCE_ID.into(), host.own_id().into());
    tags.insert(REGION.into(), place(&host.region).into());
    let revision = pair("revision").or(pair("version")).unwrap_or_default().to_owned();
    Stored { service_repo_name: place(&host.repo), revision, tags }
}
