//! Reading JSON bodies: borrowed from the request, told exactly where they are wrong.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::http::problem::Problem;

/// A text that borrows from the body unless it holds escapes.
#[derive(Debug)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text<'a>, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Reader)
    }
}

/// A JSON object. Serde's own structs would also take an array, field by field.
#[derive(Debug)]
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object<T>, D::Error> {
        struct Reader<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Reader<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(Reader(PhantomData))
    }
}

/// The pairs of an object of strings, in the order given.
#[derive(Debug)]
pub(super) struct Pairs<'a>(pub(super) Vec<(Text<'a>, Text<'a>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pairs<'a>, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// A duration: a text like `"30s"`, or a number of seconds.
#[derive(Debug)]
pub(super) enum Span<'a> {
    /// As text.
    Text(Text<'a>),
    /// In seconds.
    Seconds(f64),
}

impl<'de: 'a, 'a> Deserialize<'de> for Span<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Span<'a>, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Span<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration like \"30s\", or a number of seconds")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Span<'de>, E> {
                Ok(Span::Text(Text(Cow::Borrowed(text))))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Span<'de>, E> {
                Ok(Span::Text(Text(Cow::Owned(text.to_owned()))))
            }

            #[allow(clippy::cast_precision_loss, reason = "beyond 2^53 seconds every number is too large")]
            fn visit_u64<E: Error>(self, seconds: u64) -> Result<Span<'de>, E> {
                Ok(Span::Seconds(seconds as f64))
            }

            #[allow(clippy::cast_precision_loss, reason = "a negative number is refused whatever it is")]
            fn visit_i64<E: Error>(self, seconds: i64) -> Result<Span<'de>, E> {
                Ok(Span::Seconds(seconds as f64))
            }

            fn visit_f64<E: Error>(self, seconds: f64) -> Result<Span<'de>, E> {
                Ok(Span::Seconds(seconds))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// Parses a body that must be one JSON object; whatever `Content-Type` says, the body decides.
pub(super) fn parse<'a, T: Deserialize<'a>>(
    body: &'a [u8],
    try_again: impl Fn(&str) -> Result<(), serde_json::Error>,
) -> Result<T, Problem> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Problem::invalid("body", "must be a JSON object, is empty"));
    }
    // A text is looked at once, and not string by string.
    let read = match std::str::from_utf8(body) {
        Ok(text) => serde_json::from_str::<Object<T>>(text),
        Err(_) => serde_json::from_slice::<Object<T>>(body),
    };
    match read {
        Ok(Object(parsed)) => Ok(parsed),
        Err(error) => Err(explain(body, &error, try_again)),
    }
}

/// Says where a body is wrong, in the words of the interface. Serde knows the place but not the field: each field is
/// tried alone, then each of its elements.
fn explain(
    body: &[u8],
    error: &serde_json::Error,
    try_again: impl Fn(&str) -> Result<(), serde_json::Error>,
) -> Problem {
    let fields: Map<String, Value> = match serde_json::from_slice(body) {
        Ok(fields) => fields,
        Err(syntax) if syntax.is_data() => return Problem::invalid("body", "must be a JSON object"),
        Err(syntax) => return Problem::invalid("body", format!("is no JSON: {syntax}")),
    };
    for (name, value) in fields {
        if let Some(problem) = explain_field(&name, &value, &try_again) {
            return problem;
        }
    }
    let said = error.to_string();
    match said.strip_prefix("duplicate field `").and_then(|rest| rest.split_once('`')) {
        Some((name, _)) => Problem::invalid(shortened(name), "must be given once"),
        None => Problem::invalid("body", format!("cannot be read, line {} column {}", error.line(), error.column())),
    }
}

/// What is wrong with one field, if it is this one.
fn explain_field(
    name: &str,
    value: &Value,
    try_again: impl Fn(&str) -> Result<(), serde_json::Error>,
) -> Option<Problem> {
    let alone = |value: &Value| {
        let object = Value::Object([(name.to_owned(), value.clone())].into_iter().collect());
        try_again(&object.to_string()).err().map(|error| error.to_string())
    };
    let said = alone(value)?;
    let unknown = |said: &str| said.strip_prefix("unknown field `").map(known_fields);
    if let Some(rule) = unknown(&said).filter(|_| alone(&Value::Null).is_some()) {
        return Some(Problem::invalid(shortened(name), rule));
    }
    let field = shortened(name);
    let elements = value.as_array().into_iter().flatten().enumerate();
    for (place, element) in elements {
        let one = |element: Value| alone(&Value::Array(vec![element]));
        if one(element.clone()).is_none() {
            continue;
        }
        for (key, value) in element.as_object().into_iter().flatten() {
            if let Some(said) = one(Value::Object([(key.clone(), value.clone())].into_iter().collect())) {
                let rule = unknown(&said).unwrap_or_else(|| rule_of(name, key).to_owned());
                return Some(Problem::invalid(format!("{field}[{place}].{}", shortened(key)), rule));
            }
        }
        return Some(Problem::invalid(format!("{field}[{place}]"), rule_of(name, "[]")));
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        let pair = Value::Object([(key.clone(), value.clone())].into_iter().collect());
        if alone(&Value::Object(Map::new())).is_none() && alone(&pair).is_some() {
            return Some(Problem::invalid(format!("{field}.{}", shortened(key)), "must be a string"));
        }
    }
    Some(Problem::invalid(field, rule_of(name, "")))
}

/// What a value must be: that of a field, of an element (`[]`) of one, or of a field of an element.
fn rule_of(field: &str, part: &str) -> &'static str {
    match (field, part) {
        ("port" | "weight", "") | ("ports", "port") => "must be an integer from 1 to 65535",
        ("priority", "") => "must be an integer from 0 to 65535",
        ("checks", "tls" | "tls_skip_verify" | "follow_redirects" | "absent_passes") => "must be true or false",
        (
            "checks",
            "success_before_passing" | "failures_before_warning" | "failures_before_critical" | "output_octets",
        ) => "must be an integer from 0 to 65535",
        ("checks", "headers") | ("meta", "") => "must be an object of strings",
        ("ttl", "") | ("checks", "ttl" | "interval" | "timeout" | "deregister_critical_after") => {
            "must be a duration like \"30s\", or a number of seconds"
        }
        ("enable", "") => "must be true or false",
        ("addresses" | "tags", "") => "must be a list of strings",
        ("ports" | "checks", "") => "must be a list of objects",
        ("ports", "[]") => "must be an object with name, protocol and port",
        ("checks", "[]") => "must be an object with an id",
        _ => "must be a string",
    }
}

/// The rule of an unknown field, of what serde says after its name begins.
fn known_fields(said: &str) -> String {
    let after = said.split_once("expected ").map_or("", |(_, after)| after);
    let after = after.split(" at line ").next().unwrap_or_default();
    let known = after.trim_start_matches("one of ").replace('`', "").replace(" or ", ", ");
    format!("is not known; the fields are {known}")
}

/// A name without the rest of a long one.
fn shortened(text: &str) -> String {
    const MOST: usize = 100;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{} ...", &text[..end]),
        None => text.to_owned(),
    }
}
