//! What is told of the program, looked at before it is started.

use std::net::{IpAddr, ToSocketAddrs as _, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::check;
use super::signals::Kind;
use crate::cli::client::Client;
use crate::cli::write::{PortFlag, Traits};
use crate::cli::{Failure, say};
use crate::clock::Clock;
use crate::server::reachable_addresses;
use crate::table::{
    Dialect, Event, Host, HostId, HostTable, Invalid, Lease, Namespace, Place, Port, Protocol, Registration,
    ServiceName, Target, Terms, parse_meta, parse_tags,
};
use crate::zone::check_service_label;

/// What the flags say.
pub(super) struct Said<'a> {
    pub(super) service: &'a str,
    pub(super) id: Option<&'a str>,
    pub(super) addresses: &'a [String],
    pub(super) traits: &'a Traits,
    pub(super) ttl: Duration,
    pub(super) check: check::Said<'a>,
    pub(super) failures: u16,
    pub(super) drain: Duration,
    pub(super) stop_signal: Option<Kind>,
}

/// A program to be started, as far as others are told of it.
pub(super) struct Plan {
    pub(super) service: String,
    pub(super) id: String,
    /// The registration, but for the check.
    pub(super) fields: Map<String, Value>,
    pub(super) ttl: Duration,
    /// How it is asked; `None` where it is not.
    pub(super) terms: Option<Terms>,
    /// A host on this machine: what a probe is told whose check it does.
    pub(super) asked: Arc<Host>,
    pub(super) failures: u16,
    pub(super) drain: Duration,
    pub(super) stop_signal: Option<Kind>,
    pub(super) clock: Arc<Clock>,
}

impl Said<'_> {
    /// The plan, or the rule that a flag breaks: the server would say the same, but only when the program runs.
    pub(super) fn plan(&self, client: &Client, machine: &str, clock: Arc<Clock>) -> Result<Plan, Failure> {
        let addresses = match self.addresses {
            [] => vec![own_address(client).to_string()],
            given => given.to_vec(),
        };
        let port = self.traits.port.first().map(|port| port.port);
        let id = match (self.id, port) {
            (Some(id), _) => id.to_owned(),
            (None, Some(port)) => format!("{machine}-{port}"),
            (None, None) => machine.to_owned(),
        };
        let planned = self.check_all(&addresses, &id).and_then(|()| {
            let first = addresses.first().map(String::as_str).unwrap_or_default();
            Ok((self.check.terms(first, port)?, asked(self.service, &id, &clock)?))
        });
        let (terms, asked) = planned.map_err(|invalid| Failure::Usage(flag(&invalid)))?;
        let mut fields = self.traits.fields();
        fields.insert("addresses".into(), json!(addresses));
        fields.insert("ttl".into(), json!(self.ttl.as_secs_f64()));
        let Said { ttl, failures, drain, stop_signal, .. } = *self;
        Ok(Plan { service: self.service.into(), id, fields, ttl, terms, asked, failures, drain, stop_signal, clock })
    }

    fn check_all(&self, addresses: &[String], id: &str) -> Result<(), Invalid> {
        let Traits { port, tag, meta, weight, priority: _, namespace, zone, region } = self.traits;
        if self.service.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(Invalid::new("service", "must be in lower case"));
        }
        check_service_label(self.service).map_err(|rule| Invalid::new("service", rule))?;
        HostId::parse("id", id)?;
        Target::parse("address", addresses.iter().map(String::as_str))?;
        for port in port {
            Port::parse_number("port", port.port.into())?;
            port.name.as_deref().map(|name| Port::parse_name("port", name)).transpose()?;
            port.protocol.as_deref().map(|protocol| Protocol::parse("port", protocol)).transpose()?;
        }
        if port.len() > 1 && port.iter().filter(|port| port.name.is_none()).count() > 1 {
            return Err(Invalid::new("port", "must have a name where there are several, as in http=8080"));
        }
        let what = |flag: &PortFlag| {
            let name = flag.name.as_deref().map(str::to_ascii_lowercase);
            (name, flag.protocol.as_deref().unwrap_or("tcp").to_ascii_lowercase())
        };
        if (1..port.len()).any(|at| port[..at].iter().any(|other| what(other) == what(&port[at]))) {
            return Err(Invalid::new("port", "must differ from the others in name or protocol"));
        }
        parse_tags("tag", tag.iter().map(String::as_str))?;
        parse_meta("meta", meta.iter().map(|(key, value)| (key.as_str(), value.as_str())))?;
        if *weight == Some(0) {
            return Err(Invalid::new("weight", "must be 1 to 65535"));
        }
        namespace.as_deref().map(|namespace| Namespace::parse("namespace", namespace)).transpose()?;
        zone.as_deref().map(|zone| Place::parse("zone", zone)).transpose()?;
        region.as_deref().map(|region| Place::parse("region", region)).transpose()?;
        Lease::parse_ttl("ttl", self.ttl)?;
        Ok(())
    }
}

/// The rule with the flag that breaks it.
fn flag(invalid: &Invalid) -> String {
    format!("--{} {}", invalid.field.replace('_', "-"), invalid.rule)
}

/// Whose check a probe does: a host on this machine, so that it may ask the loopback. The check says where itself.
fn asked(service: &str, id: &str, clock: &Clock) -> Result<Arc<Host>, Invalid> {
    let (service, id) = (ServiceName::parse("service", service)?, HostId::parse("id", id)?);
    let here = Target::parse("address", ["127.0.0.1"])?;
    let registration = Registration::new(service, Dialect::Native, id, here);
    let mut table = HostTable::default();
    // A table of one row takes it.
    let _ = table.apply(Event::Register(Box::new(registration)), clock.now());
    table.hosts().iter().next().cloned().ok_or_else(|| Invalid::new("service", "cannot be a host"))
}

/// The address from which this machine reaches the server: a connected UDP socket has it and sends nothing. Where the
/// name of the server means nothing yet, the one from which it reaches the world.
fn own_address(client: &Client) -> IpAddr {
    let place = client.place();
    let towards = || {
        let server = place.to_socket_addrs().ok()?.next()?;
        let any: IpAddr = if server.is_ipv4() { [0, 0, 0, 0].into() } else { [0_u16; 8].into() };
        let socket = UdpSocket::bind((any, 0)).ok()?;
        socket.connect(server).ok()?;
        socket.local_addr().ok().map(|local| local.ip()).filter(|ip| !ip.is_unspecified())
    };
    towards().unwrap_or_else(|| {
        let address = reachable_addresses(&[], &[([0, 0, 0, 0], 0).into()])[0];
        say(&format!("{} is not found: the host is registered as {address}; --address says another", place.0));
        address
    })
}
