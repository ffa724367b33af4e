//! What was last read or written of each item, and what a scan finds new.
//!
//! DynamoDB has no revision of the table: what two requests say that were under way at one time has no order. So each
//! reading and each writing takes a stamp when it begins, and each item has the stamp of when it was last learned of. What
//! a scan says of an item that was learned of after the scan had begun is not news, in either direction.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::Value;

use super::item::{BEAT, CHECK_IN, FIELDS, Item};
use crate::clock::Timestamp;
use crate::table::HostKey;

/// What is known of an item.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Seen {
    /// The version that it has; none where a program wrote it that knows none.
    pub(super) version: Option<u64>,
    /// Lyft's fields as they are, in the order of [`FIELDS`]; nothing for an item that is none of Lyft's.
    pub(super) fields: Option<Box<[Option<Value>; 4]>>,
    /// The last heartbeat.
    pub(super) check_in: Option<Box<str>>,
    /// Attributes with reports on checks.
    pub(super) beats: Box<[(Box<str>, Value)]>,
    /// Whether the item is a host.
    pub(super) is_host: bool,
    /// When it was learned of.
    pub(super) stamp: u64,
    /// When a heartbeat was last written here.
    pub(super) beaten: Option<Timestamp>,
    /// When the row was last written here, where nobody of our kind has written it since.
    pub(super) wrote: Option<Timestamp>,
    /// Since when the item lacks what the row says, as a program dropped it that knows Lyft's fields only.
    pub(super) lacks: Option<Timestamp>,
}

impl Seen {
    /// An item as it was read.
    pub(super) fn of(item: &Item, is_lyfts: bool) -> Seen {
        let fields = || Box::new(FIELDS.map(|name| item.get(name).cloned()));
        let beats = item.iter().filter(|(name, _)| name.starts_with(BEAT));
        Seen {
            version: item.version(),
            fields: is_lyfts.then(fields),
            check_in: item.text(CHECK_IN).map(Into::into),
            beats: beats.map(|(name, value)| (name.into(), value.clone())).collect(),
            is_host: false,
            stamp: 0,
            beaten: None,
            wrote: None,
            lacks: None,
        }
    }

    /// Whether the item says of its host what it said before.
    fn says_the_same(&self, other: &Seen) -> bool {
        self.version == other.version && self.fields == other.fields
    }
}

/// What an item has to say beside what was known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum News {
    /// Nothing.
    None,
    /// A heartbeat.
    Beat,
    /// Another row, or the first.
    Row,
}

/// All items that are known.
#[derive(Debug, Default)]
pub(super) struct Items {
    items: HashMap<HostKey, Seen>,
    /// Items that were deleted, with the stamp, as long as something is under way that may not know.
    departed: HashMap<HostKey, u64>,
    /// What is under way.
    flights: BTreeSet<u64>,
    stamp: u64,
}

impl Items {
    /// The stamp of something that begins now; [`Items::end`] follows.
    pub(super) fn begin(&mut self) -> u64 {
        let stamp = self.next();
        self.flights.insert(stamp);
        stamp
    }

    /// Ends what began at that stamp.
    pub(super) fn end(&mut self, began: u64) {
        self.flights.remove(&began);
        match self.flights.first() {
            None => self.departed.clear(),
            Some(first) => self.departed.retain(|_, stamp| *stamp > *first),
        }
    }

    fn next(&mut self) -> u64 {
        self.stamp += 1;
        self.stamp
    }

    /// What is known of an item.
    pub(super) fn get(&self, key: &HostKey) -> Option<&Seen> {
        self.items.get(key)
    }

    /// The same, to note a heartbeat.
    pub(super) fn get_mut(&mut self, key: &HostKey) -> Option<&mut Seen> {
        self.items.get_mut(key)
    }

    /// Whether nothing was learned of an item since `began`.
    pub(super) fn is_as_of(&self, key: &HostKey, began: u64) -> bool {
        let stamp = self.items.get(key).map(|seen| seen.stamp).or_else(|| self.departed.get(key).copied());
        stamp.is_none_or(|stamp| stamp < began)
    }

    /// What an item that was read by something that began at `began` has to say.
    pub(super) fn news(&self, key: &HostKey, item: &Seen, began: u64) -> News {
        if !self.is_as_of(key, began) {
            return News::None;
        }
        match self.items.get(key) {
            Some(known) if known.says_the_same(item) => {
                let beats = known.check_in != item.check_in || known.beats != item.beats;
                if beats { News::Beat } else { News::None }
            }
            _ => News::Row,
        }
    }

    /// Takes an item for what it is now.
    pub(super) fn put(&mut self, key: HostKey, seen: Seen) {
        let stamp = self.next();
        self.departed.remove(&key);
        let beaten = seen.beaten.or_else(|| self.items.get(&key).and_then(|known| known.beaten));
        self.items.insert(key, Seen { stamp, beaten, ..seen });
    }

    /// Takes note of heartbeats of an item, which say nothing of the rest of it: a write that is under way is still news.
    pub(super) fn note(&mut self, key: HostKey, seen: Seen) {
        self.items.insert(key, seen);
    }

    /// Takes an item for gone; says what it was.
    pub(super) fn remove(&mut self, key: &HostKey) -> Option<Seen> {
        let stamp = self.next();
        if !self.flights.is_empty() {
            self.departed.insert(key.clone(), stamp);
        }
        self.items.remove(key)
    }

    /// The items that a complete scan would have found: those that were known before it began, but for `found`.
    pub(super) fn missed(&self, found: &HashSet<HostKey>, began: u64) -> Vec<HostKey> {
        let missed = self.items.iter().filter(|(key, seen)| seen.stamp < began && !found.contains(*key));
        missed.map(|(key, _)| key.clone()).collect()
    }

    /// How many items are no hosts.
    pub(super) fn strange(&self) -> usize {
        self.items.values().filter(|seen| !seen.is_host).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::dynamodb::item::{PORT, VERSION, number, text};
    use crate::table::{Dialect, HostId, ServiceName};

    fn key(id: &str) -> HostKey {
        let service = ServiceName::parse("service", "web").expect("a service");
        HostKey { service, dialect: Dialect::Lyft, id: HostId::parse("id", id).expect("an id") }
    }

    fn seen(version: Option<u64>, port: u16, check_in: &str) -> Seen {
        let mut item = Item::default();
        if let Some(version) = version {
            item.set(VERSION, number(version));
        }
        item.set(PORT, number(port));
        item.set(CHECK_IN, text(check_in));
        Seen::of(&item, true)
    }

    #[test]
    fn a_scan_tells_rows_from_heartbeats() {
        let mut items = Items::default();
        items.put(key("a"), seen(Some(1), 80, "1"));
        let scan = items.begin();
        for (item, news) in [
            (seen(Some(1), 80, "1"), News::None),
            (seen(Some(1), 80, "2"), News::Beat),
            (seen(Some(2), 80, "1"), News::Row),
            (seen(None, 80, "2"), News::Row),
            (seen(Some(1), 81, "1"), News::Row),
        ] {
            assert_eq!(items.news(&key("a"), &item, scan), news, "{item:?}");
        }
        assert_eq!(items.news(&key("b"), &seen(None, 80, "1"), scan), News::Row);
        assert_eq!(items.missed(&HashSet::new(), scan), [key("a")]);
        assert_eq!(items.missed(&HashSet::from([key("a")]), scan), []);
    }

    #[test]
    fn what_was_written_since_a_scan_began_stands() {
        let mut items = Items::default();
        items.put(key("gone"), seen(Some(1), 80, "1"));
        let scan = items.begin();
        items.put(key("new"), seen(Some(5), 80, "1"));
        items.remove(&key("gone"));
        assert_eq!(items.news(&key("gone"), &seen(Some(1), 80, "1"), scan), News::None, "it is not brought back");
        assert_eq!(items.news(&key("new"), &seen(Some(4), 80, "1"), scan), News::None, "it is not set back");
        assert_eq!(items.missed(&HashSet::new(), scan), [], "it is not taken for gone");
        items.end(scan);
        let later = items.begin();
        assert_eq!(items.news(&key("gone"), &seen(Some(1), 80, "1"), later), News::Row);
        assert_eq!(items.missed(&HashSet::new(), later), [key("new")]);
    }

    #[test]
    fn departures_are_remembered_as_long_as_somebody_may_not_know() {
        let mut items = Items::default();
        let write = items.begin();
        items.remove(&key("a"));
        let later = items.begin();
        items.end(later);
        assert!(!items.is_as_of(&key("a"), write));
        items.end(write);
        assert!(items.departed.is_empty() && items.is_as_of(&key("a"), write));
    }
}
