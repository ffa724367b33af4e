//! The dialect of Consul's clients.
//!
//! There so far is what needs no table: the filter language ([`filter`]) and the JSON of answers ([`shapes`]). The
//! routes, blocking queries and checks that run are to come.

pub mod filter;
pub mod shapes;
