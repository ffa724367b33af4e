//! Hosts that others wrote into etcd: `/services/{name}/{id}` with JSON, and SkyDNS' keys. Pure.
//!
//! Their rows are of the dialect [`Dialect::Etcd`]; nobody changes them here but by deregistering, which deletes the key.
//! Our own hosts are shown to such programs below `/services/` as well, marked so that we know them again.

use std::net::IpAddr;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};
use smallvec::SmallVec;

use super::keys::decoded;
use super::wire::Octets;
use crate::clock::Timestamp;
use crate::table::{
    Dialect, Host, HostId, HostKey, Invalid, Port, Registration, ServiceName, Standing, Target, Weights,
};

/// What keys of hosts begin with that programs write by hand.
pub(super) const SERVICES: &str = "/services/";
/// What does not stand as it is in a key that is shown, neither in the service nor in the id: a program that looks for
/// one of them finds it under the name that it knows. Beside these, what is not ASCII.
const ODD: &AsciiSet = &CONTROLS.add(b'%').add(b'/');
/// What says in a value that it is one of ours.
const MARK: &str = "rollcall";

/// What a key outside of our prefix holds.
#[derive(Debug)]
pub(super) enum Foreign {
    /// A host.
    Host(Box<Host>),
    /// One that we show to others, with the name of its dialect.
    Ours(String),
}

/// Why a value is no host; it is left alone.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoHost {
    /// The key names none.
    #[error("the key names no host")]
    Key,
    /// The value is no JSON object.
    #[error("the value is no JSON object")]
    Object,
    /// The value is not JSON of that form.
    #[error("the value is malformed: {0}")]
    Value(#[from] serde_json::Error),
    /// A part breaks a rule of the table.
    #[error(transparent)]
    Part(#[from] Invalid),
}

#[derive(Deserialize)]
struct ServiceValue {
    host: String,
    port: i64,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default, rename = "rollcall")]
    ours: Option<Value>,
}

/// The host of a key below [`SERVICES`].
pub(super) fn service(key: &[u8], value: &[u8], now: Timestamp) -> Result<Foreign, NoHost> {
    let (service, id) = service_key(key)?;
    let value: ServiceValue = serde_json::from_slice(object(value)?)?;
    if let Some(mark) = value.ours {
        return Ok(Foreign::Ours(mark.as_str().unwrap_or_default().to_owned()));
    }
    let tags = crate::table::parse_tags("tags", value.tags.iter().map(String::as_str))?;
    let ports = [Port::tcp(Port::parse_number("port", value.port)?)].into_iter().collect();
    let registration =
        Registration { ports, tags, ..Registration::new(service, Dialect::Etcd, id, target(&value.host)?) };
    Ok(Foreign::Host(Box::new(Host::new(registration, now))))
}

/// Service and id of such a key.
pub(super) fn service_key(key: &[u8]) -> Result<(ServiceName, HostId), NoHost> {
    let text = std::str::from_utf8(key).ok().and_then(|key| key.strip_prefix(SERVICES)).ok_or(NoHost::Key)?;
    let (service, id) = text.split_once('/').ok_or(NoHost::Key)?;
    let decode = |part: &str| decoded(part).ok_or(NoHost::Key);
    Ok((ServiceName::parse("service", &decode(service)?)?, HostId::parse("id", &decode(id)?)?))
}

/// Where a host of ours is shown to such programs.
pub(super) fn shown_key(host: &Host) -> Octets {
    place_at(host.service.as_str(), host.own_id())
}

/// The same of the host of a row.
pub(super) fn place_of(key: &HostKey) -> Octets {
    let id = if key.dialect == Dialect::Consul { Standing::of(&key.id).id } else { key.id.as_str() };
    place_at(key.service.as_str(), id)
}

fn place_at(service: &str, id: &str) -> Octets {
    let part = |part| utf8_percent_encode(part, ODD);
    format!("{SERVICES}{}/{}", part(service), part(id)).as_str().into()
}

/// What they read there; `None` for what they could not use: a node, no port, nothing that DNS would answer with.
pub(super) fn shown(host: &Host) -> Option<Octets> {
    if matches!(host.dialect, Dialect::Node | Dialect::Etcd) || !host.is_served(false) {
        return None;
    }
    let address = host.target.addresses().first().map(ToString::to_string);
    let address = address.or_else(|| host.target.name().map(|name| name.to_string()))?;
    let port = host.ports.first()?.number;
    let tags: Vec<&str> = host.tags.iter().map(|tag| tag.as_str()).collect();
    let value = json!({ "host": address, "port": port, "tags": tags, MARK: host.dialect.as_str() });
    Some(value.to_string().as_str().into())
}

#[derive(Deserialize)]
struct SkydnsValue {
    host: String,
    #[serde(default)]
    port: i64,
    #[serde(default)]
    priority: u16,
    #[serde(default)]
    weight: u16,
}

/// The host of a key of SkyDNS' below `prefix`, whose labels stand in the order of the tree: `/skydns/local/service/web/x1`
/// is the host `x1` of `web` in `service.local.`
pub(super) fn skydns(key: &[u8], value: &[u8], prefix: &str, domain: &str, now: Timestamp) -> Result<Host, NoHost> {
    let (service, id) = skydns_key(key, prefix, domain)?;
    let value: SkydnsValue = serde_json::from_slice(object(value)?)?;
    let ports = match value.port {
        0 => SmallVec::new(),
        port => [Port::tcp(Port::parse_number("port", port)?)].into_iter().collect(),
    };
    let registration = Registration {
        ports,
        priority: value.priority,
        weights: Some(Weights::same(value.weight.max(1))),
        ..Registration::new(service, Dialect::Etcd, id, target(&value.host)?)
    };
    Ok(Host::new(registration, now))
}

/// Service and id of such a key: of deeper ones the id is the rest of the name.
pub(super) fn skydns_key(key: &[u8], prefix: &str, domain: &str) -> Result<(ServiceName, HostId), NoHost> {
    let text = std::str::from_utf8(key).ok().and_then(|key| key.strip_prefix(prefix)).ok_or(NoHost::Key)?;
    let mut labels = text.trim_matches('/').split('/');
    let apex = domain.rsplit('.').chain(["service"]);
    if !apex.into_iter().all(|label| labels.next() == Some(label)) {
        return Err(NoHost::Key);
    }
    let service = ServiceName::parse("service", labels.next().ok_or(NoHost::Key)?)?;
    let mut rest: Vec<&str> = labels.collect();
    rest.reverse();
    let id = if rest.is_empty() { service.as_str().to_owned() } else { rest.join(".") };
    Ok((service, HostId::parse("id", &id)?))
}

/// The value, if it is a JSON object: a list would be read as one without names.
fn object(value: &[u8]) -> Result<&[u8], NoHost> {
    if value.trim_ascii_start().starts_with(b"{") { Ok(value) } else { Err(NoHost::Object) }
}

fn target(host: &str) -> Result<Target, Invalid> {
    match host.parse::<IpAddr>() {
        Ok(_) => Target::parse("host", [host]),
        Err(_) => Target::parse_name("host", host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1);

    #[test]
    fn hosts_of_the_snippet_are_read_and_ours_are_known() {
        let value = br#"{"host":"10.0.0.1","port":8080,"registered_at":"2026-11-20T10:00:00"}"#;
        let Ok(Foreign::Host(host)) = service(b"/services/web/web-1", value, NOW) else { panic!("a host") };
        assert_eq!((host.service.as_str(), host.id.as_str(), host.dialect), ("web", "web-1", Dialect::Etcd));
        assert_eq!((host.ports[0].number, host.target.addresses().len()), (8080, 1));
        let native = Host { dialect: Dialect::Native, ..*host };
        let (key, value) = (shown_key(&native), shown(&native).expect("is shown"));
        assert_eq!(key, "/services/web/web-1".into());
        assert!(matches!(service(&key.0, &value.0, NOW), Ok(Foreign::Ours(_))));
    }

    #[test]
    fn service_and_id_are_shown_by_one_rule_that_is_read_back() {
        for (service, id, shown) in [
            ("web", "web-1", "/services/web/web-1"),
            ("a.b_c", "10.0.0.1:80", "/services/a.b_c/10.0.0.1:80"),
            ("o d", "x/y z", "/services/o d/x%2Fy z"),
            ("50%", "100%", "/services/50%25/100%25"),
            ("na\u{ef}ve", "\u{e9}", "/services/na%C3%AFve/%C3%A9"),
        ] {
            let (service, id) = (ServiceName::parse("service", service), HostId::parse("id", id));
            let key = HostKey { service: service.expect("a name"), dialect: Dialect::Native, id: id.expect("an id") };
            let place = place_of(&key);
            assert_eq!(place, shown.into());
            assert_eq!(service_key(&place.0).expect("a host"), (key.service, key.id));
        }
    }

    #[test]
    fn what_is_no_host_is_left_alone() {
        let good = r#"{"host":"10.0.0.1","port":8080}"#;
        for (key, value) in [
            ("/services/web", good),
            ("/services/web/", good),
            ("/services//x", good),
            ("/other/web/x", good),
            ("/services/web/x", ""),
            ("/services/web/x", "[]"),
            ("/services/web/x", r#"["10.0.0.1",80]"#),
            ("/services/web/x", "{}"),
            ("/services/web/x", r#"{"host":"10.0.0.1","port":0}"#),
            ("/services/web/x", r#"{"host":"10.0.0.1","port":70000}"#),
            ("/services/web/x", r#"{"host":"","port":80}"#),
            ("/services/web/x", r#"{"host":"10.0.0.1","port":"80"}"#),
        ] {
            assert!(service(key.as_bytes(), value.as_bytes(), NOW).is_err(), "{key} {value}");
        }
    }

    #[test]
    fn skydns_names_are_read_from_the_root_down() {
        let value = br#"{"host":"10.0.0.1","port":8080,"priority":10,"weight":20,"ttl":60}"#;
        for (key, service, id) in [
            ("/skydns/local/service/web/x1", "web", "x1"),
            ("/skydns/local/service/web", "web", "web"),
            ("/skydns/local/service/web/eu/x1", "web", "x1.eu"),
        ] {
            let host = skydns(key.as_bytes(), value, "/skydns", "local", NOW).expect(key);
            assert_eq!((host.service.as_str(), host.id.as_str()), (service, id));
            assert_eq!((host.priority, host.weights.passing), (10, 20));
        }
        for key in ["/skydns/local/service", "/skydns/local/cluster/web/x", "/skydns/dns/apex", "/skydns"] {
            assert!(skydns(key.as_bytes(), value, "/skydns", "local", NOW).is_err(), "{key}");
        }
        assert!(skydns(b"/skydns/com/example/service/web/x", value, "/skydns", "example.com", NOW).is_ok());
    }
}
