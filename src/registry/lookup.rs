//! Rows that this server has not heard of yet: asked of an engine that tells of what others write late.

use std::sync::OnceLock;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::Registry;
use crate::limits;
use crate::table::HostKey;

/// A row that is not known here.
#[derive(Debug)]
pub struct Lookup {
    /// Which one.
    pub key: HostKey,
    /// Told whether the table has it now.
    pub found: oneshot::Sender<bool>,
}

/// What is looked up, for the one task that does it.
pub type Lookups = mpsc::Receiver<Lookup>;

/// The registry's side of it; without a sender there is nobody to ask.
#[derive(Debug, Default)]
pub(super) struct Seekers(OnceLock<mpsc::Sender<Lookup>>);

impl Registry {
    /// What is to be looked up, for an engine that tells of others' writes late; `None` for whoever comes second.
    pub fn lookups(&self) -> Option<Lookups> {
        let (sender, lookups) = mpsc::channel(limits::LOOKUPS);
        self.seekers.0.set(sender).ok().map(|()| lookups)
    }

    /// Asks the engine for a row that is not known here; says whether the table has it now. At once where nobody looks up.
    pub async fn learn(&self, key: &HostKey) -> bool {
        let Some(seekers) = self.seekers.0.get().filter(|_| !self.is_away()) else { return false };
        let (found, told) = oneshot::channel();
        // Where too much is asked for, it stays unknown until the engine tells of it by itself.
        let is_asked = seekers.try_send(Lookup { key: key.clone(), found }).is_ok();
        is_asked && matches!(timeout(limits::LOOKUP_TIME, told).await, Ok(Ok(true)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::clock::{Clock, Timestamp};
    use crate::registry::{Durability, SubmitError, Verdict, Word};
    use crate::table::{Dialect, Event, Host, HostId, Registration, Rejection, Revision, ServiceName, Target};
    use crate::zone::Zones;

    fn host(id: &str) -> Host {
        let (service, id) = (ServiceName::parse("service", "web"), HostId::parse("id", id));
        let target = Target::parse("address", ["10.0.0.1"]).expect("an address");
        let registration = Registration::new(service.expect("a name"), Dialect::Native, id.expect("an id"), target);
        Host::new(registration, Timestamp::from_micros(1))
    }

    fn registry() -> Arc<Registry> {
        let clock = Arc::new(Clock::manual(Timestamp::from_micros(1)));
        let registry = Arc::new(Registry::new(clock, Zones::default(), Durability::Shared));
        registry.load([], Revision::default(), 1);
        registry
    }

    /// An engine that has the host `there` and no other.
    fn run_engine(registry: &Arc<Registry>) -> Arc<AtomicUsize> {
        let asked = Arc::new(AtomicUsize::new(0));
        let mut lookups = registry.lookups().expect("the first");
        let mut requests = registry.requests().expect("the first");
        let (registry, counted) = (Arc::clone(registry), Arc::clone(&asked));
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    Some(Lookup { key, found }) = lookups.recv() => {
                        counted.fetch_add(1, Ordering::Relaxed);
                        let there = host("there");
                        let is_there = key == there.key();
                        if is_there {
                            registry.absorb(vec![Word::Put { host: Box::new(there), at: Revision(7) }]);
                        }
                        let _ = found.send(is_there);
                    }
                    Some(proposal) = requests.recv() => proposal.settle(Verdict::Taken),
                    else => return,
                }
            }
        });
        asked
    }

    #[tokio::test]
    async fn a_row_that_others_wrote_is_found_before_it_is_called_unknown() {
        let registry = registry();
        let asked = run_engine(&registry);
        assert!(registry.lookups().is_none());
        let drain = |id: &str| Event::Drain { host: host(id).key(), enable: true };
        assert!(registry.submit(drain("there")).await.is_ok());
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        assert!(registry.submit(drain("there")).await.is_ok());
        assert_eq!(asked.load(Ordering::Relaxed), 1, "it is known");
        let unknown = registry.submit(drain("nowhere")).await;
        assert!(matches!(unknown, Err(SubmitError::Rejected(Rejection::UnknownHost(_)))), "{unknown:?}");
        assert_eq!(asked.load(Ordering::Relaxed), 2, "asked for once");
        registry.set_away(Some("nobody answers"));
        assert!(!registry.learn(&host("other").key()).await);
        assert_eq!(asked.load(Ordering::Relaxed), 2, "nobody is asked who is away");
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_not_answered_does_not_wait_for_long() {
        let registry = registry();
        let key = host("there").key();
        assert!(!registry.learn(&key).await, "nobody looks up");
        let lookups = registry.lookups().expect("the first");
        assert!(!registry.learn(&key).await, "nobody answers");
        let many = (0..limits::LOOKUPS + 5).map(|_| registry.learn(&key));
        assert!(futures_util::future::join_all(many).await.iter().all(|found| !found));
        assert_eq!(lookups.len(), limits::LOOKUPS);
    }
}
