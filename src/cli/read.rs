//! `services` and `hosts`: what is in the table.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde_json::Value;

use super::client::{Answer, Client};
use super::table::{aligned, printable};
use super::{Failure, ServerFlag, print};
use crate::config::Environment;

/// `services`.
#[derive(Debug, Args)]
pub(super) struct Services {
    /// Print the answer of the server as it is, JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerFlag,
}

impl Services {
    pub(super) fn run(&self, environment: &Environment) -> Result<(), Failure> {
        let answer = Client::new(&self.server, environment)?.get(&["v1", "services"], &[])?;
        show(&answer, self.json, services_table)
    }
}

/// `hosts`.
#[derive(Debug, Args)]
pub(super) struct Hosts {
    /// Only the hosts of this service
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    service: Option<String>,
    /// Only the hosts in this namespace
    #[arg(long, value_name = "NS", value_parser = NonEmptyStringValueParser::new())]
    namespace: Option<String>,
    /// Print the answer of the server as it is, JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerFlag,
}

impl Hosts {
    pub(super) fn run(&self, environment: &Environment) -> Result<(), Failure> {
        let mut segments = vec!["v1", "hosts"];
        segments.extend(self.service.as_deref());
        let query: Vec<_> = self.namespace.as_deref().map(|namespace| ("namespace", namespace)).into_iter().collect();
        let answer = Client::new(&self.server, environment)?.get(&segments, &query)?;
        show(&answer, self.json, hosts_table)?;
        if !self.json && entries(&answer.json, "hosts").is_empty() {
            // A note only: that nobody is there is an answer, too.
            super::complain(&self.nobody(), 0);
        }
        Ok(())
    }

    fn nobody(&self) -> String {
        let of = self.service.as_deref().map(|service| format!(" of {}", printable(service))).unwrap_or_default();
        let within = self.namespace.as_deref().map(|name| format!(" in the namespace {}", printable(name)));
        format!("no host{of} is registered{}", within.unwrap_or_default())
    }
}

/// Prints an answer as it is, or as a table.
pub(super) fn show(answer: &Answer, json: bool, table: impl Fn(&Value) -> String) -> Result<(), Failure> {
    print(&if json { format!("{}\n", answer.text.trim_end()) } else { table(&answer.json) })
}

fn services_table(answer: &Value) -> String {
    let rows: Vec<_> = entries(answer, "services")
        .iter()
        .map(|service| {
            if let Value::String(name) = service {
                return vec![printable(name)];
            }
            let field = |key: &str| service.get(key).map(text);
            let name = field("service").or_else(|| field("name")).unwrap_or_default();
            let tags = service.get("tags").map(list).unwrap_or_default();
            vec![name, field("hosts").unwrap_or_default(), field("passing").unwrap_or_default(), tags]
        })
        .collect();
    aligned(&["SERVICE", "HOSTS", "PASSING", "TAGS"], &rows)
}

fn hosts_table(answer: &Value) -> String {
    let hosts = entries(answer, "hosts");
    let mut headings = vec!["SERVICE", "ID", "ADDRESS", "PORT", "STATUS", "TAGS", "EXPIRES", "BY"];
    let mut rows: Vec<_> = hosts.iter().map(host_row).collect();
    // Most tables have one namespace, and no use for a column of it.
    if hosts.iter().any(|host| namespace(host) != "default") {
        headings.insert(1, "NAMESPACE");
        for (row, host) in rows.iter_mut().zip(hosts) {
            row.insert(1, namespace(host));
        }
    }
    aligned(&headings, &rows)
}

fn namespace(host: &Value) -> String {
    host.get("namespace").map_or_else(|| "default".into(), text)
}

/// Fields that a server leaves out stay empty.
fn host_row(host: &Value) -> Vec<String> {
    let field = |key: &str| host.get(key).map(text).unwrap_or_default();
    let addresses = match host.get("addresses") {
        Some(addresses) => list(addresses),
        None => field("address"),
    };
    let ports = match host.get("ports").and_then(Value::as_array) {
        Some(ports) => ports.iter().map(port).collect::<Vec<_>>().join(","),
        None => field("port"),
    };
    let is_draining = host.get("draining").and_then(Value::as_bool).unwrap_or_default();
    let status = if is_draining { format!("{}, draining", field("status")) } else { field("status") };
    let tags = host.get("tags").map(list).unwrap_or_default();
    vec![field("service"), field("id"), addresses, ports, status, tags, expiry(&field("expires_at")), field("origin")]
}

fn port(port: &Value) -> String {
    let field = |key: &str| port.get(key).map(text).filter(|text| !text.is_empty());
    let protocol = field("protocol").filter(|protocol| protocol != "tcp").map(|protocol| format!("/{protocol}"));
    let protocol = protocol.unwrap_or_default();
    match (field("name"), field("port")) {
        (Some(name), Some(number)) => format!("{name}={number}{protocol}"),
        (None, Some(number)) => format!("{number}{protocol}"),
        (_, None) => text(port),
    }
}

/// The fraction of the second is of no use to people.
fn expiry(moment: &str) -> String {
    match moment.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None if moment.is_empty() => "never".into(),
        None => moment.into(),
    }
}

pub(super) fn entries<'a>(answer: &'a Value, key: &str) -> &'a [Value] {
    answer.get(key).unwrap_or(answer).as_array().map_or(&[], Vec::as_slice)
}

fn list(value: &Value) -> String {
    value.as_array().map(|items| items.iter().map(text).collect::<Vec<_>>().join(",")).unwrap_or_default()
}

pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => printable(text),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => printable(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hosts_are_shown_with_what_is_known_of_them() {
        let answer = json!({"revision": 7, "hosts": [
            {"service": "web", "id": "web-1", "origin": "native", "addresses": ["10.0.0.1", "fd00::1"],
             "ports": [{"name": "http", "protocol": "tcp", "port": 80}, {"port": 81}], "tags": ["v1", "\u{1b}[2J"],
             "status": "passing", "draining": true, "expires_at": "2026-11-20T17:08:14.758176Z"},
            {"service": "db", "id": "d"},
        ]});
        let expected = "\
SERVICE  ID     ADDRESS           PORT        STATUS             TAGS          EXPIRES               BY
web      web-1  10.0.0.1,fd00::1  http=80,81  passing, draining  v1,\\u{1b}[2J  2026-11-20T17:08:14Z  native
db       d                                                                     never
";
        assert_eq!(hosts_table(&answer), expected);
    }

    #[test]
    fn a_namespace_and_a_protocol_are_shown_where_they_are_not_the_usual_ones() {
        let answer = json!({"hosts": [
            {"service": "log", "id": "a", "namespace": "prod", "expires_at": null,
             "ports": [{"name": "syslog", "protocol": "udp", "port": 514}, {"protocol": "sctp", "port": 9}]},
            {"service": "web", "id": "b", "namespace": "default"},
        ]});
        let expected = "\
SERVICE  NAMESPACE  ID  ADDRESS  PORT                   STATUS  TAGS  EXPIRES  BY
log      prod       a            syslog=514/udp,9/sctp                never
web      default    b                                                 never
";
        assert_eq!(hosts_table(&answer), expected);
    }

    #[test]
    fn services_are_shown_in_any_form() {
        let answer = json!({"services": [{"service": "web", "hosts": 2, "passing": 1, "tags": ["v1"]}, "db"]});
        assert_eq!(services_table(&answer), "SERVICE  HOSTS  PASSING  TAGS\nweb      2      1        v1\ndb\n");
        assert_eq!(services_table(&json!(null)), "SERVICE  HOSTS  PASSING  TAGS\n");
    }
}
