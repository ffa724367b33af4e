//! Stored rows: a row that cannot be read is left out, and costs neither its neighbors nor the file.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use redb::{Database, TableDefinition};
use rollcall::clock::{Clock, Timestamp};
use rollcall::dns::Transport;
use rollcall::registry::{Durability, Registry};
use rollcall::store::{self, FILE_NAME, Notice, Settings};

use crate::answers::Asked;
use crate::dice::Dice;
use crate::play::play_many;
use crate::{files, packets, world};

/// Rows of one file.
const ROWS: u64 = 250;

const KEYS: [&[u8]; 6] = [b"web\0\0a", b"web\0\x01b", b"db\0\0c", b"Web\0\0d", b"my service\0\x01e", b"api\0\0f"];
const VALUES: [&str; 8] = [
    r#"{"a":["10.0.0.1"]}"#,
    r#"{"a":["10.0.0.2","fd00::2"],"p":[{"n":80},{"n":53,"t":"udp","s":"dns"}],"l":30000000,"w":7,"r":1}"#,
    r#"{"a":["db.example.com"],"p":[{"n":5432}],"z":"az1","g":"r","m":[["k","v"]],"b":1,"e":2}"#,
    r#"{"n":"team","a":["10.0.0.3"],"t":["v1","a.b"],"d":true,"o":"repo"}"#,
    r#"{"a":["10.0.0.4"],"c":[{"i":"disk","k":"reported","s":"critical","o":"full","t":1}]}"#,
    r#"{"a":["10.0.0.5"],"x":"{\"tags\":{\"az\":\"a\"}}","l":600000000}"#,
    r#"{"a":[],"p":[],"t":[]}"#,
    r#"{"a":["::"],"p":[{"n":0}],"l":-1,"w":99999999999}"#,
];

/// A key and a value, spoiled or not; the version stays, as a newer one is refused by name.
fn row(dice: &mut Dice) -> (Vec<u8>, Vec<u8>) {
    let mut key = dice.pick(&KEYS).to_vec();
    key.extend(dice.number().to_string().into_bytes());
    let mut value = dice.pick(&VALUES).as_bytes().to_vec();
    if dice.once_in(8) {
        let other = *dice.pick(&KEYS);
        dice.spoil(&mut key, other);
    }
    if dice.once_in(2) {
        let other = dice.pick(&VALUES).as_bytes();
        dice.spoil(&mut value, other);
    }
    value.insert(0, 1);
    if dice.once_in(64) {
        value.truncate(dice.below(2));
    }
    (key, value)
}

fn write(path: &Path, rows: &BTreeMap<Vec<u8>, Vec<u8>>) -> Result<(), redb::Error> {
    let database = Database::create(path)?;
    let transaction = database.begin_write()?;
    {
        let mut table = transaction.open_table(TableDefinition::<&[u8], &[u8]>::new("rows"))?;
        for (key, value) in rows {
            table.insert(&key[..], &value[..])?;
        }
        let mut meta = transaction.open_table(TableDefinition::<&str, u64>::new("meta"))?;
        for (name, value) in [("format", 1), ("revision", 7), ("serial", 9)] {
            meta.insert(name, value)?;
        }
    }
    Ok(transaction.commit()?)
}

#[test]
fn stored_rows() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join(FILE_NAME);
    let settings = Settings::file(directory.path().into());
    let zones = files::service_zone();
    let names = world::names();
    let mut out = Vec::new();
    play_many("stored_rows", 8, ROWS, |_, dice, trace| {
        let rows: BTreeMap<_, _> = (0..ROWS).map(|_| row(dice)).collect();
        for (key, value) in &rows {
            trace.input("key", key);
            trace.input("value", value);
        }
        // The first round has no file yet.
        let _ = std::fs::remove_file(&path);
        write(&path, &rows).expect("a database");
        let mut opened = store::open(&settings).expect("a store");
        let skipped = match &opened.notices[..] {
            [] => 0,
            [Notice::Skipped { count, .. }] => *count as usize,
            more => panic!("{more:?}"),
        };
        let loaded = opened.store.load().expect("rows");
        assert_eq!(loaded.rows.len() + skipped, rows.len(), "each row is read or counted");
        let clock = Arc::new(Clock::manual(Timestamp::from_micros(1_800_000_000_000_000)));
        let registry = Registry::new(clock, zones.clone(), Durability::Immediate);
        registry.load(loaded.rows, loaded.revision, loaded.serial);
        let snapshot = registry.snapshot_arc();
        let asked = Asked { zones: &snapshot.zones, loaded: true, now: registry.now(), seed: dice.bits() };
        for _ in 0..64 {
            let query = packets::packet(dice, &names);
            trace.input("query", &query.packet);
            asked.check(&query.packet, *dice.pick(&Transport::ALL), &mut out);
        }
    });
}
