//! What an accepted event still waits for: the store, or its turn to be published.
//!
//! To publish costs more than to change a row: the snapshot shares everything with the table, so the first change after
//! it copies whatever it touches, and those who follow are woken. So where nothing is stored a writer does not publish
//! at once. It lets every other task go first that is ready on its thread; those of them that write stage their
//! changes too, and whoever goes on first publishes for all. A writer that is alone waits for nobody.

use tokio::sync::oneshot;

use super::{CommitError, Registry, SubmitError};
use crate::table::Revision;

/// What has to happen before an event may be acknowledged.
pub(super) enum Pending<'r> {
    /// It has happened.
    Nothing,
    /// The store writes it.
    Written(oneshot::Receiver<Result<(), CommitError>>),
    /// It is published.
    Published(Turn<'r>),
}

impl Pending<'_> {
    /// Waits for it.
    pub(super) async fn settle(self) -> Result<(), SubmitError> {
        match self {
            Pending::Nothing => Ok(()),
            Pending::Written(receiver) => match receiver.await {
                Ok(result) => Ok(result?),
                Err(_) => Err(SubmitError::Store(CommitError::Unavailable("the server is stopping".into()))),
            },
            Pending::Published(turn) => {
                tokio::task::yield_now().await;
                drop(turn);
                Ok(())
            }
        }
    }
}

/// The turn of a change to be published: when it is dropped the change is visible, also where nobody waits for it any more.
pub(super) struct Turn<'r> {
    registry: &'r Registry,
    revision: Revision,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.registry.publish_up_to(self.revision);
    }
}

impl Registry {
    /// A turn for what is staged up to `revision`.
    pub(super) fn turn(&self, revision: Revision) -> Pending<'_> {
        Pending::Published(Turn { registry: self, revision })
    }

    /// Publishes all that is staged, unless somebody has published this revision.
    fn publish_up_to(&self, revision: Revision) {
        if self.snapshot.load().revision >= revision {
            return;
        }
        let mut core = self.core.lock();
        if let Some(batch) = core.take_batch() {
            self.publish_locked(&mut core, batch);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt as _;

    use crate::clock::{Clock, Timestamp};
    use crate::registry::{Durability, Registry, SubmitError};
    use crate::table::{Dialect, Event, HostId, Registration, Revision, ServiceName, Target};
    use crate::zone::Zones;

    fn registry() -> Registry {
        let clock = Arc::new(Clock::manual(Timestamp::from_micros(1)));
        let registry = Registry::new(clock, Zones::default(), Durability::Immediate);
        registry.load([], Revision(1), 1);
        registry
    }

    fn register(id: &str) -> Event {
        Event::Register(Box::new(Registration::new(
            ServiceName::parse("service", "web").expect("a name"),
            Dialect::Native,
            HostId::parse("id", id).expect("an id"),
            Target::parse("address", ["10.0.0.1"]).expect("an address"),
        )))
    }

    fn visible(registry: &Registry) -> (Revision, usize) {
        let snapshot = registry.snapshot();
        assert_eq!(snapshot.zones.difference(&snapshot.zones.render(&snapshot.hosts, 0)), None);
        (snapshot.revision, snapshot.hosts.len())
    }

    #[tokio::test]
    async fn who_goes_on_first_publishes_for_all() {
        let registry = registry();
        let (mut one, mut two) = (Box::pin(registry.submit(register("a"))), Box::pin(registry.submit(register("b"))));
        assert!(one.as_mut().now_or_never().is_none() && two.as_mut().now_or_never().is_none());
        assert_eq!(visible(&registry), (Revision(1), 0), "both are staged");
        two.await.expect("it is taken");
        assert_eq!(visible(&registry), (Revision(3), 2));
        one.await.expect("it is taken");
        assert_eq!(registry.changes_since(Revision(1), 9).expect("the journal has them").len(), 2);
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_published() {
        let registry = registry();
        assert!(registry.submit(register("a")).now_or_never().is_none());
        assert_eq!(visible(&registry), (Revision(2), 1));
    }

    #[tokio::test]
    async fn who_finds_a_staged_row_waits_for_it() {
        let registry = registry();
        let mut first = Box::pin(registry.submit(register("a")));
        assert!(first.as_mut().now_or_never().is_none());
        registry.submit(register("a")).await.expect("a heartbeat");
        assert_eq!(visible(&registry), (Revision(2), 1));
        first.await.expect("it is taken");
    }

    #[tokio::test]
    async fn what_is_refused_takes_nothing_back_that_is_staged() {
        let registry = registry();
        let key = register("c").key();
        let mut first = Box::pin(registry.submit(register("a")));
        assert!(first.as_mut().now_or_never().is_none());
        let several = vec![register("b"), Event::Renew(key.clone())];
        assert!(matches!(registry.submit_all(several).await, Err(SubmitError::Rejected(_))));
        assert!(matches!(registry.submit(Event::Renew(key)).await, Err(SubmitError::Rejected(_))));
        first.await.expect("it is taken");
        assert_eq!(visible(&registry), (Revision(2), 1));
    }
}
