//! Items to rows, rows to items.
//!
//! A host of Lyft's is what Lyft's fields say. Where a row says more (checks, a drain, a port by name), the attribute
//! `rollcall` has all of it as JSON ([`record::to_json`]). Lyft's fields win over it: who wrote them with another program
//! knew nothing of it. And as such a program drops the attribute with every write, what was in it is kept from the row
//! that was known. It drops the version, too: an item that has one was written by a rollcall, which leaves the attribute
//! out where there is nothing more to say.

use std::time::Duration;

use super::fields::Fields;
use super::item::{Item, ROW, text};
use super::place;
use crate::clock::Timestamp;
use crate::limits;
use crate::store::record;
use crate::table::{Dialect, Host, HostKey, Invalid, Lease, Registration, Revision, Target};

/// Why an item is no host.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoHost {
    /// It is no row of ours, and not of Lyft's form.
    #[error(transparent)]
    Form(#[from] Invalid),
    /// The attribute `rollcall` cannot be read.
    #[error("rollcall: {0}")]
    Row(#[from] record::Unreadable),
}

/// The row of an item. `known` is the row that the table has for it; its lease and those of its checks go on, where it has
/// none they begin at `now`.
pub(super) fn host(
    item: &Item,
    key: &HostKey,
    known: Option<&Host>,
    lyft_ttl: Duration,
    now: Timestamp,
) -> Result<Host, NoHost> {
    let mut host = match (item.text(ROW), known) {
        (Some(json), _) => said(json, key)?,
        (None, _) if !place::is_lyfts(key) => {
            return Err(Invalid::new(ROW, "must be there: the key is none of Lyft's").into());
        }
        (None, Some(known)) if item.version().is_none() => known.clone(),
        (None, _) => bare(key, lyft_ttl, now)?,
    };
    if place::is_lyfts(key) {
        let fields = Fields::of_item(item)?;
        if fields != Fields::of_host(&host) {
            fields.put(&mut host)?;
        }
    }
    host.lease = Lease::new(host.lease.ttl(), known.map_or(now, |known| known.lease.renewed()));
    for check in &host.checks {
        let before = known.and_then(|known| known.checks.iter().find(|before| before.id == check.id));
        if let Some(lease) = check.lease() {
            lease.renew(before.and_then(|before| before.lease()).map_or(now, Lease::renewed));
        }
    }
    host.weight = host.weights.of(host.status());
    Ok(host)
}

/// What an item says of a row: all but the key, the version and heartbeats.
pub(super) fn item(host: &Host, lyft_ttl: Duration) -> Item {
    let mut item = Item::default();
    let key = host.key();
    Fields::of_host(host).write(&mut item, place::is_lyfts(&key));
    if !is_plain(host, &key, lyft_ttl) {
        // Revisions are those of one server.
        let row = Host { created: Revision(0), modified: Revision(0), ..host.clone() };
        item.set(ROW, text(&record::to_json(&row)));
    }
    item
}

/// Whether Lyft's fields say all there is.
fn is_plain(host: &Host, key: &HostKey, lyft_ttl: Duration) -> bool {
    let plain = || {
        let mut plain = bare(key, lyft_ttl, host.lease.renewed())?;
        Fields::of_host(host).put(&mut plain)?;
        Ok::<_, Invalid>(plain)
    };
    place::is_lyfts(key) && plain().is_ok_and(|plain| plain.same_content(host))
}

/// A host of Lyft's of which nothing is known but its key.
fn bare(key: &HostKey, ttl: Duration, now: Timestamp) -> Result<Host, Invalid> {
    let address = key.id.as_str();
    if address.parse::<std::net::IpAddr>().is_err() {
        return Err(Invalid::new("ip_address", "must be an IPv4 or IPv6 address"));
    }
    let (service, id) = (key.service.clone(), key.id.clone());
    let target = Target::parse("ip_address", [address])?;
    let registration = Registration { ttl: Some(ttl), ..Registration::new(service, Dialect::Lyft, id, target) };
    Ok(Host::new(registration, now))
}

fn said(json: &str, key: &HostKey) -> Result<Host, NoHost> {
    if json.len() > limits::DYNAMODB_ROW_OCTETS {
        return Err(Invalid::new(ROW, format!("must be at most {} octets", limits::DYNAMODB_ROW_OCTETS)).into());
    }
    let host = record::from_json(json.as_bytes())?;
    if host.key() == *key { Ok(host) } else { Err(Invalid::new(ROW, "must be of the row that the key names").into()) }
}
