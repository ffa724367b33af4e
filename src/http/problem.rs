//! What went wrong, as a problem document (RFC 9457).

use std::fmt;

use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::{BrokenZones, consul, envoy, kubernetes, lyft, minos};
use crate::limits;
use crate::metrics::Outcome;
use crate::registry::{CommitError, SubmitError};
use crate::table::{Invalid, Rejection};

/// The kinds of problems: each has one status, one title and one place in the documentation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A value breaks a rule.
    Invalid,
    /// No such host, or its lease has ended.
    UnknownHost,
    /// No such path.
    UnknownPath,
    /// The path has no such method.
    WrongMethod,
    /// The body did not arrive in time.
    SlowBody,
    /// The body is too large.
    LargeBody,
    /// The body has a content encoding.
    EncodedBody,
    /// Path and query are too long.
    LongUrl,
    /// The headers are too large or too many.
    LargeHeaders,
    /// A zone file has a mistake.
    BrokenZones,
    /// A bound of the table or of the server is reached.
    TooMany,
    /// The table is not loaded yet, or too old to be shown, or the server is stopping.
    NotReady,
    /// The store cannot be written.
    StoreUnavailable,
    /// The disk is full.
    StoreFull,
}

impl Kind {
    /// Every kind, by status.
    pub const ALL: [Kind; 14] = [
        Kind::Invalid,
        Kind::UnknownHost,
        Kind::UnknownPath,
        Kind::WrongMethod,
        Kind::SlowBody,
        Kind::LargeBody,
        Kind::LongUrl,
        Kind::EncodedBody,
        Kind::BrokenZones,
        Kind::TooMany,
        Kind::LargeHeaders,
        Kind::NotReady,
        Kind::StoreUnavailable,
        Kind::StoreFull,
    ];

    /// The end of its `type`: `/docs#problem-<slug>`.
    pub const fn slug(self) -> &'static str {
        match self {
            Kind::Invalid => "invalid",
            Kind::UnknownHost => "unknown-host",
            Kind::UnknownPath => "unknown-path",
            Kind::WrongMethod => "wrong-method",
            Kind::SlowBody => "slow-body",
            Kind::LargeBody => "large-body",
            Kind::EncodedBody => "encoded-body",
            Kind::LongUrl => "long-url",
            Kind::LargeHeaders => "large-headers",
            Kind::BrokenZones => "broken-zones",
            Kind::TooMany => "too-many",
            Kind::NotReady => "not-ready",
            Kind::StoreUnavailable => "store-unavailable",
            Kind::StoreFull => "store-full",
        }
    }

    /// The same sentence for every problem of the kind.
    pub const fn title(self) -> &'static str {
        match self {
            Kind::Invalid => "A value breaks a rule",
            Kind::UnknownHost => "No such host",
            Kind::UnknownPath => "No such path",
            Kind::WrongMethod => "The path has no such method",
            Kind::SlowBody => "The body did not arrive in time",
            Kind::LargeBody => "The body is too large",
            Kind::EncodedBody => "The body has an encoding",
            Kind::LongUrl => "The URL is too long",
            Kind::LargeHeaders => "The headers are too large",
            Kind::BrokenZones => "The zone files do not hold",
            Kind::TooMany => "A bound is reached",
            Kind::NotReady => "The server is not ready",
            Kind::StoreUnavailable => "The store cannot be written",
            Kind::StoreFull => "The store is full",
        }
    }

    /// Its status.
    pub const fn status(self) -> StatusCode {
        match self {
            Kind::Invalid => StatusCode::BAD_REQUEST,
            Kind::UnknownHost | Kind::UnknownPath => StatusCode::NOT_FOUND,
            Kind::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Kind::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Kind::LargeBody => StatusCode::PAYLOAD_TOO_LARGE,
            Kind::EncodedBody => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Kind::LongUrl => StatusCode::URI_TOO_LONG,
            Kind::LargeHeaders => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Kind::BrokenZones => StatusCode::UNPROCESSABLE_ENTITY,
            Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Kind::NotReady | Kind::StoreUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Kind::StoreFull => StatusCode::INSUFFICIENT_STORAGE,
        }
    }
}

/// One problem: what is sent instead of what was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    kind: Kind,
    detail: String,
    field: Option<String>,
    rule: Option<String>,
    file: Option<String>,
    line: Option<usize>,
}

impl Problem {
    /// A problem of a kind with a sentence about this case.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Problem {
        Problem { kind, detail: detail.into(), field: None, rule: None, file: None, line: None }
    }

    /// A field that breaks a rule.
    pub fn invalid(field: impl Into<String>, rule: impl Into<String>) -> Problem {
        Invalid::new(field, rule).into()
    }

    /// The same as another kind than a plain 400.
    pub(super) fn of_kind(self, kind: Kind) -> Problem {
        Problem { kind, ..self }
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The same of a field within another.
    #[must_use]
    pub(super) fn within(mut self, before: &str) -> Problem {
        if let Some(field) = &mut self.field {
            field.insert_str(0, before);
            self.detail.insert_str(0, before);
        }
        self
    }

    /// The sentence about this case.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// How the metrics count a write that ended so.
    pub fn outcome(&self) -> Outcome {
        match self.kind {
            Kind::UnknownHost | Kind::TooMany => Outcome::Rejected,
            Kind::NotReady | Kind::StoreUnavailable | Kind::StoreFull => Outcome::Unavailable,
            Kind::Invalid
            | Kind::UnknownPath
            | Kind::WrongMethod
            | Kind::SlowBody
            | Kind::LargeBody
            | Kind::EncodedBody
            | Kind::LongUrl
            | Kind::LargeHeaders
            | Kind::BrokenZones => Outcome::Invalid,
        }
    }

    /// The document, as JSON.
    pub fn to_json(&self) -> Vec<u8> {
        let document = Document {
            kind: format!("/docs#problem-{}", self.kind.slug()),
            title: self.kind.title(),
            status: self.kind.status().as_u16(),
            detail: &self.detail,
            field: self.field.as_deref(),
            rule: self.rule.as_deref(),
            file: self.file.as_deref(),
            line: self.line,
        };
        // Strings and a number always serialize.
        serde_json::to_vec(&document).unwrap_or_default()
    }
}

/// A problem as it is sent (RFC 9457), `application/problem+json`.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct Document<'a> {
    /// Where the documentation speaks of the kind of problem.
    #[serde(rename = "type")]
    kind: String,
    /// The kind of problem in words.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// What happened this time.
    detail: &'a str,
    /// The field that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    /// The rule it breaks.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
    /// The zone file that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    /// The line in it, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.kind.status(), self.to_json()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match self.kind {
            Kind::NotReady | Kind::StoreUnavailable => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Kind::TooMany | Kind::StoreFull => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("30"));
            }
            Kind::Invalid
            | Kind::UnknownHost
            | Kind::UnknownPath
            | Kind::WrongMethod
            | Kind::SlowBody
            | Kind::LargeBody
            | Kind::EncodedBody
            | Kind::LongUrl
            | Kind::LargeHeaders
            | Kind::BrokenZones => {}
        }
        response
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Problem {
        let mut problem = Problem::new(Kind::Invalid, invalid.to_string());
        problem.field = Some(invalid.field);
        problem.rule = Some(invalid.rule);
        problem
    }
}

impl From<BrokenZones> for Problem {
    fn from(broken: BrokenZones) -> Problem {
        let mut problem = Problem::new(Kind::BrokenZones, broken.to_string());
        problem.file = broken.file;
        problem.line = broken.line;
        problem
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Problem {
        let detail = rejection.to_string();
        match rejection {
            Rejection::UnknownHost(_) => Problem::new(Kind::UnknownHost, format!("{detail}, or its lease has ended")),
            Rejection::TooManyHosts
            | Rejection::TooManyNodes
            | Rejection::TooManyServices
            | Rejection::TooManyHostsInService
            | Rejection::TooManyChecks => Problem::new(Kind::TooMany, detail),
            Rejection::NotReported(_) => {
                Problem::invalid("check", "must be one that is reported; the server does this one")
            }
            Rejection::Foreign(_) => Problem::new(Kind::Invalid, detail),
            // Only the server itself asks on terms.
            Rejection::UnknownCheck(_) => Problem::new(Kind::UnknownHost, detail),
        }
    }
}

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Problem {
        let detail = error.to_string();
        match error {
            SubmitError::Rejected(rejection) => rejection.into(),
            SubmitError::NotLoaded => Problem::new(Kind::NotReady, detail),
            SubmitError::Store(CommitError::Full(_)) => Problem::new(Kind::StoreFull, detail),
            SubmitError::Store(CommitError::Unavailable(_)) => Problem::new(Kind::StoreUnavailable, detail),
        }
    }
}

/// A problem in the form of the dialect that a path belongs to.
pub(super) fn respond(path: &str, problem: &Problem) -> Response {
    let mut response = in_words_of(path, problem);
    if problem.kind == Kind::NotReady {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

fn in_words_of(path: &str, problem: &Problem) -> Response {
    if lyft::owns(path) {
        lyft::problem(problem)
    } else if consul::owns(path) {
        consul::problem(problem)
    } else if minos::owns(path) {
        minos::problem(problem)
    } else if kubernetes::owns(path) {
        kubernetes::problem(problem)
    } else {
        problem.clone().into_response()
    }
}

/// Answers a path that no dialect has.
#[allow(clippy::unused_async, reason = "a handler")]
pub(super) async fn unknown_path(uri: axum::http::Uri, headers: axum::http::HeaderMap) -> Response {
    if let Some(unimplemented) = envoy::unknown_call(&headers) {
        return unimplemented;
    }
    let path: String = uri.path().chars().take(limits::NAME_OCTETS).collect();
    let problem = Problem::new(Kind::UnknownPath, format!("{path:?} is no path of this server; /docs lists them"));
    respond(uri.path(), &problem)
}

/// Answers a method that a path has not; the router adds what `Allow` says.
#[allow(clippy::unused_async, reason = "a handler")]
pub(super) async fn wrong_method(method: axum::http::Method) -> Problem {
    Problem::new(Kind::WrongMethod, format!("{method} is not allowed here; the header {ALLOW} lists what is"))
}
