//! Places on the earth in LOC records (RFC 1876).

use super::lex::Token;

/// Octets of the RDATA, of which version 0 is the only one.
const OCTETS: usize = 16;
/// The equator, and the prime meridian (RFC 1876 2).
const MIDDLE: u32 = 1 << 31;
/// Centimeters that altitudes are counted from: 100 km below the ellipsoid.
const BASE: i64 = 10_000_000;
/// Size, and horizontal and vertical precision, where the text has none: 1 m, 10 km, 10 m (RFC 1876 3).
const SIZES: [u8; 3] = [0x12, 0x16, 0x13];

/// Reads `51 30 12.748 N 0 7 39.612 W 0.00m 1m 10000m 10m`; minutes, seconds and sizes may be left out.
pub(super) fn from_text(tokens: &[Token]) -> Result<[u8; OCTETS], String> {
    let mut words = tokens.iter().map(|token| token.text.as_str());
    let latitude = angle(&mut words, ["N", "S"], 90)?;
    let longitude = angle(&mut words, ["E", "W"], 180)?;
    let altitude = centimeters(words.next().ok_or("the altitude is missing")?)? + BASE;
    let altitude = u32::try_from(altitude).map_err(|_| "the altitude is out of range")?;
    let mut sizes = SIZES;
    for size in &mut sizes {
        let Some(text) = words.next() else { break };
        *size = power(centimeters(text)?)?;
    }
    if words.next().is_some() {
        return Err("there are too many fields".into());
    }
    let mut wire = [0; OCTETS];
    wire[1..4].copy_from_slice(&sizes);
    for (place, value) in wire[4..].chunks_exact_mut(4).zip([latitude, longitude, altitude]) {
        place.copy_from_slice(&value.to_be_bytes());
    }
    Ok(wire)
}

/// Whether octets are a place.
pub(super) fn is_valid(octets: &[u8]) -> bool {
    octets.len() == OCTETS && octets[0] == 0 && octets[1..4].iter().all(|size| size >> 4 <= 9 && size & 15 <= 9)
}

/// Degrees, minutes and seconds up to a direction, in thousandths of a second from the middle.
fn angle<'a>(words: &mut impl Iterator<Item = &'a str>, directions: [&str; 2], most: u32) -> Result<u32, String> {
    let bad = || format!("an angle is degrees, minutes, seconds and {}", directions.join(" or "));
    let mut total: u32 = 0;
    for unit in [3_600_000, 60_000, 1000, 0] {
        let word = words.next().ok_or_else(bad)?;
        if let Some(direction) = directions.iter().position(|direction| word.eq_ignore_ascii_case(direction)) {
            if unit == 3_600_000 || total > most * 3_600_000 {
                return Err(bad());
            }
            return Ok(if direction == 0 { MIDDLE + total } else { MIDDLE - total });
        }
        let value = match unit {
            1000 => thousandths(word).and_then(|value| u32::try_from(value).ok()).filter(|value| *value < 60_000),
            3_600_000 => word.parse::<u32>().ok().filter(|value| *value <= most).map(|value| value * unit),
            60_000 => word.parse::<u32>().ok().filter(|value| *value < 60).map(|value| value * unit),
            _ => None,
        };
        total += value.ok_or_else(bad)?;
    }
    Err(bad())
}

fn thousandths(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = !fraction.is_empty() && fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let fraction: u64 = format!("{fraction:0<3}").parse().ok().filter(|_| digits)?;
    whole.parse::<u32>().ok().map(|whole| u64::from(whole) * 1000 + fraction)
}

/// Meters with up to two decimals, the unit as one likes.
fn centimeters(text: &str) -> Result<i64, String> {
    let bad = || format!("{text:?} is no number of meters");
    let (negative, digits) = match text.trim_end_matches('m').strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.trim_end_matches('m')),
    };
    let value = thousandths(digits).filter(|value| value % 10 == 0);
    let value = (value.ok_or_else(bad)? / 10) as i64;
    Ok(if negative { -value } else { value })
}

/// A size as one digit and a power of ten, in centimeters (RFC 1876 2), rounded down.
fn power(mut centimeters: i64) -> Result<u8, String> {
    let mut exponent = 0;
    while centimeters > 9 {
        centimeters /= 10;
        exponent += 1;
    }
    u8::try_from(centimeters)
        .ok()
        .filter(|_| exponent <= 9)
        .map(|digit| digit << 4 | exponent)
        .ok_or_else(|| "a size is 0 to 90000000 m".into())
}
