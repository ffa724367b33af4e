//! What hosts of one form say, prepared: one line of octets a host, side by side, as records have them.
//!
//! Most sets of hosts are alike: one port each, one address of each family, none of them twice. Their records are known
//! when the set is made but for the TTL, and that is the policy's while no lease in the set is near its end. So an
//! answer reads one piece of memory instead of two places a host, and looks at the leases only when one of them may
//! have become short: a set knows a moment up to which none has. Leases only get longer, so the moment stays true. It
//! stands before the lines: one place is one wait for memory.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use smallvec::SmallVec;

use crate::clock::Timestamp;
use crate::table::Host;

/// Octets of priority, weight and port, in the order of an SRV record (RFC 2782).
pub(super) const SERVICE_OCTETS: usize = 6;
/// Octets of the longest line: one address of each family.
pub(super) const LINE_OCTETS: usize = SERVICE_OCTETS + 4 + 16;

/// The addresses of a host, the first one first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    V4,
    V6,
    V4V6,
    V6V4,
}

impl Shape {
    /// That of a host; `None` where a line has no place for all its addresses.
    fn of(host: &Host) -> Option<Shape> {
        match host.target.addresses() {
            [IpAddr::V4(_)] => Some(Shape::V4),
            [IpAddr::V6(_)] => Some(Shape::V6),
            [IpAddr::V4(_), IpAddr::V6(_)] => Some(Shape::V4V6),
            [IpAddr::V6(_), IpAddr::V4(_)] => Some(Shape::V6V4),
            _ => None,
        }
    }

    /// The octets of the addresses, in their order.
    pub(super) const fn addresses(self) -> &'static [usize] {
        match self {
            Shape::V4 => &[4],
            Shape::V6 => &[16],
            Shape::V4V6 => &[4, 16],
            Shape::V6V4 => &[16, 4],
        }
    }

    /// Where the address of a family stands in a line.
    pub(super) const fn place(self, v6: bool) -> Option<usize> {
        match (self, v6) {
            (Shape::V4 | Shape::V4V6, false) | (Shape::V6 | Shape::V6V4, true) => Some(SERVICE_OCTETS),
            (Shape::V4V6, true) => Some(SERVICE_OCTETS + 4),
            (Shape::V6V4, false) => Some(SERVICE_OCTETS + 16),
            (Shape::V4, true) | (Shape::V6, false) => None,
        }
    }

    /// Octets of a line.
    pub(super) const fn octets(self) -> usize {
        match self {
            Shape::V4 => SERVICE_OCTETS + 4,
            Shape::V6 => SERVICE_OCTETS + 16,
            Shape::V4V6 | Shape::V6V4 => LINE_OCTETS,
        }
    }
}

/// The lines of a set of hosts that are alike.
#[derive(Debug)]
pub(super) struct Rows<L: ?Sized = [u8]> {
    /// Microseconds: up to then every lease has the policy's TTL left, or more.
    calm_until: AtomicU64,
    /// The lines, and zeros behind them.
    lines: L,
}

impl Rows {
    /// The lines of `hosts`, which have one port each; `None` where they are not alike.
    pub(super) fn of(hosts: &[Arc<Host>]) -> Option<(Shape, Arc<Rows>)> {
        let shape = Shape::of(hosts.first()?)?;
        let mut lines: SmallVec<[u8; 256]> = SmallVec::new();
        for host in hosts {
            if Shape::of(host) != Some(shape) {
                return None;
            }
            lines.extend_from_slice(&line(host)?[..shape.octets()]);
        }
        // With what stands before them, sizes of which allocators have memory.
        let rows: Arc<Rows> = match lines.len() {
            0..=24 => Rows::sized::<24>(&lines),
            25..=56 => Rows::sized::<56>(&lines),
            57..=72 => Rows::sized::<72>(&lines),
            73..=104 => Rows::sized::<104>(&lines),
            105..=136 => Rows::sized::<136>(&lines),
            137..=168 => Rows::sized::<168>(&lines),
            169..=232 => Rows::sized::<232>(&lines),
            233..=296 => Rows::sized::<296>(&lines),
            297..=360 => Rows::sized::<360>(&lines),
            361..=488 => Rows::sized::<488>(&lines),
            489..=616 => Rows::sized::<616>(&lines),
            617..=872 => Rows::sized::<872>(&lines),
            873..=1256 => Rows::sized::<1256>(&lines),
            1257..=1768 => Rows::sized::<1768>(&lines),
            _ => return None,
        };
        Some((shape, rows))
    }

    fn sized<const N: usize>(octets: &[u8]) -> Arc<Rows<[u8; N]>> {
        let mut lines = [0; N];
        lines[..octets.len()].copy_from_slice(octets);
        Arc::new(Rows { calm_until: AtomicU64::new(0), lines })
    }

    pub(super) fn lines(&self) -> &[u8] {
        &self.lines
    }

    /// Reads something of each piece of memory that they are in.
    pub(super) fn touch(&self) -> usize {
        /// Octets that a processor fetches at a time.
        const PIECE: usize = 64;
        self.lines.iter().step_by(PIECE).map(|octet| usize::from(*octet)).sum()
    }

    /// Whether every lease has the policy's TTL left at `now`, as far as is known without a look at them.
    pub(super) fn is_calm(&self, now: Timestamp) -> bool {
        now.as_micros() <= self.calm_until.load(Ordering::Relaxed)
    }

    /// Keeps that the first lease ends at `end`, if it stays as it is.
    pub(super) fn keep(&self, end: Option<Timestamp>, ttl: u32) {
        let calm = end.map_or(u64::MAX, |end| end.as_micros().saturating_sub(u64::from(ttl) * 1_000_000));
        self.calm_until.store(calm, Ordering::Relaxed);
    }
}

/// The line of a host and its shape; what is behind its octets is zero.
pub(super) fn line_of(host: &Host) -> Option<(Shape, [u8; LINE_OCTETS])> {
    Some((Shape::of(host)?, line(host)?))
}

fn line(host: &Host) -> Option<[u8; LINE_OCTETS]> {
    let [port] = &host.ports[..] else { return None };
    let mut line = [0; LINE_OCTETS];
    let mut at = 0;
    let mut push = |octets: &[u8]| {
        line[at..at + octets.len()].copy_from_slice(octets);
        at += octets.len();
    };
    for value in [host.priority, host.weight, port.number] {
        push(&value.to_be_bytes());
    }
    for address in host.target.addresses() {
        match address {
            IpAddr::V4(v4) => push(&v4.octets()),
            IpAddr::V6(v6) => push(&v6.octets()),
        }
    }
    Some(line)
}
