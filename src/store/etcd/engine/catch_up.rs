//! Rows that etcd has no more, and that are written again as their hosts are well. They have to be what they were last, and this
//! server may not have heard of that: it was cut off, or stood still, or its watch is behind. So it writes its own key first,
//! and waits until its watch tells of that.

use std::collections::HashSet;
use std::sync::Arc;

use super::super::client::Trouble;
use super::super::presence;
use super::{Done, Engine};
use crate::clock::Timestamp;
use crate::limits;
use crate::registry::Renewal;

/// Heartbeats by which rows are to be written again.
#[derive(Default)]
pub(super) struct CatchUp {
    /// Those of the next round.
    waiting: HashSet<Renewal>,
    round: Option<Round>,
}

/// Heartbeats that wait for the watch.
struct Round {
    renewals: HashSet<Renewal>,
    /// The revision that it has to tell of, once that is known.
    at: Option<i64>,
    since: Timestamp,
}

impl CatchUp {
    /// Whether the watch has not told for so long that it seems to be dead.
    pub(super) fn is_late(&self, now: Timestamp) -> bool {
        let round = self.round.as_ref().filter(|round| round.at.is_some());
        round.is_some_and(|round| now.since(round.since) > limits::ETCD_ECHO_TIME)
    }

    /// Forgets a revision that etcd will not reach: whoever beats is looked at again. One that is not known yet is still to come.
    pub(super) fn begin_anew(&mut self) {
        self.round.take_if(|round| round.at.is_some());
    }
}

impl Engine {
    /// Writes a row again, as soon as it is sure what it was last.
    pub(super) fn rewrite(&mut self, renewal: Renewal) {
        let is_waited_for = |round: &Round| round.renewals.contains(&renewal);
        if !self.catch_up.round.as_ref().is_some_and(is_waited_for) {
            self.catch_up.waiting.insert(renewal);
            self.begin_round();
        }
    }

    /// One round at a time: who comes later may have to wait for what is written later.
    fn begin_round(&mut self) {
        if self.catch_up.round.is_some() || self.catch_up.waiting.is_empty() || !self.presence.is_shown() {
            return;
        }
        let renewals = std::mem::take(&mut self.catch_up.waiting);
        self.catch_up.round = Some(Round { renewals, at: None, since: self.passed() });
        let (client, presence, key) =
            (Arc::clone(&self.client), self.presence.clone(), self.book.keys.server(&self.name));
        self.running.spawn(async move { Done::Marked(presence::mark(&client, key, &presence).await) });
    }

    /// The revision of our own key is known, or it could not be written: then it is tried again with the next look.
    pub(super) fn marked(&mut self, result: Result<i64, Trouble>) {
        match result {
            Ok(at) => {
                if let Some(round) = &mut self.catch_up.round {
                    round.at = Some(at);
                }
                self.settle_round();
            }
            Err(trouble) => {
                tracing::debug!(%trouble, "rows are not written again yet");
                self.catch_up.round = None;
            }
        }
    }

    /// Writes the rows that are known now as they were last.
    pub(super) fn settle_round(&mut self) {
        let seen = self.seen;
        let is_told = |round: &mut Round| round.at.is_some_and(|at| at <= seen);
        if let Some(round) = self.catch_up.round.take_if(is_told) {
            round.renewals.into_iter().for_each(|renewal| self.give_back(renewal));
            self.begin_round();
        }
    }
}
