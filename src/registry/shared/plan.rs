//! What a request would do to a shared table: it is applied and taken back. And whose turn it is to ask for it.

use super::super::Core;
use super::{Renewal, Shared};
use crate::clock::Timestamp;
use crate::table::{Applied, Change, Event, HostKey, Rejection, Revision};

/// The turn of a write at its rows; the next one may go on when it is dropped.
pub(super) struct Turn<'s> {
    shared: &'s Shared,
    keys: Vec<HostKey>,
}

impl<'s> Turn<'s> {
    /// The turn, unless somebody else has one of the rows.
    pub(super) fn take(shared: &'s Shared, rows: impl Iterator<Item = HostKey>) -> Option<Turn<'s>> {
        let keys: Vec<HostKey> = rows.collect();
        let mut writing = shared.writing.lock();
        if keys.iter().any(|key| writing.contains(key)) {
            return None;
        }
        writing.extend(keys.iter().cloned());
        drop(writing);
        Some(Turn { shared, keys })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.keys.is_empty() {
            let mut writing = self.shared.writing.lock();
            self.keys.iter().for_each(|key| drop(writing.take(key)));
            drop(writing);
            self.shared.freed.notify_waiters();
        }
    }
}

/// What events would do.
pub(super) struct Plan {
    pub(super) applied: Vec<Applied>,
    pub(super) changes: Vec<Change>,
    pub(super) renewals: Vec<Renewal>,
    pub(super) same: Vec<(HostKey, Revision)>,
}

impl Core {
    /// What events would do, all of them or none; the table is as it was.
    pub(super) fn dry_run(&mut self, events: Vec<Event>, now: Timestamp) -> Result<Plan, Rejection> {
        let (hosts, revision) = (self.table.hosts().clone(), self.table.revision());
        self.table.rehearse(true);
        let (changes, renewals, same) = (Vec::new(), Vec::new(), Vec::new());
        let mut plan = Plan { applied: Vec::with_capacity(events.len()), changes, renewals, same };
        let mut undone = Vec::new();
        let mut refused = None;
        for event in events {
            let (beat, wants) = (Beat::of(&event), wants_a_state(&event));
            match self.table.apply(event, now) {
                Ok(one) => {
                    plan.changes.extend(one.change().cloned());
                    undone.extend(one.change().cloned());
                    // What follows from a node follows at every server by itself.
                    undone.append(&mut self.table.take_consequences());
                    plan.renewals.extend(beat.renewal(&one));
                    if let (Applied::Unchanged(host), true) = (&one, wants) {
                        plan.same.push((host.key(), host.modified));
                    }
                    plan.applied.push(one);
                }
                Err(rejection) => {
                    refused = Some(rejection);
                    break;
                }
            }
        }
        self.table.roll_back(hosts, revision, &undone, now);
        self.table.rehearse(false);
        match refused {
            Some(rejection) => Err(rejection),
            None => Ok(plan),
        }
    }
}

/// Whether an event says what a row is to be: then it is not enough that it was so a moment ago.
fn wants_a_state(event: &Event) -> bool {
    match event {
        Event::Register(_) | Event::Report { .. } | Event::Weigh { .. } | Event::Drain { .. } | Event::Restore(_) => {
            true
        }
        Event::Renew(_)
        | Event::Deregister(_)
        | Event::Observe { .. }
        | Event::Lapse { .. }
        | Event::Resolve { .. } => false,
    }
}

/// Whether an event is a heartbeat, whatever else it is.
enum Beat {
    No,
    Host,
    Check(Box<str>),
}

impl Beat {
    fn of(event: &Event) -> Beat {
        match event {
            Event::Register(_) | Event::Renew(_) | Event::Restore(_) => Beat::Host,
            Event::Report { check, .. } => Beat::Check(check.clone()),
            Event::Deregister(_)
            | Event::Observe { .. }
            | Event::Weigh { .. }
            | Event::Drain { .. }
            | Event::Lapse { .. }
            | Event::Resolve { .. } => Beat::No,
        }
    }

    fn renewal(self, applied: &Applied) -> Option<Renewal> {
        let host = match applied {
            Applied::Unchanged(host) => host,
            Applied::Updated(change) => change.after.as_ref()?,
            Applied::Created(_) | Applied::Removed(_) => return None,
        };
        match self {
            Beat::No => None,
            Beat::Host => host.lease.ttl().map(|_| Renewal { host: host.key(), check: None }),
            Beat::Check(check) => {
                let known = host.checks.iter().find(|known| known.id == check)?;
                known.lease().map(|_| Renewal { host: host.key(), check: Some(check) })
            }
        }
    }
}
