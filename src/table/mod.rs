//! The host table. Pure: no clock, no IO, no lock, no serde; `now` is an argument.
//!
//! A [`HostTable`] is changed by one closed set of [`Event`]s. Each visible change gets the next
//! [`Revision`] and is returned as a [`Change`] with the row before and after. A heartbeat that alters
//! nothing visible moves a deadline and no more.
//!
//! The rows ([`Hosts`]) are persistent ordered sets: a reader's copy is O(1) and stays as it was, whatever
//! happens to the table afterwards. Only leases are shared between the copies (see [`Lease`]).

mod absorb;
mod addresses;
mod brake;
mod change;
mod check;
mod deadline;
mod endpoint;
mod event;
mod fill;
mod host;
mod journal;
mod key;
mod lapse;
mod lease;
mod node;
mod restore;
mod rows;
mod target;
mod terms;
mod text;

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::limits;

pub use absorb::Gone;
pub use addresses::Addresses;
use brake::Brake;

pub use brake::{BrakeView, GroupView, Late, Note, Phase, Release, Rule, Rules, Scope, Single, Totals};
pub use change::{Cause, Change, Revision};
pub use check::{Check, Output, Said, Status, Title};
pub use deadline::Deadlines;
pub use endpoint::{Bracketed, Endpoint, HttpUrl};
pub use event::{Applied, CheckDefinition, Event, Registration, Rejection};
pub(crate) use fill::filling_order;
pub use host::{Host, Weights};
pub use journal::{Compacted, Journal};
pub use key::{Dialect, HostKey, Row};
pub use lease::Lease;
pub use node::{Standing, node_key};
pub use rows::Hosts;
pub use target::{Port, Protocol, Target};
pub use terms::{CheckKind, HttpCheck, Terms, Tls, Wishes};
pub use text::{
    HostId, Invalid, Meta, Namespace, Place, ServiceName, Tag, is_label, parse_label, parse_meta, parse_tags,
};

/// The rows, their deadlines and the revision they are at.
#[derive(Debug, Default)]
pub struct HostTable {
    hosts: Hosts,
    deadlines: Deadlines,
    revision: Revision,
    /// What changes of nodes did to the hosts on them, until somebody takes it.
    consequences: Vec<Change>,
    brake: Brake,
    /// Whether what happens is about to be taken back: the brake counts nothing of it.
    rehearsing: bool,
}

impl HostTable {
    /// A table of rows read from a store, at the revision the store had. Each lease begins anew, and so does
    /// what else runs out.
    pub fn restore(rows: impl IntoIterator<Item = Host>, revision: Revision, now: Timestamp) -> HostTable {
        HostTable::default().filled(rows.into_iter().map(Arc::new), revision, now)
    }

    /// An empty table with a brake on mass expiry; `seed` decides on the order in which hosts leave that it kept.
    pub fn braked(rules: Rules, seed: u64) -> HostTable {
        HostTable { brake: Brake::new(rules, seed), ..HostTable::default() }
    }

    /// The empty table with rows, as [`HostTable::restore`] makes it.
    #[must_use]
    pub fn filled(self, rows: impl IntoIterator<Item = Arc<Host>>, revision: Revision, now: Timestamp) -> HostTable {
        let mut table = HostTable { revision, ..self };
        let mut held = Vec::new();
        let mut rows: Vec<Arc<Host>> = rows.into_iter().collect();
        for shared in &mut rows {
            // Nobody else has it yet.
            let host = Arc::make_mut(shared);
            let (kept, until) = (host.lease.is_kept(), host.lease.held_until());
            host.lease = Lease::new(host.lease.ttl(), now);
            host.lease.keep(kept);
            if let Some(until) = until {
                host.lease.hold(until);
                held.push(host.key());
            }
            host.checks.iter_mut().for_each(|check| check.restart(now));
            host.weight = host.weights.of(host.status());
            let due = table.due(shared);
            shared.lease.set_scheduled(due);
        }
        let scheduled = rows.iter().filter_map(|host| Some((host.lease.scheduled()?, Arc::clone(host))));
        table.deadlines = scheduled.collect();
        filling_order(rows.len()).for_each(|place| table.hosts.insert(Arc::clone(&rows[place])));
        drop(rows);
        table.restore_nodes();
        for host in held.iter().filter_map(|key| table.hosts.get(key).cloned()).collect::<Vec<_>>() {
            table.brake.keep(&host, &table.hosts, now);
        }
        table.hosts.count_from(revision);
        table
    }

    /// Makes the hosts on nodes what their nodes are now: their status is not stored with them, and this server may be
    /// somewhere else than it was.
    fn restore_nodes(&mut self) {
        let nodes: Vec<Arc<Host>> = self.hosts.nodes().cloned().collect();
        for node in nodes {
            let on_node: Vec<Arc<Host>> = self.hosts.on_node(node.as_node().unwrap_or_default()).cloned().collect();
            for host in on_node {
                let moved = host.at_node && host.target != node.target;
                if node.status() == Status::Passing && !moved {
                    continue;
                }
                let target = if moved { node.target.clone() } else { host.target.clone() };
                let mut host = Host { node_status: node.status(), target, ..Host::clone(&host) };
                host.weight = host.weights.of(host.status());
                self.hosts.insert(Arc::new(host));
            }
        }
    }

    /// The rows; a clone is O(1).
    pub fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// What falls due when.
    pub fn deadlines(&self) -> &Deadlines {
        &self.deadlines
    }

    /// The number of the last change.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// What the last events did to rows beside those that they spoke of, in order; each is told once.
    pub fn take_consequences(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.consequences)
    }

    /// Does what `event` asks, or refuses and leaves everything as it was. A change of a node has
    /// [consequences](HostTable::take_consequences) for the hosts on it.
    pub fn apply(&mut self, event: Event, now: Timestamp) -> Result<Applied, Rejection> {
        if event.key().dialect == Dialect::Etcd && !matches!(event, Event::Deregister(_)) {
            return Err(Rejection::Foreign(event.key()));
        }
        match event {
            Event::Register(registration) => self.register(*registration, now),
            Event::Renew(key) => {
                let host = self.live(&key, now)?;
                self.renew(&host, now);
                Ok(Applied::Unchanged(host))
            }
            Event::Deregister(key) => {
                // A row past its lease can still be deregistered: that is what its owner wants.
                let before = self.hosts.get(&key).cloned().ok_or(Rejection::UnknownHost(key))?;
                let cause = Cause::Api(before.dialect);
                Ok(Applied::Removed(self.replace(Some(before), None, cause, now)))
            }
            Event::Report { host, check, status, output } => {
                let before = self.live(&host, now)?;
                self.report(&before, check, status, &output, now)
            }
            Event::Observe { host, check, terms, status, output } => {
                let before = self.live(&host, now)?;
                let known =
                    before.checks.iter().position(|known| *known.id == *check && known.terms.as_ref() == Some(&terms));
                let place = known.ok_or(Rejection::UnknownCheck(check))?;
                Ok(self.judge(&before, place, status, &output, Cause::Check, now))
            }
            Event::Weigh { host, weight, original } => {
                let before = self.live(&host, now)?;
                Ok(self.edit(&before, now, |host| {
                    host.weights = Weights::same(weight);
                    host.original = original.or_else(|| host.original.take());
                }))
            }
            Event::Drain { host, enable } => {
                let before = self.live(&host, now)?;
                Ok(self.edit(&before, now, |host| host.draining = enable))
            }
            Event::Lapse { host, check } => {
                let before = self.live(&host, now)?;
                let place = before.checks.iter().position(|known| known.id == check);
                let place = place.filter(|place| before.checks[*place].lease().is_some());
                Ok(place.map_or(Applied::Unchanged(Arc::clone(&before)), |place| self.lapse_check(&before, place, now)))
            }
            Event::Resolve { host, name, addresses } => {
                let before = self.live(&host, now)?;
                if before.target.name() != Some(&name) {
                    return Ok(Applied::Unchanged(before));
                }
                Ok(self.edit(&before, now, |host| host.target = host.target.resolved(&addresses)))
            }
            Event::Restore(host) => self.put(*host, now),
        }
    }

    /// Returns to rows and a revision of before; `undone` are the changes since. What is due is looked at again at `retry`.
    pub fn roll_back(&mut self, hosts: Hosts, revision: Revision, undone: &[Change], retry: Timestamp) {
        for after in undone.iter().filter_map(|change| change.after.as_ref()) {
            self.unschedule(after);
            if !self.rehearsing {
                self.brake.forget(after, Release::Recovered, retry);
            }
        }
        self.hosts = hosts;
        self.revision = revision;
        self.consequences.clear();
        for before in undone.iter().filter_map(|change| change.before.as_ref()) {
            if let Some(host) = self.hosts.get(&before.key()).cloned() {
                self.unschedule(&host);
                if let Some(due) = self.due(&host) {
                    self.schedule_at(&host, due.max(retry));
                }
            }
        }
    }

    fn live(&self, key: &HostKey, now: Timestamp) -> Result<Arc<Host>, Rejection> {
        self.hosts
            .get(key)
            .filter(|host| host.lease.is_live(now))
            .cloned()
            .ok_or_else(|| Rejection::UnknownHost(key.clone()))
    }

    fn register(&mut self, mut registration: Registration, now: Timestamp) -> Result<Applied, Rejection> {
        let stored =
            self.hosts.find(registration.service.as_str(), registration.dialect, registration.id.as_str()).cloned();
        match &stored {
            Some(stored) => registration.service.share(&stored.service),
            None => self.make_room(&mut registration.service, registration.dialect)?,
        }
        // A row past its lease is as good as gone: the host begins anew.
        let current = stored.as_ref().filter(|host| host.lease.is_live(now));
        let mut host = registered(registration, current.map(AsRef::as_ref), now);
        if host.dialect == Dialect::Consul {
            let node = self.hosts.node(Standing::of(&host.id).node);
            host.node_status = node.map(|node| node.status()).unwrap_or_default();
        }
        let current = current.cloned();
        Ok(self.place(stored, current, host, now))
    }

    /// Puts a row in the place of the live one with its key; where that says the same, its lease begins anew and no more.
    fn place(&mut self, stored: Option<Arc<Host>>, current: Option<Arc<Host>>, host: Host, now: Timestamp) -> Applied {
        match current {
            Some(current) if current.same_content(&host) => {
                self.renew(&current, now);
                for (kept, said) in current.checks.iter().zip(&host.checks) {
                    kept.output.write(&said.output.read());
                }
                Applied::Unchanged(current)
            }
            Some(current) => {
                let cause = Cause::Api(host.dialect);
                Applied::Updated(self.replace(Some(current), Some(host), cause, now))
            }
            None => {
                let cause = Cause::Api(host.dialect);
                Applied::Created(self.replace(stored, Some(host), cause, now))
            }
        }
    }

    /// Makes sure that there is room for one more row of a service, whose name is shared then.
    fn make_room(&self, service: &mut ServiceName, dialect: Dialect) -> Result<(), Rejection> {
        if dialect == Dialect::Node {
            return if self.hosts.node_count() < limits::NODES { Ok(()) } else { Err(Rejection::TooManyNodes) };
        }
        if self.hosts.len() >= limits::HOSTS {
            return Err(Rejection::TooManyHosts);
        }
        match self.hosts.share_name(service) {
            0 if self.hosts.service_count() >= limits::SERVICES => Err(Rejection::TooManyServices),
            count if count >= limits::HOSTS_PER_SERVICE => Err(Rejection::TooManyHostsInService),
            _ => Ok(()),
        }
    }

    /// Changes a copy of a row; a change that says nothing new is none.
    fn edit(&mut self, before: &Arc<Host>, now: Timestamp, change: impl FnOnce(&mut Host)) -> Applied {
        let mut host = Host::clone(before);
        change(&mut host);
        if host.same_content(before) {
            return Applied::Unchanged(Arc::clone(before));
        }
        let cause = Cause::Api(host.dialect);
        Applied::Updated(self.replace(Some(Arc::clone(before)), Some(host), cause, now))
    }

    /// Takes a report on a check of a host; one that it has not is made.
    fn report(
        &mut self,
        before: &Arc<Host>,
        id: Box<str>,
        status: Status,
        output: &str,
        now: Timestamp,
    ) -> Result<Applied, Rejection> {
        let Some(place) = before.checks.iter().position(|check| check.id == id) else {
            if before.checks.len() >= limits::CHECKS {
                return Err(Rejection::TooManyChecks);
            }
            let made = Check::new(id, None, status, output, now);
            return Ok(self.edit(before, now, |host| {
                host.checks = host.checks.iter().cloned().chain([made]).collect();
            }));
        };
        if !before.checks[place].kind().is_reported() {
            return Err(Rejection::NotReported(id));
        }
        before.checks[place].renew(now);
        Ok(self.judge(before, place, status, output, Cause::Api(before.dialect), now))
    }

    /// Gives a check a verdict. Other words for the same one are no change.
    fn judge(
        &mut self,
        before: &Arc<Host>,
        place: usize,
        status: Status,
        output: &str,
        cause: Cause,
        now: Timestamp,
    ) -> Applied {
        let check = &before.checks[place];
        if check.status == status {
            check.output.write(output);
            return Applied::Unchanged(Arc::clone(before));
        }
        let mut host = Host::clone(before);
        host.checks[place].output = Output::new(output);
        host.checks[place].turn(status, now);
        Applied::Updated(self.replace(Some(Arc::clone(before)), Some(host), cause, now))
    }

    /// The one place where a row changes: gives the next revision, moves rows, indexes and deadlines.
    fn replace(&mut self, before: Option<Arc<Host>>, after: Option<Host>, cause: Cause, now: Timestamp) -> Change {
        self.revision = self.revision.next();
        let revision = self.revision;
        let after = after.map(|mut host| {
            host.modified = revision;
            host.weight = host.weights.of(host.status());
            if host.created == Revision::default() {
                host.created = revision;
            }
            Arc::new(host)
        });
        if !self.rehearsing {
            self.carry(before.as_deref(), after.as_deref(), now);
        }
        self.reschedule(before.as_ref(), after.as_ref());
        match (&before, &after) {
            (_, Some(after)) => self.hosts.insert(Arc::clone(after)),
            (Some(before), None) => {
                self.hosts.remove(before, revision);
                if matches!(cause, Cause::Api(_)) && !self.rehearsing {
                    self.brake.departed(before, &self.hosts, now);
                }
            }
            (None, None) => {}
        }
        let change = Change { revision, at: now, cause, before, after };
        if let Some(node) = change.host().as_node() {
            self.follow_node(node, &change, now);
        }
        change
    }

    /// Makes the hosts on a node what a change of it says: as ill as it is, and where it is if they say no address. All of their services are others since: the node is shown with
    /// each of them.
    fn follow_node(&mut self, node: &str, change: &Change, now: Timestamp) {
        let status = change.after.as_ref().map(|node| node.status()).unwrap_or_default();
        let target = change.after.as_ref().map(|node| node.target.clone());
        let on_node: Vec<Arc<Host>> = self.hosts.on_node(node).cloned().collect();
        for before in on_node {
            let moved = target.as_ref().filter(|target| before.at_node && before.target != **target);
            if before.node_status == status && moved.is_none() {
                self.hosts.touch(&before.service, change.revision);
            } else {
                let target = moved.unwrap_or(&before.target).clone();
                let after = Host { node_status: status, target, ..Host::clone(&before) };
                let consequence = self.replace(Some(before), Some(after), change.cause, now);
                self.consequences.push(consequence);
            }
        }
    }

    /// Hands the deadline of a row on to the next; it is only moved where it would come too late.
    fn reschedule(&mut self, before: Option<&Arc<Host>>, after: Option<&Arc<Host>>) {
        let scheduled = before.and_then(|before| before.lease.scheduled());
        match (scheduled, after.and_then(|after| self.due(after))) {
            (Some(at), Some(due)) if at <= due => {
                if let (Some(before), Some(after)) = (before, after) {
                    before.lease.set_scheduled(None);
                    self.schedule_at(after, at);
                }
            }
            _ => {
                if let Some(before) = before {
                    self.unschedule(before);
                }
                if let Some(after) = after {
                    after.lease.set_scheduled(None);
                    self.schedule(after);
                }
            }
        }
    }

    fn schedule(&mut self, host: &Arc<Host>) {
        if let Some(due) = self.due(host) {
            self.schedule_at(host, due);
        }
    }

    fn schedule_at(&mut self, host: &Arc<Host>, at: Timestamp) {
        host.lease.set_scheduled(Some(at));
        self.deadlines.put(at, host);
    }

    fn unschedule(&mut self, host: &Arc<Host>) {
        if let Some(at) = host.lease.scheduled() {
            self.deadlines.remove(at, host);
            host.lease.set_scheduled(None);
        }
    }
}

impl Host {
    /// The row that a registration makes where there was none, at no revision yet.
    pub fn new(registration: Registration, now: Timestamp) -> Host {
        let mut host = registered(registration, None, now);
        host.weight = host.weights.of(host.status());
        host
    }
}

/// The row a registration makes, beside what the row there keeps of its own.
fn registered(registration: Registration, current: Option<&Host>, now: Timestamp) -> Host {
    let checks = match registration.checks {
        None => current.map(|host| host.checks.clone()).unwrap_or_default(),
        Some(definitions) => definitions.into_iter().map(|definition| defined(definition, current, now)).collect(),
    };
    Host {
        service: registration.service,
        dialect: registration.dialect,
        draining: current.is_some_and(|host| host.draining),
        node_status: current.map(|host| host.node_status).unwrap_or_default(),
        at_node: registration.at_node,
        // That of its state is worked out where a row gets into the table.
        weight: current.map(|host| host.weight).unwrap_or(1),
        weights: registration.weights.or(current.map(|host| host.weights)).unwrap_or(Weights::same(1)),
        priority: registration.priority,
        id: registration.id,
        namespace: registration.namespace,
        target: registration.target,
        ports: registration.ports,
        tags: registration.tags,
        meta: registration.meta,
        zone: registration.zone,
        region: registration.region,
        hostname: registration.hostname,
        checks,
        lease: Lease::new(registration.ttl, now),
        repo: registration.repo,
        original: registration.original,
        created: current.map(|host| host.created).unwrap_or_default(),
        modified: Revision::default(),
    }
}

/// The check that a definition makes, beside what the last one of its id keeps.
fn defined(definition: CheckDefinition, current: Option<&Host>, now: Timestamp) -> Check {
    let CheckDefinition { id, terms, status, output, title } = definition;
    let kind = terms.as_ref().map_or(&CheckKind::Reported, |terms| &terms.kind);
    let Some(last) = current.and_then(|host| host.checks.iter().find(|check| check.id == id)) else {
        let status = status.unwrap_or(kind.initial());
        return Check::new(id, terms, status, output.as_deref().unwrap_or_default(), now).titled(title);
    };
    let plain = *kind == CheckKind::Reported;
    // What was reported of one kind says nothing of another.
    let kept = (plain == (*last.kind() == CheckKind::Reported)).then_some(last.status);
    let status = if plain { status.or(kept) } else { kept.or(status) }.unwrap_or(kind.initial());
    let mut check = if last.terms == terms {
        last.clone()
    } else {
        let mut check = Check::new(id, terms, last.status, &last.output.read(), now);
        check.since = last.since;
        check
    };
    check.turn(status, now);
    check.title = title;
    if let Some(output) = output {
        check.output = Output::new(&output);
    }
    check
}

#[cfg(test)]
mod tests;
