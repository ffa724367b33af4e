//! DNS over UDP: many datagrams a system call, on connected sockets.

use std::array;
use std::io::{IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg};

use crate::arguments::{Beside, Load};
use crate::pace::Pace;
use crate::questions::Questions;
use crate::slots::Slots;
use crate::stream::Registrations;
use crate::tally::{Report, Tally};
use crate::wait;

/// Datagrams of a system call.
const BATCH: usize = 32;
/// No reply is longer that fits what the queries offer.
const REPLY_OCTETS: usize = 4096;
const QUERY_OCTETS: usize = 512;
/// An open loop sends no more at once on a socket, so that a burst is spread over all.
const OPEN_BATCH: usize = 4;
const SOCKET_ROOM: usize = 4 << 20;
/// An answer that took longer is lost, in nanoseconds.
const PATIENCE: u64 = 1_000_000_000;

struct Peer {
    socket: UdpSocket,
    slots: Slots,
}

/// Room for a batch, used again and again.
struct Room {
    replies: Vec<[u8; REPLY_OCTETS]>,
    queries: Vec<[u8; QUERY_OCTETS]>,
    lengths: [usize; BATCH],
    headers: MultiHeaders<SockaddrStorage>,
}

pub(crate) fn run(load: &Load, beside: &Beside) -> anyhow::Result<Report> {
    let mut questions = Questions::read(load)?;
    let mut peers = (0..load.connections).map(|_| connect(load)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut room = Room {
        replies: vec![[0; REPLY_OCTETS]; BATCH],
        queries: vec![[0; QUERY_OCTETS]; BATCH],
        lengths: [0; BATCH],
        headers: MultiHeaders::preallocate(BATCH, None),
    };
    let (mut tally, mut pace) = (Tally::new(), Pace::new(load.rate));
    let end = (load.seconds * 1e9) as u64;
    let mut registrations = Registrations::open(beside, end)?;
    let start = Instant::now();
    let mut looked = 0;
    loop {
        let before = tally.received;
        for peer in &mut peers {
            let now = peer.receive(&mut room, &questions, start, &mut tally)?;
            if now < end {
                peer.send(&mut room, &mut questions, &mut pace, now, &mut tally)?;
            }
            if let Some(registrations) = &mut registrations {
                registrations.turn(start)?;
            }
        }
        // Who is first has the queries that fall due between two rounds.
        peers.rotate_left(1);
        let now = nanoseconds(start);
        if now - looked > PATIENCE / 20 {
            looked = now;
            tally.lost += peers.iter_mut().map(|peer| peer.slots.give_up(now.saturating_sub(PATIENCE))).sum::<u64>();
        }
        let is_idle =
            peers.iter().all(|peer| peer.slots.is_idle()) && registrations.as_ref().is_none_or(Registrations::is_idle);
        if now >= end && is_idle {
            let seconds = now as f64 / 1e9;
            let beside = registrations.map(|registrations| Box::new(registrations.report(seconds)));
            return Ok(Report { beside, ..tally.report(seconds) });
        }
        if load.block && tally.received == before {
            wait::readable(peers.iter().map(|peer| &peer.socket), pace.rest(now));
        }
    }
}

fn connect(load: &Load) -> anyhow::Result<Peer> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(load.address)?;
    socket.set_nonblocking(true)?;
    let options = socket2::SockRef::from(&socket);
    options.set_recv_buffer_size(SOCKET_ROOM)?;
    options.set_send_buffer_size(SOCKET_ROOM)?;
    Ok(Peer { socket, slots: Slots::new((load.window / load.connections).max(1)) })
}

fn nanoseconds(start: Instant) -> u64 {
    start.elapsed().as_nanos() as u64
}

impl Peer {
    /// Takes the answers that wait; returns the time.
    fn receive(
        &mut self,
        room: &mut Room,
        questions: &Questions,
        start: Instant,
        tally: &mut Tally,
    ) -> anyhow::Result<u64> {
        let mut buffers = room.replies.iter_mut();
        let mut parts: [[IoSliceMut<'_>; 1]; BATCH] =
            array::from_fn(|_| [IoSliceMut::new(buffers.next().map_or(&mut [], |buffer| buffer))]);
        let descriptor = self.socket.as_raw_fd();
        let mut count = 0;
        match recvmmsg(descriptor, &mut room.headers, parts.iter_mut(), MsgFlags::MSG_DONTWAIT, None) {
            Ok(received) => {
                for message in received {
                    room.lengths[count] = message.bytes;
                    count += 1;
                }
            }
            Err(Errno::EAGAIN) => {}
            Err(error) => return Err(error.into()),
        }
        let now = nanoseconds(start);
        for (reply, length) in room.replies.iter().zip(&room.lengths[..count]) {
            self.take(&reply[..*length], now, questions, tally);
        }
        Ok(now)
    }

    fn take(&mut self, reply: &[u8], now: u64, questions: &Questions, tally: &mut Tally) {
        let [first, second, ..] = *reply else { return tally.is_bad(reply) };
        let Some(ended) = self.slots.end(u16::from_be_bytes([first, second])) else {
            tally.late += 1;
            return;
        };
        tally.received += 1;
        tally.octets += reply.len() as u64;
        tally.latency.add(now.saturating_sub(ended.since));
        if !questions.answers(ended.question, reply) {
            tally.is_bad(reply);
        }
    }

    fn send(
        &mut self,
        room: &mut Room,
        questions: &mut Questions,
        pace: &mut Pace,
        now: u64,
        tally: &mut Tally,
    ) -> anyhow::Result<()> {
        let most = if pace.is_open() { OPEN_BATCH } else { BATCH };
        let mut ids = [0; BATCH];
        let count = pace.due(now).min(self.slots.free()).min(most);
        for (place, id) in ids[..count].iter_mut().enumerate() {
            let question = questions.pick();
            let Some(taken) = self.slots.take(pace.take(now), question) else { break };
            *id = taken;
            let packet = questions.packet(question);
            room.queries[place][..packet.len()].copy_from_slice(packet);
            room.queries[place][..2].copy_from_slice(&taken.to_be_bytes());
            room.lengths[place] = packet.len();
        }
        if count == 0 {
            return Ok(());
        }
        let parts: [[IoSlice<'_>; 1]; BATCH] =
            array::from_fn(|place| [IoSlice::new(&room.queries[place][..room.lengths[place].min(QUERY_OCTETS)])]);
        let descriptor = self.socket.as_raw_fd();
        // No addresses: the sockets are connected.
        let nowhere = [None; BATCH];
        let headers = &mut room.headers;
        let sent = match sendmmsg(descriptor, headers, &parts[..count], &nowhere[..count], [], MsgFlags::empty()) {
            Ok(results) => results.count(),
            Err(Errno::EAGAIN) => 0,
            Err(error) => return Err(error.into()),
        };
        tally.sent += sent as u64;
        // Those for which there was no room were never under way.
        for id in &ids[sent..count] {
            self.slots.end(*id);
        }
        Ok(())
    }
}
