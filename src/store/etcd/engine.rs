//! The one task that is the engine of the table: it asks etcd what the registry asks, and tells the registry what etcd
//! says, in etcd's order.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use super::book::{Book, News, Range};
use super::client::{Client, Trouble};
use super::keys::Key;
use super::presence::{self, Presence};
use super::read::{self, Said};
use super::stats::Stats;
use super::wire::{LeaseKeepAliveResponse, LeaseRequest, Long, WatchEvent};
use super::write::{self, Step, Written};
use super::{Adapt, revision_of};
use crate::limits;
use crate::registry::{CommitError, Duty, Proposal, Registry, Renewal, Requests, Verdict, Word};
use crate::table::{Cause, Change, Event, Gone, HostKey, Status};

/// Pause of a writer whose key others have changed, so that the watch tells of it.
const LATER: Duration = Duration::from_millis(30);

/// Looks in a row at an older revision after which it is no lag.
const LAGS: u32 = 30;

/// What a task of the engine has found out.
enum Done {
    Written { proposal: Proposal, unwritten: Vec<HostKey>, after: i64, result: Result<Written, Trouble> },
    Renewed { proposal: Proposal, renewed: Vec<Renewal>, result: Result<bool, Trouble> },
    Returned { renewal: Renewal, result: Result<bool, Trouble> },
    Looked(Result<Presence, Trouble>),
    Nothing,
}

/// A commit that the watch has not shown yet.
struct Pending {
    at: i64,
    proposal: Proposal,
    unwritten: Vec<HostKey>,
    since: Instant,
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
    restart: watch::Sender<bool>,
    restarted: Instant,
    /// Since when a watch does not run.
    down: Option<Instant>,
    presence: Presence,
    looking: bool,
    /// The revision that was seen when a look began.
    looked_after: i64,
    /// Looks in a row at an etcd that has less than was seen.
    behind: u32,
    trouble: Option<String>,
    /// Heartbeats that came while etcd was away.
    beaten: HashMap<Renewal, Instant>,
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
            restart: watch::Sender::new(false),
            restarted: Instant::now(),
            down: None,
            presence: Presence::default(),
            looking: false,
            looked_after: 0,
            behind: 0,
            trouble: None,
            beaten: HashMap::new(),
        }
    }

    /// Serves until `shutdown`. `from` are the revisions at which the ranges were listed.
    pub(super) async fn run(mut self, mut requests: Requests, from: Vec<(Range, i64)>, shutdown: CancellationToken) {
        let (sender, mut said) = mpsc::channel(limits::ETCD_WATCH_QUEUE);
        let mut watches = JoinSet::new();
        for (range, prefix) in self.book.ranges() {
            let next = from.iter().find(|(known, _)| *known == range).map_or(1, |(_, at)| at + 1);
            let (client, sender, restart) = (Arc::clone(&self.client), sender.clone(), self.restart.subscribe());
            watches.spawn(read::follow(client, range, prefix, next, sender, restart, super::random()));
            self.up.insert(range, false);
        }
        drop(sender);
        self.seen = from.iter().find(|(range, _)| *range == Range::Own).map_or(0, |(_, at)| *at);
        self.settle_duty();
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
                _ = looks.tick() => self.look(),
            }
        }
        watches.shutdown().await;
        self.end(requests).await;
    }

    /// Writes what was asked before the stop, and leaves the servers of the table.
    async fn end(mut self, mut requests: Requests) {
        while let Ok(proposal) = requests.try_recv() {
            proposal.settle(Verdict::Refused(CommitError::Unavailable("the server is stopping".into())));
        }
        for pending in self.pending.drain(..) {
            pending.proposal.settle(Verdict::Taken);
        }
        self.running.shutdown().await;
        presence::leave(&self.client, &self.presence).await;
    }

    // ---- what the registry asks ----

    fn ask(&mut self, proposal: Proposal) {
        if let Some(reason) = &self.trouble {
            self.beaten.extend(proposal.renewals.iter().cloned().map(|renewal| (renewal, Instant::now())));
            if !proposal.changes.is_empty() {
                let error = CommitError::Unavailable(reason.clone());
                return proposal.settle(Verdict::Refused(error));
            }
            return proposal.settle(Verdict::Taken);
        }
        if !self.is_current(&proposal.changes) {
            self.stats.conflicts.fetch_add(1, Ordering::Relaxed);
            return self.settle_later(proposal, Verdict::Conflict, Duration::ZERO);
        }
        let mut changes = proposal.changes.clone();
        let mut renewals = Vec::new();
        for renewal in &proposal.renewals {
            match self.lease_of(renewal) {
                Some(lease) => renewals.extend(lease.map(|lease| (renewal.clone(), lease))),
                // A row that is kept though etcd has lost it is written again by its heartbeat.
                None => changes.extend(self.rewritten(renewal)),
            }
        }
        if changes.is_empty() {
            self.renew(proposal, renewals);
        } else {
            self.write(proposal, &changes, renewals);
        }
    }

    /// Whether the rows are still what a change was worked out on.
    fn is_current(&self, changes: &[Change]) -> bool {
        let snapshot = self.registry.snapshot();
        let mut written: HashMap<HostKey, ()> = HashMap::new();
        changes.iter().all(|change| {
            let key = change.key();
            // The second change of a row in one request stands on the first.
            // A host whose time has come is gone here already.
            let ended = change.cause == Cause::Expiry && snapshot.hosts.get(&key).is_none();
            written.insert(key.clone(), ()).is_some()
                || ended
                || snapshot.hosts.get(&key).map(|host| host.modified)
                    == change.before.as_ref().map(|host| host.modified)
        })
    }

    /// The lease to renew, `None` in it where it was renewed just now or is not etcd's; `None` for a row that etcd does
    /// not have.
    fn lease_of(&self, renewal: &Renewal) -> Option<Option<i64>> {
        let known = match &renewal.check {
            None => self.book.row(&renewal.host)?,
            Some(check) => match self.book.beat(&renewal.host, check) {
                Some(known) => known,
                None => return Some(None),
            },
        };
        let ttl = self.ttl_of(renewal)?;
        let fresh =
            self.registry.now().since(known.renewed) < (ttl / limits::ETCD_FRESH_SHARE).min(limits::ETCD_FRESH_MAX);
        Some((known.lease != 0 && !fresh).then_some(known.lease))
    }

    fn ttl_of(&self, renewal: &Renewal) -> Option<Duration> {
        let snapshot = self.registry.snapshot();
        let host = snapshot.hosts.get(&renewal.host)?;
        match &renewal.check {
            None => host.lease.ttl(),
            Some(check) => host.checks.iter().find(|known| known.id == *check)?.lease()?.ttl(),
        }
    }

    fn rewritten(&self, renewal: &Renewal) -> Option<Change> {
        let snapshot = self.registry.snapshot();
        let host = snapshot.hosts.get(&renewal.host)?;
        let (revision, at) = (host.modified, self.registry.now());
        let cause = Cause::Api(host.dialect);
        Some(Change { revision, at, cause, before: None, after: Some(Arc::clone(host)) })
    }

    fn renew(&mut self, proposal: Proposal, renewals: Vec<(Renewal, i64)>) {
        if renewals.is_empty() {
            return proposal.settle(Verdict::Taken);
        }
        let (client, places) = (Arc::clone(&self.client), Arc::clone(&self.places));
        self.stats.renewals.fetch_add(renewals.len() as u64, Ordering::Relaxed);
        self.running.spawn(async move {
            let _place = places.acquire().await;
            let result = renew_all(&client, &renewals).await;
            if matches!(result, Ok(false)) {
                sleep(LATER).await;
            }
            let renewed = renewals.into_iter().map(|(renewal, _)| renewal).collect();
            Done::Renewed { proposal, renewed, result }
        });
    }

    fn write(&mut self, proposal: Proposal, changes: &[Change], renewals: Vec<(Renewal, i64)>) {
        // Of several changes of one row the last counts, with what was there before the first.
        let steps = write::steps(&last_of_each(changes), &self.book, self.shows);
        let unwritten = steps.iter().flat_map(|step: &Step| step.unwritten.iter().cloned()).collect();
        let (client, places) = (Arc::clone(&self.client), Arc::clone(&self.places));
        let (departures, after) = (Arc::clone(&self.presence.departures), self.seen);
        self.stats.writes.fetch_add(1, Ordering::Relaxed);
        self.running.spawn(async move {
            let _place = places.acquire().await;
            let result = async {
                if !renewals.is_empty() && !renew_all(&client, &renewals).await? {
                    return Ok(Written::Conflict(Vec::new()));
                }
                let marks = presence::departures(&client, &departures).await?;
                write::run(&client, &steps, marks).await
            };
            let result = result.await;
            if matches!(&result, Ok(Written::Conflict(_))) {
                sleep(LATER).await;
            }
            Done::Written { proposal, unwritten, after, result }
        });
    }

    fn settle_later(&mut self, proposal: Proposal, verdict: Verdict, after: Duration) {
        self.running.spawn(async move {
            sleep(after).await;
            proposal.settle(verdict);
            Done::Nothing
        });
    }

    // ---- what became of it ----

    fn finish(&mut self, done: Done) {
        match done {
            Done::Nothing => {}
            Done::Looked(result) => self.looked(result),
            Done::Returned { renewal, result } => self.returned(renewal, result),
            Done::Renewed { proposal, renewed, result } => match result {
                Ok(true) => {
                    let now = self.registry.now();
                    renewed.iter().for_each(|one| self.book.renewed(&one.host, one.check.as_deref(), now));
                    proposal.settle(Verdict::Taken);
                }
                Ok(false) => proposal.settle(Verdict::Conflict),
                Err(trouble) => {
                    // The host has done its part.
                    self.beaten.extend(renewed.into_iter().map(|renewal| (renewal, Instant::now())));
                    self.refuse(proposal, &trouble);
                }
            },
            Done::Written { proposal, unwritten, after, result } => match result {
                Ok(Written::At(at)) => {
                    if at <= after {
                        self.read_anew(at);
                    }
                    self.pending.push(Pending { at, proposal, unwritten, since: Instant::now() });
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

    fn refuse(&mut self, proposal: Proposal, trouble: &Trouble) {
        let error = match trouble {
            Trouble::Full(reason) => CommitError::Full(reason.clone()),
            other => CommitError::Unavailable(other.to_string()),
        };
        if matches!(trouble, Trouble::Away(_)) {
            self.look();
        }
        proposal.settle(Verdict::Refused(error));
    }

    /// Tells the writers of what the watch has shown.
    fn settle_pending(&mut self) {
        let seen = self.seen;
        let (shown, rest) = self.pending.drain(..).partition(|pending| pending.at <= seen);
        self.pending = rest;
        let shown: Vec<Pending> = shown;
        for Pending { at, proposal, unwritten, .. } in shown {
            if !unwritten.is_empty() {
                let gone = |key| Word::Gone { key, at: revision_of(at), why: Gone::Deregistered };
                self.registry.absorb(unwritten.into_iter().map(gone).collect());
            }
            proposal.settle(Verdict::Taken);
        }
    }

    // ---- what etcd says ----

    fn hear(&mut self, range: Range, said: Said) {
        match said {
            Said::Up => {
                self.up.insert(range, true);
                self.settle_state();
            }
            Said::Down(reason) => {
                tracing::debug!(?range, reason, "a watch of etcd has ended");
                self.stats.restarts.fetch_add(1, Ordering::Relaxed);
                self.up.insert(range, false);
                self.look();
            }
            Said::Events(events, at) => {
                self.take(range, events);
                self.reach(range, at);
            }
            Said::Listed(listed) => {
                tracing::info!(?range, keys = listed.keys.len(), "etcd was read whole");
                let news = self.book.list(range, listed.keys, listed.revision, self.registry.now());
                self.tell(news);
                self.reach(range, listed.revision);
            }
        }
    }

    fn reach(&mut self, range: Range, at: i64) {
        if range == Range::Own {
            self.seen = self.seen.max(at);
            self.settle_pending();
        }
    }

    fn take(&mut self, range: Range, events: Vec<WatchEvent>) {
        let news = self.book.take(range, events, self.registry.now());
        self.tell(news);
    }

    /// Tells the registry, and does what follows from it.
    fn tell(&mut self, news: News) {
        let News { words, lapsed, servers } = news;
        self.stats.unreadable.store(self.book.unreadable() as u64, Ordering::Relaxed);
        self.stats.foreign.store(self.book.foreign() as u64, Ordering::Relaxed);
        let words: Vec<Word> = words.into_iter().filter_map(|word| self.adapted(word)).collect();
        if !words.is_empty() {
            self.registry.absorb(words);
        }
        if servers {
            self.settle_duty();
        }
        for (host, check) in lapsed {
            let renewal = Renewal { host, check: Some(check) };
            if !self.beaten.contains_key(&renewal)
                && let Renewal { host, check: Some(check) } = renewal
            {
                self.lapse(host, check);
            }
        }
    }

    /// A row as this server has it; `None` for what it is not told.
    fn adapted(&mut self, word: Word) -> Option<Word> {
        match word {
            Word::Put { host, at } => Some(Word::Put { host: Box::new((self.adapt)(*host)?), at }),
            Word::Gone { key, why: Gone::Lapsed, .. } if self.has_beaten_here(&key) => {
                // Its heartbeats came to us while we could not pass them on: it is written again.
                self.give_back(Renewal { host: key, check: None });
                None
            }
            word => Some(word),
        }
    }

    fn has_beaten_here(&self, key: &HostKey) -> bool {
        self.beaten.contains_key(&Renewal { host: key.clone(), check: None })
            && self.registry.snapshot().hosts.get(key).is_some_and(|host| host.lease.is_live(self.registry.now()))
    }

    fn lapse(&mut self, host: HostKey, check: Box<str>) {
        if self.registry.duty().is_own(&host) {
            let registry = Arc::clone(&self.registry);
            self.running.spawn(async move {
                // Where it fails the check is found again when the work is shared out anew.
                let _ = registry.submit(Event::Lapse { host, check }).await;
                Done::Nothing
            });
        }
    }

    fn settle_duty(&mut self) {
        let duty = Duty::new(&self.name, self.book.servers().cloned());
        self.stats.servers.store(duty.servers() as u64, Ordering::Relaxed);
        if *self.registry.duty() == duty {
            return;
        }
        tracing::info!(servers = duty.servers(), "the checks are shared out");
        self.registry.set_duty(duty);
        // A server that is gone may have missed the end of a TTL.
        let snapshot = self.registry.snapshot_arc();
        let mut missed = Vec::new();
        for host in snapshot.hosts.iter().chain(snapshot.hosts.nodes()) {
            for check in host.checks.iter().filter(|check| check.status != Status::Critical) {
                let kept = check.lease().is_some_and(|lease| lease.is_kept());
                if kept && self.book.beat(&host.key(), &check.id).is_none() {
                    missed.push((host.key(), check.id.clone()));
                }
            }
        }
        missed.into_iter().for_each(|(host, check)| self.lapse(host, check));
    }

    // ---- whether it is there ----

    fn look(&mut self) {
        self.restart_late();
        if self.looking {
            return;
        }
        self.looking = true;
        self.looked_after = self.seen;
        let (client, presence) = (Arc::clone(&self.client), self.presence.clone());
        let key = self.book.keys.server(&self.name);
        self.running.spawn(async move { Done::Looked(presence::show(&client, key, presence).await) });
    }

    /// Begins the watches anew where a commit does not come back by them; tells writers who waited for too long.
    fn restart_late(&mut self) {
        let late = |pending: &Pending| pending.since.elapsed() > limits::ETCD_ECHO_TIME;
        if self.pending.iter().any(late) && self.restarted.elapsed() > limits::ETCD_ECHO_TIME {
            self.restarted = Instant::now();
            let _ = self.restart.send(false);
        }
        let (lost, rest) =
            self.pending.drain(..).partition(|pending| pending.since.elapsed() > 2 * limits::ETCD_ECHO_TIME);
        self.pending = rest;
        let lost: Vec<Pending> = lost;
        for pending in lost {
            let reason = "etcd has written it, and its watch does not show it";
            pending.proposal.settle(Verdict::Refused(CommitError::Unavailable(reason.into())));
        }
    }

    fn looked(&mut self, result: Result<Presence, Trouble>) {
        self.looking = false;
        match result {
            Ok(presence) => {
                // A member may lag behind the one that is watched, for a while.
                self.behind = if presence.revision < self.looked_after { self.behind + 1 } else { 0 };
                if self.behind >= LAGS {
                    self.read_anew(presence.revision);
                }
                self.presence = presence;
                self.settle_state();
            }
            Err(trouble) => self.be_away(trouble.to_string()),
        }
    }

    /// A backup was restored: numbers that were heard of are given again.
    fn read_anew(&mut self, at: i64) {
        tracing::warn!(has = at, had = self.seen, "etcd was set back: it is read whole");
        (self.seen, self.behind) = (at.saturating_sub(1), 0);
        let _ = self.restart.send(true);
    }

    fn be_away(&mut self, reason: String) {
        if self.trouble.is_none() {
            tracing::error!(
                reason,
                "etcd is away: names are answered from memory, writes are refused until it is back"
            );
        }
        self.stats.away.store(1, Ordering::Relaxed);
        self.registry.set_away(Some(&reason));
        self.trouble = Some(reason);
    }

    /// Away, unless it answers and every watch runs.
    fn settle_state(&mut self) {
        if !self.presence.is_shown() {
            return;
        }
        if self.up.values().any(|up| !up) {
            let since = *self.down.get_or_insert_with(Instant::now);
            if self.trouble.is_none() && since.elapsed() > limits::ETCD_ECHO_TIME {
                self.be_away("a watch of etcd does not run".into());
            }
            return;
        }
        self.down = None;
        if self.trouble.take().is_some() {
            tracing::info!(heartbeats = self.beaten.len(), "etcd is back");
            self.stats.away.store(0, Ordering::Relaxed);
            self.registry.set_away(None);
            let beaten: Vec<Renewal> = self.beaten.keys().cloned().collect();
            beaten.into_iter().for_each(|renewal| self.give_back(renewal));
        }
    }

    /// Passes on a heartbeat that came while etcd was away.
    fn give_back(&mut self, renewal: Renewal) {
        let snapshot = self.registry.snapshot_arc();
        // One that has fallen silent since is to go, wherever it was heard.
        if !snapshot.hosts.get(&renewal.host).is_some_and(|host| host.lease.is_live(self.registry.now())) {
            self.beaten.remove(&renewal);
            return;
        }
        let known = match &renewal.check {
            None => self.book.row(&renewal.host),
            Some(check) => self.book.beat(&renewal.host, check),
        };
        let change = if known.is_none() { self.rewritten(&renewal) } else { None };
        let steps = change.map(|change| write::steps(&[change], &self.book, self.shows));
        let (client, places) = (Arc::clone(&self.client), Arc::clone(&self.places));
        let share = u32::try_from(limits::ETCD_AT_A_TIME / limits::ETCD_RETURN_AT_A_TIME).unwrap_or(1);
        self.running.spawn(async move {
            // No more of these at a time than leave room for what is new.
            let _place = places.acquire_many(share).await;
            let result = match (steps, known) {
                (Some(steps), _) => match write::run(&client, &steps, 0).await {
                    Ok(Written::At(_)) => Ok(true),
                    Ok(Written::Conflict(_)) => Ok(false),
                    Err(trouble) => Err(trouble),
                },
                (None, Some(known)) if known.lease != 0 => renew_all(&client, &[(renewal.clone(), known.lease)]).await,
                (None, _) => Ok(true),
            };
            Done::Returned { renewal, result }
        });
    }

    fn returned(&mut self, renewal: Renewal, result: Result<bool, Trouble>) {
        match result {
            Ok(true) => {
                let now = self.registry.now();
                self.book.renewed(&renewal.host, renewal.check.as_deref(), now);
                if self.book.row(&renewal.host).is_some_and(|known| known.lease != 0) {
                    self.registry.keep_again(&renewal.host);
                }
                self.beaten.remove(&renewal);
            }
            // The watch tells soon what became of it, and it is tried again then.
            Ok(false) => {}
            Err(trouble) => tracing::debug!(%trouble, host = %renewal.host, "a heartbeat could not be passed on"),
        }
    }
}

/// Each row once: what it was before the first change, and what it is after the last.
fn last_of_each(changes: &[Change]) -> Vec<Change> {
    let mut places: HashMap<HostKey, usize> = HashMap::new();
    let mut last: Vec<Change> = Vec::with_capacity(changes.len());
    for change in changes {
        match places.get(&change.key()) {
            Some(place) => last[*place].after = change.after.clone(),
            None => {
                places.insert(change.key(), last.len());
                last.push(change.clone());
            }
        }
    }
    last.retain(|change| change.before.is_some() || change.after.is_some());
    last
}

/// Renews leases; `false` where one of them has ended.
async fn renew_all(client: &Client, renewals: &[(Renewal, i64)]) -> Result<bool, Trouble> {
    for (_, lease) in renewals {
        let request = LeaseRequest { id: Long(*lease) };
        let answer: LeaseKeepAliveResponse = match client.call("/v3/lease/keepalive", &request).await {
            Err(Trouble::NoLease) => return Ok(false),
            answer => answer?,
        };
        if answer.result.ttl.0 <= 0 {
            return Ok(false);
        }
    }
    Ok(true)
}
