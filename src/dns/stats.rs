//! Counters of the DNS side: fixed arrays of atomics, so that counting takes no lock and no look-up.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::cookie::CookieStanding;
use super::engine::Answered;
use super::query::{DropReason, Transport};
use super::reply::Code;
use crate::zone::{Rcode, rtype};

const TYPES: [(u16, &str); 12] = [
    (rtype::A, "A"),
    (rtype::AAAA, "AAAA"),
    (rtype::SRV, "SRV"),
    (rtype::TXT, "TXT"),
    (rtype::SOA, "SOA"),
    (rtype::NS, "NS"),
    (rtype::PTR, "PTR"),
    (rtype::CNAME, "CNAME"),
    (rtype::MX, "MX"),
    (65, "HTTPS"),
    (rtype::ANY, "ANY"),
    (0, "other"),
];
const CODES: [Code; 9] = [
    Code::Of(Rcode::NoError),
    Code::Of(Rcode::FormErr),
    Code::Of(Rcode::ServFail),
    Code::Of(Rcode::NxDomain),
    Code::Of(Rcode::NotImp),
    Code::Of(Rcode::Refused),
    Code::Of(Rcode::YxDomain),
    Code::Of(Rcode::BadVers),
    Code::BadCookie,
];
/// Upper bounds of the latency buckets, in microseconds.
const LATENCY: [u64; 10] = [1, 2, 5, 10, 20, 50, 100, 1_000, 10_000, 100_000];
/// Upper bounds of the size buckets, in octets.
const SIZES: [u64; 6] = [128, 256, 512, 1232, 4096, 65_535];

/// Counts of replies, by zone, type, response code and transport.
#[derive(Debug)]
pub struct Stats {
    /// Origins, and one more row for names outside them.
    zones: Vec<String>,
    replies: Vec<AtomicU64>,
    truncated: [AtomicU64; 2],
    dropped: [AtomicU64; DropReason::ALL.len()],
    edns: AtomicU64,
    cookies: [AtomicU64; CookieStanding::ALL.len()],
    connections: AtomicUsize,
    refused: AtomicU64,
    evicted: AtomicU64,
    panicked: AtomicU64,
    latency: Buckets<11>,
    sizes: Buckets<7>,
}

impl Stats {
    pub(super) fn new(zones: Vec<String>) -> Stats {
        let cells = (zones.len() + 1) * TYPES.len() * CODES.len() * Transport::ALL.len();
        Stats {
            zones,
            replies: (0..cells).map(|_| AtomicU64::new(0)).collect(),
            truncated: Default::default(),
            dropped: Default::default(),
            edns: AtomicU64::new(0),
            cookies: Default::default(),
            connections: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
            panicked: AtomicU64::new(0),
            latency: Buckets::default(),
            sizes: Buckets::default(),
        }
    }

    pub(super) fn answered(&self, answered: &Answered, transport: Transport, octets: usize, took: Duration) {
        let zone = answered.zone.unwrap_or(self.zones.len()).min(self.zones.len());
        let qtype = TYPES.iter().position(|(number, _)| *number == answered.qtype).unwrap_or(TYPES.len() - 1);
        let rcode = CODES.iter().position(|code| *code == answered.code).unwrap_or(0);
        let cell = self.cell(zone, qtype, rcode, transport as usize);
        self.replies[cell].fetch_add(1, Ordering::Relaxed);
        if answered.truncated {
            self.truncated[transport as usize].fetch_add(1, Ordering::Relaxed);
        }
        if answered.edns {
            self.edns.fetch_add(1, Ordering::Relaxed);
        }
        if answered.cookie != CookieStanding::Absent {
            self.cookies[answered.cookie as usize].fetch_add(1, Ordering::Relaxed);
        }
        self.latency.observe(&LATENCY, u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        self.sizes.observe(&SIZES, octets as u64);
    }

    pub(super) fn dropped(&self, reason: DropReason) {
        self.dropped[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn panicked(&self) {
        self.panicked.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn opened_connection(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn closed_connection(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// Connections that are open.
    pub(super) fn open_connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Closed at once: too many, in total or from one address.
    pub(super) fn refused_connection(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Closed while idle, for another one.
    pub(super) fn evicted_connection(&self) {
        self.evicted.fetch_add(1, Ordering::Relaxed);
    }

    fn cell(&self, zone: usize, qtype: usize, rcode: usize, transport: usize) -> usize {
        ((zone * TYPES.len() + qtype) * CODES.len() + rcode) * Transport::ALL.len() + transport
    }
}

#[derive(Debug)]
struct Buckets<const N: usize> {
    counts: [AtomicU64; N],
    sum: AtomicU64,
}

impl<const N: usize> Default for Buckets<N> {
    fn default() -> Self {
        Buckets { counts: std::array::from_fn(|_| AtomicU64::new(0)), sum: AtomicU64::new(0) }
    }
}

impl<const N: usize> Buckets<N> {
    fn observe(&self, bounds: &[u64], value: u64) {
        let place = bounds.iter().position(|bound| value <= *bound).unwrap_or(bounds.len());
        self.counts[place].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    fn encode(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
        bounds: &[u64],
        per_unit: f64,
    ) -> Result<(), std::fmt::Error> {
        let counts: Vec<u64> = self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let uppers = bounds.iter().map(|bound| *bound as f64 / per_unit).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = uppers.zip(counts.iter().copied()).collect();
        let sum = self.sum.load(Ordering::Relaxed) as f64 / per_unit;
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        metric.encode_histogram::<NoLabelSet>(sum, counts.iter().sum(), &buckets, None)
    }
}

/// The counters as the metrics page shows them.
#[derive(Debug)]
pub struct StatsCollector(pub std::sync::Arc<Stats>);

impl Collector for StatsCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let stats = &self.0;
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let mut replies = encoder.encode_descriptor(
            "dns_replies",
            "Replies by zone, type, response code and transport",
            None,
            MetricType::Counter,
        )?;
        let zones = stats.zones.iter().map(String::as_str).chain(["none"]);
        for (zone, origin) in zones.enumerate() {
            for (qtype, (_, type_name)) in TYPES.iter().enumerate() {
                for (rcode, rcode_value) in CODES.iter().enumerate() {
                    for transport in Transport::ALL {
                        let count = load(&stats.replies[stats.cell(zone, qtype, rcode, transport as usize)]);
                        if count == 0 {
                            continue;
                        }
                        let labels = [
                            ("zone", origin),
                            ("type", type_name),
                            ("rcode", rcode_value.as_str()),
                            ("transport", transport.as_str()),
                        ];
                        let mut one = replies.encode_family(&labels)?;
                        one.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
                    }
                }
            }
        }
        let mut truncated = encoder.encode_descriptor(
            "dns_truncated",
            "Replies with TC set, by transport",
            None,
            MetricType::Counter,
        )?;
        for transport in Transport::ALL {
            let labels = [("transport", transport.as_str())];
            let count = load(&stats.truncated[transport as usize]);
            truncated.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        let help = "Packets without a reply, by reason";
        let mut dropped = encoder.encode_descriptor("dns_dropped", help, None, MetricType::Counter)?;
        for reason in DropReason::ALL {
            let labels = [("reason", reason.as_str())];
            let count = load(&stats.dropped[reason as usize]);
            dropped.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        let help = "Queries with a cookie, by what it was worth";
        let mut cookies = encoder.encode_descriptor("dns_cookies", help, None, MetricType::Counter)?;
        for standing in CookieStanding::ALL.into_iter().filter(|standing| *standing != CookieStanding::Absent) {
            let labels = [("cookie", standing.as_str())];
            let count = load(&stats.cookies[standing as usize]);
            cookies.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        for (name, help, count) in [
            ("dns_edns_queries", "Queries with EDNS", &stats.edns),
            ("dns_tcp_refused", "Connections closed at once: too many, in total or from one address", &stats.refused),
            (
                "dns_tcp_evicted",
                "Connections closed while idle, for a new one where all places are taken",
                &stats.evicted,
            ),
            ("dns_panics", "Answers that failed inside the server; each is a fault to report", &stats.panicked),
        ] {
            let counter = prometheus_client::metrics::counter::ConstCounter::new(load(count));
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            counter.encode(metric)?;
        }
        let open = prometheus_client::metrics::gauge::ConstGauge::new(stats.open_connections() as i64);
        let help = "TCP connections that are open";
        open.encode(encoder.encode_descriptor("dns_tcp_connections", help, None, MetricType::Gauge)?)?;
        let latency_help = "Time from a packet to its reply, without the socket";
        stats.latency.encode(&mut encoder, "dns_answer_seconds", latency_help, &LATENCY, 1e6)?;
        stats.sizes.encode(&mut encoder, "dns_reply_octets", "Size of replies", &SIZES, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// OpenMetrics: a histogram's last bucket is `+Inf`; Prometheus drops the page of one that has none.
    #[test]
    fn histograms_end_in_infinity() {
        let stats = Arc::new(Stats::new(Vec::new()));
        stats.latency.observe(&LATENCY, 3);
        let mut registry = prometheus_client::registry::Registry::default();
        registry.register_collector(Box::new(StatsCollector(stats)));
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, &registry).expect("text");
        for line in [
            "dns_answer_seconds_bucket{le=\"0.000002\"} 0",
            "dns_answer_seconds_bucket{le=\"0.000005\"} 1",
            "dns_answer_seconds_bucket{le=\"+Inf\"} 1",
            "dns_reply_octets_bucket{le=\"+Inf\"} 0",
        ] {
            assert!(page.lines().any(|it| it == line), "{line}: {page}");
        }
    }
}
