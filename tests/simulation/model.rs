//! The table as simply as it can be written: a list of rows, every question answered by looking at all of them.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rollcall::limits;
use rollcall::table::{
    Cause, Change, CheckDefinition, CheckKind, Dialect, Event, Host, HostKey, Port, Registration, Status, Target,
    Terms, Weights,
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
    pub(crate) weights: Weights,
    pub(crate) priority: u16,
    pub(crate) checks: Vec<Check>,
    pub(crate) draining: bool,
    /// That of the node it stands on.
    pub(crate) node_status: Status,
    pub(crate) at_node: bool,
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
    pub(crate) fn is_node(&self) -> bool {
        self.key.1 == Dialect::Node
    }

    /// Of Consul's dialect, the node it stands on and its id there: what is around the first slash.
    pub(crate) fn standing(&self) -> (&str, &str) {
        match self.key.2.split_once('/') {
            Some(parts) if self.key.1 == Dialect::Consul => parts,
            _ => ("", &self.key.2),
        }
    }

    pub(crate) fn status(&self) -> Status {
        self.said.checks.iter().map(|check| check.status).fold(self.said.node_status, Status::max)
    }

    /// What counts in its state; a sick host that is shown all the same is shown as if it were well.
    pub(crate) fn weight(&self) -> u16 {
        if self.status() == Status::Warning { self.said.weights.warning } else { self.said.weights.passing }
    }

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
                said.weights = Weights::same(*weight);
                said.original = original.as_deref().map(str::to_owned).or(said.original.take());
            }),
            Event::Drain { enable, .. } => self.edit(live, |said| said.draining = *enable),
            Event::Lapse { .. } | Event::Resolve { .. } | Event::Restore(_) => unreachable!("no dice throws it"),
        };
        self.revision += u64::from(outcome.is_change());
        if outcome.is_change() {
            self.follow(&key_of(&event.key()));
        }
        outcome
    }

    /// The row of a node, as hosts name it.
    fn node(&self, name: &str) -> Option<&Row> {
        let is_it = |row: &&Row| match name {
            "" => row.key.2 == "self",
            name => row.key.0 == name,
        };
        self.rows.iter().filter(|row| row.is_node()).filter(is_it).min_by(|one, other| one.key.cmp(&other.key))
    }

    /// A row has changed; if it is a node, the hosts on it are as well as it is, and where it is if they say no address.
    fn follow(&mut self, key: &(String, Dialect, String)) {
        if key.1 != Dialect::Node {
            return;
        }
        let name = if key.2 == "self" { "" } else { key.0.as_str() };
        let node = self.rows.iter().find(|row| row.key == *key);
        let status = node.map_or(Status::Passing, Row::status);
        let target = node.map(|node| node.said.target.clone());
        for place in 0..self.rows.len() {
            let row = &self.rows[place];
            if row.key.1 == Dialect::Consul && row.standing().0 == name {
                let outcome = self.edit(Some(place), |said| {
                    said.node_status = status;
                    if let Some(target) = target.as_ref().filter(|_| said.at_node) {
                        said.target = target.clone();
                    }
                });
                self.revision += u64::from(outcome.is_change());
            }
        }
    }

    /// The names of nodes that hosts on them are reached by, as the hosts name them: of those that are there and have
    /// addresses.
    pub(crate) fn reachable_nodes(&self, is_live: impl Fn(&Row) -> bool) -> BTreeMap<String, String> {
        let nodes = || self.rows.iter().filter(|row| row.is_node());
        let has_address = |row: &&Row| !row.said.target.addresses().is_empty();
        let there = nodes().filter(|row| is_live(row) && row.is_answering_node()).filter(has_address);
        let mut names: BTreeMap<String, String> = there.map(|row| (row.key.0.clone(), row.key.0.clone())).collect();
        if let Some(own) = self.node("").filter(|own| own.is_answering_node() && names.contains_key(&own.key.0)) {
            names.insert(String::new(), own.key.0.clone());
        }
        names
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
            weights: asked.weights.or(old.as_ref().map(|old| old.weights)).unwrap_or(Weights::same(1)),
            priority: asked.priority,
            checks,
            draining: old.as_ref().is_some_and(|old| old.draining),
            node_status: match asked.dialect {
                Dialect::Consul => {
                    let node = asked.id.as_str().split_once('/').map_or("", |(node, _)| node);
                    self.node(node).map_or(Status::Passing, Row::status)
                }
                Dialect::Native | Dialect::Lyft | Dialect::Minos | Dialect::Etcd | Dialect::Node => Status::Passing,
            },
            at_node: asked.at_node,
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
        if let (Some(before), Some(after)) = (&change.before, &change.after)
            && (before.node_status != after.node_status || before.target != after.target)
        {
            return self.check_followed(after);
        }
        match (change.cause, &change.after) {
            (Cause::Expiry, None) => self.expire(&change.key(), now),
            (Cause::Check, None) => self.condemn(&change.key(), now),
            (Cause::Check, Some(_)) => self.lapse(&change.key(), now),
            (cause, _) => panic!("{cause} is not what time does"),
        }
    }

    /// The table made a host as well as its node is: the model did so when the node changed.
    pub(crate) fn check_followed(&self, after: &Host) {
        let row = self.rows.iter().find(|row| row.key == key_of(&after.key())).expect("a row on a node");
        assert_eq!((row.said.node_status, &row.said.target), (after.node_status, &after.target), "{:?}", row.key);
    }

    /// Does to a row what time does.
    pub(crate) fn pass_time(&mut self, key: &HostKey, now: u64) {
        let row = self.rows.iter().find(|row| row.key == key_of(key)).expect("a row with a deadline");
        let is_due = |at: Option<u64>| at.is_some_and(|at| at <= now);
        if !row.is_live(now) {
            self.expire(key, now);
        } else if row.said.checks.iter().any(|check| is_due(check.condemns())) {
            self.condemn(key, now);
        } else if row.said.checks.iter().any(|check| is_due(check.lapses())) {
            self.lapse(key, now);
        }
    }

    /// The table ended this row's lease.
    fn expire(&mut self, key: &HostKey, now: u64) {
        let key = key_of(key);
        let place = self.rows.iter().position(|row| row.key == key).expect("an expired row was there");
        assert!(!self.rows[place].is_live(now), "{key:?} was expired and is live");
        self.rows.remove(place);
        self.revision += 1;
        self.follow(&key);
    }

    /// A check of this row took it along.
    fn condemn(&mut self, key: &HostKey, now: u64) {
        let key = key_of(key);
        let place = self.rows.iter().position(|row| row.key == key).expect("a condemned row was there");
        let mut checks = self.rows[place].said.checks.iter();
        assert!(checks.any(|check| check.condemns().is_some_and(|at| at <= now)), "{key:?} was removed");
        self.rows.remove(place);
        self.revision += 1;
        self.follow(&key);
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
        self.follow(&key);
    }

    pub(crate) fn is_served(&self, row: &Row) -> bool {
        let worst = row.status();
        if row.is_node() {
            return !row.said.draining;
        }
        !row.said.draining && worst != Status::Critical && (worst != Status::Warning || !self.policy.only_passing)
    }

    /// Every record of hosts whose lease is not looked at.
    pub(crate) fn all_records(&self) -> BTreeSet<(String, Record)> {
        self.truth(None).records()
    }

    /// Rows that make any record, as far as records depend on them, and whether they are served.
    pub(crate) fn served(&self) -> Vec<(String, bool, Option<Said>)> {
        let hides_absent = self.policy.empty_service == EmptyService::NxDomain;
        let makes_records = |row: &&Row| match row.is_node() {
            true => row.is_answering_node(),
            false => row.is_publishable() && (!hides_absent || self.is_served(row)),
        };
        let of_row = |row: &Row| {
            let mut said = Said { checks: vec![], repo: None, original: None, ttl: None, ..row.said.clone() };
            (said.weights, said.node_status) = (Weights::same(row.weight()), Status::Passing);
            if row.is_node() {
                let nothing = (vec![], Weights::same(1), 0);
                (said.tags, said.weights, said.priority) = nothing;
            } else if !self.policy.txt {
                said.region = None;
                said.meta.retain(|(key, _)| key == "alpn");
            }
            (format!("{:?}", row.key), self.is_served(row), Some(said))
        };
        let mut served: Vec<_> = self.rows.iter().filter(makes_records).map(of_row).collect();
        for row in self.rows.iter().filter(|row| row.is_publishable()) {
            let tags = ["udp", "sctp"].into_iter().filter(|tag| row.has_tag(tag));
            served.extend(tags.map(|tag| (format!("{tag} of {:?}", row.key), false, None)));
        }
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
