//! Response rate limiting: a forged source gets a trickle, so this server is no amplifier worth using (R63).
//!
//! Replies over UDP are counted by the client's network (/24, /56) and by what they say: a name that exists, or
//! a zone and a response code. What is past the rate is silence, every second time an empty reply with TC,
//! which a real client follows to TCP; who has shown a valid cookie is not counted, nor are the networks that
//! are exempt.
//!
//! The counts are leaky buckets in a table of fixed size, one word each, without a lock. Two flows that share a
//! bucket replace each other there: then both are counted too low for a moment.

use std::hash::Hasher as _;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use siphasher::sip::SipHasher24;

use super::settings::Networks;
use crate::clock::Timestamp;
use crate::limits;

/// What is limited.
#[derive(Clone, Debug)]
pub struct RateLimit {
    /// Replies a second, to one network about one thing; 1 to [`DNS_RATE_MOST`](limits::DNS_RATE_MOST).
    pub rate: u32,
    /// Networks that are never limited.
    pub exempt: Networks,
}

/// What becomes of a reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// It is sent.
    Send,
    /// An empty one with TC takes its place.
    Slip,
    /// It is not sent.
    Drop,
}

/// What a reply says, for counting.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject<'q> {
    /// Of a name that exists: the name in wire form, any case.
    Name(&'q [u8]),
    /// Anything else: of a zone, by its place, and a response code.
    Zone(usize, u16),
}

/// Counts replies.
pub struct Limiter {
    limit: RateLimit,
    /// Nobody shall find two flows that share a bucket but by chance.
    key: [u8; 16],
    buckets: Box<[AtomicU64]>,
}

impl Limiter {
    /// Empty counts; `seed` decides which flows share a bucket.
    pub fn new(limit: RateLimit, seed: u64) -> Limiter {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let buckets = (0..limits::DNS_RATE_BUCKETS).map(|_| AtomicU64::new(0)).collect();
        Limiter { limit, key, buckets }
    }

    /// Counts a reply, and says what becomes of it.
    pub(super) fn judge(&self, client: IpAddr, subject: Subject<'_>, now: Timestamp) -> Verdict {
        if self.limit.exempt.contain(client) {
            return Verdict::Send;
        }
        let hash = self.hash(client, subject);
        let place = (hash >> 32) as usize % self.buckets.len();
        let mut verdict = Verdict::Send;
        let count = |word: u64| {
            let (next, said) = Bucket::unpack(word).count(hash as u16, now, self.limit.rate);
            verdict = said;
            Some(next.pack())
        };
        // It always counts: the closure never says no.
        let _ = self.buckets[place].fetch_update(Ordering::Relaxed, Ordering::Relaxed, count);
        verdict
    }

    fn hash(&self, client: IpAddr, subject: Subject<'_>) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        match client.to_canonical() {
            IpAddr::V4(address) => hasher.write(&address.octets()[..3]),
            IpAddr::V6(address) => hasher.write(&address.octets()[..7]),
        }
        match subject {
            Subject::Name(name) => name.iter().for_each(|octet| hasher.write_u8(octet.to_ascii_lowercase())),
            Subject::Zone(zone, code) => {
                hasher.write_usize(zone);
                hasher.write_u16(code);
            }
        }
        hasher.finish()
    }
}

/// A leaky bucket: what was replied lately, less what the rate allows since.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Bucket {
    /// Whose it is, as far as 16 bits tell.
    tag: u16,
    /// Whether the last reply past the rate was dropped: then the next one slips.
    dropped: bool,
    /// 23 bits: more than [`limits::DNS_RATE_WINDOW`] at the highest rate.
    level: u32,
    /// 24 bits of the second of the last count.
    second: u32,
}

const LEVEL_BITS: u32 = 23;
const SECOND_BITS: u32 = 24;

impl Bucket {
    fn unpack(word: u64) -> Bucket {
        Bucket {
            tag: word as u16,
            dropped: word >> 16 & 1 == 1,
            level: (word >> 17) as u32 & ((1 << LEVEL_BITS) - 1),
            second: (word >> 40) as u32,
        }
    }

    fn pack(self) -> u64 {
        u64::from(self.tag) | u64::from(self.dropped) << 16 | u64::from(self.level) << 17 | u64::from(self.second) << 40
    }

    fn count(self, tag: u16, now: Timestamp, rate: u32) -> (Bucket, Verdict) {
        let second = now.as_secs() as u32 & ((1 << SECOND_BITS) - 1);
        if self.tag != tag {
            return (Bucket { tag, dropped: false, level: 1, second }, Verdict::Send);
        }
        let passed = second.wrapping_sub(self.second) & ((1 << SECOND_BITS) - 1);
        let left = self.level.saturating_sub(rate.saturating_mul(passed));
        let most = rate * limits::DNS_RATE_WINDOW;
        let level = (left + 1).min(most);
        let verdict = match (level > rate, self.dropped) {
            (false, _) => Verdict::Send,
            (true, true) => Verdict::Slip,
            (true, false) => Verdict::Drop,
        };
        (Bucket { tag, dropped: verdict == Verdict::Drop, level, second }, verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: Subject<'_> = Subject::Name(b"\x03web\x05local\0");

    fn limiter(rate: u32) -> Limiter {
        Limiter::new(RateLimit { rate, exempt: Networks::new(&[("10.0.0.0".parse().expect("address"), 8)]) }, 7)
    }

    fn at(second: u64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000)
    }

    /// How many of some replies in one second are sent, slip and are dropped.
    fn run(limiter: &Limiter, client: &str, subject: Subject<'_>, second: u64, replies: usize) -> [usize; 3] {
        let client = client.parse().expect("address");
        let mut counts = [0; 3];
        for _ in 0..replies {
            counts[limiter.judge(client, subject, at(second)) as usize] += 1;
        }
        counts
    }

    #[test]
    fn what_is_past_the_rate_slips_or_is_dropped() {
        let limiter = limiter(10);
        assert_eq!(run(&limiter, "192.0.2.1", WEB, 1, 10), [10, 0, 0]);
        assert_eq!(run(&limiter, "192.0.2.9", WEB, 1, 100), [0, 50, 50], "the same /24");
        assert_eq!(run(&limiter, "192.0.3.1", WEB, 1, 10), [10, 0, 0], "another");
        assert_eq!(run(&limiter, "192.0.2.1", Subject::Name(b"\x03WEB\x05local\0"), 1, 2), [0, 1, 1], "the same name");
        assert_eq!(run(&limiter, "192.0.2.1", Subject::Zone(0, 3), 1, 11), [10, 0, 1]);
        assert_eq!(run(&limiter, "10.0.0.1", WEB, 1, 1000), [1000, 0, 0], "exempt");
        assert_eq!(run(&limiter, "2001:db8::1", WEB, 1, 10), [10, 0, 0]);
        assert_eq!(run(&limiter, "2001:db8:0:ff::1", WEB, 1, 2), [0, 1, 1], "the same /56");
    }

    #[test]
    fn a_flood_is_forgotten_after_its_window() {
        let limiter = limiter(10);
        run(&limiter, "192.0.2.1", WEB, 100, 100_000);
        let window = u64::from(limits::DNS_RATE_WINDOW);
        assert_eq!(run(&limiter, "192.0.2.1", WEB, 100 + window - 2, 1)[0], 0);
        assert_eq!(run(&limiter, "192.0.2.1", WEB, 100 + window + 1, 10), [10, 0, 0]);
        // A steady client below the rate never notices.
        for second in 200..400 {
            assert_eq!(run(&limiter, "198.51.100.1", WEB, second, 10), [10, 0, 0]);
        }
    }

    #[test]
    fn a_bucket_is_one_word() {
        let rate = limits::DNS_RATE_MOST;
        let full = Bucket { tag: 0xffff, dropped: true, level: rate * limits::DNS_RATE_WINDOW, second: 0xff_ffff };
        assert_eq!(Bucket::unpack(full.pack()), full);
        assert!(full.level < 1 << LEVEL_BITS);
    }
}
