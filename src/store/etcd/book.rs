//! What etcd holds, as far as it was heard of, and what news of it mean for the table. Pure.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::endings::Endings;
use super::foreign::{self, Foreign, SERVICES};
use super::keys::{Key, Keys};
use super::settings::Settings;
use super::strays::Stray;
use super::wire::{KeyValue, Octets, WatchEvent};
use super::write;
use crate::clock::Timestamp;
use crate::limits;
use crate::registry::{Released, Word};
use crate::store::record;
use crate::table::{Dialect, Gone, Host, HostKey, Revision};

/// Revisions of the table for each of etcd's: a transaction has as many changes at most, with what follows from them.
const REVISIONS: u64 = 1 << 16;

/// The revision of the table for one of etcd's.
pub(super) fn revision_of(etcd: i64) -> Revision {
    Revision(u64::try_from(etcd).unwrap_or_default().saturating_mul(REVISIONS))
}

/// A key that is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Known {
    /// The revision of its last write.
    pub(super) revision: i64,
    /// Its lease, 0 for none.
    pub(super) lease: i64,
    /// When we renewed that last.
    pub(super) renewed: Timestamp,
    /// Whether the row is kept past the lease of its host: its lease is the time for which it is.
    pub(super) kept: bool,
}

/// How a host left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mark {
    /// It was deregistered.
    Departed,
    /// Its lease had ended, and it was not to be kept, or not any longer.
    Ended,
}

/// The value of a mark of a host whose lease has ended.
pub(super) const ENDED: &str = "ended";

/// What news mean.
#[derive(Default, Debug)]
pub(super) struct News {
    /// For the table.
    pub(super) words: Vec<Word>,
    /// Checks whose TTL has ended.
    pub(super) lapsed: Vec<(HostKey, Box<str>)>,
    /// Whether a server came or went.
    pub(super) servers: bool,
    /// Rows whose leases have ended, with the moment when we renewed them last: whether they stay is to be decided.
    pub(super) ended: Vec<(HostKey, Timestamp)>,
    /// The same of rows of which it is decided already that they do not stay, with the revision of that; without a moment
    /// where none is known. No word comes after one of these, or of `ended`.
    pub(super) settled: Vec<(HostKey, Option<Timestamp>, Revision)>,
    /// Whose hosts the brake is to let go.
    pub(super) releases: Vec<Released>,
}

/// Which keys a list or a watch is of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Range {
    /// Ours.
    Own,
    /// Those below [`SERVICES`].
    Services,
    /// SkyDNS'.
    Skydns,
}

/// The keys of etcd that concern the table.
pub(super) struct Book {
    settings: Settings,
    pub(super) keys: Keys,
    rows: HashMap<HostKey, Known>,
    beats: HashMap<(HostKey, Box<str>), Known>,
    departed: HashMap<HostKey, Mark>,
    servers: BTreeSet<String>,
    /// Keys of others that are hosts.
    foreign: HashMap<Octets, (HostKey, i64)>,
    /// The key of a host of theirs: of two keys for one host the first counts.
    places: HashMap<HostKey, Octets>,
    /// Keys whose values are no rows or hosts, and their revisions.
    unreadable: HashMap<Octets, i64>,
    /// Those of them that the log has named.
    named: HashSet<Octets>,
    /// What may still be shown of hosts that are gone.
    strays: Vec<Stray>,
    /// The revision at which our own keys were last read whole.
    listed: i64,
}

impl Book {
    pub(super) fn new(settings: Settings) -> Book {
        Book {
            keys: Keys::new(&settings.prefix),
            settings,
            rows: HashMap::new(),
            beats: HashMap::new(),
            departed: HashMap::new(),
            servers: BTreeSet::new(),
            foreign: HashMap::new(),
            places: HashMap::new(),
            unreadable: HashMap::new(),
            named: HashSet::new(),
            strays: Vec::new(),
            listed: 0,
        }
    }

    /// The ranges that are read, with what their keys begin with.
    pub(super) fn ranges(&self) -> Vec<(Range, Octets)> {
        let services = self.settings.services.then(|| (Range::Services, SERVICES.into()));
        let skydns = self.settings.skydns.as_ref().map(|prefix| (Range::Skydns, format!("{prefix}/").as_str().into()));
        [(Range::Own, self.keys.all())].into_iter().chain(services).chain(skydns).collect()
    }

    pub(super) fn row(&self, key: &HostKey) -> Option<Known> {
        self.rows.get(key).copied()
    }

    /// The revision of the key of a row: that of a value that is no row where it holds one, 0 where it is not there.
    pub(super) fn revision(&self, key: &HostKey) -> i64 {
        let unreadable = || self.unreadable.get(&self.keys.row(key)).copied();
        self.rows.get(key).map(|known| known.revision).or_else(unreadable).unwrap_or_default()
    }

    pub(super) fn beat(&self, key: &HostKey, check: &str) -> Option<Known> {
        self.beats.get(&(key.clone(), check.into())).copied()
    }

    /// Notes that the lease of a row, or of a check, was renewed.
    pub(super) fn renewed(&mut self, key: &HostKey, check: Option<&str>, now: Timestamp) {
        let known = match check {
            None => self.rows.get_mut(key),
            Some(check) => self.beats.get_mut(&(key.clone(), check.into())),
        };
        if let Some(known) = known {
            known.renewed = now;
        }
    }

    /// Notes that a row was written with a lease that was granted then, if no renewal is known.
    pub(super) fn granted(&mut self, key: &HostKey, at: Timestamp) {
        if let Some(known) = self.rows.get_mut(key)
            && known.renewed == Timestamp::default()
        {
            known.renewed = at;
        }
    }

    pub(super) fn has_departed(&self, key: &HostKey) -> bool {
        self.departed.contains_key(key)
    }

    /// Rows of hosts that have a lease of their own, and the lease.
    pub(super) fn leased(&self) -> impl Iterator<Item = (&HostKey, i64)> {
        self.rows.iter().filter(|(_, known)| known.lease != 0 && !known.kept).map(|(key, known)| (key, known.lease))
    }

    /// Some leases of hosts, and of how many about: any of them, as the order of a hash map is nobody's to choose.
    pub(super) fn some_leased(&self, most: usize) -> (usize, Vec<(HostKey, i64)>) {
        let (mut looked, mut leases) = (0, Vec::new());
        for (key, known) in &self.rows {
            if leases.len() >= most {
                break;
            }
            looked += 1;
            leases.extend((known.lease != 0 && !known.kept).then(|| (key.clone(), known.lease)));
        }
        (self.rows.len() * leases.len() / looked.max(1), leases)
    }

    /// The key of a host that another program wrote, and the revision of that.
    pub(super) fn place(&self, key: &HostKey) -> Option<(&Octets, i64)> {
        let place = self.places.get(key)?;
        Some((place, self.foreign.get(place)?.1))
    }

    /// Whether a key is another program's.
    pub(super) fn is_foreign(&self, key: &Octets) -> bool {
        self.foreign.contains_key(key)
    }

    pub(super) fn servers(&self) -> impl Iterator<Item = &String> {
        self.servers.iter()
    }

    /// Keys that are left alone.
    pub(super) fn unreadable(&self) -> usize {
        self.unreadable.len()
    }

    /// What may still be shown of hosts that are gone, since it was last asked for.
    pub(super) fn take_strays(&mut self) -> Vec<Stray> {
        std::mem::take(&mut self.strays)
    }

    /// Notes what is shown without a row. A row is written together with its key there: one of before our own keys were
    /// read has its row in them, or has none.
    fn note_strays(&mut self, list: &[KeyValue]) {
        let shown: Vec<Stray> = list.iter().filter_map(|kv| Stray::shown_by(kv, self.listed)).collect();
        if !shown.is_empty() {
            let places: HashSet<Octets> = self.rows.keys().map(foreign::place_of).collect();
            self.strays.extend(shown.into_iter().filter(|stray| !places.contains(&stray.place)));
        }
    }

    /// Keys that the log has named.
    #[cfg(test)]
    pub(super) fn named(&self) -> usize {
        self.named.len()
    }

    /// Leaves a key alone; whoever wrote it wants to hear why, once.
    fn leave_alone(&mut self, key: Octets, revision: i64, why: &str) {
        if self.named.len() < limits::ETCD_KEYS_TOLD && self.named.insert(key.clone()) {
            let cut = |text: &str| text.chars().take(limits::ETCD_KEY_CHARS_TOLD).collect::<String>();
            let (key, why) = (cut(&String::from_utf8_lossy(&key.0)), cut(why));
            tracing::warn!(?key, why, "a key in etcd is left alone: it is no host");
            if self.named.len() == limits::ETCD_KEYS_TOLD {
                tracing::warn!("no more such keys are named, only counted: rollcall_etcd_unreadable_keys");
            }
        }
        self.unreadable.insert(key, revision);
    }

    /// Keys of other programs that are hosts.
    pub(super) fn foreign(&self) -> usize {
        self.foreign.len()
    }

    /// Takes over a whole range as it was at `revision`: what is not in it is gone.
    pub(super) fn list(&mut self, range: Range, list: Vec<KeyValue>, revision: i64, now: Timestamp) -> News {
        let of_it: Vec<Octets> =
            self.unreadable.keys().filter(|key| self.range_of(key) == Some(range)).cloned().collect();
        for key in &of_it {
            self.unreadable.remove(key);
        }
        let listed: HashSet<&Octets> = list.iter().map(|one| &one.key).collect();
        let mut events: Vec<WatchEvent> = Vec::new();
        let mut gone = |key: Octets| {
            if !listed.contains(&key) {
                let kv = KeyValue { key, mod_revision: super::wire::Long(revision), ..KeyValue::default() };
                events.push(WatchEvent { kind: "DELETE".into(), kv });
            }
        };
        match range {
            Range::Own => {
                self.listed = revision;
                self.departed.keys().for_each(|key| gone(self.keys.departure(key)));
                self.rows.keys().for_each(|key| gone(self.keys.row(key)));
                self.beats.keys().for_each(|(key, check)| gone(self.keys.beat(key, check)));
                self.servers.iter().for_each(|name| gone(self.keys.server(name)));
                // A backup that was restored has lower numbers.
                self.rows.values_mut().chain(self.beats.values_mut()).for_each(|known| known.revision = 0);
            }
            Range::Services | Range::Skydns => {
                let own = self.foreign.keys().filter(|key| self.range_of(key) == Some(range));
                own.cloned().for_each(gone);
                self.foreign.values_mut().for_each(|(_, known)| *known = 0);
            }
        }
        if range == Range::Services {
            self.note_strays(&list);
        }
        events.extend(list.into_iter().map(|kv| WatchEvent { kind: String::new(), kv }));
        if range != Range::Own {
            return self.take(range, events, now);
        }
        let (mut news, mut endings) = (News::default(), Endings::default());
        self.take_at_once(events, &mut news, &mut endings, now);
        endings.tell(&mut news);
        news
    }

    fn range_of(&self, key: &Octets) -> Option<Range> {
        self.ranges().into_iter().find(|(_, prefix)| key.0.starts_with(&prefix.0)).map(|(range, _)| range)
    }

    /// Takes over what a watch says.
    pub(super) fn take(&mut self, range: Range, events: Vec<WatchEvent>, now: Timestamp) -> News {
        let mut news = News::default();
        match range {
            Range::Own => self.take_own(events, &mut news, now),
            Range::Services | Range::Skydns => {
                events.into_iter().for_each(|event| self.take_foreign(range, event, &mut news, now));
            }
        }
        news
    }

    /// What a watch says of our own keys, one transaction after the other.
    fn take_own(&mut self, events: Vec<WatchEvent>, news: &mut News, now: Timestamp) {
        let mut endings = Endings::default();
        let mut events = events.into_iter().peekable();
        while let Some(first) = events.next() {
            let revision = first.kv.mod_revision;
            let mut transaction = vec![first];
            while let Some(next) = events.next_if(|next| next.kv.mod_revision == revision) {
                transaction.push(next);
            }
            self.take_at_once(transaction, news, &mut endings, now);
        }
        endings.tell(news);
    }

    /// What happened at once: marks and leases first, as what is said of a row depends on them.
    fn take_at_once(&mut self, events: Vec<WatchEvent>, news: &mut News, endings: &mut Endings, now: Timestamp) {
        let (mut rows, mut returned) = (Vec::new(), Vec::new());
        for event in events {
            match (self.keys.parse(&event.kv.key.0), event.is_delete()) {
                (Some(Key::Row(key)), _) => rows.push((key, event)),
                (Some(Key::Departure(key)), false) => {
                    let mark = if event.kv.value == ENDED.into() { Mark::Ended } else { Mark::Departed };
                    // Of a row whose lease has ended, and of which nobody else says that it is to go.
                    if !self.rows.contains_key(&key) {
                        let at = revision_of(event.kv.mod_revision.0);
                        match mark {
                            Mark::Departed => self.depart(key.clone(), at, news, endings),
                            Mark::Ended => endings.decide(key.clone(), None, at),
                        }
                    }
                    self.departed.insert(key, mark);
                }
                // In the transaction that brings the host back; a row that is gone in it, too, was deregistered.
                (Some(Key::Departure(key)), true) => returned.push(key),
                (Some(Key::Beat(key, check)), false) => {
                    let known = known_after(self.beats.get(&(key.clone(), check.clone())), &event.kv);
                    self.beats.insert((key, check), known);
                }
                (Some(Key::Beat(key, check)), true) => {
                    self.beats.remove(&(key.clone(), check.clone()));
                    news.lapsed.push((key, check));
                }
                (Some(Key::Server(name)), false) => news.servers |= self.servers.insert(name),
                (Some(Key::Server(name)), true) => news.servers |= self.servers.remove(&name),
                (Some(Key::Release(release)), false) => news.releases.push(release),
                (Some(Key::Release(_)), true) => {}
                (None, false) => {
                    self.leave_alone(event.kv.key, event.kv.mod_revision.0, "no key of this version has such a name");
                }
                (None, true) => {
                    self.unreadable.remove(&event.kv.key);
                }
            }
        }
        for (key, event) in rows {
            self.take_row(key, event, news, endings, now);
        }
        for key in &returned {
            self.departed.remove(key);
        }
    }

    /// Somebody deregistered a host.
    fn depart(&self, key: HostKey, at: Revision, news: &mut News, endings: &mut Endings) {
        endings.forget(&key);
        news.words.push(Word::Gone { key, at, why: Gone::Deregistered });
    }

    fn take_row(&mut self, key: HostKey, event: WatchEvent, news: &mut News, endings: &mut Endings, now: Timestamp) {
        let revision = event.kv.mod_revision.0;
        let known = self.rows.get(&key).copied();
        if known.is_some_and(|known| known.revision >= revision) {
            return;
        }
        if event.is_delete() {
            self.unreadable.remove(&event.kv.key);
            if let Some(known) = self.rows.remove(&key) {
                self.end_row(key, known, revision, news, endings);
            }
            return;
        }
        let host = match self.row_of(&key, &event.kv, now) {
            Ok(host) => host,
            Err(why) => return self.leave_alone(event.kv.key, event.kv.mod_revision.0, &why),
        };
        self.unreadable.remove(&event.kv.key);
        let (time, at) = (write::kept_for(&event.kv.value), revision_of(revision));
        let known = Known { kept: time.is_some(), ..known_after(known.as_ref(), &event.kv) };
        endings.forget(&key);
        // A mark of before, though whoever put the row did not know of it.
        self.departed.remove(&key);
        self.rows.insert(key, known);
        let host = Box::new(host);
        news.words.push(match time {
            Some(time) => Word::Kept { host, time, at },
            None => Word::Put { host, at },
        });
    }

    /// A row that was known is not there any more.
    fn end_row(&mut self, key: HostKey, known: Known, revision: i64, news: &mut News, endings: &mut Endings) {
        let at = revision_of(revision);
        match self.departed.get(&key) {
            Some(Mark::Departed) => self.depart(key, at, news, endings),
            // That of a row that is kept was not its host's.
            Some(Mark::Ended) => endings.decide(key, (!known.kept).then_some(known.renewed), at),
            None if known.kept => endings.decide(key, None, at),
            // Somebody deleted it by hand.
            None if known.lease == 0 => {
                if key.dialect != Dialect::Node {
                    self.strays.push(Stray::of(key.clone(), revision));
                }
                self.depart(key, at, news, endings);
            }
            None => endings.end(key, known.renewed),
        }
    }

    /// The row of a value. Leases that etcd keeps are marked so, others begin anew.
    fn row_of(&self, key: &HostKey, kv: &KeyValue, now: Timestamp) -> Result<Host, String> {
        let mut host = record::from_json(&kv.value.0).map_err(|error| error.to_string())?;
        if host.key() != *key {
            return Err(format!("the value is the host {}", host.key()));
        }
        host.created = revision_of(kv.create_revision.0);
        host.modified = revision_of(kv.mod_revision.0);
        // One that is known already was not renewed by being written.
        let has_another_lease = self.rows.get(key).is_none_or(|known| known.lease != kv.lease.0);
        // That of one that is kept is none of its own.
        if kv.lease.0 == 0 || has_another_lease && write::kept_for(&kv.value).is_none() {
            host.lease.renew(now);
        }
        host.lease.keep(kv.lease.0 != 0);
        for check in &host.checks {
            if let Some(lease) = check.lease() {
                lease.renew(now);
                lease.keep(self.beats.contains_key(&(key.clone(), check.id.clone())));
            }
        }
        Ok(host)
    }

    fn take_foreign(&mut self, range: Range, event: WatchEvent, news: &mut News, now: Timestamp) {
        let delete = event.is_delete();
        let KeyValue { key: place, value, mod_revision, create_revision, .. } = event.kv;
        let revision = mod_revision.0;
        if self.foreign.get(&place).is_some_and(|(_, known)| *known >= revision) {
            return;
        }
        let read = if delete { None } else { Some(self.read_foreign(range, &place, &value, now)) };
        match read {
            Some(Ok(Foreign::Host(mut host))) => {
                let key = host.key();
                if let Some(first) = self.places.get(&key).filter(|first| **first != place) {
                    let why = format!("its host is that of {} already", String::from_utf8_lossy(&first.0));
                    return self.leave_alone(place, revision, &why);
                }
                host.created = revision_of(create_revision.0);
                host.modified = revision_of(revision);
                self.unreadable.remove(&place);
                self.places.insert(key.clone(), place.clone());
                self.foreign.insert(place, (key, revision));
                news.words.push(Word::Put { host, at: revision_of(revision) });
            }
            Some(Err(why)) => {
                // A host that is none any more is gone, too.
                self.drop_foreign(&place, revision, news);
                self.leave_alone(place, revision, &why.to_string());
            }
            Some(Ok(Foreign::Ours(_))) | None => {
                self.drop_foreign(&place, revision, news);
                self.unreadable.remove(&place);
            }
        }
    }

    fn read_foreign(
        &self,
        range: Range,
        key: &Octets,
        value: &Octets,
        now: Timestamp,
    ) -> Result<Foreign, foreign::NoHost> {
        match (&self.settings.skydns, range) {
            (Some(prefix), Range::Skydns) => foreign::skydns(&key.0, &value.0, prefix, &self.settings.domain, now)
                .map(|host| Foreign::Host(Box::new(host))),
            _ => foreign::service(&key.0, &value.0, now),
        }
    }

    fn drop_foreign(&mut self, place: &Octets, revision: i64, news: &mut News) {
        if let Some((key, _)) = self.foreign.remove(place) {
            self.places.remove(&key);
            // Whoever wrote it took it away, or let it end: it is gone at once.
            news.words.push(Word::Gone { key, at: revision_of(revision), why: Gone::Deregistered });
        }
    }
}

/// What is known of a key after a write. A lease that was there before is no younger for it, and nobody knows how late we
/// hear of a new one.
fn known_after(before: Option<&Known>, kv: &KeyValue) -> Known {
    let lease = kv.lease.0;
    let renewed = before.filter(|before| before.lease == lease).map(|before| before.renewed);
    Known { revision: kv.mod_revision.0, lease, renewed: renewed.unwrap_or_default(), kept: false }
}
