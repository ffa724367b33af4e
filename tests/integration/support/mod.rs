//! What the tests share: a server in this process, and clients that know nothing of its insides.

pub(crate) mod dns;
pub(crate) mod http;

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rollcall::clock::{Clock, Timestamp};
use rollcall::config::{self, Config, Environment, Flags};
use rollcall::readiness::Readiness;
use rollcall::registry::Registry;
use rollcall::server::Server;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// 2026-11-20T17:00:00Z, the moment at which every test begins.
const START: Timestamp = Timestamp::from_micros(1_795_194_000_000_000);
/// Real time that anything may take before a test gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The result of a future, or the end of the test when it takes too long.
pub(crate) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what} took more than {PATIENCE:?}"),
    }
}

/// A server on free ports of the loopback, with a directory and a clock of its own.
pub(crate) struct TestServer {
    pub(crate) http: SocketAddr,
    pub(crate) dns: SocketAddr,
    pub(crate) clock: Arc<Clock>,
    pub(crate) registry: Arc<Registry>,
    config: Config,
    running: Running,
    directory: TempDir,
}

struct Running {
    shutdown: CancellationToken,
    readiness: Arc<Readiness>,
    ended: JoinHandle<anyhow::Result<()>>,
}

impl TestServer {
    /// A server with a memory store and the default settings.
    pub(crate) async fn start() -> TestServer {
        TestServer::with("", &[]).await
    }

    /// A server with `settings` (lines of a configuration file) and `zones` (name and text of zone files).
    pub(crate) async fn with(settings: &str, zones: &[(String, String)]) -> TestServer {
        let server = TestServer::starting(settings, zones).await;
        server.ready().await;
        server
    }

    /// The same, which may not be ready yet.
    pub(crate) async fn starting(settings: &str, zones: &[(String, String)]) -> TestServer {
        let directory = tempfile::tempdir().expect("a directory");
        let config = configure(directory.path(), settings, zones);
        let clock = Arc::new(Clock::manual(START));
        let (http, dns, registry, running) = launch(&config, &clock).await;
        TestServer { http, dns, clock, registry, config, running, directory }
    }

    /// Waits until the server is ready.
    pub(crate) async fn ready(&self) {
        let ready = async {
            while !self.running.readiness.is_ready() {
                assert!(!self.running.ended.is_finished(), "the server ended before it was ready");
                tokio::task::yield_now().await;
            }
        };
        in_time("the start", ready).await;
    }

    /// Moves the clock on; nothing is removed by that alone.
    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Removes what is due, as the timer does.
    pub(crate) fn tick(&self) {
        while self.registry.expire_due() {}
    }

    /// Where a zone file of the server lies.
    pub(crate) fn zone_file(&self, name: &str) -> PathBuf {
        self.directory.path().join("zones").join(name)
    }

    /// Asks for a stop; [`TestServer::ended`] waits for it.
    pub(crate) fn ask_to_stop(&self) {
        self.running.shutdown.cancel();
    }

    /// Waits until the server has stopped, which must be without an error.
    pub(crate) async fn ended(self) {
        in_time("the stop", self.running.ended).await.expect("no panic").expect("a good end");
        drop(self.directory);
    }

    /// Stops the server in good order and starts it again on the same data, on other ports.
    pub(crate) async fn restart(&mut self) {
        self.ask_to_stop();
        in_time("the stop", &mut self.running.ended).await.expect("no panic").expect("a good end");
        (self.http, self.dns, self.registry, self.running) = launch(&self.config, &self.clock).await;
        self.ready().await;
    }
}

/// The settings as an operator gives them: a file, and a directory of zones.
fn configure(directory: &Path, settings: &str, zones: &[(String, String)]) -> Config {
    let zones_dir = directory.join("zones");
    std::fs::create_dir(&zones_dir).expect("a directory");
    for (name, text) in zones {
        std::fs::write(zones_dir.join(name), text).expect("a zone file");
    }
    let file = directory.join("rollcall.toml");
    std::fs::write(&file, format!("version = 1\n{settings}\n")).expect("a configuration file");
    let mut values = vec![
        ("http", "--http", vec!["127.0.0.1:0".to_owned()]),
        ("dns", "--dns", vec!["127.0.0.1:0".to_owned()]),
        ("data_dir", "--data-dir", vec![directory.join("data").display().to_string()]),
        ("zones_dir", "--zones-dir", vec![zones_dir.display().to_string()]),
        ("log_format", "--log-format", vec!["json".to_owned()]),
        ("threads", "--threads", vec!["1".to_owned()]),
    ];
    if !settings.contains("store =") {
        values.push(("store", "--store", vec!["memory".to_owned()]));
    }
    let flags = Flags { file: Some(file), values };
    config::load(&flags, &Environment::of([("HOME", "/nonexistent")])).expect("settings that hold").config
}

async fn launch(config: &Config, clock: &Arc<Clock>) -> (SocketAddr, SocketAddr, Arc<Registry>, Running) {
    let server = Server::bind_with(config.clone(), Arc::clone(clock)).await.expect("free ports");
    let (http, dns) = (server.http_addr(), server.dns_addrs()[0]);
    let (registry, readiness) = (Arc::clone(server.registry()), Arc::clone(server.readiness()));
    let shutdown = CancellationToken::new();
    let ended = tokio::spawn(server.run(shutdown.clone()));
    (http, dns, registry, Running { shutdown, readiness, ended })
}
