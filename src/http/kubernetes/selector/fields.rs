//! Field selectors: the name and the namespace of an object.

use crate::limits;

const NAME: &str = "metadata.name";
const NAMESPACE: &str = "metadata.namespace";

/// What an object's name and namespace must be: all of these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::http::kubernetes) struct Fields(Vec<Term>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    of_name: bool,
    equal: bool,
    value: String,
}

impl Fields {
    /// Reads a selector; the error is what Kubernetes says.
    pub(in crate::http::kubernetes) fn parse(text: &str) -> Result<Fields, String> {
        let mut terms = Vec::new();
        for part in split(text).into_iter().filter(|part| !part.is_empty()) {
            let (field, equal, value) =
                operator(part).ok_or_else(|| format!("invalid selector: '{text}'; can't understand '{part}'"))?;
            let value = unescape(value)?;
            if field != NAME && field != NAMESPACE {
                return Err(format!("{field:?} is not a known field selector: only {NAME:?}, {NAMESPACE:?}"));
            }
            terms.push(Term { of_name: field == NAME, equal, value });
            if terms.len() > limits::FILTER_MATCHES {
                return Err(format!("must have at most {} terms", limits::FILTER_MATCHES));
            }
        }
        Ok(Fields(terms))
    }

    /// Whether it asks for nothing.
    pub(in crate::http::kubernetes) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a name in a namespace is as it must be.
    pub(in crate::http::kubernetes) fn takes(&self, namespace: &str, name: &str) -> bool {
        self.0.iter().all(|term| (term.value == if term.of_name { name } else { namespace }) == term.equal)
    }

    /// The one name that is wanted, where the selector says so.
    pub(in crate::http::kubernetes) fn name(&self) -> Option<&str> {
        self.only(true)
    }

    /// The one namespace that is wanted, where the selector says so.
    pub(in crate::http::kubernetes) fn namespace(&self) -> Option<&str> {
        self.only(false)
    }

    fn only(&self, of_name: bool) -> Option<&str> {
        self.0.iter().find(|term| term.of_name == of_name && term.equal).map(|term| term.value.as_str())
    }
}

/// The parts between commas that no backslash stands before.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut escaped) = (Vec::new(), 0, false);
    for (at, octet) in text.bytes().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b',' => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// The field, whether it must be equal, and the value: at the first operator.
fn operator(part: &str) -> Option<(&str, bool, &str)> {
    for (at, _) in part.char_indices() {
        for (sign, equal) in [("!=", false), ("==", true), ("=", true)] {
            if let Some(value) = part[at..].strip_prefix(sign) {
                return Some((&part[..at], equal, value));
            }
        }
    }
    None
}

/// Takes the backslashes away that stand before a backslash, a comma or an equals sign.
fn unescape(text: &str) -> Result<String, String> {
    let mut value = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(next) = chars.next() {
        match next {
            '\\' => match chars.next() {
                Some(escaped @ ('\\' | ',' | '=')) => value.push(escaped),
                other => {
                    let sequence: String = std::iter::once('\\').chain(other).collect();
                    return Err(format!("invalid field selector: invalid escape sequence: {sequence}"));
                }
            },
            ',' | '=' => return Err(format!("invalid field selector: unescaped character in value: {next}")),
            other => value.push(other),
        }
    }
    Ok(value)
}
