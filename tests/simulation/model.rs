//! The table as simply as it can be written: a list of rows, every question answered by looking at all of them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rollcall::limits;
use rollcall::table::{
    Cause, Change, CheckDefinition, CheckKind, Dialect, Event, HostKey, Port, Registration, Status, Target, Terms,
};
use rollcall::zone::{EmptyService, Policy};

use crate::names::Record;

pub(crate) const RECORD_TTL: u32 = 5;
pub(crate) const STATIC_TTL: u32 = 60;
/// Names of the zone file beside the apex: `beta` is also a service.
pub(crate) const STATICS: [(&str, Ipv4Addr); 3] =
    [("ns", Ipv4Addr::LOCALHOST), ("gateway", Ipv4Addr::new(10, 9, 9, 9)), ("beta", Ipv4Addr::new(10, 0, 0, 1))];

/// What a host says of itself.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Said {
    pub(crate) namespace: String,
    pub(crate) target: Target,
    pub(crate) ports: Vec<Port>,
    pub(crate) tags: Vec<String>,
    pub(crate) weight: u16,
    pub(crate) priority: u16,
    pub(crate) checks: Vec<Check>,
    pub(crate) draining: bool,
    pub(crate) repo: Option<String>,
    pub(crate) original: Option<String>,
    pub(crate) meta: Vec<(String, String)>,
    pub(crate) zone: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) hostname: Option<String>,
    pub(crate) ttl: Option<u64>,
}

/// A check. Two are equal that say the same, in whatever words.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub(crate) id: String,
    pub(crate) status: Status,
    pub(crate) terms: Option<Arc<Terms>>,
    pub(crate) since: u64,
    /// Shared as `Row::renewed` is.
    pub(crate) output: Rc<RefCell<String>>,
    pub(crate) reported: Rc<Cell<u64>>,
}

impl PartialEq for Check {
    fn eq(&self, other: &Check) -> bool {
        (&self.id, self.status, &self.terms) == (&other.id, other.status, &other.terms)
    }
}

impl Check {
    fn new(id: &str, terms: Option<Arc<Terms>>, status: Status, output: &str, now: u64) -> Check {
        let (output, reported) = (Rc::new(RefCell::new(output.to_owned())), Rc::new(Cell::new(now)));
        Check { id: id.to_owned(), status, terms, since: now, output, reported }
    }

    fn turn(&mut self, status: Status, now: u64) {
        if self.status != status {
            (self.status, self.since) = (status, now);
        }
    }

    fn is_plain(&self) -> bool {
        self.terms.as_ref().is_none_or(|terms| terms.kind == CheckKind::Reported)
    }

    /// When it turns critical by itself.
    pub(crate) fn lapses(&self) -> Option<u64> {
        let CheckKind::Ttl(ttl) = self.terms.as_ref()?.kind else { return None };
        (self.status != Status::Critical).then(|| self.reported.get() + micros(ttl))
    }

    /// When it takes its host along.
    pub(crate) fn condemns(&self) -> Option<u64> {
        let after = self.terms.as_ref()?.deregister_critical_after?;
        (self.status == Status::Critical).then(|| self.since + micros(after))
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).expect("a time that fits")
}

impl Said {
    /// A copy that shares nothing.
    fn apart(&self) -> Said {
        let mut said = self.clone();
        for check in &mut said.checks {
            let words = check.output.borrow().clone();
            check.output = Rc::new(RefCell::new(words));
            check.reported = Rc::new(Cell::new(check.reported.get()));
        }
        said
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) key: (String, Dialect, String),
    pub(crate) said: Said,
    /// Shared by the copies of a row until it is changed, as the leases of the table are.
    pub(crate) renewed: Rc<Cell<u64>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    Created,
    Updated,
    Unchanged,
    Removed,
    Unknown,
    TooManyChecks,
    NotReported,
    UnknownCheck,
}

impl Outcome {
    pub(crate) fn is_change(self) -> bool {
        matches!(self, Outcome::Created | Outcome::Updated | Outcome::Removed)
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) rows: Vec<Row>,
    pub(crate) revision: u64,
    pub(crate) policy: Policy,
}

pub(crate) fn key_of(key: &HostKey) -> (String, Dialect, String) {
    (key.service.as_str().to_owned(), key.dialect, key.id.as_str().to_owned())
}

impl Row {
    pub(crate) fn is_live(&self, now: u64) -> bool {
        self.said.ttl.is_none_or(|ttl| now < self.renewed.get() + ttl)
    }

    /// When time alone changes it.
    pub(crate) fn due(&self) -> Option<u64> {
        let lease = self.said.ttl.map(|ttl| self.renewed.get() + ttl);
        let checks = self.said.checks.iter().flat_map(|check| [check.lapses(), check.condemns()]);
        checks.flatten().chain(lease).min()
    }

    /// Seconds a record of this row may be kept.
    pub(crate) fn keep(&self, now: u64) -> u32 {
        let left = self.said.ttl.map_or(u64::MAX, |ttl| (self.renewed.get() + ttl).saturating_sub(now) / 1_000_000);
        u32::try_from(left).unwrap_or(u32::MAX).min(RECORD_TTL)
    }
}

impl Model {
    pub(crate) fn apply(&mut self, event: &Event, now: u64) -> Outcome {
        let key = key_of(&event.key());
        let place = self.rows.iter().position(|row| row.key == key);
        let live = place.filter(|place| self.rows[*place].is_live(now));
        let outcome = match event {
            Event::Register(registration) => self.register(registration, key, place, live, now),
            Event::Deregister(_) => match place {
                Some(place) => {
                    self.rows.remove(place);
                    Outcome::Removed
                }
                None => Outcome::Unknown,
            },
            Event::Renew(_) => match live {
                Some(place) => {
                    self.rows[place].renewed.set(now);
                    Outcome::Unchanged
                }
                None => Outcome::Unknown,
            },
            Event::Report { check, status, output, .. } => match live {
                Some(place) => self.report(place, check, *status, output, now),
                None => Outcome::Unknown,
            },
            Event::Observe { check, terms, status, output, .. } => match live {
                Some(place) => {
                    let checks = &self.rows[place].said.checks;
                    let known = |other: &Check| *other.id == **check && other.terms.as_ref() == Some(terms);
                    match checks.iter().position(known) {
                        Some(which) => self.judge(place, which, *status, output, now),
                        None => Outcome::UnknownCheck,
                    }
                }
                None => Outcome::Unknown,
            },
            Event::Weigh { weight, original, .. } => self.edit(live, |said| {
                said.weight = *weight;
                said.original = original.as_deref().map(str::to_owned).or(said.original.take());
            }),
            Event::Drain { enable, .. } => self.edit(live, |said| said.draining = *enable),
            Event::Resolve { .. } => unreachable!("no dice throws it"),
        };
        self.revision += u64::from(outcome.is_change());
        outcome
    }

    fn register(
        &mut self,
        asked: &Registration,
        key: (String, Dialect, String),
        place: Option<usize>,
        live: Option<usize>,
        now: u64,
    ) -> Outcome {
        let old = live.map(|place| self.rows[place].said.apart());
        let old_checks = old.as_ref().map(|old| old.checks.clone()).unwrap_or_default();
        let checks = match &asked.checks {
            None => old_checks,
            Some(checks) => checks.iter().map(|check| defined(check, &old_checks, now)).collect(),
        };
        let said = Said {
            namespace: asked.namespace.as_str().to_owned(),
            target: asked.target.clone(),
            ports: asked.ports.to_vec(),
            tags: asked.tags.iter().map(|tag| tag.as_str().to_owned()).collect(),
            weight: asked.weights.map(|weights| weights.passing).or(old.as_ref().map(|old| old.weight)).unwrap_or(1),
            priority: asked.priority,
            checks,
            draining: old.as_ref().is_some_and(|old| old.draining),
            repo: asked.repo.as_ref().map(|repo| repo.as_str().to_owned()),
            original: asked.original.as_deref().map(str::to_owned),
            meta: asked.meta.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
            zone: asked.zone.as_ref().map(|zone| zone.as_str().to_owned()),
            region: asked.region.as_ref().map(|region| region.as_str().to_owned()),
            hostname: asked.hostname.as_deref().map(str::to_owned),
            ttl: asked.ttl.map(|ttl| u64::try_from(ttl.as_micros()).expect("a lease that fits")),
        };
        if old.as_ref() == Some(&said) {
            let row = &self.rows[place.expect("it was found")];
            row.renewed.set(now);
            for (kept, new) in row.said.checks.iter().zip(&said.checks) {
                kept.output.replace(new.output.borrow().clone());
            }
            return Outcome::Unchanged;
        }
        self.rows.retain(|row| row.key != key);
        self.rows.push(Row { key, said, renewed: Rc::new(Cell::new(now)) });
        if live.is_some() { Outcome::Updated } else { Outcome::Created }
    }

    fn report(&mut self, place: usize, id: &str, status: Status, output: &str, now: u64) -> Outcome {
        let checks = &self.rows[place].said.checks;
        let Some(which) = checks.iter().position(|check| check.id == id) else {
            if checks.len() >= limits::CHECKS {
                return Outcome::TooManyChecks;
            }
            return self.edit(Some(place), |said| said.checks.push(Check::new(id, None, status, output, now)));
        };
        if checks[which].terms.as_ref().is_some_and(|terms| !terms.kind.is_reported()) {
            return Outcome::NotReported;
        }
        checks[which].reported.set(checks[which].reported.get().max(now));
        self.judge(place, which, status, output, now)
    }

    fn judge(&mut self, place: usize, which: usize, status: Status, output: &str, now: u64) -> Outcome {
        let check = &self.rows[place].said.checks[which];
        if check.status == status {
            check.output.replace(output.to_owned());
            return Outcome::Unchanged;
        }
        self.edit(Some(place), |said| {
            said.checks[which].turn(status, now);
            said.checks[which].output.replace(output.to_owned());
        })
    }

    fn edit(&mut self, place: Option<usize>, change: impl FnOnce(&mut Said)) -> Outcome {
        let Some(place) = place else { return Outcome::Unknown };
        let row = &mut self.rows[place];
        let mut said = row.said.apart();
        change(&mut said);
        if said == row.said {
            return Outcome::Unchanged;
        }
        *row = Row { key: row.key.clone(), said, renewed: Rc::new(Cell::new(row.renewed.get())) };
        Outcome::Updated
    }

    /// Time passed, and the table did this.
    pub(crate) fn pass(&mut self, change: &Change, now: u64) {
        match (change.cause, &change.after) {
            (Cause::Expiry, None) => self.expire(&change.key(), now),
            (Cause::Check, None) => self.condemn(&change.key(), now),
            (Cause::Check, Some(_)) => self.lapse(&change.key(), now),
            (cause, _) => panic!("{cause} is not what time does"),
        }
    }

    /// Does to a row what time does; whether it did anything.
    pub(crate) fn pass_time(&mut self, key: &HostKey, now: u64) -> bool {
        let row = self.rows.iter().find(|row| row.key == key_of(key)).expect("a row with a deadline");
        let is_due = |at: Option<u64>| at.is_some_and(|at| at <= now);
        if !row.is_live(now) {
            self.expire(key, now);
        } else if row.said.checks.iter().any(|check| is_due(check.condemns())) {
            self.condemn(key, now);
        } else if row.said.checks.iter().any(|check| is_due(check.lapses())) {
            self.lapse(key, now);
        } else {
            return false;
        }
        true
    }

    /// The table ended this row's lease.
    fn expire(&mut self, key: &HostKey, now: u64) {
        let key = key_of(key);
        let place = self.rows.iter().position(|row| row.key == key).expect("an expired row was there");
        assert!(!self.rows[place].is_live(now), "{key:?} was expired and is live");
        self.rows.remove(place);
        self.revision += 1;
    }

    /// A check of this row took it along.
    fn condemn(&mut self, key: &HostKey, now: u64) {
        let key = key_of(key);
        let place = self.rows.iter().position(|row| row.key == key).expect("a condemned row was there");
        let mut checks = self.rows[place].said.checks.iter();
        assert!(checks.any(|check| check.condemns().is_some_and(|at| at <= now)), "{key:?} was removed");
        self.rows.remove(place);
        self.revision += 1;
    }

    /// Nobody reported checks of this row in time.
    fn lapse(&mut self, key: &HostKey, now: u64) {
        let key = key_of(key);
        let place = self.rows.iter().position(|row| row.key == key).expect("a row was there");
        let outcome = self.edit(Some(place), |said| {
            for check in said.checks.iter_mut().filter(|check| check.lapses().is_some_and(|at| at <= now)) {
                let last = check.output.borrow().clone();
                let words = match last.as_str() {
                    "" => "TTL expired".to_owned(),
                    last => format!("TTL expired (last output before timeout follows): {last}"),
                };
                check.output.replace(words);
                check.turn(Status::Critical, now);
            }
        });
        assert_eq!(outcome, Outcome::Updated, "{key:?} lapsed");
        self.revision += 1;
    }

    pub(crate) fn is_served(&self, row: &Row) -> bool {
        let worst = row.said.checks.iter().map(|check| check.status).max().unwrap_or(Status::Passing);
        !row.said.draining && worst != Status::Critical && (worst != Status::Warning || !self.policy.only_passing)
    }

    /// Every record of hosts whose lease is not looked at.
    pub(crate) fn all_records(&self) -> BTreeSet<(String, Record)> {
        self.truth(None).records()
    }

    /// Rows that make any record, as far as records depend on them, and whether they are served.
    pub(crate) fn served(&self) -> Vec<(String, bool, Said)> {
        let hides_absent = self.policy.empty_service == EmptyService::NxDomain;
        let makes_records = |row: &&Row| row.is_publishable() && (!hides_absent || self.is_served(row));
        let of_row = |row: &Row| {
            let mut said = Said { checks: vec![], repo: None, original: None, ttl: None, ..row.said.clone() };
            if !self.policy.txt {
                said.region = None;
                said.meta.retain(|(key, _)| key == "alpn");
            }
            (format!("{:?}", row.key), self.is_served(row), said)
        };
        let mut served: Vec<_> = self.rows.iter().filter(makes_records).map(of_row).collect();
        served.sort_by(|one, other| one.0.cmp(&other.0));
        served
    }
}

/// The check that a registration names, beside what the last one of its id keeps.
fn defined(asked: &CheckDefinition, old: &[Check], now: u64) -> Check {
    let output = asked.output.as_deref();
    let new = |status, output: &str| Check::new(&asked.id, asked.terms.clone(), status, output, now);
    let blank = new(Status::Critical, "");
    let initial = if blank.is_plain() { Status::Passing } else { Status::Critical };
    let Some(last) = old.iter().find(|check| check.id == *asked.id) else {
        return new(asked.status.unwrap_or(initial), output.unwrap_or_default());
    };
    let kept = (last.is_plain() == blank.is_plain()).then_some(last.status);
    let status = if blank.is_plain() { asked.status.or(kept) } else { kept.or(asked.status) };
    let mut check = new(last.status, output.unwrap_or(&last.output.borrow()));
    check.since = last.since;
    if last.terms == asked.terms {
        check.reported.set(last.reported.get());
    }
    check.turn(status.unwrap_or(initial), now);
    check
}
