//! Server cookies in the interoperable form (RFC 9018): any server with the secret knows them, none keeps
//! anything about a client.
//!
//! A server cookie is a version, three reserved octets, the time in seconds, and SipHash-2-4 of all that,
//! the client's cookie and the client's address.

use std::fmt;
use std::hash::Hasher as _;
use std::io;
use std::net::IpAddr;

use rustix::rand::{GetRandomFlags, getrandom};
use siphasher::sip::SipHasher24;

use super::edns::Cookie;
use crate::clock::Timestamp;
use crate::limits;

/// Octets of a secret.
const SECRET_OCTETS: usize = 16;
const VERSION: u8 = 1;

/// What signs server cookies; every server that answers at one address must have the same.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CookieSecret([u8; SECRET_OCTETS]);

impl CookieSecret {
    /// Reads 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<CookieSecret> {
        let mut secret = [0; SECRET_OCTETS];
        if text.len() != 2 * SECRET_OCTETS || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        for (octet, digits) in secret.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *octet = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(CookieSecret(secret))
    }

    /// A secret of this process.
    pub fn random() -> io::Result<CookieSecret> {
        let mut secret = [0; SECRET_OCTETS];
        // So few octets come whole (getrandom(2)).
        let octets = getrandom(&mut secret, GetRandomFlags::empty())?;
        if octets == SECRET_OCTETS { Ok(CookieSecret(secret)) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    /// SipHash-2-4 as the wire has it.
    fn sign(&self, client_cookie: [u8; 8], head: [u8; 8], client: IpAddr) -> [u8; 8] {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write(&client_cookie);
        hasher.write(&head);
        match client.to_canonical() {
            IpAddr::V4(address) => hasher.write(&address.octets()),
            IpAddr::V6(address) => hasher.write(&address.octets()),
        }
        hasher.finish().to_le_bytes()
    }
}

/// Secrets do not come into logs.
impl fmt::Debug for CookieSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("set")
    }
}

/// What is done about cookies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CookiePolicy {
    /// As if they were not known.
    Off,
    /// Clients that bring one get one.
    #[default]
    On,
    /// Only those with a valid one are answered over UDP (RFC 7873 5.2.3).
    Require,
}

impl CookiePolicy {
    /// Every policy.
    pub const ALL: [CookiePolicy; 3] = [CookiePolicy::Off, CookiePolicy::On, CookiePolicy::Require];

    /// The word in the settings.
    pub const fn name(self) -> &'static str {
        match self {
            CookiePolicy::Off => "off",
            CookiePolicy::On => "on",
            CookiePolicy::Require => "require",
        }
    }
}

/// What a query's COOKIE option is worth.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CookieStanding {
    /// There is none.
    Absent,
    /// The client's part only.
    New,
    /// Made here, for this client, not long ago.
    Valid,
    /// Made elsewhere, for somebody else, or too long ago.
    Invalid,
}

impl CookieStanding {
    /// Every standing.
    pub const ALL: [CookieStanding; 4] =
        [CookieStanding::Absent, CookieStanding::New, CookieStanding::Valid, CookieStanding::Invalid];

    /// The name in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            CookieStanding::Absent => "absent",
            CookieStanding::New => "new",
            CookieStanding::Valid => "valid",
            CookieStanding::Invalid => "invalid",
        }
    }
}

/// Makes and knows server cookies.
#[derive(Clone, Copy, Debug)]
pub struct Cookies {
    /// Signs.
    pub secret: CookieSecret,
    /// Signed before, or will sign soon: what it signs is known, too.
    pub other: Option<CookieSecret>,
    /// Whether only clients with a valid cookie are answered over UDP.
    pub required: bool,
}

impl Cookies {
    /// What a cookie is worth, and the one to send back.
    pub(super) fn judge(&self, cookie: &Cookie<'_>, client: IpAddr, now: Timestamp) -> (CookieStanding, [u8; 24]) {
        // The time is compared in a circle (RFC 9018 4.3), so its upper half is of no use.
        let now = now.as_secs() as u32;
        let standing = match cookie.server {
            [] => CookieStanding::New,
            server => match self.signer(cookie.client, server, client, now) {
                None => CookieStanding::Invalid,
                Some((secret, age)) if secret == self.secret && age <= limits::DNS_COOKIE_RENEWAL.as_secs() as i32 => {
                    let mut same = [0; 24];
                    same[..8].copy_from_slice(&cookie.client);
                    same[8..].copy_from_slice(server);
                    return (CookieStanding::Valid, same);
                }
                Some(_) => CookieStanding::Valid,
            },
        };
        (standing, self.make(cookie.client, client, now))
    }

    fn make(&self, client_cookie: [u8; 8], client: IpAddr, now: u32) -> [u8; 24] {
        let mut head = [VERSION, 0, 0, 0, 0, 0, 0, 0];
        head[4..].copy_from_slice(&now.to_be_bytes());
        let mut whole = [0; 24];
        whole[..8].copy_from_slice(&client_cookie);
        whole[8..16].copy_from_slice(&head);
        whole[16..].copy_from_slice(&self.secret.sign(client_cookie, head, client));
        whole
    }

    /// Who signed a server cookie, and how many seconds ago, if it still holds.
    fn signer(&self, client_cookie: [u8; 8], server: &[u8], client: IpAddr, now: u32) -> Option<(CookieSecret, i32)> {
        let server: &[u8; 16] = server.try_into().ok()?;
        let (head, hash) = server.split_first_chunk::<8>()?;
        let [version, _, _, _, time @ ..] = *head;
        let age = now.wrapping_sub(u32::from_be_bytes(time)).cast_signed();
        let oldest = limits::DNS_COOKIE_LIFE.as_secs() as i32;
        let ahead = limits::DNS_COOKIE_AHEAD.as_secs() as i32;
        if version != VERSION || !(-ahead..=oldest).contains(&age) {
            return None;
        }
        let known = [Some(self.secret), self.other];
        let secret = known.into_iter().flatten().find(|secret| secret.sign(client_cookie, *head, client) == hash)?;
        Some((secret, age))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets<const N: usize>(hex: &str) -> [u8; N] {
        assert_eq!(hex.len(), 2 * N);
        std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hex"))
    }

    fn cookies(secret: &str, other: Option<&str>) -> Cookies {
        let parse = |text| CookieSecret::parse(text).expect("a secret");
        Cookies { secret: parse(secret), other: other.map(parse), required: false }
    }

    fn judge(cookies: &Cookies, sent: &str, client: &str, now: u32) -> (CookieStanding, String) {
        let sent: Vec<u8> = (0..sent.len() / 2).map(|i| octets::<1>(&sent[2 * i..2 * i + 2])[0]).collect();
        let (client_cookie, server) = sent.split_first_chunk::<8>().expect("8 octets");
        let now = Timestamp::from_micros(u64::from(now) * 1_000_000);
        let cookie = Cookie { client: *client_cookie, server };
        let (standing, reply) = cookies.judge(&cookie, client.parse().expect("address"), now);
        (standing, reply.iter().map(|octet| format!("{octet:02x}")).collect())
    }

    /// RFC 9018, appendix A.
    #[test]
    fn the_cookies_of_the_rfc() {
        let one = cookies("e5e973e5a6b2a43f48e7dc849e37bfcf", None);
        // A.1: a new server cookie.
        let learned = "2464c4abcf10c957010000005cf79f111f8130c3eee29480";
        let (standing, reply) = judge(&one, "2464c4abcf10c957", "198.51.100.100", 0x5cf7_9f11);
        assert_eq!((standing, reply.as_str()), (CookieStanding::New, learned));
        // A.2: it is renewed 40 minutes later.
        let renewed = "2464c4abcf10c957010000005cf7a871d4a564a1442aca77";
        let (standing, reply) = judge(&one, learned, "198.51.100.100", 0x5cf7_a871);
        assert_eq!((standing, reply.as_str()), (CookieStanding::Valid, renewed));
        // A.3: another client, with reserved octets that are not zero.
        let sent = "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5";
        let (standing, reply) = judge(&one, sent, "203.0.113.203", 0x5cf7_9d61);
        assert_eq!(standing, CookieStanding::Valid);
        assert!(reply.starts_with("fc93fc62807ddb86010000005cf79d61"));
        // A.4: IPv6, and a secret that was replaced.
        let two = cookies("445536bcd2513298075a5d379663c962", Some("dd3bdf9344b678b185a6f5cb60fca715"));
        let sent = "22681ab97d52c298010000005cf7c57926556bd0934c72f8";
        let (standing, reply) = judge(&two, sent, "2001:db8:220:1:59de:d0f4:8769:82b8", 0x5cf7_c609);
        let expected = "22681ab97d52c298010000005cf7c609a6bb79d16625507a";
        assert_eq!((standing, reply.as_str()), (CookieStanding::Valid, expected));
    }

    #[test]
    fn a_cookie_holds_for_an_hour_for_its_client_only() {
        let ours = cookies("000102030405060708090a0b0c0d0e0f", None);
        let made = 1_000_000_000;
        let (_, cookie) = judge(&ours, "0102030405060708", "192.0.2.1", made);
        let standing = |client: &str, now: u32| judge(&ours, &cookie, client, now);
        assert_eq!(standing("192.0.2.1", made), (CookieStanding::Valid, cookie.clone()));
        assert_eq!(standing("192.0.2.1", made + 1800), (CookieStanding::Valid, cookie.clone()), "not renewed yet");
        let renewed = standing("192.0.2.1", made + 1801);
        assert!(renewed.0 == CookieStanding::Valid && renewed.1 != cookie);
        assert_eq!(standing("192.0.2.1", made + 3600).0, CookieStanding::Valid);
        assert_eq!(standing("192.0.2.1", made + 3601).0, CookieStanding::Invalid);
        assert_eq!(standing("192.0.2.1", made - 300).0, CookieStanding::Valid);
        assert_eq!(standing("192.0.2.1", made - 301).0, CookieStanding::Invalid);
        assert_eq!(standing("192.0.2.2", made).0, CookieStanding::Invalid);
        let others = cookies("000102030405060708090a0b0c0d0e10", None);
        assert_eq!(judge(&others, &cookie, "192.0.2.1", made).0, CookieStanding::Invalid);
        let longer = format!("{cookie}00");
        assert_eq!(judge(&ours, &longer, "192.0.2.1", made).0, CookieStanding::Invalid);
        let version = format!("{}02{}", &cookie[..16], &cookie[18..]);
        assert_eq!(judge(&ours, &version, "192.0.2.1", made).0, CookieStanding::Invalid);
    }

    #[test]
    fn secrets_are_32_digits_and_do_not_show() {
        let secret = CookieSecret::parse("000102030405060708090A0b0c0d0e0f").expect("a secret");
        assert_eq!(format!("{secret:?}"), "set");
        for text in ["", "00", "000102030405060708090a0b0c0d0e0", "+00102030405060708090a0b0c0d0e0f"] {
            assert_eq!(CookieSecret::parse(text), None, "{text}");
        }
        assert_ne!(CookieSecret::random().expect("random"), CookieSecret::random().expect("random"));
    }
}
