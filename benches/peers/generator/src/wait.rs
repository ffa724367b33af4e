//! Sleeping until a socket has something, for `--block`.

use std::os::fd::AsFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

/// Until one of them can be read, at most so long. A failure is as good as a wake-up: the sockets are tried after it.
pub(crate) fn readable<'a, S: AsFd + 'a>(sockets: impl Iterator<Item = &'a S>, longest: Duration) {
    let mut waiting: Vec<PollFd<'a>> = sockets.map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN)).collect();
    ppoll(&mut waiting, Some(TimeSpec::from(longest)), None).ok();
}
