//! The hosts that a name shows: a plain list while they are few, a persistent set when they are many, so that a
//! change costs the same in a service of ten hosts and in one of ten thousand.

use std::net::IpAddr;
use std::sync::Arc;

use imbl::OrdSet;
use smallvec::SmallVec;

use crate::clock::Timestamp;
use crate::table::{Host, Row};

/// The longest plain list.
const FEW: usize = 64;

/// Says how many other hosts of a set have an address; asked of large sets only, which are not searched for it.
pub(super) type Others<'a> = &'a dyn Fn(IpAddr) -> usize;

/// Hosts by service, dialect, id.
#[derive(Clone, Debug, Default)]
pub(super) struct HostSet {
    members: Members,
    /// How often an address of a host is also one of another host here.
    shared: usize,
    /// How many hosts have a name instead of addresses.
    named: usize,
}

#[derive(Clone, Debug)]
enum Members {
    Few(Box<[Arc<Host>]>),
    Many(OrdSet<Row>),
}

impl Default for Members {
    fn default() -> Members {
        Members::Few(Box::default())
    }
}

impl HostSet {
    /// A set of hosts that come in order.
    pub(super) fn new(members: Vec<Arc<Host>>) -> HostSet {
        let (shared, named) = count(&members);
        let members = if members.len() <= FEW {
            Members::Few(members.into_boxed_slice())
        } else {
            Members::Many(members.into_iter().map(Row).collect())
        };
        HostSet { members, shared, named }
    }

    pub(super) fn len(&self) -> usize {
        match &self.members {
            Members::Few(list) => list.len(),
            Members::Many(rows) => rows.len(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn iter(&self) -> Iter<'_> {
        match &self.members {
            Members::Few(list) => Iter::Few(list.iter()),
            Members::Many(rows) => Iter::Many(rows.iter()),
        }
    }

    /// The members whose lease has not ended.
    pub(super) fn live(&self, now: Timestamp) -> impl Iterator<Item = &Arc<Host>> {
        self.iter().filter(move |host| host.lease.is_live(now))
    }

    /// Whether records may come twice: an address stands in two hosts, or two have names.
    pub(super) fn repeats(&self) -> bool {
        self.shared > 0 || self.named > 1
    }

    /// Whether the members have different addresses.
    pub(super) fn is_uneven(&self) -> bool {
        let mut members = self.iter();
        let first = members.next().map(|host| host.target.addresses());
        members.any(|host| Some(host.target.addresses()) != first)
    }

    /// The set with `host` in it, in the place of the row of the same key.
    pub(super) fn with(&self, host: &Arc<Host>, others: Others<'_>) -> HostSet {
        match &self.members {
            Members::Few(list) => self.with_few(list, host),
            Members::Many(rows) => {
                let mut rows = rows.clone();
                let old = rows.insert(Row(Arc::clone(host)));
                let mut next = HostSet { members: Members::Many(rows), ..*self };
                if old.as_ref().is_none_or(|old| old.0.target != host.target) {
                    if let Some(old) = &old {
                        next.forget(&old.0, others);
                    }
                    next.remember(host, others);
                }
                next
            }
        }
    }

    fn with_few(&self, list: &[Arc<Host>], host: &Arc<Host>) -> HostSet {
        let mut members = Vec::with_capacity(list.len() + 1);
        match place(list, host) {
            Ok(place) => {
                members.extend_from_slice(list);
                let moved = members[place].target != host.target;
                members[place] = Arc::clone(host);
                if !moved {
                    return HostSet { members: Members::Few(members.into_boxed_slice()), ..*self };
                }
            }
            Err(place) => {
                members.extend_from_slice(&list[..place]);
                members.push(Arc::clone(host));
                members.extend_from_slice(&list[place..]);
            }
        }
        HostSet::new(members)
    }

    /// The set without the row of that key.
    pub(super) fn without(&self, host: &Arc<Host>, others: Others<'_>) -> HostSet {
        match &self.members {
            Members::Few(list) => match place(list, host) {
                Ok(place) => {
                    let mut members = Vec::with_capacity(list.len() - 1);
                    members.extend_from_slice(&list[..place]);
                    members.extend_from_slice(&list[place + 1..]);
                    HostSet::new(members)
                }
                Err(_) => self.clone(),
            },
            Members::Many(rows) => {
                let mut rows = rows.clone();
                let Some(old) = rows.remove(&Row(Arc::clone(host))) else { return self.clone() };
                if rows.len() <= FEW {
                    return HostSet::new(rows.iter().map(|row| Arc::clone(&row.0)).collect());
                }
                let mut next = HostSet { members: Members::Many(rows), ..*self };
                next.forget(&old.0, others);
                next
            }
        }
    }

    fn remember(&mut self, host: &Host, others: Others<'_>) {
        self.named += usize::from(host.target.addresses().is_empty());
        self.shared += host.target.addresses().iter().map(|address| newly_shared(others(*address))).sum::<usize>();
    }

    fn forget(&mut self, host: &Host, others: Others<'_>) {
        self.named -= usize::from(host.target.addresses().is_empty());
        self.shared -= host.target.addresses().iter().map(|address| newly_shared(others(*address))).sum::<usize>();
    }

    /// Whether two sets hold the same rows, and know the same of them.
    pub(super) fn same(&self, other: &HostSet) -> bool {
        self.shared == other.shared && self.named == other.named && self.same_members(other)
    }

    /// Whether two sets hold the same rows.
    pub(super) fn same_members(&self, other: &HostSet) -> bool {
        self.len() == other.len() && self.iter().zip(other.iter()).all(|(mine, theirs)| Arc::ptr_eq(mine, theirs))
    }
}

/// What one more host with an address adds to the count of shared ones: its own, and the first other's.
fn newly_shared(others: usize) -> usize {
    match others {
        0 => 0,
        1 => 2,
        _ => 1,
    }
}

fn place(list: &[Arc<Host>], host: &Arc<Host>) -> Result<usize, usize> {
    list.binary_search_by(|member| member.order().cmp(&host.order()))
}

fn count(members: &[Arc<Host>]) -> (usize, usize) {
    let mut all: SmallVec<[IpAddr; 32]> = SmallVec::new();
    let mut named = 0;
    for host in members {
        match host.target.addresses() {
            [] => named += 1,
            addresses => all.extend_from_slice(addresses),
        }
    }
    all.sort_unstable();
    let shared = all.chunk_by(|one, next| one == next).filter(|run| run.len() > 1).map(<[IpAddr]>::len).sum();
    (shared, named)
}

/// The members in order.
pub(super) enum Iter<'a> {
    Few(std::slice::Iter<'a, Arc<Host>>),
    Many(imbl::ordset::Iter<'a, Row, imbl::shared_ptr::DefaultSharedPtr>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a Arc<Host>;

    fn next(&mut self) -> Option<&'a Arc<Host>> {
        match self {
            Iter::Few(list) => list.next(),
            Iter::Many(rows) => rows.next().map(|row| &row.0),
        }
    }
}
