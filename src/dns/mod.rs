//! DNS out (stub while it is being written).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, UdpSocket};
use tokio_util::sync::CancellationToken;

use crate::registry::Registry;

/// A UDP and a TCP socket on one port.
#[derive(Debug)]
pub struct Listener {
    udp: UdpSocket,
    _tcp: TcpListener,
}

impl Listener {
    /// Binds both; port 0 picks one.
    pub fn bind(address: SocketAddr) -> io::Result<Listener> {
        let udp = std::net::UdpSocket::bind(address)?;
        udp.set_nonblocking(true)?;
        let tcp = std::net::TcpListener::bind(udp.local_addr()?)?;
        tcp.set_nonblocking(true)?;
        Ok(Listener { udp: UdpSocket::from_std(udp)?, _tcp: TcpListener::from_std(tcp)? })
    }

    /// The address of both.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.udp.local_addr()
    }
}

/// Answers questions.
#[derive(Debug)]
pub struct Engine;

impl Engine {
    /// An engine that answers from `registry`.
    pub fn new(registry: Arc<Registry>) -> Engine {
        drop(registry);
        Engine
    }
}

/// Answers what comes in until `shutdown`.
pub async fn serve(listener: Listener, engine: Arc<Engine>, shutdown: CancellationToken) {
    shutdown.cancelled().await;
    drop((listener, engine));
}
