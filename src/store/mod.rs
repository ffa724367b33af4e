//! Where the table lives between two runs.
//!
//! A [`Store`] is written by one thread ([`run_writer`]): it takes what the registry has staged, commits it as one
//! transaction and publishes it. An acknowledged write is durable, a refused one left nothing. Heartbeats are not
//! changes and never come here; after a restart every lease begins anew.
//!
//! * [`memory`](memory::MemoryStore): nothing is kept.
//! * [`file`](file::FileStore): one redb file in the data directory.
//!
//! A *shared* store is no [`Store`]: its engine decides what is written, see `registry::shared`.
//!
//! * [`etcd`]: several servers on one etcd.
//! * [`dynamodb`]: several servers on one table of DynamoDB, Lyft's beside them.

mod database;
mod decoder;
mod disk;
pub mod dynamodb;
pub mod etcd;
mod figures;
mod file;
mod memory;
pub(crate) mod record;
mod terms;
mod writer;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::registry::{CommitError, Durability};
use crate::table::{Change, Host, Revision};

pub use file::FileStore;
pub use memory::MemoryStore;
pub use writer::{Outcome, run_writer};

/// The name of the store's file in the data directory.
pub const FILE_NAME: &str = "rollcall.redb";

/// What a store held.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The rows; the time of their leases does not count, each begins anew.
    pub rows: Vec<Arc<Host>>,
    /// The revision of the last commit.
    pub revision: Revision,
    /// The SOA serial of the last commit.
    pub serial: u32,
}

/// A place for rows. Called from one thread; every call may block.
pub trait Store: Send {
    /// Reads everything.
    fn load(&mut self) -> Result<Loaded, CommitError>;

    /// Writes changes in one transaction: durable when it returns `Ok`, not there at all when it returns `Err`.
    fn commit(&mut self, changes: &[Change], revision: Revision, serial: u32) -> Result<(), CommitError>;
}

/// Which store there is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Kind {
    /// Rows are gone when the program ends.
    Memory,
    /// One file in the data directory.
    #[default]
    File,
    /// An etcd that several servers share.
    Etcd,
    /// A table of DynamoDB that several servers share.
    DynamoDb,
}

impl Kind {
    /// The name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Memory => "memory",
            Kind::File => "file",
            Kind::Etcd => "etcd",
            Kind::DynamoDb => "dynamodb",
        }
    }

    /// When a registry over this store publishes: with a store after the commit, without one at once.
    pub fn durability(self) -> Durability {
        match self {
            Kind::Memory => Durability::Immediate,
            Kind::File => Durability::Grouped,
            Kind::Etcd | Kind::DynamoDb => Durability::Shared,
        }
    }
}

/// Which store, and where.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which store.
    pub kind: Kind,
    /// The directory of [`FILE_NAME`]; made with mode 0700 where it is missing. Of no use to other stores.
    pub data_dir: PathBuf,
    /// Where etcd is, if that is the store.
    pub etcd: etcd::Settings,
    /// Where DynamoDB is, if that is the store.
    pub dynamodb: dynamodb::Settings,
    /// How long a shared table is used while its engine is away; `None` is for ever.
    pub max_stale: Option<Duration>,
}

impl Settings {
    /// The store in a file of that directory.
    pub fn file(data_dir: PathBuf) -> Settings {
        Settings {
            kind: Kind::File,
            data_dir,
            etcd: etcd::Settings::default(),
            dynamodb: dynamodb::Settings::default(),
            max_stale: None,
        }
    }
}

/// An open store, and what its operator must hear about it.
pub struct Opened {
    /// The store, its rows already read: [`Store::load`] hands them over.
    pub store: Box<dyn Store>,
    /// What went wrong without being a reason not to start. Empty on a good day; each is to be logged as a warning.
    pub notices: Vec<Notice>,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("notices", &self.notices).finish_non_exhaustive()
    }
}

/// Something an operator must hear of; its text is a sentence for the log.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Notice {
    /// The file was damaged: it is kept under another name and the table starts empty.
    #[error("{path} is damaged ({reason}): it was set aside as {kept} and the table starts EMPTY", path = path.display(), kept = kept.display())]
    SetAside {
        /// The file.
        path: PathBuf,
        /// Where it is now.
        kept: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file can be read and not written: names are answered, writes are refused until it can be written again.
    #[error("{path} cannot be written ({reason}): names are answered, every write is refused until it can", path = path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The file contradicted itself and the engine mended it: the newest intact commit is served.
    #[error("{path} was inconsistent and was repaired to its newest intact commit", path = path.display())]
    Repaired {
        /// The file.
        path: PathBuf,
    },
    /// Rows that cannot be read; they stay in the file and are in no answer.
    #[error("{count} rows of {path} cannot be read and are left out; the first: {first}", path = path.display())]
    Skipped {
        /// The file.
        path: PathBuf,
        /// How many.
        count: u64,
        /// The first of them, and what is wrong with it.
        first: String,
    },
}

/// Why there is no store. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("another rollcall is using {path}", path = .0.display())]
    InUse(PathBuf),
    /// A newer release wrote it. It is not damaged and not touched.
    #[error("{path} was written by a newer rollcall (form {found}, this one reads up to {known})", path = path.display(), known = record::VERSION)]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version of its form.
        found: u64,
    },
    /// It is missing and cannot be made for lack of room. Nothing was left behind.
    #[error("the disk is full: {path} cannot be made ({reason})", path = path.display())]
    Full {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        reason: io::Error,
    },
    /// It can be neither written nor read, or it is missing and cannot be made.
    #[error("{path} cannot be opened: {reason}", path = path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// It is damaged and cannot be set aside.
    #[error("{path} is damaged ({reason}) and cannot be set aside: {rename}", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// Why it cannot be renamed.
        rename: io::Error,
    },
}

/// Opens the store of this server alone and reads its rows; blocks. A shared one has none to open here: its rows come
/// from its engine.
///
/// A damaged file is set aside, one that can be read but not written is served without taking writes: both are
/// [`Notice`]s. A file of another process or of a newer release, and one that cannot be read or made, are errors.
pub fn open(settings: &Settings) -> Result<Opened, OpenError> {
    match settings.kind {
        Kind::Memory | Kind::Etcd | Kind::DynamoDb => Ok(Opened { store: Box::new(MemoryStore), notices: Vec::new() }),
        Kind::File => file::open(Box::new(disk::FileDisk::new(settings.data_dir.join(FILE_NAME)))),
    }
}

#[cfg(test)]
mod tests;
