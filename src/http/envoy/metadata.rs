//! What a host says of itself as metadata of an endpoint, for subsets (`envoy.lb`).
//!
//! Pairs stand under their keys as texts; a tag `key=value` as such a pair, any other tag under itself as `true`. What
//! stands in a pair is not taken from a tag. `canary`, of whatever API, is a boolean, as Envoy has it since its first
//! discovery API.

use std::collections::BTreeMap;

use super::proto::{Kind, Metadata, Struct, Value};
use crate::limits;
use crate::table::Host;

const CANARY: &str = "canary";

/// The metadata; `None` where a host says nothing.
pub(super) fn of(host: &Host) -> Option<Metadata> {
    let pairs = host.meta.iter().map(|(key, value)| (&**key, Kind::Text(value.to_string())));
    let tags = host.tags.iter().map(|tag| match tag.as_str().split_once('=') {
        Some((key, value)) if !key.is_empty() => (key, Kind::Text(value.to_owned())),
        _ => (tag.as_str(), Kind::Flag(true)),
    });
    let mut fields: BTreeMap<String, Value> = BTreeMap::new();
    let mut left = limits::EDS_METADATA_OCTETS;
    for (key, kind) in pairs.chain(tags) {
        let octets = key.len() + if let Kind::Text(text) = &kind { text.len() } else { 1 };
        if octets <= left && !fields.contains_key(key) {
            left -= octets;
            fields.insert(key.to_owned(), Value { kind: Some(flag_if_canary(key, kind)) });
        }
    }
    let named = || BTreeMap::from([("envoy.lb".to_owned(), Struct { fields })]);
    (!host.meta.is_empty() || !host.tags.is_empty()).then(|| Metadata { filter_metadata: named() })
}

fn flag_if_canary(key: &str, kind: Kind) -> Kind {
    match &kind {
        Kind::Text(text) if key == CANARY && text.eq_ignore_ascii_case("true") => Kind::Flag(true),
        Kind::Text(text) if key == CANARY && text.eq_ignore_ascii_case("false") => Kind::Flag(false),
        Kind::Text(_) | Kind::Flag(_) => kind,
    }
}
