//! What a client sent: header, one question, EDNS. Nothing else of a query matters to an authority.
//!
//! | rule | here |
//! | --- | --- |
//! | never answer a response, or less than a header (R5) | [`Parsed::Drop`] |
//! | one question (RFC 9619), no compression in it, counts that fit the data (R6, R7) | FORMERR |
//! | only QUERY (R8) | NOTIMP |
//! | one OPT, in the additional section, owned by the root (RFC 6891 6.1.1) | FORMERR |
//! | EDNS version 0 (RFC 6891 6.1.3) | BADVERS, whatever else is wrong with the OPT |
//! | options that can be read (R44, `edns.rs`) | FORMERR with OPT |
//! | no question, but a cookie (RFC 7873 5.4) | [`Task::Cookie`] |
//! | class CH (R9) | [`Task::Chaos`] |
//! | octets after the last record (R7) | ignored |

use super::edns::Asked;
use crate::limits;
use crate::zone::{ExtendedError, NAME_OCTETS, Rcode, Words, rtype};

/// Octets of a message header (RFC 1035 4.1.1).
pub(super) const HEADER_OCTETS: usize = 12;

/// How a query came, which bounds the reply.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Transport {
    /// A datagram.
    Udp,
    /// A message of a stream.
    Tcp,
}

impl Transport {
    /// Every transport.
    pub const ALL: [Transport; 2] = [Transport::Udp, Transport::Tcp];

    /// The name in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
        }
    }
}

/// The OPT record of a query.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Edns<'p> {
    /// Octets the client can take in a datagram.
    pub(super) payload: u16,
    /// DNSSEC OK (RFC 3225), given back as it came.
    pub(super) dnssec_ok: bool,
    /// The options that are known here.
    pub(super) asked: Asked<'p>,
}

/// The part of the header and of EDNS that a reply repeats.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Envelope<'p> {
    pub(super) id: u16,
    pub(super) opcode: u8,
    pub(super) recursion_desired: bool,
    /// The question, octet for octet; empty where there was none that could be read.
    pub(super) question: &'p [u8],
    pub(super) edns: Option<Edns<'p>>,
}

impl<'p> Envelope<'p> {
    /// The options that came, none where there is no OPT.
    pub(super) fn asked(&self) -> Asked<'p> {
        self.edns.map_or(Asked::default(), |edns| edns.asked)
    }

    /// The most octets of a reply (R33); `udp` is the most that this server sends in a datagram.
    pub(super) fn reply_octets(&self, transport: Transport, udp: u16) -> usize {
        match (transport, &self.edns) {
            (Transport::Tcp, _) => limits::STREAM_REPLY_OCTETS,
            (Transport::Udp, None) => limits::UDP_REPLY_OCTETS_NO_EDNS,
            (Transport::Udp, Some(edns)) => usize::from(edns.payload.min(udp)).max(limits::UDP_REPLY_OCTETS_NO_EDNS),
        }
    }
}

/// A name in lower case, on the stack.
#[derive(Clone, Copy)]
pub(super) struct LowerName {
    octets: [u8; NAME_OCTETS],
    length: usize,
}

impl LowerName {
    pub(super) fn as_wire(&self) -> &[u8] {
        &self.octets[..self.length]
    }
}

/// What to do with a packet.
#[allow(clippy::large_enum_variant, reason = "lives on the stack for one packet; a box would be an allocation a query")]
pub(super) enum Parsed<'p> {
    /// No reply.
    Drop(DropReason),
    /// A reply of this kind.
    Reply(Envelope<'p>, Task),
}

/// What a reply is made of.
#[derive(Clone, Copy)]
#[allow(clippy::large_enum_variant, reason = "as above")]
pub(super) enum Task {
    /// No zone: something is wrong with the query.
    Error(Rcode, Option<ExtendedError>),
    /// No question: the client wants a cookie only.
    Cookie,
    /// A name and type of class CH.
    Chaos(LowerName, u16),
    /// A name and type of class IN.
    Query(LowerName, u16),
}

impl Task {
    /// The type asked for, 0 where there is none.
    pub(super) fn qtype(&self) -> u16 {
        match self {
            Task::Chaos(_, qtype) | Task::Query(_, qtype) => *qtype,
            Task::Cookie | Task::Error(..) => 0,
        }
    }
}

/// Why a packet gets no reply.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DropReason {
    /// Less than a header.
    Short,
    /// A response (R5).
    Response,
    /// From where nobody can be waiting (R66).
    Source,
    /// Past the rate (R63).
    Rate,
}

impl DropReason {
    /// Every reason.
    pub const ALL: [DropReason; 4] = [DropReason::Short, DropReason::Response, DropReason::Source, DropReason::Rate];

    /// The name in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            DropReason::Short => "short",
            DropReason::Response => "response",
            DropReason::Source => "source",
            DropReason::Rate => "rate",
        }
    }
}

const NOT_SUPPORTED: ExtendedError = ExtendedError { code: 21, text: Words::Fixed("only class IN is served") };
const PROHIBITED: ExtendedError = ExtendedError { code: 18, text: Words::Fixed("zone transfers are not allowed") };
const INVALID_TYPE: ExtendedError = ExtendedError { code: 30, text: Words::Fixed("NXNAME cannot be asked for") };
const CLASS_IN: u16 = 1;
const CLASS_CH: u16 = 3;

/// Reads a packet.
pub(super) fn parse(packet: &[u8], transport: Transport) -> Parsed<'_> {
    let Some((header, _)) = packet.split_first_chunk::<HEADER_OCTETS>() else { return Parsed::Drop(DropReason::Short) };
    if header[2] & 0x80 != 0 {
        return Parsed::Drop(DropReason::Response);
    }
    let mut envelope = Envelope {
        id: u16::from_be_bytes([header[0], header[1]]),
        opcode: (header[2] >> 3) & 0x0f,
        recursion_desired: header[2] & 1 != 0,
        question: &[],
        edns: None,
    };
    let counts = [4, 6, 8, 10].map(|at| u16::from_be_bytes([header[at], header[at + 1]]));
    let body = read_body(packet, counts, &mut envelope);
    let task = match body {
        _ if envelope.opcode != 0 => Task::Error(Rcode::NotImp, None),
        Ok(Body { name: Some((name, qtype, qclass)) }) => classify(name, qtype, qclass, transport),
        Ok(Body { name: None }) if counts[0] == 0 && envelope.asked().cookie.is_some() => Task::Cookie,
        Ok(Body { name: None }) => Task::Error(Rcode::FormErr, None),
        Err(rcode) => Task::Error(rcode, None),
    };
    Parsed::Reply(envelope, task)
}

fn classify(name: LowerName, qtype: u16, qclass: u16, transport: Transport) -> Task {
    match qtype {
        rtype::OPT => return Task::Error(Rcode::FormErr, None),
        rtype::NXNAME => return Task::Error(Rcode::FormErr, Some(INVALID_TYPE)),
        rtype::TKEY | rtype::TSIG | rtype::MAILA | rtype::MAILB => return Task::Error(Rcode::NotImp, None),
        _ => {}
    }
    match (qclass, qtype, transport) {
        (CLASS_IN, rtype::AXFR, Transport::Udp) => Task::Error(Rcode::FormErr, None),
        (CLASS_IN, rtype::AXFR | rtype::IXFR, _) => Task::Error(Rcode::Refused, Some(PROHIBITED)),
        (CLASS_IN, ..) => Task::Query(name, qtype),
        (CLASS_CH, ..) => Task::Chaos(name, qtype),
        _ => Task::Error(Rcode::Refused, Some(NOT_SUPPORTED)),
    }
}

struct Body {
    name: Option<(LowerName, u16, u16)>,
}

fn read_body<'p>(packet: &'p [u8], counts: [u16; 4], envelope: &mut Envelope<'p>) -> Result<Body, Rcode> {
    let [questions, answers, authorities, additionals] = counts;
    let mut reader = Reader { packet, at: HEADER_OCTETS };
    let mut name = None;
    for _ in 0..questions {
        let start = reader.at;
        let lower = reader.question_name()?;
        let qtype = reader.u16()?;
        let qclass = reader.u16()?;
        if questions == 1 {
            envelope.question = &packet[start..reader.at];
            name = Some((lower, qtype, qclass));
        }
    }
    for _ in 0..u32::from(answers) + u32::from(authorities) {
        if reader.record()?.rtype == rtype::OPT {
            return Err(Rcode::FormErr);
        }
    }
    let mut version = 0;
    let mut options: &[u8] = &[];
    for _ in 0..additionals {
        let record = reader.record()?;
        if record.rtype != rtype::OPT {
            continue;
        }
        if envelope.edns.is_some() || !record.root_owner {
            return Err(Rcode::FormErr);
        }
        let [_, opt_version, flags, _] = record.ttl;
        version = opt_version;
        options = record.rdata;
        envelope.edns = Some(Edns { payload: record.class, dnssec_ok: flags & 0x80 != 0, asked: Asked::default() });
    }
    if version > 0 {
        return Err(Rcode::BadVers);
    }
    if let Some(edns) = &mut envelope.edns {
        edns.asked.read(options)?;
    }
    Ok(Body { name })
}

struct Reader<'p> {
    packet: &'p [u8],
    at: usize,
}

struct RawRecord<'p> {
    root_owner: bool,
    rtype: u16,
    class: u16,
    ttl: [u8; 4],
    rdata: &'p [u8],
}

impl<'p> Reader<'p> {
    fn take(&mut self, octets: usize) -> Result<&'p [u8], Rcode> {
        let taken = self.packet.get(self.at..self.at + octets).ok_or(Rcode::FormErr)?;
        self.at += octets;
        Ok(taken)
    }

    fn u16(&mut self) -> Result<u16, Rcode> {
        let octets = self.take(2)?;
        Ok(u16::from_be_bytes([octets[0], octets[1]]))
    }

    /// The name of a question: it comes first, so there is nothing it could point to.
    fn question_name(&mut self) -> Result<LowerName, Rcode> {
        let mut name = LowerName { octets: [0; NAME_OCTETS], length: 0 };
        loop {
            let length = self.take(1)?[0];
            if length > 63 {
                return Err(Rcode::FormErr);
            }
            let label = self.take(usize::from(length))?;
            let end = name.length + 1 + label.len();
            let place = name.octets.get_mut(name.length..end).ok_or(Rcode::FormErr)?;
            place[0] = length;
            place[1..].copy_from_slice(label);
            place[1..].make_ascii_lowercase();
            name.length = end;
            if length == 0 {
                return Ok(name);
            }
        }
    }

    /// Passes over the name of a record; says whether it is the root.
    fn skip_name(&mut self) -> Result<bool, Rcode> {
        let start = self.at;
        loop {
            let length = self.take(1)?[0];
            match length {
                0 => return Ok(self.at == start + 1),
                1..=63 => {
                    self.take(usize::from(length))?;
                }
                // A pointer goes back, and ends the name here.
                0xc0..=0xff => {
                    let low = self.take(1)?[0];
                    let target = usize::from(u16::from_be_bytes([length & 0x3f, low]));
                    return if target < start { Ok(false) } else { Err(Rcode::FormErr) };
                }
                _ => return Err(Rcode::FormErr),
            }
            if self.at - start > NAME_OCTETS {
                return Err(Rcode::FormErr);
            }
        }
    }

    fn record(&mut self) -> Result<RawRecord<'p>, Rcode> {
        let root_owner = self.skip_name()?;
        let rtype = self.u16()?;
        let class = self.u16()?;
        let ttl = self.take(4)?;
        let ttl = [ttl[0], ttl[1], ttl[2], ttl[3]];
        let length = self.u16()?;
        let rdata = self.take(usize::from(length))?;
        Ok(RawRecord { root_owner, rtype, class, ttl, rdata })
    }
}
