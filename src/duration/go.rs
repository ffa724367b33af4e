//! Durations as programs in Go write them: `10s`, `1m30s`, `500ms`, `-1.5h` (package `time`, `ParseDuration` and
//! `Duration.String`).

use std::fmt;

use thiserror::Error;

/// Units and their nanoseconds; where one begins as another does, the whole name decides.
const UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Digits of a fraction that count; the shortest unit that has one needs fewer.
const FRACTION_DIGITS: usize = 18;

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Refusal {
    /// Not numbers with units, or past 292 years.
    #[error("time: invalid duration {0:?}")]
    Invalid(String),
    /// A number without a unit.
    #[error("time: missing unit in duration {0:?}")]
    NoUnit(String),
    /// A unit that is none.
    #[error("time: unknown unit {unit:?} in duration {text:?}")]
    UnknownUnit {
        /// What stands for one.
        unit: String,
        /// The whole text.
        text: String,
    },
}

/// Nanoseconds, printed in Go's form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Nanoseconds(pub(crate) i64);

impl Nanoseconds {
    /// Reads a signed sum of numbers, each with its unit; a bare `0` needs none.
    pub(crate) fn read(text: &str) -> Result<Nanoseconds, Refusal> {
        let invalid = || Refusal::Invalid(text.to_owned());
        let negative = text.starts_with('-');
        let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
        if rest == "0" {
            return Ok(Nanoseconds(0));
        }
        if rest.is_empty() {
            return Err(invalid());
        }
        let mut sum = 0_u128;
        while !rest.is_empty() {
            let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let (number, tail) = rest.split_at(number_end);
            // A second point begins the next part, where it is an error if nothing follows it.
            let second = number.match_indices('.').nth(1).map(|(at, _)| at);
            if second.is_some() {
                return Err(Refusal::NoUnit(text.to_owned()));
            }
            let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
            if whole.is_empty() && fraction.is_empty() {
                return Err(invalid());
            }
            let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
            let (unit, next) = tail.split_at(unit_end);
            if unit.is_empty() {
                return Err(Refusal::NoUnit(text.to_owned()));
            }
            let known = UNITS.iter().find(|(name, _)| *name == unit);
            let unknown = || Refusal::UnknownUnit { unit: unit.to_owned(), text: text.to_owned() };
            let (_, nanoseconds) = known.ok_or_else(unknown)?;
            sum = add(sum, whole, fraction, *nanoseconds).ok_or_else(invalid)?;
            rest = next;
        }
        let signed = i128::try_from(sum).map_err(|_| invalid())? * if negative { -1 } else { 1 };
        i64::try_from(signed).map(Nanoseconds).map_err(|_| invalid())
    }
}

/// The sum with one part more, if it is not past every duration.
fn add(sum: u128, whole: &str, fraction: &str, unit: u128) -> Option<u128> {
    let digits = &fraction[..fraction.len().min(FRACTION_DIGITS)];
    let number = |digits: &str| if digits.is_empty() { Some(0) } else { digits.parse::<u64>().ok().map(u128::from) };
    let parts = number(digits)? * unit / 10_u128.pow(u32::try_from(digits.len()).ok()?);
    let sum = sum + number(whole)? * unit + parts;
    (sum <= 1 << 63).then_some(sum)
}

impl fmt::Display for Nanoseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = self.0.unsigned_abs();
        if self.0 < 0 {
            f.write_str("-")?;
        }
        match amount {
            0 => f.write_str("0s"),
            1..1_000 => write!(f, "{amount}ns"),
            1_000..1_000_000 => write_decimal(f, amount, 3, "\u{b5}s"),
            1_000_000..1_000_000_000 => write_decimal(f, amount, 6, "ms"),
            _ => {
                const MINUTE: u64 = 60_000_000_000;
                let minutes = amount / MINUTE;
                if minutes >= 60 {
                    write!(f, "{}h", minutes / 60)?;
                }
                if minutes > 0 {
                    write!(f, "{}m", minutes % 60)?;
                }
                write_decimal(f, amount % MINUTE, 9, "s")
            }
        }
    }
}

/// An amount with so many places after its point, without trailing zeros.
fn write_decimal(f: &mut fmt::Formatter<'_>, amount: u64, places: u32, unit: &str) -> fmt::Result {
    let scale = 10_u64.pow(places);
    let fraction = format!("{:0width$}", amount % scale, width = places as usize);
    match fraction.trim_end_matches('0') {
        "" => write!(f, "{}{unit}", amount / scale),
        fraction => write!(f, "{}.{fraction}{unit}", amount / scale),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints_as_go_does() {
        let rows = [
            ("0", 0, "0s"),
            ("10s", 10_000_000_000, "10s"),
            ("1m30s", 90_000_000_000, "1m30s"),
            ("90s", 90_000_000_000, "1m30s"),
            ("500ms", 500_000_000, "500ms"),
            ("120000ms", 120_000_000_000, "2m0s"),
            ("1h", 3_600_000_000_000, "1h0m0s"),
            ("-1.5h", -5_400_000_000_000, "-1h30m0s"),
            (".5s", 500_000_000, "500ms"),
            ("1.s", 1_000_000_000, "1s"),
            ("1.5us", 1_500, "1.5\u{b5}s"),
            ("3\u{b5}s4ns", 3_004, "3.004\u{b5}s"),
            ("10ns", 10, "10ns"),
            ("1.000000001s", 1_000_000_001, "1.000000001s"),
            ("0.3333333333333333333333s", 333_333_333, "333.333333ms"),
            ("2562047h47m16.854775807s", i64::MAX, "2562047h47m16.854775807s"),
            ("-2562047h47m16.854775808s", i64::MIN, "-2562047h47m16.854775808s"),
        ];
        for (text, nanoseconds, printed) in rows {
            assert_eq!(Nanoseconds::read(text), Ok(Nanoseconds(nanoseconds)), "{text}");
            assert_eq!(Nanoseconds(nanoseconds).to_string(), printed);
        }
    }

    #[test]
    fn refuses_in_the_words_of_go() {
        let rows = [
            ("", "time: invalid duration \"\""),
            ("-", "time: invalid duration \"-\""),
            ("abc", "time: invalid duration \"abc\""),
            (".s", "time: invalid duration \".s\""),
            ("10", "time: missing unit in duration \"10\""),
            ("1..5s", "time: missing unit in duration \"1..5s\""),
            ("10x", "time: unknown unit \"x\" in duration \"10x\""),
            ("1d", "time: unknown unit \"d\" in duration \"1d\""),
            ("10 s", "time: unknown unit \" s\" in duration \"10 s\""),
            ("2562047h47m16.854775808s", "time: invalid duration \"2562047h47m16.854775808s\""),
            ("99999999999999999999s", "time: invalid duration \"99999999999999999999s\""),
        ];
        for (text, said) in rows {
            assert_eq!(Nanoseconds::read(text).map_err(|error| error.to_string()), Err(said.to_owned()));
        }
    }
}
