//! The table in DynamoDB, in the layout of Lyft's discovery service: both can have one table at a time.
//!
//! Every server has the whole table in memory. What it writes goes to DynamoDB first, on the condition that nobody else
//! wrote the item meanwhile (see `registry::shared`); what others write it finds by reading the whole table every few
//! seconds. Leases run by the server's own clock: a `last_check_in` that is another than at the last reading is a
//! heartbeat of that moment. While DynamoDB is away everything is answered from memory, and no lease ends for that reason.
//!
//! `place` says which item a row is, `fields` and `row` what it says, `expression` what a change is as a request,
//! `seen` what is news: these are pure. `engine` has it all; `follow` reads, `lookup` and `confirm` read one item, `commit` and
//! `mend` write rows, `beats` heartbeats, `servers` tells servers of each other, `releases` what an operator wants of all. `client` makes the calls,
//! `signer` signs them.

mod beats;
mod check_in;
mod client;
mod commit;
mod confirm;
mod engine;
mod expression;
mod fields;
mod follow;
mod item;
mod lookup;
mod mend;
mod place;
mod releases;
mod row;
mod schema;
mod seen;
mod servers;
mod settings;
mod signer;
mod stats;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use hyper::Uri;
use tokio_util::sync::CancellationToken;

use crate::clock::Timestamp;
use crate::registry::{Registry, Requests};
use crate::table::Host;
use client::{Client, Trouble};
use engine::Engine;
use follow::Found;
use schema::NoTable;
use seen::Items;

pub use settings::Settings;
pub use stats::{Stats, StatsCollector};

/// Makes a row that others wrote one of this server; `None` where it is not for it.
pub type Adapt = Box<dyn Fn(Host) -> Option<Host> + Send + Sync>;

/// A table in DynamoDB that may be asked.
pub struct DynamoDb {
    settings: Settings,
    client: Client,
}

/// A table as it was read.
pub struct Table {
    /// The rows; each lease begins now.
    pub rows: Vec<Host>,
    items: Items,
}

/// Why a table cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    /// It may be later.
    #[error("{0}")]
    NotYet(String),
    /// Somebody has to do something about it.
    #[error("{0}")]
    Never(String),
}

impl DynamoDb {
    /// A client on these settings; nobody is asked yet.
    pub fn new(settings: Settings) -> Result<DynamoDb, String> {
        let region = settings.region.as_deref().unwrap_or(settings::REGION);
        let endpoint = settings.endpoint.clone().unwrap_or_else(|| settings::endpoint_of(region));
        let endpoint: Uri = endpoint.parse().map_err(|_| format!("`{endpoint}` is not a URL"))?;
        let client = Client::new(endpoint, region, &settings.table)?;
        Ok(DynamoDb { settings, client })
    }

    /// Reads the table, or makes it where that is set.
    pub async fn read(&self, now: Timestamp) -> Result<Table, Unread> {
        let Settings { table, create_table, .. } = &self.settings;
        schema::ensure(&self.client, table, *create_table).await.map_err(|error| match error {
            NoTable::Missing(_) | NoTable::Other(_) | NoTable::Trouble(Trouble::Refused(_)) => {
                Unread::Never(error.to_string())
            }
            NoTable::Trouble(_) => Unread::NotYet(error.to_string()),
        })?;
        let mut table = Table { rows: Vec::new(), items: Items::default() };
        let mut from = None;
        loop {
            let page = self.client.scan(from.as_ref()).await.map_err(|trouble| Unread::NotYet(trouble.to_string()))?;
            for item in &page.items {
                let Ok(Some((key, mut seen))) = follow::placed(item) else { continue };
                match follow::host(item, &key, None, &seen, &self.settings, now) {
                    Found::Host(host) => {
                        seen.is_host = true;
                        table.rows.push(*host);
                    }
                    Found::Strange(reason) => follow::tell_of_strange(&key, &reason),
                }
                table.items.put(key, seen);
            }
            from = page.next;
            if from.is_none() {
                return Ok(table);
            }
        }
    }

    /// The task that keeps a table and DynamoDB in step until `shutdown`.
    pub fn engine(
        self,
        registry: Arc<Registry>,
        requests: Requests,
        table: Table,
        adapt: Adapt,
        shutdown: CancellationToken,
    ) -> (Arc<Stats>, impl Future<Output = ()> + Send + use<>) {
        let engine = Arc::new(Engine::new(registry, self.client, self.settings, table.items, adapt));
        (Arc::clone(&engine.stats), engine.run(requests, shutdown))
    }
}
