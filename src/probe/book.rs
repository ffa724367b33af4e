//! The checks that the server does, as the table has them. Pure: changes in, what is due out.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::schedule::{self, Schedule};
use super::tally::Tally;
use crate::clock::Timestamp;
use crate::limits;
use crate::registry::Duty;
use crate::table::{Change, Check, CheckKind, Dialect, Host, HostId, HostKey, Hosts, ServiceName, Status, Terms};

/// A check of a host.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct CheckKey {
    /// The host.
    pub(super) host: HostKey,
    /// The id of the check.
    pub(super) check: Box<str>,
}

/// A probe that is to be done.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// The check.
    pub(super) key: CheckKey,
    /// How.
    pub(super) terms: Arc<Terms>,
    /// Of whom.
    pub(super) host: Arc<Host>,
    /// Whether its last probe was over soon.
    pub(super) is_quick: bool,
}

/// What the server does, and when.
#[derive(Debug, Default)]
pub(super) struct Book {
    entries: HashMap<CheckKey, Entry>,
    schedule: Schedule,
    /// Checks that are what other hosts are.
    aliases: BTreeMap<Followed, BTreeSet<CheckKey>>,
    /// Aliases to be looked at again.
    stirred: BTreeSet<CheckKey>,
    /// Which hosts are this server's to ask.
    duty: Arc<Duty>,
}

/// What an alias is looked at again for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Followed {
    /// A change of a service, or of a node of that name.
    Service(ServiceName),
    /// A change of the host of Consul's dialect that stands there, whatever its service.
    Standing(HostId),
}

impl Followed {
    fn of(host: &Host, service: &ServiceName, id: Option<&HostId>) -> impl Iterator<Item = Followed> {
        let is_consul = matches!(host.dialect, Dialect::Consul | Dialect::Node);
        let standing = id.filter(|_| is_consul).cloned().map(Followed::Standing);
        [Followed::Service(service.clone())].into_iter().chain(standing)
    }
}

#[derive(Debug)]
struct Entry {
    terms: Arc<Terms>,
    host: Arc<Host>,
    tally: Tally,
    /// Its place in the schedule; `None` while it is asked.
    due: Option<Timestamp>,
    /// Whether its last probe was over soon; a new one has yet to show it.
    is_quick: bool,
}

impl Book {
    /// Begins anew with all rows. What was good before is spread over its interval: its last verdict still stands.
    pub(super) fn reset(&mut self, hosts: &Hosts, duty: Arc<Duty>, now: Timestamp) {
        *self = Book { duty, ..Book::default() };
        for host in hosts.iter().chain(hosts.nodes()) {
            for check in &host.checks {
                self.add(host, check, now, |key, terms| match check.status {
                    Status::Critical => schedule::first(key, now),
                    Status::Passing | Status::Warning => schedule::next(key, terms.interval, now),
                });
            }
        }
    }

    /// Follows one change.
    pub(super) fn follow(&mut self, change: &Change, now: Timestamp) {
        if let Some(before) = &change.before {
            // A host that registers after the end of its lease begins anew, and so do its checks.
            let after = change.after.as_ref().filter(|after| after.created == before.created);
            let stays = |id: &str, terms: &Option<Arc<Terms>>| {
                after.is_some_and(|after| after.checks.iter().any(|check| *check.id == *id && check.terms == *terms))
            };
            for check in before.checks.iter().filter(|check| !stays(&check.id, &check.terms)) {
                self.remove(before, check);
            }
        }
        if let Some(after) = &change.after {
            for check in &after.checks {
                self.add(after, check, now, |key, _| schedule::first(key, now));
            }
        }
        let host = change.host();
        for followed in Followed::of(host, &host.service, Some(&host.id)) {
            self.stirred.extend(self.aliases.get(&followed).into_iter().flatten().cloned());
        }
    }

    /// The moment of the next probe.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.schedule.next_due()
    }

    /// How many checks are asked over the network.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The next probe that is due.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<Job> {
        loop {
            let key = self.schedule.take_due(now)?;
            if let Some(entry) = self.entries.get_mut(&key) {
                entry.due = None;
                let (terms, host) = (Arc::clone(&entry.terms), Arc::clone(&entry.host));
                return Some(Job { key, terms, host, is_quick: entry.is_quick });
            }
        }
    }

    /// Counts the result of a job that took so long, and gives the check its next place. Gives the status that follows;
    /// `None` where none does, or where nobody wants to know any more.
    pub(super) fn done(&mut self, job: &Job, result: Status, took: Duration, now: Timestamp) -> Option<Status> {
        let entry = self.entries.get_mut(&job.key)?;
        if entry.due.is_some() || entry.terms != job.terms {
            return None;
        }
        entry.is_quick = took < limits::PROBE_QUICK;
        if !is_same_place(&entry.host, &job.host) {
            let at = schedule::first(&job.key, now);
            entry.due = Some(at);
            self.schedule.insert(at, job.key.clone());
            return None;
        }
        let verdict = entry.tally.count(&entry.terms, result);
        let interval = entry.terms.interval;
        let at = match entry.tally.failed_tries() {
            Some(tries) => schedule::retry(&job.key, interval, tries, now),
            None => schedule::next(&job.key, interval, now),
        };
        entry.due = Some(at);
        self.schedule.insert(at, job.key.clone());
        verdict
    }

    /// Puts a job off that cannot be done now.
    pub(super) fn put_off(&mut self, job: &Job, by: Duration, now: Timestamp) {
        if let Some(entry) = self.entries.get_mut(&job.key)
            && entry.due.is_none()
        {
            let at = now.after(by);
            entry.due = Some(at);
            self.schedule.insert(at, job.key.clone());
        }
    }

    /// The aliases that may be something else now.
    pub(super) fn take_stirred(&mut self) -> BTreeSet<CheckKey> {
        std::mem::take(&mut self.stirred)
    }

    fn add(
        &mut self,
        host: &Arc<Host>,
        check: &Check,
        now: Timestamp,
        first: impl FnOnce(&CheckKey, &Terms) -> Timestamp,
    ) {
        let Some(terms) = check.terms.as_ref().filter(|terms| !terms.kind.is_reported()) else { return };
        if !self.duty.is_own(&host.key()) {
            return;
        }
        let key = CheckKey { host: host.key(), check: check.id.clone() };
        if let CheckKind::Alias(service, id) = &terms.kind {
            for followed in Followed::of(host, service, id.as_ref()) {
                self.aliases.entry(followed).or_default().insert(key.clone());
            }
            self.stirred.insert(key);
            return;
        }
        match self.entries.get_mut(&key) {
            Some(entry) => {
                let moved = !is_same_place(&entry.host, host);
                entry.host = Arc::clone(host);
                // The host is somewhere else: what it was there says nothing.
                if let Some(at) = entry.due.filter(|_| moved) {
                    self.schedule.remove(at, &key);
                    let at = schedule::first(&key, now);
                    entry.due = Some(at);
                    self.schedule.insert(at, key);
                }
            }
            None => {
                let at = first(&key, terms);
                let tally = Tally::new(terms, check.status);
                let (terms, host) = (Arc::clone(terms), Arc::clone(host));
                let entry = Entry { terms, host, tally, due: Some(at), is_quick: false };
                self.entries.insert(key.clone(), entry);
                self.schedule.insert(at, key);
            }
        }
    }

    fn remove(&mut self, host: &Host, check: &Check) {
        let Some(terms) = &check.terms else { return };
        let key = CheckKey { host: host.key(), check: check.id.clone() };
        if let CheckKind::Alias(service, id) = &terms.kind {
            for followed in Followed::of(host, service, id.as_ref()) {
                let Some(followers) = self.aliases.get_mut(&followed) else { continue };
                followers.remove(&key);
                if followers.is_empty() {
                    self.aliases.remove(&followed);
                }
            }
        }
        self.stirred.remove(&key);
        if let Some(entry) = self.entries.remove(&key)
            && let Some(at) = entry.due
        {
            self.schedule.remove(at, &key);
        }
    }
}

/// Whether a probe of the one asks the other, too.
fn is_same_place(one: &Host, other: &Host) -> bool {
    one.target == other.target && one.ports == other.ports
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::table::{Dialect, Endpoint, HostId, Wishes};

    pub(in crate::probe) fn key(service: &str, id: &str, check: &str) -> CheckKey {
        let service = ServiceName::parse("service", service).expect("a name");
        let host = HostKey { service, dialect: Dialect::Native, id: HostId::parse("id", id).expect("an id") };
        CheckKey { host, check: check.into() }
    }

    pub(in crate::probe) fn terms() -> Arc<Terms> {
        let wishes = Wishes { interval: Some(Duration::from_secs(10)), ..Wishes::default() };
        Arc::new(Terms::parse("", CheckKind::Tcp(Endpoint::Own(None), None), wishes).expect("terms"))
    }
}
