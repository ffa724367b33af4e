//! Asking over HTTP/2: a PING, or the health service of gRPC.
//!
//! The two messages of `grpc.health.v1.Health/Check` have one field each; they are written and read here by hand
//! (<https://github.com/grpc/grpc/blob/master/doc/health-checking.md>).

use std::pin::pin;

use bytes::{Buf as _, Bytes};
use h2::client::{Builder, Connection, SendRequest};
use h2::{Ping, RecvStream};
use hyper::header::{CONTENT_TYPE, HeaderMap, TE, USER_AGENT};
use hyper::{Method, Request, Response, Version};

use super::net::{Failure, Heard, Probe, Stream};
use super::no_port;
use super::tls::Protocol;
use crate::limits;
use crate::table::{Bracketed, Endpoint, Status, Tls};

type Io = Box<dyn Stream>;

/// Sends a PING.
pub(super) async fn ping(probe: Probe<'_>, endpoint: &Endpoint, tls: Option<&Tls>) -> Result<Heard, Failure> {
    let (name, port) = endpoint.of(probe.host).ok_or_else(no_port)?;
    let failed = |why: String| Failure::Critical(format!("HTTP2 ping {}:{port}: {why}", Bracketed(&name)));
    let (sender, mut connection) = open(probe, &name, port, tls).await.map_err(|failure| named(failure, failed))?;
    let Some(mut pings) = connection.ping_pong() else { return Err(Failure::PutOff) };
    let answered = with(connection, pings.ping(Ping::opaque())).await;
    drop(sender);
    answered.map_err(|error| failed(error.to_string()))?;
    Ok(Heard { status: Status::Passing, output: "HTTP2 ping was successful".into() })
}

/// Asks the health service for one of its services, or for the server as a whole.
pub(super) async fn grpc(
    probe: Probe<'_>,
    endpoint: &Endpoint,
    service: &str,
    tls: Option<&Tls>,
) -> Result<Heard, Failure> {
    let (name, port) = endpoint.of(probe.host).ok_or_else(no_port)?;
    let slash = if service.is_empty() { "" } else { "/" };
    let place = format!("gRPC check {}:{port}{slash}{service}", Bracketed(&name));
    let failed = |why: String| Failure::Critical(format!("{place}: {why}"));
    let (sender, connection) = open(probe, &name, port, tls).await.map_err(|failure| named(failure, failed))?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let request = Request::builder()
        .method(Method::POST)
        .version(Version::HTTP_2)
        .uri(format!("{scheme}://{}:{port}/grpc.health.v1.Health/Check", Bracketed(&name)))
        .header(CONTENT_TYPE, "application/grpc")
        .header(TE, "trailers")
        .header(USER_AGENT, "rollcall Health Check")
        .body(())
        .map_err(|error| failed(error.to_string()))?;
    let answer = with(connection, exchange(sender, request, question(service))).await.map_err(failed)?;
    if answer == SERVING {
        return Ok(Heard { status: Status::Passing, output: format!("{place}: success") });
    }
    let word = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"].get(usize::from(answer)).unwrap_or(&"UNKNOWN");
    Err(failed(format!("serving status: {word}")))
}

/// The status SERVING.
const SERVING: u8 = 1;

fn named(failure: Failure, failed: impl FnOnce(String) -> Failure) -> Failure {
    match failure {
        Failure::Critical(why) => failed(why),
        Failure::PutOff => Failure::PutOff,
    }
}

async fn open(
    probe: Probe<'_>,
    name: &str,
    port: u16,
    tls: Option<&Tls>,
) -> Result<(SendRequest<Bytes>, Connection<Io, Bytes>), Failure> {
    let stream = probe.open(name, port, tls, Protocol::Http2).await?;
    let head = u32::try_from(limits::PROBE_HEAD_OCTETS).unwrap_or(u32::MAX);
    let shaken = Builder::new().max_header_list_size(head).enable_push(false).handshake(stream).await;
    shaken.map_err(|error| Failure::Critical(error.to_string()))
}

/// The result of something that needs the connection to go on.
async fn with<T>(connection: Connection<Io, Bytes>, exchange: impl Future<Output = T>) -> T {
    let mut exchange = pin!(exchange);
    let mut connection = pin!(connection);
    tokio::select! {
        biased;
        result = &mut exchange => return result,
        // Whoever waits for something of it is told.
        _ = &mut connection => {}
    }
    exchange.await
}

/// One call: the status in the answer, or the words of the error.
async fn exchange(sender: SendRequest<Bytes>, request: Request<()>, message: Bytes) -> Result<u8, String> {
    let mut sender = sender.ready().await.map_err(|error| error.to_string())?;
    let (response, mut stream) = sender.send_request(request, false).map_err(|error| error.to_string())?;
    stream.send_data(message, true).map_err(|error| error.to_string())?;
    let response: Response<RecvStream> = response.await.map_err(|error| error.to_string())?;
    if response.status() != 200 {
        return Err(format!("HTTP status {}", response.status()));
    }
    // An error without a message says so in the first headers.
    fine(response.headers())?;
    let mut body = response.into_body();
    let mut octets = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.map_err(|error| error.to_string())?;
        let _ = body.flow_control().release_capacity(data.remaining());
        octets.extend_from_slice(&data);
        if octets.len() > ANSWER_OCTETS {
            return Err("the answer is too long".into());
        }
    }
    if let Some(trailers) = body.trailers().await.map_err(|error| error.to_string())? {
        fine(&trailers)?;
    }
    answer(&octets).ok_or_else(|| "the answer is none of the health service".into())
}

/// The longest answer that is read: five octets of frame, one field.
const ANSWER_OCTETS: usize = 256;

/// Whether `grpc-status` is 0, or is not given yet.
fn fine(headers: &HeaderMap) -> Result<(), String> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("grpc-status") {
        None | Some("0") => Ok(()),
        Some("12") => Err("gRPC server does not implement the health protocol".into()),
        Some("5") => Err("unknown service".into()),
        Some(code) => {
            let message: String = text("grpc-message").unwrap_or_default().chars().take(200).collect();
            Err(format!("gRPC status {code} {message}").trim_end().to_owned())
        }
    }
}

/// A frame with `HealthCheckRequest { service = 1 }`.
fn question(service: &str) -> Bytes {
    let mut message = Vec::new();
    if !service.is_empty() {
        message.push(0x0a);
        let mut rest = service.len();
        while rest >= 0x80 {
            message.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        message.push(rest as u8);
        message.extend_from_slice(service.as_bytes());
    }
    let mut frame = vec![0];
    frame.extend_from_slice(&u32::try_from(message.len()).unwrap_or_default().to_be_bytes());
    frame.extend_from_slice(&message);
    frame.into()
}

/// The status in a frame with `HealthCheckResponse { status = 1 }`; a message without the field says 0.
fn answer(frame: &[u8]) -> Option<u8> {
    let (head, message) = frame.split_at_checked(5)?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
    if head[0] != 0 || usize::try_from(length).ok()? != message.len() {
        return None;
    }
    match message {
        [] => Some(0),
        [0x08, status, ..] if *status < 0x80 => Some(*status),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_those_of_the_protocol() {
        assert_eq!(&question("")[..], [0, 0, 0, 0, 0]);
        assert_eq!(&question("web")[..], [0, 0, 0, 0, 5, 0x0a, 3, b'w', b'e', b'b']);
        let long = question(&"x".repeat(300));
        assert_eq!(long[..8], [0, 0, 0, 1, 47, 0x0a, 0xac, 2]);
        assert_eq!(answer(&[0, 0, 0, 0, 2, 8, 1]), Some(SERVING));
        assert_eq!(answer(&[0, 0, 0, 0, 0]), Some(0));
        for bad in [&[][..], &[0, 0, 0, 0], &[1, 0, 0, 0, 2, 8, 1], &[0, 0, 0, 0, 9, 8, 1], &[0, 0, 0, 0, 1, 7]] {
            assert_eq!(answer(bad), None, "{bad:?}");
        }
    }
}
