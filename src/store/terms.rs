//! The stored form of what a check asks for, part of a row's.
//!
//! | field | holds | missing |
//! | --- | --- | --- |
//! | `e` | a URL, or `host:port` | |
//! | `m`, `h`, `y` | method, headers as `[name, value]`, body of an HTTP check | `GET`, none, empty |
//! | `f` | whether an HTTP check follows redirects | `false` |
//! | `s` | TLS: `{v: any certificate will do, n: name in the certificate}` | none |
//! | `n`, `a` | service that gRPC or the machine is asked for, or service and host that are followed | empty, all hosts |
//! | `t` | TTL, microseconds | 0 |
//! | `i`, `o` | interval, time-out, microseconds | 0 |
//! | `p`, `w`, `c` | successes before passing, failures before warning, failures before critical | 0 |
//! | `b` | octets kept of an output | 4096 |
//! | `g` | time that it may be critical before its host is removed, microseconds | for ever |

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::limits;
use crate::table::{CheckKind, Endpoint, HostId, HttpCheck, HttpUrl, Invalid, ServiceName, Terms, Tls};

#[derive(Serialize, Deserialize)]
pub(super) struct StoredTerms<'a> {
    #[serde(rename = "e", borrow, default, skip_serializing_if = "Option::is_none")]
    place: Option<Cow<'a, str>>,
    #[serde(rename = "m", borrow, default, skip_serializing_if = "Option::is_none")]
    method: Option<Cow<'a, str>>,
    #[serde(rename = "h", default, skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    #[serde(rename = "y", borrow, default, skip_serializing_if = "Option::is_none")]
    body: Option<Cow<'a, str>>,
    #[serde(rename = "f", default, skip_serializing_if = "is_false")]
    follow_redirects: bool,
    #[serde(rename = "x", default, skip_serializing_if = "is_false")]
    absent_passes: bool,
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    tls: Option<StoredTls>,
    #[serde(rename = "n", borrow, default, skip_serializing_if = "Option::is_none")]
    service: Option<Cow<'a, str>>,
    #[serde(rename = "a", borrow, default, skip_serializing_if = "Option::is_none")]
    host: Option<Cow<'a, str>>,
    #[serde(rename = "t", default, skip_serializing_if = "is_zero")]
    ttl: u64,
    #[serde(rename = "i", default, skip_serializing_if = "is_zero")]
    interval: u64,
    #[serde(rename = "o", default, skip_serializing_if = "is_zero")]
    timeout: u64,
    #[serde(rename = "p", default, skip_serializing_if = "is_none")]
    passing: u16,
    #[serde(rename = "w", default, skip_serializing_if = "is_none")]
    warning: u16,
    #[serde(rename = "c", default, skip_serializing_if = "is_none")]
    critical: u16,
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    output_octets: Option<u16>,
    #[serde(rename = "g", default, skip_serializing_if = "is_zero")]
    deregister: u64,
}

#[derive(Serialize, Deserialize)]
struct StoredTls {
    #[serde(rename = "v", default)]
    skip_verify: bool,
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    server_name: Option<Box<str>>,
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}

fn is_false(value: &bool) -> bool {
    !*value
}

fn is_none(value: &u16) -> bool {
    *value == 0
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl<'a> StoredTerms<'a> {
    pub(super) fn of(terms: &'a Terms) -> StoredTerms<'a> {
        // Every field is named, so that a new one cannot be forgotten here.
        let Terms {
            kind,
            interval,
            timeout,
            success_before_passing,
            failures_before_warning,
            failures_before_critical,
            output_octets,
            deregister_critical_after,
        } = terms;
        let mut stored = StoredTerms {
            place: None,
            method: None,
            headers: Vec::new(),
            body: None,
            follow_redirects: false,
            absent_passes: false,
            tls: None,
            service: None,
            host: None,
            ttl: 0,
            interval: micros(*interval),
            timeout: micros(*timeout),
            passing: *success_before_passing,
            warning: *failures_before_warning,
            critical: *failures_before_critical,
            output_octets: (usize::from(*output_octets) != limits::CHECK_OUTPUT_OCTETS).then_some(*output_octets),
            deregister: deregister_critical_after.map_or(0, micros),
        };
        stored.take(kind);
        stored
    }

    fn take(&mut self, kind: &'a CheckKind) {
        let filled = |text: &'a str| (!text.is_empty()).then_some(Cow::Borrowed(text));
        let place = |endpoint: &Endpoint| Some(Cow::Owned(endpoint.to_string()));
        match kind {
            CheckKind::Reported => {}
            CheckKind::Ttl(ttl) => self.ttl = micros(*ttl),
            CheckKind::Http(check) => {
                let HttpCheck { url, method, headers, body, tls, follow_redirects, absent_passes } = &**check;
                self.place = Some(Cow::Owned(url.to_string()));
                self.method = filled(method).filter(|method| method != "GET");
                self.headers = headers.iter().map(|(name, value)| ((&**name).into(), (&**value).into())).collect();
                self.body = filled(body);
                self.follow_redirects = *follow_redirects;
                self.absent_passes = *absent_passes;
                self.tls = (*tls != Tls::default()).then(|| StoredTls::of(tls));
            }
            CheckKind::Udp(endpoint) => self.place = place(endpoint),
            CheckKind::Tcp(endpoint, tls) | CheckKind::H2Ping(endpoint, tls) => {
                self.place = place(endpoint);
                self.tls = tls.as_ref().map(StoredTls::of);
            }
            CheckKind::Grpc(endpoint, service, tls) => {
                self.place = place(endpoint);
                self.service = filled(service);
                self.tls = tls.as_ref().map(StoredTls::of);
            }
            CheckKind::Alias(service, host) => {
                self.service = filled(service.as_str());
                self.host = host.as_ref().map(|host| Cow::Borrowed(host.as_str()));
            }
            CheckKind::OsService(unit) => self.service = filled(unit),
        }
    }

    /// The terms of a check of this kind. Numbers out of the range of registrations are kept: a bound that moved must
    /// not make rows disappear.
    pub(super) fn terms(self, kind: Option<&str>) -> Result<Terms, Invalid> {
        let most = u16::try_from(limits::CHECK_OUTPUT_OCTETS).unwrap_or(u16::MAX);
        let (passing, warning, critical) = (self.passing, self.warning, self.critical);
        let (interval, timeout) = (Duration::from_micros(self.interval), Duration::from_micros(self.timeout));
        let deregister = (self.deregister != 0).then(|| Duration::from_micros(self.deregister));
        Ok(Terms {
            interval,
            timeout,
            success_before_passing: passing,
            failures_before_warning: warning,
            failures_before_critical: critical,
            output_octets: self.output_octets.unwrap_or(most).min(most),
            deregister_critical_after: deregister,
            kind: self.kind(kind)?,
        })
    }

    fn kind(self, kind: Option<&str>) -> Result<CheckKind, Invalid> {
        let text = self.place.as_deref().unwrap_or_default();
        let endpoint = || Endpoint::parse("checks.place", text);
        let tls = self.tls.map(StoredTls::tls);
        let service = self.service.as_deref().unwrap_or_default();
        Ok(match kind {
            None | Some("reported") => CheckKind::Reported,
            Some("ttl") => CheckKind::Ttl(Duration::from_micros(self.ttl)),
            Some("http") => {
                if self.headers.len() > limits::CHECK_HEADERS {
                    return Err(Invalid::new("checks.headers", "must be fewer"));
                }
                let header = |(name, value): &(Cow<'_, str>, Cow<'_, str>)| {
                    HttpCheck::parse_header("checks.headers", name, value)
                };
                CheckKind::Http(Box::new(HttpCheck {
                    url: HttpUrl::parse("checks.place", text)?,
                    method: HttpCheck::parse_method("checks.method", self.method.as_deref().unwrap_or("GET"))?,
                    headers: self.headers.iter().map(header).collect::<Result<_, _>>()?,
                    body: self.body.unwrap_or_default().into(),
                    tls: tls.unwrap_or_default(),
                    follow_redirects: self.follow_redirects,
                    absent_passes: self.absent_passes,
                }))
            }
            Some("tcp") => CheckKind::Tcp(endpoint()?, tls),
            Some("udp") => CheckKind::Udp(endpoint()?),
            Some("grpc") => CheckKind::Grpc(endpoint()?, service.into(), tls),
            Some("h2ping") => CheckKind::H2Ping(endpoint()?, tls),
            Some("alias") => CheckKind::Alias(
                ServiceName::parse("checks.service", service)?,
                self.host.map(|host| HostId::parse("checks.host", &host)).transpose()?,
            ),
            Some("os_service") => CheckKind::OsService(CheckKind::parse_os_service("checks.service", service)?),
            Some(_) => return Err(Invalid::new("checks.kind", "must be one that this release knows")),
        })
    }
}

impl StoredTls {
    fn of(tls: &Tls) -> StoredTls {
        let Tls { skip_verify, server_name } = tls.clone();
        StoredTls { skip_verify, server_name }
    }

    fn tls(self) -> Tls {
        Tls { skip_verify: self.skip_verify, server_name: self.server_name }
    }
}
