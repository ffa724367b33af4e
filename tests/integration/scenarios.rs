//! Scenarios: stories in `tests/scenarios`, told in commands and what comes back.
//!
//! | line | what it does |
//! | --- | --- |
//! | `set KEY = VALUE` | a setting, before anything else |
//! | `zone FILE` | a zone file, its text in the indented lines below, before anything else |
//! | `http METHOD PATH [BODY] [\| FIELD ...]` | a call; with fields, only those of the answer are shown |
//! | `repeat N http ...` | the call N times, `{i}` and `{ip}` replaced; shows how often each status came |
//! | `poll PATH [\| FIELD ...]`, `polled` | a call that waits; what it brought |
//! | `watch PATH`, `event [\| FIELD ...]` | a stream of events; its next event |
//! | `dig NAME TYPE [+tcp] [+noedns] [+bufsize=N] [+ednsver=N] [+class=N] [+opcode=N] [+rd] [+count]` | a question |
//! | `views SERVICE` | whom each zone and each API has for healthy, at one revision |
//! | `wait 5s` | time passes, nothing is removed by that |
//! | `tick` | what is due is removed |
//! | `restart` | the server stops in good order and starts again |
//!
//! Indented lines are what a command must give. `UPDATE_EXPECT=1` writes them anew.

mod player;
mod script;
mod views;

use std::path::PathBuf;

use player::Player;
use script::Script;

/// Scenarios take leases of ten seconds and more: the timer of the server runs in real time, and must stay out of them.
#[test]
#[allow(clippy::disallowed_methods, reason = "a switch of the tests, no setting of the server")]
fn every_scenario_holds() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let only = std::env::var("SCENARIO").unwrap_or_default();
    let mut failures = Vec::new();
    let files = files();
    assert!(files.len() > 2, "the scenarios are there");
    for path in files.iter().filter(|path| path.to_string_lossy().contains(&only)) {
        // Shown only where a scenario cannot be played to its end.
        eprintln!("{}", path.display());
        let text = std::fs::read_to_string(path).expect("a scenario");
        let script = Script::parse(&text);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let given = runtime.block_on(Player::play(&script));
        if update {
            let anew = script.with(&given);
            if anew != text {
                std::fs::write(path, anew).expect("a scenario that can be written");
            }
        } else {
            let name = path.file_name().expect("a name").to_string_lossy();
            failures.extend(script.differences(&format!("tests/scenarios/{name}"), &given));
        }
    }
    assert!(failures.is_empty(), "{}\nUPDATE_EXPECT=1 writes what came into the scenarios", failures.join("\n"));
}

fn files() -> Vec<PathBuf> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let entries = std::fs::read_dir(directory).expect("the scenarios");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    files
}
