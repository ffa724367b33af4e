//! A client of etcd's JSON gateway: requests that go to the next member where one does not answer, and watches.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::{Request, StatusCode, Uri, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Connections;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::files::{Credentials, client_tls, credentials};
use super::hints;
use super::rights::{Asks, Rights};
use super::settings::Settings;
use super::wire::{
    AuthenticateRequest, AuthenticateResponse, Fault, Long, Octets, WatchCreateRequest, WatchLine, WatchRequest,
    WatchResponse,
};
use crate::limits;

/// gRPC's codes, as far as they are told apart.
const NOT_FOUND: i32 = 5;
const RESOURCE_EXHAUSTED: i32 = 8;
const OUT_OF_RANGE: i32 = 11;
const INVALID: i32 = 3;
const UNAVAILABLE: i32 = 14;
const UNAUTHENTICATED: i32 = 16;

/// None of gRPC's: there was no answer in time.
const SLOW: i32 = -1;

/// Why a request has no answer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// No member answered, or none could: the engine is away.
    #[error("etcd cannot be reached: {0}")]
    Away(String),
    /// The lease is not there (any more).
    #[error("etcd has no such lease")]
    NoLease,
    /// The revision asked for is not remembered any more.
    #[error("etcd has compacted the revisions asked for")]
    Compacted,
    /// etcd has no room.
    #[error("etcd is full: {0}")]
    Full(String),
    /// It says no.
    #[error("etcd refuses: {0}")]
    Refused(String),
}

impl Trouble {
    fn of(fault: Fault) -> Trouble {
        match fault.code {
            NOT_FOUND if fault.message.contains("lease") => Trouble::NoLease,
            OUT_OF_RANGE if fault.message.contains("compacted") => Trouble::Compacted,
            RESOURCE_EXHAUSTED if fault.message.contains("space") => Trouble::Full(fault.message),
            // Too many requests and a leader that is being elected pass.
            RESOURCE_EXHAUSTED | UNAVAILABLE => Trouble::Away(fault.message),
            _ => Trouble::Refused(fault.message),
        }
    }
}

/// The members of an etcd, asked in turn.
pub(super) struct Client {
    endpoints: Vec<Uri>,
    /// The one that answered last.
    current: AtomicUsize,
    http: Connections<HttpsConnector<HttpConnector>, Full<Bytes>>,
    credentials: Option<Credentials>,
    token: ArcSwapOption<String>,
    rights: Rights,
    has_certificate: bool,
}

impl Client {
    /// A client on these settings; files are read here, nobody is asked yet.
    pub(super) fn new(settings: &Settings) -> Result<Client, String> {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(limits::ETCD_CONNECT_TIME));
        connector.set_nodelay(true);
        // A member that is gone without a word is noticed in a few seconds also where nothing is sent.
        connector.set_keepalive(Some(limits::ETCD_KEEPALIVE_TIME));
        connector.set_keepalive_interval(Some(limits::ETCD_KEEPALIVE_INTERVAL));
        connector.set_keepalive_retries(Some(3));
        connector.enforce_http(false);
        let tls = client_tls(&settings.tls)?;
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(connector);
        let http = Connections::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(limits::ETCD_IDLE_TIME)
            .build(connector);
        Ok(Client {
            endpoints: settings.endpoints.clone(),
            current: AtomicUsize::new(0),
            http,
            credentials: credentials(settings)?,
            token: ArcSwapOption::empty(),
            rights: Rights::new(settings),
            has_certificate: settings.tls.certificate.is_some(),
        })
    }

    /// One request, which may arrive twice; each member is tried.
    pub(super) async fn call<A: DeserializeOwned>(&self, path: &str, body: &impl Asks) -> Result<A, Trouble> {
        self.call_within(limits::ETCD_ANSWER_TIME, path, body).await
    }

    /// The same, where each member has so long to answer.
    pub(super) async fn call_within<A: DeserializeOwned>(
        &self,
        time: Duration,
        path: &str,
        body: &impl Asks,
    ) -> Result<A, Trouble> {
        let answer = self.call_any(time, path, encode(body)).await;
        answer.map_err(|trouble| self.rights.explained(trouble, &body.keys(), body.writes()))
    }

    async fn call_any<A: DeserializeOwned>(&self, time: Duration, path: &str, body: Bytes) -> Result<A, Trouble> {
        let mut last = Trouble::Away("there is no endpoint".into());
        let mut authenticated = self.credentials.is_none();
        // One that answers slowly is left; a connection of before that is gone is worth another one.
        let (mut slow, mut broken) = (0, 0);
        while slow < self.endpoints.len() && broken <= self.endpoints.len() {
            let at = self.current.load(Ordering::Relaxed);
            let unknown = !authenticated && self.token.load().is_none();
            let known = if unknown { self.authenticate(at).await } else { Ok(()) };
            let asked = match known {
                Ok(()) => self.ask(at, path, body.clone(), time).await,
                Err(trouble @ Trouble::Away(_)) => Err((0, trouble)),
                Err(trouble) => return Err(trouble),
            };
            match asked {
                Ok(octets) => {
                    let none =
                        |error| Trouble::Refused(format!("{} gives no answer of etcd's: {error}", self.endpoints[at]));
                    return serde_json::from_slice(&octets).map_err(none);
                }
                // The token is too old.
                Err((UNAUTHENTICATED, trouble)) if !authenticated => {
                    last = trouble;
                    authenticated = true;
                    self.authenticate(at).await?;
                }
                Err((code, trouble @ Trouble::Away(_))) => {
                    self.leave(at);
                    last = trouble;
                    if code == SLOW { slow += 1 } else { broken += 1 }
                }
                Err((_, trouble)) => return Err(trouble),
            }
        }
        Err(last)
    }

    /// Goes on to the next member, unless somebody else has gone on already.
    fn leave(&self, at: usize) {
        let next = (at + 1) % self.endpoints.len().max(1);
        let _ = self.current.compare_exchange(at, next, Ordering::Relaxed, Ordering::Relaxed);
    }

    async fn ask(&self, at: usize, path: &str, body: Bytes, time: Duration) -> Result<Bytes, (i32, Trouble)> {
        let asked = async {
            let answer = self.send(at, path, body).await?;
            let status = answer.status();
            let octets = Limited::new(answer.into_body(), limits::ETCD_ANSWER_OCTETS).collect().await;
            let octets = octets.map_err(|error| away(&error.to_string()))?.to_bytes();
            if status.is_success() { Ok(octets) } else { Err(fault(&self.endpoints[at], status, &octets)) }
        };
        match timeout(time, asked).await {
            Ok(answer) => answer,
            Err(_) => {
                let reason = format!("{} did not answer within {:?}", self.endpoints[at], time);
                Err((SLOW, Trouble::Away(reason)))
            }
        }
    }

    async fn send(&self, at: usize, path: &str, body: Bytes) -> Result<hyper::Response<Incoming>, (i32, Trouble)> {
        let endpoint = &self.endpoints[at];
        let uri = format!("{}{path}", endpoint.to_string().trim_end_matches('/'));
        let mut request = Request::post(uri).header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = self.token.load().as_deref() {
            request = request.header(header::AUTHORIZATION, token.as_str());
        }
        let request = request.body(Full::new(body)).map_err(|error| away(&error.to_string()))?;
        let failed = |reason: String| away(&hints::explained(endpoint, &reason, self.has_certificate));
        self.http.request(request).await.map_err(|error| failed(innermost(&error)))
    }

    async fn authenticate(&self, at: usize) -> Result<(), Trouble> {
        let Some(Credentials { user, password }) = &self.credentials else { return Ok(()) };
        self.token.store(None);
        let body = encode(&AuthenticateRequest { name: user, password });
        let refused = |(code, trouble)| match &trouble {
            Trouble::Refused(reason) if code == INVALID => {
                Trouble::Refused(format!("{reason} (etcd_user is {user}, look at etcd_password_file)"))
            }
            Trouble::Refused(_) | Trouble::Away(_) | Trouble::NoLease | Trouble::Compacted | Trouble::Full(_) => {
                trouble
            }
        };
        let octets = self.ask(at, "/v3/auth/authenticate", body, limits::ETCD_ANSWER_TIME).await.map_err(refused)?;
        let answer: AuthenticateResponse =
            serde_json::from_slice(&octets).map_err(|error| Trouble::Refused(error.to_string()))?;
        self.token.store(Some(Arc::new(answer.token)));
        Ok(())
    }

    /// Follows a prefix from a revision on. The watch is under way when this returns.
    pub(super) async fn watch(&self, prefix: &Octets, from: i64) -> Result<Watch, Trouble> {
        if self.credentials.is_some() && self.token.load().is_none() {
            self.authenticate(self.current.load(Ordering::Relaxed)).await?;
        }
        let at = self.current.load(Ordering::Relaxed);
        let create = WatchCreateRequest {
            key: prefix.clone(),
            range_end: prefix.range_end(),
            start_revision: Long(from),
            progress_notify: true,
        };
        let body = encode(&WatchRequest { create_request: create });
        let begun = async {
            let answer = self.send(at, "/v3/watch", body).await?;
            let status = answer.status();
            if !status.is_success() {
                let octets = Limited::new(answer.into_body(), limits::ETCD_ANSWER_OCTETS).collect().await;
                let octets = octets.map(|octets| octets.to_bytes()).unwrap_or_default();
                return Err(fault(&self.endpoints[at], status, &octets));
            }
            let mut watch = Watch { at: 0, body: answer.into_body(), unread: BytesMut::new() };
            let first = watch.next().await.map_err(|trouble| (0, trouble))?;
            watch.at = first.header.revision.0;
            if first.created { Ok(watch) } else { Err(away("a watch did not begin")) }
        };
        let result = match timeout(limits::ETCD_ANSWER_TIME, begun).await {
            Ok(result) => result,
            Err(_) => Err(away(&format!("{} did not begin a watch in time", self.endpoints[at]))),
        };
        result.map_err(|(_, trouble)| {
            // Members say different things of a token that they do not know: another one costs little.
            self.token.store(None);
            if !matches!(trouble, Trouble::Compacted) {
                self.leave(at);
            }
            self.rights.explained(trouble, &[prefix], false)
        })
    }
}

/// A watch that is under way.
pub(super) struct Watch {
    /// The revision that the member was at when it began.
    pub(super) at: i64,
    body: Incoming,
    unread: BytesMut,
}

impl Watch {
    /// What is said next.
    pub(super) async fn next(&mut self) -> Result<WatchResponse, Trouble> {
        let mut searched = 0;
        loop {
            if let Some(end) = self.unread[searched..].iter().position(|octet| *octet == b'\n') {
                let line = self.unread.split_to(searched + end + 1);
                return said(&line);
            }
            searched = self.unread.len();
            if searched > limits::ETCD_ANSWER_OCTETS {
                return Err(Trouble::Away("a line of a watch has no end".into()));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Some(octets) = frame.data_ref() {
                        self.unread.extend_from_slice(octets);
                    }
                }
                Some(Err(error)) => return Err(Trouble::Away(format!("a watch broke: {error}"))),
                None => return Err(Trouble::Away("a watch has ended".into())),
            }
        }
    }
}

fn said(line: &[u8]) -> Result<WatchResponse, Trouble> {
    let line: WatchLine =
        serde_json::from_slice(line).map_err(|error| Trouble::Away(format!("a line of a watch is none: {error}")))?;
    match line {
        WatchLine { error: Some(fault), .. } => Err(Trouble::of(fault)),
        WatchLine { result: Some(said), .. } if said.compact_revision.0 != 0 => Err(Trouble::Compacted),
        WatchLine { result: Some(said), .. } if said.canceled => {
            Err(Trouble::Away(format!("a watch was canceled: {}", said.cancel_reason)))
        }
        WatchLine { result: Some(said), .. } => Ok(said),
        WatchLine { .. } => Err(Trouble::Away("a line of a watch says nothing".into())),
    }
}

#[allow(clippy::expect_used, reason = "plain structs into memory: serde_json has nothing to fail on")]
fn encode(body: &impl Serialize) -> Bytes {
    serde_json::to_vec(body).expect("a message is JSON").into()
}

fn away(reason: &str) -> (i32, Trouble) {
    (0, Trouble::Away(reason.into()))
}

/// What is said instead of an answer. Whoever has no fault in etcd's words is no etcd, but perhaps another member is.
fn fault(endpoint: &Uri, status: StatusCode, octets: &[u8]) -> (i32, Trouble) {
    match serde_json::from_slice::<Fault>(octets) {
        Ok(fault) if fault.code != 0 => (fault.code, Trouble::of(fault)),
        _ if status == StatusCode::UNAUTHORIZED => (UNAUTHENTICATED, Trouble::Refused(status.to_string())),
        _ if status.is_server_error() => away(&format!("{endpoint} says {status}")),
        Ok(fault) if !fault.message.is_empty() => {
            (0, Trouble::Refused(format!("{endpoint} says {status}: {}", fault.message)))
        }
        _ => away(&format!("{endpoint} is no client port of an etcd: it says {status}")),
    }
}

/// What an error is at bottom: `connection refused` and not `client error (Connect)`.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// A pause before the next try: longer each time, and other for each server, so that many do not come back at once.
pub(super) fn pause(tries: u32, random: u64) -> Duration {
    let longest = limits::ETCD_RETRY_MAX.min(limits::ETCD_RETRY * 2_u32.saturating_pow(tries.min(16)));
    longest / 2 + Duration::from_micros(random % (longest / 2).as_micros().max(1) as u64)
}
