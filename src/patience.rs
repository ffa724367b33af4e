//! How long something is waited for, again and again, with one timer.
//!
//! A connection waits at least once a request, mostly for a moment. A timer that is set for each wait and taken back after
//! it is a lock and a change of a list twice; here it stays where it is while deadlines move on, and is set again where
//! it has run out too early.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// The time that is left for what one task waits for.
#[derive(Debug)]
pub(crate) struct Patience {
    timer: Pin<Box<Sleep>>,
    deadline: Instant,
}

impl Patience {
    /// None, so far.
    pub(crate) fn new() -> Patience {
        let timer = Box::pin(sleep(Duration::ZERO));
        let deadline = timer.deadline();
        Patience { timer, deadline }
    }

    /// What is waited for has so much time from now on.
    pub(crate) fn allow(&mut self, time: Duration) {
        self.allow_until(now() + time);
    }

    /// What is waited for has time until then.
    pub(crate) fn allow_until(&mut self, deadline: Instant) {
        self.deadline = deadline;
        if self.timer.is_elapsed() || self.timer.deadline() > deadline {
            self.timer.as_mut().reset(deadline);
        }
    }

    /// Ready when the time is over.
    pub(crate) fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.timer.as_mut().poll(context));
            // It may have been set for an earlier wait.
            if self.timer.deadline() >= self.deadline {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(self.deadline);
        }
    }
}

/// The time of the runtime, by which its timers run.
#[allow(clippy::disallowed_methods, reason = "no time that anything else is judged by")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_last_deadline_counts() {
        let start = now();
        let mut patience = Patience::new();
        for (allowed, expected) in [(3, 3), (2, 5), (0, 5), (7, 12)] {
            // One that comes before, and is never waited for.
            patience.allow(Duration::from_secs(1));
            patience.allow(Duration::from_secs(allowed + 20));
            patience.allow(Duration::from_secs(allowed));
            poll_fn(|context| patience.poll_over(context)).await;
            assert_eq!(start.elapsed().as_secs(), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_that_was_set_for_an_earlier_wait_ends_no_later_one() {
        let start = now();
        let mut patience = Patience::new();
        patience.allow(Duration::from_secs(5));
        assert!(poll_fn(|context| Poll::Ready(patience.poll_over(context).is_pending())).await);
        tokio::time::advance(Duration::from_secs(4)).await;
        patience.allow(Duration::from_secs(5));
        poll_fn(|context| patience.poll_over(context)).await;
        assert_eq!(start.elapsed().as_secs(), 9);
    }
}
