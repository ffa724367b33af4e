//! Text as Python reads it: the forms that clients of the original may already send.

/// Reads an integer as `int(text)` does: blanks around, a sign, single underscores between digits.
///
/// A number past 64 bits becomes the nearest one that fits: every field here has a bound far below.
pub(crate) fn int(text: &str) -> Option<i64> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut number = 0_i64;
    for group in digits.split('_') {
        if group.is_empty() {
            return None;
        }
        for digit in group.chars() {
            let digit = i64::from(digit.to_digit(10)?);
            number = number.saturating_mul(10).saturating_add(digit);
        }
    }
    Some(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_python_reads() {
        let rows = [
            ("80", Some(80)),
            (" 80\t", Some(80)),
            ("+80", Some(80)),
            ("-1", Some(-1)),
            ("8_0", Some(80)),
            ("05", Some(5)),
            ("99999999999999999999", Some(i64::MAX)),
            ("", None),
            (" ", None),
            ("+", None),
            ("+-8", None),
            ("8__0", None),
            ("_80", None),
            ("80_", None),
            ("1.5", None),
            ("1e1", None),
            ("0x50", None),
            ("8 0", None),
        ];
        for (text, number) in rows {
            assert_eq!(int(text), number, "{text:?}");
        }
    }
}
