//! Reading the table: what is new in it, and what is gone.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::client::Trouble;
use super::engine::Engine;
use super::item::{BEAT, Item};
use super::place::{self, Place};
use super::row;
use super::seen::{Items, News, Seen};
use super::settings::Settings;
use super::stats::Stats;
use crate::clock::Timestamp;
use crate::limits;
use crate::registry::Word;
use crate::table::{Dialect, Gone, Host, HostKey, Invalid, Lease, Revision};

/// What the registry has to hear.
#[derive(Default)]
pub(super) struct Told {
    pub(super) words: Vec<Word>,
    pub(super) beats: Vec<(HostKey, Timestamp)>,
}

/// What is to be written after a scan.
#[derive(Default)]
struct Left {
    /// Rows of which a program has dropped what it does not know.
    mended: Vec<HostKey>,
    /// Hosts that have lapsed here.
    lapsed: Vec<HostKey>,
}

/// What an item turned out to be.
pub(super) enum Found {
    /// A host.
    Host(Box<Host>),
    /// None, and why.
    Strange(String),
}

/// The row that an item is, and what it says; `None` for one of a server.
pub(super) fn placed(item: &Item) -> Result<Option<(HostKey, Seen)>, Invalid> {
    let key = item.key().ok_or_else(|| Invalid::new("service, ip_address", "must be there"))?;
    match place::read(&key)? {
        Place::Server(_) | Place::Release(_) => Ok(None),
        Place::Row(key) => {
            let seen = Seen::of(item, place::is_lyfts(&key));
            Ok(Some((key, seen)))
        }
    }
}

/// The host of an item, its lease renewed where the heartbeat is another than the one that was known.
pub(super) fn host(
    item: &Item,
    key: &HostKey,
    known: Option<(&Host, &Seen)>,
    seen: &Seen,
    settings: &Settings,
    now: Timestamp,
) -> Found {
    match row::host(item, key, known.map(|(host, _)| host), settings.lyft_ttl, now) {
        Ok(host) => {
            let known = known.map(|(_, seen)| seen);
            if let Some(at) = renewed(&host, known, seen, settings.poll, now) {
                host.lease.renew(at);
            }
            Found::Host(Box::new(host))
        }
        Err(error) => Found::Strange(error.to_string()),
    }
}

/// Renews checks that have a heartbeat that was not known; says from when on the lease lasts, where the host has one.
fn renewed(host: &Host, known: Option<&Seen>, seen: &Seen, poll: Duration, now: Timestamp) -> Option<Timestamp> {
    for check in &host.checks {
        let Some(lease) = check.lease() else { continue };
        let beat = |seen: &Seen| {
            let name = format!("{BEAT}{}", check.id);
            seen.beats.iter().find(|(known, _)| **known == *name).map(|(_, value)| value.clone())
        };
        if known.is_none_or(|known| beat(known) != beat(seen)) {
            lease.renew(from(lease, poll, now));
        }
    }
    known.is_none_or(|known| known.check_in != seen.check_in).then(|| from(&host.lease, poll, now))
}

/// A heartbeat that somebody else heard is seen at the next reading, and the one after it may be written late (see
/// `beats`). A lease that is short beside that gets some more: it must not end here while it is renewed there.
fn from(lease: &Lease, poll: Duration, now: Timestamp) -> Timestamp {
    now.after((poll * 2).saturating_sub(lease.ttl().unwrap_or_default() / 4))
}

/// Whose items are odd wants to hear of it, once.
pub(super) fn tell_of_strange(key: &HostKey, reason: &str) {
    tracing::warn!(%key, reason, "an item is left alone: it is no host");
}

impl Engine {
    /// Reads the whole table once and takes over what is new.
    pub(super) async fn scan(&self) -> Result<(), Trouble> {
        let (began, start) = (self.items.lock().begin(), self.registry.now());
        let result = self.scan_from(began).await;
        self.items.lock().end(began);
        let left = result?;
        let took = self.registry.now().since(start).as_micros();
        self.stats.scan_micros.store(u64::try_from(took).unwrap_or(u64::MAX), Ordering::Relaxed);
        Stats::count(&self.stats.scans);
        self.lookups_left.store(limits::DYNAMODB_LOOKUPS, Ordering::Relaxed);
        for key in left.mended {
            self.mend(&key).await;
        }
        for key in left.lapsed {
            self.bury(&key).await;
        }
        Ok(())
    }

    async fn scan_from(&self, began: u64) -> Result<Left, Trouble> {
        let (mut found, mut left, mut from) = (HashSet::new(), Left::default(), None);
        loop {
            let page = self.client.scan(from.as_ref()).await?;
            for item in &page.items {
                self.servers.lock().hear(item, self.registry.now());
                self.hear_release(item);
            }
            self.take_page(&page.items, began, &mut found, &mut left);
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        self.take_missed(&found, began);
        self.releases.lock().has_read();
        Ok(left)
    }

    fn take_page(&self, page: &[Item], began: u64, found: &mut HashSet<HostKey>, left: &mut Left) {
        let mut items = self.items.lock();
        let mut told = Told::default();
        for item in page {
            let Ok(Some((key, seen))) = placed(item) else { continue };
            let words = told.words.len();
            self.take(&mut items, item, &key, seen, began, &mut told);
            if words == told.words.len() && self.is_left(&items, &key, began) {
                left.lapsed.push(key.clone());
            } else if self.wants_mending(&items, &key) {
                left.mended.push(key.clone());
            }
            found.insert(key);
        }
        self.stats.strange.store(items.strange() as u64, Ordering::Relaxed);
        self.tell(told);
    }

    /// Whether an item is still there of a host that has lapsed here, and it is for this server to delete it.
    fn is_left(&self, items: &Items, key: &HostKey, began: u64) -> bool {
        let is_host = items.get(key).is_some_and(|seen| seen.is_host) && items.is_as_of(key, began);
        is_host
            && key.dialect != Dialect::Node
            && self.registry.snapshot().hosts.get(key).is_none()
            && self.registry.duty().is_own(key)
    }

    /// Tells the registry; the lock of the items is held.
    pub(super) fn tell(&self, told: Told) {
        if !told.beats.is_empty() {
            self.registry.heard(&told.beats);
        }
        if !told.words.is_empty() {
            self.registry.absorb(told.words);
        }
    }

    /// Takes an item for what it is, and notes what the registry has to hear.
    pub(super) fn take(
        &self,
        items: &mut Items,
        item: &Item,
        key: &HostKey,
        mut seen: Seen,
        began: u64,
        told: &mut Told,
    ) {
        let (snapshot, now) = (self.registry.snapshot(), self.registry.now());
        let row = snapshot.hosts.get(key).map(|host| &**host);
        let known = items.get(key);
        match (items.news(key, &seen, began), row.zip(known)) {
            (News::None, _) => return,
            (News::Beat, Some((row, known))) => {
                if let Some(at) = renewed(row, Some(known), &seen, self.settings.poll, now) {
                    told.beats.push((key.clone(), at));
                }
                seen = Seen { check_in: seen.check_in, beats: seen.beats, beaten: Some(now), ..known.clone() };
                // A write of the row that is under way is news all the same.
                return items.note(key.clone(), seen);
            }
            // One that has lapsed here, and beats again, is back.
            (News::Beat | News::Row, known) => match host(item, key, known, &seen, &self.settings, now) {
                Found::Host(host) => {
                    seen.is_host = true;
                    if seen.version.is_none() {
                        self.note_dropped(&host, known.map(|(_, known)| known), &mut seen);
                    }
                    let beats = known.is_some_and(|(_, known)| known.check_in != seen.check_in);
                    seen.beaten = beats.then_some(now);
                    let host = (self.adapt)(*host).map(Box::new);
                    told.words.extend(host.map(|host| Word::Put { host, at: Revision::default() }));
                }
                Found::Strange(reason) => {
                    tell_of_strange(key, &reason);
                    let gone = Word::Gone { key: key.clone(), at: Revision::default(), why: Gone::Deregistered };
                    told.words.extend(row.map(|_| gone));
                }
            },
        }
        items.put(key.clone(), seen);
    }

    pub(super) fn take_missed(&self, found: &HashSet<HostKey>, began: u64) {
        let mut items = self.items.lock();
        let gone = items.missed(found, began).into_iter().map(|key| {
            let why = self.why_gone(&key, items.get(&key));
            items.remove(&key);
            Word::Gone { key, at: Revision::default(), why }
        });
        let gone: Vec<Word> = gone.collect();
        if !gone.is_empty() {
            self.registry.absorb(gone);
        }
    }

    /// Why an item is gone that is known.
    pub(super) fn why_gone(&self, key: &HostKey, seen: Option<&Seen>) -> Gone {
        let (snapshot, now) = (self.registry.snapshot(), self.registry.now());
        let host = snapshot.hosts.get(key);
        if host.is_some_and(|host| host.lease.is_held()) {
            // Whoever deletes what the brake keeps wants it gone.
            return Gone::Ended;
        }
        let ttl = host.and_then(|host| host.lease.ttl());
        // One of before the start was seen then.
        let last = seen.and_then(|seen| seen.beaten).or_else(|| host.map(|host| host.lease.renewed()));
        why_gone(ttl, last, self.settings.poll, now)
    }
}

/// Nothing says why an item is gone: one in which no heartbeat was seen for a lease lapsed, as whoever deleted it saw. What
/// we saw is up to a reading old, and no clock of others is asked how old.
pub(super) fn why_gone(ttl: Option<Duration>, last: Option<Timestamp>, poll: Duration, now: Timestamp) -> Gone {
    match (ttl, last) {
        (Some(ttl), Some(last)) if now.since(last) >= ttl.saturating_sub(poll).max(ttl / 2) => Gone::Lapsed,
        _ => Gone::Deregistered,
    }
}
