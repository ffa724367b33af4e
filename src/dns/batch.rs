//! Datagrams many at a time: one system call receives what waits, one sends the replies.
//!
//! A call costs more than an answer. Under load a batch fills by itself, as more waits by the time the last one was
//! answered; a lone query is a batch of one and waits for nobody.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::AsRawFd as _;

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg};
use smallvec::SmallVec;

use super::datagram::{Arrived, Datagrams, socket_address};

/// Datagrams of a batch.
const MOST: usize = 32;
/// Larger than any query that means anything; the rest of a longer datagram is cut off and parses as malformed.
const QUERY_OCTETS: usize = 4096;

/// Room for a batch of queries and their replies, used again and again.
pub(super) struct Batch {
    packets: Vec<Vec<u8>>,
    arrived: Vec<Arrived>,
    /// As many as have a reply, each with the place of its query.
    replies: Vec<(usize, Vec<u8>)>,
    count: usize,
    incoming: MultiHeaders<SockaddrStorage>,
    outgoing: MultiHeaders<SockaddrStorage>,
}

impl Batch {
    pub(super) fn new() -> Batch {
        Batch {
            packets: (0..MOST).map(|_| vec![0; QUERY_OCTETS]).collect(),
            arrived: Vec::with_capacity(MOST),
            replies: (0..MOST).map(|_| (0, Vec::with_capacity(QUERY_OCTETS))).collect(),
            count: 0,
            incoming: MultiHeaders::preallocate(MOST, None),
            outgoing: MultiHeaders::preallocate(MOST, None),
        }
    }

    /// How many were received.
    pub(super) fn len(&self) -> usize {
        self.arrived.len()
    }

    /// Receives what waits, at most a batch.
    pub(super) fn receive(&mut self, socket: &mut Datagrams) -> io::Result<()> {
        self.arrived.clear();
        self.count = 0;
        if let Some(local) = socket.one_address() {
            let Batch { packets, arrived, incoming, .. } = self;
            let mut rooms = packets.iter_mut();
            let mut parts: [[IoSliceMut<'_>; 1]; MOST] =
                std::array::from_fn(|_| [IoSliceMut::new(rooms.next().map_or(&mut [], |packet| packet))]);
            let descriptor = socket.socket().as_raw_fd();
            let received = recvmmsg(descriptor, incoming, parts.iter_mut(), MsgFlags::MSG_DONTWAIT, None)?;
            arrived.extend(received.map(|message| Arrived {
                octets: message.bytes,
                client: message.address.as_ref().and_then(socket_address).unwrap_or(local),
                at: local.ip(),
                to_many: false,
            }));
            return Ok(());
        }
        while self.arrived.len() < MOST {
            match socket.try_receive(&mut self.packets[self.arrived.len()]) {
                Ok(arrived) => self.arrived.push(arrived),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !self.arrived.is_empty() => {
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Makes the replies: `answer` writes one, or says that there is none.
    pub(super) fn answer(&mut self, mut answer: impl FnMut(&Arrived, &[u8], &mut Vec<u8>) -> bool) {
        for (place, arrived) in self.arrived.iter().enumerate() {
            let (of, reply) = &mut self.replies[self.count];
            if answer(arrived, &self.packets[place][..arrived.octets], reply) {
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
        if let ([_], _) | (_, None) = (waiting, socket.one_address()) {
            let (of, reply) = &waiting[0];
            return socket.try_send(reply, &self.arrived[*of]).map(|()| 1);
        }
        let (arrived, outgoing) = (&self.arrived, &mut self.outgoing);
        let clients: SmallVec<[Option<SockaddrStorage>; MOST]> =
            waiting.iter().map(|(of, _)| Some(SockaddrStorage::from(arrived[*of].client))).collect();
        let parts: SmallVec<[[IoSlice<'_>; 1]; MOST]> =
            waiting.iter().map(|(_, reply)| [IoSlice::new(reply)]).collect();
        let descriptor = socket.socket().as_raw_fd();
        let sent = sendmmsg(descriptor, outgoing, parts.iter(), &clients[..], [], MsgFlags::MSG_DONTWAIT)?;
        Ok(sent.count())
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket as Client;
    use std::os::fd::AsFd as _;
    use std::time::Duration;

    use super::*;

    /// More than a batch from several clients: each gets the reply to its own query, in their order.
    #[test]
    fn every_query_gets_its_reply() {
        let (never, _kept) = std::os::unix::net::UnixStream::pair().expect("a pair");
        for listen in ["127.0.0.1:0", "0.0.0.0:0"] {
            let socket = Client::bind(listen).expect("a socket");
            let port = socket.local_addr().expect("an address").port();
            let mut socket = Datagrams::new(socket).expect("a socket");
            let clients: Vec<Client> = (0..3).map(|_| Client::bind("127.0.0.1:0").expect("a socket")).collect();
            for number in 0..60_u8 {
                let client = &clients[usize::from(number % 3)];
                client.send_to(&[number], ("127.0.0.1", port)).expect("room");
            }
            let mut batch = Batch::new();
            let mut answered = 0;
            while answered < 60 {
                socket.wait(never.as_fd()).expect("a socket");
                match batch.receive(&mut socket) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                    received => received.expect("datagrams"),
                }
                batch.answer(|_, packet, reply| {
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
