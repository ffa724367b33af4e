//! A service as an agent is told of it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::check::{Check, Sent as SentCheck};
use super::decode::{DecodeError, Field, Fields, Read, body, object};
use super::tree::Tree;
use super::{Refusal, check_status};
use crate::http::consul::shapes::Weights;
use crate::limits;

/// A service whose every field is good, with the defaults filled in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceRegistration {
    /// Empty for a typical one.
    pub kind: String,
    /// Its id: the name, where none was said.
    pub id: String,
    /// Its name, never empty.
    pub name: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// An IP address or a host name; empty for that of the node.
    pub address: String,
    /// Addresses by what they are for; for an IP address with its own two forms.
    pub tagged_addresses: BTreeMap<String, Address>,
    /// What it carries.
    pub meta: BTreeMap<String, String>,
    /// 0 where there is none.
    pub port: u16,
    /// Those that have names; then it has no other.
    pub ports: Vec<NamedPort>,
    /// A Unix socket in place of address and port.
    pub socket_path: String,
    /// Its weights.
    pub weights: Weights,
    /// Whether others may change the tags in the catalog.
    pub enable_tag_override: bool,
    /// Its checks, `Check` first, each with an id and a name.
    pub checks: Vec<Check>,
    /// What it says of proxies and localities, as sent.
    pub mesh: Mesh,
    /// Whether it was registered from outside, and not by an agent.
    pub external: bool,
}

/// What a service says of proxies and localities, as sent; `null` where nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mesh {
    /// `Proxy`.
    pub proxy: Tree,
    /// `Connect`.
    pub connect: Tree,
    /// `Locality`.
    pub locality: Tree,
}

impl Mesh {
    /// Whether the service speaks mutual TLS itself.
    pub fn is_native(&self) -> bool {
        self.part("native", "native") == Some(&Tree::Flag(true))
    }

    /// What it says of a proxy beside it; `None` where it asks for none.
    pub fn sidecar(&self) -> Option<&Tree> {
        self.part("sidecarservice", "sidecar_service").filter(|said| **said != Tree::Null)
    }

    /// The service that it is a proxy of.
    fn destination(&self) -> Option<&str> {
        let Tree::Object(pairs) = &self.proxy else { return None };
        let is_meant =
            |name: &str| name.eq_ignore_ascii_case("DestinationServiceName") || name == "destination_service_name";
        let found = pairs.iter().find(|(name, _)| is_meant(name)).map(|(_, value)| value);
        found.and_then(|value| if let Tree::Text(text) = value { Some(text.as_str()) } else { None })
    }

    fn part(&self, lower: &str, snake: &str) -> Option<&Tree> {
        let Tree::Object(pairs) = &self.connect else { return None };
        let is_meant = |name: &str| name.eq_ignore_ascii_case(lower) || name.eq_ignore_ascii_case(snake);
        pairs.iter().find(|(name, _)| is_meant(name)).map(|(_, value)| value)
    }
}

/// A port with a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedPort {
    /// Its name.
    pub name: String,
    /// 1 to 65535.
    pub port: u16,
    /// Whether it is meant where no name is said.
    pub is_default: bool,
}

/// One of the addresses of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// An IP address or a host name.
    pub address: String,
    /// 0 to 65535.
    pub port: u16,
}

impl ServiceRegistration {
    /// Reads the body of `/v1/agent/service/register`; the tests go in Consul's order.
    pub fn read(octets: &[u8]) -> Result<ServiceRegistration, Refusal> {
        body::<Sent>(octets)?.checked()
    }

    /// Reads what a registration says of the proxy beside its service; `name` is that of one that says none.
    pub fn read_sidecar(said: &Tree, name: &str) -> Result<ServiceRegistration, Refusal> {
        let mut sent: Sent = object(said.clone(), "SidecarService")?;
        if sent.service.name.is_empty() {
            name.clone_into(&mut sent.service.name);
        }
        sent.checked()
    }
}

#[derive(Default)]
struct Sent {
    service: ServiceRegistration,
    port: i64,
    ports: Vec<SentPort>,
    weights: Option<SentWeights>,
    tagged_addresses: BTreeMap<String, SentAddress>,
    check: SentCheck,
    checks: Vec<SentCheck>,
    token: String,
}

#[derive(Default)]
struct SentWeights {
    passing: i64,
    warning: i64,
}

#[derive(Default)]
struct SentAddress {
    address: String,
    port: i64,
}

impl Read for Sent {
    fn read(tree: Tree, field: &str) -> Result<Sent, DecodeError> {
        object(tree, field)
    }
}

impl Read for SentWeights {
    fn read(tree: Tree, field: &str) -> Result<SentWeights, DecodeError> {
        object(tree, field)
    }
}

impl Read for SentAddress {
    fn read(tree: Tree, field: &str) -> Result<SentAddress, DecodeError> {
        object(tree, field)
    }
}

impl Fields for Sent {
    fn set(&mut self, lower: &str, field: Field<'_>) -> Result<bool, DecodeError> {
        let service = &mut self.service;
        match lower {
            "kind" => field.into(&mut service.kind),
            "id" => field.into(&mut service.id),
            "name" => field.into(&mut service.name),
            "tags" => field.into(&mut service.tags),
            "address" => field.into(&mut service.address),
            "taggedaddresses" | "tagged_addresses" => field.into(&mut self.tagged_addresses),
            "meta" => field.into(&mut service.meta),
            "port" => field.into(&mut self.port),
            "ports" => field.into(&mut self.ports),
            "socketpath" => field.into(&mut service.socket_path),
            "check" => field.into(&mut self.check),
            "checks" => field.into(&mut self.checks),
            "weights" => field.into(&mut self.weights),
            "token" => field.into(&mut self.token),
            "enabletagoverride" | "enable_tag_override" => field.into(&mut service.enable_tag_override),
            "locality" => field.into(&mut service.mesh.locality),
            "proxy" => field.into(&mut service.mesh.proxy),
            "connect" => field.into(&mut service.mesh.connect),
            _ => Ok(false),
        }
    }
}

#[derive(Default)]
struct SentPort {
    name: String,
    port: i64,
    is_default: bool,
}

impl Read for SentPort {
    fn read(tree: Tree, field: &str) -> Result<SentPort, DecodeError> {
        object(tree, field)
    }
}

impl Fields for SentPort {
    fn set(&mut self, lower: &str, field: Field<'_>) -> Result<bool, DecodeError> {
        match lower {
            "name" => field.into(&mut self.name),
            "port" => field.into(&mut self.port),
            "default" => field.into(&mut self.is_default),
            _ => Ok(false),
        }
    }
}

/// Named ports: each name once, at most one default, and no other port beside them.
fn named_ports(sent: Vec<SentPort>, port: u16) -> Result<Vec<NamedPort>, Refusal> {
    if !sent.is_empty() && port != 0 {
        return Err(Refusal::Ports("cannot be given beside Port"));
    }
    let mut ports: Vec<NamedPort> = Vec::new();
    for SentPort { name, port, is_default } in sent {
        let number = u16::try_from(port).ok().filter(|number| *number > 0).ok_or(Refusal::Port(port))?;
        let fits = crate::table::parse_label("Ports.Name", &name).is_ok();
        if !fits {
            return Err(Refusal::Ports("must have names that are DNS labels"));
        }
        if ports.iter().any(|known| known.name.eq_ignore_ascii_case(&name)) {
            return Err(Refusal::Ports("must have each name once"));
        }
        if is_default && ports.iter().any(|known| known.is_default) {
            return Err(Refusal::Ports("must have one default at most"));
        }
        ports.push(NamedPort { name, port: number, is_default });
    }
    if ports.len() > limits::PORTS {
        return Err(Refusal::Ports("must be fewer"));
    }
    Ok(ports)
}

impl Fields for SentWeights {
    fn set(&mut self, lower: &str, field: Field<'_>) -> Result<bool, DecodeError> {
        match lower {
            "passing" => field.into(&mut self.passing),
            "warning" => field.into(&mut self.warning),
            _ => Ok(false),
        }
    }
}

impl Fields for SentAddress {
    fn set(&mut self, lower: &str, field: Field<'_>) -> Result<bool, DecodeError> {
        match lower {
            "address" => field.into(&mut self.address),
            "port" => field.into(&mut self.port),
            _ => Ok(false),
        }
    }
}

impl Sent {
    fn checked(self) -> Result<ServiceRegistration, Refusal> {
        let Sent { mut service, .. } = self;
        if service.name.is_empty() {
            return Err(Refusal::NoServiceName);
        }
        if matches!(service.address.as_str(), "0.0.0.0" | "::" | "[::]") {
            return Err(Refusal::AnyAddress);
        }
        if service.id.is_empty() {
            service.id.clone_from(&service.name);
        }
        service.weights = self.weights.map_or(Ok(Weights::default()), SentWeights::checked)?;
        check_meta(&service.meta)?;
        service.port = port(self.port)?;
        service.ports = named_ports(self.ports, service.port)?;
        for sent in [self.check].into_iter().filter(|check| !check.is_empty()).chain(self.checks) {
            service.checks.push(sent.checked().map_err(Refusal::Check)?);
        }
        if service.checks.iter().any(|check| !check_status(&check.status)) {
            return Err(Refusal::CheckStatus);
        }
        for (key, sent) in self.tagged_addresses {
            let address = Address { address: sent.address, port: port(sent.port)? };
            service.tagged_addresses.insert(key, address);
        }
        if service.kind == "connect-proxy" && service.mesh.destination().is_none_or(str::is_empty) {
            return Err(Refusal::NoDestination);
        }
        name_checks(&mut service);
        tag_addresses(&mut service)?;
        Ok(service)
    }
}

fn port(number: i64) -> Result<u16, Refusal> {
    u16::try_from(number).map_err(|_| Refusal::Port(number))
}

impl SentWeights {
    fn checked(self) -> Result<Weights, Refusal> {
        if self.passing < 1 {
            return Err(Refusal::Weights("Passing must be greater than 0"));
        }
        if self.warning < 0 {
            return Err(Refusal::Weights("Warning must be greater or equal than 0"));
        }
        match (u16::try_from(self.passing), u16::try_from(self.warning)) {
            (Ok(passing), Ok(warning)) => Ok(Weights { passing, warning }),
            _ => Err(Refusal::Weights("DNS Weight must be between 0 and 65535")),
        }
    }
}

fn check_meta(meta: &BTreeMap<String, String>) -> Result<(), Refusal> {
    if meta.len() > limits::META_PAIRS {
        return Err(Refusal::MetaPairs);
    }
    for (key, value) in meta {
        let known = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let broken = if key.is_empty() {
            "Key cannot be blank".to_owned()
        } else if !key.chars().all(known) {
            "Key contains invalid characters".to_owned()
        } else if key.len() > limits::META_KEY_OCTETS {
            format!("Key is too long (limit: {} characters)", limits::META_KEY_OCTETS)
        } else if key.starts_with("consul-") {
            "Key prefix 'consul-' is reserved for internal use".to_owned()
        } else if value.len() > limits::META_VALUE_OCTETS {
            format!("Value is too long (limit: {} characters)", limits::META_VALUE_OCTETS)
        } else {
            continue;
        };
        return Err(Refusal::Meta { key: key.clone(), value: value.clone(), broken });
    }
    Ok(())
}

/// Gives an id and a name to each check that has none.
fn name_checks(service: &mut ServiceRegistration) {
    let several = service.checks.len() > 1;
    for (place, check) in service.checks.iter_mut().enumerate() {
        if check.id.is_empty() {
            let number = if several { format!(":{}", place + 1) } else { String::new() };
            check.id = format!("service:{}{number}", service.id);
        }
        if check.name.is_empty() {
            check.name = format!("Service '{}' check", service.name);
        }
    }
}

/// Adds the two forms of an IP address, and refuses an address of the wrong family.
fn tag_addresses(service: &mut ServiceRegistration) -> Result<(), Refusal> {
    let forms = match service.address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => ["lan_ipv4", "wan_ipv4"].as_slice(),
        Ok(IpAddr::V6(_)) => &["lan_ipv6", "wan_ipv6"],
        Err(_) => &[],
    };
    for form in forms {
        let own = || Address { address: service.address.clone(), port: service.port };
        service.tagged_addresses.entry((*form).to_owned()).or_insert_with(own);
    }
    for (tag, address) in &service.tagged_addresses {
        let good = match tag.as_str() {
            "lan_ipv4" | "wan_ipv4" => address.address.parse::<Ipv4Addr>().is_ok(),
            "lan_ipv6" | "wan_ipv6" => address.address.parse::<Ipv6Addr>().is_ok(),
            _ => true,
        };
        if !good {
            let family = if tag.ends_with('4') { "ipv4" } else { "ipv6" };
            return Err(Refusal::TaggedAddress { tag: tag.clone(), family });
        }
    }
    Ok(())
}
