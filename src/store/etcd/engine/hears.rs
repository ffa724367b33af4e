//! What etcd says, and what the registry is told of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::super::book::{News, Range};
use super::super::read::Said;
use super::super::wire::WatchEvent;
use super::{Done, Engine};
use crate::registry::{Duty, Released, Renewal, Word};
use crate::table::{Event, Gone, HostKey, Status};

impl Engine {
    pub(super) fn hear(&mut self, range: Range, said: Said) {
        match said {
            Said::Up => {
                self.up.insert(range, true);
                self.settle_state();
            }
            Said::Down(reason) => {
                tracing::debug!(?range, reason, "a watch of etcd has ended");
                self.stats.restarts.fetch_add(1, Ordering::Relaxed);
                self.up.insert(range, false);
                self.look();
            }
            Said::Events(events, at) => {
                self.take(range, events);
                self.reach(range, at);
            }
            Said::Listed(listed) => {
                tracing::info!(?range, keys = listed.keys.len(), "etcd was read whole");
                let mut news = self.book.list(range, listed.keys, listed.revision, self.registry.now());
                // What was let go was so at its time.
                news.releases.clear();
                self.tell(news);
                if range == Range::Own {
                    self.seen = listed.revision;
                    self.settle_seen();
                }
            }
        }
    }

    pub(super) fn reach(&mut self, range: Range, at: i64) {
        if range == Range::Own {
            self.seen = self.seen.max(at);
            self.settle_seen();
        }
    }

    pub(super) fn take(&mut self, range: Range, events: Vec<WatchEvent>) {
        let news = self.book.take(range, events, self.registry.now());
        self.tell(news);
    }

    /// Tells the registry, and does what follows from it.
    pub(super) fn tell(&mut self, news: News) {
        let News { words, ended, settled, lapsed, servers, releases } = news;
        self.stats.unreadable.store(self.book.unreadable() as u64, Ordering::Relaxed);
        self.stats.foreign.store(self.book.foreign() as u64, Ordering::Relaxed);
        for word in &words {
            self.undecided.remove(&word.key());
        }
        self.absorb(words.into_iter().filter_map(|word| self.adapted(word)).collect());
        // Whoever decided that may not have heard of a host that we heard of. Its row is written again as it was last, and so
        // after we were told how.
        let gone = settled.into_iter().filter_map(|(key, renewed, at)| {
            self.undecided.remove(&key);
            (!self.saves(&key, renewed)).then_some(Word::Gone { key, at, why: Gone::Ended })
        });
        let gone = gone.collect();
        self.absorb(gone);
        self.hear_ended(ended);
        for release in releases {
            let service = match &release {
                Released::Of(service) => Some(service),
                Released::All => None,
            };
            self.registry.release_here(service);
        }
        if servers {
            self.settle_duty();
        }
        self.take_away_strays();
        for (host, check) in lapsed {
            let renewal = Renewal { host, check: Some(check) };
            if !self.has_beaten(&renewal)
                && let Renewal { host, check: Some(check) } = renewal
            {
                self.lapse(host, check);
            }
        }
    }

    fn absorb(&self, words: Vec<Word>) {
        if !words.is_empty() {
            self.registry.absorb(words);
        }
    }

    /// A row as this server has it; `None` for what it is not told.
    fn adapted(&self, word: Word) -> Option<Word> {
        match word {
            Word::Put { host, at } => Some(Word::Put { host: Box::new((self.adapt)(*host)?), at }),
            Word::Kept { host, time, at } => Some(Word::Kept { host: Box::new((self.adapt)(*host)?), time, at }),
            word @ Word::Gone { .. } => Some(word),
        }
    }

    pub(super) fn lapse(&mut self, host: HostKey, check: Box<str>) {
        if self.registry.duty().is_own(&host) {
            let registry = Arc::clone(&self.registry);
            self.running.spawn(async move {
                // Where it fails the check is found again when the work is shared out anew.
                let _ = registry.submit(Event::Lapse { host, check }).await;
                Done::Nothing
            });
        }
    }

    pub(super) fn settle_duty(&mut self) {
        let duty = Duty::new(&self.name, self.book.servers().cloned());
        self.stats.servers.store(duty.servers() as u64, Ordering::Relaxed);
        if *self.registry.duty() == duty {
            return;
        }
        tracing::info!(servers = duty.servers(), "the checks are shared out");
        self.registry.set_duty(duty);
        // A server that is gone may have missed the end of a TTL.
        let snapshot = self.registry.snapshot_arc();
        let mut missed = Vec::new();
        for host in snapshot.hosts.iter().chain(snapshot.hosts.nodes()) {
            for check in host.checks.iter().filter(|check| check.status != Status::Critical) {
                let kept = check.lease().is_some_and(|lease| lease.is_kept());
                if kept && self.book.beat(&host.key(), &check.id).is_none() {
                    missed.push((host.key(), check.id.clone()));
                }
            }
        }
        missed.into_iter().for_each(|(host, check)| self.lapse(host, check));
    }
}
