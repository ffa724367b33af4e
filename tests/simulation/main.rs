//! Random events and time against a naive model.
//!
//! A failure names its seed; `ROLLCALL_SEED=n` replays it alone. `ROLLCALL_SEEDS` and `ROLLCALL_STEPS` make long runs.

mod ask;
mod brake;
mod cases;
mod dice;
mod hall;
mod jumps;
mod model;
mod names;
mod orders;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

#[allow(clippy::disallowed_methods, reason = "these are settings of the test, not of the program")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

/// Runs `history` for each seed and says which one failed.
fn for_seeds(name: &str, seeds: u64, history: impl Fn(u64, u64)) {
    let steps = number("ROLLCALL_STEPS").unwrap_or(400);
    let first = number("ROLLCALL_FIRST_SEED").unwrap_or(1);
    let range = match number("ROLLCALL_SEED") {
        Some(seed) => seed..seed + 1,
        None => first..first + number("ROLLCALL_SEEDS").unwrap_or(seeds),
    };
    for seed in range {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| history(seed, steps))) {
            use std::io::Write as _;
            let again = format!("ROLLCALL_SEED={seed} ROLLCALL_STEPS={steps} cargo test --test simulation {name}");
            let _ = writeln!(std::io::stderr(), "replay with {again}");
            resume_unwind(panic);
        }
    }
}

#[test]
fn the_table_and_its_zone_agree_with_the_model() {
    for_seeds("the_table", 8, world::history);
}

#[test]
fn the_registry_shows_what_was_committed_and_nothing_else() {
    for_seeds("the_registry", 15, hall::history);
}

#[test]
fn the_brake_keeps_what_it_promises() {
    let kept = std::cell::Cell::new(0);
    for_seeds("the_brake", 60, |seed, steps| kept.set(kept.get() + brake::history(seed, steps)));
    assert!(kept.get() > 0 || number("ROLLCALL_SEED").is_some(), "nothing was ever kept");
}

#[test]
fn clock_jumps_change_nothing() {
    let ended = std::cell::Cell::new(0);
    for_seeds("clock_jumps", 4, |seed, steps| ended.set(ended.get() + jumps::history(seed, steps)));
    assert!(ended.get() > 0 || number("ROLLCALL_SEED").is_some(), "no lease ever ended");
}
