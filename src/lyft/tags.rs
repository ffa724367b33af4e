//! Tags: what they are called, and what their values mean whatever JSON says it.

use serde_json::{Map, Value};

use super::python;

/// The tag that holds a weight.
pub(crate) const WEIGHT: &str = "load_balancing_weight";
/// The weights that Lyft's API knows: Envoy takes no other.
pub(crate) const WEIGHTS: std::ops::RangeInclusive<u16> = 1..=100;
/// The tag that marks a canary.
pub(crate) const CANARY: &str = "canary";
/// The availability zone.
pub(crate) const AZ: &str = "az";
/// What the machine is called.
pub(super) const INSTANCE_ID: &str = "instance_id";
/// The region.
pub(super) const REGION: &str = "region";

/// Tags by key, in the order of the keys.
pub(crate) type Tags = Map<String, Value>;

/// Tags as somebody else stored them, with what Envoy would drop a whole list for put right, or left out where it has no
/// right meaning.
pub(crate) fn mended(mut tags: Tags) -> Tags {
    if let Some(az) = tags.get_mut(AZ) {
        *az = as_text(az).into();
    }
    if let Some(canary) = tags.remove(CANARY).as_ref().and_then(as_bool) {
        tags.insert(CANARY.into(), canary.into());
    }
    if let Some(weight) = tags.remove(WEIGHT).as_ref().and_then(as_integer) {
        let (least, most) = (i64::from(*WEIGHTS.start()), i64::from(*WEIGHTS.end()));
        tags.insert(WEIGHT.into(), weight.clamp(least, most).into());
    }
    tags
}

/// A weight within the bounds of the API.
pub(crate) fn parse_weight(number: i64) -> Option<u16> {
    u16::try_from(number).ok().filter(|weight| WEIGHTS.contains(weight))
}

/// Envoy takes only text for a zone; the original takes everything.
pub(crate) fn as_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// A boolean, or the word for one.
pub(crate) fn as_bool(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(is) => Some(*is),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// An integer, or its digits.
pub(crate) fn as_integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => python::int(text),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_somebody_else_stored_is_put_right() {
        let rows = [
            (
                json!({"az": 1, "canary": "True", "load_balancing_weight": "05"}),
                json!({"az": "1", "canary": true, "load_balancing_weight": 5}),
            ),
            (json!({"load_balancing_weight": 1000}), json!({"load_balancing_weight": 100})),
            (
                json!({"load_balancing_weight": 0, "canary": false}),
                json!({"load_balancing_weight": 1, "canary": false}),
            ),
            (json!({"load_balancing_weight": "huge", "canary": 1, "x": null}), json!({"x": null})),
        ];
        for (stored, expected) in rows {
            let tags = stored.as_object().cloned().expect("an object");
            assert_eq!(Value::Object(mended(tags)), expected);
        }
    }
}
