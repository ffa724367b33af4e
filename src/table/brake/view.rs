//! What is to be said about the brake.

use std::sync::Arc;
use std::time::Duration;

use super::super::host::Host;
use super::super::rows::Hosts;
use super::super::text::ServiceName;
use super::group::Group;
use super::{Brake, Phase, Release, Rules};
use crate::clock::Timestamp;

/// What is braked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Scope {
    /// A service.
    Service(ServiceName),
    /// Every service.
    Table,
}

/// Something that a person may want to know, once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Note {
    /// Too many leases have ended.
    Began {
        /// Where.
        scope: Scope,
        /// Hosts whose lease is about to end or has just ended.
        lapsing: usize,
        /// Of how many.
        of: usize,
    },
    /// It is over.
    Ended {
        /// Where.
        scope: Scope,
        /// Why.
        reason: Release,
        /// Hosts that are still kept and leave now.
        held: usize,
        /// How long it lasted.
        lasted: Duration,
    },
    /// It was none.
    FalseAlarm {
        /// Where.
        scope: Scope,
        /// Hosts that were kept for it.
        held: usize,
        /// How long.
        lasted: Duration,
    },
}

/// Counts since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// Hosts that were kept past their lease.
    pub kept: u64,
    /// Those of them that are not any more, by reason, in the order of [`Release::ALL`].
    pub released: [u64; Release::ALL.len()],
}

impl Totals {
    pub(super) fn released(&mut self, reason: Release) {
        self.released[reason as usize] += 1;
    }
}

/// A group that is braked, or has hosts that are kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupView {
    /// Whether it is braked.
    pub phase: Phase,
    /// Its hosts, kept ones included.
    pub hosts: usize,
    /// Hosts that are kept.
    pub held: usize,
    /// Hosts that are late.
    pub late: usize,
    /// Why those that are kept leave, while they do.
    pub leaving: Option<Release>,
}

impl GroupView {
    fn of(group: &Group, hosts: usize) -> GroupView {
        let Group { phase, late, held_count, leaving, .. } = group;
        GroupView { phase: *phase, hosts, held: *held_count, late: *late, leaving: *leaving }
    }

    /// Since when it is as it is.
    pub fn since(&self) -> Option<Timestamp> {
        self.phase.since()
    }
}

/// The state of the brake.
#[derive(Clone, Debug)]
pub struct BrakeView {
    /// Its rules; `None` where it is off.
    pub rules: Option<Rules>,
    /// All hosts.
    pub table: GroupView,
    /// Services that are braked or have hosts that are kept, by name, as many as were asked for.
    pub services: Vec<(ServiceName, GroupView)>,
    /// How many there are.
    pub service_count: usize,
    /// How many of them are braked for certain.
    pub braked: usize,
    /// Since when the first of the services is braked or suspected to be.
    pub since: Option<Timestamp>,
    /// Hosts that are kept, by service, as many as were asked for.
    pub held: Vec<Arc<Host>>,
    /// Counts since the start.
    pub totals: Totals,
}

impl Brake {
    /// The state, with `most` services and hosts at most.
    pub(in crate::table) fn view(&self, hosts: &Hosts, most: usize) -> BrakeView {
        let shown = || self.groups.iter().filter(|(_, group)| group.is_on() || group.held_count > 0);
        let rows = |service: &ServiceName| hosts.count(service.as_str());
        let found = shown().flat_map(|(service, group)| {
            group.held.iter().filter_map(move |(dialect, id)| hosts.find(service.as_str(), *dialect, id.as_str()))
        });
        BrakeView {
            rules: self.rules.clone(),
            table: GroupView::of(&self.table, hosts.len()),
            services: shown()
                .take(most)
                .map(|(service, group)| (service.clone(), GroupView::of(group, rows(service))))
                .collect(),
            service_count: shown().count(),
            braked: shown().filter(|(_, group)| matches!(group.phase, Phase::Braked { .. })).count(),
            since: shown().filter_map(|(_, group)| group.phase.since()).min(),
            held: found.take(most).cloned().collect(),
            totals: self.totals,
        }
    }

    /// How many hosts are kept, of a service or all.
    pub(in crate::table) fn held(&self, service: Option<&ServiceName>) -> usize {
        match service {
            Some(service) => self.groups.get(service).map_or(0, |group| group.held_count),
            None => self.table.held_count,
        }
    }

    /// What is to be told, once.
    pub(in crate::table) fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }
}
