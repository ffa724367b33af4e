//! An expression is held against the fields its rows have, before there is a row: unknown names, operators that a
//! field does not know, and values that cannot be one are refused at once.

use thiserror::Error;

use super::coerce::{self, NotA};
use super::evaluate::{Step, Test, Verdict};
use super::pattern::{Pattern, PatternError};
use super::quoting::quoted;
use super::schema::{Fields, Kind};
use super::syntax::{Comparison, Expression, Operator, Selector};
use crate::limits;

/// Why an expression does not fit the rows it is for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BindError {
    /// No row has such a field.
    #[error("Selector {0} is not valid")]
    UnknownSelector(String),
    /// The field cannot be compared in this way.
    #[error("Invalid match operator \"{operator}\" for selector {selector}")]
    WrongOperator {
        /// What messages call the operator.
        operator: &'static str,
        /// The field, in quotes.
        selector: String,
    },
    /// The field is a number, or true or false, and the value is none.
    #[error("Failed to coerce value {value} for selector {selector}: {why}")]
    WrongValue {
        /// The value, in quotes.
        value: String,
        /// The field, in quotes.
        selector: String,
        /// What the value is not.
        why: NotA,
    },
    /// The value is no regular expression.
    #[error("Failed to compile regular expression {pattern}: {why}")]
    WrongPattern {
        /// The value, in quotes.
        pattern: String,
        /// What is wrong with it.
        why: PatternError,
    },
    /// More comparisons than an expression may have.
    #[error("Number of match expressions ({0}) exceeds the limit ({limit})", limit = limits::FILTER_MATCHES)]
    TooMany(usize),
}

/// Holds an expression against the fields of its rows.
pub(super) fn bind(expression: &Expression, fields: Fields) -> Result<Verdict, BindError> {
    let matches = count(expression);
    if matches > limits::FILTER_MATCHES {
        return Err(BindError::TooMany(matches));
    }
    verdict(expression, fields)
}

fn count(expression: &Expression) -> usize {
    match expression {
        Expression::Any(parts) | Expression::All(parts) => parts.iter().map(count).sum(),
        Expression::Not(inner) => count(inner),
        Expression::Match(_) => 1,
    }
}

fn verdict(expression: &Expression, fields: Fields) -> Result<Verdict, BindError> {
    let each = |parts: &[Expression]| parts.iter().map(|part| verdict(part, fields)).collect::<Result<Vec<_>, _>>();
    Ok(match expression {
        Expression::Any(parts) => Verdict::Any(each(parts)?),
        Expression::All(parts) => Verdict::All(each(parts)?),
        Expression::Not(inner) => Verdict::Not(Box::new(verdict(inner, fields)?)),
        Expression::Match(comparison) => {
            let (path, kind) = path(&comparison.selector, fields)?;
            let (operator, negated) = comparison.operator.plain();
            Verdict::Match { path, test: test(comparison, operator, kind)?, negated }
        }
    })
}

/// The way to a field, and what it holds.
fn path(selector: &Selector, fields: Fields) -> Result<(Vec<Step>, Kind), BindError> {
    let mut steps = Vec::with_capacity(selector.0.len());
    let mut kind = Kind::Record(fields);
    for (place, name) in selector.0.iter().enumerate() {
        let (below, each) = match kind {
            Kind::Map(value) => {
                steps.push(Step::Key(name.as_str().into()));
                kind = *value;
                continue;
            }
            Kind::Record(below) => (below, false),
            Kind::Records(below) => (below, true),
            Kind::Text | Kind::Number | Kind::Flag | Kind::Texts => (&[] as Fields, false),
        };
        let found = below.iter().find(|(known, _)| known == name);
        let (known, next) = found.ok_or_else(|| BindError::UnknownSelector(selector.shown(place + 1)))?;
        if each {
            steps.push(Step::Each);
        }
        steps.push(Step::Field(known));
        kind = *next;
    }
    Ok((steps, kind))
}

fn test(comparison: &Comparison, operator: Operator, kind: Kind) -> Result<Test, BindError> {
    let Comparison { selector, operator: named, value } = comparison;
    let whole = || selector.shown(selector.0.len());
    let wrong = |why| BindError::WrongValue { value: quoted(value), selector: whole(), why };
    Ok(match (kind, operator) {
        (Kind::Text, Operator::Equal) => Test::Text(value.as_str().into()),
        (Kind::Text, Operator::In) => Test::Part(value.as_str().into()),
        (Kind::Text, Operator::Matches) => {
            let pattern = Pattern::compile(value);
            Test::Pattern(pattern.map_err(|why| BindError::WrongPattern { pattern: quoted(value), why })?)
        }
        (Kind::Number, Operator::Equal) => Test::Number(coerce::number(value).map_err(wrong)?),
        (Kind::Flag, Operator::Equal) => Test::Flag(coerce::flag(value).map_err(wrong)?),
        (Kind::Texts, Operator::In) => Test::Element(value.as_str().into()),
        (Kind::Map(_), Operator::In) => Test::Key(value.as_str().into()),
        (Kind::Texts | Kind::Map(_) | Kind::Records(_), Operator::IsEmpty) => Test::Empty,
        _ => return Err(BindError::WrongOperator { operator: named.name(), selector: whole() }),
    })
}
