//! Chance that can be replayed.

use rollcall::zone::Random;

/// A source of choices.
pub(crate) struct Dice(Random);

impl Dice {
    /// The choices of one round; rounds of one seed share nothing.
    pub(crate) fn of_round(seed: u64, round: u64) -> Dice {
        let mut mixed = Random::new(seed);
        Dice(Random::new(mixed.next_u64() ^ round.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// A number below `bound`, which must not be zero.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0.below(bound)
    }

    /// Once in `times`.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of several.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// Any octet, those that mean something more often.
    pub(crate) fn octet(&mut self) -> u8 {
        const MEANING: [u8; 16] =
            [0, 1, 2, 0x0c, b'-', b'.', b'_', b'*', b'\\', 0x29, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff];
        if self.once_in(3) { *self.pick(&MEANING) } else { self.0.next_u64() as u8 }
    }

    /// Any 16 bits, small numbers more often.
    pub(crate) fn number(&mut self) -> u16 {
        let any = self.0.next_u64();
        if any & 3 == 0 { (any >> 32) as u16 } else { (any >> 32) as u16 & 0xff }
    }

    /// 64 bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// At most `most` octets.
    pub(crate) fn octets(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| self.octet()).collect()
    }

    /// A place in a list of `length`, or its end.
    pub(crate) fn place(&mut self, length: usize) -> usize {
        self.below(length + 1)
    }

    /// Changes octets here and there: flipped, set, put in, taken out, doubled, cut off.
    pub(crate) fn spoil(&mut self, octets: &mut Vec<u8>, other: &[u8]) {
        for _ in 0..1 + self.below(4) {
            let at = self.place(octets.len());
            match self.below(8) {
                0 | 1 => {
                    if let Some(octet) = octets.get_mut(at) {
                        *octet ^= 1 << self.below(8);
                    }
                }
                2 | 3 => {
                    let value = self.octet();
                    if let Some(octet) = octets.get_mut(at) {
                        *octet = value;
                    }
                }
                4 => {
                    let more = self.octets(8);
                    octets.splice(at..at, more);
                }
                5 => {
                    let end = at + self.below(1 + (octets.len() - at).min(16));
                    octets.drain(at..end);
                }
                6 => {
                    let from = self.place(other.len());
                    let to = from + self.place(other.len() - from);
                    octets.splice(at..at, other[from..to].iter().copied());
                }
                _ => octets.truncate(at),
            }
        }
    }
}
