//! Columns of a row that come of Lyft's fields.

use super::stored::Stored;
use super::tags::{CANARY, INSTANCE_ID, as_text};
use crate::table::{Meta, Place, parse_meta};

/// A tag as a place, where it is text that can be one.
pub(crate) fn place_of(stored: &Stored, tag: &str) -> Option<Place> {
    Place::parse(tag, stored.tags.get(tag)?.as_str()?).ok()
}

/// What other APIs may like to know, as far as it fits the rules of meta pairs: no registration fails for it.
pub(crate) fn meta_of(stored: &Stored) -> Meta {
    let tag = |name| stored.tags.get(name).filter(|value| !value.is_null()).map(as_text).unwrap_or_default();
    let pairs = [
        (CANARY, tag(CANARY)),
        (INSTANCE_ID, tag(INSTANCE_ID)),
        ("repo", stored.service_repo_name.clone()),
        ("revision", stored.revision.clone()),
    ];
    let fits = |key: &str, value: &str| {
        !value.is_empty() && !value.chars().any(char::is_control) && parse_meta("meta", [(key, value)]).is_ok()
    };
    let fitting = pairs.iter().map(|(key, value)| (*key, value.as_str())).filter(|(key, value)| fits(key, value));
    parse_meta("meta", fitting).unwrap_or_default()
}
