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
    Udp(Load),
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
