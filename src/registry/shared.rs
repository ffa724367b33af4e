//! A table that several servers share: the engine of a [`Durability::Shared`] registry is asked first.
//!
//! The table changes by what the engine says and by nothing else. An event is applied to see what it would do, and taken
//! back; what it would do is *proposed*, on the condition that no row of it was written meanwhile. The engine (a task that
//! reads [`Requests`]) commits it, tells the registry what it has now by [`Registry::absorb`], and then gives its verdict:
//! so a 2xx leaves when the change is both in the engine and in the snapshot. A conflict means that somebody else wrote;
//! the event is worked out anew on what they wrote.

mod heard;
mod plan;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot, watch};

use super::{CommitError, Durability, Duty, RETRY, Registry, SubmitError};
use crate::clock::Timestamp;
use crate::limits;
use crate::table::{Applied, Cause, Change, Event, HostKey, Hosts, Rejection, Revision, ServiceName};

pub use heard::{Decided, Word};
use plan::{Plan, Turn};

/// How often an event is worked out anew on what others wrote before its writer is told that they are in the way.
const CONFLICTS: usize = 24;

/// Something asked of the engine.
#[derive(Debug)]
pub struct Proposal {
    /// Rows to write, each with what it must still be: `before`. All of them or none.
    pub changes: Vec<Change>,
    /// Leases to renew.
    pub renewals: Vec<Renewal>,
    /// Rows that were found to be as somebody wants them, as of a revision of the table: where another server wrote one
    /// since, that is news, and a conflict.
    pub same: Vec<(HostKey, Revision)>,
    /// Whose hosts all servers are to let go that the brake keeps.
    pub release: Option<Released>,
    verdict: Option<oneshot::Sender<Verdict>>,
}

impl Proposal {
    /// Says what became of it. Whoever asked may be gone.
    pub fn settle(self, verdict: Verdict) {
        if let Some(sender) = self.verdict {
            let _ = sender.send(verdict);
        }
    }
}

/// Whose hosts an operator lets go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Released {
    /// Those of a service.
    Of(ServiceName),
    /// All.
    All,
}

/// A heartbeat.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Renewal {
    /// Of this host,
    pub host: HostKey,
    /// or of this check of it, which has a TTL.
    pub check: Option<Box<str>>,
}

/// What became of a proposal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The engine has it, and so has the table.
    Taken,
    /// Others wrote first, or a lease had ended; the table knows by now.
    Conflict,
    /// Nothing has happened.
    Refused(CommitError),
}

/// What is asked of the engine, in order; for the one task that is it.
pub type Requests = mpsc::Receiver<Proposal>;

/// The registry's side of the engine.
pub(super) struct Shared {
    sender: mpsc::Sender<Proposal>,
    /// Handed out once.
    requests: parking_lot::Mutex<Option<Requests>>,
    /// Why the engine cannot be reached; `None` while it can.
    away: watch::Sender<Option<Arc<str>>>,
    /// Since when, in microseconds; 0 while it can: for those who must not wait for a lock.
    away_since: AtomicU64,
    /// How old the table may be, in microseconds.
    max_stale: AtomicU64,
    duty: watch::Sender<Arc<Duty>>,
    /// Rows that writes of this server are about.
    writing: parking_lot::Mutex<HashSet<HostKey>>,
    /// Tells when one of them is over.
    freed: Notify,
}

impl Default for Shared {
    fn default() -> Shared {
        let (sender, requests) = mpsc::channel(limits::PROPOSALS);
        Shared {
            sender,
            requests: parking_lot::Mutex::new(Some(requests)),
            away: watch::Sender::new(None),
            away_since: AtomicU64::new(0),
            max_stale: AtomicU64::new(u64::MAX),
            duty: watch::Sender::new(Arc::default()),
            writing: parking_lot::Mutex::default(),
            freed: Notify::new(),
        }
    }
}

impl Registry {
    /// What the engine is asked; `None` for whoever comes second.
    pub fn requests(&self) -> Option<Requests> {
        self.shared.requests.lock().take()
    }

    /// Says why the engine cannot be reached, or that it can.
    pub fn set_away(&self, reason: Option<&str>) {
        if reason.is_none() && self.is_away() {
            self.core.lock().table.mistrust(self.now());
        }
        let since = reason.map_or(0, |_| self.now().as_micros());
        if reason.is_none() || !self.is_away() {
            self.shared.away_since.store(since, Ordering::Release);
        }
        self.shared.away.send_if_modified(|away| {
            let changed = away.as_deref() != reason;
            *away = reason.map(Into::into);
            changed
        });
    }

    /// Whether the engine of a shared table cannot be reached.
    pub fn is_away(&self) -> bool {
        self.shared.away_since.load(Ordering::Acquire) != 0
    }

    /// Whether it has been so for longer than the operator lets the table be used.
    pub fn is_too_old(&self, now: Timestamp) -> bool {
        let since = self.shared.away_since.load(Ordering::Acquire);
        since != 0 && now.as_micros().saturating_sub(since) > self.shared.max_stale.load(Ordering::Relaxed)
    }

    /// How long the table is used while the engine is away; `None` is for ever.
    pub fn set_max_stale(&self, most: Option<Duration>) {
        let micros = most.map_or(u64::MAX, |most| u64::try_from(most.as_micros()).unwrap_or(u64::MAX));
        self.shared.max_stale.store(micros, Ordering::Relaxed);
    }

    /// Why the engine of a shared table cannot be reached; `None` while it can.
    pub fn away(&self) -> Option<Arc<str>> {
        self.shared.away.borrow().clone()
    }

    /// Tells when that changes.
    pub fn watch_away(&self) -> watch::Receiver<Option<Arc<str>>> {
        self.shared.away.subscribe()
    }

    /// What this server has to look after.
    pub fn duty(&self) -> Arc<Duty> {
        self.shared.duty.borrow().clone()
    }

    /// Tells when that changes.
    pub fn watch_duty(&self) -> watch::Receiver<Arc<Duty>> {
        self.shared.duty.subscribe()
    }

    /// Gives this server other work.
    pub fn set_duty(&self, duty: Duty) {
        self.shared.duty.send_if_modified(|known| {
            let changed = **known != duty;
            if changed {
                *known = Arc::new(duty);
            }
            changed
        });
    }

    /// Asks for the events that `decide` makes, until the engine has an answer that stands.
    pub(super) async fn submit_shared<E: From<SubmitError>>(
        &self,
        mut decide: impl FnMut(&Hosts, Timestamp) -> Result<Vec<Event>, E>,
    ) -> Result<Vec<Applied>, E> {
        let end = self.clock.passed().after(limits::SHARED_WRITE_TIME);
        let mut conflicts = 0;
        let mut sought = HashSet::new();
        while conflicts < CONFLICTS && self.clock.passed() < end {
            let freed = self.shared.freed.notified();
            tokio::pin!(freed);
            // From here on no turn that ends is missed.
            freed.as_mut().enable();
            let plan = match self.plan(&mut decide)? {
                Ok(plan) => plan,
                // Another server may have registered it since we heard of the table last.
                Err(Rejection::UnknownHost(key)) if sought.insert(key.clone()) && self.learn(&key).await => continue,
                Err(rejection) => return Err(SubmitError::Rejected(rejection).into()),
            };
            // What changes nothing waits for nobody, unless others were in its way.
            let found = plan.same.iter().filter(|_| conflicts > 0).map(|(key, _)| key.clone());
            let Some(_turn) = Turn::take(&self.shared, plan.changes.iter().map(Change::key).chain(found)) else {
                // Another write of this server to one of the rows is under way: what it makes of it is to be built upon.
                let _ = tokio::time::timeout(limits::SHARED_WRITE_TIME, freed).await;
                continue;
            };
            let renewed = plan.renewals.clone();
            let Some(verdict) = self.propose(plan.changes, plan.renewals, plan.same).map_err(SubmitError::Store)?
            else {
                self.renew_counted(&renewed);
                return Ok(plan.applied);
            };
            match verdict.await {
                Ok(Verdict::Taken) => {
                    self.renew_counted(&renewed);
                    self.renew_published_rows(&renewed);
                    return Ok(self.as_published(plan.applied));
                }
                Ok(Verdict::Conflict) => conflicts += 1,
                Ok(Verdict::Refused(error)) => return Err(SubmitError::Store(error).into()),
                Err(_) => return Err(SubmitError::Store(stopping()).into()),
            }
            // Servers that are in each other's way give way to each other, each for another time.
            let jitter = self.clock.passed().as_micros() % 1000;
            tokio::time::sleep(Duration::from_micros(jitter * (conflicts as u64).pow(2) / 8)).await;
        }
        Err(SubmitError::Store(CommitError::Unavailable("others write the same host all the time".into())).into())
    }

    /// Applies what `decide` makes, and takes it back.
    fn plan<E: From<SubmitError>>(
        &self,
        decide: &mut impl FnMut(&Hosts, Timestamp) -> Result<Vec<Event>, E>,
    ) -> Result<Result<Plan, Rejection>, E> {
        let mut core = self.core.lock();
        if !core.loaded || core.closed {
            return Err(SubmitError::NotLoaded.into());
        }
        let now = self.clock.now();
        let events = decide(core.table.hosts(), now)?;
        Ok(core.dry_run(events, now))
    }

    /// Sends a proposal; `None` where there is nothing to wait for. While the engine is away heartbeats are handed to it
    /// for later, and everything else is refused at once.
    fn propose(
        &self,
        changes: Vec<Change>,
        renewals: Vec<Renewal>,
        same: Vec<(HostKey, Revision)>,
    ) -> Result<Option<oneshot::Receiver<Verdict>>, CommitError> {
        let away = self.away();
        if changes.is_empty() && renewals.is_empty() && (same.is_empty() || away.is_some()) {
            return Ok(None);
        }
        if let Some(reason) = away.as_ref().filter(|_| !changes.is_empty()) {
            return Err(CommitError::Unavailable(reason.to_string()));
        }
        let (sender, verdict) = oneshot::channel();
        let verdict_wanted = away.is_none().then_some(sender);
        self.send(Proposal { changes, renewals, same, release: None, verdict: verdict_wanted })?;
        Ok(away.is_none().then_some(verdict))
    }

    fn send(&self, proposal: Proposal) -> Result<(), CommitError> {
        self.shared.sender.try_send(proposal).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                CommitError::Unavailable("too many writes wait for the engine".into())
            }
            mpsc::error::TrySendError::Closed(_) => stopping(),
        })
    }

    /// Asks that every server lets hosts go that the brake keeps.
    pub(super) async fn release_shared(&self, release: Released) -> Result<(), CommitError> {
        if let Some(reason) = self.away() {
            return Err(CommitError::Unavailable(reason.to_string()));
        }
        let (sender, verdict) = oneshot::channel();
        let (changes, renewals, same) = (Vec::new(), Vec::new(), Vec::new());
        self.send(Proposal { changes, renewals, same, release: Some(release), verdict: Some(sender) })?;
        match verdict.await {
            Ok(Verdict::Taken) => Ok(()),
            Ok(Verdict::Conflict) => Err(CommitError::Unavailable("the engine did not take it".into())),
            Ok(Verdict::Refused(error)) => Err(error),
            Err(_) => Err(stopping()),
        }
    }

    /// A dry run renews a lease and tells the brake nothing: it has to hear of hosts that it counts as late, or keeps.
    fn renew_counted(&self, renewals: &[Renewal]) {
        let (snapshot, now) = (self.snapshot(), self.now());
        let of_hosts = renewals.iter().filter(|renewal| renewal.check.is_none()).map(|renewal| &renewal.host);
        let is_counted = |key: &&HostKey| snapshot.hosts.get(key).is_some_and(|host| host.lease.is_counted());
        let counted: Vec<(HostKey, Timestamp)> = of_hosts.filter(is_counted).map(|key| (key.clone(), now)).collect();
        if !counted.is_empty() {
            self.heard(&counted);
        }
    }

    /// A heartbeat that changed its row, too, is one of the row that came of it.
    fn renew_published_rows(&self, renewals: &[Renewal]) {
        let (snapshot, now) = (self.snapshot(), self.now());
        for renewal in renewals.iter().filter(|renewal| renewal.check.is_none()) {
            if let Some(host) = snapshot.hosts.get(&renewal.host).filter(|host| host.lease.is_kept()) {
                host.lease.renew(now);
            }
        }
    }

    /// The rows as the engine has them, in the place of what they were going to be.
    fn as_published(&self, applied: Vec<Applied>) -> Vec<Applied> {
        let snapshot = self.snapshot();
        let published = |change: Change| match snapshot.hosts.get(&change.key()) {
            Some(host) if change.after.is_some() => {
                Change { revision: host.modified, after: Some(Arc::clone(host)), ..change }
            }
            _ => Change { revision: snapshot.revision, ..change },
        };
        let one = |one| match one {
            Applied::Created(change) => Applied::Created(published(change)),
            Applied::Updated(change) => Applied::Updated(published(change)),
            Applied::Removed(change) => Applied::Removed(published(change)),
            Applied::Unchanged(host) => Applied::Unchanged(host),
        };
        applied.into_iter().map(one).collect()
    }

    /// What time alone does, in a shared table. A host whose time has come is gone at every server at once; what a check
    /// comes to is proposed by the one server whose duty the row is, and looked at again by all others, as that one may be
    /// gone. What the engine has to hear of an end is proposed, too.
    pub(super) fn expire_shared(&self) -> bool {
        if self.is_away() {
            return false;
        }
        let mut core = self.core.lock();
        let now = self.clock.now();
        let (hosts, revision) = (core.table.hosts().clone(), core.table.revision());
        let duty = self.duty();
        let lets_go = duty.lets_go();
        let changes = core.table.tick_of(now, limits::DEADLINES_PER_TICK, &|_| lets_go);
        let (ended, mut proposed): (Vec<Change>, Vec<Change>) =
            changes.iter().cloned().partition(|change| change.cause == Cause::Expiry);
        if proposed.is_empty() {
            core.staged.extend(ended.iter().cloned());
        } else {
            core.table.rehearse(true);
            core.table.roll_back(hosts, revision, &changes, now.after(RETRY));
            core.table.rehearse(false);
            for change in &ended {
                let again = core.table.absorb_removal(&change.key(), revision, Cause::Expiry, now);
                let consequences = core.table.take_consequences();
                core.staged.extend(again.into_iter().chain(consequences));
            }
        }
        self.ended.fetch_add(ended.len() as u64, Ordering::Relaxed);
        self.tell(&mut core);
        if let Some(batch) = core.take_batch() {
            self.publish_locked(&mut core, batch);
        }
        let more = core.table.next_due().is_some_and(|next| next <= now);
        drop(core);
        // What an engine keeps is let go by one server, or leaves everywhere, at its cap.
        let is_mine = |change: &Change| match change.host().lease.is_kept() && change.cause == Cause::Expiry {
            true => lets_go,
            false => duty.is_own(&change.key()),
        };
        proposed.extend(ended);
        for change in proposed.into_iter().filter(is_mine) {
            // Nobody waits: what is refused is due again soon.
            let _ = self.propose(vec![change], Vec::new(), Vec::new());
        }
        more
    }

    /// When to look again at what time does: not at once while the engine is away.
    pub(super) fn not_before(&self) -> Option<Timestamp> {
        self.is_away().then(|| self.now().after(RETRY))
    }
}

fn stopping() -> CommitError {
    CommitError::Unavailable("the server is stopping".into())
}

impl Durability {
    /// Whether other servers write the table, too.
    pub fn is_shared(self) -> bool {
        self == Durability::Shared
    }
}
