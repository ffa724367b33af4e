//! Texts in quotes as Go writes them (the Go Programming Language Specification, "String literals").

use std::fmt::Write as _;

/// A text in double quotes with escapes.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// What stands between the quotes.
pub(super) fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\\' => shown.extend(['\\', c]),
            '\u{7}' => shown.push_str("\\a"),
            '\u{8}' => shown.push_str("\\b"),
            '\u{c}' => shown.push_str("\\f"),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            '\u{b}' => shown.push_str("\\v"),
            ' '..='~' => shown.push(c),
            // What Rust would not print either: controls, unassigned, separators.
            _ if c.escape_debug().len() == 1 => shown.push(c),
            '\0'..='\u{7f}' => _ = write!(shown, "\\x{:02x}", u32::from(c)),
            '\u{80}'..='\u{ffff}' => _ = write!(shown, "\\u{:04x}", u32::from(c)),
            _ => _ = write!(shown, "\\U{:08x}", u32::from(c)),
        }
    }
    shown
}

/// What stands between double quotes; `None` where an escape is none, or a line ends. Octets that make no character
/// become U+FFFD.
pub(super) fn unquoted(text: &str) -> Option<String> {
    let mut octets: Vec<u8> = Vec::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\n' | '"' => return None,
            '\\' => escape(&mut rest, &mut octets)?,
            _ => octets.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Some(String::from_utf8_lossy(&octets).into_owned())
}

fn escape(rest: &mut std::str::Chars<'_>, octets: &mut Vec<u8>) -> Option<()> {
    let octet = match rest.next()? {
        'a' => 0x7,
        'b' => 0x8,
        'f' => 0xc,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0xb,
        '\\' => b'\\',
        '"' => b'"',
        'x' => u8::try_from(digits(rest, 2, 16)?).ok()?,
        'u' => return character(digits(rest, 4, 16)?, octets),
        'U' => return character(digits(rest, 8, 16)?, octets),
        c @ '0'..='7' => {
            let high = c.to_digit(8)?;
            u8::try_from(high * 64 + digits(rest, 2, 8)?).ok()?
        }
        _ => return None,
    };
    octets.push(octet);
    Some(())
}

fn digits(rest: &mut std::str::Chars<'_>, count: usize, radix: u32) -> Option<u32> {
    (0..count).try_fold(0_u32, |sum, _| sum.checked_mul(radix)?.checked_add(rest.next()?.to_digit(radix)?))
}

fn character(code: u32, octets: &mut Vec<u8>) -> Option<()> {
    octets.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut [0; 4]).as_bytes());
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_escapes_of_go() {
        let rows = [
            (r"plain é", Some("plain é")),
            (r"a\tb\x22\\", Some("a\tb\"\\")),
            (r"\u00e9\U0001F600\101", Some("é😀A")),
            (r"\xff", Some("\u{fffd}")),
            (r"\q", None),
            (r"\'", None),
            (r"\x2", None),
            (r"\400", None),
            (r"\ud800", None),
            ("a\nb", None),
            ("\\", None),
        ];
        for (text, read) in rows {
            assert_eq!(unquoted(text).as_deref(), read, "{text}");
        }
    }

    #[test]
    fn writes_them_too() {
        assert_eq!(quoted("a\"b\\c\n\u{1}é\u{a0}😀"), r#""a\"b\\c\n\x01é\u00a0😀""#);
    }
}
