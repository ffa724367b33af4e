//! Host names that rows of Consul's dialect are reached at, looked up and kept as addresses: a client that asks for A gets
//! some, whatever its own resolver knows of the name.
//!
//! A name is looked up at once, and again every [`limits::LOOKUP_INTERVAL`]. One that cannot be looked up keeps its last
//! addresses: a resolver that fails takes nobody out. The name of a node has the addresses of that node.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::Timestamp;
use crate::limits;
use crate::registry::Registry;
use crate::table::{Change, Dialect, Event, Host, HostKey, Hosts};

/// Looks up the names of a table.
pub struct Resolver {
    registry: Arc<Registry>,
    names: Names,
    running: JoinSet<(Arc<str>, Vec<IpAddr>)>,
}

impl Resolver {
    /// A resolver of the names in `registry`, by the resolver of the system.
    pub fn new(registry: Arc<Registry>) -> Resolver {
        Resolver { registry, names: Names::default(), running: JoinSet::new() }
    }

    /// Looks up until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let registry = Arc::clone(&self.registry);
        let mut follower = registry.follow();
        let snapshot = registry.snapshot_arc();
        follower.seek(snapshot.revision);
        self.names = Names::of(&snapshot.hosts, registry.now());
        loop {
            let due = self.start_due();
            let timer = async {
                match due {
                    Some(at) => registry.clock().sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => break,
                changes = follower.next(&registry) => match changes {
                    Ok(changes) => {
                        let now = registry.now();
                        changes.iter().for_each(|change| self.names.follow(change, now));
                    }
                    Err(_) => {
                        let snapshot = registry.snapshot_arc();
                        follower.seek(snapshot.revision);
                        self.names = Names::of(&snapshot.hosts, registry.now());
                    }
                },
                Some(ended) = self.running.join_next() => match ended {
                    Ok((name, found)) => self.finish(&name, &found),
                    Err(error) => tracing::error!(%error, "a look-up failed in itself"),
                },
                () = timer => {}
            }
        }
        self.running.shutdown().await;
    }

    /// Starts the look-ups that are due, as far as there are places; gives the moment of the next.
    fn start_due(&mut self) -> Option<Timestamp> {
        let now = self.registry.now();
        while self.running.len() < limits::PROBE_LOOKUPS {
            let name = match self.names.take_due(now) {
                Ok(name) => name,
                Err(next) => return next,
            };
            let snapshot = self.registry.snapshot();
            match snapshot.hosts.node(&name) {
                Some(node) => {
                    let found = node.target.addresses().to_vec();
                    self.finish(&name, &found);
                }
                None => drop(self.running.spawn_blocking(move || {
                    let found = look_up(&name);
                    (name, found)
                })),
            }
        }
        None
    }

    /// Gives every host of the name what was found, where it is news.
    fn finish(&mut self, name: &Arc<str>, found: &[IpAddr]) {
        self.names.done(name, self.registry.now());
        if found.is_empty() {
            tracing::debug!(%name, "the address of a host has no address itself; what it had stays");
            return;
        }
        let (snapshot, duty) = (self.registry.snapshot(), self.registry.duty());
        for key in self.names.hosts(name) {
            let Some(host) = snapshot.hosts.get(key).filter(|_| duty.is_own(key)) else { continue };
            if host.target.name() == Some(name) && host.target != host.target.resolved(found) {
                let event = Event::Resolve { host: key.clone(), name: Arc::clone(name), addresses: found.to_vec() };
                // It is staged when this returns; where it is not stored, the next look-up says the same again.
                let _ = self.registry.submit(event).now_or_never();
            }
        }
    }
}

/// The addresses of a name, in one order whatever the resolver says; none where it cannot be looked up.
fn look_up(name: &str) -> Vec<IpAddr> {
    let found = (name, 0).to_socket_addrs().into_iter().flatten().map(|found| found.ip());
    let mut found: Vec<IpAddr> = found.collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// The names that are looked up, and when. Pure.
#[derive(Debug, Default)]
struct Names {
    hosts: BTreeMap<Arc<str>, BTreeSet<HostKey>>,
    due: BTreeSet<(Timestamp, Arc<str>)>,
    /// Where a name stands in `due`.
    places: BTreeMap<Arc<str>, Timestamp>,
}

impl Names {
    fn of(hosts: &Hosts, now: Timestamp) -> Names {
        let mut names = Names::default();
        hosts.iter().chain(hosts.nodes()).for_each(|host| names.add(host, now));
        names
    }

    fn follow(&mut self, change: &Change, now: Timestamp) {
        let name = |host: Option<&Arc<Host>>| host.and_then(|host| wanted(host)).cloned();
        let (before, after) = (name(change.before.as_ref()), name(change.after.as_ref()));
        if let Some(gone) = before.filter(|before| after.as_ref() != Some(before))
            && let Some(keys) = self.hosts.get_mut(&gone)
        {
            keys.remove(&change.key());
            if keys.is_empty() {
                self.hosts.remove(&gone);
                self.unschedule(&gone);
            }
        }
        if let Some(after) = &change.after {
            self.add(after, now);
        }
    }

    fn add(&mut self, host: &Host, now: Timestamp) {
        let Some(name) = wanted(host) else { return };
        let is_new = self.hosts.entry(Arc::clone(name)).or_default().insert(host.key());
        if is_new && self.places.get(name).is_none_or(|at| *at > now) {
            self.schedule(name, now);
        }
    }

    fn schedule(&mut self, name: &Arc<str>, at: Timestamp) {
        self.unschedule(name);
        self.places.insert(Arc::clone(name), at);
        self.due.insert((at, Arc::clone(name)));
    }

    fn unschedule(&mut self, name: &Arc<str>) {
        if let Some(at) = self.places.remove(name) {
            self.due.remove(&(at, Arc::clone(name)));
        }
    }

    /// A name that is due; else when the next one is.
    fn take_due(&mut self, now: Timestamp) -> Result<Arc<str>, Option<Timestamp>> {
        match self.due.first() {
            Some((at, _)) if *at > now => Err(Some(*at)),
            Some((_, name)) => {
                let name = Arc::clone(name);
                self.unschedule(&name);
                Ok(name)
            }
            None => Err(None),
        }
    }

    fn done(&mut self, name: &Arc<str>, now: Timestamp) {
        if self.hosts.contains_key(name) {
            self.schedule(name, now.after(limits::LOOKUP_INTERVAL));
        }
    }

    fn hosts(&self, name: &Arc<str>) -> impl Iterator<Item = &HostKey> {
        self.hosts.get(name).into_iter().flatten()
    }
}

/// The name that is looked up for a host. Those of other dialects say names that clients are to look up themselves.
fn wanted(host: &Host) -> Option<&Arc<str>> {
    host.target.name().filter(|_| matches!(host.dialect, Dialect::Consul | Dialect::Minos | Dialect::Node))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{HostId, HostTable, Registration, ServiceName, Target};

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_micros(secs * 1_000_000)
    }

    #[test]
    fn a_name_is_looked_up_at_once_and_again_while_somebody_has_it() {
        let mut table = HostTable::default();
        let mut names = Names::default();
        let mut register = |id: &str, address: &str, names: &mut Names, now| {
            let registration = Registration::new(
                ServiceName::parse("service", "web").expect("a name"),
                Dialect::Consul,
                HostId::parse("id", id).expect("an id"),
                Target::parse_name("address", address).expect("a name"),
            );
            let applied = table.apply(Event::Register(Box::new(registration)), now).expect("registers");
            names.follow(applied.change().expect("a change"), now);
        };
        register("a", "box", &mut names, at(1));
        let name = names.take_due(at(1)).expect("due at once");
        names.done(&name, at(1));
        let next = at(1).after(limits::LOOKUP_INTERVAL);
        assert_eq!(names.take_due(at(2)), Err(Some(next)));
        // A second host of the name does not wait for the interval.
        register("b", "box", &mut names, at(3));
        assert_eq!(names.take_due(at(3)).as_deref(), Ok("box"));
        names.done(&name, at(3));
        assert_eq!(names.hosts(&name).count(), 2);
        register("a", "other", &mut names, at(4));
        register("b", "other", &mut names, at(4));
        assert_eq!(names.take_due(at(4)).as_deref(), Ok("other"));
        assert_eq!(names.take_due(next.after(limits::LOOKUP_INTERVAL)), Err(None), "nobody has the old name");
    }
}
