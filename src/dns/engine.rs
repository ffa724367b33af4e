//! From a packet to a reply: the one way every transport takes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::query::{self, Parsed, Transport};
use super::reply;
use super::stats::Stats;
use crate::clock::Timestamp;
use crate::registry::Registry;
use crate::zone::{Asker, ExtendedError, Question, Random, Rcode, Words, Zones};

const NOT_AUTHORITATIVE: ExtendedError =
    ExtendedError { code: 20, text: Words::Fixed("no zone of this server holds the name") };
const NOT_READY: ExtendedError = ExtendedError { code: 14, text: Words::Fixed("the table is not loaded yet") };

/// Octets of an A record whose owner is a pointer: no record of hosts is shorter.
const SHORTEST_RECORD: usize = 16;

/// What became of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// No reply.
    Dropped,
    /// A reply is in the buffer.
    Answered(Answered),
}

/// The facts of a reply that are counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answered {
    /// The place of the zone in [`Zones`]; `None` outside all.
    pub zone: Option<usize>,
    /// The type asked for, 0 where none could be read.
    pub qtype: u16,
    /// The response code.
    pub rcode: Rcode,
    /// Whether TC is set.
    pub truncated: bool,
}

/// Answers a packet from zones, leaving `spare` octets of what the client can take unused. Until the table is `loaded`
/// nothing is said of zones with hosts. Pure: any octets give a reply in `out` or silence.
#[allow(clippy::too_many_arguments, reason = "everything an answer depends on")]
pub fn respond(
    zones: &Zones,
    loaded: bool,
    packet: &[u8],
    transport: Transport,
    spare: usize,
    now: Timestamp,
    random: &mut Random,
    out: &mut Vec<u8>,
) -> Outcome {
    let query = match query::parse(packet, transport) {
        Parsed::Drop => return Outcome::Dropped,
        Parsed::Error(envelope, rcode, extended) => {
            reply::write_error(out, &envelope, rcode, extended);
            return Outcome::Answered(Answered { zone: None, qtype: 0, rcode, truncated: false });
        }
        Parsed::Query(query) => query,
    };
    let most = query.envelope.reply_octets(transport) - spare;
    let qtype = query.qtype;
    let error = |out: &mut Vec<u8>, rcode, extended| {
        reply::write_error(out, &query.envelope, rcode, Some(extended));
        Outcome::Answered(Answered { zone: None, qtype, rcode, truncated: false })
    };
    let name = query.name.as_wire();
    let question = Question { name, qtype };
    let Some(zone) = zones.find_for(&question) else {
        return error(out, Rcode::Refused, NOT_AUTHORITATIVE);
    };
    // "No such name" may be said only by who knows all names (R18).
    if !loaded && !zone.is_static() {
        return error(out, Rcode::ServFail, NOT_READY);
    }
    let asker = Asker { now, room: most / SHORTEST_RECORD, client: 0, explain: query.envelope.edns.is_some() };
    let answer = zone.answer(&question, &asker, random);
    let truncated = reply::write(out, &query.envelope, &answer, Some(zone.origin()), most);
    Outcome::Answered(Answered { zone: Some(zone.place), qtype, rcode: answer.rcode, truncated })
}

/// The answering side of the program: the published zones, a clock, counters.
pub struct Engine {
    registry: Arc<Registry>,
    stats: Arc<Stats>,
    seed: AtomicU64,
}

impl Engine {
    /// An engine over a registry; `seed` starts the random orders of its workers.
    pub fn new(registry: Arc<Registry>, seed: u64) -> Engine {
        let zones: Vec<String> = registry.snapshot().zones.iter().map(|zone| zone.origin().to_string()).collect();
        Engine { registry, stats: Arc::new(Stats::new(zones)), seed: AtomicU64::new(seed) }
    }

    /// The counters, for the metrics.
    pub fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }

    /// A generator for one worker.
    pub fn random(&self) -> Random {
        Random::new(self.seed.fetch_add(0x5851_f42d_4c95_7f2d, Ordering::Relaxed))
    }

    /// Answers one packet into `out`; says whether there is anything to send.
    pub fn respond(&self, packet: &[u8], transport: Transport, random: &mut Random, out: &mut Vec<u8>) -> bool {
        self.respond_short(packet, transport, 0, random, out)
    }

    /// [`Engine::respond`] with `spare` octets left unused, at most 300.
    pub fn respond_short(
        &self,
        packet: &[u8],
        transport: Transport,
        spare: usize,
        random: &mut Random,
        out: &mut Vec<u8>,
    ) -> bool {
        let now = self.registry.now();
        let snapshot = self.registry.snapshot();
        // A fault in one answer must not end a worker; the client gets silence and asks again.
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            respond(&snapshot.zones, snapshot.loaded, packet, transport, spare, now, random, out)
        }));
        match outcome {
            Ok(Outcome::Dropped) => self.stats.dropped(),
            Ok(Outcome::Answered(answered)) => {
                self.stats.answered(&answered, transport, out.len(), self.registry.now().since(now));
                return true;
            }
            Err(_) => self.stats.panicked(),
        }
        false
    }
}
