//! Query parameters: those a route knows, each with its rule; any other is refused.

use std::time::Duration;

use super::duration;
use crate::http::percent;
use crate::http::problem::Problem;
use crate::limits;
use crate::table::{Dialect, Host, Invalid, Namespace, Revision, ServiceName, Status, Tag};

/// The parameters of a request, read.
#[derive(Debug, Default)]
pub(in crate::http) struct Query {
    pub(super) origin: Option<Dialect>,
    pub(in crate::http) service: Option<String>,
    pub(super) index: Option<Revision>,
    pub(super) wait: Option<Duration>,
    pub(super) limit: Option<usize>,
    pub(super) after: Option<String>,
    pub(super) name: Option<String>,
    pub(super) qtype: Option<String>,
    pub(super) keep: bool,
    pub(super) dry_run: bool,
    pub(in crate::http) filter: Filter,
}

/// Which hosts of a list are wanted.
#[derive(Debug, Default)]
pub(in crate::http) struct Filter {
    passing: bool,
    served: bool,
    tags: Vec<Tag>,
    namespace: Option<Namespace>,
}

impl Filter {
    /// Whether only hosts are wanted that DNS gives.
    pub(super) fn wants_served(&self) -> bool {
        self.served
    }

    /// Whether a host is wanted, as far as the host alone says.
    pub(in crate::http) fn takes(&self, host: &Host) -> bool {
        (!self.passing || is_passing(host))
            && self.namespace.as_ref().is_none_or(|namespace| *namespace == host.namespace)
            && self.tags.iter().all(|tag| host.tags.contains(tag))
    }
}

/// Whether a host passes every check and nobody took it out.
pub(super) fn is_passing(host: &Host) -> bool {
    host.status() == Status::Passing && !host.draining
}

impl Query {
    /// Reads a query of which the route knows the parameters `known`.
    pub(in crate::http) fn parse(query: Option<&str>, known: &[&str]) -> Result<Query, Problem> {
        let mut read = Query::default();
        let Some(query) = query.filter(|query| !query.is_empty()) else { return Ok(read) };
        if query.split('&').count() > limits::HTTP_QUERY_PARAMETERS {
            let rule = format!("must have at most {} parameters", limits::HTTP_QUERY_PARAMETERS);
            return Err(Problem::invalid("query", rule));
        }
        if let Some(name) = percent::no_text(query.as_bytes()) {
            return Err(Problem::invalid(name, "must be UTF-8"));
        }
        for (name, value) in pairs(query)? {
            if !known.contains(&name.as_str()) {
                let name: String = name.chars().take(64).collect();
                let rule = match known {
                    [] => "is no parameter of this route, which has none".to_owned(),
                    known => format!("is no parameter of this route; it has {}", known.join(", ")),
                };
                return Err(Problem::invalid(name, rule));
            }
            read.take(&name, value)?;
        }
        Ok(read)
    }

    fn take(&mut self, name: &str, value: String) -> Result<(), Invalid> {
        match name {
            "origin" => {
                let origin = Dialect::parse(&value)
                    .ok_or_else(|| Invalid::new(name, "must be native, lyft, consul or minos"))?;
                once(&mut self.origin, name, origin)
            }
            "service" => {
                // A service of another dialect may have a name that DNS has not.
                ServiceName::parse(name, &value)?;
                once(&mut self.service, name, value)
            }
            "index" => {
                let index = value.parse().map_err(|_| Invalid::new(name, "must be a revision: a whole number"))?;
                once(&mut self.index, name, Revision(index))
            }
            "wait" => {
                let wait = match value.parse() {
                    Ok(seconds) => Duration::from_secs(seconds),
                    Err(_) => duration::parse(name, &value)?,
                };
                if wait > limits::WAIT_MAX {
                    let most = duration::Printed(limits::WAIT_MAX);
                    return Err(Invalid::new(name, format!("must be at most {most}")));
                }
                once(&mut self.wait, name, wait)
            }
            "limit" => {
                let limit = value.parse().ok().filter(|limit| *limit > 0);
                once(&mut self.limit, name, limit.ok_or_else(|| Invalid::new(name, "must be a number from 1"))?)
            }
            "after" => once(&mut self.after, name, value),
            "name" => once(&mut self.name, name, value),
            "type" => once(&mut self.qtype, name, value),
            "passing" => {
                self.filter.passing = flag(name, &value)?;
                Ok(())
            }
            "served" => {
                self.filter.served = flag(name, &value)?;
                Ok(())
            }
            "keep" => {
                self.keep = flag(name, &value)?;
                Ok(())
            }
            "dry_run" => {
                self.dry_run = flag(name, &value)?;
                Ok(())
            }
            "tag" => {
                self.filter.tags.push(Tag::parse(name, &value)?);
                Ok(())
            }
            _ => once(&mut self.filter.namespace, name, Namespace::parse(name, &value)?),
        }
    }
}

fn pairs(query: &str) -> Result<Vec<(String, String)>, Problem> {
    use axum::extract::Query as Decoded;
    use axum::http::Uri;
    let uri = Uri::builder().path_and_query(format!("/?{query}")).build();
    uri.ok()
        .and_then(|uri| Decoded::<Vec<(String, String)>>::try_from_uri(&uri).ok())
        .map(|Decoded(pairs)| pairs)
        .ok_or_else(|| Problem::invalid("query", "must be parameters: name=value&name=value"))
}

fn once<T>(slot: &mut Option<T>, name: &str, value: T) -> Result<(), Invalid> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Invalid::new(name, "must be given once")),
    }
}

fn flag(name: &str, value: &str) -> Result<bool, Invalid> {
    match value {
        "" | "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(Invalid::new(name, "must be true or false, or stand alone")),
    }
}
