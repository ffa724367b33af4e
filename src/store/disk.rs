//! The file below the file store: where it is, how it is opened, read and set aside.
//!
//! A trait, so that the tests can put a disk under the store that fills up, fails and loses power.

use std::cell::Cell;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::database::{Trouble, guarded};
use crate::clock::Clock;

/// A place that holds one database.
pub(super) trait Disk: Send {
    /// The name of the place, for messages.
    fn path(&self) -> &Path;

    /// Opens the database to be written, made if it is missing.
    fn open(&self, builder: &redb::Builder) -> Result<redb::Database, redb::DatabaseError>;

    /// All octets, to be read where nothing can be written. `ResourceBusy`: another process writes it.
    fn read(&self) -> io::Result<Vec<u8>>;

    /// Gives what is there another name and returns it; the place is empty then.
    fn set_aside(&self) -> io::Result<PathBuf>;

    /// Whether the last [`Disk::open`] found nothing and made the place.
    fn was_made(&self) -> bool;

    /// Whether what is there is the beginning of a database that was never finished: see [`is_unfinished`].
    fn is_unfinished(&self) -> bool;

    /// Empties the place for good.
    fn remove(&self) -> io::Result<()>;
}

/// The octets that every database begins with; redb writes them last when it makes one.
const MAGIC_OCTETS: u64 = 9;

/// The header with the numbers of both commits; the pages are behind it.
const HEADER_OCTETS: u64 = 4096;

/// Whether nothing was ever committed there: no magic, and no page that holds anything.
pub(super) fn is_unfinished(octets: &mut impl Read) -> io::Result<bool> {
    if !is_zero(&mut octets.take(MAGIC_OCTETS))? {
        return Ok(false);
    }
    io::copy(&mut octets.take(HEADER_OCTETS - MAGIC_OCTETS), &mut io::sink())?;
    is_zero(octets)
}

fn is_zero(octets: &mut impl Read) -> io::Result<bool> {
    let mut chunk = [0; 4096];
    loop {
        match octets.read(&mut chunk)? {
            0 => return Ok(true),
            read if chunk[..read].iter().any(|octet| *octet != 0) => return Ok(false),
            _ => {}
        }
    }
}

/// A file.
#[derive(Debug)]
pub(super) struct FileDisk {
    path: PathBuf,
    was_made: Cell<bool>,
}

impl FileDisk {
    pub(super) fn new(path: PathBuf) -> FileDisk {
        FileDisk { path, was_made: Cell::new(false) }
    }

    /// Rows name hosts and repositories: nobody else's business, so 0700 and 0600.
    fn file(&self) -> io::Result<File> {
        self.was_made.set(false);
        let mut options = OpenOptions::new();
        options.read(true).write(true).mode(0o600);
        match options.open(&self.path) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            opened => return opened,
        }
        let directory = self.path.parent().unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot make the directory {}: {error}", directory.display()))
        })?;
        let file = match options.create_new(true).open(&self.path) {
            // Another process made it meanwhile, and has it.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return options.create_new(false).open(&self.path);
            }
            made => made?,
        };
        self.was_made.set(true);
        // Without this the file itself, not what is in it, could be gone after a power failure.
        File::open(directory)?.sync_all()?;
        Ok(file)
    }
}

impl Disk for FileDisk {
    fn path(&self) -> &Path {
        &self.path
    }

    fn open(&self, builder: &redb::Builder) -> Result<redb::Database, redb::DatabaseError> {
        builder.create_file(self.file()?)
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        // Asks for the engine's own lock; what else it says of a file that needs repair is of no interest here.
        if let Err(Trouble::InUse) = guarded(|| Ok(redb::Builder::new().open_read_only(&self.path).map(drop)?)) {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        fs::read(&self.path)
    }

    fn set_aside(&self) -> io::Result<PathBuf> {
        let seconds = Clock::system().now().as_secs();
        let named = |end: String| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".damaged-{seconds}{end}"));
            PathBuf::from(name)
        };
        let kept = std::iter::once(named(String::new()))
            .chain((1..100).map(|count| named(format!("-{count}"))))
            .find(|name| !name.exists())
            .ok_or(io::ErrorKind::AlreadyExists)?;
        fs::rename(&self.path, &kept)?;
        Ok(kept)
    }

    fn was_made(&self) -> bool {
        self.was_made.get()
    }

    fn is_unfinished(&self) -> bool {
        File::open(&self.path).and_then(|mut file| is_unfinished(&mut file)).unwrap_or(false)
    }

    fn remove(&self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}
