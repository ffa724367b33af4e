//! Whole rows as text, where they leave a server for another one. The store has the form; the routes only carry it.

use crate::table::Host;

/// How a row is written and read.
#[derive(Clone, Copy, Debug)]
pub struct RowForm {
    /// The version of the form.
    pub version: u8,
    /// Writes a row as one JSON object, without a line feed.
    pub write: fn(&mut Vec<u8>, &Host),
    /// The same of what two tables can have in common: no revisions, no moments, no words of checks, nothing that follows
    /// from the server's own node.
    pub write_content: fn(&mut Vec<u8>, &Host),
    /// Reads a row, or says for people what is wrong.
    pub read: fn(&[u8]) -> Result<Host, String>,
}
