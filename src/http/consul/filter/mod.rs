//! Filters: the boolean expressions of `?filter=`, in the language of Consul's go-bexpr 0.1.
//!
//! ```text
//! Service.Meta["team"] == core and "v1" in Service.Tags and not (Checks.Status == critical or Service.Port != 80)
//! ```
//!
//! [`parse()`] reads an expression, [`Filter::compile`] holds it against the fields that the rows of an endpoint have
//! ([`schema`]), [`Filter::fits`] against each row ([`Record`]) before anything is written. A list of records fits where
//! one of its records does, with `!=` too, as in Consul. A key that a map has not equals nothing and matches nothing;
//! Consul's `matches` is true there, which its library has since mended.

mod bind;
mod coerce;
mod evaluate;
mod parse;
mod pattern;
mod quoting;
mod re2;
mod scan;
pub mod schema;
mod syntax;
mod value;

#[cfg(test)]
mod tests;

use thiserror::Error;

pub use bind::BindError;
pub use coerce::NotA;
pub use parse::parse;
pub use pattern::PatternError;
pub use scan::{Place, SyntaxError};
pub use syntax::{Comparison, Expression, Operator, Selector};
pub use value::{Keyed, Record, Value};

/// An expression, ready for rows of one kind.
#[derive(Clone, Debug)]
pub struct Filter(Option<evaluate::Verdict>);

/// Why a filter is refused, in Consul's words; its answer is a 500 with them, or a 400 for some endpoints of the agent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FilterError {
    /// It cannot be read.
    #[error("Failed to create boolean expression evaluator: {0}")]
    Syntax(#[from] SyntaxError),
    /// It does not fit the rows.
    #[error("Failed to create boolean expression evaluator: {0}")]
    Bind(#[from] BindError),
}

impl Filter {
    /// Makes a filter of an expression for rows of those fields; an empty one lets every row through.
    pub fn compile(expression: &str, fields: schema::Fields) -> Result<Filter, FilterError> {
        if expression.is_empty() {
            return Ok(Filter(None));
        }
        Ok(Filter(Some(bind::bind(&parse(expression)?, fields)?)))
    }

    /// Whether a row is let through.
    pub fn fits(&self, row: &dyn Record) -> bool {
        self.0.as_ref().is_none_or(|verdict| verdict.holds(row))
    }
}
