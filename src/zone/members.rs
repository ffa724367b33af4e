//! The hosts that a name shows: a plain list while they are few, a persistent vector when they are many, so that a
//! change costs the same in a service of ten hosts and in one of ten thousand, and any of them is found by its place.

use std::cmp::Ordering;
use std::net::IpAddr;
use std::sync::Arc;

use imbl::Vector;
use smallvec::SmallVec;

use super::file::rtype;
use super::rows::{Rows, Shape};
use crate::clock::Timestamp;
use crate::table::{Dialect, Host};

/// The longest plain list.
const FEW: usize = 64;
/// The longest list that is changed as one.
const DRAFT: usize = 4 * FEW;

/// Says how many other hosts of a set have an address; asked of large sets only, which are not searched for it.
pub(super) type Others<'a> = &'a dyn Fn(IpAddr) -> usize;

/// Hosts by service, dialect, id.
#[derive(Clone, Debug, Default)]
pub(super) struct HostSet {
    members: Members,
    /// What is known of all of them.
    facts: Facts,
    /// Of two to [`FEW`] hosts that are alike.
    rows: Option<Arc<Rows>>,
}

/// What is known of a set without looking at its members.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Facts {
    /// How often an address of a host is also one of another host here.
    shared: u32,
    /// How many hosts have a name instead of addresses.
    named: u32,
    /// How many hosts have an IPv4 address.
    v4: u32,
    /// How many hosts have an IPv6 address.
    v6: u32,
    /// How many hosts have not exactly one port, or more than one address of a family, or a host name, which others may
    /// have too.
    irregular: u32,
    /// How many hosts have the address of the node that they stand on.
    at_node: u32,
    /// How many hosts have a weight that is not [`Facts::weight`].
    weighted: u32,
    /// The weight of the first host that there was.
    weight: u16,
    /// The addresses that each of them has, where their lines are prepared.
    shape: Option<Shape>,
}

impl Facts {
    fn add(&mut self, host: &Host) {
        if self.v4 == 0 && self.v6 == 0 && self.named == 0 {
            self.weight = host.weight;
        }
        self.count(host, |count| *count += 1);
    }

    fn subtract(&mut self, host: &Host) {
        self.count(host, |count| *count -= 1);
    }

    fn count(&mut self, host: &Host, change: impl Fn(&mut u32)) {
        let addresses = host.target.addresses();
        let v4 = addresses.iter().filter(|address| address.is_ipv4()).count();
        let v6 = addresses.len() - v4;
        for (counts, counter) in [
            (addresses.is_empty(), &mut self.named),
            (v4 > 0, &mut self.v4),
            (v6 > 0, &mut self.v6),
            (v4 > 1 || v6 > 1 || host.ports.len() != 1 || host.hostname.is_some(), &mut self.irregular),
            (host.at_node, &mut self.at_node),
            (host.weight != self.weight, &mut self.weighted),
        ] {
            if counts {
                change(counter);
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Members {
    Few(Box<[Arc<Host>]>),
    /// A set that is being changed: nothing else is known of it until it is [finished](HostSet::finish).
    Draft(Box<Draft>),
    /// Few sets are large: they alone pay for the size of a vector.
    Many(Box<Vector<Arc<Host>>>),
}

#[derive(Clone, Debug)]
struct Draft(Vec<Arc<Host>>);

impl Default for Members {
    fn default() -> Members {
        Members::Few(Box::default())
    }
}

impl HostSet {
    /// A set of hosts that come in order.
    pub(super) fn new(members: Vec<Arc<Host>>) -> HostSet {
        let mut facts = Facts { shared: count_shared(&members), ..Facts::default() };
        for host in &members {
            facts.add(host);
        }
        if members.len() > FEW {
            return HostSet::many(members.into_iter().collect(), facts);
        }
        // A lone host is as near as its line would be.
        let is_alike = members.len() > 1 && facts.irregular == 0 && facts.shared == 0;
        let (shape, rows) = is_alike.then(|| Rows::of(&members)).flatten().unzip();
        facts.shape = shape;
        HostSet { members: Members::Few(members.into_boxed_slice()), facts, rows }
    }

    fn many(rows: Vector<Arc<Host>>, facts: Facts) -> HostSet {
        HostSet { members: Members::Many(Box::new(rows)), facts, rows: None }
    }

    /// What the hosts say, where it is prepared.
    pub(super) fn rows(&self) -> Option<(Shape, &Rows)> {
        self.facts.shape.zip(self.rows.as_deref())
    }

    /// Reads something of each piece of memory that an answer needs, so that they are near.
    pub(super) fn touch(&self) -> usize {
        match self.rows() {
            Some((_, rows)) => rows.touch(),
            None => self.get(0).map_or(0, |host| usize::from(host.weight)),
        }
    }

    pub(super) fn len(&self) -> usize {
        match &self.members {
            Members::Few(list) => list.len(),
            Members::Draft(draft) => draft.0.len(),
            Members::Many(rows) => rows.len(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many others there are than the row of that key.
    pub(super) fn others_than(&self, host: &Arc<Host>) -> usize {
        self.len() - usize::from(self.place(host).is_ok())
    }

    pub(super) fn iter(&self) -> Iter<'_> {
        match &self.members {
            Members::Few(list) => Iter::Few(list.iter()),
            Members::Draft(draft) => Iter::Few(draft.0.iter()),
            Members::Many(rows) => Iter::Many(rows.iter()),
        }
    }

    /// The member at a place.
    pub(super) fn get(&self, place: usize) -> Option<&Arc<Host>> {
        match &self.members {
            Members::Few(list) => list.get(place),
            Members::Draft(draft) => draft.0.get(place),
            Members::Many(rows) => rows.get(place),
        }
    }

    /// The row of a key.
    pub(super) fn find(&self, service: &str, dialect: Dialect, id: &str) -> Option<&Arc<Host>> {
        let order = |host: &Arc<Host>| host.order().cmp(&(service, dialect, id));
        self.get(self.search(order).ok()?)
    }

    /// The members whose lease has not ended and which no operator took out.
    pub(super) fn live(&self, now: Timestamp) -> impl Iterator<Item = &Arc<Host>> {
        self.iter().filter(move |host| is_live(host, now))
    }

    /// Whether records may come twice: an address stands in two hosts, or two have names.
    pub(super) fn repeats(&self) -> bool {
        self.facts.shared > 0 || self.facts.named > 1
    }

    /// Whether every member makes one record of its own, none of them twice: any few of them make as many records.
    pub(super) fn is_regular(&self, qtype: u16) -> bool {
        let makers = match qtype {
            rtype::A => self.facts.v4,
            rtype::AAAA => self.facts.v6,
            _ => self.len() as u32,
        };
        self.facts.irregular == 0 && self.facts.shared == 0 && self.facts.named == 0 && makers as usize == self.len()
    }

    /// Whether any member has an address of a family.
    pub(super) fn has_family(&self, v6: bool) -> bool {
        (if v6 { self.facts.v6 } else { self.facts.v4 }) > 0
    }

    /// Whether any member may make more than one record.
    pub(super) fn is_irregular(&self) -> bool {
        self.facts.irregular > 0
    }

    /// Whether any member has the address of the node that it stands on.
    pub(super) fn stands_on_nodes(&self) -> bool {
        self.facts.at_node > 0
    }

    /// Whether the members have different weights.
    pub(super) fn is_weighted(&self) -> bool {
        self.facts.weighted > 0
    }

    /// Whether the members have different addresses.
    pub(super) fn is_uneven(&self) -> bool {
        let mut members = self.iter();
        let first = members.next().map(|host| host.target.addresses());
        members.any(|host| Some(host.target.addresses()) != first)
    }

    fn search(&self, order: impl FnMut(&Arc<Host>) -> Ordering) -> Result<usize, usize> {
        match &self.members {
            Members::Few(list) => list.binary_search_by(order),
            Members::Draft(draft) => draft.0.binary_search_by(order),
            Members::Many(rows) => rows.binary_search_by(order),
        }
    }

    fn place(&self, host: &Arc<Host>) -> Result<usize, usize> {
        self.search(|member| member.order().cmp(&host.order()))
    }

    /// The list of a set that is not large, to be changed.
    fn draft(&mut self) -> Option<&mut Vec<Arc<Host>>> {
        if let Members::Few(list) = &mut self.members {
            let list = std::mem::take(list).into_vec();
            *self = HostSet { members: Members::Draft(Box::new(Draft(list))), ..HostSet::default() };
        }
        match &mut self.members {
            Members::Draft(draft) => Some(&mut draft.0),
            Members::Few(_) | Members::Many(_) => None,
        }
    }

    /// Puts `host` in the place of the row of the same key. The set is to be [finished](HostSet::finish) then.
    pub(super) fn put(&mut self, host: &Arc<Host>, others: Others<'_>) {
        let place = self.place(host);
        if let Some(list) = self.draft() {
            match place {
                Ok(place) => list[place] = Arc::clone(host),
                Err(place) => list.insert(place, Arc::clone(host)),
            }
            // In a long list each further one moves many.
            if list.len() > DRAFT {
                self.finish();
            }
            return;
        }
        let Members::Many(rows) = &mut self.members else { return };
        match place {
            Ok(place) => {
                let old = rows.set(place, Arc::clone(host));
                self.facts.subtract(&old);
                self.facts.shared = self.facts.shared.saturating_sub(shared(&old, others));
            }
            Err(place) => rows.insert(place, Arc::clone(host)),
        }
        self.facts.add(host);
        self.facts.shared += shared(host, others);
    }

    /// [`HostSet::put`] of a host that shares an address with all others: as lines are not prepared of such hosts, what is
    /// known grows by what is known of this one, and nothing is left to be finished.
    pub(super) fn put_sharing(&mut self, host: &Arc<Host>, others: Others<'_>) {
        let place = self.place(host);
        let Members::Few(list) = &mut self.members else { return self.put(host, others) };
        let mut list = std::mem::take(list).into_vec();
        let facts = &mut self.facts;
        facts.shape = None;
        match place {
            Ok(place) => {
                let old = std::mem::replace(&mut list[place], Arc::clone(host));
                facts.subtract(&old);
                facts.shared = facts.shared.saturating_sub(shared(&old, others));
            }
            Err(place) => list.insert(place, Arc::clone(host)),
        }
        facts.add(host);
        facts.shared += shared(host, others);
        *self = if list.len() > FEW {
            HostSet::many(list.into_iter().collect(), *facts)
        } else {
            HostSet { members: Members::Few(list.into_boxed_slice()), facts: *facts, rows: None }
        };
    }

    /// Takes the row of that key out. The set is to be [finished](HostSet::finish) then.
    pub(super) fn take(&mut self, host: &Arc<Host>, others: Others<'_>) {
        let Ok(place) = self.place(host) else { return };
        if let Some(list) = self.draft() {
            list.remove(place);
            return;
        }
        let Members::Many(rows) = &mut self.members else { return };
        let old = rows.remove(place);
        self.facts.subtract(&old);
        self.facts.shared = self.facts.shared.saturating_sub(shared(&old, others));
        if rows.len() <= FEW {
            let list = rows.iter().cloned().collect();
            *self = HostSet { members: Members::Draft(Box::new(Draft(list))), ..HostSet::default() };
        }
    }

    /// Works out what is known of all members, and what they say.
    pub(super) fn finish(&mut self) {
        if let Members::Draft(draft) = &mut self.members {
            *self = HostSet::new(std::mem::take(&mut draft.0));
        }
    }

    /// Whether it has to be finished.
    pub(super) fn is_draft(&self) -> bool {
        matches!(self.members, Members::Draft(_))
    }

    /// Whether two sets hold the same rows, and know the same of them.
    pub(super) fn same(&self, other: &HostSet) -> bool {
        // Which weight the others are compared with depends on who came first.
        let known = |facts: Facts| Facts { weight: 0, weighted: 0, ..facts };
        known(self.facts) == known(other.facts) && self.same_members(other)
    }

    /// Whether two sets hold the same rows.
    pub(super) fn same_members(&self, other: &HostSet) -> bool {
        self.len() == other.len() && self.iter().zip(other.iter()).all(|(mine, theirs)| Arc::ptr_eq(mine, theirs))
    }
}

/// Whether a host may be in an answer, its health aside.
pub(super) fn is_live(host: &Host, now: Timestamp) -> bool {
    !host.draining && host.lease.is_live(now)
}

/// What one more host with these addresses adds to the count of shared ones: its own, and the first other's.
fn shared(host: &Host, others: Others<'_>) -> u32 {
    let newly = |address: &IpAddr| match others(*address) {
        0 => 0,
        1 => 2,
        _ => 1,
    };
    host.target.addresses().iter().map(newly).sum()
}

fn count_shared(members: &[Arc<Host>]) -> u32 {
    if members.len() < 2 {
        return 0;
    }
    let mut all: SmallVec<[IpAddr; 64]> = SmallVec::new();
    for host in members {
        all.extend_from_slice(host.target.addresses());
    }
    all.sort_unstable();
    all.chunk_by(|one, next| one == next).filter(|run| run.len() > 1).map(|run| run.len() as u32).sum()
}

/// The members in order.
pub(super) enum Iter<'a> {
    Few(std::slice::Iter<'a, Arc<Host>>),
    Many(imbl::vector::Iter<'a, Arc<Host>, imbl::shared_ptr::DefaultSharedPtr>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a Arc<Host>;

    fn next(&mut self) -> Option<&'a Arc<Host>> {
        match self {
            Iter::Few(list) => list.next(),
            Iter::Many(rows) => rows.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::table::{Event, HostId, HostTable, Registration, Revision, ServiceName, Target};

    /// A host of one service, with one address or two, of its own or shared.
    fn host(id: u8, address: u8, two: bool) -> Arc<Host> {
        let now = Timestamp::from_micros(1);
        let mut table = HostTable::restore([], Revision(1), now);
        let mut addresses = vec![format!("10.0.0.{}", address + 1)];
        addresses.extend(two.then(|| format!("fd00::{address}")));
        let target = Target::parse("address", addresses.iter().map(String::as_str)).expect("addresses");
        let (service, id) = (ServiceName::parse("service", "web"), HostId::parse("id", &format!("h{id:03}")));
        let registration = Registration::new(service.expect("a name"), Dialect::Native, id.expect("an id"), target);
        let applied = table.apply(Event::Register(Box::new(registration)), now).expect("it is taken");
        Arc::clone(applied.host())
    }

    fn others(members: &[Arc<Host>], host: &Arc<Host>, address: IpAddr) -> usize {
        let is_other = |other: &&Arc<Host>| other.id != host.id && other.target.addresses().contains(&address);
        members.iter().filter(is_other).count()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn a_set_that_is_changed_is_one_that_is_made(
            batches in prop::collection::vec(prop::collection::vec((0_u8..140, any::<bool>(), 0_u8..100, any::<bool>()), 1..60), 1..8),
            growing in any::<bool>(),
        ) {
            let (mut set, mut sharing) = (HostSet::default(), HostSet::default());
            let mut model: Vec<Arc<Host>> = Vec::new();
            for batch in batches {
                for (id, remove, address, two) in batch {
                    let host = host(id, address, two);
                    let place = model.binary_search_by(|other| other.id.as_str().cmp(host.id.as_str()));
                    match place {
                        Ok(place) if remove && !growing => {
                            let old = Arc::clone(&model[place]);
                            set.take(&old, &|address| others(&model, &old, address));
                            sharing.take(&old, &|address| others(&model, &old, address));
                            model.remove(place);
                        }
                        Ok(place) => {
                            let model_before = model.clone();
                            set.put(&host, &|address| others(&model_before, &host, address));
                            sharing.put_sharing(&host, &|address| others(&model_before, &host, address));
                            model[place] = host;
                        }
                        Err(place) => {
                            set.put(&host, &|address| others(&model, &host, address));
                            sharing.put_sharing(&host, &|address| others(&model, &host, address));
                            model.insert(place, host);
                        }
                    }
                    prop_assert!(set.len() == model.len() && sharing.len() == model.len());
                }
                set.finish();
                sharing.finish();
                let made = HostSet::new(model.clone());
                prop_assert!(set.same(&made), "{:?} and {:?}", set.facts, made.facts);
                prop_assert_eq!(set.rows().map(|(_, rows)| rows.lines().to_vec()), made.rows().map(|(_, rows)| rows.lines().to_vec()));
                prop_assert!(sharing.same_members(&made));
                prop_assert_eq!(sharing.facts.shared > 0, made.facts.shared > 0);
            }
        }
    }
}
