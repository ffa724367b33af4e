//! A report on a check.

use super::Refusal;
use super::decode::{DecodeError, Field, Fields, Read, body, object};
use super::tree::Tree;

#[derive(Default)]
struct Sent {
    status: String,
    output: String,
}

impl Read for Sent {
    fn read(tree: Tree, field: &str) -> Result<Sent, DecodeError> {
        object(tree, field)
    }
}

impl Fields for Sent {
    fn set(&mut self, lower: &str, field: Field<'_>) -> Result<bool, DecodeError> {
        match lower {
            "status" => field.into(&mut self.status),
            "output" => field.into(&mut self.output),
            _ => Ok(false),
        }
    }
}

/// Reads the body of `/v1/agent/check/update/:id`: the status, whatever it is, and what is said with it.
pub fn verdict(octets: &[u8]) -> Result<(String, String), Refusal> {
    let Sent { status, output } = body(octets)?;
    Ok((status, output))
}
