//! What is still shown below `/services/` of hosts without a lease whose rows are gone: somebody deleted them by hand.
//!
//! What a host with a lease is shown as ends with that lease. The rest is taken away by whoever sees the row go, or
//! reads the table: one that nobody saw go is found then.

use super::client::{Client, Trouble};
use super::foreign::{self, Foreign};
use super::wire::{
    Compare, DeleteRangeRequest, KeyValue, Octets, Operation, RangeRequest, RangeResponse, TxnRequest, TxnResponse,
};
use crate::clock::Timestamp;
use crate::table::{Dialect, HostKey};

/// What may still be shown of a host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Stray {
    /// The host.
    pub(super) host: HostKey,
    /// The key that it was shown as.
    pub(super) place: Octets,
    /// The revision at which it was gone: what was written there later is another host's, or the same one's that came back.
    pub(super) gone: i64,
}

impl Stray {
    /// A host whose row went at that revision.
    pub(super) fn of(host: HostKey, gone: i64) -> Stray {
        Stray { place: foreign::place_of(&host), host, gone }
    }

    /// What a key shows, where that is a host without a lease.
    pub(super) fn shown_by(kv: &KeyValue, gone: i64) -> Option<Stray> {
        let is_old = kv.lease.0 == 0 && kv.mod_revision.0 <= gone;
        let dialect = is_old.then(|| mark_of(kv)).flatten()?;
        let (service, id) = foreign::service_key(&kv.key.0).ok()?;
        Some(Stray { host: HostKey { service, dialect, id }, place: kv.key.clone(), gone })
    }

    /// Whether a key is what is left of the host.
    fn is_left_in(&self, kv: &KeyValue) -> bool {
        kv.key == self.place
            && kv.lease.0 == 0
            && kv.mod_revision.0 <= self.gone
            && mark_of(kv) == Some(self.host.dialect)
    }

    /// Deletes it, if it is as it was; says whether it was there.
    pub(super) async fn take_away(&self, client: &Client) -> Result<bool, Trouble> {
        let read = RangeRequest { key: self.place.clone(), ..RangeRequest::default() };
        let found: RangeResponse = client.call("/v3/kv/range", &read).await?;
        let Some(kv) = found.kvs.into_iter().find(|kv| self.is_left_in(kv)) else { return Ok(false) };
        let delete = DeleteRangeRequest { key: self.place.clone(), range_end: None };
        let txn = TxnRequest {
            compare: vec![Compare::unchanged(self.place.clone(), kv.mod_revision.0)],
            success: vec![Operation::DeleteRange(delete)],
            failure: Vec::new(),
        };
        let answer: TxnResponse = client.call("/v3/kv/txn", &txn).await?;
        Ok(answer.succeeded)
    }
}

/// The dialect of the host that a key of ours shows; `None` for a key of another program's.
fn mark_of(kv: &KeyValue) -> Option<Dialect> {
    let Ok(Foreign::Ours(mark)) = foreign::service(&kv.key.0, &kv.value.0, Timestamp::default()) else { return None };
    Dialect::ALL.into_iter().find(|dialect| dialect.as_str() == mark)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::etcd::wire::Long;
    use crate::table::{HostId, ServiceName};

    fn key(dialect: Dialect, id: &str) -> HostKey {
        let service = ServiceName::parse("service", "web").expect("a name");
        HostKey { service, dialect, id: HostId::parse("id", id).expect("an id") }
    }

    fn kv(mark: &str, revision: i64, lease: i64) -> KeyValue {
        let value = format!(r#"{{"host":"10.0.0.1","port":80{mark}}}"#);
        let (mod_revision, lease) = (Long(revision), Long(lease));
        KeyValue {
            key: "/services/web/a".into(),
            value: value.as_str().into(),
            mod_revision,
            lease,
            ..KeyValue::default()
        }
    }

    #[test]
    fn only_what_is_left_of_the_very_host_is_taken_away() {
        let stray = Stray::of(key(Dialect::Native, "a"), 7);
        let ours = r#","rollcall":"native""#;
        assert!(stray.is_left_in(&kv(ours, 7, 0)));
        for (mark, revision, lease) in
            [("", 5, 0), (r#","rollcall":"consul""#, 5, 0), (r#","rollcall":1"#, 5, 0), (ours, 8, 0), (ours, 5, 3)]
        {
            assert!(!stray.is_left_in(&kv(mark, revision, lease)), "{mark} {revision} {lease}");
            let shown = Stray::shown_by(&kv(mark, revision, lease), 7);
            assert!(shown.is_none_or(|shown| shown.host.dialect == Dialect::Consul), "{mark} {revision} {lease}");
        }
        assert_eq!(Stray::shown_by(&kv(ours, 5, 0), 7), Some(stray));
        let consuls = Stray::of(key(Dialect::Consul, "n2/a"), 7);
        assert_eq!(consuls.place, "/services/web/a".into());
    }
}
