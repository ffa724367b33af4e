//! The names of class CH by which operators ask which server answers (RFC 4892); the class has no others.

use crate::zone::{Answer, Data, Owner, Rcode, Record, rtype};

/// What `version.bind` says: no number, which would only serve those who look for an old one.
const VERSION: &str = "rollcall";

/// What one of the names says.
pub(super) fn text<'i>(name: &[u8], identity: &'i str) -> Option<&'i str> {
    match name {
        b"\x02id\x06server\0" | b"\x08hostname\x04bind\0" => Some(identity),
        b"\x07version\x04bind\0" | b"\x07version\x06server\0" => Some(VERSION),
        _ => None,
    }
}

/// The character string of a TXT record (RFC 1035 3.3.14).
pub(super) fn rdata(text: &str) -> Vec<u8> {
    let octets = &text.as_bytes()[..text.len().min(255)];
    let mut rdata = vec![octets.len() as u8];
    rdata.extend_from_slice(octets);
    rdata
}

/// The answer about a name that exists: its TXT record, or that it has no other.
pub(super) fn answer(qtype: u16, rdata: &[u8]) -> Answer<'_> {
    let data = Data::Static { rtype: rtype::TXT, rdata };
    let record = Record { owner: Owner::Question, ttl: 0, data };
    let has = qtype == rtype::TXT || qtype == rtype::ANY;
    let answer = has.then_some(record).into_iter().collect();
    Answer { authoritative: true, answer, ..Answer::error(Rcode::NoError, None) }
}
