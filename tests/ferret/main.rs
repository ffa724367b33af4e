//! Static zones against Bind, NSD, Knot and PowerDNS: questions and zones that Ferret made to reach every branch of
//! RFC 1034 4.3.2, and what those servers replied (<https://github.com/dns-groot/FerretDataset>).
//!
//! `FERRET_DATASET` names the dataset's directory; `tests/conformance/ferret.sh` fetches it. The majority of the four
//! servers is what is expected; where it is wrong or we differ on purpose, `docs/conformance-ferret.md` says why.

mod dataset;
mod reply;
mod server;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use dataset::Case;
use reply::Verdict;

#[derive(Default)]
struct Score {
    /// Cases where most of the references that loaded the zone agree, and those of them where we do too.
    majority: (usize, usize),
    /// Cases where they do not, and those of them where we say what at least one of them says.
    split: (usize, usize),
    /// Cases where they agree on the additional section, and those of them where we do too.
    additional: (usize, usize),
    /// Questions about zones that we do not load.
    refused: usize,
}

#[derive(Default)]
struct Report {
    scores: BTreeMap<String, Score>,
    differences: Vec<String>,
}

impl Report {
    fn of(cases: &[Case]) -> Report {
        let mut report = Report::default();
        for case in cases {
            report.add(case);
        }
        report.print();
        report
    }

    fn add(&mut self, case: &Case) {
        let score = self.scores.entry(case.category.clone()).or_default();
        let zones = match server::load(&case.zone) {
            Ok(zones) => zones,
            Err(error) => {
                score.refused += 1;
                if case.follows_the_rfcs {
                    self.differences.push(format!("{}: the zone is refused: {error}", case.file));
                }
                return;
            }
        };
        let verdict = Verdict::of(case);
        let (mut ours, mut additional) = server::ask(&zones, case);
        if !case.follows_the_rfcs {
            ours.leave_out_ttls();
            additional = reply::without_ttls(&additional);
        }
        let agrees = verdict.replies.contains(&ours);
        let count = if verdict.is_majority { &mut score.majority } else { &mut score.split };
        count.0 += 1;
        count.1 += usize::from(agrees);
        let asked = format!("{} [{}] {} {}", case.file, case.category, case.name, case.qtype);
        if !agrees {
            let theirs: Vec<String> = verdict.replies.iter().map(|reply| format!("  theirs: {reply}")).collect();
            let mark = if verdict.is_majority { "" } else { ", no majority" };
            self.differences.push(format!("{asked}{mark}\n  ours: {ours}\n{}", theirs.join("\n")));
            return;
        }
        if let Some(agreed) = &verdict.additional {
            score.additional.0 += 1;
            score.additional.1 += usize::from(*agreed == additional);
            if *agreed != additional {
                self.differences.push(format!("{asked}\n  additional: {additional:?}\n  theirs: {agreed:?}"));
            }
        }
    }

    fn print(&self) {
        let mut out = std::io::stdout().lock();
        for difference in &self.differences {
            writeln!(out, "{difference}").expect("output");
        }
        let heads = ["category", "majority", "agree", "split", "like one", "additional", "agree", "refused"];
        let [category, heads @ ..] = heads;
        let heads: String = heads.iter().map(|head| format!("{head:>11}")).collect();
        writeln!(out, "\n{category:10}{heads}").expect("output");
        for (category, score) in &self.scores {
            let numbers = [
                score.majority.0,
                score.majority.1,
                score.split.0,
                score.split.1,
                score.additional.0,
                score.additional.1,
                score.refused,
            ];
            let numbers: String = numbers.iter().map(|number| format!("{number:>11}")).collect();
            writeln!(out, "{category:10}{numbers}").expect("output");
        }
    }

    fn sum(&self, value: fn(&Score) -> (usize, usize)) -> (usize, usize) {
        let values = self.scores.values().map(value);
        values.fold((0, 0), |sum, (cases, agree)| (sum.0 + cases, sum.1 + agree))
    }

    /// Fails unless at least 99 of 100 agree.
    fn require(&self, what: &str, value: fn(&Score) -> (usize, usize)) {
        let (cases, agree) = self.sum(value);
        let line = format!("{what}: {agree} of {cases} agree, {:.2} %", 100.0 * agree as f64 / cases as f64);
        writeln!(std::io::stdout().lock(), "{line}").expect("output");
        assert!(cases > 0 && agree * 100 >= cases * 99, "{line}");
    }
}

/// The dataset's directory, if the run has one.
#[allow(clippy::disallowed_methods, reason = "this is a setting of the test, not of the program")]
fn directory() -> Option<PathBuf> {
    let directory = std::env::var_os("FERRET_DATASET").filter(|value| !value.is_empty());
    if directory.is_none() {
        let text = "SKIPPED: FERRET_DATASET names no directory; tests/conformance/ferret.sh fetches the dataset\n";
        std::io::stdout().lock().write_all(text.as_bytes()).expect("output");
    }
    directory.map(PathBuf::from)
}

#[test]
fn zones_that_follow_the_rfcs_are_answered_as_the_references_do() {
    let Some(directory) = directory() else { return };
    let report = Report::of(&dataset::valid(&directory));
    report.require("valid zones, all questions", |score| {
        (score.majority.0 + score.split.0 + score.refused, score.majority.1 + score.split.1)
    });
    report.require("valid zones, where the references agree", |score| score.majority);
    report.require("valid zones, additional sections", |score| score.additional);
}

/// Zones that break one rule of the RFCs: what we do not refuse, we answer as the majority of those that do not.
#[test]
fn zones_that_break_a_rule_are_refused_or_answered_as_the_references_do() {
    let Some(directory) = directory() else { return };
    let report = Report::of(&dataset::invalid(&directory));
    report.require("invalid zones, where the references agree", |score| score.majority);
    report.require("invalid zones, additional sections", |score| score.additional);
}

#[test]
fn zones_that_no_reference_loads_are_refused() {
    let Some(directory) = directory() else { return };
    for path in dataset::refused_by_all(&directory) {
        assert!(server::load(&path).is_err(), "{}", path.display());
    }
}
