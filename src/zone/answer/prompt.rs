//! Answers that need no records in between: the questions most clients ask, about names as hosts mostly have them.
//!
//! What is here says the same as the search of [`Authority::answer`], and takes the same random numbers for it; it
//! gives up, before it has taken any, wherever something could make a difference: records of a file at the name,
//! hosts that are not alike, a lease that has just ended, a policy that few have.

use smallvec::SmallVec;

use super::hosts::{clip, lowest};
use super::{Authority, ExtendedError, Question, Rcode, Record};
use crate::clock::Timestamp;
use crate::table::Host;
use crate::zone::address::AddressHosts;
use crate::zone::ahead::Ahead;
use crate::zone::file::rtype;
use crate::zone::members::{HostSet, is_live};
use crate::zone::name::Path;
use crate::zone::node::Node;
use crate::zone::order::{self, Random};
use crate::zone::policy::{AddressOrder, EmptyService, SrvSubset};
use crate::zone::rows::{LINE_OCTETS, Rows, SERVICE_OCTETS, Shape, line_of};
use crate::zone::schema::View;
use crate::zone::schema::resolve::{address_of, home};
use crate::zone::{Grammar, Policy};

/// The most hosts of an answer that is made at once.
pub const LISTED_MOST: usize = 64;

/// The places of so many hosts.
const PLACES: [u8; LISTED_MOST] = {
    let mut places = [0; LISTED_MOST];
    let mut place = 0;
    while place < LISTED_MOST {
        places[place] = place as u8;
        place += 1;
    }
    places
};

/// What is said at once.
#[allow(clippy::large_enum_variant, reason = "lives on the stack for one packet")]
pub enum Prompt<'z> {
    /// A or AAAA of these hosts.
    Addresses(Listed<'z>),
    /// SRV of these hosts, which have names of addresses, and the addresses.
    Services(Listed<'z>),
    /// NXDOMAIN or NODATA, with the SOA, and why there is nothing.
    Nothing(Rcode, Record<'z>, Option<ExtendedError>),
}

/// Hosts that make one record each, none twice, all of them in the answer.
pub struct Listed<'z> {
    lines: Lines<'z>,
    shape: Shape,
    hosts: Hosts<'z>,
    count: usize,
    /// Of the set, in seconds.
    ttl: u32,
    /// Whether every lease has the policy's TTL left.
    is_calm: bool,
    now: Timestamp,
    v6: bool,
    policy: &'z Policy,
}

#[derive(Clone, Copy)]
enum Hosts<'z> {
    Set(&'z HostSet),
    One(&'z Host),
}

impl<'z> Hosts<'z> {
    fn iter(self) -> impl Iterator<Item = &'z Host> {
        let (set, one) = match self {
            Hosts::Set(set) => (Some(set.iter()), None),
            Hosts::One(host) => (None, Some(host)),
        };
        set.into_iter().flatten().map(|host| &**host).chain(one)
    }

    fn get(self, place: usize) -> Option<&'z Host> {
        match self {
            Hosts::Set(set) => set.get(place).map(|host| &**host),
            Hosts::One(host) => Some(host).filter(|_| place == 0),
        }
    }
}

enum Lines<'z> {
    Kept(&'z Rows),
    One([u8; LINE_OCTETS]),
}

impl<'z> Listed<'z> {
    /// The hosts of a set; `None` where they are not alike, or one is not to be in an answer.
    fn new(set: &'z HostSet, policy: &'z Policy, now: Timestamp) -> Option<Listed<'z>> {
        match set.rows() {
            Some((shape, rows)) => {
                let known = rows.is_calm(now).then_some((policy.record_ttl, true));
                Listed::of(Hosts::Set(set), set.len(), Lines::Kept(rows), shape, known, policy, now)
            }
            None => Listed::lone(set.get(0).filter(|_| set.len() == 1)?, policy, now),
        }
    }

    /// One host.
    fn lone(host: &'z Host, policy: &'z Policy, now: Timestamp) -> Option<Listed<'z>> {
        // Others may be called like it.
        if host.hostname.is_some() {
            return None;
        }
        let (shape, line) = line_of(host)?;
        Listed::of(Hosts::One(host), 1, Lines::One(line), shape, None, policy, now)
    }

    /// Hosts with their lines; `known` is their TTL, and whether it is the policy's for each.
    fn of(
        hosts: Hosts<'z>,
        count: usize,
        lines: Lines<'z>,
        shape: Shape,
        known: Option<(u32, bool)>,
        policy: &'z Policy,
        now: Timestamp,
    ) -> Option<Listed<'z>> {
        let (ttl, is_calm) = match known {
            Some(known) => known,
            None => {
                let ttl = ttl_of(hosts, &lines, policy.record_ttl, now)?;
                (ttl, ttl == policy.record_ttl)
            }
        };
        Some(Listed { count, lines, shape, hosts, ttl, is_calm, now, v6: false, policy })
    }

    /// How many there are, at most [`LISTED_MOST`].
    pub fn count(&self) -> usize {
        self.count
    }

    /// The TTL of their set, in seconds.
    pub fn ttl(&self) -> u32 {
        self.ttl
    }

    /// Whether it is their AAAA records that were asked for.
    pub fn is_v6(&self) -> bool {
        self.v6
    }

    /// The places of the hosts in the order in which the records of a set of addresses leave.
    pub fn address_order(&self, random: &mut Random) -> SmallVec<[u8; LISTED_MOST]> {
        match self.policy.address_order {
            AddressOrder::Weighted if matches!(self.hosts, Hosts::Set(set) if set.is_weighted()) => self.drawn(random),
            AddressOrder::Weighted | AddressOrder::Uniform => self.service_order(random),
            AddressOrder::Fixed => self.places(),
        }
    }

    /// The same of a set of SRV records.
    pub fn service_order(&self, random: &mut Random) -> SmallVec<[u8; LISTED_MOST]> {
        let mut places = self.places();
        random.shuffle(&mut places);
        places
    }

    fn places(&self) -> SmallVec<[u8; LISTED_MOST]> {
        SmallVec::from_buf_and_len(PLACES, self.count)
    }

    /// A host of twice the weight comes first twice as often.
    fn drawn(&self, random: &mut Random) -> SmallVec<[u8; LISTED_MOST]> {
        let mut drawn: SmallVec<[(f64, u8); LISTED_MOST]> = SmallVec::new();
        let said = self.said();
        for place in self.places() {
            let weight = f64::from(u16::from_be_bytes(said.octets(place, 2)));
            drawn.push((random.exponential() / weight.max(order::LEAST_WEIGHT), place));
        }
        drawn.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
        drawn.into_iter().map(|(_, place)| place).collect()
    }

    /// What the hosts say.
    #[inline]
    pub fn said(&self) -> Said<'_> {
        let lines = match &self.lines {
            Lines::Kept(rows) => rows.lines(),
            Lines::One(line) => &line[..],
        };
        let asked = self.shape.place(self.v6).unwrap_or(SERVICE_OCTETS);
        Said { lines, octets: self.shape.octets(), asked, weight_scale: self.policy.srv_weight_scale }
    }

    /// How many octets each address of a host has, the first one first: the same for all.
    pub fn forms(&self) -> &'static [usize] {
        self.shape.addresses()
    }

    /// The TTL of the addresses of a host.
    #[inline]
    pub fn ttl_of(&self, place: u8) -> u32 {
        if self.is_calm {
            return self.ttl;
        }
        self.hosts.get(usize::from(place)).map_or(0, |host| clip(self.policy.record_ttl, host, self.now))
    }
}

/// What hosts say, by their places: octets of their records.
#[derive(Clone, Copy)]
pub struct Said<'l> {
    /// A line a host.
    lines: &'l [u8],
    /// Octets of a line.
    octets: usize,
    /// Where the address that was asked for stands in a line.
    asked: usize,
    weight_scale: u16,
}

impl<'l> Said<'l> {
    /// So many octets of a line.
    #[inline]
    fn octets<const OCTETS: usize>(self, place: u8, start: usize) -> [u8; OCTETS] {
        let at = usize::from(place) * self.octets + start;
        let mut octets = [0; OCTETS];
        octets.copy_from_slice(&self.lines[at..at + OCTETS]);
        octets
    }

    /// The RDATA of the address that was asked for: 4 octets, or 16.
    #[inline]
    pub fn address<const OCTETS: usize>(self, place: u8) -> [u8; OCTETS] {
        self.octets(place, self.asked)
    }

    /// The RDATA of an SRV record before the target.
    #[inline]
    pub fn service(self, place: u8) -> [u8; SERVICE_OCTETS] {
        let mut service: [u8; SERVICE_OCTETS] = self.octets(place, 0);
        if self.weight_scale != 1 {
            let weight = u16::from_be_bytes([service[2], service[3]]).saturating_mul(self.weight_scale);
            service[2..4].copy_from_slice(&weight.to_be_bytes());
        }
        service
    }

    /// The octets of the address that the target is called by: as many as the first of the [forms](Listed::forms) says.
    #[inline]
    pub fn first_address<const OCTETS: usize>(self, place: u8) -> [u8; OCTETS] {
        self.octets(place, SERVICE_OCTETS)
    }

    /// The addresses of a host, one behind the other.
    pub fn addresses(self, place: u8) -> &'l [u8] {
        &self.lines[usize::from(place) * self.octets..][SERVICE_OCTETS..self.octets]
    }
}

/// The TTL of a set that is looked at lease by lease, which is kept for the next answers; `None` where one has ended.
fn ttl_of(hosts: Hosts<'_>, lines: &Lines<'_>, ttl: u32, now: Timestamp) -> Option<u32> {
    // Of hosts that are kept past their lease the search says so.
    if !hosts.iter().all(|host| is_live(host, now) && host.lease.is_fresh(now)) {
        return None;
    }
    // What is left of a lease that is kept elsewhere is the same at every moment: looked at each time.
    let is_short = |host: &Host| host.lease.is_kept() && clip(ttl, host, now) < ttl;
    if let Lines::Kept(rows) = lines
        && !hosts.iter().any(is_short)
    {
        rows.keep(hosts.iter().filter_map(|host| host.lease.expires()).min(), ttl);
    }
    Some(lowest(ttl, hosts.iter(), now))
}

impl<'z> Authority<'z> {
    /// The answer to a question about a name at or below the origin, where it can be given at once: an A, AAAA or SRV
    /// set of few hosts, or none. `room` is the most records that the reply could hold, `explain` whether it can say why
    /// there is nothing, and `ahead` what may have been found at the name already.
    pub fn prompt(
        &self,
        question: &Question<'_>,
        room: usize,
        explain: bool,
        now: Timestamp,
        ahead: Ahead<'z>,
    ) -> Option<Prompt<'z>> {
        let zone = self.zone;
        if self.policy().empty_service == EmptyService::All {
            return None;
        }
        let mut key = Path::default();
        key.set_relative(zone.origin.relative(question.name)?);
        if zone.statics.get(key.as_bytes()).is_some() || zone.statics.edge(&key, question.qtype).is_some() {
            return None;
        }
        let at = Place { place: self, key: &key, qtype: question.qtype, room, explain, now };
        let mut labels = key.labels();
        let first = labels.next()?;
        match (&zone.grammar, first, labels.next(), labels.next(), labels.next()) {
            (Grammar::Service | Grammar::Kubernetes, b"svc", Some(namespace), Some(service), None) => {
                let find = |home: Path| ahead.at(home.as_bytes()).or_else(|| self.tree().get(home.as_bytes()));
                let node = home(namespace, service).and_then(find);
                node.map_or_else(|| at.nothing(false), |node| at.node(node))
            }
            (Grammar::Service | Grammar::Kubernetes, b"svc", ..) => None,
            (Grammar::Kubernetes, ..) => at.nothing(false),
            (Grammar::Service, b"addr", Some(hex), None, _) => {
                match address_of(hex).and_then(|address| self.tree().address(address)) {
                    Some(AddressHosts::One(host)) if !self.tree().is_served(host) => None,
                    Some(AddressHosts::One(host)) => at.listed(Listed::lone(host, self.policy(), now)?, None),
                    Some(AddressHosts::Several(crowd)) => at.hosts(&crowd.part.served, None),
                    None => at.nothing(false),
                }
            }
            (Grammar::Service, b"addr", ..) | (Grammar::Service, _, Some(b"_zone"), ..) => None,
            (Grammar::Service, first, _, Some(_), _) if first.starts_with(b"_") => None,
            (Grammar::Service, ..) => {
                let found = ahead.at(key.as_bytes()).map_or_else(|| self.tree().at_or_below(key.as_bytes(), now), Ok);
                match found {
                    Ok(node) => at.node(node),
                    Err(any_below) => at.nothing(any_below),
                }
            }
            (Grammar::Static | Grammar::Consul(_) | Grammar::Reverse(_), ..) => None,
        }
    }
}

/// A name that is asked for.
struct Place<'z, 'a> {
    place: &'a Authority<'z>,
    key: &'a Path,
    qtype: u16,
    room: usize,
    explain: bool,
    now: Timestamp,
}

impl<'z> Place<'z, '_> {
    /// What a service says, or the view of it that a name stands for.
    fn node(&self, node: &'z Node) -> Option<Prompt<'z>> {
        let (view, part) = self.place.tree().part(node)?;
        self.hosts(&part.served, Some(view))
    }

    /// What a set says that stands at a name, as a view of a service or by address.
    fn hosts(&self, set: &'z HostSet, view: Option<&View>) -> Option<Prompt<'z>> {
        let policy = self.place.policy();
        let limit = usize::from(policy.record_limit);
        if set.len() > self.room || limit > 0 && set.len() > limit {
            return None;
        }
        self.listed(Listed::new(set, policy, self.now)?, view)
    }

    /// What these hosts say.
    fn listed(&self, mut listed: Listed<'z>, view: Option<&View>) -> Option<Prompt<'z>> {
        if listed.count > self.room {
            return None;
        }
        let (policy, tree) = (self.place.policy(), self.place.tree());
        match self.qtype {
            rtype::A | rtype::AAAA => {
                let shows_addresses = !matches!(view, Some(View::Port(..)));
                listed.v6 = self.qtype == rtype::AAAA;
                match listed.shape.place(listed.v6).filter(|_| shows_addresses) {
                    Some(_) => Some(Prompt::Addresses(listed)),
                    None => Some(self.denial(Rcode::NoError, None)),
                }
            }
            rtype::SRV if view.is_none() => Some(self.denial(Rcode::NoError, None)),
            // While no two hosts of one address differ in their others, a host knows all records of its target.
            rtype::SRV if policy.srv_subset == SrvSubset::Random && tree.is_even() => {
                (self.place.zone.grammar == Grammar::Service).then_some(Prompt::Services(listed))
            }
            _ => None,
        }
    }

    /// What is said of a name where no host is and no record of a file.
    fn nothing(&self, any_below: bool) -> Option<Prompt<'z>> {
        let statics = &self.place.zone.statics;
        let code = match any_below || statics.any_below(self.key.as_bytes()) {
            true => Rcode::NoError,
            false if statics.wildcards > 0 => return None,
            false => Rcode::NxDomain,
        };
        // A service of which nothing is left may have ended a short time ago.
        let is_explained = self.explain && !self.place.tree().ended().is_empty();
        let extended = if is_explained { self.place.why_empty(self.key, self.place.look(self.now)) } else { None };
        Some(self.denial(code, extended))
    }

    fn denial(&self, code: Rcode, extended: Option<ExtendedError>) -> Prompt<'z> {
        Prompt::Nothing(code, self.place.soa_of_denials(), extended)
    }
}
