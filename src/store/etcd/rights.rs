//! What etcd says of our rights, with the setting and the keys that an operator has to look at. Pure.

use serde::Serialize;

use super::client::Trouble;
use super::foreign::SERVICES;
use super::settings::Settings;
use super::wire::{LeaseGrantRequest, LeaseRequest, Octets, Operation, PutRequest, RangeRequest, TxnRequest};

/// What etcd may be asked.
pub(super) trait Asks: Serialize {
    /// The keys that it is about.
    fn keys(&self) -> Vec<&Octets> {
        Vec::new()
    }

    /// Whether something is written by it.
    fn writes(&self) -> bool {
        true
    }
}

impl Asks for LeaseGrantRequest {}
impl Asks for LeaseRequest {}

impl Asks for RangeRequest {
    fn keys(&self) -> Vec<&Octets> {
        vec![&self.key]
    }

    fn writes(&self) -> bool {
        false
    }
}

impl Asks for PutRequest {
    fn keys(&self) -> Vec<&Octets> {
        vec![&self.key]
    }
}

impl Asks for TxnRequest {
    fn keys(&self) -> Vec<&Octets> {
        fn of(operation: &Operation) -> &Octets {
            match operation {
                Operation::Range(range) => &range.key,
                Operation::Put(put) => &put.key,
                Operation::DeleteRange(delete) => &delete.key,
            }
        }
        self.compare.iter().map(|compare| &compare.key).chain(self.success.iter().map(of)).collect()
    }
}

/// Who we are to etcd, and what all of our keys begin with.
#[derive(Debug)]
pub(super) struct Rights {
    user: Option<String>,
    prefixes: Vec<String>,
}

impl Rights {
    pub(super) fn new(settings: &Settings) -> Rights {
        let skydns = settings.skydns.as_ref().map(|prefix| format!("{prefix}/"));
        let services = settings.services.then(|| SERVICES.to_owned());
        let prefixes = [format!("{}/", settings.prefix)].into_iter().chain(services).chain(skydns).collect();
        Rights { user: settings.user.clone(), prefixes }
    }

    /// A refusal for lack of a user or of a right, with who lacks it and below which of the prefixes; any other as it is.
    pub(super) fn explained(&self, trouble: Trouble, keys: &[&Octets], writes: bool) -> Trouble {
        let explain = |said: String| {
            let hint = if said.contains("permission denied") {
                self.lacking(keys, writes)
            } else if said.contains("user name is empty") {
                "it wants to know who we are: set etcd_user and etcd_password_file".into()
            } else {
                return said;
            };
            format!("{said} ({hint})")
        };
        match trouble {
            Trouble::Refused(said) => Trouble::Refused(explain(said)),
            Trouble::Away(said) => Trouble::Away(explain(said)),
            Trouble::NoLease | Trouble::Compacted | Trouble::Full(_) => trouble,
        }
    }

    fn lacking(&self, keys: &[&Octets], writes: bool) -> String {
        let is_meant = |prefix: &&String| keys.iter().any(|key| key.0.starts_with(prefix.as_bytes()));
        let mut prefixes: Vec<&str> = self.prefixes.iter().filter(is_meant).map(String::as_str).collect();
        if prefixes.is_empty() {
            prefixes = self.prefixes.iter().map(String::as_str).collect();
        }
        let user = self.user.as_ref().map_or("our certificate's user".into(), |user| format!("etcd_user {user}"));
        let right = if writes { "read and write" } else { "read" };
        format!("{user} needs the right to {right} the prefix {}", prefixes.join(" and "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::etcd::wire::{Compare, DeleteRangeRequest};

    #[test]
    fn a_refusal_says_who_lacks_which_right() {
        let rights = Rights::new(&Settings { user: Some("ann".into()), ..Settings::default() });
        let denied = || Trouble::Refused("etcdserver: permission denied".into());
        let range = RangeRequest { key: "/skydns/".into(), ..RangeRequest::default() };
        let said = rights.explained(denied(), &range.keys(), range.writes()).to_string();
        assert!(said.ends_with("denied (etcd_user ann needs the right to read the prefix /skydns/)"), "{said}");
        let txn = TxnRequest {
            compare: vec![Compare::unchanged("/rollcall/v1/rows/web/native/a".into(), 0)],
            success: vec![Operation::DeleteRange(DeleteRangeRequest {
                key: "/services/web/a".into(),
                range_end: None,
            })],
            failure: Vec::new(),
        };
        let said = rights.explained(denied(), &txn.keys(), txn.writes()).to_string();
        assert!(said.ends_with("to read and write the prefix /rollcall/ and /services/)"), "{said}");
        let said = rights.explained(Trouble::Away("PermissionDenied: permission denied".into()), &[], true).to_string();
        assert!(said.ends_with("the prefix /rollcall/ and /services/ and /skydns/)"), "{said}");
        let nobody = Rights::new(&Settings::default());
        let said = nobody.explained(Trouble::Refused("etcdserver: user name is empty".into()), &[], true).to_string();
        assert!(said.contains("set etcd_user and etcd_password_file"), "{said}");
        for other in [Trouble::NoLease, Trouble::Full("x".into()), Trouble::Away("x".into())] {
            assert_eq!(rights.explained(other.clone(), &[], true), other);
        }
    }
}
