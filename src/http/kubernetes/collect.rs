//! What a list holds: found in one walk over the rows, kept as references to rows until it is an object's turn.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::labels::{LabelMap, SERVICE_NAME};
use super::names::{self, SliceKey};
use super::object::{Facts, Group, Object, labels_of, slices};
use super::place::Place;
use super::resource::Resource;
use super::selector::Selector;
use crate::registry::Snapshot;
use crate::table::{Host, Hosts, ServiceName};

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) resource: Resource,
    /// The namespace of the path.
    pub(super) namespace: Option<String>,
    pub(super) selector: Selector,
}

/// The services among which everything wanted is.
pub(super) enum Among {
    All,
    One(String),
    /// It can be in none.
    None,
}

/// An object that is to be made.
#[derive(Debug)]
pub(super) enum Unit {
    /// Of all hosts of a service in a namespace. The name is the first of its spellings.
    Service(ServiceName, Arc<str>),
    /// A host.
    Pod(Arc<Host>),
    /// A part of the hosts of a service.
    Slice(Box<SliceUnit>),
    /// A namespace.
    Namespace(String),
}

/// A slice that is to be made.
#[derive(Debug)]
pub(super) struct SliceUnit {
    key: SliceKey,
    /// The first of the spellings.
    service: ServiceName,
    hosts: Vec<Arc<Host>>,
    /// The labels of the slices of its service.
    labels: Arc<Vec<(String, String)>>,
}

impl SliceUnit {
    fn name(&self) -> String {
        self.key.name(&names::service(self.service.as_str()))
    }
}

impl Wanted {
    /// The services to look at.
    pub(super) fn among(&self, hosts: &Hosts) -> Among {
        let Selector { labels, fields } = &self.selector;
        let of_name = |name: &str| match self.resource {
            Resource::Endpoints | Resource::Services => Some(name.to_owned()),
            Resource::EndpointSlices => SliceKey::service_of(name).map(str::to_owned),
            Resource::Pods => names::find_pod(hosts, name).map(|host| host.service.as_str().to_owned()),
            Resource::Namespaces => None,
        };
        match (fields.name(), self.resource) {
            (_, Resource::Namespaces) => Among::All,
            (Some(name), _) => of_name(name).map_or(Among::None, Among::One),
            (None, Resource::EndpointSlices) => {
                labels.only(SERVICE_NAME).map_or(Among::All, |service| Among::One(service.to_owned()))
            }
            (None, Resource::Endpoints | Resource::Services | Resource::Pods) => Among::All,
        }
    }

    /// Whether objects of a namespace can be wanted.
    pub(super) fn takes_namespace(&self, namespace: &str) -> bool {
        let known = [self.namespace.as_deref(), self.selector.fields.namespace()];
        known.into_iter().flatten().all(|known| known == namespace)
    }

    /// Whether an object is wanted.
    pub(super) fn takes(&self, object: &Object<'_>) -> bool {
        let metadata = &object.metadata;
        self.selector.takes(metadata.namespace.unwrap_or_default(), &metadata.name, &metadata.labels)
    }

    /// The hosts of one service in all its spellings, by namespace: of those that can be wanted.
    pub(super) fn groups<'a>(
        &self,
        service: &'a str,
        hosts: impl Iterator<Item = &'a Arc<Host>>,
        facts: Facts<'_>,
    ) -> Vec<Group<'a>> {
        let service = names::service(service);
        let mut groups: BTreeMap<&str, Vec<&Arc<Host>>> = BTreeMap::new();
        for host in hosts.filter(|host| facts.is_live(host) && self.takes_namespace(host.namespace.as_str())) {
            groups.entry(host.namespace.as_str()).or_default().push(host);
        }
        groups.into_iter().map(|(namespace, hosts)| Group { service: service.clone(), namespace, hosts }).collect()
    }

    /// The objects of a list, at most `limit`, those after a place; and whether there are more.
    pub(super) fn collect(
        &self,
        snapshot: &Snapshot,
        facts: Facts<'_>,
        after: Option<&Place>,
        limit: Option<usize>,
    ) -> (Vec<Unit>, bool) {
        let mut page = Page { units: Vec::new(), after, limit: limit.unwrap_or(usize::MAX), more: false };
        let hosts = &snapshot.hosts;
        match self.among(hosts) {
            Among::None => {}
            _ if self.resource == Resource::Namespaces => self.collect_namespaces(hosts, facts, &mut page),
            Among::One(service) => {
                let rows: Vec<&Arc<Host>> = hosts.of_any_case(&service).collect();
                self.collect_service(&rows, facts, &mut page);
            }
            Among::All => {
                let from = after.map_or("", |after| after.service.as_str());
                let mut rows: Vec<&Arc<Host>> = Vec::new();
                for host in hosts.from_service(from) {
                    if rows.first().is_some_and(|first| first.service != host.service) {
                        self.collect_spelling(hosts, &rows, facts, &mut page);
                        rows.clear();
                    }
                    if page.more {
                        break;
                    }
                    rows.push(host);
                }
                self.collect_spelling(hosts, &rows, facts, &mut page);
            }
        }
        (page.units, page.more)
    }

    /// Adds what is wanted of a service in one spelling. What is made of all of them stands where the first one is.
    fn collect_spelling(&self, hosts: &Hosts, rows: &[&Arc<Host>], facts: Facts<'_>, page: &mut Page<'_>) {
        let Some(service) = rows.first().map(|host| &host.service) else { return };
        if self.resource == Resource::Pods {
            return self.collect_service(rows, facts, page);
        }
        // The one without capitals comes first here and is the last in order; the others are in order.
        let mut spellings = hosts.any_case(service.as_str()).take(2);
        match (spellings.next(), spellings.next()) {
            (Some(one), Some(other)) if one.min(other) == service => {
                let rows: Vec<&Arc<Host>> = hosts.of_any_case(service.as_str()).collect();
                self.collect_service(&rows, facts, page);
            }
            (Some(_), Some(_)) => {}
            _ => self.collect_service(rows, facts, page),
        }
    }

    /// Adds what is wanted of one service, in order.
    fn collect_service(&self, rows: &[&Arc<Host>], facts: Facts<'_>, page: &mut Page<'_>) {
        let Some(first) = rows.first() else { return };
        if self.resource == Resource::Pods {
            let live = rows.iter().filter(|host| facts.is_live(host) && self.takes_namespace(host.namespace.as_str()));
            for host in live {
                let selects = || {
                    self.selector.is_empty() || {
                        let (namespace, name) = (host.namespace.as_str(), names::pod(host));
                        self.selector.takes(namespace, &name, &super::labels::of_host(host))
                    }
                };
                page.push_if(selects, || Unit::Pod(Arc::clone(host)));
            }
            return;
        }
        for group in self.groups(first.service.as_str(), rows.iter().copied(), facts) {
            // Labels of many hosts are gathered only where somebody looks at them.
            let needs_labels = !self.selector.labels.is_empty() || self.resource == Resource::EndpointSlices;
            let labels = if needs_labels { labels_of(self.resource, &group) } else { LabelMap::new() };
            if self.resource == Resource::EndpointSlices {
                self.collect_slices(&group, &first.service, &labels, page);
            } else {
                let unit = || Unit::Service(first.service.clone(), group.namespace.into());
                page.push_if(|| self.selector.takes(group.namespace, &group.service, &labels), unit);
            }
        }
    }

    fn collect_slices(&self, group: &Group<'_>, service: &ServiceName, labels: &LabelMap<'_>, page: &mut Page<'_>) {
        let kept = labels.iter().map(|(key, value)| ((*key).to_owned(), value.clone().into_owned())).collect();
        let kept: Arc<Vec<(String, String)>> = Arc::new(kept);
        let mut known: Vec<(String, SliceKey, Vec<&Arc<Host>>)> =
            slices(group).into_iter().map(|(key, hosts)| (key.name(&group.service), key, hosts)).collect();
        known.sort_by(|one, other| one.0.cmp(&other.0));
        for (name, key, hosts) in known {
            let unit = || {
                let hosts = hosts.into_iter().cloned().collect();
                let (service, labels) = (service.clone(), Arc::clone(&kept));
                Unit::Slice(Box::new(SliceUnit { key, service, hosts, labels }))
            };
            page.push_if(|| self.selector.takes(group.namespace, &name, labels), unit);
        }
    }

    fn collect_namespaces(&self, hosts: &Hosts, facts: Facts<'_>, page: &mut Page<'_>) {
        let live = hosts.iter().filter(|host| facts.is_live(host)).map(|host| host.namespace.as_str());
        let known: BTreeSet<&str> = live.chain(["default"]).collect();
        for name in known {
            page.push_if(|| self.takes(&Object::namespace(name)), || Unit::Namespace(name.to_owned()));
        }
    }
}

/// A page of a list that fills.
struct Page<'a> {
    units: Vec<Unit>,
    after: Option<&'a Place>,
    limit: usize,
    more: bool,
}

impl Page<'_> {
    fn push_if(&mut self, selects: impl FnOnce() -> bool, unit: impl FnOnce() -> Unit) {
        if self.more || !selects() {
            return;
        }
        let unit = unit();
        if self.after.is_some_and(|after| unit.place() <= *after) {
            return;
        }
        if self.units.len() == self.limit {
            self.more = true;
        } else {
            self.units.push(unit);
        }
    }
}

impl Unit {
    /// Where the object stands in its list.
    pub(super) fn place(&self) -> Place {
        let (service, rest) = match self {
            Unit::Service(service, namespace) => (service.as_str(), namespace.to_string()),
            Unit::Pod(host) => (host.service.as_str(), format!("{}{}", host.dialect as u8, host.id)),
            Unit::Slice(slice) => {
                let namespace = slice.hosts.first().map_or("", |host| host.namespace.as_str());
                (slice.service.as_str(), format!("{namespace}/{}", slice.name()))
            }
            Unit::Namespace(name) => ("", name.clone()),
        };
        Place { service: service.to_owned(), rest }
    }

    /// The object; `None` where its hosts are gone since.
    pub(super) fn object<'a>(
        &'a self,
        wanted: &Wanted,
        snapshot: &'a Snapshot,
        facts: Facts<'a>,
    ) -> Option<Object<'a>> {
        match self {
            Unit::Service(service, namespace) => {
                let rows = snapshot.hosts.of_any_case(service.as_str()).filter(|host| facts.is_live(host));
                let hosts: Vec<_> = rows.filter(|host| host.namespace.as_str() == &**namespace).collect();
                let first = hosts.first()?;
                let namespace = first.namespace.as_str();
                let group = Group { service: names::service(service.as_str()), namespace, hosts };
                let object = match wanted.resource {
                    Resource::Services => Object::service(&group, facts),
                    Resource::Endpoints | Resource::Pods | Resource::EndpointSlices | Resource::Namespaces => {
                        Object::endpoints(&group, facts)
                    }
                };
                Some(object.at(snapshot.hosts.modified(service.as_str())))
            }
            Unit::Pod(host) => facts.is_live(host).then(|| Object::pod(host, facts).at(host.modified)),
            Unit::Slice(slice) => {
                let hosts: Vec<&Arc<Host>> = slice.hosts.iter().filter(|host| facts.is_live(host)).collect();
                let first = hosts.first()?;
                let (service, namespace) = (slice.service.as_str(), first.namespace.as_str());
                let labels = slice.labels.iter().map(|(key, value)| (key.as_str(), value.as_str().into())).collect();
                let object = Object::slice(&names::service(service), namespace, slice.key, &hosts, labels, facts);
                Some(object.at(snapshot.hosts.modified(service)))
            }
            Unit::Namespace(name) => Some(Object::namespace(name).at(snapshot.revision)),
        }
    }
}
