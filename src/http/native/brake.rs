//! The brake on mass expiry: what it keeps and why, and an operator's word to let go.

use std::collections::BTreeMap;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;
use utoipa::ToSchema;

use super::query::Query;
use super::view::Text;
use crate::clock::Timestamp;
use crate::http::App;
use crate::http::gate::JSON;
use crate::http::problem::{Document, Problem};
use crate::limits;
use crate::registry::SubmitError;
use crate::table::{BrakeView, GroupView, Host, Phase, Release, Rules, ServiceName};

/// The state of the brake on mass expiry.
#[derive(Serialize, ToSchema)]
struct Brake<'a> {
    /// Whether it is on: leases of any service may be braked.
    enabled: bool,
    /// The whole table.
    table: Group<'a>,
    /// Services that are braked, or have hosts that are kept, by name; at most 1000.
    services: Vec<Group<'a>>,
    /// Hosts that are kept past their lease; at most 1000.
    held: Vec<Kept<'a>>,
    /// Hosts that were kept since the start.
    kept_total: u64,
    /// Those that are not any more, by reason: `false-alarm`, `normal`, `recovered`, `cap`, `operator`.
    released_total: BTreeMap<&'static str, u64>,
}

/// A service, or the table, as the brake sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = BrakeGroup)]
struct Group<'a> {
    /// The service; null for the table.
    service: Option<&'a str>,
    /// `off`: leases end; `suspected`: so many are late that what ends is kept until it is clear; `braked`.
    state: &'static str,
    /// Since when it is as it is; null while it is off.
    #[schema(value_type = Option<String>)]
    since: Option<Text<Timestamp>>,
    /// Why, for people.
    reason: Option<String>,
    /// Its hosts, kept ones included.
    hosts: usize,
    /// Hosts that are kept past their lease.
    held: usize,
    /// Hosts of whose lease less than a third is left.
    late: usize,
    /// Why those that are kept leave one by one now; null where they do not.
    leaving: Option<&'static str>,
}

/// A host that is kept past its lease.
#[derive(Serialize, ToSchema)]
#[schema(as = KeptHost)]
struct Kept<'a> {
    /// Its service.
    service: &'a str,
    /// Its id.
    id: &'a str,
    /// The API that registered it.
    origin: &'static str,
    /// Its last heartbeat.
    #[schema(value_type = String)]
    last_renewed: Text<Timestamp>,
    /// Up to when it is kept unless it renews; it may be let go before.
    #[schema(value_type = Option<String>)]
    kept_until: Option<Text<Timestamp>>,
}

/// How many hosts leave.
#[derive(Serialize, ToSchema)]
struct Released {
    /// Hosts that are let go; they leave one by one, as fast as `brake_release_rate` has it.
    released: usize,
}

impl<'a> Group<'a> {
    fn of(service: Option<&'a ServiceName>, group: &GroupView, rules: Option<&Rules>) -> Group<'a> {
        let share = rules.map(|rules| service.map_or(rules.table_share, |service| rules.of(service).share));
        let whole = if service.is_some() { "service" } else { "table" };
        let share = share.unwrap_or_default();
        let (state, reason) = match group.phase {
            Phase::Off if group.held == 0 => ("off", None),
            Phase::Off => ("off", Some("kept as the table is braked, or leaving one by one".to_owned())),
            Phase::Suspected { .. } => {
                ("suspected", Some(format!("more than {share} % of the {whole} are late or have just fallen silent")))
            }
            Phase::Braked { .. } => {
                ("braked", Some(format!("more than {share} % of the {whole} fell silent inside one window")))
            }
        };
        Group {
            service: service.map(ServiceName::as_str),
            state,
            since: group.since().map(Text),
            reason,
            hosts: group.hosts,
            held: group.held,
            late: group.late,
            leaving: group.leaving.map(Release::as_str),
        }
    }
}

impl<'a> Kept<'a> {
    fn of(host: &'a Host) -> Kept<'a> {
        Kept {
            service: host.service.as_str(),
            id: host.id.as_str(),
            origin: host.dialect.as_str(),
            last_renewed: Text(host.lease.renewed()),
            kept_until: host.lease.held_until().map(Text),
        }
    }
}

/// Says what the brake on mass expiry keeps, and why.
///
/// Where so many hosts of a service, or of the table, fall silent at once that it is more likely that nobody hears them,
/// they stay in the answers, marked stale, for a while.
#[utoipa::path(get, path = "/v1/brake", tag = "native",
    responses(
        (status = 200, description = "The state of the brake.", body = Brake),
        (status = 400, description = "A parameter is unknown.", body = Document, content_type = "application/problem+json"),
    ))]
pub(super) async fn brake(State(app): State<App>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    Query::parse(query.as_deref(), &[])?;
    let BrakeView { rules, table, services, held, totals, .. } = app.registry.brake(limits::BRAKE_LISTED);
    let rules = rules.as_ref();
    let brake = Brake {
        enabled: rules.is_some(),
        table: Group::of(None, &table, rules),
        services: services.iter().map(|(service, group)| Group::of(Some(service), group, rules)).collect(),
        held: held.iter().map(|host| Kept::of(host)).collect(),
        kept_total: totals.kept,
        released_total: Release::ALL.iter().map(|one| one.as_str()).zip(totals.released).collect(),
    };
    // A struct of numbers and strings serializes.
    Ok((JSON, serde_json::to_vec(&brake).unwrap_or_default()).into_response())
}

/// Lets the hosts go that are kept past their lease: those of a service, or all.
///
/// They leave one by one, in random order; one that beats before its turn stays. For one TTL nothing more is kept there.
#[utoipa::path(post, path = "/v1/brake/release", tag = "native",
    params(("service" = Option<String>, Query, description = "Only the hosts of this service.")),
    responses(
        (status = 200, description = "How many leave.", body = Released),
        (status = 400, description = "A parameter is unknown or breaks a rule, or there is a body.", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "The engine of a shared table is away: nothing has happened.", body = Document, content_type = "application/problem+json"),
    ))]
pub(super) async fn release(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Result<Response, Problem> {
    let query = Query::parse(query.as_deref(), &["service"])?;
    if !body.is_empty() {
        return Err(Problem::invalid("body", "must be empty"));
    }
    let service = query.service.as_deref().map(|service| ServiceName::parse("service", service)).transpose()?;
    let released = app.registry.release(service.as_ref()).await.map_err(SubmitError::Store)?;
    tracing::info!(hosts = released, service = query.service.as_deref(), "an operator lets kept hosts go");
    Ok((JSON, serde_json::to_vec(&Released { released }).unwrap_or_default()).into_response())
}
