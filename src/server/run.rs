//! Running: what starts and stops in which order.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::tasks::Tasks;
use super::{Server, banner, form, node, shared};
use crate::clock::{Clock, PULSE};
use crate::readiness::Condition;
use crate::registry::{Durability, Registry};
use crate::store::{self, Store};
use crate::table::Revision;
use crate::{config, dns, http, probe, telemetry};

impl Server {
    /// Serves until `shutdown`, then stops in good order. A part that ends before is an error, and stops the rest.
    pub async fn run(self, shutdown: CancellationToken) -> Result<()> {
        let Server { config, registry, metrics, readiness, desk, http_addr, dns_addrs, http, dns } = self;
        raise_descriptors();
        start_pulse(registry.clock())?;
        let drain = CancellationToken::new();
        let mut tasks = Tasks::default();

        let engine = Arc::new(dns::Engine::new(Arc::clone(&registry), message_settings(&config)?, seed()));
        metrics.register_collector(Box::new(dns::StatsCollector(Arc::clone(engine.stats()))));
        for listener in dns {
            let (listeners, engine, drain) = (config.dns.listeners, Arc::clone(&engine), drain.clone());
            tasks.spawn("the DNS listener", async move { Ok(dns::serve(listener, listeners, engine, drain).await?) });
        }
        readiness.hold(Condition::Dns);
        let settings = Arc::new(config.http.clone());
        let own = node::settings(&config, &dns_addrs);
        let app = http::App::new(Arc::clone(&registry), settings, Arc::clone(&metrics), Arc::clone(&readiness))
            .with_desk(desk)
            .with_rows(form::ROWS)
            .with_consul(own.clone());
        let serve_http = http::serve(http, app, drain.clone());
        tasks.spawn("the HTTP listener", async move {
            serve_http.await;
            Ok(())
        });
        readiness.hold(Condition::Http);

        let listeners = dns_addrs.iter().copied().chain([http_addr]).collect();
        let (deny, allow, redirects) = (config.check_deny.clone(), config.check_allow.clone(), config.check_redirects);
        let systemctl = config.http.check_os_services.then(|| "systemctl".into());
        let probes = probe::Settings { deny, allow, own: listeners, redirects, systemctl, roots: Vec::new() };
        let prober = probe::Prober::new(Arc::clone(&registry), probes);
        metrics.register_collector(Box::new(probe::StatsCollector(Arc::clone(prober.stats()))));
        let mut writer = None;
        let loaded = match config.store.kind.durability() {
            Durability::Shared => {
                let (registry, metrics, readiness) = (&registry, &metrics, &readiness);
                let parts = shared::Parts { config: &config, registry, metrics, readiness, own };
                shared::load(&parts, &mut tasks, &shutdown, drain.clone()).await.map(|()| None)
            }
            Durability::Immediate | Durability::Grouped => load(&config, own, &registry).await.map(Some),
        };
        let served = match loaded {
            Err(error) => Err(error),
            Ok(store) => {
                tasks.spawn("the expiry of leases", run_expiry(Arc::clone(&registry), drain.clone()));
                tasks.spawn("the checks of hosts", run_checks(prober, drain.clone()));
                let resolver = probe::Resolver::new(Arc::clone(&registry));
                tasks.spawn("the look-up of names", run_resolver(resolver, drain.clone()));
                let observe = move |outcome: &store::Outcome<'_>| match outcome.error {
                    None => metrics.commit(outcome.changes, outcome.took),
                    Some(_) => metrics.commit_failed(),
                };
                let ended = start_writer(&registry, store, config.store.kind.durability(), observe)?;
                let ended = writer.insert(ended);
                readiness.hold(Condition::Table);
                announce(&config, &banner::Places { http: http_addr, dns: &dns_addrs });
                wait(&shutdown, &mut tasks, ended).await
            }
        };

        readiness.lack(Condition::Stopping, "a stop was asked for");
        if served.is_ok() && !config.shutdown_grace.is_zero() {
            tracing::info!(seconds = config.shutdown_grace.as_secs_f32(), "stopping after the grace");
            tokio::time::sleep(config.shutdown_grace).await;
        }
        drain.cancel();
        let drained = tasks.join().await;
        // Nothing writes any more: the last batch ends the thread.
        registry.close();
        if let Some(ended) = writer {
            ended.written().await?;
        }
        served.and(drained)?;
        tracing::info!("stopped");
        Ok(())
    }
}

/// Opens the store and hands its rows to the registry, off the runtime's threads: both take long.
async fn load(
    config: &config::Config,
    own: http::consul::Settings,
    registry: &Arc<Registry>,
) -> Result<Box<dyn Store>> {
    let settings = config.store.clone();
    let registry = Arc::clone(registry);
    let load = move || -> Result<Box<dyn Store>> {
        let began = registry.now();
        let mut opened = store::open(&settings).context("cannot open the store")?;
        for notice in &opened.notices {
            tracing::warn!("{notice}");
        }
        let mut loaded = opened.store.load().context("cannot read the store")?;
        node::put(&mut loaded.rows, &own, began);
        // A table without a past begins at a number that no earlier one of this server reached: a client that comes
        // back with an old revision is told to read anew, and does not miss what happened since.
        let (revision, serial) = match loaded.revision {
            // A serial has 32 bits and is compared in a circle: seconds last for a lifetime.
            Revision(0) => (Revision(began.as_micros() / 1000), began.as_secs() as u32),
            revision => (revision, loaded.serial),
        };
        registry.load(loaded.rows, revision, serial);
        let hosts = registry.snapshot().hosts.len();
        tracing::info!(hosts, revision = revision.0, took = ?registry.now().since(began), "the table is loaded");
        Ok(opened.store)
    };
    tokio::task::spawn_blocking(load).await.context("reading the store failed")?
}

async fn run_expiry(registry: Arc<Registry>, shutdown: CancellationToken) -> Result<()> {
    registry.run_expiry(shutdown).await;
    Ok(())
}

/// Takes as many descriptors as the system lets it: the usual bound of 1024 is for programs that call select(2), and
/// every client and every probe needs one.
fn raise_descriptors() {
    let bound = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: bound.maximum, ..bound }) {
        tracing::debug!(%error, "the bound on descriptors stays");
    }
}

/// Gives the clock its pulse for as long as anybody has it, from a thread that waits for nothing else.
fn start_pulse(clock: &Arc<Clock>) -> Result<()> {
    let clock = Arc::downgrade(clock);
    let beat = move || {
        while let Some(clock) = clock.upgrade() {
            let lost = clock.pulse();
            if !lost.is_zero() {
                tracing::warn!(seconds = lost.as_secs_f32(), "the process stood still, and so did every lease");
            }
            drop(clock);
            std::thread::sleep(PULSE);
        }
    };
    std::thread::Builder::new().name("clock".into()).spawn(beat)?;
    Ok(())
}

async fn run_checks(prober: probe::Prober, shutdown: CancellationToken) -> Result<()> {
    prober.run(shutdown).await;
    Ok(())
}

async fn run_resolver(resolver: probe::Resolver, shutdown: CancellationToken) -> Result<()> {
    resolver.run(shutdown).await;
    Ok(())
}

/// The settings of DNS messages, with what they leave to the process.
fn message_settings(config: &config::Config) -> Result<dns::Settings> {
    let settings = &config.dns;
    let cookies = match settings.cookies {
        dns::CookiePolicy::Off => None,
        dns::CookiePolicy::On | dns::CookiePolicy::Require => {
            let mut secrets = settings.cookie_secrets.iter().copied();
            let secret = secrets.next().map_or_else(dns::CookieSecret::random, Ok);
            let secret = secret.context("the system gives no random octets for the secret of the cookies")?;
            let required = settings.cookies == dns::CookiePolicy::Require;
            Some(dns::Cookies { secret, other: secrets.next(), required })
        }
    };
    let identity = settings.nsid.as_ref().unwrap_or(&config.node_name);
    Ok(dns::Settings {
        udp_octets: settings.udp_octets,
        nsid: settings.nsid.clone(),
        identity: settings.chaos_identity.then(|| identity.clone()),
        cookies,
        allow_query: settings.allowed(),
        rate_limit: settings.limited(),
        query_log: settings.query_log,
    })
}

/// What an order of records, or of hosts that leave, begins with: other in every process, no secret.
pub(super) fn seed() -> u64 {
    RandomState::new().hash_one(0)
}

/// The end of the writer's thread.
struct Writer(Option<oneshot::Receiver<()>>);

impl Writer {
    /// Waits until the thread has ended, for ever where there is none.
    async fn ended(&mut self) {
        match &mut self.0 {
            // An error means that the thread panicked: it has ended, too.
            Some(ended) => drop(ended.await),
            None => std::future::pending().await,
        }
        self.0 = None;
    }

    /// Waits until all that was staged is written.
    async fn written(self) -> Result<()> {
        match self.0 {
            Some(ended) => ended.await.context("the writer of the store failed"),
            None => Ok(()),
        }
    }
}

fn start_writer(
    registry: &Arc<Registry>,
    store: Option<Box<dyn Store>>,
    durability: Durability,
    observe: impl FnMut(&store::Outcome<'_>) + Send + 'static,
) -> Result<Writer> {
    match (durability, store) {
        (Durability::Immediate | Durability::Shared, _) | (Durability::Grouped, None) => Ok(Writer(None)),
        (Durability::Grouped, Some(store)) => {
            let registry = Arc::clone(registry);
            let (sender, ended) = oneshot::channel();
            let write = move || {
                store::run_writer(&registry, store, observe);
                // Nobody listens where the server has failed.
                let _ = sender.send(());
            };
            std::thread::Builder::new().name("store writer".into()).spawn(write)?;
            Ok(Writer(Some(ended)))
        }
    }
}

/// Returns when a stop is asked for, or with the error of what ended before.
async fn wait(shutdown: &CancellationToken, tasks: &mut Tasks, writer: &mut Writer) -> Result<()> {
    tokio::select! {
        () = shutdown.cancelled() => Ok(()),
        () = writer.ended() => bail!("the writer of the store has ended, and the server with it"),
        ended = tasks.ended_early() => ended,
    }
}

fn announce(config: &config::Config, places: &banner::Places<'_>) {
    let dns: Vec<_> = places.dns.iter().map(ToString::to_string).collect();
    tracing::info!(http = %places.http, dns = dns.join(","), "ready");
    // A collector of JSON lines wants nothing else on this stream.
    if config.log.format == telemetry::Format::Text {
        banner::print(&banner::text(config, places));
    }
}
