//! What is known of hosts that may fail together: those of a service, or all of them.

use std::time::Duration;

use indexmap::IndexSet;

use super::super::key::Dialect;
use super::super::text::HostId;
use super::recent::Recent;
use crate::clock::Timestamp;
use crate::limits;

/// A host within its service.
pub(super) type Member = (Dialect, HostId);

/// Whether a group is braked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// It is not: leases end.
    Off,
    /// So many are late that what ends is kept until it is known whether they come back.
    Suspected {
        /// Since when.
        since: Timestamp,
    },
    /// So many have ended that it is no chance.
    Braked {
        /// Since when.
        since: Timestamp,
        /// When too many ended last.
        troubled: Timestamp,
    },
}

impl Phase {
    /// Since when it is not off.
    pub fn since(self) -> Option<Timestamp> {
        match self {
            Phase::Off => None,
            Phase::Suspected { since } | Phase::Braked { since, .. } => Some(since),
        }
    }
}

/// Why hosts are no longer kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Release {
    /// Those that were late have come back.
    FalseAlarm,
    /// The heartbeats of the rest were normal for one TTL.
    Normal,
    /// Every host that was kept has come back or was deregistered.
    Recovered,
    /// They were kept for as long as is allowed.
    Cap,
    /// An operator said so.
    Operator,
}

impl Release {
    /// Every reason.
    pub const ALL: [Release; 5] =
        [Release::FalseAlarm, Release::Normal, Release::Recovered, Release::Cap, Release::Operator];

    /// The word in logs, metrics and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Release::FalseAlarm => "false-alarm",
            Release::Normal => "normal",
            Release::Recovered => "recovered",
            Release::Cap => "cap",
            Release::Operator => "operator",
        }
    }
}

/// What a rule allows a group, and how large the group is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    /// Rows of the group, kept ones included.
    pub(super) rows: usize,
    /// The share that may expire, in percent.
    pub(super) share: u8,
    /// The fewest hosts that are a mass.
    pub(super) least: u32,
}

/// The counts of a group.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) phase: Phase,
    /// Rows of whose lease less than a window is left.
    pub(super) late: usize,
    /// The same of leases that an engine keeps, while it is decided on some of them.
    pub(super) late_elsewhere: usize,
    /// Rows whose lease has ended and which are kept. Of a service; the table only counts them.
    pub(super) held: IndexSet<Member>,
    pub(super) held_count: usize,
    /// Leases that have ended within a window, kept or not.
    ended: Recent,
    /// Those of them whose host was removed.
    gone: Recent,
    /// Hosts that were deregistered within a TTL.
    departed: Recent,
    /// The last heartbeat that was seen of a host that is not kept.
    heard: Timestamp,
    /// The longest TTL of what was kept since the phase began.
    ttl: Duration,
    /// Whether it is others who say when leases end, and so also that they have not.
    pub(super) by_engine: bool,
    /// Up to when an operator wants nothing kept.
    muted: Timestamp,
    /// Why those that are kept leave, while they do.
    pub(super) leaving: Option<Release>,
    /// When it is to be looked at again.
    pub(super) review: Option<Timestamp>,
    /// Why the last of them left.
    pub(super) last: Release,
}

impl Default for Group {
    fn default() -> Group {
        Group {
            phase: Phase::Off,
            late: 0,
            late_elsewhere: 0,
            held: IndexSet::new(),
            held_count: 0,
            ended: Recent::default(),
            gone: Recent::default(),
            departed: Recent::default(),
            heard: Timestamp::default(),
            ttl: Duration::ZERO,
            by_engine: false,
            muted: Timestamp::default(),
            leaving: None,
            review: None,
            last: Release::Recovered,
        }
    }
}

/// The part of a lease in which its host is late.
pub(super) fn window_of(ttl: Duration) -> Duration {
    ttl / limits::BRAKE_WINDOW_PART
}

impl Group {
    /// How many hosts there were a moment ago.
    fn whole(&self, scale: Scale, now: Timestamp) -> usize {
        scale.rows + self.gone.count(now) + self.departed.count(now)
    }

    /// Whether so many of a group are a mass: more than its share, no fewer than the least, and more than were
    /// deregistered, as a group that shrinks on purpose is no outage.
    fn is_mass(&self, count: usize, scale: Scale, now: Timestamp) -> bool {
        count >= scale.least as usize
            && count * 100 > usize::from(scale.share) * self.whole(scale, now)
            && count > self.departed.count(now)
    }

    /// Hosts that are late or whose lease ended within a window.
    pub(super) fn lapsing(&self, now: Timestamp) -> usize {
        self.late + self.late_elsewhere + self.ended.count(now)
    }

    /// Whether too many expire in one window.
    pub(super) fn is_over(&self, scale: Scale, now: Timestamp) -> bool {
        self.is_mass(self.lapsing(now), scale, now)
    }

    /// Whether too many have expired, late ones aside.
    fn is_certain(&self, scale: Scale, now: Timestamp) -> bool {
        self.is_mass(self.held_count + self.gone.count(now), scale, now)
    }

    pub(super) fn is_on(&self) -> bool {
        self.phase != Phase::Off
    }

    /// Whether a host would be kept if its lease ended now.
    pub(super) fn would_keep(&self, scale: Scale, now: Timestamp) -> bool {
        now >= self.muted && (self.is_on() || self.is_over(scale, now))
    }

    /// Whether a host whose lease ends is kept; with the first one that is, the phase begins.
    pub(super) fn keeps(&mut self, scale: Scale, now: Timestamp) -> bool {
        let keeps = self.would_keep(scale, now);
        if keeps && !self.is_on() {
            self.begin(Phase::Suspected { since: now });
        }
        keeps
    }

    /// Begins a phase where there is none, for a host that is kept as others decided.
    pub(super) fn suspect(&mut self, now: Timestamp) {
        if !self.is_on() {
            self.begin(Phase::Suspected { since: now });
        }
    }

    pub(super) fn begin(&mut self, phase: Phase) {
        self.phase = phase;
        self.leaving = None;
        self.ttl = Duration::ZERO;
        self.heard = Timestamp::default();
        self.by_engine = false;
    }

    /// Whether an operator wants nothing kept.
    pub(super) fn is_muted(&self, now: Timestamp) -> bool {
        now < self.muted
    }

    /// Takes the end of a lease into account.
    pub(super) fn lease_ended(&mut self, ttl: Duration, is_kept: bool, scale: Scale, now: Timestamp) {
        self.ended.add(window_of(ttl), now);
        self.late = self.late.saturating_sub(1);
        if is_kept {
            self.held_count += 1;
            self.ttl = self.ttl.max(ttl);
        } else {
            self.gone.add(window_of(ttl), now);
        }
        let over = self.is_over(scale, now);
        if let Phase::Braked { troubled, .. } = &mut self.phase
            && over
        {
            *troubled = now;
        }
    }

    /// Takes a deregistration into account.
    pub(super) fn departed(&mut self, ttl: Option<Duration>, now: Timestamp) {
        self.departed.add(ttl.unwrap_or(limits::BRAKE_UNLEASED), now);
    }

    /// Takes a heartbeat of a host that is not kept into account.
    pub(super) fn heard(&mut self, at: Timestamp) {
        self.heard = self.heard.max(at);
    }

    /// A host that was kept is back: it was not heard, and the others may not be yet.
    pub(super) fn trouble(&mut self, now: Timestamp) {
        if let Phase::Braked { troubled, .. } = &mut self.phase {
            *troubled = now;
        }
    }

    /// Whether it waits for a heartbeat of a host that is not kept.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.phase, Phase::Braked { .. }) && self.by_engine && self.held_count > 0
    }

    /// Keeps nothing for one TTL.
    pub(super) fn mute(&mut self, now: Timestamp) {
        self.muted = now.after(self.ttl.max(Duration::from_secs(1)));
    }

    /// Whether nothing is known that would not be known of a new group.
    pub(super) fn is_quiet(&self, now: Timestamp) -> bool {
        !self.is_on()
            && self.late == 0
            && self.held_count == 0
            && self.ended.count(now) == 0
            && self.departed.count(now) == 0
            && now >= self.muted
    }

    /// Looks whether the phase is over, or certain; gives the reason where it ends. Sets when to look again.
    pub(super) fn review(&mut self, scale: Scale, now: Timestamp) -> Reviewed {
        let again = |length: Duration| Some(now.after(length.max(Duration::from_millis(10))));
        match self.phase {
            Phase::Off => {
                self.review = if self.is_quiet(now) { None } else { again(self.ttl.max(limits::BRAKE_UNLEASED)) };
                Reviewed::Same
            }
            Phase::Suspected { since } => {
                let (window, certain) = (window_of(self.ttl), self.held_count + self.gone.count(now));
                if self.is_certain(scale, now) {
                    self.phase = Phase::Braked { since, troubled: now };
                    self.review = again(self.ttl);
                    return Reviewed::Certain;
                }
                // In one TTL each lease has been renewed or has ended; after a window half of a mass has.
                let few = certain * 200 <= usize::from(scale.share) * self.whole(scale, now);
                let is_false = now >= since.after(self.ttl) || now >= since.after(window) && few;
                if is_false {
                    return Reviewed::Over(Release::FalseAlarm);
                }
                self.review = again((window / 4).max(limits::BRAKE_RELEASE_STEP));
                Reviewed::Same
            }
            Phase::Braked { troubled, .. } => {
                if self.held_count == 0 {
                    return Reviewed::Over(self.last);
                }
                let is_heard = self.heard > troubled;
                if now >= troubled.after(self.ttl) && is_heard {
                    return Reviewed::Over(Release::Normal);
                }
                let normal = troubled.after(self.ttl);
                self.review = if normal > now { Some(normal) } else { again(self.ttl / 8) };
                Reviewed::Same
            }
        }
    }
}

/// What a review of a group found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reviewed {
    /// All is as it was.
    Same,
    /// A suspicion has become certain.
    Certain,
    /// The phase is over.
    Over(Release),
}
