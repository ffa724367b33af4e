//! The same battery over every store, disks that fail, files that are damaged.

mod battery;
mod damage;
mod faults;
mod figures;
mod platter;
mod roundtrip;

use std::sync::Arc;
use std::time::Duration;

use super::{Loaded, Outcome, Store, run_writer};
use crate::clock::{Clock, Timestamp};
use crate::registry::{Durability, Registry};
use crate::table::{Dialect, Event, Host, HostId, HostKey, Port, Registration, Revision, ServiceName, Target};
use crate::zone::Zones;

pub(super) const TTL: Duration = Duration::from_secs(60);

pub(super) fn registration(service: &str, id: &str) -> Registration {
    Registration {
        ports: [Port::tcp(80)].into_iter().collect(),
        ttl: Some(TTL),
        ..Registration::new(
            ServiceName::parse("service", service).expect("service"),
            Dialect::Native,
            HostId::parse("id", id).expect("id"),
            Target::parse("address", ["10.0.0.1"]).expect("address"),
        )
    }
}

pub(super) fn register(service: &str, id: &str) -> Event {
    Event::Register(Box::new(registration(service, id)))
}

pub(super) fn key(service: &str, id: &str) -> HostKey {
    register(service, id).key()
}

pub(super) fn clock() -> Arc<Clock> {
    Arc::new(Clock::manual(Timestamp::from_micros(1_700_000_000_000_000)))
}

/// Everything that is stored of a row, as text to compare.
pub(super) fn shown(host: &Host) -> String {
    let key = super::record::key(host);
    let value = super::record::value(host);
    format!("{} {}", String::from_utf8_lossy(&key), String::from_utf8_lossy(&value))
}

pub(super) fn shown_rows<'a>(rows: impl IntoIterator<Item = &'a Arc<Host>>) -> Vec<String> {
    rows.into_iter().map(|row| shown(row)).collect()
}

/// A registry over a store, with its writer thread.
pub(super) struct Running {
    pub(super) registry: Arc<Registry>,
    writer: std::thread::JoinHandle<()>,
}

impl Running {
    pub(super) fn start(
        clock: Arc<Clock>,
        mut store: Box<dyn Store>,
        observe: impl FnMut(&Outcome<'_>) + Send + 'static,
    ) -> Running {
        let registry = Arc::new(Registry::new(clock, Zones::default(), Durability::Grouped));
        let Loaded { rows, revision, serial } = store.load().expect("loads");
        registry.load(rows, revision, serial);
        let registry_of_writer = Arc::clone(&registry);
        let writer = std::thread::spawn(move || run_writer(&registry_of_writer, store, observe));
        Running { registry, writer }
    }

    /// Closes, waits for the writer, and returns what was published.
    pub(super) fn stop(self) -> (Vec<String>, Revision) {
        self.registry.close();
        self.writer.join().expect("the writer ends");
        let snapshot = self.registry.snapshot();
        (shown_rows(snapshot.hosts.iter()), snapshot.revision)
    }
}
