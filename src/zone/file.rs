//! RFC 1035 master files: `zones/*.zone` into static records. Takes text, not a path.
//!
//! Understood: `$ORIGIN`, `$TTL`, `@`, owners left out, parentheses, quoted strings, comments, TTLs with units
//! (`1h30m`), class IN; A, AAAA, CAA, CNAME, MX, NS, PTR, SOA, SRV, TXT, and any other type by
//! RFC 3597 (`TYPE65 \# 4 00010000`). `$INCLUDE` is refused: a zone is one file.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use hickory_proto::rr::RecordType;

use super::name::Name;
use super::statics::StaticSet;
use crate::limits;

/// Numbers of the record types that have rules of their own here.
pub mod rtype {
    #![allow(missing_docs, reason = "the names are the IANA registry's")]
    pub const A: u16 = 1;
    pub const NS: u16 = 2;
    pub const CNAME: u16 = 5;
    pub const SOA: u16 = 6;
    pub const PTR: u16 = 12;
    pub const MX: u16 = 15;
    pub const TXT: u16 = 16;
    pub const AAAA: u16 = 28;
    pub const SRV: u16 = 33;
    pub const DNAME: u16 = 39;
    pub const OPT: u16 = 41;
    pub const DS: u16 = 43;
    pub const TKEY: u16 = 249;
    pub const TSIG: u16 = 250;
    pub const IXFR: u16 = 251;
    pub const AXFR: u16 = 252;
    pub const MAILB: u16 = 253;
    pub const MAILA: u16 = 254;
    pub const ANY: u16 = 255;
    pub const SVCB: u16 = 64;
    pub const HTTPS: u16 = 65;
    pub const CAA: u16 = 257;
    pub const NXNAME: u16 = 128;
}

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
}

/// Reads a zone. `origin` completes relative names until `$ORIGIN`; the apex is the owner of the SOA.
pub fn parse(text: &str, origin: &Name) -> Result<ZoneFile, FileError> {
    let mut reader = Reader {
        origin: origin.clone(),
        owner: None,
        default_ttl: None,
        last_ttl: None,
        soa: None,
        records: BTreeMap::new(),
        lines: BTreeMap::new(),
        line: 1,
        count: 0,
    };
    // Some editors begin a file with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let whole = text.lines().count().max(1);
    let mut lines = Entries { text, line: 1 };
    while let Some(entry) = lines.next_entry()? {
        let line = entry.line;
        reader.line = line;
        reader.entry(entry).map_err(|what| FileError { line, what })?;
    }
    let Some((apex, soa)) = reader.soa else {
        return Err(FileError { line: whole, what: "the zone has no SOA record".into() });
    };
    let zone = ZoneFile { origin: apex, soa, records: reader.records };
    for (owner, sets) in &zone.records {
        let line = reader.lines.get(owner).copied().unwrap_or(whole);
        check_owner(&zone.origin, owner, sets).map_err(|what| FileError { line, what })?;
    }
    match zone.records.get(&zone.origin) {
        Some(sets) if sets.iter().any(|set| set.rtype == rtype::NS) => Ok(zone),
        _ => Err(FileError { line: whole, what: format!("{} has no NS record", zone.origin) }),
    }
}

/// Rules for all records of a name together (RFC 1034 3.6.2, 4.2.1; RFC 2181 10.1).
fn check_owner(origin: &Name, owner: &Name, sets: &[StaticSet]) -> Result<(), String> {
    if origin.relative(owner.as_wire()).is_none() {
        return Err(format!("{owner} is outside the zone {origin}"));
    }
    let has = |rtype| sets.iter().any(|set| set.rtype == rtype);
    if has(rtype::CNAME) && (sets.len() > 1 || owner == origin) {
        return Err(format!("{owner} has a CNAME and other records"));
    }
    if sets.iter().any(|set| set.rtype == rtype::CNAME && set.rdata.len() > 1) {
        return Err(format!("{owner} has more than one CNAME"));
    }
    // Names below it would have to be answered with an alias made for each (RFC 6672 3.1), not with NXDOMAIN.
    if has(rtype::DNAME) {
        return Err(format!("{owner} has a DNAME record, which this server does not follow"));
    }
    Ok(())
}

struct Reader {
    origin: Name,
    owner: Option<Name>,
    default_ttl: Option<u32>,
    /// The last TTL that a record stated (RFC 1035 5.1).
    last_ttl: Option<u32>,
    soa: Option<(Name, Soa)>,
    records: BTreeMap<Name, Vec<StaticSet>>,
    /// Where each owner was last seen.
    lines: BTreeMap<Name, usize>,
    line: usize,
    count: usize,
}

impl Reader {
    fn entry(&mut self, entry: Entry) -> Result<(), String> {
        let mut tokens = entry.tokens.into_iter().peekable();
        if !entry.owner_left_out {
            let Some(first) = tokens.next() else { return Ok(()) };
            if !first.quoted && first.text.starts_with('$') {
                return self.directive(&first.text, tokens.next().as_ref());
            }
            self.owner = Some(self.name(&first.text)?);
        }
        let owner = self.owner.clone().ok_or("the first record has no owner")?;
        let mut ttl = None;
        let rtype = loop {
            let token = tokens.next().ok_or("the record has no type")?;
            if token.text.eq_ignore_ascii_case("IN") {
                continue;
            }
            if ["CH", "HS", "CS"].iter().any(|class| token.text.eq_ignore_ascii_case(class)) {
                return Err(format!("class {} is not served, only IN", token.text));
            }
            if ttl.is_none() && token.text.starts_with(|first: char| first.is_ascii_digit()) {
                ttl = Some(seconds(&token.text)?);
                continue;
            }
            break parse_type(&token.text)?;
        };
        self.last_ttl = ttl.or(self.last_ttl);
        let rest: Vec<Token> = tokens.collect();
        if rtype == rtype::SOA {
            return self.start_of_authority(owner, ttl, &rest);
        }
        let ttl = ttl
            .or(self.default_ttl)
            .or(self.last_ttl)
            .or(self.soa.as_ref().map(|(_, soa)| soa.minimum))
            .ok_or("the record has no TTL, and there is no $TTL above it")?;
        let rdata = self.rdata(rtype, &rest)?;
        self.count += 1;
        if self.count > limits::ZONE_FILE_RECORDS {
            return Err(format!("the file has more than {} records", limits::ZONE_FILE_RECORDS));
        }
        self.lines.insert(owner.clone(), self.line);
        let sets = self.records.entry(owner.clone()).or_default();
        match sets.iter_mut().find(|set| set.rtype == rtype) {
            // One TTL a set (RFC 2181 5.2): the lowest.
            Some(set) => {
                set.ttl = set.ttl.min(ttl);
                if !set.rdata.contains(&rdata) {
                    set.rdata.push(rdata);
                }
            }
            None => sets.push(StaticSet { owner, rtype, ttl, rdata: vec![rdata] }),
        }
        Ok(())
    }

    fn directive(&mut self, directive: &str, value: Option<&Token>) -> Result<(), String> {
        let value = value.map(|token| token.text.as_str()).ok_or_else(|| format!("{directive} has no value"))?;
        match directive.to_ascii_uppercase().as_str() {
            "$ORIGIN" => self.origin = self.name(value)?,
            "$TTL" => self.default_ttl = Some(seconds(value)?),
            _ => return Err(format!("{directive} is not understood; $ORIGIN and $TTL are")),
        }
        Ok(())
    }

    fn name(&self, text: &str) -> Result<Name, String> {
        Name::parse("name", text, &self.origin).map_err(|invalid| invalid.rule)
    }

    fn start_of_authority(&mut self, owner: Name, ttl: Option<u32>, fields: &[Token]) -> Result<(), String> {
        if self.soa.is_some() {
            return Err("the zone has a second SOA record".into());
        }
        let [mname, rname, serial, refresh, retry, expire, minimum] = fields else {
            return Err(format!("SOA takes 7 fields, has {}", fields.len()));
        };
        let minimum = seconds(&minimum.text)?;
        let soa = Soa {
            ttl: ttl.or(self.default_ttl).unwrap_or(minimum),
            mname: self.name(&mname.text)?,
            rname: self.name(&rname.text)?,
            serial: number(&serial.text, "serial")?,
            refresh: seconds(&refresh.text)?,
            retry: seconds(&retry.text)?,
            expire: seconds(&expire.text)?,
            minimum,
        };
        self.soa = Some((owner, soa));
        Ok(())
    }

    fn rdata(&self, rtype: u16, fields: &[Token]) -> Result<Box<[u8]>, String> {
        if let [mark, length, digits @ ..] = fields
            && mark.text == "\\#"
        {
            let known = [rtype::A, rtype::AAAA, rtype::CNAME, rtype::MX, rtype::NS, rtype::PTR, rtype::SRV];
            if known.contains(&rtype) {
                return Err(format!("{} is written in its own form, without \\#", RecordType::from(rtype)));
            }
            return unknown(&length.text, digits);
        }
        let wrong = |takes: &str| format!("{} takes {takes}", RecordType::from(rtype));
        let text: Vec<&str> = fields.iter().map(|token| token.text.as_str()).collect();
        let mut wire = Vec::new();
        match (rtype, &text[..]) {
            (rtype::A, [address]) => {
                let address = Ipv4Addr::from_str(address).map_err(|_| wrong("an IPv4 address"))?;
                wire.extend_from_slice(&address.octets());
            }
            (rtype::AAAA, [address]) => {
                let address = Ipv6Addr::from_str(address).map_err(|_| wrong("an IPv6 address"))?;
                wire.extend_from_slice(&address.octets());
            }
            (rtype::NS | rtype::CNAME | rtype::PTR | rtype::DNAME, [name]) => {
                wire.extend_from_slice(self.name(name)?.as_wire());
            }
            (rtype::MX, [preference, name]) => {
                wire.extend_from_slice(&number::<u16>(preference, "preference")?.to_be_bytes());
                wire.extend_from_slice(self.name(name)?.as_wire());
            }
            (rtype::SRV, [priority, weight, port, target]) => {
                for (value, field) in [(priority, "priority"), (weight, "weight"), (port, "port")] {
                    wire.extend_from_slice(&number::<u16>(value, field)?.to_be_bytes());
                }
                wire.extend_from_slice(self.name(target)?.as_wire());
            }
            (rtype::TXT, [_, ..]) => {
                for string in &text {
                    push_string(&mut wire, string)?;
                }
            }
            (rtype::CAA, [flags, tag, value]) => {
                wire.push(number::<u8>(flags, "flags")?);
                push_string(&mut wire, tag)?;
                wire.extend_from_slice(&unescape(value)?);
            }
            (rtype::A | rtype::AAAA, _) => return Err(wrong("one address")),
            (rtype::NS | rtype::CNAME | rtype::PTR | rtype::DNAME, _) => return Err(wrong("one name")),
            (rtype::MX, _) => return Err(wrong("a preference and a name")),
            (rtype::SRV, _) => return Err(wrong("priority, weight, port and target")),
            (rtype::TXT, _) => return Err(wrong("at least one string")),
            (rtype::CAA, _) => return Err(wrong("flags, tag and value")),
            _ => return Err(wrong("the form \\# LENGTH HEX here (RFC 3597)")),
        }
        Ok(wire.into())
    }
}

fn parse_type(text: &str) -> Result<u16, String> {
    let upper = text.to_ascii_uppercase();
    if let Some(digits) = upper.strip_prefix("TYPE") {
        return number(digits, "type");
    }
    let rtype = RecordType::from_str(&upper).map_err(|_| format!("{text:?} is no record type"))?;
    let number = u16::from(rtype);
    if number == rtype::OPT || (249..=255).contains(&number) || number == 0 {
        return Err(format!("{text} cannot stand in a zone"));
    }
    Ok(number)
}

fn number<T: FromStr>(text: &str, field: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{field} {text:?} is no number in range"))
}

/// Seconds, or a sum of units: `1w2d3h4m5s`. The highest bit is never set (RFC 2181 8).
fn seconds(text: &str) -> Result<u32, String> {
    let bad = || format!("{text:?} is no time in seconds (0 to 2147483647) or units such as 1h30m");
    let mut total: u64 = 0;
    let mut digits: Option<u64> = None;
    for byte in text.bytes() {
        let unit = match byte.to_ascii_lowercase() {
            b'0'..=b'9' => {
                digits = Some(digits.unwrap_or(0).saturating_mul(10).saturating_add(u64::from(byte - b'0')));
                continue;
            }
            b's' => 1,
            b'm' => 60,
            b'h' => 3600,
            b'd' => 86_400,
            b'w' => 604_800,
            _ => return Err(bad()),
        };
        total = total.saturating_add(digits.take().ok_or_else(bad)?.saturating_mul(unit));
    }
    total = total.saturating_add(digits.unwrap_or(0));
    u32::try_from(total).ok().filter(|total| *total < 1 << 31 && !text.is_empty()).ok_or_else(bad)
}

fn unknown(length: &str, digits: &[Token]) -> Result<Box<[u8]>, String> {
    let length: usize = number(length, "length")?;
    let hex: Vec<u8> = digits.iter().flat_map(|token| token.text.bytes()).collect();
    let value = |digit: u8| char::from(digit).to_digit(16);
    if hex.len() != length * 2 || !hex.iter().all(|digit| value(*digit).is_some()) || length > 65_000 {
        return Err(format!("\\# {length} takes {} hexadecimal digits", length * 2));
    }
    let octet = |pair: &[u8]| (value(pair[0]).unwrap_or(0) * 16 + value(pair[1]).unwrap_or(0)) as u8;
    Ok(hex.chunks_exact(2).map(octet).collect())
}

fn push_string(wire: &mut Vec<u8>, text: &str) -> Result<(), String> {
    let octets = unescape(text)?;
    let length = u8::try_from(octets.len()).map_err(|_| "a string has more than 255 octets".to_owned())?;
    wire.push(length);
    wire.extend_from_slice(&octets);
    Ok(())
}

fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            octets.push(byte);
            continue;
        }
        let first = bytes.next().ok_or("a string ends in a backslash")?;
        if !first.is_ascii_digit() {
            octets.push(first);
            continue;
        }
        let mut value = u32::from(first - b'0');
        for _ in 0..2 {
            let digit = bytes.next().filter(u8::is_ascii_digit).ok_or("an escape takes three digits")?;
            value = value * 10 + u32::from(digit - b'0');
        }
        octets.push(u8::try_from(value).map_err(|_| format!("escape {value} is more than 255"))?);
    }
    Ok(octets)
}

#[derive(Debug)]
struct Token {
    text: String,
    quoted: bool,
}

/// One record or directive: its tokens, parentheses and comments resolved.
#[derive(Debug)]
struct Entry {
    line: usize,
    owner_left_out: bool,
    tokens: Vec<Token>,
}

struct Entries<'a> {
    text: &'a str,
    line: usize,
}

impl Entries<'_> {
    fn next_entry(&mut self) -> Result<Option<Entry>, FileError> {
        loop {
            if self.text.is_empty() {
                return Ok(None);
            }
            let entry = self.read()?;
            if !entry.tokens.is_empty() {
                return Ok(Some(entry));
            }
        }
    }

    fn take(&mut self) -> Option<char> {
        let mut chars = self.text.chars();
        let next = chars.next()?;
        self.text = chars.as_str();
        if next == '\n' {
            self.line += 1;
        }
        Some(next)
    }

    fn read(&mut self) -> Result<Entry, FileError> {
        let line = self.line;
        let fail = |line: usize, what: &str| FileError { line, what: what.into() };
        let owner_left_out = self.text.starts_with([' ', '\t']);
        let mut tokens: Vec<Token> = Vec::new();
        let mut open = false;
        while let Some(next) = self.take() {
            match next {
                '\n' if !open => break,
                ' ' | '\t' | '\r' | '\n' => {}
                ';' => {
                    let end = self.text.find('\n').unwrap_or(self.text.len());
                    self.text = &self.text[end..];
                }
                '(' if open => return Err(fail(self.line, "a parenthesis inside another")),
                '(' => open = true,
                ')' if !open => return Err(fail(self.line, "a closing parenthesis without an opening one")),
                ')' => open = false,
                '"' => tokens.push(self.quoted().ok_or_else(|| fail(line, "a quote is not closed"))?),
                first => tokens.push(self.word(first)),
            }
        }
        if open {
            return Err(fail(line, "a parenthesis is not closed"));
        }
        Ok(Entry { line, owner_left_out, tokens })
    }

    fn quoted(&mut self) -> Option<Token> {
        let mut text = String::new();
        loop {
            match self.take()? {
                '"' => return Some(Token { text, quoted: true }),
                '\n' => return None,
                '\\' => {
                    text.push('\\');
                    text.push(self.take()?);
                }
                other => text.push(other),
            }
        }
    }

    fn word(&mut self, first: char) -> Token {
        let mut text = String::from(first);
        let mut escaped = first == '\\';
        while let Some(next) = self.text.chars().next() {
            if !escaped && (next.is_whitespace() || ['(', ')', ';', '"'].contains(&next)) {
                break;
            }
            escaped = next == '\\' && !escaped;
            text.push(next);
            self.take();
        }
        Token { text, quoted: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Name {
        Name::parse("origin", "service.local.", &Name::root()).expect("origin")
    }

    const HEAD: &str = "$TTL 1h\n@ IN SOA ns hostmaster ( 1 4h ; refresh\n 1h 1w 5 )\n NS ns\n";

    #[test]
    fn reads_every_form() {
        let text = format!(
            "{HEAD}ns A 127.0.0.1\n   AAAA ::1\n30 IN A 10.0.0.30\nwww 60 CNAME web\n*.wild TXT \"a b\" c\\\"d \"\\065\"\nmail MX 10 mx.example.com.\n\
             _x._tcp SRV 1 2 3 web\nodd TYPE65280 \\# 2 abCD\n"
        );
        let zone = parse(&text, &origin()).expect("parses");
        assert_eq!((zone.soa.refresh, zone.soa.minimum, zone.soa.ttl), (14_400, 5, 3600));
        let sets = |name: &str| &zone.records[&Name::parse("n", name, &origin()).expect("name")];
        assert_eq!(sets("ns").len(), 2);
        assert_eq!(sets("30")[0].rdata, [Box::from([10, 0, 0, 30])]);
        assert_eq!(sets("www")[0].ttl, 60);
        assert_eq!(&*sets("*.wild")[0].rdata[0], b"\x03a b\x03c\"d\x01A");
        assert_eq!(&*sets("odd")[0].rdata[0], [0xab, 0xcd]);
    }

    #[test]
    fn mistakes_name_their_line() {
        let cases = [
            ("x A 1.2.3\n", 5, "A takes an IPv4 address"),
            ("\n\nx WHAT 1\n", 7, "\"WHAT\" is no record type"),
            ("x A 1.2.3.4\nx CNAME y\n", 6, "x.service.local. has a CNAME and other records"),
            ("x TYPE1 \\# 1 ff\n", 5, "A is written in its own form, without \\#"),
            ("x DNAME y\n", 5, "x.service.local. has a DNAME record, which this server does not follow"),
            ("a.example.com. A 1.2.3.4\n", 5, "a.example.com. is outside the zone service.local."),
            ("x TXT \"open\n", 5, "a quote is not closed"),
            ("x A ( 1.2.3.4\n", 5, "a parenthesis is not closed"),
            ("@ SOA a b 1 2 3 4 5\n", 5, "the zone has a second SOA record"),
            ("x CH A 1.2.3.4\n", 5, "class CH is not served, only IN"),
            ("$INCLUDE other\n", 5, "$INCLUDE is not understood; $ORIGIN and $TTL are"),
        ];
        for (text, line, what) in cases {
            let error = parse(&format!("{HEAD}{text}"), &origin()).expect_err(text);
            assert_eq!((error.line, error.what.as_str()), (line, what), "{text}");
        }
        assert_eq!(parse("", &origin()).expect_err("empty").what, "the zone has no SOA record");
    }
}
