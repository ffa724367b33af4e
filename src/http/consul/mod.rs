//! The dialect of Consul's clients.
//!
//! There so far is what needs no table: the filter language ([`filter`]), the JSON of answers ([`shapes`]) and the reader
//! of registration bodies ([`body`]). The routes, blocking queries and checks that run are to come.

pub mod body;
pub mod filter;
pub mod shapes;
