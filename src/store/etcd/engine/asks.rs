//! What the registry asks, and how etcd is asked for it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::sleep;

use super::super::client::{Client, Trouble};
use super::super::presence;
use super::super::wire::{LeaseKeepAliveResponse, LeaseRequest, Long, Octets, PutRequest};
use super::super::write::{self, Step, Written};
use super::{Done, Engine};
use crate::limits;
use crate::registry::{CommitError, Proposal, Released, Renewal, Verdict};
use crate::table::{Cause, Change, Host, HostKey, Revision};

/// Pause of a writer whose key others have changed, so that the watch tells of it.
pub(super) const LATER: Duration = Duration::from_millis(30);

impl Engine {
    pub(super) fn ask(&mut self, proposal: Proposal) {
        if let Some(reason) = &self.trouble {
            let now = self.passed();
            self.beaten.extend(proposal.renewals.iter().cloned().map(|renewal| (renewal, now)));
            if !proposal.changes.is_empty() || proposal.release.is_some() {
                let error = CommitError::Unavailable(reason.clone());
                return proposal.settle(Verdict::Refused(error));
            }
            return proposal.settle(Verdict::Taken);
        }
        if let Some(release) = proposal.release.clone() {
            return self.release(proposal, &release);
        }
        if !self.is_current(&proposal.changes) {
            self.stats.conflicts.fetch_add(1, Ordering::Relaxed);
            return self.settle_later(proposal, Verdict::Conflict, Duration::ZERO);
        }
        let snapshot = self.registry.snapshot_arc();
        let is_as_it_was = |(key, revision): &(HostKey, Revision)| {
            snapshot.hosts.get(key).is_some_and(|host| host.modified == *revision)
        };
        if !proposal.same.iter().all(is_as_it_was) {
            return self.settle_later(proposal, Verdict::Conflict, Duration::ZERO);
        }
        let mut changes = proposal.changes.clone();
        let mut renewals = Vec::new();
        for renewal in &proposal.renewals {
            match self.lease_of(renewal) {
                Some(lease) => renewals.extend(lease.map(|lease| (renewal.clone(), lease))),
                // A row that is kept past its lease is written again by its heartbeat, if by nothing else.
                None if changes.iter().any(|change| change.key() == renewal.host) => {}
                // And one that is gone, once it is sure what it was last.
                None if self.book.row(&renewal.host).is_none() => {
                    let now = self.passed();
                    self.beaten.insert(renewal.clone(), now);
                    self.rewrite(renewal.clone());
                }
                None => changes.extend(self.rewritten(renewal)),
            }
        }
        if changes.is_empty() {
            self.make_sure(proposal, renewals);
        } else {
            self.write(proposal, &changes, renewals);
        }
    }

    /// Whether the rows are still what a change was worked out on.
    pub(super) fn is_current(&self, changes: &[Change]) -> bool {
        let snapshot = self.registry.snapshot();
        let mut written: HashMap<HostKey, ()> = HashMap::new();
        changes.iter().all(|change| {
            let key = change.key();
            // The second change of a row in one request stands on the first.
            // A host whose time has come is gone here already.
            let ended = change.cause == Cause::Expiry && snapshot.hosts.get(&key).is_none();
            written.insert(key.clone(), ()).is_some()
                || ended
                || snapshot.hosts.get(&key).map(|host| host.modified)
                    == change.before.as_ref().map(|host| host.modified)
        })
    }

    /// The lease to renew, `None` in it where it was renewed just now or is not etcd's; `None` for a row that etcd does
    /// not have, or keeps past its lease.
    pub(super) fn lease_of(&self, renewal: &Renewal) -> Option<Option<i64>> {
        let known = match &renewal.check {
            None => self.book.row(&renewal.host).filter(|known| !known.kept)?,
            Some(check) => match self.book.beat(&renewal.host, check) {
                Some(known) => known,
                None => return Some(None),
            },
        };
        let ttl = self.ttl_of(renewal)?;
        let fresh = self.passed().since(known.renewed) < (ttl / limits::ETCD_FRESH_SHARE).min(limits::ETCD_FRESH_MAX);
        Some((known.lease != 0 && !fresh).then_some(known.lease))
    }

    pub(super) fn ttl_of(&self, renewal: &Renewal) -> Option<Duration> {
        let snapshot = self.registry.snapshot();
        let host = snapshot.hosts.get(&renewal.host)?;
        match &renewal.check {
            None => host.lease.ttl(),
            Some(check) => host.checks.iter().find(|known| known.id == *check)?.lease()?.ttl(),
        }
    }

    pub(super) fn rewritten(&self, renewal: &Renewal) -> Option<Change> {
        let snapshot = self.registry.snapshot();
        let host = snapshot.hosts.get(&renewal.host)?;
        let (revision, at) = (host.modified, self.registry.now());
        let cause = Cause::Api(host.dialect);
        let free = Host::clone(host);
        free.lease.renew(at);
        Some(Change { revision, at, cause, before: None, after: Some(Arc::new(free)) })
    }

    /// Tells all servers that an operator lets hosts go.
    fn release(&mut self, proposal: Proposal, release: &Released) {
        let (client, departures) = (Arc::clone(&self.client), Arc::clone(&self.presence.departures));
        let (key, asked) = (self.book.keys.release(release), self.passed());
        self.running.spawn(async move {
            let result = async {
                let lease = Long(presence::departures(&client, &departures, asked).await?);
                let put = PutRequest { key, value: Octets::default(), lease };
                client.call::<serde_json::Value>("/v3/kv/put", &put).await.map(drop)
            };
            Done::Released(proposal, result.await)
        });
    }

    pub(super) fn renew(&mut self, proposal: Proposal, renewals: Vec<(Renewal, i64)>) {
        if renewals.is_empty() {
            return proposal.settle(Verdict::Taken);
        }
        let (client, places) = (Arc::clone(&self.client), Arc::clone(&self.places));
        self.stats.renewals.fetch_add(renewals.len() as u64, Ordering::Relaxed);
        self.running.spawn(async move {
            let _place = places.acquire().await;
            let result = renew_all(&client, &renewals).await;
            if matches!(result, Ok(false)) {
                sleep(LATER).await;
            }
            let renewed = renewals.into_iter().map(|(renewal, _)| renewal).collect();
            Done::Renewed { proposal, renewed, result }
        });
    }

    pub(super) fn write(&mut self, proposal: Proposal, changes: &[Change], renewals: Vec<(Renewal, i64)>) {
        // Of several changes of one row the last counts, with what was there before the first.
        let mut steps = write::steps(&last_of_each(changes), &self.book, self.shows);
        let same = proposal.same.iter().map(|(key, _)| key).filter(|key| changes.iter().all(|one| one.key() != **key));
        write::compare_too(&mut steps, same, &self.book);
        let unwritten = steps.iter().flat_map(|step: &Step| step.unwritten.iter().cloned()).collect();
        let (client, places) = (Arc::clone(&self.client), Arc::clone(&self.places));
        let (departures, after) = (Arc::clone(&self.presence.departures), self.seen);
        let asked = self.passed();
        self.stats.writes.fetch_add(1, Ordering::Relaxed);
        self.running.spawn(async move {
            let _place = places.acquire().await;
            let result = async {
                if !renewals.is_empty() && !renew_all(&client, &renewals).await? {
                    return Ok(Written::Conflict(Vec::new()));
                }
                let marks = presence::departures(&client, &departures, asked).await?;
                write::run(&client, &steps, marks).await
            };
            let result = result.await;
            if matches!(&result, Ok(Written::Conflict(_))) {
                sleep(LATER).await;
            }
            Done::Written { proposal, unwritten, after, asked, result }
        });
    }

    pub(super) fn settle_later(&mut self, proposal: Proposal, verdict: Verdict, after: Duration) {
        self.running.spawn(async move {
            sleep(after).await;
            proposal.settle(verdict);
            Done::Nothing
        });
    }
}

/// Each row once: what it was before the first change, and what it is after the last.
fn last_of_each(changes: &[Change]) -> Vec<Change> {
    let mut places: HashMap<HostKey, usize> = HashMap::new();
    let mut last: Vec<Change> = Vec::with_capacity(changes.len());
    for change in changes {
        match places.get(&change.key()) {
            Some(place) => last[*place].after = change.after.clone(),
            None => {
                places.insert(change.key(), last.len());
                last.push(change.clone());
            }
        }
    }
    last.retain(|change| change.before.is_some() || change.after.is_some());
    last
}

/// Renews leases; `false` where one of them has ended.
pub(super) async fn renew_all(client: &Client, renewals: &[(Renewal, i64)]) -> Result<bool, Trouble> {
    for (_, lease) in renewals {
        let request = LeaseRequest { id: Long(*lease) };
        let answer: LeaseKeepAliveResponse = match client.call("/v3/lease/keepalive", &request).await {
            Err(Trouble::NoLease) => return Ok(false),
            answer => answer?,
        };
        if answer.result.ttl.0 <= 0 {
            return Ok(false);
        }
    }
    Ok(true)
}
