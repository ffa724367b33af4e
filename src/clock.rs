//! Time: the only file that reads a clock.
//!
//! A [`Timestamp`] is the wall time at the start of the program plus the monotonic time since. A step of
//! the system clock therefore changes no deadline: only the printed times keep the old offset until the
//! next start. Everything below takes `now` as an argument.
//!
//! Time in which the process stood still (stopped, or without a processor) is not counted, but for [`STALL`] of it: a host
//! could not renew its lease then, however well it is. The clock knows by its [pulse](Clock::pulse), which somebody gives
//! it every [`PULSE`]; where the last one is longer ago, no reader sees more time than that.

use std::cell::RefCell;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use jiff::fmt::temporal::DateTimePrinter;
use tokio::sync::watch;
use tokio::time::Instant;

/// Time from one pulse of the clock to the next.
pub const PULSE: Duration = Duration::from_millis(50);
/// Time without a pulse after which the process stands still: a loaded machine is late by less.
pub const STALL: Duration = Duration::from_millis(500);

/// A moment, in microseconds since the Unix epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// A moment no deadline reaches.
    pub const MAX: Timestamp = Timestamp(u64::MAX);

    /// The moment `micros` microseconds after the Unix epoch.
    pub const fn from_micros(micros: u64) -> Timestamp {
        Timestamp(micros)
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Whole seconds since the Unix epoch.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000_000
    }

    /// The moment `duration` later, at most [`Timestamp::MAX`].
    #[must_use]
    pub fn after(self, duration: Duration) -> Timestamp {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Timestamp(self.0.saturating_add(micros))
    }

    /// The moment `duration` earlier, at least the epoch.
    #[must_use]
    pub fn before(self, duration: Duration) -> Timestamp {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Timestamp(self.0.saturating_sub(micros))
    }

    /// The time from `earlier` to this moment; zero when `earlier` is later.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    fn civil(self) -> jiff::Timestamp {
        let micros = i64::try_from(self.0).unwrap_or(i64::MAX);
        jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::MAX)
    }

    /// Appends what [`Timestamp`] displays. Most moments that are printed are in this second, or a lease later: those two are
    /// not worked out again.
    pub fn print(self, text: &mut Vec<u8>) {
        let civil = self.civil();
        SECONDS.with_borrow_mut(|seconds| text.extend_from_slice(seconds.print(civil)));
        text.push(b'.');
        let mut micros = civil.subsec_microsecond().unsigned_abs();
        let mut digits = [0; 6];
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (micros % 10) as u8;
            micros /= 10;
        }
        text.extend_from_slice(&digits);
        text.push(b'Z');
    }

    /// The moment in the form of Lyft's default backend: `2026-11-20 17:08:14.758176+00:00`, no fraction when it is zero.
    pub fn to_python(self) -> String {
        let format =
            if self.0.is_multiple_of(1_000_000) { "%Y-%m-%d %H:%M:%S+00:00" } else { "%Y-%m-%d %H:%M:%S.%6f+00:00" };
        self.civil().strftime(format).to_string()
    }
}

thread_local! {
    static SECONDS: RefCell<Seconds> = const { RefCell::new(Seconds { of: [i64::MIN; 2], texts: [[0; 19]; 2], next: 0 }) };
}

/// The last two seconds that were printed.
struct Seconds {
    of: [i64; 2],
    texts: [[u8; 19]; 2],
    /// Which is printed over.
    next: usize,
}

impl Seconds {
    /// `2026-11-20T17:08:14`.
    fn print(&mut self, civil: jiff::Timestamp) -> &[u8] {
        const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(0));
        let second = civil.as_second();
        let place = self.of.iter().position(|known| *known == second).unwrap_or_else(|| {
            let (place, mut text) = (self.next, Vec::with_capacity(32));
            // A Vec takes every write.
            let whole = jiff::Timestamp::from_second(second).unwrap_or(civil);
            let _ = PRINTER.print_timestamp(&whole, &mut text);
            text.resize(19, b'?');
            self.texts[place].copy_from_slice(&text);
            self.of[place] = second;
            self.next = 1 - place;
            place
        });
        &self.texts[place]
    }
}

/// RFC 3339 in UTC, with microseconds: `2026-11-20T17:08:14.758176Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}", self.civil())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Where `now` comes from.
#[derive(Debug)]
pub struct Clock(Source);

#[derive(Debug)]
enum Source {
    System(System),
    Manual(Manual),
}

/// Time as it is told.
#[derive(Debug)]
struct Manual {
    micros: watch::Sender<u64>,
    /// Microseconds that the wall clock is ahead.
    wall_ahead: AtomicI64,
}

/// Wall time at the start, and what has passed since.
#[derive(Debug)]
struct System {
    wall_at_start: u64,
    start: Instant,
    /// Microseconds from the start to the last pulse; 0 before the first, from which on stalls are known.
    pulse: AtomicU64,
    /// Microseconds that do not count.
    lost: AtomicU64,
}

impl System {
    fn elapsed(&self) -> u64 {
        micros(self.start.elapsed())
    }

    fn now(&self) -> Timestamp {
        // What was lost up to a pulse is stored before the pulse: read the other way round, time never leaps.
        let pulse = self.pulse.load(Ordering::Acquire);
        let counted = counted(self.elapsed(), pulse).saturating_sub(self.lost.load(Ordering::Acquire));
        Timestamp(self.wall_at_start.saturating_add(counted))
    }

    fn pulse(&self) -> Duration {
        let elapsed = self.elapsed();
        let lost = elapsed - counted(elapsed, self.pulse.load(Ordering::Acquire));
        self.lost.fetch_add(lost, Ordering::AcqRel);
        self.pulse.store(elapsed.max(1), Ordering::Release);
        Duration::from_micros(lost)
    }
}

/// How much of the time since the start counts, of which the last pulse came at `pulse`.
fn counted(elapsed: u64, pulse: u64) -> u64 {
    if pulse == 0 { elapsed } else { elapsed.min(pulse.saturating_add(micros(STALL))) }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl Clock {
    /// Wall time read once, monotonic time from then on.
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the clocks")]
    pub fn system() -> Clock {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Clock(Source::System(System {
            wall_at_start: micros(wall),
            start: Instant::now(),
            pulse: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        }))
    }

    /// A clock that stands still until [`Clock::advance`]: for tests and replays.
    pub fn manual(start: Timestamp) -> Clock {
        Clock(Source::Manual(Manual { micros: watch::Sender::new(start.0), wall_ahead: AtomicI64::new(0) }))
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System(system) => system.now(),
            Source::Manual(Manual { micros, .. }) => Timestamp(*micros.borrow()),
        }
    }

    /// The present moment as every other machine has it: the system's clock, which may be set, and which does not leave out
    /// time that does not count here. For what others are told; no deadline of ours is worked out from it.
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the clocks")]
    pub fn wall(&self) -> Timestamp {
        match &self.0 {
            Source::System(_) => {
                Timestamp(micros(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()))
            }
            Source::Manual(Manual { micros, wall_ahead }) => {
                Timestamp(micros.borrow().saturating_add_signed(wall_ahead.load(Ordering::Relaxed)))
            }
        }
    }

    /// Sets the wall clock of a manual clock so far ahead of its time, or behind it; does nothing to the system's.
    pub fn set_wall(&self, ahead_micros: i64) {
        if let Source::Manual(Manual { wall_ahead, .. }) = &self.0 {
            wall_ahead.store(ahead_micros, Ordering::Relaxed);
        }
    }

    /// Says that the process runs; returns how long it stood still before, beyond [`STALL`]. To be called every [`PULSE`]
    /// by one thread; a clock that nobody calls it for counts all time.
    pub fn pulse(&self) -> Duration {
        match &self.0 {
            Source::System(system) => system.pulse(),
            Source::Manual(_) => Duration::ZERO,
        }
    }

    /// The present moment where all time counts, also that in which the process stood still: what others did meanwhile is
    /// measured by it. It runs ahead of [`Clock::now`].
    pub fn passed(&self) -> Timestamp {
        match &self.0 {
            Source::System(system) => Timestamp(system.wall_at_start.saturating_add(system.elapsed())),
            Source::Manual(Manual { micros, .. }) => Timestamp(*micros.borrow()),
        }
    }

    /// All the time that did not count.
    pub fn stood_still(&self) -> Duration {
        match &self.0 {
            Source::System(system) => Duration::from_micros(system.lost.load(Ordering::Acquire)),
            Source::Manual(_) => Duration::ZERO,
        }
    }

    /// Moves a manual clock on; does nothing to the system's.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(Manual { micros, .. }) = &self.0 {
            micros.send_modify(|micros| *micros = Timestamp(*micros).after(by).0);
        }
    }

    /// Waits until `at` has come.
    pub async fn sleep_until(&self, at: Timestamp) {
        match &self.0 {
            Source::System(_) => {
                // A sleep may end at a time that does not count.
                while self.now() < at {
                    tokio::time::sleep(at.since(self.now())).await;
                }
            }
            Source::Manual(Manual { micros, .. }) => {
                // The sender is this clock: it is there as long as somebody waits.
                let _ = micros.subscribe().wait_for(|micros| *micros >= at.0).await;
            }
        }
    }

    /// The result of `future`, or `None` where it has none before `at`.
    pub async fn before<T>(&self, at: Timestamp, future: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            result = future => Some(result),
            () = self.sleep_until(at) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_printed_as_it_displays() {
        let moments = [0, 1, 999_999, 1_000_000, 1_795_194_494_758_176, 1_795_194_494_758_177, 1_795_280_894_000_010];
        let moments: Vec<Timestamp> = moments.into_iter().map(Timestamp).chain([Timestamp::MAX]).collect();
        // Each after each, as two are remembered.
        for (one, other) in moments.iter().flat_map(|one| moments.iter().map(move |other| (one, other))) {
            let mut text = Vec::new();
            other.print(&mut text);
            one.print(&mut text);
            assert_eq!(String::from_utf8(text).expect("text"), format!("{other}{one}"));
        }
    }

    #[test]
    fn prints_the_forms_the_dialects_use() {
        let moment = Timestamp::from_micros(1_795_194_494_758_176);
        assert_eq!(moment.to_string(), "2026-11-20T17:08:14.758176Z");
        assert_eq!(moment.to_python(), "2026-11-20 17:08:14.758176+00:00");
        assert_eq!(Timestamp::from_micros(1_795_194_494_000_000).to_python(), "2026-11-20 17:08:14+00:00");
        assert!(!Timestamp::MAX.to_string().is_empty());
    }

    #[test]
    fn time_without_a_pulse_counts_up_to_a_stall() {
        let stall = micros(STALL);
        for (elapsed, pulse, expected) in [
            (10, 0, 10),
            (10 * stall, 0, 10 * stall),
            (stall + 5, 5, stall + 5),
            (stall + 6, 5, stall + 5),
            (u64::MAX, u64::MAX - 1, u64::MAX),
        ] {
            assert_eq!(counted(elapsed, pulse), expected, "{elapsed} {pulse}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stall_is_no_time() {
        let clock = Clock::system();
        let start = clock.now();
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(clock.now(), start.after(Duration::from_secs(60)), "before the first pulse all time counts");
        assert_eq!(clock.pulse(), Duration::ZERO);
        tokio::time::advance(Duration::from_secs(30)).await;
        let stopped = start.after(Duration::from_secs(60) + STALL);
        assert_eq!(clock.now(), stopped, "a reader that is first after the stall sees no more");
        assert_eq!(clock.pulse(), Duration::from_secs(30) - STALL);
        assert_eq!(clock.now(), stopped);
        tokio::time::advance(PULSE).await;
        assert_eq!((clock.pulse(), clock.now()), (Duration::ZERO, stopped.after(PULSE)));
        assert_eq!(clock.stood_still(), Duration::from_secs(30) - STALL);
        assert_eq!(clock.passed().since(start), Duration::from_secs(90) + PULSE);
    }

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = Clock::manual(Timestamp::from_micros(5));
        assert_eq!(clock.now(), clock.now());
        clock.advance(Duration::from_secs(2));
        assert_eq!(clock.now(), Timestamp::from_micros(2_000_005));
        clock.set_wall(-1_000_000);
        assert_eq!((clock.now().as_micros(), clock.wall().as_micros()), (2_000_005, 1_000_005));
        clock.set_wall(i64::MIN);
        assert_eq!((clock.passed().as_micros(), clock.wall().as_micros()), (2_000_005, 0));
    }

    #[tokio::test]
    async fn whoever_waits_for_a_manual_clock_wakes_when_it_is_moved() {
        let clock = std::sync::Arc::new(Clock::manual(Timestamp::from_micros(5)));
        let at = Timestamp::from_micros(1_000_000);
        assert_eq!(clock.before(at, std::future::ready(1)).await, Some(1));
        let waiting = tokio::spawn({
            let clock = std::sync::Arc::clone(&clock);
            async move { clock.before(at, std::future::pending::<()>()).await }
        });
        clock.advance(Duration::from_secs(1));
        assert_eq!(waiting.await.expect("no panic"), None);
    }
}
