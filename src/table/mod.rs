//! The host table. Pure: no clock, no IO, no lock, no serde; `now` is an argument.
//!
//! A [`HostTable`] is changed by one closed set of [`Event`]s. Each visible change gets the next
//! [`Revision`] and is returned as a [`Change`] with the row before and after. A heartbeat that alters
//! nothing visible moves a deadline and no more.
//!
//! The rows ([`Hosts`]) are persistent ordered sets: a reader's copy is O(1) and stays as it was, whatever
//! happens to the table afterwards. Only leases are shared between the copies (see [`Lease`]).

mod change;
mod check;
mod deadline;
mod endpoint;
mod event;
mod host;
mod journal;
mod key;
mod lease;
mod rows;
mod target;
mod terms;
mod text;

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::limits;

pub use change::{Cause, Change, Revision};
pub use check::{Check, Output, Said, Status};
pub use deadline::Deadlines;
pub use endpoint::{Bracketed, Endpoint, HttpUrl};
pub use event::{Applied, CheckDefinition, Event, Registration, Rejection};
pub use host::Host;
pub use journal::{Compacted, Journal};
pub use key::{Dialect, HostKey, Row};
pub use lease::Lease;
pub use rows::Hosts;
pub use target::{Port, Protocol, Target};
pub use terms::{CheckKind, HttpCheck, Terms, Tls, Wishes};
pub use text::{
    HostId, Invalid, Meta, Namespace, Place, ServiceName, Tag, is_label, parse_label, parse_meta, parse_tags,
};

/// The rows, their deadlines and the revision they are at.
#[derive(Debug, Default)]
pub struct HostTable {
    hosts: Hosts,
    deadlines: Deadlines,
    revision: Revision,
}

impl HostTable {
    /// A table of rows read from a store, at the revision the store had. Each lease begins anew, and so does
    /// what else runs out.
    pub fn restore(rows: impl IntoIterator<Item = Host>, revision: Revision, now: Timestamp) -> HostTable {
        let mut table = HostTable { revision, ..HostTable::default() };
        for mut host in rows {
            host.lease = Lease::new(host.lease.ttl(), now);
            host.checks.iter_mut().for_each(|check| check.restart(now));
            let host = Arc::new(host);
            table.schedule(&host);
            table.hosts.insert(host);
        }
        table
    }

    /// The rows; a clone is O(1).
    pub fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// What falls due when.
    pub fn deadlines(&self) -> &Deadlines {
        &self.deadlines
    }

    /// The number of the last change.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Does what `event` asks, or refuses and leaves everything as it was.
    pub fn apply(&mut self, event: Event, now: Timestamp) -> Result<Applied, Rejection> {
        match event {
            Event::Register(registration) => self.register(*registration, now),
            Event::Renew(key) => {
                let host = self.live(&key, now)?;
                host.lease.renew(now);
                Ok(Applied::Unchanged(host))
            }
            Event::Deregister(key) => {
                // A row past its lease can still be deregistered: that is what its owner wants.
                let before = self.hosts.get(&key).cloned().ok_or(Rejection::UnknownHost(key))?;
                let cause = Cause::Api(before.dialect);
                Ok(Applied::Removed(self.replace(Some(before), None, cause, now)))
            }
            Event::Report { host, check, status, output } => {
                let before = self.live(&host, now)?;
                self.report(&before, check, status, &output, now)
            }
            Event::Observe { host, check, terms, status, output } => {
                let before = self.live(&host, now)?;
                let known =
                    before.checks.iter().position(|known| *known.id == *check && known.terms.as_ref() == Some(&terms));
                let place = known.ok_or(Rejection::UnknownCheck(check))?;
                Ok(self.judge(&before, place, status, &output, Cause::Check, now))
            }
            Event::Weigh { host, weight, original } => {
                let before = self.live(&host, now)?;
                Ok(self.edit(&before, now, |host| {
                    host.weight = weight;
                    host.original = original.or_else(|| host.original.take());
                }))
            }
            Event::Drain { host, enable } => {
                let before = self.live(&host, now)?;
                Ok(self.edit(&before, now, |host| host.draining = enable))
            }
        }
    }

    /// Does what time alone does up to `now`: removes hosts whose lease has ended or that were critical for too long, and
    /// turns checks critical that nobody reported. Looks at no more than `most` deadlines that are due.
    pub fn tick(&mut self, now: Timestamp, most: usize) -> Vec<Change> {
        let mut changes = Vec::new();
        for _ in 0..most {
            let Some(key) = self.deadlines.take_due(now) else { break };
            let Some(host) = self.hosts.get(&key).cloned() else { continue };
            host.lease.set_scheduled(None);
            if !host.lease.is_live(now) {
                changes.push(self.replace(Some(host), None, Cause::Expiry, now));
            } else if has_come(host.checks.iter().filter_map(Check::condemns), now) {
                changes.push(self.replace(Some(host), None, Cause::Check, now));
            } else if has_come(host.checks.iter().filter_map(Check::lapses), now) {
                let mut lapsed = Host::clone(&host);
                lapsed.checks.iter_mut().for_each(|check| check.lapse(now));
                changes.push(self.replace(Some(host), Some(lapsed), Cause::Check, now));
            } else {
                self.schedule(&host);
            }
        }
        changes
    }

    /// Returns to rows and a revision of before; `undone` are the changes since. What is due is looked at again at `retry`.
    pub fn roll_back(&mut self, hosts: Hosts, revision: Revision, undone: &[Change], retry: Timestamp) {
        for after in undone.iter().filter_map(|change| change.after.as_ref()) {
            self.unschedule(after);
        }
        self.hosts = hosts;
        self.revision = revision;
        for before in undone.iter().filter_map(|change| change.before.as_ref()) {
            if let Some(host) = self.hosts.get(&before.key()).cloned() {
                self.unschedule(&host);
                if let Some(due) = host.due() {
                    self.schedule_at(&host, due.max(retry));
                }
            }
        }
    }

    fn live(&self, key: &HostKey, now: Timestamp) -> Result<Arc<Host>, Rejection> {
        self.hosts
            .get(key)
            .filter(|host| host.lease.is_live(now))
            .cloned()
            .ok_or_else(|| Rejection::UnknownHost(key.clone()))
    }

    fn register(&mut self, registration: Registration, now: Timestamp) -> Result<Applied, Rejection> {
        let stored =
            self.hosts.find(registration.service.as_str(), registration.dialect, registration.id.as_str()).cloned();
        if stored.is_none() {
            self.make_room(&registration)?;
        }
        // A row past its lease is as good as gone: the host begins anew.
        let current = stored.as_ref().filter(|host| host.lease.is_live(now));
        let mut host = registered(registration, current.map(AsRef::as_ref), now);
        self.hosts.share_name(&mut host.service);
        match current {
            Some(current) if current.same_content(&host) => {
                current.lease.renew(now);
                for (kept, said) in current.checks.iter().zip(&host.checks) {
                    kept.output.write(&said.output.read());
                }
                Ok(Applied::Unchanged(Arc::clone(current)))
            }
            Some(current) => {
                let cause = Cause::Api(host.dialect);
                Ok(Applied::Updated(self.replace(Some(Arc::clone(current)), Some(host), cause, now)))
            }
            None => {
                let cause = Cause::Api(host.dialect);
                Ok(Applied::Created(self.replace(stored, Some(host), cause, now)))
            }
        }
    }

    fn make_room(&self, registration: &Registration) -> Result<(), Rejection> {
        if self.hosts.len() >= limits::HOSTS {
            return Err(Rejection::TooManyHosts);
        }
        match self.hosts.count(registration.service.as_str()) {
            0 if self.hosts.service_count() >= limits::SERVICES => Err(Rejection::TooManyServices),
            count if count >= limits::HOSTS_PER_SERVICE => Err(Rejection::TooManyHostsInService),
            _ => Ok(()),
        }
    }

    /// Changes a copy of a row; a change that says nothing new is none.
    fn edit(&mut self, before: &Arc<Host>, now: Timestamp, change: impl FnOnce(&mut Host)) -> Applied {
        let mut host = Host::clone(before);
        change(&mut host);
        if host.same_content(before) {
            return Applied::Unchanged(Arc::clone(before));
        }
        let cause = Cause::Api(host.dialect);
        Applied::Updated(self.replace(Some(Arc::clone(before)), Some(host), cause, now))
    }

    /// Takes a report on a check of a host; one that it has not is made.
    fn report(
        &mut self,
        before: &Arc<Host>,
        id: Box<str>,
        status: Status,
        output: &str,
        now: Timestamp,
    ) -> Result<Applied, Rejection> {
        let Some(place) = before.checks.iter().position(|check| check.id == id) else {
            if before.checks.len() >= limits::CHECKS {
                return Err(Rejection::TooManyChecks);
            }
            let made = Check::new(id, None, status, output, now);
            return Ok(self.edit(before, now, |host| {
                host.checks = host.checks.iter().cloned().chain([made]).collect();
            }));
        };
        if !before.checks[place].kind().is_reported() {
            return Err(Rejection::NotReported(id));
        }
        before.checks[place].renew(now);
        Ok(self.judge(before, place, status, output, Cause::Api(before.dialect), now))
    }

    /// Gives a check a verdict. Other words for the same one are no change.
    fn judge(
        &mut self,
        before: &Arc<Host>,
        place: usize,
        status: Status,
        output: &str,
        cause: Cause,
        now: Timestamp,
    ) -> Applied {
        let check = &before.checks[place];
        if check.status == status {
            check.output.write(output);
            return Applied::Unchanged(Arc::clone(before));
        }
        let mut host = Host::clone(before);
        host.checks[place].output = Output::new(output);
        host.checks[place].turn(status, now);
        Applied::Updated(self.replace(Some(Arc::clone(before)), Some(host), cause, now))
    }

    /// The one place where a row changes: gives the next revision, moves rows, indexes and deadlines.
    fn replace(&mut self, before: Option<Arc<Host>>, after: Option<Host>, cause: Cause, now: Timestamp) -> Change {
        self.revision = self.revision.next();
        let revision = self.revision;
        let after = after.map(|mut host| {
            host.modified = revision;
            if host.created == Revision::default() {
                host.created = revision;
            }
            Arc::new(host)
        });
        self.reschedule(before.as_ref(), after.as_ref());
        match (&before, &after) {
            (_, Some(after)) => self.hosts.insert(Arc::clone(after)),
            (Some(before), None) => self.hosts.remove(before),
            (None, None) => {}
        }
        Change { revision, at: now, cause, before, after }
    }

    /// Hands the deadline of a row on to the next; it is only moved where it would come too late.
    fn reschedule(&mut self, before: Option<&Arc<Host>>, after: Option<&Arc<Host>>) {
        let scheduled = before.and_then(|before| before.lease.scheduled());
        match (scheduled, after.and_then(|after| after.due())) {
            (Some(at), Some(due)) if at <= due => {
                if let (Some(before), Some(after)) = (before, after) {
                    before.lease.set_scheduled(None);
                    after.lease.set_scheduled(Some(at));
                }
            }
            _ => {
                if let Some(before) = before {
                    self.unschedule(before);
                }
                if let Some(after) = after {
                    after.lease.set_scheduled(None);
                    self.schedule(after);
                }
            }
        }
    }

    fn schedule(&mut self, host: &Arc<Host>) {
        if let Some(due) = host.due() {
            self.schedule_at(host, due);
        }
    }

    fn schedule_at(&mut self, host: &Arc<Host>, at: Timestamp) {
        host.lease.set_scheduled(Some(at));
        self.deadlines.insert(at, host.key());
    }

    fn unschedule(&mut self, host: &Arc<Host>) {
        if let Some(at) = host.lease.scheduled() {
            self.deadlines.remove(at, host.key());
            host.lease.set_scheduled(None);
        }
    }
}

/// The row a registration makes, beside what the row there keeps of its own.
fn registered(registration: Registration, current: Option<&Host>, now: Timestamp) -> Host {
    let checks = match registration.checks {
        None => current.map(|host| host.checks.clone()).unwrap_or_default(),
        Some(definitions) => definitions.into_iter().map(|definition| defined(definition, current, now)).collect(),
    };
    Host {
        service: registration.service,
        dialect: registration.dialect,
        draining: current.is_some_and(|host| host.draining),
        weight: registration.weight.or(current.map(|host| host.weight)).unwrap_or(1),
        priority: registration.priority,
        id: registration.id,
        namespace: registration.namespace,
        target: registration.target,
        ports: registration.ports,
        tags: registration.tags,
        meta: registration.meta,
        zone: registration.zone,
        region: registration.region,
        hostname: registration.hostname,
        checks,
        lease: Lease::new(registration.ttl, now),
        repo: registration.repo,
        original: registration.original,
        created: current.map(|host| host.created).unwrap_or_default(),
        modified: Revision::default(),
    }
}

/// The check that a definition makes, beside what the last one of its id keeps.
fn defined(definition: CheckDefinition, current: Option<&Host>, now: Timestamp) -> Check {
    let CheckDefinition { id, terms, status, output } = definition;
    let kind = terms.as_ref().map_or(&CheckKind::Reported, |terms| &terms.kind);
    let Some(last) = current.and_then(|host| host.checks.iter().find(|check| check.id == id)) else {
        let status = status.unwrap_or(kind.initial());
        return Check::new(id, terms, status, output.as_deref().unwrap_or_default(), now);
    };
    let plain = *kind == CheckKind::Reported;
    // What was reported of one kind says nothing of another.
    let kept = (plain == (*last.kind() == CheckKind::Reported)).then_some(last.status);
    let status = if plain { status.or(kept) } else { kept.or(status) }.unwrap_or(kind.initial());
    let mut check = if last.terms == terms {
        last.clone()
    } else {
        let mut check = Check::new(id, terms, last.status, &last.output.read(), now);
        check.since = last.since;
        check
    };
    check.turn(status, now);
    if let Some(output) = output {
        check.output = Output::new(&output);
    }
    check
}

/// Whether one of the moments has come.
fn has_come(mut moments: impl Iterator<Item = Timestamp>, now: Timestamp) -> bool {
    moments.any(|at| at <= now)
}

#[cfg(test)]
mod tests;
