//! Why a service has nothing to say: counted for people, in the text of an extended error (RFC 8914).

use std::fmt::{self, Write as _};

use super::{Authority, ExtendedError};
use crate::table::Status;
use crate::zone::name::Path;
use crate::zone::schema::View;
use crate::zone::schema::resolve::Look;

/// "Other Error": the text says it.
const OTHER: u16 = 0;

/// The text of an extended error.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Words {
    /// Always the same.
    Fixed(&'static str),
    /// Counted for this answer: the octets and how many of them.
    Counted([u8; 96], u8),
}

impl Words {
    /// The octets (UTF-8).
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Words::Fixed(text) => text.as_bytes(),
            Words::Counted(octets, length) => &octets[..usize::from(*length)],
        }
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(self.as_bytes()))
    }
}

/// Text on the stack; what does not fit is left out.
struct Line {
    octets: [u8; 96],
    length: usize,
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let place = self.octets.get_mut(self.length..self.length + text.len()).ok_or(fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.length += text.len();
        Ok(())
    }
}

/// How many hosts of a service are away, by reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
struct Census {
    expired: usize,
    critical: usize,
    warning: usize,
    draining: usize,
}

impl Census {
    fn words(self) -> Words {
        let mut line = Line { octets: [0; 96], length: 0 };
        let Census { expired, critical, warning, draining } = self;
        let total = expired + critical + warning + draining;
        let _ = write!(line, "{total} host{}: ", if total == 1 { "" } else { "s" });
        let mut first = true;
        for (count, word) in
            [(expired, "expired"), (critical, "critical"), (warning, "warning"), (draining, "draining")]
        {
            if count > 0 {
                let _ = write!(line, "{}{count} {word}", if first { "" } else { ", " });
                first = false;
            }
        }
        Words::Counted(line.octets, line.length as u8)
    }
}

impl<'z> Authority<'z> {
    /// The reasons why the service that a name speaks of is in no answer; `None` when it is in some, or nobody knows of
    /// it.
    pub(super) fn why_empty(&self, key: &Path, look: Look<'z>) -> Option<ExtendedError> {
        let home = look.subject(&self.zone.grammar, key)?;
        let mut census = Census { expired: self.tree().ended().of(home.as_bytes()).count(), ..Census::default() };
        let part = self.tree().service(home.as_bytes()).and_then(|service| service.part(&View::Service));
        if let Some(part) = part {
            if self.tree().shown(part, look.now).is_some() {
                return None;
            }
            for host in part.iter() {
                match host.status() {
                    _ if !host.lease.is_live(look.now) => census.expired += 1,
                    _ if host.draining => census.draining += 1,
                    Status::Critical => census.critical += 1,
                    Status::Warning | Status::Passing => census.warning += 1,
                }
            }
        }
        (census != Census::default()).then(|| ExtendedError { code: OTHER, text: census.words() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_how_many_and_why() {
        let census = Census { expired: 1, critical: 1, ..Census::default() };
        assert_eq!(census.words().as_bytes(), b"2 hosts: 1 expired, 1 critical");
        let most = 10_000_000;
        let census = Census { expired: most, critical: most, warning: most, draining: most };
        assert!(census.words().as_bytes().ends_with(b" draining"), "the longest text fits");
    }
}
