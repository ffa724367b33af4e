//! The names that rows make, and what is true of them: names are written from rows here, and read by the server, so
//! neither can repeat a mistake of the other.
//!
//! A name is text: labels joined by dots, every octet but letters, digits, `-` and `_` as `\DDD`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rollcall::table::{Port, Protocol, Target};
use rollcall::zone::{EmptyService, Policy, rtype};

use crate::model::{Model, RECORD_TTL, Row, STATIC_TTL, STATICS};

pub(crate) const HOSTS: &str = "service.local";
pub(crate) const CLUSTER: &str = "cluster.local";
pub(crate) const CONSUL: &str = "consul";
pub(crate) const DATACENTER: &str = "dc1";
/// What Consul's names may say of the place.
const LOCALITIES: [&str; 3] = ["consul", "dc1.consul", "dc1.dc.consul"];
pub(crate) const REVERSE: [&str; 2] = ["10.in-addr.arpa", "d.f.ip6.arpa"];
/// Availability zones that are asked for, the last two of them nobody's.
const ZONES: [&str; 4] = ["az-a", "b.c", "c", "nowhere"];

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Record {
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    Srv(u16, u16, u16, String),
    /// Type, priority, target, parameters.
    Binding(u16, u16, String, Vec<u8>),
    Ptr(String),
    Txt(Vec<u8>),
    Other(u16),
}

impl Record {
    pub(crate) fn rtype(&self) -> u16 {
        match self {
            Record::A(_) => rtype::A,
            Record::Aaaa(_) => rtype::AAAA,
            Record::Srv(..) => rtype::SRV,
            Record::Binding(rtype, ..) | Record::Other(rtype) => *rtype,
            Record::Ptr(_) => rtype::PTR,
            Record::Txt(_) => rtype::TXT,
        }
    }
}

/// A row at a name.
pub(crate) struct Stand {
    pub(crate) name: String,
    /// The name whose hosts decide whether this one is seen here; its own, unless said.
    base: Option<String>,
    /// Whether the name is there without records while nobody is healthy, where the operator wants that of services.
    kept: bool,
    is_service: bool,
    pub(crate) records: Vec<Record>,
}

fn stand(name: String, records: Vec<Record>) -> Stand {
    Stand { name, base: None, kept: true, is_service: false, records }
}

/// What the names and records of a row depend on beside the row.
#[derive(Default)]
pub(crate) struct Around {
    policy: Policy,
    /// The names of nodes by which hosts are reached.
    nodes: BTreeMap<String, String>,
    /// Protocols that are tags too, with the service.
    tagged: BTreeSet<(String, &'static str)>,
}

/// What the model says at a moment.
#[derive(Default)]
pub(crate) struct Truth {
    names: BTreeSet<String>,
    records: BTreeMap<String, Vec<(Record, u32)>>,
}

impl Truth {
    /// The records at a name, each with the time it may be kept.
    pub(crate) fn at(&self, name: &str) -> &[(Record, u32)] {
        self.records.get(name).map_or(&[], |records| records)
    }

    /// Whether something stands at the name or below it.
    pub(crate) fn exists(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    pub(crate) fn records(self) -> BTreeSet<(String, Record)> {
        let of_name = |(name, records): (String, Vec<(Record, u32)>)| {
            records.into_iter().map(move |(record, _)| (name.clone(), record))
        };
        // What an address says of itself is there without any host.
        let of_hosts = self.records.into_iter().filter(|(name, _)| !is_literal(name));
        of_hosts.flat_map(of_name).collect()
    }

    /// Whatever a record points to is there: targets have addresses, instances SRV and TXT, names of an address have
    /// it; where sick hosts are shown, a name may show others of them.
    pub(crate) fn check_targets(&self, shows_sick: bool) {
        for (name, records) in &self.records {
            for (record, _) in records {
                let found = |target: &String, rtype: u16| self.at(target).iter().any(|(it, _)| it.rtype() == rtype);
                let has_address = |target: &String| found(target, rtype::A) || found(target, rtype::AAAA);
                let holds = match record {
                    Record::Srv(_, _, _, target) | Record::Binding(_, _, target, _) => {
                        !["addr", "svc", "node"].iter().any(|word| target.contains(&format!(".{word}.")))
                            || has_address(target)
                    }
                    Record::Ptr(target) if name.ends_with(".arpa") => {
                        let is_it = |(it, _): &(Record, u32)| match it {
                            Record::A(v4) => reverse_name(IpAddr::V4(*v4)) == *name,
                            Record::Aaaa(v6) => reverse_name(IpAddr::V6(*v6)) == *name,
                            Record::Srv(..)
                            | Record::Binding(..)
                            | Record::Ptr(_)
                            | Record::Txt(_)
                            | Record::Other(_) => false,
                        };
                        self.at(target).iter().any(is_it)
                    }
                    Record::Ptr(target) if target == HOSTS => true,
                    Record::Ptr(target) if name.starts_with("_services.") => found(target, rtype::SRV),
                    Record::Ptr(target) => found(target, rtype::SRV) && found(target, rtype::TXT),
                    Record::A(_) | Record::Aaaa(_) | Record::Txt(_) | Record::Other(_) => true,
                };
                let is_shared = |target: &String| shows_sick && self.exists(target);
                let holds = holds
                    || match record {
                        Record::Srv(_, _, _, target) | Record::Binding(_, _, target, _) | Record::Ptr(target) => {
                            is_shared(target)
                        }
                        Record::A(_) | Record::Aaaa(_) | Record::Txt(_) | Record::Other(_) => false,
                    };
                assert!(holds, "{name}: {record:?} points to nothing");
            }
        }
    }

    fn add(&mut self, name: &str, records: impl IntoIterator<Item = (Record, u32)>) {
        let mut rest = name;
        while self.names.insert(rest.to_owned()) {
            let Some((_, above)) = rest.split_once('.') else { break };
            rest = above;
        }
        let mut records = records.into_iter().peekable();
        if records.peek().is_some() {
            self.records.entry(name.to_owned()).or_default().extend(records);
        }
    }
}

/// One label.
pub(crate) fn label(text: &str) -> String {
    label_of(text.as_bytes())
}

pub(crate) fn label_of(octets: &[u8]) -> String {
    let mut label = String::new();
    for byte in octets.iter().map(u8::to_ascii_lowercase) {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => label.push(char::from(byte)),
            _ => label.push_str(&format!("\\{byte:03}")),
        }
    }
    label
}

fn is_label(text: &str, is_tag: bool) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || (is_tag && c == '_');
    let edges = if is_tag { !text.starts_with('_') } else { !text.starts_with('-') && !text.ends_with('-') };
    (1..=63).contains(&text.len()) && text.chars().all(fits) && edges
}

/// Whether a tag or an availability zone can be labels.
fn is_dotted(text: &str) -> bool {
    text.len() <= 200 && text.split('.').all(|label| is_label(label, true))
}

fn address_name(address: IpAddr) -> String {
    let octets = match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    let digits: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    format!("{digits}.addr.{HOSTS}")
}

fn is_literal(name: &str) -> bool {
    name.contains(".addr.") && name.ends_with(CONSUL)
}

/// A pair of a node, with accents doubled in its value (RFC 1464); as it is where the key says so.
fn pair_record((key, value): &(String, String)) -> Record {
    text_record(&[if key.starts_with("rfc1035-") {
        value.clone()
    } else {
        format!("{key}={}", value.replace('`', "``"))
    }])
}

fn reverse_name(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(v6) => {
            let digits = format!("{:032x}", v6.to_bits());
            digits.chars().rev().map(|digit| format!("{digit}.")).collect::<String>() + "ip6.arpa"
        }
    }
}

/// As Kubernetes does it.
fn dashed(address: IpAddr) -> String {
    let text = address.to_string().replace(['.', ':'], "-");
    match (text.starts_with('-'), text.ends_with('-')) {
        (true, _) => format!("0{text}"),
        (_, true) => format!("{text}0"),
        (false, false) => text,
    }
}

fn address_record(address: &IpAddr) -> Record {
    match *address {
        IpAddr::V4(v4) => Record::A(v4),
        IpAddr::V6(v6) => Record::Aaaa(v6),
    }
}

fn text_record(strings: &[String]) -> Record {
    let mut octets = Vec::new();
    for string in strings.iter().filter(|string| string.len() < 256) {
        octets.push(string.len() as u8);
        octets.extend_from_slice(string.as_bytes());
    }
    if octets.is_empty() {
        octets.push(0);
    }
    Record::Txt(octets)
}

impl Row {
    /// Whether the service is a DNS label that nothing else needs.
    pub(crate) fn is_publishable(&self) -> bool {
        let service = self.service();
        !self.is_node()
            && is_label(&service, false)
            && !["addr", "dns", "dns-version", "node", "ns", "pod", "svc"].contains(&&*service)
    }

    fn service(&self) -> String {
        self.key.0.to_ascii_lowercase()
    }

    /// What people call its id.
    fn id(&self) -> &str {
        self.standing().1
    }

    pub(crate) fn has_tag(&self, tag: &str) -> bool {
        self.said.tags.iter().any(|other| other.eq_ignore_ascii_case(tag))
    }

    /// Whether it is a node whose name DNS can say, and which no operator took out.
    pub(crate) fn is_answering_node(&self) -> bool {
        is_dotted(&self.key.0) && !self.said.draining
    }

    fn addresses(&self) -> &[IpAddr] {
        self.said.target.addresses()
    }

    fn ports(&self, of: impl Fn(&Port) -> bool) -> Vec<&Port> {
        self.said.ports.iter().filter(|port| of(port)).collect()
    }

    fn address_records(&self) -> Vec<Record> {
        self.addresses().iter().map(address_record).collect()
    }

    /// What SRV records point to.
    fn target(&self, zone: &str, around: &Around) -> String {
        match (&self.said.target, &self.said.hostname) {
            (Target::Name(name), _) => name.to_string(),
            (Target::Addresses(addresses), _) if zone == CONSUL => {
                let node = around.nodes.get(self.standing().0).filter(|_| self.said.at_node);
                let literal = || address_name(addresses[0]).replace(HOSTS, &format!("{DATACENTER}.{CONSUL}"));
                node.map_or_else(literal, |node| format!("{node}.node.{DATACENTER}.{CONSUL}"))
            }
            (Target::Addresses(addresses), _) if zone == HOSTS => address_name(addresses[0]),
            (Target::Addresses(_), Some(hostname)) => self.called(zone, hostname),
            (Target::Resolved(_), _) => unreachable!("no dice throws it"),
            (Target::Addresses(addresses), None) => self.called(zone, &dashed(addresses[0])),
        }
    }

    fn called(&self, zone: &str, name: &str) -> String {
        format!("{}.{}.{}.svc.{zone}", label(name), self.service(), self.said.namespace)
    }

    fn srv(&self, zone: &str, ports: &[&Port], around: &Around) -> Vec<Record> {
        let weight = u32::from(self.weight()) * u32::from(around.policy.srv_weight_scale);
        let weight = weight.min(65_535) as u16;
        let priority = if zone == CONSUL { self.said.priority.max(1) } else { self.said.priority };
        ports.iter().map(|port| Record::Srv(priority, weight, port.number, self.target(zone, around))).collect()
    }

    fn bindings(&self, rtype: u16, zone: &str, ports: &[&Port], around: &Around) -> Vec<Record> {
        let hints = |v4: bool| {
            let octets = self.addresses().iter().filter(move |address| address.is_ipv4() == v4);
            octets
                .flat_map(|address| match address {
                    IpAddr::V4(v4) => v4.octets().to_vec(),
                    IpAddr::V6(v6) => v6.octets().to_vec(),
                })
                .collect::<Vec<u8>>()
        };
        let alpn = self.said.meta.iter().find(|(key, _)| key == "alpn").map(|(_, value)| value.as_str());
        let alpn: Vec<u8> = alpn
            .into_iter()
            .flat_map(|value| value.split(','))
            .flat_map(|id| [vec![id.len() as u8], id.as_bytes().to_vec()].concat())
            .collect();
        let binding = |port: &&Port| {
            let values =
                [(1, alpn.clone()), (3, port.number.to_be_bytes().to_vec()), (4, hints(true)), (6, hints(false))];
            let mut octets = Vec::new();
            for (key, value) in values.into_iter().filter(|(_, value)| !value.is_empty()) {
                octets.extend([0, key, 0, value.len() as u8]);
                octets.extend(value);
            }
            Record::Binding(rtype, self.said.priority + 1, self.target(zone, around), octets)
        };
        ports.iter().map(binding).collect()
    }

    fn text(&self, around: &Around, with_id: bool) -> Record {
        let mut strings = Vec::new();
        if around.policy.txt {
            strings.extend(with_id.then(|| format!("id={}", self.id())));
            strings.extend(self.said.zone.iter().map(|zone| format!("zone={zone}")));
            strings.extend(self.said.region.iter().map(|region| format!("region={region}")));
            strings.extend(self.said.tags.iter().map(|tag| format!("tag={tag}")));
            strings.extend(self.said.meta.iter().map(|(key, value)| format!("{key}={value}")));
        }
        text_record(&strings)
    }

    /// What stands where the ports are seen together with the addresses.
    fn offer(&self, zone: &str, ports: &[&Port], around: &Around) -> Vec<Record> {
        let secure: Vec<&Port> = ports.iter().filter(|port| port.name.as_deref() == Some("https")).copied().collect();
        let mut records = self.address_records();
        records.extend(self.srv(zone, ports, around));
        records.extend(self.bindings(rtype::SVCB, zone, ports, around));
        records.extend(self.bindings(rtype::HTTPS, zone, &secure, around));
        records
    }

    fn whole(&self, zone: &str, around: &Around) -> Vec<Record> {
        let mut records = self.offer(zone, &self.ports(|_| true), around);
        records.extend(around.policy.txt.then(|| self.text(around, true)));
        records
    }

    /// Every name of the row.
    pub(crate) fn stands(&self, around: &Around) -> Vec<Stand> {
        if !self.is_publishable() {
            return Vec::new();
        }
        let mut stands = Vec::new();
        let (service, namespace) = (self.service(), &self.said.namespace);
        for zone in [HOSTS, CLUSTER] {
            self.service_names(zone, &format!("{service}.{namespace}.svc.{zone}"), around, &mut stands);
            self.endpoint_names(zone, &mut stands);
        }
        for address in self.addresses() {
            stands.push(stand(address_name(*address), self.address_records()));
            let name = reverse_name(*address);
            if REVERSE.iter().any(|zone| name.ends_with(zone)) {
                stands.push(stand(name, vec![Record::Ptr(self.calls_itself())]));
            }
        }
        if namespace == "default" {
            self.service_names(HOSTS, &format!("{service}.{HOSTS}"), around, &mut stands);
            self.tag_names(around, &mut stands);
            self.browsing_names(around, &mut stands);
            LOCALITIES.iter().for_each(|locality| self.consul_names(locality, around, &mut stands));
        }
        stands
    }

    fn consul_names(&self, locality: &str, around: &Around, stands: &mut Vec<Stand>) {
        let service = self.service();
        let own = |name: String| stand(name, self.whole(CONSUL, around));
        stands.push(own(format!("{service}.service.{locality}")));
        let tags: BTreeSet<String> = self.said.tags.iter().map(|tag| tag.to_ascii_lowercase()).collect();
        for tag in tags.iter().filter(|tag| is_dotted(tag)) {
            stands.push(own(format!("{tag}.{service}.service.{locality}")));
            if !tag.contains('.') && tag.len() < 63 && tag != "tcp" {
                stands.push(own(format!("_{service}._{tag}.service.{locality}")));
                stands.push(own(format!("_{service}._{tag}.{locality}")));
            }
        }
        for protocol in ["tcp", "udp", "sctp"] {
            for above in [format!("service.{locality}"), locality.to_owned()] {
                let base = Some(format!("{service}.{HOSTS}"));
                stands.push(Stand { base, ..stand(format!("_{protocol}.{above}"), vec![]) });
                if !around.tagged.contains(&(service.clone(), protocol)) {
                    stands.push(own(format!("_{service}._{protocol}.{above}")));
                }
            }
        }
    }

    /// What stands at the names of a node, and of its addresses.
    fn node_records(&self) -> Vec<(String, Vec<Record>)> {
        let mut records = self.address_records();
        records.extend(self.said.meta.iter().map(pair_record));
        let name = |locality: &str| format!("{}.node.{locality}", self.key.0);
        let mut all: Vec<_> = LOCALITIES.iter().map(|locality| (name(locality), records.clone())).collect();
        let ours = self.addresses().iter().map(|address| reverse_name(*address));
        let ours = ours.filter(|name| REVERSE.iter().any(|zone| name.ends_with(zone)));
        let leads_back = Record::Ptr(name(LOCALITIES[1]));
        all.extend(ours.map(|address| (address, vec![leads_back.clone()])));
        all
    }

    fn calls_itself(&self) -> String {
        match &self.said.hostname {
            Some(hostname) => self.called(HOSTS, hostname),
            None if is_label(self.id(), false) => self.called(HOSTS, self.id()),
            None => self.called(HOSTS, &dashed(self.addresses()[0])),
        }
    }

    fn service_names(&self, zone: &str, service: &str, around: &Around, stands: &mut Vec<Stand>) {
        stands.push(Stand { is_service: true, ..stand(service.to_owned(), self.whole(zone, around)) });
        for below in ["_zone", "prefer._zone"] {
            stands.push(Stand { base: Some(service.to_owned()), ..stand(format!("{below}.{service}"), vec![]) });
        }
        for port in &self.said.ports {
            let Some(name) = &port.name else { continue };
            let records = [self.srv(zone, &[port], around), self.bindings(rtype::SVCB, zone, &[port], around)].concat();
            stands.push(stand(format!("_{name}._{}.{service}", port.protocol.as_str()), records));
        }
        if let Some(place) = self.said.zone.as_ref().filter(|place| is_dotted(place)) {
            let name = format!("{}.pin._zone.{service}", place.to_ascii_lowercase());
            stands.push(stand(name, self.whole(zone, around)));
        }
    }

    fn endpoint_names(&self, zone: &str, stands: &mut Vec<Stand>) {
        let mut labels: BTreeSet<String> = self.addresses().iter().map(|address| dashed(*address)).collect();
        labels.extend(self.said.hostname.clone());
        labels.extend(is_label(self.id(), false).then(|| self.id().to_ascii_lowercase()));
        for label in labels {
            stands.push(Stand { kept: false, ..stand(self.called(zone, &label), self.address_records()) });
        }
    }

    fn tag_names(&self, around: &Around, stands: &mut Vec<Stand>) {
        let service = self.service();
        let tags: BTreeSet<String> = self.said.tags.iter().map(|tag| tag.to_ascii_lowercase()).collect();
        for tag in tags.iter().filter(|tag| is_dotted(tag)) {
            let base = format!("{tag}.{service}.{HOSTS}");
            stands.push(stand(base.clone(), self.whole(HOSTS, around)));
            if tag.contains('.') {
                continue;
            }
            if tag.len() < 63 && !["tcp", "udp", "sctp"].contains(&&**tag) {
                stands.push(stand(format!("_{service}._{tag}.{HOSTS}"), self.whole(HOSTS, around)));
            }
            for protocol in self.protocols() {
                let records = self.instance(protocol).into_iter().map(Record::Ptr).collect();
                let name = format!("{tag}._sub._{service}._{protocol}.{HOSTS}");
                stands.push(Stand { base: Some(base.clone()), kept: false, ..stand(name, records) });
            }
        }
    }

    fn protocols(&self) -> BTreeSet<&'static str> {
        self.said.ports.iter().map(|port| port.protocol.as_str()).collect()
    }

    fn instance(&self, protocol: &str) -> Option<String> {
        let fits = self.id().len() <= 63 && !self.id().starts_with('_');
        fits.then(|| format!("{}._{}._{protocol}.{HOSTS}", label(self.id()), self.service()))
    }

    fn browsing_names(&self, around: &Around, stands: &mut Vec<Stand>) {
        for protocol in self.protocols() {
            let ports = self.ports(|port| Protocol::parse("", protocol).is_ok_and(|it| it == port.protocol));
            let name = format!("_{}._{protocol}.{HOSTS}", self.service());
            let mut records = self.offer(HOSTS, &ports, around);
            records.extend(self.instance(protocol).map(Record::Ptr));
            stands.push(stand(name.clone(), records));
            if protocol != "sctp" {
                let types = format!("_services._dns-sd._udp.{HOSTS}");
                stands.push(Stand { base: Some(name.clone()), ..stand(types, vec![Record::Ptr(name)]) });
            }
            if let Some(instance) = self.instance(protocol) {
                let mut records = self.srv(HOSTS, &ports, around);
                records.extend(self.bindings(rtype::SVCB, HOSTS, &ports, around));
                records.push(self.text(around, false));
                stands.push(Stand { kept: false, ..stand(instance, records) });
            }
        }
    }
}

impl Model {
    /// Everything that is true at `now`; without a moment, as if no lease ever ended.
    pub(crate) fn truth(&self, now: Option<u64>) -> Truth {
        let is_live = |row: &Row| now.is_none_or(|now| row.is_live(now));
        let around = self.around(is_live);
        let stands: Vec<(usize, Stand)> = self
            .rows
            .iter()
            .enumerate()
            .filter(|(_, row)| !row.is_node() && is_live(row))
            .flat_map(|(place, row)| row.stands(&around).into_iter().map(move |stand| (place, stand)))
            .collect();
        let served: Vec<bool> = self.rows.iter().map(|row| self.is_served(row)).collect();
        let mut shown: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
        for (place, stand) in stands.iter().filter(|(place, stand)| stand.base.is_none() && served[*place]) {
            shown.entry(&stand.name).or_default().insert(*place);
        }
        if self.policy.empty_service == EmptyService::All {
            let healthy: BTreeSet<&str> = shown.keys().copied().collect();
            for (place, stand) in stands.iter().filter(|(_, stand)| stand.base.is_none()) {
                if !healthy.contains(&*stand.name) && !self.rows[*place].said.draining {
                    shown.entry(&stand.name).or_default().insert(*place);
                }
            }
        }
        let shows = |name: &str, place: usize| shown.get(name).is_some_and(|places| places.contains(&place));
        let keep = |place: usize| now.map_or(RECORD_TTL, |now| self.rows[place].keep(now));
        let with_keep = |place: usize, stand: &Stand| -> Vec<(Record, u32)> {
            stand.records.iter().map(|record| (record.clone(), keep(place))).collect()
        };
        let mut truth = Truth::default();
        for (place, stand) in &stands {
            if shows(stand.base.as_ref().unwrap_or(&stand.name), *place) {
                truth.add(&stand.name, with_keep(*place, stand));
            } else if stand.kept && self.policy.empty_service == EmptyService::NoData {
                truth.add(&stand.name, []);
            }
        }
        for (place, stand) in stands.iter().filter(|(_, stand)| stand.is_service) {
            for zone in ZONES {
                let name = format!("{zone}.prefer._zone.{}", stand.name);
                let pin = format!("{zone}.pin._zone.{}", stand.name);
                let near = shown.get(&*pin).is_some_and(|places| places.iter().any(|place| served[*place]));
                if shows(if near { &pin } else { &stand.name }, *place) {
                    truth.add(&name, with_keep(*place, stand));
                } else if truth.exists(&stand.name) {
                    truth.add(&name, []);
                }
            }
        }
        for (place, row) in self.rows.iter().enumerate().filter(|(_, row)| row.is_node() && is_live(row)) {
            for (name, records) in row.node_records().into_iter().filter(|_| row.is_answering_node()) {
                truth.add(&name, records.into_iter().map(|record| (record, keep(place))));
            }
        }
        self.add_literals(&mut truth);
        add_statics(&mut truth);
        truth
    }

    fn around(&self, is_live: impl Fn(&Row) -> bool) -> Around {
        let mut around = Around { policy: self.policy, nodes: self.reachable_nodes(is_live), ..Around::default() };
        for row in self.rows.iter().filter(|row| row.is_publishable() && row.said.namespace == "default") {
            for protocol in ["udp", "sctp"].into_iter().filter(|it| row.has_tag(it)) {
                around.tagged.insert((row.service(), protocol));
            }
        }
        around
    }

    /// The names of addresses in Consul's zone: whoever has them.
    fn add_literals(&self, truth: &mut Truth) {
        for address in self.rows.iter().flat_map(|row| row.addresses()) {
            for locality in LOCALITIES {
                let name = address_name(*address).replace(HOSTS, locality);
                truth.add(&name, [(address_record(address), RECORD_TTL)]);
            }
        }
    }

    /// Every name that any row would have, and the names above them.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let mut names = Truth::default();
        let around = self.around(|_| true);
        for (name, _) in self.rows.iter().filter(|row| row.is_node()).flat_map(Row::node_records) {
            names.add(&name, []);
        }
        self.add_literals(&mut names);
        for stand in self.rows.iter().filter(|row| !row.is_node()).flat_map(|row| row.stands(&around)) {
            if stand.is_service {
                for zone in ZONES {
                    names.add(&format!("{zone}.prefer._zone.{}", stand.name), []);
                    names.add(&format!("{zone}.pin._zone.{}", stand.name), []);
                }
            }
            names.add(&stand.name, []);
        }
        add_statics(&mut names);
        let is_ours = |name: &String| {
            [HOSTS, CLUSTER, CONSUL].iter().chain(&REVERSE).any(|zone| name.ends_with(&format!(".{zone}")))
        };
        names.names.into_iter().filter(is_ours).collect()
    }
}

/// What zones have without hosts.
fn add_statics(truth: &mut Truth) {
    for (name, address) in STATICS {
        truth.add(&format!("{name}.{HOSTS}"), [(Record::A(address), STATIC_TTL)]);
    }
    for zone in [HOSTS, CLUSTER] {
        truth.add(&format!("ns.dns.{zone}"), [(Record::A(Ipv4Addr::LOCALHOST), STATIC_TTL)]);
        truth.add(&format!("dns-version.{zone}"), [(Record::Txt(b"\x051.1.0".to_vec()), 28_800)]);
    }
    for kind in ["b", "db", "lb"] {
        truth.add(&format!("{kind}._dns-sd._udp.{HOSTS}"), [(Record::Ptr(HOSTS.to_owned()), RECORD_TTL)]);
    }
    for name in ["ns", "consul.service"] {
        truth.add(&format!("{name}.{CONSUL}"), [(Record::A(Ipv4Addr::LOCALHOST), STATIC_TTL)]);
    }
    for locality in LOCALITIES {
        truth.add(&format!("addr.{locality}"), []);
    }
    for zone in REVERSE {
        truth.add(zone, []);
    }
}
