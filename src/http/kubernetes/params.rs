//! The query of a list or a watch (`meta.v1.ListOptions`). What nobody knows is left alone, as in Kubernetes.

use std::time::Duration;

use axum::extract::Query;
use axum::http::Uri;

use super::place::Token;
use super::selector::{Fields, Labels, Selector};
use super::status::Status;
use crate::http::percent;
use crate::limits;
use crate::table::Revision;

/// How much of an object stands beside the cells of a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Include {
    /// Its metadata.
    #[default]
    Metadata,
    /// All of it.
    Object,
    /// Nothing.
    Nothing,
}

/// The options of a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    pub(super) selector: Selector,
    /// At most so many objects.
    pub(super) limit: Option<usize>,
    /// Where the list goes on.
    pub(super) token: Option<Token>,
    pub(super) watch: bool,
    pub(super) bookmarks: bool,
    /// How long a watch lasts.
    pub(super) timeout: Option<Duration>,
    /// What the client knows; `None` where it says nothing, and for 0, which is any.
    pub(super) revision: Option<Revision>,
    /// Whether it wants exactly that.
    pub(super) exact: bool,
    pub(super) include: Include,
}

impl Options {
    /// Reads a query.
    pub(super) fn parse(query: Option<&str>) -> Result<Options, Status> {
        let mut options = Options::default();
        let (mut revision_match, mut initial_events) = (String::new(), None);
        let mut seen: Vec<String> = Vec::new();
        for (name, value) in pairs(query)? {
            // Of several with one name the first counts.
            if seen.contains(&name) {
                continue;
            }
            match name.as_str() {
                "labelSelector" => options.selector.labels = Labels::parse(&value).map_err(Status::bad)?,
                "fieldSelector" => options.selector.fields = Fields::parse(&value).map_err(Status::bad)?,
                "limit" => options.limit = number(&value)?.and_then(|limit| usize::try_from(limit).ok()),
                "continue" if !value.is_empty() => options.token = Some(Token::parse(&value)?),
                "watch" => options.watch = flag(&value),
                "allowWatchBookmarks" => options.bookmarks = flag(&value),
                "sendInitialEvents" => initial_events = Some(flag(&value)),
                "timeoutSeconds" => {
                    let seconds = number(&value)?.and_then(|seconds| u64::try_from(seconds).ok());
                    options.timeout = seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs);
                }
                "resourceVersion" => options.revision = revision(&value)?,
                "resourceVersionMatch" => revision_match.clone_from(&value),
                "includeObject" => options.include = include(&value)?,
                _ => {}
            }
            seen.push(name);
        }
        options.limit = options.limit.filter(|limit| *limit > 0);
        options.check(&revision_match, initial_events)?;
        options.exact = revision_match == "Exact";
        Ok(options)
    }

    /// What Kubernetes refuses to be given together.
    fn check(&self, revision_match: &str, initial_events: Option<bool>) -> Result<(), Status> {
        if initial_events.is_some() {
            let why = if self.watch {
                "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
            } else {
                "sendInitialEvents is forbidden for list"
            };
            return Err(Status::forbidden_option("sendInitialEvents", why));
        }
        if !revision_match.is_empty() {
            let why = match (self.watch, self.revision, &self.token) {
                (true, ..) => "resourceVersionMatch is forbidden for watch",
                (false, _, Some(_)) => "resourceVersionMatch is forbidden when continue is provided",
                (false, None, None) if revision_match == "Exact" => {
                    "resourceVersionMatch \"Exact\" is forbidden for resourceVersion \"0\" or none"
                }
                _ if !["Exact", "NotOlderThan"].contains(&revision_match) => "must be Exact or NotOlderThan",
                _ => "",
            };
            if !why.is_empty() {
                return Err(Status::forbidden_option("resourceVersionMatch", why));
            }
        }
        if self.token.is_some() && self.revision.is_some() {
            return Err(Status::bad("specifying resource version is not allowed when using continue"));
        }
        Ok(())
    }
}

fn pairs(query: Option<&str>) -> Result<Vec<(String, String)>, Status> {
    let Some(query) = query.filter(|query| !query.is_empty()) else { return Ok(Vec::new()) };
    if query.split('&').count() > limits::HTTP_QUERY_PARAMETERS {
        return Err(Status::bad(format!("query: must have at most {} parameters", limits::HTTP_QUERY_PARAMETERS)));
    }
    if let Some(name) = percent::no_text(query.as_bytes()) {
        return Err(Status::bad(format!("{name}: must be UTF-8")));
    }
    let uri = Uri::builder().path_and_query(format!("/?{query}")).build();
    uri.ok()
        .and_then(|uri| Query::<Vec<(String, String)>>::try_from_uri(&uri).ok())
        .map(|Query(pairs)| pairs)
        .ok_or_else(|| Status::bad("query: must be parameters: name=value&name=value"))
}

/// All but `false` and `0` is yes, nothing at all too.
fn flag(value: &str) -> bool {
    !matches!(value, "false" | "0")
}

fn number(value: &str) -> Result<Option<i64>, Status> {
    if value.is_empty() {
        return Ok(None);
    }
    let number =
        value.parse().map_err(|_| Status::bad(format!("strconv.ParseInt: parsing {value:?}: invalid syntax")))?;
    Ok(Some(number))
}

fn revision(value: &str) -> Result<Option<Revision>, Status> {
    if value.is_empty() {
        return Ok(None);
    }
    let revision = value.parse().map_err(|_| {
        let why = format!("strconv.ParseUint: parsing {value:?}: invalid syntax");
        Status::bad(format!("resourceVersion: Invalid value: {value:?}: {why}"))
    })?;
    Ok(Some(Revision(revision)).filter(|revision| *revision > Revision(0)))
}

fn include(value: &str) -> Result<Include, Status> {
    match value {
        "" | "Metadata" => Ok(Include::Metadata),
        "Object" => Ok(Include::Object),
        "None" => Ok(Include::Nothing),
        _ => Err(Status::bad(format!("unrecognized includeObject value: {value:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_is_left_alone() {
        let options =
            Options::parse(Some("pretty=true&limit=5&watch&timeoutSeconds=7&resourceVersion=0")).expect("fine");
        assert_eq!((options.limit, options.watch, options.revision), (Some(5), true, None));
        assert_eq!(options.timeout, Some(Duration::from_secs(7)));
        for none in ["limit=0", "limit=-1", "limit=", "watch=false", "watch=0", "timeoutSeconds=0", ""] {
            let options = Options::parse(Some(none)).expect(none);
            assert!(!options.watch && options.limit.is_none() && options.timeout.is_none(), "{none}");
        }
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for wrong in [
            "limit=x",
            "timeoutSeconds=1.5",
            "resourceVersion=-1",
            "resourceVersion=x",
            "labelSelector=a%20b",
            "fieldSelector=spec.x%3D1",
            "continue=zz",
            "includeObject=Some",
            "watch=1&sendInitialEvents=true",
            "resourceVersionMatch=Exact",
            "resourceVersion=1&resourceVersionMatch=x",
            "watch=1&resourceVersion=1&resourceVersionMatch=NotOlderThan",
            "x=%FF",
        ] {
            assert!(Options::parse(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
