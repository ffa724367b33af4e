//! A look-up for what comes right behind a key: it asks nothing of the heap, as an iterator over a range does.

use std::cell::RefCell;
use std::cmp::Ordering;

use smallvec::SmallVec;

use crate::zone::name::NameKey;

/// A probe for the first key below another.
///
/// No key is equal to it. Whatever way a look-up takes, it has to compare the first key behind the place it looks for, or
/// one between both that is no longer there: else it could not know that the place is empty. So when no key below was
/// compared, there is none.
pub(super) struct Below<'k> {
    key: &'k [u8],
    next: RefCell<SmallVec<[u8; 256]>>,
}

impl<'k> Below<'k> {
    pub(super) fn of(key: &'k [u8]) -> Below<'k> {
        Below { key, next: RefCell::default() }
    }

    /// The nearest key below that was compared: the next one, unless it has been removed.
    pub(super) fn next(self) -> Option<SmallVec<[u8; 256]>> {
        let next = self.next.into_inner();
        (!next.is_empty()).then_some(next)
    }
}

impl equivalent::Equivalent<NameKey> for Below<'_> {
    fn equivalent(&self, _: &NameKey) -> bool {
        false
    }
}

impl equivalent::Comparable<NameKey> for Below<'_> {
    fn compare(&self, other: &NameKey) -> Ordering {
        let other = other.as_bytes();
        match self.key.cmp(other) {
            Ordering::Equal | Ordering::Greater => return Ordering::Greater,
            Ordering::Less => {}
        }
        let mut next = self.next.borrow_mut();
        if other.starts_with(self.key) && (next.is_empty() || *other < **next) {
            next.clear();
            next.extend_from_slice(other);
        }
        Ordering::Less
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Bound;

    use imbl::OrdMap;
    use proptest::prelude::*;

    use super::*;

    fn key(numbers: [u8; 3]) -> NameKey {
        let labels: Vec<String> = numbers.iter().filter(|number| **number > 0).map(u8::to_string).collect();
        NameKey::of_labels(labels.iter().map(String::as_str))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50))]

        #[test]
        fn a_probe_misses_nothing(changes in prop::collection::vec((0_u8..6, 0_u8..40, 0_u8..30, any::<bool>()), 1..3000)) {
            let mut names: OrdMap<NameKey, ()> = OrdMap::new();
            for (a, b, c, insert) in changes {
                if insert { names.insert(key([a, b, c]), ()); } else { names.remove(&key([a, b, c])); }
            }
            for (a, b) in (0..7).flat_map(|a| (0..41).map(move |b| (a, b))) {
                let above = key([a, b, 0]);
                let range = (Bound::Excluded(above.as_bytes()), Bound::Unbounded);
                let first = names.range::<_, [u8]>(range).next().map(|(name, _)| name.as_bytes());
                let expected = first.filter(|name| name.starts_with(above.as_bytes()));
                let probe = Below::of(above.as_bytes());
                prop_assert!(names.get(&probe).is_none());
                match (probe.next(), expected) {
                    (None, missed) => prop_assert_eq!(missed, None),
                    (Some(next), expected) if names.contains_key::<[u8]>(&next) => prop_assert_eq!(Some(&*next), expected),
                    (Some(_), _) => {}
                }
            }
        }
    }
}
