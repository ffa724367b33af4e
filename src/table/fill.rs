//! The order in which sorted entries fill an ordered persistent map well.
//!
//! imbl halves a leaf that is full, and whoever adds in ascending order never comes back to the first half: one entry in
//! two places. Where every second one is added first the others fill the halves to the last place.

/// The places of `count` sorted entries, each once.
pub(crate) fn filling_order(count: usize) -> impl Iterator<Item = usize> {
    (0..count).step_by(2).chain((1..count).step_by(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_comes_once() {
        for count in 0..7 {
            let mut places: Vec<_> = filling_order(count).collect();
            places.sort_unstable();
            assert_eq!(places, (0..count).collect::<Vec<_>>());
        }
    }
}
