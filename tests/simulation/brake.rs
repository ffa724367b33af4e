//! The brake against what it promises, counted anew from the rows each time: nobody who beats is removed, nobody stays
//! past the cap, whoever is past its lease is kept or gone, and what the brake has counted is what there is.

use std::collections::BTreeMap;
use std::time::Duration;

use rollcall::clock::Timestamp;
use rollcall::table::{
    Applied, Change, Dialect, Event, HostId, HostKey, HostTable, Hosts, Registration, Revision, Rule, Rules,
    ServiceName, Single, Target,
};

use crate::dice::Dice;

const START: u64 = 1_000_000_000;
const CAP: u32 = 3;
const SERVICES: [&str; 4] = ["web", "db", "pair", "one"];

/// What is known of a host: when it last beat, and its TTL, in microseconds.
#[derive(Clone, Copy, Debug)]
struct Beat {
    last: u64,
    ttl: u64,
}

struct World {
    dice: Dice,
    table: HostTable,
    now: u64,
    beats: BTreeMap<HostKey, Beat>,
    published: (Hosts, Revision, BTreeMap<HostKey, Beat>),
    staged: Vec<Change>,
    /// Since when rows that a lost commit brought back may not have been looked at.
    retry: u64,
    removed: usize,
    kept: u64,
}

/// One random history; says how many hosts were kept in it.
pub(crate) fn history(seed: u64, steps: u64) -> u64 {
    let mut dice = Dice::new(seed);
    let single = Single::ALL[dice.below(3)].1;
    let share = [1, 20, 60][dice.below(3)];
    let service = Rule { share, least: 1 + dice.below(4) as u32, cap: CAP, single, ..Rule::default() };
    let rules = Rules { service, table_share: [5, 10, 100][dice.below(3)], ..Rules::default() };
    let table = HostTable::braked(rules, seed);
    let published = (table.hosts().clone(), table.revision(), BTreeMap::new());
    let mut world = World {
        dice,
        table,
        now: START,
        beats: BTreeMap::new(),
        published,
        staged: Vec::new(),
        retry: 0,
        removed: 0,
        kept: 0,
    };
    for _ in 0..steps {
        world.step();
        world.check();
    }
    world.end();
    world.kept
}

impl World {
    fn at(&self) -> Timestamp {
        Timestamp::from_micros(self.now)
    }

    fn step(&mut self) {
        match self.dice.below(24) {
            0..=3 => self.now += self.dice.below(2_000_000) as u64,
            4 if self.dice.one_in(4) => self.now += self.dice.below(40_000_000) as u64,
            5..=9 => self.register(),
            10 | 11 => self.beat_all(),
            12 => self.leave(),
            13 => self.edit(),
            14 | 15 => self.commit(),
            16 if self.dice.one_in(4) => self.lose(),
            17 if self.dice.one_in(20) => {
                self.table.release(None, Timestamp::from_micros(self.now));
            }
            _ => self.tick(),
        }
    }

    fn key(&mut self) -> HostKey {
        let service = self.dice.below(SERVICES.len());
        let most = [30, 12, 2, 1][service];
        HostKey {
            service: ServiceName::parse("service", SERVICES[service]).expect("a name"),
            dialect: Dialect::Native,
            id: HostId::parse("id", &format!("h{}", self.dice.below(most))).expect("an id"),
        }
    }

    fn register(&mut self) {
        let key = self.key();
        let ttl = 1_000_000 * [3, 10, 30][self.dice.below(3)];
        let target = Target::parse("address", ["10.0.0.1"]).expect("an address");
        let registration = Registration {
            ttl: Some(Duration::from_micros(ttl)),
            ..Registration::new(key.service.clone(), Dialect::Native, key.id.clone(), target)
        };
        self.apply(Event::Register(Box::new(registration)));
        self.beats.insert(key, Beat { last: self.now, ttl });
    }

    fn apply(&mut self, event: Event) -> Option<Applied> {
        let applied = self.table.apply(event, Timestamp::from_micros(self.now)).ok()?;
        self.staged.extend(applied.change().cloned());
        Some(applied)
    }

    /// All but a random part of the hosts beat.
    fn beat_all(&mut self) {
        let silent = self.dice.below(4);
        let keys: Vec<HostKey> = self.beats.keys().cloned().collect();
        for key in keys {
            if silent > 0 && self.dice.below(4) < silent {
                continue;
            }
            let beat = self.beats[&key];
            let heard = self.apply(Event::Renew(key.clone())).is_some();
            assert!(heard || self.now >= beat.last + beat.ttl, "{key} beat in time and is unknown");
            if heard {
                self.beats.insert(key, Beat { last: self.now, ..beat });
            }
        }
    }

    fn leave(&mut self) {
        let key = self.key();
        if self.apply(Event::Deregister(key.clone())).is_some() {
            self.beats.remove(&key);
        }
    }

    fn edit(&mut self) {
        let host = self.key();
        let weight = self.dice.below(9) as u16;
        self.apply(Event::Weigh { host, weight, original: None });
    }

    fn tick(&mut self) {
        for _ in 0..10_000 {
            let changes = self.table.tick(self.at(), 1 + self.dice.below(20));
            for change in &changes {
                assert!(change.after.is_none(), "time edits nothing here");
                let key = change.key();
                let beat = self.beats.remove(&key).expect("it was there");
                assert!(self.now >= beat.last + beat.ttl, "{key} was removed in its lease");
                self.removed += 1;
            }
            self.staged.extend(changes);
            if self.table.next_due().is_none_or(|next| next.as_micros() > self.now) {
                self.table.take_notes();
                return self.check_counts();
            }
        }
        panic!("time does the same for ever");
    }

    fn commit(&mut self) {
        self.staged.clear();
        self.published = (self.table.hosts().clone(), self.table.revision(), self.beats.clone());
    }

    /// A commit is lost: everything since the last one never happened, but for heartbeats of rows that are still the same.
    fn lose(&mut self) {
        let staged = std::mem::take(&mut self.staged);
        let (hosts, revision, _) = self.published.clone();
        let retry = self.now + 1_000_000;
        self.table.roll_back(hosts, revision, &staged, Timestamp::from_micros(retry));
        self.retry = retry;
        let beat = |host: &std::sync::Arc<rollcall::table::Host>| {
            let ttl = host.lease.ttl().unwrap_or_default().as_micros() as u64;
            (host.key(), Beat { last: host.lease.renewed().as_micros(), ttl })
        };
        self.beats = self.table.hosts().iter().map(beat).collect();
        self.commit();
    }

    fn check(&self) {
        assert_eq!(self.table.hosts().len(), self.beats.len());
        for host in self.table.hosts().iter() {
            let key = host.key();
            let beat = self.beats[&key];
            let end = beat.last + beat.ttl;
            assert_eq!(host.lease.renewed().as_micros(), beat.last, "{key}");
            let is_live = host.lease.is_live(self.at());
            assert!(is_live || self.now >= end, "{key} is in its lease and in no answer");
            assert!(!is_live || self.now < end + u64::from(CAP) * beat.ttl, "{key} is a ghost");
            assert_eq!(host.lease.is_stale(self.at()), is_live && self.now >= end, "{key}");
        }
    }

    /// After a tick everything is as if it were counted anew.
    fn check_counts(&mut self) {
        let view = self.table.brake(usize::MAX);
        let held = self.table.hosts().iter().filter(|host| host.lease.is_held()).count();
        assert_eq!((view.table.held, view.held.len()), (held, held));
        assert_eq!(view.services.iter().map(|(_, group)| group.held).sum::<usize>(), held);
        let released: u64 = view.totals.released.iter().sum();
        assert_eq!(view.totals.kept, released + held as u64);
        self.kept = view.totals.kept;
        if self.now < self.retry {
            return;
        }
        let is_late = |beat: &&Beat| self.now < beat.last + beat.ttl && self.now >= beat.last + beat.ttl - beat.ttl / 3;
        assert_eq!(view.table.late, self.beats.values().filter(is_late).count());
        for host in self.table.hosts().iter() {
            let past = self.now >= self.beats[&host.key()].last + self.beats[&host.key()].ttl;
            assert_eq!(host.lease.is_held(), past, "{} is past its lease and neither kept nor gone", host.key());
        }
    }

    /// Everybody falls silent: in the end nobody is left, and nothing is remembered.
    fn end(&mut self) {
        self.commit();
        for _ in 0..400 {
            self.now += 1_000_000;
            self.tick();
            self.commit();
            self.check();
        }
        let view = self.table.brake(9);
        assert_eq!((self.table.hosts().len(), view.services.len(), view.table.late), (0, 0, 0));
        assert_eq!(self.table.next_due().filter(|next| next.as_micros() <= self.now), None);
    }
}
