//! Pending entries without an owner, in the order in which XNACK released them.

use std::collections::BTreeMap;

use super::id_map::IdMap;
use crate::id::StreamId;

/// A line of IDs: who is released goes to its end, and may leave from anywhere.
#[derive(Debug, Clone, Default)]
pub(super) struct Released {
    line: BTreeMap<u64, StreamId>,
    /// The place of each ID in the line.
    places: IdMap<u64>,
    /// The next place. It only rises; a snapshot numbers the places anew.
    next: u64,
}

impl Released {
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// In the order of their release.
    pub(super) fn iter(&self) -> impl Iterator<Item = StreamId> + '_ {
        self.line.values().copied()
    }

    /// Puts an ID that is not in the line at its end.
    pub(super) fn push(&mut self, id: StreamId) {
        let before = self.places.insert(id, self.next);
        assert!(before.is_none(), "an entry stands in the line once");
        self.line.insert(self.next, id);
        self.next += 1;
    }

    /// Takes an ID out of the line.
    pub(super) fn remove(&mut self, id: StreamId) {
        let place = self.places.remove(id).expect("an entry without owner stands in the line");
        self.line.remove(&place);
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        // A node of the tree is about half full.
        self.places.heap_bytes() + 2 * self.line.len() * size_of::<(u64, StreamId)>()
    }
}
