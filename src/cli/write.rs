//! `register`, `deregister` and `drain`: what changes the table. The server judges the values; here only their form.

use axum::http::Method;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde_json::{Map, Value, json};

use super::client::Client;
use super::table::printable;
use super::{Failure, ServerFlag, print, read};
use crate::config::Environment;

pub(super) const REGISTER_EXAMPLES: &str = "\
Examples:
  rollcall register web --id web-1 --address 10.0.0.1 --port 8080
  rollcall register web --id web-1 --address 10.0.0.1 --address fd00::1 \\
      --port http=80 --port metrics=9100 --tag v1 --meta rack=7 --ttl 30s

With --ttl the host leaves the answers unless it is registered again in time.";

/// `register`.
#[derive(Debug, Args)]
pub(super) struct Register {
    /// Name under which the host is found: SERVICE.service.local
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    service: String,
    /// Name of the host, unique in its service
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    id: String,
    /// IPv4 or IPv6 address of the host, may be repeated; or one host name with a dot, such as
    /// db.example.com, which is in SRV answers only
    #[arg(long, value_name = "IP|NAME", required = true)]
    address: Vec<String>,
    /// Lease, such as 30s [default: none, or the server's host_ttl]
    #[arg(long, value_name = "DURATION")]
    ttl: Option<String>,
    #[command(flatten)]
    traits: Traits,
    /// Print the answer of the server as it is: the host as it is stored, JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerFlag,
}

/// What is said of a host beside its name, its address and its lease, by every command that registers.
#[derive(Debug, Args)]
pub(super) struct Traits {
    /// Port, may be repeated with names: http=80, syslog=514/udp
    #[arg(long, value_name = "[NAME=]PORT[/PROTOCOL]", value_parser = parse_port)]
    pub(super) port: Vec<PortFlag>,
    /// Tag: TAG.SERVICE.service.local finds the host, may be repeated
    #[arg(long)]
    pub(super) tag: Vec<String>,
    /// Pair that is stored with the host, may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_pair)]
    pub(super) meta: Vec<(String, String)>,
    /// Share of the clients, 1 to 65535 [default: 1]
    #[arg(long)]
    pub(super) weight: Option<u16>,
    /// Hosts of a higher number are used when those of a lower one fail [default: 0]
    #[arg(long)]
    pub(super) priority: Option<u16>,
    /// Namespace, as Kubernetes names have it; a host is in one at a time [default: default]
    #[arg(long)]
    pub(super) namespace: Option<String>,
    /// Availability zone
    #[arg(long)]
    pub(super) zone: Option<String>,
    /// Region
    #[arg(long)]
    pub(super) region: Option<String>,
}

/// A port as it is written in a flag.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PortFlag {
    pub(super) name: Option<String>,
    pub(super) protocol: Option<String>,
    pub(super) port: u16,
}

impl Register {
    pub(super) fn run(&self, environment: &Environment) -> Result<(), Failure> {
        let client = Client::new(&self.server, environment)?;
        let body = Value::Object(self.body());
        let stored = client.call(Method::PUT, &["v1", "hosts", &self.service, &self.id], Some(&body))?;
        read::show(&stored, self.json, |stored| {
            let until = match stored.get("expires_at").and_then(Value::as_str) {
                Some(moment) => format!(" until {}", printable(moment)),
                None => String::new(),
            };
            format!("registered {} in {}{until}\n", printable(&self.id), printable(&self.service))
        })
    }

    fn body(&self) -> Map<String, Value> {
        let mut fields = self.traits.fields();
        fields.insert("addresses".into(), json!(self.address));
        fields.extend(self.ttl.as_ref().map(|ttl| ("ttl".to_owned(), json!(ttl))));
        fields
    }
}

impl Traits {
    /// The fields of a registration that they fill.
    pub(super) fn fields(&self) -> Map<String, Value> {
        let ports = match self.port.as_slice() {
            [PortFlag { name: None, protocol: None, port }] => Some(("port", json!(port))),
            [] => None,
            several => Some(("ports", several.iter().map(PortFlag::to_json).collect())),
        };
        let meta: Map<String, Value> = self.meta.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
        let fields = [
            ports,
            (!self.tag.is_empty()).then(|| ("tags", json!(self.tag))),
            (!meta.is_empty()).then(|| ("meta", json!(meta))),
            self.weight.map(|weight| ("weight", json!(weight))),
            self.priority.map(|priority| ("priority", json!(priority))),
            self.namespace.as_ref().map(|namespace| ("namespace", json!(namespace))),
            self.zone.as_ref().map(|zone| ("zone", json!(zone))),
            self.region.as_ref().map(|region| ("region", json!(region))),
        ];
        fields.into_iter().flatten().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

impl PortFlag {
    fn to_json(&self) -> Value {
        let mut port = json!({"port": self.port});
        if let Some(name) = &self.name {
            port["name"] = json!(name);
        }
        if let Some(protocol) = &self.protocol {
            port["protocol"] = json!(protocol);
        }
        port
    }
}

/// `deregister`.
#[derive(Debug, Args)]
pub(super) struct Deregister {
    /// Service of the host
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    service: String,
    /// Name of the host
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    id: String,
    /// API that registered it, as `rollcall hosts` shows it: native, lyft, consul, minos
    #[arg(long, default_value = "native")]
    origin: String,
    #[command(flatten)]
    server: ServerFlag,
}

impl Deregister {
    pub(super) fn run(&self, environment: &Environment) -> Result<(), Failure> {
        let client = Client::new(&self.server, environment)?;
        let path = ["v1", "hosts", &self.service, &self.id];
        client.call_with(Method::DELETE, &path, &[("origin", &self.origin)], None)?;
        print(&format!("deregistered {} from {}\n", printable(&self.id), printable(&self.service)))
    }
}

/// `drain`.
#[derive(Debug, Args)]
pub(super) struct Drain {
    /// Service of the host
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    service: String,
    /// Name of the host
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    id: String,
    /// Put the host back into the answers
    #[arg(long)]
    off: bool,
    #[command(flatten)]
    server: ServerFlag,
}

impl Drain {
    pub(super) fn run(&self, environment: &Environment) -> Result<(), Failure> {
        let client = Client::new(&self.server, environment)?;
        let body = json!({"enable": !self.off});
        client.call(Method::PUT, &["v1", "hosts", &self.service, &self.id, "drain"], Some(&body))?;
        let done = if self.off { "draining no more" } else { "draining" };
        print(&format!("{} of {} is {done}\n", printable(&self.id), printable(&self.service)))
    }
}

fn parse_port(text: &str) -> Result<PortFlag, String> {
    let (name, rest) = match text.split_once('=') {
        Some((name, rest)) => (Some(name.to_owned()), rest),
        None => (None, text),
    };
    let (port, protocol) = match rest.split_once('/') {
        Some((port, protocol)) => (port, Some(protocol.to_owned())),
        None => (rest, None),
    };
    let port =
        port.parse().map_err(|_| "a port is a number from 1 to 65535: 80, http=80, syslog=514/udp".to_owned())?;
    Ok(PortFlag { name, protocol, port })
}

fn parse_pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) => Ok((key.into(), value.into())),
        None => Err("a pair is KEY=VALUE".into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Command, Program};

    fn body_of(arguments: &str) -> Value {
        let program = Program::try_parse_from(arguments.split(' ')).expect("valid arguments");
        match program.command {
            Some(Command::Register(register)) => Value::Object(register.body()),
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn flags_become_a_registration() {
        assert_eq!(
            body_of("rollcall register web --id w --address 10.0.0.1 --port 80"),
            json!({"addresses": ["10.0.0.1"], "port": 80})
        );
        assert_eq!(
            body_of(
                "rollcall register web --id w --address ::1 --port http=80 --port log=514/udp --meta a=b=c --tag v1 --ttl 30s --weight 5"
            ),
            json!({"addresses": ["::1"], "ports": [{"name": "http", "port": 80}, {"name": "log", "port": 514, "protocol": "udp"}],
                   "meta": {"a": "b=c"}, "tags": ["v1"], "ttl": "30s", "weight": 5})
        );
    }

    #[test]
    fn wrong_flags_are_refused() {
        for arguments in [
            "rollcall register web --id w",
            "rollcall register web --id w --address ::1 --port 65536",
            "rollcall register web --id w --address ::1 --port http=",
            "rollcall register web --id w --address ::1 --meta a",
        ] {
            let error = Program::try_parse_from(arguments.split(' ')).expect_err(arguments);
            assert_eq!(error.exit_code(), 2);
        }
    }
}
