//! The floor of DNS over UDP: what receiving and sending cost, many datagrams a system call.
//!
//! It repeats the question and lets as many octets follow as a real answer has, without looking anything up: header and
//! question are right, what follows means nothing. No server that asks the system for its datagrams can be cheaper.

use std::array;
use std::io::{IoSlice, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::thread;

use clap::Parser;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg};
use socket2::{Domain, Protocol, Socket, Type};

/// Datagrams of a system call, as many as rollcall takes.
const BATCH: usize = 32;
const QUERY_OCTETS: usize = 4096;
const REPLY_OCTETS: usize = 4096;
const SOCKET_ROOM: usize = 4 << 20;
const HEADER: usize = 12;
const SRV: u8 = 33;
/// A reply, authoritative, with ten answers and nothing else.
const HEAD: [u8; 10] = [0x84, 0, 0, 1, 0, 10, 0, 0, 0, 0];

#[derive(Parser, Clone)]
struct Arguments {
    #[arg(long)]
    listen: SocketAddr,
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Octets of a reply to A
    #[arg(long)]
    a: usize,
    /// Octets of a reply to SRV
    #[arg(long)]
    srv: usize,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let sockets = (0..arguments.threads).map(|_| bind(arguments.listen)).collect::<anyhow::Result<Vec<_>>>()?;
    thread::scope(|scope| {
        for socket in &sockets {
            scope.spawn(|| serve(socket, &arguments));
        }
    });
    Ok(())
}

fn bind(address: SocketAddr) -> anyhow::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_port(true)?;
    socket.set_recv_buffer_size(SOCKET_ROOM)?;
    socket.set_send_buffer_size(SOCKET_ROOM)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Receives what waits, at least one; answers; sends; for ever. A failure is that of one client, who asks again.
fn serve(socket: &UdpSocket, arguments: &Arguments) {
    let descriptor = socket.as_raw_fd();
    let mut queries = vec![[0; QUERY_OCTETS]; BATCH];
    let mut replies = vec![[0; REPLY_OCTETS]; BATCH];
    let mut incoming: MultiHeaders<SockaddrStorage> = MultiHeaders::preallocate(BATCH, None);
    let mut outgoing: MultiHeaders<SockaddrStorage> = MultiHeaders::preallocate(BATCH, None);
    loop {
        let mut rooms = queries.iter_mut();
        let mut parts: [[IoSliceMut<'_>; 1]; BATCH] =
            array::from_fn(|_| [IoSliceMut::new(rooms.next().map_or(&mut [], |room| room))]);
        let mut lengths = [0; BATCH];
        let mut clients = [None; BATCH];
        let mut received = 0;
        match recvmmsg(descriptor, &mut incoming, parts.iter_mut(), MsgFlags::MSG_WAITFORONE, None) {
            Ok(messages) => {
                for message in messages {
                    lengths[received] = message.bytes;
                    clients[received] = message.address;
                    received += 1;
                }
            }
            Err(_) => continue,
        }
        for place in 0..received {
            lengths[place] = answer(&queries[place][..lengths[place]], &mut replies[place], arguments);
        }
        let parts: [[IoSlice<'_>; 1]; BATCH] =
            array::from_fn(|place| [IoSlice::new(&replies[place][..lengths[place]])]);
        let mut sent = 0;
        while sent < received {
            let (waiting, to) = (&parts[sent..received], &clients[sent..received]);
            sent +=
                sendmmsg(descriptor, &mut outgoing, waiting, to, [], MsgFlags::empty()).map_or(1, |sent| sent.count());
        }
    }
}

/// Writes a reply; returns its length.
fn answer(query: &[u8], reply: &mut [u8; REPLY_OCTETS], arguments: &Arguments) -> usize {
    let mut end = HEADER;
    while let Some(label) = query.get(end).filter(|label| **label != 0) {
        end += usize::from(*label) + 1;
    }
    // The root, type and class.
    end += 5;
    let Some(question) = query.get(..end) else { return 0 };
    reply[..end].copy_from_slice(question);
    reply[2..HEADER].copy_from_slice(&HEAD);
    let octets = if question[end - 3] == SRV { arguments.srv } else { arguments.a };
    octets.clamp(end, REPLY_OCTETS)
}
