//! rollcall: hosts check in over HTTP, anything that resolves a name finds them.
//!
//! The tour, in reading order:
//!
//! * [`clock`] is the only reader of time, `duration` reads how people write one, [`limits`] holds every bound,
//!   `patience` is the time that a connection has.
//! * [`table`] is the host table, pure: events in, changes out. [`zone`] makes names of its rows and
//!   answers questions about them, pure too.
//! * `lyft` is what a host of Lyft's discovery service says of itself, in its API as in its table.
//! * [`registry`] is the hall where both live: one lock for writers, one snapshot for readers.
//! * [`store`] keeps the table between two runs. [`probe`] asks the hosts whose checks say so.
//! * [`http`] takes registrations in, [`dns`] gives answers out; [`metrics`] and [`readiness`] say how it goes.
//! * [`server`] puts the parts together, [`config`] gives them their settings, [`cli`] starts them,
//!   [`telemetry`] writes their logs.

pub mod cli;
pub mod clock;
pub mod config;
pub mod dns;
mod duration;
pub mod http;
pub mod limits;
mod lyft;
pub mod metrics;
mod patience;
pub mod probe;
pub mod readiness;
pub mod registry;
pub mod server;
pub mod store;
pub mod table;
pub mod telemetry;
pub mod zone;
