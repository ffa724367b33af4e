//! Asking over HTTP/1.1: 2xx passes, 429 warns, everything else is critical, but for 404 and 405 where the check says that
//! a host without its path is alive. A redirect is an answer like others unless
//! both the check and the setting say that it is followed; each of its addresses is looked at then as the first was.
//! No proxy is asked.

use std::pin::pin;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONNECTION, HOST, HeaderName, HeaderValue, LOCATION, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;

use super::net::{Failure, Heard, Probe};
use super::tls::Protocol;
use crate::limits;
use crate::table::{Bracketed, Endpoint, HttpCheck, HttpUrl, Status};

/// What probes are called where the check has no other name for them among its headers.
const AGENT: HeaderValue = HeaderValue::from_static("rollcall Health Check");

/// Asks; an answer that has begun before the end of the probe counts, read up to there.
pub(super) async fn ask(probe: Probe<'_>, check: &HttpCheck, octets: usize) -> Result<Heard, Failure> {
    let (name, port) = check.url.endpoint.of(probe.host).ok_or_else(super::no_port)?;
    let url = HttpUrl { endpoint: Endpoint::At(name, port), ..check.url.clone() };
    let failed = |failure: Failure| match failure {
        Failure::Critical(why) => Failure::Critical(format!("HTTP {} {url}: {why}", check.method)),
        Failure::PutOff => Failure::PutOff,
    };
    let mut hop = HttpCheck { url: url.clone(), ..check.clone() };
    let mut hops = 0;
    loop {
        let answer = exchange(probe, &hop, octets).await.map_err(failed)?;
        let follows = check.follow_redirects && probe.net.follows_redirects();
        if let Some(location) = answer.location.filter(|_| follows) {
            hops += 1;
            if hops > limits::PROBE_REDIRECTS {
                return Err(failed(Failure::Critical(format!("more than {} redirects", limits::PROBE_REDIRECTS))));
            }
            hop = redirected(&hop, answer.status, &location).map_err(failed)?;
            continue;
        }
        let status = answer.status;
        let reason = status.canonical_reason().map(|reason| format!(" {reason}")).unwrap_or_default();
        let body = String::from_utf8_lossy(&answer.body);
        let output = format!("HTTP {} {url}: {}{reason} Output: {body}", check.method, status.as_str());
        let is_absent = matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED);
        let status = if is_absent && check.absent_passes { Status::Passing } else { verdict(status) };
        return Ok(Heard { status, output });
    }
}

/// What came back of one request.
struct Answer {
    status: StatusCode,
    /// Where a redirect leads.
    location: Option<String>,
    body: Vec<u8>,
}

/// One request, on a connection of its own.
async fn exchange(probe: Probe<'_>, check: &HttpCheck, octets: usize) -> Result<Answer, Failure> {
    let Endpoint::At(name, port) = &check.url.endpoint else { return Err(super::no_port()) };
    let request = request(check, &format!("{}:{port}", Bracketed(name)))?;
    let tls = check.url.tls.then_some(&check.tls);
    let stream = probe.open(name, *port, tls, Protocol::Http1).await?;
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(limits::PROBE_HEAD_OCTETS)
        .max_headers(limits::PROBE_HEADERS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| Failure::Critical(said(&error)))?;
    let asked = async {
        let response = sender.send_request(request).await.map_err(|error| Failure::Critical(said(&error)))?;
        let status = response.status();
        let location = response.headers().get(LOCATION).filter(|_| status.is_redirection());
        let location = location.and_then(|location| location.to_str().ok()).map(str::to_owned);
        let mut body = Vec::new();
        // A body that stops arriving takes nothing from the status.
        let _ = probe.net.clock().before(probe.end, read(response, octets, &mut body)).await;
        Ok(Answer { status, location, body })
    };
    let mut connection = pin!(async {
        // Its errors are those of the exchange; its end may come before the body was taken.
        let _ = connection.await;
        std::future::pending::<()>().await;
    });
    tokio::select! {
        answer = asked => answer,
        () = &mut connection => Err(Failure::PutOff),
    }
}

/// The request that a redirect asks for (RFC 9110 15.4). What the check says of itself stays with the place that it
/// was said to: another one gets neither headers nor body, and has a certificate of its own.
fn redirected(check: &HttpCheck, status: StatusCode, location: &str) -> Result<HttpCheck, Failure> {
    let location = location.split('#').next().unwrap_or_default();
    let url = if location.starts_with('/') && !location.starts_with("//") {
        HttpUrl { path: location.into(), ..check.url.clone() }
    } else {
        let url = HttpUrl::parse("location", location).ok();
        let absolute = url.filter(|url| matches!(url.endpoint, Endpoint::At(..)));
        absolute.ok_or_else(|| Failure::Critical(format!("a redirect to {location:?} is not followed")))?
    };
    let is_same_place = url.endpoint == check.url.endpoint && url.tls == check.url.tls;
    let keeps_method = matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
    let mut next = HttpCheck { url, ..check.clone() };
    if !keeps_method && *next.method != *"HEAD" {
        next.method = "GET".into();
        next.body = Box::default();
    }
    if !is_same_place {
        next.headers = Box::default();
        next.body = Box::default();
        next.tls.server_name = None;
    }
    Ok(next)
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
