//! The time that a client has for the head of a request, one timer a connection.
//!
//! hyper asks for a timer a request. That of tokio is made, set, taken back and freed each time; here all requests of a
//! connection share one (see [`Patience`]).

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use parking_lot::Mutex;

use crate::patience::{self, Patience};

/// The timer of one connection. It is asked to wait for one thing at a time.
pub(super) struct Heads(Arc<Mutex<Patience>>);

impl Heads {
    pub(super) fn new() -> Heads {
        Heads(Arc::new(Mutex::new(Patience::new())))
    }
}

impl Timer for Heads {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Head { patience: Arc::clone(&self.0), deadline })
    }

    fn now(&self) -> Instant {
        patience::now().into_std()
    }
}

/// The time for one head.
struct Head {
    patience: Arc<Mutex<Patience>>,
    deadline: Instant,
}

impl Sleep for Head {}

impl Future for Head {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut patience = self.patience.lock();
        patience.allow_until(self.deadline.into());
        patience.poll_over(context)
    }
}
