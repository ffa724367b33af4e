//! Streams (RFC 7766): many queries a connection, answered in the order they come, all that one read
//! brings with as few writes as fit.
//!
//! Bounds: connections in total and from one address, idle time, time for a started message to arrive and
//! for a reply to be taken. A peer that is slow or silent costs its own slot and nothing else.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{Engine, Request, Transport};
use crate::limits;
use crate::zone::Random;

/// Pause after the system refused a connection for want of file descriptors or memory.
const BACK_OFF: Duration = Duration::from_millis(100);
/// Replies gathered before they are written.
const WRITE_OCTETS: usize = 64 * 1024;
/// Bytes read at a time.
const READ_OCTETS: usize = 16 * 1024;

/// Accepts and serves connections until `shutdown`; then those that are open end after what they sent is answered.
pub(super) async fn serve(listener: TcpListener, engine: Arc<Engine>, shutdown: CancellationToken) -> io::Result<()> {
    let sources = Arc::new(Sources::default());
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let full = connections.len() >= limits::DNS_TCP_CONNECTIONS;
        tokio::select! {
            () = shutdown.cancelled() => break,
            Some(_) = connections.join_next(), if full => {}
            accepted = listener.accept(), if !full => match accepted {
                Ok((stream, client)) => {
                    let Some(slot) = Sources::enter(&sources, client.ip()) else { continue };
                    let connection = Connection::new(stream, client.ip(), Arc::clone(&engine));
                    let shutdown = shutdown.clone();
                    connections.spawn(async move {
                        let _slot = slot;
                        if let Err(error) = connection.run(shutdown).await {
                            tracing::trace!(%error, "connection ended");
                        }
                    });
                }
                // The peer was gone before it was accepted: nothing is wrong with the listener.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    tracing::debug!(%error, "accepting failed");
                    tokio::time::sleep(BACK_OFF).await;
                }
            },
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    // A peer that does not take its replies is cut off here.
    let _ = timeout(limits::DRAIN_TIME, drained).await;
    Ok(())
}

/// How many connections each address has.
#[derive(Default)]
struct Sources(Mutex<BTreeMap<IpAddr, usize>>);

impl Sources {
    fn enter(sources: &Arc<Sources>, address: IpAddr) -> Option<Slot> {
        let mut counts = sources.0.lock();
        let count = counts.entry(address).or_insert(0);
        if *count >= limits::DNS_TCP_CONNECTIONS_PER_SOURCE {
            return None;
        }
        *count += 1;
        Some(Slot { sources: Arc::clone(sources), address })
    }
}

/// A connection's place in the count of its address, given back when it ends.
struct Slot {
    sources: Arc<Sources>,
    address: IpAddr,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = self.sources.0.lock();
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

struct Connection {
    stream: TcpStream,
    client: IpAddr,
    engine: Arc<Engine>,
    random: Random,
    /// What was read and not answered yet.
    input: Vec<u8>,
    output: Vec<u8>,
    reply: Vec<u8>,
}

impl Connection {
    fn new(stream: TcpStream, client: IpAddr, engine: Arc<Engine>) -> Connection {
        let random = engine.random();
        Connection { stream, client, engine, random, input: Vec::new(), output: Vec::new(), reply: Vec::new() }
    }

    async fn run(mut self, shutdown: CancellationToken) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        loop {
            if !self.answer_all().await? {
                return self.stream.shutdown().await;
            }
            self.input.reserve(READ_OCTETS);
            // A started message has to arrive in time, whatever its octets drip in at (R58).
            let patience = if self.input.is_empty() { limits::DNS_TCP_IDLE } else { limits::DNS_TCP_MESSAGE };
            let started = !self.input.is_empty();
            let arrived = tokio::select! {
                arrived = timeout(patience, read_message(&mut self.stream, &mut self.input)) => arrived,
                () = shutdown.cancelled(), if !started => return self.stream.shutdown().await,
            };
            match arrived {
                Ok(Ok(true)) => {}
                // The peer has said all it will; what came before was answered.
                Ok(Ok(false)) => {
                    self.answer_all().await?;
                    return self.stream.shutdown().await;
                }
                Ok(Err(error)) => return Err(error),
                Err(_) => return self.stream.shutdown().await,
            }
        }
    }

    /// Answers every whole message in the input; `false` ends the connection.
    async fn answer_all(&mut self) -> io::Result<bool> {
        let mut at = 0;
        let mut go_on = true;
        while let Some(length) = message_octets(&self.input[at..]) {
            // There is no query of no octets.
            if length == 0 {
                go_on = false;
                break;
            }
            let Some(packet) = self.input.get(at + 2..at + 2 + length) else { break };
            let request =
                Request { packet, transport: Transport::Tcp, client: Some(self.client), spare: 0, keep: None };
            if self.engine.respond(&request, &mut self.random, &mut self.reply).is_some() {
                self.output.extend_from_slice(&(self.reply.len() as u16).to_be_bytes());
                self.output.extend_from_slice(&self.reply);
            }
            at += 2 + length;
            if self.output.len() >= WRITE_OCTETS {
                self.flush().await?;
            }
        }
        self.input.drain(..at);
        self.flush().await?;
        Ok(go_on)
    }

    async fn flush(&mut self) -> io::Result<()> {
        if !self.output.is_empty() {
            timeout(limits::DNS_TCP_MESSAGE, self.stream.write_all(&self.output)).await??;
            self.output.clear();
        }
        Ok(())
    }
}

/// The length that a message says it has, once its two octets are there.
fn message_octets(input: &[u8]) -> Option<usize> {
    input.first_chunk::<2>().map(|length| usize::from(u16::from_be_bytes(*length)))
}

/// Reads until a whole message is in `input`; `false` when the peer ends before.
async fn read_message(stream: &mut TcpStream, input: &mut Vec<u8>) -> io::Result<bool> {
    loop {
        if stream.read_buf(input).await? == 0 {
            return Ok(false);
        }
        if message_octets(input).is_some_and(|length| input.len() >= 2 + length) {
            return Ok(true);
        }
    }
}
