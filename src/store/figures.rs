//! How an engine's counts get onto the metrics page.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// A name, what it means, and its value.
pub(super) type Figure = (&'static str, &'static str, u64);

/// Writes counters, then gauges.
pub(super) fn encode(
    encoder: &mut DescriptorEncoder<'_>,
    counters: &[Figure],
    gauges: &[Figure],
) -> Result<(), fmt::Error> {
    for (name, help, value) in counters {
        let mut counter = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        counter.encode_counter::<NoLabelSet, _, u64>(value, None)?;
    }
    for (name, help, value) in gauges {
        let mut gauge = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        gauge.encode_gauge(&i64::try_from(*value).unwrap_or(i64::MAX))?;
    }
    Ok(())
}
