//! Random and mutated input for every front, replayed by its seed.
//!
//! `cargo test --test fuzz` plays a few thousand rounds of each target. More of them, and one that failed:
//!
//! ```console
//! $ FUZZ_ROUNDS=1000000 cargo test --release --test fuzz -- --nocapture
//! $ FUZZ_SEED=17 FUZZ_FIRST=4711 FUZZ_ROUNDS=1 cargo test --test fuzz answers
//! ```
//!
//! | target | what goes in | file |
//! | --- | --- | --- |
//! | `answers` | packets into `dns::respond` | `answers.rs` |
//! | `datagrams` | packets into a UDP socket | `sockets.rs` |
//! | `streams` | packets, cut anywhere, into TCP connections | `sockets.rs` |
//! | `requests` | methods, paths and bodies into every HTTP dialect | `requests.rs` |
//! | `zone_files` | master files, and questions about what was read | `files.rs` |
//! | `configurations` | configuration files | `files.rs` |
//! | `stored_rows` | rows of the file store, and questions about them | `rows.rs` |
//! | `ways` | packets into both ways to a reply, about tables of every kind | `ways.rs` |
//!
//! The other files say how: `dice` is chance, `play` the loop around every target, `packets` makes queries,
//! `wire` reads queries and replies without our code or hickory's, `rules` is what every reply must be, `world` is the
//! server that is asked.

mod dice;
mod packets;
mod play;
mod rules;
mod wire;
mod world;

mod answers;
mod files;
mod requests;
mod rows;
mod sockets;
mod ways;

#[allow(dead_code, reason = "what the tests of the server share; this one needs a part")]
#[path = "../integration/support/mod.rs"]
mod support;

/// Fewer octets on the heap in fewer pieces, as in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
