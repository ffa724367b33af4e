//! Answers in Lyft's words: compact JSON with a newline at its end.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use crate::metrics::Outcome;
use crate::registry::{CommitError, SubmitError};
use crate::table::{Invalid, Rejection};

/// Seconds after which a client may try again what the store or a server that is starting refused.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// Why a request is refused. Nothing has changed then.
#[derive(Debug)]
pub(super) enum Failure {
    /// 400 `{}`, where the original says no more; the reason goes to the log.
    Silent(&'static str),
    /// 400 with the field and the rule it breaks.
    Named(String),
    /// 404: a weight for a host that is not there.
    NoSuchHost,
    /// 404: a path that names nothing.
    NoSuchPath,
    /// 413: a body past its bound.
    BodyTooLong,
    /// What the registry says.
    Submit(SubmitError),
}

impl Failure {
    /// How the metrics count a write that ended so.
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Failure::Silent(_) | Failure::Named(_) | Failure::NoSuchPath | Failure::BodyTooLong => Outcome::Invalid,
            Failure::NoSuchHost | Failure::Submit(SubmitError::Rejected(_)) => Outcome::Rejected,
            Failure::Submit(SubmitError::NotLoaded | SubmitError::Store(_)) => Outcome::Unavailable,
        }
    }
}

impl From<SubmitError> for Failure {
    fn from(error: SubmitError) -> Failure {
        Failure::Submit(error)
    }
}

impl From<Invalid> for Failure {
    fn from(invalid: Invalid) -> Failure {
        Failure::Named(invalid.to_string())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Failure::Silent(reason) => {
                tracing::debug!(reason, "refused a request of Lyft's API");
                empty(StatusCode::BAD_REQUEST)
            }
            Failure::Named(message) => error(StatusCode::BAD_REQUEST, &message),
            Failure::NoSuchHost => error(StatusCode::NOT_FOUND, "Host not found"),
            Failure::NoSuchPath => error(StatusCode::NOT_FOUND, "there is nothing at this path"),
            Failure::BodyTooLong => {
                let most = crate::limits::HTTP_BODY_OCTETS;
                error(StatusCode::PAYLOAD_TOO_LARGE, &format!("the body must be at most {most} octets"))
            }
            Failure::Submit(refused) => submit(&refused),
        }
    }
}

/// `{}`.
pub(super) fn empty(status: StatusCode) -> Response {
    json(status, &json!({}))
}

/// A value as compact JSON with a newline at its end.
pub(super) fn json<T: Serialize>(status: StatusCode, value: &T) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body(value)).into_response()
}

/// A value as the body of an answer.
pub(super) fn body<T: Serialize>(value: &T) -> String {
    // Only a map with keys that are no text fails, and no answer has one.
    let mut body = serde_json::to_string(value).unwrap_or_else(|_| "{}".into());
    body.push('\n');
    body
}

/// `{"error": message}`.
pub(super) fn error(status: StatusCode, message: &str) -> Response {
    json(status, &json!({ "error": message }))
}

fn submit(refused: &SubmitError) -> Response {
    let (status, again) = match refused {
        SubmitError::Rejected(Rejection::UnknownHost(_)) => return Failure::NoSuchHost.into_response(),
        SubmitError::Rejected(Rejection::Foreign(_)) => (StatusCode::BAD_REQUEST, false),
        SubmitError::Rejected(
            Rejection::TooManyHosts
            | Rejection::TooManyNodes
            | Rejection::TooManyServices
            | Rejection::TooManyHostsInService
            | Rejection::TooManyChecks
            | Rejection::NotReported(_)
            | Rejection::UnknownCheck(_),
        ) => (StatusCode::TOO_MANY_REQUESTS, false),
        SubmitError::NotLoaded | SubmitError::Store(CommitError::Unavailable(_)) => {
            (StatusCode::SERVICE_UNAVAILABLE, true)
        }
        SubmitError::Store(CommitError::Full(_)) => (StatusCode::INSUFFICIENT_STORAGE, false),
    };
    let mut response = error(status, &refused.to_string());
    if again {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    response
}
