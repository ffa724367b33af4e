//! Datagrams: one socket a worker, all on one port; the kernel spreads the clients over them.
//!
//! A worker is a thread of its own, so that neither a burst of registrations keeps answers waiting nor the other way
//! round. Under overload nothing queues but in the buffer of the socket, whose size the kernel bounds: what does not
//! fit there is lost, and its client asks again (R64).

use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::yield_now;

use super::batch::Batch;
use super::datagram::Datagrams;
use super::{DropReason, Engine, Request, Transport};
use crate::limits;
use crate::zone::Random;

/// Stops workers when it is dropped.
#[derive(Debug)]
pub(super) struct Stopper {
    asked: Arc<AtomicBool>,
    /// What wakes them: its end is seen by who waits at the other end.
    _open: UnixStream,
}

impl Drop for Stopper {
    fn drop(&mut self) {
        self.asked.store(true, Ordering::Release);
    }
}

/// A worker's view of its [`Stopper`].
#[derive(Debug)]
pub(super) struct Stop {
    asked: Arc<AtomicBool>,
    ended: UnixStream,
}

impl Stop {
    /// A stopper and what it stops.
    pub(super) fn pair() -> io::Result<(Stopper, Stop)> {
        let (open, ended) = UnixStream::pair()?;
        let asked = Arc::new(AtomicBool::new(false));
        Ok((Stopper { asked: Arc::clone(&asked), _open: open }, Stop { asked, ended }))
    }

    pub(super) fn try_clone(&self) -> io::Result<Stop> {
        Ok(Stop { asked: Arc::clone(&self.asked), ended: self.ended.try_clone()? })
    }
}

/// Answers on a socket until `stop`, then what is already in its buffer.
pub(super) fn serve(mut socket: Datagrams, engine: Arc<Engine>, stop: &Stop) -> io::Result<()> {
    let mut worker = Worker { random: engine.random(), engine, batch: Batch::new() };
    let mut stretch = 0;
    loop {
        // Whatever came before a stop was asked for is received after it.
        let stopping = stop.asked.load(Ordering::Acquire);
        if !worker.turn(&mut socket) {
            if stopping {
                return Ok(());
            }
            socket.wait(stop.ended.as_fd())?;
            stretch = 0;
            continue;
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
    fn turn(&mut self, socket: &mut Datagrams) -> bool {
        match self.batch.receive(socket) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            // An ICMP error of an earlier reply; the socket goes on.
            Err(error) => {
                tracing::trace!(%error, "receiving failed");
                return true;
            }
        }
        let Worker { engine, random, batch } = self;
        // What is published now holds every write that was acknowledged before one of these queries was sent.
        let mut session = engine.session();
        batch.answer(|arrived, packet, reply| {
            if !socket.has_a_client(arrived) {
                engine.stats().dropped(DropReason::Source);
                return false;
            }
            let client = Some(arrived.client.ip());
            let request = Request { packet, transport: Transport::Udp, client, spare: 0, keep: None };
            session.respond(&request, random, reply).is_some()
        });
        // Whoever has a reply finds it counted.
        drop(session);
        batch.send(socket);
        true
    }
}
