//! Writing: what the registry proposes, as one request with conditions.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::client::{Trouble, random};
use super::engine::Engine;
use super::expression::{self, Write};
use super::follow::Told;
use super::item::Item;
use super::place;
use super::row;
use super::seen::Seen;
use super::stats::Stats;
use crate::limits;
use crate::registry::{CommitError, Proposal, Verdict, Word};
use crate::table::{Cause, Change, Gone, Host, HostKey, Revision};

/// How far apart the numbers of writes are at most, in nanoseconds.
const SPREAD: u64 = 1_000_000_000;

/// One row of a proposal.
pub(super) struct Step {
    pub(super) key: HostKey,
    /// The row after it; an error where it is deleted, for that reason.
    pub(super) after: Result<Arc<Host>, Gone>,
    pub(super) item: Item,
    pub(super) version: u64,
    pub(super) check_in: Option<Box<str>>,
    pub(super) write: Write,
    /// What was known of the item.
    pub(super) seen: Option<Seen>,
}

impl Engine {
    /// Does what is proposed, and says what became of it.
    pub(super) async fn answer(self: Arc<Self>, proposal: Proposal) {
        let mut verdict = self.confirm(&proposal).await;
        if verdict == Verdict::Taken && !proposal.changes.is_empty() {
            let _place = self.places.acquire().await;
            verdict = match self.registry.away() {
                Some(reason) => Verdict::Refused(CommitError::Unavailable(reason.to_string())),
                None => self.commit(&proposal.changes).await,
            };
        }
        if verdict == Verdict::Conflict {
            Stats::count(&self.stats.conflicts);
        }
        proposal.settle(verdict);
    }

    /// All changes in one transaction; more than one can hold are several, each whole.
    async fn commit(&self, changes: &[Change]) -> Verdict {
        let began = self.items.lock().begin();
        let verdict = match self.steps(changes) {
            None => Verdict::Conflict,
            Some(steps) => {
                let mut verdict = Verdict::Taken;
                for part in steps.chunks(limits::DYNAMODB_TRANSACTION) {
                    verdict = self.write(part, began).await;
                    if verdict != Verdict::Taken {
                        break;
                    }
                }
                verdict
            }
        };
        self.items.lock().end(began);
        verdict
    }

    pub(super) async fn write(&self, steps: &[Step], began: u64) -> Verdict {
        let writes: Vec<Write> = steps.iter().map(|step| step.write.clone()).collect();
        Stats::count(&self.stats.writes);
        match self.client.write(&writes).await {
            Ok(()) => {
                self.written(steps, began);
                Verdict::Taken
            }
            Err(Trouble::Condition(stood)) => self.look_again(steps, stood, began).await,
            Err(trouble @ Trouble::Busy(_)) => {
                Stats::count(&self.stats.throttled);
                Verdict::Refused(CommitError::Unavailable(trouble.to_string()))
            }
            Err(trouble @ Trouble::Refused(_)) => {
                tracing::error!(%trouble, "a write was refused");
                Verdict::Refused(CommitError::Unavailable(trouble.to_string()))
            }
            Err(trouble) => {
                self.go_away(&trouble);
                Verdict::Refused(CommitError::Unavailable(trouble.to_string()))
            }
        }
    }

    /// What the changes are as writes; `None` where the table is past what they were worked out on.
    fn steps(&self, changes: &[Change]) -> Option<Vec<Step>> {
        // Of several changes of one row the last counts, with what was there before the first.
        let mut rows: BTreeMap<HostKey, (Option<Arc<Host>>, &Change)> = BTreeMap::new();
        for change in changes {
            rows.entry(change.key()).or_insert_with(|| (change.before.clone(), change)).1 = change;
        }
        // Where the rows of a node follow it, those of the same request were worked out on what is in no table yet.
        let first = changes.iter().map(|change| change.revision).min();
        let is_known = |revision: &Revision| first.is_none_or(|first| *revision < first);
        let (items, snapshot) = (self.items.lock(), self.registry.snapshot());
        let mut steps = Vec::with_capacity(rows.len());
        for (key, (before, change)) in rows {
            let current = snapshot.hosts.get(&key).map(|host| host.modified);
            // A host that has lapsed is in no table any more, but for that of DynamoDB.
            let has_lapsed = change.after.is_none() && change.cause == Cause::Expiry && current.is_none();
            let before = before.as_ref().map(|before| before.modified);
            let follows = before.is_some_and(|before| !is_known(&before)) && current.as_ref().is_some_and(is_known);
            if current != before && !follows && !has_lapsed {
                return None;
            }
            let seen = items.get(&key).cloned();
            steps.extend(self.step(key, change, seen));
        }
        Some(steps)
    }

    /// `None` where there is nothing to write: what was made and taken away in one request was never there.
    fn step(&self, key: HostKey, change: &Change, seen: Option<Seen>) -> Option<Step> {
        let place = place::of(&key);
        let Some(after) = &change.after else {
            let seen = seen?;
            let why = if change.cause == Cause::Expiry { Gone::Lapsed } else { Gone::Deregistered };
            let last = seen.check_in.as_deref().filter(|_| why == Gone::Lapsed);
            let write = expression::delete(&place, &seen, last);
            return Some(Step {
                key,
                after: Err(why),
                item: Item::default(),
                version: 0,
                check_in: None,
                write,
                seen: Some(seen),
            });
        };
        let item = row::item(after, self.settings.lyft_ttl);
        let version = self.version(seen.as_ref());
        // A change that is no heartbeat leaves the moment of the last one alone.
        let is_beat = change.before.is_none() || seen.is_none() || after.lease.renewed() == change.at;
        let check_in: Option<Box<str>> = is_beat.then(|| self.moment().into());
        let write = expression::put(&place, &item, version, check_in.as_deref(), seen.as_ref());
        Some(Step { key, after: Ok(Arc::clone(after)), item, version, check_in, write, seen })
    }

    /// A number that no other write of the row has: greater than the last, whatever the clock says, and hardly one that
    /// another server takes at the same time.
    pub(super) fn version(&self, seen: Option<&Seen>) -> u64 {
        let moment = self.registry.clock().wall().as_micros().saturating_mul(1000);
        let last = seen.and_then(|seen| seen.version).unwrap_or_default();
        moment.max(last).saturating_add(1 + random() % SPREAD)
    }

    /// Takes over what was written, unless somebody else's word on a row is newer by now.
    fn written(&self, steps: &[Step], began: u64) {
        let mut items = self.items.lock();
        let mut words = Vec::new();
        for step in steps.iter().filter(|step| items.is_as_of(&step.key, began)).collect::<Vec<_>>() {
            match &step.after {
                Ok(host) => {
                    items.put(step.key.clone(), self.seen_of(step));
                    words.push(Word::Put { host: Box::new(Host::clone(host)), at: Revision::default() });
                }
                Err(why) => {
                    items.remove(&step.key);
                    words.push(Word::Gone { key: step.key.clone(), at: Revision::default(), why: *why });
                }
            }
        }
        self.registry.absorb(words);
    }

    /// What an item is after it was written.
    fn seen_of(&self, step: &Step) -> Seen {
        let before = step.seen.as_ref();
        let written = Seen::of(&step.item, place::is_lyfts(&step.key));
        let now = step.check_in.is_some().then(|| self.registry.now());
        Seen {
            version: Some(step.version),
            check_in: step.check_in.clone().or_else(|| before.and_then(|seen| seen.check_in.clone())),
            beats: before.map(|seen| seen.beats.clone()).unwrap_or_default(),
            beaten: now.or_else(|| before.and_then(|seen| seen.beaten)),
            is_host: true,
            wrote: Some(self.registry.now()),
            ..written
        }
    }

    /// A condition did not hold: takes over what is there. It may be our own write, of a try whose answer was lost.
    async fn look_again(&self, steps: &[Step], stood: Vec<Option<Item>>, began: u64) -> Verdict {
        let mut own = 0;
        let stood = if steps.len() == 1 { stood } else { Vec::new() };
        for (place, step) in steps.iter().enumerate() {
            let item = match stood.get(place).cloned().flatten() {
                Some(item) => Some(item),
                None => match self.client.get(&place::of(&step.key)).await {
                    Ok(item) => item,
                    Err(trouble) => {
                        if matches!(trouble, Trouble::Away(_) | Trouble::NoTable) {
                            self.go_away(&trouble);
                        }
                        return Verdict::Refused(CommitError::Unavailable(trouble.to_string()));
                    }
                },
            };
            let is_own = item.as_ref().is_some_and(|item| step.after.is_ok() && item.version() == Some(step.version));
            own += usize::from(is_own);
            self.take_one(&step.key, item.as_ref(), began);
        }
        if own == steps.len() { Verdict::Taken } else { Verdict::Conflict }
    }

    /// Takes over one item as it was read; `began` is when that began.
    pub(super) fn take_one(&self, key: &HostKey, item: Option<&Item>, began: u64) {
        let mut items = self.items.lock();
        let mut told = Told::default();
        match item {
            Some(item) => {
                let seen = Seen::of(item, place::is_lyfts(key));
                self.take(&mut items, item, key, seen, began, &mut told);
            }
            None if items.is_as_of(key, began) => {
                let why = self.why_gone(key, items.get(key));
                items.remove(key);
                told.words.push(Word::Gone { key: key.clone(), at: Revision::default(), why });
            }
            None => {}
        }
        self.tell(told);
    }

    /// Deletes the item of a host that has lapsed, unless a heartbeat came meanwhile.
    pub(super) async fn bury(&self, key: &HostKey) {
        let began = self.items.lock().begin();
        let seen = self.items.lock().get(key).cloned();
        if let Some(seen) = seen.filter(|_| self.registry.snapshot().hosts.get(key).is_none()) {
            let write = expression::delete(&place::of(key), &seen, seen.check_in.as_deref());
            let step = Step {
                key: key.clone(),
                after: Err(Gone::Lapsed),
                item: Item::default(),
                version: 0,
                check_in: None,
                write,
                seen: Some(seen),
            };
            let _ = self.write(std::slice::from_ref(&step), began).await;
        }
        self.items.lock().end(began);
    }
}
