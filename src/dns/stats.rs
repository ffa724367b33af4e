//! Counters of the DNS side: fixed arrays of atomics, so that counting takes no lock and no look-up.
//!
//! Who makes replies counts them in a [`Tally`] of its own, and adds that when it is done with what it has got: workers
//! under load then touch what they share once a batch.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use smallvec::SmallVec;

use super::cookie::CookieStanding;
use super::engine::Answered;
use super::query::{DropReason, Transport};
use super::reply::Code;
use crate::zone::{Rcode, Zones, rtype};

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

/// The replies of one zone, by type, response code and transport.
#[derive(Debug)]
struct Row {
    origin: String,
    cells: Box<[AtomicU64]>,
}

impl Row {
    fn new(origin: String) -> Row {
        let cells = TYPES.len() * CODES.len() * Transport::ALL.len();
        Row { origin, cells: (0..cells).map(|_| AtomicU64::new(0)).collect() }
    }

    fn cell(&self, qtype: usize, rcode: usize, transport: Transport) -> &AtomicU64 {
        &self.cells[(qtype * CODES.len() + rcode) * Transport::ALL.len() + transport as usize]
    }
}

/// A row for each zone of one edition, in the order of their places.
#[derive(Debug)]
struct Rows {
    edition: u64,
    list: Vec<Arc<Row>>,
}

impl Rows {
    /// The rows of `zones`; a zone that was there before counts on.
    fn of(zones: &Zones, before: &[Arc<Row>]) -> Rows {
        let known: HashMap<&str, &Arc<Row>> = before.iter().map(|row| (row.origin.as_str(), row)).collect();
        let row = |origin: String| match known.get(origin.as_str()) {
            Some(row) => Arc::clone(row),
            None => Arc::new(Row::new(origin)),
        };
        Rows { edition: zones.edition(), list: zones.iter().map(|zone| row(zone.origin().to_string())).collect() }
    }
}

/// Counts of replies, by zone, type, response code and transport.
#[derive(Debug)]
pub struct Stats {
    zones: ArcSwap<Rows>,
    /// Of names outside every zone.
    outside: Row,
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
    pub(super) fn new(zones: &Zones) -> Stats {
        Stats {
            zones: ArcSwap::from_pointee(Rows::of(zones, &[])),
            outside: Row::new("none".into()),
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

    /// Adds the counts of replies that were made of `zones`.
    pub(super) fn add(&self, zones: &Zones, tally: &Tally) {
        for (reply, count) in &tally.replies {
            self.with_row(zones, reply.zone, |row| {
                row.cell(reply.qtype, reply.code, reply.transport).fetch_add(*count, Ordering::Relaxed);
            });
        }
        let singles = self.truncated.iter().chain(&self.cookies).chain([&self.edns]);
        let counts = tally.truncated.iter().chain(&tally.cookies).chain([&tally.edns]);
        singles.zip(counts).for_each(|(counter, count)| add(counter, *count));
        self.latency.add(&tally.latency);
        self.sizes.add(&tally.sizes);
    }

    /// Replies about names outside every zone.
    #[cfg(test)]
    pub(super) fn outside(&self) -> u64 {
        self.outside.cells.iter().map(|cell| cell.load(Ordering::Relaxed)).sum()
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

    /// The row of a zone: by its place in the edition that the rows are of, else by its origin.
    fn with_row(&self, zones: &Zones, place: Option<usize>, count: impl FnOnce(&Row)) {
        let Some(place) = place else { return count(&self.outside) };
        let mut rows = self.zones.load();
        if rows.edition < zones.edition() {
            self.zones.rcu(|before| match before.edition < zones.edition() {
                true => Arc::new(Rows::of(zones, &before.list)),
                false => Arc::clone(before),
            });
            rows = self.zones.load();
        }
        if rows.edition == zones.edition() {
            return count(rows.list.get(place).map_or(&self.outside, |row| row));
        }
        // A reply that was under way while the zones were read anew.
        let origin = zones.iter().nth(place).map(|zone| zone.origin().to_string());
        let row = rows.list.iter().find(|row| origin.as_ref() == Some(&row.origin));
        count(row.map_or(&self.outside, |row| row));
    }
}

/// What is not there costs nothing: most counts of a tally are zero.
fn add(counter: &AtomicU64, count: u64) {
    if count > 0 {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}

/// The cell of a reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Reply {
    zone: Option<usize>,
    /// Its place in [`TYPES`].
    qtype: usize,
    /// Its place in [`CODES`].
    code: usize,
    transport: Transport,
}

/// Counts of replies made of the same zones, not yet added to the counters.
#[derive(Debug, Default)]
pub(super) struct Tally {
    replies: SmallVec<[(Reply, u64); 8]>,
    truncated: [u64; 2],
    cookies: [u64; CookieStanding::ALL.len()],
    edns: u64,
    latency: Spread<11>,
    sizes: Spread<7>,
}

impl Tally {
    /// Counts a reply.
    pub(super) fn answered(&mut self, answered: &Answered, transport: Transport, octets: usize, took: Duration) {
        let qtype = TYPES.iter().position(|(number, _)| *number == answered.qtype).unwrap_or(TYPES.len() - 1);
        let code = CODES.iter().position(|code| *code == answered.code).unwrap_or(0);
        let reply = Reply { zone: answered.zone, qtype, code, transport };
        match self.replies.iter_mut().find(|(other, _)| *other == reply) {
            Some((_, count)) => *count += 1,
            None => self.replies.push((reply, 1)),
        }
        self.truncated[transport as usize] += u64::from(answered.truncated);
        self.cookies[answered.cookie as usize] += 1;
        self.edns += u64::from(answered.edns);
        self.latency.observe(&LATENCY, u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        self.sizes.observe(&SIZES, octets as u64);
    }
}

/// How often a value was at most each of some bounds, and above all of them; their sum.
#[derive(Debug)]
struct Spread<const N: usize> {
    counts: [u64; N],
    sum: u64,
}

impl<const N: usize> Default for Spread<N> {
    fn default() -> Self {
        Spread { counts: [0; N], sum: 0 }
    }
}

impl<const N: usize> Spread<N> {
    fn observe(&mut self, bounds: &[u64], value: u64) {
        let place = bounds.iter().position(|bound| value <= *bound).unwrap_or(bounds.len());
        self.counts[place] += 1;
        self.sum = self.sum.saturating_add(value);
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
    fn add(&self, spread: &Spread<N>) {
        self.counts.iter().zip(spread.counts).for_each(|(counter, count)| add(counter, count));
        add(&self.sum, spread.sum);
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
        let rows = stats.zones.load();
        for row in rows.list.iter().map(|row| &**row).chain([&stats.outside]) {
            for (qtype, (_, type_name)) in TYPES.iter().enumerate() {
                for (rcode, rcode_value) in CODES.iter().enumerate() {
                    for transport in Transport::ALL {
                        let count = load(row.cell(qtype, rcode, transport));
                        if count == 0 {
                            continue;
                        }
                        let labels = [
                            ("zone", row.origin.as_str()),
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
    use super::*;
    use crate::zone::{Grammar, Name, Policy, Zone, parse_file};

    fn page(stats: &Arc<Stats>) -> String {
        let mut registry = prometheus_client::registry::Registry::default();
        registry.register_collector(Box::new(StatsCollector(Arc::clone(stats))));
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, &registry).expect("text");
        page
    }

    fn zones(origins: &[&str]) -> Zones {
        let zone = |origin: &&str| {
            let origin = Name::parse("origin", origin, &Name::root()).expect("an origin");
            let file = parse_file("@ 60 SOA ns hostmaster 1 4h 1h 1w 5\n@ 60 NS ns\n", &origin).expect("a zone");
            Zone::new(file, Grammar::Static, &Policy::default(), &[])
        };
        Zones::new(origins.iter().map(zone).collect(), Policy::default())
    }

    #[test]
    fn zones_count_on_when_their_places_change() {
        let first = zones(&["a.", "b."]);
        let stats = Arc::new(Stats::new(&first));
        let count = |zones: &Zones, place| {
            let answered = Answered {
                zone: place,
                qtype: rtype::A,
                code: Code::Of(Rcode::NoError),
                truncated: false,
                edns: false,
                cookie: CookieStanding::Absent,
                keeps: false,
            };
            let mut tally = Tally::default();
            tally.answered(&answered, Transport::Udp, 100, Duration::ZERO);
            stats.add(zones, &tally);
        };
        let counted = || {
            let page = page(&stats);
            let rows = page.lines().filter_map(|line| line.strip_prefix("dns_replies_total{zone=\""));
            rows.map(|row| {
                let (zone, rest) = row.split_once('"').expect("a label");
                format!("{zone} {}", rest.rsplit(' ').next().unwrap_or_default())
            })
            .collect::<Vec<_>>()
        };
        count(&first, Some(1));
        let second = first.with_files_of(&zones(&["b.", "c."]), 0);
        count(&second, Some(0));
        count(&second, Some(1));
        count(&second, None);
        assert_eq!(counted(), ["b. 2", "c. 1", "none 1"]);
        // Replies that were under way: one of a zone that stays, one of a zone that is gone.
        count(&first, Some(1));
        count(&first, Some(0));
        assert_eq!(counted(), ["b. 3", "c. 1", "none 2"]);
    }

    /// OpenMetrics: a histogram's last bucket is `+Inf`; Prometheus drops the page of one that has none.
    #[test]
    fn histograms_end_in_infinity() {
        let stats = Arc::new(Stats::new(&Zones::default()));
        let mut tally = Tally::default();
        tally.latency.observe(&LATENCY, 3);
        stats.add(&Zones::default(), &tally);
        let page = page(&stats);
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
