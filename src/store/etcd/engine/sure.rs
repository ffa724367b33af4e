//! Requests that change nothing: a row was found to be as somebody wants it. What this server has is some milliseconds old,
//! and another one may have been asked for something else in between: so etcd is asked whether the rows are as they are
//! known. All requests that wait are one question, which costs etcd no revision. A row that is not known here is looked up
//! before it is called unknown.

use std::collections::HashSet;
use std::sync::Arc;

use super::super::book::Range;
use super::super::client::Trouble;
use super::super::keys::Key;
use super::super::wire::{Compare, KeyValue, RangeRequest, RangeResponse, WatchEvent};
use super::super::write;
use super::asks::LATER;
use super::{Done, Engine};
use crate::limits;
use crate::registry::{Lookup, Proposal, Renewal, Verdict};
use crate::table::HostKey;

/// A request that changes nothing, with the leases that it renews.
pub(super) struct Unsure {
    proposal: Proposal,
    renewals: Vec<(Renewal, i64)>,
}

impl Engine {
    /// Renews leases, once it is sure that the rows which the request names are as it found them.
    pub(super) fn make_sure(&mut self, proposal: Proposal, renewals: Vec<(Renewal, i64)>) {
        if proposal.same.is_empty() {
            return self.renew(proposal, renewals);
        }
        self.unsure.push(Unsure { proposal, renewals });
        self.ask_for_unsure();
    }

    /// One question at a time, and not more often than [`limits::ETCD_SURE_PAUSE`]: the more wait, the fewer each costs.
    fn ask_for_unsure(&mut self) {
        if self.asking || self.unsure.is_empty() {
            return;
        }
        self.asking = true;
        let pause = limits::ETCD_SURE_PAUSE.saturating_sub(self.passed().since(self.asked_at));
        if !pause.is_zero() {
            // Those that come meanwhile are asked about, too.
            self.running.spawn(async move {
                tokio::time::sleep(pause).await;
                Done::Sure(Vec::new(), Ok((Vec::new(), Vec::new())))
            });
            return;
        }
        self.asked_at = self.passed();
        let asked = std::mem::take(&mut self.unsure);
        let keys: HashSet<&HostKey> =
            asked.iter().flat_map(|one| one.proposal.same.iter().map(|(key, _)| key)).collect();
        let rows: Vec<(HostKey, Compare)> = keys
            .into_iter()
            .map(|key| (key.clone(), Compare::unchanged(self.book.keys.row(key), self.book.revision(key))))
            .collect();
        let client = Arc::clone(&self.client);
        self.running.spawn(async move {
            let result = write::strangers(&client, &rows).await;
            Done::Sure(asked, result)
        });
    }

    /// Asks for a row that is not known here: another server may have written it a moment ago.
    pub(super) fn look_up(&mut self, lookup: Lookup) {
        self.looking_up += 1;
        let (client, key) = (Arc::clone(&self.client), self.book.keys.row(&lookup.key));
        self.running.spawn(async move {
            let request = RangeRequest { key, ..RangeRequest::default() };
            Done::LookedUp(lookup, client.call("/v3/kv/range", &request).await)
        });
    }

    pub(super) fn looked_up(&mut self, lookup: Lookup, result: Result<RangeResponse, Trouble>) {
        self.looking_up -= 1;
        let rows = result.map(|answer| answer.kvs).unwrap_or_default();
        self.take(Range::Own, rows.into_iter().map(|kv| WatchEvent { kind: String::new(), kv }).collect());
        let Lookup { key, found } = lookup;
        // Whoever asked may be gone.
        let _ = found.send(self.registry.snapshot().hosts.get(&key).is_some());
    }

    pub(super) fn sure(&mut self, asked: Vec<Unsure>, result: Result<(Vec<HostKey>, Vec<KeyValue>), Trouble>) {
        self.asking = false;
        match result {
            Ok((changed, found)) => {
                let rows = found.into_iter().filter(|kv| matches!(self.book.keys.parse(&kv.key.0), Some(Key::Row(_))));
                let rows: Vec<WatchEvent> = rows.map(|kv| WatchEvent { kind: String::new(), kv }).collect();
                if !rows.is_empty() {
                    self.take(Range::Own, rows);
                }
                let changed: HashSet<HostKey> = changed.into_iter().collect();
                for Unsure { proposal, renewals } in asked {
                    if proposal.same.iter().any(|(key, _)| changed.contains(key)) {
                        // One that is gone is told of by the watch.
                        self.settle_later(proposal, Verdict::Conflict, LATER);
                    } else {
                        self.renew(proposal, renewals);
                    }
                }
            }
            Err(Trouble::Away(_)) => {
                // As with heartbeats that come while etcd is away.
                let now = self.passed();
                for Unsure { proposal, renewals } in asked {
                    self.beaten.extend(renewals.into_iter().map(|(renewal, _)| (renewal, now)));
                    proposal.settle(Verdict::Taken);
                }
                self.look();
            }
            Err(trouble) => asked.into_iter().for_each(|one| self.refuse(one.proposal, &trouble)),
        }
        self.ask_for_unsure();
    }
}
