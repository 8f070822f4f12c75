//! A sorted set: byte strings, each of them once and with a score, in the order of their scores.

pub(crate) mod apply;
pub(crate) mod combine;
pub(crate) mod command;
mod draft;
mod order;
pub(crate) mod pop;
pub(crate) mod random;
mod range;
pub(crate) mod read;
pub(crate) mod write;

use std::sync::Arc;

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use order::{Iter, Order, Scored};

/// Members of a sorted set that Redis calls a listpack, at most.
const SMALL_MEMBERS_MAX: usize = 128;

/// Longest member of such a set.
const SMALL_MEMBER_BYTES_MAX: usize = 64;

/// Members with their scores. Never empty while it is the value of a key.
///
/// The scores stand in a dense array by member, where a new one goes to the end, and the last one takes
/// the place of one that is removed: ZSCAN walks it, so that order is part of the meaning of the
/// operations. Beside it stands the order of the scores.
#[derive(Debug, Clone)]
pub(crate) struct SortedSet {
    scores: IndexMap<Arc<[u8]>, f64, FixedState>,
    order: Order,
    /// It has had few and short members only, ever since it was made. Redis calls it a listpack.
    is_small: bool,
}

impl SortedSet {
    pub(crate) fn new(hasher: FixedState) -> Self {
        Self::new_small(hasher, true)
    }

    /// As [`SortedSet::new`], which may have been large before.
    pub(crate) fn new_small(hasher: FixedState, is_small: bool) -> Self {
        Self { scores: IndexMap::with_hasher(hasher), order: Order::default(), is_small }
    }

    /// Whether Redis would hold it as a listpack.
    pub(crate) fn is_small(&self) -> bool {
        self.is_small
    }

    pub(crate) fn len(&self) -> usize {
        self.scores.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.scores.is_empty()
    }

    pub(crate) fn score(&self, member: &[u8]) -> Option<f64> {
        self.scores.get(member).copied()
    }

    /// How many members stand before this one.
    pub(crate) fn rank(&self, member: &[u8]) -> Option<usize> {
        self.score(member).map(|score| self.order.rank(score, member))
    }

    /// Members and scores in the order of the dense array.
    pub(crate) fn unsorted(&self) -> impl DoubleEndedIterator<Item = (&[u8], f64)> {
        self.scores.iter().map(|(member, score)| (&**member, *score))
    }

    /// What stands at a place of the dense array.
    pub(crate) fn at_place(&self, place: usize) -> Option<(&[u8], f64)> {
        self.scores.get_index(place).map(|(member, score)| (&**member, *score))
    }

    /// What stands at a rank.
    pub(crate) fn at_rank(&self, rank: usize) -> Option<(&[u8], f64)> {
        self.order.get(rank).map(pair)
    }

    /// Members and scores by rank.
    pub(crate) fn by_rank(&self, ranks: std::ops::Range<usize>) -> ByRank<'_> {
        self.order.range(ranks).map(pair)
    }

    /// Gives a member a score, be it new or not.
    pub(crate) fn insert(&mut self, member: &[u8], score: f64) {
        if let Some((_, shared, before)) = self.scores.get_full_mut(member) {
            let (shared, before) = (shared.clone(), std::mem::replace(before, score));
            self.order.remove_at(self.order.rank(before, member));
            self.order.insert(Scored { score, member: shared });
            return;
        }
        let shared: Arc<[u8]> = member.into();
        self.scores.insert(shared.clone(), score);
        self.order.insert(Scored { score, member: shared });
        self.is_small = self.is_small && fits_small(self.len(), member);
    }

    /// Removes a member; false if it is not there.
    pub(crate) fn remove(&mut self, member: &[u8]) -> bool {
        let Some(score) = self.scores.swap_remove(member) else { return false };
        self.order.remove_at(self.order.rank(score, member));
        true
    }

    /// Removes the member at a rank below [`SortedSet::len`].
    pub(crate) fn remove_at(&mut self, rank: usize) {
        let removed = self.order.remove_at(rank);
        self.scores.swap_remove(&removed.member);
    }

    /// OBJECT ENCODING.
    pub(crate) fn encoding(&self) -> &'static str {
        if self.is_small { "listpack" } else { "skiplist" }
    }

    /// Bytes outside of its entry, for MEMORY USAGE.
    pub(crate) fn memory_bytes(&self) -> usize {
        // Each place: the hash, member and score, and about two words of index. Members stand in
        // memory once, behind two counters.
        let place = 3 * size_of::<usize>() + size_of::<Arc<[u8]>>() + size_of::<f64>();
        let counters = 2 * size_of::<usize>();
        let members = self.scores.keys().map(|member| member.len() + counters).sum::<usize>();
        size_of::<Self>() + self.scores.capacity() * place + self.order.memory_bytes() + members
    }
}

/// Members and scores of neighbouring ranks.
pub(crate) type ByRank<'s> = std::iter::Map<Iter<'s>, fn(&'s Scored) -> (&'s [u8], f64)>;

fn pair(scored: &Scored) -> (&[u8], f64) {
    (&scored.member, scored.score)
}

/// Whether a small set stays one with so many members, the last of which is this one.
fn fits_small(len: usize, member: &[u8]) -> bool {
    len <= SMALL_MEMBERS_MAX && member.len() <= SMALL_MEMBER_BYTES_MAX
}

/// What becomes of a score in a set that Redis holds as a listpack: whole numbers are integers there,
/// and an integer has no minus zero.
fn small_score(score: f64) -> f64 {
    if score == 0.0 { 0.0 } else { score }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_small_until_it_has_been_large() {
        let mut set = SortedSet::new(FixedState::with_seed(1));
        for number in 0..128u32 {
            set.insert(format!("m{number}").as_bytes(), f64::from(number));
        }
        set.insert(b"m5", 500.0);
        assert_eq!(set.encoding(), "listpack");
        set.insert(b"m128", 1.0);
        assert_eq!(set.encoding(), "skiplist");
        assert!(set.remove(b"m128"));
        assert!(!set.remove(b"m128"));
        assert_eq!(set.encoding(), "skiplist");
        assert_eq!(set.rank(b"m5"), Some(127));
        assert_eq!(set.at_rank(0), Some((&b"m0"[..], 0.0)));
        set.remove_at(0);
        assert_eq!((set.score(b"m0"), set.rank(b"m1")), (None, Some(0)));
        let mut set = SortedSet::new(FixedState::with_seed(1));
        set.insert(&[b'x'; 64], 1.0);
        assert_eq!(set.encoding(), "listpack");
        set.insert(&[b'x'; 65], 1.0);
        assert_eq!(set.encoding(), "skiplist");
    }
}
