//! What is counted, for Prometheus (OpenMetrics text).
//!
//! Every name begins with `rollcall_`. Labels come from closed sets only: dialects, operations, outcomes,
//! matched routes. What the table holds is read from the published snapshot when somebody scrapes, so a
//! write pays for two atomic additions and no more.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry as Families;

use crate::clock::Timestamp;
use crate::registry::Registry;
use crate::table::{Dialect, Phase, Release, Revision, Status};

/// The media type of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What a write asked for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Operation {
    /// A host registers, or sends its heartbeat in this form.
    Register,
    /// A heartbeat.
    Renew,
    /// A host leaves.
    Deregister,
    /// A verdict on a check.
    Health,
    /// A new weight.
    Weight,
    /// Out of the answers, or back in.
    Drain,
}

impl Operation {
    /// The label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Operation::Register => "register",
            Operation::Renew => "renew",
            Operation::Deregister => "deregister",
            Operation::Health => "health",
            Operation::Weight => "weight",
            Operation::Drain => "drain",
        }
    }
}

/// How a write ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// Done, visible, durable.
    Ok,
    /// A value broke a rule.
    Invalid,
    /// The table said no.
    Rejected,
    /// Not loaded, stopping, or the store did not take it.
    Unavailable,
}

impl Outcome {
    /// The label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Invalid => "invalid",
            Outcome::Rejected => "rejected",
            Outcome::Unavailable => "unavailable",
        }
    }
}

/// What came of a discovery request of Envoy.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Discovery {
    /// It was answered, or an answer was sent as a service changed.
    Answered,
    /// What it has is what there is.
    Unchanged,
    /// It says that Envoy uses the last answer.
    Acknowledged,
    /// It says that Envoy rejects the last answer.
    Rejected,
    /// It speaks of an answer before the last.
    Stale,
}

impl Discovery {
    /// What can come by each transport.
    const COUNTED: [(&'static str, Discovery); 6] = [
        ("rest", Discovery::Answered),
        ("rest", Discovery::Unchanged),
        ("grpc", Discovery::Answered),
        ("grpc", Discovery::Acknowledged),
        ("grpc", Discovery::Rejected),
        ("grpc", Discovery::Stale),
    ];

    /// The label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Discovery::Answered => "answered",
            Discovery::Unchanged => "unchanged",
            Discovery::Acknowledged => "acknowledged",
            Discovery::Rejected => "rejected",
            Discovery::Stale => "stale",
        }
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct DiscoveryLabels {
    transport: &'static str,
    result: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct WriteLabels {
    dialect: &'static str,
    operation: &'static str,
    result: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: &'static str,
    status: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct StatusLabels {
    status: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct ReloadLabels {
    result: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
}

/// Every count of the program.
pub struct Metrics {
    families: Mutex<Families>,
    writes: Family<WriteLabels, Counter>,
    /// That of native registrations that went well, which most writes are: a look-up hashes all labels.
    usual_writes: OnceLock<Counter>,
    requests: Family<RequestLabels, Counter>,
    /// Those of [`Metrics::usual_request`].
    usual_requests: OnceLock<(Counter, Histogram)>,
    discoveries: Family<DiscoveryLabels, Counter>,
    request_seconds: Family<RouteLabels, Histogram>,
    connections: Gauge,
    watchers: Gauge,
    commit_seconds: Histogram,
    commit_rows: Counter,
    commit_failures: Counter,
    reloads: Family<ReloadLabels, Counter>,
    zones_read: Gauge,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// The counts of a server that publishes `registry`; its clock says when the program started.
    pub fn new(registry: &Arc<Registry>) -> Metrics {
        let metrics = Metrics {
            families: Mutex::new(Families::with_prefix("rollcall")),
            writes: Family::default(),
            usual_writes: OnceLock::new(),
            requests: Family::default(),
            usual_requests: OnceLock::new(),
            discoveries: Family::default(),
            request_seconds: Family::new_with_constructor(|| Histogram::new(REQUEST_BUCKETS)),
            connections: Gauge::default(),
            watchers: Gauge::default(),
            commit_seconds: Histogram::new(COMMIT_BUCKETS),
            commit_rows: Counter::default(),
            commit_failures: Counter::default(),
            reloads: Family::default(),
            zones_read: Gauge::default(),
        };
        metrics.describe(registry);
        metrics
    }

    fn describe(&self, registry: &Arc<Registry>) {
        let mut families = self.families.lock();
        families.register("writes", "Writes by dialect, operation and result", self.writes.clone());
        families.register("http_requests", "Requests by route, method and status class", self.requests.clone());
        families.register(
            "http_request_seconds",
            "Time from a request's headers to its answer's; long polls and streams left out",
            self.request_seconds.clone(),
        );
        for (transport, result) in Discovery::COUNTED {
            drop(self.discoveries.get_or_create(&DiscoveryLabels { transport, result: result.as_str() }));
        }
        let help = "Answers with endpoints for Envoy, and what Envoy said of them, by transport and result";
        families.register("envoy_discoveries", help, self.discoveries.clone());
        families.register("http_connections", "Open HTTP connections", self.connections.clone());
        families.register("watchers", "Long polls and event streams that wait", self.watchers.clone());
        families.register("store_commit_seconds", "Time of one group commit", self.commit_seconds.clone());
        families.register("store_rows", "Rows written to the store", self.commit_rows.clone());
        families.register("store_commit_failures", "Group commits that failed", self.commit_failures.clone());
        for result in ["ok", "failed"] {
            drop(self.reloads.get_or_create(&ReloadLabels { result }));
        }
        families.register("zone_reloads", "Times the zone files were read anew, by result", self.reloads.clone());
        self.zones_read.set(in_seconds(registry.now()));
        let help = "When the zones that are served were read, in seconds since 1970";
        families.register("zones_read_time_seconds", help, self.zones_read.clone());
        let build: Family<BuildLabels, Gauge> = Family::default();
        build.get_or_create(&BuildLabels { version: VERSION }).set(1);
        families.register("build_info", "Version of the program", build);
        let started: Gauge = Gauge::default();
        started.set(in_seconds(registry.now()));
        families.register("process_start_time_seconds", "Start of the program, in seconds since 1970", started);
        families.register_collector(Box::new(Table(Arc::clone(registry))));
    }

    /// Adds counts that another part keeps. Their names get the prefix `rollcall_` too.
    pub fn register_collector(&self, collector: Box<dyn Collector>) {
        self.families.lock().register_collector(collector);
    }

    /// Counts a write.
    pub fn write(&self, dialect: Dialect, operation: Operation, outcome: Outcome) {
        let labels = WriteLabels { dialect: dialect.as_str(), operation: operation.as_str(), result: outcome.as_str() };
        if (dialect, operation, outcome) == (Dialect::Native, Operation::Register, Outcome::Ok) {
            self.usual_writes.get_or_init(|| self.writes.get_or_create_owned(&labels)).inc();
        } else {
            self.writes.get_or_create(&labels).inc();
        }
    }

    /// Counts a request; `route` is the matched pattern, never the path that was asked for. `took` is `None` for an
    /// answer that was meant to wait.
    pub fn request(&self, route: &str, method: &str, status: u16, took: Option<Duration>) {
        self.count_request(route, method, class(status), took);
    }

    fn count_request(&self, route: &str, method: &str, status: &'static str, took: Option<Duration>) {
        let labels = RequestLabels { route: route.to_owned(), method: known_method(method), status };
        self.requests.get_or_create(&labels).inc();
        if let Some(took) = took {
            let histogram = self.request_seconds.get_or_create(&RouteLabels { route: labels.route });
            histogram.observe(took.as_secs_f64());
        }
    }

    /// [`Metrics::request`] for the one route and method that most requests are of: where they went well their counters are
    /// found once. To be called with no others.
    pub fn usual_request(&self, route: &str, method: &str, status: u16, took: Option<Duration>) {
        let status = class(status);
        if status != "2xx" {
            return self.count_request(route, method, status, took);
        }
        let (count, seconds) = self.usual_requests.get_or_init(|| {
            let labels = RequestLabels { route: route.to_owned(), method: known_method(method), status };
            let count = self.requests.get_or_create_owned(&labels);
            (count, self.request_seconds.get_or_create_owned(&RouteLabels { route: labels.route }))
        });
        count.inc();
        if let Some(took) = took {
            seconds.observe(took.as_secs_f64());
        }
    }

    /// Counts an answer with endpoints, or what was said of one; `transport` is `rest` or `grpc`.
    pub fn discovery(&self, transport: &'static str, result: Discovery) {
        self.discoveries.get_or_create(&DiscoveryLabels { transport, result: result.as_str() }).inc();
    }

    /// Counts a connection as open until the guard is dropped.
    pub fn connection(&self) -> Open {
        Open::new(&self.connections)
    }

    /// Counts a watcher as waiting until the guard is dropped.
    pub fn watcher(&self) -> Open {
        Open::new(&self.watchers)
    }

    /// Counts a group commit of `rows` that took `took`.
    pub fn commit(&self, rows: usize, took: Duration) {
        self.commit_seconds.observe(took.as_secs_f64());
        self.commit_rows.inc_by(rows as u64);
    }

    /// Counts a group commit that failed.
    pub fn commit_failed(&self) {
        self.commit_failures.inc();
    }

    /// Counts zone files that were read anew at `now` and are served.
    pub fn reloaded(&self, now: Timestamp) {
        self.reloads.get_or_create(&ReloadLabels { result: "ok" }).inc();
        self.zones_read.set(in_seconds(now));
    }

    /// Counts zone files that were read anew and do not hold.
    pub fn reload_failed(&self) {
        self.reloads.get_or_create(&ReloadLabels { result: "failed" }).inc();
    }

    /// Everything, as OpenMetrics text.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // A String takes every write; only a collector of another part can fail, and what it wrote stays.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.families.lock());
        text
    }
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Seconds: from a read in memory to a commit on a slow disk.
const REQUEST_BUCKETS: [f64; 12] = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// Seconds: from a fast disk's fsync to one that hangs.
const COMMIT_BUCKETS: [f64; 11] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0];

/// A gauge that is one higher until this is dropped.
#[derive(Debug)]
pub struct Open(Gauge);

impl Open {
    fn new(gauge: &Gauge) -> Open {
        gauge.inc();
        Open(gauge.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A client may invent methods; the label may not.
/// The label of a method.
pub(crate) fn known_method(method: &str) -> &'static str {
    ["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH"]
        .into_iter()
        .find(|known| *known == method)
        .unwrap_or("other")
}

fn class(status: u16) -> &'static str {
    match status / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

/// Reads the table when it is scraped.
struct Table(Arc<Registry>);

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Table")
    }
}

impl Table {
    fn encode_brake(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let brake = self.0.brake(0);
        let is_braked = matches!(brake.table.phase, Phase::Braked { .. });
        let first = [brake.since, brake.table.since()].into_iter().flatten().min();
        for (name, help, value) in [
            ("brake_table", "Whether the whole table is braked", i64::from(is_braked)),
            ("brake_services", "Services whose expiry is braked", count(brake.braked)),
            ("brake_hosts_held", "Hosts that are kept past their lease", count(brake.table.held)),
            (
                "brake_since_seconds",
                "Unix time since when something is braked, 0 while nothing is",
                first.map_or(0, in_seconds),
            ),
        ] {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        let kept = ConstCounter::new(brake.totals.kept);
        let help = "Hosts that were kept past their lease";
        kept.encode(encoder.encode_descriptor("brake_hosts_kept", help, None, kept.metric_type())?)?;
        let help = "Hosts that are kept no more, by reason";
        let mut family = encoder.encode_descriptor("brake_hosts_released", help, None, kept.metric_type())?;
        for (reason, number) in Release::ALL.into_iter().zip(brake.totals.released) {
            let labels = ReasonLabels { reason: reason.as_str() };
            ConstCounter::new(number).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

impl Collector for Table {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let (snapshot, now) = (self.0.snapshot_arc(), self.0.now());
        let mut by_status = [0_i64; Status::ALL.len()];
        let mut draining = 0_i64;
        for host in snapshot.hosts.iter().filter(|host| host.lease.is_live(now)) {
            by_status[host.status() as usize] += 1;
            draining += i64::from(host.draining);
        }
        let hosts = ConstGauge::new(0_i64);
        let mut family = encoder.encode_descriptor("hosts", "Hosts by status", None, hosts.metric_type())?;
        for (status, count) in Status::ALL.into_iter().zip(by_status) {
            let labels = StatusLabels { status: status.as_str() };
            ConstGauge::new(count).encode(family.encode_family(&labels)?)?;
        }
        let ended = ConstCounter::new(self.0.ended());
        let help = "Hosts whose lease has ended";
        ended.encode(encoder.encode_descriptor("leases_ended", help, None, ended.metric_type())?)?;
        self.encode_brake(&mut encoder)?;
        let still = ConstCounter::new(self.0.clock().stood_still().as_secs_f64());
        let help = "Time in which the process stood still; no lease lost it";
        still.encode(encoder.encode_descriptor("stood_still_seconds", help, None, still.metric_type())?)?;
        let mut gauge = |name: &str, help: &str, value: i64| {
            let gauge = ConstGauge::new(value);
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)
        };
        let revision = snapshot.revision;
        // A journal that forgot nothing can be read from the beginning.
        let oldest = self.0.changes_since(Revision::default(), 0).map_or_else(|compacted| compacted.oldest.0, |_| 0);
        gauge("hosts_draining", "Hosts that an operator took out", draining)?;
        gauge("services", "Services that have a host", count(snapshot.hosts.service_count()))?;
        gauge("revision", "Number of the last published change", signed(revision.0))?;
        gauge("journal_oldest_revision", "Oldest revision that changes can be read from", signed(oldest))?;
        gauge("journal_changes", "Changes the journal holds", signed(revision.0.saturating_sub(oldest)))?;
        gauge("zone_serial", "SOA serial of the zones that hosts are in", i64::from(snapshot.zones.serial()))?;
        gauge("table_loaded", "Whether the table was read from its store", i64::from(snapshot.loaded))
    }
}

fn in_seconds(moment: Timestamp) -> i64 {
    i64::try_from(moment.as_secs()).unwrap_or(i64::MAX)
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
