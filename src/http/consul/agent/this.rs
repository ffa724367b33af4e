//! The server itself, as an agent and the only member of its cluster.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::super::params::Params;
use super::super::reply::{self, Failure};
use super::super::settings::Settings;
use super::super::view::{CONSUL_VERSION, SERVER_PORT};
use crate::http::App;
use crate::table::CheckKind;

/// The port that members of a cluster of Consul's talk at. Nobody listens there.
const SERF_PORT: u16 = 8301;

/// Shows the configuration of the server and what it is in its cluster.
#[utoipa::path(get, path = "/v1/agent/self", tag = "consul",
    responses((status = 200, description = "What this server is, as an agent.")))]
#[allow(clippy::unused_async, reason = "a handler")]
pub(in crate::http::consul) async fn this(State(app): State<App>, params: Params) -> Response {
    let settings = &app.consul;
    let snapshot = app.registry.snapshot_arc();
    let on_node = || snapshot.hosts.on_node("");
    let checks = || {
        on_node().flat_map(|host| &host.checks).chain(snapshot.hosts.node("").into_iter().flat_map(|node| &node.checks))
    };
    let ttls = checks().filter(|check| matches!(check.kind(), CheckKind::Ttl(_))).count();
    let monitors = checks().filter(|check| check.kind().is_asked()).count();
    let leader = format!("{}:{SERVER_PORT}", settings.node_address);
    let mut meta: serde_json::Map<String, Value> =
        settings.node_meta.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
    meta.insert("consul-network-segment".into(), "".into());
    meta.insert("consul-version".into(), CONSUL_VERSION.into());
    reply::json(
        &params,
        &json!({
            "Config": {
                "Datacenter": settings.datacenter, "PrimaryDatacenter": settings.datacenter,
                "NodeName": settings.node_name, "NodeID": settings.node_id,
                "Revision": env!("CARGO_PKG_VERSION"), "Server": true, "Version": CONSUL_VERSION, "BuildDate": "1970-01-01T00:00:01Z",
            },
            "DebugConfig": {
                "Datacenter": settings.datacenter, "PrimaryDatacenter": settings.datacenter, "NodeName": settings.node_name,
                "NodeID": settings.node_id, "ServerMode": true, "Version": CONSUL_VERSION, "ACLsEnabled": false,
                "ConnectEnabled": false, "EnableLocalScriptChecks": false, "EnableRemoteScriptChecks": false,
            },
            "Coord": { "Vec": [0, 0, 0, 0, 0, 0, 0, 0], "Error": 1.5, "Adjustment": 0, "Height": 0.00001 },
            "Member": member(settings),
            "Stats": {
                "agent": {
                    "check_monitors": monitors.to_string(), "check_ttls": ttls.to_string(),
                    "checks": checks().count().to_string(), "services": on_node().count().to_string(),
                },
                "build": { "prerelease": "", "revision": "", "version": CONSUL_VERSION, "version_metadata": "" },
                "consul": {
                    "acl": "disabled", "bootstrap": "true", "known_datacenters": "1", "leader": "true",
                    "leader_addr": leader, "server": "true",
                },
                "raft": { "state": "Leader", "num_peers": "0", "applied_index": snapshot.revision.0.to_string() },
                "serf_lan": { "members": "1", "failed": "0", "left": "0", "health_score": "0" },
            },
            "Meta": meta,
            "xDS": { "SupportedProxies": {} },
        }),
    )
}

fn member(settings: &Settings) -> Value {
    json!({
        "Name": settings.node_name, "Addr": settings.node_address, "Port": SERF_PORT,
        "Tags": {
            "acls": "0", "bootstrap": "1", "build": format!("{CONSUL_VERSION}:"), "dc": settings.datacenter,
            "id": settings.node_id, "port": SERVER_PORT.to_string(), "raft_vsn": "3", "role": "consul", "segment": "",
            "vsn": "2", "vsn_max": "3", "vsn_min": "2",
        },
        "Status": 1, "ProtocolMin": 1, "ProtocolMax": 5, "ProtocolCur": 2, "DelegateMin": 2, "DelegateMax": 5, "DelegateCur": 4,
    })
}

/// Lists the members of the cluster: this server.
#[utoipa::path(get, path = "/v1/agent/members", tag = "consul", params(("wan" = Option<String>, Query)),
    responses((status = 200, description = "The members.")))]
#[allow(clippy::unused_async, reason = "a handler")]
pub(in crate::http::consul) async fn members(State(app): State<App>, params: Params) -> Response {
    let mut member = member(&app.consul);
    if params.has("wan") {
        member["Name"] = format!("{}.{}", app.consul.node_name, app.consul.datacenter).into();
    }
    reply::json(&params, &[member])
}

/// Says which version of Consul's API this is, and which of rollcall.
#[utoipa::path(get, path = "/v1/agent/version", tag = "consul",
    responses((status = 200, description = "The version.")))]
#[allow(clippy::unused_async, reason = "a handler")]
pub(in crate::http::consul) async fn version(params: Params) -> Response {
    let human = format!("{CONSUL_VERSION} (rollcall {})", env!("CARGO_PKG_VERSION"));
    reply::json(
        &params,
        &json!({
            "SHA": env!("CARGO_PKG_VERSION"), "BuildDate": "1970-01-01T00:00:01Z", "HumanVersion": human, "FIPS": "",
        }),
    )
}

/// Says what machine this is: no more than anybody may know.
#[utoipa::path(get, path = "/v1/agent/host", tag = "consul",
    responses((status = 200, description = "The machine.")))]
#[allow(clippy::unused_async, reason = "a handler")]
pub(in crate::http::consul) async fn host(State(app): State<App>, params: Params) -> Response {
    reply::json(
        &params,
        &json!({
            "Memory": {}, "CPU": [], "Disk": {}, "CollectionTime": app.registry.now().as_micros().saturating_mul(1_000),
            "Host": { "hostname": app.consul.node_name, "os": std::env::consts::OS, "kernelArch": std::env::consts::ARCH },
            "Errors": null,
        }),
    )
}

/// Counts, in the form of Consul's own; with `format=prometheus` those of `/metrics`.
#[utoipa::path(get, path = "/v1/agent/metrics", tag = "consul", params(("format" = Option<String>, Query)),
    responses((status = 200, description = "Counts.")))]
#[allow(clippy::unused_async, reason = "a handler")]
pub(in crate::http::consul) async fn metrics(State(app): State<App>, params: Params) -> Response {
    if params.text("format") == "prometheus" {
        let mut response = reply::text(StatusCode::OK, app.metrics.encode());
        let kind = axum::http::HeaderValue::from_static(crate::metrics::CONTENT_TYPE);
        response.headers_mut().insert(axum::http::header::CONTENT_TYPE, kind);
        return response;
    }
    let snapshot = app.registry.snapshot_arc();
    let gauge = |name: &str, value: usize| json!({ "Name": format!("rollcall.{name}"), "Value": value, "Labels": {} });
    reply::json(
        &params,
        &json!({
            "Timestamp": app.registry.now().to_python(),
            "Gauges": [
                gauge("hosts", snapshot.hosts.len()), gauge("nodes", snapshot.hosts.node_count()),
                gauge("services", snapshot.hosts.service_count()), gauge("watchers", app.registry.waiting()),
            ],
            "Points": [], "Counters": [], "Samples": [],
        }),
    )
}

/// Reads the zone files anew, as `POST /v1/reload` does.
#[utoipa::path(put, path = "/v1/agent/reload", tag = "consul",
    responses((status = 200, description = "Done."), (status = 500, description = "A zone file has a mistake.")))]
pub(in crate::http::consul) async fn reload(State(app): State<App>, _params: Params) -> Result<Response, Failure> {
    match crate::http::native::reload_zones(&app).await {
        Ok(_) => Ok(reply::done()),
        Err(problem) => Err(Failure::internal(problem.to_string())),
    }
}

/// Refuses to leave: a server is stopped by whoever started it.
#[utoipa::path(put, path = "/v1/agent/leave", tag = "consul",
    responses((status = 403, description = "Never.")))]
pub(in crate::http::consul) async fn leave(_params: Params) -> Failure {
    Failure::new(StatusCode::FORBIDDEN, "Permission denied: this server is stopped by whoever started it")
}

/// Joins nobody: there is one server.
#[utoipa::path(put, path = "/v1/agent/join/{address}", tag = "consul", params(("address" = String, Path)),
    responses((status = 500, description = "There is no cluster.")))]
pub(in crate::http::consul) async fn join(_params: Params, Path(address): Path<String>) -> Failure {
    Failure::internal(format!("Failed to join {address}: this server is no member of a cluster"))
}

/// Forgets a member that is not there.
#[utoipa::path(put, path = "/v1/agent/force-leave/{node}", tag = "consul", params(("node" = String, Path)),
    responses((status = 500, description = "There is no such member.")))]
pub(in crate::http::consul) async fn force_leave(_params: Params, Path(node): Path<String>) -> Failure {
    Failure::internal(format!("agent: No node found with name '{node}'"))
}
