//! What is counted of etcd.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use crate::store::figures;

/// Counts of one server.
#[derive(Debug, Default)]
pub struct Stats {
    pub(super) writes: AtomicU64,
    pub(super) renewals: AtomicU64,
    pub(super) conflicts: AtomicU64,
    pub(super) restarts: AtomicU64,
    pub(super) away: AtomicU64,
    pub(super) unreadable: AtomicU64,
    pub(super) foreign: AtomicU64,
    pub(super) servers: AtomicU64,
}

/// The counts as the metrics page shows them.
#[derive(Debug)]
pub struct StatsCollector(pub Arc<Stats>);

impl Collector for StatsCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let stats = &self.0;
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let counters = [
            ("etcd_writes", "Requests that were written to etcd, or tried to be", load(&stats.writes)),
            ("etcd_renewals", "Leases renewed in etcd", load(&stats.renewals)),
            ("etcd_conflicts", "Writes that were worked out anew as others wrote first", load(&stats.conflicts)),
            ("etcd_watch_restarts", "Watches of etcd that had to be begun anew", load(&stats.restarts)),
        ];
        let gauges = [
            ("store_away", "Whether the engine of the shared table cannot be reached", load(&stats.away)),
            (
                "etcd_unreadable_keys",
                "Keys in etcd that are left alone as their values are no hosts",
                load(&stats.unreadable),
            ),
            ("etcd_foreign_hosts", "Hosts that other programs wrote into etcd", load(&stats.foreign)),
            ("etcd_servers", "Servers that are alive on this table, this one included", load(&stats.servers)),
        ];
        figures::encode(&mut encoder, &counters, &gauges)
    }
}
