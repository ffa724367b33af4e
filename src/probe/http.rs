//! Asking over HTTP/1.1: 2xx passes, 429 warns, everything else is critical. No redirect is followed, no proxy asked.

use std::pin::pin;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONNECTION, HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;

use super::net::{Failure, Heard, Net};
use super::tls::Protocol;
use crate::clock::Timestamp;
use crate::limits;
use crate::table::{Bracketed, Host, HttpCheck, Status};

/// What probes are called.
const AGENT: HeaderValue = HeaderValue::from_static("rollcall Health Check");

/// Asks; an answer that has begun before `end` counts, read up to there.
pub(super) async fn ask(
    net: &Net,
    host: &Host,
    check: &HttpCheck,
    octets: usize,
    end: Timestamp,
) -> Result<Heard, Failure> {
    let (name, port) = check.url.endpoint.of(host).ok_or_else(super::no_port)?;
    let place = format!("{}:{port}", Bracketed(&name));
    let url = format!("{}://{place}{}", check.url.scheme(), check.url.path);
    let failed = |failure: Failure| match failure {
        Failure::Critical(why) => Failure::Critical(format!("HTTP {} {url}: {why}", check.method)),
        Failure::PutOff => Failure::PutOff,
    };
    let request = request(check, &place).map_err(failed)?;
    let tls = check.url.tls.then_some(&check.tls);
    let stream = net.open(&name, port, tls, Protocol::Http1).await.map_err(failed)?;
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(limits::PROBE_HEAD_OCTETS)
        .max_headers(limits::PROBE_HEADERS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failed(Failure::Critical(error.to_string())))?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(|error| Failure::Critical(said(&error)))?;
        let status = response.status();
        let mut body = Vec::new();
        // A body that stops arriving takes nothing from the status.
        let _ = net.clock().before(end, read(response, octets, &mut body)).await;
        Ok((status, body))
    };
    let mut connection = pin!(async {
        // Its errors are those of the exchange; its end may come before the body was taken.
        let _ = connection.await;
        std::future::pending::<()>().await;
    });
    let (status, body) = tokio::select! {
        result = exchange => result.map_err(failed)?,
        () = &mut connection => return Err(Failure::PutOff),
    };
    let words = status
        .canonical_reason()
        .map_or_else(|| status.as_str().to_owned(), |reason| format!("{} {reason}", status.as_str()));
    let body = String::from_utf8_lossy(&body);
    Ok(Heard { status: verdict(status), output: format!("HTTP {} {url}: {words} Output: {body}", check.method) })
}

fn verdict(status: StatusCode) -> Status {
    if status.is_success() {
        Status::Passing
    } else if status == StatusCode::TOO_MANY_REQUESTS {
        Status::Warning
    } else {
        Status::Critical
    }
}

fn request(check: &HttpCheck, place: &str) -> Result<Request<Full<Bytes>>, Failure> {
    let wrong = |what: &str| Failure::Critical(format!("{what} cannot be sent"));
    let body = Full::new(Bytes::copy_from_slice(check.body.as_bytes()));
    let mut request = Request::builder()
        .method(check.method.as_bytes())
        .uri(&*check.url.path)
        .body(body)
        .map_err(|_| wrong("the method or the path"))?;
    let headers = request.headers_mut();
    headers.insert(HOST, HeaderValue::from_str(place).map_err(|_| wrong("the host"))?);
    headers.insert(USER_AGENT, AGENT);
    headers.insert(ACCEPT, HeaderValue::from_static("text/plain, text/*, */*"));
    for (name, value) in &check.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("a header"))?;
        headers.insert(name, HeaderValue::from_bytes(value.as_bytes()).map_err(|_| wrong("a header"))?);
    }
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    Ok(request)
}

/// Reads a body up to so many octets; the rest is never asked for.
async fn read(response: Response<Incoming>, octets: usize, into: &mut Vec<u8>) {
    let mut body = response.into_body();
    while into.len() < octets {
        let Some(Ok(frame)) = body.frame().await else { return };
        if let Ok(data) = frame.into_data() {
            let room = octets - into.len();
            into.extend_from_slice(&data[..data.len().min(room)]);
        }
    }
}

/// An error with the cause that hyper keeps for itself.
fn said(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
