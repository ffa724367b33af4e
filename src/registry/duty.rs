//! Which of several servers does what one of them has to do: checks, and what follows from time alone.

use std::hash::Hasher as _;

use siphasher::sip::SipHasher24;

use crate::table::{HostKey, ServiceName};

/// The servers of a shared table that are alive, and which of them this one is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Duty {
    own: Box<str>,
    /// In order, this one among them; empty where there is no other.
    servers: Box<[Box<str>]>,
}

impl Duty {
    /// Servers by names that tell them from each other, in any order; the own one counts as one of them.
    pub fn new(own: &str, servers: impl IntoIterator<Item = String>) -> Duty {
        let mut servers: Vec<Box<str>> = servers.into_iter().map(Into::into).chain([own.into()]).collect();
        servers.sort_unstable();
        servers.dedup();
        Duty { own: own.into(), servers: servers.into() }
    }

    /// How many servers there are, this one included.
    pub fn servers(&self) -> usize {
        self.servers.len().max(1)
    }

    /// Whether this server looks after a row: where all have the same list, exactly one does. When one comes or goes, no
    /// row moves but from or to it (rendezvous hashing: the server with the greatest hash of it and the row).
    pub fn is_own(&self, key: &HostKey) -> bool {
        self.has_most(&[key.service.as_str().as_bytes(), &[key.dialect as u8], key.id.as_str().as_bytes()])
    }

    /// Whether this server decides which hosts of a service are kept past their leases, in the same way.
    pub fn decides(&self, service: &ServiceName) -> bool {
        self.has_most(&[service.as_str().as_bytes()])
    }

    /// Whether this server lets hosts go that are kept, of all services: so they leave as fast as they would at one.
    pub fn lets_go(&self) -> bool {
        self.has_most(&[])
    }

    fn has_most(&self, parts: &[&[u8]]) -> bool {
        if self.servers.len() < 2 {
            return true;
        }
        let most = self.servers.iter().max_by_key(|server| (weight(server, parts), *server));
        most.is_some_and(|most| *most == self.own)
    }
}

/// The same in every release: servers of two must agree.
fn weight(server: &str, parts: &[&[u8]]) -> u64 {
    let mut hasher = SipHasher24::new_with_keys(0x726f_6c6c_6361_6c6c, 0x6475_7479);
    for part in std::iter::once(&server.as_bytes()).chain(parts) {
        hasher.write(part);
        hasher.write_u8(0);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Dialect, HostId};

    fn keys() -> Vec<HostKey> {
        let service = ServiceName::parse("service", "web").expect("a name");
        let id = |n: usize| HostId::parse("id", &format!("host-{n}")).expect("an id");
        (0..900).map(|n| HostKey { service: service.clone(), dialect: Dialect::Native, id: id(n) }).collect()
    }

    fn duty(own: &str, all: &[&str]) -> Duty {
        Duty::new(own, all.iter().map(|name| (*name).to_owned()))
    }

    #[test]
    fn each_row_has_one_server_and_stays_with_it() {
        let three = ["a", "b", "c"];
        for key in keys() {
            let owners: Vec<_> = three.iter().filter(|own| duty(own, &three).is_own(&key)).collect();
            assert_eq!(owners.len(), 1, "{key}");
            if *owners[0] != "c" {
                assert!(duty(owners[0], &["a", "b"]).is_own(&key), "{key} moved though its server stayed");
            }
        }
        let shares: Vec<usize> =
            three.iter().map(|own| keys().iter().filter(|key| duty(own, &three).is_own(key)).count()).collect();
        assert!(shares.iter().all(|share| (230..370).contains(share)), "{shares:?}");
    }

    #[test]
    fn who_is_alone_does_everything() {
        assert!(keys().iter().all(|key| Duty::default().is_own(key) && duty("a", &["a"]).is_own(key)));
        assert_eq!((Duty::default().servers(), duty("a", &["b", "a"]).servers()), (1, 2));
    }
}
