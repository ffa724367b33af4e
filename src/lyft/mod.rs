//! Lyft's host, pure: what Lyft's discovery service keeps of one, and the columns of a row that this becomes.
//!
//! Its HTTP API and its DynamoDB table say the same things in two forms: [`Stored`] is what both have in common.

mod columns;
mod python;
mod stored;
mod tags;

pub(crate) use columns::{meta_of, place_of};
pub(crate) use python::int;
pub(crate) use stored::Stored;
pub(crate) use tags::{AZ, CANARY, Tags, WEIGHT, WEIGHTS, as_bool, as_integer, as_text, mended, parse_weight};
