//! The short way from a packet to a reply, for what most clients send: one question of class IN about a common type, with
//! an OPT record or without, about hosts that [`Prompt`] knows of.
//!
//! It gives up at the first thing that is out of the ordinary, before anything was written down or counted and before a
//! random number was taken; then [`respond_in_full`](super::engine::respond_in_full) begins anew. Where it does not, its
//! reply is the same, octet for octet: the target `ways` of the fuzzing compares both.

use super::edns::Asked;
use super::engine::{Answered, Exchange, Outcome, Request, View, options};
use super::query::{Edns, Envelope, HEADER_OCTETS};
use super::reply::{Code, Header, OPT_OCTETS, POINTER_MOST, write_opt};
use crate::clock::Timestamp;
use crate::zone::{
    Answer, Authority, LISTED_MOST, Listed, NAME_OCTETS, Prompt, Question, Random, Rcode, digits, rtype,
};

const CLASS_IN: [u8; 2] = [0, 1];
/// Octets of a record before its RDATA, when its owner is a pointer.
const RECORD_HEAD: usize = 12;
/// Octets of an SRV record's RDATA before its target.
const SERVICE_OCTETS: usize = 6;
/// Where the digits of an SRV record's target begin, which have the length of their label before them.
const TARGET_DIGITS: usize = RECORD_HEAD + SERVICE_OCTETS + 1;
/// The label that names of addresses have behind their digits.
const ADDR: &[u8] = b"\x04addr";
/// Octets of the longest SRV record.
const TEMPLATE_OCTETS: usize = TARGET_DIGITS + 32 + ADDR.len() + NAME_OCTETS;

/// Answers a packet, if it is an ordinary one; `None` leaves `random` as it was.
pub fn respond(
    view: &View<'_>,
    request: &Request<'_>,
    now: Timestamp,
    random: &mut Random,
    out: &mut Vec<u8>,
) -> Option<Outcome> {
    let mut name = [0; NAME_OCTETS];
    let (envelope, question) = read(request.packet, &mut name)?;
    let (cookie, options) = options(view.settings, &envelope, request, now);
    let exchange = Exchange { view, request, envelope: &envelope, cookie, options };
    if !exchange.is_admitted() {
        return None;
    }
    let answered = Prompter { exchange: &exchange, now }.answer(&question, random, out)?;
    Some(exchange.judged(answered, now, out))
}

/// The question of an ordinary query, its name in lower case in `name`.
fn read<'p, 'n>(packet: &'p [u8], name: &'n mut [u8; NAME_OCTETS]) -> Option<(Envelope<'p>, Question<'n>)> {
    let (header, body) = packet.split_first_chunk::<HEADER_OCTETS>()?;
    // No response, opcode QUERY; one question, and nothing else but one additional record.
    let [_, _, flags, _, counts @ .., additionals] = *header;
    if flags & 0xf8 != 0 || counts != [0, 1, 0, 0, 0, 0, 0] || additionals > 1 {
        return None;
    }
    let asked = self::name(packet)?;
    let lower = name.get_mut(..asked.len())?;
    lower.copy_from_slice(asked);
    // Lengths are below the capital letters.
    lower.make_ascii_lowercase();
    let (question, rest) = body.split_at_checked(asked.len() + 4)?;
    let [high, low, class @ ..] = *question.last_chunk::<4>()?;
    let qtype = u16::from_be_bytes([high, low]);
    if class != CLASS_IN || !matches!(qtype, rtype::A | rtype::AAAA | rtype::SRV | rtype::TXT | rtype::HTTPS) {
        return None;
    }
    let edns = if additionals == 1 { Some(read_opt(rest)?) } else { None };
    let id = u16::from_be_bytes([header[0], header[1]]);
    let envelope = Envelope { id, opcode: 0, recursion_desired: flags & 1 != 0, question, edns };
    Some((envelope, Question { name: lower, qtype }))
}

/// The name that an ordinary query asks for, as it was sent; `None` where it cannot be read.
pub fn name(packet: &[u8]) -> Option<&[u8]> {
    let body = packet.get(HEADER_OCTETS..)?;
    let mut octets = 0;
    loop {
        let length = usize::from(*body.get(octets)?);
        octets += 1 + length;
        match length {
            0 => return body.get(..octets),
            1..=63 => {}
            _ => return None,
        }
    }
}

/// An OPT record of version 0 (RFC 6891 6.1.2).
fn read_opt(octets: &[u8]) -> Option<Edns<'_>> {
    let (head, rest) = octets.split_first_chunk::<OPT_OCTETS>()?;
    let [0, 0, 41, size_high, size_low, _, 0, flags, _, length_high, length_low] = *head else { return None };
    let length = usize::from(u16::from_be_bytes([length_high, length_low]));
    let mut asked = Asked::default();
    asked.read(rest.get(..length)?).ok()?;
    let payload = u16::from_be_bytes([size_high, size_low]);
    Some(Edns { payload, dnssec_ok: flags & 0x80 != 0, asked })
}

/// An ordinary query that is to be answered.
struct Prompter<'e> {
    exchange: &'e Exchange<'e>,
    now: Timestamp,
}

impl Prompter<'_> {
    fn answer(&self, question: &Question<'_>, random: &mut Random, out: &mut Vec<u8>) -> Option<Answered> {
        let zones = self.exchange.view.zones;
        let zone = zones.find_for(question).filter(|_| self.exchange.view.loaded)?;
        let explain = self.exchange.envelope.edns.is_some();
        match zone.prompt(question, self.exchange.room(), explain, self.now, self.exchange.request.ahead)? {
            Prompt::Addresses(hosts) if hosts.is_v6() => {
                self.addresses::<16, { RECORD_HEAD + 16 }>(&zone, question, &hosts, random, out)
            }
            Prompt::Addresses(hosts) => self.addresses::<4, { RECORD_HEAD + 4 }>(&zone, question, &hosts, random, out),
            Prompt::Services(hosts) => self.services(&zone, question, &hosts, random, out),
            Prompt::Nothing(code, soa, extended) => {
                let mut answer = Answer::error(code, extended);
                answer.authoritative = true;
                answer.authority.push(soa);
                Some(self.exchange.say(question.qtype, &zone, &answer, out))
            }
        }
    }

    /// Octets for the options of the reply; `None` where some would have to be left out.
    fn opt_octets(&self) -> Option<usize> {
        let envelope = self.exchange.envelope;
        let most = self.exchange.most().saturating_sub(HEADER_OCTETS + envelope.question.len() + OPT_OCTETS);
        let octets = self.exchange.options.octets(None);
        match envelope.edns {
            None => Some(0),
            Some(_) => (octets <= most).then_some(OPT_OCTETS + octets),
        }
    }

    /// A or AAAA, with the octets of an address and of a record: 4 and 16, or 16 and 28.
    fn addresses<const ADDRESS: usize, const RECORD: usize>(
        &self,
        zone: &Authority<'_>,
        question: &Question<'_>,
        hosts: &Listed<'_>,
        random: &mut Random,
        out: &mut Vec<u8>,
    ) -> Option<Answered> {
        let start = HEADER_OCTETS + self.exchange.envelope.question.len();
        let end = start + hosts.count() * RECORD;
        if end + self.opt_octets()? > self.exchange.most() {
            return None;
        }
        self.begin(out, end);
        let head = head(HEADER_OCTETS, question.qtype, hosts.ttl(), ADDRESS);
        let order = hosts.address_order(random);
        let (records, _) = out[start..].as_chunks_mut::<RECORD>();
        let said = hosts.said();
        for (record, place) in records.iter_mut().zip(&order) {
            record[..RECORD_HEAD].copy_from_slice(&head);
            record[RECORD_HEAD..].copy_from_slice(&said.address::<ADDRESS>(*place));
        }
        Some(self.end(question.qtype, zone, [hosts.count(), 0], out))
    }

    /// SRV, each with its target in full, and as many of the targets' addresses as there is room for.
    fn services(
        &self,
        zone: &Authority<'_>,
        question: &Question<'_>,
        hosts: &Listed<'_>,
        random: &mut Random,
        out: &mut Vec<u8>,
    ) -> Option<Answered> {
        let start = HEADER_OCTETS + self.exchange.envelope.question.len();
        let first = hosts.forms()[0];
        let template = Template::new(question.qtype, hosts.ttl(), first, zone.origin().as_wire());
        let octets = template.record().len();
        let end = start + hosts.count() * octets;
        let most = self.exchange.most() - self.opt_octets()?;
        if end > most.min(POINTER_MOST) {
            return None;
        }
        self.begin(out, end);
        let mut targets = [0_u16; LISTED_MOST];
        let order = hosts.service_order(random);
        let (said, mut at) = (hosts.said(), start + RECORD_HEAD + SERVICE_OCTETS);
        for (record, place) in out[start..].chunks_exact_mut(octets).zip(&order) {
            record.copy_from_slice(template.record());
            if first == 4 {
                fill(record, said.service(*place), said.first_address::<4>(*place));
            } else {
                fill(record, said.service(*place), said.first_address::<16>(*place));
            }
            targets[usize::from(*place)] = at as u16;
            at += octets;
        }
        let additionals = match hosts.forms() {
            [4] => targets_of_v4(hosts, &targets, most, out),
            forms => targets_of(hosts, forms, &targets, most, out),
        };
        Some(self.end(question.qtype, zone, [hosts.count(), additionals], out))
    }

    /// The question, and room for records up to `end`.
    fn begin(&self, out: &mut Vec<u8>, end: usize) {
        out.clear();
        out.extend_from_slice(&[0; HEADER_OCTETS]);
        out.extend_from_slice(self.exchange.envelope.question);
        out.resize(end, 0);
    }

    /// The OPT record and the header, with the counts of answers and additional records.
    fn end(&self, qtype: u16, zone: &Authority<'_>, counts: [usize; 2], out: &mut Vec<u8>) -> Answered {
        let [answers, mut additionals] = counts;
        let exchange = self.exchange;
        let code = Code::Of(Rcode::NoError);
        if let Some(edns) = &exchange.envelope.edns {
            additionals += 1;
            write_opt(out, code, exchange.view.settings.udp_octets, edns.dnssec_ok);
            exchange.options.write(out, None);
        }
        let counts = [1, answers as u16, 0, additionals as u16];
        Header { code, authoritative: true, truncated: false, counts }.write(exchange.envelope, out);
        exchange.answered(qtype, Some(zone.place), code, false)
    }
}

/// A record up to its RDATA; the owner is a pointer.
fn head(owner: usize, rtype: u16, ttl: u32, data: usize) -> [u8; RECORD_HEAD] {
    let [o1, o0] = (0xc000 | owner as u16).to_be_bytes();
    let [r1, r0] = rtype.to_be_bytes();
    let [t3, t2, t1, t0] = ttl.to_be_bytes();
    let [d1, d0] = (data as u16).to_be_bytes();
    [o1, o0, r1, r0, CLASS_IN[0], CLASS_IN[1], t3, t2, t1, t0, d1, d0]
}

/// An SRV record of a set, which points at the name of an address (`<hex-ip>.addr`), with zeros for what differs from host
/// to host.
struct Template {
    octets: [u8; TEMPLATE_OCTETS],
    count: usize,
}

impl Template {
    /// That of hosts whose names are of addresses of so many octets.
    fn new(qtype: u16, ttl: u32, address: usize, origin: &[u8]) -> Template {
        let mut octets = [0; TEMPLATE_OCTETS];
        let target = TARGET_DIGITS + 2 * address;
        let count = target + ADDR.len() + origin.len();
        octets[..RECORD_HEAD].copy_from_slice(&head(HEADER_OCTETS, qtype, ttl, count - RECORD_HEAD));
        octets[TARGET_DIGITS - 1] = 2 * address as u8;
        octets[target..][..ADDR.len()].copy_from_slice(ADDR);
        octets[target + ADDR.len()..count].copy_from_slice(origin);
        Template { octets, count }
    }

    fn record(&self) -> &[u8] {
        &self.octets[..self.count]
    }
}

/// Fills in what a host says.
#[inline]
fn fill<const ADDRESS: usize>(record: &mut [u8], service: [u8; SERVICE_OCTETS], address: [u8; ADDRESS]) {
    record[RECORD_HEAD..][..SERVICE_OCTETS].copy_from_slice(&service);
    let (label, _) = record[TARGET_DIGITS..][..2 * ADDRESS].as_chunks_mut::<8>();
    let (address, _) = address.as_chunks::<4>();
    for (label, octets) in label.iter_mut().zip(address) {
        *label = digits(*octets);
    }
}

/// Adds the addresses of targets, as many as there is room for; says how many.
fn targets_of(hosts: &Listed<'_>, forms: &[usize], targets: &[u16], most: usize, out: &mut Vec<u8>) -> usize {
    let (said, mut additionals) = (hosts.said(), 0);
    for (place, target) in (0..hosts.count()).zip(targets) {
        let mut addresses = said.addresses(place as u8);
        for &octets in forms {
            if out.len() + RECORD_HEAD + octets > most {
                return additionals;
            }
            let (address, rest) = addresses.split_at(octets);
            let qtype = if octets == 4 { rtype::A } else { rtype::AAAA };
            out.extend_from_slice(&head(usize::from(*target), qtype, hosts.ttl_of(place as u8), octets));
            out.extend_from_slice(address);
            addresses = rest;
            additionals += 1;
        }
    }
    additionals
}

/// [`targets_of`] hosts with one IPv4 address each.
fn targets_of_v4(hosts: &Listed<'_>, targets: &[u16], most: usize, out: &mut Vec<u8>) -> usize {
    const RECORD: usize = RECORD_HEAD + 4;
    let start = out.len();
    let additionals = hosts.count().min(most.saturating_sub(start) / RECORD);
    out.resize(start + additionals * RECORD, 0);
    let (records, _) = out[start..].as_chunks_mut::<RECORD>();
    let said = hosts.said();
    for ((record, target), place) in records.iter_mut().zip(targets).zip(0..) {
        record[..RECORD_HEAD].copy_from_slice(&head(usize::from(*target), rtype::A, hosts.ttl_of(place), 4));
        record[RECORD_HEAD..].copy_from_slice(&said.first_address::<4>(place));
    }
    additionals
}
