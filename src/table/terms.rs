//! The terms of a check: who finds out its status, how often, how many results flip it, what follows.

use std::time::Duration;

use super::check::Status;
use super::endpoint::{Endpoint, HttpUrl};
use super::text::{HostId, Invalid, ServiceName};
use crate::limits;

/// Who finds out the status of a check, and how.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub enum CheckKind {
    /// Whoever reports it over an API; nobody asks the host.
    #[default]
    Reported,
    /// The same, and it turns critical when nobody has reported for so long.
    Ttl(Duration),
    /// A request over HTTP/1.1: 2xx passes, 429 warns, everything else is critical.
    Http(Box<HttpCheck>),
    /// A connection that is accepted, and a handshake where there is TLS.
    Tcp(Endpoint, Option<Tls>),
    /// A datagram that is not refused.
    Udp(Endpoint),
    /// `grpc.health.v1.Health/Check` for this service; empty for the server as a whole.
    Grpc(Endpoint, Box<str>, Option<Tls>),
    /// A PING of HTTP/2 that is answered.
    H2Ping(Endpoint, Option<Tls>),
    /// What other hosts are: one of a service, or the best of all of it.
    Alias(ServiceName, Option<HostId>),
    /// What the system of the server's own machine says of one of its services.
    OsService(Box<str>),
}

impl CheckKind {
    /// The word in APIs and metrics; Consul's where it has one.
    pub const fn as_str(&self) -> &'static str {
        match self {
            CheckKind::Reported => "reported",
            CheckKind::Ttl(_) => "ttl",
            CheckKind::Http(_) => "http",
            CheckKind::Tcp(..) => "tcp",
            CheckKind::Udp(_) => "udp",
            CheckKind::Grpc(..) => "grpc",
            CheckKind::H2Ping(..) => "h2ping",
            CheckKind::Alias(..) => "alias",
            CheckKind::OsService(_) => "os_service",
        }
    }

    /// Whether its status comes in by reports.
    pub const fn is_reported(&self) -> bool {
        matches!(self, CheckKind::Reported | CheckKind::Ttl(_))
    }

    /// Whether the server asks, time and again.
    pub const fn is_asked(&self) -> bool {
        !self.is_reported() && !matches!(self, CheckKind::Alias(..))
    }

    /// Where it asks over the network.
    pub fn endpoint(&self) -> Option<&Endpoint> {
        match self {
            CheckKind::Http(check) => Some(&check.url.endpoint),
            CheckKind::Tcp(endpoint, _)
            | CheckKind::Udp(endpoint)
            | CheckKind::Grpc(endpoint, ..)
            | CheckKind::H2Ping(endpoint, _) => Some(endpoint),
            CheckKind::Reported | CheckKind::Ttl(_) | CheckKind::Alias(..) | CheckKind::OsService(_) => None,
        }
    }

    /// The status of a new check of which nobody knows anything: a host that is to be asked has yet to answer.
    pub const fn initial(&self) -> Status {
        if matches!(self, CheckKind::Reported) { Status::Passing } else { Status::Critical }
    }

    /// Parses the name of a service of the machine: a unit of systemd. No sign in it means anything to a shell, to a
    /// search for files, or to a program that reads options.
    pub fn parse_os_service(field: &str, text: &str) -> Result<Box<str>, Invalid> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
        let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if begins && text.len() <= limits::UNIT_OCTETS && text.bytes().all(fits) {
            Ok(text.into())
        } else {
            Err(Invalid::new(field, "must be the name of a unit, such as nginx.service"))
        }
    }
}

/// The request of an HTTP check.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct HttpCheck {
    /// What it asks for.
    pub url: HttpUrl,
    /// The method, a token (RFC 9110 9.1).
    pub method: Box<str>,
    /// Headers beside ours, names in lower case.
    pub headers: Box<[(Box<str>, Box<str>)]>,
    /// The body; empty for none.
    pub body: Box<str>,
    /// How the certificate is checked, where the scheme is https.
    pub tls: Tls,
    /// Whether a redirect is followed, where the server lets it be.
    pub follow_redirects: bool,
    /// Whether a host passes that says it has no such path or method (404, 405): it answers, so it is alive.
    pub absent_passes: bool,
}

/// How the certificate of a host is checked.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Tls {
    /// Whether any certificate will do.
    pub skip_verify: bool,
    /// The name that the certificate must have; without it, that of the endpoint.
    pub server_name: Option<Box<str>>,
}

/// The terms of a check.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Terms {
    /// Who finds out the status.
    pub kind: CheckKind,
    /// Time from one probe to the next; zero where nothing is asked.
    pub interval: Duration,
    /// Time in which an answer must have come; zero where nothing is asked.
    pub timeout: Duration,
    /// Good results in a row that it takes to pass; 0 and 1 are the same.
    pub success_before_passing: u16,
    /// Bad results in a row that it takes to warn.
    pub failures_before_warning: u16,
    /// Bad results in a row that it takes to be critical; 0 and 1 are the same.
    pub failures_before_critical: u16,
    /// Octets kept of an output.
    pub output_octets: u16,
    /// How long it may be critical before its host is removed; `None`: for ever.
    pub deregister_critical_after: Option<Duration>,
}

/// What somebody wants of the terms; what is not given has its default.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// See [`Terms::interval`]: needed where the server asks, refused elsewhere.
    pub interval: Option<Duration>,
    /// See [`Terms::timeout`]; 10 s where not given, and never above the interval's bound.
    pub timeout: Option<Duration>,
    /// See [`Terms::success_before_passing`].
    pub success_before_passing: Option<u16>,
    /// See [`Terms::failures_before_warning`]; as many as to be critical where not given.
    pub failures_before_warning: Option<u16>,
    /// See [`Terms::failures_before_critical`].
    pub failures_before_critical: Option<u16>,
    /// See [`Terms::output_octets`]; [`limits::CHECK_OUTPUT_OCTETS`] where not given, and at most.
    pub output_octets: Option<u16>,
    /// See [`Terms::deregister_critical_after`].
    pub deregister_critical_after: Option<Duration>,
}

impl Terms {
    /// The terms of a check of this kind; a rule that is broken is named with `before` before the field.
    pub fn parse(before: &str, kind: CheckKind, wishes: Wishes) -> Result<Terms, Invalid> {
        let bad = |field: &str, rule: &str| Err(Invalid::new(format!("{before}{field}"), rule));
        let (interval, timeout) = match (kind.is_asked(), wishes.interval) {
            (true, None) => return bad("interval", "must be given with a check that the server does"),
            (true, Some(interval)) => (interval, wishes.timeout.unwrap_or(limits::CHECK_TIMEOUT)),
            (false, Some(_)) => return bad("interval", "must not be given: nothing is asked"),
            (false, None) if wishes.timeout.is_some() => return bad("timeout", "must not be given: nothing is asked"),
            (false, None) => (Duration::ZERO, Duration::ZERO),
        };
        if kind.is_asked() && !(limits::CHECK_INTERVAL_MIN..=limits::CHECK_INTERVAL_MAX).contains(&interval) {
            return bad("interval", "must be 1s to 1d");
        }
        if kind.is_asked() && !(limits::CHECK_TIMEOUT_MIN..=limits::CHECK_TIMEOUT_MAX).contains(&timeout) {
            return bad("timeout", "must be 10ms to 60s");
        }
        if let CheckKind::Ttl(ttl) = kind
            && !(limits::LEASE_MIN..=limits::LEASE_MAX).contains(&ttl)
        {
            return bad("ttl", "must be 1s to 366d");
        }
        let after = wishes.deregister_critical_after;
        if after.is_some_and(|after| !(limits::LEASE_MIN..=limits::LEASE_MAX).contains(&after)) {
            return bad("deregister_critical_after", "must be 1s to 366d");
        }
        let critical = wishes.failures_before_critical.unwrap_or(0);
        let warning = wishes.failures_before_warning.unwrap_or(critical);
        if warning > critical {
            return bad("failures_before_warning", "must not be above failures_before_critical");
        }
        let most = u16::try_from(limits::CHECK_OUTPUT_OCTETS).unwrap_or(u16::MAX);
        Ok(Terms {
            kind,
            interval,
            timeout,
            success_before_passing: wishes.success_before_passing.unwrap_or(0),
            failures_before_warning: warning,
            failures_before_critical: critical,
            output_octets: wishes.output_octets.unwrap_or(most).min(most),
            deregister_critical_after: after,
        })
    }

    /// Whether they say no more than that somebody reports.
    pub fn is_plain(&self) -> bool {
        self.kind == CheckKind::Reported && self.deregister_critical_after.is_none()
    }
}

impl Tls {
    /// Parses the name that a certificate must have.
    pub fn parse_server_name(field: &str, text: &str) -> Result<Box<str>, Invalid> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
        if !text.is_empty() && text.len() <= limits::NAME_OCTETS && text.bytes().all(fits) {
            Ok(text.into())
        } else {
            Err(Invalid::new(field, "must be a host name"))
        }
    }
}

impl HttpCheck {
    /// Parses a method: a token of few letters, never CONNECT.
    pub fn parse_method(field: &str, text: &str) -> Result<Box<str>, Invalid> {
        let fits = (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphabetic());
        let method = text.to_ascii_uppercase();
        if fits && method != "CONNECT" {
            Ok(method.into())
        } else {
            Err(Invalid::new(field, "must be an HTTP method such as GET or HEAD"))
        }
    }

    /// Parses a header beside ours. Those that say where a message ends, or whose connection it is, are ours alone.
    pub fn parse_header(field: &str, name: &str, value: &str) -> Result<(Box<str>, Box<str>), Invalid> {
        const OURS: [&str; 9] = [
            "connection",
            "content-length",
            "expect",
            "keep-alive",
            "proxy-connection",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
        ];
        let name = name.to_ascii_lowercase();
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) || OURS.contains(&&*name) {
            return Err(Invalid::new(field, format!("{name:?} is no header that a check may set")));
        }
        if name.len() + value.len() > limits::CHECK_HEADER_OCTETS
            || value.bytes().any(|byte| byte < b' ' || byte == 127)
        {
            let most = limits::CHECK_HEADER_OCTETS;
            return Err(Invalid::new(field, format!("must be at most {most} octets without control characters")));
        }
        Ok((name.into(), value.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(wishes: Wishes) -> Result<Terms, String> {
        Terms::parse("c.", CheckKind::Tcp(Endpoint::Own(None), None), wishes).map_err(|invalid| invalid.to_string())
    }

    #[test]
    fn what_is_not_given_has_its_default() {
        let terms = tcp(Wishes {
            interval: Some(Duration::from_secs(10)),
            failures_before_critical: Some(3),
            ..Wishes::default()
        });
        let terms = terms.expect("fits");
        assert_eq!((terms.timeout, terms.failures_before_warning), (Duration::from_secs(10), 3));
        assert_eq!(usize::from(terms.output_octets), limits::CHECK_OUTPUT_OCTETS);
    }

    #[test]
    fn rules_name_their_field() {
        let second = Some(Duration::from_secs(1));
        for (wishes, said) in [
            (Wishes::default(), "c.interval must be given"),
            (Wishes { interval: Some(Duration::from_millis(999)), ..Wishes::default() }, "c.interval must be 1s to 1d"),
            (Wishes { interval: second, timeout: Some(Duration::ZERO), ..Wishes::default() }, "c.timeout must be 10ms"),
            (
                Wishes { interval: second, failures_before_warning: Some(1), ..Wishes::default() },
                "c.failures_before_warning",
            ),
        ] {
            let refused = tcp(wishes).expect_err(said).replace(": ", " ");
            assert!(refused.starts_with(said), "{refused}");
        }
        let ttl = |ttl, wishes| Terms::parse("", CheckKind::Ttl(ttl), wishes);
        assert!(ttl(Duration::from_millis(1), Wishes::default()).is_err());
        assert!(ttl(Duration::from_secs(1), Wishes { interval: second, ..Wishes::default() }).is_err());
    }

    #[test]
    fn a_unit_is_a_name_and_nothing_else() {
        for name in ["nginx.service", "nginx", "getty@tty1.service", "dev-disk\\x2d1.mount", "_x:y"] {
            assert_eq!(CheckKind::parse_os_service("os_service", name).as_deref(), Ok(name));
        }
        let long = "x".repeat(limits::UNIT_OCTETS + 1);
        for name in ["", "-H", "--all", ".", "a b", "a;b", "$(a)", "a*", "[a]", "a/b", "../a", "a\n", "\u{e9}", &long] {
            assert!(CheckKind::parse_os_service("os_service", name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn headers_cannot_end_a_message() {
        for (name, value) in
            [("", "x"), ("a b", "x"), ("Content-Length", "0"), ("x", "a\r\nb: c"), ("Transfer-Encoding", "chunked")]
        {
            assert!(HttpCheck::parse_header("header", name, value).is_err(), "{name:?}");
        }
        assert_eq!(HttpCheck::parse_header("header", "X-A", "b"), Ok(("x-a".into(), "b".into())));
        assert!(
            HttpCheck::parse_method("method", "CONNECT").is_err() && HttpCheck::parse_method("method", "G T").is_err()
        );
    }
}
