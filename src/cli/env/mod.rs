//! `env`: where services are, as environment variables.

mod choose;
mod variables;

use clap::{Args, ValueEnum};

use super::client::Client;
use super::table::printable;
use super::{Failure, ServerFlag, print};
use crate::config::Environment;
use crate::zone::Random;

pub(super) use variables::Variable;

pub(super) const AFTER_HELP: &str = "\
Examples:
  eval \"$(rollcall env web)\"                    WEB_SERVICE_HOST, WEB_SERVICE_PORT, WEB_PORT, ...
  rollcall env --style nomad user-v1            NOMAD_UPSTREAM_ADDR_user_v1=10.0.0.1:8080
  rollcall env --style nomad my-user_v1=my-user-v1 --form dotenv
  docker run --env-file <(rollcall env web --form dotenv) ...

Of each service one host is taken that DNS gives and that has a port: of those with
the lowest priority one by lot, as often as its weight says, as clients of SRV
records choose. The variables stay what they are when the host has left; a program
that lives long had better ask DNS.";

/// What variables are called, and what is in them.
// The values have no texts of their own: `--help` and `-h` say the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Style {
    Kubernetes,
    Docker,
    Nomad,
}

/// How variables are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    Export,
    Dotenv,
}

/// `env`.
#[derive(Debug, Args)]
pub(super) struct Env {
    /// Service to look for, may be repeated; with VARIABLE= before it that is what its variables are named after
    #[arg(value_name = "[VARIABLE=]NAME", required = true, value_parser = Wanted::parse)]
    names: Vec<Wanted>,
    /// What the variables are called: WEB_SERVICE_HOST and more with those of docker, WEB_PORT_8080_TCP_ADDR and more, or
    /// NOMAD_UPSTREAM_ADDR_web and more
    #[arg(long, value_enum, default_value = "kubernetes")]
    style: Style,
    /// How they are printed: commands for a shell, safe to eval, or lines NAME=VALUE as Docker and systemd read them
    #[arg(long, value_enum, default_value = "export")]
    form: Form,
    /// Hosts in this namespace [default: default, as in DNS]
    #[arg(long, value_name = "NS")]
    namespace: Option<String>,
    /// Leave out names without a host instead of printing nothing and ending with 1
    #[arg(long)]
    allow_missing: bool,
    #[command(flatten)]
    server: ServerFlag,
}

impl Env {
    pub(super) fn run(&self, environment: &Environment) -> Result<(), Failure> {
        let client = Client::new(&self.server, environment)?;
        let namespace = self.namespace.as_deref();
        let wanted = Lookup { names: &self.names, style: self.style, namespace, allow_missing: self.allow_missing };
        let variables = wanted.ask(&client)?;
        // What no shell can say is for programs that are started with it.
        let variables = variables.iter().filter(|variable| variable.is_for_shells());
        print(&variables.map(|variable| self.form.line(variable)).collect::<String>())
    }
}

impl Form {
    fn line(self, variable: &Variable) -> String {
        match self {
            Form::Export => format!("export {}={}\n", variable.name, variables::quoted(&variable.value)),
            Form::Dotenv => format!("{}={}\n", variable.name, variable.value),
        }
    }
}

/// A service that is asked for, and what its variables are named after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    variable: String,
    service: String,
}

impl Wanted {
    /// Reads `NAME` or `VARIABLE=NAME`.
    pub(super) fn parse(text: &str) -> Result<Wanted, String> {
        let (variable, service) = text.split_once('=').unwrap_or((text, text));
        if service.is_empty() || variable.is_empty() {
            return Err("must be the name of a service, or VARIABLE=NAME".into());
        }
        Ok(Wanted { variable: variable.into(), service: service.into() })
    }
}

/// Services to find, and how to tell of them.
#[derive(Debug)]
pub(super) struct Lookup<'a> {
    pub(super) names: &'a [Wanted],
    pub(super) style: Style,
    pub(super) namespace: Option<&'a str>,
    /// Whether a service that nobody offers is left out.
    pub(super) allow_missing: bool,
}

impl Lookup<'_> {
    /// The variables of all services, in the order of their names here.
    pub(super) fn ask(&self, client: &Client) -> Result<Vec<Variable>, Failure> {
        let mut found: Vec<Variable> = Vec::new();
        let mut missing = Vec::new();
        let mut random = Random::new(seed());
        for (place, wanted) in self.names.iter().enumerate() {
            if self.names[..place].contains(wanted) {
                continue;
            }
            // As in DNS a name without a namespace is one of `default`.
            let query = [("served", "true"), ("namespace", self.namespace.unwrap_or("default"))];
            let answer = client.get(&["v1", "hosts", &wanted.service], &query)?;
            let hosts = choose::Offer::all(&answer.json);
            let Some(chosen) = choose::one(&hosts, random.next_u64()) else {
                missing.push(printable(&wanted.service));
                continue;
            };
            let variables = variables::of(self.style, &wanted.variable, chosen);
            if let Some(twice) = variables.iter().find(|one| found.iter().any(|other| other.name == one.name)) {
                return Err(Failure::Usage(format!(
                    "two services would both be {}: name one otherwise, as in other={}",
                    twice.name,
                    printable(&wanted.service)
                )));
            }
            found.extend(variables);
        }
        if missing.is_empty() || self.allow_missing {
            return Ok(found);
        }
        let within = self.namespace.map(|name| format!(" in the namespace {}", printable(name))).unwrap_or_default();
        let names = missing.join(", ");
        Err(Failure::Other(anyhow::anyhow!("no host of {names} is served{within} and has a port")))
    }
}

/// A number that differs from call to call.
fn seed() -> u64 {
    let mut octets = [0; 8];
    // Where the system has none yet every call draws the same lot, and that is all.
    let _ = rustix::rand::getrandom(&mut octets, rustix::rand::GetRandomFlags::NONBLOCK);
    u64::from_ne_bytes(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_be_told_apart_from_services() {
        let wanted = |text: &str| Wanted::parse(text).map(|wanted| (wanted.variable, wanted.service));
        assert_eq!(wanted("web"), Ok(("web".into(), "web".into())));
        assert_eq!(wanted("a=b=c"), Ok(("a".into(), "b=c".into())));
        for text in ["", "=", "a=", "=b"] {
            assert!(wanted(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn lines_are_for_shells_or_for_files() {
        let variable = Variable { name: "WEB_PORT".into(), value: "tcp://[fd00::1]:80".into() };
        assert_eq!(Form::Export.line(&variable), "export WEB_PORT='tcp://[fd00::1]:80'\n");
        assert_eq!(Form::Dotenv.line(&variable), "WEB_PORT=tcp://[fd00::1]:80\n");
    }
}
