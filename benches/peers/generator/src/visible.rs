//! From a registration to the answer: one host after the other, each of a service of its own.
//!
//! The clock runs from the first octet of the registration until the reply that has the address. A service whose first
//! query after the 2xx does not have it counts as lost, and the run goes on.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::arguments::Probe;
use crate::http;
use crate::questions::packet;
use crate::tally::{Report, Tally};

const PATIENCE: Duration = Duration::from_secs(1);
const NXDOMAIN: u8 = 3;

pub(crate) fn run(probe: &Probe) -> anyhow::Result<Report> {
    let dns = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    dns.connect(probe.dns)?;
    dns.set_read_timeout(Some(PATIENCE))?;
    let mut control = TcpStream::connect(probe.http)?;
    control.set_nodelay(true)?;
    control.set_read_timeout(Some(PATIENCE))?;
    let mut tally = Tally::new();
    let start = Instant::now();
    for number in 0..probe.count {
        let service = format!("visible-{number:06}");
        let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 200, 0, 0)) + number);
        let query = packet(&format!("{service}.service.local A"))?;
        let before = ask(&dns, &query)?;
        ensure!(before[3] & 15 == NXDOMAIN, "{service} is there before its registration");
        let body = format!(r#"{{"address":"{address}","port":8080,"ttl":"24h"}}"#);
        let request = http::request(&format!("PUT /v1/hosts/{service}/host {body}"))?;
        let began = Instant::now();
        control.write_all(&request)?;
        let status = read_status(&mut control)?;
        ensure!((200..300).contains(&status), "{service}: {status}");
        let reply = ask(&dns, &query)?;
        let took = began.elapsed();
        tally.sent += 1;
        if reply[3] & 15 == 0 && reply.windows(4).any(|window| window == address.octets()) {
            tally.received += 1;
            tally.latency.add(took.as_nanos() as u64);
        } else {
            tally.lost += 1;
        }
    }
    Ok(tally.report(start.elapsed().as_secs_f64()))
}

fn ask(socket: &UdpSocket, query: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut reply = vec![0; 4096];
    socket.send(query)?;
    let length = socket.recv(&mut reply).context("no answer over DNS")?;
    ensure!(length >= 12, "an answer of {length} octets");
    reply.truncate(length);
    Ok(reply)
}

fn read_status(control: &mut TcpStream) -> anyhow::Result<u16> {
    let mut octets = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let length = control.read(&mut piece).context("no answer over HTTP")?;
        ensure!(length > 0, "the server closed the connection");
        octets.extend_from_slice(&piece[..length]);
        if let Some((status, _)) = http::answer(&octets) {
            return Ok(status);
        }
    }
}
