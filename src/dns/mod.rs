//! DNS out (stub while it is being written).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::registry::Registry;

/// Sockets bound to one address, not yet served.
#[derive(Debug)]
pub struct Listener {
    _udp: std::net::UdpSocket,
    tcp: std::net::TcpListener,
}

impl Listener {
    /// Binds UDP and TCP to one address.
    pub fn bind(address: SocketAddr, _workers: usize) -> io::Result<Listener> {
        let tcp = std::net::TcpListener::bind(address)?;
        Ok(Listener { _udp: std::net::UdpSocket::bind(tcp.local_addr()?)?, tcp })
    }

    /// The address, with the port that was picked.
    pub fn local_addr(&self) -> SocketAddr {
        self.tcp.local_addr().unwrap_or_else(|_| SocketAddr::from(([0; 4], 0)))
    }
}

/// Whose code carries packets to the engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Listeners {
    /// Ours.
    #[default]
    Own,
}

/// Answers questions.
#[derive(Debug)]
pub struct Engine(Arc<Stats>);

/// Counts of the DNS side.
#[derive(Debug)]
pub struct Stats;

/// Gives the counts to the metrics.
#[derive(Debug)]
pub struct StatsCollector(pub Arc<Stats>);

impl prometheus_client::collector::Collector for StatsCollector {
    fn encode(&self, _: prometheus_client::encoding::DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        Ok(())
    }
}

impl Engine {
    /// An engine that answers from `registry`.
    pub fn new(_registry: Arc<Registry>, _seed: u64) -> Engine {
        Engine(Arc::new(Stats))
    }

    /// Its counts.
    pub fn stats(&self) -> &Arc<Stats> {
        &self.0
    }
}

/// Answers what comes in until `shutdown`.
pub async fn serve(
    listener: Listener,
    _listeners: Listeners,
    engine: Arc<Engine>,
    shutdown: CancellationToken,
) -> io::Result<()> {
    shutdown.cancelled().await;
    drop((listener, engine));
    Ok(())
}
