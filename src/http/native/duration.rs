//! Durations as people write them: `30s`, `5m`, `1h30m`, `500ms`, `1.5s`.

use std::fmt;
use std::time::Duration;

use crate::table::Invalid;

const UNITS: [(&str, f64); 6] = [("ms", 1e-3), ("us", 1e-6), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86_400.0)];

/// Parses a duration; every number needs its unit (d, h, m, s, ms, us).
pub(super) fn parse(field: &str, text: &str) -> Result<Duration, Invalid> {
    sum(text).ok_or_else(|| {
        let shown: String = text.chars().take(40).collect();
        Invalid::new(field, format!("must be a duration like \"30s\", \"5m\" or \"1h30m\"; {shown:?} is none"))
    })
}

fn sum(text: &str) -> Option<Duration> {
    if text.is_empty() || text.len() > 40 {
        return None;
    }
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(end);
        let (unit, factor) = UNITS.iter().find(|(unit, _)| tail.starts_with(unit))?;
        seconds += number.parse::<f64>().ok()? * factor;
        rest = &tail[unit.len()..];
    }
    // Microseconds are what a lease counts in; a float would print 0.1 s as 100.000000000000005 ms.
    Duration::try_from_secs_f64(seconds).ok().map(|exact| {
        let micros = (exact.as_nanos() + 500) / 1000;
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    })
}

/// Prints a duration the way [`parse`] reads it.
pub(super) struct Printed(pub(super) Duration);

impl fmt::Display for Printed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        if hours > 0 {
            write!(f, "{hours}h")?;
        }
        if minutes > 0 {
            write!(f, "{minutes}m")?;
        }
        let micros = self.0.subsec_micros();
        if micros > 0 {
            let fraction = format!("{micros:06}");
            write!(f, "{rest}.{}s", fraction.trim_end_matches('0'))
        } else if rest > 0 || seconds == 0 {
            write!(f, "{rest}s")
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_prints() {
        for text in ["30s", "5m", "1h30m", "1.5s", "0.5s", "0s", "24h", "1h0.000001s"] {
            assert_eq!(parse("ttl", text).map(|duration| Printed(duration).to_string()), Ok(text.into()));
        }
        assert_eq!(parse("ttl", "500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse("ttl", "1d"), Ok(Duration::from_secs(86_400)));
    }

    #[test]
    fn refuses_what_is_no_duration() {
        for text in ["", "30", "s", "-5s", "5x", "1..2s", "1e9s", "30 s", "99999999999999999999999999999999999d", "é"]
        {
            assert!(parse("ttl", text).is_err(), "{text:?}");
        }
    }
}
