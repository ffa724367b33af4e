//! Load over kept TCP connections: DNS in its frames, and HTTP.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};

use crate::arguments::{Beside, Load};
use crate::http;
use crate::pace::Pace;
use crate::questions::Questions;
use crate::slots::Slots;
use crate::tally::{Report, Tally};
use crate::wait::Watch;

/// The longest DNS message with its length, and more than any answer to a registration.
const READ_OCTETS: usize = 1 << 18;
/// No more is queued on a connection that the server does not read from.
const WRITE_OCTETS: usize = 1 << 16;
/// How long answers are waited for when all is sent, in nanoseconds.
const PATIENCE: u64 = 5_000_000_000;

/// What is sent, and what is made of the octets that come.
trait Protocol {
    /// Appends one request that is due since then; false if there is none or no room for it.
    fn send(&mut self, slots: &mut Slots, out: &mut Vec<u8>, pace: &mut Pace, now: u64) -> bool;
    /// Takes whole answers from the beginning of `octets`; says how long they are.
    fn receive(&mut self, slots: &mut Slots, octets: &[u8], now: u64, tally: &mut Tally) -> anyhow::Result<usize>;
    /// Whether everything was sent that was to be.
    fn is_done(&self) -> bool;
}

pub(crate) fn ask(load: &Load) -> anyhow::Result<Report> {
    run(load, Dns { questions: Questions::read(load)? })
}

pub(crate) fn register(load: &Load) -> anyhow::Result<Report> {
    run(load, Http { requests: http::read(&load.file)?, next: 0, once: load.once })
}

fn run(load: &Load, protocol: impl Protocol) -> anyhow::Result<Report> {
    let end = if load.once { u64::MAX / 2 } else { (load.seconds * 1e9) as u64 };
    let window = (load.window / load.connections).max(1);
    let mut streams = Streams::open(load.address, load.connections, window, Pace::new(load.rate), end, protocol)?;
    let start = Instant::now();
    let mut heard = 0;
    loop {
        let before = streams.tally.received;
        streams.turn(start)?;
        let now = nanoseconds(start);
        let is_heard = streams.tally.received > before;
        if is_heard {
            heard = now;
        }
        let is_idle = streams.is_idle();
        if is_idle && (now >= end || streams.protocol.is_done()) {
            return Ok(streams.tally.report(now as f64 / 1e9));
        }
        ensure!(is_idle || now - heard < PATIENCE, "no answer for {} s", PATIENCE / 1_000_000_000);
        if load.block && !is_heard {
            streams.watch.wait(streams.pace.rest(now));
        }
    }
}

/// Registrations that are sent beside another load, by the thread that sends that one: nobody has to be waked for them.
pub(crate) struct Registrations(Streams<Http>);

impl Registrations {
    /// One of the file when it is due, one under way on each connection, for so many nanoseconds.
    pub(crate) fn open(beside: &Beside, end: u64) -> anyhow::Result<Option<Registrations>> {
        let (Some(address), Some(file)) = (beside.registrar, &beside.registrations) else { return Ok(None) };
        let (requests, pace) = (http::read(file)?, Pace::new(Some(beside.registrations_rate)));
        let http = Http { requests, next: 0, once: false };
        Ok(Some(Registrations(Streams::open(address, beside.registrations_connections, 1, pace, end, http)?)))
    }

    /// Sends what is due, and takes the answers that wait.
    pub(crate) fn turn(&mut self, start: Instant) -> anyhow::Result<()> {
        self.0.turn(start)
    }

    /// Whether nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.0.is_idle()
    }

    pub(crate) fn report(self, seconds: f64) -> Report {
        self.0.tally.report(seconds)
    }
}

/// A load over some connections.
struct Streams<P> {
    connections: Vec<Connection>,
    watch: Watch,
    /// Who sends first what falls due.
    first: usize,
    pace: Pace,
    /// When nothing is sent any more, in nanoseconds since the start.
    end: u64,
    protocol: P,
    tally: Tally,
}

impl<P: Protocol> Streams<P> {
    fn open(
        address: SocketAddr,
        connections: usize,
        window: usize,
        pace: Pace,
        end: u64,
        protocol: P,
    ) -> anyhow::Result<Streams<P>> {
        let connections =
            (0..connections).map(|_| Connection::open(address, window)).collect::<anyhow::Result<Vec<_>>>()?;
        let watch = Watch::new(connections.iter().map(|connection| &connection.socket))?;
        Ok(Streams { connections, watch, first: 0, pace, end, protocol, tally: Tally::new() })
    }

    /// Takes the answers that wait, and sends what is due.
    fn turn(&mut self, start: Instant) -> anyhow::Result<()> {
        let Streams { connections, watch, first, pace, end, protocol, tally } = self;
        for place in watch.ready()? {
            let (connection, now) = (&mut connections[place], nanoseconds(start));
            connection.receive(protocol, now, tally)?;
            connection.send(protocol, pace, now, *end, tally)?;
        }
        // What fell due meanwhile; each is the first in turn.
        let now = nanoseconds(start);
        if pace.due(now) > 0 {
            let (late, early) = connections.split_at_mut(*first);
            for connection in early.iter_mut().chain(late) {
                connection.send(protocol, pace, now, *end, tally)?;
            }
            *first = (*first + 1) % connections.len();
        }
        Ok(())
    }

    fn is_idle(&self) -> bool {
        self.connections.iter().all(|connection| connection.slots.is_idle())
    }
}

fn nanoseconds(start: Instant) -> u64 {
    start.elapsed().as_nanos() as u64
}

struct Connection {
    socket: TcpStream,
    slots: Slots,
    out: Vec<u8>,
    written: usize,
    input: Vec<u8>,
    filled: usize,
}

impl Connection {
    fn open(address: SocketAddr, window: usize) -> anyhow::Result<Connection> {
        let socket = TcpStream::connect(address).with_context(|| format!("connecting to {address}"))?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        Ok(Connection {
            socket,
            slots: Slots::new(window),
            out: Vec::new(),
            written: 0,
            input: vec![0; READ_OCTETS],
            filled: 0,
        })
    }

    fn receive(&mut self, protocol: &mut impl Protocol, now: u64, tally: &mut Tally) -> anyhow::Result<()> {
        match self.socket.read(&mut self.input[self.filled..]) {
            Ok(0) => bail!("the server closed a connection"),
            Ok(more) => self.filled += more,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let taken = protocol.receive(&mut self.slots, &self.input[..self.filled], now, tally)?;
        self.input.copy_within(taken..self.filled, 0);
        self.filled -= taken;
        ensure!(self.filled < self.input.len(), "an answer longer than {READ_OCTETS} octets");
        Ok(())
    }

    /// What is due, before the end, and what could not be written so far.
    fn send(
        &mut self,
        protocol: &mut impl Protocol,
        pace: &mut Pace,
        now: u64,
        end: u64,
        tally: &mut Tally,
    ) -> anyhow::Result<()> {
        if now < end {
            self.fill(protocol, pace, now, tally);
        }
        Ok(self.write()?)
    }

    fn fill(&mut self, protocol: &mut impl Protocol, pace: &mut Pace, now: u64, tally: &mut Tally) {
        let most = pace.due(now).min(self.slots.free());
        for _ in 0..most {
            if self.out.len() >= WRITE_OCTETS || !protocol.send(&mut self.slots, &mut self.out, pace, now) {
                return;
            }
            tally.sent += 1;
        }
    }

    fn write(&mut self) -> io::Result<()> {
        if self.written < self.out.len() {
            match self.socket.write(&self.out[self.written..]) {
                Ok(more) => self.written += more,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        if self.written == self.out.len() {
            self.out.clear();
            self.written = 0;
        }
        Ok(())
    }
}

struct Dns {
    questions: Questions,
}

impl Protocol for Dns {
    fn send(&mut self, slots: &mut Slots, out: &mut Vec<u8>, pace: &mut Pace, now: u64) -> bool {
        let question = self.questions.pick();
        let Some(id) = slots.take(pace.take(now), question) else { return false };
        let packet = self.questions.packet(question);
        out.extend_from_slice(&(packet.len() as u16).to_be_bytes());
        out.extend_from_slice(&id.to_be_bytes());
        out.extend_from_slice(&packet[2..]);
        true
    }

    fn receive(&mut self, slots: &mut Slots, octets: &[u8], now: u64, tally: &mut Tally) -> anyhow::Result<usize> {
        let mut taken = 0;
        while let [first, second, rest @ ..] = &octets[taken..] {
            let length = usize::from(u16::from_be_bytes([*first, *second]));
            let Some(reply) = rest.get(..length) else { break };
            taken += 2 + length;
            ensure!(length >= 2, "an answer of {length} octets");
            let ended = slots.end(u16::from_be_bytes([reply[0], reply[1]])).context("an answer to no question")?;
            tally.received += 1;
            tally.octets += length as u64;
            tally.latency.add(now.saturating_sub(ended.since));
            if !self.questions.answers(ended.question, reply) {
                tally.is_bad(reply);
            }
        }
        Ok(taken)
    }

    fn is_done(&self) -> bool {
        false
    }
}

struct Http {
    requests: Vec<Vec<u8>>,
    next: usize,
    once: bool,
}

impl Protocol for Http {
    fn send(&mut self, slots: &mut Slots, out: &mut Vec<u8>, pace: &mut Pace, now: u64) -> bool {
        if self.is_done() || !slots.take_in_order(pace.take(now), self.next) {
            return false;
        }
        out.extend_from_slice(&self.requests[self.next % self.requests.len()]);
        self.next += 1;
        true
    }

    fn receive(&mut self, slots: &mut Slots, octets: &[u8], now: u64, tally: &mut Tally) -> anyhow::Result<usize> {
        let mut taken = 0;
        while let Some((status, length)) = http::answer(&octets[taken..]) {
            let ended = slots.end_first().context("an answer to no request")?;
            tally.received += 1;
            tally.octets += length as u64;
            tally.latency.add(now.saturating_sub(ended.since));
            *tally.statuses.entry(status).or_default() += 1;
            if !(200..300).contains(&status) {
                tally.is_bad(&octets[taken..taken + length]);
            }
            taken += length;
        }
        Ok(taken)
    }

    fn is_done(&self) -> bool {
        self.once && self.next >= self.requests.len()
    }
}
