//! Errors in Kubernetes' form: a Status object, with its words where clients look at them.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::resource::Resource;
use crate::http::problem::{Kind, Problem};
use crate::table::{Compacted, Revision};

/// What is said of a path, or of a resource, that there is not.
const NO_RESOURCE: &str = "the server could not find the requested resource";

/// A continue token whose list is of too old a revision.
const TOKEN_TOO_OLD: &str = "The provided continue parameter is too old to display a consistent list result. You can start \
    a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the \
    results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or \
    deleted between the time the first chunk was returned and now may show up in the list.";

/// Why a request is refused.
#[derive(PartialEq, Debug)]
pub(super) struct Status {
    message: String,
    reason: &'static str,
    details: Option<Box<Details>>,
    /// Where a list goes on.
    next: Option<Box<str>>,
    code: StatusCode,
}

/// The same as it is sent (`v1.Status`).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sent<'a> {
    kind: &'static str,
    api_version: &'static str,
    metadata: Metadata<'a>,
    status: &'static str,
    message: &'a str,
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<&'a Details>,
    code: u16,
}

#[derive(Serialize)]
struct Metadata<'a> {
    #[serde(rename = "continue", skip_serializing_if = "Option::is_none")]
    next: Option<&'a str>,
}

#[derive(Serialize, PartialEq, Debug, Default)]
#[serde(rename_all = "camelCase")]
struct Details {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    group: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<Cause>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<u32>,
}

#[derive(Serialize, PartialEq, Debug)]
struct Cause {
    reason: &'static str,
    message: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    field: &'static str,
}

impl Status {
    fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Status {
        Status { message: message.into(), reason, details: None, next: None, code }
    }

    fn with(self, details: Details) -> Status {
        Status { details: Some(Box::new(details)), ..self }
    }

    /// 404: there is no object of that name.
    pub(super) fn no_object(resource: Resource, name: &str) -> Status {
        let details = Details {
            name: Some(name.to_owned()),
            group: resource.group(),
            kind: resource.plural(),
            ..Details::default()
        };
        let message = format!("{} {name:?} not found", resource.qualified());
        Status::new(StatusCode::NOT_FOUND, "NotFound", message).with(details)
    }

    /// 404: there is no such path.
    pub(super) fn no_path() -> Status {
        Status::new(StatusCode::NOT_FOUND, "NotFound", NO_RESOURCE).with(Details::default())
    }

    /// 405: hosts register by other APIs.
    pub(super) fn wrong_method() -> Status {
        let message = "the server does not allow this method on the requested resource";
        Status::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message).with(Details::default())
    }

    /// 400.
    pub(super) fn bad(message: impl Into<String>) -> Status {
        Status::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// 406: the client takes no form that there is.
    pub(super) fn not_acceptable() -> Status {
        let message = "only the following media types are accepted: application/json, \
            application/json;as=Table;v=v1;g=meta.k8s.io";
        Status::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", message)
    }

    /// 410: what happened since `asked` is forgotten.
    pub(super) fn compacted(compacted: Compacted) -> Status {
        let Compacted { asked, oldest } = compacted;
        Status::new(StatusCode::GONE, "Expired", format!("too old resource version: {asked} ({oldest})"))
    }

    /// 410: the table never had this revision; what the client knows is of another one.
    pub(super) fn other_history(asked: Revision, current: Revision) -> Status {
        let message =
            format!("too old resource version: {asked}, of another table than this one, which is at {current}");
        Status::new(StatusCode::GONE, "Expired", message)
    }

    /// 410: the list that a token continues is of too old a revision; `next` goes on with the list as it is.
    pub(super) fn token_too_old(next: String) -> Status {
        let status = Status::new(StatusCode::GONE, "Expired", TOKEN_TOO_OLD);
        Status { next: Some(next.into()), ..status }
    }

    /// 504: a list as of a revision that the table has not reached.
    pub(super) fn too_large(asked: Revision, current: Revision) -> Status {
        let cause = "Too large resource version";
        let message = format!("{cause}: {asked}, current: {current}");
        let cause = Cause { reason: "ResourceVersionTooLarge", message: cause.into(), field: "" };
        let details = Details { causes: vec![cause], retry_after_seconds: Some(1), ..Details::default() };
        Status::new(StatusCode::GATEWAY_TIMEOUT, "Timeout", message).with(details)
    }

    /// 422: a parameter that servers without that feature refuse.
    pub(super) fn forbidden_option(field: &'static str, why: &str) -> Status {
        let message = format!("ListOptions.meta.k8s.io \"\" is invalid: {field}: Forbidden: {why}");
        let cause = Cause { reason: "FieldValueForbidden", message: format!("Forbidden: {why}"), field };
        let details = Details { group: "meta.k8s.io", kind: "ListOptions", causes: vec![cause], ..Details::default() };
        Status::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message).with(details)
    }

    /// 429: too many watch.
    pub(super) fn too_many(message: impl Into<String>) -> Status {
        let details = Details { retry_after_seconds: Some(1), ..Details::default() };
        Status::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", message).with(details)
    }

    /// 503: the table is not read from its store yet, or too old, so nothing may be denied.
    fn not_ready(message: &str) -> Status {
        let details = Details { retry_after_seconds: Some(1), ..Details::default() };
        Status::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message).with(details)
    }

    /// What the server refuses before any route sees it.
    pub(super) fn of_problem(problem: &Problem) -> Status {
        if problem.kind() == Kind::UnknownPath {
            return Status::no_path();
        }
        if problem.kind() == Kind::NotReady {
            return Status::not_ready(problem.detail());
        }
        let status = problem.kind().status();
        let reason = match status {
            StatusCode::BAD_REQUEST => "BadRequest",
            StatusCode::REQUEST_TIMEOUT => "Timeout",
            StatusCode::PAYLOAD_TOO_LARGE => "RequestEntityTooLarge",
            StatusCode::UNSUPPORTED_MEDIA_TYPE => "UnsupportedMediaType",
            _ => "",
        };
        Status::new(status, reason, problem.detail())
    }

    /// As JSON.
    pub(super) fn to_json(&self) -> Vec<u8> {
        let sent = Sent {
            kind: "Status",
            api_version: "v1",
            metadata: Metadata { next: self.next.as_deref() },
            status: "Failure",
            message: &self.message,
            reason: self.reason,
            details: self.details.as_deref(),
            code: self.code.as_u16(),
        };
        // Strings and numbers serialize.
        serde_json::to_vec(&sent).unwrap_or_default()
    }
}

impl IntoResponse for Status {
    fn into_response(self) -> Response {
        let mut response = (self.code, self.to_json()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(seconds) = self.details.and_then(|details| details.retry_after_seconds) {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
