//! A reply in words: the octets read again and written as dig writes them (RFC 1035 5.1, RFC 3597 5, RFC 9460 2.1).

use std::fmt::{self, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr};

use hickory_proto::rr::RecordType;

use super::query::HEADER_OCTETS;
use crate::zone::{Name, rtype, write_name};

const EXTENDED_ERROR: u16 = 15;

/// A query over UDP with EDNS, as a resolver sends it: what the client can take is `udp_octets`.
pub fn query(name: &Name, qtype: u16, udp_octets: u16) -> Vec<u8> {
    let mut packet = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    packet.extend_from_slice(name.as_wire());
    packet.extend_from_slice(&qtype.to_be_bytes());
    packet.extend_from_slice(&[0, 1, 0]);
    packet.extend_from_slice(&rtype::OPT.to_be_bytes());
    packet.extend_from_slice(&udp_octets.to_be_bytes());
    packet.extend_from_slice(&[0; 6]);
    packet
}

/// The number of a type: its mnemonic in any case, or `TYPE65` (RFC 3597 5).
pub fn type_number(text: &str) -> Option<u16> {
    let upper = text.to_ascii_uppercase();
    match upper.strip_prefix("TYPE") {
        Some(digits) => digits.parse().ok(),
        None => upper.parse::<RecordType>().ok().map(u16::from),
    }
}

/// The mnemonic of a type, `TYPE65280` for one that has none.
pub fn type_name(number: u16) -> String {
    let known = RecordType::from(number).to_string();
    // What is only called so here would not be read back.
    if known.parse().ok() == Some(RecordType::from(number)) { known } else { format!("TYPE{number}") }
}

/// A record in presentation form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordText {
    /// Its owner, absolute.
    pub name: String,
    /// Seconds.
    pub ttl: u32,
    /// The mnemonic of its type.
    pub rtype: String,
    /// Its data.
    pub data: String,
}

/// A reply, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dissected {
    /// The mnemonic of the response code.
    pub status: String,
    /// The flags that are set, as dig calls them.
    pub flags: Vec<&'static str>,
    /// Name and type of the question, where there is one.
    pub question: Option<(String, String)>,
    /// What the server can take over UDP, where the reply has EDNS.
    pub udp_octets: Option<u16>,
    /// Code and text of the extended error (RFC 8914).
    pub extended_error: Option<(u16, String)>,
    /// The answer section.
    pub answer: Vec<RecordText>,
    /// The authority section.
    pub authority: Vec<RecordText>,
    /// The additional section, without OPT.
    pub additional: Vec<RecordText>,
    /// Octets of the message.
    pub octets: usize,
}

impl Dissected {
    /// Reads a reply; `None` for what is none.
    pub fn read(packet: &[u8]) -> Option<Dissected> {
        let header = packet.get(..HEADER_OCTETS)?;
        let count = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        let mut reader = Reader { packet, at: HEADER_OCTETS };
        let mut rcode = u16::from(header[3] & 15);
        let bits = [(2, 0x80, "qr"), (2, 4, "aa"), (2, 2, "tc"), (2, 1, "rd"), (3, 0x80, "ra")];
        let flags = bits.into_iter().filter(|(at, bit, _)| header[*at] & bit != 0).map(|(.., flag)| flag).collect();
        let mut question = None;
        for _ in 0..count(4) {
            let name = reader.name()?;
            question = Some((printed(&name), type_name(reader.number()?)));
            reader.number()?;
        }
        let mut sections: [Vec<RecordText>; 3] = Default::default();
        let (mut udp_octets, mut extended_error) = (None, None);
        for (place, section) in sections.iter_mut().enumerate() {
            for _ in 0..count(6 + 2 * place) {
                let record = reader.record()?;
                if record.rtype == rtype::OPT {
                    udp_octets = Some(record.class);
                    rcode |= (record.ttl >> 24 << 4) as u16;
                    extended_error = extended_error_of(reader.within(record.start, record.end)?);
                    continue;
                }
                let data = reader.data(&record).unwrap_or_else(|| opaque(&packet[record.start..record.end]));
                let (name, rtype) = (printed(&record.owner), type_name(record.rtype));
                section.push(RecordText { name, ttl: record.ttl, rtype, data });
            }
        }
        let [answer, authority, additional] = sections;
        let status = status(rcode);
        let octets = packet.len();
        Some(Dissected { status, flags, question, udp_octets, extended_error, answer, authority, additional, octets })
    }

    /// Whether TC is set: the client is to come again over TCP.
    pub fn truncated(&self) -> bool {
        self.flags.contains(&"tc")
    }
}

fn status(rcode: u16) -> String {
    let known = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];
    match (known.get(usize::from(rcode)), rcode) {
        (Some(known), _) => (*known).to_owned(),
        (None, 6) => "YXDOMAIN".into(),
        (None, 16) => "BADVERS".into(),
        (None, 23) => "BADCOOKIE".into(),
        (None, other) => format!("RESERVED{other}"),
    }
}

/// The name that IANA has for an extended error of this server (RFC 8914 5.2).
fn error_name(code: u16) -> &'static str {
    match code {
        0 => "Other",
        14 => "Not Ready",
        18 => "Prohibited",
        20 => "Not Authoritative",
        21 => "Not Supported",
        30 => "Invalid Query Type",
        _ => "",
    }
}

/// As dig prints it.
impl fmt::Display for Dissected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [&self.answer, &self.authority, &self.additional].map(Vec::len);
        writeln!(f, ";; ->>HEADER<<- opcode: QUERY, status: {}", self.status)?;
        writeln!(
            f,
            ";; flags: {}; QUERY: {}, ANSWER: {}, AUTHORITY: {}, ADDITIONAL: {}",
            self.flags.join(" "),
            u8::from(self.question.is_some()),
            counts[0],
            counts[1],
            counts[2] + usize::from(self.udp_octets.is_some()),
        )?;
        if let Some(octets) = self.udp_octets {
            writeln!(f, "\n;; OPT PSEUDOSECTION:\n; EDNS: version: 0, flags:; udp: {octets}")?;
        }
        if let Some((code, text)) = &self.extended_error {
            let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            writeln!(f, "; EDE: {code} ({}): ({text})", error_name(*code))?;
        }
        if let Some((name, rtype)) = &self.question {
            writeln!(f, "\n;; QUESTION SECTION:\n;{name}\t\tIN\t{rtype}")?;
        }
        for (title, records) in
            [("ANSWER", &self.answer), ("AUTHORITY", &self.authority), ("ADDITIONAL", &self.additional)]
        {
            if !records.is_empty() {
                writeln!(f, "\n;; {title} SECTION:")?;
            }
            for RecordText { name, ttl, rtype, data } in records {
                writeln!(f, "{name}\t{ttl}\tIN\t{rtype}\t{data}")?;
            }
        }
        writeln!(f, "\n;; MSG SIZE: {}", self.octets)?;
        if self.truncated() {
            writeln!(f, ";; truncated over UDP: clients ask again over TCP")?;
        }
        Ok(())
    }
}

fn printed(name: &[u8]) -> String {
    let mut text = String::new();
    // A String takes every write.
    let _ = write_name(&mut text, name);
    text
}

/// Data of a type without a form of its own (RFC 3597 5).
fn opaque(data: &[u8]) -> String {
    let mut text = format!("\\# {}", data.len());
    if !data.is_empty() {
        text.push(' ');
        text.extend(
            data.iter()
                .flat_map(|octet| [octet >> 4, octet & 15])
                .map(|digit| char::from_digit(u32::from(digit), 16).unwrap_or('0')),
        );
    }
    text
}

/// A character string in quotes (RFC 1035 5.1).
fn quoted(octets: &[u8]) -> String {
    let mut text = String::from('"');
    for &octet in octets {
        let _ = match octet {
            b'"' | b'\\' => write!(text, "\\{}", char::from(octet)),
            0x20..=0x7e => write!(text, "{}", char::from(octet)),
            _ => write!(text, "\\{octet:03}"),
        };
    }
    text.push('"');
    text
}

fn extended_error_of(mut options: Reader<'_>) -> Option<(u16, String)> {
    loop {
        let (code, length) = (options.number()?, options.number()?);
        let data = options.take(usize::from(length))?;
        if let (EXTENDED_ERROR, [high, low, text @ ..]) = (code, data) {
            return Some((u16::from_be_bytes([*high, *low]), String::from_utf8_lossy(text).into_owned()));
        }
    }
}

/// A record before its data is read.
struct Head {
    owner: Vec<u8>,
    rtype: u16,
    class: u16,
    ttl: u32,
    /// Where the data begins.
    start: usize,
    /// Where it ends.
    end: usize,
}

/// Octets of a message, read from a place on.
struct Reader<'p> {
    packet: &'p [u8],
    at: usize,
}

impl<'p> Reader<'p> {
    /// The part of the message that ends at `end`; names in it may point before it.
    fn within(&self, start: usize, end: usize) -> Option<Reader<'p>> {
        Some(Reader { packet: self.packet.get(..end)?, at: start })
    }

    fn take(&mut self, octets: usize) -> Option<&'p [u8]> {
        let taken = self.packet.get(self.at..self.at.checked_add(octets)?)?;
        self.at += octets;
        Some(taken)
    }

    fn octet(&mut self) -> Option<u8> {
        self.take(1).map(|octets| octets[0])
    }

    fn number(&mut self) -> Option<u16> {
        self.take(2).map(|octets| u16::from_be_bytes([octets[0], octets[1]]))
    }

    fn long(&mut self) -> Option<u32> {
        Some(u32::from(self.number()?) << 16 | u32::from(self.number()?))
    }

    /// What is left.
    fn rest(&mut self) -> &'p [u8] {
        let rest = &self.packet[self.at..];
        self.at = self.packet.len();
        rest
    }

    /// A name in wire form, pointers followed; they only ever point back.
    fn name(&mut self) -> Option<Vec<u8>> {
        let mut name = Vec::new();
        let (mut at, mut least, mut after) = (self.at, self.at, None);
        loop {
            let length = *self.packet.get(at)?;
            if length >= 0xc0 {
                let target = usize::from(length & 0x3f) << 8 | usize::from(*self.packet.get(at + 1)?);
                after.get_or_insert(at + 2);
                if target >= least {
                    return None;
                }
                (at, least) = (target, target);
                continue;
            }
            let end = at + 1 + usize::from(length);
            name.extend_from_slice(self.packet.get(at..end)?);
            at = end;
            if length == 0 {
                self.at = after.unwrap_or(at);
                return Some(name);
            }
        }
    }

    fn record(&mut self) -> Option<Head> {
        let owner = self.name()?;
        let (rtype, class, ttl) = (self.number()?, self.number()?, self.long()?);
        let length = usize::from(self.number()?);
        let start = self.at;
        self.take(length)?;
        Some(Head { owner, rtype, class, ttl, start, end: self.at })
    }

    /// The data of a record; `None` for a type without a form of its own here, or data that breaks it.
    fn data(&self, head: &Head) -> Option<String> {
        let mut data = self.within(head.start, head.end)?;
        let text = match head.rtype {
            rtype::A => Ipv4Addr::from(<[u8; 4]>::try_from(data.rest()).ok()?).to_string(),
            rtype::AAAA => Ipv6Addr::from(<[u8; 16]>::try_from(data.rest()).ok()?).to_string(),
            rtype::NS | rtype::CNAME | rtype::PTR | rtype::DNAME => printed(&data.name()?),
            rtype::MX => format!("{} {}", data.number()?, printed(&data.name()?)),
            rtype::SRV => {
                format!("{} {} {} {}", data.number()?, data.number()?, data.number()?, printed(&data.name()?))
            }
            rtype::SOA => {
                let (mname, rname) = (printed(&data.name()?), printed(&data.name()?));
                let numbers: Option<Vec<String>> = (0..5).map(|_| Some(data.long()?.to_string())).collect();
                format!("{mname} {rname} {}", numbers?.join(" "))
            }
            rtype::TXT => {
                let mut strings = Vec::new();
                while data.at < head.end {
                    let length = usize::from(data.octet()?);
                    strings.push(quoted(data.take(length)?));
                }
                strings.join(" ")
            }
            rtype::CAA => {
                let (flags, length) = (data.octet()?, usize::from(data.octet()?));
                let tag = String::from_utf8_lossy(data.take(length)?).into_owned();
                format!("{flags} {tag} {}", quoted(data.rest()))
            }
            rtype::SVCB | rtype::HTTPS => data.binding(head.end)?,
            _ => return None,
        };
        (data.at == head.end).then_some(text)
    }

    /// SVCB: priority, target and parameters (RFC 9460 2.1).
    fn binding(&mut self, end: usize) -> Option<String> {
        let mut text = format!("{} {}", self.number()?, printed(&self.name()?));
        while self.at < end {
            let (key, length) = (self.number()?, self.number()?);
            let value = self.take(usize::from(length))?;
            let _ = write!(text, " {}", parameter(key, value)?);
        }
        Some(text)
    }
}

/// A parameter of SVCB in the form of its key (RFC 9460 7, 14.3.2).
fn parameter(key: u16, value: &[u8]) -> Option<String> {
    let list = |items: Vec<String>| items.join(",");
    Some(match key {
        1 => {
            let mut ids = Reader { packet: value, at: 0 };
            let mut names = Vec::new();
            while ids.at < value.len() {
                let length = usize::from(ids.octet()?);
                let id = quoted(ids.take(length)?);
                names.push(id[1..id.len() - 1].to_owned());
            }
            format!("alpn=\"{}\"", list(names))
        }
        3 => format!("port={}", u16::from_be_bytes(value.try_into().ok()?)),
        4 => {
            let address = |octets: &[u8]| <[u8; 4]>::try_from(octets).map(|octets| Ipv4Addr::from(octets).to_string());
            format!("ipv4hint={}", list(value.chunks(4).map(address).collect::<Result<_, _>>().ok()?))
        }
        6 => {
            let address = |octets: &[u8]| <[u8; 16]>::try_from(octets).map(|octets| Ipv6Addr::from(octets).to_string());
            format!("ipv6hint={}", list(value.chunks(16).map(address).collect::<Result<_, _>>().ok()?))
        }
        other => format!("key{other}={}", quoted(value)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::dns::{Request, Settings, Transport, View, respond};
    use crate::zone::{Grammar, Policy, Random, Zone, Zones, parse_file};

    const FILE: &str = "$TTL 60\n@ SOA ns host\\.master 1 4h 1h 1w 5\n@ NS ns\nns A 10.0.0.1\nns AAAA fd00::1\n\
        www CNAME ns\nmail MX 10 ns\n_x._tcp SRV 1 2 3 ns\ntext TXT \"a b\" \"\\\"q\\\\ \\007\"\nodd TYPE65280 \\# 2 abCD\n\
        none TYPE65280 \\# 0\nca CAA 0 issue \"ca.example\"\nptr PTR ns\n\
        bind HTTPS \\# 24 00010000010003026832000300020050000400040a000001\n";

    fn ask(name: &str, qtype: &str) -> Dissected {
        let origin = Name::parse("origin", "internal.", &Name::root()).expect("an origin");
        let file = parse_file(FILE, &origin).expect("a zone");
        let zones = Zones::new(vec![Zone::new(file, Grammar::Static, &Policy::default(), &[])], Policy::default());
        let name = Name::parse("name", name, &origin).expect("a name");
        let packet = query(&name, type_number(qtype).expect("a type"), 1232);
        let view = View { zones: &zones, loaded: true, settings: &Settings::default(), limiter: None, stale: false };
        let request = Request::own(&packet, Transport::Udp);
        let mut out = Vec::new();
        respond(&view, &request, Timestamp::default(), &mut Random::new(1), &mut out);
        for end in 0..out.len() {
            // Whatever is missing, nothing panics.
            let _ = Dissected::read(&out[..end]);
        }
        Dissected::read(&out).expect("a reply")
    }

    #[test]
    fn every_type_is_in_its_form() {
        for (name, qtype, expected) in [
            ("ns", "A", "10.0.0.1"),
            ("ns", "aaaa", "fd00::1"),
            ("@", "NS", "ns.internal."),
            ("@", "SOA", "ns.internal. host\\.master.internal. 1 14400 3600 604800 5"),
            ("mail", "MX", "10 ns.internal."),
            ("_x._tcp", "SRV", "1 2 3 ns.internal."),
            ("text", "TXT", "\"a b\" \"\\\"q\\\\ \\007\""),
            ("odd", "TYPE65280", "\\# 2 abcd"),
            ("none", "TYPE65280", "\\# 0"),
            ("ca", "CAA", "0 issue \"ca.example\""),
            ("ptr", "PTR", "ns.internal."),
            ("bind", "HTTPS", "1 . alpn=\"h2\" port=80 ipv4hint=10.0.0.1"),
        ] {
            let reply = ask(name, qtype);
            assert_eq!(reply.answer[0].data, expected, "{name} {qtype}");
            assert_eq!(reply.answer[0].rtype, qtype.to_ascii_uppercase());
        }
    }

    #[test]
    fn replies_look_as_dig_prints_them() {
        let expected = "\
;; ->>HEADER<<- opcode: QUERY, status: NOERROR
;; flags: qr aa; QUERY: 1, ANSWER: 2, AUTHORITY: 0, ADDITIONAL: 1

;; OPT PSEUDOSECTION:
; EDNS: version: 0, flags:; udp: 1232

;; QUESTION SECTION:
;www.internal.\t\tIN\tA

;; ANSWER SECTION:
www.internal.\t60\tIN\tCNAME\tns.internal.
ns.internal.\t60\tIN\tA\t10.0.0.1

;; MSG SIZE: 77
";
        assert_eq!(ask("www", "A").to_string(), expected);
        let outside = ask("example.com.", "A").to_string();
        assert!(outside.contains("status: REFUSED\n;; flags: qr; QUERY: 1"), "{outside}");
        assert!(
            outside.contains("\n; EDE: 20 (Not Authoritative): (no zone of this server holds the name)\n"),
            "{outside}"
        );
    }

    proptest::proptest! {
        #[test]
        fn any_octets_are_read_or_refused(mut packet in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..120)) {
            if packet.len() > 12 {
                packet[4..12].copy_from_slice(&[0, 0, 0, 2, 0, 0, 0, 1]);
            }
            let _ = Dissected::read(&packet).map(|reply| reply.to_string());
        }
    }

    #[test]
    fn types_have_names_or_numbers() {
        assert_eq!((type_number("a"), type_number("TYPE65280"), type_number("nonsense")), (Some(1), Some(65280), None));
        assert_eq!((type_name(1), type_name(65), type_name(65280)), ("A".into(), "HTTPS".into(), "TYPE65280".into()));
    }
}
