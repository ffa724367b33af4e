//! Settings of the table on an etcd.

use std::path::PathBuf;
use std::time::Duration;

use hyper::Uri;

use super::value::{self, one};
use super::{Config, Machine};
use crate::limits;

pub(super) fn set_endpoints(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    let endpoints = value::each(values, limits::ETCD_ENDPOINTS, endpoint)?;
    if endpoints.is_empty() {
        return Err("takes at least one URL".into());
    }
    config.store.etcd.endpoints = endpoints;
    Ok(())
}

fn endpoint(text: &str) -> Result<Uri, String> {
    let uri: Option<Uri> = text.parse().ok();
    uri.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && uri.path() == "/")
        .filter(|uri| uri.query().is_none() && uri.authority().is_some_and(|at| !at.as_str().contains('@')))
        .ok_or_else(|| value::refused(text, "a URL of a member of etcd such as http://127.0.0.1:2379"))
}

/// What keys begin with: a path without a final slash.
fn prefix(text: &str) -> Result<String, String> {
    let prefix = text.trim_end_matches('/');
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte);
    if prefix.len() > 1 && prefix.len() <= 100 && prefix.starts_with('/') && prefix.bytes().all(plain) {
        Ok(prefix.into())
    } else {
        Err(value::refused(text, "a prefix of keys such as /rollcall"))
    }
}

pub(super) fn set_prefix(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    let prefix = prefix(one(values)?)?;
    if prefix == "/services" {
        return Err("must not be /services, which is where other programs write hosts".into());
    }
    config.store.etcd.prefix = prefix;
    Ok(())
}

pub(super) fn set_services(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.store.etcd.services = value::boolean(one(values)?)?;
    Ok(())
}

pub(super) fn set_skydns(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.store.etcd.skydns = match one(values)? {
        "none" => None,
        "/services" => return Err("must not be /services, which is another form of key".into()),
        text => Some(prefix(text)?),
    };
    Ok(())
}

/// Whether keys below one prefix are keys below the other, too.
pub(super) fn overlap(one: &str, other: &str) -> bool {
    let is_inside = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    is_inside(one, other) || is_inside(other, one)
}

pub(super) fn set_user(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.store.etcd.user = match one(values)? {
        "none" => None,
        "" => return Err("must not be empty; `none` is the word for none".into()),
        user => Some(user.into()),
    };
    Ok(())
}

fn file(values: &[String]) -> Result<Option<PathBuf>, String> {
    match one(values)? {
        "none" => Ok(None),
        "" => Err("must not be empty; `none` is the word for none".into()),
        path => Ok(Some(path.into())),
    }
}

pub(super) fn set_password_file(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.store.etcd.password_file = file(values)?;
    Ok(())
}

pub(super) fn set_ca_file(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.store.etcd.tls.authorities = file(values)?;
    Ok(())
}

pub(super) fn set_cert_file(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.store.etcd.tls.certificate = file(values)?;
    Ok(())
}

pub(super) fn set_key_file(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.store.etcd.tls.key = file(values)?;
    Ok(())
}

pub(super) fn set_max_stale(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.store.max_stale = match one(values)? {
        "forever" => None,
        text => Some(value::duration(text, Duration::ZERO, limits::LEASE_MAX)?),
    };
    Ok(())
}

/// A path as it is shown.
pub(super) fn shown(path: Option<&PathBuf>) -> String {
    value::quoted(path.map_or("none".into(), |path| path.display().to_string()))
}
