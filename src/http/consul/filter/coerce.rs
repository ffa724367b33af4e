//! Values of an expression as numbers and truth values, read as Go's `strconv` reads them.

use thiserror::Error;

use super::quoting::quoted;

/// Why a value is not what the field holds.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotA {
    /// No integer.
    #[error("strconv.ParseInt: parsing {0}: invalid syntax")]
    Number(String),
    /// An integer past 64 bits.
    #[error("strconv.ParseInt: parsing {0}: value out of range")]
    Large(String),
    /// Neither true nor false.
    #[error("strconv.ParseBool: parsing {0}: invalid syntax")]
    Flag(String),
}

/// An integer: decimal, `0x`, `0o` or a bare `0` for octal, `0b`, with underscores between digits where there is such
/// a prefix.
pub(super) fn number(text: &str) -> Result<i64, NotA> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let (radix, digits) = radix(digits);
    let invalid = || NotA::Number(quoted(text));
    let digits = digits.ok_or_else(invalid)?;
    let valid = |c: char| c.is_digit(radix);
    if digits.is_empty() || !digits.chars().all(valid) {
        return Err(invalid());
    }
    let signed = if negative { format!("-{digits}") } else { digits };
    i64::from_str_radix(&signed, radix).map_err(|_| NotA::Large(quoted(text)))
}

/// The base that the prefix says, and the digits without prefix and underscores; `None` where one of those is misplaced.
fn radix(digits: &str) -> (u32, Option<String>) {
    let lower = digits.to_ascii_lowercase();
    let prefixes = [("0x", 16), ("0o", 8), ("0b", 2)];
    let named = prefixes.iter().find_map(|(prefix, radix)| Some((*radix, lower.strip_prefix(prefix)?)));
    let (radix, rest) = match named {
        Some((radix, rest)) => (radix, rest.strip_prefix('_').unwrap_or(rest)),
        None if lower.len() > 1 && lower.starts_with('0') => (8, lower[1..].strip_prefix('_').unwrap_or(&lower[1..])),
        None => return (10, Some(lower)),
    };
    let misplaced = rest.starts_with('_') || rest.ends_with('_') || rest.contains("__");
    (radix, (!misplaced).then(|| rest.replace('_', "")))
}

/// True or false in one of the twelve forms.
pub(super) fn flag(text: &str) -> Result<bool, NotA> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(NotA::Flag(quoted(text))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_every_base() {
        let rows = [
            ("80", Some(80)),
            ("-5", Some(-5)),
            ("+5", Some(5)),
            ("0x1F", Some(31)),
            ("010", Some(8)),
            ("0o17", Some(15)),
            ("0b11", Some(3)),
            ("0x_f_f", Some(255)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("1_000", None),
            ("08", None),
            ("1.5", None),
            ("0x", None),
            ("-", None),
            ("", None),
            ("--1", None),
            ("é", None),
        ];
        for (text, value) in rows {
            assert_eq!(number(text).ok(), value, "{text}");
        }
    }
}
