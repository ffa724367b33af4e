//! Stored rows into rows. Most of a start from a large file is spent here: one thread reads, others make rows of what it has
//! read, a part at a time.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use parking_lot::Mutex;

use super::database::Trouble;
use super::record::{self, Unreadable};
use crate::limits;
use crate::table::Host;

/// Rows that were read.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    pub(super) rows: Vec<Arc<Host>>,
    /// Rows that cannot be read.
    pub(super) skipped: u64,
    /// The first of them.
    pub(super) first_skipped: String,
}

/// Keys and values, one after the other.
#[derive(Default)]
struct Part {
    octets: Vec<u8>,
    /// Where each key and each value ends.
    ends: Vec<(usize, usize)>,
}

impl Part {
    fn push(&mut self, key: &[u8], value: &[u8]) {
        self.octets.extend_from_slice(key);
        let end = self.octets.len();
        self.octets.extend_from_slice(value);
        self.ends.push((end, self.octets.len()));
    }

    fn decode(&self) -> Result<Decoded, Trouble> {
        let mut decoded = Decoded { rows: Vec::with_capacity(self.ends.len()), ..Decoded::default() };
        let mut start = 0;
        for (middle, end) in &self.ends {
            let (key, value) = (&self.octets[start..*middle], &self.octets[*middle..*end]);
            start = *end;
            match record::host(key, value, decoded.rows.last().map(AsRef::as_ref)) {
                Ok(host) => decoded.rows.push(Arc::new(host)),
                Err(Unreadable::Newer(version)) => return Err(Trouble::Newer(version.into())),
                Err(unreadable) => decoded.skip(key, &unreadable),
            }
        }
        Ok(decoded)
    }
}

impl Decoded {
    fn skip(&mut self, key: &[u8], unreadable: &Unreadable) {
        if self.skipped == 0 {
            self.first_skipped = format!("{:?}: {unreadable}", String::from_utf8_lossy(key));
        }
        self.skipped += 1;
    }

    fn append(&mut self, mut other: Decoded) {
        self.rows.append(&mut other.rows);
        if self.skipped == 0 {
            self.first_skipped = other.first_skipped;
        }
        self.skipped += other.skipped;
    }
}

/// Something with a key and a value that may be looked at.
pub(super) trait Entry {
    /// Shows both.
    fn with<T>(&self, look: impl FnOnce(&[u8], &[u8]) -> T) -> T;
}

impl Entry for (redb::AccessGuard<'_, &'static [u8]>, redb::AccessGuard<'_, &'static [u8]>) {
    fn with<T>(&self, look: impl FnOnce(&[u8], &[u8]) -> T) -> T {
        look(self.0.value(), self.1.value())
    }
}

/// Parts that are read for each thread before it takes them.
const PARTS_AHEAD: usize = 4;

/// Rows of entries, about `count` of them, in their order.
pub(super) fn decode<E: Entry>(
    entries: impl Iterator<Item = Result<E, Trouble>>,
    count: usize,
) -> Result<Decoded, Trouble> {
    let mut entries = entries.peekable();
    let mut all = Decoded { rows: Vec::with_capacity(count), ..Decoded::default() };
    if count <= limits::STORE_PART {
        all.append(next_part(&mut entries, usize::MAX)?.decode()?);
        return Ok(all);
    }
    let workers = thread::available_parallelism().map_or(1, usize::from).min(limits::STORE_DECODERS);
    let (sender, parts) = sync_channel::<(usize, Part)>(workers * PARTS_AHEAD);
    let parts = Mutex::new(parts);
    let mut done = thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(|| decode_parts(&parts))).collect();
        let mut number = 0;
        let mut read = Ok(());
        while read.is_ok() && entries.peek().is_some() {
            match next_part(&mut entries, limits::STORE_PART) {
                Ok(part) => {
                    if sender.send((number, part)).is_err() {
                        // Nobody takes it any more: a worker has an error to tell.
                        break;
                    }
                    number += 1;
                }
                Err(trouble) => read = Err(trouble),
            }
        }
        drop(sender);
        let mut done = Vec::with_capacity(number);
        for worker in workers {
            match worker.join() {
                Ok(decoded) => done.extend(decoded?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        read.map(|()| done)
    })?;
    done.sort_unstable_by_key(|(number, _)| *number);
    done.into_iter().for_each(|(_, part)| all.append(part));
    Ok(all)
}

fn next_part<E: Entry>(entries: &mut impl Iterator<Item = Result<E, Trouble>>, most: usize) -> Result<Part, Trouble> {
    let mut part = Part::default();
    for entry in entries.take(most) {
        entry?.with(|key, value| part.push(key, value));
    }
    Ok(part)
}

/// Takes parts as long as there are any; who fails leaves the rest to the others.
fn decode_parts(parts: &Mutex<Receiver<(usize, Part)>>) -> Result<Vec<(usize, Decoded)>, Trouble> {
    let mut done = Vec::new();
    loop {
        let next = parts.lock().recv();
        let Ok((number, part)) = next else { return Ok(done) };
        done.push((number, part.decode()?));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::table::{Dialect, HostId, Registration, ServiceName, Target};

    struct Stored(Vec<u8>, Vec<u8>);

    impl Entry for Stored {
        fn with<T>(&self, look: impl FnOnce(&[u8], &[u8]) -> T) -> T {
            look(&self.0, &self.1)
        }
    }

    fn stored(number: usize) -> Stored {
        let service = ServiceName::parse("service", &format!("s{:05}", number / 10)).expect("a name");
        let id = HostId::parse("id", &format!("h{number:06}")).expect("an id");
        let target = Target::parse("address", ["10.0.0.1"]).expect("an address");
        let host = Host::new(Registration::new(service, Dialect::Native, id, target), Timestamp::default());
        Stored(record::key(&host), record::value(&host))
    }

    fn decoded(count: usize, odd: impl Fn(usize, Stored) -> Result<Stored, Trouble>) -> Result<Decoded, Trouble> {
        decode((0..count).map(|number| odd(number, stored(number))), count)
    }

    #[test]
    fn rows_come_in_their_order_however_many() {
        for count in [0, 1, 10, limits::STORE_PART, 3 * limits::STORE_PART + 7] {
            let found = decoded(count, |_, entry| Ok(entry)).expect("rows");
            assert_eq!((found.rows.len(), found.skipped), (count, 0));
            let in_order =
                found.rows.iter().enumerate().all(|(number, row)| row.id.as_str() == format!("h{number:06}"));
            assert!(in_order, "{count}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_counted_and_the_first_is_named() {
        let broken = [limits::STORE_PART + 1, 2 * limits::STORE_PART + 5];
        let odd =
            |number, entry: Stored| if broken.contains(&number) { Stored(entry.0, b"\x01{".into()) } else { entry };
        let found = decoded(3 * limits::STORE_PART, |number, entry| Ok(odd(number, entry))).expect("rows");
        assert_eq!((found.rows.len(), found.skipped), (3 * limits::STORE_PART - 2, 2));
        assert!(found.first_skipped.contains(&format!("h{:06}", broken[0])), "{}", found.first_skipped);
    }

    #[test]
    fn a_newer_form_or_a_broken_file_ends_it() {
        for count in [10, 30 * limits::STORE_PART] {
            let newer = decoded(count, |number, entry| {
                Ok(Stored(entry.0, if number == 7 { b"\xff{}".into() } else { entry.1 }))
            });
            assert!(matches!(newer, Err(Trouble::Newer(255))), "{newer:?}");
            let last = count - 1;
            let broken = decoded(count, |number, entry| match number == last {
                true => Err(Trouble::Damaged("torn".into())),
                false => Ok(entry),
            });
            assert!(matches!(broken, Err(Trouble::Damaged(_))));
        }
    }
}
