//! This server among those of the table: a key on a lease of a few seconds, by which it also knows that etcd is there.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::client::{Client, Trouble};
use super::wire::{Header, LeaseKeepAliveResponse, LeaseRequest, Long, Octets, PutRequest};
use super::write::grant;
use crate::clock::Timestamp;
use crate::limits;

/// The lease that marks of departures are attached to, and since when it is.
pub(super) type Departures = Arc<Mutex<Option<(i64, Timestamp)>>>;

/// How this server is known.
#[derive(Clone, Default, Debug)]
pub(super) struct Presence {
    /// Its lease; 0 before the first.
    lease: i64,
    /// The revision that etcd was at.
    pub(super) revision: i64,
    pub(super) departures: Departures,
}

impl Presence {
    /// Whether it ever was shown.
    pub(super) fn is_shown(&self) -> bool {
        self.lease != 0
    }
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct PutResponse {
    header: Header,
}

/// Renews the lease of this server, or makes another one with its key. Only an etcd that has a leader answers.
pub(super) async fn show(client: &Client, key: Octets, presence: Presence) -> Result<Presence, Trouble> {
    if presence.lease != 0 {
        let request = LeaseRequest { id: Long(presence.lease) };
        let answer: LeaseKeepAliveResponse =
            match client.call_within(limits::ETCD_LOOK_TIME, "/v3/lease/keepalive", &request).await {
                Err(Trouble::NoLease) => LeaseKeepAliveResponse::default(),
                answer => answer?,
            };
        if answer.result.ttl.0 > 0 {
            return Ok(Presence { revision: answer.result.header.revision.0, ..presence });
        }
    }
    let lease = grant(client, limits::ETCD_SERVER_LEASE).await?;
    let put = PutRequest { key, value: Octets::default(), lease: Long(lease) };
    let answer: PutResponse = client.call("/v3/kv/put", &put).await?;
    // Marks on a lease that etcd may have forgotten would refuse every deregistration.
    Ok(Presence { lease, revision: answer.header.revision.0, departures: Departures::default() })
}

/// Writes the key of this server again, which changes nothing: the revision of that, by which a watch shows how far it is.
pub(super) async fn mark(client: &Client, key: Octets, presence: &Presence) -> Result<i64, Trouble> {
    let put = PutRequest { key, value: Octets::default(), lease: Long(presence.lease) };
    let answer: PutResponse = client.call("/v3/kv/put", &put).await?;
    Ok(answer.header.revision.0)
}

/// Takes this server out at once.
pub(super) async fn leave(client: &Client, presence: &Presence) {
    if presence.lease != 0 {
        let request = LeaseRequest { id: Long(presence.lease) };
        // It ends by itself in a few seconds.
        let _ = client.call::<serde_json::Value>("/v3/lease/revoke", &request).await;
    }
}

/// The lease for marks of departures: one for many, and another after a while, so that each lasts about as long.
pub(super) async fn departures(client: &Client, departures: &Departures, now: Timestamp) -> Result<i64, Trouble> {
    let mut known = departures.lock().await;
    if let Some((lease, since)) = *known
        && now.since(since) < limits::ETCD_DEPARTURE_TURN
    {
        return Ok(lease);
    }
    let lease = grant(client, limits::ETCD_DEPARTURE_LEASE).await?;
    *known = Some((lease, now));
    Ok(lease)
}
