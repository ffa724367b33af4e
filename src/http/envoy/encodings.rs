//! Resources in their wire form, each made once for all who ask.
//!
//! What a resource says depends on the rows of its service, on the policy, and on leases that end. So one that was made
//! is given again while the service's revision and the policy are the same, up to the moment at which the first of its
//! leases ends; then the leases are looked at again, as most were renewed. Where one has ended nothing is kept: the
//! timer is about to take the row away, which is another revision.
//!
//! Whoever finds nothing takes its turn: one answer is made at a time, away from the threads that serve where it is
//! large, and whoever comes next finds what it made. All octets that are alive, kept or on their way to somebody who
//! reads slowly, are counted: where there are too many, nothing is made until some are gone.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;

use super::answer::{self, Form, Made};
use super::assignment::first_end;
use super::resource::Resource;
use crate::clock::Timestamp;
use crate::limits;
use crate::registry::{Registry, Snapshot};
use crate::table::Revision;

/// Too much is on its way to others.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("answers of more than {} octets wait to be read, the bound", limits::EDS_ALIVE_OCTETS)]
pub(in crate::http) struct NoRoom;

/// The resources of a server.
pub(in crate::http) struct Encodings {
    kept: Mutex<Kept>,
    /// One: whose turn it is to make an answer.
    turns: Arc<Semaphore>,
    alive: Arc<Alive>,
    /// How many were made, for tests.
    #[cfg(test)]
    pub(super) made: AtomicUsize,
}

#[derive(Default)]
struct Kept {
    by_form: [HashMap<String, Entry>; 2],
    octets: usize,
}

struct Entry {
    state: State,
    /// When it must be looked at again.
    until: Timestamp,
    made: Made,
}

/// What a resource is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
struct State {
    modified: Revision,
    only_passing: bool,
}

impl State {
    fn of(resource: &Resource, snapshot: &Snapshot) -> State {
        let modified = resource.topic().modified(snapshot);
        State { modified, only_passing: snapshot.zones.policy().only_passing }
    }
}

impl Default for Encodings {
    fn default() -> Encodings {
        Encodings {
            kept: Mutex::default(),
            turns: Arc::new(Semaphore::new(1)),
            alive: Arc::default(),
            #[cfg(test)]
            made: AtomicUsize::new(0),
        }
    }
}

impl Encodings {
    /// The resources as they are now, in the order in which they are given.
    pub(super) async fn of(
        self: &Arc<Encodings>,
        resources: Vec<Resource>,
        form: Form,
        registry: &Arc<Registry>,
    ) -> Result<Vec<Made>, NoRoom> {
        let rows: usize = {
            let (snapshot, now) = (registry.snapshot_arc(), registry.now());
            let kept: Option<Vec<Made>> = resources
                .iter()
                .map(|resource| self.kept.lock().get(resource, form, State::of(resource, &snapshot), now))
                .collect();
            if let Some(kept) = kept {
                return Ok(kept);
            }
            resources.iter().map(|resource| 1 + resource.rows(&snapshot)).sum()
        };
        let turn = async {
            let turn = Arc::clone(&self.turns).acquire_owned().await;
            self.has_room().await;
            turn
        };
        let turn = timeout(limits::EDS_ROOM_TIME, turn).await.map_err(|_| NoRoom)?;
        let (this, registry) = (Arc::clone(self), Arc::clone(registry));
        let make = move || {
            let _turn = turn;
            // What it is now: some time may have passed, and others may have made it.
            let (snapshot, now) = (registry.snapshot_arc(), registry.now());
            resources.iter().map(|resource| this.one(resource, form, &snapshot, now)).collect()
        };
        if rows <= limits::EDS_ROWS_AT_ONCE {
            return Ok(make());
        }
        tokio::task::spawn_blocking(make).await.map_err(|_| NoRoom)
    }

    /// One resource, made where it is not kept.
    fn one(&self, resource: &Resource, form: Form, snapshot: &Snapshot, now: Timestamp) -> Made {
        let state = State::of(resource, snapshot);
        if let Some(made) = self.kept.lock().get(resource, form, state, now) {
            return made;
        }
        let until = first_end(resource, snapshot, now);
        if let Some(made) = until.and_then(|until| self.kept.lock().renew(resource, form, state, until)) {
            return made;
        }
        #[cfg(test)]
        self.made.fetch_add(1, Ordering::Relaxed);
        let (octets, number) = answer::encode(resource, form, snapshot, now);
        let octets = self.alive.hold(octets);
        let made = Made { name: resource.name.as_str().into(), octets, number, seen: state.modified };
        if let Some(until) = until {
            self.kept.lock().insert(form, Entry { state, until, made: made.clone() });
        }
        made
    }

    /// Waits until more may be made. One waits at a time, whose turn it is.
    async fn has_room(&self) {
        if self.alive.is_full() {
            *self.kept.lock() = Kept::default();
        }
        while self.alive.is_full() {
            self.alive.less.notified().await;
        }
    }
}

impl Kept {
    fn get(&self, resource: &Resource, form: Form, state: State, now: Timestamp) -> Option<Made> {
        let entry = self.by_form[form as usize].get(&resource.name)?;
        (entry.state == state && now < entry.until).then(|| entry.made.clone())
    }

    /// The same where no lease has ended, and from now on until then.
    fn renew(&mut self, resource: &Resource, form: Form, state: State, until: Timestamp) -> Option<Made> {
        let entry = self.by_form[form as usize].get_mut(&resource.name)?;
        if entry.state != state {
            return None;
        }
        entry.until = until;
        Some(entry.made.clone())
    }

    /// Keeps it, and nothing else where that is too much.
    fn insert(&mut self, form: Form, entry: Entry) {
        let octets = entry.octets();
        if octets > limits::EDS_KEPT_OCTETS {
            return;
        }
        if let Some(before) = self.by_form[form as usize].remove(&*entry.made.name) {
            self.octets -= before.octets();
        }
        if self.octets + octets > limits::EDS_KEPT_OCTETS {
            *self = Kept::default();
        }
        self.octets += octets;
        self.by_form[form as usize].insert(entry.made.name.to_string(), entry);
    }
}

impl Entry {
    fn octets(&self) -> usize {
        size_of::<(String, Entry)>() + 2 * self.made.name.len() + self.made.octets.len()
    }
}

/// The octets that somebody has.
#[derive(Default)]
struct Alive {
    octets: AtomicUsize,
    less: Notify,
}

impl Alive {
    fn is_full(&self) -> bool {
        self.octets.load(Ordering::SeqCst) >= limits::EDS_ALIVE_OCTETS
    }

    /// Counts octets until the last part of them is gone.
    fn hold(self: &Arc<Alive>, octets: Vec<u8>) -> Bytes {
        self.octets.fetch_add(octets.len(), Ordering::SeqCst);
        Bytes::from_owner(Held { octets, alive: Arc::clone(self) })
    }
}

struct Held {
    octets: Vec<u8>,
    alive: Arc<Alive>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.octets
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.alive.octets.fetch_sub(self.octets.len(), Ordering::SeqCst);
        self.alive.less.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn nothing_is_made_while_too_much_waits_to_be_read() {
        let encodings = Encodings::default();
        let half = || encodings.alive.hold(vec![0; limits::EDS_ALIVE_OCTETS / 2]);
        let (first, second) = (half(), half());
        let part = first.slice(..1);
        drop(first);
        assert!(timeout(limits::EDS_ROOM_TIME, encodings.has_room()).await.is_err());
        drop(part);
        encodings.has_room().await;
        drop(second);
        assert_eq!(encodings.alive.octets.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut kept = Kept::default();
        let third = Bytes::from(vec![0; limits::EDS_KEPT_OCTETS / 3]);
        let state = State { modified: Revision::default(), only_passing: false };
        for name in ["a", "b", "b", "c", "d"] {
            let made = Made { name: name.into(), octets: third.clone(), number: 0, seen: state.modified };
            kept.insert(Form::Json, Entry { state, until: Timestamp::MAX, made });
            assert!(kept.octets <= limits::EDS_KEPT_OCTETS);
        }
        let names: Vec<&String> = kept.by_form[Form::Json as usize].keys().collect();
        assert_eq!(names.len(), 2, "all but c and d went: {names:?}");
        let sum: usize = kept.by_form.iter().flat_map(HashMap::values).map(Entry::octets).sum();
        assert_eq!(kept.octets, sum);
    }
}
