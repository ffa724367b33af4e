//! The query of a request: parameters by name, in any number, those that nobody knows left alone as in Consul.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::filter::{Filter, schema};
use super::reply::Failure;
use crate::duration::go::Nanoseconds;
use crate::http::App;
use crate::http::percent;
use crate::limits;
use crate::table::Revision;

/// The parameters of a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    pub(super) fn parse(query: Option<&str>) -> Result<Params, Failure> {
        use axum::extract::Query;
        use axum::http::Uri;
        let Some(query) = query.filter(|query| !query.is_empty()) else { return Ok(Params::default()) };
        if query.split('&').count() > limits::HTTP_QUERY_PARAMETERS {
            let most = limits::HTTP_QUERY_PARAMETERS;
            return Err(Failure::bad(format!("Invalid query: more than {most} parameters")));
        }
        if let Some(name) = percent::no_text(query.as_bytes()) {
            return Err(Failure::bad(format!("Invalid query: {name:?} is not UTF-8")));
        }
        let pairs = Uri::builder().path_and_query(format!("/?{query}")).build().ok();
        let pairs = pairs.and_then(|uri| Query::<Vec<(String, String)>>::try_from_uri(&uri).ok());
        pairs.map(|Query(pairs)| Params(pairs)).ok_or_else(|| Failure::bad("Invalid query"))
    }

    /// The first value of a parameter; empty where it is not there.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// Whether a parameter is there, with or without a value.
    pub(super) fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// Every value of a parameter.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The filter, for rows of those fields.
    pub(super) fn filter(&self, fields: schema::Fields) -> Result<Filter, Failure> {
        Ok(Filter::compile(self.text("filter"), fields)?)
    }

    /// Refuses what only Consul Enterprise has.
    fn check_edition(&self) -> Result<(), Failure> {
        for (name, what) in [("ns", "Namespaces are"), ("partition", "Partitions are")] {
            if !self.text(name).is_empty() {
                let text = format!("Invalid query parameter: {name:?} - {what} a Consul Enterprise feature");
                return Err(Failure::bad(text));
            }
        }
        Ok(())
    }
}

impl FromRequestParts<App> for Params {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Params, Failure> {
        let params = Params::parse(parts.uri.query())?;
        params.check_edition()?;
        Ok(params)
    }
}

/// The parameters of a read of the catalog: how fresh, from which datacenter, after which change.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) params: Params,
    /// Wait for a change after this one; 0 is no wait.
    pub(super) index: Revision,
    /// How long at most.
    pub(super) wait: Duration,
}

impl FromRequestParts<App> for Reading {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Reading, Failure> {
        Reading::of(Params::from_request_parts(parts, app).await?, &app.consul.datacenter)
    }
}

impl Reading {
    fn of(params: Params, datacenter: &str) -> Result<Reading, Failure> {
        for name in ["stale", "cached"] {
            if params.has(name) && params.has("consistent") {
                return Err(Failure::bad(format!("Cannot specify ?{name} with ?consistent, conflicting semantics.")));
            }
        }
        check_datacenter(&params, datacenter)?;
        let bound = params.text("max_stale");
        if !bound.is_empty() && Nanoseconds::read(bound).is_err() {
            return Err(Failure::bad(format!("Invalid max_stale value {bound:?}")));
        }
        let index = match params.text("index") {
            "" => Revision(0),
            text => Revision(text.parse().map_err(|_| Failure::bad("Invalid index"))?),
        };
        let wait = match params.text("wait") {
            "" => limits::WAIT_DEFAULT,
            text => {
                let wait = Nanoseconds::read(text).map_err(|_| Failure::bad("Invalid wait time"))?;
                Duration::from_nanos(u64::try_from(wait.0).unwrap_or(0)).min(limits::WAIT_MAX)
            }
        };
        let wait = if wait.is_zero() { limits::WAIT_DEFAULT } else { wait };
        Ok(Reading { params, index, wait })
    }

    /// Whether another cluster's services are asked for: there is none.
    pub(super) fn is_of_peer(&self) -> bool {
        !self.params.text("peer").is_empty()
    }

    /// Whether a node carries every pair of `node-meta`.
    pub(super) fn takes_meta<'a>(&self, meta: impl Fn(&str) -> Option<&'a str>) -> bool {
        // Of several with one key the last counts.
        let wanted: BTreeMap<&str, &str> =
            self.params.all("node-meta").map(|pair| pair.split_once(':').unwrap_or((pair, ""))).collect();
        wanted.into_iter().all(|(key, value)| meta(key) == Some(value))
    }
}

/// Refuses another datacenter than ours.
pub(super) fn check_datacenter(params: &Params, datacenter: &str) -> Result<(), Failure> {
    let wanted = [params.text("dc"), params.text("datacenter")].into_iter().find(|wanted| !wanted.is_empty());
    if wanted.is_none_or(|wanted| wanted == datacenter) {
        Ok(())
    } else {
        Err(Failure::internal("No path to datacenter"))
    }
}
