//! What hosts have to do with a name.
//!
//! The hosts of a service stand at one name, whole and in parts (by tag, by port, by availability zone). Its other
//! names are *aliases*: they say which service and which part, and stay as they are while hosts come and go. A change
//! of one host therefore writes two places, whatever the number of its tags: its service, and its address.

use std::net::IpAddr;
use std::sync::Arc;

use smallvec::SmallVec;

use super::members::HostSet;
use super::name::NameKey;
use super::schema::View;
use super::trie::Keyed;
use crate::table::Host;

/// Says how many other hosts of a part, served ones or not, have an address.
pub(super) type Others<'a> = &'a dyn Fn(bool, IpAddr) -> usize;

/// The hosts of a view: those that are served, and those that are not for now (critical, draining).
#[derive(Clone, Debug, Default)]
pub(super) struct Part {
    pub(super) served: HostSet,
    pub(super) absent: HostSet,
}

impl Part {
    /// A part of hosts that come in order.
    pub(super) fn new(members: Vec<Arc<Host>>, is_served: impl Fn(&Host) -> bool) -> Part {
        let (served, absent) = members.into_iter().partition(|host| is_served(host));
        Part { served: HostSet::new(served), absent: HostSet::new(absent) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.served.is_empty() && self.absent.is_empty()
    }

    /// Puts a host into its side, and out of the other. The part is to be [finished](Part::finish) then.
    pub(super) fn insert(&mut self, host: &Arc<Host>, served: bool, others: Others<'_>) {
        let (to, from) =
            if served { (&mut self.served, &mut self.absent) } else { (&mut self.absent, &mut self.served) };
        to.put(host, &|address| others(served, address));
        from.take(host, &|address| others(!served, address));
    }

    /// Takes a host out. The part is to be [finished](Part::finish) then.
    pub(super) fn remove(&mut self, host: &Arc<Host>, others: Others<'_>) {
        self.served.take(host, &|address| others(true, address));
        self.absent.take(host, &|address| others(false, address));
    }

    /// Works out what its sets say, where they are others now.
    pub(super) fn finish(&mut self) {
        self.served.finish();
        self.absent.finish();
    }

    fn is_draft(&self) -> bool {
        self.served.is_draft() || self.absent.is_draft()
    }

    /// [`Part::insert`] where all hosts have that address; nothing is left to be finished.
    pub(super) fn insert_sharing(&mut self, address: IpAddr, host: &Arc<Host>, served: bool) {
        let (to, from) =
            if served { (&mut self.served, &mut self.absent) } else { (&mut self.absent, &mut self.served) };
        let (of_to, of_from) = (to.others_than(host), from.others_than(host));
        to.put_sharing(host, &|other| if other == address { of_to } else { 0 });
        from.take(host, &|other| if other == address { of_from } else { 0 });
        from.finish();
    }

    /// All hosts, the served ones first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Host>> {
        self.served.iter().chain(self.absent.iter())
    }

    pub(super) fn same(&self, other: &Part) -> bool {
        self.served.same(&other.served) && self.absent.same(&other.absent)
    }

    pub(super) fn same_members(&self, other: &Part) -> bool {
        self.served.same_members(&other.served) && self.absent.same_members(&other.absent)
    }
}

/// Says how many other hosts of a view, served ones or not, have an address.
pub(super) type OthersOf<'a> = &'a dyn Fn(&View, bool, IpAddr) -> usize;

/// The hosts of a service: all of them, and the parts that its aliases show.
///
/// In the order in which an answer asks for them: whether it is the name, and what its hosts say.
#[derive(Clone, Debug, Default)]
#[repr(C)]
pub(super) struct Service {
    key: NameKey,
    all: Part,
    /// By view; `None` where all hosts are in it, so that what they say is prepared once.
    parts: Vec<(View, Option<Arc<Part>>)>,
}

impl Service {
    /// A service without hosts.
    pub(super) fn new(key: NameKey) -> Service {
        Service { key, ..Service::default() }
    }

    /// The name that its hosts are kept under.
    pub(super) fn key(&self) -> &NameKey {
        &self.key
    }

    /// The hosts of a view.
    pub(super) fn part(&self, view: &View) -> Option<&Part> {
        match view {
            View::Service => Some(&self.all),
            View::Tag(_) | View::Transport(_) | View::Port(..) | View::Zone(_) => {
                self.place(view).ok().map(|place| self.parts[place].1.as_deref().unwrap_or(&self.all))
            }
        }
    }

    /// The parts, by view.
    pub(super) fn parts(&self) -> impl Iterator<Item = (&View, &Part)> {
        self.parts.iter().map(|(view, part)| (view, part.as_deref().unwrap_or(&self.all)))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether a view has any host.
    pub(super) fn has(&self, view: &View) -> bool {
        self.part(view).is_some_and(|part| !part.is_empty())
    }

    /// Puts a host into the service and these views of it, each of them once. The service is to be
    /// [finished](Service::finish) then.
    pub(super) fn insert<'v>(
        &mut self,
        views: impl Iterator<Item = &'v View>,
        host: &Arc<Host>,
        served: bool,
        others: OthersOf<'_>,
    ) {
        let insert = |part: &mut Part, view: &View| {
            part.insert(host, served, &|side, address| others(view, side, address));
        };
        let views: SmallVec<[&View; 4]> = views.collect();
        for (view, part) in &mut self.parts {
            if part.is_none() && !views.contains(&&*view) {
                *part = Some(Arc::new(self.all.clone()));
            }
        }
        let is_first = self.all.is_empty();
        insert(&mut self.all, &View::Service);
        for view in views {
            match self.place(view) {
                Ok(place) => {
                    if let Some(part) = &mut self.parts[place].1 {
                        insert(Arc::make_mut(part), view);
                    }
                }
                Err(place) => {
                    let mut part = Part::default();
                    insert(&mut part, view);
                    self.parts.insert(place, (view.clone(), Some(Arc::new(part)).filter(|_| !is_first)));
                }
            }
        }
    }

    /// Takes a host out of these views, each of them once, and where it leaves the service out of that. The service is to
    /// be [finished](Service::finish) then.
    pub(super) fn remove<'v>(
        &mut self,
        views: impl Iterator<Item = &'v View>,
        leaves: bool,
        host: &Arc<Host>,
        others: OthersOf<'_>,
    ) {
        let remove = |part: &mut Part, view: &View| part.remove(host, &|side, address| others(view, side, address));
        if leaves {
            remove(&mut self.all, &View::Service);
        }
        for view in views {
            let Ok(place) = self.place(view) else { continue };
            let part = &mut self.parts[place].1;
            if part.is_some() || !leaves {
                let own = part.get_or_insert_with(|| Arc::new(self.all.clone()));
                remove(Arc::make_mut(own), view);
            }
            if part.as_deref().unwrap_or(&self.all).is_empty() {
                self.parts.remove(place);
            }
        }
    }

    /// Works out what the parts say that are others now.
    pub(super) fn finish(&mut self) {
        self.all.finish();
        for part in self.parts.iter_mut().filter_map(|(_, part)| part.as_mut()).filter(|part| part.is_draft()) {
            Arc::make_mut(part).finish();
        }
    }

    /// A service of all its hosts at once, whatever the order of the views; `split` makes a part.
    pub(super) fn whole(
        key: NameKey,
        all: Vec<Arc<Host>>,
        views: impl IntoIterator<Item = (View, Vec<Arc<Host>>)>,
        split: impl Fn(Vec<Arc<Host>>) -> Part,
    ) -> Service {
        let hosts = all.len();
        let all = split(all);
        let part = |members: Vec<_>| (members.len() != hosts).then(|| Arc::new(split(members)));
        let mut parts: Vec<_> = views.into_iter().map(|(view, members)| (view, part(members))).collect();
        parts.sort_by(|one, other| one.0.cmp(&other.0));
        Service { key, all, parts }
    }

    fn place(&self, view: &View) -> Result<usize, usize> {
        self.parts.binary_search_by(|(other, _)| other.cmp(view))
    }

    fn same(&self, other: &Service) -> bool {
        self.all.same(&other.all)
            && self.parts.len() == other.parts.len()
            && self.parts().zip(other.parts()).all(|(mine, theirs)| mine.0 == theirs.0 && mine.1.same(theirs.1))
    }
}

/// A view of the hosts that stand at another name.
#[derive(PartialEq, Debug)]
pub(super) struct Alias {
    key: NameKey,
    /// The name of the service.
    pub(super) home: NameKey,
    pub(super) view: View,
}

/// Hosts of a service that have a name of their own.
#[derive(Debug)]
pub(super) struct Called {
    key: NameKey,
    part: Part,
}

/// What stands at a name made of hosts.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// The hosts of a service.
    Service(Arc<Service>),
    /// A view of them.
    Alias(Arc<Alias>),
    /// Hosts that are called so themselves.
    Endpoint(Arc<Called>),
}

impl Keyed for Node {
    fn key(&self) -> &[u8] {
        self.name().as_bytes()
    }
}

impl Node {
    pub(super) fn alias(key: NameKey, home: NameKey, view: View) -> Node {
        Node::Alias(Arc::new(Alias { key, home, view }))
    }

    pub(super) fn called(key: NameKey, part: Part) -> Node {
        Node::Endpoint(Arc::new(Called { key, part }))
    }

    /// The name.
    pub(super) fn name(&self) -> &NameKey {
        match self {
            Node::Service(service) => &service.key,
            Node::Alias(alias) => &alias.key,
            Node::Endpoint(called) => &called.key,
        }
    }

    /// Reads something of it, so that it is near.
    pub(super) fn touch(&self) -> usize {
        let served = self.served().map_or(0, HostSet::len);
        self.name().as_bytes().len() + served
    }

    /// Reads something of what its hosts say, so that it is near.
    pub(super) fn touch_hosts(&self) -> usize {
        self.served().map_or(0, HostSet::touch)
    }

    fn served(&self) -> Option<&HostSet> {
        match self {
            Node::Service(service) => Some(&service.all.served),
            Node::Endpoint(called) => Some(&called.part.served),
            Node::Alias(_) => None,
        }
    }

    /// The service whose hosts stand here.
    pub(super) fn service(&self) -> Option<&Arc<Service>> {
        match self {
            Node::Service(service) => Some(service),
            Node::Alias(_) | Node::Endpoint(_) => None,
        }
    }

    /// The hosts that are called so.
    pub(super) fn endpoint(&self) -> Option<&Part> {
        match self {
            Node::Endpoint(called) => Some(&called.part),
            Node::Service(_) | Node::Alias(_) => None,
        }
    }

    /// Whether two nodes hold the same rows.
    pub(super) fn same(&self, other: &Node) -> bool {
        match (self, other) {
            (Node::Service(mine), Node::Service(theirs)) => mine.same(theirs),
            (Node::Alias(mine), Node::Alias(theirs)) => mine == theirs,
            (Node::Endpoint(mine), Node::Endpoint(theirs)) => mine.part.same_members(&theirs.part),
            _ => false,
        }
    }
}
