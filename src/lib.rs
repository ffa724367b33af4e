//! rollcall: hosts check in over HTTP, anything that resolves a name finds them.
//!
//! The tour, in reading order:

pub mod cli;
pub mod clock;
pub mod config;
pub mod dns;
pub mod http;
pub mod limits;
pub mod metrics;
pub mod readiness;
pub mod registry;
pub mod server;
pub mod store;
pub mod table;
pub mod telemetry;
pub mod zone;
