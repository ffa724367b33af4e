//! The table, a zone and the journal, driven as the registry drives them, its lost commits included.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rollcall::clock::Timestamp;
use rollcall::table::{Applied, Cause, Change, Dialect, Event, Host, HostTable, Hosts, Journal, Rejection, Revision};
use rollcall::zone::Zones;

use crate::ask;
use crate::dice::{Crowd, Dice};
use crate::model::{Model, Outcome, Said, key_of};
use crate::names::Record;

const START: u64 = 1_000_000_000;
const REMEMBERED: usize = 50;

type Rows = BTreeMap<(String, Dialect, String), Revision>;

struct World {
    dice: Dice,
    now: u64,
    table: HostTable,
    zone: Zones,
    journal: Journal,
    model: Model,
    published: Published,
    staged: Vec<Change>,
    /// What was published at earlier revisions.
    past: Vec<(Revision, Rows)>,
    /// Until when rows past their lease may wait for a tick.
    retry: u64,
    /// One service may have very many hosts.
    crowd: Option<Crowd>,
}

/// What the serial depends on.
struct Seen {
    /// Looked at now and then: it takes long.
    records: Option<BTreeSet<(String, Record)>>,
    served: Vec<(String, bool, Option<Said>)>,
}

/// What a lost commit returns to.
struct Published {
    hosts: Hosts,
    revision: Revision,
    zone: Zones,
    model: Model,
}

/// One random history.
pub(crate) fn history(seed: u64, steps: u64) {
    let mut dice = Dice::new(seed);
    let model = Model { policy: dice.policy(), ..Model::default() };
    let zone = ask::empty_zones(model.policy).render(&Hosts::default(), 7);
    let table = HostTable::default();
    let published = Published {
        hosts: table.hosts().clone(),
        revision: table.revision(),
        zone: zone.clone(),
        model: model.clone(),
    };
    let journal = Journal::new(Revision::default(), REMEMBERED);
    let past = vec![(Revision::default(), Rows::new())];
    let mut world = World {
        dice,
        now: START,
        table,
        zone,
        journal,
        model,
        published,
        staged: Vec::new(),
        past,
        retry: 0,
        crowd: crowd(seed),
    };
    for step in 0..steps {
        world.step();
        world.check(step % 24 == 0);
    }
}

/// Some histories have a service of very many hosts.
fn crowd(seed: u64) -> Option<Crowd> {
    match seed % 8 {
        2 => Some(Crowd::Spread),
        5 => Some(Crowd::Sick),
        7 => Some(Crowd::OneAddress),
        _ => None,
    }
}

impl World {
    fn step(&mut self) {
        match self.dice.below(32) {
            0..=2 => self.now += self.dice.time().as_micros() as u64,
            3 => {
                let most = self.dice.below(4);
                self.tick(most);
            }
            4 => self.tick_all(),
            5..=9 => self.commit(),
            10 => self.lose(),
            _ => self.event(),
        }
    }

    fn seen(&mut self) -> Seen {
        let records = self.dice.one_in(8).then(|| self.model.all_records());
        Seen { records, served: self.model.served() }
    }

    fn event(&mut self) {
        let event = match self.crowd.filter(|_| self.dice.below(4) < 3) {
            Some(crowd) => self.dice.one_of_many(crowd),
            None => self.dice.event(&self.model),
        };
        let seen = self.seen();
        let revision = self.table.revision();
        let expected = self.model.apply(&event, self.now);
        let applied = self.table.apply(event.clone(), Timestamp::from_micros(self.now));
        assert_eq!(outcome(&applied), expected, "{event:?}");
        if let Ok(applied) = &applied {
            assert_eq!(applied.host().key(), event.key());
        }
        match applied.as_ref().ok().and_then(Applied::change) {
            Some(change) => {
                assert_eq!(change.revision, revision.next());
                match change.cause {
                    Cause::Api(dialect) => assert_eq!(dialect, event.key().dialect),
                    cause @ (Cause::Check | Cause::Expiry) => {
                        assert!(cause == Cause::Check && matches!(event, Event::Observe { .. }), "{cause}")
                    }
                }
                let consequences = self.table.take_consequences();
                consequences.iter().for_each(|change| self.model.pass(change, self.now));
                self.stage([vec![change.clone()], consequences].concat(), &seen);
            }
            None => assert_eq!(self.table.revision(), revision, "a revision without a change: {event:?}"),
        }
    }

    fn tick(&mut self, most: usize) -> bool {
        let seen = self.seen();
        let changes = self.table.tick(Timestamp::from_micros(self.now), most);
        let consequences = changes.iter().filter(|change| is_consequence(change)).count();
        assert!(changes.len() <= most + consequences);
        for change in &changes {
            self.model.pass(change, self.now);
        }
        let any = !changes.is_empty();
        self.stage(changes, &seen);
        any
    }

    fn tick_all(&mut self) {
        let due = |world: &World| world.table.deadlines().next().is_some_and(|next| next.as_micros() <= world.now);
        for _ in 0..1000 {
            if !due(self) {
                break;
            }
            self.tick(3);
        }
        assert!(!due(self), "a deadline stays due");
        let lapsed = self.model.rows.iter().find(|row| row.due().is_some_and(|due| due <= self.now));
        assert!(self.now < self.retry || lapsed.is_none(), "{lapsed:?} stays");
    }

    fn stage(&mut self, changes: Vec<Change>, seen: &Seen) {
        let serial = self.zone.serial();
        self.zone = self.zone.with(&changes);
        let grew = self.zone.serial() != serial;
        assert!(self.zone.serial() >= serial, "the serial fell");
        if seen.records.as_ref().is_some_and(|records| *records != self.model.all_records()) {
            assert!(grew, "records changed and the serial did not: {changes:?}");
        }
        if seen.served == self.model.served() {
            assert!(!grew, "no record changed and the serial did: {changes:?}");
        }
        self.staged.extend(changes);
    }

    fn commit(&mut self) {
        for change in self.staged.drain(..) {
            self.journal.append(change);
        }
        assert!(self.table.revision() >= self.published.revision && self.zone.serial() >= self.published.zone.serial());
        self.published = Published {
            hosts: self.table.hosts().clone(),
            revision: self.table.revision(),
            zone: self.zone.clone(),
            model: self.model.clone(),
        };
        self.past.push((self.table.revision(), rows(self.table.hosts())));
        self.replay();
    }

    /// A commit fails: everything staged never happened.
    fn lose(&mut self) {
        let retry = Timestamp::from_micros(self.now).after(Duration::from_secs(1));
        self.retry = retry.as_micros();
        let Published { hosts, revision, zone, model } = &self.published;
        self.table.roll_back(hosts.clone(), *revision, &self.staged, retry);
        self.zone = zone.clone();
        self.model = model.clone();
        self.staged.clear();
    }

    /// The journal leads from every revision it remembers to the present one.
    fn replay(&self) {
        let present = rows(self.table.hosts());
        let first = self.journal.latest().0.saturating_sub(REMEMBERED as u64);
        for (revision, rows) in self.past.iter().rev().take(20) {
            let Ok(changes) = self.journal.since(*revision) else {
                assert!(revision.0 < first, "{revision} is forgotten too early");
                continue;
            };
            assert!(revision.0 >= first);
            let mut rows = rows.clone();
            let mut last = *revision;
            for change in changes {
                assert_eq!(change.revision, last.next(), "a gap in the journal");
                last = change.revision;
                let key = key_of(&change.key());
                let before = change.before.as_ref().map(|host| host.modified);
                assert_eq!(rows.get(&key).copied(), before, "{key:?} before {last}");
                match &change.after {
                    Some(after) => rows.insert(key, after.modified),
                    None => rows.remove(&key),
                };
            }
            assert_eq!(rows, present, "replayed from {revision}");
        }
    }

    fn check(&mut self, everything: bool) {
        assert_eq!(self.table.revision().0, self.model.revision);
        ask::compare_rows(self.table.hosts(), &self.model);
        self.check_deadlines();
        let rendered = self.zone.render(self.table.hosts(), self.zone.serial());
        assert_eq!(self.zone.difference(&rendered), None);
        let mut random = self.dice.random();
        if everything {
            ask::ask_everything(&self.zone, &self.model, self.now, &mut random);
            // A reader that holds an older snapshot sees the same of it, except for renewals.
            let published = &self.published;
            ask::ask_everything(&published.zone, &published.model, self.now, &mut random);
        } else {
            ask::ask_some(&self.zone, &self.model, self.now, &mut random);
        }
    }

    /// One deadline for each row that time changes, never after it does.
    fn check_deadlines(&self) {
        let due = self.model.rows.iter().filter_map(|row| Some((row.key.clone(), row.due()?)));
        let mut ends: BTreeMap<_, u64> = due.collect();
        for (at, host) in self.table.deadlines().iter() {
            let key = host.key();
            let end = ends.remove(&key_of(&key));
            let end = end.unwrap_or_else(|| panic!("a deadline of {key} without a reason, or a second one"));
            assert!(at.as_micros() <= end.max(self.retry), "the deadline of {key} comes late");
        }
        assert!(ends.is_empty(), "rows without a deadline: {ends:?}");
    }
}

fn rows(hosts: &Hosts) -> Rows {
    hosts.iter().chain(hosts.nodes()).map(|host| (key_of(&host.key()), host.modified)).collect()
}

/// Whether a host is not as well as it was, or better, because its node is. (Time moves no node.)
fn is_consequence(change: &Change) -> bool {
    let status = |host: &Option<Arc<Host>>| host.as_ref().map(|host| host.node_status);
    change.before.is_some() && change.after.is_some() && status(&change.before) != status(&change.after)
}

pub(crate) fn outcome(applied: &Result<Applied, Rejection>) -> Outcome {
    match applied {
        Ok(Applied::Created(_)) => Outcome::Created,
        Ok(Applied::Updated(_)) => Outcome::Updated,
        Ok(Applied::Unchanged(_)) => Outcome::Unchanged,
        Ok(Applied::Removed(_)) => Outcome::Removed,
        Err(Rejection::UnknownHost(_)) => Outcome::Unknown,
        Err(Rejection::TooManyChecks) => Outcome::TooManyChecks,
        Err(Rejection::NotReported(_)) => Outcome::NotReported,
        Err(Rejection::UnknownCheck(_)) => Outcome::UnknownCheck,
        Err(other) => panic!("{other}"),
    }
}
