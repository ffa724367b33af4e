//! Waiting for octets of a stream: until some come, their time is over, or the connection is to end.
//!
//! A connection waits at least once a query, so what is the same from one time to the next stays as it is: whoever ends a
//! connection knows whom to wake, and the timer too (see [`Patience`]).

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::patience::Patience;

/// What came of waiting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Arrival {
    /// Octets.
    Octets,
    /// The peer has said all that it will.
    Closed,
    /// Nothing in its time.
    Late,
    /// The connection is to end.
    Ended,
}

/// Ends a connection from outside.
#[derive(Default, Debug)]
pub(super) struct Ender {
    is_stopping: AtomicBool,
    asked: Notify,
}

impl Ender {
    /// The server stops: the connection ends as soon as no message is under way.
    pub(super) fn stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
        self.wake();
    }

    /// Something was asked of the connection.
    pub(super) fn wake(&self) {
        self.asked.notify_one();
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Acquire)
    }

    /// For the one who waits.
    pub(super) fn asked(&self) -> Notified<'_> {
        self.asked.notified()
    }
}

/// How one connection waits.
pub(super) struct Waits<'a, 'e> {
    asked: Pin<&'a mut Notified<'e>>,
    /// Whether the ender wakes this task.
    is_known: bool,
    patience: Patience,
}

impl<'a, 'e> Waits<'a, 'e> {
    pub(super) fn new(asked: Pin<&'a mut Notified<'e>>) -> Waits<'a, 'e> {
        Waits { asked, is_known: false, patience: Patience::new() }
    }

    /// What is waited for has so much time from now on.
    pub(super) fn allow(&mut self, time: Duration) {
        self.patience.allow(time);
    }

    /// Has this task waked when something is asked of the connection. That is known by other signs than this one.
    pub(super) fn listen(&mut self, context: &mut Context<'_>) {
        if !self.is_known {
            self.is_known = true;
            let _ = self.asked.as_mut().poll(context);
        }
    }

    /// Ready when the time is over.
    pub(super) fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.patience.poll_over(context)
    }
}
