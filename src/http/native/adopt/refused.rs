//! Lines that are refused: all of them are named, as one mistake is often in many lines.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::problem::{Kind, Problem};
use crate::metrics::Outcome;
use crate::registry::SubmitError;

/// A line and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(in crate::http::native) struct BadLine {
    /// The line of the body, from 1.
    pub(super) line: usize,
    /// The field and the rule that it breaks, or why it cannot be read.
    pub(super) detail: String,
}

/// The problem with its lines.
#[derive(Serialize, ToSchema)]
#[schema(as = BadLines)]
pub(in crate::http::native) struct BadLines<'a> {
    /// Where the documentation speaks of the kind of problem.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The kind of problem in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// The first line that is wrong, and how many there are.
    detail: String,
    /// Every line that is wrong.
    lines: &'a [BadLine],
}

/// Why nothing was imported.
#[derive(Debug)]
pub(super) enum Refused {
    /// For these lines.
    Lines(Vec<BadLine>),
    /// For another reason.
    Whole(Problem),
}

impl Refused {
    /// How the metrics count it.
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Refused::Lines(_) => Outcome::Invalid,
            Refused::Whole(problem) => problem.outcome(),
        }
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Refused {
        Refused::Whole(problem)
    }
}

impl From<SubmitError> for Refused {
    fn from(error: SubmitError) -> Refused {
        Refused::Whole(error.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let lines = match self {
            Refused::Whole(problem) => return problem.into_response(),
            Refused::Lines(lines) => lines,
        };
        let more = match lines.len() {
            0 | 1 => String::new(),
            several => format!(" (and {} more)", several - 1),
        };
        let first = lines.first().map(|bad| format!("line {}: {}", bad.line, bad.detail)).unwrap_or_default();
        let document = BadLines {
            kind: "/docs#problem-invalid",
            title: Kind::Invalid.title(),
            status: StatusCode::BAD_REQUEST.as_u16(),
            detail: first + &more,
            lines: &lines,
        };
        // Numbers and text serialize.
        let json = serde_json::to_vec(&document).unwrap_or_default();
        (StatusCode::BAD_REQUEST, [(CONTENT_TYPE, "application/problem+json")], json).into_response()
    }
}
