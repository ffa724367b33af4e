//! The brake on mass expiry, as the hall has it: its state for readers, its lines in the log, an operator's hand on it.

use super::{CommitError, Core, Registry, Released};
use crate::clock::Timestamp;
use crate::table::{BrakeView, HostTable, Note, Release, Rules, Scope, ServiceName};

impl Registry {
    /// With a brake on mass expiry; `seed` decides on the order in which hosts leave that it kept.
    #[must_use]
    pub fn braked(self, rules: Rules, seed: u64) -> Registry {
        let registry = Registry { brake: Some((rules, seed)), ..self };
        registry.core.lock().table = registry.empty_table();
        registry
    }

    pub(super) fn empty_table(&self) -> HostTable {
        match &self.brake {
            Some((rules, seed)) => HostTable::braked(rules.clone(), *seed),
            None => HostTable::default(),
        }
    }

    /// The state of the brake, with at most as many services and hosts.
    pub fn brake(&self, most: usize) -> BrakeView {
        self.core.lock().table.brake(most)
    }

    /// Lets the hosts go that the brake keeps, of a service or all, and keeps none for one TTL; says how many there are. Of a
    /// shared table every server does so.
    pub async fn release(&self, service: Option<&ServiceName>) -> Result<usize, CommitError> {
        if !self.durability.is_shared() {
            return Ok(self.release_here(service));
        }
        let held = self.core.lock().table.held(service);
        self.release_shared(service.map_or(Released::All, |service| Released::Of(service.clone()))).await?;
        Ok(held)
    }

    /// Services with hosts that are kept until the engine tells of heartbeats of others, at most `most` of them.
    pub fn unheard(&self, most: usize) -> Vec<ServiceName> {
        self.core.lock().table.waiting(most)
    }

    /// Takes note that hosts of services were heard of, as the engine says, at those moments.
    pub fn hear_of(&self, heard: &[(ServiceName, Timestamp)]) {
        let mut core = self.core.lock();
        core.table.hear_of(heard, self.clock.now());
        drop(core);
        self.earlier_deadline.notify_one();
    }

    /// The same at this server.
    pub fn release_here(&self, service: Option<&ServiceName>) -> usize {
        let mut core = self.core.lock();
        let count = core.table.release(service, self.clock.now());
        self.tell(&mut core);
        drop(core);
        self.earlier_deadline.notify_one();
        count
    }

    /// Writes what happened to the brake into the log.
    pub(super) fn tell(&self, core: &mut Core) {
        for note in core.table.take_notes() {
            match note {
                Note::Began { scope, lapsing, of } => tracing::warn!(
                    scope = %Words(&scope), lapsing, of,
                    "mass expiry is braked: hosts whose lease ends stay in the answers, marked stale; look why they are silent, \
                     and see GET /v1/brake; POST /v1/brake/release lets them go"
                ),
                Note::Ended { scope, reason, held, lasted } => tracing::warn!(
                    scope = %Words(&scope), reason = reason.as_str(), held, seconds = lasted.as_secs_f32(),
                    "the brake on mass expiry is released{}", if held > 0 { ": hosts that are still silent leave one by one" } else { "" }
                ),
                Note::FalseAlarm { scope, held, lasted } => tracing::info!(
                    scope = %Words(&scope), reason = Release::FalseAlarm.as_str(), held, seconds = lasted.as_secs_f32(),
                    "hosts were kept past their lease for a moment, as many were late"
                ),
            }
        }
    }
}

struct Words<'a>(&'a Scope);

impl std::fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Scope::Service(service) => write!(f, "service {service}"),
            Scope::Table => f.write_str("table"),
        }
    }
}
