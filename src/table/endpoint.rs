//! Where a check asks: the host itself, or a place it names.

use std::fmt;
use std::net::Ipv6Addr;

use super::Host;
use super::text::Invalid;
use crate::limits;

/// A place that is asked over the network.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Endpoint {
    /// The host's own first address, with this port or else its first one.
    Own(Option<u16>),
    /// An address or a name, and a port.
    At(Box<str>, u16),
}

impl Endpoint {
    /// Parses `host:port`, `[v6]:port`, `:port` (the host's own address) or `:` (its first port, too).
    pub fn parse(field: &str, text: &str) -> Result<Endpoint, Invalid> {
        let rule = || Invalid::new(field, "must be host:port, or :port for the host's own address");
        let (host, port) = text.rsplit_once(':').ok_or_else(rule)?;
        if host.is_empty() {
            return Ok(Endpoint::Own(if port.is_empty() { None } else { Some(number(port).ok_or_else(rule)?) }));
        }
        let host = host_part(host).ok_or_else(rule)?;
        Ok(Endpoint::At(host.into(), number(port).ok_or_else(rule)?))
    }

    /// The place for one host, as `host:port`; `None` where the host has no port and none was named.
    pub fn of(&self, host: &Host) -> Option<(Box<str>, u16)> {
        match self {
            Endpoint::At(name, port) => Some((name.clone(), *port)),
            Endpoint::Own(port) => {
                let port = port.or_else(|| host.ports.first().map(|port| port.number))?;
                let name = match host.target.name() {
                    Some(name) => name.to_string(),
                    None => host.target.addresses().first()?.to_string(),
                };
                Some((name.into(), port))
            }
        }
    }
}

/// The form that [`Endpoint::parse`] reads.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Own(None) => f.write_str(":"),
            Endpoint::Own(Some(port)) => write!(f, ":{port}"),
            Endpoint::At(host, port) => write!(f, "{}:{port}", Bracketed(host)),
        }
    }
}

/// A host as it stands before a port.
#[derive(Clone, Copy, Debug)]
pub struct Bracketed<'a>(pub &'a str);

impl fmt::Display for Bracketed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.contains(':') { write!(f, "[{}]", self.0) } else { f.write_str(self.0) }
    }
}

/// What an HTTP check asks for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct HttpUrl {
    /// Whether over TLS: `https`.
    pub tls: bool,
    /// Where.
    pub endpoint: Endpoint,
    /// Path and query, from the slash on.
    pub path: Box<str>,
}

impl HttpUrl {
    /// Parses an absolute URL (RFC 9110 4.2), or `http:/path` for the host's own address and first port, or
    /// `http://:port/path` for its address and that port. A user in it is refused, a fragment too.
    pub fn parse(field: &str, text: &str) -> Result<HttpUrl, Invalid> {
        let rule = || {
            Invalid::new(
                field,
                "must be a URL such as http://10.0.0.1:80/health, or http:/health for the host's own address and first port",
            )
        };
        let (scheme, rest) = text.split_once(':').ok_or_else(rule)?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(rule()),
        };
        let fits = rest.len() <= limits::CHECK_URL_OCTETS && rest.bytes().all(|byte| byte.is_ascii_graphic());
        if !fits || rest.contains('#') {
            return Err(Invalid::new(
                field,
                format!("must be at most {} printable ASCII characters without a fragment", limits::CHECK_URL_OCTETS),
            ));
        }
        let Some(authority) = rest.strip_prefix("//") else {
            return if rest.starts_with('/') {
                Ok(HttpUrl { tls, endpoint: Endpoint::Own(None), path: rest.into() })
            } else {
                Err(rule())
            };
        };
        let end = authority.find(['/', '?']).unwrap_or(authority.len());
        let (authority, path) = authority.split_at(end);
        let path = if path.starts_with('/') { path.into() } else { format!("/{path}").into() };
        if authority.contains('@') {
            return Err(Invalid::new(field, "must not hold a user: give the header authorization"));
        }
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
        let endpoint = if has_port {
            Endpoint::parse(field, authority)?
        } else {
            Endpoint::At(host_part(authority).ok_or_else(rule)?.into(), if tls { 443 } else { 80 })
        };
        Ok(HttpUrl { tls, endpoint, path })
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }
}

/// The form that [`HttpUrl::parse`] reads.
impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.endpoint {
            Endpoint::Own(None) => write!(f, "{}:{}", self.scheme(), self.path),
            endpoint @ (Endpoint::Own(Some(_)) | Endpoint::At(..)) => {
                write!(f, "{}://{endpoint}{}", self.scheme(), self.path)
            }
        }
    }
}

fn number(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().filter(|number| *number > 0)
}

/// A name or an address without brackets. Whatever else the system's resolver takes for an address (`0x7f.1`) passes
/// as a name: what it stands for is looked at when it is resolved.
fn host_part(text: &str) -> Option<&str> {
    if let Some(inner) = text.strip_prefix('[') {
        let inner = inner.strip_suffix(']')?;
        return inner.parse::<Ipv6Addr>().is_ok().then_some(inner);
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    (!text.is_empty() && text.len() <= limits::NAME_OCTETS && text.bytes().all(fits)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_print_as_they_are_read() {
        for text in ["10.0.0.1:80", "[fd00::1]:80", "db.example.com:5432", ":8080", ":"] {
            assert_eq!(Endpoint::parse("tcp", text).map(|endpoint| endpoint.to_string()), Ok(text.into()));
        }
        for text in
            ["", "x", "10.0.0.1:", "10.0.0.1:0", "a:65536", "fd00::1:80", "[x]:1", "a b:1", "a/b:1", "u@h:1", ":+1"]
        {
            assert!(Endpoint::parse("tcp", text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn urls_print_as_they_are_read() {
        for text in ["http://10.0.0.1:80/", "https://[fd00::1]:443/x?y=z", "http:/health", "https:/", "http://:8080/up"]
        {
            assert_eq!(HttpUrl::parse("http", text).map(|url| url.to_string()), Ok(text.into()));
        }
        let whole = |text: &str| HttpUrl::parse("http", text).map(|url| url.to_string());
        assert_eq!(whole("HTTP://a.b"), Ok("http://a.b:80/".into()));
        assert_eq!(whole("https://a.b?x"), Ok("https://a.b:443/?x".into()));
        for text in [
            "",
            "ftp://x/",
            "http:",
            "http:x",
            "http://",
            "http:///x",
            "http://u:p@h/",
            "http://h/ x",
            "http://h/#x",
            "http://h:0/",
            "http://h\r\n/",
        ] {
            assert!(HttpUrl::parse("http", text).is_err(), "{text:?}");
        }
    }
}
