//! The bodies of writes, and what a registration becomes of one.

use std::time::Duration;

use serde::Deserialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};

use super::checks::{self, CheckBody};
use super::duration;
use super::json::{self, Object, Pairs, Span, Text};
use crate::http::Settings;
use crate::http::problem::Problem;
use crate::limits;
use crate::table::{
    Check, Dialect, HostId, Invalid, Lease, Namespace, Place, Port, Protocol, Registration, ServiceName, Status, Tag,
    Target, Weights, is_label, parse_label, parse_meta, parse_tags,
};
use crate::zone;

/// What a host says of itself. `address` or `addresses` is required, everything else may be left out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Registration, example = json!({"address": "10.0.0.1", "port": 8080, "ttl": "30s", "tags": ["v1"]}))]
pub(super) struct Register<'a> {
    /// One IPv4 or IPv6 address, or one host name outside our zones.
    #[serde(borrow)]
    #[schema(value_type = Option<String>)]
    address: Option<Text<'a>>,
    /// Several addresses; the first is the one SRV targets are named after.
    #[schema(value_type = Option<Vec<String>>)]
    addresses: Option<Vec<Text<'a>>>,
    /// One unnamed TCP port, 1 to 65535.
    port: Option<i64>,
    /// Several ports, distinct in name and protocol; at most one without a name.
    #[schema(value_type = Option<Vec<PortBody>>)]
    ports: Option<Vec<Object<PortBody<'a>>>>,
    /// SRV weight, 1 to 65535; left out it stays what it is, 1 for a new host.
    weight: Option<i64>,
    /// SRV priority, 0 to 65535, lower first; 0 when left out.
    priority: Option<i64>,
    /// Words; `<tag>.<service>` finds the hosts that carry one.
    #[schema(value_type = Option<Vec<String>>)]
    tags: Option<Vec<Text<'a>>>,
    /// Pairs of strings.
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    meta: Option<Pairs<'a>>,
    /// The lease: `"30s"`, `"5m"`, `"1h30m"` or a number of seconds, 1 s to 366 d. Without it the server's default.
    #[schema(schema_with = ttl_schema, required = false)]
    ttl: Option<Span<'a>>,
    /// A DNS label; `default` when left out.
    #[schema(value_type = Option<String>)]
    namespace: Option<Text<'a>>,
    /// Availability zone.
    #[schema(value_type = Option<String>)]
    zone: Option<Text<'a>>,
    /// Region.
    #[schema(value_type = Option<String>)]
    region: Option<Text<'a>>,
    /// What the host is called, a DNS label: `<hostname>.<service>.<namespace>.svc` finds it.
    #[schema(value_type = Option<String>)]
    hostname: Option<Text<'a>>,
    /// Checks that somebody reports or that the server does. Left out, those of the host stay with their verdicts.
    #[schema(value_type = Option<Vec<CheckBody>>)]
    checks: Option<Vec<Object<CheckBody<'a>>>>,
}

/// A port of a host.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Port)]
pub(super) struct PortBody<'a> {
    /// A DNS label: `http` in `_http._tcp`.
    #[serde(borrow)]
    #[schema(value_type = Option<String>)]
    name: Option<Text<'a>>,
    /// `tcp`, `udp` or `sctp`; `tcp` when left out.
    #[schema(value_type = Option<String>)]
    protocol: Option<Text<'a>>,
    /// 1 to 65535.
    #[schema(required = true, value_type = u16)]
    port: Option<i64>,
}

/// A verdict on a check of a host.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = HealthReport, example = json!({"status": "critical", "output": "no disk left"}))]
pub(super) struct HealthBody<'a> {
    /// `passing`, `warning` or `critical`.
    #[serde(borrow)]
    #[schema(value_type = String)]
    status: Option<Text<'a>>,
    /// What is said with it, at most 4096 octets.
    #[schema(value_type = Option<String>)]
    output: Option<Text<'a>>,
    /// The check; `health` when left out. One that the host has not is made.
    #[schema(value_type = Option<String>)]
    check: Option<Text<'a>>,
}

/// A verdict, read.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) check: Box<str>,
    pub(super) status: Status,
    pub(super) output: Box<str>,
}

/// Out of the answers, or back in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Drain)]
pub(super) struct DrainBody {
    /// Whether the host is out.
    #[schema(required = true, value_type = bool)]
    enable: Option<bool>,
}

/// A new weight.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Weight)]
pub(super) struct WeightBody {
    /// SRV weight, 1 to 65535.
    #[schema(required = true, value_type = u16)]
    weight: Option<i64>,
}

fn ttl_schema() -> Schema {
    let types = [Type::String, Type::Number, Type::Null];
    let text = "The lease: `\"30s\"`, `\"5m\"`, `\"1h30m\"` or a number of seconds, 1 s to 366 d. Without it the server's default.";
    ObjectBuilder::new().schema_type(SchemaType::from_iter(types)).description(Some(text)).build().into()
}

/// Reads a registration. The settings say which lease one has that names none, and whether its checks may ask for services
/// of this machine.
pub(super) fn registration(
    service: &str,
    id: &str,
    body: &[u8],
    settings: &Settings,
) -> Result<Box<Registration>, Problem> {
    check_service(service)?;
    let body = json::parse(body, |text| serde_json::from_str::<Register<'_>>(text).map(drop))?;
    registered(service, id, body, settings)
}

/// The same of a body that is read, for a service that was [looked at](check_service).
pub(super) fn registered(
    service: &str,
    id: &str,
    body: Register<'_>,
    settings: &Settings,
) -> Result<Box<Registration>, Problem> {
    Ok(Box::new(Registration {
        service: ServiceName::parse("service", service)?,
        dialect: Dialect::Native,
        id: HostId::parse("id", id)?,
        namespace: body
            .namespace
            .map_or(Ok(Namespace::DEFAULT), |text| Namespace::parse("namespace", text.as_str()))?,
        target: target(body.address, body.addresses)?,
        ports: ports(body.port, body.ports)?,
        tags: tags(body.tags.as_deref().unwrap_or_default())?,
        meta: meta(body.meta)?,
        at_node: false,
        weights: body.weight.map(weight).transpose()?.map(Weights::same),
        priority: body.priority.map_or(Ok(0), priority)?,
        zone: place("zone", body.zone)?,
        region: place("region", body.region)?,
        hostname: body.hostname.map(|text| parse_label("hostname", text.as_str())).transpose()?,
        ttl: body.ttl.map(ttl).transpose()?.or(settings.host_ttl),
        checks: body.checks.map(|checks| checks::read(checks, settings.check_os_services)).transpose()?,
        repo: None,
        original: None,
    }))
}

/// Reads a verdict.
pub(super) fn verdict(body: &[u8]) -> Result<Verdict, Problem> {
    let body: HealthBody<'_> = json::parse(body, |text| serde_json::from_str::<HealthBody<'_>>(text).map(drop))?;
    let status = body.status.ok_or_else(|| Invalid::new("status", "must be given: passing, warning or critical"))?;
    Ok(Verdict {
        check: Check::parse_id("check", body.check.as_ref().map_or(Check::DEFAULT_ID, Text::as_str))?,
        status: Status::parse("status", status.as_str())?,
        output: checks::output("output", body.output.as_ref().map_or("", Text::as_str))?,
    })
}

/// Reads whether a host is to drain.
pub(super) fn drain(body: &[u8]) -> Result<bool, Problem> {
    let body: DrainBody = json::parse(body, |text| serde_json::from_str::<DrainBody>(text).map(drop))?;
    Ok(body.enable.ok_or_else(|| Invalid::new("enable", "must be given: true or false"))?)
}

/// Reads a weight.
pub(super) fn new_weight(body: &[u8]) -> Result<u16, Problem> {
    let body: WeightBody = json::parse(body, |text| serde_json::from_str::<WeightBody>(text).map(drop))?;
    let value = body.weight.ok_or_else(|| Invalid::new("weight", "must be given: 1 to 65535"))?;
    Ok(weight(value)?)
}

/// A service of this API has a name that DNS can say, in one form.
pub(super) fn check_service(service: &str) -> Result<(), Problem> {
    let checked = if service.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Err("must be in lower case".to_owned())
    } else {
        zone::check_service_label(service)
    };
    checked.map_err(|rule| {
        let accepted = accepted_form(service);
        let hint = match zone::check_service_label(&accepted) {
            Ok(()) => format!("; {accepted:?} would be accepted"),
            Err(_) => String::new(),
        };
        Problem::invalid("service", format!("{rule}{hint}"))
    })
}

/// Lower case, every run of other characters one hyphen, none at an end, at most 63 octets.
fn accepted_form(service: &str) -> String {
    let mut form = String::new();
    for character in service.chars().take(limits::NAME_OCTETS) {
        if character.is_ascii_alphanumeric() {
            form.push(character.to_ascii_lowercase());
        } else if !form.is_empty() && !form.ends_with('-') {
            form.push('-');
        }
    }
    form.truncate(63);
    let end = form.trim_end_matches('-').len();
    form.truncate(end);
    debug_assert!(form.is_empty() || is_label(&form));
    form
}

fn target(address: Option<Text<'_>>, addresses: Option<Vec<Text<'_>>>) -> Result<Target, Invalid> {
    match (address, addresses) {
        (Some(address), None) => Target::parse("address", [address.as_str()]),
        (None, Some(addresses)) => several(&addresses),
        (Some(_), Some(_)) => Err(Invalid::new("addresses", "must not be given beside address")),
        (None, None) => Err(Invalid::new("address", "must be given, or addresses")),
    }
}

/// Several addresses; the first that is bad is named by its place.
fn several(addresses: &[Text<'_>]) -> Result<Target, Invalid> {
    let is_bad = |address: &Text<'_>| {
        let text = address.as_str();
        text.parse::<std::net::IpAddr>().is_err() || Target::parse("addresses", [text]).is_err()
    };
    let read = Target::parse("addresses", addresses.iter().map(Text::as_str));
    read.map_err(|invalid| match addresses.iter().position(is_bad) {
        Some(place) if addresses.len() <= limits::ADDRESSES => {
            Invalid::new(format!("addresses[{place}]"), invalid.rule)
        }
        _ => invalid,
    })
}

/// Tags; the first that is bad is named by its place.
fn tags(tags: &[Text<'_>]) -> Result<Box<[Tag]>, Invalid> {
    parse_tags("tags", tags.iter().map(Text::as_str)).map_err(|invalid| {
        let bad = |(place, tag): (usize, &Text<'_>)| Tag::parse(&format!("tags[{place}]"), tag.as_str()).err();
        tags.iter().enumerate().take(limits::TAGS).find_map(bad).unwrap_or(invalid)
    })
}

type Ports = smallvec::SmallVec<[Port; 1]>;

fn ports(port: Option<i64>, ports: Option<Vec<Object<PortBody<'_>>>>) -> Result<Ports, Invalid> {
    let mut read = Ports::new();
    match (port, ports) {
        (None, None) => {}
        (Some(_), Some(_)) => return Err(Invalid::new("ports", "must not be given beside port")),
        (Some(number), None) => read.push(Port::tcp(Port::parse_number("port", number)?)),
        (None, Some(bodies)) => {
            if bodies.len() > limits::PORTS {
                return Err(Invalid::new("ports", format!("must be at most {} ports", limits::PORTS)));
            }
            for (place, Object(body)) in bodies.into_iter().enumerate() {
                let port = one_port(place, &body)?;
                check_distinct(place, &port, &read)?;
                read.push(port);
            }
        }
    }
    Ok(read)
}

fn one_port(place: usize, body: &PortBody<'_>) -> Result<Port, Invalid> {
    let field = |name: &str| format!("ports[{place}].{name}");
    let number = body.port.ok_or_else(|| Invalid::new(field("port"), "must be given: an integer from 1 to 65535"))?;
    Ok(Port {
        name: body.name.as_ref().map(|name| Port::parse_name(&field("name"), name.as_str())).transpose()?,
        protocol: match &body.protocol {
            Some(protocol) => Protocol::parse(&field("protocol"), protocol.as_str())?,
            None => Protocol::Tcp,
        },
        number: Port::parse_number(&field("port"), number)?,
    })
}

fn check_distinct(place: usize, port: &Port, others: &[Port]) -> Result<(), Invalid> {
    if port.name.is_none() && others.iter().any(|other| other.name.is_none()) {
        return Err(Invalid::new(format!("ports[{place}].name"), "must be given: only one port may have no name"));
    }
    if others.iter().any(|other| other.name == port.name && other.protocol == port.protocol) {
        return Err(Invalid::new(format!("ports[{place}]"), "must differ from the others in name or protocol"));
    }
    Ok(())
}

fn meta(pairs: Option<Pairs<'_>>) -> Result<crate::table::Meta, Invalid> {
    let Some(Pairs(pairs)) = pairs else { return Ok(Box::default()) };
    let meta = parse_meta("meta", pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())))?;
    if meta.len() < pairs.len() {
        return Err(Invalid::new("meta", "must not have a key twice"));
    }
    Ok(meta)
}

fn weight(value: i64) -> Result<u16, Invalid> {
    u16::try_from(value)
        .ok()
        .filter(|weight| *weight > 0)
        .ok_or_else(|| Invalid::new("weight", format!("must be 1 to 65535, is {value}; drain takes a host out")))
}

fn priority(value: i64) -> Result<u16, Invalid> {
    u16::try_from(value).map_err(|_| Invalid::new("priority", format!("must be 0 to 65535, is {value}")))
}

fn place(field: &str, text: Option<Text<'_>>) -> Result<Option<Place>, Invalid> {
    text.map(|text| Place::parse(field, text.as_str())).transpose()
}

fn ttl(span: Span<'_>) -> Result<Duration, Invalid> {
    let ttl = match span {
        Span::Text(text) => duration::parse("ttl", text.as_str())?,
        Span::Seconds(seconds) => Duration::try_from_secs_f64(seconds)
            .map_err(|_| Invalid::new("ttl", format!("must be 1s to 366d, is {seconds} s")))?,
    };
    Lease::parse_ttl("ttl", ttl)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Box<Registration>, String> {
        let settings = Settings { host_ttl: Some(Duration::from_secs(30)), ..Settings::default() };
        registration("web", "a", body.as_bytes(), &settings).map_err(|problem| problem.detail().to_owned())
    }

    #[test]
    fn reads_a_whole_registration() {
        let body = r#" {"addresses":["10.0.0.1","fd00::1"],"ports":[{"name":"HTTP","port":80},{"name":"dns","protocol":"udp","port":53}],
            "weight":7,"priority":2,"tags":["v1"],"meta":{"k":"v\n"},"ttl":1.5,"namespace":"prod","zone":"az-a","region":"r",
            "checks":[{"id":"c","status":"warning","output":"slow"}]} "#;
        let registration = read(body).expect("is valid");
        assert_eq!(registration.target.addresses().len(), 2);
        assert_eq!(registration.ports[0].name.as_deref(), Some("http"));
        assert_eq!((registration.weights, registration.priority), (Some(Weights::same(7)), 2));
        assert_eq!(registration.ttl, Some(Duration::from_millis(1500)));
        assert_eq!(registration.checks.map(|checks| checks.len()), Some(1));
        let least = read(r#"{"address":"db.example.com"}"#).expect("is valid");
        assert_eq!((least.ttl, least.weights, least.checks.is_none()), (Some(Duration::from_secs(30)), None, true));
    }

    #[test]
    fn names_the_field_and_the_rule() {
        let a = r#""address":"10.0.0.1""#;
        for (body, said) in [
            ("", "body: must be a JSON object, is empty"),
            ("[]", "body: must be a JSON object"),
            ("{", "body: is no JSON: EOF while parsing an object at line 1 column 1"),
            ("{}", "address: must be given"),
            (r#"{"address":"10.0.0.256"}"#, "address: must be an IPv4 or IPv6 address, or a host name with a dot"),
            (r#"{"address":5}"#, "address: must be a string"),
            (&format!(r#"{{{a},"addresses":["10.0.0.2"]}}"#), "addresses: must not be given beside address"),
            (&format!(r#"{{{a},"port":0}}"#), "port: must be 1 to 65535"),
            (&format!(r#"{{{a},"port":"80"}}"#), "port: must be an integer from 1 to 65535"),
            (&format!(r#"{{{a},"port":80,"ports":[]}}"#), "ports: must not be given beside port"),
            (&format!(r#"{{{a},"ports":[{{"port":1}},{{"port":2}}]}}"#), "ports[1].name: must be given"),
            (
                &format!(r#"{{{a},"ports":[{{"name":"x","port":1}},{{"name":"X","port":2}}]}}"#),
                "ports[1]: must differ from the others",
            ),
            (&format!(r#"{{{a},"ports":[["http","tcp",80]]}}"#), "ports[0]: must be an object with name"),
            (&format!(r#"{{{a},"weight":0}}"#), "weight: must be 1 to 65535"),
            (&format!(r#"{{{a},"priority":-1}}"#), "priority: must be 0 to 65535"),
            (&format!(r#"{{{a},"ttl":"500ms"}}"#), "ttl: must be 1s to 366d"),
            (&format!(r#"{{{a},"ttl":-1}}"#), "ttl: must be 1s to 366d"),
            (&format!(r#"{{{a},"ttl":"soon"}}"#), "ttl: must be a duration like"),
            (&format!(r#"{{{a},"prot":80}}"#), "prot: is not known; the fields are address, addresses, port"),
            (&format!(r#"{{{a},"checks":[{{"id":"c","http":"x"}}]}}"#), "checks[0].http: must be a URL such as"),
            (
                &format!(r#"{{{a},"checks":[{{"id":"c","htp":"x"}}]}}"#),
                "checks[0].htp: is not known; the fields are id",
            ),
            (
                &format!(r#"{{{a},"checks":[{{"id":"c","args":["x"]}}]}}"#),
                "checks[0].args: must not be given: this server",
            ),
            (&format!(r#"{{{a},"checks":[{{"id":"c","tcp":":1"}}]}}"#), "checks[0].interval: must be given"),
            (
                &format!(r#"{{{a},"checks":[{{"id":"c","tcp":":1","udp":":1"}}]}}"#),
                "checks[0].udp: must not be given beside tcp",
            ),
            (
                &format!(r#"{{{a},"checks":[{{"id":"c","tcp":":1","method":"GET"}}]}}"#),
                "checks[0].method: must not be given beside tcp",
            ),
            (
                &format!(r#"{{{a},"checks":[{{"id":"c","ttl":5,"tls":true}}]}}"#),
                "checks[0].tls: must not be given beside ttl",
            ),
            (
                &format!(r#"{{{a},"checks":[{{"id":"c","tcp":":1","interval":{{}}}}]}}"#),
                "checks[0].interval: must be a duration",
            ),
            (
                &format!(r#"{{{a},"checks":[{{"id":"c","success_before_passing":-1}}]}}"#),
                "checks[0].success_before_passing: must be an integer from 0",
            ),
            (
                &format!(r#"{{{a},"checks":[{{"id":"c","headers":{{"a":1}}}}]}}"#),
                "checks[0].headers: must be an object of strings",
            ),
            (&format!(r#"{{{a},"checks":[{{"id":"c"}},{{"id":"c"}}]}}"#), "checks[1].id: must differ"),
            (&format!(r#"{{{a},"meta":{{"k":"1","k":"2"}}}}"#), "meta: must not have a key twice"),
            (&format!(r#"{{{a},"meta":{{"k":1}}}}"#), "meta.k: must be a string"),
            (&format!(r#"{{{a},"port":80.5}}"#), "port: must be an integer from 1 to 65535"),
            (&format!(r#"{{{a},"port":80,"port":81}}"#), "port: must be given once"),
            (&format!(r#"{{{a},"ports":5}}"#), "ports: must be a list of objects"),
            (&format!(r#"{{{a},"ports":[{{"port":1}},{{"port":"x"}}]}}"#), "ports[1].port: must be an integer from 1"),
            (&format!(r#"{{{a},"ports":[{{"nam":"x"}}]}}"#), "ports[0].nam: is not known; the fields are name"),
            (&format!(r#"{{{a},"ports":[{{"name":"x"}}]}}"#), "ports[0].port: must be given"),
            (&format!(r#"{{{a},"tags":["a","b",3]}}"#), "tags[2]: must be a string"),
            (&format!(r#"{{{a},"tags":["a","b\u0001"]}}"#), "tags[1]: must not contain control characters"),
            (&format!(r#"{{{a},"tags":"a"}}"#), "tags: must be a list of strings"),
            (r#"{"addresses":["10.0.0.1",null]}"#, "addresses[1]: must be a string"),
            (r#"{"addresses":["10.0.0.1","x y"]}"#, "addresses[1]: must be"),
            (&format!(r#"{{{a},"ttl":[]}}"#), "ttl: must be a duration like"),
            (&format!(r#"{{{a},"checks":[{{"id":1}}]}}"#), "checks[0].id: must be a string"),
            (&format!(r#"{{{a},"meta":[]}}"#), "meta: must be an object of strings"),
            (&format!(r#"{{{a},"namespace":"a.b"}}"#), "namespace: must be a DNS label"),
            (&format!("{{\"address\":{}", "[".repeat(10_000)), "body: is no JSON: recursion limit"),
        ] {
            let refused = read(body).expect_err(body);
            assert!(refused.starts_with(said), "{said}: {refused}");
        }
    }

    #[test]
    fn refuses_an_output_that_would_be_cut() {
        for (octets, refused) in [(4096, false), (4097, true)] {
            let output = "x".repeat(octets);
            let report = verdict(format!(r#"{{"status":"passing","output":"{output}"}}"#).as_bytes());
            let body = format!(r#"{{"address":"10.0.0.1","checks":[{{"id":"a"}},{{"id":"c","output":"{output}"}}]}}"#);
            let check = read(&body);
            assert_eq!((report.is_err(), check.is_err()), (refused, refused), "{octets}");
            if let (Err(report), Err(check)) = (report, check) {
                assert_eq!(report.detail(), "output: must be at most 4096 octets, is 4097");
                assert_eq!(check, "checks[1].output: must be at most 4096 octets, is 4097");
            }
        }
    }

    #[test]
    fn suggests_a_name_that_is_accepted() {
        for (service, suggestion) in [("My_Service", "my-service"), ("a.b", "a-b"), ("WEB", "web"), ("-x-", "x")] {
            let refused =
                registration(service, "a", br#"{"address":"10.0.0.1"}"#, &Settings::default()).expect_err(service);
            assert!(refused.detail().contains(&format!("{suggestion:?}")), "{refused}");
        }
    }
}
