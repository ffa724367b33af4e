//! Keys in etcd: which row, check, mark or server one is. Pure.
//!
//! Below the prefix, parts between slashes percent-encoded where they hold anything but letters, digits, `-`, `_`, `.`:
//!
//! | key | value | lease |
//! | --- | --- | --- |
//! | `v1/rows/{service}/{dialect}/{id}` | the row, see `store::record::to_json` | that of the host, if it has one |
//! | `v1/beats/{service}/{dialect}/{id}/{check}` | empty | the TTL of the check, while it is not critical |
//! | `v1/departures/{service}/{dialect}/{id}` | empty: the host was deregistered; `ended`: its lease has, and nothing keeps it | an hour |
//! | `v1/releases/{service}`, `v1/releases/` | empty: an operator lets hosts of the service go that are kept, or all | an hour |
//! | `v1/servers/{name}` | empty: a rollcall that is alive | a few seconds |

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::wire::Octets;
use crate::registry::Released;
use crate::table::{Dialect, HostId, HostKey, ServiceName};

/// What is not written as it is.
const ODD: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// A key of ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Key {
    Row(HostKey),
    Beat(HostKey, Box<str>),
    Departure(HostKey),
    Server(String),
    Release(Released),
}

/// The keys below a prefix.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    /// With `/v1/` at its end.
    prefix: String,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Keys {
        Keys { prefix: format!("{prefix}/v1/") }
    }

    /// What all of them begin with.
    pub(super) fn all(&self) -> Octets {
        self.prefix.as_str().into()
    }

    pub(super) fn row(&self, key: &HostKey) -> Octets {
        self.of("rows", key).as_str().into()
    }

    pub(super) fn beat(&self, key: &HostKey, check: &str) -> Octets {
        format!("{}/{}", self.of("beats", key), encoded(check)).as_str().into()
    }

    /// What the beats of all checks of a host begin with.
    pub(super) fn beats(&self, key: &HostKey) -> Octets {
        format!("{}/", self.of("beats", key)).as_str().into()
    }

    pub(super) fn departure(&self, key: &HostKey) -> Octets {
        self.of("departures", key).as_str().into()
    }

    pub(super) fn server(&self, name: &str) -> Octets {
        format!("{}servers/{}", self.prefix, encoded(name)).as_str().into()
    }

    pub(super) fn release(&self, release: &Released) -> Octets {
        let service = match release {
            Released::Of(service) => encoded(service.as_str()),
            Released::All => String::new(),
        };
        format!("{}releases/{service}", self.prefix).as_str().into()
    }

    fn of(&self, kind: &str, key: &HostKey) -> String {
        let (service, id) = (encoded(key.service.as_str()), encoded(key.id.as_str()));
        format!("{}{kind}/{service}/{}/{id}", self.prefix, key.dialect)
    }

    /// What a key is; `None` where it is none of ours.
    pub(super) fn parse(&self, key: &[u8]) -> Option<Key> {
        let text = std::str::from_utf8(key).ok()?.strip_prefix(&self.prefix)?;
        let (kind, rest) = text.split_once('/')?;
        let mut parts = rest.split('/').map(decoded);
        let mut part = || parts.next().flatten();
        let parsed = match kind {
            "servers" => Key::Server(part()?),
            "releases" => Key::Release(match part()? {
                all if all.is_empty() => Released::All,
                service => Released::Of(ServiceName::parse("service", &service).ok()?),
            }),
            "rows" => Key::Row(host(part()?, part()?, part()?)?),
            "departures" => Key::Departure(host(part()?, part()?, part()?)?),
            "beats" => {
                let host = host(part()?, part()?, part()?)?;
                Key::Beat(host, part()?.into())
            }
            _ => return None,
        };
        parts.next().is_none().then_some(parsed)
    }
}

/// A part of a key that may hold anything.
pub(super) fn encoded(part: &str) -> String {
    utf8_percent_encode(part, ODD).to_string()
}

pub(super) fn decoded(part: &str) -> Option<String> {
    percent_decode_str(part).decode_utf8().ok().map(Into::into)
}

fn host(service: String, dialect: String, id: String) -> Option<HostKey> {
    let dialect = Dialect::ALL.into_iter().chain([Dialect::Node]).find(|known| known.as_str() == dialect)?;
    Some(HostKey {
        service: ServiceName::parse("service", &service).ok()?,
        dialect,
        id: HostId::parse("id", &id).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(service: &str, dialect: Dialect, id: &str) -> HostKey {
        let service = ServiceName::parse("service", service).expect("a name");
        HostKey { service, dialect, id: HostId::parse("id", id).expect("an id") }
    }

    #[test]
    fn a_key_says_what_it_is() {
        let keys = Keys::new("/rollcall");
        let odd = key("a b/c%", Dialect::Consul, "n2/web:1");
        assert_eq!(keys.row(&odd), "/rollcall/v1/rows/a%20b%2Fc%25/consul/n2%2Fweb%3A1".into());
        for odd in [odd, key("web", Dialect::Native, "web-1"), key("n", Dialect::Node, "self")] {
            assert_eq!(keys.parse(&keys.row(&odd).0), Some(Key::Row(odd.clone())));
            assert_eq!(keys.parse(&keys.departure(&odd).0), Some(Key::Departure(odd.clone())));
            assert_eq!(keys.parse(&keys.beat(&odd, "x/é").0), Some(Key::Beat(odd.clone(), "x/é".into())));
            assert!(keys.beat(&odd, "x").0.starts_with(&keys.beats(&odd).0));
        }
        assert_eq!(keys.parse(&keys.server("a b").0), Some(Key::Server("a b".into())));
        for release in [Released::All, Released::Of(ServiceName::parse("service", "a b").expect("a name"))] {
            assert_eq!(keys.parse(&keys.release(&release).0), Some(Key::Release(release)));
        }
        for none in [
            "",
            "/rollcall/v1/",
            "/rollcall/v1/rows/web/native",
            "/rollcall/v1/rows/web/native/a/b",
            "/rollcall/v1/rows/web/x/a",
            "/rollcall/v2/rows/web/native/a",
        ] {
            assert_eq!(keys.parse(none.as_bytes()), None, "{none}");
        }
    }
}
