//! JSON as it was sent: keys in their order and as often as they came.

use std::fmt;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A JSON value.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Tree {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Flag(bool),
    /// An integer that fits.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Tree>),
    /// Pairs in their order.
    Object(Vec<(String, Tree)>),
}

impl Tree {
    /// What messages call its kind.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Tree::Null => "null",
            Tree::Flag(_) => "bool",
            Tree::Integer(_) | Tree::Float(_) => "number",
            Tree::Text(_) => "string",
            Tree::List(_) => "array",
            Tree::Object(_) => "object",
        }
    }
}

impl Tree {
    /// The same as an object of another kind; `None` for what is none, or says nothing.
    pub(in crate::http::consul) fn to_map(&self) -> Option<serde_json::Map<String, serde_json::Value>> {
        serde_json::from_str(&self.to_json()).ok().filter(|map: &serde_json::Map<_, _>| !map.is_empty())
    }

    /// The same as text.
    pub(in crate::http::consul) fn to_json(&self) -> String {
        match self {
            Tree::Null => "null".to_owned(),
            Tree::Flag(flag) => flag.to_string(),
            Tree::Integer(number) => number.to_string(),
            Tree::Float(number) => {
                serde_json::Number::from_f64(*number).map_or("null".to_owned(), |number| number.to_string())
            }
            Tree::Text(text) => quoted(text),
            Tree::List(elements) => format!("[{}]", elements.iter().map(Tree::to_json).collect::<Vec<_>>().join(",")),
            Tree::Object(pairs) => {
                let pairs = pairs.iter().map(|(key, value)| format!("{}:{}", quoted(key), value.to_json()));
                format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
            }
        }
    }
}

impl From<serde_json::Map<String, serde_json::Value>> for Tree {
    fn from(map: serde_json::Map<String, serde_json::Value>) -> Tree {
        // JSON of one kind is JSON of the other.
        serde_json::from_value(map.into()).unwrap_or_default()
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Tree, E> {
        Ok(Tree::Flag(flag))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Tree, E> {
        Ok(Tree::Integer(number))
    }

    #[allow(clippy::cast_precision_loss, reason = "a number that large fits no field")]
    fn visit_u64<E: Error>(self, number: u64) -> Result<Tree, E> {
        Ok(i64::try_from(number).map_or(Tree::Float(number as f64), Tree::Integer))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Tree, E> {
        Ok(Tree::Float(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Tree, E> {
        Ok(Tree::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        Ok(Tree::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Tree::Object(pairs))
    }
}
