//! `run`: a program with its registration around it.
//!
//! What is told of the program (`plan`), how it is asked whether it is well (`check`, `health`), what the server has been
//! told and is to be told next (`standing`, pure; `registrar` does it), the process and its signals (`child`, `signals`),
//! and the order of things from the start to the exit code (`supervise`). All of it is one task of one thread: nothing
//! here waits for anything while a signal comes or the program ends.

mod check;
mod child;
mod health;
mod plan;
mod registrar;
mod signals;
mod standing;
mod supervise;

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::client::Client;
use super::env::{Lookup, Style, Wanted};
use super::write::Traits;
use super::{Failure, ServerFlag};
use crate::clock::Clock;
use crate::config::Environment;
use crate::duration;
use signals::Kind;

pub(super) const AFTER_HELP: &str = "\
Examples:
  rollcall run --service web --port 8080 --check http:/health -- ./server --listen :8080
  rollcall run --service web --port http=80 --port metrics=9100 --check tcp:9100 -- ./server
  rollcall run --env db --service web --port 8080 -- sh -c 'exec ./server --db $DB_SERVICE_HOST'
  rollcall run --env user-v1 --env-style nomad -- python client.py

COMMAND is started at once and asked by --check every --interval. With its first good
answer it is registered, with a lease that rollcall renews. --failures bad answers in a
row take it out of DNS, one good answer puts it back. A server that is not reached keeps
nothing from running: it is tried again, and standard error says so.

At SIGTERM and SIGINT the host leaves DNS, --drain passes, the host is deregistered, and
only then COMMAND gets the signal; the same signal again reaches it at once. HUP, QUIT,
USR1, USR2, WINCH, ALRM and CONT reach it as they come. If COMMAND ends by itself, it is
deregistered at once. If rollcall is killed, COMMAND gets SIGTERM, and the lease ends.

Without --service COMMAND gets its variables and takes rollcall's place.

Exit codes: that of COMMAND; 128 and the number of the signal that ended it; 127 it is
not there; 126 it cannot be started; 1 and 2 as elsewhere, before it was started.";

/// `run`.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// Name under which the program is found: SERVICE.service.local
    #[arg(long, value_parser = NonEmptyStringValueParser::new(), required_unless_present_any = ["env", "guarded_by"])]
    service: Option<String>,
    /// Name of the host, unique in its service [default: the host name and the first port: box-8080]
    #[arg(long, requires = "service", value_parser = NonEmptyStringValueParser::new())]
    id: Option<String>,
    /// IPv4 or IPv6 address of the host, may be repeated; or one host name with a dot [default: the address from which
    /// this machine reaches the server]
    #[arg(long, value_name = "IP|NAME", requires = "service")]
    address: Vec<String>,
    /// How COMMAND is asked whether it is well: http:/path, https:/path, tcp or grpc at the host's address and first
    /// port; tcp:9100, grpc:9100 or http://:9100/path at another port; tcp:HOST:PORT or a whole URL elsewhere; none: it is
    /// registered as it starts
    #[arg(long, value_name = "CHECK", default_value = "none", requires = "service")]
    check: String,
    /// Time from one question to the next; until the first good answer it is asked more often
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = span)]
    interval: Duration,
    /// Time for an answer
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = span)]
    timeout: Duration,
    /// Bad answers in a row after which the host leaves DNS
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u16).range(1..))]
    failures: u16,
    /// With https, take any certificate
    #[arg(long)]
    tls_skip_verify: bool,
    /// Lease: how long the host stays in DNS when rollcall was killed
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = span)]
    ttl: Duration,
    /// Time from leaving DNS to the signal: as long as others keep the records, the server's record_ttl
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = span)]
    drain: Duration,
    /// Signal that COMMAND gets for SIGTERM and SIGINT: QUIT, INT, ... [default: the one that came]
    #[arg(long, value_name = "SIGNAL", value_parser = Kind::parse, requires = "service")]
    stop_signal: Option<Kind>,
    #[command(flatten)]
    traits: Traits,
    /// Set the variables of this service for COMMAND, as `rollcall env` prints them, may be repeated
    #[arg(long, value_name = "[VARIABLE=]NAME", value_parser = Wanted::parse)]
    env: Vec<Wanted>,
    /// What these variables are called
    #[arg(long, value_name = "STYLE", value_enum, default_value = "kubernetes")]
    env_style: Style,
    /// Start COMMAND also where one of these services has no host
    #[arg(long)]
    env_allow_missing: bool,
    /// Become the program, and end with the process of this number
    #[arg(long, hide = true)]
    guarded_by: Option<i32>,
    #[command(flatten)]
    server: ServerFlag,
    /// The program and its arguments
    #[arg(value_name = "COMMAND", last = true, required = true)]
    command: Vec<OsString>,
}

fn span(text: &str) -> Result<Duration, String> {
    duration::read(text).ok_or_else(|| "a duration is a number with its unit: 500ms, 5s, 1m30s".into())
}

impl Run {
    pub(super) fn run(&self, environment: &Environment) -> Result<(), Failure> {
        if let Some(guard) = self.guarded_by {
            return Err(child::become_guarded(&self.command, guard));
        }
        let client = Client::new(&self.server, environment)?;
        let plan = self.service.as_deref().map(|service| self.plan(service, &client, environment)).transpose()?;
        let namespace = self.traits.namespace.as_deref();
        let style = self.env_style;
        let lookup = Lookup { names: &self.env, style, namespace, allow_missing: self.env_allow_missing };
        let variables = lookup.ask(&client)?;
        let Some(plan) = plan else { return Err(child::become_it(&self.command, &variables)) };
        child::look_for(&self.command, environment.search_path())?;
        match supervise::run(plan, client, &self.command, &variables)? {
            0 => Ok(()),
            code => Err(Failure::Logged(code)),
        }
    }

    fn plan(&self, service: &str, client: &Client, environment: &Environment) -> Result<plan::Plan, Failure> {
        let clock = Arc::new(Clock::system());
        let said = plan::Said {
            service,
            id: self.id.as_deref(),
            addresses: &self.address,
            traits: &self.traits,
            ttl: self.ttl,
            check: check::Said {
                text: &self.check,
                interval: self.interval,
                timeout: self.timeout,
                tls_skip_verify: self.tls_skip_verify,
            },
            failures: self.failures,
            drain: self.drain,
            stop_signal: self.stop_signal,
        };
        said.plan(client, &environment.machine().node_name, clock)
    }
}
