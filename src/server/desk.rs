//! What the running server does for an operator: reads its zone files anew, says what it would answer and why.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::{ask, zones};
use crate::config;
use crate::http::{AnswerView, BrokenZones, Desk, Reload};
use crate::limits;
use crate::metrics::Metrics;
use crate::registry::Registry;
use crate::table::{Invalid, ServiceName};

/// The desk of one server.
struct ServerDesk {
    settings: config::Dns,
    listeners: Vec<SocketAddr>,
    registry: Arc<Registry>,
    metrics: Arc<Metrics>,
    seed: AtomicU64,
    /// One after the other: the last to begin is the last to swap.
    reloading: Mutex<()>,
}

/// The desk of a server with these settings, whose DNS listeners are bound.
pub fn desk(
    settings: config::Dns,
    listeners: &[SocketAddr],
    registry: &Arc<Registry>,
    metrics: &Arc<Metrics>,
) -> Arc<dyn Desk> {
    Arc::new(ServerDesk {
        settings,
        listeners: listeners.to_vec(),
        registry: Arc::clone(registry),
        metrics: Arc::clone(metrics),
        seed: AtomicU64::new(0),
        reloading: Mutex::new(()),
    })
}

impl Desk for ServerDesk {
    fn reload(&self) -> Result<Reload, BrokenZones> {
        let _one = self.reloading.lock();
        let zones::Read { zones: anew, doubts } = zones::read(&self.settings, &self.listeners).map_err(|error| {
            self.metrics.reload_failed();
            let broken = zones::broken(&error);
            tracing::error!(error = %broken, "the zone files do not hold: the zones stay as they are");
            broken
        })?;
        let serial = self.registry.reload(&anew);
        self.metrics.reloaded(self.registry.now());
        let loaded = zones::summary(&anew);
        let records: usize = loaded.iter().map(|zone| zone.records).sum();
        tracing::info!(zones = loaded.len(), records, serial, "the zone files are read anew");
        let warnings: Vec<String> = doubts.into_iter().chain(self.hidden()).collect();
        for warning in &warnings {
            tracing::warn!("{warning}");
        }
        Ok(Reload { zones: loaded, warnings })
    }

    fn answer(&self, name: &str, qtype: &str) -> Result<AnswerView, Invalid> {
        let (snapshot, now) = (self.registry.snapshot_arc(), self.registry.now());
        let world = ask::World {
            zones: &snapshot.zones,
            loaded: self.registry.unshown(now).is_none(),
            now,
            udp_octets: self.settings.udp_octets,
            // Other orders each time, as DNS gives them.
            seed: self.seed.fetch_add(1, Ordering::Relaxed),
        };
        let question = ask::question(name, qtype, snapshot.zones.hosts_origin(), &snapshot.zones)?;
        world.told(&question)
    }
}

impl ServerDesk {
    /// A file may now have an alias or a delegation where the hosts of a service are.
    fn hidden(&self) -> Vec<String> {
        let snapshot = self.registry.snapshot();
        let obstacle = |service: &ServiceName| snapshot.zones.obstacle(service.as_str());
        let services =
            snapshot.hosts.services().filter_map(|(service, hosts)| Some((service, hosts, obstacle(service)?)));
        let told = services.take(limits::WARNINGS_TOLD);
        told.map(|(service, hosts, record)| format!("service {service}: a {record} record hides its {hosts} hosts"))
            .collect()
    }
}
