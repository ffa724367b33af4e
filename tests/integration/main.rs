//! The server from outside: every test speaks to real sockets, on a clock that moves only when told.

mod answer;
mod checks;
mod forbidden;
mod listeners;
mod nodes;
mod promises;
mod reload;
mod scenarios;
mod sockets;
mod support;
mod wire;
