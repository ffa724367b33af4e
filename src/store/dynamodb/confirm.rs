//! Requests that find their host as they want it. What this server knows is up to a reading old: before such a request is
//! answered its item is read, as another server may have changed it, or deleted it, since.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::client::Trouble;
use super::engine::Engine;
use super::place;
use super::stats::Stats;
use crate::limits;
use crate::registry::{Proposal, Verdict};
use crate::table::{Dialect, HostKey, Revision};

/// What a reading of an item told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Read {
    /// There is one, and it was taken over.
    There,
    /// There is none.
    Gone,
    /// Nothing: it could not be read.
    Nothing,
}

/// Readings of single items, one of each at a time. Whoever comes while one is under way waits for the next, and all who
/// came before that began share it.
#[derive(Debug, Default)]
pub(super) struct Readings {
    /// Numbers of those who come, and of readings, in one order.
    order: AtomicU64,
    items: Mutex<HashMap<HostKey, Arc<Latest>>>,
}

/// The last reading of an item, by its number, while somebody asks for it.
type Latest = tokio::sync::Mutex<Option<(u64, Read)>>;

impl Readings {
    /// What a reading tells that began after this call did; `read` is one.
    async fn share(&self, key: &HostKey, read: impl Future<Output = Read>) -> Read {
        let came = self.order.fetch_add(1, Ordering::Relaxed);
        let latest = Arc::clone(self.items.lock().entry(key.clone()).or_default());
        let told = {
            let mut latest = latest.lock().await;
            match *latest {
                Some((began, told)) if began > came => told,
                _ => {
                    let began = self.order.fetch_add(1, Ordering::Relaxed);
                    let told = read.await;
                    *latest = Some((began, told));
                    told
                }
            }
        };
        let mut items = self.items.lock();
        // The map has one, and this is the other: nobody else asks.
        if Arc::strong_count(&latest) <= 2 {
            items.remove(key);
        }
        told
    }
}

impl Engine {
    /// Whether rows that are to be as they are still are so; a conflict where one is news.
    pub(super) async fn confirm(&self, proposal: &Proposal) -> Verdict {
        // A row that the request itself changes is on a condition anyway.
        let changed: HashSet<HostKey> = proposal.changes.iter().map(|change| change.key()).collect();
        // What follows from a node that it changes is in no table yet: its rows have no revision here.
        let of_table = !changed.iter().any(|key| key.dialect == Dialect::Node);
        let mut rows: HashMap<&HostKey, Option<Revision>> = HashMap::new();
        for (key, revision) in proposal.same.iter().filter(|(key, _)| !changed.contains(key)) {
            rows.insert(key, if of_table { Some(*revision) } else { self.revision(key) });
        }
        let rows: Vec<_> = rows.into_iter().collect();
        for some in rows.chunks(limits::DYNAMODB_AT_A_TIME) {
            let confirmed = some.iter().map(|(key, revision)| self.is_still(key, *revision));
            if futures_util::future::join_all(confirmed).await.contains(&false) {
                return Verdict::Conflict;
            }
        }
        Verdict::Taken
    }

    /// The revision of a row in the table.
    fn revision(&self, key: &HostKey) -> Option<Revision> {
        self.registry.snapshot().hosts.get(key).map(|host| host.modified)
    }

    async fn is_still(&self, key: &HostKey, revision: Option<Revision>) -> bool {
        if self.revision(key) != revision {
            return false;
        }
        let told = self.readings.share(key, self.read_one(key)).await;
        told == Read::Nothing || (told == Read::There && self.revision(key) == revision)
    }

    /// Reads an item and takes it over. Where that cannot be the request is taken for what it is nearly always, a heartbeat:
    /// those are not refused.
    async fn read_one(&self, key: &HostKey) -> Read {
        let _place = self.places.acquire().await;
        if self.registry.is_away() {
            return Read::Nothing;
        }
        let began = self.items.lock().begin();
        Stats::count(&self.stats.confirmations);
        let read = self.client.get(&place::of(key)).await;
        let told = match &read {
            Ok(item) => {
                self.take_one(key, item.as_ref(), began);
                if item.is_some() { Read::There } else { Read::Gone }
            }
            Err(Trouble::Busy(_)) => {
                Stats::count(&self.stats.throttled);
                Read::Nothing
            }
            Err(trouble @ (Trouble::Away(_) | Trouble::Late(_) | Trouble::NoTable)) => {
                self.go_away(trouble);
                Read::Nothing
            }
            Err(trouble @ (Trouble::Refused(_) | Trouble::Condition(_))) => {
                tracing::error!(%key, %trouble, "it cannot be seen whether a host is still as a request wants it");
                Read::Nothing
            }
        };
        self.items.lock().end(began);
        told
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::super::tests::key;
    use super::*;

    #[tokio::test]
    async fn those_who_come_during_a_reading_share_the_next_one() {
        let readings = Arc::new(Readings::default());
        let (gate, made) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicU64::new(0)));
        let ask = || {
            let (readings, gate, made) = (Arc::clone(&readings), Arc::clone(&gate), Arc::clone(&made));
            tokio::spawn(async move {
                let read = async {
                    let number = made.fetch_add(1, Ordering::Relaxed);
                    gate.acquire().await.expect("open").forget();
                    if number == 0 { Read::There } else { Read::Gone }
                };
                readings.share(&key("web", Dialect::Native, "a"), read).await
            })
        };
        let first = ask();
        tokio::task::yield_now().await;
        let others = [ask(), ask(), ask()];
        tokio::task::yield_now().await;
        gate.add_permits(2);
        assert_eq!(first.await.expect("an end"), Read::There);
        for other in others {
            assert_eq!(other.await.expect("an end"), Read::Gone, "what was read before they came tells them nothing");
        }
        assert_eq!(made.load(Ordering::Relaxed), 2);
        assert!(readings.items.lock().is_empty(), "nothing is left of it");
    }
}
