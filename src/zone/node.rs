//! A name of a zone and what stands there: static records, hosts, or both.
//!
//! The hosts of a service stand at one name, whole and in parts (by tag, by port). Its other names are
//! *aliases*: they say which service and which part, and stay as they are while hosts come and go. A change
//! of one host therefore writes two names, whatever the number of its tags: that of its service, and that of
//! its address.

use std::sync::Arc;

use super::members::{HostSet, Others};
use super::name::{Name, NameKey};
use super::schema::View;
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

/// The hosts of a service: all of them, and the parts that its aliases show.
#[derive(Clone, Debug, Default)]
pub(super) struct Service {
    all: HostSet,
    /// By view.
    parts: Vec<(View, Arc<HostSet>)>,
}

impl Service {
    /// The hosts of a view.
    pub(super) fn part(&self, view: &View) -> Option<&HostSet> {
        match view {
            View::Service => Some(&self.all),
            View::Tag(_) | View::Transport(_) | View::Port(..) | View::Address => {
                self.place(view).ok().map(|place| &*self.parts[place].1)
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether a view shows any host.
    pub(super) fn shows(&self, view: &View) -> bool {
        self.part(view).is_some_and(|set| !set.is_empty())
    }

    /// Puts a host into the service, or `view` of it.
    pub(super) fn insert(&mut self, view: &View, host: &Arc<Host>, others: Others<'_>) {
        match (view, self.place(view)) {
            (View::Service, _) => self.all = self.all.with(host, others),
            (_, Ok(place)) => self.parts[place].1 = Arc::new(self.parts[place].1.with(host, others)),
            (_, Err(place)) => {
                self.parts.insert(place, (view.clone(), Arc::new(HostSet::new(vec![Arc::clone(host)]))));
            }
        }
    }

    /// Takes a host out of the service, or of `view`.
    pub(super) fn remove(&mut self, view: &View, host: &Arc<Host>, others: Others<'_>) {
        match (view, self.place(view)) {
            (View::Service, _) => self.all = self.all.without(host, others),
            (_, Ok(place)) => {
                let set = self.parts[place].1.without(host, others);
                if set.is_empty() {
                    self.parts.remove(place);
                } else {
                    self.parts[place].1 = Arc::new(set);
                }
            }
            (_, Err(_)) => {}
        }
    }

    /// A service of all its hosts at once; `parts` may come in any order.
    pub(super) fn whole(all: Vec<Arc<Host>>, mut parts: Vec<(View, Vec<Arc<Host>>)>) -> Service {
        parts.sort_by(|one, other| one.0.cmp(&other.0));
        let parts = parts.into_iter().map(|(view, members)| (view, Arc::new(HostSet::new(members)))).collect();
        Service { all: HostSet::new(all), parts }
    }

    fn place(&self, view: &View) -> Result<usize, usize> {
        self.parts.binary_search_by(|(other, _)| other.cmp(view))
    }

    fn same(&self, other: &Service) -> bool {
        self.all.same(&other.all)
            && self.parts.len() == other.parts.len()
            && self.parts.iter().zip(&other.parts).all(|(mine, theirs)| mine.0 == theirs.0 && mine.1.same(&theirs.1))
    }
}

/// The hosts registered with one address.
#[derive(Clone, Debug)]
pub(super) struct AddressHosts {
    pub(super) set: HostSet,
    /// Whether their other addresses differ, so that none of them alone knows all records of the name.
    pub(super) uneven: bool,
}

impl AddressHosts {
    pub(super) fn new(members: Vec<Arc<Host>>) -> AddressHosts {
        let set = HostSet::new(members);
        AddressHosts { uneven: set.is_uneven(), set }
    }

    /// The hosts with `host` among them.
    pub(super) fn with(before: Option<&AddressHosts>, host: &Arc<Host>) -> AddressHosts {
        let Some(before) = before else { return AddressHosts::new(vec![Arc::clone(host)]) };
        let set = before.set.with(host, &|_| before.set.len());
        let uneven = match before.uneven {
            true => set.is_uneven(),
            false => set.iter().take(2).any(|other| other.target.addresses() != host.target.addresses()),
        };
        AddressHosts { set, uneven }
    }

    /// The hosts without `host`; `None` when nothing is left.
    pub(super) fn without(&self, host: &Arc<Host>) -> Option<AddressHosts> {
        let set = self.set.without(host, &|_| self.set.len());
        (!set.is_empty()).then(|| AddressHosts { uneven: self.uneven && set.is_uneven(), set })
    }
}

/// What hosts have to do with a name.
#[derive(Clone, Debug)]
pub(super) enum Dynamic {
    /// The hosts of a service stand here.
    Service(Arc<Service>),
    /// A view of the hosts that stand at another name.
    Alias(Arc<(NameKey, View)>),
    /// The hosts with an address.
    Address(Arc<AddressHosts>),
}

/// What stands at a name.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    pub(super) statics: Option<Arc<[StaticSet]>>,
    pub(super) dynamic: Option<Dynamic>,
}

impl Node {
    /// The static records of a type.
    pub(super) fn static_set(&self, rtype: u16) -> Option<&StaticSet> {
        self.statics.as_deref()?.iter().find(|set| set.rtype == rtype)
    }

    /// The node with other hosts; `None` when nothing is left.
    pub(super) fn with_dynamic(&self, dynamic: Option<Dynamic>) -> Option<Node> {
        (dynamic.is_some() || self.statics.is_some()).then(|| Node { statics: self.statics.clone(), dynamic })
    }

    /// The hosts with an address, where this is its name.
    pub(super) fn address(&self) -> Option<&AddressHosts> {
        match &self.dynamic {
            Some(Dynamic::Address(hosts)) => Some(hosts),
            Some(Dynamic::Service(_) | Dynamic::Alias(_)) | None => None,
        }
    }

    /// The service whose hosts stand here.
    pub(super) fn service(&self) -> Option<&Arc<Service>> {
        match &self.dynamic {
            Some(Dynamic::Service(service)) => Some(service),
            Some(Dynamic::Alias(_) | Dynamic::Address(_)) | None => None,
        }
    }

    /// Whether two nodes hold the same rows and records.
    pub(super) fn same(&self, other: &Node) -> bool {
        let dynamic = match (&self.dynamic, &other.dynamic) {
            (None, None) => true,
            (Some(Dynamic::Service(mine)), Some(Dynamic::Service(theirs))) => mine.same(theirs),
            (Some(Dynamic::Alias(mine)), Some(Dynamic::Alias(theirs))) => mine == theirs,
            (Some(Dynamic::Address(mine)), Some(Dynamic::Address(theirs))) => {
                mine.uneven == theirs.uneven && mine.set.same_members(&theirs.set)
            }
            _ => false,
        };
        dynamic && self.statics == other.statics
    }
}
