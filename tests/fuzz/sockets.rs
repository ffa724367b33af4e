//! The DNS listeners on real sockets: each query gets its one reply, whatever else the same client sends.

use std::collections::BTreeSet;
use std::io;

use rollcall::dns::Transport;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpSocket, UdpSocket};
use tokio::runtime::Runtime;

use crate::dice::Dice;
use crate::play::{Trace, play, play_many};
use crate::support::{TestServer, in_time};
use crate::{packets, rules, world};

/// Packets that are under way at a time, fewer than the smallest socket buffer holds.
const WINDOW: u64 = 16;

/// Packets of one connection at most; half of them as a mean.
const PACKETS: usize = 64;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Makes a packet the one with this id, and says whether it must be answered.
fn number(packet: &mut [u8], id: u16) -> bool {
    if let Some(place) = packet.first_chunk_mut::<2>() {
        *place = id.to_be_bytes();
    }
    !rules::is_silent(packet)
}

#[test]
fn datagrams() {
    let runtime = runtime();
    let server = runtime.block_on(world::start());
    let names = world::names();
    let socket = runtime.block_on(async {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        socket.connect(server.dns).await.expect("a route");
        socket
    });
    let mut id = 0_u16;
    let mut waiting = Vec::new();
    play("datagrams", 2000, |round, dice, trace| {
        id = id.wrapping_add(1);
        let mut packet = packets::packet(dice, &names).packet;
        let answered = number(&mut packet, id);
        trace.input("query", &packet);
        runtime.block_on(async {
            socket.send(&packet).await.expect("room");
            if answered {
                waiting.push((id, packet));
            }
            if round % WINDOW == WINDOW - 1 {
                receive(&socket, &mut waiting, trace).await;
            }
        });
    });
    check_health(&runtime, &server);
}

/// Takes the replies to all that waits, and nothing else.
async fn receive(socket: &UdpSocket, waiting: &mut Vec<(u16, Vec<u8>)>, trace: &mut Trace) {
    let mut buffer = [0; 4096];
    while !waiting.is_empty() {
        let length = in_time("a reply", socket.recv(&mut buffer)).await.expect("a reply");
        let reply = &buffer[..length];
        trace.input("reply", reply);
        let id = u16::from_be_bytes([reply[0], reply[1]]);
        let place = waiting.iter().position(|(sent, _)| *sent == id).expect("a reply to what waits for one, once");
        let (_, query) = waiting.swap_remove(place);
        trace.input("to", &query);
        rules::check(&query, Transport::Udp, reply);
    }
    assert!(socket.try_recv(&mut buffer).is_err(), "more replies than queries");
}

#[test]
fn streams() {
    let runtime = runtime();
    let server = runtime.block_on(world::start());
    let names = world::names();
    play_many("streams", 60, PACKETS as u64 / 2, |round, dice, trace| {
        let stream = Stream::any(dice, &names);
        trace.input("sent", &stream.octets);
        let source = [127, 0, 0, 2 + (round % 16) as u8];
        runtime.block_on(async {
            let socket = TcpSocket::new_v4().expect("a socket");
            socket.bind((source, 0).into()).expect("an address");
            let connection = in_time("connecting", socket.connect(server.dns)).await.expect("a listener");
            connection.set_nodelay(true).expect("an option");
            let (mut reader, writer) = connection.into_split();
            let write = send(writer, &stream, dice);
            let read = async {
                let mut replies = Vec::new();
                // A reset is an end too: what was sent behind it is not read.
                let _ = in_time("the end of a stream", reader.read_to_end(&mut replies)).await;
                replies
            };
            let (_, replies) = tokio::join!(write, read);
            trace.input("received", &replies);
            stream.check(&replies);
        });
    });
    check_health(&runtime, &server);
}

/// What one client sends, and which queries of it are to be answered.
struct Stream {
    octets: Vec<u8>,
    queries: Vec<Vec<u8>>,
    /// Whether it holds octets that are no frame: what is read behind them is anybody's guess.
    broken: bool,
    /// Whether the client goes away in the middle, with nobody to look at replies.
    leaves: bool,
}

impl Stream {
    fn any(dice: &mut Dice, names: &[Vec<u8>]) -> Stream {
        let mut stream = Stream { octets: Vec::new(), queries: Vec::new(), broken: false, leaves: dice.once_in(16) };
        for id in 0..1 + dice.below(PACKETS) as u16 {
            let mut packet = packets::packet(dice, names).packet;
            let answered = number(&mut packet, id);
            let mut length = packet.len() as u16;
            let frame = dice.below(96);
            stream.broken |= frame < 3 || packet.is_empty();
            match frame {
                // No message: the end.
                0 => (length, packet) = (0, Vec::new()),
                // A length that swallows what comes behind it.
                1 => length = length.saturating_add(dice.bits() as u16),
                // Octets between messages.
                2 => stream.octets.push(0xff),
                _ => {}
            }
            stream.octets.extend(length.to_be_bytes());
            stream.octets.extend(&packet);
            if answered && !stream.broken {
                stream.queries.push(packet);
            }
        }
        stream
    }

    /// Checks that what was surely a message was answered, once. What stands behind a broken frame may be.
    fn check(&self, mut replies: &[u8]) {
        if self.leaves {
            return;
        }
        let mut seen = BTreeSet::new();
        while let Some((length, rest)) = replies.split_first_chunk::<2>() {
            let length = usize::from(u16::from_be_bytes(*length));
            let (reply, behind) = rest.split_at_checked(length).expect("whole replies");
            replies = behind;
            let id = u16::from_be_bytes([reply[0], reply[1]]);
            if let Some(query) = self.queries.iter().find(|query| query[..2] == reply[..2]) {
                assert!(seen.insert(id) || self.broken, "two replies to query {id}");
                if !self.broken {
                    rules::check(query, Transport::Tcp, reply);
                }
            }
        }
        assert!(replies.is_empty(), "whole replies");
        assert_eq!(seen.len(), self.queries.len(), "a reply to each query");
    }
}

/// Sends a stream in pieces of any size, octet by octet at times.
async fn send(mut writer: OwnedWriteHalf, stream: &Stream, dice: &mut Dice) -> io::Result<()> {
    let most = *dice.pick(&[1, 3, 40, 700, 100_000]);
    let mut rest = &stream.octets[..];
    if most == 1 {
        rest = &rest[..rest.len().min(400)];
    }
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(1 + dice.below(most.min(rest.len())));
        rest = behind;
        writer.write_all(piece).await?;
        if stream.leaves && dice.once_in(4) {
            return Ok(());
        }
        if most < 100 {
            tokio::task::yield_now().await;
        }
    }
    if most == 1 {
        // The rest in one piece: octet by octet takes long.
        writer.write_all(&stream.octets[stream.octets.len().min(400)..]).await?;
    }
    writer.shutdown().await
}

fn check_health(runtime: &Runtime, server: &TestServer) {
    runtime.block_on(async {
        use crate::support::dns::Ask;
        use crate::support::http::call;
        let question = Ask::new("web.service.local", "A");
        assert_eq!(question.of(server.dns).await.rcode(), "NOERROR");
        assert_eq!(question.over_tcp().of(server.dns).await.rcode(), "NOERROR");
        let metrics = call(server.http, "GET", "/metrics", "").await.body;
        let panics = metrics.lines().find(|line| line.contains("panic") && !line.starts_with('#'));
        assert!(panics.is_some_and(|line| line.ends_with(" 0")), "{panics:?}");
    });
}
