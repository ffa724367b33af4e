//! Heartbeats. A lease is renewed in memory when one comes; DynamoDB hears of it as seldom as others can bear.
//!
//! `last_check_in` is written when it was written (or seen to be written by somebody else) a quarter of the lease ago.
//! So it is never older than half of the lease where a host beats twice as often as it must, and never older than the
//! host's own pause otherwise: a Lyft service beside us keeps the host, and so do our other servers.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;

use super::client::Trouble;
use super::engine::Engine;
use super::expression;
use super::item::{BEAT, text};
use super::place;
use super::stats::Stats;
use crate::registry::Renewal;
use crate::table::HostKey;

/// The parts of a lease after which its heartbeat is written anew.
const PARTS: u32 = 4;

/// Heartbeats that are to be written: of the host where there is no check, else of it.
pub(super) type Unbeaten = BTreeMap<HostKey, BTreeSet<Option<Box<str>>>>;

impl Engine {
    /// Notes heartbeats that are to be written.
    pub(super) fn hear_beats(&self, renewals: &[Renewal]) {
        for renewal in renewals {
            if self.is_due(renewal) {
                let mut unbeaten = self.unbeaten.lock();
                unbeaten.entry(renewal.host.clone()).or_default().insert(renewal.check.clone());
            }
        }
    }

    fn is_due(&self, renewal: &Renewal) -> bool {
        let (mut items, snapshot, now) = (self.items.lock(), self.registry.snapshot(), self.registry.now());
        let (Some(seen), Some(host)) = (items.get_mut(&renewal.host), snapshot.hosts.get(&renewal.host)) else {
            return false;
        };
        let ttl = match &renewal.check {
            None => host.lease.ttl(),
            // Reports of checks are rare beside heartbeats of hosts: each is written.
            Some(_) => return true,
        };
        let is_due = ttl.is_some_and(|ttl| seen.beaten.is_none_or(|beaten| now.since(beaten) >= ttl / PARTS));
        if is_due {
            seen.beaten = Some(now);
        }
        is_due
    }

    /// Writes all that are noted, some at a time.
    pub(super) async fn write_beats(&self) {
        let beats = std::mem::take(&mut *self.unbeaten.lock());
        let mut left = beats.into_iter();
        loop {
            let some: Vec<_> = left.by_ref().take(crate::limits::DYNAMODB_BEATS_AT_A_TIME).collect();
            if some.is_empty() {
                return;
            }
            let written = futures_util::future::join_all(some.iter().map(|(key, checks)| self.beat(key, checks))).await;
            if written.contains(&false) {
                // For later: they are not lost.
                let mut unbeaten = self.unbeaten.lock();
                let unwritten = some.into_iter().zip(written).filter(|(_, written)| !written).map(|(beat, _)| beat);
                for (key, checks) in unwritten.chain(left) {
                    unbeaten.entry(key).or_default().extend(checks);
                }
                return;
            }
        }
    }

    /// Whether there is nothing left to do about it.
    async fn beat(&self, key: &HostKey, checks: &BTreeSet<Option<Box<str>>>) -> bool {
        let moment = self.moment();
        let check_in = checks.contains(&None).then_some(&*moment);
        let named = checks.iter().flatten();
        let beats: Vec<(Box<str>, Value)> =
            named.map(|check| (format!("{BEAT}{check}").into(), text(&moment))).collect();
        let began = self.items.lock().begin();
        let write = expression::beat(&place::of(key), check_in, &beats);
        let result = self.client.write(&[write]).await;
        Stats::count(&self.stats.beats);
        let done = match result {
            Ok(()) => {
                self.beaten(key, check_in, beats, began);
                true
            }
            // The item is gone.
            Err(Trouble::Condition(_)) => {
                self.take_one(key, None, began);
                true
            }
            Err(Trouble::Busy(_)) => {
                Stats::count(&self.stats.throttled);
                false
            }
            Err(Trouble::Refused(reason)) => {
                tracing::error!(reason, "a heartbeat was refused");
                true
            }
            Err(trouble) => {
                self.go_away(&trouble);
                false
            }
        };
        self.items.lock().end(began);
        done
    }

    fn beaten(&self, key: &HostKey, check_in: Option<&str>, beats: Vec<(Box<str>, Value)>, began: u64) {
        let mut items = self.items.lock();
        if !items.is_as_of(key, began) {
            return;
        }
        let Some(mut seen) = items.get(key).cloned() else { return };
        if let Some(check_in) = check_in {
            seen.check_in = Some(check_in.into());
        }
        let others = seen.beats.iter().filter(|(name, _)| !beats.iter().any(|(other, _)| other == name));
        let mut all: Vec<_> = others.cloned().chain(beats.iter().cloned()).collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        seen.beats = all.into();
        items.note(key.clone(), seen);
    }
}
