//! Replies as octets: exact in size, OPT always kept, cut between records only (R31 to R37).
//!
//! Compression: names of the zone are written up to the origin and then point into the question, which
//! always holds it; owners that are the question point at it; what is made of a host (the target of an SRV record, an
//! instance) is pointed at once it stands somewhere, though targets themselves stand uncompressed (RFC 2782).

use smallvec::SmallVec;

use super::edns::Given;
use super::query::{Envelope, HEADER_OCTETS};
use crate::limits;
use crate::zone::{Answer, Data, Derived, ExtendedError, Name, Owner, Rcode, Record, Target, Words, rtype};

/// The greatest offset that a pointer can hold (RFC 1035 4.1.4).
pub(super) const POINTER_MOST: usize = 0x3fff;
/// Names made of hosts that later ones may point at: of more, the search would cost more than the octets.
const NAMES_REMEMBERED: usize = 1024;
/// An OPT record before the length of its options.
pub(super) const OPT_OCTETS: usize = 11;
const TOO_LARGE: ExtendedError =
    ExtendedError { code: 0, text: Words::Fixed("the set has more than 64 kB: this is a part of it") };

/// A response code: those of answers, and one that only the message has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Code {
    /// That of an answer.
    Of(Rcode),
    /// The server cookie is missing or wrong (RFC 7873 8).
    BadCookie,
}

impl Code {
    /// The twelve bits (RFC 6891 6.1.3).
    pub const fn number(self) -> u16 {
        match self {
            Code::Of(rcode) => rcode as u16,
            Code::BadCookie => 23,
        }
    }

    /// The mnemonic that dig prints.
    pub const fn as_str(self) -> &'static str {
        match self {
            Code::Of(rcode) => rcode.as_str(),
            Code::BadCookie => "BADCOOKIE",
        }
    }
}

/// What a reply is made of.
#[derive(Clone, Copy)]
pub(super) struct Reply<'r, 'z> {
    pub(super) envelope: &'r Envelope<'r>,
    pub(super) code: Code,
    pub(super) answer: &'r Answer<'z>,
    /// The zone's, against which names are compressed.
    pub(super) origin: Option<&'z Name>,
    /// What the names of literal addresses are below.
    pub(super) datacenter: Option<&'z Name>,
    pub(super) options: Given<'r>,
    /// Octets it may have.
    pub(super) most: usize,
    /// Octets of the datagrams that this server sends and receives.
    pub(super) udp_octets: u16,
    /// Whether TC is set although nothing was left out: the client shall come by a stream.
    pub(super) by_stream: bool,
}

impl Reply<'_, '_> {
    /// Writes the reply into `out`; says whether TC is set.
    pub(super) fn write(&self, out: &mut Vec<u8>) -> bool {
        let truncated = self.write_within(out);
        // Nowhere is more room than on a stream: say why the set is not whole (R37).
        if truncated && self.most > usize::from(limits::UDP_REPLY_OCTETS_MOST) && self.answer.extended.is_none() {
            let told = Answer { extended: Some(TOO_LARGE), ..self.answer.clone() };
            Reply { answer: &told, ..*self }.write_within(out);
        }
        truncated
    }

    fn write_within(&self, out: &mut Vec<u8>) -> bool {
        let Reply { envelope, answer, .. } = self;
        out.clear();
        out.extend_from_slice(&[0; HEADER_OCTETS]);
        out.extend_from_slice(envelope.question);
        let room = self.most.saturating_sub(out.len() + OPT_OCTETS);
        let (options, extended) = self.options.within(answer.extended, room);
        let opt = envelope.edns.map_or(0, |_| OPT_OCTETS + options.octets(extended));
        let mut writer = Writer::new(out, envelope, self.origin, self.most.saturating_sub(opt));
        writer.datacenter = self.datacenter;
        writer.made = &answer.made;
        let mut truncated = self.by_stream;
        let mut counts = [u16::from(!envelope.question.is_empty()), 0, 0, 0];
        for (section, records) in [(1, &answer.answer[..]), (2, &answer.authority[..])] {
            for record in records {
                if truncated || !writer.record(record) {
                    truncated = true;
                    break;
                }
                counts[section] += 1;
            }
        }
        if !truncated {
            counts[3] = writer.additional(&answer.additional);
            // A referral without its glue leads nowhere (RFC 9471 3).
            truncated = usize::from(counts[3]) < answer.required;
        }
        if let Some(edns) = &envelope.edns {
            counts[3] += 1;
            write_opt(out, self.code, self.udp_octets, edns.dnssec_ok);
            options.write(out, extended);
        }
        let header = Header { code: self.code, authoritative: answer.authoritative, truncated, counts };
        header.write(envelope, out);
        truncated
    }
}

/// What the header of a reply says that is not in its query.
pub(super) struct Header {
    pub(super) code: Code,
    pub(super) authoritative: bool,
    pub(super) truncated: bool,
    /// Records of each section.
    pub(super) counts: [u16; 4],
}

impl Header {
    /// Writes it over the first octets of `out`.
    pub(super) fn write(&self, envelope: &Envelope<'_>, out: &mut [u8]) {
        out[0..2].copy_from_slice(&envelope.id.to_be_bytes());
        // QR, opcode, AA, TC, RD; RA, Z, AD and CD stay clear (R1, R3).
        out[2] = 0x80
            | envelope.opcode << 3
            | u8::from(self.authoritative) << 2
            | u8::from(self.truncated) << 1
            | u8::from(envelope.recursion_desired);
        out[3] = self.code.number() as u8 & 0x0f;
        for (place, count) in out[4..HEADER_OCTETS].chunks_exact_mut(2).zip(self.counts) {
            place.copy_from_slice(&count.to_be_bytes());
        }
    }
}

/// The OPT record up to its options.
pub(super) fn write_opt(out: &mut Vec<u8>, code: Code, udp_octets: u16, dnssec_ok: bool) {
    let [type_high, type_low] = rtype::OPT.to_be_bytes();
    // What this server can receive, not an echo (R33).
    let [size_high, size_low] = udp_octets.to_be_bytes();
    let flags = if dnssec_ok { 0x80 } else { 0 };
    out.extend_from_slice(&[0, type_high, type_low, size_high, size_low, (code.number() >> 4) as u8, 0, flags, 0]);
}

struct Writer<'o, 'z> {
    out: &'o mut Vec<u8>,
    /// Names that stand in no zone.
    made: &'o [Box<[u8]>],
    most: usize,
    origin: Option<&'z Name>,
    datacenter: Option<&'z Name>,
    /// Where the origin stands in the question.
    origin_at: usize,
    /// The class asked for, which every record has.
    class: [u8; 2],
    /// Where names made of hosts stand.
    written: SmallVec<[(Derived<'z>, u16); 16]>,
    /// The one that was pointed at last: addresses often come in the order of their targets.
    last: usize,
}

impl<'o, 'z> Writer<'o, 'z> {
    fn new(out: &'o mut Vec<u8>, envelope: &Envelope<'_>, origin: Option<&'z Name>, most: usize) -> Writer<'o, 'z> {
        let question_name = envelope.question.len().saturating_sub(4);
        let origin_octets = origin.map_or(0, |origin| origin.as_wire().len());
        let origin_at = HEADER_OCTETS + question_name.saturating_sub(origin_octets);
        let class = envelope.question.last_chunk().map_or([0, 1], |class| *class);
        Writer { out, made: &[], most, origin, datacenter: None, origin_at, class, written: SmallVec::new(), last: 0 }
    }

    /// Writes a record, or nothing of it.
    fn record(&mut self, record: &Record<'z>) -> bool {
        let start = self.out.len();
        let written = self.written.len();
        self.owner(&record.owner);
        self.out.extend_from_slice(&record.data.rtype().to_be_bytes());
        self.out.extend_from_slice(&self.class);
        self.out.extend_from_slice(&record.ttl.to_be_bytes());
        let length_at = self.out.len();
        self.out.extend_from_slice(&[0, 0]);
        self.data(&record.data);
        let length = self.out.len() - length_at - 2;
        if self.out.len() > self.most || length > usize::from(u16::MAX) {
            self.out.truncate(start);
            self.written.truncate(written);
            return false;
        }
        self.out[length_at..length_at + 2].copy_from_slice(&(length as u16).to_be_bytes());
        true
    }

    /// Writes additional records, whole sets only, until one does not fit; returns how many.
    fn additional(&mut self, records: &[Record<'z>]) -> u16 {
        let mut written = 0;
        for set in records.chunk_by(|one, next| one.owner == next.owner && one.data.rtype() == next.data.rtype()) {
            let start = self.out.len();
            for record in set {
                if !self.record(record) {
                    self.out.truncate(start);
                    return written;
                }
            }
            written += set.len() as u16;
        }
        written
    }

    fn pointer(&mut self, offset: usize) {
        self.out.extend_from_slice(&(0xc000 | offset as u16).to_be_bytes());
    }

    fn owner(&mut self, owner: &Owner<'z>) {
        match owner {
            Owner::Question => self.pointer(HEADER_OCTETS),
            Owner::Name(name) => self.name(name),
            Owner::Made(place) => self.name(&self.made[*place]),
            Owner::Derived(derived) => self.derived(*derived, self.origin_of(*derived)),
        }
    }

    fn origin_of(&self, derived: Derived<'z>) -> Option<&'z Name> {
        if derived.is_in_datacenter() { self.datacenter } else { self.origin }
    }

    /// A name made of a host: a pointer to where it stands, or its labels and the origin.
    fn derived(&mut self, derived: Derived<'z>, origin: Option<&'z Name>) {
        if let Some(offset) = self.place_of(derived) {
            return self.pointer(offset);
        }
        self.remember(derived);
        derived.write_relative(self.out);
        match origin {
            Some(origin) if self.is_questions(origin) => self.pointer(self.origin_at),
            Some(origin) => self.out.extend_from_slice(origin.as_wire()),
            None => self.out.push(0),
        }
    }

    fn is_questions(&self, origin: &Name) -> bool {
        self.origin_at <= POINTER_MOST && self.origin.is_some_and(|other| std::ptr::eq(other, origin))
    }

    fn remember(&mut self, derived: Derived<'z>) {
        let offset = self.out.len();
        if offset <= POINTER_MOST && self.written.len() < NAMES_REMEMBERED {
            self.written.push((derived, offset as u16));
        }
    }

    fn place_of(&mut self, derived: Derived<'z>) -> Option<usize> {
        let (before, after) = self.written.split_at(self.last.min(self.written.len()));
        let place = after
            .iter()
            .position(|(other, _)| *other == derived)
            .map(|place| before.len() + place)
            .or_else(|| before.iter().position(|(other, _)| *other == derived))?;
        self.last = place;
        Some(usize::from(self.written[place].1))
    }

    /// A name that may be compressed (RFC 3597 4).
    fn name(&mut self, name: &[u8]) {
        match self.origin.and_then(|origin| origin.relative(name)) {
            Some(relative) if self.origin_at <= POINTER_MOST => {
                self.out.extend_from_slice(relative);
                self.pointer(self.origin_at);
            }
            _ => self.out.extend_from_slice(name),
        }
    }

    fn data(&mut self, data: &Data<'z>) {
        match data {
            Data::A(address) => self.out.extend_from_slice(&address.octets()),
            Data::Aaaa(address) => self.out.extend_from_slice(&address.octets()),
            Data::Srv { priority, weight, port, target } => {
                for value in [priority, weight, port] {
                    self.out.extend_from_slice(&value.to_be_bytes());
                }
                self.target(target);
            }
            Data::Svcb { priority, port, target, host, .. } => {
                self.out.extend_from_slice(&priority.to_be_bytes());
                self.target(target);
                host.write_params(*port, self.out);
            }
            Data::Ptr { target, origin } => self.derived(*target, Some(origin)),
            Data::Txt(text) => text.write(self.out),
            Data::Pair(pair) => pair.write(self.out),
            Data::Soa { soa, serial } => {
                self.name(soa.mname.as_wire());
                self.name(soa.rname.as_wire());
                for value in [*serial, soa.refresh, soa.retry, soa.expire, soa.minimum] {
                    self.out.extend_from_slice(&value.to_be_bytes());
                }
            }
            Data::Alias(place) => self.name(&self.made[*place]),
            Data::Static { rtype, rdata } => self.static_data(*rtype, rdata),
        }
    }

    /// The target of SRV or SVCB: never compressed (RFC 2782, RFC 9460 2.2), but others may point at it.
    fn target(&mut self, target: &Target<'z>) {
        match target {
            Target::Derived(derived) => {
                self.remember(*derived);
                derived.write_relative(self.out);
                self.out.extend_from_slice(self.origin_of(*derived).map_or(&[0][..], Name::as_wire));
            }
            Target::Name(name) => {
                for label in name.split('.') {
                    self.out.push(label.len() as u8);
                    self.out.extend_from_slice(label.as_bytes());
                }
                self.out.push(0);
            }
        }
    }

    /// Names inside the RDATA of RFC 1035's own types may be compressed, others not.
    fn static_data(&mut self, rtype: u16, rdata: &[u8]) {
        match rtype {
            rtype::NS | rtype::CNAME | rtype::PTR => self.name(rdata),
            rtype::MX if rdata.len() > 2 => {
                self.out.extend_from_slice(&rdata[..2]);
                self.name(&rdata[2..]);
            }
            _ => self.out.extend_from_slice(rdata),
        }
    }
}
