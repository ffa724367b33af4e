//! Which item a row is, and the other way round.
//!
//! A row of Lyft's dialect is the item that Lyft's service has: service and address. Rows of all other dialects have keys
//! that no Lyft service asks for. Its list of a service is every item of that hash key, each with its range key as the
//! address; Envoy, which reads the list, drops all of it for one that is none. So such a row must not be below the name of
//! its service. Its hash key has a slash in it: a path of Lyft's API cannot name one. And it is in no index, as it has no
//! `service_repo_name`. For whoever reads the whole table with Lyft's model, all that the model requires is there.

use super::item::ItemKey;
use crate::registry::Released;
use crate::table::{Dialect, HostId, HostKey, Invalid, ServiceName};

/// What the hash key of a row of another dialect begins with; its service follows.
const ROWS: &str = "rollcall/v1/";
/// The hash key of the servers.
pub(super) const SERVERS: &str = "rollcall/servers";
/// The hash key of what operators let go.
const RELEASES: &str = "rollcall/releases";
/// The range key of all services: no service has that name.
const ALL: &str = "/";

/// What an item is by its key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// A row.
    Row(HostKey),
    /// A rollcall that lives, by its name.
    Server(Box<str>),
    /// That an operator lets hosts go that the brake keeps.
    Release(Released),
}

/// The key of the item of a row.
pub(super) fn of(key: &HostKey) -> ItemKey {
    let (service, id) = (key.service.as_str(), key.id.as_str());
    if is_lyfts(key) {
        return ItemKey { service: service.into(), address: id.into() };
    }
    ItemKey { service: format!("{ROWS}{service}").into(), address: format!("{}/{id}", key.dialect).into() }
}

/// Whether Lyft's service has this item, too.
pub(super) fn is_lyfts(key: &HostKey) -> bool {
    key.dialect == Dialect::Lyft && !key.service.as_str().contains('/')
}

/// The item of a server.
pub(super) fn of_server(name: &str) -> ItemKey {
    ItemKey { service: SERVERS.into(), address: name.into() }
}

/// The item that says that hosts are let go.
pub(super) fn of_release(release: &Released) -> ItemKey {
    let service = match release {
        Released::Of(service) => service.as_str(),
        Released::All => ALL,
    };
    ItemKey { service: RELEASES.into(), address: service.into() }
}

/// What an item is.
pub(super) fn read(key: &ItemKey) -> Result<Place, Invalid> {
    if *key.service == *SERVERS {
        return Ok(Place::Server(key.address.clone()));
    }
    if *key.service == *RELEASES {
        return Ok(Place::Release(match &*key.address {
            ALL => Released::All,
            service => Released::Of(ServiceName::parse("ip_address", service)?),
        }));
    }
    let parsed = |service: &str, dialect, id: &str| {
        let (service, id) = (ServiceName::parse("service", service)?, HostId::parse("ip_address", id)?);
        Ok(Place::Row(HostKey { service, dialect, id }))
    };
    let Some(service) = key.service.strip_prefix(ROWS) else {
        if key.service.contains('/') {
            return Err(Invalid::new("service", "must not have a slash: no path of Lyft's API can name it"));
        }
        return parsed(&key.service, Dialect::Lyft, &key.address);
    };
    let rule = || Invalid::new("ip_address", "must be a dialect, a slash and an id");
    let (dialect, id) = key.address.split_once('/').ok_or_else(rule)?;
    let known = (0..=u8::MAX).map_while(Dialect::of_number).find(|known| known.as_str() == dialect);
    parsed(service, known.ok_or_else(rule)?, id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(service: &str, dialect: Dialect, id: &str) -> HostKey {
        HostKey {
            service: ServiceName::parse("service", service).expect("a service"),
            dialect,
            id: HostId::parse("id", id).expect("an id"),
        }
    }

    #[test]
    fn every_row_has_a_key_of_its_own() {
        let rows = [
            (key("web", Dialect::Lyft, "10.0.0.1"), "web", "10.0.0.1"),
            (key("web", Dialect::Native, "10.0.0.1"), "rollcall/v1/web", "native/10.0.0.1"),
            (key("a/b", Dialect::Lyft, "10.0.0.1"), "rollcall/v1/a/b", "lyft/10.0.0.1"),
            (key("servers", Dialect::Consul, "n/1"), "rollcall/v1/servers", "consul/n/1"),
            (key("rollcall/servers", Dialect::Native, "x"), "rollcall/v1/rollcall/servers", "native/x"),
            (key("n1", Dialect::Node, "node"), "rollcall/v1/n1", "node/node"),
            (key("order", Dialect::Minos, "o"), "rollcall/v1/order", "minos/o"),
        ];
        for (row, service, address) in rows {
            let item = of(&row);
            assert_eq!((&*item.service, &*item.address), (service, address));
            assert_eq!(read(&item), Ok(Place::Row(row)));
        }
        assert_eq!(read(&of_server("a")), Ok(Place::Server("a".into())));
        for release in [Released::All, Released::Of(ServiceName::parse("service", "a b").expect("a service"))] {
            assert_eq!(read(&of_release(&release)), Ok(Place::Release(release)));
        }
    }

    #[test]
    fn other_keys_are_no_rows() {
        for (service, address) in [
            ("rollcall/v1/web", "10.0.0.1"),
            ("rollcall/v1/web", "morse/x"),
            ("rollcall/v1/", "native/x"),
            ("a/b", "1"),
            ("web", ""),
        ] {
            assert!(
                read(&ItemKey { service: service.into(), address: address.into() }).is_err(),
                "{service} {address}"
            );
        }
    }
}
