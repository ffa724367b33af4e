//! What time does to the table: leases that end, checks that nobody reported, hosts that the brake lets go.

use std::sync::Arc;

use super::brake::{BrakeView, Late, Note, Verdict};
use super::change::{Cause, Change};
use super::check::Check;
use super::host::Host;
use super::key::HostKey;
use super::lease::Stage;
use super::text::ServiceName;
use super::{HostTable, Release};
use crate::clock::Timestamp;

impl HostTable {
    /// Does what time alone does up to `now`: removes hosts whose lease has ended, unless the brake keeps them, or that were
    /// critical for too long, and turns checks critical that nobody reported. Looks at no more than `most` deadlines that
    /// are due.
    pub fn tick(&mut self, now: Timestamp, most: usize) -> Vec<Change> {
        self.tick_of(now, most, &|_| true)
    }

    /// The same at one of several servers: `decides` says of which services it lets hosts go that all of them keep.
    pub fn tick_of(&mut self, now: Timestamp, most: usize, decides: &dyn Fn(&ServiceName) -> bool) -> Vec<Change> {
        let mut changes = Vec::new();
        for _ in 0..most {
            let Some(due) = self.deadlines.take_due(now) else { break };
            let Some(host) = self.hosts.get(&due.key()).cloned() else { continue };
            host.lease.set_scheduled(None);
            match self.brake.look(&host, &self.hosts, now) {
                Verdict::Ended => changes.push(self.replace(Some(host), None, Cause::Expiry, now)),
                Verdict::Next(next) => self.look_at_checks(host, next, now, &mut changes),
            }
            changes.append(&mut self.consequences);
        }
        self.brake.review_due(&self.hosts, now, most);
        let room = most.saturating_sub(changes.len());
        for (service, (dialect, id)) in self.brake.leave_due(now, room, decides) {
            let Some(host) = self.hosts.find(service.as_str(), dialect, id.as_str()).cloned() else { continue };
            host.lease.set_stage(Stage::Fresh);
            host.lease.hold(now);
            changes.push(self.replace(Some(host), None, Cause::Expiry, now));
            changes.append(&mut self.consequences);
        }
        changes
    }

    fn look_at_checks(&mut self, host: Arc<Host>, next: Option<Timestamp>, now: Timestamp, changes: &mut Vec<Change>) {
        if has_come(host.checks.iter().filter_map(Check::condemns), now) {
            changes.push(self.replace(Some(host), None, Cause::Check, now));
        } else if has_come(host.checks.iter().filter_map(Check::lapses), now) {
            let mut lapsed = Host::clone(&host);
            lapsed.checks.iter_mut().for_each(|check| check.lapse(now));
            changes.push(self.replace(Some(host), Some(lapsed), Cause::Check, now));
        } else if let Some(at) = host.checks_due().into_iter().chain(next).min() {
            self.schedule_at(&host, at);
        }
    }

    /// Takes note that leases which are kept elsewhere have ended, though nobody deregistered the
    /// hosts. All that ended together belong in one call: they are counted before any of them is decided on. Rows that the
    /// brake keeps stay, visibly changed, and are removed by [`HostTable::tick`] when their time has come; the others are
    /// removed here. Gives the changes of both.
    ///
    /// `late` is what the engine says of leases that have not ended.
    pub fn lapse(&mut self, keys: &[HostKey], late: &Late, now: Timestamp) -> Vec<Change> {
        let ended = |key| self.hosts.get(key).filter(|host| !host.lease.is_held()).cloned();
        let ended: Vec<Arc<Host>> = keys.iter().filter_map(ended).collect();
        if self.brake.is_enabled() {
            self.brake.hear_late(late);
            ended.iter().filter(|host| host.lease.stage() == Stage::Fresh).for_each(|host| self.brake.count_late(host));
        }
        let mut changes = Vec::new();
        for host in ended {
            let kept = self.brake.is_enabled() && self.brake.end(&host, now, &self.hosts, now).is_some();
            // Answers that were prepared know of no end: the row is another from now on.
            let after = kept.then(|| Host::clone(&host));
            changes.push(self.replace(Some(host), after, Cause::Expiry, now));
            changes.append(&mut self.consequences);
        }
        if self.brake.is_enabled() {
            self.brake.forget_late(late);
        }
        changes
    }

    /// The earliest moment at which time may do something.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.deadlines.next().into_iter().chain(self.brake.next()).min()
    }

    /// Lets the hosts go that the brake keeps, of a service or all, and keeps none for one TTL; says how many there are.
    /// They leave in the ticks that follow.
    pub fn release(&mut self, service: Option<&ServiceName>, now: Timestamp) -> usize {
        self.brake.release(service, now)
    }

    /// Services with hosts that the brake keeps, past leases that an engine keeps, until others of them are heard of: at most
    /// `most` of them.
    pub fn waiting(&self, most: usize) -> Vec<ServiceName> {
        self.brake.waiting(most)
    }

    /// Takes note that hosts of services were heard of, elsewhere, at those moments.
    pub fn hear_of(&mut self, heard: &[(ServiceName, Timestamp)], now: Timestamp) {
        self.brake.hear_of(heard, now);
    }

    /// The engine was away: it could not tell of heartbeats, and leases may have begun anew.
    pub fn mistrust(&mut self, now: Timestamp) {
        self.brake.mistrust(now);
    }

    /// How many hosts the brake keeps, of a service or all.
    pub fn held(&self, service: Option<&ServiceName>) -> usize {
        self.brake.held(service)
    }

    /// The state of the brake, with at most as many services and hosts.
    pub fn brake(&self, most: usize) -> BrakeView {
        self.brake.view(&self.hosts, most)
    }

    /// What happened to the brake, each once.
    pub fn take_notes(&mut self) -> Vec<Note> {
        self.brake.take_notes()
    }

    /// Starts a lease anew.
    pub(super) fn renew(&mut self, host: &Arc<Host>, now: Timestamp) {
        let stage = host.lease.stage();
        host.lease.renew(now);
        if self.rehearsing {
            // Whatever becomes of it: the host was heard.
            self.brake.hear(host);
        }
        if stage == Stage::Fresh || self.rehearsing {
            return;
        }
        self.brake.renewed(host, now);
        // The end of a hold is far: the lease is to be looked at long before.
        self.unschedule(host);
        self.schedule(host);
    }

    /// Hands what the brake counts of a row on to the next one of its key; where its lease is another, it is as if it had
    /// been renewed.
    pub(super) fn carry(&mut self, before: Option<&Host>, after: Option<&Host>, now: Timestamp) {
        let Some(before) = before.filter(|before| before.lease.stage() != Stage::Fresh) else { return };
        let goes_on = after.is_some_and(|after| after.lease.stage() == before.lease.stage());
        if goes_on {
            before.lease.set_stage(Stage::Fresh);
        } else {
            self.brake.forget(before, Release::Recovered, now);
            if let Some(after) = after {
                self.brake.hear(after);
            }
        }
    }

    /// When time may do something to a row next.
    pub(super) fn due(&self, host: &Host) -> Option<Timestamp> {
        host.checks_due().into_iter().chain(self.brake.due(host)).min()
    }
}

/// Whether one of the moments has come.
fn has_come(mut moments: impl Iterator<Item = Timestamp>, now: Timestamp) -> bool {
    moments.any(|at| at <= now)
}
