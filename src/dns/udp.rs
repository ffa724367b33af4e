//! Datagrams: one socket a worker, all on one port; the kernel spreads the clients over them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

use super::{Engine, Request, Transport};

/// Packets answered before other tasks of the thread get their turn.
const BATCH: usize = 64;
/// Larger than any query that means anything; the rest of a longer datagram is cut off and parses as malformed.
const QUERY_OCTETS: usize = 4096;

/// Answers on a socket until `shutdown`, then what is already in its buffer.
pub(super) async fn serve(socket: UdpSocket, engine: Arc<Engine>, shutdown: CancellationToken) -> io::Result<()> {
    let mut worker = Worker {
        random: engine.random(),
        engine,
        packet: vec![0; QUERY_OCTETS],
        reply: Vec::with_capacity(QUERY_OCTETS),
    };
    loop {
        tokio::select! {
            ready = socket.readable() => ready?,
            () = shutdown.cancelled() => {
                while worker.batch(&socket).await {}
                return Ok(());
            }
        }
        while worker.batch(&socket).await {
            tokio::task::yield_now().await;
            if shutdown.is_cancelled() {
                break;
            }
        }
    }
}

struct Worker {
    engine: Arc<Engine>,
    random: crate::zone::Random,
    packet: Vec<u8>,
    reply: Vec<u8>,
}

impl Worker {
    /// Answers at most [`BATCH`] packets; says whether more may wait.
    async fn batch(&mut self, socket: &UdpSocket) -> bool {
        for _ in 0..BATCH {
            match socket.try_recv_from(&mut self.packet) {
                Ok((octets, client)) => self.answer(socket, octets, client).await,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // An ICMP error of an earlier reply; the socket goes on.
                Err(error) => tracing::trace!(%error, "receiving failed"),
            }
        }
        true
    }

    async fn answer(&mut self, socket: &UdpSocket, octets: usize, client: SocketAddr) {
        // Nobody can be waiting there (R66).
        if client.port() == 0 || client.ip().is_unspecified() || client.ip().is_multicast() {
            return;
        }
        let packet = &self.packet[..octets];
        let request = Request { packet, transport: Transport::Udp, client: Some(client.ip()), spare: 0, keep: None };
        if self.engine.respond(&request, &mut self.random, &mut self.reply).is_none() {
            return;
        }
        let sent = match socket.try_send_to(&self.reply, client) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => socket.send_to(&self.reply, client).await,
            sent => sent,
        };
        if let Err(error) = sent {
            tracing::trace!(%client, %error, "sending failed");
        }
    }
}
