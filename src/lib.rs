//! rollcall: hosts check in over HTTP, anything that resolves a name finds them.
//!
//! The tour, in reading order:

pub mod clock;
pub mod config;
pub mod http;
pub mod limits;
pub mod registry;
pub mod store;
pub mod table;
pub mod telemetry;
pub mod zone;
