//! The redb database of the file store, and the only code that knows its tables.
//!
//! Table `rows` maps the key of a row to its stored form (see `record`); table `meta` holds `format`, `revision`
//! and `serial` of the last commit. One transaction a commit, made durable by one fsync before it returns.

use std::any::Any;
use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use redb::{ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition};

use super::decoder::{self, Decoded};
use super::record;
use crate::limits;
use crate::table::Revision;

const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

/// Values by key, `None` to remove: each row once, whatever happened to it in between.
pub(super) type Writes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// The numbers of the last commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Mark {
    pub(super) revision: Revision,
    pub(super) serial: u32,
}

/// What a database held.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) rows: Decoded,
    pub(super) mark: Mark,
}

/// Why a database is of no use.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// Another process has it.
    #[error("another rollcall is using it")]
    InUse,
    /// A newer release wrote it.
    #[error("it was written by a newer rollcall (form {0})")]
    Newer(u64),
    /// What it holds makes no sense.
    #[error("{0}")]
    Damaged(String),
    /// The operating system says no.
    #[error(transparent)]
    Io(io::Error),
}

impl From<redb::DatabaseError> for Trouble {
    fn from(error: redb::DatabaseError) -> Trouble {
        redb::Error::from(error).into()
    }
}

impl From<redb::Error> for Trouble {
    #[allow(clippy::wildcard_enum_match_arm, reason = "redb may add errors; what is not named here is damage")]
    fn from(error: redb::Error) -> Trouble {
        match error {
            redb::Error::DatabaseAlreadyOpen => Trouble::InUse,
            // How redb says "not a database" and "shorter than it says it is".
            redb::Error::Io(error) if is_nonsense(&error) => Trouble::Damaged(error.to_string()),
            redb::Error::Io(error) => Trouble::Io(error),
            redb::Error::PreviousIo => Trouble::Io(io::Error::other("an earlier write failed")),
            other => Trouble::Damaged(other.to_string()),
        }
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "every other kind is the disk's, not the file's")]
fn is_nonsense(error: &io::Error) -> bool {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => true,
        // The same two from the engine itself; with a number it is the operating system that speaks.
        io::ErrorKind::InvalidInput => error.raw_os_error().is_none(),
        _ => false,
    }
}

/// An open database.
pub(super) struct Database(Option<redb::Database>);

impl Database {
    /// Opens by `open`, which is given how; a database that was not closed is repaired, an empty place is filled.
    pub(super) fn open(
        open: impl FnOnce(&redb::Builder) -> Result<redb::Database, redb::DatabaseError>,
    ) -> Result<Database, Trouble> {
        let mut builder = redb::Builder::new();
        builder.set_cache_size(limits::STORE_CACHE_OCTETS);
        let mut database = Database(Some(guarded(|| Ok(open(&builder)?))?));
        if database.with(is_new)? {
            database.commit(&Writes::new(), Mark::default())?;
        }
        let format = database.with(|database| meta(database, "format"))?;
        if format > u64::from(record::VERSION) { Err(Trouble::Newer(format)) } else { Ok(database) }
    }

    /// Compares every page with its checksum: opening alone trusts a database that was closed. Says whether all was
    /// well; what was not is mended then.
    pub(super) fn verify(&mut self) -> Result<bool, Trouble> {
        let database = self.0.as_mut().ok_or_else(closed)?;
        guarded(|| Ok(database.check_integrity()?))
    }

    /// The numbers of the last commit.
    pub(super) fn mark(&self) -> Result<Mark, Trouble> {
        self.with(mark)
    }

    /// Reads everything.
    pub(super) fn contents(&self) -> Result<Contents, Trouble> {
        self.with(contents)
    }

    /// Writes in one transaction. After an error it is unknown whether anything was written, and the database has to
    /// be opened anew.
    pub(super) fn commit(&mut self, writes: &Writes, mark: Mark) -> Result<(), Trouble> {
        self.with(|database| write(database, writes, mark))
    }

    fn with<T, E: Into<Trouble>>(&self, work: impl FnOnce(&redb::Database) -> Result<T, E>) -> Result<T, Trouble> {
        let database = self.0.as_ref().ok_or_else(closed)?;
        guarded(|| work(database).map_err(Into::into))
    }
}

/// Closing writes, too.
impl Drop for Database {
    fn drop(&mut self) {
        let database = self.0.take();
        // Nobody is left to tell; the next opening repairs.
        let _ = guarded(|| {
            drop(database);
            Ok(())
        });
    }
}

/// redb answers a damaged file with an error where it expects one and with a panic where it does not. A panic must
/// not end the thread that all writers wait for, nor keep the program from starting beside a file set aside.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Trouble> {
    // Nothing broken is seen afterwards: whoever gets an error drops the database.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(Trouble::Damaged(panic_text(&*panic))))
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("the database engine panicked").to_owned()
}

fn closed() -> Trouble {
    Trouble::Io(io::Error::other("the database is closed"))
}

fn is_new(database: &redb::Database) -> Result<bool, redb::Error> {
    let transaction = database.begin_read()?;
    Ok(transaction.list_tables()?.next().is_none())
}

fn meta(database: &redb::Database, name: &str) -> Result<u64, redb::Error> {
    let table = database.begin_read()?.open_table(META)?;
    let value = table.get(name)?.map(|value| value.value());
    value.ok_or_else(|| redb::Error::Corrupted(format!("meta has no {name}")))
}

fn mark(database: &redb::Database) -> Result<Mark, redb::Error> {
    let serial = u32::try_from(meta(database, "serial")?);
    Ok(Mark {
        revision: Revision(meta(database, "revision")?),
        serial: serial.map_err(|_| redb::Error::Corrupted("the serial is too great".into()))?,
    })
}

fn contents(database: &redb::Database) -> Result<Contents, Trouble> {
    let mark = mark(database)?;
    let table = rows(database)?;
    let count = usize::try_from(table.len().map_err(redb::Error::from)?).unwrap_or_default().min(limits::HOSTS);
    let entries = table.iter().map_err(redb::Error::from)?;
    let rows = decoder::decode(entries.map(|entry| Ok(entry.map_err(redb::Error::from)?)), count)?;
    Ok(Contents { rows, mark })
}

fn rows(database: &redb::Database) -> Result<redb::ReadOnlyTable<&'static [u8], &'static [u8]>, redb::Error> {
    Ok(database.begin_read()?.open_table(ROWS)?)
}

fn write(database: &redb::Database, writes: &Writes, mark: Mark) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut rows = transaction.open_table(ROWS)?;
        for (key, value) in writes {
            match value {
                Some(value) => rows.insert(&key[..], &value[..])?,
                None => rows.remove(&key[..])?,
            };
        }
        let mut meta = transaction.open_table(META)?;
        meta.insert("format", u64::from(record::VERSION))?;
        meta.insert("revision", mark.revision.0)?;
        meta.insert("serial", u64::from(mark.serial))?;
    }
    Ok(transaction.commit()?)
}
