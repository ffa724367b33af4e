//! The bodies of registrations, read as Consul reads them: names in any case and in snake case, `null` anywhere,
//! durations as texts or as nanoseconds, unknown names refused, defaults filled in.
//!
//! What comes out cannot be wrong, but for what only the table knows: whether the service of a check exists.

mod check;
mod decode;
mod external;
mod service;
mod tree;
mod verdict;

#[cfg(test)]
mod tests;

use thiserror::Error;

pub use check::{Check, CheckError};
pub use decode::DecodeError;
pub use external::{Deregistration, ExternalCheck, ExternalNode, ExternalRegistration, ExternalService};
pub use service::{Address, Mesh, NamedPort, ServiceRegistration};
pub use tree::Tree;
pub use verdict::verdict;

use crate::limits;

/// Why a body is refused, in Consul's words; its answer is a 400 with them.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// It cannot be read.
    #[error("Request decode failed: {0}")]
    Decode(#[from] DecodeError),
    /// A service without a name.
    #[error("Missing service name")]
    NoServiceName,
    /// A service at every address.
    #[error("Invalid service address")]
    AnyAddress,
    /// Weights that are none.
    #[error("Invalid Weights: {0}")]
    Weights(&'static str),
    /// Too many pairs.
    #[error("Invalid Service Meta: Node metadata cannot contain more than {limit} key/value pairs", limit = limits::META_PAIRS)]
    MetaPairs,
    /// A pair that breaks a rule.
    #[error("Invalid Service Meta: Couldn't load metadata pair ('{key}', '{value}'): {broken}")]
    Meta {
        /// Its key.
        key: String,
        /// Its value.
        value: String,
        /// The rule.
        broken: String,
    },
    /// A port past its range, which Consul would take.
    #[error("Invalid service port: {0} is not between 0 and 65535")]
    Port(i64),
    /// A proxy of nobody.
    #[error(
        "Validation failed: 1 error occurred:\n\t* Proxy.DestinationServiceName must be non-empty for Connect proxy services\n\n"
    )]
    NoDestination,
    /// Named ports that break a rule.
    #[error("Invalid service ports: Ports {0}")]
    Ports(&'static str),
    /// A tagged address of the wrong family.
    #[error("Service tagged address {tag:?} must be a valid {family} address")]
    TaggedAddress {
        /// What it is for.
        tag: String,
        /// What it must be.
        family: &'static str,
    },
    /// A check of no kind, or of several.
    #[error("Invalid check: {0}")]
    Check(CheckError),
    /// A check of a service that begins as something unknown.
    #[error("Status for checks must 'passing', 'warning', 'critical'")]
    CheckStatus,
    /// A check without a name.
    #[error("Missing check name")]
    NoCheckName,
    /// A check by itself that begins as something unknown.
    #[error("Bad check status")]
    BadStatus,
}

impl Refusal {
    /// Whether Consul finds it out too late to say that the request is wrong, and says 500.
    pub fn is_late(&self) -> bool {
        matches!(self, Refusal::TaggedAddress { .. })
    }
}

impl Check {
    /// Reads the body of `/v1/agent/check/register`; the id is the name where none was said.
    pub fn read(octets: &[u8]) -> Result<Check, Refusal> {
        let sent: check::Sent = decode::body(octets)?;
        let (name, status) = sent.name_and_status();
        if name.is_empty() {
            return Err(Refusal::NoCheckName);
        }
        if !check_status(status) {
            return Err(Refusal::BadStatus);
        }
        let mut check = sent.checked().map_err(Refusal::Check)?;
        if check.id.is_empty() {
            check.id.clone_from(&check.name);
        }
        Ok(check)
    }
}

/// Whether a check may begin as that.
fn check_status(status: &str) -> bool {
    matches!(status, "" | "passing" | "warning" | "critical")
}
