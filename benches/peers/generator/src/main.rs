//! Load for DNS servers and for HTTP registration. Every answer is checked; the report is one JSON object.
//!
//! | mode | what it does |
//! | --- | --- |
//! | `udp`, `tcp` | asks questions of a file at random, one a line: `NAME TYPE`; `udp` can send registrations beside them |
//! | `http` | sends requests of a file in their order, one a line: `METHOD PATH [BODY]` |
//! | `visible` | registers hosts one by one and asks for each at once |
//!
//! One thread, closed loop: as many queries under way as the window says. With `--rate` it is open: query i is due at
//! i / rate and its latency counts from there, so that a stall is charged to all that it delays. The generator spins, so
//! that the server never pays for waking it; with `--block` it sleeps until something is to do, as it must where it
//! shares a processor with the server.

mod arguments;
mod histogram;
mod http;
mod pace;
mod questions;
mod slots;
mod stream;
mod tally;
mod udp;
mod visible;
mod wait;

use std::process::ExitCode;

use clap::Parser as _;

use arguments::{Arguments, Mode};

fn main() -> ExitCode {
    match run(&Arguments::parse().mode) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(mode: &Mode) -> anyhow::Result<String> {
    let report = match mode {
        Mode::Udp { load, beside } => udp::run(load, beside)?,
        Mode::Tcp(load) => stream::ask(load)?,
        Mode::Http(load) => stream::register(load)?,
        Mode::Visible(probe) => visible::run(probe)?,
    };
    Ok(serde_json::to_string(&report)?)
}
