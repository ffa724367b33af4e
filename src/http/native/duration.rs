//! Durations as people write them: `30s`, `5m`, `1h30m`, `500ms`, `1.5s`.

use std::fmt;
use std::time::Duration;

use crate::table::Invalid;

/// Parses a duration; every number needs its unit (d, h, m, s, ms, us).
pub(super) fn parse(field: &str, text: &str) -> Result<Duration, Invalid> {
    crate::duration::read(text).ok_or_else(|| {
        let shown: String = text.chars().take(40).collect();
        Invalid::new(field, format!("must be a duration like \"30s\", \"5m\" or \"1h30m\"; {shown:?} is none"))
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
