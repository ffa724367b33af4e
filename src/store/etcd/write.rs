//! Changes of rows as transactions: what they compare, put and delete. Pure but for [`run`].

use std::time::Duration;

use futures_util::future::try_join_all;

use super::book::{Book, ENDED};
use super::client::{Client, Trouble};
use super::foreign;
use super::wire::{
    Compare, DeleteRangeRequest, KeyValue, LeaseGrantRequest, LeaseGrantResponse, LeaseRequest, Long, Octets,
    Operation, PutRequest, RangeRequest, TxnRequest, TxnResponse,
};
use crate::limits;
use crate::registry::Decided;
use crate::store::record;
use crate::table::{Cause, Change, Dialect, Host, HostKey, Status};

/// Where the lease of a key comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Source {
    /// It is there.
    Known(i64),
    /// It is to be granted.
    New(Duration),
}

/// A value to put, and which of the leases it is attached to.
#[derive(Debug)]
struct Put {
    key: Octets,
    value: Octets,
    lease: Attached,
}

#[derive(Clone, Copy, Debug)]
enum Attached {
    Nothing,
    /// To one of [`Step::leases`].
    To(usize),
    /// To the one that marks of departures have.
    Departures,
}

/// One transaction.
#[derive(Default, Debug)]
pub(super) struct Step {
    compares: Vec<Compare>,
    puts: Vec<Put>,
    deletes: Vec<DeleteRangeRequest>,
    leases: Vec<Source>,
    /// Leases that nothing is attached to afterwards.
    left: Vec<i64>,
    /// Rows that etcd never had, and that are to be gone.
    pub(super) unwritten: Vec<HostKey>,
}

impl Step {
    /// Rows compared, keys put, ranges deleted, leases: for tests.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> (usize, usize, usize, usize) {
        (self.compares.len(), self.puts.len(), self.deletes.len(), self.leases.len())
    }

    /// Keys put, with their values: for tests.
    #[cfg(test)]
    pub(super) fn written(&self) -> Vec<(Octets, String)> {
        let text = |value: &Octets| String::from_utf8(value.0.clone()).unwrap_or_default();
        self.puts.iter().map(|put| (put.key.clone(), text(&put.value))).collect()
    }

    /// Leases that end with it: for tests.
    #[cfg(test)]
    pub(super) fn lefts(&self) -> &[i64] {
        &self.left
    }

    fn operations(&self) -> usize {
        self.puts.len() + self.deletes.len()
    }

    fn lease(&mut self, source: Source) -> Attached {
        self.leases.push(source);
        Attached::To(self.leases.len() - 1)
    }

    fn put(&mut self, key: Octets, value: Octets, lease: Attached) {
        self.puts.push(Put { key, value, lease });
    }

    fn delete(&mut self, key: Octets) {
        self.deletes.push(DeleteRangeRequest { key, range_end: None });
    }

    /// What is asked of etcd, with these leases. Where the rows are not as they are known it says what they are.
    fn request(&self, leases: &[i64], departures: i64) -> TxnRequest {
        let id = |attached| match attached {
            Attached::Nothing => 0,
            Attached::To(place) => leases[place],
            Attached::Departures => departures,
        };
        let put = |put: &Put| {
            Operation::Put(PutRequest { key: put.key.clone(), value: put.value.clone(), lease: Long(id(put.lease)) })
        };
        let delete = |delete: &DeleteRangeRequest| Operation::DeleteRange(delete.clone());
        let read =
            |compare: &Compare| Operation::Range(RangeRequest { key: compare.key.clone(), ..RangeRequest::default() });
        TxnRequest {
            compare: self.compares.clone(),
            success: self.deletes.iter().map(delete).chain(self.puts.iter().map(put)).collect(),
            failure: self.compares.iter().map(read).collect(),
        }
    }
}

/// The transactions that write changes: one, unless they are more than fit in one.
pub(super) fn steps(changes: &[Change], book: &Book, shows: bool) -> Vec<Step> {
    let mut steps = vec![Step::default()];
    for change in changes {
        let mut step = Step::default();
        write_one(&mut step, change, book, shows);
        match steps.last_mut() {
            Some(last) if last.operations() + step.operations() <= limits::ETCD_OPERATIONS => last.append(step),
            _ => steps.push(step),
        }
    }
    steps
}

/// Compares rows that are not written, too: as far as the first transaction has room for it, which is so for all but the
/// largest requests.
pub(super) fn compare_too<'k>(steps: &mut [Step], rows: impl Iterator<Item = &'k HostKey>, book: &Book) {
    let Some(first) = steps.first_mut() else { return };
    let room = limits::ETCD_OPERATIONS.saturating_sub(first.compares.len());
    first.compares.extend(rows.take(room).map(|key| Compare::unchanged(book.keys.row(key), book.revision(key))));
}

/// Whether rows are in etcd as they are known: asks for all of them, and gives those that are not, with what they are.
pub(super) async fn strangers(
    client: &Client,
    rows: &[(HostKey, Compare)],
) -> Result<(Vec<HostKey>, Vec<KeyValue>), Trouble> {
    let (mut changed, mut found) = (Vec::new(), Vec::new());
    for part in rows.chunks(limits::ETCD_OPERATIONS) {
        let compare: Vec<Compare> = part.iter().map(|(_, compare)| compare.clone()).collect();
        let failure =
            compare.iter().map(|one| Operation::Range(RangeRequest { key: one.key.clone(), ..Default::default() }));
        let txn = TxnRequest { failure: failure.collect(), compare, success: Vec::new() };
        let answer: TxnResponse = client.call("/v3/kv/txn", &txn).await?;
        if answer.succeeded {
            continue;
        }
        let there: Vec<KeyValue> =
            answer.responses.into_iter().filter_map(|one| one.response_range).flat_map(|range| range.kvs).collect();
        let revision = |key: &Octets| there.iter().find(|kv| kv.key == *key).map_or(0, |kv| kv.mod_revision.0);
        let is_other = |(_, compare): &&(HostKey, Compare)| revision(&compare.key) != compare.since();
        changed.extend(part.iter().filter(is_other).map(|(key, _)| key.clone()));
        found.extend(there);
    }
    Ok((changed, found))
}

impl Step {
    fn append(&mut self, other: Step) {
        let shift = self.leases.len();
        self.compares.extend(other.compares);
        self.puts.extend(other.puts.into_iter().map(|put| Put {
            lease: match put.lease {
                Attached::To(place) => Attached::To(place + shift),
                lease @ (Attached::Nothing | Attached::Departures) => lease,
            },
            ..put
        }));
        self.deletes.extend(other.deletes);
        self.leases.extend(other.leases);
        self.left.extend(other.left);
        self.unwritten.extend(other.unwritten);
    }
}

fn write_one(step: &mut Step, change: &Change, book: &Book, shows: bool) {
    let key = change.key();
    if key.dialect == Dialect::Etcd {
        // Nothing but a removal gets past the table.
        if let Some((place, revision)) = book.place(&key) {
            step.compares.push(Compare::unchanged(place.clone(), revision));
            step.delete(place.clone());
            // The watch of our own keys does not tell of it.
            step.unwritten.push(key.clone());
            step.put(book.keys.departure(&key), Octets::default(), Attached::Departures);
        }
        return;
    }
    let known = book.row(&key);
    step.compares.push(Compare::unchanged(book.keys.row(&key), book.revision(&key)));
    match &change.after {
        Some(host) => put_row(step, change, host, book, shows),
        None => {
            step.delete(book.keys.row(&key));
            let mark = if change.cause == Cause::Expiry { ENDED } else { "" };
            step.put(book.keys.departure(&key), mark.into(), Attached::Departures);
            if has_ttl(change.before.as_deref()) {
                let beats = book.keys.beats(&key);
                step.deletes.push(DeleteRangeRequest { range_end: Some(beats.range_end()), key: beats });
            }
            step.left.extend(known.filter(|known| known.lease != 0 && !known.kept).map(|known| known.lease));
            if known.is_none() {
                step.unwritten.push(key);
            }
            if shows {
                hide(step, change.before.as_deref(), book);
            }
        }
    }
}

fn has_ttl(host: Option<&Host>) -> bool {
    host.is_some_and(|host| host.checks.iter().any(|check| check.lease().is_some()))
}

fn put_row(step: &mut Step, change: &Change, host: &Host, book: &Book, shows: bool) {
    let before = change.before.as_deref();
    let known = book.row(&change.key()).filter(|known| known.lease != 0);
    // A row that is kept past its lease stays so where its change is no heartbeat.
    let until = host.lease.held_until().filter(|_| host.lease.is_kept());
    let time = until.map(|until| until.since(change.at));
    let same = |before: &Host| before.lease.ttl() == host.lease.ttl();
    let goes_on = known.filter(|known| known.kept == time.is_some() && (known.kept || before.is_some_and(same)));
    let lease = match (time.or(host.lease.ttl()), goes_on) {
        (None, _) => Attached::Nothing,
        (Some(_), Some(known)) => step.lease(Source::Known(known.lease)),
        (Some(ttl), None) => step.lease(Source::New(ttl)),
    };
    // That of a row that is kept is the lease of others, too.
    step.left.extend(known.filter(|known| goes_on.is_none() && !known.kept).map(|known| known.lease));
    put_value(step, before, host, (lease, time), book, shows);
}

/// Puts a row and what belongs to it, on a lease.
fn put_value(
    step: &mut Step,
    before: Option<&Host>,
    host: &Host,
    (lease, time): (Attached, Option<Duration>),
    book: &Book,
    shows: bool,
) {
    let key = &host.key();
    step.put(book.keys.row(key), value(host, time), lease);
    if book.has_departed(key) {
        step.delete(book.keys.departure(key));
    }
    for check in host.checks.iter().filter(|check| check.status != Status::Critical) {
        let Some(ttl) = check.lease().and_then(|lease| lease.ttl()) else { continue };
        if book.beat(key, &check.id).is_none() {
            let lease = step.lease(Source::New(ttl));
            step.put(book.keys.beat(key, &check.id), Octets::default(), lease);
        }
    }
    if shows {
        match foreign::shown(host) {
            Some(value) if !book.is_foreign(&foreign::shown_key(host)) => {
                step.put(foreign::shown_key(host), value, lease);
            }
            _ => hide(step, before, book),
        }
    }
}

/// What the value of a row begins with that is kept past its lease.
const KEPT: &str = r#"{"kept_ms":"#;

/// The value of a row, which may be kept for so long.
fn value(host: &Host, time: Option<Duration>) -> Octets {
    let row = record::to_json(host);
    match time {
        None => row.as_str().into(),
        Some(time) => format!("{KEPT}{},{}", time.as_millis(), &row[1..]).as_str().into(),
    }
}

/// For how long the row of a value is kept past its lease; `None` for one that is not.
pub(super) fn kept_for(value: &Octets) -> Option<Duration> {
    let rest = value.0.strip_prefix(KEPT.as_bytes())?;
    let digits = rest.split(|octet| *octet == b',').next()?;
    let millis: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(Duration::from_millis(millis).min(limits::BRAKE_CAP_MAX))
}

/// Rows that are kept, or not, by one transaction: with what is shown of a row and the beats of its checks it has about four
/// operations.
pub(super) const KEPT_AT_A_TIME: usize = limits::ETCD_OPERATIONS / 4;
/// See [`KEPT_AT_A_TIME`].
pub(super) const ENDED_AT_A_TIME: usize = limits::ETCD_OPERATIONS;

/// The transaction that keeps rows which etcd has no more, each for so long, on one lease; and says of others that they are
/// not to be kept. `None` where all of them are back.
pub(super) fn decided(decided: &Decided, book: &Book, shows: bool) -> Option<Step> {
    let mut step = Step::default();
    let is_gone = |key: &HostKey| book.row(key).is_none();
    let kept: Vec<_> = decided.kept.iter().filter(|(host, _)| is_gone(&host.key())).collect();
    if let Some(longest) = kept.iter().map(|(_, time)| *time).max() {
        let lease = step.lease(Source::New(longest));
        for (host, time) in kept {
            let key = host.key();
            step.compares.push(Compare::unchanged(book.keys.row(&key), book.revision(&key)));
            put_value(&mut step, None, host, (lease, Some(*time)), book, shows);
        }
    }
    for key in decided.gone.iter().filter(|key| is_gone(key)) {
        step.compares.push(Compare::unchanged(book.keys.row(key), book.revision(key)));
        step.put(book.keys.departure(key), ENDED.into(), Attached::Departures);
    }
    (!step.compares.is_empty()).then_some(step)
}

/// Takes away what was shown of a row.
fn hide(step: &mut Step, before: Option<&Host>, book: &Book) {
    let shown = before.filter(|before| foreign::shown(before).is_some()).map(foreign::shown_key);
    if let Some(key) = shown.filter(|key| !book.is_foreign(key)) {
        step.delete(key);
    }
}

/// What became of transactions.
#[derive(Debug)]
pub(super) enum Written {
    /// All of them are written, the last at this revision.
    At(i64),
    /// Somebody else wrote first: the rows as they are.
    Conflict(Vec<KeyValue>),
}

/// Runs transactions, one after the other; `departures` is the lease of marks of departures.
pub(super) async fn run(client: &Client, steps: &[Step], departures: i64) -> Result<Written, Trouble> {
    let mut at = 0;
    for step in steps {
        match run_one(client, step, departures).await? {
            Written::At(revision) => at = revision,
            conflict @ Written::Conflict(_) => return Ok(conflict),
        }
    }
    Ok(Written::At(at))
}

async fn run_one(client: &Client, step: &Step, departures: i64) -> Result<Written, Trouble> {
    let granted = try_join_all(step.leases.iter().map(|source| lease(client, source))).await?;
    let sources = granted.iter().zip(&step.leases);
    let new: Vec<i64> = sources.filter(|(_, source)| matches!(source, Source::New(_))).map(|(id, _)| *id).collect();
    let result: Result<TxnResponse, Trouble> = client.call("/v3/kv/txn", &step.request(&granted, departures)).await;
    let result = result.map(|answer| outcome(answer, &new));
    let unused = match &result {
        Ok(Written::At(_)) => &step.left,
        // It may be written all the same: then the lease is in use, and else it ends by itself.
        Err(Trouble::Away(_)) => &Vec::new(),
        _ => &new,
    };
    for id in unused {
        // It ends by itself if this is lost.
        let _ = client.call::<serde_json::Value>("/v3/lease/revoke", &LeaseRequest { id: Long(*id) }).await;
    }
    match result {
        // The key is about to go, or is gone: its writer looks again.
        Err(Trouble::NoLease) => Ok(Written::Conflict(Vec::new())),
        result => result,
    }
}

/// What became of a transaction whose rows were to have these new leases. It arrives twice where a member wrote it and did
/// not say so in time: then the rows are not any more as they were, and it is the first of the two that changed them.
pub(super) fn outcome(answer: TxnResponse, new: &[i64]) -> Written {
    if answer.succeeded {
        return Written::At(answer.header.revision.0);
    }
    let found = answer.responses.into_iter().filter_map(|response| response.response_range);
    let found: Vec<KeyValue> = found.flat_map(|range| range.kvs).collect();
    let ours = found.iter().filter(|kv| new.contains(&kv.lease.0)).map(|kv| kv.mod_revision.0);
    match ours.max() {
        Some(at) => Written::At(at),
        None => Written::Conflict(found),
    }
}

async fn lease(client: &Client, source: &Source) -> Result<i64, Trouble> {
    match source {
        Source::Known(id) => Ok(*id),
        Source::New(ttl) => grant(client, *ttl).await,
    }
}

/// Asks for a lease; etcd counts seconds.
pub(super) async fn grant(client: &Client, ttl: Duration) -> Result<i64, Trouble> {
    let seconds = i64::try_from(ttl.as_millis().div_ceil(1000)).unwrap_or(i64::MAX);
    let answer: LeaseGrantResponse =
        client.call("/v3/lease/grant", &LeaseGrantRequest { ttl: Long(seconds.max(1)) }).await?;
    Ok(answer.id.0)
}
