//! What the RDATA of each type is made of: one line a type, read both from text and from octets.

use super::rtype;

/// A part of RDATA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// Four octets as an IPv4 address.
    V4,
    /// Sixteen octets as an IPv6 address.
    V6,
    /// A number of one octet.
    U8,
    /// A number of two octets.
    U16,
    /// A number of four octets.
    U32,
    /// Four octets: seconds, with units in text.
    Seconds,
    /// Four octets: a moment (RFC 4034 3.1.5).
    Moment,
    /// A domain name, never compressed.
    Name,
    /// A string of at most 255 octets.
    Text,
    /// At least one such string.
    Texts,
    /// A string without a length, the rest of the data.
    Octets,
    /// The rest of the data in hexadecimal.
    Hex,
    /// A length and so many octets in hexadecimal, `-` if none (RFC 5155 3.3).
    Salt,
    /// A length and so many octets in base 32 (RFC 5155 3.3).
    Hash,
    /// The rest of the data in base 64.
    Base64,
    /// The number of a type, its mnemonic in text.
    Type,
    /// A bit map of types (RFC 4034 4.1.2).
    Types,
    /// Where on the earth (RFC 1876).
    Location,
    /// Service parameters (RFC 9460 2.2).
    Parameters,
}

/// A type: mnemonic, number, what its text takes, the fields.
pub(super) type Schema = (&'static str, u16, &'static str, &'static [Field]);

use Field::{
    Base64, Hash, Hex, Location, Moment, Name, Octets, Parameters, Salt, Seconds, Text, Texts, Type, Types, U8, U16,
    U32, V4, V6,
};

const DIGEST: &[Field] = &[U16, U8, U8, Hex];
const KEY: &[Field] = &[U16, U8, U8, Base64];
const CERTIFICATE: &[Field] = &[U8, U8, U8, Hex];
const SIGNATURE: &[Field] = &[Type, U8, U8, Seconds, Moment, Moment, U16, Name, Base64];
const SERVICE: &[Field] = &[U16, Name, Parameters];

const TAKES_DIGEST: &str = "a key tag, an algorithm, a digest type and a digest in hexadecimal";
const TAKES_KEY: &str = "flags, a protocol, an algorithm and a key in base 64";
const TAKES_CERTIFICATE: &str = "a usage, a selector, a matching type and data in hexadecimal";
const TAKES_SERVICE: &str = "a priority, a target and parameters";

/// The types whose form is known, by number.
const SCHEMAS: &[Schema] = &[
    ("A", rtype::A, "one IPv4 address", &[V4]),
    ("NS", rtype::NS, "one name", &[Name]),
    ("CNAME", rtype::CNAME, "one name", &[Name]),
    ("SOA", rtype::SOA, "two names and five numbers", &[Name, Name, U32, Seconds, Seconds, Seconds, Seconds]),
    ("PTR", rtype::PTR, "one name", &[Name]),
    ("HINFO", 13, "two strings", &[Text, Text]),
    ("MX", rtype::MX, "a preference and a name", &[U16, Name]),
    ("TXT", rtype::TXT, "at least one string", &[Texts]),
    ("RP", 17, "two names", &[Name, Name]),
    ("AFSDB", 18, "a subtype and a name", &[U16, Name]),
    ("AAAA", rtype::AAAA, "one IPv6 address", &[V6]),
    ("LOC", 29, "latitude, longitude, altitude and up to three sizes", &[Location]),
    ("SRV", rtype::SRV, "priority, weight, port and target", &[U16, U16, U16, Name]),
    ("NAPTR", 35, "order, preference, flags, services, an expression and a name", &[U16, U16, Text, Text, Text, Name]),
    ("KX", 36, "a preference and a name", &[U16, Name]),
    ("CERT", 37, "a type, a key tag, an algorithm and a certificate in base 64", &[U16, U16, U8, Base64]),
    ("DNAME", rtype::DNAME, "one name", &[Name]),
    ("DS", rtype::DS, TAKES_DIGEST, DIGEST),
    ("SSHFP", 44, "an algorithm, a fingerprint type and a fingerprint in hexadecimal", &[U8, U8, Hex]),
    ("RRSIG", rtype::RRSIG, "the nine fields of RFC 4034 3.2", SIGNATURE),
    ("NSEC", rtype::NSEC, "a name and types", &[Name, Types]),
    ("DNSKEY", 48, TAKES_KEY, KEY),
    ("NSEC3", 50, "the fields of RFC 5155 3.3", &[U8, U8, U16, Salt, Hash, Types]),
    ("NSEC3PARAM", 51, "an algorithm, flags, iterations and a salt", &[U8, U8, U16, Salt]),
    ("TLSA", 52, TAKES_CERTIFICATE, CERTIFICATE),
    ("SMIMEA", 53, TAKES_CERTIFICATE, CERTIFICATE),
    ("CDS", 59, TAKES_DIGEST, DIGEST),
    ("CDNSKEY", 60, TAKES_KEY, KEY),
    ("OPENPGPKEY", 61, "a key in base 64", &[Base64]),
    ("CSYNC", 62, "a serial, flags and types", &[U32, U16, Types]),
    ("SVCB", rtype::SVCB, TAKES_SERVICE, SERVICE),
    ("HTTPS", rtype::HTTPS, TAKES_SERVICE, SERVICE),
    ("SPF", 99, "at least one string", &[Texts]),
    ("URI", 256, "a priority, a weight and a target in quotes", &[U16, U16, Octets]),
    ("CAA", rtype::CAA, "flags, tag and value", &[U8, Text, Octets]),
];

/// Types that are questions or belong to a message, never to a zone (RFC 6895 3.1).
const NO_DATA: &[&str] = &["ANY", "AXFR", "IXFR", "MAILA", "MAILB", "NXNAME", "OPT", "TKEY", "TSIG"];

/// The schema of a type, if its form is known.
pub(super) fn schema(rtype: u16) -> Option<&'static Schema> {
    SCHEMAS.iter().find(|schema| schema.1 == rtype)
}

/// The mnemonic of a type, or `TYPE65280` (RFC 3597 5).
pub(super) fn mnemonic(rtype: u16) -> String {
    schema(rtype).map_or_else(|| format!("TYPE{rtype}"), |schema| schema.0.to_owned())
}

/// The number of a type that can stand in a zone.
pub(super) fn type_number(text: &str) -> Result<u16, String> {
    let upper = text.to_ascii_uppercase();
    let refused = || format!("{text} cannot stand in a zone");
    if NO_DATA.contains(&upper.as_str()) {
        return Err(refused());
    }
    if let Some(schema) = SCHEMAS.iter().find(|schema| schema.0 == upper) {
        return Ok(schema.1);
    }
    let number = upper.strip_prefix("TYPE").and_then(|digits| digits.parse().ok());
    match number.ok_or_else(|| format!("{text:?} is no record type"))? {
        0 | rtype::OPT | 128..=255 => Err(refused()),
        number => Ok(number),
    }
}
