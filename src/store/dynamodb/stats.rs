//! What is counted of DynamoDB.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use crate::store::figures;

/// Counts of one server.
#[derive(Debug, Default)]
pub struct Stats {
    pub(super) scans: AtomicU64,
    pub(super) scan_micros: AtomicU64,
    pub(super) writes: AtomicU64,
    pub(super) beats: AtomicU64,
    pub(super) lookups: AtomicU64,
    pub(super) confirmations: AtomicU64,
    pub(super) conflicts: AtomicU64,
    pub(super) throttled: AtomicU64,
    pub(super) away: AtomicU64,
    pub(super) strange: AtomicU64,
    pub(super) servers: AtomicU64,
}

impl Stats {
    pub(super) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// The counts as the metrics page shows them.
#[derive(Debug)]
pub struct StatsCollector(pub Arc<Stats>);

impl Collector for StatsCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let stats = &self.0;
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let counters = [
            ("dynamodb_scans", "Complete readings of the table", load(&stats.scans)),
            ("dynamodb_writes", "Requests that were written to DynamoDB, or tried to be", load(&stats.writes)),
            ("dynamodb_heartbeats", "Heartbeats written to DynamoDB", load(&stats.beats)),
            ("dynamodb_lookups", "Items that were read for calls about unknown hosts", load(&stats.lookups)),
            (
                "dynamodb_confirmations",
                "Items that were read for requests that change nothing",
                load(&stats.confirmations),
            ),
            ("dynamodb_conflicts", "Writes that were worked out anew as others wrote first", load(&stats.conflicts)),
            ("dynamodb_throttled", "Calls that DynamoDB had no capacity for", load(&stats.throttled)),
        ];
        let gauges = [
            ("store_away", "Whether the engine of the shared table cannot be reached", load(&stats.away)),
            ("dynamodb_scan_microseconds", "Time that the last reading of the table took", load(&stats.scan_micros)),
            ("dynamodb_strange_items", "Items that are left alone as they are no hosts", load(&stats.strange)),
            ("dynamodb_servers", "Servers that are alive on this table, this one included", load(&stats.servers)),
        ];
        figures::encode(&mut encoder, &counters, &gauges)
    }
}
