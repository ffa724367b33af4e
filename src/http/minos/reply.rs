//! Answers in the words of minos' server: a line of text, or JSON.

use std::borrow::Cow;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::metrics::Outcome;
use crate::registry::{CommitError, SubmitError};
use crate::table::Invalid;

/// Seconds after which a client may try again what the store or a server that is starting refused.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// Why a request is not done: a status and a text.
#[derive(Debug)]
pub(super) struct Failure {
    status: StatusCode,
    text: Cow<'static, str>,
}

impl Failure {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Failure {
        Failure { status, text: text.into().into() }
    }

    /// 400.
    pub(super) fn bad(text: impl Into<Cow<'static, str>>) -> Failure {
        Failure { status: StatusCode::BAD_REQUEST, text: text.into() }
    }

    /// A status in the words that the original has for it.
    pub(super) fn of(status: StatusCode) -> Failure {
        Failure { status, text: line(status).into() }
    }

    /// How the metrics count a write that ended so.
    pub(super) fn outcome(&self) -> Outcome {
        match self.status {
            StatusCode::TOO_MANY_REQUESTS => Outcome::Rejected,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::INSUFFICIENT_STORAGE => Outcome::Unavailable,
            _ => Outcome::Invalid,
        }
    }
}

impl From<Invalid> for Failure {
    fn from(invalid: Invalid) -> Failure {
        Failure::bad(invalid.to_string())
    }
}

impl From<SubmitError> for Failure {
    fn from(error: SubmitError) -> Failure {
        let status = match error {
            SubmitError::Rejected(_) => StatusCode::TOO_MANY_REQUESTS,
            SubmitError::NotLoaded | SubmitError::Store(CommitError::Unavailable(_)) => StatusCode::SERVICE_UNAVAILABLE,
            SubmitError::Store(CommitError::Full(_)) => StatusCode::INSUFFICIENT_STORAGE,
        };
        Failure::new(status, error.to_string())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.text).into_response();
        if matches!(self.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}

/// `201: Created` and the like, as aiohttp writes them.
pub(super) fn status(status: StatusCode) -> Response {
    (status, line(status)).into_response()
}

fn line(status: StatusCode) -> String {
    format!("{}: {}", status.as_u16(), status.canonical_reason().unwrap_or_default())
}
