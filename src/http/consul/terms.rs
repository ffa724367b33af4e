//! Checks of a registration as terms of the table. Times out of range are brought into it, as Consul does with an interval
//! below a second.

use std::sync::Arc;
use std::time::Duration;

use super::body;
use super::reply::Failure;
use crate::http::App;
use crate::limits;
use crate::table::{
    Check, CheckDefinition, CheckKind, Endpoint, HttpCheck, HttpUrl, Invalid, ServiceName, Standing, Status, Terms,
    Title, Tls, Wishes, node_key,
};
use crate::table::{HostId, Hosts};

/// What Consul raises a shorter time to: a host that starts slowly stays.
const REAP_MIN: Duration = Duration::from_secs(60);

/// How Consul's checks introduce themselves: hosts let them in by it.
const AGENT: &str = "Consul Health Check";

/// What Consul says of commands that came over the network.
const NO_SCRIPTS: &str =
    "Scripts are disabled on this agent from remote calls; to enable, configure 'enable_script_checks' to true";

/// What is asked of this server's own machine has to be allowed there.
const NO_OS_SERVICES: &str =
    "OS service checks are disabled on this agent; to enable, configure 'check_os_services' to true";

/// The check that a registration asks for; `name` is what it is called where it says nothing.
pub(super) fn definition(app: &App, hosts: &Hosts, check: body::Check, name: &str) -> Result<CheckDefinition, Failure> {
    if check.kind() == "os_service" && !app.settings.check_os_services {
        return Err(Failure::internal(NO_OS_SERVICES));
    }
    if !check.script.is_empty() || !check.docker_container.is_empty() {
        return Err(Failure::internal(NO_SCRIPTS));
    }
    let wrong = |invalid: Invalid| Failure::bad(format!("Invalid check: {}: {}", invalid.field, invalid.rule));
    let kind = kind(hosts, &check).map_err(wrong)?;
    let terms = Terms::parse("", kind, wishes(&check)).map_err(wrong)?;
    let status = match check.status.as_str() {
        "" => None,
        word => Some(Status::parse("Status", word).map_err(wrong)?),
    };
    let title = Title {
        name: if check.name == name { Box::default() } else { bounded("Name", &check.name).map_err(wrong)? },
        notes: bounded("Notes", &check.notes).map_err(wrong)?,
        definition: Box::default(),
    };
    Ok(CheckDefinition {
        status,
        title: (title != Title::default()).then(|| Arc::new(title)),
        ..CheckDefinition::new(Check::parse_id("CheckID", &check.id).map_err(wrong)?, Some(Arc::new(terms)))
    })
}

/// A text for people, as long as an output may be.
pub(super) fn bounded(field: &str, text: &str) -> Result<Box<str>, Invalid> {
    if text.len() > limits::CHECK_OUTPUT_OCTETS {
        return Err(Invalid::new(field, format!("must be at most {} octets", limits::CHECK_OUTPUT_OCTETS)));
    }
    Ok(text.into())
}

fn wishes(check: &body::Check) -> Wishes {
    let count = |number: u32| Some(u16::try_from(number).unwrap_or(u16::MAX));
    let asks = !matches!(check.kind(), "ttl" | "alias");
    let within = |time: Duration, least: Duration, most: Duration| (!time.is_zero()).then(|| time.clamp(least, most));
    Wishes {
        interval: within(check.interval, limits::CHECK_INTERVAL_MIN, limits::CHECK_INTERVAL_MAX).filter(|_| asks),
        timeout: within(check.timeout, limits::CHECK_TIMEOUT_MIN, limits::CHECK_TIMEOUT_MAX).filter(|_| asks),
        success_before_passing: count(check.success_before_passing),
        failures_before_warning: count(check.failures_before_warning).filter(|count| *count > 0),
        failures_before_critical: count(check.failures_before_critical),
        output_octets: count(check.output_max_size).filter(|octets| *octets > 0),
        deregister_critical_after: within(check.deregister_critical_service_after, REAP_MIN, limits::LEASE_MAX),
    }
}

fn kind(hosts: &Hosts, check: &body::Check) -> Result<CheckKind, Invalid> {
    let tls = || -> Result<Tls, Invalid> {
        let name = match check.tls_server_name.as_str() {
            "" => None,
            name => Some(Tls::parse_server_name("TLSServerName", name)?),
        };
        Ok(Tls { skip_verify: check.tls_skip_verify, server_name: name })
    };
    let tls_if = |wanted: bool| wanted.then(&tls).transpose();
    Ok(match check.kind() {
        "http" => CheckKind::Http(Box::new(http(check, tls()?)?)),
        "tcp" => CheckKind::Tcp(Endpoint::parse("TCP", &check.tcp)?, tls_if(check.tcp_use_tls)?),
        "udp" => CheckKind::Udp(Endpoint::parse("UDP", &check.udp)?),
        "grpc" => {
            let (place, service) = check.grpc.split_once('/').unwrap_or((&check.grpc, ""));
            if service.len() > limits::CHECK_URL_OCTETS {
                return Err(Invalid::new("GRPC", "must name a shorter service"));
            }
            CheckKind::Grpc(Endpoint::parse("GRPC", place)?, service.into(), tls_if(check.grpc_use_tls)?)
        }
        "h2ping" => CheckKind::H2Ping(Endpoint::parse("H2PING", &check.h2ping)?, tls_if(check.h2ping_use_tls)?),
        "alias" => alias(hosts, check)?,
        "ttl" => CheckKind::Ttl(check.ttl.clamp(limits::LEASE_MIN, limits::LEASE_MAX)),
        _ => CheckKind::OsService(CheckKind::parse_os_service("OSService", &check.os_service)?),
    })
}

fn http(check: &body::Check, tls: Tls) -> Result<HttpCheck, Invalid> {
    let mut headers = Vec::new();
    if !check.header.keys().any(|name| name.eq_ignore_ascii_case("user-agent")) {
        headers.push(HttpCheck::parse_header("Header", "User-Agent", AGENT)?);
    }
    for (name, values) in &check.header {
        for value in values {
            headers.push(HttpCheck::parse_header("Header", name, value)?);
        }
    }
    if headers.len() > limits::CHECK_HEADERS {
        return Err(Invalid::new("Header", format!("must be at most {} headers", limits::CHECK_HEADERS)));
    }
    if check.body.len() > limits::CHECK_URL_OCTETS {
        return Err(Invalid::new("Body", format!("must be at most {} octets", limits::CHECK_URL_OCTETS)));
    }
    let method = if check.method.is_empty() { "GET" } else { &check.method };
    Ok(HttpCheck {
        url: HttpUrl::parse("HTTP", &check.http)?,
        method: HttpCheck::parse_method("Method", method)?,
        headers: headers.into_boxed_slice(),
        body: check.body.as_str().into(),
        tls,
        follow_redirects: !check.disable_redirects,
        absent_passes: false,
    })
}

/// A service is followed by its id, there or not yet, a node by its name; one that is not there yet is taken to be called as its id.
fn alias(hosts: &Hosts, check: &body::Check) -> Result<CheckKind, Invalid> {
    let node = check.alias_node.to_ascii_lowercase();
    let own = hosts.node("").is_some_and(|own| own.service.as_str() == node);
    if check.alias_service.is_empty() {
        let known = hosts.node(if own { "" } else { &node });
        let key = known.map_or_else(|| node_key(&node, own), |row| Ok(row.key()))?;
        return Ok(CheckKind::Alias(key.service, Some(key.id)));
    }
    let at = Standing { node: if own { "" } else { &node }, id: &check.alias_service };
    let id: HostId = at.to_id("AliasService")?;
    // Its name is for people: what stands there is found by the id.
    Ok(CheckKind::Alias(ServiceName::parse("AliasService", &check.alias_service)?, Some(id)))
}
