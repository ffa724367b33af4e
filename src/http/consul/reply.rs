//! Answers in Consul's form: compact JSON, or four spaces where `pretty` is asked for; errors as bare text.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, VARY};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::PrettyFormatter;

use super::body::Refusal;
use super::filter::FilterError;
use super::params::{Params, Reading};
use crate::http::problem::{Kind, Problem};
use crate::metrics::Outcome;
use crate::registry::{CommitError, SubmitError};
use crate::table::{Invalid, Rejection, Revision};

const DEFAULT_POLICY: HeaderName = HeaderName::from_static("x-consul-default-acl-policy");

/// Why a request is not done: a status and a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Failure {
    status: StatusCode,
    text: String,
}

impl Failure {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Failure {
        Failure { status, text: text.into() }
    }

    /// 400.
    pub(super) fn bad(text: impl Into<String>) -> Failure {
        Failure::new(StatusCode::BAD_REQUEST, text)
    }

    /// 404.
    pub(super) fn missing(text: impl Into<String>) -> Failure {
        Failure::new(StatusCode::NOT_FOUND, text)
    }

    /// 500: Consul's answer to much that a client could do better.
    pub(super) fn internal(text: impl Into<String>) -> Failure {
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, text)
    }

    /// How the metrics count a write that ended so.
    pub(super) fn outcome(&self) -> Outcome {
        match self.status {
            StatusCode::NOT_FOUND | StatusCode::TOO_MANY_REQUESTS => Outcome::Rejected,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::INSUFFICIENT_STORAGE => Outcome::Unavailable,
            _ => Outcome::Invalid,
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = text(self.status, self.text);
        if matches!(self.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        if refusal.is_late() { Failure::internal(refusal.to_string()) } else { Failure::bad(refusal.to_string()) }
    }
}

impl From<FilterError> for Failure {
    fn from(error: FilterError) -> Failure {
        Failure::internal(error.to_string())
    }
}

impl From<Invalid> for Failure {
    fn from(invalid: Invalid) -> Failure {
        Failure::bad(format!("Invalid {}: {}", invalid.field, invalid.rule))
    }
}

impl From<SubmitError> for Failure {
    fn from(error: SubmitError) -> Failure {
        let text = error.to_string();
        let status = match error {
            SubmitError::Rejected(Rejection::UnknownHost(_) | Rejection::UnknownCheck(_)) => StatusCode::NOT_FOUND,
            SubmitError::Rejected(Rejection::NotReported(check)) => {
                return Failure::internal(format!("CheckID {check:?} does not have associated TTL"));
            }
            SubmitError::Rejected(Rejection::Foreign(_)) => StatusCode::BAD_REQUEST,
            SubmitError::Rejected(
                Rejection::TooManyHosts
                | Rejection::TooManyServices
                | Rejection::TooManyHostsInService
                | Rejection::TooManyNodes
                | Rejection::TooManyChecks,
            ) => StatusCode::TOO_MANY_REQUESTS,
            SubmitError::NotLoaded | SubmitError::Store(CommitError::Unavailable(_)) => StatusCode::SERVICE_UNAVAILABLE,
            SubmitError::Store(CommitError::Full(_)) => StatusCode::INSUFFICIENT_STORAGE,
        };
        Failure { status, text }
    }
}

/// What the server refuses before any route sees it, in Consul's form.
pub(super) fn problem(problem: &Problem) -> Response {
    if problem.kind() == Kind::UnknownPath {
        let said = "Invalid URL path: not a recognized HTTP API endpoint\n";
        return (problem.kind().status(), said).into_response();
    }
    text(problem.kind().status(), problem.detail())
}

/// A text.
pub(super) fn text(status: StatusCode, text: impl Into<String>) -> Response {
    let mut response = (status, text.into()).into_response();
    mark(&mut response);
    response
}

/// Nothing: how a write of the agent is acknowledged.
pub(super) fn done() -> Response {
    let mut response = StatusCode::OK.into_response();
    mark(&mut response);
    response
}

/// JSON.
pub(super) fn json(params: &Params, value: &impl Serialize) -> Response {
    let mut response = encode(params, value).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    mark(&mut response);
    response
}

fn encode(params: &Params, value: &impl Serialize) -> Vec<u8> {
    let mut octets = Vec::new();
    // Writing into memory does not fail, and no map here has keys that are no texts.
    if params.has("pretty") {
        let mut serializer = Serializer::with_formatter(&mut octets, PrettyFormatter::with_indent(b"    "));
        let _ = value.serialize(&mut serializer);
        octets.push(b'\n');
    } else {
        let _ = serde_json::to_writer(&mut octets, value);
    }
    octets
}

/// A read of the catalog, at the revision at which it was made.
pub(super) fn read(reading: &Reading, index: Revision, value: &impl Serialize) -> Response {
    let mut response = json(&reading.params, value);
    mark_read(reading, index, &mut response);
    response
}

/// The headers of a read of the catalog. There is one server, and it knows all: it is its own leader.
pub(super) fn mark_read(reading: &Reading, index: Revision, response: &mut Response) {
    let params = &reading.params;
    let consistency = match (params.has("stale"), params.has("consistent")) {
        (true, _) => "stale",
        (_, true) => "consistent",
        _ => "leader",
    };
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: HeaderValue| headers.insert(HeaderName::from_static(name), value);
    // Clients take 0 for "never", and ask again at once.
    set("x-consul-index", HeaderValue::from(index.0.max(1)));
    set("x-consul-knownleader", HeaderValue::from_static("true"));
    set("x-consul-lastcontact", HeaderValue::from_static("0"));
    set("x-consul-effective-consistency", HeaderValue::from_static(consistency));
    set("x-consul-query-backend", HeaderValue::from_static("blocking-query"));
    if params.has("cached") {
        // What is answered is in memory and is never old.
        set("x-cache", HeaderValue::from_static("HIT"));
        set("age", HeaderValue::from_static("0"));
    }
}

/// The headers of every answer.
fn mark(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    headers.insert(DEFAULT_POLICY, HeaderValue::from_static("allow"));
}
