//! The hosts of an address: most addresses have one, which needs no set.

use std::net::IpAddr;
use std::sync::Arc;

use super::node::Part;
use crate::table::Host;

/// The hosts registered with one address: mostly one.
#[derive(Clone, Debug)]
pub(super) enum AddressHosts {
    /// A host.
    One(Arc<Host>),
    /// Two or more.
    Several(Arc<Crowd>),
}

/// Hosts that have one address in common.
#[derive(Clone, Debug)]
pub(super) struct Crowd {
    pub(super) part: Part,
    /// Whether the other addresses of those that are served differ, so that none of them alone knows all records of
    /// the address' name.
    uneven: bool,
}

impl AddressHosts {
    /// Two hosts or more.
    pub(super) fn crowd(part: Part) -> AddressHosts {
        AddressHosts::Several(Arc::new(Crowd { uneven: part.served.is_uneven(), part }))
    }

    /// Whether a host that is served does not know all records of the address' name.
    pub(super) fn is_uneven(&self) -> bool {
        match self {
            AddressHosts::One(_) => false,
            AddressHosts::Several(crowd) => crowd.uneven,
        }
    }

    /// All of them, whatever their state.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Host>> {
        let (one, crowd) = match self {
            AddressHosts::One(host) => (Some(host), None),
            AddressHosts::Several(crowd) => (None, Some(crowd.part.iter())),
        };
        one.into_iter().chain(crowd.into_iter().flatten())
    }

    /// The hosts of `address` with `host` among them; `is_served` says which of them are in answers.
    pub(super) fn with(
        before: Option<&AddressHosts>,
        address: IpAddr,
        host: &Arc<Host>,
        is_served: impl Fn(&Host) -> bool,
    ) -> AddressHosts {
        let (mut part, was_uneven) = match before {
            None => return AddressHosts::One(Arc::clone(host)),
            Some(AddressHosts::One(other)) if other.order() == host.order() => {
                return AddressHosts::One(Arc::clone(host));
            }
            Some(AddressHosts::One(other)) => (Part::new(vec![Arc::clone(other)], &is_served), false),
            Some(AddressHosts::Several(crowd)) => (crowd.part.clone(), crowd.uneven),
        };
        let served = is_served(host);
        part.insert_sharing(address, host, served);
        let uneven = if !was_uneven && served {
            part.served.iter().take(2).any(|other| other.target.addresses() != host.target.addresses())
        } else {
            part.served.is_uneven()
        };
        AddressHosts::Several(Arc::new(Crowd { part, uneven }))
    }

    /// The hosts of `address` without `host`; `None` when nothing is left.
    pub(super) fn without(&self, address: IpAddr, host: &Arc<Host>) -> Option<AddressHosts> {
        match self {
            AddressHosts::One(other) if other.order() == host.order() => None,
            AddressHosts::One(_) => Some(self.clone()),
            AddressHosts::Several(crowd) => {
                let mut part = crowd.part.clone();
                let (served, absent) = (part.served.others_than(host), part.absent.others_than(host));
                let others = |of_served| if of_served { served } else { absent };
                part.remove(host, &|of_served, other| if other == address { others(of_served) } else { 0 });
                part.finish();
                let last = part.iter().next().cloned()?;
                if part.served.len() + part.absent.len() == 1 {
                    return Some(AddressHosts::One(last));
                }
                let uneven = crowd.uneven && part.served.is_uneven();
                Some(AddressHosts::Several(Arc::new(Crowd { part, uneven })))
            }
        }
    }

    /// Whether two hold the same rows, and know the same of them.
    pub(super) fn same(&self, other: &AddressHosts) -> bool {
        match (self, other) {
            (AddressHosts::One(mine), AddressHosts::One(theirs)) => Arc::ptr_eq(mine, theirs),
            (AddressHosts::Several(mine), AddressHosts::Several(theirs)) => {
                mine.uneven == theirs.uneven && mine.part.same_members(&theirs.part)
            }
            _ => false,
        }
    }
}
