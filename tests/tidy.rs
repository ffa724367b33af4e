//! The order of the house: who may name whom, how long files are, what texts say.
//!
//! That `etc/rollcall.toml` says the defaults is tested beside them, in `src/config/tests.rs`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// What each part of `src` may name of the others. A part may always name itself.
const LAYERS: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("duration", &["limits"]),
    ("limits", &[]),
    ("patience", &[]),
    ("telemetry", &[]),
    ("table", &["clock", "limits"]),
    ("zone", &["table", "clock", "limits"]),
    ("lyft", &["table", "limits"]),
    ("registry", &["table", "zone", "clock", "limits"]),
    ("metrics", &["registry", "table", "zone", "clock", "limits"]),
    ("readiness", &["clock", "limits"]),
    ("store", &["registry", "table", "lyft", "clock", "limits"]),
    ("probe", &["registry", "table", "clock", "limits"]),
    ("dns", &["registry", "zone", "clock", "limits", "patience"]),
    ("http", &["registry", "table", "zone", "lyft", "metrics", "readiness", "clock", "duration", "limits", "patience"]),
    ("config", &["clock", "dns", "duration", "http", "limits", "probe", "store", "table", "telemetry", "zone"]),
    (
        "server",
        &[
            "clock",
            "config",
            "dns",
            "http",
            "limits",
            "metrics",
            "probe",
            "readiness",
            "registry",
            "store",
            "table",
            "telemetry",
            "zone",
        ],
    ),
    ("cli", &["clock", "config", "duration", "limits", "probe", "server", "telemetry", "table", "zone"]),
    ("lib", &[]),
    ("main", &[]),
];

/// What the code of some files must not name, by the beginning of their path below `src`.
const WALLS: &[(&str, &[&str])] = &[
    ("table/", &["tokio", "serde", "parking_lot", "hickory", "Instant", "SystemTime", "std::fs", "std::net::Tcp"]),
    ("zone/", &["tokio", "serde", "parking_lot", "hickory", "Instant", "SystemTime", "std::fs"]),
    ("lyft/", &["tokio", "parking_lot", "hickory", "Instant", "SystemTime", "std::fs"]),
    ("registry/", &["hickory", "axum", "serde", "std::fs", "SystemTime"]),
    ("dns/engine.rs", &["tokio", "hickory_server"]),
    ("dns/query.rs", &["tokio", "hickory_server"]),
    ("dns/reply.rs", &["tokio", "hickory_server"]),
    ("dns/udp.rs", &["hickory_server"]),
    ("dns/tcp.rs", &["hickory_server"]),
    ("dns/mod.rs", &["hickory_server"]),
    ("http/", &["hickory"]),
    ("probe/", &["axum", "hickory"]),
    ("probe/alias.rs", &["tokio", "hyper"]),
    ("probe/book.rs", &["tokio", "hyper"]),
    ("probe/guard.rs", &["tokio", "hyper"]),
    ("probe/schedule.rs", &["tokio", "hyper"]),
    ("probe/tally.rs", &["tokio", "hyper"]),
    ("store/", &["axum", "hickory"]),
    ("store/file.rs", &["tokio"]),
    ("store/database.rs", &["tokio"]),
    ("store/writer.rs", &["tokio"]),
    ("store/record.rs", &["tokio"]),
    ("store/dynamodb/check_in.rs", &["tokio", "hyper"]),
    ("store/dynamodb/expression.rs", &["tokio", "hyper"]),
    ("store/dynamodb/fields.rs", &["tokio", "hyper"]),
    ("store/dynamodb/item.rs", &["tokio", "hyper"]),
    ("store/dynamodb/place.rs", &["tokio", "hyper"]),
    ("store/dynamodb/row.rs", &["tokio", "hyper"]),
    ("store/dynamodb/seen.rs", &["tokio", "hyper"]),
    ("store/etcd/book.rs", &["tokio", "hyper"]),
    ("store/etcd/foreign.rs", &["tokio", "hyper"]),
    ("store/etcd/keys.rs", &["tokio", "hyper"]),
];

const LONGEST_FILE: usize = 600;
const LONGEST_FUNCTION: usize = 90;

/// A Rust file: its path below `src` and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The part it belongs to: its folder, or its own name.
    fn part(&self) -> &str {
        self.path.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }

    /// The lines of code with their numbers: no comments, no blank lines, no tests at the end.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = self.text.find("#[cfg(test)]\nmod tests {").unwrap_or(self.text.len());
        let lines = self.text[..end].lines().enumerate().map(|(index, line)| (index + 1, line));
        lines.filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with("//"))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(below: &str, ends: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(below)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for entry in entries {
            let path = entry.expect("an entry").path();
            // What a workspace below has built is not of the project.
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if ends.iter().any(|end| path.to_string_lossy().ends_with(end)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn sources() -> Vec<Source> {
    let base = root().join("src");
    let source = |path: PathBuf| {
        let below = path.strip_prefix(&base).expect("it is below src").to_string_lossy().into_owned();
        Source { path: below, text: read(&path) }
    };
    files("src", &[".rs"]).into_iter().map(source).collect()
}

/// All complaints at once: one run says everything.
fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Whether `word` stands in `text` with nothing of a word before it.
fn names(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| !text[..at].ends_with(is_word))
}

fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(is_word) && !text[at + word.len()..].starts_with(is_word))
}

/// The first segments of all paths that begin with `crate::`, groups in braces included.
fn parts_named(code: &str) -> BTreeSet<String> {
    let mut parts = BTreeSet::new();
    for (at, text) in code.match_indices("crate::") {
        if code[..at].ends_with(is_word) {
            continue;
        }
        let rest = &code[at + text.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            parts.insert(rest.chars().take_while(|c| is_word(*c)).collect());
            continue;
        };
        let mut depth = 0;
        for piece in group.split_inclusive(['{', '}', ',']) {
            let name: String = piece.trim().chars().take_while(|c| is_word(*c)).collect();
            if depth == 0 && !name.is_empty() {
                parts.insert(name);
            }
            match piece.chars().last() {
                Some('{') => depth += 1,
                Some('}') if depth == 0 => break,
                Some('}') => depth -= 1,
                _ => {}
            }
        }
    }
    parts
}

#[test]
fn parts_name_only_what_lies_below_them() {
    let mut complaints = Vec::new();
    let known: BTreeSet<&str> = LAYERS.iter().map(|(part, _)| *part).collect();
    for source in sources() {
        let part = source.part();
        let Some((_, below)) = LAYERS.iter().find(|(name, _)| *name == part) else {
            complaints.push(format!("src/{}: say in tests/tidy.rs what the part {part} may name", source.path));
            continue;
        };
        if source.is_test() {
            continue;
        }
        let code: Vec<&str> = source.code().map(|(_, line)| line).collect();
        for named in parts_named(&code.join("\n")) {
            if named != part && known.contains(named.as_str()) && !below.contains(&named.as_str()) {
                complaints.push(format!("src/{}: {part} must not name {named}", source.path));
            }
        }
    }
    none(&complaints);
}

#[test]
fn pure_parts_know_no_runtime_no_wire_and_no_clock() {
    let mut complaints = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test()) {
        for (_, words) in WALLS.iter().filter(|(path, _)| source.path.starts_with(path)) {
            for (line, code) in source.code() {
                // `tokio::sync` is how the registry and its readers wait.
                for word in words.iter().filter(|word| names(code, word)) {
                    complaints.push(format!("src/{}:{line}: must not name {word}", source.path));
                }
            }
        }
        let server = source.path.starts_with("dns/") && source.path != "dns/handler.rs";
        if server && source.code().any(|(_, code)| names(code, "hickory_server")) {
            complaints.push(format!("src/{}: only dns/handler.rs names hickory_server", source.path));
        }
    }
    none(&complaints);
}

#[test]
fn files_and_functions_are_short() {
    let mut complaints = Vec::new();
    for source in &sources() {
        let lines: Vec<(usize, &str)> = source.code().collect();
        if lines.len() > LONGEST_FILE {
            complaints.push(format!("src/{}: {} lines of code, {LONGEST_FILE} at most", source.path, lines.len()));
        }
        for (name, line, length) in functions(&lines) {
            if length > LONGEST_FUNCTION {
                complaints
                    .push(format!("src/{}:{line}: {name} has {length} lines, {LONGEST_FUNCTION} at most", source.path));
            }
        }
    }
    none(&complaints);
}

/// Name, line and length of each function, as `cargo fmt` lays them out.
fn functions<'a>(lines: &[(usize, &'a str)]) -> Vec<(&'a str, usize, usize)> {
    let mut found = Vec::new();
    for (index, (number, line)) in lines.iter().enumerate() {
        let Some((before, after)) = line.split_once("fn ") else { continue };
        let head = before
            .split_whitespace()
            .all(|word| word.starts_with("pub") || ["const", "async", "unsafe"].contains(&word));
        if !head || line.ends_with(';') || line.ends_with('}') {
            continue;
        }
        let indent = &line[..line.len() - line.trim_start().len()];
        let end = lines[index..].iter().position(|(_, other)| *other == format!("{indent}}}"));
        let name = after.split(|c| !is_word(c)).next().unwrap_or_default();
        found.push((name, *number, end.map_or(lines.len() - index, |end| end + 1)));
    }
    found
}

#[test]
fn files_say_what_they_are() {
    let mut complaints = Vec::new();
    let others = ["tests", "benches"].into_iter().flat_map(|folder| files(folder, &[".rs"]));
    let all = files("src", &[".rs"]).into_iter().chain(others);
    for path in all {
        // The tests of a file need no head of their own.
        if !path.ends_with("tests.rs") && !read(&path).starts_with("//! ") {
            complaints.push(format!("{}: must begin with `//! ` and a sentence", path.display()));
        }
    }
    none(&complaints);
}

#[test]
fn unsafe_code_has_one_place() {
    let asks = |path: &PathBuf| read(path).contains("allow(unsafe_code");
    let asking: Vec<PathBuf> = files("src", &[".rs"]).into_iter().filter(asks).collect();
    assert!(asking.iter().map(|path| path.ends_with("src/cli/slices.rs")).eq([true]), "{asking:?}");
}

#[test]
fn texts_hold_no_leftovers() {
    // Written in pieces, or this file would hold them.
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let places = [concat!("/wo", "rk/"), concat!("/Us", "ers/"), concat!("/ro", "ot/")];
    let folders = ["src", "tests", "benches", "docs", "etc", "examples", "zones"];
    let endings = [".rs", ".md", ".toml", ".zone", ".service", ".txt"];
    let mut paths: Vec<PathBuf> = folders.iter().flat_map(|folder| files(folder, &endings)).collect();
    let top = fs::read_dir(root()).expect("the project").map(|entry| entry.expect("an entry").path());
    paths.extend(top.filter(|path| path.extension().is_some_and(|end| end == "md" || end == "toml")));
    let mut complaints = Vec::new();
    for path in paths {
        for (index, line) in read(&path).lines().enumerate() {
            let word = words.iter().find(|word| has_word(line, word));
            let place = places.iter().find(|place| line.contains(**place));
            if let Some(leftover) = word.or(place) {
                complaints.push(format!("{}:{}: {leftover}", path.display(), index + 1));
            }
        }
    }
    none(&complaints);
}

#[test]
fn every_bound_is_kept_somewhere() {
    let sources = sources();
    let limits = sources.iter().find(|source| source.path == "limits.rs").expect("limits.rs");
    let others: Vec<String> = sources
        .iter()
        .filter(|source| source.path != "limits.rs")
        .map(|source| source.code().map(|(_, line)| line).collect::<Vec<_>>().join("\n"))
        .collect();
    let mut complaints = Vec::new();
    let mut before = "";
    for line in limits.text.lines() {
        if let Some(name) = line.strip_prefix("pub const ").and_then(|rest| rest.split(':').next()) {
            if !others.iter().any(|text| has_word(text, name)) {
                complaints.push(format!("limits::{name} bounds nothing"));
            }
            if !before.starts_with("/// ") {
                complaints.push(format!("limits::{name} has no reason"));
            }
        }
        before = line;
    }
    none(&complaints);
}

#[test]
fn every_dependency_has_its_reason() {
    let manifest = read(&root().join("Cargo.toml"));
    let mut complaints = Vec::new();
    let (mut inside, mut reason) = (false, false);
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]");
            reason = false;
        } else if inside && line.trim().is_empty() {
            reason = false;
        } else if inside && line.starts_with('#') {
            reason = true;
        } else if inside && !reason && !line.starts_with([' ', ']']) {
            complaints.push(format!("Cargo.toml: no comment says why there is {line}"));
        }
    }
    none(&complaints);
}

/// The names of the metrics, without what counters and histograms add to them.
fn metrics(of_engine: Box<dyn prometheus_client::collector::Collector>) -> Vec<String> {
    use rollcall::{clock, dns, metrics, probe, registry, table, zone};
    let clock = Arc::new(clock::Clock::system());
    let hall = registry::Registry::new(clock, zone::Zones::default(), registry::Durability::Immediate);
    let hall = Arc::new(hall);
    let counts = metrics::Metrics::new(&hall);
    let engine = dns::Engine::new(Arc::clone(&hall), dns::Settings::default(), 0);
    counts.register_collector(Box::new(dns::StatsCollector(Arc::clone(engine.stats()))));
    counts.register_collector(Box::new(probe::StatsCollector(Arc::default())));
    counts.register_collector(of_engine);
    // A family is shown once something is counted in it.
    counts.write(table::Dialect::Native, metrics::Operation::Register, metrics::Outcome::Ok);
    counts.request("/livez", "GET", 200, Some(std::time::Duration::ZERO));
    let text = counts.encode();
    text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn metrics_have_names_in_one_form() {
    use rollcall::store::{dynamodb, etcd};
    for named in [
        metrics(Box::new(etcd::StatsCollector(Arc::default()))),
        metrics(Box::new(dynamodb::StatsCollector(Arc::default()))),
    ] {
        assert!(named.len() > 10, "{named:?}");
        let mut seen = BTreeSet::new();
        for name in named {
            let fits = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            assert!(name.starts_with("rollcall_") && fits && !name.contains("__") && !name.ends_with('_'), "{name}");
            assert!(seen.insert(name.clone()), "{name} twice");
        }
    }
}

/// What the dashboard and the alerts ask for is there: an expression about nothing is never true and never wrong.
#[test]
fn monitoring_names_metrics_that_exist() {
    let known = metrics(Box::new(rollcall::store::etcd::StatsCollector(Arc::default())));
    let mut complaints = Vec::new();
    for file in ["etc/alerts.yml", "etc/grafana-dashboard.json"] {
        let text = read(&root().join(file));
        let names: BTreeSet<&str> = text.split(|c| !is_word(c)).filter(|word| word.starts_with("rollcall_")).collect();
        assert!(names.len() > 10, "{file}: {names:?}");
        for name in names {
            let base = ["_total", "_bucket"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
            if !known.iter().any(|known| known == base) {
                complaints.push(format!("{file}: no such metric: {name}"));
            }
        }
    }
    none(&complaints);
}

/// Whether a name in the table of requirements is that of a scenario, a script, or a function of `code`.
fn is_a_test(name: &str, code: &str) -> bool {
    if name.ends_with(".txt") {
        return root().join("tests/scenarios").join(name).exists();
    }
    if name.contains('.') {
        return ["tests/clients", "tests/clients/consumers"]
            .iter()
            .any(|folder| root().join(folder).join(name).exists());
    }
    code.contains(&format!("fn {name}("))
}

/// The table of what DNS requires names tests that exist, and at least one for each requirement.
#[test]
fn every_requirement_has_its_test() {
    let code: String =
        ["src", "tests"].iter().flat_map(|folder| files(folder, &[".rs"])).map(|path| read(&path)).collect();
    let text = read(&root().join("docs/dns-requirements.md"));
    let (met, rest) = text.split_once("## Not offered").expect("what is not offered");
    let mut complaints = Vec::new();
    let mut named = 0;
    let rows =
        met.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| R") && !line.starts_with("| -"));
    for row in rows {
        let shown = row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
        let names: Vec<&str> = shown.split('`').skip(1).step_by(2).filter(|name| !name.contains(' ')).collect();
        if names.is_empty() {
            complaints.push(format!("no test: {row}"));
        }
        named += names.len();
        let missing = names.iter().filter(|name| !is_a_test(name, &code));
        complaints.extend(missing.map(|name| format!("no such test: {name}")));
    }
    // What is to come names some as well, all of them with an underscore or a dot.
    let later =
        rest.split('`').skip(1).step_by(2).filter(|name| name.ends_with(".txt") || name.matches('_').count() > 3);
    complaints.extend(later.filter(|name| !is_a_test(name, &code)).map(|name| format!("no such test: {name}")));
    assert!(named > 150, "{named}");
    none(&complaints);
}

/// The help of a command of the program.
fn help(command: &[&str]) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_rollcall"));
    let output = program.args(command).arg("--help").env_clear().output().expect("a program that starts");
    assert!(output.status.success(), "rollcall {} --help", command.join(" "));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Commands that a text tells people to type: in blocks of shell code, and in `code` that begins with the name.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut block: Option<bool> = None;
    let joined = text.replace("\\\n", " ");
    for line in joined.lines() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            let shell = ["sh", "bash", "shell", "console"].contains(&language.trim());
            block = if block.is_some() { None } else { Some(shell) };
            continue;
        }
        let typed: Vec<&str> = match block {
            Some(true) => vec![line.trim().trim_start_matches("$ ")],
            Some(false) => vec![],
            None => line.split('`').skip(1).step_by(2).collect(),
        };
        let ours = |command: &&str| {
            command.split_whitespace().next().is_some_and(|word| word.rsplit('/').next() == Some("rollcall"))
        };
        found.extend(typed.into_iter().filter(ours).map(str::to_owned));
    }
    found
}

#[test]
fn documented_commands_exist() {
    let overview = help(&[]);
    let listed = overview.split("Commands:").nth(1).expect("a list of commands");
    let known: BTreeSet<&str> = listed.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).collect();
    let mut complaints = Vec::new();
    let folders = ["docs", "examples"].into_iter().flat_map(|folder| files(folder, &[".md"]));
    let documents = folders.chain([root().join("README.md")]);
    // A document that is not written yet names nothing wrong.
    for path in documents.filter(|path| path.exists()) {
        for command in commands(&read(&path)) {
            let typed = command.split(['|', '#', ';', '&', '>']).next().unwrap_or_default();
            let words: Vec<&str> = typed.split_whitespace().skip(1).collect();
            let sub = words.first().filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
            if sub.is_some_and(|sub| !known.contains(sub)) {
                complaints.push(format!("{}: no such command: {command}", path.display()));
                continue;
            }
            let text = sub.map_or_else(|| overview.clone(), |sub| help(&[sub]));
            for flag in words.iter().filter(|word| word.starts_with("--")) {
                let flag = flag.split(['=', ']', ',']).next().unwrap_or_default();
                if !has_word(&text, flag) {
                    complaints.push(format!("{}: no flag {flag}: {command}", path.display()));
                }
            }
        }
    }
    none(&complaints);
}
