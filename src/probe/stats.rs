//! What is counted of probes.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::net::{Failure, Heard};
use crate::table::CheckKind;

const KINDS: [&str; 6] = ["http", "tcp", "udp", "grpc", "h2ping", "os_service"];
const RESULTS: [&str; 4] = ["passing", "warning", "critical", "put_off"];

/// Counts of probes, by kind of check and result, and how many checks there are.
#[derive(Debug, Default)]
pub struct Stats {
    probes: [[AtomicU64; RESULTS.len()]; KINDS.len()],
    checks: AtomicU64,
    running: AtomicU64,
}

impl Stats {
    /// Counts a probe.
    pub(super) fn probed(&self, kind: &CheckKind, result: &Result<Heard, Failure>) {
        let result = match result {
            Ok(heard) => heard.status.as_str(),
            Err(Failure::Critical(_)) => "critical",
            Err(Failure::PutOff) => "put_off",
        };
        let kind = KINDS.iter().position(|name| *name == kind.as_str());
        let result = RESULTS.iter().position(|name| *name == result);
        if let (Some(kind), Some(result)) = (kind, result) {
            self.probes[kind][result].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Says how many checks there are, and how many of them are asked just now.
    pub(super) fn now(&self, checks: usize, running: usize) {
        self.checks.store(checks as u64, Ordering::Relaxed);
        self.running.store(running as u64, Ordering::Relaxed);
    }
}

/// The counts as the metrics page shows them.
#[derive(Debug)]
pub struct StatsCollector(pub Arc<Stats>);

impl Collector for StatsCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let help = "Probes of hosts by kind of check and result";
        let mut probes = encoder.encode_descriptor("probes", help, None, MetricType::Counter)?;
        for (kind, counts) in KINDS.iter().zip(&self.0.probes) {
            for (result, count) in RESULTS.iter().zip(counts) {
                let labels = [("kind", *kind), ("result", *result)];
                probes.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&load(count), None)?;
            }
        }
        for (name, help, value) in [
            ("checks_asked", "Checks that the server does", load(&self.0.checks)),
            ("probes_running", "Probes under way", load(&self.0.running)),
        ] {
            let mut gauge = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            gauge.encode_gauge(&i64::try_from(value).unwrap_or(i64::MAX))?;
        }
        Ok(())
    }
}
