//! What rows of this dialect keep beside the columns of the table.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::body::Address;
use crate::limits;
use crate::table::{Host, Invalid};

/// Of a service: what is not the plain case.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ServiceExtras {
    /// The address as it was written, where the target says it otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) address: Option<String>,
    /// Beside those that every IP address has.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) tagged_addresses: BTreeMap<String, StoredAddress>,
    /// The tags as they were written, where the row could not keep them so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tags: Option<Vec<String>>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) kind: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) socket_path: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) enable_tag_override: bool,
    /// Whether it speaks mutual TLS itself.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) native: bool,
    /// Whether it was registered from outside: then it has no addresses but those that were said.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) external: bool,
    /// The port that is meant where no name is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) default_port: Option<String>,
    /// What it says of proxies, as sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) proxy: Option<Map<String, Value>>,
    /// Where it runs, as sent: `{"Region": ..., "Zone": ...}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) locality: Option<Map<String, Value>>,
}

/// An address and its port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredAddress {
    pub(super) address: String,
    pub(super) port: u16,
}

impl From<Address> for StoredAddress {
    fn from(address: Address) -> StoredAddress {
        StoredAddress { address: address.address, port: address.port }
    }
}

/// Of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct NodeExtras {
    /// Its name as it was written, where that has capitals.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) name: String,
    /// Its UUID; empty where none was said.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) id: String,
    /// Its address as it was written, where the target says it otherwise.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) address: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) tagged_addresses: BTreeMap<String, String>,
}

/// What a row keeps; a row that keeps nothing, or what nobody can read, is the plain case.
pub(super) fn of<T: Default + for<'de> Deserialize<'de>>(host: &Host) -> T {
    host.original.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// The text to keep; none for the plain case.
pub(super) fn to_text<T: Default + PartialEq + Serialize>(
    field: &str,
    extras: &T,
) -> Result<Option<Arc<str>>, Invalid> {
    if *extras == T::default() {
        return Ok(None);
    }
    // Texts, and maps with texts as keys: it cannot fail.
    let text = serde_json::to_string(extras).unwrap_or_default();
    if text.len() > limits::ORIGINAL_OCTETS {
        let most = limits::ORIGINAL_OCTETS;
        return Err(Invalid::new(field, format!("tags and tagged addresses must be at most {most} octets together")));
    }
    Ok(Some(Arc::from(text)))
}
