//! The store in one file.
//!
//! # When the disk fails
//!
//! After a failed commit it is unknown what reached the disk, and the engine refuses to go on. The store then opens
//! the file anew, at once and before every further commit until that succeeds, looks whether the failed commit is in
//! it, and takes it out again if so: its writers were told that it never happened. Nothing else has to be done
//! when the disk has room again.

use super::database::{Contents, Database, Mark, Trouble, Writes};
use super::disk::Disk;
use super::{Loaded, Notice, OpenError, Opened, Store, record};
use crate::registry::CommitError;
use crate::table::{Change, Host, Revision};

/// Rows in a file.
pub struct FileStore {
    disk: Box<dyn Disk>,
    /// `None` while the file cannot be written.
    database: Option<Database>,
    /// What opening read, until somebody asks for it.
    loaded: Option<Loaded>,
    /// The last commit that succeeded.
    known: Mark,
    /// The last commit that failed and may be in the file all the same.
    doubt: Option<Doubt>,
}

/// A commit of which it is unknown whether it happened.
struct Doubt {
    revision: Revision,
    /// What takes it back.
    undo: Writes,
}

/// Opens the database of `disk` and reads it; the rules are those of [`super::open`].
pub(super) fn open(disk: Box<dyn Disk>) -> Result<Opened, OpenError> {
    let mut notices = Vec::new();
    let read = match read_writable(&*disk) {
        // A first start was killed: it never held anything, so nothing is lost and nobody need hear of it.
        Err(Trouble::Damaged(_)) if disk.is_unfinished() && disk.remove().is_ok() => read_writable(&*disk),
        Err(Trouble::Damaged(reason)) => {
            notices.push(set_aside(&*disk, reason)?);
            read_writable(&*disk)
        }
        read => read,
    };
    let (database, contents, sound) = match read {
        Ok((database, contents, sound)) => (Some(database), contents, sound),
        Err(Trouble::Io(error)) => {
            let (contents, sound) = read_only(&*disk, error, &mut notices)?;
            (None, contents, sound)
        }
        Err(trouble) => return Err(refusal(&*disk, trouble)),
    };
    let path = || disk.path().to_owned();
    if !sound {
        notices.push(Notice::Repaired { path: path() });
    }
    if contents.rows.skipped > 0 {
        notices.push(Notice::Skipped {
            path: path(),
            count: contents.rows.skipped,
            first: contents.rows.first_skipped.clone(),
        });
    }
    let known = contents.mark;
    let loaded = Some(loaded(contents));
    Ok(Opened { store: Box::new(FileStore { disk, database, loaded, known, doubt: None }), notices })
}

fn read_writable(disk: &dyn Disk) -> Result<(Database, Contents, bool), Trouble> {
    read(database_of(disk)?)
}

/// Opens the database; one that was begun and could not be finished, on a full disk, leaves nothing behind.
fn database_of(disk: &dyn Disk) -> Result<Database, Trouble> {
    let opened = Database::open(|builder| disk.open(builder));
    if let Err(Trouble::Io(_) | Trouble::Damaged(_)) = &opened
        && disk.was_made()
    {
        // What cannot be removed either is found, and known as unfinished, by the next opening.
        let _ = disk.remove();
    }
    opened
}

fn read(mut database: Database) -> Result<(Database, Contents, bool), Trouble> {
    let sound = database.verify()?;
    let contents = database.contents()?;
    Ok((database, contents, sound))
}

/// Reads a file that cannot be written, `error` says why: a copy in memory takes what repair has to write.
fn read_only(disk: &dyn Disk, error: std::io::Error, notices: &mut Vec<Notice>) -> Result<(Contents, bool), OpenError> {
    let octets = match disk.read() {
        Ok(octets) => octets,
        Err(busy) if busy.kind() == std::io::ErrorKind::ResourceBusy => {
            return Err(OpenError::InUse(disk.path().to_owned()));
        }
        // What was there is set aside: the operator hears of it, and of this.
        Err(_) if !notices.is_empty() => {
            notices.push(Notice::ReadOnly { path: disk.path().to_owned(), reason: error.to_string() });
            return Ok((Contents::default(), true));
        }
        // Missing: a first start, where nothing is lost by saying what is wrong. Unreadable: nothing to answer with.
        Err(_) => return Err(refusal(disk, Trouble::Io(error))),
    };
    notices.push(Notice::ReadOnly { path: disk.path().to_owned(), reason: error.to_string() });
    match Database::open(|builder| builder.create_with_backend(copy(&octets)?)).and_then(read) {
        Ok((_, contents, sound)) => Ok((contents, sound)),
        Err(Trouble::Damaged(reason)) => {
            notices.push(set_aside(disk, reason)?);
            Ok((Contents::default(), true))
        }
        Err(trouble) => Err(refusal(disk, trouble)),
    }
}

fn copy(octets: &[u8]) -> std::io::Result<redb::backends::InMemoryBackend> {
    use redb::StorageBackend;
    let copy = redb::backends::InMemoryBackend::new();
    copy.set_len(octets.len() as u64)?;
    copy.write(0, octets)?;
    Ok(copy)
}

fn set_aside(disk: &dyn Disk, reason: String) -> Result<Notice, OpenError> {
    let path = disk.path().to_owned();
    match disk.set_aside() {
        Ok(kept) => Ok(Notice::SetAside { path, kept, reason }),
        Err(rename) => Err(OpenError::Damaged { path, reason, rename }),
    }
}

fn refusal(disk: &dyn Disk, trouble: Trouble) -> OpenError {
    let path = disk.path().to_owned();
    match trouble {
        Trouble::InUse => OpenError::InUse(path),
        Trouble::Newer(found) => OpenError::Newer { path, found },
        // A place that was just made empty and is damaged again is a disk that does not keep what it is given.
        Trouble::Damaged(reason) => OpenError::Unusable { path, reason: std::io::Error::other(reason) },
        Trouble::Io(reason) if is_full(&reason) => OpenError::Full { path, reason },
        Trouble::Io(reason) => OpenError::Unusable { path, reason },
    }
}

fn loaded(contents: Contents) -> Loaded {
    Loaded { rows: contents.rows.rows, revision: contents.mark.revision, serial: contents.mark.serial }
}

impl FileStore {
    /// Opens the file again and takes out what a failed commit may have left there.
    fn reopen(&mut self) -> Result<Database, Trouble> {
        let mut database = database_of(&*self.disk)?;
        let found = database.mark()?;
        if let Some(doubt) = &self.doubt
            && found.revision == doubt.revision
        {
            database.commit(&doubt.undo, self.known)?;
        } else if found != self.known {
            return Err(Trouble::Damaged("somebody else changed the file; a restart reads it anew".into()));
        }
        self.doubt = None;
        Ok(database)
    }

    fn try_commit(&mut self, changes: &[Change], mark: Mark) -> Result<(), Trouble> {
        let mut database = match self.database.take() {
            Some(database) => database,
            None => self.reopen()?,
        };
        let result = database.commit(&writes(changes), mark);
        if let Err(trouble) = result {
            drop(database);
            self.doubt = Some(Doubt { revision: mark.revision, undo: undo(changes) });
            self.database = self.reopen().ok();
            return Err(trouble);
        }
        self.known = mark;
        self.database = Some(database);
        Ok(())
    }
}

impl Store for FileStore {
    fn load(&mut self) -> Result<Loaded, CommitError> {
        match (self.loaded.take(), &self.database) {
            (Some(loaded), _) => Ok(loaded),
            (None, Some(database)) => database.contents().map(loaded).map_err(refused),
            (None, None) => Err(CommitError::Unavailable("the file is not open".into())),
        }
    }

    fn commit(&mut self, changes: &[Change], revision: Revision, serial: u32) -> Result<(), CommitError> {
        self.try_commit(changes, Mark { revision, serial }).map_err(refused)
    }
}

/// The last state of each row.
fn writes(changes: &[Change]) -> Writes {
    changes.iter().map(|change| (record::key(change.host()), change.after.as_deref().map(record::value))).collect()
}

/// The first state of each row.
fn undo(changes: &[Change]) -> Writes {
    let first = |host: Option<&Host>| host.map(record::value);
    changes.iter().rev().map(|change| (record::key(change.host()), first(change.before.as_deref()))).collect()
}

fn refused(trouble: Trouble) -> CommitError {
    match trouble {
        Trouble::Io(error) if is_full(&error) => CommitError::Full(error.to_string()),
        Trouble::InUse | Trouble::Newer(_) | Trouble::Damaged(_) | Trouble::Io(_) => {
            CommitError::Unavailable(trouble.to_string())
        }
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "every other kind is no lack of room")]
fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}
