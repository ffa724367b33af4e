//! What is known of a host's health.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::lease::Lease;
use super::terms::{CheckKind, Terms};
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

/// One source of a verdict on a host.
#[derive(Clone, Debug)]
pub struct Check {
    /// Unique within the host.
    pub id: Box<str>,
    /// Who finds out, and how; `None` where it is whoever reports, and nothing follows from it.
    pub terms: Option<Arc<Terms>>,
    /// The last verdict.
    pub status: Status,
    /// What was said last.
    pub output: Output,
    /// When the status last changed.
    pub since: Timestamp,
    /// What people call it; `None` where it has its id alone.
    pub title: Option<Arc<Title>>,
    /// The right to go unreported, where there is a TTL.
    lease: Option<Box<Lease>>,
}

impl Check {
    /// The check that a report without a check id speaks of.
    pub const DEFAULT_ID: &'static str = "health";

    /// A check with a status that begins now, and a TTL too where the terms have one.
    pub fn new(id: Box<str>, terms: Option<Arc<Terms>>, status: Status, output: &str, now: Timestamp) -> Check {
        let lease = match terms.as_ref().map(|terms| &terms.kind) {
            Some(CheckKind::Ttl(ttl)) => Some(Box::new(Lease::new(Some(*ttl), now))),
            Some(_) | None => None,
        };
        Check { id, terms, status, output: Output::new(output), since: now, title: None, lease }
    }

    /// The same with what people call it.
    #[must_use]
    pub fn titled(self, title: Option<Arc<Title>>) -> Check {
        Check { title, ..self }
    }

    /// Who finds out the status.
    pub fn kind(&self) -> &CheckKind {
        self.terms.as_ref().map_or(&CheckKind::Reported, |terms| &terms.kind)
    }

    /// When it turns critical unless somebody reports; `None` is never.
    pub fn lapses(&self) -> Option<Timestamp> {
        self.lease.as_ref().filter(|_| self.status != Status::Critical)?.expires()
    }

    /// When its host is removed unless the status changes; `None` is never.
    pub fn condemns(&self) -> Option<Timestamp> {
        let after = self.terms.as_ref()?.deregister_critical_after?;
        (self.status == Status::Critical).then(|| self.since.after(after))
    }

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

    /// Whether two checks say the same, whenever they began to and in whatever words.
    pub(super) fn same_content(&self, other: &Check) -> bool {
        let Check { id, terms, status, output: _, since: _, title, lease: _ } = self;
        *id == other.id && *terms == other.terms && *status == other.status && *title == other.title
    }

    /// Gives the check another status, where it is another.
    pub(super) fn turn(&mut self, status: Status, now: Timestamp) {
        if self.status != status {
            self.status = status;
            self.since = now;
        }
    }

    /// Starts the TTL anew.
    pub(super) fn renew(&self, now: Timestamp) {
        if let Some(lease) = &self.lease {
            lease.renew(now);
        }
    }

    /// Starts everything that runs out anew, as after a start: nobody could report, nobody was asked.
    pub(super) fn restart(&mut self, now: Timestamp) {
        if let Some(lease) = &mut self.lease {
            let kept = lease.is_kept();
            **lease = Lease::new(lease.ttl(), now);
            lease.keep(kept);
        }
        if self.condemns().is_some() {
            self.since = now;
        }
    }

    /// The right to go unreported, where there is a TTL.
    pub(crate) fn lease(&self) -> Option<&Lease> {
        self.lease.as_deref()
    }

    /// Turns critical what nobody has reported in time.
    pub(super) fn lapse(&mut self, now: Timestamp) {
        if self.lapses().is_some_and(|at| at <= now) {
            self.expire(now);
        }
    }

    /// Turns a check with a TTL critical, because it has ended.
    pub(super) fn expire(&mut self, now: Timestamp) {
        if self.lease.is_some() && self.status != Status::Critical {
            let last = self.output.read();
            let said = match &*last {
                "" => "TTL expired".to_owned(),
                last => format!("TTL expired (last output before timeout follows): {last}"),
            };
            self.output = Output::new(&said);
            self.turn(Status::Critical, now);
        }
    }
}

/// What people call a check, and what else was said of it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Title {
    /// Its name.
    pub name: Box<str>,
    /// Notes.
    pub notes: Box<str>,
    /// What an external registration said of it, JSON that only Consul's dialect reads; empty for nothing.
    pub definition: Box<str>,
}

/// What was last said with a verdict, at most [`limits::CHECK_OUTPUT_OCTETS`].
///
/// As with a lease, the row in the table and the row in every snapshot share it: other words for the same status
/// change no revision and wake nobody.
#[derive(Debug, Default)]
pub struct Output(ArcSwapOption<Box<str>>);

impl Output {
    /// An output, cut where it is too long.
    pub fn new(text: &str) -> Output {
        let output = Output::default();
        output.write(text);
        output
    }

    /// What was said last.
    pub fn read(&self) -> Said {
        Said(self.0.load_full())
    }

    pub(super) fn write(&self, text: &str) {
        if *self.read() != *text {
            let text = Check::cut_output(text);
            self.0.store((!text.is_empty()).then(|| Arc::new(text.into())));
        }
    }
}

/// A copy begins where the original stands and goes its own way.
impl Clone for Output {
    fn clone(&self) -> Output {
        Output(ArcSwapOption::new(self.0.load_full()))
    }
}

/// The words of an [`Output`] at one moment.
#[derive(Clone, Debug)]
pub struct Said(Option<Arc<Box<str>>>);

impl Deref for Said {
    type Target = str;

    fn deref(&self) -> &str {
        self.0.as_deref().map_or("", |text| text)
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
