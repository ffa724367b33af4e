//! Taking over what the engine of a shared table says: rows as others wrote them, under revisions that it gave.
//!
//! What is absorbed is fact. It is bound by nothing that a registration is, as a row that is refused here would be one
//! that other nodes have.

use std::sync::Arc;

use super::change::{Cause, Change, Revision};
use super::event::Applied;
use super::host::Host;
use super::key::{Dialect, HostKey};
use super::node::Standing;
use super::{HostTable, Status};
use crate::clock::Timestamp;

/// Why a row is gone from a shared table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gone {
    /// Somebody asked for it.
    Deregistered,
    /// Its lease has ended, and whether it stays is for the brake to say.
    Lapsed,
    /// Its lease has ended, and it is decided that it does not stay.
    Ended,
}

impl HostTable {
    /// Puts a row that the engine has at `revision`; `None` where it says nothing new.
    ///
    /// What a row does not say about itself is worked out as at a start: the status of its node, and the address where it
    /// is the node's.
    pub fn absorb(&mut self, mut host: Host, revision: Revision, cause: Cause, now: Timestamp) -> Option<Change> {
        self.settle(&mut host);
        let before = self.hosts.get(&host.key()).cloned();
        match before {
            Some(before) if before.same_content(&host) => {
                for (kept, said) in before.checks.iter().zip(&host.checks) {
                    kept.output.write(&said.output.read());
                }
                // Who kept it past its lease has heard of it again.
                let is_free = before.lease.is_kept() && before.lease.held_until().is_some();
                if is_free || host.lease.renewed() > before.lease.renewed() {
                    before.lease.renew(host.lease.renewed());
                    self.renew(&before, now);
                }
                before.lease.keep(host.lease.is_kept());
                None
            }
            before => {
                if let Some(before) = before.as_ref().filter(|before| before.lease.ttl() == host.lease.ttl()) {
                    host.lease.renew(before.lease.renewed());
                }
                self.reach(revision);
                Some(self.replace(before, Some(host), cause, now))
            }
        }
    }

    /// Puts a row that all servers keep past the end of its lease, up to `until`; `None` where it is kept already.
    pub fn absorb_kept(
        &mut self,
        mut host: Host,
        until: Timestamp,
        revision: Revision,
        now: Timestamp,
    ) -> Option<Change> {
        self.settle(&mut host);
        let before = self.hosts.get(&host.key()).cloned();
        let was_held = before.as_ref().is_some_and(|before| before.lease.is_held());
        if was_held && before.as_ref().is_some_and(|before| before.same_content(&host)) {
            return None;
        }
        let silent = || now.before(host.lease.ttl().unwrap_or_default());
        host.lease.renew(before.as_ref().map_or_else(silent, |before| before.lease.renewed()));
        host.lease.hold(until);
        if was_held {
            self.brake.goes_on(&host);
        } else {
            self.brake.keep(&host, &self.hosts, now);
        }
        self.reach(revision);
        Some(self.replace(before, Some(host), Cause::Expiry, now))
    }

    /// Takes out a row whose lease has ended, as was decided elsewhere; `None` where it is not there.
    pub fn absorb_end(&mut self, key: &HostKey, revision: Revision, now: Timestamp) -> Option<Change> {
        let before = self.hosts.get(key).cloned()?;
        self.brake.ended(&before, &self.hosts, now);
        self.reach(revision);
        Some(self.replace(Some(before), None, Cause::Expiry, now))
    }

    /// Works out what a row does not say about itself.
    fn settle(&self, host: &mut Host) {
        if host.dialect == Dialect::Consul
            && let Some(node) = self.hosts.node(Standing::of(&host.id).node)
        {
            host.node_status = node.status();
            if host.at_node {
                host.target = node.target.clone();
            }
        }
        self.hosts.share_name(&mut host.service);
    }

    /// Takes out a row that the engine has no more; `None` where it is not there.
    pub fn absorb_removal(
        &mut self,
        key: &HostKey,
        revision: Revision,
        cause: Cause,
        now: Timestamp,
    ) -> Option<Change> {
        let before = self.hosts.get(key).cloned()?;
        self.reach(revision);
        Some(self.replace(Some(before), None, cause, now))
    }

    /// Says whether what is applied from now on is to be taken back by [`HostTable::roll_back`].
    pub fn rehearse(&mut self, on: bool) {
        self.rehearsing = on;
    }

    /// The next change has that revision, where the table is not past it.
    pub fn reach(&mut self, revision: Revision) {
        self.revision = self.revision.max(Revision(revision.0.saturating_sub(1)));
    }

    /// Leaves the end of every lease to somebody else, those of checks too; or takes all of them over, each begun anew.
    pub fn keep_leases(&mut self, elsewhere: bool, now: Timestamp) {
        let rows: Vec<Arc<Host>> = self.hosts.iter().cloned().collect();
        for host in rows {
            let of_checks = host.checks.iter().filter_map(|check| check.lease());
            for lease in of_checks.chain([&host.lease]).filter(|lease| lease.ttl().is_some()) {
                lease.keep(elsewhere);
            }
            if !elsewhere {
                host.checks.iter().for_each(|check| check.renew(now));
                self.renew(&host, now);
            }
            self.unschedule(&host);
            self.schedule(&host);
        }
    }

    /// Takes over a heartbeat that somebody else heard; the lease lasts from `at`, which may be later than `now`.
    pub fn heard(&mut self, key: &HostKey, at: Timestamp, now: Timestamp) {
        if let Some(host) = self.hosts.get(key).cloned() {
            host.lease.renew(at);
            self.renew(&host, now);
        }
    }

    /// Turns a check critical whose TTL has ended.
    pub(super) fn lapse_check(&mut self, before: &Arc<Host>, place: usize, now: Timestamp) -> Applied {
        if before.checks[place].status == Status::Critical {
            return Applied::Unchanged(Arc::clone(before));
        }
        let mut host = Host::clone(before);
        host.checks[place].expire(now);
        Applied::Updated(self.replace(Some(Arc::clone(before)), Some(host), Cause::Check, now))
    }
}
