//! Which hosts have which endpoint, kept as far as the table has come.

use std::fmt;

use parking_lot::Mutex;

use super::stored::{Endpoint, endpoints_of};
use super::tree::Tree;
use crate::limits;
use crate::registry::{Registry, Snapshot};
use crate::table::{Change, Host, Revision};

/// The endpoints of all hosts. It follows the changes when it is asked, and not before: a table that no gateway asks
/// for pays nothing.
#[derive(Default)]
pub struct Endpoints(Mutex<Index>);

#[derive(Default)]
struct Index {
    /// The last change that is in it; `None` before the first look-up.
    seen: Option<Revision>,
    tree: Tree,
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoints").finish_non_exhaustive()
    }
}

impl Endpoints {
    /// Looks at the endpoints as of `snapshot` or later.
    pub(super) fn look<T>(&self, registry: &Registry, snapshot: &Snapshot, look: impl FnOnce(&Tree) -> T) -> T {
        let mut index = self.0.lock();
        index.follow(registry, snapshot);
        look(&index.tree)
    }
}

impl Index {
    fn follow(&mut self, registry: &Registry, snapshot: &Snapshot) {
        while let Some(seen) = self.seen.filter(|seen| *seen < snapshot.revision) {
            match registry.changes_since(seen, limits::WATCH_BATCH) {
                Ok(changes) => {
                    self.seen = Some(changes.last().map_or(snapshot.revision, |last| last.revision));
                    changes.iter().for_each(|change| self.take(change));
                }
                Err(_compacted) => self.seen = None,
            }
        }
        if self.seen.is_none() {
            self.tree = Tree::default();
            snapshot.hosts.iter().for_each(|host| self.add(host));
            self.seen = Some(snapshot.revision);
        }
    }

    fn take(&mut self, change: &Change) {
        let said = |host: Option<&std::sync::Arc<Host>>| host.map(|host| endpoints_of(host)).unwrap_or_default();
        let (before, after) = (said(change.before.as_ref()), said(change.after.as_ref()));
        if before == after {
            return;
        }
        let key = change.host().key();
        for Endpoint(verb, path) in &before {
            self.tree.remove(verb, path, &key);
        }
        for Endpoint(verb, path) in &after {
            self.tree.insert(verb, path, &key);
        }
    }

    fn add(&mut self, host: &Host) {
        for Endpoint(verb, path) in endpoints_of(host) {
            self.tree.insert(&verb, &path, &host.key());
        }
    }
}
