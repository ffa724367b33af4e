//! The server from outside: every test speaks to real sockets, on a clock that moves only when told.

mod checks;
mod listeners;
mod promises;
mod scenarios;
mod sockets;
mod support;
mod wire;
