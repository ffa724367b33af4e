//! Reading JSON bodies: borrowed from the request, told exactly where they are wrong.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::http::problem::{Kind, Problem};

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
    match serde_json::from_slice::<Object<T>>(body) {
        Ok(Object(parsed)) => Ok(parsed),
        Err(error) => Err(explain(body, &error, try_again)),
    }
}

/// Says where a body is wrong. Serde knows the place but not the field: each field is tried alone.
fn explain(
    body: &[u8],
    error: &serde_json::Error,
    try_again: impl Fn(&str) -> Result<(), serde_json::Error>,
) -> Problem {
    let fields: serde_json::Map<String, serde_json::Value> = match serde_json::from_slice(body) {
        Ok(fields) => fields,
        Err(syntax) if syntax.is_data() => {
            return Problem::invalid("body", format!("must be a JSON object: {syntax}"));
        }
        Err(syntax) => return Problem::new(Kind::Invalid, format!("the body is no JSON: {syntax}")),
    };
    for (name, value) in fields {
        let alone = serde_json::Value::Object([(name.clone(), value)].into_iter().collect());
        if let Err(reason) = try_again(&alone.to_string()) {
            // Line and column are those of the field tried alone; the first error has the true ones.
            let reason = reason.to_string();
            let reason = shortened(reason.split(" at line ").next().unwrap_or(&reason));
            let place = format!("line {} column {}", error.line(), error.column());
            return Problem::invalid(shortened(&name), format!("{reason} ({place})"));
        }
    }
    Problem::invalid("body", shortened(&error.to_string()))
}

/// A message without the rest of a long value: serde repeats the value that it did not expect.
fn shortened(text: &str) -> String {
    const MOST: usize = 400;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{} ...", &text[..end]),
        None => text.to_owned(),
    }
}
