//! Asking without words: a connection that is accepted, a datagram that is not refused.

use tokio::net::UdpSocket;

use super::net::{Failure, Heard, Net, at_fault, words};
use super::no_port;
use super::tls::Protocol;
use crate::clock::Timestamp;
use crate::limits;
use crate::table::{Bracketed, Endpoint, Host, Status, Tls};

/// Connects, and shakes hands where there is TLS.
pub(super) async fn tcp(net: &Net, host: &Host, endpoint: &Endpoint, tls: Option<&Tls>) -> Result<Heard, Failure> {
    let (name, port) = endpoint.of(host).ok_or_else(no_port)?;
    let place = format!("TCP connect {}:{port}", Bracketed(&name));
    match net.open(host, &name, port, tls, Protocol::Any).await {
        Ok(_) => Ok(Heard { status: Status::Passing, output: format!("{place}: Success") }),
        Err(Failure::Critical(why)) => Err(Failure::Critical(format!("{place}: {why}"))),
        Err(Failure::PutOff) => Err(Failure::PutOff),
    }
}

/// Sends an empty datagram. Nobody has to answer; a refusal comes back as ICMP.
pub(super) async fn udp(net: &Net, host: &Host, endpoint: &Endpoint, end: Timestamp) -> Result<Heard, Failure> {
    let (name, port) = endpoint.of(host).ok_or_else(no_port)?;
    let place = format!("UDP connect {}:{port}", Bracketed(&name));
    let failed = |why: String| Failure::Critical(format!("{place}: {why}"));
    let address = match net.resolve(host, &name, port).await {
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
    let silent = net.clock().now().after(limits::PROBE_UDP_SILENCE).min(end);
    match net.clock().before(silent, exchange).await {
        None | Some(Ok(_)) => Ok(Heard { status: Status::Passing, output: format!("{place}: Success") }),
        Some(Err(error)) => Err(failed(words(&error))),
    }
}
