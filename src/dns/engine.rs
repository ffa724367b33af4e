//! From a packet to a reply: the one way every transport takes.

use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::Guard;
use smallvec::SmallVec;

use super::chaos;
use super::cookie::CookieStanding;
use super::edns::Given;
use super::fast;
use super::query::{self, DropReason, Envelope, Parsed, Task, Transport};
use super::query_log::QueryLog;
use super::rate::{Limiter, Subject, Verdict};
use super::reply::{Code, Reply};
use super::settings::Settings;
use super::stats::{Stats, Tally};
use crate::clock::Timestamp;
use crate::registry::{Registry, Snapshot};
use crate::zone::{ABREAST, Ahead, Answer, Asker, Authority, ExtendedError, Question, Random, Rcode, Words, Zones};

const NOT_AUTHORITATIVE: ExtendedError =
    ExtendedError { code: 20, text: Words::Fixed("no zone of this server holds the name") };
const NOT_READY: ExtendedError = ExtendedError { code: 14, text: Words::Fixed("the table is not loaded yet") };
const TOO_OLD: ExtendedError =
    ExtendedError { code: 14, text: Words::Fixed("the store cannot be reached for too long") };
const NOT_SUPPORTED: ExtendedError = ExtendedError { code: 21, text: Words::Fixed("only class IN is served") };
const PROHIBITED: ExtendedError =
    ExtendedError { code: 18, text: Words::Fixed("queries from this address are not allowed") };

/// Octets of an A record whose owner is a pointer: no record of hosts is shorter.
const SHORTEST_RECORD: usize = 16;

/// What replies are made from.
#[derive(Clone, Copy)]
pub struct View<'v> {
    /// The zones as published.
    pub zones: &'v Zones,
    /// Whether the table is loaded; until then nothing is said of zones with hosts.
    pub loaded: bool,
    /// What the operator decided.
    pub settings: &'v Settings,
    /// Counts of replies, where they are limited.
    pub limiter: Option<&'v Limiter>,
    /// Whether the table may be older than its engine, which cannot be reached (R101).
    pub stale: bool,
}

/// A packet and how it came.
#[derive(Clone, Copy, Debug)]
pub struct Request<'p> {
    /// The message.
    pub packet: &'p [u8],
    /// How it came.
    pub transport: Transport,
    /// Who sent it; `None` where this process asks itself.
    pub client: Option<IpAddr>,
    /// Octets of what the client can take that are left unused, at most 300.
    pub spare: usize,
    /// How long the connection is kept when it is idle, for clients that ask (RFC 7828); `None` tells nobody.
    pub keep: Option<Duration>,
    /// What stands at its name in the zones of the view, where that was looked up before.
    pub ahead: Ahead<'p>,
}

impl<'p> Request<'p> {
    /// A packet that this process asks itself.
    pub fn own(packet: &'p [u8], transport: Transport) -> Request<'p> {
        Request { packet, transport, client: None, spare: 0, keep: None, ahead: Ahead::default() }
    }
}

/// What became of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// No reply.
    Dropped(DropReason),
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
    pub code: Code,
    /// Whether TC is set.
    pub truncated: bool,
    /// Whether the query had EDNS.
    pub edns: bool,
    /// What the query's cookie was worth.
    pub cookie: CookieStanding,
    /// Whether the client was told how long its connection is kept.
    pub keeps: bool,
}

/// Answers a packet. Pure: any octets give a reply in `out` or silence.
pub fn respond(
    view: &View<'_>,
    request: &Request<'_>,
    now: Timestamp,
    random: &mut Random,
    out: &mut Vec<u8>,
) -> Outcome {
    let outcome = if view.stale { None } else { fast::respond(view, request, now, random, out) };
    outcome.unwrap_or_else(|| respond_in_full(view, request, now, random, out))
}

/// [`respond`] without its short way: the same reply, and the oracle of it.
pub fn respond_in_full(
    view: &View<'_>,
    request: &Request<'_>,
    now: Timestamp,
    random: &mut Random,
    out: &mut Vec<u8>,
) -> Outcome {
    let (envelope, task) = match query::parse(request.packet, request.transport) {
        Parsed::Drop(reason) => return Outcome::Dropped(reason),
        Parsed::Reply(envelope, task) => (envelope, task),
    };
    let (cookie, options) = options(view.settings, &envelope, request, now);
    let exchange = Exchange { view, request, envelope: &envelope, cookie, options };
    let answered = exchange.run(task, now, random, out);
    exchange.judged(answered, now, out)
}

/// What the query's cookie is worth, and the options of the reply.
pub(super) fn options<'s>(
    settings: &'s Settings,
    envelope: &Envelope<'_>,
    request: &Request<'_>,
    now: Timestamp,
) -> (CookieStanding, Given<'s>) {
    let Some(edns) = &envelope.edns else { return (CookieStanding::Absent, Given::default()) };
    let mut given = Given::default();
    let mut standing = CookieStanding::Absent;
    if let (Some(cookies), Some(cookie), Some(client)) = (&settings.cookies, &edns.asked.cookie, request.client) {
        let (worth, reply) = cookies.judge(cookie, client, now);
        standing = worth;
        given.cookie = Some(reply);
    }
    if edns.asked.nsid {
        given.nsid = settings.nsid.as_ref().map(|nsid| nsid.as_bytes());
    }
    // On datagrams the option means nothing (RFC 7828 3.2.1).
    if let (true, Transport::Tcp, Some(keep)) = (edns.asked.keepalive, request.transport, request.keep) {
        given.keepalive = Some(u16::try_from(keep.as_millis() / 100).unwrap_or(u16::MAX));
    }
    (standing, given)
}

/// One query on its way to its reply.
pub(super) struct Exchange<'e> {
    pub(super) view: &'e View<'e>,
    pub(super) request: &'e Request<'e>,
    pub(super) envelope: &'e Envelope<'e>,
    pub(super) cookie: CookieStanding,
    pub(super) options: Given<'e>,
}

impl Exchange<'_> {
    fn run(&self, task: Task, now: Timestamp, random: &mut Random, out: &mut Vec<u8>) -> Answered {
        if let Task::Error(rcode, extended) = task {
            return self.error(out, 0, rcode, extended);
        }
        if !self.may_ask() {
            return self.error(out, task.qtype(), Rcode::Refused, Some(PROHIBITED));
        }
        if let Some(answered) = self.challenge(task, out) {
            return answered;
        }
        match task {
            Task::Chaos(name, qtype) => self.chaos(name.as_wire(), qtype, out),
            Task::Query(name, qtype) => self.query(&Question { name: name.as_wire(), qtype }, now, random, out),
            Task::Cookie | Task::Error(..) => self.error(out, 0, Rcode::NoError, None),
        }
    }

    fn may_ask(&self) -> bool {
        self.request.client.is_none_or(|client| self.view.settings.allow_query.contain(client))
    }

    /// Whether a query is answered for what it asks, whoever sends it.
    pub(super) fn is_admitted(&self) -> bool {
        let needs_cookie = self.request.transport == Transport::Udp
            && self.cookie != CookieStanding::Valid
            && self.view.settings.cookies.as_ref().is_some_and(|cookies| cookies.required);
        self.may_ask() && !needs_cookie
    }

    /// Sends away who has to show a cookie and does not: with one that will do, or to a stream.
    fn challenge(&self, task: Task, out: &mut Vec<u8>) -> Option<Answered> {
        let cookies = self.view.settings.cookies.as_ref();
        let answer = Answer::error(Rcode::NoError, None);
        let reply = self.reply(&answer);
        let bad = Reply { code: Code::BadCookie, ..reply };
        let reply = match (task, self.cookie) {
            (Task::Cookie, _) if cookies.is_none() => return Some(self.error(out, 0, Rcode::FormErr, None)),
            // RFC 7873 5.4: the client wants to know.
            (Task::Cookie, CookieStanding::Invalid) => bad,
            (Task::Cookie, _) | (_, CookieStanding::Valid) => return None,
            _ if self.request.transport == Transport::Tcp || !cookies.is_some_and(|cookies| cookies.required) => {
                return None;
            }
            (_, CookieStanding::New | CookieStanding::Invalid) => bad,
            (_, CookieStanding::Absent) => Reply { by_stream: true, ..reply },
        };
        Some(self.finish(task.qtype(), None, reply, out))
    }

    fn chaos(&self, name: &[u8], qtype: u16, out: &mut Vec<u8>) -> Answered {
        let identity = self.view.settings.identity.as_deref();
        let Some(text) = identity.and_then(|identity| chaos::text(name, qtype, identity)) else {
            return self.error(out, qtype, Rcode::Refused, Some(NOT_SUPPORTED));
        };
        let rdata = chaos::rdata(text);
        let answer = chaos::answer(&rdata);
        self.finish(qtype, None, self.reply(&answer), out)
    }

    fn query(&self, question: &Question<'_>, now: Timestamp, random: &mut Random, out: &mut Vec<u8>) -> Answered {
        let qtype = question.qtype;
        let Some(zone) = self.view.zones.find_for(question) else {
            return self.error(out, qtype, Rcode::Refused, Some(NOT_AUTHORITATIVE));
        };
        // "No such name" may be said only by who knows all names (R18).
        if !self.view.loaded && !zone.is_static() {
            return self.error(out, qtype, Rcode::ServFail, Some(if self.view.stale { TOO_OLD } else { NOT_READY }));
        }
        let asker = Asker {
            now,
            room: self.room(),
            client: self.request.client.map_or(0, client_number),
            explain: self.envelope.edns.is_some(),
            stale: self.view.stale,
        };
        let answer = zone.answer(question, &asker, random);
        self.say(qtype, &zone, &answer, out)
    }

    /// Writes the answer of a zone.
    pub(super) fn say<'z>(&self, qtype: u16, zone: &Authority<'z>, answer: &Answer<'z>, out: &mut Vec<u8>) -> Answered {
        let reply = Reply { origin: Some(zone.origin()), datacenter: zone.datacenter(), ..self.reply(answer) };
        self.finish(qtype, Some(zone.place), reply, out)
    }

    /// The records that a reply could hold, at most.
    pub(super) fn room(&self) -> usize {
        self.most() / SHORTEST_RECORD
    }

    /// Octets of the reply, at most.
    pub(super) fn most(&self) -> usize {
        self.envelope.reply_octets(self.request.transport, self.view.settings.udp_octets) - self.request.spare
    }

    /// What becomes of a reply.
    pub(super) fn judged(&self, answered: Answered, now: Timestamp, out: &mut Vec<u8>) -> Outcome {
        match self.verdict(&answered, now) {
            Verdict::Send => Outcome::Answered(answered),
            Verdict::Slip => Outcome::Answered(self.slip(&answered, out)),
            Verdict::Drop => Outcome::Dropped(DropReason::Rate),
        }
    }

    /// Whether the reply is past the rate of its client.
    fn verdict(&self, answered: &Answered, now: Timestamp) -> Verdict {
        let (Some(limiter), Some(client), Transport::Udp) =
            (self.view.limiter, self.request.client, self.request.transport)
        else {
            return Verdict::Send;
        };
        if self.cookie == CookieStanding::Valid {
            return Verdict::Send;
        }
        let question = self.envelope.question;
        let subject = if answered.code == Code::Of(Rcode::NoError) {
            Subject::Name(&question[..question.len().saturating_sub(4)])
        } else {
            Subject::Zone(answered.zone.unwrap_or(usize::MAX), answered.code.number())
        };
        limiter.judge(client, subject, now)
    }

    fn slip(&self, answered: &Answered, out: &mut Vec<u8>) -> Answered {
        let answer = Answer::error(Rcode::NoError, None);
        self.finish(answered.qtype, answered.zone, Reply { by_stream: true, ..self.reply(&answer) }, out)
    }

    fn error(&self, out: &mut Vec<u8>, qtype: u16, rcode: Rcode, extended: Option<ExtendedError>) -> Answered {
        let answer = Answer::error(rcode, extended);
        self.finish(qtype, None, self.reply(&answer), out)
    }

    fn reply<'r, 'z>(&'r self, answer: &'r Answer<'z>) -> Reply<'r, 'z> {
        Reply {
            envelope: self.envelope,
            code: Code::Of(answer.rcode),
            answer,
            origin: None,
            datacenter: None,
            options: self.options,
            most: self.most(),
            udp_octets: self.view.settings.udp_octets,
            by_stream: false,
        }
    }

    fn finish(&self, qtype: u16, zone: Option<usize>, reply: Reply<'_, '_>, out: &mut Vec<u8>) -> Answered {
        let truncated = reply.write(out);
        self.answered(qtype, zone, reply.code, truncated)
    }

    pub(super) fn answered(&self, qtype: u16, zone: Option<usize>, code: Code, truncated: bool) -> Answered {
        Answered {
            zone,
            qtype,
            code,
            truncated,
            edns: self.envelope.edns.is_some(),
            cookie: self.cookie,
            keeps: self.options.keepalive.is_some(),
        }
    }
}

/// An address as a number, for what is stable for a client.
fn client_number(client: IpAddr) -> u64 {
    let bits = match client {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    };
    (bits >> 64) as u64 ^ bits as u64
}

/// The answering side of the program: the published zones, a clock, counters.
pub struct Engine {
    registry: Arc<Registry>,
    settings: Settings,
    limiter: Option<Limiter>,
    log: Option<QueryLog>,
    stats: Arc<Stats>,
    seed: AtomicU64,
}

impl Engine {
    /// An engine over a registry; `seed` starts the random orders of its workers.
    pub fn new(registry: Arc<Registry>, settings: Settings, seed: u64) -> Engine {
        let stats = Arc::new(Stats::new(&registry.snapshot().zones));
        let limiter = settings.rate_limit.clone().map(|limit| Limiter::new(limit, seed));
        let log = (settings.query_log > 0).then(|| QueryLog::new(settings.query_log));
        Engine { registry, settings, limiter, log, stats, seed: AtomicU64::new(seed) }
    }

    /// The counters, for the metrics.
    pub fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }

    /// A generator for one worker.
    pub fn random(&self) -> Random {
        Random::new(self.seed.fetch_add(0x5851_f42d_4c95_7f2d, Ordering::Relaxed))
    }

    /// Answers one packet into `out`; `None` when there is nothing to send.
    pub fn respond(&self, request: &Request<'_>, random: &mut Random, out: &mut Vec<u8>) -> Option<Answered> {
        self.session(&self.published()).respond(request, random, out)
    }

    /// What is published now, for packets that were received before.
    pub(super) fn published(&self) -> Guard<Arc<Snapshot>> {
        self.registry.snapshot()
    }

    /// Answers a few packets from what was published.
    pub(super) fn session<'e>(&'e self, published: &'e Snapshot) -> Session<'e> {
        Session { engine: self, published, now: self.registry.now(), tally: Tally::default() }
    }
}

/// What is published, for the length of a few answers; they are counted when it ends.
pub(super) struct Session<'e> {
    engine: &'e Engine,
    published: &'e Snapshot,
    /// When the last answer was made: the next one begins then.
    now: Timestamp,
    tally: Tally,
}

impl<'e> Session<'e> {
    /// Looks up the names of at most [`ABREAST`] queries side by side: a result each.
    pub(super) fn ahead(&self, packets: &[&[u8]]) -> SmallVec<[Ahead<'e>; ABREAST]> {
        match packets {
            // One alone has nobody to wait beside.
            [_] => SmallVec::from_slice(&[Ahead::default()]),
            packets => {
                let names = packets.iter().map(|packet| fast::name(packet));
                let found = catch_unwind(AssertUnwindSafe(|| self.published.zones.ahead(names)));
                found.unwrap_or_else(|_| {
                    self.engine.stats.panicked();
                    SmallVec::from_elem(Ahead::default(), packets.len())
                })
            }
        }
    }

    /// [`Engine::respond`].
    pub(super) fn respond(
        &mut self,
        request: &Request<'_>,
        random: &mut Random,
        out: &mut Vec<u8>,
    ) -> Option<Answered> {
        let Engine { registry, settings, limiter, log, stats, .. } = self.engine;
        let now = self.now;
        let limiter = limiter.as_ref();
        let stale = registry.is_away();
        // What is too old is as good as not known.
        let loaded = self.published.loaded && !(stale && registry.is_too_old(now));
        let view = View { zones: &self.published.zones, loaded, settings, limiter, stale };
        // A fault in one answer must not end a worker; the client gets silence and asks again.
        match catch_unwind(AssertUnwindSafe(|| respond(&view, request, now, random, out))) {
            Ok(Outcome::Dropped(reason)) => stats.dropped(reason),
            Ok(Outcome::Answered(answered)) => {
                self.now = registry.now();
                let took = self.now.since(now);
                self.tally.answered(&answered, request.transport, out.len(), took);
                if let Some(log) = log {
                    log.tell(request, &answered, out, took);
                }
                return Some(answered);
            }
            Err(_) => stats.panicked(),
        }
        None
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.engine.stats.add(&self.published.zones, &self.tally);
    }
}
