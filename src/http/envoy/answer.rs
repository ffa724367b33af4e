//! Answers and their versions.
//!
//! A version is a number made of what the answer says. So it changes when Envoy would see something else and at no other
//! time: it is the same after a restart, and on another server with the same hosts.

use std::collections::BTreeSet;
use std::hash::Hasher as _;

use bytes::Bytes;
use prost::Message as _;
use siphasher::sip::SipHasher13;

use super::assignment::assignment;
use super::proto::{Any, ClusterLoadAssignment, TYPE_URL};
use super::resource::Resource;
use crate::clock::Timestamp;
use crate::limits;
use crate::registry::Snapshot;

/// A resource as it is now.
pub(super) struct Made {
    /// What it says.
    pub(super) assignment: ClusterLoadAssignment,
    /// The same in wire form.
    octets: Bytes,
    /// The number of what it says.
    pub(super) number: u64,
}

impl Made {
    /// The resource of that name.
    pub(super) fn of(resource: &Resource, snapshot: &Snapshot, now: Timestamp) -> Made {
        let assignment = assignment(resource, snapshot, now);
        let octets = Bytes::from(assignment.encode_to_vec());
        let number = number(&octets);
        Made { assignment, octets, number }
    }

    /// The same as a part of an answer over gRPC.
    pub(super) fn into_any(self) -> Any {
        Any { type_url: TYPE_URL.to_owned(), value: self.octets }
    }
}

/// More rows than one answer may be made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the services of resource_names must have at most {} hosts together, counted for each name", limits::EDS_ROWS)]
pub(super) struct TooMany;

/// The resources of those names, each once.
pub(super) fn make(names: &[String], snapshot: &Snapshot, now: Timestamp) -> Result<Vec<Made>, TooMany> {
    let distinct: BTreeSet<&String> = names.iter().collect();
    let mut left = limits::EDS_ROWS;
    let one = |name: &String| {
        let resource = Resource::parse(name);
        left = left.checked_sub(resource.rows(snapshot)).ok_or(TooMany)?;
        Ok(Made::of(&resource, snapshot, now))
    };
    distinct.into_iter().map(one).collect()
}

/// The version of an answer, of the numbers of its resources in the order of their names.
pub(super) fn version(numbers: impl IntoIterator<Item = u64>) -> String {
    let mut hasher = SipHasher13::new();
    for number in numbers {
        hasher.write_u64(number);
    }
    format!("{:016x}", hasher.finish())
}

fn number(octets: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(octets);
    hasher.finish()
}
