//! An expression held against a row.

use super::pattern::Pattern;
use super::value::{Record, Value};

/// An expression whose every name and value is known to fit the rows.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    /// One of them.
    Any(Vec<Verdict>),
    /// Each of them.
    All(Vec<Verdict>),
    /// Not that.
    Not(Box<Verdict>),
    /// What a field holds.
    Match {
        /// The way to the field.
        path: Vec<Step>,
        /// What it must hold.
        test: Test,
        /// Whether it must not.
        negated: bool,
    },
}

/// One step on the way to a field.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// The field of a record.
    Field(&'static str),
    /// Any element of a list: one that fits is enough, also for `!=`.
    Each,
    /// The value of a key.
    Key(Box<str>),
}

/// What a field must hold.
#[derive(Clone, Debug)]
pub(super) enum Test {
    /// This text.
    Text(Box<str>),
    /// A text with this in it.
    Part(Box<str>),
    /// A text with a part that fits the pattern.
    Pattern(Pattern),
    /// This number.
    Number(i64),
    /// This truth value.
    Flag(bool),
    /// A list with this text in it.
    Element(Box<str>),
    /// A map with this key.
    Key(Box<str>),
    /// Nothing.
    Empty,
}

impl Verdict {
    pub(super) fn holds(&self, row: &dyn Record) -> bool {
        match self {
            Verdict::Any(parts) => parts.iter().any(|part| part.holds(row)),
            Verdict::All(parts) => parts.iter().all(|part| part.holds(row)),
            Verdict::Not(inner) => !inner.holds(row),
            Verdict::Match { path, test, negated } => follow(path, test, *negated, Value::Record(row)),
        }
    }
}

fn follow(path: &[Step], test: &Test, negated: bool, value: Value<'_>) -> bool {
    let Some((step, rest)) = path.split_first() else { return test.holds(value) != negated };
    match (step, value) {
        (Step::Field(name), Value::Record(record)) => follow(rest, test, negated, record.field(name)),
        (Step::Each, Value::List(mut elements)) => elements.any(|element| follow(rest, test, negated, element)),
        (Step::Each, _) => false,
        (Step::Key(key), Value::Map(map)) => match map.value(key) {
            Some(value) => follow(rest, test, negated, value),
            None => missing(test, negated),
        },
        (Step::Key(_), _) => missing(test, negated),
        (Step::Field(_), _) => follow(rest, test, negated, Value::Absent),
    }
}

/// A key that is not there holds nothing: it is empty, and neither equal to anything nor in anything, nor does it match.
fn missing(test: &Test, negated: bool) -> bool {
    matches!(test, Test::Empty) != negated
}

impl Test {
    fn holds(&self, value: Value<'_>) -> bool {
        match self {
            Test::Text(wanted) => text(&value) == &**wanted,
            Test::Part(wanted) => text(&value).contains(&**wanted),
            Test::Pattern(pattern) => pattern.fits(text(&value)),
            Test::Number(wanted) => number(&value) == *wanted,
            Test::Flag(wanted) => matches!(value, Value::Flag(true)) == *wanted,
            Test::Element(wanted) => match value {
                Value::List(mut elements) => elements.any(|element| is_text(&element, wanted)),
                Value::Map(_)
                | Value::Absent
                | Value::Text(_)
                | Value::Number(_)
                | Value::Flag(_)
                | Value::Record(_) => false,
            },
            Test::Key(wanted) => matches!(value, Value::Map(map) if map.value(wanted).is_some()),
            Test::Empty => match value {
                Value::List(mut elements) => elements.next().is_none(),
                Value::Map(map) => map.has_none(),
                Value::Absent | Value::Text(_) | Value::Number(_) | Value::Flag(_) | Value::Record(_) => true,
            },
        }
    }
}

fn text<'a>(value: &Value<'a>) -> &'a str {
    if let Value::Text(text) = value { text } else { "" }
}

fn is_text(value: &Value<'_>, wanted: &str) -> bool {
    matches!(value, Value::Text(text) if *text == wanted)
}

fn number(value: &Value<'_>) -> i64 {
    if let Value::Number(number) = value { *number } else { 0 }
}
