//! The command line.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Load for DNS servers and HTTP registration, with every answer checked")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) mode: Mode,
}

#[derive(Subcommand)]
pub(crate) enum Mode {
    /// DNS over UDP
    Udp {
        #[command(flatten)]
        load: Load,
        #[command(flatten)]
        beside: Beside,
    },
    /// DNS over TCP, connections kept
    Tcp(Load),
    /// Requests over HTTP/1.1, connections kept
    Http(Load),
    /// From a registration to the answer
    Visible(Probe),
}

#[derive(Args)]
pub(crate) struct Load {
    /// Who is asked
    pub(crate) address: SocketAddr,
    /// Questions or requests, one a line
    pub(crate) file: PathBuf,
    #[arg(long, default_value_t = 2.0)]
    pub(crate) seconds: f64,
    /// Sockets
    #[arg(long, default_value_t = 8)]
    pub(crate) connections: usize,
    /// Queries under way, over all sockets
    #[arg(long, default_value_t = 256)]
    pub(crate) window: usize,
    /// Queries a second; as many as are answered if it is not given
    #[arg(long)]
    pub(crate) rate: Option<f64>,
    /// Sleep instead of spinning
    #[arg(long)]
    pub(crate) block: bool,
    /// Send each request of the file once, however long that takes
    #[arg(long)]
    pub(crate) once: bool,
    /// The RCODE that answers must have
    #[arg(long, default_value_t = 0)]
    pub(crate) rcode: u8,
    /// How many records answers must have, such as 10 or 10-12
    #[arg(long, value_parser = range, default_value = "0-65535")]
    pub(crate) answers: RangeInclusive<u16>,
}

/// Registrations beside the queries.
#[derive(Args)]
pub(crate) struct Beside {
    /// Who gets registrations beside the queries
    #[arg(long, requires = "registrations", conflicts_with = "block")]
    pub(crate) registrar: Option<SocketAddr>,
    /// Those registrations, one a line
    #[arg(long, requires = "registrar")]
    pub(crate) registrations: Option<PathBuf>,
    /// Registrations a second
    #[arg(long, default_value_t = 10_000.0)]
    pub(crate) registrations_rate: f64,
    /// Connections for registrations
    #[arg(long, default_value_t = 64)]
    pub(crate) registrations_connections: usize,
}

#[derive(Args)]
pub(crate) struct Probe {
    /// Where DNS is answered
    pub(crate) dns: SocketAddr,
    /// Where hosts are registered
    pub(crate) http: SocketAddr,
    /// Hosts to register
    #[arg(long, default_value_t = 2000)]
    pub(crate) count: u32,
}

fn range(text: &str) -> Result<RangeInclusive<u16>, String> {
    let (least, most) = text.split_once('-').unwrap_or((text, text));
    let number = |digits: &str| digits.parse::<u16>().map_err(|error| format!("{digits}: {error}"));
    Ok(number(least)?..=number(most)?)
}
