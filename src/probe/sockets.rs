//! Asking without words: a connection that is accepted, a datagram that is not refused.

use tokio::net::UdpSocket;

use super::net::{Failure, Heard, Probe, at_fault, words};
use super::no_port;
use super::tls::Protocol;
use crate::limits;
use crate::table::{Bracketed, Endpoint, Status, Tls};

/// Connects, and shakes hands where there is TLS.
pub(super) async fn tcp(probe: Probe<'_>, endpoint: &Endpoint, tls: Option<&Tls>) -> Result<Heard, Failure> {
    let (name, port) = endpoint.of(probe.host).ok_or_else(no_port)?;
    let place = format!("TCP connect {}:{port}", Bracketed(&name));
    match probe.open(&name, port, tls, Protocol::Any).await {
        Ok(_) => Ok(Heard { status: Status::Passing, output: format!("{place}: Success") }),
        Err(Failure::Critical(why)) => Err(Failure::Critical(format!("{place}: {why}"))),
        Err(Failure::PutOff) => Err(Failure::PutOff),
    }
}

/// Sends an empty datagram. Nobody has to answer; a refusal comes back as ICMP.
pub(super) async fn udp(probe: Probe<'_>, endpoint: &Endpoint) -> Result<Heard, Failure> {
    let (name, port) = endpoint.of(probe.host).ok_or_else(no_port)?;
    let place = format!("UDP connect {}:{port}", Bracketed(&name));
    let failed = |why: String| Failure::Critical(format!("{place}: {why}"));
    let address = match probe.resolve(&name, port).await {
        Ok(addresses) => addresses[0],
        Err(Failure::Critical(why)) => return Err(failed(why)),
        Err(Failure::PutOff) => return Err(Failure::PutOff),
    };
    let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).await.map_err(|error| at_fault(&error))?;
    let exchange = async {
        socket.connect(address).await?;
        socket.send(&[]).await?;
        socket.recv(&mut [0; 1]).await
    };
    let clock = probe.net.clock();
    let silent = clock.now().after(limits::PROBE_UDP_SILENCE).min(probe.end);
    match clock.before(silent, exchange).await {
        None | Some(Ok(_)) => Ok(Heard { status: Status::Passing, output: format!("{place}: Success") }),
        Some(Err(error)) => Err(failed(words(&error))),
    }
}
