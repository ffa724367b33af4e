//! RDATA from text, or from octets in hexadecimal, as the schema of its type says.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::lex::Token;
use super::schema::{Field, mnemonic, schema, type_number};
use super::value::{base32, base64, hexadecimal, moment, number, push_string, seconds, unescape};
use super::{location, service};
use crate::limits;
use crate::zone::name::Name;

/// The RDATA of a record in uncompressed wire form, names in lower case.
pub(super) fn rdata(rtype: u16, tokens: &[Token], origin: &Name) -> Result<Box<[u8]>, String> {
    let schema = schema(rtype);
    let wire = match (tokens, schema) {
        ([mark, length, digits @ ..], _) if mark.text == "\\#" && !mark.quoted => {
            let octets = unknown(&length.text, digits)?;
            match schema {
                // A known type may be written so too, and is the same record (RFC 3597 5).
                Some((name, _, _, fields)) => {
                    from_octets(fields, &octets).ok_or_else(|| format!("these octets are no {name} record"))?
                }
                None => octets,
            }
        }
        (_, Some((name, _, takes, fields))) => {
            let mut text = Text { tokens, origin, wire: Vec::new() };
            let wrong = |what: Wrong| match what {
                Wrong::Count => format!("{name} takes {takes}"),
                Wrong::Value(what) => format!("{name} takes {takes}: {what}"),
            };
            fields.iter().try_for_each(|field| text.field(*field)).map_err(wrong)?;
            if !text.tokens.is_empty() {
                return Err(wrong(Wrong::Count));
            }
            text.wire
        }
        (_, None) => {
            return Err(format!("{} takes the form \\# LENGTH HEX here (RFC 3597)", mnemonic(rtype)));
        }
    };
    if wire.len() > limits::ZONE_FILE_RDATA_OCTETS {
        return Err(format!("a record has more than {} octets", limits::ZONE_FILE_RDATA_OCTETS));
    }
    Ok(wire.into())
}

fn unknown(length: &str, digits: &[Token]) -> Result<Vec<u8>, String> {
    let length: usize = number(length, "length")?;
    let text: String = digits.iter().map(|token| token.text.as_str()).collect();
    let octets = hexadecimal(&text).ok().filter(|octets| octets.len() == length);
    octets.ok_or_else(|| format!("\\# {length} takes {length} octets in hexadecimal"))
}

enum Wrong {
    /// Too many fields, or too few.
    Count,
    Value(String),
}

impl From<String> for Wrong {
    fn from(what: String) -> Wrong {
        Wrong::Value(what)
    }
}

/// The fields of a record that are still to be read, and the octets of those that have been.
struct Text<'a> {
    tokens: &'a [Token],
    origin: &'a Name,
    wire: Vec<u8>,
}

impl<'a> Text<'a> {
    fn next(&mut self) -> Result<&'a str, Wrong> {
        let (first, rest) = self.tokens.split_first().ok_or(Wrong::Count)?;
        self.tokens = rest;
        Ok(&first.text)
    }

    /// All that is left, in one.
    fn rest(&mut self) -> Result<String, Wrong> {
        let text: String = std::mem::take(&mut self.tokens).iter().map(|token| token.text.as_str()).collect();
        if text.is_empty() { Err(Wrong::Count) } else { Ok(text) }
    }

    fn push(&mut self, octets: &[u8]) {
        self.wire.extend_from_slice(octets);
    }

    fn field(&mut self, field: Field) -> Result<(), Wrong> {
        match field {
            Field::V4 => {
                let text = self.next()?;
                let address: Ipv4Addr = text.parse().map_err(|_| format!("{text:?} is none"))?;
                self.push(&address.octets());
            }
            Field::V6 => {
                let text = self.next()?;
                let address: Ipv6Addr = text.parse().map_err(|_| format!("{text:?} is none"))?;
                self.push(&address.octets());
            }
            Field::U8 => {
                let value: u8 = number(self.next()?, "value")?;
                self.push(&[value]);
            }
            Field::U16 => {
                let value: u16 = number(self.next()?, "value")?;
                self.push(&value.to_be_bytes());
            }
            Field::U32 => {
                let value: u32 = number(self.next()?, "value")?;
                self.push(&value.to_be_bytes());
            }
            Field::Seconds => {
                let value = seconds(self.next()?)?;
                self.push(&value.to_be_bytes());
            }
            Field::Moment => {
                let value = moment(self.next()?)?;
                self.push(&value.to_be_bytes());
            }
            Field::Type => {
                let value = type_number(self.next()?)?;
                self.push(&value.to_be_bytes());
            }
            Field::Name => {
                let text = self.next()?;
                let name = Name::parse("name", text, self.origin).map_err(|invalid| invalid.rule)?;
                self.push(name.as_wire());
            }
            Field::Text => {
                let octets = unescape(self.next()?)?;
                push_string(&mut self.wire, &octets)?;
            }
            Field::Texts => {
                let octets = unescape(self.next()?)?;
                push_string(&mut self.wire, &octets)?;
                while let Ok(text) = self.next() {
                    push_string(&mut self.wire, &unescape(text)?)?;
                }
            }
            Field::Octets => {
                let octets = unescape(self.next()?)?;
                self.push(&octets);
            }
            Field::Hex => {
                let octets = hexadecimal(&self.rest()?)?;
                self.push(&octets);
            }
            Field::Base64 => {
                let octets = base64(&self.rest()?)?;
                self.push(&octets);
            }
            Field::Salt => {
                let text = self.next()?;
                push_string(&mut self.wire, &hexadecimal(if text == "-" { "" } else { text })?)?;
            }
            Field::Hash => {
                let octets = base32(self.next()?)?;
                push_string(&mut self.wire, &octets)?;
            }
            Field::Types => {
                let mut types = BTreeSet::new();
                while let Ok(text) = self.next() {
                    types.insert(type_number(text)?);
                }
                self.push(&bit_map(&types));
            }
            Field::Location => {
                let octets = location::from_text(std::mem::take(&mut self.tokens))?;
                self.push(&octets);
            }
            Field::Parameters => {
                let octets = service::from_text(std::mem::take(&mut self.tokens))?;
                self.push(&octets);
            }
        }
        Ok(())
    }
}

/// Types as bits, in windows of 256 (RFC 4034 4.1.2).
fn bit_map(types: &BTreeSet<u16>) -> Vec<u8> {
    let mut wire = Vec::new();
    let all: Vec<u16> = types.iter().copied().collect();
    for window in all.chunk_by(|one, next| one >> 8 == next >> 8) {
        let last = window.last().map_or(0, |rtype| usize::from(rtype & 0xff) / 8);
        let mut bits = vec![0_u8; last + 1];
        for rtype in window {
            bits[usize::from(rtype & 0xff) / 8] |= 0x80 >> (rtype & 7);
        }
        wire.extend_from_slice(&[(window[0] >> 8) as u8, bits.len() as u8]);
        wire.extend_from_slice(&bits);
    }
    wire
}

/// Checks octets against the fields of a type; gives them with names in lower case.
fn from_octets(fields: &[Field], octets: &[u8]) -> Option<Vec<u8>> {
    let mut wire = octets.to_vec();
    let mut at = 0;
    for field in fields {
        let left = wire.get_mut(at..)?;
        at += match field {
            Field::U8 => 1,
            Field::U16 | Field::Type => 2,
            Field::V4 | Field::U32 | Field::Seconds | Field::Moment => 4,
            Field::V6 => 16,
            Field::Name => name_octets(left)?,
            Field::Text | Field::Salt | Field::Hash => 1 + usize::from(*left.first()?),
            Field::Texts => {
                let mut end = 1 + usize::from(*left.first()?);
                while let Some(length) = left.get(end) {
                    end += 1 + usize::from(*length);
                }
                end
            }
            Field::Location => location::is_valid(left).then_some(left.len())?,
            Field::Parameters => service::is_valid(left).then_some(left.len())?,
            Field::Octets | Field::Hex | Field::Base64 | Field::Types => left.len(),
        };
    }
    (at == wire.len()).then_some(wire)
}

/// The length of the name that `octets` begin with, which becomes lower case; names here are never compressed.
fn name_octets(octets: &mut [u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let length = usize::from(*octets.get(at)?);
        at += 1;
        match length {
            0 => return (at <= crate::zone::name::NAME_OCTETS).then_some(at),
            1..=63 => octets.get_mut(at..at + length)?.make_ascii_lowercase(),
            _ => return None,
        }
        at += length;
    }
}
