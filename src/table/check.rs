//! What is known of a host's health.

use std::fmt;

use super::text::Invalid;
use crate::clock::Timestamp;
use crate::limits;

/// A verdict, ordered from best to worst, so that the worst is the greatest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Status {
    /// In the answers.
    #[default]
    Passing,
    /// In the answers unless `only_passing` is set.
    Warning,
    /// Out of the answers.
    Critical,
}

impl Status {
    /// Every status, best first.
    pub const ALL: [Status; 3] = [Status::Passing, Status::Warning, Status::Critical];

    /// The word every dialect uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Passing => "passing",
            Status::Warning => "warning",
            Status::Critical => "critical",
        }
    }

    /// Parses the word.
    pub fn parse(field: &str, value: &str) -> Result<Status, Invalid> {
        Status::ALL
            .into_iter()
            .find(|status| status.as_str() == value)
            .ok_or_else(|| Invalid::new(field, "must be passing, warning or critical"))
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who finds out the status of a check.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub enum CheckKind {
    /// Whoever reports it over an API; nobody asks the host.
    #[default]
    Reported,
}

/// One source of a verdict on a host.
#[derive(Clone, Debug)]
pub struct Check {
    /// Unique within the host.
    pub id: Box<str>,
    /// Who finds out.
    pub kind: CheckKind,
    /// The last verdict.
    pub status: Status,
    /// What was said with it, at most [`limits::CHECK_OUTPUT_OCTETS`].
    pub output: Box<str>,
    /// When the status last changed.
    pub since: Timestamp,
}

impl Check {
    /// The check that a report without a check id speaks of.
    pub const DEFAULT_ID: &'static str = "health";

    /// Parses a check id.
    pub fn parse_id(field: &str, value: &str) -> Result<Box<str>, Invalid> {
        if value.is_empty() || value.len() > limits::ID_OCTETS || value.chars().any(char::is_control) {
            return Err(Invalid::new(
                field,
                format!("must be 1 to {} octets without control characters", limits::ID_OCTETS),
            ));
        }
        Ok(value.into())
    }

    /// Cuts an output at [`limits::CHECK_OUTPUT_OCTETS`], on a character's edge.
    pub fn cut_output(output: &str) -> &str {
        let mut end = output.len().min(limits::CHECK_OUTPUT_OCTETS);
        while !output.is_char_boundary(end) {
            end -= 1;
        }
        &output[..end]
    }

    /// Whether two checks say the same, whenever they began to.
    pub(super) fn same_content(&self, other: &Check) -> bool {
        let Check { id, kind, status, output, since: _ } = self;
        *id == other.id && *kind == other.kind && *status == other.status && *output == other.output
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_cut_between_characters() {
        let long = "é".repeat(limits::CHECK_OUTPUT_OCTETS);
        assert_eq!(Check::cut_output(&long).len(), limits::CHECK_OUTPUT_OCTETS);
        let odd = format!("x{long}");
        assert_eq!(Check::cut_output(&odd).len(), limits::CHECK_OUTPUT_OCTETS - 1);
    }

    #[test]
    fn the_worst_status_is_the_greatest() {
        assert!(Status::Critical > Status::Warning && Status::Warning > Status::Passing);
    }
}
