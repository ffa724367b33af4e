//! Items of hosts of Lyft's that another program has written: it knows Lyft's fields only, and has dropped the attribute
//! `rollcall` and the version. What was dropped is written again, by whoever knows it best.
//!
//! That is the server that wrote the item a moment ago: others may not have read yet what it wrote, and what they would
//! write is what was before. It writes also that there is nothing more to say, as a drain that has ended. Where there is no
//! such server, or it does nothing, it is for the one whose part the row is; and where that one knows of nothing, as it has
//! just started, for any other.

use std::sync::Arc;
use std::time::Duration;

use super::commit::Step;
use super::engine::Engine;
use super::expression;
use super::item::ROW;
use super::place;
use super::row;
use super::seen::{Items, Seen};
use crate::clock::Timestamp;
use crate::table::{Host, HostKey};

/// Readings in which every server has read what was written.
const READ: u32 = 3;
/// Readings that a server leaves to who wrote the item, where the row is its part.
const OWN: u32 = 2;
/// Readings that it leaves to that one, too, where it is not.
const ANY: u32 = 5;

impl Seen {
    /// Whether a server writes again what a program dropped; `is_own` where the row is its part.
    pub(super) fn wants_mending(&self, is_own: bool, poll: Duration, now: Timestamp) -> bool {
        let wrote = self.wrote.is_some_and(|at| now.since(at) <= poll * READ);
        let patience = poll * if is_own { OWN } else { ANY };
        let lacks = self.lacks.is_some_and(|since| now.since(since) >= patience);
        self.version.is_none() && (wrote || lacks)
    }
}

impl Engine {
    /// Takes note of what a program dropped of a host: for whoever is to write it again.
    pub(super) fn note_dropped(&self, host: &Host, known: Option<&Seen>, seen: &mut Seen) {
        let says_more = row::item(host, self.settings.lyft_ttl).get(ROW).is_some();
        let since = known.and_then(|known| known.lacks).unwrap_or(self.registry.now());
        seen.lacks = says_more.then_some(since);
        seen.wrote = known.and_then(|known| known.wrote);
    }

    /// Whether it is for this server to do so now.
    pub(super) fn wants_mending(&self, items: &Items, key: &HostKey) -> bool {
        let wants = |seen: &Seen, is_own| seen.wants_mending(is_own, self.settings.poll, self.registry.now());
        // Few are, and whose part a row is takes longer to say.
        items.get(key).is_some_and(|seen| wants(seen, true) && wants(seen, self.registry.duty().is_own(key)))
    }

    /// Writes again what a program dropped that knows Lyft's fields only.
    pub(super) async fn mend(&self, key: &HostKey) {
        let began = self.items.lock().begin();
        let step = {
            let (items, snapshot) = (self.items.lock(), self.registry.snapshot());
            let seen = items.get(key).filter(|seen| seen.version.is_none()).cloned();
            snapshot.hosts.get(key).zip(seen).map(|(host, seen)| {
                let item = row::item(host, self.settings.lyft_ttl);
                let version = self.version(Some(&seen));
                let write = expression::put(&place::of(key), &item, version, None, Some(&seen));
                let (key, after) = (key.clone(), Ok(Arc::clone(host)));
                Step { key, after, item, version, check_in: None, write, seen: Some(seen) }
            })
        };
        if let Some(step) = step {
            let _ = self.write(std::slice::from_ref(&step), began).await;
            // What it says was written when it was: a program that drops it time and again is given up on.
            let mut items = self.items.lock();
            let written = items.get_mut(key).filter(|seen| seen.version == Some(step.version));
            if let Some((seen, before)) = written.zip(step.seen) {
                seen.wrote = before.wrote;
            }
        }
        self.items.lock().end(began);
    }
}
