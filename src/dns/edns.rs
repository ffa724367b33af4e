//! EDNS options: those of a query that mean something here, and those of a reply with their exact size.
//!
//! | option | in a query | in a reply |
//! | --- | --- | --- |
//! | NSID (RFC 5001) | asked for, whatever octets it holds | the name of this server, if it has one |
//! | ECS (RFC 7871) | its form is checked | never: answers do not depend on it |
//! | COOKIE (RFC 7873) | 8, or 16 to 40 octets; the first one counts | the client's part and ours |
//! | keepalive (RFC 7828) | asked for if it is empty | over a stream |
//! | any other | ignored, and not echoed (R42) | extended errors (RFC 8914) |

use crate::zone::{ExtendedError, Rcode, Words};

const NSID: u16 = 3;
const CLIENT_SUBNET: u16 = 8;
const COOKIE: u16 = 10;
const KEEPALIVE: u16 = 11;
const EXTENDED_ERROR: u16 = 15;
/// Option code and length before the data.
const OPTION_HEAD: usize = 4;

/// The COOKIE option of a query.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Cookie<'p> {
    pub(super) client: [u8; 8],
    /// 8 to 32 octets, or none.
    pub(super) server: &'p [u8],
}

/// The options of a query.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Asked<'p> {
    pub(super) cookie: Option<Cookie<'p>>,
    pub(super) nsid: bool,
    pub(super) keepalive: bool,
}

impl<'p> Asked<'p> {
    /// Reads the RDATA of an OPT record; what came before a mistake is kept.
    pub(super) fn read(&mut self, mut options: &'p [u8]) -> Result<(), Rcode> {
        while !options.is_empty() {
            let (head, rest) = options.split_first_chunk::<OPTION_HEAD>().ok_or(Rcode::FormErr)?;
            let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
            let (data, rest) = rest.split_at_checked(length).ok_or(Rcode::FormErr)?;
            options = rest;
            match u16::from_be_bytes([head[0], head[1]]) {
                NSID => self.nsid = true,
                CLIENT_SUBNET => check_client_subnet(data)?,
                COOKIE => {
                    let cookie = read_cookie(data)?;
                    self.cookie.get_or_insert(cookie);
                }
                // A client that names a time breaks the rule (RFC 7828 3.2.1); it is as if it had not asked.
                KEEPALIVE => self.keepalive |= data.is_empty(),
                _ => {}
            }
        }
        Ok(())
    }
}

/// RFC 7873 5.2.2: any other length is a format error.
fn read_cookie(data: &[u8]) -> Result<Cookie<'_>, Rcode> {
    let (client, server) = data.split_first_chunk::<8>().ok_or(Rcode::FormErr)?;
    match server.len() {
        0 | 8..=32 => Ok(Cookie { client: *client, server }),
        _ => Err(Rcode::FormErr),
    }
}

/// As many octets of address as the prefix has, nothing set behind it, no scope (RFC 7871 6, 7.1.2).
fn check_client_subnet(data: &[u8]) -> Result<(), Rcode> {
    let (head, address) = data.split_first_chunk::<4>().ok_or(Rcode::FormErr)?;
    let [family_high, family_low, prefix, scope] = *head;
    let most = match u16::from_be_bytes([family_high, family_low]) {
        1 => 32,
        2 => 128,
        _ => u8::MAX,
    };
    let behind = address.last().map_or(0, |last| match prefix % 8 {
        0 => 0,
        bits => last & (0xff >> bits),
    });
    let fits = prefix <= most && scope == 0 && address.len() == usize::from(prefix).div_ceil(8) && behind == 0;
    if fits { Ok(()) } else { Err(Rcode::FormErr) }
}

/// The options of a reply but for the extended error, which comes with the answer.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Given<'a> {
    /// The client's cookie and ours.
    pub(super) cookie: Option<[u8; 24]>,
    pub(super) nsid: Option<&'a [u8]>,
    /// Units of 100 ms that an idle connection is kept.
    pub(super) keepalive: Option<u16>,
}

impl Given<'_> {
    /// Octets of all options.
    pub(super) fn octets(&self, extended: Option<ExtendedError>) -> usize {
        let data = [
            self.cookie.map(|cookie| cookie.len()),
            self.nsid.map(<[u8]>::len),
            self.keepalive.map(|_| 2),
            extended.map(|extended| 2 + extended.text.as_bytes().len()),
        ];
        data.into_iter().flatten().map(|octets| OPTION_HEAD + octets).sum()
    }

    /// Writes the RDATA of the OPT record, its length before it.
    pub(super) fn write(&self, out: &mut Vec<u8>, extended: Option<ExtendedError>) {
        out.extend_from_slice(&(self.octets(extended) as u16).to_be_bytes());
        if let Some(cookie) = &self.cookie {
            option(out, COOKIE, &[cookie]);
        }
        if let Some(nsid) = self.nsid {
            option(out, NSID, &[nsid]);
        }
        if let Some(units) = self.keepalive {
            option(out, KEEPALIVE, &[&units.to_be_bytes()]);
        }
        if let Some(extended) = extended {
            option(out, EXTENDED_ERROR, &[&extended.code.to_be_bytes(), extended.text.as_bytes()]);
        }
    }

    /// The same with what is nice to have left out, until it fits `most` octets: a long name in 512 octets of reply
    /// leaves room for the cookie always, for the rest not.
    pub(super) fn within(self, extended: Option<ExtendedError>, most: usize) -> (Self, Option<ExtendedError>) {
        if self.octets(extended) <= most {
            return (self, extended);
        }
        let bare = extended.map(|extended| ExtendedError { text: Words::Fixed(""), ..extended });
        if self.octets(bare) <= most {
            return (self, bare);
        }
        (Given { nsid: None, ..self }, bare)
    }
}

fn option(out: &mut Vec<u8>, code: u16, data: &[&[u8]]) {
    let length: usize = data.iter().map(|part| part.len()).sum();
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(&(length as u16).to_be_bytes());
    for part in data {
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(options: &[u8]) -> Result<Asked<'_>, Rcode> {
        let mut asked = Asked::default();
        asked.read(options).map(|()| asked)
    }

    fn of(code: u16, data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        option(&mut out, code, &[data]);
        out
    }

    #[test]
    fn known_options_are_read_and_others_passed_over() {
        let mut options = of(65_001, &[1, 2, 3]);
        options.extend(of(NSID, b"x"));
        options.extend(of(COOKIE, &[7; 24]));
        options.extend(of(COOKIE, &[8; 8]));
        options.extend(of(KEEPALIVE, &[]));
        let asked = read(&options).expect("well formed");
        let cookie = Cookie { client: [7; 8], server: &[7; 16] };
        assert_eq!(asked, Asked { cookie: Some(cookie), nsid: true, keepalive: true });
        assert!(!read(&of(KEEPALIVE, &[0, 1])).expect("ignored").keepalive);
        assert_eq!(read(&options[..options.len() - 1]), Err(Rcode::FormErr));
    }

    #[test]
    fn cookies_have_8_or_16_to_40_octets() {
        for length in 0..60 {
            let fits = length == 8 || (16..=40).contains(&length);
            assert_eq!(read(&of(COOKIE, &vec![1; length])).is_ok(), fits, "{length}");
        }
    }

    #[test]
    fn a_client_subnet_has_the_octets_of_its_prefix() {
        for (data, fits) in [
            (&[0, 1, 24, 0, 192, 0, 2][..], true),
            (&[0, 1, 20, 0, 192, 0, 16], true),
            (&[0, 1, 20, 0, 192, 0, 17], false),
            (&[0, 1, 24, 0, 192, 0], false),
            (&[0, 1, 24, 0, 192, 0, 2, 0], false),
            (&[0, 1, 24, 8, 192, 0, 2], false),
            (&[0, 1, 33, 0, 1, 2, 3, 4, 0], false),
            (&[0, 1, 0, 0], true),
            (&[0, 2, 32, 0, 0x20, 1, 0xd, 0xb8], true),
            (&[0, 1, 24], false),
            (&[], false),
        ] {
            assert_eq!(read(&of(CLIENT_SUBNET, data)).is_ok(), fits, "{data:?}");
        }
    }

    #[test]
    fn sizes_are_exact_and_the_cookie_stays() {
        let given = Given { cookie: Some([1; 24]), nsid: Some(b"n1"), keepalive: Some(300) };
        let extended = Some(ExtendedError { code: 20, text: Words::Fixed("text") });
        let mut out = Vec::new();
        given.write(&mut out, extended);
        assert_eq!(out.len(), 2 + given.octets(extended));
        assert_eq!(given.within(extended, 100), (given, extended));
        let bare = Some(ExtendedError { code: 20, text: Words::Fixed("") });
        assert_eq!(given.within(extended, 47), (given, bare));
        assert_eq!(given.within(extended, 40), (Given { nsid: None, ..given }, bare));
    }
}
