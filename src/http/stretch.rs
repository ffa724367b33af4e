//! Manners of the control API under load: a thread that has answered for a while without a pause lets others have its
//! processor, if there are any.
//!
//! Threads that are flooded run until the scheduler stops them, at the next tick where its ticks are long (4 ms with 250 a
//! second), and a query waits as long. Threads that answer queries do the same to registrations, in [`crate::dns`].

use std::cell::Cell;
use std::thread::yield_now;

use crate::clock::Timestamp;
use crate::limits;

/// The time in which a thread was busy.
#[derive(Clone, Copy, Default, Debug)]
struct Stretch {
    /// Since when, if anything was answered since the last pause.
    since: Option<Timestamp>,
}

impl Stretch {
    /// Whether it has lasted long enough; then another one begins.
    fn is_over(&mut self, now: Timestamp) -> bool {
        let since = *self.since.get_or_insert(now);
        let is_over = now.since(since) >= limits::HTTP_STRETCH;
        if is_over {
            self.since = None;
        }
        is_over
    }
}

thread_local! {
    static STRETCH: Cell<Stretch> = const { Cell::new(Stretch { since: None }) };
}

/// To be called when a thread of the runtime has nothing more to do.
pub fn thread_rests() {
    STRETCH.set(Stretch::default());
}

/// Something was answered: gives way to others if this thread has been busy for [`limits::HTTP_STRETCH`]. Locks are not to
/// be held.
pub(super) fn answered(now: Timestamp) {
    let mut stretch = STRETCH.get();
    let is_over = stretch.is_over(now);
    STRETCH.set(stretch);
    if is_over {
        yield_now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_ends_when_it_has_lasted_and_begins_with_an_answer() {
        let at = |part: u64| Timestamp::from_micros(1_000_000 + limits::HTTP_STRETCH.as_micros() as u64 * part / 4);
        let mut stretch = Stretch::default();
        let over: Vec<u64> = (0..14).filter(|part| stretch.is_over(at(*part))).collect();
        // The answer after an end begins the next.
        assert_eq!(over, [4, 9]);
    }
}
