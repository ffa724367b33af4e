//! RFC 1035 master files: `zones/*.zone` into static records. Takes text, not a path.
//!
//! Understood: `$ORIGIN`, `$TTL`, `@`, owners left out, parentheses, quoted strings, comments, TTLs with units
//! (`1h30m`), class IN; the types of [`schema`] in their own form, and those and any other by RFC 3597
//! (`TYPE65280 \# 4 00010000`). `$INCLUDE` is refused: a zone is one file.

mod check;
mod lex;
mod location;
mod rdata;
mod read;
pub mod rtype;
mod schema;
mod service;
mod value;

use std::collections::BTreeMap;

use super::name::Name;
use super::statics::StaticSet;

/// A mistake in a zone file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct FileError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// The start of authority of a zone (RFC 1035 3.3.13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Soa {
    /// Seconds.
    pub ttl: u32,
    /// The primary server.
    pub mname: Name,
    /// The mailbox of the person in charge.
    pub rname: Name,
    /// The serial in the file.
    pub serial: u32,
    /// Seconds.
    pub refresh: u32,
    /// Seconds.
    pub retry: u32,
    /// Seconds.
    pub expire: u32,
    /// Seconds; TTL of negative answers (RFC 2308 4).
    pub minimum: u32,
}

/// The records of one file.
#[derive(Clone, Debug)]
pub struct ZoneFile {
    /// The apex.
    pub origin: Name,
    /// Its SOA.
    pub soa: Soa,
    /// Everything else, by owner.
    pub records: BTreeMap<Name, Vec<StaticSet>>,
    /// What can be served and is most likely a mistake.
    pub warnings: Vec<FileError>,
}

/// Reads a zone. `origin` completes relative names until `$ORIGIN`; the apex is the owner of the SOA.
pub fn parse(text: &str, origin: &Name) -> Result<ZoneFile, FileError> {
    // Some editors begin a file with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let whole = text.lines().count().max(1);
    let mut reader = read::Reader::new(origin);
    let mut lines = lex::Entries::new(text);
    while let Some(entry) = lines.next_entry()? {
        let line = entry.line;
        reader.entry(entry).map_err(|what| FileError { line, what })?;
    }
    let read::Reader { soa, records, lines, .. } = reader;
    let Some((origin, soa)) = soa else {
        return Err(FileError { line: whole, what: "the zone has no SOA record".into() });
    };
    let mut zone = ZoneFile { origin, soa, records, warnings: Vec::new() };
    let line_of = |owner: &Name| lines.get(owner).copied().unwrap_or(whole);
    for (owner, sets) in &zone.records {
        check::owner(&zone.origin, owner, sets).map_err(|what| FileError { line: line_of(owner), what })?;
    }
    if !zone.records.get(&zone.origin).is_some_and(|sets| sets.iter().any(|set| set.rtype == rtype::NS)) {
        return Err(FileError { line: whole, what: format!("{} has no NS record", zone.origin) });
    }
    zone.warnings = check::doubts(&zone, line_of);
    Ok(zone)
}

#[cfg(test)]
mod tests;
