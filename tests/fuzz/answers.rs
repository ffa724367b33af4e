//! `dns::respond` itself: the same for every transport.

use std::time::Duration;

use rollcall::clock::Timestamp;
use rollcall::dns::{self, Outcome, Transport};
use rollcall::zone::{Random, Zones};

use crate::dice::Dice;
use crate::packets::{self, DATA_TYPES};
use crate::play::play;
use crate::rules::{self, FORM_ERR, NO_ERROR, NX_DOMAIN, Reply};
use crate::{wire, world};

/// What an answer depends on beside the packet and its transport.
pub(crate) struct Asked<'z> {
    pub(crate) zones: &'z Zones,
    pub(crate) loaded: bool,
    pub(crate) now: Timestamp,
    pub(crate) seed: u64,
}

impl Asked<'_> {
    /// Asks the engine; whether it gave a reply, which is then in `out`.
    pub(crate) fn respond(&self, packet: &[u8], transport: Transport, out: &mut Vec<u8>) -> bool {
        let mut random = Random::new(self.seed);
        let settings = dns::Settings::default();
        let view =
            dns::View { zones: self.zones, loaded: self.loaded, settings: &settings, limiter: None, stale: false };
        let request = dns::Request::own(packet, transport);
        let outcome = dns::respond(&view, &request, self.now, &mut random, out);
        !matches!(outcome, Outcome::Dropped(_))
    }

    /// Asks and checks all that holds for every reply.
    pub(crate) fn check(&self, packet: &[u8], transport: Transport, out: &mut Vec<u8>) -> Option<Reply> {
        let answered = self.respond(packet, transport, out);
        assert_eq!(answered, !rules::is_silent(packet), "silence to what is no query, a reply to all else");
        answered.then(|| rules::check(packet, transport, out))
    }
}

#[test]
fn answers() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let server = runtime.block_on(world::start());
    let snapshot = server.registry.snapshot_arc();
    let start = server.registry.now();
    let names = world::names();
    let mut out = Vec::new();
    play("answers", 3000, |_, dice, trace| {
        let moment = Duration::from_millis(dice.below(20_000) as u64);
        let asked =
            Asked { zones: &snapshot.zones, loaded: !dice.once_in(32), now: start.after(moment), seed: dice.bits() };
        let query = packets::packet(dice, &names);
        let transport = *dice.pick(&Transport::ALL);
        trace.input("moment", format!("{moment:?} {transport:?} loaded {}", asked.loaded).as_bytes());
        trace.input("query", &query.packet);
        let Some(reply) = asked.check(&query.packet, transport, &mut out) else { return };
        trace.input("reply", &out);
        rules::check_independently(&out);
        if query.plain {
            assert_ne!(reply.rcode, FORM_ERR, "a good query");
        }
        if reply.truncated || dice.once_in(8) {
            check_transports(&asked, &query.packet, &mut out);
        }
        if dice.once_in(16) {
            check_existence(&asked, dice, &names, &mut out);
        }
    });
    drop(server);
}

/// TC over UDP if and only if a stream brings more of the answer (R34, R37).
pub(crate) fn check_transports(asked: &Asked<'_>, packet: &[u8], out: &mut Vec<u8>) {
    let Some(datagram) = asked.check(packet, Transport::Udp, out) else { return };
    let size = out.len();
    let Some(stream) = asked.check(packet, Transport::Tcp, out) else { return };
    if ![NO_ERROR, NX_DOMAIN].contains(&datagram.rcode) || datagram.rcode != stream.rcode {
        return;
    }
    assert!(!stream.truncated || out.len() > 60_000, "room for all on a stream");
    let less = datagram.counts() != stream.counts();
    assert_eq!(
        datagram.truncated,
        less,
        "{size} octets of {}: {:?} {:?}",
        out.len(),
        datagram.counts(),
        stream.counts()
    );
}

/// At one instant all types say the same of whether a name exists (R14, R16).
pub(crate) fn check_existence(asked: &Asked<'_>, dice: &mut Dice, names: &[Vec<u8>], out: &mut Vec<u8>) {
    let name = packets::name(dice, names);
    let mut said = None;
    for qtype in DATA_TYPES.into_iter().chain([wire::ANY, wire::A]) {
        let mut packet = vec![0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        packet.extend(&name);
        packet.extend(qtype.to_be_bytes());
        packet.extend([0, 1]);
        let reply = asked.check(&packet, Transport::Tcp, out).expect("a reply");
        // What stands behind an alias is another name.
        if reply.follows() {
            return;
        }
        let first = *said.get_or_insert((qtype, reply.rcode));
        assert_eq!(first.1, reply.rcode, "{} is {first:?} and {qtype}", name.escape_ascii());
    }
}
