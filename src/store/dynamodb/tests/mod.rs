//! Items and rows in both directions.

mod battery;
mod jumps;
mod rows;

use std::time::Duration;

use super::item::{CHECK_IN, Item, PORT, REPO, REVISION, TAGS, number, text};
use crate::clock::Timestamp;
use crate::table::{Dialect, HostId, HostKey, ServiceName};

/// The lease of hosts of Lyft's.
pub(super) const TTL: Duration = Duration::from_secs(600);

/// A moment.
pub(super) fn at(secs: u64) -> Timestamp {
    Timestamp::from_micros(secs * 1_000_000)
}

/// The key of a row.
pub(super) fn key(service: &str, dialect: Dialect, id: &str) -> HostKey {
    let service = ServiceName::parse("service", service).expect("a service");
    HostKey { service, dialect, id: HostId::parse("id", id).expect("an id") }
}

/// An item as Lyft's service writes one.
pub(super) fn lyfts(port: u16, tags: &str) -> Item {
    let mut item = Item::default();
    item.set(REPO, text("webrepo"));
    item.set(PORT, number(port));
    item.set(CHECK_IN, text("2026-11-20T17:08:14.758176+0000"));
    item.set(REVISION, text("r1"));
    item.set(TAGS, text(tags));
    item
}
