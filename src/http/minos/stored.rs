//! Endpoints of a host: what a row of this dialect keeps beside the columns of the table, and what others say by their tags.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::table::{Dialect, Host};

/// The verb of an endpoint that answers to every one.
pub(super) const ANY: &str = "*";

/// A verb and a path, such as `["GET","/orders/{id}"]`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(super) struct Endpoint(pub(super) Box<str>, pub(super) Box<str>);

/// The `original` of a row: compact JSON that only this dialect reads.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Stored {
    pub(super) endpoints: Vec<Endpoint>,
}

impl Stored {
    pub(super) fn to_text(&self) -> Arc<str> {
        // Lists of text: it cannot fail.
        Arc::from(serde_json::to_string(self).unwrap_or_default())
    }
}

/// The endpoints of a row of any dialect. Those of others are its tags that are paths: the client that minos' documentation
/// shows for Consul registers them so.
pub(super) fn endpoints_of(host: &Host) -> Vec<Endpoint> {
    match host.dialect {
        Dialect::Minos => {
            let original = host.original.as_deref();
            let stored: Option<Stored> = original.and_then(|text| serde_json::from_str(text).ok());
            stored.unwrap_or_default().endpoints
        }
        Dialect::Node => Vec::new(),
        Dialect::Native | Dialect::Lyft | Dialect::Consul | Dialect::Etcd => {
            let paths = host.tags.iter().map(|tag| tag.as_str()).filter(|tag| tag.starts_with('/'));
            paths.map(|path| Endpoint(ANY.into(), path.into())).collect()
        }
    }
}
