//! Datagrams: one socket a worker, all on one port; the kernel spreads the clients over them.
//!
//! A worker is a thread of its own, so that neither a burst of registrations keeps answers waiting nor the other way
//! round. Under overload nothing queues but in the buffer of the socket, whose size the kernel bounds: what does not
//! fit there is lost, and its client asks again (R64).

use std::io;
use std::net::{Shutdown, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::yield_now;

use socket2::SockRef;

use super::batch::{Batch, Wait};
use super::datagram::Datagrams;
use super::{DropReason, Engine, Request, Transport};
use crate::limits;
use crate::zone::Random;

/// Stops the workers of some sockets when it is dropped.
#[derive(Debug, Default)]
pub(super) struct Stopper {
    asked: Stop,
    sockets: Vec<UdpSocket>,
}

/// Whether workers shall stop.
#[derive(Clone, Debug, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stopper {
    /// What the worker of one more socket asks.
    pub(super) fn stops(&mut self, socket: &UdpSocket) -> io::Result<Stop> {
        self.sockets.push(socket.try_clone()?);
        Ok(self.asked.clone())
    }
}

impl Drop for Stopper {
    fn drop(&mut self) {
        self.asked.0.store(true, Ordering::Release);
        for socket in &self.sockets {
            // Wakes who waits for a datagram, though it is an error on a socket that is connected to nobody.
            let _ = SockRef::from(socket).shutdown(Shutdown::Read);
        }
    }
}

/// Answers on a socket until `stop`, then what is already in its buffer: under a flood some more, but not without end.
pub(super) fn serve(socket: &Datagrams, engine: Arc<Engine>, stop: &Stop) {
    let mut worker = Worker { random: engine.random(), engine, batch: Batch::new(socket) };
    let (mut stretch, mut stopping) = (0, 0);
    loop {
        // Whatever came before a stop was asked for is received after it.
        let is_asked = stop.0.load(Ordering::Acquire);
        let wait = if is_asked { Wait::No } else { Wait::ForOne };
        let received = worker.turn(socket, wait);
        if is_asked {
            stopping += worker.batch.len();
            if !received || stopping >= limits::DNS_DATAGRAMS_STOPPING {
                return;
            }
        }
        stretch += worker.batch.len();
        if stretch >= limits::DNS_STRETCH {
            // Under a flood there is no pause: without this a registration waits for the end of our slice.
            yield_now();
            stretch = 0;
        }
    }
}

struct Worker {
    engine: Arc<Engine>,
    random: Random,
    batch: Batch,
}

impl Worker {
    /// Answers what waits, at most a batch; says whether there was anything.
    fn turn(&mut self, socket: &Datagrams, wait: Wait) -> bool {
        match self.batch.receive(socket, wait) {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                return false;
            }
            // An ICMP error of an earlier reply; the socket goes on.
            Err(error) => {
                tracing::trace!(%error, "receiving failed");
                return true;
            }
        }
        let Worker { engine, random, batch } = self;
        // What is published now holds every write that was acknowledged before one of these queries was sent.
        let published = engine.published();
        let mut session = engine.session(&published);
        let ahead = session.ahead(&batch.packets());
        batch.answer(&ahead, |arrived, packet, ahead, reply| {
            // Of one without octets the engine says so.
            if !packet.is_empty() && !socket.has_a_client(arrived) {
                engine.stats().dropped(DropReason::Source);
                return false;
            }
            let client = Some(arrived.client.ip());
            let request = Request { packet, transport: Transport::Udp, client, spare: 0, keep: None, ahead };
            session.respond(&request, random, reply).is_some()
        });
        // Whoever has a reply finds it counted.
        drop(session);
        batch.send(socket);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// Whoever waits without an end is waked, and so is who comes to wait later.
    #[test]
    fn a_stop_wakes_who_waits() {
        for listen in ["127.0.0.1:0", "0.0.0.0:0"] {
            let socket = UdpSocket::bind(listen).expect("a socket");
            let port = socket.local_addr().expect("an address").port();
            let mut stopper = Stopper::default();
            let stop = stopper.stops(&socket).expect("a socket");
            let datagrams = Datagrams::new(socket).expect("a socket");
            let stopping = thread::spawn(move || drop(stopper));
            let mut batch = Batch::new(&datagrams);
            while !stop.0.load(Ordering::Acquire) {
                let _ = batch.receive(&datagrams, Wait::ForOne);
            }
            stopping.join().expect("a thread");
            let nothing = batch.receive(&datagrams, Wait::No).expect_err("nothing");
            assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock, "{listen}");
            // What comes after all is known by its sender.
            let client = UdpSocket::bind("127.0.0.1:0").expect("a socket");
            client.send_to(b"?", ("127.0.0.1", port)).expect("room");
            batch.receive(&datagrams, Wait::No).expect("a datagram");
            batch.answer(&[()], |arrived, _, (), _| {
                assert_eq!(Some(arrived.client), client.local_addr().ok());
                false
            });
        }
    }
}
