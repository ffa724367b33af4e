//! The server from outside: every test speaks to real sockets, on a clock that moves only when told.

mod scenarios;
mod support;
