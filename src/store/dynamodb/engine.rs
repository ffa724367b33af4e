//! The engine of the table: what its tasks share, and the one that waits for all others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::beats::Unbeaten;
use super::client::{Client, Trouble, pause, random};
use super::confirm::Readings;
use super::releases::Releases;
use super::seen::Items;
use super::servers::Servers;
use super::settings::Settings;
use super::stats::Stats;
use super::{Adapt, check_in};
use crate::limits;
use crate::registry::{CommitError, Registry, Requests, Verdict};

/// What the tasks of the engine share. The lock of `items` is held while the registry is told what they say now: so no
/// two tasks tell it of one item in another order than they learned of it.
pub(super) struct Engine {
    pub(super) registry: Arc<Registry>,
    pub(super) client: Client,
    pub(super) settings: Settings,
    pub(super) items: Mutex<Items>,
    pub(super) servers: Mutex<Servers>,
    pub(super) releases: Mutex<Releases>,
    /// Heartbeats that are still to be written.
    pub(super) unbeaten: Mutex<Unbeaten>,
    pub(super) stats: Arc<Stats>,
    pub(super) adapt: Adapt,
    /// Places for requests under way.
    pub(super) places: Arc<Semaphore>,
    /// Items that may still be looked up before the next reading.
    pub(super) lookups_left: AtomicU64,
    /// Items that are read to make sure of them.
    pub(super) readings: Readings,
    /// Tells the reader that the engine seems to be away.
    look: Notify,
}

impl Engine {
    pub(super) fn new(
        registry: Arc<Registry>,
        client: Client,
        settings: Settings,
        items: Items,
        adapt: Adapt,
    ) -> Engine {
        let name = format!("{}-{:08x}", settings.node_name, random() as u32);
        let stats = Arc::new(Stats::default());
        stats.strange.store(items.strange() as u64, Ordering::Relaxed);
        Engine {
            registry,
            client,
            settings,
            items: Mutex::new(items),
            servers: Mutex::new(Servers::new(name)),
            releases: Mutex::default(),
            unbeaten: Mutex::default(),
            stats,
            adapt,
            places: Arc::new(Semaphore::new(limits::DYNAMODB_AT_A_TIME)),
            lookups_left: AtomicU64::new(limits::DYNAMODB_LOOKUPS),
            readings: Readings::default(),
            look: Notify::new(),
        }
    }

    /// Serves until `shutdown`.
    pub(super) async fn run(self: Arc<Self>, mut requests: Requests, shutdown: CancellationToken) {
        let mut running = JoinSet::new();
        let mut reader = tokio::spawn(Arc::clone(&self).read_on());
        let seeker = self.registry.lookups().map(|lookups| tokio::spawn(Arc::clone(&self).seek(lookups)));
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(ended) = running.join_next() => self.ended(ended),
                Some(proposal) = requests.recv() => {
                    self.hear_beats(&proposal.renewals);
                    if proposal.release.is_some() {
                        running.spawn(Arc::clone(&self).release(proposal));
                    } else if proposal.changes.is_empty() && proposal.same.is_empty() {
                        proposal.settle(Verdict::Taken);
                    } else {
                        running.spawn(Arc::clone(&self).answer(proposal));
                    }
                }
                _ = &mut reader => break,
            }
        }
        reader.abort();
        seeker.inspect(|seeker| seeker.abort());
        while let Ok(proposal) = requests.try_recv() {
            proposal.settle(Verdict::Refused(CommitError::Unavailable("the server is stopping".into())));
        }
        // What was accepted is answered: each of these has its bound.
        while let Some(ended) = running.join_next().await {
            self.ended(ended);
        }
        self.leave().await;
    }

    fn ended(&self, ended: Result<(), tokio::task::JoinError>) {
        if let Err(error) = ended {
            tracing::error!(%error, "a request to DynamoDB failed in itself");
        }
    }

    /// Reads the table time and again, writes heartbeats, and tells other servers that this one lives.
    async fn read_on(self: Arc<Self>) {
        let mut tries: u32 = 0;
        self.announce().await;
        loop {
            let rest = if tries == 0 {
                self.settings.poll
            } else {
                pause(limits::DYNAMODB_RETRY, limits::DYNAMODB_RETRY_MAX, tries)
            };
            tokio::select! {
                () = self.rest(rest) => {}
                () = self.look.notified() => tries = tries.max(1),
            }
            match self.scan().await {
                Ok(()) => {
                    tries = 0;
                    self.come_back();
                    self.write_beats().await;
                    self.announce().await;
                    self.forget_releases().await;
                }
                // The table is as it was: it will be read when there is capacity again.
                Err(Trouble::Busy(reason)) => {
                    Stats::count(&self.stats.throttled);
                    tracing::warn!(reason, "the table cannot be read: its capacity does not do");
                    tries = 0;
                }
                Err(trouble) => {
                    tries = tries.saturating_add(1);
                    self.go_away(&trouble);
                }
            }
        }
    }

    /// Waits, and writes the heartbeats that come meanwhile.
    async fn rest(&self, time: Duration) {
        let end = tokio::time::sleep(time);
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => return,
                () = tokio::time::sleep(limits::DYNAMODB_BEATS) => {
                    if self.registry.away().is_none() {
                        self.write_beats().await;
                    }
                }
            }
        }
    }

    /// Says that DynamoDB cannot be reached: leases stand still from now on.
    pub(super) fn go_away(&self, trouble: &Trouble) {
        let reason = match trouble {
            Trouble::NoTable => format!("DynamoDB has no table {}", self.settings.table),
            Trouble::Away(_) | Trouble::Late(_) | Trouble::Busy(_) | Trouble::Condition(_) | Trouble::Refused(_) => {
                trouble.to_string()
            }
        };
        if self.registry.away().is_none() {
            tracing::error!(reason, "the table is answered from memory, and takes no writes");
            self.stats.away.store(1, Ordering::Relaxed);
            self.registry.set_away(Some(&reason));
            self.registry.keep_leases(true);
            self.look.notify_one();
        } else if self.registry.away().as_deref() != Some(reason.as_str()) {
            tracing::debug!(reason, "it is still so, and for another reason");
            self.registry.set_away(Some(&reason));
        }
    }

    /// Says that it is back, and read: every lease begins anew, as nobody could tell us of a heartbeat.
    fn come_back(&self) {
        if self.registry.away().is_some() {
            tracing::info!("DynamoDB answers again");
            self.registry.keep_leases(false);
            self.stats.away.store(0, Ordering::Relaxed);
            self.registry.set_away(None);
        }
    }

    /// The present moment as others read it.
    pub(super) fn moment(&self) -> String {
        check_in::write(self.registry.clock().wall())
    }
}
