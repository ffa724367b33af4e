//! The table in DynamoDB, in the layout of Lyft's discovery service: both can have one table at a time.

mod check_in;
mod client;
mod expression;
mod fields;
mod item;
mod place;
mod row;
mod schema;
mod seen;
mod settings;
mod signer;

pub use settings::Settings;

#[cfg(test)]
mod tests;
