//! Records made from rows at the moment of the question.

use std::net::IpAddr;
use std::sync::Arc;

use smallvec::SmallVec;

use super::{Answer, Data, Owner, Record, Search};
use crate::clock::Timestamp;
use crate::limits;
use crate::table::{Host, Port, Protocol};
use crate::zone::Grammar;
use crate::zone::file::rtype;
use crate::zone::members::{Iter, is_live};
use crate::zone::name::Path;
use crate::zone::order::{self, Random};
use crate::zone::policy::{AddressOrder, EmptyService, SrvSubset};
use crate::zone::record::{Derived, Row, Target, Text};
use crate::zone::schema::resolve::{Found, Members};
use crate::zone::schema::service::instance_label;
use crate::zone::schema::{Facet, View};

impl<'z> Members<'z> {
    pub(in crate::zone) fn iter(&self) -> MemberIter<'z, '_> {
        match self {
            Members::Set(set) => MemberIter::Set(set.iter()),
            Members::List(list) => MemberIter::List(list.iter()),
        }
    }

    /// Those whose lease has not ended.
    pub(super) fn live(&self, now: Timestamp) -> impl Iterator<Item = &'z Arc<Host>> {
        self.iter().filter(move |host| is_live(host, now))
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Members::Set(set) => set.len(),
            Members::List(list) => list.len(),
        }
    }

    /// Whether two hosts may make the same record.
    fn repeats(&self) -> bool {
        match self {
            Members::Set(set) => set.repeats(),
            Members::List(list) => list.len() > 1,
        }
    }

    fn is_weighted(&self) -> bool {
        match self {
            Members::Set(set) => set.is_weighted(),
            Members::List(list) => list.len() > 1,
        }
    }

    /// A few of many hosts that make one record each, none twice: no more than `room` and one, so that whoever has that
    /// room sees that there are more. Any host is as likely as any other.
    fn sample(&self, qtype: u16, asker: &super::Asker, first: u64) -> Option<SmallVec<[&'z Arc<Host>; 4]>> {
        let Members::Set(set) = self else { return None };
        if set.len() <= asker.room || !set.is_regular(qtype) {
            return None;
        }
        let first = (first % set.len() as u64) as usize;
        let now = asker.now;
        let places = (first..set.len()).chain(0..first);
        let live = places.filter_map(|place| set.get(place)).filter(|host| is_live(host, now));
        let (fresh, stale) =
            (|host: &&Arc<Host>| host.lease.is_fresh(now), |host: &&Arc<Host>| !host.lease.is_fresh(now));
        let mut sample: SmallVec<[&'z Arc<Host>; 4]> = live.clone().filter(fresh).take(asker.room + 1).collect();
        // Those that are kept past their lease where there are not enough others.
        if sample.len() <= asker.room {
            sample.extend(live.filter(stale).take(asker.room + 1 - sample.len()));
        }
        Some(sample)
    }
}

pub(in crate::zone) enum MemberIter<'z, 'l> {
    Set(Iter<'z>),
    List(std::slice::Iter<'l, &'z Arc<Host>>),
}

impl<'z> Iterator for MemberIter<'z, '_> {
    type Item = &'z Arc<Host>;

    fn next(&mut self) -> Option<&'z Arc<Host>> {
        match self {
            MemberIter::Set(set) => set.next(),
            MemberIter::List(list) => list.next().copied(),
        }
    }
}

impl<'z> Search<'z, '_> {
    /// The records of one type that the hosts behind a name make, and the addresses of their targets.
    pub(super) fn host_records(&mut self, facet: Facet<'z>, members: &Members<'z>, owner: Owner<'z>, qtype: u16) {
        let sampled = match (qtype, self.place.policy().srv_subset) {
            (rtype::SRV, SrvSubset::Stable) => self.sample_for_client(facet, members),
            (rtype::A | rtype::AAAA | rtype::SRV, _) if members.len() > self.asker.room => {
                let first = self.random.next_u64();
                members.sample(qtype, self.asker, first)
            }
            _ => None,
        };
        let sampled = sampled.map(Members::List);
        let members = sampled.as_ref().unwrap_or(members);
        self.look_for_stale(members);
        match qtype {
            rtype::A | rtype::AAAA if facet.shows_addresses() => self.address_records(members, owner, qtype),
            rtype::SRV => self.service_records(facet, members, owner),
            rtype::SVCB | rtype::HTTPS => self.binding_records(facet, members, owner, qtype),
            rtype::PTR => self.pointer_records(facet, members, owner),
            rtype::TXT if facet == Facet::Node => self.pair_records(members, owner),
            rtype::TXT => self.text_records(facet, members, owner),
            _ => {}
        }
    }

    /// Of many hosts that make one SRV record each, those that a client gets first.
    fn sample_for_client(&self, facet: Facet<'z>, members: &Members<'z>) -> Option<SmallVec<[&'z Arc<Host>; 4]>> {
        let Members::Set(set) = members else { return None };
        let room = self.asker.room;
        if set.len() <= room || !set.is_regular(rtype::SRV) {
            return None;
        }
        let place = |host: &'z Arc<Host>| {
            let port = host.ports.iter().find(|port| facet.shows_port(port))?;
            Some((order::place_for_client(self.asker.client, &self.service(host, port)?), host))
        };
        let mut hosts: Vec<(u64, &'z Arc<Host>)> = set.live(self.asker.now).filter_map(place).collect();
        if hosts.len() > room + 1 {
            hosts.select_nth_unstable_by_key(room, |(place, _)| *place);
            hosts.truncate(room + 1);
        }
        Some(hosts.into_iter().map(|(_, host)| host).collect())
    }

    fn address_records(&mut self, members: &Members<'z>, owner: Owner<'z>, qtype: u16) {
        let start = self.answer.answer.len();
        let order = self.place.policy().address_order;
        if order == AddressOrder::Weighted && members.is_weighted() {
            let mut drawn = draw(members, qtype, self.asker.now, self.random);
            let ttl = lowest(self.place.policy().record_ttl, drawn.iter().map(|(_, host, _)| *host), self.asker.now);
            drawn.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
            self.answer.answer.extend(drawn.iter().map(|(_, _, data)| Record { owner, ttl, data: *data }));
        } else {
            let (ttl, now) = (self.place.policy().record_ttl, self.asker.now);
            push_addresses(members, owner, qtype, ttl, now, &mut self.answer.answer);
            if order != AddressOrder::Fixed {
                self.random.shuffle(&mut self.answer.answer[start..]);
            }
        }
        self.fresh_addresses_first(members, qtype, start);
        self.limit(start);
    }

    /// Cuts a set at what the operator wants of it at most; says whether anything was cut.
    pub(super) fn limit(&mut self, start: usize) -> bool {
        let most = usize::from(self.place.policy().record_limit);
        let is_cut = most > 0 && self.answer.answer.len() > start + most;
        if is_cut {
            self.answer.answer.truncate(start + most);
        }
        is_cut
    }

    /// Leaves the addresses of those targets that are in the answer.
    fn keep_targets(&mut self, start: usize) {
        let Answer { answer, additional, .. } = &mut self.answer;
        let same = |one: Derived<'z>, other: Derived<'z>| match (one, other) {
            (Derived::Endpoint(one), Derived::Endpoint(other)) => order::endpoint(one.0) == order::endpoint(other.0),
            _ => one == other,
        };
        additional.retain(|record| {
            answer[start..].iter().any(|it| match (record.owner, it.data) {
                (
                    Owner::Derived(owner),
                    Data::Srv { target: Target::Derived(target), .. }
                    | Data::Svcb { target: Target::Derived(target), .. },
                ) => same(owner, target),
                _ => false,
            })
        });
    }

    /// The A or AAAA records of hosts, into the additional section.
    pub(super) fn push_addresses(&mut self, members: &Members<'z>, owner: Owner<'z>, qtype: u16) {
        let ttl = self.place.policy().record_ttl;
        push_addresses(members, owner, qtype, ttl, self.asker.now, &mut self.answer.additional);
    }

    /// SRV for each port that a name shows, and the addresses of the targets (RFC 2782).
    fn service_records(&mut self, facet: Facet<'z>, members: &Members<'z>, owner: Owner<'z>) {
        let start = self.answer.answer.len();
        self.push_services(facet, members, owner);
        let is_cut = self.limit(start);
        self.target_addresses(members, |port| facet.shows_port(port));
        if is_cut {
            self.keep_targets(start);
        }
    }

    /// SRV for each port that a name shows.
    fn push_services(&mut self, facet: Facet<'z>, members: &Members<'z>, owner: Owner<'z>) {
        let start = self.answer.answer.len();
        let (now, policy) = (self.asker.now, *self.place.policy());
        for host in members.live(now) {
            for port in host.ports.iter().filter(|port| facet.shows_port(port)) {
                let Some(data) = self.service(host, port) else { continue };
                self.answer.answer.push(Record { owner, ttl: 0, data });
            }
        }
        self.drop_same(members, start);
        let shown = members.live(now).filter(|host| host.ports.iter().any(|port| facet.shows_port(port)));
        let ttl = lowest(policy.record_ttl, shown.map(|host| &**host), now);
        for record in &mut self.answer.answer[start..] {
            record.ttl = ttl;
        }
        match policy.srv_subset {
            SrvSubset::Random => self.random.shuffle(&mut self.answer.answer[start..]),
            SrvSubset::Stable => order::by_client(&mut self.answer.answer[start..], self.asker.client),
        }
        self.fresh_services_first(facet, members, start);
    }

    /// SVCB says of a port what SRV says, and its protocols and addresses too; HTTPS of the ports called `https`, as a
    /// browser takes it for the promise that there is HTTPS (RFC 9460 9.5).
    fn binding_records(&mut self, facet: Facet<'z>, members: &Members<'z>, owner: Owner<'z>, rtype: u16) {
        let start = self.answer.answer.len();
        let now = self.asker.now;
        let is_shown = |port: &Port| {
            facet.shows_port(port)
                && (rtype == rtype::SVCB || port.name.as_deref() == Some("https") && facet.shows_addresses())
        };
        for host in members.live(now) {
            let Some(target) = self.target(host) else { continue };
            for port in host.ports.iter().filter(|port| is_shown(port)) {
                let priority = host.priority.saturating_add(1);
                let data = Data::Svcb { rtype, priority, port: port.number, target, host: Row(host) };
                self.answer.answer.push(Record { owner, ttl: 0, data });
            }
        }
        let shown = members.live(now).filter(|host| host.ports.iter().any(is_shown));
        let ttl = lowest(self.place.policy().record_ttl, shown.map(|host| &**host), now);
        self.drop_same(members, start);
        for record in &mut self.answer.answer[start..] {
            record.ttl = ttl;
        }
        self.random.shuffle(&mut self.answer.answer[start..]);
        let is_cut = self.limit(start);
        if self.answer.answer.len() > start {
            self.target_addresses(members, is_shown);
        }
        if is_cut {
            self.keep_targets(start);
        }
    }

    /// The SRV data of a port.
    pub(super) fn service(&self, host: &'z Host, port: &Port) -> Option<Data<'z>> {
        let weight = host.weight.saturating_mul(self.place.policy().srv_weight_scale);
        Some(Data::Srv { priority: self.priority(host), weight, port: port.number, target: self.target(host)? })
    }

    /// Consul's records have no priority 0, and its clients have never seen one.
    fn priority(&self, host: &Host) -> u16 {
        if matches!(self.place.zone.grammar, Grammar::Consul(_)) { host.priority.max(1) } else { host.priority }
    }

    /// The name that a host is reached by, as SRV says it: it has addresses, and is no alias (RFC 2782).
    fn target(&self, host: &'z Host) -> Option<Target<'z>> {
        let Some(&address) = host.target.addresses().first() else {
            return host.target.name().map(|name| Target::Name(name));
        };
        let derived = match self.place.zone.grammar {
            Grammar::Kubernetes => Derived::Endpoint(Row(host)),
            Grammar::Consul(_) => self.consul_target(host, address),
            Grammar::Service | Grammar::Static | Grammar::Reverse(_) => Derived::Address(address),
        };
        self.fits(derived).then_some(Target::Derived(derived))
    }

    /// A and AAAA of every target of a port that is shown, each once (R23).
    fn target_addresses(&mut self, members: &Members<'z>, is_shown: impl Fn(&Port) -> bool) {
        let tree = self.place.tree();
        let shows = |host: &&'z Arc<Host>| host.ports.iter().any(&is_shown);
        let hosts = members.live(self.asker.now).filter(shows).take(self.asker.room);
        // While no two hosts of one address differ in their others, a host knows all records of its target; what is
        // known of that does not cover hosts that are shown though they are unhealthy.
        let is_even = tree.is_even() && self.place.policy().empty_service != EmptyService::All;
        if is_even && !members.repeats() && self.place.zone.grammar == Grammar::Service {
            for host in hosts {
                let Some(&first) = host.target.addresses().first() else { continue };
                self.push_host_addresses(host, Owner::Derived(Derived::Address(first)));
            }
            return;
        }
        if matches!(self.place.zone.grammar, Grammar::Consul(_)) {
            return self.consul_addresses(hosts);
        }
        let mut hosts: SmallVec<[&'z Arc<Host>; 16]> =
            hosts.filter(|host| !host.target.addresses().is_empty()).collect();
        let is_kubernetes = self.place.zone.grammar == Grammar::Kubernetes;
        let name = |host: &&'z Arc<Host>| match is_kubernetes {
            true => order::endpoint(host),
            false => (host.target.addresses().first().copied(), ""),
        };
        hosts.sort_unstable_by_key(name);
        hosts.dedup_by_key(|host| name(host));
        for host in hosts {
            let Some(&first) = host.target.addresses().first() else { continue };
            match self.target(host) {
                Some(Target::Derived(derived @ Derived::Endpoint(_))) => {
                    self.endpoint_addresses(derived);
                }
                Some(Target::Derived(derived)) => {
                    let Some(members) = self.look.of_address(first) else { continue };
                    for qtype in [rtype::A, rtype::AAAA] {
                        self.push_addresses(&members, Owner::Derived(derived), qtype);
                    }
                }
                Some(Target::Name(_)) | None => {}
            }
        }
    }

    /// The addresses of all hosts of a service that are called as one of them.
    fn endpoint_addresses(&mut self, derived: Derived<'z>) {
        let mut wire = Vec::with_capacity(crate::zone::NAME_OCTETS);
        derived.write_relative(&mut wire);
        let key = Path::from_relative(&wire);
        for qtype in [rtype::A, rtype::AAAA] {
            self.addresses(&key, Owner::Derived(derived), qtype);
        }
    }

    /// All addresses of one host as records of one name.
    fn push_host_addresses(&mut self, host: &Host, owner: Owner<'z>) {
        let ttl = clip(self.place.policy().record_ttl, host, self.asker.now);
        for address in host.target.addresses() {
            let data = match *address {
                IpAddr::V4(v4) => Data::A(v4),
                IpAddr::V6(v6) => Data::Aaaa(v6),
            };
            self.answer.additional.push(Record { owner, ttl, data });
        }
    }

    /// The instances of a service (RFC 6763 4.1) with their SRV, TXT and addresses (12.1); the names of an address.
    fn pointer_records(&mut self, facet: Facet<'z>, members: &Members<'z>, owner: Owner<'z>) {
        let start = self.answer.answer.len();
        let mut ttl = self.place.policy().record_ttl;
        let mut named: Vec<(Vec<u8>, Data<'z>)> = Vec::new();
        for host in members.live(self.asker.now) {
            let Some((target, origin)) = self.pointer(facet, host) else { continue };
            let mut wire = Vec::new();
            target.write_relative(&mut wire);
            wire.extend_from_slice(origin.as_wire());
            named.push((wire, Data::Ptr { target, origin }));
            ttl = clip(ttl, host, self.asker.now);
        }
        // Two dialects may have a row of one id, two nodes a host.
        named.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        named.dedup_by(|later, earlier| later.0 == earlier.0);
        self.answer.answer.extend(named.into_iter().map(|(_, data)| Record { owner, ttl, data }));
        self.random.shuffle(&mut self.answer.answer[start..]);
        self.limit(start);
        if let Some(protocol) = facet.browses() {
            self.instance_additional(protocol, start);
        }
    }

    /// What a host or a node is called, and below which name.
    fn pointer(&self, facet: Facet<'z>, host: &'z Host) -> Option<(Derived<'z>, &'z crate::zone::Name)> {
        let (row, places) = (Row(host), &self.place.zones.places);
        let (derived, origin) = match (facet, facet.browses()) {
            (Facet::Names, _) if host.as_node().is_some() => (Derived::Node(row), places.nodes.as_ref()?),
            (Facet::Names, _) => (Derived::Called(row, *host.target.addresses().first()?), &places.called),
            (_, Some(protocol)) => {
                let offers = host.ports.iter().any(|port| port.protocol == protocol);
                instance_label(host.own_id()).filter(|_| offers)?;
                (Derived::Instance(row, protocol), &self.place.zone.origin)
            }
            _ => return None,
        };
        derived.fits(origin).then_some((derived, origin))
    }

    /// SRV and TXT of the instances that are in the answer, whole sets, and the addresses of their targets.
    fn instance_additional(&mut self, protocol: Protocol, start: usize) {
        if self.answer.answer.len() - start > limits::INSTANCES_DESCRIBED {
            return;
        }
        let mut instances: SmallVec<[Derived<'z>; 16]> = SmallVec::new();
        for record in &self.answer.answer[start..] {
            if let Data::Ptr { target, .. } = record.data {
                instances.push(target);
            }
        }
        let mut hosts = SmallVec::new();
        for instance in instances {
            let mut wire = Vec::with_capacity(crate::zone::NAME_OCTETS);
            instance.write_relative(&mut wire);
            let found = self.look.find(&self.place.zone.grammar, &Path::from_relative(&wire));
            let Found::Hosts(facet, Members::List(members)) = found else { continue };
            let members = Members::List(members);
            let from = self.answer.answer.len();
            self.push_services(facet, &members, Owner::Derived(instance));
            self.text_records(facet, &members, Owner::Derived(instance));
            let described = self.answer.answer.drain(from..);
            self.answer.additional.extend(described);
            hosts.extend(members.live(self.asker.now));
        }
        self.target_addresses(&Members::List(hosts), |port| port.protocol == protocol);
    }

    /// What hosts say of themselves: of a service where the operator wants it, of an instance always (RFC 6763 6.1).
    fn text_records(&mut self, facet: Facet<'z>, members: &Members<'z>, owner: Owner<'z>) {
        let told = self.place.policy().txt;
        let with_id = match facet {
            Facet::Instance(_) => false,
            Facet::View(View::Service | View::Tag(_) | View::Zone(_)) if told => true,
            Facet::View(_) | Facet::Addresses | Facet::Instances(_) | Facet::Names | Facet::Node => return,
        };
        let start = self.answer.answer.len();
        let hosts = || members.live(self.asker.now).map(|host| &**host);
        let ttl = lowest(self.place.policy().record_ttl, hosts(), self.asker.now);
        for host in hosts() {
            let data = Data::Txt(Text { host: Row(host), told, with_id });
            self.answer.answer.push(Record { owner, ttl, data });
        }
        if members.len() > 1 {
            drop_same_texts(&mut self.answer.answer, start);
        }
        self.limit(start);
    }

    /// The types of services that have an instance, a bounded number (RFC 6763 9).
    pub(super) fn service_types(&mut self, owner: Owner<'z>) {
        let start = self.answer.answer.len();
        let (tree, now) = (self.place.tree(), self.asker.now);
        let most = self.asker.room.min(limits::SERVICE_TYPES).saturating_add(1);
        let keys = tree.aliases_below(b"_tcp\0", now, most).chain(tree.aliases_below(b"_udp\0", now, most));
        let (mut ttl, origin) = (self.place.policy().record_ttl, &self.place.zone.origin);
        for (key, set) in keys.take(most) {
            // The type is there until the last of its leases ends.
            let kept = set.live(now).map(|host| clip(ttl, host, now));
            ttl = kept.max().unwrap_or(ttl);
            let data = Data::Ptr { target: Derived::Type(key), origin };
            self.answer.answer.push(Record { owner, ttl, data });
        }
        for record in &mut self.answer.answer[start..] {
            record.ttl = ttl;
        }
        self.random.shuffle(&mut self.answer.answer[start..]);
    }

    /// Two hosts on one address and port are one record; so is one port for two protocols.
    fn drop_same(&mut self, members: &Members<'z>, start: usize) {
        let irregular = match members {
            Members::Set(set) => set.repeats() || set.is_irregular() || self.may_share_nodes(set),
            Members::List(_) => true,
        };
        if irregular && self.answer.answer.len() > start + 1 {
            self.answer.answer[start..].sort_unstable_by(|one, other| order::services(&one.data, &other.data));
            let mut kept = start + 1;
            for index in start + 1..self.answer.answer.len() {
                let (one, other) = (&self.answer.answer[kept - 1].data, &self.answer.answer[index].data);
                if order::services(one, other).is_ne() {
                    self.answer.answer[kept] = self.answer.answer[index];
                    kept += 1;
                }
            }
            self.answer.answer.truncate(kept);
        }
    }
}

pub(super) fn drop_same_texts(into: &mut SmallVec<[Record<'_>; 16]>, start: usize) {
    let wire = |record: &Record<'_>| {
        let mut wire = Vec::new();
        match &record.data {
            Data::Txt(text) => text.write(&mut wire),
            Data::Pair(pair) => pair.write(&mut wire),
            Data::A(_)
            | Data::Aaaa(_)
            | Data::Srv { .. }
            | Data::Svcb { .. }
            | Data::Ptr { .. }
            | Data::Soa { .. }
            | Data::Alias(_)
            | Data::Static { .. } => {}
        }
        wire
    };
    into[start..].sort_by_cached_key(wire);
    let mut last = None;
    let mut at = 0;
    into.retain(|record| {
        at += 1;
        let octets = wire(record);
        let is_new = at <= start + 1 || last.as_ref() != Some(&octets);
        last = Some(octets);
        is_new
    });
}

/// The A or AAAA records of a set: one TTL for all, none twice.
fn push_addresses<'z, A: smallvec::Array<Item = Record<'z>>>(
    members: &Members<'z>,
    owner: Owner<'z>,
    qtype: u16,
    ttl: u32,
    now: Timestamp,
    into: &mut SmallVec<A>,
) {
    if let Members::Set(set) = members
        && !set.has_family(qtype == rtype::AAAA)
    {
        return;
    }
    let start = into.len();
    let mut lowest = ttl;
    into.reserve(members.len());
    for host in members.live(now) {
        for data in addresses(host, qtype) {
            lowest = clip(lowest, host, now);
            into.push(Record { owner, ttl, data });
        }
    }
    if members.repeats() || matches!(owner, Owner::Derived(_)) {
        into[start..].sort_unstable_by_key(|record| address_of(&record.data));
        let mut last = None;
        let mut at = 0;
        into.retain(|record| {
            at += 1;
            let address = address_of(&record.data);
            // What stands before belongs to another name.
            let is_new = at <= start + 1 || last != address;
            last = address;
            is_new
        });
    }
    for record in &mut into[start..] {
        record.ttl = lowest;
    }
}

/// The records of a set with a random number each, in whose order a host of twice the weight comes first twice as often
/// (Efraimidis and Spirakis, 2006); an address of several hosts has their weights together.
fn draw<'z>(
    members: &Members<'z>,
    qtype: u16,
    now: Timestamp,
    random: &mut Random,
) -> SmallVec<[(f64, &'z Host, Data<'z>); 32]> {
    let mut drawn: SmallVec<[(f64, &'z Host, Data<'z>); 32]> = SmallVec::new();
    for host in members.live(now) {
        for data in addresses(host, qtype) {
            drawn.push((f64::from(host.weight), host, data));
        }
    }
    if members.repeats() {
        drawn.sort_unstable_by_key(|(_, _, data)| address_of(data));
        drawn.dedup_by(|later, earlier| {
            let same = later.2 == earlier.2;
            if same {
                earlier.0 += later.0;
                // The lease that ends first counts for the TTL.
                if later
                    .1
                    .lease
                    .left(now)
                    .is_some_and(|left| earlier.1.lease.left(now).is_none_or(|other| left < other))
                {
                    earlier.1 = later.1;
                }
            }
            same
        });
    }
    for (key, _, _) in &mut drawn {
        *key = random.exponential() / key.max(order::LEAST_WEIGHT);
    }
    drawn
}

pub(super) fn addresses<'z>(host: &Host, qtype: u16) -> impl Iterator<Item = Data<'z>> {
    host.target.addresses().iter().filter_map(move |address| match (*address, qtype) {
        (IpAddr::V4(v4), rtype::A) => Some(Data::A(v4)),
        (IpAddr::V6(v6), rtype::AAAA) => Some(Data::Aaaa(v6)),
        _ => None,
    })
}

pub(super) fn address_of(data: &Data<'_>) -> Option<IpAddr> {
    match data {
        Data::A(v4) => Some(IpAddr::V4(*v4)),
        Data::Aaaa(v6) => Some(IpAddr::V6(*v6)),
        Data::Srv { .. }
        | Data::Svcb { .. }
        | Data::Ptr { .. }
        | Data::Txt(_)
        | Data::Pair(_)
        | Data::Soa { .. }
        | Data::Alias(_)
        | Data::Static { .. } => None,
    }
}

pub(super) fn lowest<'a>(ttl: u32, hosts: impl Iterator<Item = &'a Host>, now: Timestamp) -> u32 {
    hosts.fold(ttl, |ttl, host| clip(ttl, host, now))
}

/// An address as a record.
pub(super) fn literal<'z>(address: IpAddr, owner: Owner<'z>, ttl: u32) -> Record<'z> {
    let data = match address {
        IpAddr::V4(v4) => Data::A(v4),
        IpAddr::V6(v6) => Data::Aaaa(v6),
    };
    Record { owner, ttl, data }
}

/// No record outlives the lease it stands on (R24): whole seconds left, rounded down.
pub(super) fn clip(ttl: u32, host: &Host, now: Timestamp) -> u32 {
    match host.lease.left(now) {
        Some(left) => u32::try_from(left.as_secs()).map_or(ttl, |left| left.min(ttl)),
        None => ttl,
    }
}
