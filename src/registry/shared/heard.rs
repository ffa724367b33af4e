//! What the engine of a shared table says, and what the table becomes by it.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::super::{Core, Registry, is_earlier};
use crate::clock::Timestamp;
use crate::table::{Cause, Change, Gone, Host, HostKey, Late, Revision};

/// What the engine says of a row.
#[derive(Debug)]
pub enum Word {
    /// It is this.
    Put {
        /// The row.
        host: Box<Host>,
        /// The revision of the write.
        at: Revision,
    },
    /// It is this, and kept past its lease for so long at most.
    Kept {
        /// The row.
        host: Box<Host>,
        /// How long, from now on.
        time: Duration,
        /// The revision of the write.
        at: Revision,
    },
    /// It is gone.
    Gone {
        /// Which one.
        key: HostKey,
        /// The revision of that.
        at: Revision,
        /// Why.
        why: Gone,
    },
}

/// What became of hosts whose leases had ended.
#[derive(Default, Debug)]
pub struct Decided {
    /// Those that are kept, and for how long.
    pub kept: Vec<(Arc<Host>, Duration)>,
    /// Those that are gone.
    pub gone: Vec<HostKey>,
}

/// Hosts whose leases have ended, as of a revision.
#[derive(Default)]
struct Lapsed {
    keys: HashSet<HostKey>,
    at: Revision,
}

impl Word {
    /// The row that it is about.
    pub fn key(&self) -> HostKey {
        match self {
            Word::Put { host, .. } | Word::Kept { host, .. } => host.key(),
            Word::Gone { key, .. } => key.clone(),
        }
    }
}

impl Registry {
    /// Takes over what the engine says, in its order, and publishes it.
    pub fn absorb(&self, words: Vec<Word>) {
        let mut core = self.core.lock();
        let now = self.clock.now();
        let next_deadline = core.table.next_due();
        // What lapsed together is decided on together: it waits for the end, or for news of one of them.
        let mut lapsed = Lapsed::default();
        for word in words {
            if lapsed.keys.contains(&word.key()) {
                self.lapse(&mut core, std::mem::take(&mut lapsed), now);
            }
            let change = match word {
                Word::Put { host, at } => {
                    let cause = Cause::Api(host.dialect);
                    core.table.absorb(*host, at, cause, now)
                }
                Word::Gone { key, at, why: Gone::Deregistered } => {
                    let cause = Cause::Api(key.dialect);
                    core.table.absorb_removal(&key, at, cause, now)
                }
                Word::Kept { host, time, at } => core.table.absorb_kept(*host, now.after(time), at, now),
                Word::Gone { key, at, why: Gone::Ended } => {
                    let ended = core.table.absorb_end(&key, at, now);
                    self.ended.fetch_add(u64::from(ended.is_some()), Ordering::Relaxed);
                    ended
                }
                Word::Gone { key, at, why: Gone::Lapsed } => {
                    lapsed.at = lapsed.at.max(at);
                    lapsed.keys.insert(key);
                    None
                }
            };
            let consequences = core.table.take_consequences();
            core.staged.extend(change.into_iter().chain(consequences));
        }
        self.lapse(&mut core, lapsed, now);
        self.tell(&mut core);
        if let Some(batch) = core.take_batch() {
            self.publish_locked(&mut core, batch);
        }
        let wake = is_earlier(core.table.next_due(), next_deadline);
        drop(core);
        if wake {
            self.earlier_deadline.notify_one();
        }
    }

    /// Removes hosts whose leases have ended, unless the brake keeps them.
    fn lapse(&self, core: &mut Core, lapsed: Lapsed, now: Timestamp) {
        if lapsed.keys.is_empty() {
            return;
        }
        let mut keys: Vec<HostKey> = lapsed.keys.into_iter().collect();
        keys.sort_unstable();
        core.table.reach(lapsed.at);
        let changes = core.table.lapse(&keys, &Late::default(), now);
        self.count_ended(core, changes);
    }

    fn count_ended(&self, core: &mut Core, changes: Vec<Change>) {
        let ended = changes.iter().filter(|change| change.after.is_none()).count();
        self.ended.fetch_add(ended as u64, Ordering::Relaxed);
        core.staged.extend(changes);
    }

    /// Decides on hosts whose leases have ended together, and which have been in the table up to now: those that the brake
    /// keeps stay, the others are gone. `late` is what the engine says of leases that have not ended.
    pub fn decide(&self, keys: &[HostKey], late: &Late) -> Decided {
        let mut core = self.core.lock();
        let now = self.clock.now();
        let changes = core.table.lapse(keys, late, now);
        let mut decided = Decided::default();
        for change in &changes {
            match change.after.as_ref().and_then(|host| Some((host, host.lease.held_until()?))) {
                Some((host, until)) => decided.kept.push((Arc::clone(host), until.since(now))),
                None => decided.gone.push(change.key()),
            }
        }
        self.count_ended(&mut core, changes);
        self.tell(&mut core);
        if let Some(batch) = core.take_batch() {
            self.publish_locked(&mut core, batch);
        }
        drop(core);
        self.earlier_deadline.notify_one();
        decided
    }

    /// Lets every lease stand still, or run again from now on: for an engine that keeps none itself.
    pub fn keep_leases(&self, elsewhere: bool) {
        self.core.lock().table.keep_leases(elsewhere, self.clock.now());
        self.earlier_deadline.notify_one();
    }

    /// Takes over heartbeats that other servers heard: each host's lease lasts from its moment.
    pub fn heard(&self, beats: &[(HostKey, Timestamp)]) {
        let mut core = self.core.lock();
        let now = self.clock.now();
        for (key, at) in beats {
            core.table.heard(key, *at, now);
        }
        self.tell(&mut core);
        drop(core);
        self.earlier_deadline.notify_one();
    }
}
