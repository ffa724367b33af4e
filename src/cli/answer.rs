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
    // Lines and tabs are the server's; what came from elsewhere is escaped in them.
    let mut out: String = field("text")
        .lines()
        .map(|line| format!("{}\n", line.split('\t').map(printable).collect::<Vec<_>>().join("\t")))
        .collect();
    let service = field("service");
    if service.is_empty() {
        return out;
    }
    let hosts = entries(answer, "hosts");
    let answered = |host: &Value| host.get("answered").and_then(Value::as_bool).unwrap_or_default();
    let shown = hosts.iter().filter(|host| answered(host)).count();
    let (service, namespace) = (printable(&service), printable(&field("namespace")));
    out.push_str(&format!(
        "\n;; HOSTS of {service} in the namespace {namespace}: {shown} in the answer, {} not\n",
        hosts.len() - shown
    ));
    for host in hosts {
        let field = |key: &str| host.get(key).map(text).unwrap_or_default();
        let addresses: Vec<String> = entries(host, "addresses").iter().map(text).collect();
        let reasons: Vec<String> =
            entries(host, "reasons").iter().filter_map(|reason| reason.get("detail").map(text)).collect();
        let verdict = if answered(host) { "in the answer".to_owned() } else { format!("not: {}", reasons.join("; ")) };
        let line = format!("; {} ({}) {verdict}", field("id"), addresses.join(", "));
        out.push_str(&format!("{}\n", printable(&line)));
    }
    for note in entries(answer, "notes") {
        out.push_str(&format!(";; {}\n", printable(&text(note))));
    }
    out
}
