//! What operators write: master files and the configuration. Any text is read or refused with its line.

use std::path::Path;
use std::time::{Duration, Instant};

use rollcall::clock::Timestamp;
use rollcall::config::{self, Environment, Flags};
use rollcall::dns::Transport;
use rollcall::limits;
use rollcall::zone::{Grammar, Name, Policy, Zone, Zones, parse_file};

use crate::answers::{self, Asked};
use crate::dice::Dice;
use crate::packets;
use crate::play::play;
use crate::world::SERVICE_ZONE;

/// Time that no small text may take, however slow the machine.
const PATIENCE: Duration = Duration::from_secs(5);

const LINES: [&str; 32] = [
    "$ORIGIN sub.service.local.",
    "$ORIGIN .",
    "$TTL 1h30m",
    "$TTL 99999999999999999999",
    "$INCLUDE other.zone",
    "$GENERATE 1-100 a$ A 10.0.0.$",
    "@ IN SOA ns hostmaster ( 1 ; serial\n 4h 1h 1w 5 )",
    "@ 0 NS ns",
    "a A 10.0.0.1",
    "a 60 AAAA fd00::1",
    "  IN TXT \"a\" \"b;c\" d\\;e \\065\\066",
    "* MX 10 a",
    "*.b CNAME a",
    "b.c CNAME b",
    "sub NS ns.sub",
    "ns.sub A 10.0.0.2",
    "x.sub A 10.0.0.3",
    "_http._tcp SRV 0 1 80 a",
    "p PTR a.service.local.",
    "c CAA 128 issue \"x\"",
    "d DNAME e",
    "e TYPE65 \\# 4 00010000",
    "f TYPE1 \\# 4 0a000001",
    "f A \\# 4 0a000001",
    "g TYPE65280 \\# 0",
    "h HTTPS 1 . alpn=h2",
    "\\000\\.\\255 A 10.0.0.4",
    "i.i.i.i.i.i.i.i.i.i.i.i.i.i.i.i.i.i.i.i.i.i.i.i.i.i.i.i.i.i A 10.0.0.5",
    "j 1d IN A 10.0.0.6 ; end",
    "k DS 1 8 2 00",
    "l SSHFP 1 1 0123456789",
    "m CH A 10.0.0.7",
];

const SETTINGS: [&str; 24] = [
    "version = 1",
    "version = 2",
    "http = \"127.0.0.1:8500\"",
    "dns = [\"127.0.0.1:8600\", \"[::1]:8600\"]",
    "domain = \"local\"",
    "store = \"memory\"",
    "data_dir = \"/var/lib/rollcall\"",
    "zones_dir = \"zones\"",
    "record_ttl = \"5s\"",
    "record_ttl = 99999999999999999999",
    "negative_ttl = 5",
    "threads = 2",
    "threads = \"2\"",
    "only_passing = true",
    "log_format = \"json\"",
    "host_ttl = \"1h30m\"",
    "auto_ip = [\"10.0.0.0/8\", \"::/0\"]",
    "advertise = []",
    "dns_listeners = \"hickory\"",
    "[table]",
    "a.b.c = { d = [1, 2, [3]] }",
    "text = \"\"\"\nlong\n\"\"\"",
    "# a comment",
    "when = 1979-05-27T07:32:00Z",
];

fn origin() -> Name {
    Name::parse("origin", "service.local.", &Name::root()).expect("a name")
}

fn zones_of(text: &str) -> Result<Zones, rollcall::zone::FileError> {
    let own = ["127.0.0.1".parse().expect("an address")];
    parse_file(text, &origin()).map(|file| {
        let policy = Policy::default();
        Zones::new(vec![Zone::new(file, Grammar::Service, &policy, &own)], policy)
    })
}

/// The zone that hosts are rendered into, with static names of every kind.
pub(crate) fn service_zone() -> Zones {
    zones_of(SERVICE_ZONE).expect("a zone")
}

/// Lines of a whole text and of a list, in any order, now and then spoiled.
fn text(dice: &mut Dice, whole: &str, lines: &[&str]) -> String {
    let mut text: Vec<&str> = if dice.once_in(4) { Vec::new() } else { whole.lines().collect() };
    for _ in 0..dice.below(6) {
        let at = dice.place(text.len());
        text.insert(at, *dice.pick(lines));
    }
    while dice.once_in(3) && !text.is_empty() {
        text.remove(dice.below(text.len()));
    }
    let mut text = text.join(if dice.once_in(16) { "\r\n" } else { "\n" }).into_bytes();
    if dice.once_in(2) {
        let other = dice.pick(lines).as_bytes();
        dice.spoil(&mut text, other);
    }
    if dice.once_in(500) {
        text = text.repeat(1 + dice.below(60));
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn zone_files() {
    let names = crate::world::names();
    let mut out = Vec::new();
    let mut read = 0;
    play("zone_files", 2000, |_, dice, trace| {
        let text = text(dice, SERVICE_ZONE, &LINES);
        trace.input("file", text.as_bytes());
        let zones = match in_time(|| zones_of(&text)) {
            Ok(zones) => zones,
            Err(error) => {
                let lines = text.lines().count().max(1);
                assert!((1..=lines).contains(&error.line), "{error}: of {lines} lines");
                assert!(!error.what.is_empty() && error.what.len() < 4096, "{error}");
                return;
            }
        };
        read += 1;
        let asked = Asked { zones: &zones, loaded: true, now: Timestamp::default(), seed: dice.bits() };
        for _ in 0..4 {
            let query = packets::packet(dice, &names);
            trace.input("query", &query.packet);
            let transport = *dice.pick(&Transport::ALL);
            asked.check(&query.packet, transport, &mut out);
        }
        answers::check_existence(&asked, dice, &names, &mut out);
    });
    assert!(read > 0, "some were read");
}

#[test]
fn configurations() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("rollcall.toml");
    let delivered = include_str!("../../etc/rollcall.toml");
    let environment = Environment::of([("HOME", "/nonexistent")]);
    let mut read = 0;
    play("configurations", 1000, |_, dice, trace| {
        let text =
            if dice.once_in(2) { text(dice, delivered, &SETTINGS) } else { text(dice, "version = 1", &SETTINGS) };
        trace.input("file", text.as_bytes());
        std::fs::write(&path, &text).expect("a file");
        match in_time(|| load(&path, &environment)) {
            Ok(described) => {
                read += 1;
                assert!(described.starts_with("version = 1"), "{described}");
            }
            Err(error) => check_complaint(&error, &path, text.lines().count()),
        }
    });
    assert!(read > 0, "some were read");
}

fn load(path: &Path, environment: &Environment) -> Result<String, String> {
    let flags = Flags { file: Some(path.into()), values: Vec::new() };
    config::load(&flags, environment).map(|loaded| loaded.describe()).map_err(|error| error.to_string())
}

/// A complaint is one line that begins with the file, and its line where one is to blame.
fn check_complaint(error: &str, path: &Path, lines: usize) {
    assert!(!error.contains('\n') && error.len() < limits::CONFIG_FILE_OCTETS, "{error}");
    let place = error.strip_prefix(&path.display().to_string()).unwrap_or_else(|| panic!("no file in {error:?}"));
    let Some(line) = place.strip_prefix(':').and_then(|rest| rest.split(':').next()) else {
        panic!("no place in {error:?}")
    };
    if let Ok(line) = line.trim().parse::<usize>() {
        assert!((1..=lines + 1).contains(&line), "{error} of {lines} lines");
    }
}

#[allow(clippy::disallowed_methods, reason = "a test that looks for what takes long")]
fn in_time<T>(work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let done = work();
    assert!(start.elapsed() < PATIENCE, "a text of a few kB took {:?}", start.elapsed());
    done
}
