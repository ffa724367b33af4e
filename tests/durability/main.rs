//! The real program, killed and starved: what was acknowledged is there afterwards, what was refused is not.
//!
//! `ROLLCALL_ROUNDS` makes long runs, `ROLLCALL_SEED` replays what the writers ask for (not the scheduler's part).

mod client;
mod load;
mod mount;
mod process;

use std::sync::mpsc::{TryRecvError, sync_channel};

use client::Client;
use load::{Bell, Ledger};
use process::{PATIENCE, Process, command};
use rollcall::zone::Random;

const WRITERS: usize = 8;

#[allow(clippy::disallowed_methods, reason = "these are settings of the test, not of the program")]
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

/// Lets all writers write until `stop`, which is called after a number of acknowledged writes.
fn write_until(server: &mut Process, ledgers: &mut [Ledger], after: usize, stop: impl FnOnce(&mut Process)) {
    let http = server.http;
    let (ring, heard) = sync_channel(1);
    let bell = Bell::new(after, ring);
    std::thread::scope(|scope| {
        for ledger in ledgers {
            let bell = &bell;
            scope.spawn(move || ledger.write(http, bell));
        }
        heard.recv_timeout(PATIENCE).expect("writes that are acknowledged");
        stop(server);
    });
    assert!(matches!(heard.try_recv(), Err(TryRecvError::Empty | TryRecvError::Disconnected)));
}

#[test]
fn kill_9_loses_nothing_that_was_acknowledged() {
    let seed = number("ROLLCALL_SEED", 1);
    let data = tempfile::tempdir().expect("a directory");
    let mut random = Random::new(seed);
    let mut ledgers: Vec<Ledger> = (0..WRITERS).map(|writer| Ledger::new(writer, random.next_u64())).collect();
    let mut server = Process::start(data.path());
    for round in 0..number("ROLLCALL_ROUNDS", 12) {
        let after = 1 + random.below(300);
        write_until(&mut server, &mut ledgers, after, Process::kill);
        server = Process::start(data.path());
        assert!(!server.said.iter().any(|line| line.contains("EMPTY")), "round {round}: {:?}", server.said);
        for ledger in &mut ledgers {
            ledger.settle(server.http, server.dns);
        }
    }
}

#[test]
fn a_stop_under_load_answers_what_it_accepted() {
    let data = tempfile::tempdir().expect("a directory");
    let mut random = Random::new(number("ROLLCALL_SEED", 1));
    let mut ledgers: Vec<Ledger> = (0..WRITERS).map(|writer| Ledger::new(writer, random.next_u64())).collect();
    let mut server = Process::start(data.path());
    for round in 0..4 {
        write_until(&mut server, &mut ledgers, 1 + random.below(200), |server| server.terminate());
        server.wait_for("stopped");
        assert_eq!(server.end().code(), Some(0));
        server = Process::start(data.path());
        for ledger in &mut ledgers {
            let heard = ledger.settle(server.http, server.dns);
            assert!(!heard, "round {round}: a write was done and not answered");
        }
    }
}

#[test]
fn one_directory_serves_one_process() {
    let data = tempfile::tempdir().expect("a directory");
    let server = Process::start(data.path());
    let second = command(data.path()).output().expect("a program that starts");
    let said = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains("another rollcall is using ") && said.contains("rollcall.redb"), "{said}");
    assert!(second.stdout.is_empty());
    // The first does not notice.
    let mut client = Client::connect(server.http).expect("a connection");
    assert_eq!(put(&mut client, "first", "10.0.0.1", ""), 201);
}

/// Registers a host of the service `disk` and gives the status.
fn put(client: &mut Client, id: &str, address: &str, more: &str) -> u16 {
    let body = format!(r#"{{"address":"{address}","port":80{more}}}"#);
    client.ask("PUT", &format!("/v1/hosts/disk/{id}"), &body).expect("an answer").0
}

/// How many hosts of the service `disk` DNS and HTTP show; they agree.
fn count(server: &Process, client: &mut Client) -> usize {
    let (_, list) = client.ask("GET", "/v1/hosts/disk", "").expect("a list");
    let list: serde_json::Value = serde_json::from_slice(&list).expect("JSON");
    let listed = list["hosts"].as_array().expect("a list").len();
    assert_eq!(client::services(server.dns, "disk").map_or(0, |records| records.len()), listed);
    listed
}

#[test]
fn a_full_disk_refuses_writes_until_it_has_room() {
    let Some(disk) = mount::Tmpfs::mount("8m") else { return };
    let server = Process::start(disk.path());
    let mut client = Client::connect(server.http).expect("a connection");
    assert_eq!(put(&mut client, "kept", "10.0.0.1", r#","ttl":"1h""#), 201);
    disk.fill();
    let large = format!(r#","meta":{{"k":"{0}","l":"{0}","m":"{0}","n":"{0}"}}"#, "x".repeat(512));
    let mut kept = 1;
    let refused = loop {
        match put(&mut client, &format!("h{kept}"), &format!("10.1.{}.{}", kept / 256, kept % 256), &large) {
            201 => kept += 1,
            status => break status,
        }
        assert!(kept < 5000, "the disk never fills");
    };
    assert_eq!(refused, 507);
    // Names are answered, heartbeats are taken, the next writes are refused, too, and nothing of them shows.
    assert_eq!(count(&server, &mut client), kept);
    assert_eq!(client.ask("POST", "/v1/hosts/disk/kept/renew", "").expect("an answer").0, 200);
    let status = put(&mut client, "late", "10.2.0.1", &large);
    assert!(matches!(status, 503 | 507), "{status}");
    assert_eq!(count(&server, &mut client), kept);

    disk.make_room();
    assert_eq!(put(&mut client, "late", "10.2.0.1", &large), 201, "there is room and no restart");
    assert_eq!(count(&server, &mut client), kept + 1);
    drop(server);
    let server = Process::start(disk.path());
    let mut client = Client::connect(server.http).expect("a connection");
    assert_eq!(count(&server, &mut client), kept + 1);
    drop(server);
}

#[test]
fn a_first_start_on_a_full_disk_says_so_and_leaves_nothing() {
    let Some(disk) = mount::Tmpfs::mount("1m") else { return };
    disk.fill();
    for _ in 0..2 {
        let output = command(disk.path()).output().expect("a program that starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("the disk is full: ") && !said.contains("damaged"), "{said}");
        assert_eq!(std::fs::read_dir(disk.path()).expect("a directory").count(), 1, "the ballast is alone");
    }
    disk.make_room();
    disk.remount("size=8m");
    assert!(!Process::start(disk.path()).said.iter().any(|line| line.contains("WARN")));
}

#[test]
fn a_disk_that_cannot_be_written_is_served() {
    let Some(disk) = mount::Tmpfs::mount("8m") else { return };
    let mut server = Process::start(disk.path());
    let mut client = Client::connect(server.http).expect("a connection");
    assert_eq!(put(&mut client, "kept", "10.0.0.1", ""), 201);
    server.terminate();
    assert_eq!(server.end().code(), Some(0));

    disk.remount("ro");
    let server = Process::start(disk.path());
    assert!(server.said.iter().any(|line| line.contains("cannot be written")), "{:?}", server.said);
    let mut client = Client::connect(server.http).expect("a connection");
    assert_eq!(count(&server, &mut client), 1);
    assert_eq!(put(&mut client, "late", "10.0.0.2", ""), 503);
    assert_eq!(count(&server, &mut client), 1);
    disk.remount("rw");
    assert_eq!(put(&mut client, "late", "10.0.0.2", ""), 201, "it can be written and no restart");
    assert_eq!(count(&server, &mut client), 2);
    drop(server);
}
