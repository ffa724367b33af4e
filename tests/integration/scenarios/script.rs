//! The text of a scenario: commands, what is expected of each, and whatever stands between.

use std::fmt::Write as _;

/// A command with its expectation.
pub(super) struct Step {
    /// Its line in the file, from 1.
    line: usize,
    /// Comments and empty lines before it.
    before: String,
    pub(super) command: String,
    /// The indented lines below it, without the indent.
    pub(super) below: Vec<String>,
}

/// A scenario.
pub(super) struct Script {
    pub(super) steps: Vec<Step>,
    after: String,
}

impl Script {
    pub(super) fn parse(text: &str) -> Script {
        let mut script = Script { steps: Vec::new(), after: String::new() };
        for (number, line) in text.lines().enumerate() {
            if let Some(below) = line.strip_prefix("  ") {
                let step = script.steps.last_mut().expect("a command before what is expected of it");
                step.below.push(below.to_owned());
            } else if line.is_empty() || line.starts_with('#') {
                script.after.push_str(line);
                script.after.push('\n');
            } else {
                let before = std::mem::take(&mut script.after);
                script.steps.push(Step { line: number + 1, before, command: line.into(), below: Vec::new() });
            }
        }
        script
    }

    /// The text with what was given in place of what was expected.
    pub(super) fn with(&self, given: &[Vec<String>]) -> String {
        let mut text = String::new();
        for (step, lines) in self.steps.iter().zip(given) {
            let _ = writeln!(text, "{}{}", step.before, step.command);
            for line in lines {
                let _ = writeln!(text, "  {line}");
            }
        }
        text + &self.after
    }

    /// What was given and not expected, or expected and not given: one text for each such command.
    pub(super) fn differences(&self, file: &str, given: &[Vec<String>]) -> Vec<String> {
        let differ = self.steps.iter().zip(given).filter(|(step, lines)| step.below != **lines);
        differ.map(|(step, lines)| difference(file, step, lines)).collect()
    }
}

fn difference(file: &str, step: &Step, given: &[String]) -> String {
    let mut text = format!("{file}:{}: {}\n", step.line, step.command);
    for line in &step.below {
        let mark = if given.contains(line) { ' ' } else { '-' };
        let _ = writeln!(text, "  {mark} {line}");
    }
    for line in given.iter().filter(|line| !step.below.contains(line)) {
        let _ = writeln!(text, "  + {line}");
    }
    text
}
