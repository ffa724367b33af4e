//! What an expression says, and its one printed form.

use std::fmt;

use super::quoting::{escaped, quoted};

/// A boolean expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// True where one of two or more is.
    Any(Vec<Expression>),
    /// True where each of two or more is.
    All(Vec<Expression>),
    /// True where the other is not; never one of these itself.
    Not(Box<Expression>),
    /// A comparison.
    Match(Comparison),
}

/// A field held against a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Which field.
    pub selector: Selector,
    /// How.
    pub operator: Operator,
    /// Against what; empty for [`Operator::IsEmpty`] and its opposite.
    pub value: String,
}

/// The names that lead to a field; at least one, the first an identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector(pub Vec<String>);

impl Selector {
    /// The first names, as messages show them.
    pub fn shown(&self, names: usize) -> String {
        quoted(&self.0[..names].join("."))
    }
}

/// How a field is held against a value. `contains` is `in` the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `in`
    In,
    /// `not in`
    NotIn,
    /// `is empty`
    IsEmpty,
    /// `is not empty`
    IsNotEmpty,
    /// `matches`
    Matches,
    /// `not matches`
    NotMatches,
}

impl Operator {
    /// What messages call it.
    pub fn name(self) -> &'static str {
        match self {
            Operator::Equal => "Equal",
            Operator::NotEqual => "Not Equal",
            Operator::In => "In",
            Operator::NotIn => "Not In",
            Operator::IsEmpty => "Is Empty",
            Operator::IsNotEmpty => "Is Not Empty",
            Operator::Matches => "Matches",
            Operator::NotMatches => "Not Matches",
        }
    }

    /// The same without its `not`, and whether it had one.
    pub(super) fn plain(self) -> (Operator, bool) {
        match self {
            Operator::NotEqual => (Operator::Equal, true),
            Operator::NotIn => (Operator::In, true),
            Operator::IsNotEmpty => (Operator::IsEmpty, true),
            Operator::NotMatches => (Operator::Matches, true),
            Operator::Equal | Operator::In | Operator::IsEmpty | Operator::Matches => (self, false),
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expression::Any(parts) => joined(f, parts, " or ", |part| matches!(part, Expression::Any(_))),
            Expression::All(parts) => joined(f, parts, " and ", Expression::is_joined),
            Expression::Not(inner) => {
                f.write_str("not ")?;
                grouped(f, inner, inner.is_joined())
            }
            Expression::Match(comparison) => write!(f, "{comparison}"),
        }
    }
}

impl Expression {
    /// The opposite; that of an opposite is what it was made of.
    pub(super) fn negated(self) -> Expression {
        if let Expression::Not(positive) = self { *positive } else { Expression::Not(Box::new(self)) }
    }

    fn is_joined(&self) -> bool {
        matches!(self, Expression::Any(_) | Expression::All(_))
    }
}

fn joined(
    f: &mut fmt::Formatter<'_>,
    parts: &[Expression],
    word: &str,
    in_parentheses: impl Fn(&Expression) -> bool,
) -> fmt::Result {
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            f.write_str(word)?;
        }
        grouped(f, part, in_parentheses(part))?;
    }
    Ok(())
}

fn grouped(f: &mut fmt::Formatter<'_>, inner: &Expression, in_parentheses: bool) -> fmt::Result {
    if in_parentheses { write!(f, "({inner})") } else { write!(f, "{inner}") }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Comparison { selector, operator, value } = self;
        let value = literal(value);
        match operator {
            Operator::Equal => write!(f, "{selector} == {value}"),
            Operator::NotEqual => write!(f, "{selector} != {value}"),
            Operator::In => write!(f, "{value} in {selector}"),
            Operator::NotIn => write!(f, "{value} not in {selector}"),
            Operator::IsEmpty => write!(f, "{selector} is empty"),
            Operator::IsNotEmpty => write!(f, "{selector} is not empty"),
            Operator::Matches => write!(f, "{selector} matches {value}"),
            Operator::NotMatches => write!(f, "{selector} not matches {value}"),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, name) in self.0.iter().enumerate() {
            match (place, is_identifier(name)) {
                (0, _) => f.write_str(name)?,
                (_, true) => write!(f, ".{name}")?,
                (_, false) => write!(f, "[{}]", literal(name))?,
            }
        }
        Ok(())
    }
}

/// A letter, then letters, digits and underscores.
fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A text as a literal. The language ends one at the next quote whatever stands before it, so a quote is an escape.
fn literal(text: &str) -> String {
    let pieces: Vec<String> = text.split('"').map(escaped).collect();
    format!("\"{}\"", pieces.join("\\x22"))
}
