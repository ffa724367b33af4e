//! The command line: the server, and what an operator asks of a running one.
//!
//! Standard output is for what was asked for, standard error for the rest. Exit codes: 0 done; 1 it could not be
//! done; 2 it was asked for in a wrong way, or a setting is wrong.

mod adopt;
mod answer;
mod client;
mod env;
mod ignored;
mod read;
mod reload;
mod run;
mod serve;
mod slices;
mod table;
mod write;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};

use crate::config::{self, Environment};
use crate::limits;

const EXAMPLES: &str = "\
Examples:
  rollcall                                   serve with the defaults, and print what to try
  rollcall serve --dns 10.0.0.5:53 --http 10.0.0.5:8500
  rollcall register web --id web-1 --address 10.0.0.1 --port 8080 --ttl 30s
  rollcall hosts web                         who answers, and who does not
  rollcall drain web web-1                   out of DNS, still registered
  rollcall run --service web --port 8080 --check http:/health -- ./server
  eval \"$(rollcall env web)\"                 $WEB_SERVICE_HOST, $WEB_SERVICE_PORT
  rollcall answer web                        what DNS says, and why a host is missing
  rollcall reload                            read the zone files anew
  dig @127.0.0.1 -p 8600 web.service.local SRV

Exit codes: 0 done; 1 it could not be done; 2 wrong usage or a wrong setting.";

/// DNS-based service discovery: hosts check in over HTTP, anything that resolves a name finds them
#[derive(Debug, Parser)]
#[command(name = "rollcall", version, after_help = EXAMPLES, max_term_width = 100)]
#[command(subcommand_help_heading = "Commands", disable_help_subcommand = true)]
struct Program {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server (also without any command)
    #[command(after_help = serve::AFTER_HELP)]
    Serve(serve::Flags),
    /// Check the settings and the zone files, and print every setting in effect with the place it comes from, in the
    /// form of the file
    CheckConfig(serve::Flags),
    /// List the services
    Services(read::Services),
    /// List the hosts of one service, or of all
    Hosts(read::Hosts),
    /// Register a host, or replace it; also its heartbeat
    #[command(after_help = write::REGISTER_EXAMPLES)]
    Register(write::Register),
    /// Remove a host
    Deregister(write::Deregister),
    /// Take a host out of the answers without removing it
    Drain(write::Drain),
    /// Run a program: registered when it is well, out of DNS before it is stopped
    #[command(after_help = run::AFTER_HELP)]
    Run(run::Run),
    /// Print where services are, as environment variables
    #[command(after_help = env::AFTER_HELP)]
    Env(env::Env),
    /// Say what DNS answers to a question, and why a host is in the answer or not
    #[command(after_help = answer::EXAMPLES)]
    Answer(answer::Answer),
    /// Have the server read its zone files anew, all or none; settings are read at a start only
    Reload(reload::Reload),
    /// Write all hosts of a server to a file, one a line, for another server or for keeping
    #[command(after_help = adopt::EXPORT_HELP)]
    Export(adopt::Export),
    /// Register what an export has, or what a Lyft discovery service or a Consul has
    #[command(after_help = adopt::IMPORT_HELP)]
    Import(adopt::Import),
}

/// The server that a command speaks to.
#[derive(Debug, Args)]
struct ServerFlag {
    /// Server to ask [env: ROLLCALL_SERVER] [default: http://127.0.0.1:8500]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
}

/// What keeps a command from its end.
#[derive(Debug)]
enum Failure {
    /// A wrong setting or argument: exit code 2.
    Usage(String),
    /// Anything else: exit code 1.
    Other(anyhow::Error),
    /// Anything whose message was given already, with its exit code.
    Logged(u8),
}

impl Failure {
    /// Writes the message as a line of the log.
    fn logged(self) -> Failure {
        let (message, code) = match self {
            Failure::Usage(message) => (message, 2),
            Failure::Other(error) => (format!("{error:#}"), 1),
            Failure::Logged(_) => return self,
        };
        tracing::error!("{message}");
        Failure::Logged(code)
    }
}

impl From<config::Error> for Failure {
    fn from(error: config::Error) -> Failure {
        Failure::Usage(error.to_string())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        Failure::Other(error)
    }
}

/// Runs the program with `arguments`, the first of which is its name.
pub fn run(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> ExitCode {
    let program = match Program::try_parse_from(arguments) {
        Ok(program) => program,
        Err(error) => {
            // Help and version are what was asked for; a closed output is nobody's fault.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let environment = Environment::of_process();
    match dispatch(program.command, &environment) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(message)) => complain(&message, 2),
        Err(Failure::Other(error)) if is_closed_output(&error) => ExitCode::SUCCESS,
        Err(Failure::Other(error)) => complain(&format!("{error:#}"), 1),
        Err(Failure::Logged(code)) => ExitCode::from(code),
    }
}

fn dispatch(command: Option<Command>, environment: &Environment) -> Result<(), Failure> {
    match command {
        None => serve::serve(&serve::Flags::default(), environment),
        Some(Command::Serve(flags)) => serve::serve(&flags, environment),
        Some(Command::CheckConfig(flags)) => serve::check(&flags, environment),
        Some(Command::Services(command)) => command.run(environment),
        Some(Command::Hosts(command)) => command.run(environment),
        Some(Command::Register(command)) => command.run(environment),
        Some(Command::Deregister(command)) => command.run(environment),
        Some(Command::Drain(command)) => command.run(environment),
        Some(Command::Run(command)) => command.run(environment),
        Some(Command::Env(command)) => command.run(environment),
        Some(Command::Answer(command)) => command.run(environment),
        Some(Command::Reload(command)) => command.run(environment),
        Some(Command::Export(command)) => command.run(environment),
        Some(Command::Import(command)) => command.run(environment),
    }
}

fn complain(message: &str, code: u8) -> ExitCode {
    let _ = writeln!(std::io::stderr().lock(), "rollcall: {message}");
    ExitCode::from(code)
}

/// Tells a person something that is neither what was asked for nor the end.
fn say(message: &str) {
    let short: String = message.chars().take(limits::CLIENT_ERROR_CHARS).collect();
    complain(&table::printable(&short), 0);
}

/// What a command waits with for the network.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")
}

/// Writes what was asked for.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| Failure::Other(error.into()))
}

/// `rollcall hosts | head` ends well.
fn is_closed_output(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests;
