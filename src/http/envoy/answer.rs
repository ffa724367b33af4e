//! Answers and their versions.
//!
//! A version is a number made of what the answer says. So it changes when Envoy would see something else and at no other
//! time: it is the same after a restart, and on another server with the same hosts.
//!
//! An answer is put together of resources in their wire form, which all answers share; a resource is a whole field of the
//! message, so that what stands around it is small.

use std::collections::BTreeSet;
use std::hash::Hasher as _;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use serde::Serialize;
use siphasher::sip::SipHasher13;

use super::assignment::assignment;
use super::grpc;
use super::parts::Parts;
use super::proto::{Any, ClusterLoadAssignment, DiscoveryResponse, TYPE_URL};
use super::resource::Resource;
use crate::clock::Timestamp;
use crate::limits;
use crate::registry::Snapshot;
use crate::table::Revision;

/// How a resource is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// Protobuf, as the field of a `DiscoveryResponse`.
    Wire = 0,
    /// JSON, as an element of `resources`.
    Json = 1,
}

/// A resource as it is at one moment.
#[derive(Clone, Debug)]
pub(super) struct Made {
    /// Its name.
    pub(super) name: Arc<str>,
    /// What it says, in one form.
    pub(super) octets: Bytes,
    /// The number of what it says.
    pub(super) number: u64,
    /// Since when what it is made of is as it is.
    pub(super) seen: Revision,
}

/// A resource in JSON.
#[derive(Serialize)]
struct Typed<'a> {
    #[serde(rename = "@type")]
    type_url: &'static str,
    #[serde(flatten)]
    assignment: &'a ClusterLoadAssignment,
}

/// Makes a resource, and the number of what it says.
pub(super) fn encode(resource: &Resource, form: Form, snapshot: &Snapshot, now: Timestamp) -> (Vec<u8>, u64) {
    let assignment = assignment(resource, snapshot, now);
    let value = Bytes::from(assignment.encode_to_vec());
    let mut hasher = SipHasher13::new();
    hasher.write(&value);
    let octets = match form {
        Form::Wire => {
            let any = Any { type_url: TYPE_URL.to_owned(), value };
            DiscoveryResponse { resources: vec![any], ..DiscoveryResponse::default() }.encode_to_vec()
        }
        Form::Json => {
            // Texts and numbers serialize.
            let mut json =
                serde_json::to_vec(&Typed { type_url: TYPE_URL, assignment: &assignment }).unwrap_or_default();
            json.shrink_to_fit();
            json
        }
    };
    (octets, hasher.finish())
}

/// More rows than one answer may be made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the services of resource_names must have at most {} hosts together, counted for each name", limits::EDS_ROWS)]
pub(super) struct TooMany;

/// What is made for one answer with those names, each once.
pub(super) fn distinct(names: &[String], snapshot: &Snapshot) -> Result<Vec<Resource>, TooMany> {
    let distinct: BTreeSet<&String> = names.iter().collect();
    let mut left = limits::EDS_ROWS;
    let one = |name: &String| {
        let resource = Resource::parse(name);
        left = left.checked_sub(resource.rows(snapshot)).ok_or(TooMany)?;
        Ok(resource)
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

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) version: String,
    /// Empty where there is one answer only.
    pub(super) nonce: String,
    pub(super) resources: Vec<Bytes>,
}

impl Answer {
    /// The answer as a message of gRPC.
    pub(super) fn into_message(self) -> Parts {
        // Fields follow each other in the order of their numbers, and the resources stand in the middle.
        let before = DiscoveryResponse { version_info: self.version, ..DiscoveryResponse::default() };
        let behind =
            DiscoveryResponse { type_url: TYPE_URL.to_owned(), nonce: self.nonce, ..DiscoveryResponse::default() };
        let mut parts = Parts::default();
        parts.push(before.encode_to_vec());
        self.resources.into_iter().for_each(|resource| parts.push(resource));
        parts.push(behind.encode_to_vec());
        parts.push_front(grpc::prefix(parts.octets()));
        parts
    }

    /// The answer in JSON.
    pub(super) fn into_json(self) -> Parts {
        let mut parts = Parts::default();
        // A version is hexadecimal, a type has nothing that would be escaped.
        parts.push(format!(r#"{{"version_info":"{}","type_url":"{TYPE_URL}","resources":["#, self.version));
        for (place, resource) in self.resources.into_iter().enumerate() {
            if place > 0 {
                parts.push(Bytes::from_static(b","));
            }
            parts.push(resource);
        }
        parts.push(Bytes::from_static(b"]}"));
        parts
    }
}
