//! One item at a time: hosts that another server registered since the last reading, and that somebody calls about here.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::client::Trouble;
use super::engine::Engine;
use super::place;
use super::stats::Stats;
use crate::limits;
use crate::registry::{Lookup, Lookups};
use crate::table::HostKey;

/// Who waits for which item. Each is asked for once at a time, a few at a time. Pure.
#[derive(Default)]
struct Seeking(HashMap<HostKey, Vec<oneshot::Sender<bool>>>);

impl Seeking {
    /// Notes who waits; says whether the item is to be asked for.
    fn begin(&mut self, Lookup { key, found }: Lookup, may_ask: impl FnOnce() -> bool) -> Option<HostKey> {
        // Who waits is a request over HTTP, of which there is a bound.
        if let Some(waiting) = self.0.get_mut(&key) {
            waiting.push(found);
            return None;
        }
        if self.0.len() >= limits::LOOKUPS_AT_A_TIME || !may_ask() {
            // Whoever has gone away wants no answer.
            let _ = found.send(false);
            return None;
        }
        self.0.insert(key.clone(), vec![found]);
        Some(key)
    }

    /// Tells all who wait for it.
    fn end(&mut self, key: &HostKey, is_found: bool) {
        for found in self.0.remove(key).into_iter().flatten() {
            let _ = found.send(is_found);
        }
    }
}

impl Engine {
    /// Looks up what is asked for, until it is aborted.
    pub(super) async fn seek(self: Arc<Self>, mut lookups: Lookups) {
        let (mut seeking, mut running) = (Seeking::default(), JoinSet::new());
        loop {
            tokio::select! {
                Some(ended) = running.join_next() => match ended {
                    Ok((key, is_found)) => seeking.end(&key, is_found),
                    Err(error) => {
                        tracing::error!(%error, "a look-up in DynamoDB failed in itself");
                        // Whoever waits for any is told nothing, and asks no more.
                        seeking = Seeking::default();
                    }
                },
                lookup = lookups.recv() => {
                    let Some(lookup) = lookup else { return };
                    if let Some(key) = seeking.begin(lookup, || self.may_look_up()) {
                        let engine = Arc::clone(&self);
                        running.spawn(async move {
                            let is_found = engine.look_up(&key).await;
                            (key, is_found)
                        });
                    }
                }
            }
        }
    }

    /// Whether there is one left of those that are allowed between two readings.
    fn may_look_up(&self) -> bool {
        let less = |left: u64| left.checked_sub(1);
        self.lookups_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    async fn look_up(&self, key: &HostKey) -> bool {
        let began = self.items.lock().begin();
        Stats::count(&self.stats.lookups);
        let read = self.client.get(&place::of(key)).await;
        match &read {
            Ok(Some(item)) => self.take_one(key, Some(item), began),
            // That it is gone the next reading says, which is where hosts leave.
            Ok(None) => {}
            Err(trouble @ (Trouble::Away(_) | Trouble::NoTable)) => self.go_away(trouble),
            Err(trouble) => tracing::debug!(%key, %trouble, "a host cannot be looked up"),
        }
        self.items.lock().end(began);
        self.registry.snapshot().hosts.get(key).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::key;
    use super::*;
    use crate::table::Dialect;

    fn lookup(id: &str) -> (Lookup, oneshot::Receiver<bool>) {
        let (found, told) = oneshot::channel();
        (Lookup { key: key("web", Dialect::Native, id), found }, told)
    }

    #[test]
    fn an_item_is_asked_for_once_at_a_time() {
        let mut seeking = Seeking::default();
        let (first, mut one) = lookup("a");
        let (second, mut other) = lookup("a");
        let asked = seeking.begin(first, || true).expect("to be asked for");
        assert_eq!(seeking.begin(second, || panic!("it is asked for already")), None);
        assert!(one.try_recv().is_err());
        seeking.end(&asked, true);
        assert_eq!((one.try_recv(), other.try_recv()), (Ok(true), Ok(true)));
        assert!(seeking.begin(lookup("a").0, || true).is_some(), "and again later");
    }

    #[test]
    fn many_are_not_asked_for_together() {
        let mut seeking = Seeking::default();
        for number in 0..limits::LOOKUPS_AT_A_TIME {
            assert!(seeking.begin(lookup(&number.to_string()).0, || true).is_some());
        }
        let (late, mut told) = lookup("late");
        assert_eq!(seeking.begin(late, || true), None);
        assert_eq!(told.try_recv(), Ok(false), "it is unknown until the next reading");
        let (refused, mut told) = lookup("refused");
        assert_eq!(Seeking::default().begin(refused, || false), None);
        assert_eq!(told.try_recv(), Ok(false));
    }
}
