//! The rows and their indexes, ordered and persistent.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};
use smallvec::SmallVec;

use super::change::Revision;
use super::check::Check;
use super::host::Host;
use super::key::{Dialect, HostKey, Row, RowKey};
use super::node::{FirstAt, Placed, Standing};
use super::text::{Place, ServiceName};

/// All rows of a table. A clone is O(1) and does not see later changes.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    /// By service, dialect, id.
    rows: OrdSet<Row>,
    /// Those that are nodes, by name.
    nodes: OrdSet<Row>,
    /// The node that this server is.
    own_node: Option<Arc<Host>>,
    /// What is known of each service; its key is the one allocation of the name that the rows share.
    services: OrdMap<ServiceName, Tally>,
    /// The services that have capitals in their name, by the same without.
    capitals: OrdMap<Box<str>, OrdSet<ServiceName>>,
    repos: OrdMap<Place, OrdSet<Row>>,
    /// Those of Consul's dialect, by where they stand.
    placed: OrdSet<Placed>,
    /// Those of them that have a check whose id does not name the row, by node and check.
    checked: OrdMap<(Box<str>, Box<str>), OrdSet<Placed>>,
    /// The last changes of nodes and what stands on them.
    on_nodes: OrdMap<Box<str>, Revision>,
    marks: Marks,
}

/// What is known of a service.
#[derive(Clone, Copy, Debug)]
struct Tally {
    rows: usize,
    /// The last change of one of its rows, or of a node that one stands on.
    modified: Revision,
}

/// The last changes of what is more than one service.
#[derive(Clone, Copy, Debug, Default)]
struct Marks {
    /// A service lost its last row. No service that has none was changed later.
    gone: Revision,
    /// The list of services with their tags became another.
    listed: Revision,
    /// A node became another, came or went.
    nodes: Revision,
}

/// The node of a row, see [`Standing::node`]; a host of another dialect than Consul's stands on this server's.
fn node_of(host: &Host) -> &str {
    match host.dialect {
        Dialect::Consul => Standing::of(&host.id).node,
        Dialect::Node => host.as_node().unwrap_or_default(),
        Dialect::Native | Dialect::Lyft | Dialect::Minos | Dialect::Etcd => "",
    }
}

impl Hosts {
    /// How many there are, lapsed ones that were not yet removed included, nodes not.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The row of a key.
    pub fn get(&self, key: &HostKey) -> Option<&Arc<Host>> {
        self.of_dialect(key.dialect).get(&RowKey::of(key)).map(|row| &row.0)
    }

    /// The row of a key in parts.
    pub fn find(&self, service: &str, dialect: Dialect, id: &str) -> Option<&Arc<Host>> {
        self.of_dialect(dialect).get(&RowKey { service, dialect, id }).map(|row| &row.0)
    }

    fn of_dialect(&self, dialect: Dialect) -> &OrdSet<Row> {
        if dialect == Dialect::Node { &self.nodes } else { &self.rows }
    }

    /// All rows but nodes, by service, dialect, id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Host>> {
        self.rows.iter().map(|row| &row.0)
    }

    /// The nodes, by name.
    pub fn nodes(&self) -> impl Iterator<Item = &Arc<Host>> {
        self.nodes.iter().map(|row| &row.0)
    }

    /// How many nodes there are.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// The row of a node, whatever the case of its name; the empty name is the node that this server is.
    pub fn node(&self, name: &str) -> Option<&Arc<Host>> {
        if name.is_empty() {
            return self.own_node.as_ref();
        }
        let name = name.to_ascii_lowercase();
        let first = RowKey { service: &name, dialect: Dialect::Node, id: "" };
        self.nodes.range::<_, RowKey<'_>>(first..).map(|row| &row.0).next().filter(|node| node.service.as_str() == name)
    }

    /// The rows on a node, by id; see [`Standing::node`].
    pub fn on_node<'a>(&'a self, node: &'a str) -> impl Iterator<Item = &'a Arc<Host>> {
        let first = FirstAt(Standing { node, id: "" });
        self.placed
            .range::<_, FirstAt<'a>>(first..)
            .map(|placed| &placed.0)
            .take_while(move |host| Standing::of(&host.id).node == node)
    }

    /// The row that stands there. Where an id was moved to another service, there is one only.
    pub fn standing(&self, at: Standing<'_>) -> Option<&Arc<Host>> {
        self.placed
            .range::<_, FirstAt<'_>>(FirstAt(at)..)
            .map(|placed| &placed.0)
            .next()
            .filter(|host| Standing::of(&host.id) == at)
    }

    /// The rows on a node that have a check of that id, the node itself included, the one that was changed last first. There
    /// is one, unless several hosts gave their checks one id.
    pub fn with_check(&self, node: &str, check: &str) -> Vec<&Arc<Host>> {
        let at = |id: &str| self.standing(Standing { node, id });
        let named = row_named(check).and_then(at);
        // `service:web:1` is the first check of `web`, or the only one of `web:1`.
        let first = row_named(check).and_then(|id| Some(id.rsplit_once(':')?.0)).and_then(at);
        let odd = self.checked.get(&(node.into(), check.into())).into_iter().flatten().map(|placed| &placed.0);
        let known = self.node(node).into_iter().chain(named).chain(first).chain(odd);
        let mut rows: Vec<_> = known.filter(|host| host.checks.iter().any(|known| *known.id == *check)).collect();
        rows.sort_by_key(|host| std::cmp::Reverse(host.modified));
        rows.dedup_by_key(|host| host.key());
        rows
    }

    /// All rows of a service and those after it, by service, dialect, id.
    pub fn from_service(&self, service: &str) -> impl Iterator<Item = &Arc<Host>> {
        self.rows.range::<_, RowKey<'_>>(RowKey::first_of(service)..).map(|row| &row.0)
    }

    /// The rows of a service, by dialect, id.
    pub fn of_service<'a>(&'a self, service: &'a str) -> impl Iterator<Item = &'a Arc<Host>> {
        self.rows
            .range::<_, RowKey<'a>>(RowKey::first_of(service)..)
            .map(|row| &row.0)
            .take_while(move |host| host.service.as_str() == service)
    }

    /// The rows of a repository, by service, dialect, id.
    pub fn of_repo(&self, repo: &Place) -> impl Iterator<Item = &Arc<Host>> {
        self.repos.get(repo).into_iter().flat_map(|rows| rows.iter().map(|row| &row.0))
    }

    /// The services that have a row, with the number of rows.
    pub fn services(&self) -> impl Iterator<Item = (&ServiceName, usize)> {
        self.services.iter().map(|(name, tally)| (name, tally.rows))
    }

    /// How many services have a row.
    pub fn service_count(&self) -> usize {
        self.services.len()
    }

    /// How many rows a service has.
    pub fn count(&self, service: &str) -> usize {
        self.of_name(service).map_or(0, |(_, tally)| tally.rows)
    }

    /// The services that have this name, whatever the case.
    pub fn any_case(&self, service: &str) -> impl Iterator<Item = &ServiceName> {
        let lower = service.to_ascii_lowercase();
        let capitals = self.capitals.get(lower.as_str()).into_iter().flat_map(|names| names.iter());
        self.of_name(&lower).map(|(name, _)| name).into_iter().chain(capitals)
    }

    /// The rows of the services that have this name, whatever the case: by name, dialect, id.
    pub fn of_any_case(&self, service: &str) -> impl Iterator<Item = &Arc<Host>> {
        let mut names: SmallVec<[&ServiceName; 2]> = self.any_case(service).collect();
        names.sort_unstable();
        names.into_iter().flat_map(|name| self.of_service(name.as_str()))
    }

    /// The revision since which what is known of a service, in whatever case, is the same; it grows with every change of the
    /// service, also while it comes and goes. After a start it is that of the table: what happened to rows that are gone is
    /// forgotten.
    pub fn modified(&self, service: &str) -> Revision {
        let known = self.any_case(service).filter_map(|name| self.services.get(name)).map(|tally| tally.modified);
        known.max().unwrap_or(self.marks.gone)
    }

    /// The same of the list of services and their tags.
    pub fn list_modified(&self) -> Revision {
        self.marks.listed
    }

    /// The same of a node and what stands on it.
    pub fn node_modified(&self, node: &str) -> Revision {
        self.on_nodes.get(node).copied().unwrap_or(self.marks.nodes)
    }

    /// The same of the nodes.
    pub fn nodes_modified(&self) -> Revision {
        self.marks.nodes
    }

    fn of_name(&self, service: &str) -> Option<(&ServiceName, &Tally)> {
        self.services.get_key_value(&ByText(service))
    }

    /// Puts a row in the place of the one with its key, if there is one.
    pub(super) fn insert(&mut self, host: Arc<Host>) {
        let modified = host.modified;
        match self.on_nodes.get_mut(node_of(&host)) {
            Some(known) => *known = modified,
            None => drop(self.on_nodes.insert(node_of(&host).into(), modified)),
        }
        if host.dialect == Dialect::Node {
            if host.as_node() == Some("") {
                self.own_node = Some(Arc::clone(&host));
            }
            self.nodes.insert(Row(host));
            self.marks.nodes = modified;
            return;
        }
        let row = Row(host);
        match self.rows.insert(row.clone()) {
            Some(old) => {
                self.leave_repo(&old.0);
                self.forget_checks(&old.0);
                if old.0.tags != row.0.tags || old.0.namespace != row.0.namespace {
                    self.marks.listed = modified;
                }
                self.touch(&row.0.service, modified);
            }
            None => {
                if has_capitals(&row.0.service) {
                    let lower = row.0.service.as_str().to_ascii_lowercase().into_boxed_str();
                    self.capitals.entry(lower).or_default().insert(row.0.service.clone());
                }
                match self.services.get_mut(&row.0.service) {
                    Some(tally) => *tally = Tally { rows: tally.rows + 1, modified },
                    None => drop(self.services.insert(row.0.service.clone(), Tally { rows: 1, modified })),
                }
                self.marks.listed = modified;
            }
        }
        if row.0.dialect == Dialect::Consul {
            self.placed.insert(Placed(Arc::clone(&row.0)));
            for key in odd_checks(&row.0) {
                self.checked.entry(key).or_default().insert(Placed(Arc::clone(&row.0)));
            }
        }
        if let Some(repo) = &row.0.repo {
            self.repos.entry(repo.clone()).or_default().insert(row.clone());
        }
    }

    /// Takes a row out, as the change of that revision.
    pub(super) fn remove(&mut self, host: &Arc<Host>, revision: Revision) {
        let key = host.key();
        if host.dialect == Dialect::Node {
            self.nodes.remove(&RowKey::of(&key));
            self.own_node.take_if(|own| own.key() == key);
            self.on_nodes.remove(node_of(host));
            self.marks.nodes = revision;
            return;
        }
        let Some(old) = self.rows.remove(&RowKey::of(&key)) else { return };
        self.leave_repo(&old.0);
        self.forget_checks(&old.0);
        if old.0.dialect == Dialect::Consul {
            self.placed.remove(&Placed(old.0));
        }
        self.marks.listed = revision;
        self.on_nodes.insert(node_of(host).into(), revision);
        let Some(tally) = self.services.get_mut(&ByText(host.service.as_str())) else { return };
        *tally = Tally { rows: tally.rows - 1, modified: revision };
        if tally.rows == 0 {
            self.services.remove(&ByText(host.service.as_str()));
            self.marks.gone = revision;
            let lower = host.service.as_str().to_ascii_lowercase();
            if let Some(names) = self.capitals.get_mut(lower.as_str()) {
                names.remove(&host.service);
                if names.is_empty() {
                    self.capitals.remove(lower.as_str());
                }
            }
            // Other spellings of the name stay, and what is known of it is another.
            let others: SmallVec<[ServiceName; 2]> = self.any_case(&lower).cloned().collect();
            others.iter().for_each(|name| self.touch(name, revision));
        }
    }

    /// Says that a service is another since that revision.
    pub(super) fn touch(&mut self, service: &ServiceName, revision: Revision) {
        if let Some(tally) = self.services.get_mut(&ByText(service.as_str())) {
            tally.modified = revision;
        }
    }

    /// Begins to count at a revision: whoever waits for something newer than one before is told to look.
    pub(super) fn count_from(&mut self, revision: Revision) {
        self.marks = Marks { gone: revision, listed: revision, nodes: revision };
        self.on_nodes = self.on_nodes.keys().map(|node| (node.clone(), revision)).collect();
        self.services =
            self.services.iter().map(|(name, tally)| (name.clone(), Tally { modified: revision, ..*tally })).collect();
    }

    /// The one allocation of a service's name; says how many rows the service has.
    pub(super) fn share_name(&self, name: &mut ServiceName) -> usize {
        let Some((shared, tally)) = self.of_name(name.as_str()) else { return 0 };
        name.share(shared);
        tally.rows
    }

    fn forget_checks(&mut self, host: &Arc<Host>) {
        for key in odd_checks(host) {
            if let Some(rows) = self.checked.get_mut(&key) {
                rows.remove(&Placed(Arc::clone(host)));
                if rows.is_empty() {
                    self.checked.remove(&key);
                }
            }
        }
    }

    fn leave_repo(&mut self, host: &Arc<Host>) {
        let Some(repo) = &host.repo else { return };
        if let Some(rows) = self.repos.get_mut(repo) {
            rows.remove(&RowKey::of(&host.key()));
            if rows.is_empty() {
                self.repos.remove(repo);
            }
        }
    }
}

fn has_capitals(service: &ServiceName) -> bool {
    service.as_str().bytes().any(|byte| byte.is_ascii_uppercase())
}

/// The id of the row that the id of a check names: `service:<id>` and `_service_maintenance:<id>` as Consul makes them.
fn row_named(check: &str) -> Option<&str> {
    check.strip_prefix("service:").or_else(|| check.strip_prefix("_service_maintenance:"))
}

/// The checks of a row of Consul's dialect by which it is not found without an index.
fn odd_checks(host: &Host) -> impl Iterator<Item = (Box<str>, Box<str>)> {
    let Standing { node, id } = Standing::of(&host.id);
    let is_odd = move |check: &&Check| {
        row_named(&check.id)
            .is_none_or(|named| named != id && named.rsplit_once(':').is_none_or(|(first, _)| first != id))
    };
    let checks: &[Check] = if host.dialect == Dialect::Consul { &host.checks } else { &[] };
    checks.iter().filter(is_odd).map(move |check| (node.into(), check.id.clone()))
}

/// A service name to look up by its text.
struct ByText<'a>(&'a str);

impl equivalent::Equivalent<ServiceName> for ByText<'_> {
    fn equivalent(&self, name: &ServiceName) -> bool {
        self.0 == name.as_str()
    }
}

impl equivalent::Comparable<ServiceName> for ByText<'_> {
    fn compare(&self, name: &ServiceName) -> std::cmp::Ordering {
        self.0.cmp(name.as_str())
    }
}
