//! Percent-encoded pairs: what is no text is refused, where a lossy decoder would store another value.

/// The name of the first of the pairs `name=value&name=value` that is no UTF-8 when decoded.
pub(super) fn no_text(pairs: &[u8]) -> Option<String> {
    let broken = pairs.split(|octet| *octet == b'&').find(|pair| std::str::from_utf8(&decoded(pair)).is_err())?;
    let name = broken.split(|octet| *octet == b'=').next().unwrap_or_default();
    Some(String::from_utf8_lossy(&decoded(name)).chars().take(64).collect())
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, tail)) = rest.split_first() {
        let escaped = match (first, tail) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                octets.push(high << 4 | low);
                rest = &tail[2..];
            }
            None => {
                octets.push(*first);
                rest = tail;
            }
        }
    }
    octets
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_pair_that_is_no_text() {
        for (pairs, name) in [
            ("", None),
            ("a=%C3%A9&b=%", None),
            ("a=%zz&b=+", None),
            ("a=1&tag=%FF", Some("tag")),
            ("%ff=1", Some("\u{fffd}")),
            ("a=%C3&b=%A9", Some("a")),
        ] {
            assert_eq!(no_text(pairs.as_bytes()).as_deref(), name, "{pairs}");
        }
    }
}
