//! A table that several servers share: reading it, and the task that is its engine.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use tokio_util::sync::CancellationToken;

use super::node;
use super::tasks::Tasks;
use crate::config::Config;
use crate::http::consul;
use crate::metrics::Metrics;
use crate::readiness::{Condition, Readiness};
use crate::registry::Registry;
use crate::store::etcd;
use crate::table::{Dialect, Host};

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

/// Reads the table from etcd, however long that takes, and starts its engine.
pub(super) async fn load(
    parts: &Parts<'_>,
    tasks: &mut Tasks,
    stop: &CancellationToken,
    drain: CancellationToken,
) -> Result<()> {
    let Parts { config, registry, metrics, readiness, own } = parts;
    let mut settings = config.store.etcd.clone();
    settings.domain.clone_from(&config.dns.domain);
    settings.node_name.clone_from(&config.node_name);
    let store = etcd::Etcd::new(settings).map_err(|error| anyhow!(error)).context("cannot use etcd")?;
    registry.set_max_stale(config.store.max_stale);
    let began = registry.now();
    let mut table = loop {
        match store.read(registry.now()).await {
            Ok(table) => break table,
            Err(reason) => {
                tracing::warn!(reason, "the table cannot be read yet");
                readiness.lack(Condition::Table, format!("the table is not loaded yet: {reason}"));
            }
        }
        tokio::select! {
            () = stop.cancelled() => return Err(anyhow!("stopped before the table was read")),
            () = tokio::time::sleep(AGAIN) => {}
        }
    };
    let adapt = adapt(own.clone(), Arc::clone(registry));
    let mut rows: Vec<Host> = std::mem::take(&mut table.rows).into_iter().filter(|row| is_ours(row, own)).collect();
    node::put(&mut rows, own, began);
    let hosts = rows.iter().filter(|row| row.dialect != Dialect::Node).count();
    // Seconds last for a lifetime, and no serial comes back after a restart.
    let (revision, serial) = (table.revision, registry.now().as_secs() as u32);
    registry.load(rows, revision, serial);
    tracing::info!(hosts, revision = revision.0, took = ?registry.now().since(began), "the table is loaded");
    let requests = registry.requests().context("the table has an engine already")?;
    let (stats, engine) = store.engine(Arc::clone(registry), requests, table, adapt, drain.clone());
    metrics.register_collector(Box::new(etcd::StatsCollector(stats)));
    tasks.spawn("the table's engine", async move {
        engine.await;
        Ok(())
    });
    let (registry, readiness) = (Arc::clone(registry), Arc::clone(readiness));
    tasks.spawn("the watch over the engine", async move {
        tell_readiness(&registry, &readiness, &drain).await;
        Ok(())
    });
    Ok(())
}

/// The row of a node that is a server itself is for that server only.
fn is_ours(row: &Host, own: &consul::Settings) -> bool {
    row.as_node() != Some("") || row.service.as_str() == own.node_name.to_ascii_lowercase()
}

fn adapt(own: consul::Settings, registry: Arc<Registry>) -> etcd::Adapt {
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
