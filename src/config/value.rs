//! Texts into values. Each error is the rule that was broken, with what was given.

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::table::is_label;

/// The only one of `values`.
pub(super) fn one(values: &[String]) -> Result<&str, String> {
    match values {
        [value] => Ok(value),
        _ => Err(format!("takes one value, {} were given", values.len())),
    }
}

/// Every one of `values`, at most `most`.
pub(super) fn each<T>(
    values: &[String],
    most: usize,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    if values.len() > most {
        return Err(format!("takes at most {most} values, {} were given", values.len()));
    }
    values.iter().map(|value| parse(value)).collect()
}

/// An address and a port: `127.0.0.1:8500`, `[::1]:8500`.
pub(super) fn listener(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| refused(text, "an IP address and a port, such as 127.0.0.1:8500 or [::1]:8500"))
}

/// An IP address.
pub(super) fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| refused(text, "an IP address"))
}

/// A network: address, slash, prefix length.
pub(super) fn network(text: &str) -> Result<(IpAddr, u8), String> {
    let parsed = text.split_once('/').and_then(|(address, prefix)| {
        let address: IpAddr = address.parse().ok()?;
        let prefix: u8 = prefix.parse().ok()?;
        (prefix <= if address.is_ipv4() { 32 } else { 128 }).then_some((address, prefix))
    });
    parsed.ok_or_else(|| refused(text, "a network such as 192.168.0.0/16 or fd00::/8"))
}

/// `true` or `false`.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(refused(text, "true or false")),
    }
}

/// A decimal number from `least` to `most`.
pub(super) fn number(text: &str, least: u64, most: u64) -> Result<u64, String> {
    let parsed = text.parse().ok().filter(|number| (least..=most).contains(number));
    parsed.ok_or_else(|| refused(text, &format!("a number from {least} to {most}")))
}

/// A duration from `least` to `most`: numbers, each with its unit, as the HTTP API reads them (`1h30m`, `1.5s`).
pub(super) fn duration(text: &str, least: Duration, most: Duration) -> Result<Duration, String> {
    let rule = || format!("a duration from {} to {}, such as 5s, 500ms, 1.5s or 1h30m", show(least), show(most));
    crate::duration::read(text).filter(|it| (least..=most).contains(it)).ok_or_else(|| refused(text, &rule()))
}

/// A duration in whole seconds, as record TTLs are (RFC 1035 3.2.1).
pub(super) fn seconds(text: &str, least: Duration, most: Duration) -> Result<Duration, String> {
    let parsed = duration(text, least, most)?;
    if parsed.subsec_nanos() == 0 { Ok(parsed) } else { Err(refused(text, "in whole seconds")) }
}

/// A domain name, lower case and without the final dot.
pub(super) fn domain(text: &str) -> Result<String, String> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    // What is left of 253 octets holds `_port._proto.name.service.` before it.
    if name.len() <= 120 && name.split('.').all(is_label) {
        Ok(name)
    } else {
        Err(refused(text, "a domain name of at most 120 octets, such as local or example.org"))
    }
}

/// A name that is shown to people and programs: letters, digits, `.`, `-` and `_`.
pub(super) fn name(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    if (1..=253).contains(&text.len()) && text.bytes().all(is_plain) {
        Ok(text.into())
    } else {
        Err(refused(text, "1 to 253 letters, digits, dots, hyphens and underscores"))
    }
}

/// One of a few words.
pub(super) fn word<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, String> {
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        refused(text, &format!("one of {}", words.join(", ")))
    })
}

/// A duration as [`duration`] reads it.
pub(super) fn show(duration: Duration) -> String {
    let millis = duration.as_millis();
    match millis {
        _ if !duration.as_micros().is_multiple_of(1000) => format!("{}us", duration.as_micros()),
        _ if !millis.is_multiple_of(1000) => format!("{millis}ms"),
        _ if millis != 0 && millis.is_multiple_of(86_400_000) => format!("{}d", millis / 86_400_000),
        _ => format!("{}s", millis / 1000),
    }
}

/// A text as TOML writes it.
pub(super) fn quoted(value: impl Display) -> String {
    toml::Value::String(value.to_string()).to_string()
}

/// A list as TOML writes it.
pub(super) fn list<T>(values: &[T], show: impl Fn(&T) -> String) -> String {
    let values: Vec<_> = values.iter().map(|value| quoted(show(value))).collect();
    format!("[{}]", values.join(", "))
}

/// A value with the rule that it breaks.
pub(super) fn refused(text: &str, rule: &str) -> String {
    format!("`{}` is not {rule}", text.chars().take(100).collect::<String>())
}
