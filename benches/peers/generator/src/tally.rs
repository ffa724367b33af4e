//! What came of a load.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::histogram::Histogram;

pub(crate) struct Tally {
    pub(crate) latency: Histogram,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// Unanswered for a second.
    pub(crate) lost: u64,
    /// Answered after that.
    pub(crate) late: u64,
    /// Answered, but not as expected.
    pub(crate) bad: u64,
    pub(crate) octets: u64,
    /// HTTP: how often each status.
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// The first answer that was bad, as hex.
    pub(crate) example: Option<String>,
}

/// The report, times in microseconds.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) seconds: f64,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) lost: u64,
    pub(crate) late: u64,
    pub(crate) bad: u64,
    pub(crate) rate: f64,
    pub(crate) octets: f64,
    pub(crate) mean: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) longest: f64,
    pub(crate) statuses: BTreeMap<u16, u64>,
    pub(crate) example: Option<String>,
    /// Of the registrations beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) beside: Option<Box<Report>>,
}

impl Tally {
    pub(crate) fn new() -> Tally {
        Tally {
            latency: Histogram::new(),
            sent: 0,
            received: 0,
            lost: 0,
            late: 0,
            bad: 0,
            octets: 0,
            statuses: BTreeMap::new(),
            example: None,
        }
    }

    pub(crate) fn is_bad(&mut self, answer: &[u8]) {
        self.bad += 1;
        self.example.get_or_insert_with(|| answer.iter().take(200).map(|octet| format!("{octet:02x}")).collect());
    }

    pub(crate) fn report(self, seconds: f64) -> Report {
        let seconds = seconds.max(1e-9);
        Report {
            seconds,
            sent: self.sent,
            received: self.received,
            lost: self.lost,
            late: self.late,
            bad: self.bad,
            rate: self.received as f64 / seconds,
            octets: self.octets as f64 / self.received.max(1) as f64,
            mean: self.latency.mean(),
            p50: self.latency.percentile(0.5),
            p99: self.latency.percentile(0.99),
            p999: self.latency.percentile(0.999),
            longest: self.latency.greatest(),
            statuses: self.statuses,
            example: self.example,
            beside: None,
        }
    }
}
