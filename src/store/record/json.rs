//! The same form as text: a whole row, key and all, as one JSON object on one line.
//!
//! It is what an export has for each row, and what a store with values of text keeps. `docs/rows.md` describes it for
//! people.
//!
//! | field | holds |
//! | --- | --- |
//! | `version` | that of the form, 1 |
//! | `service` | the service; of a node its name in lower case |
//! | `dialect` | `native`, `lyft`, `consul`, `minos`, or `node` |
//! | `id` | the id; on a node of Consul's catalog `node/id`; of a node `node`, or `self` for that of the server |
//! | all others | those of the value of a row |

use serde::{Deserialize, Serialize};

use super::{Stored, Text, Unreadable, VERSION};
use crate::table::{Dialect, Host, HostId, Invalid, ServiceName};

/// A row as it is written.
#[derive(Serialize)]
struct Line<'a> {
    version: u8,
    service: &'a str,
    dialect: &'static str,
    id: &'a str,
    #[serde(flatten)]
    stored: Stored<'a>,
}

/// What is read of a row first: whether the rest can be.
#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

/// What the row is called. The fields of its value are passed over here, as these are there.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    service: Text<'a>,
    #[serde(borrow)]
    dialect: Text<'a>,
    #[serde(borrow)]
    id: Text<'a>,
}

/// A row as one JSON object, without a line feed.
pub(crate) fn to_json(host: &Host) -> String {
    let mut octets = Vec::with_capacity(256);
    write_json(&mut octets, host);
    // JSON is UTF-8.
    String::from_utf8(octets).unwrap_or_default()
}

/// The same at the end of what is written already.
pub(crate) fn write_json(into: &mut Vec<u8>, host: &Host) {
    write(into, host, Stored::of(host));
}

/// The same of what servers with the same rows have in common: no revisions, no moments and words of checks, and no
/// address that is only that of the node.
pub(crate) fn write_content(into: &mut Vec<u8>, host: &Host) {
    let mut stored = Stored { created: 0, modified: 0, ..Stored::of(host) };
    if host.at_node {
        stored.target.clear();
    }
    for check in &mut stored.checks {
        (check.since, check.output) = (0, None);
    }
    write(into, host, stored);
}

#[allow(clippy::expect_used, reason = "plain structs into memory: serde_json has nothing to fail on")]
fn write(into: &mut Vec<u8>, host: &Host, stored: Stored<'_>) {
    let (service, id) = (host.service.as_str(), host.id.as_str());
    let line = Line { version: VERSION, service, dialect: host.dialect.as_str(), id, stored };
    serde_json::to_writer(into, &line).expect("a row is JSON");
}

/// The row that such an object says. A newer version is named before anything else of it is looked at.
pub(crate) fn from_json(text: &[u8]) -> Result<Host, Unreadable> {
    let Versioned { version } = serde_json::from_slice(text)?;
    if version > u64::from(VERSION) {
        return Err(Unreadable::Newer(u8::try_from(version).unwrap_or(u8::MAX)));
    }
    if version != u64::from(VERSION) {
        return Err(Unreadable::Value(serde::de::Error::custom("no such version")));
    }
    let Named { service, dialect, id } = serde_json::from_slice(text)?;
    let stored: Stored<'_> = serde_json::from_slice(text)?;
    let (service, id) = (ServiceName::parse("service", &service.0)?, HostId::parse("id", &id.0)?);
    Ok(stored.host(service, dialect_of(&dialect.0)?, id)?)
}

fn dialect_of(name: &str) -> Result<Dialect, Invalid> {
    let known = Dialect::ALL.into_iter().chain([Dialect::Node]).find(|dialect| dialect.as_str() == name);
    known.ok_or_else(|| Invalid::new("dialect", "must be native, lyft, consul, minos or node"))
}
