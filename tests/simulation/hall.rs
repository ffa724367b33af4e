//! The registry over a store that loses commits at random, in one thread: batches are taken, published and given up
//! by the test, and writes are futures polled by hand.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rollcall::clock::{Clock, Timestamp};
use rollcall::registry::{Batch, CommitError, Durability, Registry, Snapshot, SubmitError};
use rollcall::table::{Applied, Change, Dialect, Event, Revision};

use crate::ask;
use crate::dice::Dice;
use crate::model::{Model, Outcome, key_of};
use crate::world::outcome;

const START: u64 = 1_000_000_000;

type Write<'r> = Pin<Box<dyn Future<Output = Result<Applied, SubmitError>> + 'r>>;
type Key = (String, Dialect, String);

/// A write that waits for its commit.
struct Waiting<'r> {
    write: Write<'r>,
    expected: Outcome,
    event: Event,
    at: u64,
}

struct Hall<'r> {
    registry: &'r Registry,
    dice: Dice,
    /// The table: everything that was accepted.
    table: Model,
    /// The table as it was when the batch that is held was taken.
    in_flight: Option<(Batch, Model)>,
    /// What readers see.
    published: Model,
    waiting: Vec<Waiting<'r>>,
    /// The last acknowledged heartbeat of each host.
    heartbeats: BTreeMap<Key, u64>,
    staged: usize,
}

/// One random history.
pub(crate) fn history(seed: u64, steps: u64) {
    let mut dice = Dice::new(seed);
    let clock = Arc::new(Clock::manual(Timestamp::from_micros(START)));
    let model = Model { policy: dice.policy(), ..Model::default() };
    let zones = ask::empty_zones(model.policy);
    let registry = Registry::new(Arc::clone(&clock), zones, Durability::Grouped);
    registry.load([], Revision::default(), 7);
    let mut hall = Hall {
        registry: &registry,
        dice,
        table: model.clone(),
        in_flight: None,
        published: model,
        waiting: Vec::new(),
        heartbeats: BTreeMap::new(),
        staged: 0,
    };
    for step in 0..steps {
        hall.step(&clock);
        hall.check(step % 24 == 0);
    }
    hall.drain();
}

impl Hall<'_> {
    fn now(&self) -> u64 {
        self.registry.now().as_micros()
    }

    fn step(&mut self, clock: &Clock) {
        // No two writes at one moment: the registry takes a row renewed now for one that this write renewed.
        clock.advance(Duration::from_micros(1));
        match self.dice.below(24) {
            0..=1 => clock.advance(self.dice.time()),
            2 => self.expire(),
            3..=6 => self.take(),
            7..=9 => self.publish(),
            10 => self.give_up(),
            _ => self.submit(),
        }
    }

    fn submit(&mut self) {
        let event = self.dice.event(&self.table);
        let at = self.now();
        let before = self.registry.snapshot_arc();
        let revision = self.table.revision;
        let expected = self.table.apply(&event, at);
        if expected == Outcome::Unchanged {
            renew_copies(self.in_flight.iter().map(|(_, model)| model).chain([&self.published]), &event, at);
        }
        let mut write: Write<'_> = Box::pin(self.registry.submit(event.clone()));
        let first = poll(&mut write);
        assert!(Arc::ptr_eq(&before, &self.registry.snapshot_arc()), "visible before it was written: {event:?}");
        self.staged += (self.table.revision - revision) as usize;
        match first {
            Poll::Ready(Err(SubmitError::Rejected(rejection))) => {
                assert_eq!(outcome(&Err(rejection)), expected, "{event:?}");
            }
            Poll::Ready(result) => {
                let applied = result.expect("a write that needs no commit");
                assert_eq!(outcome(&Ok(applied.clone())), expected, "{event:?}");
                assert!(!expected.is_change(), "acknowledged before it was written: {event:?}");
                assert!(applied.host().modified <= before.revision, "it met a row that is not written: {event:?}");
                self.acknowledged(&event, at);
            }
            Poll::Pending => self.waiting.push(Waiting { write, expected, event, at }),
        }
    }

    fn expire(&mut self) {
        let now = self.now();
        // After a lost commit what was due waits for its second deadline.
        let looked_at: Vec<_> =
            self.registry.deadlines(1000).into_iter().filter(|(at, _)| at.as_micros() <= now).collect();
        while self.registry.expire_due() {}
        for (_, key) in looked_at {
            let revision = self.table.revision;
            self.table.pass_time(&key, now);
            self.staged += (self.table.revision - revision) as usize;
        }
    }

    fn take(&mut self) {
        if self.staged == 0 || self.in_flight.is_some() {
            return;
        }
        let batch = self.registry.next_batch().expect("something is staged");
        assert_eq!((batch.changes.len(), batch.revision().0), (self.staged, self.table.revision));
        self.staged = 0;
        self.in_flight = Some((batch, self.table.clone()));
    }

    fn publish(&mut self) {
        let Some((batch, model)) = self.in_flight.take() else { return };
        let (before, changes) = (self.registry.snapshot_arc(), batch.changes.clone());
        self.registry.publish(batch);
        self.published = model;
        let after = self.registry.snapshot_arc();
        assert!(after.revision > before.revision && after.zones.serial() >= before.zones.serial());
        let journal = self.registry.changes_since(before.revision, usize::MAX).expect("it is remembered");
        assert_eq!(revisions(&journal), revisions(&changes));
        self.answer_waiting(|result, expected| {
            assert_eq!(outcome(&Ok(result.expect("a write that was committed"))), expected);
        });
    }

    fn give_up(&mut self) {
        let Some((batch, _)) = self.in_flight.take() else { return };
        let before = self.registry.snapshot_arc();
        let reason = CommitError::Full("no room".into());
        self.registry.give_up(batch, &reason);
        assert!(Arc::ptr_eq(&before, &self.registry.snapshot_arc()), "a lost commit is visible");
        self.table = self.published.clone();
        self.staged = 0;
        self.answer_waiting(|result, _| {
            assert_eq!(result.map(|_| ()), Err(SubmitError::Store(reason.clone())));
        });
        assert!(self.waiting.is_empty(), "a write waits for a commit that was lost");
    }

    /// Polls the writes that wait: those that are answered get the answer that `check` wants.
    fn answer_waiting(&mut self, check: impl Fn(Result<Applied, SubmitError>, Outcome)) {
        for mut waiting in std::mem::take(&mut self.waiting) {
            match poll(&mut waiting.write) {
                Poll::Pending => self.waiting.push(waiting),
                Poll::Ready(result) => {
                    let accepted = result.is_ok();
                    check(result, waiting.expected);
                    if accepted {
                        self.acknowledged(&waiting.event, waiting.at);
                    }
                }
            }
        }
    }

    fn acknowledged(&mut self, event: &Event, at: u64) {
        let key = key_of(&event.key());
        match event {
            Event::Register(_) | Event::Renew(_) => {
                self.heartbeats.insert(key, at);
            }
            Event::Deregister(_) => {
                self.heartbeats.remove(&key);
            }
            Event::Report { .. }
            | Event::Observe { .. }
            | Event::Weigh { .. }
            | Event::Drain { .. }
            | Event::Lapse { .. }
            | Event::Resolve { .. }
            | Event::Restore(_) => {}
        }
    }

    fn check(&mut self, everything: bool) {
        let now = self.now();
        let snapshot: Arc<Snapshot> = self.registry.snapshot_arc();
        assert_eq!(snapshot.revision.0, self.published.revision);
        ask::compare_rows(&snapshot.hosts, &self.published);
        let zone = &snapshot.zones;
        assert_eq!(zone.difference(&zone.render(&snapshot.hosts, zone.serial())), None);
        // No acknowledged heartbeat is lost: a row that is still there was renewed then or later.
        for host in snapshot.hosts.iter() {
            let heartbeat = self.heartbeats.get(&key_of(&host.key()));
            let kept = heartbeat.is_none_or(|at| host.lease.renewed().as_micros() >= *at);
            assert!(kept, "the heartbeat of {} at {heartbeat:?} is lost", host.key());
        }
        let mut random = self.dice.random();
        if everything {
            ask::ask_everything(zone, &self.published, now, &mut random);
        } else {
            ask::ask_some(zone, &self.published, now, &mut random);
        }
    }

    /// Everything is written in the end, and everybody is answered.
    fn drain(&mut self) {
        self.publish();
        self.take();
        self.publish();
        assert!(self.waiting.is_empty());
        self.check(true);
        self.registry.close();
        assert!(self.registry.next_batch().is_none());
    }
}

/// A heartbeat that no commit is needed for renews every copy of its row that a reader sees or will see.
fn renew_copies<'m>(copies: impl IntoIterator<Item = &'m Model>, event: &Event, now: u64) {
    if !matches!(event, Event::Register(_) | Event::Renew(_)) {
        return;
    }
    let key = key_of(&event.key());
    for row in copies.into_iter().flat_map(|model| &model.rows).filter(|row| row.key == key && row.is_live(now)) {
        row.renewed.set(now);
    }
}

fn revisions(changes: &[Change]) -> Vec<u64> {
    changes.iter().map(|change| change.revision.0).collect()
}

fn poll(write: &mut Write<'_>) -> Poll<Result<Applied, SubmitError>> {
    write.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}
