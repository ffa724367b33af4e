//! When the next query is due.

use std::time::Duration;

/// Counts what was sent against the rate; without a rate everything is due at once.
pub(crate) struct Pace {
    rate: Option<f64>,
    sent: u64,
}

impl Pace {
    pub(crate) fn new(rate: Option<f64>) -> Pace {
        Pace { rate, sent: 0 }
    }

    /// How many are due at `now`, in nanoseconds since the start.
    pub(crate) fn due(&self, now: u64) -> usize {
        let Some(rate) = self.rate else { return usize::MAX };
        ((now as f64 * rate / 1e9) as u64 + 1).saturating_sub(self.sent) as usize
    }

    /// Counts one as sent; says from when its latency counts.
    pub(crate) fn take(&mut self, now: u64) -> u64 {
        let Some(rate) = self.rate else { return now };
        let due = (self.sent as f64 * 1e9 / rate) as u64;
        self.sent += 1;
        due
    }

    /// How long one who waits may sleep.
    pub(crate) fn rest(&self, now: u64) -> Duration {
        const LONGEST: Duration = Duration::from_millis(1);
        let Some(rate) = self.rate else { return LONGEST };
        let due = (self.sent as f64 * 1e9 / rate) as u64;
        Duration::from_nanos(due.saturating_sub(now)).min(LONGEST)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.rate.is_some()
    }
}
