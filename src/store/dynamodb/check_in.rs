//! Moments as Lyft's library writes them: `2026-11-20T17:08:14.758176+0000`.

use crate::clock::Timestamp;

/// A moment in that form, which is in the order of time where texts are in their order.
pub(super) fn write(at: Timestamp) -> String {
    let text = at.to_string();
    format!("{}+0000", text.trim_end_matches('Z'))
}

/// The moment of such a text; `None` for what is none. A fraction may be missing, an offset may be `Z` or have a colon.
pub(super) fn read(text: &str) -> Option<Timestamp> {
    let (moment, offset) = match text.strip_suffix('Z') {
        Some(moment) => (moment, 0),
        None => {
            let at = text.rfind(['+', '-']).filter(|at| text[*at..].len() >= 5 && text[..*at].contains('T'))?;
            (&text[..at], offset_seconds(&text[at..])?)
        }
    };
    let civil: jiff::civil::DateTime = moment.parse().ok()?;
    let utc = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_microsecond();
    u64::try_from(utc - offset * 1_000_000).ok().map(Timestamp::from_micros)
}

/// Seconds of `+hhmm` or `+hh:mm`.
fn offset_seconds(text: &str) -> Option<i64> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits = text.get(1..)?.replace(':', "");
    if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes): (i64, i64) = (digits[..2].parse().ok()?, digits[2..].parse().ok()?);
    Some(sign * (hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_lyfts_form() {
        let moment = Timestamp::from_micros(1_795_194_494_758_176);
        assert_eq!(write(moment), "2026-11-20T17:08:14.758176+0000");
        assert_eq!(write(Timestamp::from_micros(1_795_194_494_000_000)), "2026-11-20T17:08:14.000000+0000");
        for text in [
            "2026-11-20T17:08:14.758176+0000",
            "2026-11-20T17:08:14.758176Z",
            "2026-11-20T18:08:14.758176+01:00",
            "2026-11-20T14:38:14.758176-0230",
        ] {
            assert_eq!(read(text), Some(moment), "{text}");
        }
        assert_eq!(read("2026-11-20T17:08:14+0000"), Some(Timestamp::from_micros(1_795_194_494_000_000)));
        for text in [
            "",
            "now",
            "2026-11-20",
            "2026-11-20T17:08:14",
            "1970-01-01T00:00:00+9999",
            "2026-11-20T17:08:14+é1",
            "T+00a0",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
