//! Exports as files: a first line that says what follows, then lines, none longer than a server would take.

use std::io::{BufRead, Read as _};

use anyhow::{Context as _, bail};
use serde::Deserialize;

use crate::limits;

/// The version of the lines that this release knows.
const VERSION: u64 = 1;

/// The first line.
#[derive(Debug, Deserialize)]
pub(super) struct Head {
    form: String,
    version: u64,
    /// How many lines follow.
    pub(super) rows: u64,
}

impl Head {
    /// Reads the first line.
    pub(super) fn parse(line: &[u8]) -> anyhow::Result<Head> {
        let head: Option<Head> = serde_json::from_slice(line).ok();
        let Some(head) = head.filter(|head| head.form == "rollcall export") else {
            bail!("this is no export of rollcall: its first line is not that of one");
        };
        if head.version > VERSION {
            bail!(
                "the export is of version {}, and this rollcall reads up to {VERSION}: take a newer one",
                head.version
            );
        }
        Ok(head)
    }

    /// Whether all lines came that were said.
    pub(super) fn check(&self, lines: u64) -> anyhow::Result<()> {
        if lines == self.rows {
            return Ok(());
        }
        let what = if lines < self.rows { "is cut" } else { "has more than it says" };
        bail!("the export {what}: its first line says {} rows, and {lines} follow", self.rows);
    }
}

/// Lines with their numbers.
pub(super) struct Lines<R> {
    reader: R,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Lines<R> {
        Lines { reader, number: 0 }
    }

    /// The next line that is not empty, without its end, and its number from 1.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<(u64, Vec<u8>)>> {
        loop {
            let mut line = Vec::new();
            let most = limits::IMPORT_OCTETS as u64 + 1;
            let octets = self.reader.by_ref().take(most).read_until(b'\n', &mut line).context("cannot read")?;
            if octets == 0 {
                return Ok(None);
            }
            self.number += 1;
            if line.pop() != Some(b'\n') {
                if octets as u64 == most {
                    bail!("line {}: must be at most {} octets", self.number, limits::IMPORT_OCTETS);
                }
                bail!("the export is cut: line {} has no end", self.number);
            }
            if !line.trim_ascii().is_empty() {
                return Ok(Some((self.number, line)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_says_what_follows() {
        let head = Head::parse(br#"{"form":"rollcall export","version":1,"rows":2,"revision":9}"#).expect("a head");
        assert!(head.check(2).is_ok());
        assert!(head.check(1).is_err_and(|error| error.to_string().contains("is cut")));
        assert!(head.check(3).is_err_and(|error| error.to_string().contains("more than it says")));
        let newer = Head::parse(br#"{"form":"rollcall export","version":2,"rows":2}"#);
        assert!(newer.is_err_and(|error| error.to_string().contains("version 2")));
        for none in [&b"{}"[..], b"", b"x", br#"{"form":"x","version":1,"rows":1}"#] {
            assert!(Head::parse(none).is_err());
        }
    }

    #[test]
    fn lines_have_numbers_and_ends() {
        let mut lines = Lines::new(&b"a\n\n  \nb\nc"[..]);
        assert_eq!(lines.next().expect("a line"), Some((1, b"a".to_vec())));
        assert_eq!(lines.next().expect("a line"), Some((4, b"b".to_vec())));
        assert!(lines.next().is_err_and(|error| error.to_string().contains("line 5 has no end")));
        let long = vec![b'x'; limits::IMPORT_OCTETS + 5];
        assert!(Lines::new(&long[..]).next().is_err_and(|error| error.to_string().contains("line 1: must be")));
        assert_eq!(Lines::new(&b""[..]).next().expect("the end"), None);
    }
}
