//! The whole: the only part that knows every other.
//!
//! A start binds every socket first, so that a taken port stops it before anything happens; then answers
//! (SERVFAIL, and no to `/readyz`) while the table is read; then is ready. A stop says no to `/readyz`,
//! waits the grace, closes the listeners, answers what was accepted, and writes what is staged.

mod advertise;
mod ask;
mod banner;
mod desk;
mod form;
mod node;
mod run;
mod shared;
mod tasks;
mod zones;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use tokio::net::TcpListener;

use crate::clock::Clock;
use crate::config::Config;
use crate::dns;
use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::registry::Registry;

pub use crate::http::{Desk, thread_rests};
pub use advertise::reachable_addresses;
pub use ask::answer_of_file;
pub use desk::desk;
pub use shared::check_etcd_files;
pub use zones::check_zones;

/// A server whose sockets are bound.
pub struct Server {
    config: Config,
    registry: Arc<Registry>,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    desk: Arc<dyn Desk>,
    http_addr: SocketAddr,
    dns_addrs: Vec<SocketAddr>,
    http: TcpListener,
    dns: Vec<dns::Listener>,
}

impl Server {
    /// Binds every socket, on the clock of the system.
    pub async fn bind(config: Config) -> Result<Server> {
        Server::bind_with(config, Arc::new(Clock::system())).await
    }

    /// Binds every socket; leases run on `clock`.
    pub async fn bind_with(config: Config, clock: Arc<Clock>) -> Result<Server> {
        let http = TcpListener::bind(config.http_listen)
            .await
            .map_err(|error| cannot_listen("HTTP", config.http_listen, &error, "--http, ROLLCALL_HTTP or `http`"))?;
        let http_addr = http.local_addr()?;
        let mut dns = Vec::new();
        let mut dns_addrs = Vec::new();
        for address in &config.dns.listen {
            let listener = dns::Listener::bind(*address, config.threads)
                .map_err(|error| cannot_listen("DNS", *address, &error, "--dns, ROLLCALL_DNS or `dns`"))?;
            dns_addrs.push(listener.local_addr());
            dns.push(listener);
        }
        let zones::Read { zones, doubts } = zones::read(&config.dns, &dns_addrs)?;
        for doubt in &doubts {
            tracing::warn!("{doubt}");
        }
        let registry = Registry::new(clock, zones, config.store.kind.durability());
        let registry = Arc::new(registry.braked(config.brake.rules(), run::seed()));
        let metrics = Arc::new(Metrics::new(&registry));
        let readiness = Arc::new(Readiness::default());
        let desk = desk(config.dns.clone(), &dns_addrs, &registry, &metrics);
        Ok(Server { config, registry, metrics, readiness, desk, http_addr, dns_addrs, http, dns })
    }

    /// Where HTTP is answered.
    pub fn http_addr(&self) -> SocketAddr {
        self.http_addr
    }

    /// Where DNS is answered, in the order of the settings.
    pub fn dns_addrs(&self) -> &[SocketAddr] {
        &self.dns_addrs
    }

    /// The table.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// What reads the zone files anew; blocks while it reads.
    pub fn desk(&self) -> Arc<dyn Desk> {
        Arc::clone(&self.desk)
    }

    /// Whether the server may be given work: some time after [`Server::run`] began.
    pub fn readiness(&self) -> &Arc<Readiness> {
        &self.readiness
    }
}

/// Says what to do about it, as an operator sees this line before any documentation.
fn cannot_listen(what: &str, address: SocketAddr, error: &io::Error, setting: &str) -> anyhow::Error {
    let kind = error.kind();
    let advice = if kind == io::ErrorKind::AddrInUse {
        format!("another program has this port, perhaps another rollcall: stop it, or take another port with {setting}")
    } else if kind == io::ErrorKind::PermissionDenied {
        format!(
            "ports below 1024 need the capability CAP_NET_BIND_SERVICE: grant it, or take a higher port with {setting}"
        )
    } else if kind == io::ErrorKind::AddrNotAvailable {
        format!("this machine does not have the address: take one it has, or 0.0.0.0 for all, with {setting}")
    } else {
        format!("{error}: take another address with {setting}")
    };
    anyhow!("cannot listen for {what} on {address}: {advice}")
}

#[cfg(test)]
mod tests;
