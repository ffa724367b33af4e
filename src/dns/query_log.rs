//! One line of the log for one of many queries: what an operator reads to see who asks for what.
//!
//! It is off unless asked for, as it names clients. Counting comes before anything is put together, so the queries that
//! are not logged pay for one addition.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::engine::{Answered, Request};
use super::query::HEADER_OCTETS;
use crate::zone::write_name;

/// Chooses and writes the lines.
#[derive(Debug)]
pub(super) struct QueryLog {
    /// One of this many is logged.
    every: u64,
    seen: AtomicU64,
}

impl QueryLog {
    pub(super) fn new(every: u32) -> QueryLog {
        QueryLog { every: u64::from(every.max(1)), seen: AtomicU64::new(0) }
    }

    /// Logs a reply if it is its turn.
    pub(super) fn tell(&self, request: &Request<'_>, answered: &Answered, reply: &[u8], took: Duration) {
        if !self.seen.fetch_add(1, Ordering::Relaxed).is_multiple_of(self.every) {
            return;
        }
        tracing::info!(
            name = question(reply),
            qtype = answered.qtype,
            rcode = answered.code.as_str(),
            truncated = answered.truncated,
            transport = request.transport.as_str(),
            client = request.client.map(tracing::field::display),
            octets = reply.len(),
            took = ?took,
            "query"
        );
    }
}

/// The name in the question section of a reply, which stands there without compression.
fn question(reply: &[u8]) -> String {
    let mut text = String::new();
    if reply.get(4..6) == Some(&[0, 1]) {
        // Writing into memory does not fail.
        let _ = write_name(&mut text, &reply[HEADER_OCTETS..]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_that_of_the_question() {
        let mut reply = vec![0, 0, 0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        reply.extend_from_slice(b"\x03WeB\x07service\x05local\0\0\x01\0\x01");
        assert_eq!(question(&reply), "WeB.service.local.");
        assert_eq!(question(&[0; 12]), "", "a reply to no question");
    }
}
