//! Single values in presentation form: numbers, times, strings, hexadecimal and base 64.

use std::str::FromStr;

/// A decimal number.
pub(super) fn number<T: FromStr>(text: &str, field: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{field} {text:?} is no number in range"))
}

/// Seconds, or a sum of units: `1w2d3h4m5s`. The highest bit is never set (RFC 2181 8).
pub(super) fn seconds(text: &str) -> Result<u32, String> {
    let bad = || format!("{text:?} is no time in seconds (0 to 2147483647) or units such as 1h30m");
    let mut total: u64 = 0;
    let mut digits: Option<u64> = None;
    for byte in text.bytes() {
        let unit = match byte.to_ascii_lowercase() {
            b'0'..=b'9' => {
                digits = Some(digits.unwrap_or(0).saturating_mul(10).saturating_add(u64::from(byte - b'0')));
                continue;
            }
            b's' => 1,
            b'm' => 60,
            b'h' => 3600,
            b'd' => 86_400,
            b'w' => 604_800,
            _ => return Err(bad()),
        };
        total = total.saturating_add(digits.take().ok_or_else(bad)?.saturating_mul(unit));
    }
    total = total.saturating_add(digits.unwrap_or(0));
    u32::try_from(total).ok().filter(|total| *total < 1 << 31 && !text.is_empty()).ok_or_else(bad)
}

/// A moment in seconds since 1970 modulo 2^32, or as `YYYYMMDDHHmmSS` in UTC (RFC 4034 3.2).
pub(super) fn moment(text: &str) -> Result<u32, String> {
    let bad = || format!("{text:?} is no moment as YYYYMMDDHHmmSS or in seconds");
    if text.len() != 14 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().map_err(|_| bad());
    }
    let part = |from: usize, to: usize| text[from..to].parse::<u64>().map_err(|_| bad());
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60
    {
        return Err(bad());
    }
    // Years that begin in March put the leap day last.
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    Ok((((days * 24 + hour) * 60 + minute) * 60 + second) as u32)
}

/// The octets of a string with its escapes resolved (RFC 1035 5.1).
pub(super) fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            octets.push(byte);
            continue;
        }
        let first = bytes.next().ok_or("a string ends in a backslash")?;
        if !first.is_ascii_digit() {
            octets.push(first);
            continue;
        }
        let mut value = u32::from(first - b'0');
        for _ in 0..2 {
            let digit = bytes.next().filter(u8::is_ascii_digit).ok_or("an escape takes three digits")?;
            value = value * 10 + u32::from(digit - b'0');
        }
        octets.push(u8::try_from(value).map_err(|_| format!("escape {value} is more than 255"))?);
    }
    Ok(octets)
}

/// Adds a string with its length before it, which is at most 255.
pub(super) fn push_string(wire: &mut Vec<u8>, octets: &[u8]) -> Result<(), String> {
    let length = u8::try_from(octets.len()).map_err(|_| "a string has more than 255 octets".to_owned())?;
    wire.push(length);
    wire.extend_from_slice(octets);
    Ok(())
}

/// Octets written in hexadecimal.
pub(super) fn hexadecimal(text: &str) -> Result<Vec<u8>, String> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0).ok_or("not a whole number of octets in hexadecimal")?;
    Ok(digits.chunks_exact(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect())
}

/// Octets written in base 64 (RFC 4648 4).
pub(super) fn base64(text: &str) -> Result<Vec<u8>, String> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.trim_end_matches('=');
    let padded = text.len().is_multiple_of(4) && text.len() - digits.len() <= 2;
    digits_of(digits, ALPHABET, 6).filter(|_| padded).ok_or_else(|| "what should be base 64 is not".into())
}

/// Octets written in base 32 with the extended alphabet and without padding (RFC 4648 7, RFC 5155 3.3).
pub(super) fn base32(text: &str) -> Result<Vec<u8>, String> {
    const ALPHABET: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUV";
    digits_of(&text.to_ascii_uppercase(), ALPHABET, 5).ok_or_else(|| "what should be base 32 is not".into())
}

/// Digits of some bits each into octets; bits left over must be fewer than a digit's, and zero.
fn digits_of(text: &str, alphabet: &[u8], bits: u32) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(text.len());
    let (mut buffer, mut held) = (0_u32, 0);
    for digit in text.bytes() {
        let value = alphabet.iter().position(|other| *other == digit)?;
        buffer = buffer << bits | value as u32;
        held += bits;
        if held >= 8 {
            held -= 8;
            octets.push((buffer >> held) as u8);
            buffer &= (1 << held) - 1;
        }
    }
    (held < bits && buffer == 0).then_some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_64_and_base_32_are_those_of_rfc_4648_10() {
        for (text, octets) in [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYmFy", "foobar")] {
            assert_eq!(base64(text).expect(text), octets.as_bytes());
        }
        for (text, octets) in [("CO", "f"), ("cpng", "fo"), ("CPNMU", "foo"), ("CPNMUOJ1E8", "foobar")] {
            assert_eq!(base32(text).expect(text), octets.as_bytes());
        }
        for bad in ["Zg", "Zh==", "Z===", "Zm9v!", "====", "Z"] {
            assert!(base64(bad).is_err(), "{bad}");
        }
        assert!(base32("CW").is_err() && base32("W").is_err());
    }

    #[test]
    fn moments_are_those_of_the_calendar() {
        let cases = [
            ("19700101000000", 0),
            ("20000229120000", 951_825_600),
            ("20040509183619", 1_084_127_779),
            ("2147483650", 2_147_483_650),
        ];
        for (text, expected) in cases {
            assert_eq!(moment(text), Ok(expected), "{text}");
        }
        for bad in ["19691231235959", "20041309183619", "2004050918361", "x"] {
            assert!(moment(bad).is_err() || bad.len() == 13, "{bad}");
        }
    }
}
