//! A table that several servers share: reading it, and the task that is its engine.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use prometheus_client::collector::Collector;
use tokio_util::sync::CancellationToken;

use super::node;
use super::tasks::Tasks;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::http::consul;
use crate::metrics::Metrics;
use crate::readiness::{Condition, Readiness};
use crate::registry::Registry;
use crate::store::{Kind, dynamodb, etcd};
use crate::table::{Dialect, Host, Revision};

/// Pause between two tries to read the table at a start.
const AGAIN: Duration = Duration::from_secs(1);

/// What a shared table needs of the server.
pub(super) struct Parts<'a> {
    pub(super) config: &'a Config,
    pub(super) registry: &'a Arc<Registry>,
    pub(super) metrics: &'a Arc<Metrics>,
    pub(super) readiness: &'a Arc<Readiness>,
    pub(super) own: consul::Settings,
}

/// An engine, and what is counted of it.
type Running = (Box<dyn Collector>, Pin<Box<dyn Future<Output = ()> + Send>>);

/// Whether the files can be used that the settings of etcd name; `unused` looks at them also where another store is chosen.
pub fn check_etcd_files(config: &Config, unused: bool) -> Result<()> {
    if !unused && config.store.kind != Kind::Etcd {
        return Ok(());
    }
    etcd::check_files(&config.store.etcd).map_err(|error| anyhow!(error))
}

/// Reads the table from its engine, however long that takes, and starts it.
pub(super) async fn load(
    parts: &Parts<'_>,
    tasks: &mut Tasks,
    stop: &CancellationToken,
    drain: CancellationToken,
) -> Result<()> {
    parts.registry.set_max_stale(parts.config.store.max_stale);
    let (collector, engine) = match parts.config.store.kind {
        Kind::DynamoDb => load_dynamodb(parts, stop, drain.clone()).await?,
        Kind::Etcd | Kind::File | Kind::Memory => load_etcd(parts, stop, drain.clone()).await?,
    };
    parts.metrics.register_collector(collector);
    tasks.spawn("the table's engine", async move {
        engine.await;
        Ok(())
    });
    let (registry, readiness) = (Arc::clone(parts.registry), Arc::clone(parts.readiness));
    tasks.spawn("the watch over the engine", async move {
        tell_readiness(&registry, &readiness, &drain).await;
        Ok(())
    });
    Ok(())
}

async fn load_etcd(parts: &Parts<'_>, stop: &CancellationToken, drain: CancellationToken) -> Result<Running> {
    let Parts { config, registry, .. } = parts;
    let mut settings = config.store.etcd.clone();
    settings.domain.clone_from(&config.dns.domain);
    settings.node_name.clone_from(&config.node_name);
    let store = etcd::Etcd::new(settings).map_err(|error| anyhow!(error)).context("cannot use etcd")?;
    let began = registry.now();
    let mut table = loop {
        match store.read(registry.now()).await {
            Ok(table) => break table,
            Err(reason) => parts.try_again(&reason, stop).await?,
        }
    };
    let revision = table.revision;
    let requests = parts.hand_over(std::mem::take(&mut table.rows), revision, began)?;
    let adapt = adapt(parts.own.clone(), Arc::clone(registry));
    let (stats, engine) = store.engine(Arc::clone(registry), requests, table, adapt, drain);
    Ok((Box::new(etcd::StatsCollector(stats)), Box::pin(engine)))
}

async fn load_dynamodb(parts: &Parts<'_>, stop: &CancellationToken, drain: CancellationToken) -> Result<Running> {
    let Parts { config, registry, .. } = parts;
    let mut settings = config.store.dynamodb.clone();
    settings.lyft_ttl = config.http.lyft_host_ttl;
    settings.node_name.clone_from(&config.node_name);
    let store = dynamodb::DynamoDb::new(settings).map_err(|error| anyhow!(error)).context("cannot use DynamoDB")?;
    let began = registry.now();
    let mut table = loop {
        match store.read(registry.now()).await {
            Ok(table) => break table,
            Err(dynamodb::Unread::NotYet(reason)) => parts.try_again(&reason, stop).await?,
            Err(dynamodb::Unread::Never(reason)) => return Err(anyhow!(reason)).context("cannot use DynamoDB"),
        }
    };
    // It has no revisions: this server counts its own, from where none of its clients has been.
    let revision = Revision(registry.clock().wall().as_micros() / 1000);
    let requests = parts.hand_over(std::mem::take(&mut table.rows), revision, began)?;
    let adapt = adapt(parts.own.clone(), Arc::clone(registry));
    let (stats, engine) = store.engine(Arc::clone(registry), requests, table, adapt, drain);
    Ok((Box::new(dynamodb::StatsCollector(stats)), Box::pin(engine)))
}

impl Parts<'_> {
    /// Says why the table cannot be read, and waits.
    async fn try_again(&self, reason: &str, stop: &CancellationToken) -> Result<()> {
        let lacks = format!("the table is not loaded yet: {reason}");
        let known = self.readiness.reasons().into_iter().any(|(_, known)| known.as_deref() == Some(lacks.as_str()));
        // Once for each reason: this may take hours.
        if known {
            tracing::debug!(reason, "the table cannot be read yet");
        } else {
            tracing::warn!(reason, "the table cannot be read yet: it is tried again every second");
        }
        self.readiness.lack(Condition::Table, lacks);
        tokio::select! {
            () = stop.cancelled() => Err(anyhow!("stopped before the table was read")),
            () = tokio::time::sleep(AGAIN) => Ok(()),
        }
    }

    /// Hands the rows to the registry; returns what it asks of its engine.
    fn hand_over(&self, rows: Vec<Host>, revision: Revision, began: Timestamp) -> Result<crate::registry::Requests> {
        let Parts { registry, own, .. } = self;
        let mut rows: Vec<Arc<Host>> = rows.into_iter().filter(|row| is_ours(row, own)).map(Arc::new).collect();
        node::put(&mut rows, own, began);
        let hosts = rows.iter().filter(|row| row.dialect != Dialect::Node).count();
        // Seconds last for a lifetime, and no serial comes back after a restart.
        registry.load(rows, revision, registry.now().as_secs() as u32);
        tracing::info!(hosts, revision = revision.0, took = ?registry.now().since(began), "the table is loaded");
        registry.requests().context("the table has an engine already")
    }
}

/// The row of a node that is a server itself is for that server only.
fn is_ours(row: &Host, own: &consul::Settings) -> bool {
    row.as_node() != Some("") || row.service.as_str() == own.node_name.to_ascii_lowercase()
}

fn adapt(own: consul::Settings, registry: Arc<Registry>) -> Box<dyn Fn(Host) -> Option<Host> + Send + Sync> {
    Box::new(move |row| match row.as_node() {
        Some("") if is_ours(&row, &own) => Some(consul::own_node(&own, Some(&row), registry.now())),
        Some("") => None,
        _ => Some(row),
    })
}

/// Keeps `/readyz` told of whether the engine is away.
async fn tell_readiness(registry: &Registry, readiness: &Readiness, drain: &CancellationToken) {
    let mut away = registry.watch_away();
    loop {
        readiness.degrade(away.borrow_and_update().as_deref());
        tokio::select! {
            () = drain.cancelled() => return,
            changed = away.changed() => if changed.is_err() { return },
        }
    }
}
