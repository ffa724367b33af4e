//! Letting go: phases that are over, and hosts that leave, not many a second and in random order.

use std::time::Duration;

use super::super::rows::Hosts;
use super::super::text::ServiceName;
use super::group::{Group, Member, Reviewed};
use super::{Brake, Note, Phase, Release, Scope};
use crate::clock::Timestamp;
use crate::limits;

impl Brake {
    /// When something is to be done here next.
    pub(in crate::table) fn next(&self) -> Option<Timestamp> {
        let leaves = (!self.leaving.is_empty()).then(|| self.released.after(self.step()));
        let first = self.reviews.first().map(|(at, _)| *at);
        [first, self.table.review, leaves].into_iter().flatten().min()
    }

    /// Looks at what is to be looked at again, no more than `most` of it.
    pub(in crate::table) fn review_due(&mut self, hosts: &Hosts, now: Timestamp, most: usize) {
        for _ in 0..most {
            let Some((at, service)) = self.reviews.first().cloned().filter(|(at, _)| *at <= now) else { break };
            self.reviews.remove(&(at, service.clone()));
            if let Some(group) = self.groups.get_mut(&service) {
                group.review = None;
            }
            self.review_service(&service, hosts.count(service.as_str()), now);
        }
        if self.table.review.is_some_and(|at| at <= now) {
            self.review_table(hosts.len(), now);
        }
    }

    /// The hosts that leave at `now`, at most `most` of them: they are out of the counts. Where others keep the leases, too,
    /// `decides` says of which services it is for this table to say.
    pub(in crate::table) fn leave_due(
        &mut self,
        now: Timestamp,
        most: usize,
        decides: &dyn Fn(&ServiceName) -> bool,
    ) -> Vec<(ServiceName, Member)> {
        let mut out = Vec::new();
        if self.leaving.is_empty() || now < self.released.after(self.step()) {
            return out;
        }
        let elapsed = now.since(self.released).min(self.step() * 2);
        let rate = self.rules.as_ref().map_or(1, |rules| rules.release_rate.max(1));
        let allowed = ((elapsed.as_micros() * u128::from(rate)) / 1_000_000).max(1) as usize;
        self.released = now;
        let mut own = self.leaving_here(decides, now);
        while out.len() < allowed.min(most) && !own.is_empty() {
            let place = self.below(own.len());
            match self.leave_one(&own[place]) {
                Some(member) => out.push((own[place].clone(), member)),
                None => {
                    let service = own.swap_remove(place);
                    self.leaving.retain(|leaving| *leaving != service);
                    self.tidy(&service, now);
                }
            }
        }
        out
    }

    /// The services that leave and are for this table to let go; those of others are forgotten when they are gone.
    fn leaving_here(&mut self, decides: &dyn Fn(&ServiceName) -> bool, now: Timestamp) -> Vec<ServiceName> {
        let is_others = |group: &Group, service: &ServiceName| group.by_engine && !decides(service);
        let (others, own): (Vec<ServiceName>, Vec<ServiceName>) = self
            .leaving
            .iter()
            .cloned()
            .partition(|service| self.groups.get(service).is_some_and(|group| is_others(group, service)));
        for service in others {
            if let Some(group) = self.groups.get_mut(&service).filter(|group| group.held.is_empty()) {
                group.leaving = None;
                self.leaving.retain(|leaving| *leaving != service);
                self.tidy(&service, now);
            }
        }
        own
    }

    fn leave_one(&mut self, service: &ServiceName) -> Option<Member> {
        let count = self.groups.get(service).filter(|group| group.leaving.is_some())?.held.len();
        let place = if count > 0 { self.below(count) } else { 0 };
        let group = self.groups.get_mut(service)?;
        let Some(member) = group.held.swap_remove_index(place) else {
            group.leaving = None;
            return None;
        };
        let reason = group.leaving.unwrap_or(Release::Normal);
        group.last = reason;
        group.held_count = group.held.len();
        self.table.last = reason;
        self.table.held_count = self.table.held_count.saturating_sub(1);
        self.totals.released(reason);
        Some(member)
    }

    /// Lets the hosts of a service go, or all, as an operator wants; says how many there are. For one TTL nothing is kept.
    pub(in crate::table) fn release(&mut self, service: Option<&ServiceName>, now: Timestamp) -> usize {
        let services: Vec<ServiceName> = match service {
            Some(service) => vec![service.clone()],
            None => self.groups.keys().cloned().collect(),
        };
        if service.is_none() {
            self.table.mute(now);
            self.end_table(Release::Operator, now);
        }
        let mut count = 0;
        for service in services {
            let Some(group) = self.groups.get_mut(&service) else { continue };
            if group.held_count == 0 && !group.is_on() {
                continue;
            }
            count += group.held_count;
            group.mute(now);
            self.end_service(&service, Release::Operator, now);
            self.let_go(&service, Release::Operator, now);
        }
        count
    }

    pub(super) fn review_service(&mut self, service: &ServiceName, rows: usize, now: Timestamp) {
        let scale = self.scale_of(service, rows);
        let Some(group) = self.groups.get_mut(service) else { return };
        let before = group.review;
        match group.review(scale, now) {
            Reviewed::Same => {}
            Reviewed::Certain => {
                let (lapsing, of) = (group.lapsing(now).min(rows), rows);
                self.notes.push(Note::Began { scope: Scope::Service(service.clone()), lapsing, of });
            }
            Reviewed::Over(reason) => {
                self.end_service(service, reason, now);
                self.groups.entry(service.clone()).or_default().review(scale, now);
            }
        }
        let next = self.groups.get(service).and_then(|group| group.review);
        self.move_review(service, before, next);
        self.tidy(service, now);
    }

    pub(super) fn review_table(&mut self, rows: usize, now: Timestamp) {
        let scale = self.scale_of_table(rows);
        match self.table.review(scale, now) {
            Reviewed::Same => {}
            Reviewed::Certain => {
                let lapsing = self.table.lapsing(now).min(rows);
                self.notes.push(Note::Began { scope: Scope::Table, lapsing, of: rows });
            }
            Reviewed::Over(reason) => {
                self.end_table(reason, now);
                self.table.review(scale, now);
            }
        }
    }

    fn end_service(&mut self, service: &ServiceName, reason: Release, now: Timestamp) {
        let Some(group) = self.groups.get_mut(service) else { return };
        let (phase, held) = (group.phase, group.held_count);
        group.phase = Phase::Off;
        self.note_end(Scope::Service(service.clone()), phase, reason, held, now);
        if !self.table.is_on() {
            self.let_go(service, reason, now);
        }
    }

    fn end_table(&mut self, reason: Release, now: Timestamp) {
        let phase = self.table.phase;
        if phase == Phase::Off {
            return;
        }
        self.table.phase = Phase::Off;
        self.note_end(Scope::Table, phase, reason, self.table.held_count, now);
        let is_kept = |service: &ServiceName| self.groups[service].held_count > 0 && !self.groups[service].is_on();
        let services: Vec<ServiceName> = self.groups.keys().filter(|service| is_kept(service)).cloned().collect();
        for service in services {
            self.let_go(&service, reason, now);
        }
    }

    fn let_go(&mut self, service: &ServiceName, reason: Release, now: Timestamp) {
        let Some(group) = self.groups.get_mut(service).filter(|group| group.held_count > 0) else { return };
        if group.leaving.replace(reason).is_none() {
            if self.leaving.is_empty() {
                self.released = self.released.max(now);
            }
            self.leaving.push(service.clone());
        }
    }

    fn note_end(&mut self, scope: Scope, phase: Phase, reason: Release, held: usize, now: Timestamp) {
        let lasted = |since| now.since(since);
        match phase {
            Phase::Off => {}
            Phase::Suspected { since } => {
                self.notes.push(Note::FalseAlarm { scope, held, lasted: lasted(since) });
            }
            Phase::Braked { since, .. } => {
                self.notes.push(Note::Ended { scope, reason, held, lasted: lasted(since) });
            }
        }
    }

    /// Drops a group of which nothing is known any more.
    pub(super) fn tidy(&mut self, service: &ServiceName, now: Timestamp) {
        if let Some(group) = self.groups.get(service).filter(|group| group.is_quiet(now)) {
            let review = group.review;
            self.move_review(service, review, None);
            self.groups.remove(service);
        }
    }

    /// Looks at a group at `at`.
    pub(super) fn plan_review(&mut self, service: &ServiceName, at: Option<Timestamp>) {
        let Some(group) = self.groups.get_mut(service) else { return };
        let before = std::mem::replace(&mut group.review, at);
        self.move_review(service, before, at);
    }

    /// Looks at a group that nobody looks at, so that it is dropped some day.
    pub(super) fn plan_first_review(&mut self, service: &ServiceName, now: Timestamp) {
        if self.groups.get(service).is_some_and(|group| group.review.is_none()) {
            self.plan_review(service, Some(now.after(limits::BRAKE_UNLEASED)));
        }
    }

    fn move_review(&mut self, service: &ServiceName, before: Option<Timestamp>, next: Option<Timestamp>) {
        if let Some(before) = before.filter(|before| Some(*before) != next) {
            self.reviews.remove(&(before, service.clone()));
        }
        if let Some(next) = next {
            self.reviews.insert((next, service.clone()));
        }
    }

    /// Time from one portion of hosts that leave to the next.
    fn step(&self) -> Duration {
        let rate = self.rules.as_ref().map_or(1, |rules| rules.release_rate.max(1));
        limits::BRAKE_RELEASE_STEP.max(Duration::from_secs(1) / rate)
    }

    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next_random()) * bound as u128) >> 64) as usize
    }
}
