//! Latencies in buckets: 64 to each power of two, so that a percentile is at most 1.6 % too small.

const STEPS_BITS: u32 = 6;
const STEPS: u64 = 1 << STEPS_BITS;

/// Counts of nanoseconds.
pub(crate) struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    sum: u64,
    greatest: u64,
}

impl Histogram {
    pub(crate) fn new() -> Histogram {
        Histogram { buckets: vec![0; (STEPS * STEPS) as usize], count: 0, sum: 0, greatest: 0 }
    }

    pub(crate) fn add(&mut self, nanoseconds: u64) {
        self.buckets[bucket(nanoseconds)] += 1;
        self.count += 1;
        self.sum += nanoseconds;
        self.greatest = self.greatest.max(nanoseconds);
    }

    /// The time within which this part of all lies, in microseconds.
    pub(crate) fn percentile(&self, part: f64) -> f64 {
        let wanted = (self.count as f64 * part).ceil() as u64;
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted.max(1) {
                return least(index) as f64 / 1e3;
            }
        }
        0.0
    }

    pub(crate) fn mean(&self) -> f64 {
        self.sum as f64 / self.count.max(1) as f64 / 1e3
    }

    pub(crate) fn greatest(&self) -> f64 {
        self.greatest as f64 / 1e3
    }
}

fn bucket(value: u64) -> usize {
    if value < STEPS {
        return value as usize;
    }
    let shift = value.ilog2() - STEPS_BITS;
    (u64::from(shift + 1) * STEPS + ((value >> shift) & (STEPS - 1))) as usize
}

/// The least value of a bucket.
fn least(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < STEPS {
        return bucket;
    }
    let shift = bucket / STEPS - 1;
    (STEPS + bucket % STEPS) << shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_near_its_values() {
        for value in (0..2000).chain([10_000, 123_456_789, u64::from(u32::MAX) * 1000]) {
            let found = least(bucket(value));
            assert!(found <= value && value - found <= value / 64, "{value} {found}");
        }
    }

    #[test]
    fn percentiles_are_those_of_what_was_added() {
        let mut histogram = Histogram::new();
        (1..=1000).for_each(|value| histogram.add(value * 1000));
        assert!((histogram.percentile(0.5) - 500.0).abs() < 8.0);
        assert!((histogram.percentile(0.99) - 990.0).abs() < 16.0);
        assert_eq!(histogram.greatest(), 1000.0);
    }
}
