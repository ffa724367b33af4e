//! The one task that is the engine of the table: it asks etcd what the registry asks, and tells the registry what etcd
//! says, in etcd's order.

mod asks;
mod catch_up;
mod ends;
mod hears;
mod returns;
mod standing;
mod strays;
mod sure;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::book::{Book, Range};
use super::client::{Client, Trouble};
use super::keys::Key;
use super::presence::{self, Presence};
use super::stats::Stats;
use super::wire::{KeyValue, RangeResponse, WatchEvent};
use super::write::Written;
use super::{Adapt, read, revision_of};
use crate::clock::Timestamp;
use crate::limits;
use crate::registry::{CommitError, Decided, Lookup, Proposal, Registry, Renewal, Requests, Verdict, Word};
use crate::table::{Change, Gone, HostKey, ServiceName};
use catch_up::CatchUp;
use ends::Samples;
use sure::Unsure;

/// What a task of the engine has found out.
enum Done {
    Written {
        proposal: Proposal,
        unwritten: Vec<HostKey>,
        after: i64,
        asked: Timestamp,
        result: Result<Written, Trouble>,
    },
    Renewed {
        proposal: Proposal,
        renewed: Vec<Renewal>,
        result: Result<bool, Trouble>,
    },
    Returned {
        renewal: Renewal,
        result: Result<bool, Trouble>,
    },
    /// How many hosts of these services are late.
    Sampled(BTreeSet<ServiceName>, Samples),
    Decided {
        part: Decided,
        each: bool,
        result: Result<Written, Trouble>,
    },
    /// Which rows are others than they were known, and what they are.
    Sure(Vec<Unsure>, Result<(Vec<HostKey>, Vec<KeyValue>), Trouble>),
    /// When leases of these services were renewed last.
    Heard(Vec<(ServiceName, i64, Timestamp)>),
    LookedUp(Lookup, Result<RangeResponse, Trouble>),
    Released(Proposal, Result<(), Trouble>),
    Looked(Result<Presence, Trouble>),
    /// The revision of our own key, for [`catch_up`].
    Marked(Result<i64, Trouble>),
    Again,
    Nothing,
}

/// A commit that the watch has not shown yet.
struct Pending {
    at: i64,
    proposal: Proposal,
    unwritten: Vec<HostKey>,
    since: Timestamp,
    /// When it was asked for.
    asked: Timestamp,
}

pub(super) struct Engine {
    pub(super) registry: Arc<Registry>,
    pub(super) client: Arc<Client>,
    pub(super) book: Book,
    pub(super) stats: Arc<Stats>,
    pub(super) adapt: Adapt,
    /// What our hosts are shown below, beside.
    pub(super) shows: bool,
    pub(super) name: String,
    running: JoinSet<Done>,
    places: Arc<Semaphore>,
    pending: Vec<Pending>,
    /// The revision up to which the watch of our own keys has told.
    seen: i64,
    up: HashMap<Range, bool>,
    /// Begins the watches anew when it is sent to; how often whole lists were asked for.
    anew: watch::Sender<u64>,
    restarted: Timestamp,
    /// Whether etcd did not answer since the watches were begun: they may be as dead and say nothing of it.
    doubted: bool,
    /// Since when a watch does not run.
    down: Option<Timestamp>,
    presence: Presence,
    looking: bool,
    /// The revision that was seen when a look began.
    looked_after: i64,
    /// Looks in a row at an etcd that has less than was seen.
    behind: u32,
    trouble: Option<String>,
    /// Whether it refused the last write, though it is there.
    refuses: bool,
    /// Heartbeats that came while etcd was away.
    beaten: HashMap<Renewal, Timestamp>,
    /// Those by which rows are to be written again.
    catch_up: CatchUp,
    /// How many of them are being passed on.
    returning: usize,
    /// Rows whose leases have ended, since when, that are in the table until it is decided whether they stay.
    undecided: HashMap<HostKey, Timestamp>,
    /// Whether it is found out what some of them are decided by.
    sampling: bool,
    /// How many rows are looked up.
    looking_up: usize,
    /// When etcd was back last.
    back: Timestamp,
    /// All the time that the process stood still, up to the last look; when it did last, and for how long.
    stood: Duration,
    stall: (Timestamp, Duration),
    /// Requests that found rows as they want them.
    unsure: Vec<Unsure>,
    /// Whether it is found out if they are so, and since when it was last.
    asking: bool,
    asked_at: Timestamp,
    /// Whether it is found out if hosts of services beat whose other hosts are kept.
    listening: bool,
    /// When their leases were renewed last, and how often they were seen to be.
    listened: HashMap<i64, (Timestamp, u32)>,
}

impl Engine {
    pub(super) fn new(
        registry: Arc<Registry>,
        client: Arc<Client>,
        book: Book,
        adapt: Adapt,
        name: String,
        shows: bool,
    ) -> Engine {
        Engine {
            registry,
            client,
            book,
            stats: Arc::default(),
            adapt,
            shows,
            name,
            running: JoinSet::new(),
            places: Arc::new(Semaphore::new(limits::ETCD_AT_A_TIME)),
            pending: Vec::new(),
            seen: 0,
            up: HashMap::new(),
            anew: watch::Sender::new(0),
            restarted: Timestamp::default(),
            doubted: false,
            down: None,
            presence: Presence::default(),
            looking: false,
            looked_after: 0,
            behind: 0,
            trouble: None,
            refuses: false,
            beaten: HashMap::new(),
            catch_up: CatchUp::default(),
            returning: 0,
            undecided: HashMap::new(),
            sampling: false,
            listening: false,
            listened: HashMap::new(),
            looking_up: 0,
            back: Timestamp::default(),
            stood: Duration::ZERO,
            stall: (Timestamp::default(), Duration::ZERO),
            unsure: Vec::new(),
            asking: false,
            asked_at: Timestamp::default(),
        }
    }

    /// Serves until `shutdown`. `from` are the revisions at which the ranges were listed.
    pub(super) async fn run(mut self, mut requests: Requests, from: Vec<(Range, i64)>, shutdown: CancellationToken) {
        let (sender, mut said) = mpsc::channel(limits::ETCD_WATCH_QUEUE);
        let mut watches = JoinSet::new();
        for (range, prefix) in self.book.ranges() {
            let next = from.iter().find(|(known, _)| *known == range).map_or(1, |(_, at)| at + 1);
            let (client, sender, anew) = (Arc::clone(&self.client), sender.clone(), self.anew.subscribe());
            watches.spawn(read::follow(client, range, prefix, next, sender, anew, super::random()));
            self.up.insert(range, false);
        }
        drop(sender);
        self.seen = from.iter().find(|(range, _)| *range == Range::Own).map_or(0, |(_, at)| *at);
        self.settle_duty();
        self.begin_leases_anew();
        self.take_away_strays();
        let mut lookups = self.registry.lookups().unwrap_or_else(|| mpsc::channel(1).1);
        let mut looks = interval(limits::ETCD_LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some((range, said)) = said.recv() => self.hear(range, said),
                Some(done) = self.running.join_next() => match done {
                    Ok(done) => self.finish(done),
                    Err(error) => tracing::error!(%error, "a request to etcd failed in itself"),
                },
                Some(proposal) = requests.recv() => self.ask(proposal),
                Some(lookup) = lookups.recv(), if self.looking_up < limits::LOOKUPS_AT_A_TIME => self.look_up(lookup),
                _ = looks.tick() => self.look(),
            }
        }
        watches.shutdown().await;
        self.end(requests).await;
    }

    /// Answers what was asked before the stop, as far as etcd does soon, and leaves the servers of the table.
    async fn end(mut self, mut requests: Requests) {
        while let Ok(proposal) = requests.try_recv() {
            self.ask(proposal);
        }
        let answered = async {
            while let Some(done) = self.running.join_next().await {
                match done {
                    // Nobody asks again, and nobody looks any more.
                    Ok(
                        Done::Again
                        | Done::Looked(_)
                        | Done::Marked(_)
                        | Done::Nothing
                        | Done::Returned { .. }
                        | Done::Sampled(..)
                        | Done::Heard(_)
                        | Done::LookedUp(..)
                        | Done::Sure(..)
                        | Done::Decided { .. },
                    )
                    | Err(_) => {}
                    Ok(done @ (Done::Written { .. } | Done::Renewed { .. } | Done::Released(..))) => self.finish(done),
                }
                // What etcd has is written, whether the watch still tells of it or not.
                self.pending.drain(..).for_each(|pending| pending.proposal.settle(Verdict::Taken));
            }
        };
        // Who has no answer by then is told that the server is stopping.
        let _ = timeout(limits::ETCD_END_TIME, answered).await;
        self.running.shutdown().await;
        presence::leave(&self.client, &self.presence).await;
    }

    fn finish(&mut self, done: Done) {
        match done {
            Done::Nothing => {}
            Done::Again => self.look(),
            Done::Looked(result) => self.looked(result),
            Done::Marked(result) => self.marked(result),
            Done::Sampled(services, samples) => self.decide(&services, &samples),
            Done::Sure(asked, result) => self.sure(asked, result),
            Done::Heard(told) => self.heard(told),
            Done::LookedUp(lookup, result) => self.looked_up(lookup, result),
            Done::Decided { part, each, result } => self.decided(part, each, result),
            Done::Released(proposal, Ok(())) => proposal.settle(Verdict::Taken),
            Done::Released(proposal, Err(trouble)) => self.refuse(proposal, &trouble),
            Done::Returned { renewal, result } => self.returned(renewal, result),
            Done::Renewed { proposal, renewed, result } => match result {
                Ok(true) => {
                    let now = self.passed();
                    renewed.iter().for_each(|one| self.book.renewed(&one.host, one.check.as_deref(), now));
                    proposal.settle(Verdict::Taken);
                }
                Ok(false) => proposal.settle(Verdict::Conflict),
                Err(trouble) => {
                    // The host has done its part.
                    let now = self.passed();
                    self.beaten.extend(renewed.into_iter().map(|renewal| (renewal, now)));
                    if matches!(trouble, Trouble::Away(_)) {
                        self.look();
                        return proposal.settle(Verdict::Taken);
                    }
                    self.refuse(proposal, &trouble);
                }
            },
            Done::Written { proposal, unwritten, after, asked, result } => match result {
                Ok(Written::At(at)) => {
                    if at <= after {
                        self.read_anew(at);
                    }
                    if std::mem::take(&mut self.refuses) {
                        tracing::info!("etcd takes writes again");
                    }
                    self.pending.push(Pending { at, proposal, unwritten, since: self.passed(), asked });
                    self.settle_pending();
                }
                Ok(Written::Conflict(found)) => {
                    self.stats.conflicts.fetch_add(1, Ordering::Relaxed);
                    let rows =
                        found.into_iter().filter(|kv| matches!(self.book.keys.parse(&kv.key.0), Some(Key::Row(_))));
                    let rows = rows.map(|kv| WatchEvent { kind: String::new(), kv }).collect();
                    self.take(Range::Own, rows);
                    proposal.settle(Verdict::Conflict);
                }
                Err(trouble) => self.refuse(proposal, &trouble),
            },
        }
    }

    /// The moment by which time is measured that others keep, too.
    fn passed(&self) -> Timestamp {
        self.registry.clock().passed()
    }

    fn refuse(&mut self, proposal: Proposal, trouble: &Trouble) {
        let error = match trouble {
            Trouble::Full(reason) => CommitError::Full(reason.clone()),
            Trouble::Away(_) | Trouble::NoLease | Trouble::Compacted | Trouble::Refused(_) => {
                CommitError::Unavailable(trouble.to_string())
            }
        };
        if matches!(trouble, Trouble::Away(_)) {
            self.look();
        } else if !std::mem::replace(&mut self.refuses, true) {
            tracing::error!(%trouble, "etcd takes no writes: they are refused until it does");
        }
        proposal.settle(Verdict::Refused(error));
    }

    /// The watch of our own keys has told of all up to a revision.
    fn settle_seen(&mut self) {
        self.settle_pending();
        self.settle_round();
    }

    /// Tells the writers of what the watch has shown.
    fn settle_pending(&mut self) {
        let seen = self.seen;
        let (shown, rest) = self.pending.drain(..).partition(|pending| pending.at <= seen);
        self.pending = rest;
        let shown: Vec<Pending> = shown;
        for Pending { at, proposal, unwritten, asked, .. } in shown {
            // A lease that was granted with it was young then.
            for key in proposal.changes.iter().filter(|change| change.after.is_some()).map(Change::key) {
                self.book.granted(&key, asked);
            }
            if !unwritten.is_empty() {
                let gone = |key| Word::Gone { key, at: revision_of(at), why: Gone::Deregistered };
                self.registry.absorb(unwritten.into_iter().map(gone).collect());
            }
            proposal.settle(Verdict::Taken);
        }
    }
}
