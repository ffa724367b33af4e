//! Durations as people write them, in settings and in bodies: `30s`, `5m`, `1h30m`, `500ms`, `1.5s`.

pub(crate) mod go;

use std::time::Duration;

use crate::limits;

/// Units and their seconds; where one begins as another does, the longer comes first.
const UNITS: [(&str, f64); 6] = [("ms", 1e-3), ("us", 1e-6), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86_400.0)];

/// Reads a sum of numbers, each with its unit, to the microsecond, which is what leases count in; `None` where it is none.
pub(crate) fn read(text: &str) -> Option<Duration> {
    if text.is_empty() || text.len() > limits::DURATION_OCTETS {
        return None;
    }
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.')?);
        let (unit, factor) = UNITS.iter().find(|(unit, _)| tail.starts_with(unit))?;
        seconds += number.parse::<f64>().ok()? * factor;
        rest = &tail[unit.len()..];
    }
    // A float would print 0.1 s as 100.000000000000005 ms.
    let exact = Duration::try_from_secs_f64(seconds).ok()?;
    u64::try_from((exact.as_nanos() + 500) / 1000).ok().map(Duration::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sums_of_units() {
        assert_eq!(read("1h30m"), Some(Duration::from_secs(5400)));
        assert_eq!(read("1.5s"), Some(Duration::from_millis(1500)));
        for bad in ["", "30", "s", "1x", "-1s", "1s2", "..s", &"1s".repeat(21)] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
