//! The checks of a registration.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use utoipa::ToSchema;

use super::duration;
use super::json::{Object, Pairs, Span, Text};
use crate::limits;
use crate::table::{
    Check, CheckDefinition, CheckKind, Endpoint, HostId, HttpCheck, HttpUrl, Invalid, ServiceName, Status, Terms, Tls,
    Wishes,
};

/// A check of a host. With none of `http`, `tcp`, `udp`, `grpc`, `h2ping`, `alias` and `ttl` it is reported by whoever
/// calls `PUT .../health`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CheckRegistration, example = json!({"id": "up", "http": "http:/health", "interval": "10s", "timeout": "2s"}))]
pub(super) struct CheckBody<'a> {
    /// Unique within the host.
    #[serde(borrow)]
    #[schema(value_type = String)]
    id: Option<Text<'a>>,
    /// `passing`, `warning` or `critical`. For a reported check a report; for others what it begins with, `critical` when
    /// left out.
    #[schema(value_type = Option<String>)]
    status: Option<Text<'a>>,
    /// What is said with the status, at most 4096 octets.
    #[schema(value_type = Option<String>)]
    output: Option<Text<'a>>,
    /// Asks for this URL: 2xx passes, 429 warns, all else is critical. `http:/path` is the host's own address and first
    /// port, `http://:8081/path` its address and that port.
    #[schema(value_type = Option<String>)]
    http: Option<Text<'a>>,
    /// Connects to `host:port`; `:port` is the host's own address, `:` its first port, too.
    #[schema(value_type = Option<String>)]
    tcp: Option<Text<'a>>,
    /// Sends an empty datagram there; critical when it is refused.
    #[schema(value_type = Option<String>)]
    udp: Option<Text<'a>>,
    /// Asks `grpc.health.v1.Health/Check` there; `host:port/service` for one service.
    #[schema(value_type = Option<String>)]
    grpc: Option<Text<'a>>,
    /// Sends a PING of HTTP/2 there.
    #[schema(value_type = Option<String>)]
    h2ping: Option<Text<'a>>,
    /// Is what the native host `service/id` is, or the best of the hosts of `service`.
    #[schema(value_type = Option<String>)]
    alias: Option<Text<'a>>,
    /// Asks systemd of the server's own machine for this unit: running passes, starting, reloading and stopping warn;
    /// only where the server's setting `check_os_services` allows it.
    #[schema(value_type = Option<String>)]
    os_service: Option<Text<'a>>,
    /// Is reported, and turns critical when nobody has for so long; 1 s to 366 d.
    #[schema(value_type = Option<String>)]
    ttl: Option<Span<'a>>,
    /// Time from one probe to the next, 1 s to 1 d; needed where the server asks.
    #[schema(value_type = Option<String>)]
    interval: Option<Span<'a>>,
    /// Time for an answer, 10 ms to 60 s; 10 s when left out.
    #[schema(value_type = Option<String>)]
    timeout: Option<Span<'a>>,
    /// Method of an HTTP check; GET when left out.
    #[schema(value_type = Option<String>)]
    method: Option<Text<'a>>,
    /// Headers of an HTTP check.
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    headers: Option<Pairs<'a>>,
    /// Body of an HTTP check.
    #[schema(value_type = Option<String>)]
    body: Option<Text<'a>>,
    /// Whether an HTTP check follows redirects; only where the server's setting `check_redirects` allows it.
    follow_redirects: Option<bool>,
    /// Whether a host passes an HTTP check that answers 404 or 405: it has no such path, and is alive.
    absent_passes: Option<bool>,
    /// Whether tcp, grpc and h2ping use TLS; `https` does without it.
    tls: Option<bool>,
    /// Whether any certificate will do.
    tls_skip_verify: Option<bool>,
    /// The name that the certificate must have.
    #[schema(value_type = Option<String>)]
    tls_server_name: Option<Text<'a>>,
    /// Good answers in a row that it takes to pass; 0 when left out: the first.
    success_before_passing: Option<u16>,
    /// Failures in a row that it takes to warn; as many as to be critical when left out.
    failures_before_warning: Option<u16>,
    /// Failures in a row that it takes to be critical; 0 when left out: the first.
    failures_before_critical: Option<u16>,
    /// Octets kept of an output, at most 4096.
    output_octets: Option<u16>,
    /// Removes the host when the check has been critical for so long; 1 s to 366 d.
    #[schema(value_type = Option<String>)]
    deregister_critical_after: Option<Span<'a>>,
    /// Refused: this server runs nothing that a registration names.
    #[schema(ignore)]
    script: Option<serde::de::IgnoredAny>,
    /// Refused, too.
    #[schema(ignore)]
    args: Option<serde::de::IgnoredAny>,
    /// Refused, too.
    #[schema(ignore)]
    docker: Option<serde::de::IgnoredAny>,
}

/// Reads the checks of a registration; `os_services` says whether they may ask for services of this machine.
pub(super) fn read(bodies: Vec<Object<CheckBody<'_>>>, os_services: bool) -> Result<Vec<CheckDefinition>, Invalid> {
    if bodies.len() > limits::CHECKS {
        return Err(Invalid::new("checks", format!("must be at most {} checks", limits::CHECKS)));
    }
    let mut read: Vec<CheckDefinition> = Vec::with_capacity(bodies.len());
    for (place, Object(body)) in bodies.into_iter().enumerate() {
        let before = format!("checks[{place}].");
        if body.os_service.is_some() && !os_services {
            let rule = "must not be given: the setting check_os_services of this server does not allow it";
            return Err(Invalid::new(format!("{before}os_service"), rule));
        }
        let check = one(&before, &body)?;
        if read.iter().any(|other| other.id == check.id) {
            return Err(Invalid::new(format!("checks[{place}].id"), "must differ from the others"));
        }
        read.push(check);
    }
    Ok(read)
}

/// What is said with a status; more than is kept is refused, not cut.
pub(super) fn output(field: &str, text: &str) -> Result<Box<str>, Invalid> {
    if text.len() > limits::CHECK_OUTPUT_OCTETS {
        let (most, octets) = (limits::CHECK_OUTPUT_OCTETS, text.len());
        return Err(Invalid::new(field, format!("must be at most {most} octets, is {octets}")));
    }
    Ok(text.into())
}

fn one(before: &str, body: &CheckBody<'_>) -> Result<CheckDefinition, Invalid> {
    let field = |name: &str| format!("{before}{name}");
    for (name, given) in
        [("script", body.script.is_some()), ("args", body.args.is_some()), ("docker", body.docker.is_some())]
    {
        if given {
            let rule = "must not be given: this server runs no programs for anybody; let the host report with a ttl";
            return Err(Invalid::new(field(name), rule));
        }
    }
    let id = body.id.as_ref().ok_or_else(|| Invalid::new(field("id"), "must be given"))?;
    let terms = Terms::parse(before, kind(before, body)?, wishes(before, body)?)?;
    Ok(CheckDefinition {
        title: None,
        id: Check::parse_id(&field("id"), id.as_str())?,
        terms: (!terms.is_plain()).then(|| Arc::new(terms)),
        status: body.status.as_ref().map(|text| Status::parse(&field("status"), text.as_str())).transpose()?,
        output: body.output.as_ref().map(|text| output(&field("output"), text.as_str())).transpose()?,
    })
}

/// The one kind that is named.
fn kind(before: &str, body: &CheckBody<'_>) -> Result<CheckKind, Invalid> {
    let field = |name: &str| format!("{before}{name}");
    let mut kinds: Vec<(&str, CheckKind)> = Vec::new();
    if let Some(url) = &body.http {
        kinds.push(("http", CheckKind::Http(Box::new(http(before, url.as_str(), body)?))));
    }
    let tls = || tls(before, body, body.tls == Some(true));
    if let Some(place) = &body.tcp {
        kinds.push(("tcp", CheckKind::Tcp(Endpoint::parse(&field("tcp"), place.as_str())?, tls()?)));
    }
    if let Some(place) = &body.udp {
        kinds.push(("udp", CheckKind::Udp(Endpoint::parse(&field("udp"), place.as_str())?)));
    }
    if let Some(place) = &body.grpc {
        let (place, service) = place.as_str().split_once('/').unwrap_or((place.as_str(), ""));
        bounded(&field("grpc"), service)?;
        kinds.push(("grpc", CheckKind::Grpc(Endpoint::parse(&field("grpc"), place)?, service.into(), tls()?)));
    }
    if let Some(place) = &body.h2ping {
        kinds.push(("h2ping", CheckKind::H2Ping(Endpoint::parse(&field("h2ping"), place.as_str())?, tls()?)));
    }
    if let Some(target) = &body.alias {
        let (service, id) = target.as_str().split_once('/').map_or((target.as_str(), None), |(s, id)| (s, Some(id)));
        let id = id.map(|id| HostId::parse(&field("alias"), id)).transpose()?;
        kinds.push(("alias", CheckKind::Alias(ServiceName::parse(&field("alias"), service)?, id)));
    }
    if let Some(unit) = &body.os_service {
        let unit = CheckKind::parse_os_service(&field("os_service"), unit.as_str())?;
        kinds.push(("os_service", CheckKind::OsService(unit)));
    }
    if let Some(ttl) = &body.ttl {
        kinds.push(("ttl", CheckKind::Ttl(span(&field("ttl"), ttl)?)));
    }
    match kinds.len() {
        0 | 1 => {
            let (name, kind) = kinds.pop().unwrap_or(("status", CheckKind::Reported));
            check_fields(before, name, &kind, body)?;
            Ok(kind)
        }
        _ => Err(Invalid::new(field(kinds[1].0), format!("must not be given beside {}", kinds[0].0))),
    }
}

/// What says nothing to a kind of check is refused: it was meant for another.
fn check_fields(before: &str, name: &str, kind: &CheckKind, body: &CheckBody<'_>) -> Result<(), Invalid> {
    let http = matches!(kind, CheckKind::Http(_));
    let connects = matches!(kind, CheckKind::Tcp(..) | CheckKind::Grpc(..) | CheckKind::H2Ping(..));
    let secure = connects && body.tls == Some(true) || matches!(kind, CheckKind::Http(check) if check.url.tls);
    let asked = kind.is_asked();
    for (field, given, fits) in [
        ("method", body.method.is_some(), http),
        ("headers", body.headers.is_some(), http),
        ("body", body.body.is_some(), http),
        ("follow_redirects", body.follow_redirects.is_some(), http),
        ("absent_passes", body.absent_passes.is_some(), http),
        ("tls", body.tls.is_some(), connects),
        ("tls_skip_verify", body.tls_skip_verify.is_some(), secure),
        ("tls_server_name", body.tls_server_name.is_some(), secure),
        ("success_before_passing", body.success_before_passing.is_some(), asked),
        ("failures_before_warning", body.failures_before_warning.is_some(), asked),
        ("failures_before_critical", body.failures_before_critical.is_some(), asked),
    ] {
        if given && !fits {
            let why = if asked && field.starts_with("tls_") { " without TLS" } else { "" };
            return Err(Invalid::new(format!("{before}{field}"), format!("must not be given beside {name}{why}")));
        }
    }
    Ok(())
}

fn http(before: &str, url: &str, body: &CheckBody<'_>) -> Result<HttpCheck, Invalid> {
    let field = |name: &str| format!("{before}{name}");
    let url = HttpUrl::parse(&field("http"), url)?;
    let pairs = body.headers.as_ref().map_or(&[][..], |Pairs(pairs)| pairs);
    if pairs.len() > limits::CHECK_HEADERS {
        return Err(Invalid::new(field("headers"), format!("must be at most {} headers", limits::CHECK_HEADERS)));
    }
    let header = |(name, value): &(Text<'_>, Text<'_>)| {
        HttpCheck::parse_header(&field("headers"), name.as_str(), value.as_str())
    };
    let text = body.body.as_ref().map_or("", Text::as_str);
    bounded(&field("body"), text)?;
    Ok(HttpCheck {
        method: HttpCheck::parse_method(&field("method"), body.method.as_ref().map_or("GET", Text::as_str))?,
        headers: pairs.iter().map(header).collect::<Result<_, _>>()?,
        body: text.into(),
        tls: tls(before, body, url.tls)?.unwrap_or_default(),
        follow_redirects: body.follow_redirects == Some(true),
        absent_passes: body.absent_passes == Some(true),
        url,
    })
}

fn tls(before: &str, body: &CheckBody<'_>, used: bool) -> Result<Option<Tls>, Invalid> {
    if !used {
        return Ok(None);
    }
    let name = body.tls_server_name.as_ref().map(|name| {
        let field = format!("{before}tls_server_name");
        Tls::parse_server_name(&field, name.as_str())
    });
    Ok(Some(Tls { skip_verify: body.tls_skip_verify == Some(true), server_name: name.transpose()? }))
}

fn wishes(before: &str, body: &CheckBody<'_>) -> Result<Wishes, Invalid> {
    let time = |name: &str, given: &Option<Span<'_>>| {
        given.as_ref().map(|given| span(&format!("{before}{name}"), given)).transpose()
    };
    Ok(Wishes {
        interval: time("interval", &body.interval)?,
        timeout: time("timeout", &body.timeout)?,
        success_before_passing: body.success_before_passing,
        failures_before_warning: body.failures_before_warning,
        failures_before_critical: body.failures_before_critical,
        output_octets: body.output_octets,
        deregister_critical_after: time("deregister_critical_after", &body.deregister_critical_after)?,
    })
}

fn span(field: &str, span: &Span<'_>) -> Result<Duration, Invalid> {
    match span {
        Span::Text(text) => duration::parse(field, text.as_str()),
        Span::Seconds(seconds) => Duration::try_from_secs_f64(*seconds)
            .map_err(|_| Invalid::new(field, "must be a duration like \"30s\", or a number of seconds")),
    }
}

fn bounded(field: &str, text: &str) -> Result<(), Invalid> {
    if text.len() <= limits::CHECK_URL_OCTETS {
        return Ok(());
    }
    Err(Invalid::new(field, format!("must be at most {} octets", limits::CHECK_URL_OCTETS)))
}
