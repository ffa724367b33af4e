//! Files that are damaged, locked, newer, or not ours.

use std::fs;
use std::path::Path;

use super::platter::{Dice, Platter};
use super::*;
use crate::store::database::{Database, Mark, Writes};
use crate::store::{FILE_NAME, Notice, OpenError, Opened, Settings, file, open, record};

fn open_in(directory: &Path) -> Result<Opened, OpenError> {
    open(&Settings::file(directory.to_owned()))
}

/// A disk with `count` rows, closed as a program that ends closes it, or left as one that is killed leaves it.
fn disk_of(count: usize, clean: bool) -> Platter {
    let platter = Platter::default();
    let mut store = file::open(Box::new(platter.clone())).expect("opens").store;
    let mut table = crate::table::HostTable::default();
    for number in 0..count {
        let applied = table.apply(register("web", &format!("host-{number}")), clock().now()).expect("registers");
        let change = applied.change().cloned().expect("a change");
        store.commit(&[change], table.revision(), 1).expect("commits");
    }
    let killed = platter.octets();
    drop(store);
    if clean { platter } else { Platter::holding(killed) }
}

/// Opens whatever `octets` are: rows are served as they were written, or the file is set aside.
fn survives(octets: Vec<u8>, whole: &[String], what: &str) {
    let platter = Platter::holding(octets);
    let opened = file::open(Box::new(platter.clone())).unwrap_or_else(|error| panic!("{what}: {error}"));
    let mut store = opened.store;
    let rows = shown_rows(&store.load().expect("loads").rows);
    if let Some(Notice::SetAside { .. }) = opened.notices.first() {
        assert_eq!((rows.len(), platter.set_aside_count()), (0, 1), "{what}");
    } else {
        assert!(rows.iter().all(|row| whole.contains(row)), "{what}: a row that nobody wrote");
    }
}

fn flips_and_cuts(count: usize) {
    for clean in [true, false] {
        let disk = disk_of(40, clean);
        let whole =
            shown_rows(&file::open(Box::new(disk_of(40, clean))).expect("opens").store.load().expect("loads").rows);
        let octets = disk.octets();
        let mut dice = Dice(11);
        for _ in 0..count {
            let mut damaged = octets.clone();
            // The header and the pages that are in use are at the front; every other flip is among them.
            let end = [damaged.len(), 8192, 320, 128 * 1024][dice.roll(4)].min(damaged.len());
            for _ in 0..=dice.roll(3) {
                let place = dice.roll(end);
                damaged[place] ^= 1 << dice.roll(8);
            }
            survives(damaged, &whole, "flipped");
        }
        for _ in 0..count / 3 {
            let mut damaged = octets.clone();
            damaged.truncate(1 + dice.roll(octets.len() - 1));
            survives(damaged, &whole, "cut");
        }
    }
}

#[test]
fn flipped_bits_and_cut_ends_are_survived() {
    flips_and_cuts(120);
}

#[test]
#[ignore = "minutes: run it when redb or the way of opening changes"]
fn flipped_bits_and_cut_ends_are_survived_many_times() {
    flips_and_cuts(20_000);
}

#[test]
fn a_damaged_file_is_kept_under_another_name() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join(FILE_NAME);
    for round in 0..2 {
        fs::write(&path, b"this is no database").expect("writes");
        let opened = open_in(directory.path()).expect("opens");
        let [Notice::SetAside { kept, .. }] = &opened.notices[..] else { panic!("{:?}", opened.notices) };
        assert_eq!(fs::read(kept).expect("is there"), b"this is no database");
        assert!(opened.notices[0].to_string().contains("EMPTY"));
        drop(opened);
        assert_eq!(fs::read_dir(directory.path()).expect("reads").count(), round + 2, "none is overwritten");
    }
}

#[test]
fn a_file_that_cannot_be_moved_is_an_error() {
    let directory = tempfile::tempdir().expect("directory");
    fs::create_dir(directory.path().join(FILE_NAME)).expect("a directory in its place");
    let error = open_in(directory.path()).expect_err("cannot be opened");
    assert!(matches!(error, OpenError::Unusable { .. }), "{error}");
}

#[test]
fn a_second_process_is_told() {
    let directory = tempfile::tempdir().expect("directory");
    let _first = open_in(directory.path()).expect("opens");
    let error = open_in(directory.path()).expect_err("is in use");
    assert!(error.to_string().starts_with("another rollcall is using"), "{error}");
}

#[test]
fn what_a_newer_release_wrote_is_refused_and_not_touched() {
    let row = Writes::from([(b"web\0\0a".to_vec(), Some(vec![record::VERSION + 1, b'{']))]);
    let platter = disk_of(1, true);
    let mut database = Database::open(|builder| builder.create_with_backend(platter.clone())).expect("opens");
    database.commit(&row, Mark::default()).expect("commits");
    drop(database);
    let error = file::open(Box::new(platter.clone())).expect_err("is newer");
    assert!(matches!(error, OpenError::Newer { found: 2, .. }), "{error}");
    assert_eq!(platter.set_aside_count(), 0);
}

#[test]
fn a_row_that_cannot_be_read_is_left_out_and_reported() {
    let row = Writes::from([(b"web\0\0a".to_vec(), Some(b"\x01{\"a\":[\"nowhere at all\"]}".to_vec()))]);
    let platter = disk_of(2, true);
    let mut database = Database::open(|builder| builder.create_with_backend(platter.clone())).expect("opens");
    database.commit(&row, Mark { revision: Revision(3), serial: 1 }).expect("commits");
    drop(database);
    let mut opened = file::open(Box::new(platter)).expect("opens");
    assert!(matches!(&opened.notices[..], [Notice::Skipped { count: 1, first, .. }] if first.contains("addresses")));
    assert_eq!(opened.store.load().expect("loads").rows.len(), 2);
}
