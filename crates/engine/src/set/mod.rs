//! A set: byte strings, each of them once.

pub(crate) mod apply;
pub(crate) mod combine;
pub(crate) mod random;
pub(crate) mod read;
pub(crate) mod write;

use foldhash::fast::FixedState;
use indexmap::IndexSet;

use crate::strings::integer;

/// Members up to which a set of integers stays what Redis calls an intset.
const INTEGERS_MAX: usize = 512;

/// The members of a set in a dense array: a new one goes to the end, and the last one takes the place
/// of one that is removed. Never empty while it is the value of a key.
///
/// That order is part of the meaning of the operations: the same log must give the same order.
#[derive(Debug, Clone)]
pub(crate) struct Set {
    members: IndexSet<Box<[u8]>, FixedState>,
    /// Few members, all of them integers, ever since it was made. Redis calls such a set an intset,
    /// and shows it sorted.
    is_of_integers: bool,
}

impl Set {
    pub(crate) fn new(hasher: FixedState) -> Self {
        Self { members: IndexSet::with_hasher(hasher), is_of_integers: true }
    }

    /// As [`Set::new`], which may have had other members before.
    pub(crate) fn new_of_integers(hasher: FixedState, is_of_integers: bool) -> Self {
        Self { is_of_integers, ..Self::new(hasher) }
    }

    pub(crate) fn is_of_integers(&self) -> bool {
        self.is_of_integers
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(crate) fn contains(&self, member: &[u8]) -> bool {
        self.members.contains(member)
    }

    /// The member at a place of the dense array.
    pub(crate) fn get(&self, place: usize) -> Option<&[u8]> {
        self.members.get_index(place).map(|member| &**member)
    }

    /// In the order of the dense array.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.members.iter().map(|member| &**member)
    }

    /// As a client is told them: integers sorted.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = &[u8]> {
        let sorted = self.is_of_integers.then(|| {
            let mut members: Vec<_> = self.iter().collect();
            members.sort_by_cached_key(|member| integer(member));
            members
        });
        let unsorted = if sorted.is_some() { 0 } else { self.len() };
        sorted.into_iter().flatten().chain(self.iter().take(unsorted))
    }

    /// Adds a member; false if it is there.
    pub(crate) fn insert(&mut self, member: &[u8]) -> bool {
        if !self.members.insert(member.into()) {
            return false;
        }
        self.is_of_integers =
            self.is_of_integers && self.len() <= INTEGERS_MAX && integer(member).is_some();
        true
    }

    /// Removes a member; false if it is not there.
    pub(crate) fn remove(&mut self, member: &[u8]) -> bool {
        self.members.swap_remove(member)
    }

    /// OBJECT ENCODING.
    pub(crate) fn encoding(&self) -> &'static str {
        if self.is_of_integers { "intset" } else { "hashtable" }
    }

    /// Bytes outside of its entry, for MEMORY USAGE.
    pub(crate) fn memory_bytes(&self) -> usize {
        // Each place: the hash, the member, and about two words of index.
        let place = 3 * size_of::<usize>() + size_of::<Box<[u8]>>();
        let members = self.iter().map(<[u8]>::len).sum::<usize>();
        size_of::<Self>() + self.members.capacity() * place + members
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_shown_sorted_until_another_member_comes() {
        let mut set = Set::new(FixedState::with_seed(1));
        for member in [&b"10"[..], b"-3", b"2"] {
            assert!(set.insert(member));
        }
        assert!(!set.insert(b"2"));
        assert_eq!(set.encoding(), "intset");
        assert_eq!(set.in_order().collect::<Vec<_>>(), [&b"-3"[..], b"2", b"10"]);
        assert!(set.insert(b"02"), "not how Redis writes 2");
        assert!(set.remove(b"02"));
        assert_eq!(set.encoding(), "hashtable");
        assert_eq!(set.in_order().collect::<Vec<_>>(), [&b"10"[..], b"-3", b"2"]);
    }

    #[test]
    fn an_intset_has_512_members_at_most() {
        let mut set = Set::new(FixedState::with_seed(1));
        for number in 0..512 {
            set.insert(number.to_string().as_bytes());
        }
        assert_eq!(set.encoding(), "intset");
        set.insert(b"512");
        assert_eq!(set.encoding(), "hashtable");
    }
}
