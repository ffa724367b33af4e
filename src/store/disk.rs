//! The file below the file store: where it is, how it is opened, read and set aside.
//!
//! A trait, so that the tests can put a disk under the store that fills up, fails and loses power.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
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
}

/// A file.
#[derive(Debug)]
pub(super) struct FileDisk {
    path: PathBuf,
}

impl FileDisk {
    pub(super) fn new(path: PathBuf) -> FileDisk {
        FileDisk { path }
    }

    /// Rows name hosts and repositories: nobody else's business, so 0700 and 0600.
    fn file(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).mode(0o600);
        match options.open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => return opened,
        }
        let directory = self.path.parent().unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let file = options.create(true).open(&self.path)?;
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
}
