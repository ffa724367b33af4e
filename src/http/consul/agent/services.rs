//! Services of this server's node: registered, deregistered, listed.

use std::collections::BTreeMap;
use std::hash::{Hash as _, Hasher as _};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use siphasher::sip::SipHasher24;

use super::super::blocking::Shown;
use super::super::body::ServiceRegistration;
use super::super::filter::schema;
use super::super::params::{Params, Reading};
use super::super::reply::{self, Failure};
use super::super::shapes::AgentService;
use super::super::view::Views;
use super::super::{blocking, instance, sidecar, submit};
use super::{own, unknown_service};
use crate::http::App;
use crate::http::watchers::mark_waited;
use crate::metrics::Operation;
use crate::registry::Topic;
use crate::table::{Event, Host, Revision};

/// Registers a service, or registers it again. The answer leaves after it is visible in DNS.
#[utoipa::path(put, path = "/v1/agent/service/register", tag = "consul",
    params(("replace-existing-checks" = Option<bool>, Query, description = "Whether checks that are not named go.")),
    request_body(content = String, content_type = "application/json", description = "`{\"Name\":\"web\",\"ID\":\"web-1\",\"Address\":\"10.0.0.1\",\"Port\":80,\"Tags\":[],\"Check\":{\"TTL\":\"10s\"}}`"),
    responses((status = 200, description = "Registered."), (status = 400, description = "A field breaks a rule.")))]
pub(super) async fn register(State(app): State<App>, params: Params, body: Bytes) -> Result<Response, Failure> {
    let said = ServiceRegistration::read(&body)?;
    let replace = params.has("replace-existing-checks") && params.text("replace-existing-checks") != "false";
    submit(&app, Operation::Register, |hosts| {
        let sidecar = sidecar::beside(hosts, &said)?;
        let mut events = instance::register(&app, hosts, said.clone(), "", replace)?;
        if let Some(sidecar) = sidecar {
            events.append(&mut instance::register(&app, hosts, sidecar, "", replace)?);
        }
        Ok(events)
    })
    .await?;
    Ok(reply::done())
}

/// Takes a service out, with its checks.
#[utoipa::path(put, path = "/v1/agent/service/deregister/{*id}", tag = "consul", params(("id" = String, Path)),
    responses((status = 200, description = "It is gone."), (status = 404, description = "There is none of that id.")))]
pub(super) async fn deregister(
    State(app): State<App>,
    _params: Params,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let gone = |hosts: &_| {
        let host = own(hosts, &id).ok_or_else(|| unknown_service(&id))?;
        let sidecar = own(hosts, &sidecar::id_of(&id));
        Ok([host].into_iter().chain(sidecar).map(|host| Event::Deregister(host.key())).collect())
    };
    submit(&app, Operation::Deregister, gone).await?;
    Ok(reply::done())
}

/// Lists the services of this server's node, by id.
#[utoipa::path(get, path = "/v1/agent/services", tag = "consul", params(("filter" = Option<String>, Query)),
    responses((status = 200, description = "A map of services by id.")))]
#[allow(clippy::unused_async, reason = "a handler")]
pub(super) async fn list(State(app): State<App>, params: Params) -> Result<Response, Failure> {
    let filter = params.filter(schema::SERVICE)?;
    let shown = Shown::now(&app);
    let views = shown.views(&app);
    let shown = views.hosts.on_node("").filter(|host| views.shows(host)).map(|host| views.agent_service(host));
    let services: BTreeMap<String, AgentService<'_>> =
        shown.filter(|service| filter.fits(service)).map(|service| (service.id.to_string(), service)).collect();
    Ok(reply::json(&params, &services))
}

/// Shows one service; with `hash` it waits until its content is another.
#[utoipa::path(get, path = "/v1/agent/service/{*id}", tag = "consul",
    params(("id" = String, Path), ("hash" = Option<String>, Query), ("wait" = Option<String>, Query)),
    responses((status = 200, description = "The service."), (status = 404, description = "There is none of that id.")))]
pub(super) async fn one(State(app): State<App>, reading: Reading, Path(id): Path<String>) -> Result<Response, Failure> {
    let known = reading.params.text("hash");
    let mut waited = false;
    let mut left = Some(reading.wait + blocking::jitter(reading.wait));
    loop {
        let shown = Shown::now(&app);
        let views = shown.views(&app);
        let found = own(views.hosts, &id).filter(|host| views.shows(host));
        let Some(host) = found else { return Err(Failure::missing(format!("unknown service ID: {id}"))) };
        let hash = content_hash(&views, host);
        let wait = left.take().filter(|_| !known.is_empty() && known == hash);
        let Some(wait) = wait else {
            let service = AgentService { content_hash: hash.clone().into(), ..views.agent_service(host) };
            let mut response = reply::json(&reading.params, &service);
            if let Ok(value) = hash.parse() {
                response.headers_mut().insert("x-consul-contenthash", value);
            }
            if waited {
                mark_waited(&mut response);
            }
            return Ok(response);
        };
        left = wait_for_another(&app, host, known, wait).await?;
        waited = true;
    }
}

/// Waits until the content of a service is another than `known`, or it is gone; gives the time that is left.
async fn wait_for_another(app: &App, host: &Host, known: &str, wait: Duration) -> Result<Option<Duration>, Failure> {
    let service = host.service.clone();
    let began = app.registry.now();
    let mut seen = host.modified.max(Revision(1));
    let changed = async {
        loop {
            app.registry.changed_after(&Topic::service(service.as_str()), seen).await;
            let shown = Shown::now(app);
            let views = shown.views(app);
            seen = views.hosts.modified(service.as_str());
            if views.hosts.get(&host.key()).is_none_or(|host| content_hash(&views, host) != known) {
                return;
            }
        }
    };
    blocking::in_time(app, wait, changed).await?;
    Ok(Some(wait.saturating_sub(app.registry.now().since(began))).filter(|left| !left.is_zero()))
}

/// What tells two contents apart, checks and indices aside.
fn content_hash(views: &Views<'_>, host: &Host) -> String {
    let mut hasher = SipHasher24::new();
    // A struct of texts and numbers: it cannot fail.
    serde_json::to_string(&views.agent_service(host)).unwrap_or_default().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
