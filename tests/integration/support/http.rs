//! An HTTP client: one connection a request.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::in_time;

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Reply {
    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// Sends a request and gives the head of its answer; the body is yet to be read.
pub(crate) async fn open(server: SocketAddr, method: &str, path: &str, body: &str) -> Response<Incoming> {
    let stream = in_time("connecting", TcpStream::connect(server)).await.expect("a listener");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
    tokio::spawn(connection);
    let kind = if body.starts_with(['{', '[']) { "application/json" } else { "application/x-www-form-urlencoded" };
    let mut request = Request::builder().method(method).uri(path).header("host", server.to_string());
    if !body.is_empty() {
        request = request.header("content-type", kind);
    }
    let request = request.body(Full::new(Bytes::from(body.to_owned()))).expect("a request");
    in_time("the head of an answer", sender.send_request(request)).await.expect("an answer")
}

/// Sends a request and reads its answer.
pub(crate) async fn call(server: SocketAddr, method: &str, path: &str, body: &str) -> Reply {
    read(open(server, method, path, body).await).await
}

/// Reads the rest of an answer.
pub(crate) async fn read(response: Response<Incoming>) -> Reply {
    let status = response.status().as_u16();
    let body = in_time("a body", response.into_body().collect()).await.expect("a whole body").to_bytes();
    Reply { status, body: String::from_utf8(body.to_vec()).expect("UTF-8") }
}

/// A stream of server-sent events.
pub(crate) struct Events {
    body: Incoming,
    buffer: String,
}

/// One event: its name and its data.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) data: String,
}

impl Events {
    /// Opens a stream.
    pub(crate) async fn open(server: SocketAddr, path: &str) -> Events {
        let response = open(server, "GET", path, "").await;
        assert_eq!(response.status(), 200, "{path}");
        Events { body: response.into_body(), buffer: String::new() }
    }

    /// The next event, comments passed over; `None` at the end of the stream. In streams of Kubernetes' API it is a line.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if self.buffer.starts_with('{')
                && let Some((line, rest)) = self.buffer.split_once('\n')
            {
                let event: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
                self.buffer = rest.to_owned();
                let name = event["type"].as_str().unwrap_or_default().to_owned();
                return Some(Event { name, data: event["object"].to_string() });
            }
            if let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.buffer = rest;
                let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                if let Some(data) = field("data: ") {
                    return Some(Event { name: field("event: ").unwrap_or_default(), data });
                }
                continue;
            }
            let frame = in_time("an event", self.body.frame()).await?.expect("a stream in good order");
            if let Ok(data) = frame.into_data() {
                self.buffer.push_str(std::str::from_utf8(&data).expect("UTF-8"));
            }
        }
    }
}
