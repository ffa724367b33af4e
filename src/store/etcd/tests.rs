//! What news mean, and what changes are as transactions: with texts in the place of an etcd. A real one is asked in
//! `tests/clients/etcd.sh`.

use std::sync::Arc;
use std::time::Duration;

use super::book::{Book, Known, News, Range, revision_of};
use super::wire::{KeyValue, Long, Octets, WatchEvent};
use super::write::Written;
use super::{Settings, write};
use crate::clock::Timestamp;
use crate::registry::{Decided, Released, Word};
use crate::store::record;
use crate::table::{
    Cause, Change, CheckDefinition, CheckKind, Dialect, Gone, Host, HostId, HostKey, Port, Registration, ServiceName,
    Status, Target, Terms, Wishes,
};

const NOW: Timestamp = Timestamp::from_micros(1_000_000_000);

fn host(id: &str, ttl: u64, check: Option<Duration>) -> Host {
    let service = ServiceName::parse("service", "web").expect("a name");
    let check = check.map(|ttl| {
        let terms = Terms::parse("", CheckKind::Ttl(ttl), Wishes::default()).expect("terms");
        CheckDefinition { status: Some(Status::Passing), ..CheckDefinition::new("alive".into(), Some(Arc::new(terms))) }
    });
    let registration = Registration {
        ports: [Port::tcp(80)].into_iter().collect(),
        ttl: (ttl > 0).then(|| Duration::from_secs(ttl)),
        checks: Some(check.into_iter().collect()),
        ..Registration::new(
            service,
            Dialect::Native,
            HostId::parse("id", id).expect("an id"),
            Target::parse("address", ["10.0.0.1"]).expect("an address"),
        )
    };
    Host::new(registration, NOW)
}

fn put(key: Octets, value: &str, revision: i64, lease: i64) -> WatchEvent {
    let (revision, lease) = (Long(revision), Long(lease));
    let kv = KeyValue { key, value: value.into(), create_revision: revision, mod_revision: revision, lease };
    WatchEvent { kind: String::new(), kv }
}

fn delete(key: Octets, revision: i64) -> WatchEvent {
    WatchEvent { kind: "DELETE".into(), kv: KeyValue { key, mod_revision: Long(revision), ..KeyValue::default() } }
}

fn book() -> Book {
    Book::new(Settings::default())
}

impl Book {
    fn hears(&mut self, events: Vec<WatchEvent>) -> News {
        self.take(Range::Own, events, NOW)
    }

    fn row_event(&self, host: &Host, revision: i64, lease: i64) -> WatchEvent {
        put(self.keys.row(&host.key()), &record::to_json(host), revision, lease)
    }
}

/// What is said of rows: their ids, with why they are gone.
fn said(news: &News) -> Vec<(String, u64, Option<Gone>)> {
    let word = |word: &Word| match word {
        Word::Put { host, at } | Word::Kept { host, at, .. } => (host.id.as_str().to_owned(), at.0, None),
        Word::Gone { key, at, why } => (key.id.as_str().to_owned(), at.0, Some(*why)),
    };
    news.words.iter().map(word).collect()
}

fn at(revision: i64) -> u64 {
    revision_of(revision).0
}

#[test]
fn a_row_comes_changes_and_goes_and_old_news_are_none() {
    let mut book = book();
    let host = host("a", 10, None);
    let key = host.key();
    let come = book.row_event(&host, 7, 42);
    assert_eq!(said(&book.hears(vec![come.clone()])), [("a".into(), at(7), None)]);
    let known = Known { revision: 7, lease: 42, renewed: Timestamp::default(), kept: false };
    assert_eq!(book.row(&key), Some(known));
    assert!(book.hears(vec![come]).words.is_empty(), "an echo");
    let gone = delete(book.keys.row(&key), 9);
    let news = book.hears(vec![gone.clone()]);
    assert_eq!((said(&news), news.ended), (vec![], vec![(key, Timestamp::default())]), "that is to be decided");
    let news = book.hears(vec![gone]);
    assert!(news.words.is_empty() && news.ended.is_empty());
}

#[test]
fn whoever_departs_leaves_a_mark_in_the_same_transaction() {
    let mut book = book();
    let host = host("a", 10, None);
    let (row, mark) = (book.keys.row(&host.key()), book.keys.departure(&host.key()));
    book.hears(vec![book.row_event(&host, 7, 42)]);
    // Whatever the order of the two.
    let news = book.hears(vec![delete(row.clone(), 9), put(mark.clone(), "", 9, 1)]);
    assert_eq!(said(&news), [("a".into(), at(9), Some(Gone::Deregistered))]);
    let back = vec![delete(mark, 11), book.row_event(&host, 11, 43)];
    assert_eq!(said(&book.hears(back)), [("a".into(), at(11), None)]);
    assert_eq!(book.hears(vec![delete(row, 12)]).ended, [(host.key(), Timestamp::default())]);
}

#[test]
fn what_is_decided_of_a_lease_that_has_ended_stands_in_etcd() {
    let mut book = book();
    let hosts = [host("a", 10, None), host("b", 10, None)];
    let [a, b] = hosts.clone();
    let rows = vec![book.row_event(&a, 7, 42), book.row_event(&b, 7, 43)];
    book.hears(rows);
    assert_eq!(book.some_leased(9).0, 2);
    let ended = vec![delete(book.keys.row(&a.key()), 8), delete(book.keys.row(&b.key()), 8)];
    assert_eq!(book.hears(ended).ended.len(), 2);
    let kept = vec![(Arc::new(a.clone()), Duration::from_millis(29_500))];
    let decided = Decided { kept, gone: vec![b.key()] };
    let step = write::decided(&decided, &book, false).expect("something to write");
    assert_eq!(step.sizes(), (2, 2, 0, 1));
    let [(key, value), (mark, ended)]: [(Octets, String); 2] = step.written().try_into().expect("a row and a mark");
    let news = book.hears(vec![put(mark, &ended, 9, 1), put(key.clone(), &value, 9, 99)]);
    assert_eq!(said(&news), [("a".into(), at(9), None)]);
    assert_eq!(news.settled, [(b.key(), None, revision_of(9))]);
    assert!(matches!(news.words[0], Word::Kept { time, .. } if time == Duration::from_millis(29_500)), "{news:?}");
    assert_eq!((book.row(&a.key()).map(|known| known.kept), book.some_leased(9).0), (Some(true), 0));
    assert!(write::decided(&decided, &book, false).is_some_and(|step| step.sizes() == (1, 1, 0, 0)), "a is there");
    // A drain leaves it kept, on the lease that it shares with others; a heartbeat puts it on one of its own.
    let free = Host { draining: true, ..a.clone() };
    let held = free.clone();
    held.lease.keep(true);
    held.lease.hold(NOW.after(Duration::from_secs(9)));
    let [drain] = &write::steps(&[change(Some(&a), Some(&held))], &book, false)[..] else { panic!("one step") };
    assert!(drain.written()[0].1.starts_with(r#"{"kept_ms":9000,"version""#), "{:?}", drain.written());
    let [beat] = &write::steps(&[change(None, Some(&free))], &book, false)[..] else { panic!("one step") };
    assert!(beat.written()[0].1.starts_with(r#"{"version""#) && beat.lefts().is_empty());
    // Nobody asked for it: it was kept for as long as it was to be.
    let news = book.hears(vec![delete(key, 10)]);
    assert_eq!((said(&news), news.settled), (vec![], vec![(a.key(), None, revision_of(10))]));
}

/// A server that was cut off hears all of it at once.
#[test]
fn what_a_row_became_before_it_ended_is_told_too() {
    let mut book = book();
    let host = host("a", 10, None);
    let (key, mark) = (host.key(), book.keys.departure(&host.key()));
    let ends = |book: &Book, revision| {
        let (row, mark) =
            (delete(book.keys.row(&key), revision), put(mark.clone(), super::book::ENDED, revision + 1, 1));
        vec![book.row_event(&host, revision - 1, 42), row, mark]
    };
    book.hears(vec![book.row_event(&host, 7, 42)]);
    for revision in [9, 19] {
        let news = book.hears(ends(&book, revision));
        assert_eq!(said(&news), [("a".into(), at(revision - 1), None)]);
        let ended = (key.clone(), Some(Timestamp::default()), revision_of(revision + 1));
        assert_eq!((news.settled, news.ended), (vec![ended], vec![]), "once, whether it was known or not");
    }
    // It is back before that is heard of.
    let mark = put(mark.clone(), super::book::ENDED, 30, 1);
    let news = book.hears(vec![mark, book.row_event(&host, 31, 43)]);
    assert_eq!((said(&news), news.settled), (vec![("a".into(), at(31), None)], vec![]));
    // All of it at once; and where the mark stays beside the row, as whoever put it had not heard of that.
    let row = book.keys.row(&key);
    for (revision, unmarked) in [(40, Some(delete(book.keys.departure(&key), 42))), (50, None)] {
        let mut events =
            vec![delete(row.clone(), revision), put(book.keys.departure(&key), super::book::ENDED, revision + 1, 1)];
        events.extend(unmarked);
        events.push(book.row_event(&host, revision + 2, 44));
        let news = book.hears(events);
        assert_eq!(said(&news), [("a".into(), at(revision + 2), None)]);
        assert_eq!((news.settled, news.ended), (vec![], vec![]));
        let ended = book.hears(vec![delete(row.clone(), revision + 3)]).ended;
        assert_eq!(ended, [(key.clone(), Timestamp::default())], "it is decided on anew");
        book.hears(vec![book.row_event(&host, revision + 4, 45)]);
    }
}

#[test]
fn an_operator_is_heard_by_all() {
    let mut book = book();
    let key = book.keys.release(&Released::All);
    assert_eq!(book.hears(vec![put(key.clone(), "", 7, 1)]).releases, [Released::All]);
    assert!(book.hears(vec![delete(key, 8)]).releases.is_empty());
}

#[test]
fn a_lease_is_as_old_as_we_know() {
    let mut book = book();
    let host = host("a", 10, None);
    let listed = book.row_event(&host, 7, 42).kv;
    book.list(Range::Own, vec![listed], 8, NOW);
    let known = |book: &Book| book.row(&host.key()).expect("is there");
    assert_eq!(known(&book).renewed, Timestamp::default());
    book.renewed(&host.key(), None, NOW);
    book.take(Range::Own, vec![book.row_event(&host, 9, 42)], NOW.after(Duration::from_secs(5)));
    assert_eq!(known(&book).renewed, NOW);
    book.take(Range::Own, vec![book.row_event(&host, 10, 43)], NOW.after(Duration::from_secs(5)));
    assert_eq!(known(&book).renewed, Timestamp::default(), "a new one, of which we may hear late");
}

#[test]
fn a_list_says_what_is_gone_and_counts_whatever_its_revision() {
    let mut book = book();
    let (a, b, c) = (host("a", 10, None), host("b", 10, None), host("c", 0, None));
    book.hears(vec![book.row_event(&a, 100, 1), book.row_event(&b, 101, 2), book.row_event(&c, 102, 0)]);
    // A backup was restored: smaller numbers. `b` lapsed, `c` was deregistered.
    let list = vec![book.row_event(&a, 5, 1).kv, put(book.keys.departure(&c.key()), "", 6, 9).kv];
    let news = book.list(Range::Own, list, 7, NOW);
    assert_eq!(news.ended, [(b.key(), Timestamp::default())]);
    let mut said = said(&news);
    said.sort_by(|one, other| one.0.cmp(&other.0));
    let expected = [("a".into(), at(5), None), ("c".into(), at(7), Some(Gone::Deregistered))];
    assert_eq!(said, expected);
}

#[test]
fn leases_are_kept_by_etcd_where_it_has_them() {
    let mut book = book();
    let ttl = Duration::from_secs(5);
    let host = host("a", 10, Some(ttl));
    let row = |news: News| match news.words.into_iter().next() {
        Some(Word::Put { host, .. }) => *host,
        other => panic!("{other:?}"),
    };
    let bare = row(book.hears(vec![book.row_event(&host, 7, 0)]));
    assert!(!bare.lease.is_kept() && !bare.checks[0].lease().expect("a TTL").is_kept());
    assert_eq!((bare.lease.expires(), bare.checks[0].lapses()), (Some(NOW.after(2 * ttl)), Some(NOW.after(ttl))));
    let beat = book.keys.beat(&host.key(), "alive");
    let kept = row(book.hears(vec![book.row_event(&host, 8, 42), put(beat.clone(), "", 8, 43)]));
    assert!(kept.lease.is_kept() && kept.checks[0].lease().expect("a TTL").is_kept());
    assert_eq!(book.hears(vec![delete(beat, 9)]).lapsed, [(host.key(), "alive".into())]);
}

#[test]
fn what_is_no_row_is_counted_and_left_alone() {
    let mut book = book();
    let key = book.keys.row(&host("a", 0, None).key());
    let other = record::to_json(&host("b", 0, None));
    for (n, value) in ["", "[]", r#"{"version":99}"#, other.as_str()].into_iter().enumerate() {
        let news = book.hears(vec![put(key.clone(), value, 10 + n as i64, 0)]);
        assert_eq!((news.words.len(), book.unreadable()), (0, 1), "{value}");
        assert_eq!(book.revision(&host("a", 0, None).key()), 10 + n as i64, "a registration puts a row in its place");
    }
    book.hears(vec![put("/rollcall/v1/odd".into(), "x", 20, 0)]);
    assert_eq!(book.unreadable(), 2);
    book.hears(vec![delete(key, 21), delete("/rollcall/v1/odd".into(), 22)]);
    assert_eq!(book.unreadable(), 0);
}

#[test]
fn hosts_of_others_come_and_go_and_of_two_keys_the_first_counts() {
    let mut book = book();
    let value = r#"{"host":"10.0.0.9","port":99}"#;
    let place: Octets = "/services/web/x1".into();
    let sky: Octets = "/skydns/local/service/web/x1".into();
    let news = book.take(Range::Services, vec![put(place.clone(), value, 7, 5)], NOW);
    assert_eq!(said(&news), [("x1".into(), at(7), None)]);
    assert!(book.take(Range::Skydns, vec![put(sky.clone(), value, 8, 0)], NOW).words.is_empty());
    assert_eq!((book.foreign(), book.unreadable()), (1, 1));
    let gone = book.take(Range::Services, vec![put(place.clone(), "no host", 9, 0)], NOW);
    assert_eq!(said(&gone), [("x1".into(), at(9), Some(Gone::Deregistered))]);
    book.take(Range::Services, vec![delete(place.clone(), 10)], NOW);
    let ours = r#"{"host":"10.0.0.9","port":99,"rollcall":"native"}"#;
    assert!(book.take(Range::Services, vec![put(place, ours, 11, 0)], NOW).words.is_empty());
    assert_eq!((book.foreign(), book.unreadable()), (0, 1));
    let gone = book.list(Range::Skydns, Vec::new(), 12, NOW);
    assert!(gone.words.is_empty());
    assert_eq!(book.unreadable(), 0);
}

#[test]
fn servers_are_known() {
    let mut book = book();
    let key = book.keys.server("one-1");
    assert!(book.hears(vec![put(key.clone(), "", 7, 5)]).servers);
    assert_eq!(book.servers().collect::<Vec<_>>(), ["one-1"]);
    assert!(book.hears(vec![delete(key, 8)]).servers);
    assert_eq!(book.servers().count(), 0);
}

fn change(before: Option<&Host>, after: Option<&Host>) -> Change {
    let of = |host: Option<&Host>| host.cloned().map(Arc::new);
    Change {
        revision: revision_of(1),
        at: NOW,
        cause: Cause::Api(Dialect::Native),
        before: of(before),
        after: of(after),
    }
}

#[test]
fn a_change_is_one_transaction_upon_what_is_known() {
    let mut book = book();
    let host = host("a", 10, Some(Duration::from_secs(5)));
    let steps = write::steps(&[change(None, Some(&host))], &book, true);
    // The row, the beat of its check, and what others read.
    assert_eq!(steps.iter().map(write::Step::sizes).collect::<Vec<_>>(), [(1, 3, 0, 2)]);
    book.hears(vec![book.row_event(&host, 7, 42), put(book.keys.beat(&host.key(), "alive"), "", 7, 43)]);
    let steps = write::steps(&[change(Some(&host), Some(&host))], &book, false);
    assert_eq!(steps.iter().map(write::Step::sizes).collect::<Vec<_>>(), [(1, 1, 0, 1)]);
    let steps = write::steps(&[change(Some(&host), None)], &book, true);
    // Its mark; row, beats and what others read are gone.
    assert_eq!(steps.iter().map(write::Step::sizes).collect::<Vec<_>>(), [(1, 1, 3, 0)]);
    assert!(steps[0].unwritten.is_empty());
    let never = self::host("b", 10, None);
    assert_eq!(write::steps(&[change(Some(&never), None)], &book, false)[0].unwritten, [never.key()]);
}

#[test]
fn many_changes_are_several_transactions() {
    let book = book();
    let hosts: Vec<Host> = (0..200).map(|n| host(&format!("h{n}"), 10, None)).collect();
    let changes: Vec<Change> = hosts.iter().map(|host| change(None, Some(host))).collect();
    let sizes: Vec<_> = write::steps(&changes, &book, true).iter().map(write::Step::sizes).collect();
    assert_eq!(sizes, [(60, 120, 0, 60), (60, 120, 0, 60), (60, 120, 0, 60), (20, 40, 0, 20)]);
}

#[test]
fn hosts_of_others_can_be_taken_out() {
    let mut book = book();
    let place: Octets = "/services/web/x1".into();
    book.take(Range::Services, vec![put(place, r#"{"host":"10.0.0.9","port":99}"#, 7, 5)], NOW);
    let mut foreign = host("x1", 0, None);
    foreign.dialect = Dialect::Etcd;
    let steps = write::steps(&[change(Some(&foreign), None)], &book, true);
    assert_eq!((steps[0].sizes(), steps[0].unwritten.clone()), ((1, 1, 1, 0), vec![foreign.key()]));
    let key: HostKey = host("x1", 0, None).key();
    assert!(book.place(&key).is_none());
}

#[test]
fn keys_that_are_no_hosts_are_all_counted_and_some_are_named() {
    let mut book = book();
    let most = crate::limits::ETCD_KEYS_TOLD;
    let strange = |number: usize| put(format!("/services/odd/{number}").as_str().into(), "garbage", 5, 0);
    book.take(Range::Services, (0..most + 10).map(strange).collect(), NOW);
    assert_eq!((book.unreadable(), book.named()), (most + 10, most));
    let gone = (0..most + 10).map(|number| delete(strange(number).kv.key, 6)).collect();
    book.take(Range::Services, gone, NOW);
    book.take(Range::Services, vec![put("/services/odd/1".into(), "[]", 7, 0)], NOW);
    assert_eq!((book.unreadable(), book.named()), (1, most), "once each, and none after the first");
}

#[test]
fn what_is_shown_without_a_row_is_noted_once() {
    let mut book = book();
    let (plain, leased) = (host("a", 0, None), host("b", 30, None));
    let list = [(&plain, 5, 0), (&leased, 6, 9)].map(|(host, at, lease)| book.row_event(host, at, lease).kv);
    book.list(Range::Own, list.into(), 10, NOW);
    let shown = |id: &str, revision| {
        let value = r#"{"host":"10.0.0.1","port":80,"tags":[],"rollcall":"native"}"#;
        put(format!("/services/web/{id}").as_str().into(), value, revision, 0).kv
    };
    book.list(Range::Services, vec![shown("a", 5), shown("left", 7), shown("later", 11)], 12, NOW);
    let places = |book: &mut Book| book.take_strays().into_iter().map(|stray| stray.place).collect::<Vec<_>>();
    assert_eq!(places(&mut book), ["/services/web/left".into()], "of the last its row may not be known yet");
    let rows = [&plain, &leased].map(|host| book.keys.row(&host.key()));
    book.hears(rows.map(|key| delete(key, 13)).into());
    assert_eq!(places(&mut book), ["/services/web/a".into()], "what has a lease ends by it");
    assert!(places(&mut book).is_empty());
    book.hears(vec![book.row_event(&plain, 14, 0)]);
    let departure = book.keys.departure(&plain.key());
    book.hears(vec![delete(book.keys.row(&plain.key()), 15), put(departure, "", 15, 1)]);
    assert!(places(&mut book).is_empty(), "whoever deregisters takes it away himself");
}

/// etcd's words for a row that is not as it was known: on another's lease, or on the one that it was to have.
#[test]
fn a_transaction_that_arrives_twice_is_no_conflict_with_itself() {
    let answer = |succeeded: bool| {
        let found = r#"{"response_range":{"kvs":[{"key":"YQ==","mod_revision":"41","lease":"7"}]}}"#;
        let text = format!(r#"{{"header":{{"revision":"43"}},"succeeded":{succeeded},"responses":[{found}]}}"#);
        serde_json::from_str(&text).expect("an answer")
    };
    assert!(matches!(write::outcome(answer(true), &[]), Written::At(43)));
    assert!(matches!(write::outcome(answer(false), &[6, 7]), Written::At(41)));
    for new in [&[][..], &[6]] {
        assert!(matches!(write::outcome(answer(false), new), Written::Conflict(rows) if rows.len() == 1));
    }
}
