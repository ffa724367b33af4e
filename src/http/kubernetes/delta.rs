//! What changed between two revisions, as events about objects.
//!
//! The journal has rows, a watch speaks of services: what was before is found by putting the rows as they were in the
//! place of those that changed. Several changes of one object between two looks are one event.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::collect::Wanted;
use super::labels::LabelMap;
use super::names::{self, SliceKey};
use super::object::{Facts, Group, Object, labels_of, slices};
use super::resource::Resource;
use crate::registry::Snapshot;
use crate::table::{Change, Dialect, Host, HostKey, Revision};

/// What became of an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Added,
    Modified,
    Deleted,
}

impl Kind {
    /// As `type` says it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Kind::Added => "ADDED",
            Kind::Modified => "MODIFIED",
            Kind::Deleted => "DELETED",
        }
    }
}

/// Something that changed, and what its rows were before.
#[derive(Debug)]
pub(super) enum Touched {
    /// A service, in all its spellings.
    Service { service: String, before: Vec<(HostKey, Option<Arc<Host>>)>, last: Revision },
    /// A host.
    Pod { key: HostKey, before: Option<Arc<Host>>, last: Revision },
    /// A namespace got its first host, or lost its last.
    Namespace { name: String, kind: Kind, last: Revision },
}

impl Touched {
    /// The revision of its last change.
    fn last(&self) -> Revision {
        match self {
            Touched::Service { last, .. } | Touched::Pod { last, .. } | Touched::Namespace { last, .. } => *last,
        }
    }
}

/// What `changes` touched, in the order of the last changes.
pub(super) fn touched(resource: Resource, changes: Vec<Change>) -> Vec<Touched> {
    type Rows = HashMap<HostKey, Option<Arc<Host>>>;
    let mut services: HashMap<String, (Rows, Revision)> = HashMap::new();
    let mut pods: HashMap<HostKey, (Option<Arc<Host>>, Revision)> = HashMap::new();
    for change in changes {
        let key = change.key();
        if resource == Resource::Pods {
            // The first `before` is that of the time before all of them.
            pods.entry(key).or_insert((change.before, change.revision)).1 = change.revision;
        } else {
            let service = names::service(key.service.as_str()).into_owned();
            let (rows, last) = services.entry(service).or_default();
            rows.entry(key).or_insert(change.before);
            *last = change.revision;
        }
    }
    let pods = pods.into_iter().map(|(key, (before, last))| Touched::Pod { key, before, last });
    let services = services.into_iter().map(|(service, (rows, last))| {
        let before = rows.into_iter().collect();
        Touched::Service { service, before, last }
    });
    let mut touched: Vec<Touched> = pods.chain(services).collect();
    touched.sort_by_key(Touched::last);
    touched
}

/// How many rows each namespace has: by that a watch of namespaces knows which there are.
#[derive(Debug, Default)]
pub(super) struct Census(BTreeMap<String, usize>);

impl Census {
    /// That of a snapshot before those changes.
    pub(super) fn before(snapshot: &Snapshot, changes: &[Change]) -> Census {
        let mut census = Census::default();
        snapshot.hosts.iter().for_each(|host| _ = census.add(host));
        for change in changes.iter().rev() {
            change.after.iter().for_each(|host| _ = census.subtract(host));
            change.before.iter().for_each(|host| _ = census.add(host));
        }
        census
    }

    /// Follows changes, and says which namespaces came and went.
    pub(super) fn follow(&mut self, changes: &[Change]) -> Vec<Touched> {
        let mut touched = Vec::new();
        for change in changes {
            let came = change.after.as_ref().filter(|host| self.add(host));
            let gone = change.before.as_ref().filter(|host| self.subtract(host));
            let last = change.revision;
            let mut tell = |host: Option<&Arc<Host>>, kind| {
                let name = host.map(|host| host.namespace.as_str()).filter(|name| *name != "default");
                touched.extend(name.map(|name| Touched::Namespace { name: name.to_owned(), kind, last }));
            };
            tell(came, Kind::Added);
            tell(gone, Kind::Deleted);
        }
        touched
    }

    /// Says whether it is the first of its namespace.
    fn add(&mut self, host: &Arc<Host>) -> bool {
        let count = self.0.entry(host.namespace.as_str().to_owned()).or_default();
        *count += 1;
        *count == 1
    }

    /// Says whether it was the last of its namespace.
    fn subtract(&mut self, host: &Arc<Host>) -> bool {
        let name = host.namespace.as_str();
        let Some(count) = self.0.get_mut(name) else { return false };
        *count = count.saturating_sub(1);
        let last = *count == 0;
        if last {
            self.0.remove(name);
        }
        last
    }
}

/// Tells the events of what was touched, in order. The revision of all but the last is the one before: a client that
/// goes on from there gets the rest again.
pub(super) fn tell(
    touched: &Touched,
    wanted: &Wanted,
    snapshot: &Snapshot,
    facts: Facts<'_>,
    mut told: impl FnMut(Kind, Object<'_>),
) {
    let last = touched.last();
    let mut held: Option<(Kind, Object<'_>)> = None;
    let mut event = |kind, object| {
        if let Some((kind, object)) = held.replace((kind, object)) {
            told(kind, object.at(Revision(last.0.saturating_sub(1))));
        }
    };
    let deleted;
    match touched {
        Touched::Namespace { name, kind, .. } => {
            deleted = Object::namespace(name);
            if wanted.takes(&deleted) {
                event(*kind, deleted);
            }
        }
        Touched::Pod { key, before, .. } => {
            let pod = |host: &'_ Arc<Host>| wanted.takes_namespace(host.namespace.as_str());
            let before = before.as_ref().filter(|host| pod(host)).map(|host| Object::pod(host, facts.before()));
            let after = snapshot.hosts.get(key).filter(|host| pod(host) && facts.is_live(host));
            let after = after.map(|host| Object::pod(host, facts));
            compare(wanted, before, after, &mut event);
        }
        Touched::Service { service, before, .. } => {
            let rows_before = rows_before(snapshot, service, before);
            let old = wanted.groups(service, rows_before.values().copied(), facts.before());
            let new = wanted.groups(service, snapshot.hosts.of_any_case(service), facts);
            for (old, new) in pairs(old, new) {
                compare_groups(wanted, old.as_ref(), new.as_ref(), facts, &mut event);
            }
        }
    }
    if let Some((kind, object)) = held {
        told(kind, object.at(last));
    }
}

type RowOrder<'a> = (&'a str, Dialect, &'a str);

/// The rows of a service as they were.
fn rows_before<'a>(
    snapshot: &'a Snapshot,
    service: &str,
    before: &'a [(HostKey, Option<Arc<Host>>)],
) -> BTreeMap<RowOrder<'a>, &'a Arc<Host>> {
    let now = snapshot.hosts.of_any_case(service);
    let mut rows: BTreeMap<RowOrder<'a>, &Arc<Host>> = now.map(|host| (host.order(), host)).collect();
    for (key, before) in before {
        match before {
            Some(host) => rows.insert(host.order(), host),
            None => rows.remove(&(key.service.as_str(), key.dialect, key.id.as_str())),
        };
    }
    rows
}

type Pair<'a> = (Option<Group<'a>>, Option<Group<'a>>);

/// The groups of the same namespace together.
fn pairs<'a>(old: Vec<Group<'a>>, new: Vec<Group<'a>>) -> impl Iterator<Item = Pair<'a>> {
    let mut pairs: BTreeMap<&str, Pair<'a>> = BTreeMap::new();
    for group in old {
        let namespace = group.namespace;
        pairs.entry(namespace).or_default().0 = Some(group);
    }
    for group in new {
        let namespace = group.namespace;
        pairs.entry(namespace).or_default().1 = Some(group);
    }
    pairs.into_values()
}

fn compare_groups<'a>(
    wanted: &Wanted,
    old: Option<&Group<'a>>,
    new: Option<&Group<'a>>,
    facts: Facts<'a>,
    event: &mut impl FnMut(Kind, Object<'a>),
) {
    let object = |group: &Group<'a>, facts: Facts<'a>| match wanted.resource {
        Resource::Services => Object::service(group, facts),
        Resource::Endpoints | Resource::Pods | Resource::EndpointSlices | Resource::Namespaces => {
            Object::endpoints(group, facts)
        }
    };
    if wanted.resource == Resource::EndpointSlices {
        return compare_slices(wanted, old, new, facts, event);
    }
    let (old, new) = (old.map(|group| object(group, facts.before())), new.map(|group| object(group, facts)));
    compare(wanted, old, new, event);
}

/// The slices of a service in a namespace; those whose rows are the same rows are not made.
fn compare_slices<'a>(
    wanted: &Wanted,
    old: Option<&Group<'a>>,
    new: Option<&Group<'a>>,
    facts: Facts<'a>,
    event: &mut impl FnMut(Kind, Object<'a>),
) {
    let Some(either) = old.or(new) else { return };
    let labels = |group: &Group<'a>| labels_of(wanted.resource, group);
    let (old_labels, new_labels) = (old.map(labels).unwrap_or_default(), new.map(labels).unwrap_or_default());
    let (old, new) = (old.map(slices).unwrap_or_default(), new.map(slices).unwrap_or_default());
    let made = |key: &SliceKey, hosts: &Vec<&'a Arc<Host>>, labels: &LabelMap<'a>, facts| {
        Object::slice(&either.service, either.namespace, *key, hosts, labels.clone(), facts)
    };
    let gone = old.keys().filter(|key| !new.contains_key(key));
    for key in gone.chain(new.keys()) {
        let (was, is) = (old.get(key), new.get(key));
        let same = |was: &Vec<&Arc<Host>>, is: &Vec<&Arc<Host>>| {
            was.len() == is.len() && was.iter().zip(is).all(|(was, is)| Arc::ptr_eq(was, is))
        };
        if old_labels == new_labels && was.zip(is).is_some_and(|(was, is)| same(was, is)) {
            continue;
        }
        let was = was.map(|hosts| made(key, hosts, &old_labels, facts.before()));
        let is = is.map(|hosts| made(key, hosts, &new_labels, facts));
        compare(wanted, was, is, event);
    }
}

/// Tells what became of one object; what is not wanted is as good as not there.
fn compare<'a>(
    wanted: &Wanted,
    old: Option<Object<'a>>,
    new: Option<Object<'a>>,
    event: &mut impl FnMut(Kind, Object<'a>),
) {
    let (old, new) = (old.filter(|object| wanted.takes(object)), new.filter(|object| wanted.takes(object)));
    match (old, new) {
        (None, Some(new)) => event(Kind::Added, new),
        (Some(old), None) => event(Kind::Deleted, old),
        (Some(old), Some(new)) if old != new => event(Kind::Modified, new),
        (Some(_), Some(_)) | (None, None) => {}
    }
}
