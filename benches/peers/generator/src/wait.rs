//! Waiting until a socket has something.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::time::TimeSpec;

/// Until one of them can be read, at most so long. A failure is as good as a wake-up: the sockets are tried after it.
pub(crate) fn readable<'a, S: AsFd + 'a>(sockets: impl Iterator<Item = &'a S>, longest: Duration) {
    let mut waiting: Vec<PollFd<'a>> = sockets.map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN)).collect();
    ppoll(&mut waiting, Some(TimeSpec::from(longest)), None).ok();
}

/// Tells which of many sockets can be read: to try each of them is a system call a socket, and time that the one who sends
/// queries from the same processor does not have.
pub(crate) struct Watch {
    epoll: Epoll,
    events: Vec<EpollEvent>,
}

impl Watch {
    pub(crate) fn new<'a, S: AsFd + 'a>(sockets: impl Iterator<Item = &'a S>) -> io::Result<Watch> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let mut events = Vec::new();
        for (place, socket) in sockets.enumerate() {
            epoll.add(socket, EpollEvent::new(EpollFlags::EPOLLIN, place as u64))?;
            events.push(EpollEvent::empty());
        }
        Ok(Watch { epoll, events })
    }

    /// The places of those that can be read now.
    pub(crate) fn ready(&mut self) -> io::Result<impl Iterator<Item = usize>> {
        let count = self.epoll.wait(&mut self.events, EpollTimeout::ZERO)?;
        Ok(self.events[..count].iter().map(|event| event.data() as usize))
    }

    /// Until one of them can be read, at most so long.
    pub(crate) fn wait(&self, longest: Duration) {
        readable(std::iter::once(&self.epoll.0), longest);
    }
}
