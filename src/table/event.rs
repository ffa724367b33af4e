//! What may be asked of the table, and why it may refuse.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use super::change::Change;
use super::check::{Check, Status, Title};
use super::host::{Host, Weights};
use super::key::{Dialect, HostKey};
use super::target::{Port, Target};
use super::terms::Terms;
use super::text::{HostId, Meta, Namespace, Place, ServiceName, Tag};
use crate::limits;

/// Everything a dialect can say of a host when it registers.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The service it offers.
    pub service: ServiceName,
    /// The dialect that asks, and owns the row from now on.
    pub dialect: Dialect,
    /// Its id.
    pub id: HostId,
    /// Its namespace.
    pub namespace: Namespace,
    /// Where it is reached.
    pub target: Target,
    /// The ports it listens on.
    pub ports: SmallVec<[Port; 1]>,
    /// Its tags.
    pub tags: Box<[Tag]>,
    /// Its pairs.
    pub meta: Meta,
    /// Whether that is the address of the node that it stands on.
    pub at_node: bool,
    /// SRV weights; `None` keeps what the row has (an operator may have set it), 1 for a new row.
    pub weights: Option<Weights>,
    /// SRV priority.
    pub priority: u16,
    /// Availability zone.
    pub zone: Option<Place>,
    /// Region.
    pub region: Option<Place>,
    /// What the host is called, see [`Host::hostname`].
    pub hostname: Option<Box<str>>,
    /// The lease; `None` never ends.
    pub ttl: Option<Duration>,
    /// Its checks; `None` keeps those of the row with their verdicts.
    pub checks: Option<Vec<CheckDefinition>>,
    /// The repository of the service (Lyft).
    pub repo: Option<Place>,
    /// What the dialect keeps for itself.
    pub original: Option<Arc<str>>,
}

impl Registration {
    /// A host of the namespace `default` without ports, tags or a lease; what else it says is filled in.
    pub fn new(service: ServiceName, dialect: Dialect, id: HostId, target: Target) -> Registration {
        Registration {
            service,
            dialect,
            id,
            namespace: Namespace::DEFAULT,
            target,
            ports: SmallVec::new(),
            tags: Box::default(),
            meta: Box::default(),
            at_node: false,
            weights: None,
            priority: 0,
            zone: None,
            region: None,
            hostname: None,
            ttl: None,
            checks: None,
            repo: None,
            original: None,
        }
    }

    /// The host that it is of.
    pub fn key(&self) -> HostKey {
        HostKey { service: self.service.clone(), dialect: self.dialect, id: self.id.clone() }
    }
}

/// A check as a registration names it.
#[derive(Clone, Debug)]
pub struct CheckDefinition {
    /// Unique within the host.
    pub id: Box<str>,
    /// Who finds out, and how; `None` where it is whoever reports, and nothing follows from it.
    pub terms: Option<Arc<Terms>>,
    /// Its status; `None` keeps the last verdict, for a new check that of its kind. A check that is not plainly reported
    /// has it at its beginning only: what was found out since counts more.
    pub status: Option<Status>,
    /// Its output; `None` keeps the last.
    pub output: Option<Box<str>>,
    /// What people call it.
    pub title: Option<Arc<Title>>,
}

impl CheckDefinition {
    /// A check of that id on those terms, which says no more.
    pub fn new(id: Box<str>, terms: Option<Arc<Terms>>) -> CheckDefinition {
        CheckDefinition { id, terms, status: None, output: None, title: None }
    }
}

/// A check that stays as it is.
impl From<&Check> for CheckDefinition {
    fn from(check: &Check) -> CheckDefinition {
        let title = check.title.clone();
        CheckDefinition { title, ..CheckDefinition::new(check.id.clone(), check.terms.clone()) }
    }
}

/// The registration that a row would come of, as it is, checks and all.
impl From<&Host> for Registration {
    fn from(host: &Host) -> Registration {
        Registration {
            service: host.service.clone(),
            dialect: host.dialect,
            id: host.id.clone(),
            namespace: host.namespace.clone(),
            target: host.target.clone(),
            ports: host.ports.clone(),
            tags: host.tags.clone(),
            meta: host.meta.clone(),
            at_node: host.at_node,
            weights: Some(host.weights),
            priority: host.priority,
            zone: host.zone.clone(),
            region: host.region.clone(),
            hostname: host.hostname.clone(),
            ttl: host.lease.ttl(),
            checks: Some(host.checks.iter().map(CheckDefinition::from).collect()),
            repo: host.repo.clone(),
            original: host.original.clone(),
        }
    }
}

/// What may be asked of the table. Every dialect reduces to these.
#[derive(Clone, Debug)]
pub enum Event {
    /// A host registers, registers again, or sends its heartbeat in this form.
    Register(Box<Registration>),
    /// A heartbeat.
    Renew(HostKey),
    /// A host, or somebody for it, leaves.
    Deregister(HostKey),
    /// A verdict on one check of a host.
    Report {
        /// The host.
        host: HostKey,
        /// The check; made if the host has none of that id.
        check: Box<str>,
        /// The verdict.
        status: Status,
        /// What was said with it.
        output: Box<str>,
    },
    /// The server asked by itself. Nothing is made or changed but a check on these very terms.
    Observe {
        /// The host.
        host: HostKey,
        /// The check.
        check: Box<str>,
        /// The terms on which it was asked.
        terms: Arc<Terms>,
        /// The verdict, thresholds counted.
        status: Status,
        /// What was said with it.
        output: Box<str>,
    },
    /// An operator sets a weight. No heartbeat.
    Weigh {
        /// The host.
        host: HostKey,
        /// SRV weight in every state.
        weight: u16,
        /// The dialect's own form with the weight in it, where it keeps one.
        original: Option<Arc<str>>,
    },
    /// An operator takes a host out, or back in. No heartbeat.
    Drain {
        /// The host.
        host: HostKey,
        /// Whether it is out.
        enable: bool,
    },
    /// The TTL of a check has ended, as whoever keeps it says. Nothing is changed where the check has none.
    Lapse {
        /// The host.
        host: HostKey,
        /// The check.
        check: Box<str>,
    },
    /// The server looked up the name that a host is reached at. Nothing is changed where it is another by now.
    Resolve {
        /// The host.
        host: HostKey,
        /// The name that was looked up.
        name: Arc<str>,
        /// The addresses that it has; none takes the last ones away.
        addresses: Vec<IpAddr>,
    },
    /// A whole row as another table has it, checks, verdicts and all. Its lease and what else runs out begin anew, and
    /// its revisions are this table's.
    Restore(Box<Host>),
}

impl Event {
    /// The host it speaks of.
    pub fn key(&self) -> HostKey {
        match self {
            Event::Register(registration) => registration.key(),
            Event::Renew(host)
            | Event::Deregister(host)
            | Event::Report { host, .. }
            | Event::Observe { host, .. }
            | Event::Weigh { host, .. }
            | Event::Drain { host, .. }
            | Event::Lapse { host, .. }
            | Event::Resolve { host, .. } => host.clone(),
            Event::Restore(host) => host.key(),
        }
    }
}

/// Why the table refuses an event. It is untouched then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// No such row, or its lease has ended.
    #[error("no host {0} is registered")]
    UnknownHost(HostKey),
    /// The table is full.
    #[error("the table holds {} hosts, its bound", limits::HOSTS)]
    TooManyHosts,
    /// There are too many services.
    #[error("the table holds {} services, its bound", limits::SERVICES)]
    TooManyServices,
    /// There are too many nodes.
    #[error("the table holds {} nodes, its bound", limits::NODES)]
    TooManyNodes,
    /// The service is full.
    #[error("the service holds {} hosts, its bound", limits::HOSTS_PER_SERVICE)]
    TooManyHostsInService,
    /// The server finds out the status of this check by itself.
    #[error("the check {0} is done by the server, nobody else reports it")]
    NotReported(Box<str>),
    /// The check that was asked for is not there, or on other terms.
    #[error("no check {0} on these terms is registered")]
    UnknownCheck(Box<str>),
    /// The row is another program's: it can be taken out here, and nothing else.
    #[error("the host {0} was written into etcd by another program: change its key there")]
    Foreign(HostKey),
    /// The host has too many checks.
    #[error("the host has {} checks, its bound", limits::CHECKS)]
    TooManyChecks,
}

/// What an accepted event did.
#[derive(Clone, Debug)]
pub enum Applied {
    /// A row that was not there.
    Created(Change),
    /// A row that says something else now.
    Updated(Change),
    /// Nothing visible: at most a lease began anew.
    Unchanged(Arc<Host>),
    /// A row that is gone.
    Removed(Change),
}

impl Applied {
    /// The change, if there was one.
    pub fn change(&self) -> Option<&Change> {
        match self {
            Applied::Created(change) | Applied::Updated(change) | Applied::Removed(change) => Some(change),
            Applied::Unchanged(_) => None,
        }
    }

    /// The row as it is now; for a removal as it was.
    pub fn host(&self) -> &Arc<Host> {
        match self {
            Applied::Unchanged(host) => host,
            Applied::Created(change) | Applied::Updated(change) | Applied::Removed(change) => change.host(),
        }
    }
}
