//! Service parameters of SVCB and HTTPS (RFC 9460 2 and 7).

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::lex::Token;
use super::value::{base64, push_string, unescape};

const MANDATORY: u16 = 0;
const ALPN: u16 = 1;
const NO_DEFAULT_ALPN: u16 = 2;
const PORT: u16 = 3;
const IPV4_HINT: u16 = 4;
const ECH: u16 = 5;
const IPV6_HINT: u16 = 6;

/// The registered names of keys (RFC 9460 14.3.2, RFC 9461 5, RFC 9540 4).
const KEYS: &[(&str, u16)] = &[
    ("mandatory", MANDATORY),
    ("alpn", ALPN),
    ("no-default-alpn", NO_DEFAULT_ALPN),
    ("port", PORT),
    ("ipv4hint", IPV4_HINT),
    ("ech", ECH),
    ("ipv6hint", IPV6_HINT),
    ("dohpath", 7),
    ("ohttp", 8),
];

/// Reads `key=value` pairs in any order; the octets have them in the order of their keys.
pub(super) fn from_text(tokens: &[Token]) -> Result<Vec<u8>, String> {
    let mut parameters: BTreeMap<u16, Vec<u8>> = BTreeMap::new();
    let mut tokens = tokens.iter().peekable();
    while let Some(token) = tokens.next() {
        let (key, mut text) = match token.text.split_once('=') {
            Some((key, text)) => (key, Some(text)),
            None => (token.text.as_str(), None),
        };
        if text == Some("")
            && let Some(value) = tokens.next_if(|next| next.quoted && next.joined)
        {
            text = Some(&value.text);
        }
        let number = key_number(key)?;
        if parameters.insert(number, value(number, text)?).is_some() {
            return Err(format!("{key} stands there twice"));
        }
    }
    check_mandatory(&parameters)?;
    let mut wire = Vec::new();
    for (key, value) in parameters {
        wire.extend_from_slice(&key.to_be_bytes());
        let length = u16::try_from(value.len()).map_err(|_| "a parameter is too long")?;
        wire.extend_from_slice(&length.to_be_bytes());
        wire.extend_from_slice(&value);
    }
    Ok(wire)
}

/// Whether octets are parameters: keys rise strictly, lengths add up (RFC 9460 2.2).
pub(super) fn is_valid(mut octets: &[u8]) -> bool {
    let mut before = None;
    while let [key_high, key_low, length_high, length_low, rest @ ..] = octets {
        let key = u16::from_be_bytes([*key_high, *key_low]);
        let length = usize::from(u16::from_be_bytes([*length_high, *length_low]));
        if before.is_some_and(|before| before >= key) || rest.len() < length {
            return false;
        }
        before = Some(key);
        octets = &rest[length..];
    }
    octets.is_empty()
}

fn key_number(key: &str) -> Result<u16, String> {
    if let Some((_, number)) = KEYS.iter().find(|(name, _)| *name == key) {
        return Ok(*number);
    }
    let digits = key.strip_prefix("key").filter(|digits| *digits == "0" || !digits.starts_with('0'));
    digits
        .and_then(|digits| digits.parse().ok())
        .filter(|key| *key != u16::MAX)
        .ok_or_else(|| format!("{key:?} is no key of a service parameter"))
}

fn value(key: u16, text: Option<&str>) -> Result<Vec<u8>, String> {
    let given = || text.filter(|text| !text.is_empty()).ok_or_else(|| format!("key {key} takes a value"));
    let mut wire = Vec::new();
    match key {
        MANDATORY => {
            let mut keys = given()?.split(',').map(key_number).collect::<Result<Vec<u16>, String>>()?;
            keys.sort_unstable();
            if keys.windows(2).any(|pair| pair[0] == pair[1]) || keys.contains(&MANDATORY) {
                return Err("mandatory names a key twice, or itself".into());
            }
            wire.extend(keys.iter().flat_map(|key| key.to_be_bytes()));
        }
        ALPN => {
            for protocol in items(&unescape(given()?)?) {
                if protocol.is_empty() {
                    return Err("alpn has an empty protocol".into());
                }
                push_string(&mut wire, &protocol)?;
            }
        }
        NO_DEFAULT_ALPN if text.is_some() => return Err("no-default-alpn takes no value".into()),
        PORT => {
            let port: u16 = given()?.parse().map_err(|_| "port is no number up to 65535")?;
            wire.extend_from_slice(&port.to_be_bytes());
        }
        IPV4_HINT => {
            for address in given()?.split(',') {
                let address: Ipv4Addr = address.parse().map_err(|_| format!("{address:?} is no IPv4 address"))?;
                wire.extend_from_slice(&address.octets());
            }
        }
        IPV6_HINT => {
            for address in given()?.split(',') {
                let address: Ipv6Addr = address.parse().map_err(|_| format!("{address:?} is no IPv6 address"))?;
                wire.extend_from_slice(&address.octets());
            }
        }
        ECH => wire = base64(given()?)?,
        _ => wire = unescape(text.unwrap_or_default())?,
    }
    Ok(wire)
}

/// The items of a list with commas; `\,` is a comma inside one (RFC 9460 A.1).
fn items(octets: &[u8]) -> Vec<Vec<u8>> {
    let mut items = vec![Vec::new()];
    let mut octets = octets.iter();
    while let Some(octet) = octets.next() {
        let octet = match octet {
            b',' => {
                items.push(Vec::new());
                continue;
            }
            b'\\' => octets.next().unwrap_or(octet),
            _ => octet,
        };
        if let Some(item) = items.last_mut() {
            item.push(*octet);
        }
    }
    items
}

/// What is called mandatory must be there, and no-default-alpn needs alpn (RFC 9460 8 and 7.1.1).
fn check_mandatory(parameters: &BTreeMap<u16, Vec<u8>>) -> Result<(), String> {
    let named = parameters.get(&MANDATORY).into_iter().flat_map(|keys| keys.chunks_exact(2));
    for key in named.map(|pair| u16::from_be_bytes([pair[0], pair[1]])) {
        if !parameters.contains_key(&key) {
            return Err(format!("key {key} is mandatory and is not there"));
        }
    }
    if parameters.contains_key(&NO_DEFAULT_ALPN) && !parameters.contains_key(&ALPN) {
        return Err("no-default-alpn stands without alpn".into());
    }
    Ok(())
}
