//! Heartbeats that could not be passed on, and what becomes of them when etcd is back.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::super::book::Known;
use super::super::client::Trouble;
use super::super::write::{self, Written};
use super::asks::renew_all;
use super::{Done, Engine};
use crate::clock::{PULSE, Timestamp};
use crate::limits;
use crate::registry::Renewal;
use crate::table::HostKey;

impl Engine {
    /// Whether we know better than etcd that a lease has not ended.
    pub(super) fn is_well(&self, key: &HostKey, renewed: Option<Timestamp>) -> bool {
        let renewal = Renewal { host: key.clone(), check: None };
        let since = renewed.map(|renewed| self.awake_since(renewed));
        self.has_beaten(&renewal) || self.ttl_of(&renewal).is_some_and(|ttl| since.is_some_and(|since| since < ttl))
    }

    /// Whether a heartbeat came less than a TTL ago that we could not pass on.
    pub(super) fn has_beaten(&self, renewal: &Renewal) -> bool {
        let since = self.beaten.get(renewal).map(|at| self.awake_since(*at));
        since.is_some_and(|since| self.ttl_of(renewal).is_some_and(|ttl| since < ttl))
    }

    /// The time since a moment, but for that in which the process stood still: nobody could be heard then.
    fn awake_since(&self, at: Timestamp) -> Duration {
        let (stood, (until, last)) = (self.stood_still(), self.stall);
        let before = if at < until { last } else { Duration::ZERO };
        self.passed().since(at).saturating_sub(stood.saturating_sub(self.stood) + before)
    }

    /// All the time that the process stood still.
    fn stood_still(&self) -> Duration {
        self.passed().since(self.registry.now())
    }

    /// Takes note of a time in which the process stood still.
    pub(super) fn note_stalls(&mut self) {
        let stood = self.stood_still();
        if stood.saturating_sub(self.stood) > PULSE {
            self.stall = (self.passed(), stood - self.stood);
        }
        self.stood = stood;
    }

    /// Renews every lease once, some at a time: while no server ran, or the one that they beat at was ending, nobody was heard.
    pub(super) fn begin_leases_anew(&mut self) {
        let leased: Vec<(Renewal, i64)> =
            self.book.leased().map(|(host, lease)| (Renewal { host: host.clone(), check: None }, lease)).collect();
        let client = Arc::clone(&self.client);
        self.running.spawn(async move {
            for some in leased.chunks(limits::ETCD_RETURN_AT_A_TIME) {
                // One that has ended is heard of, and one that is missed ends when it would have.
                join_all(some.iter().map(|one| renew_all(&client, std::slice::from_ref(one)))).await;
            }
            Done::Nothing
        });
    }

    /// Passes on the heartbeats that could not be; those of hosts that have fallen silent since are too old.
    pub(super) fn give_all_back(&mut self) {
        let beaten: Vec<Renewal> = self.beaten.keys().cloned().collect();
        for renewal in beaten {
            if self.has_beaten(&renewal) {
                match self.known_of(&renewal) {
                    Some(_) => self.give_back(renewal),
                    None => self.rewrite(renewal),
                }
            } else {
                self.beaten.remove(&renewal);
                // A row that we kept although etcd has it no more.
                if renewal.check.is_none() && self.book.row(&renewal.host).is_none() {
                    self.hear_ended(vec![(renewal.host, Timestamp::default())]);
                }
            }
        }
    }

    /// The key in etcd whose lease is renewed by a heartbeat.
    fn known_of(&self, renewal: &Renewal) -> Option<Known> {
        match &renewal.check {
            None => self.book.row(&renewal.host).filter(|known| !known.kept),
            Some(check) => self.book.beat(&renewal.host, check),
        }
    }

    /// Passes on a heartbeat that came while etcd was away.
    pub(super) fn give_back(&mut self, renewal: Renewal) {
        let known = self.known_of(&renewal);
        let change = if known.is_none() { self.rewritten(&renewal) } else { None };
        let steps = change.map(|change| write::steps(&[change], &self.book, self.shows));
        let (client, places) = (Arc::clone(&self.client), Arc::clone(&self.places));
        let share = u32::try_from(limits::ETCD_AT_A_TIME / limits::ETCD_RETURN_AT_A_TIME).unwrap_or(1);
        self.returning += 1;
        self.running.spawn(async move {
            // No more of these at a time than leave room for what is new.
            let _place = places.acquire_many(share).await;
            let result = match (steps, known) {
                (Some(steps), _) => match write::run(&client, &steps, 0).await {
                    Ok(Written::At(_)) => Ok(true),
                    Ok(Written::Conflict(_)) => Ok(false),
                    Err(trouble) => Err(trouble),
                },
                (None, Some(known)) if known.lease != 0 => renew_all(&client, &[(renewal.clone(), known.lease)]).await,
                (None, _) => Ok(true),
            };
            Done::Returned { renewal, result }
        });
    }

    pub(super) fn returned(&mut self, renewal: Renewal, result: Result<bool, Trouble>) {
        self.returning -= 1;
        match result {
            Ok(true) => {
                let now = self.passed();
                self.book.renewed(&renewal.host, renewal.check.as_deref(), now);
                self.beaten.remove(&renewal);
            }
            // The watch tells soon what became of it, and it is tried again then.
            Ok(false) => {}
            Err(trouble) => tracing::debug!(%trouble, host = %renewal.host, "a heartbeat could not be passed on"),
        }
    }
}
