//! Load over kept TCP connections: DNS in its frames, and HTTP.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};

use crate::arguments::Load;
use crate::http;
use crate::pace::Pace;
use crate::questions::Questions;
use crate::slots::Slots;
use crate::tally::{Report, Tally};
use crate::wait;

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
    run(load, &mut Dns { questions: Questions::read(load)? })
}

pub(crate) fn register(load: &Load) -> anyhow::Result<Report> {
    run(load, &mut Http { requests: http::read(&load.file)?, next: 0, once: load.once })
}

fn run(load: &Load, protocol: &mut impl Protocol) -> anyhow::Result<Report> {
    let mut connections = (0..load.connections)
        .map(|_| Connection::open(load.address, (load.window / load.connections).max(1)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let (mut tally, mut pace) = (Tally::new(), Pace::new(load.rate));
    let start = Instant::now();
    let end = if load.once { u64::MAX / 2 } else { (load.seconds * 1e9) as u64 };
    let mut heard = 0;
    loop {
        let before = tally.received;
        for connection in &mut connections {
            let now = start.elapsed().as_nanos() as u64;
            connection.receive(protocol, now, &mut tally)?;
            if now < end {
                connection.fill(protocol, &mut pace, now, &mut tally);
            }
            connection.write()?;
        }
        connections.rotate_left(1);
        let now = start.elapsed().as_nanos() as u64;
        if tally.received > before {
            heard = now;
        }
        let idle = connections.iter().all(|connection| connection.slots.is_idle());
        if idle && (now >= end || protocol.is_done()) {
            return Ok(tally.report(now as f64 / 1e9));
        }
        ensure!(idle || now - heard < PATIENCE, "no answer for {} s", PATIENCE / 1_000_000_000);
        if load.block && tally.received == before {
            wait::readable(connections.iter().map(|connection| &connection.socket), pace.rest(now));
        }
    }
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

    fn fill(&mut self, protocol: &mut impl Protocol, pace: &mut Pace, now: u64, tally: &mut Tally) {
        let most = pace.due(now).min(self.slots.free());
        for _ in 0..most {
            if self.out.len() >= WRITE_OCTETS || !protocol.send(&mut self.slots, &mut self.out, pace, now) {
                return;
            }
            tally.sent += 1;
        }
    }

    fn write(&mut self) -> anyhow::Result<()> {
        if self.written < self.out.len() {
            match self.socket.write(&self.out[self.written..]) {
                Ok(more) => self.written += more,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
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
