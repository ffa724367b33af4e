//! Leases that have ended. Where many hosts fall silent together they stay for a while (see `table::brake`). One server
//! decides that for a service, and what it decides stands in etcd: a row that is kept is put again, on a lease as long as it
//! is kept; of one that is not there is a mark. Up to then the row is in the table of every server.
//!
//! etcd ends leases one by one. How many more are about to end is asked of it: of the leases of the service and of the
//! table, or as many of them as tell their share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::super::client::{Client, Trouble};
use super::super::presence;
use super::super::wire::{LeaseRequest, LeaseTimeToLiveResponse, Long};
use super::super::write::{self, Written};
use super::{Done, Engine};
use crate::clock::Timestamp;
use crate::limits;
use crate::registry::{Decided, Renewal};
use crate::table::{HostKey, Late, ServiceName};

/// Leases that tell of more.
pub(super) struct Sample {
    /// Of how many they are.
    of: usize,
    /// With their rows.
    leases: Vec<(HostKey, i64)>,
}

/// What was asked about leases before it is decided on rows: of the services of the rows, and of the table.
pub(super) struct Samples {
    services: BTreeMap<ServiceName, Sample>,
    all: Sample,
}

impl Engine {
    /// Takes note of rows that etcd has no more, though nobody deregistered them; each with the last renewal from here.
    pub(super) fn hear_ended(&mut self, ended: Vec<(HostKey, Timestamp)>) {
        let now = self.passed();
        for (key, renewed) in ended {
            // Else it is back by now.
            if self.book.row(&key).is_none() && !self.saves(&key, Some(renewed)) {
                self.undecided.insert(key, now);
            }
        }
        self.decide_due();
    }

    /// Writes a row again that etcd has no more though its host is well: its heartbeats came to us while we could not pass
    /// them on, or did not come while we stood still; or we passed them on, and a member that had slept took its lease for
    /// ended. `renewed` is when we renewed it last.
    pub(super) fn saves(&mut self, key: &HostKey, renewed: Option<Timestamp>) -> bool {
        let is_well = self.book.row(key).is_none() && self.is_well(key, renewed);
        if is_well {
            let renewal = Renewal { host: key.clone(), check: None };
            let now = self.passed();
            self.beaten.entry(renewal.clone()).or_insert(now);
            self.rewrite(renewal);
        }
        is_well
    }

    /// Decides on what is this server's to decide, or was not decided for so long that whose it is seems to be gone.
    pub(super) fn decide_due(&mut self) {
        let (duty, now) = (self.registry.duty(), self.passed());
        // Where etcd was away, those who heard hosts put them back first.
        let is_back = now.since(self.back) > limits::ETCD_DECISION_TIME / 2;
        if self.undecided.is_empty() || self.sampling || self.trouble.is_some() || !is_back {
            return;
        }
        let is_due = |key: &HostKey, since: Timestamp| {
            duty.decides(&key.service) || now.since(since) > limits::ETCD_DECISION_TIME
        };
        let due = self.undecided.iter().filter(|(key, since)| is_due(key, **since));
        let services: BTreeSet<ServiceName> = due.map(|(key, _)| key.service.clone()).collect();
        if services.is_empty() {
            return;
        }
        self.sampling = true;
        let samples = self.samples(&services);
        let client = Arc::clone(&self.client);
        self.running.spawn(async move {
            let Samples { services: mut asked, mut all } = samples;
            let samples = asked.values_mut().chain([&mut all]);
            join_all(samples.map(|sample| sample.ask(&client))).await;
            Done::Sampled(services, Samples { services: asked, all })
        });
    }

    /// Finds out whether hosts beat of services whose other hosts are kept: servers hear of their own clients only, and the
    /// leases tell of all.
    pub(super) fn listen(&mut self) {
        if self.listening || self.trouble.is_some() {
            return;
        }
        let duty = self.registry.duty();
        let waiting = self.registry.unheard(limits::ETCD_SAMPLED_SERVICES);
        let services: BTreeSet<ServiceName> = waiting.into_iter().filter(|service| duty.decides(service)).collect();
        if services.is_empty() {
            self.listened.clear();
            return;
        }
        self.listening = true;
        let samples = self.samples(&services).services;
        let (client, registry) = (Arc::clone(&self.client), Arc::clone(&self.registry));
        self.running.spawn(async move {
            let of_lease = async |service: ServiceName, lease: i64| {
                let age = age_of(&client, lease).await?;
                Some((service, lease, registry.now().before(age)))
            };
            let leases =
                samples.iter().flat_map(|(service, sample)| sample.leases.iter().map(move |(_, id)| (service, *id)));
            let told = join_all(leases.map(|(service, lease)| of_lease(service.clone(), lease))).await;
            Done::Heard(told.into_iter().flatten().collect())
        });
    }

    /// Takes note of when leases were renewed. Where etcd was restarted, or has another leader, they all look so once: who
    /// was renewed twice was heard.
    pub(super) fn heard(&mut self, told: Vec<(ServiceName, i64, Timestamp)>) {
        self.listening = false;
        let mut heard = Vec::new();
        for (service, lease, at) in told {
            let (known, times) = self.listened.entry(lease).or_insert((at, 0));
            // Moments are right to a second.
            if at.since(*known) > Duration::from_millis(1500) {
                (*known, *times) = (at, *times + 1);
            }
            if *times >= 2 {
                heard.push((service, *known));
            }
        }
        self.registry.hear_of(&heard);
    }

    /// Leases to ask about before it is decided on rows of some services.
    fn samples(&self, services: &BTreeSet<ServiceName>) -> Samples {
        let snapshot = self.registry.snapshot();
        let of_service = |service: &ServiceName| {
            let rows = snapshot.hosts.of_service(service.as_str()).map(|host| host.key());
            let leased = rows.filter_map(|key| {
                let known = self.book.row(&key).filter(|known| known.lease != 0 && !known.kept)?;
                Some((key, known.lease))
            });
            let leases: Vec<_> = leased.collect();
            let (of, step) = (leases.len(), leases.len().div_ceil(limits::ETCD_SAMPLE).max(1));
            Sample { of, leases: leases.into_iter().step_by(step).collect() }
        };
        let some = services.iter().take(limits::ETCD_SAMPLED_SERVICES);
        let (of, leases) = self.book.some_leased(limits::ETCD_SAMPLE);
        Samples {
            services: some.map(|service| (service.clone(), of_service(service))).collect(),
            all: Sample { of, leases },
        }
    }

    /// Decides on the rows of some services whose leases have ended by now, here and for all.
    pub(super) fn decide(&mut self, services: &BTreeSet<ServiceName>, samples: &Samples) {
        self.sampling = false;
        let (duty, mut keys) = (self.registry.duty(), Vec::new());
        let now = self.passed();
        self.undecided.retain(|key, since| {
            let is_due = services.contains(&key.service)
                && (duty.decides(&key.service) || now.since(*since) > limits::ETCD_DECISION_TIME);
            if is_due {
                keys.push(key.clone());
            }
            !is_due
        });
        // What has ended since it was asked about is late no more.
        let late = |sample: &Sample| sample.late(|key| self.book.row(key).is_some());
        let of_service = |(service, sample): (&ServiceName, &Sample)| (service.clone(), late(sample));
        let late = Late { services: samples.services.iter().map(of_service).collect(), all: late(&samples.all) };
        let Decided { kept, gone } = self.registry.decide(&keys, &late);
        for kept in kept.chunks(write::KEPT_AT_A_TIME) {
            self.write_decided(Decided { kept: kept.to_vec(), ..Decided::default() }, false);
        }
        for gone in gone.chunks(write::ENDED_AT_A_TIME) {
            self.write_decided(Decided { gone: gone.to_vec(), ..Decided::default() }, false);
        }
        self.decide_due();
    }

    fn write_decided(&mut self, part: Decided, each: bool) {
        let Some(step) = write::decided(&part, &self.book, self.shows) else { return };
        let (client, places) = (Arc::clone(&self.client), Arc::clone(&self.places));
        let (departures, asked) = (Arc::clone(&self.presence.departures), self.passed());
        self.running.spawn(async move {
            let _place = places.acquire().await;
            let result = async {
                let marks = presence::departures(&client, &departures, asked).await?;
                write::run(&client, &[step], marks).await
            };
            let result = result.await;
            Done::Decided { part, each, result }
        });
    }

    /// Where one of several rows was written meanwhile, the others are tried one by one.
    pub(super) fn decided(&mut self, part: Decided, each: bool, result: Result<Written, Trouble>) {
        match result {
            Ok(Written::At(_)) => {}
            Ok(Written::Conflict(_)) if each => {}
            Ok(Written::Conflict(_)) => {
                let Decided { kept, gone } = part;
                for one in kept {
                    self.write_decided(Decided { kept: vec![one], ..Decided::default() }, true);
                }
                for one in gone {
                    self.write_decided(Decided { gone: vec![one], ..Decided::default() }, true);
                }
            }
            // The others decide by themselves, as they hear nothing.
            Err(trouble) => {
                tracing::warn!(%trouble, "it could not be written which hosts are kept past their leases");
            }
        }
    }
}

impl Sample {
    /// Leaves those that are in their last third.
    async fn ask(&mut self, client: &Client) {
        let asked = std::mem::take(&mut self.leases);
        let late = join_all(asked.iter().map(|(_, lease)| is_late(client, *lease))).await;
        let known = late.iter().flatten().count();
        // Each stands for as many as there are for one of those that were asked about.
        self.of = self.of.div_ceil(known.max(1));
        self.leases = asked.into_iter().zip(late).filter(|(_, late)| *late == Some(true)).map(|(one, _)| one).collect();
    }

    /// How many of all are late, of those that are there still.
    fn late(&self, is_there: impl Fn(&HostKey) -> bool) -> usize {
        self.of * self.leases.iter().filter(|(key, _)| is_there(key)).count()
    }
}

/// Whether less than a third of a lease is left; `None` where nobody knows.
async fn is_late(client: &Client, lease: i64) -> Option<bool> {
    let (left, granted) = left_of(client, lease).await?;
    // One that is not there any more is about to be heard of.
    Some(left < 0 || left * i64::from(limits::BRAKE_WINDOW_PART) < granted)
}

/// For how long a lease has not been renewed, at most.
async fn age_of(client: &Client, lease: i64) -> Option<Duration> {
    let (left, granted) = left_of(client, lease).await?;
    let age = u64::try_from(granted - left).ok().filter(|_| left >= 0)?;
    Some(Duration::from_secs(age))
}

/// What is left of a lease, and its length, in seconds.
async fn left_of(client: &Client, lease: i64) -> Option<(i64, i64)> {
    let request = LeaseRequest { id: Long(lease) };
    let answer: LeaseTimeToLiveResponse =
        client.call_within(limits::ETCD_LOOK_TIME, "/v3/lease/timetolive", &request).await.ok()?;
    Some((answer.ttl.0, answer.granted.0))
}
