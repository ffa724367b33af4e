//! Names and words, parsed once: nothing below this file checks one again.
//!
//! Text is kept as it was given; how much of it can be said in DNS is the zone's affair.

use std::fmt;
use std::sync::Arc;

use crate::limits;

/// What is wrong with a value from outside: the field and the rule it breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {rule}")]
pub struct Invalid {
    /// The field, as the caller wrote it.
    pub field: String,
    /// The rule, as a sentence without a subject: `must be 1 to 65535`.
    pub rule: String,
}

impl Invalid {
    /// A broken rule of a field.
    pub fn new(field: impl Into<String>, rule: impl Into<String>) -> Invalid {
        Invalid { field: field.into(), rule: rule.into() }
    }
}

fn text(field: &str, value: &str, most: usize) -> Result<Arc<str>, Invalid> {
    if value.is_empty() {
        return Err(Invalid::new(field, "must not be empty"));
    }
    if value.len() > most {
        return Err(Invalid::new(field, format!("must be at most {most} octets, is {}", value.len())));
    }
    // Of ASCII they are known by the octet.
    let has_controls = if value.is_ascii() {
        value.bytes().any(|byte| byte.is_ascii_control())
    } else {
        value.chars().any(char::is_control)
    };
    if has_controls {
        return Err(Invalid::new(field, "must not contain control characters"));
    }
    Ok(Arc::from(value))
}

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $most:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses the text of `field`: not empty, bounded, no control characters.
            pub fn parse(field: &str, value: &str) -> Result<$name, Invalid> {
                text(field, value, $most).map($name)
            }

            /// The text as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

text_type! {
    /// The name that groups hosts. Any text; only DNS labels are published.
    ServiceName, limits::NAME_OCTETS
}
text_type! {
    /// A host's id, unique within its service and dialect.
    HostId, limits::ID_OCTETS
}
text_type! {
    /// A word a host carries; `<tag>.<service>` finds the hosts that carry it.
    Tag, limits::TAG_OCTETS
}
text_type! {
    /// The name of an availability zone, a region, a repository.
    Place, limits::ID_OCTETS
}

impl ServiceName {
    /// The same name, sharing the allocation of `other` when it is equal.
    pub(super) fn share(&mut self, other: &ServiceName) {
        debug_assert_eq!(self, other);
        self.0 = Arc::clone(&other.0);
    }
}

/// Groups services; `default` unless said. A lower-case DNS label.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Namespace(Option<Arc<str>>);

impl Namespace {
    /// The namespace of hosts that name none.
    pub const DEFAULT: Namespace = Namespace(None);

    /// Parses a DNS label (RFC 1123 2.1); it is kept in lower case.
    pub fn parse(field: &str, value: &str) -> Result<Namespace, Invalid> {
        if !is_label(value) {
            return Err(Invalid::new(
                field,
                "must be a DNS label: 1 to 63 letters, digits and hyphens, no hyphen at an end",
            ));
        }
        let lower = value.to_ascii_lowercase();
        Ok(if lower == "default" { Namespace::DEFAULT } else { Namespace(Some(Arc::from(lower))) })
    }

    /// The label.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or("default")
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Octets that labels of host names have.
const IN_LABELS: [bool; 256] = {
    let mut in_labels = [false; 256];
    let mut octet: u8 = 0;
    while octet < 128 {
        in_labels[octet as usize] = octet.is_ascii_alphanumeric() || octet == b'-';
        octet += 1;
    }
    in_labels
};

/// Whether `text` is a host name label: letters, digits, hyphens not at an end, 1 to 63 (RFC 1123 2.1).
pub fn is_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=63).contains(&bytes.len())
        && bytes.iter().all(|byte| IN_LABELS[usize::from(*byte)])
        && bytes[0] != b'-'
        && bytes[bytes.len() - 1] != b'-'
}

/// Parses a DNS label (RFC 1123 2.1); it is kept in lower case.
pub fn parse_label(field: &str, value: &str) -> Result<Box<str>, Invalid> {
    if is_label(value) {
        Ok(value.to_ascii_lowercase().into_boxed_str())
    } else {
        Err(Invalid::new(field, "must be a DNS label: 1 to 63 letters, digits and hyphens, no hyphen at an end"))
    }
}

/// Pairs that a host carries, ordered by key.
pub type Meta = Box<[(Box<str>, Box<str>)]>;

/// Parses meta pairs: bounded, keys of letters, digits, `-`, `_`, `.`, `/`, distinct.
pub fn parse_meta<'a>(field: &str, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Meta, Invalid> {
    let mut meta: Vec<(Box<str>, Box<str>)> = Vec::new();
    for (key, value) in pairs {
        let named = |rule: String| Invalid::new(format!("{field}.{key}"), rule);
        if key.is_empty() || key.len() > limits::META_KEY_OCTETS {
            return Err(named(format!("key must be 1 to {} octets", limits::META_KEY_OCTETS)));
        }
        if !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte)) {
            return Err(named("key must be letters, digits, -, _, . and /".into()));
        }
        if value.len() > limits::META_VALUE_OCTETS {
            return Err(named(format!("value must be at most {} octets", limits::META_VALUE_OCTETS)));
        }
        meta.push((key.into(), value.into()));
        if meta.len() > limits::META_PAIRS {
            return Err(Invalid::new(field, format!("must be at most {} pairs", limits::META_PAIRS)));
        }
    }
    meta.sort();
    meta.dedup_by(|later, earlier| later.0 == earlier.0);
    Ok(meta.into_boxed_slice())
}

/// Parses tags: bounded, distinct, order kept.
pub fn parse_tags<'a>(field: &str, values: impl IntoIterator<Item = &'a str>) -> Result<Box<[Tag]>, Invalid> {
    let mut tags: Vec<Tag> = Vec::new();
    for value in values {
        let tag = Tag::parse(field, value)?;
        if !tags.contains(&tag) {
            tags.push(tag);
        }
        if tags.len() > limits::TAGS {
            return Err(Invalid::new(field, format!("must be at most {} tags", limits::TAGS)));
        }
    }
    Ok(tags.into_boxed_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_text() {
        assert!(ServiceName::parse("service", "").is_err());
        assert!(ServiceName::parse("service", &"x".repeat(254)).is_err());
        assert_eq!(
            Tag::parse("tags", "a\nb").map_err(|invalid| invalid.to_string()),
            Err("tags: must not contain control characters".into())
        );
        assert!(ServiceName::parse("service", "my service").is_ok());
    }

    #[test]
    fn the_default_namespace_has_one_form() {
        assert_eq!(Namespace::parse("namespace", "Default"), Ok(Namespace::DEFAULT));
        assert!(Namespace::parse("namespace", "a.b").is_err());
    }
}
