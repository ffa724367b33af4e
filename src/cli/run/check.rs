//! `--check`: how a program is asked whether it is well. Pure.

use std::time::Duration;

use crate::table::{CheckKind, Endpoint, HttpCheck, HttpUrl, Invalid, Terms, Tls, Wishes};

/// What the flags say of the check.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said<'a> {
    pub(super) text: &'a str,
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
    pub(super) tls_skip_verify: bool,
}

impl Said<'_> {
    /// The terms for a program at this address with this first port; `None` where nothing is asked.
    pub(super) fn terms(&self, address: &str, port: Option<u16>) -> Result<Option<Terms>, Invalid> {
        let Some(kind) = self.kind()? else { return Ok(None) };
        let wishes = Wishes { interval: Some(self.interval), timeout: Some(self.timeout), ..Wishes::default() };
        let terms = Terms::parse("", placed(kind, address, port)?, wishes)?;
        Ok(Some(terms))
    }

    fn kind(&self) -> Result<Option<CheckKind>, Invalid> {
        let tls = Tls { skip_verify: self.tls_skip_verify, server_name: None };
        let (scheme, rest) = self.text.split_once(':').unwrap_or((self.text, ""));
        Ok(Some(match scheme {
            "none" if rest.is_empty() => return Ok(None),
            "http" | "https" => CheckKind::Http(Box::new(HttpCheck {
                url: HttpUrl::parse("check", self.text)?,
                method: "GET".into(),
                headers: Box::default(),
                body: Box::default(),
                tls,
                follow_redirects: false,
                absent_passes: false,
            })),
            "tcp" => CheckKind::Tcp(endpoint(rest)?, None),
            "grpc" => CheckKind::Grpc(endpoint(rest)?, "".into(), None),
            _ => {
                let rule = "must be http:/path, https:/path, tcp, tcp:PORT, grpc, grpc:PORT, a URL or none";
                return Err(Invalid::new("check", rule));
            }
        }))
    }
}

/// Nothing, a port, or `host:port`.
fn endpoint(rest: &str) -> Result<Endpoint, Invalid> {
    let whole = if rest.contains(':') { rest.to_owned() } else { format!(":{rest}") };
    Endpoint::parse("check", &whole)
}

/// The check with the place of the program where it names none: it is asked where its clients find it.
fn placed(kind: CheckKind, address: &str, port: Option<u16>) -> Result<CheckKind, Invalid> {
    let place = |endpoint: Endpoint| match endpoint {
        Endpoint::At(..) => Ok(endpoint),
        Endpoint::Own(other) => match other.or(port) {
            Some(port) => Ok(Endpoint::At(address.into(), port)),
            None => Err(Invalid::new("check", "must name a port, as no --port is given")),
        },
    };
    Ok(match kind {
        CheckKind::Http(check) => {
            let url = HttpUrl { endpoint: place(check.url.endpoint.clone())?, ..check.url.clone() };
            CheckKind::Http(Box::new(HttpCheck { url, ..*check }))
        }
        CheckKind::Tcp(endpoint, tls) => CheckKind::Tcp(place(endpoint)?, tls),
        CheckKind::Grpc(endpoint, service, tls) => CheckKind::Grpc(place(endpoint)?, service, tls),
        other @ (CheckKind::Reported
        | CheckKind::Ttl(_)
        | CheckKind::Udp(_)
        | CheckKind::H2Ping(..)
        | CheckKind::Alias(..)
        | CheckKind::OsService(_)) => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str, port: Option<u16>) -> Result<String, String> {
        let said =
            Said { text, interval: Duration::from_secs(5), timeout: Duration::from_secs(2), tls_skip_verify: false };
        let terms = said.terms("fd00::1", port).map_err(|invalid| invalid.to_string())?;
        Ok(match terms.map(|terms| terms.kind) {
            None => "nothing".into(),
            Some(CheckKind::Http(check)) => check.url.to_string(),
            Some(CheckKind::Tcp(endpoint, _)) => format!("tcp {endpoint}"),
            Some(CheckKind::Grpc(endpoint, ..)) => format!("grpc {endpoint}"),
            Some(other) => format!("{other:?}"),
        })
    }

    #[test]
    fn a_program_is_asked_where_its_clients_find_it() {
        for (text, expected) in [
            ("none", "nothing"),
            ("http:/health?x=y", "http://[fd00::1]:8080/health?x=y"),
            ("https:/", "https://[fd00::1]:8080/"),
            ("http://:9100/up", "http://[fd00::1]:9100/up"),
            ("http://127.0.0.1:1/", "http://127.0.0.1:1/"),
            ("tcp", "tcp [fd00::1]:8080"),
            ("tcp:", "tcp [fd00::1]:8080"),
            ("tcp:9100", "tcp [fd00::1]:9100"),
            ("tcp:[::1]:9100", "tcp [::1]:9100"),
            ("grpc", "grpc [fd00::1]:8080"),
            ("grpc:9100", "grpc [fd00::1]:9100"),
        ] {
            assert_eq!(asked(text, Some(8080)).as_deref(), Ok(expected), "{text}");
        }
        assert_eq!(asked("tcp:9100", None).as_deref(), Ok("tcp [fd00::1]:9100"));
    }

    #[test]
    fn what_is_no_check_is_refused() {
        for text in ["", "ftp:/x", "http", "http:", "http:health", "tcp:x", "tcp:0", "tcp:70000", "none:x", "/health"] {
            let refused = asked(text, Some(8080)).expect_err(text);
            assert!(refused.starts_with("check: must "), "{text}: {refused}");
        }
        assert!(asked("http:/", None).is_err_and(|refused| refused.contains("must name a port")));
    }
}
