//! How many of something there were lately: a sliding window in sixteen octets.

use std::time::Duration;

use smallvec::SmallVec;

use crate::clock::Timestamp;

/// One window: the part of it that runs, and how many there were in the part before, which counts as far as the window
/// still reaches into it.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    began: u64,
    running: u32,
    before: u32,
}

impl Window {
    fn moved(mut self, now: u64, length: u64) -> Window {
        if now >= self.began.saturating_add(2 * length) {
            self = Window { began: now, ..Window::default() };
        } else if now >= self.began + length {
            self = Window { began: self.began + length, running: 0, before: self.running };
        }
        self
    }

    fn count(self, now: u64, length: u64) -> usize {
        let window = self.moved(now, length);
        let reach = length.saturating_sub(now.saturating_sub(window.began));
        let before = u128::from(window.before) * u128::from(reach);
        (window.running as usize) + before.div_ceil(u128::from(length.max(1))) as usize
    }
}

/// Counts of the last windows, each thing with the window of its own size class: a lease of a minute is soon past, one of
/// a day is not.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent(SmallVec<[(u8, Window); 1]>);

/// The class of a window, at most 64 of them.
fn class_of(length: Duration) -> u8 {
    let micros = u64::try_from(length.as_micros()).unwrap_or(u64::MAX).clamp(1, 1 << 60);
    micros.ilog2() as u8
}

/// The window of a class, at least as long as all in it.
fn length_of(class: u8) -> u64 {
    2_u64 << class.min(60)
}

impl Recent {
    /// One more at `now`, which counts for `length` or a little longer.
    pub(super) fn add(&mut self, length: Duration, now: Timestamp) {
        let class = class_of(length);
        let place = self.0.iter().position(|(known, _)| *known == class).unwrap_or_else(|| {
            self.0.push((class, Window::default()));
            self.0.len() - 1
        });
        let window = &mut self.0[place].1;
        *window = window.moved(now.as_micros(), length_of(class));
        window.running = window.running.saturating_add(1);
    }

    /// How many there were in the last windows before `now`.
    pub(super) fn count(&self, now: Timestamp) -> usize {
        self.0.iter().map(|(class, window)| window.count(now.as_micros(), length_of(*class))).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_micros(secs * 1_000_000)
    }

    #[test]
    fn what_was_before_the_window_fades() {
        let mut recent = Recent::default();
        let window = Duration::from_secs(10);
        (0..8).for_each(|_| recent.add(window, at(100)));
        assert_eq!((recent.count(at(100)), recent.count(at(110))), (8, 8));
        assert!((1..8).contains(&recent.count(at(125))));
        assert_eq!(recent.count(at(140)), 0);
    }

    #[test]
    fn each_has_its_own_window() {
        let mut recent = Recent::default();
        recent.add(Duration::from_secs(1), at(100));
        recent.add(Duration::from_secs(86_400), at(100));
        assert_eq!((recent.count(at(100)), recent.count(at(200))), (2, 1));
    }
}
