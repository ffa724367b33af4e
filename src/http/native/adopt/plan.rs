//! What an import does to the rows that are there.

use std::collections::BTreeSet;

use super::is_own_node;
use super::refused::BadLine;
use crate::clock::Timestamp;
use crate::table::{Dialect, Event, Host, HostKey, Hosts, Standing};

/// The events of an import, and what needs none.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// One for each row that is put.
    pub(super) events: Vec<Event>,
    /// Rows that are left as they are, as was asked for.
    pub(super) kept: usize,
    /// Rows that say nothing here.
    pub(super) skipped: usize,
}

/// What an import would do.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Foreseen {
    pub(super) created: usize,
    pub(super) updated: usize,
    pub(super) unchanged: usize,
}

impl Plan {
    /// The plan for rows with their lines; `keep` leaves those that are there.
    pub(super) fn of(
        rows: Vec<(usize, Host)>,
        hosts: &Hosts,
        now: Timestamp,
        keep: bool,
    ) -> Result<Plan, Vec<BadLine>> {
        let coming: BTreeSet<String> = rows.iter().filter_map(|(_, host)| host.as_node()).map(str::to_owned).collect();
        let native: BTreeSet<HostKey> =
            rows.iter().map(|(_, host)| host.key()).filter(|key| key.dialect == Dialect::Native).collect();
        let mut plan = Plan::default();
        let mut bad = Vec::new();
        for (line, host) in rows {
            let here = for_this_server(host, hosts).and_then(|host| of_no_other_program(host, hosts, &native));
            let Some(host) = here else {
                plan.skipped += 1;
                continue;
            };
            let node = if host.dialect == Dialect::Consul { Standing::of(&host.id).node } else { "" };
            if !node.is_empty() && hosts.node(node).is_none() && !coming.contains(node) {
                let detail = format!("id: must name a node that is there, {node:?} is not; its row comes first");
                bad.push(BadLine { line, detail });
            } else if keep && hosts.get(&host.key()).is_some_and(|known| known.lease.is_live(now)) {
                plan.kept += 1;
            } else {
                plan.events.push(Event::Restore(Box::new(host)));
            }
        }
        if bad.is_empty() { Ok(plan) } else { Err(bad) }
    }

    /// What the events would do to these rows.
    pub(super) fn foresee(&self, hosts: &Hosts, now: Timestamp) -> Foreseen {
        let mut foreseen = Foreseen::default();
        for event in &self.events {
            let Event::Restore(host) = event else { continue };
            let known = hosts.get(&host.key()).filter(|known| known.lease.is_live(now));
            match known {
                None => foreseen.created += 1,
                Some(known) if known.same_content(&hosts.settled(Host::clone(host))) => foreseen.unchanged += 1,
                Some(_) => foreseen.updated += 1,
            }
        }
        foreseen
    }
}

/// A host that another program wrote into etcd is one of ours where that program does not write: it is left out where its
/// key is there, and where a host of ours has its name.
fn of_no_other_program(host: Host, hosts: &Hosts, native: &BTreeSet<HostKey>) -> Option<Host> {
    if host.dialect != Dialect::Etcd {
        return Some(host);
    }
    let known = hosts.get(&host.key()).is_some();
    let host = Host { dialect: Dialect::Native, ..host };
    let key = host.key();
    (!known && hosts.get(&key).is_none() && !native.contains(&key)).then_some(host)
}

/// The row to put for one that comes. Of another server's own node the checks are all that counts: they become those of
/// this server's, on which the hosts that stood there stand now.
fn for_this_server(host: Host, hosts: &Hosts) -> Option<Host> {
    if !is_own_node(&host) {
        return Some(host);
    }
    let own = hosts.node("").filter(|_| !host.checks.is_empty())?;
    Some(Host { checks: host.checks, ..Host::clone(own) })
}
