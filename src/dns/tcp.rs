//! Streams (RFC 7766): many queries a connection, all that one read brings with as few writes as fit.
//!
//! Replies leave in the order of the queries. Each is made in microseconds and waits for nothing, so there
//! is no slow query that could hold up another (RFC 7766 7), and nothing to gain by another order.
//!
//! Bounds: connections in total and from one address, idle time (more for clients that ask by keepalive,
//! RFC 7828; less for all when most places are taken), time for a started message to arrive and for a reply
//! to be taken. A peer that is slow or silent costs its own slot and nothing else, one that asks without a pause has its
//! turn as others do; when all places are taken, the connection that has been idle the longest makes room.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::arrival::{Arrival, Ender, Waits};
use super::{Engine, Request, Transport};
use crate::limits;
use crate::zone::{ABREAST, Random};

/// Pause after the system refused a connection for want of file descriptors or memory.
const BACK_OFF: Duration = Duration::from_millis(100);
/// Replies gathered before they are written.
const WRITE_OCTETS: usize = 64 * 1024;
/// Bytes read at a time.
const READ_OCTETS: usize = 16 * 1024;

/// Accepts and serves connections until `shutdown`; then those that are open end after what they sent is answered.
pub(super) async fn serve(listener: TcpListener, engine: Arc<Engine>, shutdown: CancellationToken) -> io::Result<()> {
    let sources = Arc::new(Sources::default());
    let places = Arc::new(Places::default());
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, client)) => {
                let Some(slot) = Sources::enter(&sources, client.ip()) else {
                    engine.stats().refused_connection();
                    continue;
                };
                let Some(place) = Places::enter(&places, &engine) else {
                    engine.stats().refused_connection();
                    continue;
                };
                let connection = Connection::new(stream, client.ip(), place, Arc::clone(&engine));
                connections.spawn(async move {
                    let _slot = slot;
                    if let Err(error) = connection.run().await {
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
        }
    }
    drop(listener);
    places.stop();
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

/// The open connections of a listener.
#[derive(Default)]
struct Places {
    /// Each by its number.
    open: Mutex<BTreeMap<u64, Arc<Peer>>>,
    /// How many there are, for who does not need to know which.
    count: AtomicUsize,
}

/// What is known of a connection from outside.
struct Peer {
    /// When it became idle, in the order of such events; [`BUSY`] while it works, [`LEAVING`] once it was told to.
    idle_since: AtomicU64,
    ender: Ender,
}

impl Peer {
    fn is_leaving(&self) -> bool {
        self.idle_since.load(Ordering::Relaxed) == LEAVING
    }
}

const BUSY: u64 = u64::MAX;
const LEAVING: u64 = u64::MAX - 1;
/// The order in which connections came and became idle.
static EVENTS: AtomicU64 = AtomicU64::new(0);

impl Places {
    /// A place for one more; where none is left, the connection that has been idle the longest is told to leave.
    fn enter(places: &Arc<Places>, engine: &Arc<Engine>) -> Option<Place> {
        let number = EVENTS.fetch_add(1, Ordering::Relaxed);
        let mut open = places.open.lock();
        let staying = |peer: &Arc<Peer>| !peer.is_leaving();
        // Who was told to leave does so as soon as its task runs.
        if open.len() >= limits::DNS_TCP_CONNECTIONS
            && open.values().filter(|peer| staying(peer)).count() >= limits::DNS_TCP_CONNECTIONS
        {
            let idle = open.values().map(|peer| (peer.idle_since.load(Ordering::Relaxed), peer));
            let (since, oldest) = idle.filter(|(since, _)| *since < LEAVING).min_by_key(|(since, _)| *since)?;
            // It may have begun to work in this moment: then it stays, and the new one does not.
            oldest.idle_since.compare_exchange(since, LEAVING, Ordering::Relaxed, Ordering::Relaxed).ok()?;
            oldest.ender.wake();
            engine.stats().evicted_connection();
        }
        let peer = Arc::new(Peer { idle_since: AtomicU64::new(number), ender: Ender::default() });
        open.insert(number, Arc::clone(&peer));
        places.count.fetch_add(1, Ordering::Relaxed);
        engine.stats().opened_connection();
        Some(Place { places: Arc::clone(places), engine: Arc::clone(engine), number, peer })
    }

    /// Ends every connection that is idle, and the others when they are.
    fn stop(&self) {
        self.open.lock().values().for_each(|peer| peer.ender.stop());
    }
}

/// A connection's place among all, given back when it ends.
struct Place {
    places: Arc<Places>,
    engine: Arc<Engine>,
    number: u64,
    peer: Arc<Peer>,
}

impl Place {
    /// Nothing is asked for the moment.
    fn idle(&self) {
        self.set(EVENTS.fetch_add(1, Ordering::Relaxed));
    }

    /// Something is asked.
    fn busy(&self) {
        self.set(BUSY);
    }

    fn set(&self, since: u64) {
        let now = self.peer.idle_since.load(Ordering::Relaxed);
        if now != LEAVING {
            // Told to leave in this moment: it does.
            let _ = self.peer.idle_since.compare_exchange(now, since, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// How long the connection may be idle, by how many places are taken (RFC 7766 6.2.3, RFC 7828 3.4).
    fn patience(&self, keeps: bool) -> Duration {
        let open = self.places.count.load(Ordering::Relaxed);
        match open * 8 / limits::DNS_TCP_CONNECTIONS {
            0..4 if keeps => limits::DNS_TCP_KEEPALIVE,
            0..7 => limits::DNS_TCP_IDLE,
            _ => limits::DNS_TCP_IDLE_PRESSED,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.open.lock().remove(&self.number);
        self.places.count.fetch_sub(1, Ordering::Relaxed);
        self.engine.stats().closed_connection();
    }
}

struct Connection {
    stream: TcpStream,
    client: IpAddr,
    place: Place,
    engine: Arc<Engine>,
    random: Random,
    /// Whether the client asked to be kept (RFC 7828).
    keeps: bool,
    /// What was read and not answered yet.
    input: Vec<u8>,
    output: Vec<u8>,
    reply: Vec<u8>,
    /// How many were answered since others had this thread.
    stretch: usize,
}

impl Connection {
    fn new(stream: TcpStream, client: IpAddr, place: Place, engine: Arc<Engine>) -> Connection {
        let random = engine.random();
        let (input, output, reply) = (Vec::new(), Vec::new(), Vec::new());
        Connection { stream, client, place, engine, random, keeps: false, input, output, reply, stretch: 0 }
    }

    async fn run(mut self) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        let peer = Arc::clone(&self.place.peer);
        let asked = pin!(peer.ender.asked());
        let mut waits = Waits::new(asked);
        loop {
            if !self.answer_all().await? {
                return self.stream.shutdown().await;
            }
            self.input.reserve(READ_OCTETS);
            match self.message(&mut waits).await? {
                Arrival::Octets => {}
                Arrival::Closed => {
                    self.answer_all().await?;
                    return self.stream.shutdown().await;
                }
                Arrival::Late | Arrival::Ended => return self.stream.shutdown().await,
            }
        }
    }

    /// Reads until there is a whole message, which has its time as a whole, however its octets drip in (R58).
    async fn message(&mut self, waits: &mut Waits<'_, '_>) -> io::Result<Arrival> {
        if self.input.is_empty() {
            self.place.idle();
            waits.allow(self.place.patience(self.keeps));
            let first = self.arrival(waits).await?;
            self.place.busy();
            if first != Arrival::Octets || is_whole(&self.input) {
                return Ok(first);
            }
        }
        waits.allow(limits::DNS_TCP_MESSAGE);
        while !is_whole(&self.input) {
            match self.arrival(waits).await? {
                Arrival::Octets => {}
                other @ (Arrival::Closed | Arrival::Late | Arrival::Ended) => return Ok(other),
            }
        }
        Ok(Arrival::Octets)
    }

    /// Waits for octets.
    async fn arrival(&mut self, waits: &mut Waits<'_, '_>) -> io::Result<Arrival> {
        let Connection { stream, input, place, .. } = self;
        let (peer, started) = (&place.peer, !input.is_empty());
        let mut read = pin!(stream.read_buf(input));
        poll_fn(|context| {
            waits.listen(context);
            if peer.is_leaving() || !started && peer.ender.is_stopping() {
                return Poll::Ready(Ok(Arrival::Ended));
            }
            match read.as_mut().poll(context) {
                Poll::Ready(Ok(0)) => Poll::Ready(Ok(Arrival::Closed)),
                Poll::Ready(Ok(_)) => Poll::Ready(Ok(Arrival::Octets)),
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Pending => waits.poll_late(context).map(|()| Ok(Arrival::Late)),
            }
        })
        .await
    }

    /// Answers every whole message in the input; `false` ends the connection.
    async fn answer_all(&mut self) -> io::Result<bool> {
        let mut at = 0;
        loop {
            let octets = self.answer_some(at);
            if octets == 0 {
                break;
            }
            at += octets;
            if self.output.len() >= WRITE_OCTETS {
                self.flush().await?;
                self.give_way().await;
            }
        }
        self.input.drain(..at);
        self.flush().await?;
        if self.stretch >= limits::DNS_STRETCH {
            self.give_way().await;
        }
        // There is no query of no octets.
        Ok(message_octets(&self.input) != Some(0))
    }

    /// Answers a few whole messages of the input, from the one at `start` on, as far as there is room; says how many
    /// octets they have.
    fn answer_some(&mut self, start: usize) -> usize {
        let published = self.engine.published();
        let mut session = self.engine.session(&published);
        let packets: SmallVec<[&[u8]; ABREAST]> = messages(&self.input[start..]).take(ABREAST).collect();
        let mut octets = 0;
        for (packet, ahead) in packets.iter().zip(session.ahead(&packets)) {
            if self.output.len() >= WRITE_OCTETS {
                break;
            }
            let keep = Some(self.place.patience(true));
            let request =
                Request { packet, transport: Transport::Tcp, client: Some(self.client), spare: 0, keep, ahead };
            if let Some(answered) = session.respond(&request, &mut self.random, &mut self.reply) {
                self.keeps |= answered.keeps;
                self.output.extend_from_slice(&(self.reply.len() as u16).to_be_bytes());
                self.output.extend_from_slice(&self.reply);
            }
            octets += 2 + packet.len();
            self.stretch += 1;
        }
        octets
    }

    /// Lets other connections have this thread, and other threads its processor: a peer that asks and reads without a pause
    /// would have both.
    async fn give_way(&mut self) {
        self.stretch = 0;
        std::thread::yield_now();
        tokio::task::yield_now().await;
    }

    async fn flush(&mut self) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        let mut rest = &self.output[..];
        // Mostly there is room, and no time to be measured.
        match self.stream.try_write(rest) {
            Ok(taken) => rest = &rest[taken..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        // A peer that takes some of it is alive, however slow.
        while !rest.is_empty() {
            let taken = timeout(limits::DNS_TCP_MESSAGE, self.stream.write(rest)).await??;
            rest = &rest[taken..];
        }
        self.output.clear();
        Ok(())
    }
}

/// The length that a message says it has, once its two octets are there.
fn message_octets(input: &[u8]) -> Option<usize> {
    input.first_chunk::<2>().map(|length| usize::from(u16::from_be_bytes(*length)))
}

/// The whole messages that an input begins with, up to one of no octets.
fn messages(mut input: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = message_octets(input).filter(|length| *length > 0)?;
        let (packet, rest) = input.get(2..)?.split_at_checked(length)?;
        input = rest;
        Some(packet)
    })
}

fn is_whole(input: &[u8]) -> bool {
    message_octets(input).is_some_and(|length| input.len() >= 2 + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(peers: usize) -> (Arc<Places>, Vec<Place>) {
        let places = Arc::new(Places::default());
        let engine = crate::dns::tests::engine();
        let taken = (0..peers).map(|_| Places::enter(&places, &engine).expect("a place")).collect();
        (places, taken)
    }

    fn told_to_leave(place: &Place) -> bool {
        place.peer.is_leaving()
    }

    #[test]
    fn the_longest_idle_connection_makes_room() {
        let engine = crate::dns::tests::engine();
        let (places, mut taken) = places(limits::DNS_TCP_CONNECTIONS);
        for place in &taken {
            place.busy();
        }
        assert!(Places::enter(&places, &engine).is_none(), "all are at work");
        for at in [5, 3, 4] {
            taken[at].idle();
        }
        let mut entered: Vec<Place> = (0..3).map(|_| Places::enter(&places, &engine).expect("room")).collect();
        assert!([3, 4, 5].iter().all(|at| told_to_leave(&taken[*at])));
        // Those that came are idle themselves until they speak, and the oldest of them goes first.
        entered[0].busy();
        let another = Places::enter(&places, &engine).expect("room");
        assert_eq!(entered.iter().map(told_to_leave).collect::<Vec<_>>(), [false, true, false]);
        drop((another, entered.split_off(0), taken.split_off(0)));
        assert!(places.open.lock().is_empty());
    }

    #[test]
    fn patience_ends_when_places_do() {
        let (_, few) = places(1);
        assert_eq!(few[0].patience(false), limits::DNS_TCP_IDLE);
        assert_eq!(few[0].patience(true), limits::DNS_TCP_KEEPALIVE);
        let (_, many) = places(limits::DNS_TCP_CONNECTIONS / 2 + 1);
        assert_eq!(many[0].patience(true), limits::DNS_TCP_IDLE);
        let (_, most) = places(limits::DNS_TCP_CONNECTIONS / 8 * 7 + 1);
        assert_eq!(most[0].patience(true), limits::DNS_TCP_IDLE_PRESSED);
    }
}
