//! `services` and `hosts`: what is in the table.

use axum::http::Method;
use clap::Args;
use serde_json::Value;

use super::client::Client;
use super::table::{aligned, printable};
use super::{Failure, ServerFlag, print};
use crate::config::Environment;

/// `services`.
#[derive(Debug, Args)]
pub(super) struct Services {
    /// Print the answer of the server, JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerFlag,
}

impl Services {
    pub(super) fn run(&self, environment: &Environment) -> Result<(), Failure> {
        let answer = Client::new(&self.server, environment)?.call(Method::GET, &["v1", "services"], None)?;
        show(&answer, self.json, services_table)
    }
}

/// `hosts`.
#[derive(Debug, Args)]
pub(super) struct Hosts {
    /// Only the hosts of this service
    service: Option<String>,
    /// Print the answer of the server, JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerFlag,
}

impl Hosts {
    pub(super) fn run(&self, environment: &Environment) -> Result<(), Failure> {
        let mut segments = vec!["v1", "hosts"];
        segments.extend(self.service.as_deref());
        let answer = Client::new(&self.server, environment)?.call(Method::GET, &segments, None)?;
        show(&answer, self.json, hosts_table)
    }
}

/// Prints an answer as it is, or as a table.
pub(super) fn show(answer: &Value, json: bool, table: impl Fn(&Value) -> String) -> Result<(), Failure> {
    // Printing a value that was parsed cannot fail.
    let text =
        if json { format!("{}\n", serde_json::to_string_pretty(answer).unwrap_or_default()) } else { table(answer) };
    print(&text)
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
    let rows: Vec<_> = entries(answer, "hosts").iter().map(host_row).collect();
    aligned(&["SERVICE", "ID", "ADDRESS", "PORT", "STATUS", "TAGS", "EXPIRES", "BY"], &rows)
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
    match (field("name"), field("port")) {
        (Some(name), Some(number)) => format!("{name}={number}"),
        (None, Some(number)) => number,
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

fn entries<'a>(answer: &'a Value, key: &str) -> &'a [Value] {
    answer.get(key).unwrap_or(answer).as_array().map_or(&[], Vec::as_slice)
}

fn list(value: &Value) -> String {
    value.as_array().map(|items| items.iter().map(text).collect::<Vec<_>>().join(",")).unwrap_or_default()
}

fn text(value: &Value) -> String {
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
    fn services_are_shown_in_any_form() {
        let answer = json!({"services": [{"service": "web", "hosts": 2, "passing": 1, "tags": ["v1"]}, "db"]});
        assert_eq!(services_table(&answer), "SERVICE  HOSTS  PASSING  TAGS\nweb      2      1        v1\ndb\n");
        assert_eq!(services_table(&json!(null)), "SERVICE  HOSTS  PASSING  TAGS\n");
    }
}
