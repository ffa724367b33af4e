//! How many results in a row flip a status. Pure.
//!
//! Consul's rules: the count of failures begins at its bound, so the first result of a new check counts at once; a good
//! result sets the failures to none and the other way round; what reaches no bound changes nothing.

use crate::table::{Status, Terms};

/// Results in a row.
#[derive(Debug)]
pub(super) struct Tally {
    successes: u16,
    failures: u16,
    passed: bool,
    tries: u32,
}

impl Tally {
    /// The tally of a check of which this is known so far.
    pub(super) fn new(terms: &Terms, status: Status) -> Tally {
        let passed = status != Status::Critical;
        Tally { successes: 0, failures: terms.failures_before_critical, passed, tries: 0 }
    }

    /// Counts a result; gives the status that follows, `None` where nothing does yet.
    pub(super) fn count(&mut self, terms: &Terms, result: Status) -> Option<Status> {
        if result == Status::Critical {
            self.successes = 0;
            self.failures = self.failures.saturating_add(1);
            self.tries = self.tries.saturating_add(1);
            return if self.failures >= terms.failures_before_critical {
                Some(Status::Critical)
            } else {
                (self.failures >= terms.failures_before_warning).then_some(Status::Warning)
            };
        }
        self.failures = 0;
        self.passed = true;
        self.successes = self.successes.saturating_add(1);
        (self.successes >= terms.success_before_passing).then_some(result)
    }

    /// How many tries have failed of a check that never passed; `None` once it has.
    pub(super) fn failed_tries(&self) -> Option<u32> {
        (!self.passed).then_some(self.tries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::book::tests::terms;
    use Status::{Critical, Passing, Warning};

    fn play(passing: u16, warning: u16, critical: u16, results: &[Status]) -> Vec<Option<Status>> {
        let terms = Terms {
            success_before_passing: passing,
            failures_before_warning: warning,
            failures_before_critical: critical,
            ..Terms::clone(&terms())
        };
        let mut tally = Tally::new(&terms, Critical);
        results.iter().map(|result| tally.count(&terms, *result)).collect()
    }

    #[test]
    fn without_thresholds_every_result_counts() {
        let results = [Passing, Critical, Warning, Passing];
        assert_eq!(play(0, 0, 0, &results), results.map(Some));
    }

    #[test]
    fn the_first_failure_counts_and_later_ones_must_come_in_a_row() {
        let results = [Critical, Passing, Critical, Critical, Passing, Critical, Critical, Critical];
        let expected = [Some(Critical), Some(Passing), None, None, Some(Passing), None, None, Some(Critical)];
        assert_eq!(play(0, 3, 3, &results), expected);
    }

    #[test]
    fn failures_warn_before_they_are_critical() {
        let results = [Passing, Critical, Critical, Critical];
        assert_eq!(play(0, 2, 3, &results), [Some(Passing), None, Some(Warning), Some(Critical)]);
    }

    #[test]
    fn passing_takes_as_many_as_it_is_told() {
        let results = [Passing, Passing, Critical, Passing, Passing, Passing];
        assert_eq!(play(3, 0, 0, &results), [None, None, Some(Critical), None, None, Some(Passing)]);
    }
}
