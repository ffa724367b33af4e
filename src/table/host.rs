//! A host: one address offering one service.
//!
//! *Host* is the project's and Lyft's word for what Consul calls a service instance and Kubernetes an
//! endpoint.

use std::sync::Arc;

use smallvec::SmallVec;

use super::key::{Dialect, HostKey};
use super::target::{Port, Target};
use super::text::{HostId, Meta, Namespace, Place, ServiceName, Tag};
use super::{Check, Lease, Revision, Status};
use crate::clock::Timestamp;

/// SRV weights (RFC 2782) of a host in the states in which it is answered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Weights {
    /// While every check passes.
    pub passing: u16,
    /// While one warns.
    pub warning: u16,
}

impl Weights {
    /// The same in every state.
    pub const fn same(weight: u16) -> Weights {
        Weights { passing: weight, warning: weight }
    }

    /// That of one state. A critical host is answered where an operator wants it (`empty_service`), like any other.
    pub const fn of(self, status: Status) -> u16 {
        match status {
            Status::Passing | Status::Critical => self.passing,
            Status::Warning => self.warning,
        }
    }
}

/// One row of the table.
///
/// The fields an answer reads come first and together: at a million hosts each further cache line a row is
/// another trip to memory.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Host {
    /// Its right to stay.
    pub lease: Lease,
    /// Where it is reached.
    pub target: Target,
    /// SRV weight (RFC 2782) in its present state; 0 to 65535. Always that of [`Host::weights`].
    pub weight: u16,
    /// SRV priority (RFC 2782), lower first.
    pub priority: u16,
    /// The dialect that owns the row.
    pub dialect: Dialect,
    /// Whether an operator took it out: draining hosts leave the answers at once, the row stays.
    pub draining: bool,
    /// The worst status of the checks of the node that it stands on.
    pub node_status: Status,
    /// Whether it says no address of its own: its target is that of the node that it stands on.
    pub at_node: bool,
    /// Its weight in each state.
    pub weights: Weights,
    /// The ports it listens on; may be empty.
    pub ports: SmallVec<[Port; 1]>,
    /// The service it offers.
    pub service: ServiceName,
    /// Its id.
    pub id: HostId,
    /// Its namespace.
    pub namespace: Namespace,
    /// Its tags, distinct, in the order given.
    pub tags: Box<[Tag]>,
    /// Its pairs, by key.
    pub meta: Meta,
    /// Availability zone.
    pub zone: Option<Place>,
    /// Region.
    pub region: Option<Place>,
    /// What the host is called, a DNS label in lower case: `<hostname>.<service>.<namespace>.svc`.
    pub hostname: Option<Box<str>>,
    /// What is known of its health.
    pub checks: Box<[Check]>,
    /// The repository of the service, by which Lyft's API lists hosts.
    pub repo: Option<Place>,
    /// What the owning dialect was given and the columns above cannot hold, in a form only it reads.
    pub original: Option<Arc<str>>,
    /// The revision that made the row.
    pub created: Revision,
    /// The revision that last changed it.
    pub modified: Revision,
}

impl Host {
    /// The key of the row.
    pub fn key(&self) -> HostKey {
        HostKey { service: self.service.clone(), dialect: self.dialect, id: self.id.clone() }
    }

    /// What rows are ordered by: service, dialect, id.
    pub(crate) fn order(&self) -> (&str, Dialect, &str) {
        (self.service.as_str(), self.dialect, self.id.as_str())
    }

    /// The worst status of its checks and those of its node; passing when there is none.
    pub fn status(&self) -> Status {
        self.checks.iter().map(|check| check.status).fold(self.node_status, Status::max)
    }

    /// Whether it is in the answers while its lease lasts; `only_passing` leaves those out that warn.
    pub fn is_served(&self, only_passing: bool) -> bool {
        !self.draining
            && match self.status() {
                Status::Passing => true,
                Status::Warning => !only_passing,
                Status::Critical => false,
            }
    }

    /// The next moment at which time alone changes the row: its lease ends, a TTL of a check does, or a check has been
    /// critical for too long.
    pub fn due(&self) -> Option<Timestamp> {
        self.checks_due().into_iter().chain(self.lease.ends()).min()
    }

    /// The same of its checks alone.
    pub(super) fn checks_due(&self) -> Option<Timestamp> {
        self.checks.iter().flat_map(|check| [check.lapses(), check.condemns()]).flatten().min()
    }

    /// Whether two rows say the same: all but lease time, revisions, and the moments and words of checks.
    pub fn same_content(&self, other: &Host) -> bool {
        // Every field is named, so that a new one cannot be forgotten here.
        let Host {
            service,
            dialect,
            draining,
            node_status,
            at_node,
            weight: _,
            weights,
            priority,
            id,
            namespace,
            target,
            ports,
            tags,
            meta,
            zone,
            region,
            hostname,
            checks,
            lease,
            repo,
            original,
            created: _,
            modified: _,
        } = self;
        *service == other.service
            && *dialect == other.dialect
            && *draining == other.draining
            && *node_status == other.node_status
            && *at_node == other.at_node
            && *weights == other.weights
            && *priority == other.priority
            && *id == other.id
            && *namespace == other.namespace
            && *target == other.target
            && *ports == other.ports
            && *tags == other.tags
            && *meta == other.meta
            && *zone == other.zone
            && *region == other.region
            && *hostname == other.hostname
            && checks.len() == other.checks.len()
            && checks.iter().zip(&other.checks).all(|(mine, theirs)| mine.same_content(theirs))
            && lease.ttl() == other.lease.ttl()
            && *repo == other.repo
            && *original == other.original
    }
}
