//! The names of class CH by which operators ask which server answers (RFC 4892); the class has no others.

use crate::zone::{Answer, Data, Owner, Rcode, Record, rtype};

/// What `version.bind` says: no number, which would only serve those who look for an old one.
const VERSION: &str = "rollcall";

/// What one of the names says; they have no other type than TXT, and no zone whose SOA could say so.
pub(super) fn text<'i>(name: &[u8], qtype: u16, identity: &'i str) -> Option<&'i str> {
    if qtype != rtype::TXT && qtype != rtype::ANY {
        return None;
    }
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

/// The answer about a name that exists: its TXT record.
pub(super) fn answer(rdata: &[u8]) -> Answer<'_> {
    let data = Data::Static { rtype: rtype::TXT, rdata };
    let record = Record { owner: Owner::Question, ttl: 0, data };
    let answer = std::iter::once(record).collect();
    Answer { authoritative: true, answer, ..Answer::error(Rcode::NoError, None) }
}
