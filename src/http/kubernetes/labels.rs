//! Labels: what hosts carry, as Kubernetes has it.
//!
//! A host's labels are its tags of the form `key=value` and its meta pairs, each where it is a valid label; a pair goes
//! before a tag of the same key. `app` is the name of the service, without capitals, where the host says no other. A service has a label
//! where all of its hosts that say it agree.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::names;
use crate::limits;
use crate::table::{Host, is_label};

/// Labels by key.
pub(super) type LabelMap<'a> = BTreeMap<&'a str, Cow<'a, str>>;

/// The label that services are told apart by.
pub(super) const APP: &str = "app";
/// The service that a slice is of.
pub(super) const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Octets of a name in a key and of a value.
const NAME_OCTETS: usize = 63;
/// Octets of a prefix of a key.
const PREFIX_OCTETS: usize = 253;

/// Checks a key; the error is the rule it breaks.
pub(super) fn check_key(key: &str) -> Result<(), String> {
    let (prefix, name) = match key.split_once('/') {
        None => (None, key),
        Some((_, name)) if name.contains('/') => {
            return Err(
                "a qualified name must consist of a name and an optional DNS subdomain prefix before one '/'".into()
            );
        }
        Some((prefix, name)) => (Some(prefix), name),
    };
    if let Some(prefix) = prefix
        && !is_subdomain(prefix)
    {
        return Err("prefix part must be a lower case DNS subdomain of at most 253 octets".into());
    }
    if name.is_empty() || !is_name(name) {
        return Err(format!(
            "name part must be 1 to {NAME_OCTETS} alphanumeric characters, '-', '_' or '.', and must start and end with an \
             alphanumeric character"
        ));
    }
    Ok(())
}

/// Checks a value; the error is the rule it breaks.
pub(super) fn check_value(value: &str) -> Result<(), String> {
    if value.is_empty() || is_name(value) {
        return Ok(());
    }
    Err(format!(
        "a valid label must be an empty string or at most {NAME_OCTETS} alphanumeric characters, '-', '_' or '.', and must \
         start and end with an alphanumeric character"
    ))
}

/// Whether a text is a DNS subdomain in lower case (RFC 1123).
fn is_subdomain(text: &str) -> bool {
    let has_capitals = text.bytes().any(|octet| octet.is_ascii_uppercase());
    text.len() <= PREFIX_OCTETS && !has_capitals && text.split('.').all(is_label)
}

fn is_name(text: &str) -> bool {
    let octets = text.as_bytes();
    let ends = [octets.first(), octets.last()];
    (1..=NAME_OCTETS).contains(&octets.len())
        && ends.into_iter().flatten().all(u8::is_ascii_alphanumeric)
        && octets.iter().all(|octet| octet.is_ascii_alphanumeric() || b"-_.".contains(octet))
}

/// What a host says itself, key by key; of two values of one key the later counts.
fn said(host: &Host) -> impl Iterator<Item = (&str, &str)> {
    let tags = host.tags.iter().filter_map(|tag| tag.as_str().split_once('='));
    let meta = host.meta.iter().map(|(key, value)| (&**key, &**value));
    tags.chain(meta).filter(|(key, value)| check_key(key).is_ok() && check_value(value).is_ok())
}

/// The labels of a host.
pub(super) fn of_host(host: &Host) -> LabelMap<'_> {
    let mut labels: LabelMap<'_> = said(host).map(|(key, value)| (key, Cow::Borrowed(value))).collect();
    default_app(&mut labels, names::service(host.service.as_str()));
    labels
}

/// The labels of a service that has these hosts.
pub(super) fn of_service<'a>(service: Cow<'a, str>, hosts: impl Iterator<Item = &'a Host>) -> LabelMap<'a> {
    // `None` where the hosts do not agree.
    let mut known: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    for host in hosts {
        let own: BTreeMap<&str, &str> = said(host).collect();
        for (key, value) in own {
            if known.len() >= limits::KUBERNETES_LABELS && !known.contains_key(key) {
                continue;
            }
            let agreed = known.entry(key).or_insert(Some(value));
            if *agreed != Some(value) {
                *agreed = None;
            }
        }
    }
    let disputed = known.get(APP).is_some_and(Option::is_none);
    let mut labels: LabelMap<'_> =
        known.into_iter().filter_map(|(key, value)| Some((key, Cow::Borrowed(value?)))).collect();
    if !disputed {
        default_app(&mut labels, service);
    }
    labels
}

fn default_app<'a>(labels: &mut LabelMap<'a>, service: Cow<'a, str>) {
    if check_value(&service).is_ok() {
        labels.entry(APP).or_insert(service);
    }
}
