//! The table as simply as it can be written: a list of rows, every question answered by looking at all of them.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::rc::Rc;

use rollcall::limits;
use rollcall::table::{Dialect, Event, HostKey, Port, Registration, Status, Target};
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
    pub(crate) checks: Vec<(String, Status, String)>,
    pub(crate) draining: bool,
    pub(crate) repo: Option<String>,
    pub(crate) original: Option<String>,
    pub(crate) meta: Vec<(String, String)>,
    pub(crate) zone: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) hostname: Option<String>,
    pub(crate) ttl: Option<u64>,
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
                Some(place) => self.report(place, (check.to_string(), *status, output.to_string())),
                None => Outcome::Unknown,
            },
            Event::Weigh { weight, original, .. } => self.edit(live, |said| {
                said.weight = *weight;
                said.original = original.as_deref().map(str::to_owned).or(said.original.take());
            }),
            Event::Drain { enable, .. } => self.edit(live, |said| said.draining = *enable),
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
        let old = live.map(|place| self.rows[place].said.clone());
        let old_checks = old.as_ref().map(|old| old.checks.clone()).unwrap_or_default();
        let checks = match &asked.checks {
            None => old_checks,
            Some(checks) => checks
                .iter()
                .map(|check| {
                    let last = old_checks.iter().find(|(id, ..)| *id == *check.id);
                    let status = check.status.or(last.map(|last| last.1)).unwrap_or(Status::Passing);
                    let output = check.output.as_deref().or(last.map(|last| last.2.as_str())).unwrap_or("");
                    (check.id.to_string(), status, output.to_owned())
                })
                .collect(),
        };
        let said = Said {
            namespace: asked.namespace.as_str().to_owned(),
            target: asked.target.clone(),
            ports: asked.ports.to_vec(),
            tags: asked.tags.iter().map(|tag| tag.as_str().to_owned()).collect(),
            weight: asked.weight.or(old.as_ref().map(|old| old.weight)).unwrap_or(1),
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
            self.rows[place.expect("it was found")].renewed.set(now);
            return Outcome::Unchanged;
        }
        self.rows.retain(|row| row.key != key);
        self.rows.push(Row { key, said, renewed: Rc::new(Cell::new(now)) });
        if live.is_some() { Outcome::Updated } else { Outcome::Created }
    }

    fn report(&mut self, place: usize, verdict: (String, Status, String)) -> Outcome {
        let checks = &self.rows[place].said.checks;
        let known = checks.iter().any(|check| check.0 == verdict.0);
        if !known && checks.len() >= limits::CHECKS {
            return Outcome::TooManyChecks;
        }
        self.edit(Some(place), |said| match said.checks.iter_mut().find(|check| check.0 == verdict.0) {
            Some(check) => *check = verdict,
            None => said.checks.push(verdict),
        })
    }

    fn edit(&mut self, place: Option<usize>, change: impl FnOnce(&mut Said)) -> Outcome {
        let Some(place) = place else { return Outcome::Unknown };
        let row = &mut self.rows[place];
        let mut said = row.said.clone();
        change(&mut said);
        if said == row.said {
            return Outcome::Unchanged;
        }
        *row = Row { key: row.key.clone(), said, renewed: Rc::new(Cell::new(row.renewed.get())) };
        Outcome::Updated
    }

    /// The table ended this row's lease.
    pub(crate) fn expire(&mut self, key: &HostKey, now: u64) {
        let key = key_of(key);
        let place = self.rows.iter().position(|row| row.key == key).expect("an expired row was there");
        assert!(!self.rows[place].is_live(now), "{key:?} was expired and is live");
        self.rows.remove(place);
        self.revision += 1;
    }

    pub(crate) fn is_served(&self, row: &Row) -> bool {
        let worst = row.said.checks.iter().map(|check| check.1).max().unwrap_or(Status::Passing);
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
