//! Values found by the hash of their key, in a persistent trie: a clone is O(1), and a change copies the path to its place.
//!
//! A look-up reads one place a level and compares one key; in a tree of ordered keys it compares as many as the logarithm
//! says, each in another piece of memory. Sixteen ways a level, as a change copies the branches on its path, with a count
//! for each of their slots. Which slots there are stands beside the pointer to them, so that a slot is found without a
//! look at the branch itself.
//!
//! The seed of the hashes is random, as names are what clients make of them; nothing that can be seen depends on it.

use std::cmp::Ordering;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::hint::black_box;
use std::sync::Arc;

/// Bits of a hash that choose the slot in a branch.
const BITS: u32 = 4;
/// Levels for which one hash has bits.
const LEVELS: u32 = u64::BITS / BITS;

/// A value that knows its key.
pub(super) trait Keyed: Clone {
    /// The key.
    fn key(&self) -> &[u8];
}

/// Values, each with a key of its own.
#[derive(Clone, Debug)]
pub(super) struct Trie<V> {
    root: Branch<V>,
    seed: RandomState,
}

/// The slots that are taken, in order.
#[derive(Clone, Debug)]
struct Branch<V> {
    taken: u16,
    slots: Arc<[Slot<V>]>,
}

#[derive(Clone, Debug)]
enum Slot<V> {
    Value(V),
    Branch(Branch<V>),
}

/// The way to a key, a slot a level.
#[derive(Clone, Copy)]
struct Way<'s> {
    seed: &'s RandomState,
    level: u32,
    /// The next bits first.
    hash: u64,
}

impl<'s> Way<'s> {
    fn new(seed: &'s RandomState, key: &[u8]) -> Way<'s> {
        Way { seed, level: 0, hash: hash_of(seed, key) }
    }

    /// That of another key, from the same level on.
    fn of(&self, key: &[u8]) -> Way<'s> {
        (0..self.level).fold(Way::new(self.seed, key), |way, _| way.next(key))
    }

    fn bit(&self) -> u16 {
        bit_of(self.hash)
    }

    /// A level on; where the bits are at an end, with those of another hash.
    fn next(self, key: &[u8]) -> Way<'s> {
        let level = self.level + 1;
        let hash = if level.is_multiple_of(LEVELS) { self.seed.hash_one((level, key)) } else { self.hash << BITS };
        Way { level, hash, ..self }
    }
}

/// A look-up on its way: a step reads one place, and tells of the next.
///
/// What it ends at may have another key, as only the hash was looked at.
#[derive(Debug)]
pub(super) struct Probe<'t, V> {
    hash: u64,
    at: Stand<'t, V>,
}

#[derive(Debug)]
enum Stand<'t, V> {
    Before(&'t Branch<V>),
    At(&'t V),
    Nowhere,
}

impl<V> Default for Probe<'_, V> {
    fn default() -> Self {
        Probe { hash: 0, at: Stand::Nowhere }
    }
}

impl<'t, V> Probe<'t, V> {
    /// The value it has come to.
    pub(super) fn value(&self) -> Option<&'t V> {
        match self.at {
            Stand::At(value) => Some(value),
            Stand::Before(_) | Stand::Nowhere => None,
        }
    }

    /// The slot that the next step will look at.
    fn slot(&self) -> Option<&'t Slot<V>> {
        let Stand::Before(branch) = self.at else { return None };
        let bit = bit_of(self.hash);
        branch.slots.get(branch.place(bit)).filter(|_| branch.has(bit))
    }

    fn step(&mut self) {
        self.at = match self.slot() {
            Some(Slot::Value(value)) => Stand::At(value),
            Some(Slot::Branch(deeper)) => Stand::Before(deeper),
            None if matches!(self.at, Stand::Before(_)) => Stand::Nowhere,
            None => return,
        };
        self.hash <<= BITS;
    }
}

/// Goes the ways of all probes to their ends, side by side: while one waits for memory, so do the others.
pub(super) fn finish<V>(probes: &mut [Probe<'_, V>]) {
    // Where one hash is not enough, there is no end.
    for _ in 0..LEVELS {
        // Reads all, and decides by none yet: a decision would wait for what it needs.
        let slots = probes.iter().filter_map(Probe::slot);
        let (steps, branches) = slots.fold((0, 0), |(steps, branches), slot| {
            (steps + 1, branches + usize::from(matches!(slot, Slot::Branch(_))))
        });
        black_box(branches);
        probes.iter_mut().for_each(Probe::step);
        if steps == 0 {
            return;
        }
    }
}

/// The first hash of a key. Without the length that `hash_one` puts before it.
fn hash_of(seed: &RandomState, key: &[u8]) -> u64 {
    let mut hasher = seed.build_hasher();
    hasher.write(key);
    hasher.finish()
}

fn bit_of(hash: u64) -> u16 {
    1 << (hash >> (u64::BITS - BITS))
}

impl<V> Branch<V> {
    fn empty() -> Branch<V> {
        Branch { taken: 0, slots: Arc::from([]) }
    }

    fn has(&self, bit: u16) -> bool {
        self.taken & bit != 0
    }

    /// Where the slot of a bit is among those that are taken, or would be.
    fn place(&self, bit: u16) -> usize {
        (self.taken & (bit - 1)).count_ones() as usize
    }
}

impl<V: Keyed> Branch<V> {
    /// A branch of two values, whose ways were one so far.
    fn of_two(one: V, one_way: Way<'_>, other: V, other_way: Way<'_>) -> Branch<V> {
        let (first, second) = (one_way.bit(), other_way.bit());
        let slots: Arc<[Slot<V>]> = match first.cmp(&second) {
            Ordering::Less => Arc::new([Slot::Value(one), Slot::Value(other)]),
            Ordering::Greater => Arc::new([Slot::Value(other), Slot::Value(one)]),
            Ordering::Equal => {
                let (one_way, other_way) = (one_way.next(one.key()), other_way.next(other.key()));
                Arc::new([Slot::Branch(Branch::of_two(one, one_way, other, other_way))])
            }
        };
        Branch { taken: first | second, slots }
    }

    fn insert(&mut self, value: V, way: Way<'_>) -> Option<V> {
        let (bit, place) = (way.bit(), self.place(way.bit()));
        if !self.has(bit) {
            let (before, after) = self.slots.split_at(place);
            let slots = before.iter().cloned().chain([Slot::Value(value)]).chain(after.iter().cloned());
            *self = Branch { taken: self.taken | bit, slots: slots.collect() };
            return None;
        }
        let slot = &mut Arc::make_mut(&mut self.slots)[place];
        let way = way.next(value.key());
        match slot {
            Slot::Branch(branch) => branch.insert(value, way),
            Slot::Value(other) if other.key() == value.key() => Some(std::mem::replace(other, value)),
            Slot::Value(other) => {
                let other_way = way.of(other.key());
                *slot = Slot::Branch(Branch::of_two(value, way, other.clone(), other_way));
                None
            }
        }
    }

    fn remove(&mut self, key: &[u8], way: Way<'_>) -> Option<V> {
        let (bit, place) = (way.bit(), self.place(way.bit()));
        match self.slots.get(place).filter(|_| self.has(bit))? {
            Slot::Value(value) if value.key() != key => None,
            Slot::Value(value) => {
                let removed = value.clone();
                let (before, after) = (&self.slots[..place], &self.slots[place + 1..]);
                *self = Branch { taken: self.taken & !bit, slots: before.iter().chain(after).cloned().collect() };
                Some(removed)
            }
            Slot::Branch(branch) => {
                let mut branch = branch.clone();
                let removed = branch.remove(key, way.next(key))?;
                // A value alone needs no branch: the same values have one form.
                let slot = match &*branch.slots {
                    [Slot::Value(last)] => Slot::Value(last.clone()),
                    _ => Slot::Branch(branch),
                };
                Arc::make_mut(&mut self.slots)[place] = slot;
                Some(removed)
            }
        }
    }

    /// A branch of values in the order of their hashes, which begin alike up to `level`.
    fn of_sorted(values: &mut [(u64, Option<V>)], level: u32, seed: &RandomState) -> Branch<V> {
        let mut branch = Branch::empty();
        if level == LEVELS {
            for value in values.iter_mut().filter_map(|(_, value)| value.take()) {
                let way = Way { seed, level: level - 1, hash: 0 }.next(value.key());
                branch.insert(value, way);
            }
            return branch;
        }
        let bit = |hash: u64| 1_u16 << ((hash << (BITS * level)) >> (u64::BITS - BITS));
        let mut slots = Vec::with_capacity(1 << BITS);
        for alike in values.chunk_by_mut(|one, other| bit(one.0) == bit(other.0)) {
            branch.taken |= bit(alike[0].0);
            match alike {
                [(_, value)] => slots.extend(value.take().map(Slot::Value)),
                several => slots.push(Slot::Branch(Branch::of_sorted(several, level + 1, seed))),
            }
        }
        branch.slots = slots.into();
        branch
    }
}

impl<V> Default for Trie<V> {
    fn default() -> Trie<V> {
        Trie { root: Branch::empty(), seed: RandomState::new() }
    }
}

impl<V: Keyed> FromIterator<V> for Trie<V> {
    /// A trie of values with different keys.
    fn from_iter<I: IntoIterator<Item = V>>(values: I) -> Trie<V> {
        let seed = RandomState::new();
        let mut values: Vec<_> = values.into_iter().map(|value| (hash_of(&seed, value.key()), Some(value))).collect();
        values.sort_unstable_by_key(|(hash, _)| *hash);
        Trie { root: Branch::of_sorted(&mut values, 0, &seed), seed }
    }
}

impl<V: Keyed> Trie<V> {
    /// The value of a key.
    pub(super) fn get(&self, key: &[u8]) -> Option<&V> {
        let mut way = Way::new(&self.seed, key);
        let mut branch = &self.root;
        while branch.has(way.bit()) {
            match branch.slots.get(branch.place(way.bit()))? {
                Slot::Value(value) => return Some(value).filter(|value| value.key() == key),
                Slot::Branch(deeper) => branch = deeper,
            }
            way = way.next(key);
        }
        None
    }

    /// The start of a look-up.
    pub(super) fn probe(&self, key: &[u8]) -> Probe<'_, V> {
        Probe { hash: hash_of(&self.seed, key), at: Stand::Before(&self.root) }
    }

    /// Puts a value in the place of the one with its key, and gives that back.
    pub(super) fn insert(&mut self, value: V) -> Option<V> {
        let way = Way::new(&self.seed, value.key());
        self.root.insert(value, way)
    }

    /// Takes the value of a key out.
    pub(super) fn remove(&mut self, key: &[u8]) -> Option<V> {
        self.root.remove(key, Way::new(&self.seed, key))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, PartialEq, Debug)]
    struct Word(Box<[u8]>, u32);

    impl Keyed for Word {
        fn key(&self) -> &[u8] {
            &self.0
        }
    }

    /// Whether a branch but the root has two values or more below, none of them in another's place.
    fn check(branch: &Branch<Word>, is_root: bool) -> usize {
        assert_eq!(branch.taken.count_ones() as usize, branch.slots.len());
        let values = branch.slots.iter().map(|slot| match slot {
            Slot::Value(_) => 1,
            Slot::Branch(deeper) => check(deeper, false),
        });
        let values = values.sum();
        assert!(is_root || values > 1, "{branch:?}");
        values
    }

    #[test]
    fn a_slot_is_a_pointer_and_a_half() {
        assert_eq!(size_of::<Slot<crate::zone::node::Node>>(), 24);
    }

    #[test]
    fn keys_whose_hashes_are_alike_are_told_apart() {
        let seed = RandomState::new();
        let alike = |word: &Word| (7, Some(word.clone()));
        let words: Vec<Word> = (0..40).map(|number| Word(format!("{number}").into_bytes().into(), number)).collect();
        let mut values: Vec<_> = words.iter().map(alike).collect();
        let branch = Branch::of_sorted(&mut values, 0, &seed);
        assert_eq!(check(&branch, true), words.len());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn it_is_a_map(changes in prop::collection::vec((any::<bool>(), 0_u16..900, any::<u32>()), 0..2500)) {
            let (mut trie, mut model) = (Trie::default(), HashMap::new());
            let mut earlier = None;
            for (place, (insert, key, value)) in changes.iter().enumerate() {
                let key: Box<[u8]> = key.to_string().into_bytes().into();
                let (before, expected) = if *insert {
                    (trie.insert(Word(key.clone(), *value)), model.insert(key, *value))
                } else {
                    (trie.remove(&key), model.remove(&key))
                };
                prop_assert_eq!(before.map(|word| word.1), expected);
                if place == changes.len() / 2 {
                    earlier = Some((trie.clone(), model.clone()));
                }
            }
            let whole: Trie<Word> = model.iter().map(|(key, value)| Word(key.clone(), *value)).collect();
            let states = [(&trie, &model), (&whole, &model)].into_iter();
            for (trie, model) in states.chain(earlier.as_ref().map(|(trie, model)| (trie, model))) {
                prop_assert_eq!(check(&trie.root, true), model.len());
                let keys: Vec<Vec<u8>> = (0..900_u16).map(|key| key.to_string().into_bytes()).collect();
                let mut probes: Vec<_> = keys.iter().map(|key| trie.probe(key)).collect();
                probes.chunks_mut(17).for_each(finish);
                for (key, probe) in keys.iter().zip(probes) {
                    let expected = model.get(&**key).copied();
                    prop_assert_eq!(trie.get(key).map(|word| word.1), expected);
                    prop_assert_eq!(probe.value().filter(|word| *word.0 == **key).map(|word| word.1), expected);
                }
            }
        }
    }
}
