//! gRPC by hand: messages with five octets before them, and a status behind them all.
//!
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>. Three calls that speak of one kind of message need
//! no more, and this way they stand behind the same gate as every other route.

use std::fmt::Write as _;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Version, request};
use axum::response::{IntoResponse, Response};
use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use crate::http::problem::Problem;
use crate::limits;

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
/// The octet that says whether a message is compressed, and four of its length.
const PREFIX_OCTETS: usize = 5;

/// The codes that are used here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Code {
    Ok = 0,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Unavailable = 14,
}

/// How a call ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Status {
    pub(super) code: Code,
    pub(super) message: String,
}

impl Status {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Status {
        Status { code, message: message.into() }
    }

    /// A good end.
    pub(super) fn ok() -> Status {
        Status::new(Code::Ok, "")
    }

    /// What is sent behind the messages.
    pub(super) fn trailers(&self) -> HeaderMap {
        let mut trailers = HeaderMap::new();
        trailers.insert(GRPC_STATUS, HeaderValue::from(self.code as u16));
        if let Ok(message) = HeaderValue::try_from(percent_encoded(&self.message))
            && !self.message.is_empty()
        {
            trailers.insert(GRPC_MESSAGE, message);
        }
        trailers
    }
}

/// An answer that is nothing but its end.
impl IntoResponse for Status {
    fn into_response(self) -> Response {
        let mut response = answer(Body::empty());
        response.headers_mut().extend(self.trailers());
        response
    }
}

/// All but printable ASCII, and the percent sign, as the protocol has it.
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b'%' | 0..=31 | 127.. => {
                let _ = write!(encoded, "%{byte:02X}");
            }
            _ => encoded.push(char::from(byte)),
        }
        encoded
    })
}

/// The answer of a call that has begun.
pub(super) fn answer(body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, GRPC);
    response
}

/// Whether a request is a call of gRPC.
pub(super) fn is_call(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    media_type.strip_prefix(b"application/grpc").is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

/// The messages of a request that is a call; `Err` for what is none.
pub(super) fn messages(request: &request::Parts, body: Body) -> Result<Messages, Problem> {
    if !is_call(&request.headers) {
        return Err(Problem::invalid("Content-Type", "must be application/grpc: this path is called by gRPC"));
    }
    if request.version != Version::HTTP_2 {
        return Err(Problem::invalid("version", "must be HTTP/2: this path is called by gRPC"));
    }
    Ok(Messages { body, buffer: BytesMut::new() })
}

/// Messages as they arrive.
pub(super) struct Messages {
    body: Body,
    buffer: BytesMut,
}

impl Messages {
    /// The next one, or `None` at the end. What has arrived is kept when this is dropped before it is done.
    pub(super) async fn next<M: prost::Message + Default>(&mut self) -> Result<Option<M>, Status> {
        loop {
            if let Some(message) = take(&mut self.buffer)? {
                let read = M::decode(message);
                let invalid =
                    |error| Status::new(Code::InvalidArgument, format!("the message cannot be read: {error}"));
                return read.map(Some).map_err(invalid);
            }
            let frame = if self.buffer.is_empty() {
                self.body.frame().await
            } else {
                let late = |_| Status::new(Code::DeadlineExceeded, "a message must arrive in time once it has begun");
                timeout(limits::HTTP_BODY_TIME, self.body.frame()).await.map_err(late)?
            };
            match frame {
                None if self.buffer.is_empty() => return Ok(None),
                None => return Err(Status::new(Code::InvalidArgument, "the last message is not whole")),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                // The client has gone; nobody reads what this says.
                Some(Err(error)) => return Err(Status::new(Code::Unavailable, error.to_string())),
            }
        }
    }
}

/// Takes a message that is whole.
fn take(buffer: &mut BytesMut) -> Result<Option<Bytes>, Status> {
    let Some((head, rest)) = buffer.split_at_checked(PREFIX_OCTETS) else { return Ok(None) };
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
    if head[0] != 0 {
        return Err(Status::new(Code::Unimplemented, "messages must not be compressed"));
    }
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let bound = limits::EDS_REQUEST_OCTETS;
    if length > bound {
        return Err(Status::new(
            Code::ResourceExhausted,
            format!("a message must be at most {bound} octets, is {length}"),
        ));
    }
    if rest.len() < length {
        return Ok(None);
    }
    buffer.advance(PREFIX_OCTETS);
    Ok(Some(buffer.split_to(length).freeze()))
}

/// What stands before a message of so many octets.
pub(super) fn prefix(octets: usize) -> Bytes {
    let mut prefix = BytesMut::with_capacity(PREFIX_OCTETS);
    prefix.put_u8(0);
    prefix.put_u32(u32::try_from(octets).unwrap_or(u32::MAX));
    prefix.freeze()
}
