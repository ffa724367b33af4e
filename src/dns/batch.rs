//! Datagrams many at a time: one system call receives what waits, one sends the replies.
//!
//! A call costs more than an answer. Under load a batch fills by itself, as more waits by the time the last one was
//! answered; a lone query is a batch of one and waits for nobody.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::AsRawFd as _;

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg};
use smallvec::SmallVec;

use super::datagram::{Arrived, Datagrams, Source};
use crate::zone::ABREAST;

/// Datagrams of a batch.
const MOST: usize = ABREAST;
/// Larger than any query that means anything; the rest of a longer datagram is cut off and parses as malformed.
const QUERY_OCTETS: usize = 4096;
/// Octets from the beginning of one query to that of the next: of pieces that begin a multiple of 4096 octets apart the
/// nearest cache of a processor keeps few at a time.
const QUERY_STRIDE: usize = QUERY_OCTETS + 9 * 64;
/// Octets of most replies; one that is longer gets more room, and keeps it.
const REPLY_OCTETS: usize = 1472;

/// Whether who receives waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wait {
    /// Until there is one, and not for more.
    ForOne,
    /// For none.
    No,
}

/// Room for a batch of queries and their replies, used again and again.
pub(super) struct Batch {
    /// [`QUERY_STRIDE`] octets each.
    packets: Vec<u8>,
    arrived: Vec<Arrived>,
    /// As many as have a reply, each with the place of its query.
    replies: Vec<(usize, Vec<u8>)>,
    count: usize,
    incoming: MultiHeaders<SockaddrStorage>,
    /// Whether the system wrote less into a place of `incoming` than it mostly does. It offers that much the next time, so
    /// they are made anew.
    is_spoiled: bool,
    outgoing: MultiHeaders<SockaddrStorage>,
}

impl Batch {
    pub(super) fn new(socket: &Datagrams) -> Batch {
        Batch {
            packets: vec![0; MOST * QUERY_STRIDE],
            arrived: Vec::with_capacity(MOST),
            replies: (0..MOST).map(|_| (0, Vec::with_capacity(REPLY_OCTETS))).collect(),
            count: 0,
            incoming: MultiHeaders::preallocate(MOST, socket.control_room()),
            is_spoiled: false,
            outgoing: MultiHeaders::preallocate(MOST, socket.control_room()),
        }
    }

    /// How many were received.
    pub(super) fn len(&self) -> usize {
        self.arrived.len()
    }

    /// What was received.
    pub(super) fn packets(&self) -> SmallVec<[&[u8]; MOST]> {
        let packets = self.packets.chunks_exact(QUERY_STRIDE);
        self.arrived.iter().zip(packets).map(|(arrived, packet)| &packet[..arrived.octets]).collect()
    }

    /// Receives what waits, at most a batch.
    pub(super) fn receive(&mut self, socket: &Datagrams, wait: Wait) -> io::Result<()> {
        self.arrived.clear();
        self.count = 0;
        if std::mem::take(&mut self.is_spoiled) {
            self.incoming = MultiHeaders::preallocate(MOST, socket.control_room());
        }
        let Batch { packets, arrived, incoming, is_spoiled, .. } = self;
        let mut rooms = packets.chunks_exact_mut(QUERY_STRIDE).map(|room| &mut room[..QUERY_OCTETS]);
        let mut parts: [[IoSliceMut<'_>; 1]; MOST] =
            std::array::from_fn(|_| [IoSliceMut::new(rooms.next().map_or(&mut [], |packet| packet))]);
        let flags = match wait {
            Wait::ForOne => MsgFlags::MSG_WAITFORONE,
            Wait::No => MsgFlags::MSG_DONTWAIT,
        };
        let descriptor = socket.socket().as_raw_fd();
        for message in recvmmsg(descriptor, incoming, parts.iter_mut(), flags, None)? {
            let known = socket.arrived(&message);
            *is_spoiled |= known.is_none();
            arrived.push(known.unwrap_or(Arrived::NOBODY));
        }
        Ok(())
    }

    /// Makes the replies, with what was found out of each query before: `answer` writes one, or says that there is none.
    pub(super) fn answer<F: Copy>(
        &mut self,
        found: &[F],
        mut answer: impl FnMut(&Arrived, &[u8], F, &mut Vec<u8>) -> bool,
    ) {
        let packets = self.packets.chunks_exact(QUERY_STRIDE);
        for (((place, arrived), packet), found) in self.arrived.iter().enumerate().zip(packets).zip(found) {
            let (of, reply) = &mut self.replies[self.count];
            if answer(arrived, &packet[..arrived.octets], *found, reply) {
                *of = place;
                self.count += 1;
            }
        }
    }

    /// Sends the replies, as soon as there is room for each.
    pub(super) fn send(&mut self, socket: &Datagrams) {
        let mut sent = 0;
        while sent < self.count {
            match self.try_send(socket, sent) {
                Ok(more) => sent += more,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if socket.wait_for_room().is_err() {
                        return;
                    }
                }
                // One that cannot be sent keeps no other back.
                Err(error) => {
                    tracing::trace!(client = %self.arrived[self.replies[sent].0].client, %error, "sending failed");
                    sent += 1;
                }
            }
        }
    }

    /// Sends replies from the one at `first` on; says how many left.
    fn try_send(&mut self, socket: &Datagrams, first: usize) -> io::Result<usize> {
        let waiting = &self.replies[first..self.count];
        let (of, reply) = &waiting[0];
        if waiting.len() == 1 {
            return socket.try_send(reply, &self.arrived[*of]).map(|()| 1);
        }
        let at = self.arrived[*of].at;
        let source = socket.source(at);
        // One call tells one source for all that it sends.
        let alike = waiting.iter().take_while(|(of, _)| source.is_none() || self.arrived[*of].at == at);
        let clients: SmallVec<[Option<SockaddrStorage>; MOST]> =
            alike.map(|(of, _)| Some(SockaddrStorage::from(self.arrived[*of].client))).collect();
        let parts: SmallVec<[[IoSlice<'_>; 1]; MOST]> =
            waiting[..clients.len()].iter().map(|(_, reply)| [IoSlice::new(reply)]).collect();
        let control = source.as_ref().map(Source::message);
        let (descriptor, flags) = (socket.socket().as_raw_fd(), MsgFlags::MSG_DONTWAIT);
        let sent = sendmmsg(descriptor, &mut self.outgoing, parts.iter(), &clients[..], control.as_slice(), flags)?;
        Ok(sent.count())
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket as Client;
    use std::time::Duration;

    use super::*;

    fn bound(listen: &str) -> (Datagrams, u16) {
        let socket = Client::bind(listen).expect("a socket");
        let port = socket.local_addr().expect("an address").port();
        (Datagrams::new(socket).expect("a socket"), port)
    }

    /// A connected socket takes replies from the address it sent to only.
    #[test]
    fn replies_leave_from_the_address_that_was_asked() {
        let cases: [(&str, &[&str]); 4] = [
            ("127.0.0.1:0", &["127.0.0.1"]),
            ("0.0.0.0:0", &["127.0.0.1"]),
            ("0.0.0.0:0", &["127.0.0.1", "127.0.0.77", "127.0.0.77", "127.0.0.1", "127.0.0.3"]),
            ("[::]:0", &["::1", "::1"]),
        ];
        for (listen, asked) in cases {
            let local = if listen.starts_with('[') { "[::1]:0" } else { "127.0.0.1:0" };
            if Client::bind(local).is_err() {
                continue;
            }
            let (socket, port) = bound(listen);
            let ask = |asked: &&str| {
                let client = Client::bind(local).expect("a socket");
                client.set_read_timeout(Some(Duration::from_secs(10))).expect("an option");
                client.connect((*asked, port)).expect("a route");
                client.send(asked.as_bytes()).expect("room");
                client
            };
            let clients: Vec<Client> = asked.iter().map(ask).collect();
            let mut batch = Batch::new(&socket);
            let mut answered = 0;
            while answered < asked.len() {
                batch.receive(&socket, Wait::ForOne).expect("datagrams");
                batch.answer(&vec![(); batch.len()], |arrived, packet, (), reply| {
                    assert_eq!(arrived.at.to_string().as_bytes(), packet);
                    assert!(clients.iter().any(|client| client.local_addr().ok() == Some(arrived.client)));
                    assert!(socket.has_a_client(arrived));
                    answered += 1;
                    packet.clone_into(reply);
                    true
                });
                batch.send(&socket);
            }
            for (client, asked) in clients.iter().zip(asked) {
                let mut reply = [0; 64];
                let octets = client.recv(&mut reply).expect("a reply");
                assert_eq!(&reply[..octets], asked.as_bytes(), "{listen}");
            }
        }
    }

    #[test]
    fn an_empty_datagram_changes_nothing_for_the_next_one() {
        for listen in ["127.0.0.1:0", "0.0.0.0:0"] {
            let (socket, port) = bound(listen);
            let clients: Vec<Client> = (0..2).map(|_| Client::bind("127.0.0.1:0").expect("a socket")).collect();
            let mut batch = Batch::new(&socket);
            for (client, packet) in [(0, &b""[..]), (1, b"1"), (0, b"0"), (1, b""), (0, b"0"), (1, b"1")] {
                let client = &clients[client];
                client.send_to(packet, ("127.0.0.1", port)).expect("room");
                batch.receive(&socket, Wait::ForOne).expect("a datagram");
                batch.answer(&[()], |arrived, received, (), _| {
                    let known = (received, socket.has_a_client(arrived), Some(arrived.client));
                    let from = client.local_addr().ok().filter(|_| !packet.is_empty());
                    let nobody = Some(Arrived::NOBODY.client);
                    assert_eq!(known, (packet, !packet.is_empty(), from.or(nobody)), "{listen}");
                    false
                });
            }
        }
    }

    /// More than a batch from several clients: each gets the reply to its own query, in their order.
    #[test]
    fn every_query_gets_its_reply() {
        for listen in ["127.0.0.1:0", "0.0.0.0:0"] {
            let (socket, port) = bound(listen);
            let clients: Vec<Client> = (0..3).map(|_| Client::bind("127.0.0.1:0").expect("a socket")).collect();
            for number in 0..60_u8 {
                let client = &clients[usize::from(number % 3)];
                client.send_to(&[number], ("127.0.0.1", port)).expect("room");
            }
            let mut batch = Batch::new(&socket);
            let mut answered = 0;
            while answered < 60 {
                batch.receive(&socket, Wait::ForOne).expect("datagrams");
                batch.answer(&vec![(); batch.len()], |_, packet, (), reply| {
                    answered += 1;
                    reply.clear();
                    reply.extend_from_slice(&[packet[0], 255]);
                    // Silence to some leaves the others their places.
                    !packet[0].is_multiple_of(7)
                });
                batch.send(&socket);
            }
            for (place, client) in clients.iter().enumerate() {
                client.set_read_timeout(Some(Duration::from_secs(10))).expect("an option");
                for number in (0..60_u8).filter(|number| usize::from(number % 3) == place && !number.is_multiple_of(7))
                {
                    let mut reply = [0; 8];
                    assert_eq!(client.recv(&mut reply).expect("a reply"), 2);
                    assert_eq!(reply[..2], [number, 255], "{listen}");
                }
            }
        }
    }
}
