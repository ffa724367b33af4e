//! Settings of the checks that hosts of an API get without asking for one: those of Lyft's, and of minos'.

use std::sync::Arc;
use std::time::Duration;

use super::value::{self, one};
use super::{Config, Machine};
use crate::limits;
use crate::table::{CheckKind, Endpoint, HttpCheck, HttpUrl, Terms, Tls, Wishes};

pub(super) fn set_lyft_check(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.http.lyft_check = match one(values)? {
        "none" => None,
        text => Some(terms(own(text)?, config.lyft_check_interval)?),
    };
    Ok(())
}

pub(super) fn set_lyft_check_interval(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    let interval = value::duration(one(values)?, limits::CHECK_INTERVAL_MIN, limits::CHECK_INTERVAL_MAX)?;
    config.lyft_check_interval = interval;
    if let Some(check) = config.http.lyft_check.take() {
        config.http.lyft_check = Some(terms(check.kind.clone(), interval)?);
    }
    Ok(())
}

pub(super) fn set_minos_check(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.http.minos.check = match one(values)? {
        "none" => None,
        text => Some(terms(lenient(own(text)?), config.minos_check_interval)?),
    };
    Ok(())
}

pub(super) fn set_minos_check_interval(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    let interval = value::duration(one(values)?, limits::CHECK_INTERVAL_MIN, limits::CHECK_INTERVAL_MAX)?;
    config.minos_check_interval = interval;
    if let Some(check) = config.http.minos.check.take() {
        config.http.minos.check = Some(terms(check.kind.clone(), interval)?);
    }
    Ok(())
}

pub(super) fn set_minos_replace(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.http.minos.replace = value::boolean(one(values)?)?;
    Ok(())
}

/// A host that has no such path is alive: not every service of minos has the convention's.
fn lenient(kind: CheckKind) -> CheckKind {
    if let CheckKind::Http(check) = kind {
        return CheckKind::Http(Box::new(HttpCheck { absent_passes: true, ..*check }));
    }
    kind
}

/// The check as the setting has it.
pub(super) fn show(check: Option<&Arc<Terms>>) -> String {
    let place = |scheme: &str, endpoint: &Endpoint| match endpoint {
        Endpoint::Own(Some(port)) => format!("{scheme}://:{port}"),
        Endpoint::Own(None) | Endpoint::At(..) => format!("{scheme}:"),
    };
    let shown = match check.map(|terms| &terms.kind) {
        Some(CheckKind::Http(check)) => check.url.to_string(),
        Some(CheckKind::Grpc(endpoint, ..)) => place("grpc", endpoint),
        Some(CheckKind::Tcp(endpoint, _)) => place("tcp", endpoint),
        _ => "none".into(),
    };
    value::quoted(shown)
}

/// A check of each host's own address: a URL without a host, or another scheme before the same.
fn own(text: &str) -> Result<CheckKind, String> {
    let rule = "none, or a check of each host's own address: http:/path, https:/path, tcp: or grpc: for its own port, \
                http://:8081/path or tcp://:8081 for another";
    let refused = || value::refused(text, rule);
    let (scheme, place) = text.split_once(':').ok_or_else(refused)?;
    let endpoint = || match place.strip_prefix("//") {
        None if place.is_empty() => Ok(Endpoint::Own(None)),
        Some(port) => Endpoint::parse("", port).map_err(|_| refused()),
        None => Err(refused()),
    };
    let kind = match scheme {
        "grpc" => CheckKind::Grpc(endpoint()?, "".into(), None),
        "tcp" => CheckKind::Tcp(endpoint()?, None),
        _ => CheckKind::Http(Box::new(HttpCheck {
            url: HttpUrl::parse("", text).map_err(|_| refused())?,
            method: "GET".into(),
            headers: Box::default(),
            body: Box::default(),
            tls: Tls::default(),
            follow_redirects: false,
            absent_passes: false,
        })),
    };
    if kind.endpoint().is_some_and(|endpoint| matches!(endpoint, Endpoint::Own(_))) { Ok(kind) } else { Err(refused()) }
}

fn terms(kind: CheckKind, interval: Duration) -> Result<Arc<Terms>, String> {
    // A host that does not answer is found out within two intervals.
    let timeout = Some(limits::CHECK_TIMEOUT.min(interval));
    let terms = Terms::parse("", kind, Wishes { interval: Some(interval), timeout, ..Wishes::default() });
    terms.map(Arc::new).map_err(|invalid| invalid.to_string())
}
