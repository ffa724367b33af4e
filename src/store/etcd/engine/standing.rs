//! Whether etcd is there, and whether what it says is to be trusted.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::super::client::Trouble;
use super::super::presence::{self, Presence};
use super::{Done, Engine, Pending};
use crate::limits;
use crate::registry::{CommitError, Verdict};

/// Looks in a row at an older revision after which it is no lag.
const LAGS: u32 = 30;

impl Engine {
    pub(super) fn look(&mut self) {
        self.note_stalls();
        self.restart_late();
        self.decide_due();
        self.listen();
        if self.trouble.is_none() && !self.beaten.is_empty() && self.returning == 0 {
            self.give_all_back();
        }
        if self.looking {
            return;
        }
        self.looking = true;
        self.looked_after = self.seen;
        let (client, presence) = (Arc::clone(&self.client), self.presence.clone());
        let key = self.book.keys.server(&self.name);
        self.running.spawn(async move { Done::Looked(presence::show(&client, key, presence).await) });
    }

    /// Begins the watches anew where a commit does not come back by them; tells writers who waited for too long.
    pub(super) fn restart_late(&mut self) {
        let now = self.passed();
        let late = |pending: &Pending| now.since(pending.since) > limits::ETCD_ECHO_TIME;
        if (self.pending.iter().any(late) || self.catch_up.is_late(now))
            && now.since(self.restarted) > limits::ETCD_ECHO_TIME
        {
            self.restarted = now;
            self.begin_watches_anew();
        }
        let (lost, rest) =
            self.pending.drain(..).partition(|pending| now.since(pending.since) > 2 * limits::ETCD_ECHO_TIME);
        self.pending = rest;
        let lost: Vec<Pending> = lost;
        for pending in lost {
            let reason = "etcd has written it, and its watch does not show it";
            pending.proposal.settle(Verdict::Refused(CommitError::Unavailable(reason.into())));
        }
    }

    pub(super) fn looked(&mut self, result: Result<Presence, Trouble>) {
        self.looking = false;
        match result {
            Ok(presence) => {
                // A member may lag behind the one that is watched, for a while.
                self.behind = if presence.revision < self.looked_after { self.behind + 1 } else { 0 };
                if self.behind >= LAGS {
                    self.read_anew(presence.revision);
                }
                self.presence = presence;
                if self.doubted {
                    self.begin_watches_anew();
                }
                self.settle_state();
            }
            Err(trouble) => {
                self.doubted = true;
                self.be_away(trouble.to_string());
                self.running.spawn(async {
                    tokio::time::sleep(limits::ETCD_LOOK_AGAIN).await;
                    Done::Again
                });
            }
        }
    }

    /// A backup was restored: numbers that were heard of are given again.
    pub(super) fn read_anew(&mut self, at: i64) {
        tracing::warn!(has = at, had = self.seen, "etcd was set back: it is read whole");
        (self.seen, self.behind) = (at.saturating_sub(1), 0);
        self.catch_up.begin_anew();
        self.anew.send_modify(|wholes| *wholes += 1);
    }

    /// Where each of them was.
    fn begin_watches_anew(&mut self) {
        self.doubted = false;
        self.up.values_mut().for_each(|up| *up = false);
        self.anew.send_modify(|_| {});
    }

    pub(super) fn be_away(&mut self, reason: String) {
        if self.trouble.is_none() {
            tracing::error!(
                reason,
                "etcd is away: names are answered from memory, writes are refused until it is back"
            );
        }
        self.stats.away.store(1, Ordering::Relaxed);
        self.registry.set_away(Some(&reason));
        self.trouble = Some(reason);
    }

    /// Away, unless it answers and every watch runs.
    pub(super) fn settle_state(&mut self) {
        if !self.presence.is_shown() {
            return;
        }
        if self.up.values().any(|up| !up) {
            let now = self.passed();
            let since = *self.down.get_or_insert(now);
            if self.trouble.is_none() && now.since(since) > limits::ETCD_ECHO_TIME {
                self.be_away("a watch of etcd does not run".into());
            }
            return;
        }
        self.down = None;
        if self.trouble.take().is_some() {
            tracing::info!(heartbeats = self.beaten.len(), "etcd is back");
            self.stats.away.store(0, Ordering::Relaxed);
            self.registry.set_away(None);
            self.back = self.passed();
            self.give_all_back();
        }
    }
}
