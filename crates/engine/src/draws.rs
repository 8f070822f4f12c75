//! Choices that follow from one number, which the caller draws: the engine has no chance of its own.

use std::collections::BTreeMap;

use crate::keys::place;

/// Elements that one command may draw, as all of them stand in memory at once, and the same one may
/// come again and again.
pub(crate) const DRAWN_MAX: u64 = 1 << 20;

/// Numbers that follow from one draw (`SplitMix64`).
pub(crate) struct Draws(pub(crate) u64);

impl Draws {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// `count` places among `len`, any of them several times.
    pub(crate) fn places(&mut self, len: usize, count: u64) -> Vec<usize> {
        (0..count).map(|_| place(self.next(), len)).collect()
    }

    /// `count` different places among `len`, all of them in order if there are not more.
    pub(crate) fn distinct_places(&mut self, len: usize, count: usize) -> Vec<usize> {
        if len <= count {
            return (0..len).collect();
        }
        // A shuffle that stops early. Of few among many, only the places that moved are remembered.
        if count < len / SPARSE_PART {
            let mut moved: BTreeMap<usize, usize> = BTreeMap::new();
            let shuffle = |chosen: usize| {
                let other = chosen + place(self.next(), len - chosen);
                let here = moved.get(&chosen).copied().unwrap_or(chosen);
                moved.insert(other, here).unwrap_or(other)
            };
            return (0..count).map(shuffle).collect();
        }
        let mut places: Vec<usize> = (0..len).collect();
        for chosen in 0..count {
            let other = chosen + place(self.next(), len - chosen);
            places.swap(chosen, other);
        }
        places.truncate(count);
        places
    }
}

/// Below one in so many, a table of what moved is smaller than one of all places.
const SPARSE_PART: usize = 8;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn distinct_places_differ_and_reach_everywhere() {
        for (len, count) in [(10, 3), (1000, 10), (1000, 124), (1000, 999), (5, 5), (5, 9)] {
            let mut reached = BTreeSet::new();
            for draw in 0..2_000 {
                let places = Draws(draw).distinct_places(len, count);
                let distinct: BTreeSet<_> = places.iter().copied().collect();
                assert_eq!(distinct.len(), count.min(len), "draw {draw}: {places:?}");
                assert!(distinct.iter().all(|place| *place < len));
                reached.extend(distinct);
            }
            assert_eq!(reached.len(), len, "{count} of {len}");
        }
    }
}
