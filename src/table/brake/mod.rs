//! The brake: hosts that stop beating all at once stay for a while, for it is more likely that nobody hears them than that
//! all of them died.
//!
//! A host is *late* when less than a window (a third of its TTL) of its lease is left: whoever beats in good time never
//! is. Where a lease ends while more than a share of the service, or of the table, is late or has just ended, the host is
//! *kept*: it stays in the answers, marked stale, up to its cap. Kept hosts leave in random order and not many a second,
//! when the others have been well for one TTL, when it was a false alarm, or when an operator says so. The rule with its
//! arithmetic is in docs/brake.md.
//!
//! Pure like the table: `now` and the seed of the order are arguments. What is counted here is counted as hosts become
//! late, are renewed or end, each in the time of a look-up; nothing is ever added up over the rows.

mod group;
mod recent;
mod release;
mod rules;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::host::Host;
use super::lease::Stage;
use super::rows::Hosts;
use super::text::ServiceName;
use crate::clock::Timestamp;
use crate::limits;

pub use group::{Phase, Release};
pub use rules::{Rule, Rules, Single};
pub use view::{BrakeView, GroupView, Note, Scope, Totals};

use group::{Group, Member, Scale, window_of};

/// The brake of a table.
#[derive(Debug, Default)]
pub(super) struct Brake {
    /// `None` where it is off: nothing is counted then.
    rules: Option<Rules>,
    groups: BTreeMap<ServiceName, Group>,
    table: Group,
    /// When groups are to be looked at.
    reviews: BTreeSet<(Timestamp, ServiceName)>,
    /// Services whose kept hosts leave.
    leaving: Vec<ServiceName>,
    /// Up to when hosts have left.
    released: Timestamp,
    random: u64,
    notes: Vec<Note>,
    totals: Totals,
}

/// Hosts of whose lease less than a window is left, beside those whose leases the table keeps itself.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Late {
    /// By service; those that are not in it have none.
    pub services: BTreeMap<ServiceName, usize>,
    /// Of all services.
    pub all: usize,
}

/// What a look at a lease said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// It has ended, and nothing keeps the host.
    Ended,
    /// It is to be looked at again then; `None` is never.
    Next(Option<Timestamp>),
}

/// What holds for a host: the rule of its service, and the sizes of the service and of the table.
#[derive(Clone, Copy)]
struct Terms {
    rule: Rule,
    service: Scale,
    table: Scale,
}

impl Brake {
    pub(super) fn new(rules: Rules, seed: u64) -> Brake {
        let rules = Some(rules).filter(Rules::any_enabled);
        Brake { rules, random: seed, ..Brake::default() }
    }

    pub(super) fn is_enabled(&self) -> bool {
        self.rules.is_some()
    }

    /// When a lease is to be looked at next, as far as the row says.
    pub(super) fn due(&self, host: &Host) -> Option<Timestamp> {
        let lease = &host.lease;
        let held = lease.held_until();
        let (Some(expires), Some(ttl)) = (lease.expires(), lease.ttl()) else { return held };
        match (lease.stage(), held) {
            _ if self.rules.is_none() => lease.ends(),
            (Stage::Fresh, _) => Some(expires.before(window_of(ttl))),
            (Stage::Late, None) => Some(expires.before(lead_of(ttl))),
            (Stage::Late, Some(_)) => Some(expires),
            (Stage::Held, held) => held.or(Some(expires)),
        }
    }

    /// Looks at the lease of a row, whose time has come, and counts what has become of it.
    pub(super) fn look(&mut self, host: &Host, hosts: &Hosts, now: Timestamp) -> Verdict {
        let lease = &host.lease;
        let held = lease.held_until();
        if self.rules.is_none() {
            return if lease.is_live(now) { Verdict::Next(lease.ends()) } else { Verdict::Ended };
        }
        match (lease.stage(), lease.expires()) {
            (Stage::Held, _) | (_, None) => match held {
                Some(until) if until <= now => self.hold_over(host, now),
                held => Verdict::Next(held),
            },
            (Stage::Fresh, Some(expires)) => self.look_at_fresh(host, expires, hosts, now),
            (Stage::Late, Some(expires)) if expires <= now => match self.end(host, expires, hosts, now) {
                Some(until) => Verdict::Next(Some(until)),
                None => Verdict::Ended,
            },
            (Stage::Late, Some(expires)) => {
                self.promise(host, expires, hosts, now);
                Verdict::Next(Some(expires))
            }
        }
    }

    fn look_at_fresh(&mut self, host: &Host, expires: Timestamp, hosts: &Hosts, now: Timestamp) -> Verdict {
        let held = host.lease.held_until();
        if expires <= now && held.is_some_and(|held| held <= now) {
            // Its end was taken back with a commit that was lost: it had its time.
            return Verdict::Ended;
        }
        let late = expires.before(window_of(host.lease.ttl().unwrap_or_default()));
        if now < late {
            self.hear(host);
            return Verdict::Next(Some(late));
        }
        self.count_late(host);
        if expires > now {
            self.promise(host, expires, hosts, now);
        }
        // In the order of time, however late this look is: others may have become late in between.
        Verdict::Next(self.due(host))
    }

    /// Counts a host that is late.
    pub(super) fn count_late(&mut self, host: &Host) {
        host.lease.set_stage(Stage::Late);
        self.group(&host.service).late += 1;
        self.table.late += 1;
    }

    /// Tells readers before a lease ends that its host would be kept, so that it is in every answer.
    fn promise(&mut self, host: &Host, expires: Timestamp, hosts: &Hosts, now: Timestamp) {
        let terms = self.terms(host, hosts);
        if host.lease.held_until().is_none() && self.would_keep(host, &terms, now) {
            let until = self.until(host, expires, &terms.rule);
            host.lease.hold(until);
        }
    }

    /// Whether a host would be kept if its lease ended now.
    fn would_keep(&self, host: &Host, terms: &Terms, now: Timestamp) -> bool {
        let group = self.groups.get(&host.service);
        let table = || self.table.would_keep(terms.table, now);
        match (terms.service.rows, terms.rule.single) {
            _ if !terms.rule.enabled || group.is_some_and(|group| group.is_muted(now)) => false,
            (0 | 1, Single::Expire) => false,
            (0 | 1, Single::WithTable) => table(),
            (0 | 1, Single::Hold) => true,
            _ => group.is_some_and(|group| group.would_keep(terms.service, now)) || table(),
        }
    }

    /// Takes note of a row that is kept, as others decided: its lease says until when.
    pub(super) fn keep(&mut self, host: &Host, hosts: &Hosts, now: Timestamp) {
        if self.rules.is_none() {
            return;
        }
        let terms = self.terms(host, hosts);
        host.lease.set_stage(Stage::Held);
        self.group(&host.service).suspect(now);
        self.count_end(host, &terms, true, now);
    }

    /// Takes note that a row that is kept is another, and kept on.
    pub(super) fn goes_on(&self, host: &Host) {
        host.lease.set_stage(Stage::Held);
    }

    /// Takes note that a lease has ended of a row that nothing keeps, or nothing any longer, as others decided.
    pub(super) fn ended(&mut self, host: &Host, hosts: &Hosts, now: Timestamp) {
        if self.rules.is_none() {
            return;
        }
        match host.lease.stage() {
            Stage::Held => {
                let leaving = self.groups.get(&host.service).and_then(|group| group.leaving);
                self.forget(host, leaving.unwrap_or(Release::Cap), now);
            }
            Stage::Fresh | Stage::Late => {
                let terms = self.terms(host, hosts);
                if host.lease.stage() == Stage::Fresh {
                    self.count_late(host);
                }
                host.lease.set_stage(Stage::Fresh);
                self.count_end(host, &terms, false, now);
            }
        }
    }

    /// Services that wait for heartbeats which only an engine knows of.
    pub(super) fn waiting(&self, most: usize) -> Vec<ServiceName> {
        let table = self.table.is_waiting();
        let waits = |group: &Group| group.is_waiting() || table && group.held_count > 0;
        self.groups.iter().filter(|(_, group)| waits(group)).take(most).map(|(service, _)| service.clone()).collect()
    }

    /// Takes note of heartbeats that others heard of hosts that are not kept.
    pub(super) fn hear_of(&mut self, heard: &[(ServiceName, Timestamp)], now: Timestamp) {
        for (service, at) in heard {
            self.table.heard(*at);
            if let Some(group) = self.groups.get_mut(service) {
                group.heard(*at);
                self.plan_review(service, Some(now));
            }
        }
        if !heard.is_empty() && self.table.is_on() {
            self.table.review = Some(now);
        }
    }

    /// What was heard up to now says nothing.
    pub(super) fn mistrust(&mut self, now: Timestamp) {
        self.groups.values_mut().chain([&mut self.table]).for_each(|group| group.trouble(now));
    }

    /// So many hosts are late of each service, and of all, as an engine says that keeps the leases; nothing, where it says
    /// no more.
    pub(super) fn hear_late(&mut self, late: &Late) {
        for (service, count) in &late.services {
            self.group(service).late_elsewhere = *count;
        }
        self.table.late_elsewhere = late.all;
    }

    /// Forgets what an engine said.
    pub(super) fn forget_late(&mut self, late: &Late) {
        for service in late.services.keys() {
            if let Some(group) = self.groups.get_mut(service) {
                group.late_elsewhere = 0;
            }
        }
        self.table.late_elsewhere = 0;
    }

    /// Decides on a late host whose lease has ended: it is kept until the moment that is given, or leaves.
    pub(super) fn end(&mut self, host: &Host, expires: Timestamp, hosts: &Hosts, now: Timestamp) -> Option<Timestamp> {
        let terms = self.terms(host, hosts);
        let until = match host.lease.held_until() {
            Some(until) => until,
            None => self.until(host, expires, &terms.rule),
        };
        let keeps = until > now && self.would_keep(host, &terms, now);
        // What nothing keeps ends here, also where it had been promised otherwise.
        host.lease.hold(if keeps { until } else { expires });
        host.lease.set_stage(if keeps { Stage::Held } else { Stage::Fresh });
        self.count_end(host, &terms, keeps, now);
        keeps.then_some(until)
    }

    fn count_end(&mut self, host: &Host, terms: &Terms, keeps: bool, now: Timestamp) {
        let ttl = host.lease.ttl().unwrap_or_default();
        let group = self.group(&host.service);
        if keeps {
            group.held.insert(member(host));
            group.by_engine |= host.lease.is_kept();
            if terms.service.rows > 1 {
                group.keeps(terms.service, now);
            } else if !group.is_on() && terms.rule.single == Single::Hold {
                group.begin(Phase::Braked { since: now, troubled: now });
                let began = Note::Began { scope: Scope::Service(host.service.clone()), lapsing: 1, of: 1 };
                self.notes.push(began);
            }
        }
        self.group(&host.service).lease_ended(ttl, keeps, terms.service, now);
        if keeps {
            self.table.by_engine |= host.lease.is_kept();
            self.table.keeps(terms.table, now);
            self.totals.kept += 1;
        }
        self.table.lease_ended(ttl, keeps, terms.table, now);
        self.review_service(&host.service, terms.service.rows, now);
        self.review_table(terms.table.rows, now);
    }

    /// A hold that was used up.
    fn hold_over(&mut self, host: &Host, now: Timestamp) -> Verdict {
        self.forget(host, Release::Cap, now);
        Verdict::Ended
    }

    /// Takes a row that was late or kept out of the counts.
    pub(super) fn forget(&mut self, host: &Host, reason: Release, now: Timestamp) {
        let stage = host.lease.stage();
        host.lease.set_stage(Stage::Fresh);
        let Some(group) = self.groups.get_mut(&host.service).filter(|_| stage != Stage::Fresh) else { return };
        if stage == Stage::Late {
            group.late = group.late.saturating_sub(1);
            self.table.late = self.table.late.saturating_sub(1);
        } else if group.held.swap_remove(&member(host)) {
            if reason == Release::Recovered {
                group.trouble(now);
                self.table.trouble(now);
            }
            group.last = reason;
            group.held_count = group.held.len();
            self.table.last = reason;
            self.table.held_count = self.table.held_count.saturating_sub(1);
            self.totals.released(reason);
            if group.held.is_empty() && group.is_on() {
                self.plan_review(&host.service.clone(), Some(now));
            }
            if self.table.held_count == 0 && self.table.is_on() {
                self.table.review = Some(now);
            }
        }
        self.tidy(&host.service, now);
    }

    /// A late or kept host has renewed its lease.
    pub(super) fn renewed(&mut self, host: &Host, now: Timestamp) {
        self.forget(host, Release::Recovered, now);
        self.hear(host);
    }

    /// A host was deregistered.
    pub(super) fn departed(&mut self, host: &Host, hosts: &Hosts, now: Timestamp) {
        if self.rules.is_none() {
            return;
        }
        self.table.departed(host.lease.ttl(), now);
        if hosts.count(host.service.as_str()) > 0 {
            self.group(&host.service).departed(host.lease.ttl(), now);
            self.plan_first_review(&host.service, now);
        } else {
            self.tidy(&host.service, now);
        }
    }

    /// Takes into account that a host is well, where that matters.
    pub(super) fn hear(&mut self, host: &Host) {
        let at = host.lease.renewed();
        if self.table.is_on() {
            self.table.heard(at);
        }
        if let Some(group) = self.groups.get_mut(&host.service) {
            group.heard(at);
        }
    }

    fn terms(&self, host: &Host, hosts: &Hosts) -> Terms {
        let rule = self.rules.as_ref().map(|rules| rules.of(&host.service)).unwrap_or_default();
        let rows = hosts.count(host.service.as_str());
        Terms { rule, service: self.scale_of(&host.service, rows), table: self.scale_of_table(hosts.len()) }
    }

    fn scale_of(&self, service: &ServiceName, rows: usize) -> Scale {
        let rule = self.rules.as_ref().map(|rules| rules.of(service)).unwrap_or_default();
        Scale { rows, share: rule.share, least: rule.least }
    }

    fn scale_of_table(&self, rows: usize) -> Scale {
        let (share, least) =
            self.rules.as_ref().map_or((100, u32::MAX), |rules| (rules.table_share, rules.service.least));
        Scale { rows, share, least }
    }

    /// Up to when a host is kept whose lease ends at `expires`: its cap, less a random part of the time in which as many as
    /// may fall with it would leave one by one.
    fn until(&mut self, host: &Host, expires: Timestamp, rule: &Rule) -> Timestamp {
        let cap = rule.cap_of(host.lease.ttl().unwrap_or_default());
        let rate = self.rules.as_ref().map_or(1, |rules| rules.release_rate.max(1));
        let falling = self.groups.get(&host.service).map_or(1, |group| group.late + group.held_count);
        let spread = Duration::from_secs_f64(falling as f64 / f64::from(rate)).min(cap / 4);
        expires.after(cap.saturating_sub(self.part_of(spread)))
    }

    fn group(&mut self, service: &ServiceName) -> &mut Group {
        self.groups.entry(service.clone()).or_default()
    }

    /// A random part of a time.
    fn part_of(&mut self, time: Duration) -> Duration {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(((u128::from(self.next_random()) * u128::from(micros)) >> 64) as u64)
    }

    /// SplitMix64: an order, no secret.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// How long before its end it is decided whether the host of a lease is kept.
fn lead_of(ttl: Duration) -> Duration {
    limits::BRAKE_LEAD.min(window_of(ttl) / 2)
}

fn member(host: &Host) -> Member {
    (host.dialect, host.id.clone())
}

#[cfg(test)]
mod tests;
