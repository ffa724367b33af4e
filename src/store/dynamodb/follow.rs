//! Reading the table: what is new in it, and what is gone.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::check_in;
use super::client::Trouble;
use super::engine::Engine;
use super::item::{BEAT, Item};
use super::place::{self, Place};
use super::row;
use super::seen::{Items, News, Seen};
use super::settings::Settings;
use super::stats::Stats;
use crate::clock::Timestamp;
use crate::registry::Word;
use crate::table::{Gone, Host, HostKey, Invalid, Lease, Revision};

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
        Place::Server(_) => Ok(None),
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
            renew(&host, known, seen, settings.poll, now);
            Found::Host(Box::new(host))
        }
        Err(error) => Found::Strange(error.to_string()),
    }
}

/// Renews what has a heartbeat that was not known.
fn renew(host: &Host, known: Option<&Seen>, seen: &Seen, poll: Duration, now: Timestamp) {
    if known.is_none_or(|known| known.check_in != seen.check_in) {
        renew_lease(&host.lease, poll, now);
    }
    for check in &host.checks {
        let Some(lease) = check.lease() else { continue };
        let beat = |seen: &Seen| {
            let name = format!("{BEAT}{}", check.id);
            seen.beats.iter().find(|(known, _)| **known == *name).map(|(_, value)| value.clone())
        };
        if known.is_none_or(|known| beat(known) != beat(seen)) {
            renew_lease(lease, poll, now);
        }
    }
}

/// A heartbeat that somebody else heard is seen at the next reading, and the one after it may be written late (see
/// `beats`). A lease that is short beside that gets some more: it must not end here while it is renewed there.
fn renew_lease(lease: &Lease, poll: Duration, now: Timestamp) {
    let more = (poll * 2).saturating_sub(lease.ttl().unwrap_or_default() / 4);
    lease.renew(now.after(more));
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
        let mended = result?;
        let took = self.registry.now().since(start).as_micros();
        self.stats.scan_micros.store(u64::try_from(took).unwrap_or(u64::MAX), Ordering::Relaxed);
        Stats::count(&self.stats.scans);
        for key in mended {
            self.mend(&key).await;
        }
        Ok(())
    }

    /// The rows of which something has to be written again.
    async fn scan_from(&self, began: u64) -> Result<Vec<HostKey>, Trouble> {
        let (mut found, mut mended, mut from) = (HashSet::new(), Vec::new(), None);
        loop {
            let page = self.client.scan(from.as_ref()).await?;
            for item in &page.items {
                self.servers.lock().hear(item, self.registry.now());
            }
            self.take_page(&page.items, began, &mut found, &mut mended);
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        self.take_missed(&found, began);
        Ok(mended)
    }

    fn take_page(&self, page: &[Item], began: u64, found: &mut HashSet<HostKey>, mended: &mut Vec<HostKey>) {
        let mut items = self.items.lock();
        let mut words = Vec::new();
        for item in page {
            let Ok(Some((key, seen))) = placed(item) else { continue };
            let is_bare = item.version().is_none();
            if let Some(word) = self.take(&mut items, item, &key, seen, began) {
                if let (Word::Put { host, .. }, true) = (&word, is_bare)
                    && row::item(host, self.settings.lyft_ttl).get(super::item::ROW).is_some()
                    && self.registry.duty().is_own(&key)
                {
                    mended.push(key.clone());
                }
                words.push(word);
            }
            found.insert(key);
        }
        self.stats.strange.store(items.strange() as u64, Ordering::Relaxed);
        if !words.is_empty() {
            self.registry.absorb(words);
        }
    }

    /// Takes an item for what it is; says what the registry has to hear. The lock of the items is held until it has.
    pub(super) fn take(
        &self,
        items: &mut Items,
        item: &Item,
        key: &HostKey,
        mut seen: Seen,
        began: u64,
    ) -> Option<Word> {
        let (snapshot, now) = (self.registry.snapshot(), self.registry.now());
        let row = snapshot.hosts.get(key).map(|host| &**host);
        match items.news(key, &seen, began) {
            News::None => None,
            News::Beat => {
                let known = items.get(key)?;
                if let Some(row) = row {
                    renew(row, Some(known), &seen, self.settings.poll, now);
                }
                (seen.is_host, seen.beaten) = (known.is_host, Some(now));
                items.put(key.clone(), seen);
                None
            }
            News::Row => {
                let known = row.zip(items.get(key));
                let word = match host(item, key, known, &seen, &self.settings, now) {
                    Found::Host(host) => {
                        seen.is_host = true;
                        let host = (self.adapt)(*host).map(Box::new);
                        host.map(|host| Word::Put { host, at: Revision::default() })
                    }
                    Found::Strange(reason) => {
                        tell_of_strange(key, &reason);
                        row.map(|_| Word::Gone { key: key.clone(), at: Revision::default(), why: Gone::Deregistered })
                    }
                };
                items.put(key.clone(), seen);
                word
            }
        }
    }

    fn take_missed(&self, found: &HashSet<HostKey>, began: u64) {
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

    /// Nothing says why an item is gone: one whose last heartbeat is a lease ago lapsed, as whoever deleted it saw.
    pub(super) fn why_gone(&self, key: &HostKey, seen: Option<&Seen>) -> Gone {
        let snapshot = self.registry.snapshot();
        let ttl = snapshot.hosts.get(key).and_then(|host| host.lease.ttl());
        let last = seen.and_then(|seen| check_in::read(seen.check_in.as_deref()?));
        match (ttl, last) {
            (Some(ttl), Some(last)) if self.registry.clock().wall().since(last) >= ttl => Gone::Lapsed,
            _ => Gone::Deregistered,
        }
    }
}
