//! The addresses of a host, in as few octets as one of them takes: there are as many lists as hosts, and mostly they
//! hold one.

use std::fmt;
use std::net::IpAddr;
use std::ops::Deref;

/// Addresses in an order of their own, read as a slice.
#[derive(Clone)]
pub struct Addresses(List);

#[derive(Clone)]
enum List {
    One([IpAddr; 1]),
    Other(Box<[IpAddr]>),
}

impl Default for Addresses {
    fn default() -> Addresses {
        Addresses(List::Other(Box::default()))
    }
}

impl Deref for Addresses {
    type Target = [IpAddr];

    fn deref(&self) -> &[IpAddr] {
        match &self.0 {
            List::One(one) => one,
            List::Other(list) => list,
        }
    }
}

impl FromIterator<IpAddr> for Addresses {
    fn from_iter<I: IntoIterator<Item = IpAddr>>(addresses: I) -> Addresses {
        let mut addresses = addresses.into_iter();
        match (addresses.next(), addresses.next()) {
            (None, _) => Addresses::default(),
            (Some(one), None) => Addresses(List::One([one])),
            (Some(one), Some(other)) => Addresses(List::Other([one, other].into_iter().chain(addresses).collect())),
        }
    }
}

impl PartialEq for Addresses {
    fn eq(&self, other: &Addresses) -> bool {
        **self == **other
    }
}

impl Eq for Addresses {}

impl std::hash::Hash for Addresses {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl fmt::Debug for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_needs_no_memory_of_its_own() {
        assert_eq!(size_of::<Addresses>(), 24);
        for count in 0..4_u8 {
            let list: Vec<IpAddr> = (0..count).map(|last| IpAddr::from([10, 0, 0, last])).collect();
            let addresses: Addresses = list.iter().copied().collect();
            assert_eq!(*addresses, *list);
            assert_eq!(matches!(addresses.0, List::One(_)), count == 1);
        }
    }
}
