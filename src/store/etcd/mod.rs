//! The table on an etcd that several servers share.
//!
//! Every server has the whole table in memory and follows etcd by watches; what is written goes to etcd first (see
//! `registry::shared`). Leases of hosts are etcd's own, renewed by whichever server hears a heartbeat; a renewal costs
//! etcd no revision. While etcd is away everything is answered from memory, and no lease ends for that reason.
//!
//! `keys` says what the keys are, `foreign` which keys of other programs are hosts, `book` what news mean (`endings`:
//! of leases), `write` what a change is as a transaction: these are pure. `strays` are what is shown of hosts that somebody
//! deleted by hand. `read` lists and watches, `presence` shows this server to others, `engine` is the task that has it all.
//! `client` speaks etcd's JSON gateway, so that nothing has to be generated from its protobuf files.

mod book;
mod client;
mod endings;
mod engine;
mod files;
mod foreign;
mod hints;
mod keys;
mod presence;
mod read;
mod rights;
mod settings;
mod stats;
mod strays;
mod wire;
mod write;

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::registry::{Registry, Requests, Word};
use crate::table::{Host, Revision};
use book::{Book, Range, revision_of};
use client::{Client, Trouble};
use engine::Engine;
use read::Listed;

pub use files::check_files;
pub use settings::{Settings, Tls};
pub use stats::{Stats, StatsCollector};

/// Makes a row that others wrote one of this server; `None` where it is not for it.
pub type Adapt = Box<dyn Fn(Host) -> Option<Host> + Send>;

/// An etcd that was reached.
pub struct Etcd {
    settings: Settings,
    client: Arc<Client>,
}

/// A table as it was read.
pub struct Table {
    /// The rows, before they are made this server's.
    pub rows: Vec<Host>,
    /// The revision that they are at.
    pub revision: Revision,
    book: Book,
    from: Vec<(Range, i64)>,
}

impl Etcd {
    /// Reads the files that the settings name; nobody is asked yet.
    pub fn new(settings: Settings) -> Result<Etcd, String> {
        let client = Arc::new(Client::new(&settings)?);
        Ok(Etcd { settings, client })
    }

    /// Reads the table; says why it cannot be read.
    pub async fn read(&self, now: crate::clock::Timestamp) -> Result<Table, String> {
        let said = |trouble: Trouble| trouble.to_string();
        let mut book = Book::new(self.settings.clone());
        let (mut rows, mut from, mut revision) = (Vec::new(), Vec::new(), 0);
        for (range, prefix) in book.ranges() {
            let Listed { keys, revision: at } = read::list(&self.client, &prefix).await.map_err(said)?;
            let news = book.list(range, keys, at, now);
            from.push((range, at));
            revision = revision.max(at);
            rows.extend(news.words.into_iter().filter_map(|word| match word {
                Word::Put { host, .. } => Some(*host),
                Word::Kept { host, time, .. } => {
                    host.lease.hold(now.after(time));
                    Some(*host)
                }
                Word::Gone { .. } => None,
            }));
        }
        Ok(Table { rows, revision: revision_of(revision), book, from })
    }

    /// The engine of `registry`, which has the rows of `table`, to be run until `shutdown`.
    pub fn engine(
        self,
        registry: Arc<Registry>,
        requests: Requests,
        table: Table,
        adapt: Adapt,
        shutdown: CancellationToken,
    ) -> (Arc<Stats>, impl Future<Output = ()> + Send) {
        let name = format!("{}-{:08x}", self.settings.node_name, random() as u32);
        let Table { book, from, .. } = table;
        let engine = Engine::new(registry, self.client, book, adapt, name, self.settings.services);
        (Arc::clone(&engine.stats), engine.run(requests, from, shutdown))
    }
}

/// A number that no other server has.
fn random() -> u64 {
    RandomState::new().hash_one(0)
}

#[cfg(test)]
mod tests;
