//! The signals that are heard, and what becomes of each.

use std::io;
use std::task::Poll;

use rustix::process::Signal;
use tokio::signal::unix::{Signal as Heard, SignalKind, signal};

use crate::cli::ignored::is_ignored;

/// The signals that are passed on, by the names that `kill -l` has.
const KINDS: [(&str, Signal); 9] = [
    ("TERM", Signal::TERM),
    ("INT", Signal::INT),
    ("HUP", Signal::HUP),
    ("QUIT", Signal::QUIT),
    ("USR1", Signal::USR1),
    ("USR2", Signal::USR2),
    ("WINCH", Signal::WINCH),
    ("ALRM", Signal::ALARM),
    ("CONT", Signal::CONT),
];

/// A signal that is passed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Kind {
    name: &'static str,
    /// What is sent.
    pub(super) signal: Signal,
}

impl Kind {
    /// Reads a name, with or without `SIG`.
    pub(super) fn parse(text: &str) -> Result<Kind, String> {
        let upper = text.to_ascii_uppercase();
        let bare = upper.strip_prefix("SIG").unwrap_or(&upper);
        let found = Kind::all().find(|kind| kind.name == bare);
        found.ok_or_else(|| format!("must be one of {}", KINDS.map(|(name, _)| name).join(", ")))
    }

    fn all() -> impl Iterator<Item = Kind> {
        KINDS.into_iter().map(|(name, signal)| Kind { name, signal })
    }

    /// Whether it asks the program to end, so that the host leaves DNS before it is passed on.
    pub(super) fn stops(self) -> bool {
        self.signal == Signal::TERM || self.signal == Signal::INT
    }

    /// Whether it goes to every process that the program has started, too: a keyboard sends it to all of them.
    pub(super) fn is_for_all(self) -> bool {
        self.signal == Signal::INT || self.signal == Signal::QUIT
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SIG{}", self.name)
    }
}

/// All that are listened for.
pub(super) struct Signals(Vec<(Kind, Heard)>);

impl Signals {
    /// Listens from now on. What was ignored at the start stays so, for us and for the program: nohup, and shells that
    /// start something in the background, want it.
    pub(super) fn listen() -> io::Result<Signals> {
        let mut heard = Vec::new();
        for kind in Kind::all().filter(|kind| !is_ignored(kind.signal.as_raw())) {
            heard.push((kind, signal(SignalKind::from_raw(kind.signal.as_raw()))?));
        }
        Ok(Signals(heard))
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> Kind {
        std::future::poll_fn(|context| {
            for (kind, heard) in &mut self.0 {
                if heard.poll_recv(context).is_ready() {
                    return Poll::Ready(*kind);
                }
            }
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names() {
        for (text, name) in [("TERM", "SIGTERM"), ("SIGQUIT", "SIGQUIT"), ("sigusr1", "SIGUSR1"), ("int", "SIGINT")] {
            assert_eq!(Kind::parse(text).map(|kind| kind.to_string()), Ok(name.into()));
        }
        for text in ["", "SIG", "KILL", "9", "STOP"] {
            assert!(Kind::parse(text).is_err_and(|rule| rule.contains("TERM, INT, HUP")), "{text}");
        }
        let all = |test: fn(Kind) -> bool| Kind::all().filter(|kind| test(*kind)).count();
        assert_eq!((all(Kind::stops), all(Kind::is_for_all)), (2, 2));
    }
}
