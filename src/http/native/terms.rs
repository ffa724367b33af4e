//! What a check asks, as JSON: the fields that a registration gave, with their defaults.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::duration::Printed;
use super::view::Text;
use crate::table::{CheckKind, HttpCheck, Terms, Tls};

/// The terms of a check.
pub(super) struct TermsView<'a>(pub(super) &'a Terms);

impl Serialize for TermsView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.kind(&mut map)?;
        if self.0.kind.is_asked() {
            self.asking(&mut map)?;
        }
        if let Some(after) = self.0.deregister_critical_after {
            map.serialize_entry("deregister_critical_after", &Text(Printed(after)))?;
        }
        map.end()
    }
}

impl TermsView<'_> {
    fn kind<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match &self.0.kind {
            CheckKind::Reported => Ok(()),
            CheckKind::Ttl(ttl) => map.serialize_entry("ttl", &Text(Printed(*ttl))),
            CheckKind::Http(check) => http(map, check),
            CheckKind::Tcp(endpoint, security) => {
                map.serialize_entry("tcp", &Text(endpoint))?;
                tls(map, security.as_ref())
            }
            CheckKind::Udp(endpoint) => map.serialize_entry("udp", &Text(endpoint)),
            CheckKind::Grpc(endpoint, service, security) => {
                let slash = if service.is_empty() { "" } else { "/" };
                map.serialize_entry("grpc", &format_args!("{endpoint}{slash}{service}"))?;
                tls(map, security.as_ref())
            }
            CheckKind::H2Ping(endpoint, security) => {
                map.serialize_entry("h2ping", &Text(endpoint))?;
                tls(map, security.as_ref())
            }
            CheckKind::Alias(service, None) => map.serialize_entry("alias", service.as_str()),
            CheckKind::OsService(unit) => map.serialize_entry("os_service", unit),
            CheckKind::Alias(service, Some(id)) => map.serialize_entry("alias", &format_args!("{service}/{id}")),
        }
    }

    fn asking<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("interval", &Text(Printed(self.0.interval)))?;
        map.serialize_entry("timeout", &Text(Printed(self.0.timeout)))?;
        map.serialize_entry("success_before_passing", &self.0.success_before_passing)?;
        map.serialize_entry("failures_before_warning", &self.0.failures_before_warning)?;
        map.serialize_entry("failures_before_critical", &self.0.failures_before_critical)
    }
}

/// Values of headers may be secrets of the host: their names are all that is shown.
fn http<M: SerializeMap>(map: &mut M, check: &HttpCheck) -> Result<(), M::Error> {
    map.serialize_entry("http", &Text(&check.url))?;
    map.serialize_entry("method", &check.method)?;
    if !check.headers.is_empty() {
        let names: Vec<&str> = check.headers.iter().map(|(name, _)| &**name).collect();
        map.serialize_entry("headers", &names)?;
    }
    if check.follow_redirects {
        map.serialize_entry("follow_redirects", &true)?;
    }
    if check.absent_passes {
        map.serialize_entry("absent_passes", &true)?;
    }
    if check.url.tls { tls_names(map, &check.tls) } else { Ok(()) }
}

fn tls<M: SerializeMap>(map: &mut M, tls: Option<&Tls>) -> Result<(), M::Error> {
    let Some(tls) = tls else { return Ok(()) };
    map.serialize_entry("tls", &true)?;
    tls_names(map, tls)
}

fn tls_names<M: SerializeMap>(map: &mut M, tls: &Tls) -> Result<(), M::Error> {
    if tls.skip_verify {
        map.serialize_entry("tls_skip_verify", &true)?;
    }
    match &tls.server_name {
        Some(name) => map.serialize_entry("tls_server_name", name),
        None => Ok(()),
    }
}
