//! The loop around every target: rounds, what a failure prints, memory before and after.

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use parking_lot::Mutex;

use crate::dice::Dice;

/// The seed of a run that names none.
const SEED: u64 = 1;
/// Inputs from which on memory is looked at.
const LONG: u64 = 100_000;
/// What a long run may add to the memory it had after a tenth of its rounds.
const GROWTH_OCTETS: usize = 20 * 1024 * 1024;

/// Memory is that of the process: one target at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// What went in during a round, for whoever has to understand a failure.
#[derive(Default)]
pub(crate) struct Trace(Vec<(&'static str, Vec<u8>)>);

impl Trace {
    /// Keeps an input until the end of the round.
    pub(crate) fn input(&mut self, what: &'static str, octets: &[u8]) {
        self.0.push((what, octets.to_vec()));
    }
}

/// Plays a target: `FUZZ_ROUNDS` rounds, else `rounds`, the same ones for the same `FUZZ_SEED`, from `FUZZ_FIRST` on.
pub(crate) fn play(target: &str, rounds: u64, round: impl FnMut(u64, &mut Dice, &mut Trace)) {
    play_many(target, rounds, 1, round);
}

/// Plays a target whose rounds have `inputs` each: as many rounds as `FUZZ_ROUNDS` inputs need.
pub(crate) fn play_many(target: &str, rounds: u64, inputs: u64, mut round: impl FnMut(u64, &mut Dice, &mut Trace)) {
    let _one = ONE_AT_A_TIME.lock();
    let seed = setting("FUZZ_SEED").unwrap_or(SEED);
    let first = setting("FUZZ_FIRST").unwrap_or(0);
    let rounds = setting("FUZZ_ROUNDS").map_or(rounds, |all| all.div_ceil(inputs));
    let mut trace = Trace::default();
    let mut warm = resident();
    for number in first..first + rounds {
        if number - first == rounds / 10 {
            warm = resident();
        }
        trace.0.clear();
        let mut dice = Dice::of_round(seed, number);
        let played = catch_unwind(AssertUnwindSafe(|| round(number, &mut dice, &mut trace)));
        if let Err(panic) = played {
            say(&format!("{target} failed: FUZZ_SEED={seed} FUZZ_FIRST={number} FUZZ_ROUNDS=1 plays it again"));
            for (what, octets) in &trace.0 {
                let hex: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
                say(&format!("{what}: {hex}\n    {}", octets.escape_ascii()));
            }
            resume_unwind(panic);
        }
    }
    let end = resident();
    let inputs = rounds * inputs;
    say(&format!("{target}: {inputs} inputs of seed {seed}, {} kB resident, then {} kB", warm / 1024, end / 1024));
    let grown = end.saturating_sub(warm);
    assert!(inputs < LONG || grown < GROWTH_OCTETS, "{target}: {grown} octets more after {inputs} inputs");
}

#[allow(clippy::disallowed_methods, reason = "these are settings of the test, not of the program")]
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Octets of memory that the process has; 0 where the system does not say.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    status.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}
