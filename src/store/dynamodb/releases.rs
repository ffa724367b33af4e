//! What an operator says at one server, that all of them do: hosts that the brake keeps are let go. It is an item with the
//! moment of it, which the others find at their next reading.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::client::Trouble;
use super::engine::Engine;
use super::expression;
use super::item::{CHECK_IN, Item, ItemKey};
use super::place::{self, Place};
use crate::clock::Timestamp;
use crate::registry::{CommitError, Proposal, Released, Verdict};

/// Time after which such an item is deleted: every server has read it by then.
const FORGOTTEN: Duration = Duration::from_secs(600);

/// What was let go.
#[derive(Debug, Default)]
pub(super) struct Releases {
    /// The moment that each item has, as text, and when it was first seen.
    known: BTreeMap<ItemKey, (Box<str>, Timestamp)>,
    /// Whether the table was read since the start: what is there then was so at its time.
    read: bool,
}

impl Releases {
    /// Takes note of an item; says whether it is news.
    fn hear(&mut self, key: ItemKey, moment: &str, now: Timestamp) -> bool {
        if self.known.get(&key).is_some_and(|(known, _)| **known == *moment) {
            return false;
        }
        self.known.insert(key, (moment.into(), now));
        self.read
    }

    /// The table was read.
    pub(super) fn has_read(&mut self) {
        self.read = true;
    }

    /// Items that nobody needs any more.
    fn past(&mut self, now: Timestamp) -> Vec<ItemKey> {
        let past = self.known.iter().filter(|(_, (_, since))| now.since(*since) > FORGOTTEN);
        let past: Vec<ItemKey> = past.map(|(key, _)| key.clone()).collect();
        self.known.retain(|key, _| !past.contains(key));
        past
    }
}

impl Engine {
    /// Tells all servers that hosts are let go, and does so here.
    pub(super) async fn release(self: Arc<Self>, proposal: Proposal) {
        let Some(release) = proposal.release.clone() else { return };
        let (key, moment) = (place::of_release(&release), self.moment());
        match self.client.set(expression::live(&key, &moment)).await {
            Ok(()) => {
                self.releases.lock().hear(key, &moment, self.registry.now());
                self.let_go(&release);
                proposal.settle(Verdict::Taken);
            }
            Err(trouble) => {
                if matches!(trouble, Trouble::Away(_) | Trouble::NoTable) {
                    self.go_away(&trouble);
                }
                proposal.settle(Verdict::Refused(CommitError::Unavailable(trouble.to_string())));
            }
        }
    }

    fn let_go(&self, release: &Released) {
        let service = match release {
            Released::Of(service) => Some(service),
            Released::All => None,
        };
        self.registry.release_here(service);
    }

    /// Does what an item says, if it says so.
    pub(super) fn hear_release(&self, item: &Item) {
        let Some((key, release)) = item.key().and_then(|key| match place::read(&key) {
            Ok(Place::Release(release)) => Some((key, release)),
            _ => None,
        }) else {
            return;
        };
        let moment = item.text(CHECK_IN).unwrap_or_default();
        if self.releases.lock().hear(key, moment, self.registry.now()) {
            tracing::info!(?release, "kept hosts are let go, as an operator said at another server");
            self.let_go(&release);
        }
    }

    /// Deletes what every server has read.
    pub(super) async fn forget_releases(&self) {
        let past = self.releases.lock().past(self.registry.now());
        for key in past {
            let _ = self.client.forget(&key).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_at_the_start_is_no_news() {
        let at = |secs: u64| Timestamp::from_micros(secs * 1_000_000);
        let key = || place::of_release(&Released::All);
        let mut releases = Releases::default();
        assert!(!releases.hear(key(), "1", at(0)));
        releases.has_read();
        assert!(!releases.hear(key(), "1", at(5)));
        assert!(releases.hear(key(), "2", at(10)));
        assert!(!releases.hear(key(), "2", at(15)));
        assert_eq!((releases.past(at(500)), releases.past(at(700))), (vec![], vec![key()]));
        assert!(releases.known.is_empty());
    }
}
