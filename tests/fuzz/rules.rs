//! What every reply must be, whatever was asked (R1 to R44): checked from its octets.

use std::collections::{BTreeMap, BTreeSet};

use hickory_proto::op::Message as Independent;
use hickory_proto::serialize::binary::{BinDecodable as _, BinDecoder};
use rollcall::dns::Transport;

use crate::wire::{self, ANY, CNAME, DNAME, Message, NS, OPT, SOA, SRV};

pub(crate) const NO_ERROR: u16 = 0;
pub(crate) const FORM_ERR: u16 = 1;
pub(crate) const NX_DOMAIN: u16 = 3;

/// A reply that kept the rules.
pub(crate) struct Reply {
    pub(crate) rcode: u16,
    pub(crate) authoritative: bool,
    pub(crate) truncated: bool,
    pub(crate) message: Message,
}

impl Reply {
    /// Records of the answer and the authority section.
    pub(crate) fn counts(&self) -> [usize; 2] {
        [self.message.sections[0].len(), self.message.sections[1].len()]
    }

    /// Whether an alias leads elsewhere, so that types may differ in how the question ends.
    pub(crate) fn follows(&self) -> bool {
        self.message.sections[0].iter().any(|record| record.rtype == CNAME || record.rtype == DNAME)
    }
}

/// Whether a packet gets no reply: what is no header, and responses (R5).
pub(crate) fn is_silent(packet: &[u8]) -> bool {
    packet.len() < 12 || packet[2] & 0x80 != 0
}

/// Checks a reply against its query and gives it read.
pub(crate) fn check(query: &[u8], transport: Transport, reply: &[u8]) -> Reply {
    assert!(reply.len() >= 12, "a header");
    let asked = Message::read(query);
    let mut message = Message::read(reply);
    assert!(message.whole && message.left_over == 0, "counts that are right, nothing behind: {message:?}");
    check_header(query, &asked, reply);
    let high = check_opt(&asked, transport, &message, reply);
    message.sections[2].retain(|record| record.rtype != OPT);
    let reply = Reply {
        rcode: high << 4 | u16::from(reply[3] & 15),
        authoritative: reply[2] & 4 != 0,
        truncated: reply[2] & 2 != 0,
        message,
    };
    reply.message.sections.iter().for_each(|records| check_sets(records, reply.message.class));
    // What a server says of itself in another class, or of nothing at all (RFC 7873 5.4), is no data of a zone.
    if reply.message.class == 1 || ![NO_ERROR, NX_DOMAIN].contains(&reply.rcode) {
        check_sections(&reply);
    }
    reply
}

/// Checks that hickory reads the same octets, all of them.
pub(crate) fn check_independently(reply: &[u8]) {
    let mut decoder = BinDecoder::new(reply);
    let read = Independent::read(&mut decoder);
    assert!(read.is_ok() && decoder.is_empty(), "hickory: {read:?}, {} octets left", decoder.len());
}

fn check_header(query: &[u8], asked: &Message, reply: &[u8]) {
    assert_eq!(reply[..2], query[..2], "the id comes back");
    assert_eq!(reply[2] & 0xf9, 0x80 | query[2] & 0x79, "a response, opcode and RD as they came");
    assert_eq!(reply[3] & 0xf0, 0, "RA, Z, AD and CD are clear");
    match wire::count(reply, 0) {
        0 => assert!(!asked.whole || wire::count(query, 0) != 1, "a question that can be read comes back"),
        1 => {
            let question = asked.question.clone().expect("a question comes back only if there was one");
            assert_eq!(reply[12..12 + question.len()], query[question], "octet for octet");
        }
        more => panic!("{more} questions"),
    }
}

/// Checks size and OPT; gives the upper bits of the response code.
fn check_opt(asked: &Message, transport: Transport, message: &Message, reply: &[u8]) -> u16 {
    let sent: Vec<_> = asked.opts().collect();
    let got: Vec<_> = message.opts().collect();
    assert!(got.len() <= 1, "one OPT at most");
    let payload = sent.first().map_or(512, |(_, opt)| opt.class.clamp(512, 1232));
    let most = match transport {
        Transport::Tcp => 65_535,
        Transport::Udp if got.is_empty() => 512,
        Transport::Udp if asked.whole => usize::from(payload),
        Transport::Udp => 1232,
    };
    assert!(reply.len() <= most, "{} octets where {most} fit", reply.len());
    if asked.whole && sent.is_empty() {
        assert!(got.is_empty(), "no OPT to a query without one");
    }
    let good = |(section, opt): &(usize, &wire::Record)| *section == 2 && opt.root;
    if asked.whole && sent.len() == 1 && good(&sent[0]) {
        assert_eq!(got.len(), 1, "an OPT to a query with one, errors too");
    }
    let Some(got @ (_, opt)) = got.first() else { return 0 };
    assert!(good(got), "OPT is additional and the root's");
    assert!(opt.class >= 512 && opt.ttl & 0x00ff_7fff == 0, "version 0, Z clear: {opt:?}");
    if asked.whole && sent.len() == 1 {
        assert_eq!(opt.ttl & 0x8000, sent[0].1.ttl & 0x8000, "DO as it came");
    }
    check_options(&opt.rdata);
    (opt.ttl >> 24) as u16
}

fn check_options(mut options: &[u8]) {
    while !options.is_empty() {
        let length = 4 + usize::from(u16::from_be_bytes([options[2], options[3]]));
        options = &options[length..];
    }
}

/// Records of one set have one TTL and are not there twice (R21).
fn check_sets(records: &[wire::Record], class: u16) {
    let mut ttls = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for record in records {
        assert!(record.class == class && record.ttl < 1 << 31, "{record:?}");
        let set = (&record.owner, record.rtype);
        assert_eq!(*ttls.entry(set).or_insert(record.ttl), record.ttl, "one TTL in a set: {records:?}");
        assert!(seen.insert((set, &record.rdata)), "twice: {record:?}");
        if record.rtype == SRV {
            assert!(is_plain_name(&record.rdata[6..]), "a target without compression (R31): {record:?}");
        }
    }
}

/// Whether these octets are one name without compression and nothing else.
fn is_plain_name(mut octets: &[u8]) -> bool {
    loop {
        match octets.split_first() {
            Some((0, rest)) => return rest.is_empty(),
            Some((&length @ 1..=63, rest)) if usize::from(length) < rest.len() => octets = &rest[usize::from(length)..],
            _ => return false,
        }
    }
}

/// What stands where by the response code (R12, R13, R34).
fn check_sections(reply: &Reply) {
    let [answer, authority, additional] = &reply.message.sections;
    let soas = authority.iter().filter(|record| record.rtype == SOA).count();
    for soa in authority.iter().filter(|record| record.rtype == SOA) {
        let minimum = soa.rdata.last_chunk().map(|octets| u32::from_be_bytes(*octets));
        assert!(Some(soa.ttl) <= minimum, "how long no is kept (R13): {soa:?}");
    }
    if let Some(first) = answer.first().filter(|first| first.rtype != DNAME) {
        assert_eq!(first.owner, reply.message.name, "the first record is that of the name");
    }
    let names_servers = authority.iter().any(|record| record.rtype == NS);
    if reply.truncated {
        assert!(additional.is_empty(), "no room for a set is no room for more");
        return;
    }
    let qtype = reply.message.qtype;
    // RRSIG and NSEC may be answered as ANY is (RFC 8482): then nothing follows from what is there.
    if matches!(qtype, 46 | 47) && !answer.is_empty() {
        return;
    }
    let found = answer.iter().any(|record| record.rtype == qtype || qtype == ANY);
    match reply.rcode {
        NO_ERROR if !found && answer.is_empty() && !reply.authoritative => {
            assert!(names_servers && soas == 0, "a referral")
        }
        NO_ERROR if answer.is_empty() => assert!(soas == 1 && authority.len() == 1, "no data, one SOA"),
        NO_ERROR if found => assert!(authority.is_empty() && reply.authoritative, "an answer and nothing beside it"),
        NO_ERROR => {
            assert!(reply.follows() && reply.authoritative && soas <= 1, "an alias");
            assert!(soas == 0 || authority.len() == 1, "an alias to no data");
        }
        NX_DOMAIN => {
            assert!(soas == 1 && authority.len() == 1 && reply.authoritative, "no such name, one SOA");
            assert!(answer.is_empty() || reply.follows(), "only an alias may lead to no such name");
        }
        _ => {
            let empty = answer.is_empty() && authority.is_empty() && additional.is_empty();
            assert!(empty && !reply.authoritative, "an error has no records");
        }
    }
}
