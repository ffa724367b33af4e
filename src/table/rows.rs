//! The rows and their indexes, ordered and persistent.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};

use super::host::Host;
use super::key::{Dialect, HostKey, Row, RowKey};
use super::text::{Place, ServiceName};

/// All rows of a table. A clone is O(1) and does not see later changes.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    /// By service, dialect, id.
    rows: OrdSet<Row>,
    /// How many rows a service has; its key is the one allocation of the name that the rows share.
    services: OrdMap<ServiceName, usize>,
    repos: OrdMap<Place, OrdSet<Row>>,
}

impl Hosts {
    /// How many there are, lapsed ones that were not yet removed included.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The row of a key.
    pub fn get(&self, key: &HostKey) -> Option<&Arc<Host>> {
        self.rows.get(&RowKey::of(key)).map(|row| &row.0)
    }

    /// The row of a key in parts.
    pub fn find(&self, service: &str, dialect: Dialect, id: &str) -> Option<&Arc<Host>> {
        self.rows.get(&RowKey { service, dialect, id }).map(|row| &row.0)
    }

    /// All rows, by service, dialect, id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Host>> {
        self.rows.iter().map(|row| &row.0)
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
        self.services.iter().map(|(name, count)| (name, *count))
    }

    /// How many services have a row.
    pub fn service_count(&self) -> usize {
        self.services.len()
    }

    /// How many rows a service has.
    pub fn count(&self, service: &str) -> usize {
        self.of_name(service).map_or(0, |(_, count)| *count)
    }

    fn of_name(&self, service: &str) -> Option<(&ServiceName, &usize)> {
        self.services.get_key_value(&ByText(service))
    }

    /// Puts a row in the place of the one with its key, if there is one.
    pub(super) fn insert(&mut self, host: Arc<Host>) {
        let row = Row(host);
        match self.rows.insert(row.clone()) {
            Some(old) => self.leave_repo(&old.0),
            None => *self.services.entry(row.0.service.clone()).or_insert(0) += 1,
        }
        if let Some(repo) = &row.0.repo {
            self.repos.entry(repo.clone()).or_default().insert(row.clone());
        }
    }

    /// Takes a row out.
    pub(super) fn remove(&mut self, host: &Arc<Host>) {
        let Some(old) = self.rows.remove(&RowKey::of(&host.key())) else { return };
        self.leave_repo(&old.0);
        if let Some(count) = self.services.get_mut(&ByText(host.service.as_str())) {
            *count -= 1;
            if *count == 0 {
                self.services.remove(&ByText(host.service.as_str()));
            }
        }
    }

    /// The one allocation of a service's name.
    pub(super) fn share_name(&self, name: &mut ServiceName) {
        if let Some((shared, _)) = self.of_name(name.as_str()) {
            name.share(shared);
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
