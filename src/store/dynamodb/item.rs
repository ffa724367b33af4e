//! An item of the table: attributes by name, as DynamoDB's JSON has them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The name of the service: the hash key.
pub(super) const SERVICE: &str = "service";
/// The address: the range key.
pub(super) const ADDRESS: &str = "ip_address";
/// The repository of the service; absent when there is none, as the index wants it.
pub(super) const REPO: &str = "service_repo_name";
/// The port, a number.
pub(super) const PORT: &str = "port";
/// The last heartbeat.
pub(super) const CHECK_IN: &str = "last_check_in";
/// The revision that the host runs.
pub(super) const REVISION: &str = "revision";
/// The tags, a JSON object as text.
pub(super) const TAGS: &str = "tags";
/// The whole row as JSON, where Lyft's fields do not say all of it.
pub(super) const ROW: &str = "rollcall";
/// A number that every write of a rollcall's makes another, greater one.
pub(super) const VERSION: &str = "rollcall_version";
/// What the name of an attribute begins with that has the last report on a check with a TTL; its id follows.
pub(super) const BEAT: &str = "rollcall_beat/";

/// Lyft's fields but for the heartbeat: what an item says of its host.
pub(super) const FIELDS: [&str; 4] = [REPO, PORT, REVISION, TAGS];

/// An item.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Item(Map<String, Value>);

/// The key of an item: hash key and range key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct ItemKey {
    /// The hash key.
    pub(super) service: Box<str>,
    /// The range key.
    pub(super) address: Box<str>,
}

impl ItemKey {
    /// As a request has it.
    pub(super) fn to_json(&self) -> Value {
        json!({ SERVICE: text(&self.service), ADDRESS: text(&self.address) })
    }
}

impl Item {
    /// The key; every item of the table has one.
    pub(super) fn key(&self) -> Option<ItemKey> {
        Some(ItemKey { service: self.text(SERVICE)?.into(), address: self.text(ADDRESS)?.into() })
    }

    /// An attribute as it is.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// An attribute that is text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.get("S")?.as_str()
    }

    /// The digits of an attribute that is a number.
    pub(super) fn number(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.get("N")?.as_str()
    }

    /// The version, where a rollcall wrote the item last.
    pub(super) fn version(&self) -> Option<u64> {
        self.number(VERSION)?.parse().ok()
    }

    /// Sets an attribute.
    pub(super) fn set(&mut self, name: &str, value: Value) {
        self.0.insert(name.into(), value);
    }

    /// Every attribute.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

/// Text as a value.
pub(super) fn text(text: &str) -> Value {
    json!({ "S": text })
}

/// A number as a value: as text, so that no digit is lost.
pub(super) fn number(number: impl ToString) -> Value {
    json!({ "N": number.to_string() })
}
