//! The queries under way on one socket.
//!
//! The id of a query is its slot and how often the slot was used, so that an answer that comes too late is not taken
//! for that of the query after it.

use std::collections::VecDeque;

const SLOT_BITS: u32 = 10;
/// The most queries under way on a socket.
pub(crate) const MOST: usize = 1 << SLOT_BITS;

#[derive(Clone, Copy, Default)]
struct Slot {
    since: u64,
    question: usize,
    uses: u16,
    busy: bool,
}

/// A query that has its answer.
pub(crate) struct Ended {
    pub(crate) since: u64,
    pub(crate) question: usize,
}

pub(crate) struct Slots {
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// In the order of sending, for HTTP, whose answers have no id.
    order: VecDeque<u16>,
}

impl Slots {
    pub(crate) fn new(count: usize) -> Slots {
        assert!((1..=MOST).contains(&count), "1 to {MOST} queries under way on a socket, not {count}");
        Slots { slots: vec![Slot::default(); count], free: (0..count).rev().collect(), order: VecDeque::new() }
    }

    pub(crate) fn free(&self) -> usize {
        self.free.len()
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.free.len() == self.slots.len()
    }

    /// An id for a query, unless all are under way.
    pub(crate) fn take(&mut self, since: u64, question: usize) -> Option<u16> {
        let place = self.free.pop()?;
        let slot = &mut self.slots[place];
        let uses = (slot.uses + 1) & (u16::MAX >> SLOT_BITS);
        *slot = Slot { since, question, uses, busy: true };
        Some(place as u16 | uses << SLOT_BITS)
    }

    /// The query of an id; none if it was given up.
    pub(crate) fn end(&mut self, id: u16) -> Option<Ended> {
        let place = usize::from(id) & (MOST - 1);
        let slot = self.slots.get_mut(place).filter(|slot| slot.busy && slot.uses == id >> SLOT_BITS)?;
        slot.busy = false;
        self.free.push(place);
        Some(Ended { since: slot.since, question: slot.question })
    }

    /// As `take`, for answers that come in order.
    pub(crate) fn take_in_order(&mut self, since: u64, question: usize) -> bool {
        let id = self.take(since, question);
        self.order.extend(id);
        id.is_some()
    }

    pub(crate) fn end_first(&mut self) -> Option<Ended> {
        let id = self.order.pop_front()?;
        self.end(id)
    }

    /// Gives up what was sent before `limit`; says how many.
    pub(crate) fn give_up(&mut self, limit: u64) -> u64 {
        let mut lost = 0;
        for (place, slot) in self.slots.iter_mut().enumerate().filter(|(_, slot)| slot.busy && slot.since < limit) {
            slot.busy = false;
            self.free.push(place);
            lost += 1;
        }
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_answer_is_nobodys() {
        let mut slots = Slots::new(1);
        let first = slots.take(5, 7).expect("a slot");
        assert!(slots.take(6, 8).is_none());
        assert_eq!(slots.give_up(6), 1);
        let second = slots.take(9, 8).expect("a slot");
        assert!(slots.end(first).is_none());
        assert_eq!(slots.end(second).expect("the query").question, 8);
        assert!(slots.is_idle());
    }
}
