//! Whether the program is well: asked again and again.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use super::plan::Plan;
use super::registrar::Orders;
use super::standing::Verdict;
use crate::cli::say;
use crate::limits;
use crate::probe::{ALLOWED, Asker, Settings};
use crate::table::{Check, Status};

/// Asks the program for ever, and says what it hears.
pub(super) async fn watch(plan: &Plan, orders: Orders) -> Infallible {
    let Some(terms) = &plan.terms else {
        orders.tell(Verdict { status: Status::Passing, output: String::new() }).await;
        return std::future::pending().await;
    };
    // Whom we ask was said by whoever started us.
    let settings = Settings { deny: Vec::new(), allow: ALLOWED.to_vec(), ..Settings::default() };
    let asker = Asker::new(settings, Arc::clone(&plan.clock));
    let mut tally = Tally::new(plan.failures, terms.interval);
    loop {
        if let Some((status, output)) = asker.ask(&plan.asked, terms).await {
            match tally.take(status, &output) {
                Some(News::Tell(verdict)) => orders.tell(verdict).await,
                Some(News::Say(words)) => say(&words),
                None => {}
            }
        }
        plan.clock.sleep_until(plan.clock.now().after(tally.pause())).await;
    }
}

/// Answers in a row. Pure.
#[derive(Debug)]
struct Tally {
    bound: u16,
    interval: Duration,
    /// What was told last; `None` until the first good answer.
    told: Option<Status>,
    failures: u16,
    tries: u32,
    /// Why the program is not well yet, as it was said last.
    said: String,
}

/// What follows from an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
enum News {
    /// The server is to know.
    Tell(Verdict),
    /// A person is to know.
    Say(String),
}

impl Tally {
    fn new(bound: u16, interval: Duration) -> Tally {
        Tally { bound, interval, told: None, failures: 0, tries: 0, said: String::new() }
    }

    /// Counts an answer. Before the first one that passes, one that warns is a bad one.
    fn take(&mut self, status: Status, output: &str) -> Option<News> {
        self.tries = self.tries.saturating_add(1);
        let is_bad = status == Status::Critical || (self.told.is_none() && status == Status::Warning);
        self.failures = if is_bad { self.failures.saturating_add(1) } else { 0 };
        if is_bad && self.failures < self.bound {
            return None;
        }
        let Some(told) = self.told else {
            return if is_bad { self.explain(output) } else { Some(self.tell(status, output)) };
        };
        (told != status).then(|| self.tell(status, output))
    }

    /// Why the program is not well yet, where that is news. What a page says may differ from answer to answer.
    fn explain(&mut self, output: &str) -> Option<News> {
        let words = output.split(" Output: ").next().unwrap_or_default();
        if self.said == words {
            return None;
        }
        self.said = words.to_owned();
        Some(News::Say(format!("not registered yet: {words}")))
    }

    fn tell(&mut self, status: Status, output: &str) -> News {
        self.told = Some(status);
        News::Tell(Verdict { status, output: Check::cut_output(output).to_owned() })
    }

    /// Time to the next question: at first a program is about to be ready at any moment.
    fn pause(&self) -> Duration {
        match self.told {
            Some(_) => self.interval,
            None => {
                (limits::PROBE_RETRY * 2_u32.saturating_pow(self.tries.saturating_sub(1).min(16))).min(self.interval)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tell(status: Status, output: &str) -> Option<News> {
        Some(News::Tell(Verdict { status, output: output.into() }))
    }

    #[test]
    fn the_first_good_answer_is_told_and_a_row_of_bad_ones() {
        use Status::{Critical, Passing, Warning};
        let mut tally = Tally::new(2, Duration::from_secs(5));
        assert_eq!(tally.take(Critical, "refused"), None);
        assert_eq!(tally.take(Warning, "busy"), Some(News::Say("not registered yet: busy".into())));
        assert_eq!(tally.take(Warning, "busy Output: now"), None);
        assert_eq!(tally.take(Critical, "refused"), Some(News::Say("not registered yet: refused".into())));
        assert_eq!(tally.take(Passing, "a"), tell(Passing, "a"));
        assert_eq!(tally.take(Passing, "b"), None);
        assert_eq!(tally.take(Critical, "c"), None);
        assert_eq!(tally.take(Passing, "d"), None);
        assert_eq!(tally.take(Critical, "e"), None);
        assert_eq!(tally.take(Critical, "f"), tell(Critical, "f"));
        assert_eq!(tally.take(Critical, "g"), None);
        assert_eq!(tally.take(Warning, "h"), tell(Warning, "h"));
        assert_eq!(tally.take(Passing, "i"), tell(Passing, "i"));
    }

    #[test]
    fn a_program_that_starts_is_asked_often() {
        let mut tally = Tally::new(3, Duration::from_secs(1));
        let mut pauses = Vec::new();
        for _ in 0..4 {
            tally.take(Status::Critical, "refused");
            pauses.push(tally.pause().as_millis());
        }
        assert_eq!(pauses, [250, 500, 1000, 1000]);
        tally.take(Status::Passing, "");
        assert_eq!(tally.pause(), Duration::from_secs(1));
    }

    #[test]
    fn what_is_told_fits_a_report() {
        let mut tally = Tally::new(1, Duration::from_secs(1));
        let Some(News::Tell(verdict)) = tally.take(Status::Passing, &"x".repeat(5000)) else { unreachable!() };
        assert_eq!(verdict.output.len(), limits::CHECK_OUTPUT_OCTETS);
    }
}
