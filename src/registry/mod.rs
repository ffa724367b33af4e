//! The hall: one lock, one clock, one order of events.
//!
//! A [`Registry`] owns the table and publishes it. Readers (DNS and HTTP alike) load one immutable
//! [`Snapshot`] without a lock; rows and zones in it belong together. Writers [`submit`](Registry::submit)
//! events, one at a time under a lock held for microseconds.
//!
//! # Staged and published
//!
//! An accepted event is first *staged*: the table has it, the snapshot has not. Then:
//!
//! * [`Durability::Immediate`] (no store): its writer lets all others go first that are ready to run, then whoever is
//!   first to go on publishes all that is staged, for everybody (`turn`).
//! * [`Durability::Grouped`]: the store's thread takes all that is staged as one [`Batch`], writes it, and
//!   publishes it or gives it up. While one batch is written the next one gathers: the group commit needs
//!   no timer. Giving up rolls the table back to what was published and tells every waiting writer, so a
//!   refused write changes nothing and an acknowledged one is both durable and visible.
//! * [`Durability::Shared`]: nothing is staged but what the engine says (`shared`).
//!
//! A reader never sees a row that a crash could take back; a writer's next read always sees its write.

mod brake;
mod duty;
mod expiry;
mod follow;
mod lookup;
mod reload;
mod shared;
mod turn;
mod unshown;
mod wait;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use parking_lot::{Condvar, Mutex};
use tokio::sync::{Notify, oneshot, watch};

use crate::clock::{Clock, Timestamp};
use crate::limits;
use crate::table::{
    Applied, Change, Compacted, Event, Host, HostKey, HostTable, Hosts, Journal, Rejection, Revision, Rules,
};
use crate::zone::Zones;

pub use duty::Duty;
pub use follow::Follower;
pub use lookup::{Lookup, Lookups};
pub use shared::{Decided, Proposal, Released, Renewal, Requests, Verdict, Word};
pub use unshown::Unshown;
pub use wait::Topic;

use shared::Shared;
use turn::Pending;
use wait::Waiting;

/// How long rolled-back expiries wait before they are tried again.
const RETRY: Duration = Duration::from_secs(1);

/// When an accepted event becomes visible.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Durability {
    /// At once: nothing is stored.
    Immediate,
    /// When the batch it is in was written: whoever calls [`Registry::next_batch`] decides.
    Grouped,
    /// When the engine that several servers share says so, see [`Registry::absorb`].
    Shared,
}

/// What every reader reads: rows and zones of one revision.
#[derive(Debug)]
pub struct Snapshot {
    /// The number of the last change in it.
    pub revision: Revision,
    /// The rows.
    pub hosts: Hosts,
    /// The zones rendered from them.
    pub zones: Zones,
    /// Whether the table was read from its store; until then no name may be denied.
    pub loaded: bool,
}

impl Snapshot {
    /// Whether a host is in the answers at `now`: what every dialect shows as healthy, and DNS.
    pub fn serves(&self, host: &Host, now: Timestamp) -> bool {
        host.lease.is_live(now) && host.is_served(self.zones.policy().only_passing)
    }
}

/// Why a write failed in the store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// No room on the disk.
    #[error("the store is full: {0}")]
    Full(String),
    /// Anything else: read-only, broken, away.
    #[error("the store cannot be written: {0}")]
    Unavailable(String),
}

/// Why a write was refused. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// The table says no.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The table is not read from its store yet.
    #[error("the table is not loaded yet")]
    NotLoaded,
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] CommitError),
}

/// Changes to be written together, and what to publish then.
#[derive(Debug)]
pub struct Batch {
    /// The changes, in order. A row changed twice is in it twice; none where only the serial is to be written.
    pub changes: Vec<Change>,
    next: Arc<Snapshot>,
}

impl Batch {
    /// The revision the table is at after it.
    pub fn revision(&self) -> Revision {
        self.next.revision
    }

    /// The SOA serial the zones have after it.
    pub fn serial(&self) -> u32 {
        self.next.zones.serial()
    }
}

struct Core {
    table: HostTable,
    journal: Journal,
    /// Changes that no batch holds yet.
    staged: Vec<Change>,
    /// Zones with every batch taken so far, published or not.
    zones: Zones,
    /// What the batch that is being written will publish.
    writing: Option<Arc<Snapshot>>,
    /// Whether the serial is past what a batch has told the store.
    serial_untold: bool,
    waiters: Vec<(Revision, oneshot::Sender<Result<(), CommitError>>)>,
    loaded: bool,
    closed: bool,
}

/// The one shared mutable thing in the program.
pub struct Registry {
    core: Mutex<Core>,
    has_staged: Condvar,
    snapshot: ArcSwap<Snapshot>,
    published: watch::Sender<Revision>,
    waiting: Waiting,
    shared: Shared,
    seekers: lookup::Seekers,
    earlier_deadline: Notify,
    clock: Arc<Clock>,
    durability: Durability,
    /// Hosts whose lease has ended since the start.
    ended: AtomicU64,
    /// The rules by which mass expiry is braked, and the seed of the order in which hosts leave then.
    brake: Option<(Rules, u64)>,
}

impl Registry {
    /// A registry with `zones` that hold no hosts yet. It refuses writes until [`Registry::load`].
    pub fn new(clock: Arc<Clock>, zones: Zones, durability: Durability) -> Registry {
        let empty =
            Snapshot { revision: Revision::default(), hosts: Hosts::default(), zones: zones.clone(), loaded: false };
        Registry {
            core: Mutex::new(Core {
                table: HostTable::default(),
                journal: Journal::new(Revision::default(), limits::JOURNAL_CHANGES),
                staged: Vec::new(),
                zones,
                writing: None,
                serial_untold: false,
                waiters: Vec::new(),
                loaded: false,
                closed: false,
            }),
            has_staged: Condvar::new(),
            snapshot: ArcSwap::from_pointee(empty),
            published: watch::Sender::new(Revision::default()),
            waiting: Waiting::default(),
            shared: Shared::default(),
            seekers: lookup::Seekers::default(),
            earlier_deadline: Notify::new(),
            clock,
            durability,
            ended: AtomicU64::new(0),
            brake: None,
        }
    }

    /// Takes the rows of the store, each with a full new lease, and opens for writes. `serial` is the last SOA serial
    /// that was given out; the next is greater.
    pub fn load(&self, rows: impl IntoIterator<Item = Arc<Host>>, revision: Revision, serial: u32) {
        let now = self.clock.now();
        let table = self.empty_table().filled(rows, revision, now);
        let mut core = self.core.lock();
        let zones = core.zones.render(table.hosts(), serial);
        core.table = table;
        core.zones = zones;
        core.journal = Journal::new(revision, limits::JOURNAL_CHANGES);
        core.loaded = true;
        self.swap(&core, Arc::new(core.snapshot()));
        drop(core);
        self.earlier_deadline.notify_one();
    }

    /// The clock of the program.
    pub fn clock(&self) -> &Arc<Clock> {
        &self.clock
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What is published, for the length of one answer.
    pub fn snapshot(&self) -> Guard<Arc<Snapshot>> {
        self.snapshot.load()
    }

    /// What is published, to keep across an await.
    pub fn snapshot_arc(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Asks the table for one event; returns when it is visible and, where there is a store, durable.
    pub async fn submit(&self, event: Event) -> Result<Applied, SubmitError> {
        if self.durability.is_shared() {
            // In a place of its own, as all below: every request's future would be as large.
            let mut applied = Box::pin(self.submit_shared(|_, _| Ok::<_, SubmitError>(vec![event.clone()]))).await?;
            return applied.pop().ok_or(SubmitError::NotLoaded);
        }
        let (mut applied, pending) = self.stage(|_, _| Ok::<_, SubmitError>(vec![event]))?;
        pending.settle().await?;
        applied.pop().ok_or(SubmitError::NotLoaded)
    }

    /// Asks for the events that `decide` makes of the rows as they are: all of them or none, in one step that no other
    /// write comes between. Where the table is shared `decide` is asked again when somebody else wrote meanwhile.
    pub async fn submit_with<E: From<SubmitError>>(
        &self,
        decide: impl FnMut(&Hosts, Timestamp) -> Result<Vec<Event>, E>,
    ) -> Result<Vec<Applied>, E> {
        if self.durability.is_shared() {
            return Box::pin(self.submit_shared(decide)).await;
        }
        let (applied, pending) = self.stage(decide)?;
        pending.settle().await?;
        Ok(applied)
    }

    /// Asks for these events, all of them or none.
    pub async fn submit_all(&self, events: Vec<Event>) -> Result<Vec<Applied>, SubmitError> {
        if self.durability.is_shared() {
            return Box::pin(self.submit_shared(|_, _| Ok::<_, SubmitError>(events.clone()))).await;
        }
        let (applied, pending) = self.stage(|_, _| Ok::<_, SubmitError>(events))?;
        pending.settle().await?;
        Ok(applied)
    }

    fn stage<E: From<SubmitError>>(
        &self,
        decide: impl FnOnce(&Hosts, Timestamp) -> Result<Vec<Event>, E>,
    ) -> Result<(Vec<Applied>, Pending<'_>), E> {
        let mut core = self.core.lock();
        if !core.loaded || core.closed {
            return Err(SubmitError::NotLoaded.into());
        }
        let now = self.clock.now();
        let next_deadline = core.table.next_due();
        let events = decide(core.table.hosts(), now)?;
        let (applied, changes) = core.apply_all(events, now).map_err(SubmitError::Rejected)?;
        let published = self.snapshot.load();
        core.renew_published(&applied, &published, now);
        // What is not visible yet is waited for, also by an event that itself changed nothing.
        let last = changes.last().map(|change| change.revision);
        let newest = applied.iter().map(newest_revision).chain(last).max().unwrap_or_default();
        core.staged.extend(changes);
        let pending = match self.durability {
            _ if newest <= published.revision => Pending::Nothing,
            Durability::Immediate | Durability::Shared => self.turn(newest),
            Durability::Grouped => {
                let (sender, receiver) = oneshot::channel();
                core.waiters.push((newest, sender));
                self.has_staged.notify_one();
                Pending::Written(receiver)
            }
        };
        let wake = is_earlier(core.table.next_due(), next_deadline);
        drop(core);
        if wake {
            self.earlier_deadline.notify_one();
        }
        Ok((applied, pending))
    }

    /// Looks at the leases that are due, at most [`limits::DEADLINES_PER_TICK`] of them, and removes the hosts whose
    /// lease has ended; says whether more are due.
    pub fn expire_due(&self) -> bool {
        if self.durability.is_shared() {
            return self.expire_shared();
        }
        let mut core = self.core.lock();
        let now = self.clock.now();
        let changes = core.table.tick(now, limits::DEADLINES_PER_TICK);
        let more = core.table.next_due().is_some_and(|next| next <= now);
        self.ended.fetch_add(changes.len() as u64, Ordering::Relaxed);
        if let Some(last) = changes.last() {
            tracing::info!(hosts = changes.len(), last = %last.key(), "leases have ended");
        }
        self.tell(&mut core);
        core.staged.extend(changes);
        if self.durability == Durability::Immediate
            && let Some(batch) = core.take_batch()
        {
            self.publish_locked(&mut core, batch);
        }
        drop(core);
        self.has_staged.notify_one();
        more
    }

    /// How many hosts lost their lease since the start.
    pub fn ended(&self) -> u64 {
        self.ended.load(Ordering::Relaxed)
    }

    /// The moment at which a lease may end next.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let next = self.core.lock().table.next_due()?;
        Some(next.max(self.not_before().unwrap_or(next)))
    }

    /// The deadlines, earliest first, at most `most` of them.
    pub fn deadlines(&self, most: usize) -> Vec<(Timestamp, HostKey)> {
        self.core.lock().table.deadlines().iter().take(most).map(|(at, host)| (at, host.key())).collect()
    }

    /// Waits for staged changes and takes them as one batch; `None` once the registry is closed and nothing is left.
    /// For the one thread that writes the store; every batch is then [published](Self::publish) or
    /// [given up](Self::give_up) before the next is taken.
    pub fn next_batch(&self) -> Option<Batch> {
        let mut core = self.core.lock();
        loop {
            if let Some(batch) = core.take_batch() {
                core.writing = Some(Arc::clone(&batch.next));
                return Some(batch);
            }
            if core.closed {
                return None;
            }
            self.has_staged.wait(&mut core);
        }
    }

    /// Makes a written batch visible and tells its writers.
    pub fn publish(&self, batch: Batch) {
        self.publish_locked(&mut self.core.lock(), batch);
    }

    /// Returns to what is published: the batch, and whatever was staged upon it, never happened.
    pub fn give_up(&self, batch: Batch, reason: &CommitError) {
        let mut core = self.core.lock();
        let published = self.snapshot.load();
        let mut undone = batch.changes;
        undone.append(&mut core.staged);
        let retry = self.clock.now().after(RETRY);
        core.table.roll_back(published.hosts.clone(), published.revision, &undone, retry);
        core.zones = published.zones.clone();
        core.writing = None;
        for (_, waiter) in core.waiters.drain(..) {
            // A writer that has gone away wants no answer.
            let _ = waiter.send(Err(reason.clone()));
        }
        drop(core);
        self.earlier_deadline.notify_one();
    }

    /// Refuses writes from now on; the thread that writes batches ends when all are written.
    pub fn close(&self) {
        self.core.lock().closed = true;
        self.has_staged.notify_all();
    }

    /// The published changes after `revision`, oldest first, at most `most`.
    pub fn changes_since(&self, revision: Revision, most: usize) -> Result<Vec<Change>, Compacted> {
        Ok(self.core.lock().journal.since(revision)?.take(most).cloned().collect())
    }

    /// The published changes after `revision` that are wanted, oldest first: at most as many as the journal remembers.
    pub fn changes_that(&self, revision: Revision, wanted: impl Fn(&Change) -> bool) -> Result<Vec<Change>, Compacted> {
        Ok(self.core.lock().journal.since(revision)?.filter(|change| wanted(change)).cloned().collect())
    }

    /// A reader of the changes from the published revision on.
    pub fn follow(&self) -> Follower {
        Follower::new(self.published.subscribe())
    }

    fn publish_locked(&self, core: &mut Core, batch: Batch) {
        let revision = batch.revision();
        // What is being written may have got other zones since.
        let next = core.writing.take().unwrap_or(batch.next);
        let hosts = next.hosts.clone();
        self.swap(core, next);
        self.waiting.wake(&batch.changes, &hosts);
        for change in batch.changes {
            core.journal.append(change);
        }
        let (done, waiting) = core.waiters.drain(..).partition(|(wanted, _)| *wanted <= revision);
        core.waiters = waiting;
        let done: Vec<(Revision, oneshot::Sender<_>)> = done;
        for (_, waiter) in done {
            let _ = waiter.send(Ok(()));
        }
    }

    fn swap(&self, _held: &Core, next: Arc<Snapshot>) {
        let revision = next.revision;
        self.snapshot.store(next);
        self.published.send_replace(revision);
    }
}

impl Core {
    fn snapshot(&self) -> Snapshot {
        Snapshot {
            revision: self.table.revision(),
            hosts: self.table.hosts().clone(),
            zones: self.zones.clone(),
            loaded: self.loaded,
        }
    }

    /// All events or none; with every change that they made, in order.
    fn apply_all(&mut self, events: Vec<Event>, now: Timestamp) -> Result<(Vec<Applied>, Vec<Change>), Rejection> {
        // One event is refused or done by itself. Rows that are kept to return to make every change copy what it touches.
        let before = (events.len() > 1).then(|| (self.table.hosts().clone(), self.table.revision()));
        let mut applied = Vec::with_capacity(events.len());
        let mut changes = Vec::with_capacity(events.len());
        for event in events {
            match self.table.apply(event, now) {
                Ok(one) => {
                    changes.extend(one.change().cloned());
                    changes.append(&mut self.table.take_consequences());
                    applied.push(one);
                }
                Err(rejection) => {
                    if let Some((hosts, revision)) = before {
                        self.table.roll_back(hosts, revision, &changes, now);
                    }
                    return Err(rejection);
                }
            }
        }
        Ok((applied, changes))
    }

    /// A heartbeat that met a row not yet published also keeps alive the rows in its place that are: the published
    /// one, as the batch may be given up, and that of the batch being written, as it is visible before the newest is.
    /// A registration that changes its row does not: where it is refused, the old row must end when it would have.
    fn renew_published(&self, applied: &[Applied], published: &Snapshot, now: Timestamp) {
        if self.table.revision() == published.revision {
            return;
        }
        for one in applied {
            let Applied::Unchanged(host) = one else { continue };
            if host.modified <= published.revision || host.lease.renewed() != now {
                continue;
            }
            for snapshot in [Some(published), self.writing.as_deref()].into_iter().flatten() {
                if let Some(old) = snapshot.hosts.get(&host.key()).filter(|old| old.lease.is_live(now)) {
                    old.lease.renew(now);
                }
            }
        }
    }

    fn take_batch(&mut self) -> Option<Batch> {
        if self.staged.is_empty() && !self.serial_untold {
            return None;
        }
        self.serial_untold = false;
        let changes = std::mem::take(&mut self.staged);
        self.zones = self.zones.with(&changes);
        Some(Batch { changes, next: Arc::new(self.snapshot()) })
    }
}

/// The revision that must be published before the event may be acknowledged.
fn newest_revision(applied: &Applied) -> Revision {
    applied.change().map_or(applied.host().modified, |change| change.revision)
}

fn is_earlier(next: Option<Timestamp>, before: Option<Timestamp>) -> bool {
    next.is_some_and(|next| before.is_none_or(|before| next < before))
}
