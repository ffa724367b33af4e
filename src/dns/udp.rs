//! Datagrams: one socket a worker, all on one port; the kernel spreads the clients over them.
//!
//! Under overload nothing queues but in the buffer of the socket, whose size the kernel bounds: what does not
//! fit there is lost, and its client asks again (R64).

use std::io;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::datagram::{Arrived, Datagrams};
use super::{DropReason, Engine, Request, Transport};

/// Packets answered before other tasks of the thread get their turn.
const BATCH: usize = 64;
/// Larger than any query that means anything; the rest of a longer datagram is cut off and parses as malformed.
const QUERY_OCTETS: usize = 4096;

/// Answers on a socket until `shutdown`, then what is already in its buffer.
pub(super) async fn serve(mut socket: Datagrams, engine: Arc<Engine>, shutdown: CancellationToken) -> io::Result<()> {
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
                while worker.batch(&mut socket).await {}
                return Ok(());
            }
        }
        while worker.batch(&mut socket).await {
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
    async fn batch(&mut self, socket: &mut Datagrams) -> bool {
        for _ in 0..BATCH {
            match socket.try_receive(&mut self.packet) {
                Ok(arrived) => self.answer(socket, &arrived).await,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // An ICMP error of an earlier reply; the socket goes on.
                Err(error) => tracing::trace!(%error, "receiving failed"),
            }
        }
        true
    }

    async fn answer(&mut self, socket: &Datagrams, arrived: &Arrived) {
        if !socket.has_a_client(arrived) {
            self.engine.stats().dropped(DropReason::Source);
            return;
        }
        let packet = &self.packet[..arrived.octets];
        let client = Some(arrived.client.ip());
        let request = Request { packet, transport: Transport::Udp, client, spare: 0, keep: None };
        if self.engine.respond(&request, &mut self.random, &mut self.reply).is_none() {
            return;
        }
        let sent = match socket.try_send(&self.reply, arrived) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => socket.send(&self.reply, arrived).await,
            sent => sent,
        };
        if let Err(error) = sent {
            tracing::trace!(client = %arrived.client, %error, "sending failed");
        }
    }
}
