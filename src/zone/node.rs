//! A name of a zone and what stands there: static records, hosts, or both.

use std::sync::Arc;

use super::name::Name;
use super::schema::View;
use crate::clock::Timestamp;
use crate::table::Host;

/// Records of one type from a zone file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StaticSet {
    /// Whose records they are.
    pub owner: Name,
    /// The type (RFC 1035 3.2.2).
    pub rtype: u16,
    /// Seconds.
    pub ttl: u32,
    /// RDATA in uncompressed wire form, names in lower case; distinct.
    pub rdata: Vec<Box<[u8]>>,
}

/// The hosts behind a name.
#[derive(Clone, Debug)]
pub(super) struct HostSet {
    pub(super) view: View,
    /// By service, dialect, id.
    pub(super) members: Box<[Arc<Host>]>,
    /// Whether an address stands in two of them, so that records may come twice.
    pub(super) repeats: bool,
}

impl HostSet {
    pub(super) fn new(view: View, members: Vec<Arc<Host>>) -> HostSet {
        let repeats = addresses_repeat(&members);
        HostSet { view, members: members.into_boxed_slice(), repeats }
    }

    /// The set with `host` in it, in the place of the row of the same key.
    fn with(&self, host: &Arc<Host>) -> HostSet {
        let mut members = Vec::with_capacity(self.members.len() + 1);
        members.extend_from_slice(&self.members);
        match self.place(host) {
            Ok(place) => members[place] = Arc::clone(host),
            Err(place) => members.insert(place, Arc::clone(host)),
        }
        HostSet::new(self.view.clone(), members)
    }

    /// The set without the row of that key; `None` when nothing is left.
    fn without(&self, host: &Arc<Host>) -> Option<HostSet> {
        let mut members = self.members.to_vec();
        if let Ok(place) = self.place(host) {
            members.remove(place);
        }
        (!members.is_empty()).then(|| HostSet::new(self.view.clone(), members))
    }

    fn place(&self, host: &Arc<Host>) -> Result<usize, usize> {
        self.members.binary_search_by(|member| member.order().cmp(&host.order()))
    }

    /// The members whose lease has not ended.
    pub(super) fn live(&self, now: Timestamp) -> impl Iterator<Item = &Arc<Host>> {
        self.members.iter().filter(move |host| host.lease.is_live(now))
    }

    /// Whether the members of an address have different other addresses, so that none of them alone knows all records
    /// of the name.
    pub(super) fn is_uneven(&self) -> bool {
        self.view == View::Address
            && self.members.windows(2).any(|pair| pair[0].target.addresses() != pair[1].target.addresses())
    }
}

fn addresses_repeat(members: &[Arc<Host>]) -> bool {
    match members {
        [] | [_] => false,
        _ => {
            let mut all: smallvec::SmallVec<[std::net::IpAddr; 32]> =
                members.iter().flat_map(|host| host.target.addresses().iter().copied()).collect();
            let names = members.len() - members.iter().filter(|host| !host.target.addresses().is_empty()).count();
            all.sort_unstable();
            names > 1 || all.windows(2).any(|pair| pair[0] == pair[1])
        }
    }
}

/// What stands at a name.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    pub(super) statics: Option<Arc<[StaticSet]>>,
    pub(super) hosts: Option<Arc<HostSet>>,
}

impl Node {
    /// The static records of a type.
    pub(super) fn static_set(&self, rtype: u16) -> Option<&StaticSet> {
        self.statics.as_deref()?.iter().find(|set| set.rtype == rtype)
    }

    /// Whether anything stands there at `now`.
    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        self.statics.is_some() || self.hosts.as_ref().is_some_and(|set| set.live(now).next().is_some())
    }

    /// The node with a host; `view` says what the name shows of it.
    pub(super) fn with_host(&self, view: View, host: &Arc<Host>) -> Node {
        let set = match &self.hosts {
            Some(set) => set.with(host),
            None => HostSet::new(view, vec![Arc::clone(host)]),
        };
        Node { statics: self.statics.clone(), hosts: Some(Arc::new(set)) }
    }

    /// The node without a host; `None` when nothing is left.
    pub(super) fn without_host(&self, host: &Arc<Host>) -> Option<Node> {
        let hosts = self.hosts.as_ref().and_then(|set| set.without(host)).map(Arc::new);
        (hosts.is_some() || self.statics.is_some()).then(|| Node { statics: self.statics.clone(), hosts })
    }

    /// Whether two nodes hold the same rows and records.
    pub(super) fn same(&self, other: &Node) -> bool {
        let hosts = match (&self.hosts, &other.hosts) {
            (None, None) => true,
            (Some(mine), Some(theirs)) => {
                mine.view == theirs.view
                    && mine.repeats == theirs.repeats
                    && mine.members.len() == theirs.members.len()
                    && mine.members.iter().zip(&theirs.members).all(|(one, other)| Arc::ptr_eq(one, other))
            }
            (None, Some(_)) | (Some(_), None) => false,
        };
        hosts && self.statics == other.statics
    }
}
