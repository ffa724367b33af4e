//! What the server has been told of a host, and what it is to be told next. Pure: `now` is an argument.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::limits;
use crate::table::Status;

/// What is known of the program's health.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Verdict {
    pub(super) status: Status,
    pub(super) output: String,
}

/// A call that is due.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Call {
    /// Register, with this verdict.
    Register(Verdict),
    /// End a drain that somebody before us began.
    Undrain,
    /// Report this verdict.
    Report(Verdict),
    /// Renew the lease.
    Renew,
}

/// What came of a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// It is done; whether the host drains.
    Done { drains: bool },
    /// The server does not know the host.
    Gone,
    /// It is not done, in words.
    Failed(String),
}

/// The standing of one host at the server.
#[derive(Debug)]
pub(super) struct Standing {
    /// Time between two heartbeats.
    beat: Duration,
    /// What is to be told; `None` until the program is well for the first time.
    wanted: Option<Verdict>,
    /// What has been told; `None` while the host is not registered as far as we know.
    told: Option<Status>,
    /// Whether the host drains since before our time.
    drains: bool,
    /// Whether this is the first registration: a drain from before it was meant for another process.
    is_first: bool,
    /// Whether the host is on its way out: it is renewed, and no more.
    leaving: bool,
    renew_at: Timestamp,
    retry_at: Timestamp,
    pause: Duration,
    /// Why the last call failed; `None` where it did not.
    trouble: Option<String>,
}

impl Standing {
    /// A host that nobody has been told of, with a lease of `ttl` to be.
    pub(super) fn new(ttl: Duration) -> Standing {
        Standing {
            beat: ttl / limits::RUN_BEATS_PER_LEASE,
            wanted: None,
            told: None,
            drains: false,
            is_first: true,
            leaving: false,
            renew_at: Timestamp::default(),
            retry_at: Timestamp::default(),
            pause: Duration::ZERO,
            trouble: None,
        }
    }

    /// Takes what the server is to know.
    pub(super) fn want(&mut self, verdict: Verdict) {
        self.wanted = Some(verdict);
    }

    /// The host is on its way out.
    pub(super) fn leave(&mut self) {
        self.leaving = true;
    }

    /// When a call is due; `None` where only news make one so.
    pub(super) fn due(&self) -> Option<Timestamp> {
        let at = if self.is_news() { self.retry_at } else { self.renew_at.max(self.retry_at) };
        (self.told.is_some() || self.is_news()).then_some(at)
    }

    /// The call that is due.
    pub(super) fn next(&self, now: Timestamp) -> Option<Call> {
        if self.due().is_none_or(|due| due > now) {
            return None;
        }
        let Some(wanted) = self.wanted.clone().filter(|_| self.is_news()) else { return Some(Call::Renew) };
        Some(match self.told {
            None => Call::Register(wanted),
            Some(told) if told != wanted.status => Call::Report(wanted),
            Some(_) => Call::Undrain,
        })
    }

    /// Takes what came of a call; gives what a person should read.
    pub(super) fn done(&mut self, call: &Call, outcome: Outcome, now: Timestamp) -> Option<String> {
        let drains = match outcome {
            Outcome::Done { drains } => drains,
            Outcome::Gone => {
                self.told = None;
                return match self.leaving {
                    true => None,
                    false => Some("the server does not know the host any more: it is registered again".into()),
                };
            }
            Outcome::Failed(why) => return self.failed(why, now),
        };
        (self.retry_at, self.pause) = (now, Duration::ZERO);
        let recovered = self.trouble.take().map(|_| "the server answers again".to_owned());
        match call {
            Call::Register(verdict) => {
                self.told = Some(verdict.status);
                self.drains = drains && self.is_first;
                self.is_first = false;
                self.renew_at = now.after(self.beat);
                return Some(format!("registered, {}", verdict.status));
            }
            Call::Report(verdict) => {
                self.told = Some(verdict.status);
                return Some(match verdict.status {
                    Status::Critical => format!("out of DNS: {}", verdict.output),
                    Status::Warning => format!("warning: {}", verdict.output),
                    Status::Passing => "passing again".to_owned(),
                });
            }
            Call::Undrain => self.drains = false,
            Call::Renew => self.renew_at = now.after(self.beat),
        }
        recovered
    }

    /// Whether the server knows of something less than it should.
    fn is_news(&self) -> bool {
        let told = |wanted: &Verdict| self.told == Some(wanted.status) && !self.drains;
        !self.leaving && self.wanted.as_ref().is_some_and(|wanted| !told(wanted))
    }

    /// The same words twice in a row are said once.
    fn failed(&mut self, why: String, now: Timestamp) -> Option<String> {
        let most = self.beat.min(limits::RUN_RETRY_MAX);
        self.pause = (self.pause * 2).clamp(limits::RUN_RETRY.min(most), most);
        self.retry_at = now.after(self.pause);
        let is_new = self.trouble.as_ref() != Some(&why);
        let state = if self.told.is_some() { "the lease is not renewed" } else { "not registered" };
        let said = is_new.then(|| format!("{state}: {why}; it is tried again"));
        self.trouble = Some(why);
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DONE: Outcome = Outcome::Done { drains: false };

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn verdict(status: Status) -> Verdict {
        Verdict { status, output: "words".into() }
    }

    /// Does the call that is due at `now`.
    fn step(standing: &mut Standing, outcome: Outcome, now: u64) -> (Option<Call>, Option<String>) {
        let call = standing.next(at(now));
        let said = call.as_ref().and_then(|call| standing.done(call, outcome, at(now)));
        (call, said)
    }

    fn registered() -> Standing {
        let mut standing = Standing::new(Duration::from_secs(30));
        standing.want(verdict(Status::Passing));
        let (call, said) = step(&mut standing, DONE, 100);
        assert_eq!(call, Some(Call::Register(verdict(Status::Passing))));
        assert_eq!(said.as_deref(), Some("registered, passing"));
        standing
    }

    #[test]
    fn nobody_is_told_before_there_is_news() {
        let standing = Standing::new(Duration::from_secs(30));
        assert_eq!((standing.due(), standing.next(at(1000))), (None, None));
    }

    #[test]
    fn the_lease_is_renewed_three_times_as_often_as_it_ends() {
        let mut standing = registered();
        assert_eq!((standing.due(), standing.next(at(109))), (Some(at(110)), None));
        assert_eq!(step(&mut standing, DONE, 110), (Some(Call::Renew), None));
        assert_eq!(standing.due(), Some(at(120)));
    }

    #[test]
    fn health_is_told_when_it_turns() {
        let mut standing = registered();
        standing.want(verdict(Status::Passing));
        assert_eq!(standing.next(at(101)), None);
        standing.want(verdict(Status::Critical));
        let (call, said) = step(&mut standing, DONE, 101);
        assert_eq!(call, Some(Call::Report(verdict(Status::Critical))));
        assert_eq!(said.as_deref(), Some("out of DNS: words"));
        standing.want(verdict(Status::Passing));
        assert_eq!(step(&mut standing, DONE, 102).1.as_deref(), Some("passing again"));
        assert_eq!(standing.due(), Some(at(110)), "a report is no heartbeat");
    }

    #[test]
    fn a_host_that_is_not_known_is_registered_again_as_it_is() {
        let mut standing = registered();
        standing.want(verdict(Status::Critical));
        assert!(step(&mut standing, Outcome::Gone, 105).1.is_some());
        assert_eq!(step(&mut standing, DONE, 105).0, Some(Call::Register(verdict(Status::Critical))));
        assert_eq!(standing.due(), Some(at(115)));
    }

    #[test]
    fn what_fails_is_tried_again_ever_later_and_said_once() {
        let mut standing = Standing::new(Duration::from_secs(30));
        standing.want(verdict(Status::Passing));
        let failed = || Outcome::Failed("no answer".into());
        let mut now = 100;
        for (pause, is_said) in [(1, true), (2, false), (4, false), (8, false), (10, false), (10, false)] {
            let (call, said) = step(&mut standing, failed(), now);
            assert!(matches!(call, Some(Call::Register(_))));
            assert_eq!(said.is_some(), is_said, "{now}");
            assert_eq!(standing.due(), Some(at(now + pause)));
            now += pause;
        }
        assert!(step(&mut standing, Outcome::Failed("other".into()), now).1.is_some_and(|said| said.contains("other")));
        assert_eq!(step(&mut standing, DONE, now + 10).1.as_deref(), Some("registered, passing"));
        assert!(step(&mut standing, failed(), now + 20).1.is_some_and(|said| said.starts_with("the lease is not")));
        assert_eq!(standing.due(), Some(at(now + 21)));
        assert_eq!(step(&mut standing, DONE, now + 21), (Some(Call::Renew), Some("the server answers again".into())));
    }

    #[test]
    fn a_drain_from_before_the_first_registration_ends() {
        let drains = || Outcome::Done { drains: true };
        let mut standing = Standing::new(Duration::from_secs(30));
        standing.want(verdict(Status::Passing));
        step(&mut standing, drains(), 100);
        assert_eq!(step(&mut standing, DONE, 100).0, Some(Call::Undrain));
        assert_eq!(standing.due(), Some(at(110)));
        step(&mut standing, drains(), 110);
        assert_eq!(standing.due(), Some(at(120)), "an operator's drain stays");
    }

    #[test]
    fn who_leaves_is_renewed_and_no_more() {
        let mut standing = registered();
        standing.leave();
        standing.want(verdict(Status::Critical));
        assert_eq!(standing.next(at(105)), None);
        assert_eq!(step(&mut standing, DONE, 110).0, Some(Call::Renew));
        assert_eq!(step(&mut standing, Outcome::Gone, 120), (Some(Call::Renew), None));
        assert_eq!(standing.due(), None);
    }
}
