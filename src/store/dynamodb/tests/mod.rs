//! Items and rows in both directions.

mod battery;
mod jumps;
mod mend;
mod rows;

use std::sync::Arc;
use std::time::Duration;

use super::Settings;
use super::client::Client;
use super::engine::Engine;
use super::item::{CHECK_IN, Item, PORT, REPO, REVISION, TAGS, number, text};
use super::seen::Items;
use crate::clock::{Clock, Timestamp};
use crate::registry::{Durability, Registry};
use crate::table::{Dialect, HostId, HostKey, Revision, ServiceName};
use crate::zone::Zones;

/// The lease of hosts of Lyft's.
pub(super) const TTL: Duration = Duration::from_secs(600);

/// A moment.
pub(super) fn at(secs: u64) -> Timestamp {
    Timestamp::from_micros(secs * 1_000_000)
}

/// When the clock of an engine begins.
const START: u64 = 1_800_000_000;

/// An engine that asks nobody.
pub(super) fn engine(settings: &Settings) -> Engine {
    let registry = Arc::new(Registry::new(Arc::new(Clock::manual(at(START))), Zones::default(), Durability::Shared));
    registry.load([], Revision::default(), 1);
    let client = Client::new("http://127.0.0.1:1".parse().expect("a URL"), "us-east-1", "hosts").expect("a client");
    Engine::new(registry, client, settings.clone(), Items::default(), Box::new(Some))
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
