//! The HTTP client of the commands: one request, bounded in time and size.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use axum::http::uri::{Authority, Scheme};
use axum::http::{HeaderValue, Method, Request, StatusCode, Uri};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client as Connections;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::time::timeout;

use super::{Failure, ServerFlag};
use crate::config::Environment;
use crate::limits;

const DEFAULT_SERVER: &str = "http://127.0.0.1:8500";

/// What a server answered.
#[derive(Debug)]
pub(super) struct Answer {
    /// As it came.
    pub(super) text: String,
    /// What it says; `Null` for nothing.
    pub(super) json: Value,
}

/// Why a request did nothing.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Nobody is there: the server knows nothing of the request.
    NoConnection(anyhow::Error),
    /// Nothing came back: whether the server did what was asked is not known.
    NoAnswer(anyhow::Error),
    /// The server says no, and why.
    Answered(StatusCode, String),
}

/// A server to ask.
#[derive(Debug)]
pub(super) struct Client {
    authority: Authority,
    /// What a proxy put before the paths; without a final slash.
    prefix: String,
    answer_time: Duration,
    answer_octets: usize,
    /// What Consul's API wants to see of who asks.
    token: Option<HeaderValue>,
}

/// What is sent with a request.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    /// Its media type.
    pub(super) media: &'static str,
    /// As it is sent.
    pub(super) octets: Bytes,
}

impl Sent {
    /// JSON.
    pub(super) fn json(value: &Value) -> Sent {
        Sent { media: "application/json", octets: Bytes::from(value.to_string()) }
    }
}

impl Client {
    /// The server of the flag, else of the environment, else the default.
    pub(super) fn new(flag: &ServerFlag, environment: &Environment) -> Result<Client, Failure> {
        let (url, place) = match (&flag.server, environment.server()?) {
            (Some(url), _) => (url.clone(), "--server"),
            (None, Some(url)) => (url, "ROLLCALL_SERVER"),
            (None, None) => (DEFAULT_SERVER.into(), "the default"),
        };
        Client::parse(&url).map_err(|rule| Failure::Usage(format!("{place}: `{url}` {rule}")))
    }

    /// The server of a flag that names a foreign system.
    pub(super) fn foreign(flag: &str, url: &str, token: Option<HeaderValue>) -> Result<Client, Failure> {
        let client = Client::parse(url).map_err(|rule| Failure::Usage(format!("{flag}: `{url}` {rule}")))?;
        Ok(Client { answer_octets: limits::CLIENT_FOREIGN_OCTETS, token, ..client })
    }

    fn parse(url: &str) -> Result<Client, &'static str> {
        let uri: Uri = url.parse().map_err(|_| "is not a URL such as http://127.0.0.1:8500")?;
        let parts = uri.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err("is not a URL such as http://127.0.0.1:8500");
        };
        if scheme != Scheme::HTTP {
            return Err("is not an http:// URL: others are not built yet in this version");
        }
        let prefix = parts.path_and_query.map(|path| path.path().trim_end_matches('/').to_owned());
        let prefix = prefix.unwrap_or_default();
        let (answer_time, answer_octets) = (limits::CLIENT_ANSWER_TIME, limits::CLIENT_ANSWER_OCTETS);
        Ok(Client { authority, prefix, answer_time, answer_octets, token: None })
    }

    /// Asks for what is there; `segments` are the parts of the path, `query` the names and values behind it.
    pub(super) fn get(&self, segments: &[&str], query: &[(&str, &str)]) -> Result<Answer, Failure> {
        self.ask(Method::GET, &with_query(path(segments), query), None)
    }

    /// Sends one request that changes something; `segments` are the parts of its path.
    pub(super) fn call(&self, method: Method, segments: &[&str], body: Option<&Value>) -> Result<Answer, Failure> {
        self.call_with(method, segments, &[], body)
    }

    /// The same with names and values behind the path.
    pub(super) fn call_with(
        &self,
        method: Method,
        segments: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, Failure> {
        self.ask(method, &with_query(path(segments), query), body)
    }

    /// The same on the runtime of the caller, who is told what kind of refusal it is.
    pub(super) async fn send(
        &self,
        method: Method,
        segments: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, Refusal> {
        let sent = body.map(Sent::json);
        let (status, octets) = self.exchange(method, &with_query(path(segments), query), sent).await?;
        interpret(status, &octets).map_err(|error| Refusal::Answered(status, error.to_string()))
    }

    /// One request with any body on the runtime of the caller; whatever the answer says.
    pub(super) async fn raw(
        &self,
        method: Method,
        segments: &[&str],
        query: &[(&str, &str)],
        sent: Option<Sent>,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        Ok(self.exchange(method, &with_query(path(segments), query), sent).await?)
    }

    /// Asks for an answer of any length, and hands on each piece as it comes; a piece must come in time.
    pub(super) async fn pieces(
        &self,
        segments: &[&str],
        mut take: impl FnMut(&[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let bound = limits::CLIENT_PIECE_TIME;
        let late = |_| anyhow!("{} sent nothing for {bound:?}", self.authority);
        let request = self.request(Method::GET, &path(segments), None)?;
        let answer = timeout(bound, connections().request(request)).await.map_err(late)?;
        let answer = answer.map_err(|error| anyhow::Error::from(self.unreachable(&error)))?;
        let (head, mut body) = answer.into_parts();
        if !head.status.is_success() {
            let body = timeout(bound, Limited::new(body, limits::CLIENT_IMPORT_OCTETS).collect()).await;
            let body = body.map_err(late)?.map_err(|error| anyhow!("cannot read the answer: {error}"))?;
            return interpret(head.status, &body.to_bytes()).map(drop);
        }
        while let Some(frame) = timeout(bound, body.frame()).await.map_err(late)? {
            let frame = frame.map_err(|error| anyhow!("the answer ended early: {error}"))?;
            if let Some(piece) = frame.data_ref() {
                take(piece)?;
            }
        }
        Ok(())
    }

    /// The same client with another bound for a whole answer.
    pub(super) fn within(self, answer_time: Duration) -> Client {
        Client { answer_time, ..self }
    }

    /// Name or address, and port, of the server.
    pub(super) fn place(&self) -> (&str, u16) {
        let name = self.authority.host();
        let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        (name, self.authority.port_u16().unwrap_or(80))
    }

    fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, Failure> {
        let (status, octets) = super::runtime()?
            .block_on(self.exchange(method, path, body.map(Sent::json)))
            .map_err(anyhow::Error::from)?;
        Ok(interpret(status, &octets)?)
    }

    fn request(&self, method: Method, path: &str, sent: Option<Sent>) -> anyhow::Result<Request<Full<Bytes>>> {
        let url = format!("http://{}{}{path}", self.authority, self.prefix);
        let mut request = Request::builder().method(method).uri(&url).header("accept", "application/json");
        if let Some(sent) = &sent {
            request = request.header("content-type", sent.media);
        }
        if let Some(token) = &self.token {
            request = request.header("x-consul-token", token);
        }
        let body = Full::new(sent.map(|sent| sent.octets).unwrap_or_default());
        request.body(body).context("cannot make the request")
    }

    async fn exchange(&self, method: Method, path: &str, sent: Option<Sent>) -> Result<(StatusCode, Bytes), Refusal> {
        let request = self.request(method, path, sent).map_err(Refusal::NoConnection)?;
        let exchange = async {
            let answer = connections().request(request).await.map_err(|error| self.unreachable(&error))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, self.answer_octets).collect().await;
            let body = body.map_err(|error| Refusal::NoAnswer(anyhow!("cannot read the answer: {error}")))?;
            Ok((head.status, body.to_bytes()))
        };
        let bound = self.answer_time;
        let late = || Refusal::NoAnswer(anyhow!("{} did not answer within {bound:?}", self.authority));
        timeout(bound, exchange).await.unwrap_or_else(|_| Err(late()))
    }

    fn unreachable(&self, error: &hyper_util::client::legacy::Error) -> Refusal {
        let mut cause: &dyn std::error::Error = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        if error.is_connect() {
            let advice = "does it run there? `--server URL` names another";
            Refusal::NoConnection(anyhow!("cannot ask http://{}: {cause}; {advice}", self.authority))
        } else {
            Refusal::NoAnswer(anyhow!("cannot ask http://{}: {cause}", self.authority))
        }
    }
}

/// Connections that are used once.
fn connections() -> Connections<HttpConnector, Full<Bytes>> {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(limits::CLIENT_CONNECT_TIME));
    Connections::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector)
}

impl From<Refusal> for anyhow::Error {
    fn from(refusal: Refusal) -> anyhow::Error {
        match refusal {
            Refusal::NoConnection(error) | Refusal::NoAnswer(error) => error,
            Refusal::Answered(_, detail) => anyhow!(detail),
        }
    }
}

/// A good answer; else what the server says is wrong.
pub(super) fn interpret(status: StatusCode, body: &[u8]) -> anyhow::Result<Answer> {
    let json = if body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice::<Value>(body) };
    if status.is_success() {
        let json = json.context("the answer is not JSON: is it rollcall that answers there?")?;
        return Ok(Answer { text: String::from_utf8_lossy(body).into_owned(), json });
    }
    let json = json.unwrap_or_default();
    let said = |key: &str| json.get(key).and_then(Value::as_str).map(str::to_owned);
    let detail = said("detail").or_else(|| said("title")).unwrap_or_else(|| {
        let text = String::from_utf8_lossy(body);
        format!("the server answered {status} {}", text.chars().take(limits::CLIENT_ERROR_CHARS).collect::<String>())
    });
    Err(anyhow!("{}", super::table::printable(detail.trim())))
}

fn path(segments: &[&str]) -> String {
    segments.iter().map(|segment| format!("/{}", escaped(segment))).collect()
}

fn with_query(path: String, query: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = query.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    if pairs.is_empty() { path } else { format!("{path}?{}", pairs.join("&")) }
}

/// One segment of a path: everything but the unreserved characters is escaped (RFC 3986 2.3).
pub(super) fn escaped(segment: &str) -> String {
    let escape = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    segment.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_http_urls_only() {
        assert_eq!(Client::parse("http://[::1]:8500/discovery/").expect("a URL").prefix, "/discovery");
        assert!(Client::parse("https://a").is_err_and(|rule| rule.contains("http://")));
        for url in ["", "127.0.0.1:8500", "/v1", "http://"] {
            assert!(Client::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_refusal_gives_the_detail_of_the_server() {
        let problem = br#"{"title":"Bad Request","status":400,"detail":"port: must be 1 to 65535"}"#;
        let error = interpret(StatusCode::BAD_REQUEST, problem).expect_err("a refusal");
        assert_eq!(error.to_string(), "port: must be 1 to 65535");
        let error = interpret(StatusCode::BAD_GATEWAY, b"<html>\x1b[2J").expect_err("a refusal");
        assert_eq!(error.to_string(), "the server answered 502 Bad Gateway <html>\\u{1b}[2J");
        assert_eq!(interpret(StatusCode::NO_CONTENT, b"").expect("an answer").json, Value::Null);
        assert!(interpret(StatusCode::OK, b"<html>").is_err());
        let unsorted = br#"{"b":1,  "a":2}"#;
        assert_eq!(interpret(StatusCode::OK, unsorted).expect("an answer").text.as_bytes(), unsorted);
    }

    #[test]
    fn segments_are_escaped() {
        assert_eq!(escaped("a/b c?é"), "a%2Fb%20c%3F%C3%A9");
    }
}
