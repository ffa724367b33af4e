//! Objects with known fields, read as Go reads them into a struct: names in any case, `null` for any field, the last of
//! several wins, an unknown name is refused.

#![allow(clippy::wildcard_enum_match_arm, reason = "every other kind of JSON is the wrong one, whichever it is")]

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;

use super::tree::Tree;
use crate::duration::go::Nanoseconds;

/// Why a body cannot be read, in the words of Go's `encoding/json`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// Nothing was sent.
    #[error("EOF")]
    Empty,
    /// No JSON.
    #[error("{0}")]
    Syntax(String),
    /// A field nobody knows.
    #[error("json: unknown field {0:?}")]
    UnknownField(String),
    /// A value of another kind than the field's.
    #[error("json: cannot unmarshal {found} into Go struct field .{field} of type {wanted}")]
    WrongType {
        /// The kind that was sent.
        found: &'static str,
        /// The field.
        field: String,
        /// What the field holds.
        wanted: &'static str,
    },
    /// A text that is no duration.
    #[error("{0}")]
    Duration(String),
}

/// Reads a body; what follows the first value is left, and whatever `Content-Type` says is not asked.
pub(super) fn body<T: Read>(octets: &[u8]) -> Result<T, DecodeError> {
    if octets.iter().all(u8::is_ascii_whitespace) {
        return Err(DecodeError::Empty);
    }
    let mut reader = serde_json::Deserializer::from_slice(octets);
    let tree = Tree::deserialize(&mut reader).map_err(|error| {
        DecodeError::Syntax(if error.is_eof() { "unexpected EOF".to_owned() } else { error.to_string() })
    })?;
    T::read(tree, "")
}

/// What a field may hold; `null` is the default.
pub(super) trait Read: Default {
    fn read(tree: Tree, field: &str) -> Result<Self, DecodeError>;
}

/// An object with known fields.
pub(super) trait Fields: Default {
    /// Sets the field of that name, given in lower case; `false` where there is none.
    fn set(&mut self, lower: &str, field: Field<'_>) -> Result<bool, DecodeError>;
}

/// A field as it was sent.
pub(super) struct Field<'a> {
    name: &'a str,
    value: Tree,
}

impl Field<'_> {
    /// Reads the value into its place.
    pub(super) fn into<T: Read>(self, place: &mut T) -> Result<bool, DecodeError> {
        *place = T::read(self.value, self.name)?;
        Ok(true)
    }
}

/// Reads an object with known fields.
pub(super) fn object<T: Fields>(tree: Tree, field: &str) -> Result<T, DecodeError> {
    let mut object = T::default();
    match tree {
        Tree::Null => {}
        Tree::Object(pairs) => {
            for (name, value) in pairs {
                if !object.set(&name.to_ascii_lowercase(), Field { name: &name, value })? {
                    return Err(DecodeError::UnknownField(name));
                }
            }
        }
        other => return Err(wrong(&other, field, "object")),
    }
    Ok(object)
}

fn wrong(tree: &Tree, field: &str, wanted: &'static str) -> DecodeError {
    DecodeError::WrongType { found: tree.kind(), field: field.to_owned(), wanted }
}

impl Read for Tree {
    fn read(tree: Tree, _: &str) -> Result<Tree, DecodeError> {
        Ok(tree)
    }
}

impl Read for String {
    fn read(tree: Tree, field: &str) -> Result<String, DecodeError> {
        match tree {
            Tree::Null => Ok(String::new()),
            Tree::Text(text) => Ok(text),
            other => Err(wrong(&other, field, "string")),
        }
    }
}

impl Read for bool {
    fn read(tree: Tree, field: &str) -> Result<bool, DecodeError> {
        match tree {
            Tree::Null => Ok(false),
            Tree::Flag(flag) => Ok(flag),
            other => Err(wrong(&other, field, "bool")),
        }
    }
}

impl Read for i64 {
    fn read(tree: Tree, field: &str) -> Result<i64, DecodeError> {
        match tree {
            Tree::Null => Ok(0),
            Tree::Integer(number) => Ok(number),
            other => Err(wrong(&other, field, "int")),
        }
    }
}

impl Read for Nanoseconds {
    #[allow(clippy::cast_possible_truncation, reason = "a cast of floats stops at the ends of the range")]
    fn read(tree: Tree, field: &str) -> Result<Nanoseconds, DecodeError> {
        match tree {
            Tree::Null => Ok(Nanoseconds(0)),
            Tree::Integer(nanoseconds) => Ok(Nanoseconds(nanoseconds)),
            Tree::Float(nanoseconds) => Ok(Nanoseconds(nanoseconds as i64)),
            Tree::Text(text) => Nanoseconds::read(&text).map_err(|refusal| DecodeError::Duration(refusal.to_string())),
            other => Err(wrong(&other, field, "time.Duration")),
        }
    }
}

impl<T: Read> Read for Option<T> {
    fn read(tree: Tree, field: &str) -> Result<Option<T>, DecodeError> {
        if tree == Tree::Null { Ok(None) } else { T::read(tree, field).map(Some) }
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(tree: Tree, field: &str) -> Result<Vec<T>, DecodeError> {
        match tree {
            Tree::Null => Ok(Vec::new()),
            Tree::List(elements) => elements.into_iter().map(|element| T::read(element, field)).collect(),
            other => Err(wrong(&other, field, "[]string")),
        }
    }
}

impl<T: Read> Read for BTreeMap<String, T> {
    fn read(tree: Tree, field: &str) -> Result<BTreeMap<String, T>, DecodeError> {
        match tree {
            Tree::Null => Ok(BTreeMap::new()),
            Tree::Object(pairs) => pairs.into_iter().map(|(key, value)| Ok((key, T::read(value, field)?))).collect(),
            other => Err(wrong(&other, field, "map[string]string")),
        }
    }
}
