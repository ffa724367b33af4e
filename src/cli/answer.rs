//! `answer`: what DNS says of a name, and why.

use std::path::PathBuf;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde_json::Value;

use super::client::Client;
use super::read::{entries, show, text};
use super::table::printable;
use super::{Failure, ServerFlag, print};
use crate::config::{self, Environment};
use crate::server::answer_of_file;

pub(super) const EXAMPLES: &str = "\
Examples:
  rollcall answer web                   the reply, and why which host is not in it
  rollcall answer v1.web SRV
  rollcall answer --zone zones/internal.zone www    no server needed";

/// `answer`.
#[derive(Debug, Args)]
pub(super) struct Answer {
    /// Name to ask for: as it is where it ends in a dot or is in a zone of the server, else completed
    /// by the zone of the hosts
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    name: String,
    /// Type to ask for
    #[arg(value_name = "TYPE", default_value = "A")]
    qtype: String,
    /// Ask this zone file, which is called after its origin, without any server
    #[arg(long, value_name = "FILE", conflicts_with_all = ["server", "json"])]
    zone: Option<PathBuf>,
    /// Print the answer of the server as it is, JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerFlag,
}

impl Answer {
    pub(super) fn run(&self, environment: &Environment) -> Result<(), Failure> {
        if let Some(path) = &self.zone {
            let settings = config::load(&config::Flags::default(), environment)?.config.dns;
            return print(&answer_of_file(&settings, path, &self.name, &self.qtype)?);
        }
        let query = [("name", self.name.as_str()), ("type", self.qtype.as_str())];
        let answer = Client::new(&self.server, environment)?.get(&["v1", "answer"], &query)?;
        show(&answer, self.json, told)
    }
}

/// The reply as dig prints it, then the hosts.
fn told(answer: &Value) -> String {
    let field = |key: &str| answer.get(key).map(text).unwrap_or_default();
    let mut out = reply(answer.get("text").and_then(Value::as_str).unwrap_or_default());
    let (service, node) = (field("service"), field("node"));
    let hosts = entries(answer, "hosts");
    let shown = hosts.iter().filter(|host| is_answered(host)).count();
    let (namespace, others) = (field("namespace"), hosts.len() - shown);
    match (service.is_empty(), node.is_empty()) {
        (true, true) => return out,
        (true, false) if hosts.is_empty() => out.push_str(&format!("\n;; NODE {node}: there is none of that name\n")),
        (true, false) => out.push_str(&format!("\n;; NODE {node}\n")),
        (false, _) => out.push_str(&format!(
            "\n;; HOSTS of {service}, namespace {namespace}: {shown} in the answer, {others} not\n"
        )),
    }
    out.extend(hosts.iter().map(host_line));
    out.extend(entries(answer, "notes").iter().map(|note| format!(";; {}\n", text(note))));
    out
}

/// The lines and tabs of a reply, everything else made printable.
fn reply(text: &str) -> String {
    let line = |line: &str| line.split('\t').map(printable).collect::<Vec<_>>().join("\t");
    text.lines().map(|it| format!("{}\n", line(it))).collect()
}

fn is_answered(host: &Value) -> bool {
    host.get("answered").and_then(Value::as_bool).unwrap_or_default()
}

fn host_line(host: &Value) -> String {
    let id = host.get("id").map(text).unwrap_or_default();
    let addresses: Vec<String> = entries(host, "addresses").iter().map(text).collect();
    let details = entries(host, "reasons").iter().filter_map(|reason| reason.get("detail").map(text));
    let verdict = match is_answered(host) {
        true => "in the answer".to_owned(),
        false => format!("not: {}", details.collect::<Vec<_>>().join("; ")),
    };
    format!("; {id} ({}) {verdict}\n", addresses.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hosts_follow_the_reply_and_nothing_steers_a_terminal() {
        let answer = json!({
            "text": ";; a\u{1b}[2J\n\nx.\t5\tIN\tA\t10.0.0.1\n", "service": "web", "namespace": "default",
            "hosts": [
                {"id": "b", "addresses": ["10.0.0.2"], "answered": false,
                 "reasons": [{"detail": "draining"}, {"detail": "has no tag v1\u{1b}"}]},
                {"id": "a", "addresses": ["10.0.0.1", "fd00::1"], "answered": true, "reasons": []},
            ],
            "notes": ["a note"],
        });
        let expected = "\
;; a\\u{1b}[2J

x.\t5\tIN\tA\t10.0.0.1

;; HOSTS of web, namespace default: 1 in the answer, 1 not
; b (10.0.0.2) not: draining; has no tag v1\\u{1b}
; a (10.0.0.1, fd00::1) in the answer
;; a note
";
        assert_eq!(told(&answer), expected);
        assert_eq!(told(&json!(null)), "");
        let of_node = |hosts: Value| told(&json!({"service": null, "node": "n1", "hosts": hosts}));
        let row = json!([{"id": "n1", "addresses": ["10.0.0.1"], "answered": true, "reasons": []}]);
        assert_eq!(of_node(row), "\n;; NODE n1\n; n1 (10.0.0.1) in the answer\n");
        assert_eq!(of_node(json!([])), "\n;; NODE n1: there is none of that name\n");
    }
}
