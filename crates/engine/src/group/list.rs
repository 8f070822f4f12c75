//! The pending entries list (PEL) of a group, by ID and by the order in which entries are claimed.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use super::Pending;
use super::id_map::IdMap;
use super::released::Released;
use crate::id::{StreamId, UnixMillis};

/// Pending entries by ID. Those without an owner (XNACK) stand in a line of their own.
#[derive(Debug, Clone, Default)]
pub(super) struct PendingList {
    entries: IdMap<Pending>,
    released: Released,
    /// Owned entries by the time of their delivery. It is made when somebody first asks for it, and
    /// kept true from then on: groups that nobody reads with CLAIM pay nothing for it.
    by_age: OnceLock<BTreeSet<(UnixMillis, StreamId)>>,
}

impl PendingList {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many have no owner.
    pub(super) fn released_len(&self) -> usize {
        self.released.len()
    }

    pub(super) fn first_id(&self) -> Option<StreamId> {
        self.entries.first_id()
    }

    pub(super) fn last_id(&self) -> Option<StreamId> {
        self.entries.last_id()
    }

    pub(super) fn contains(&self, id: StreamId) -> bool {
        self.entries.contains(id)
    }

    pub(super) fn get(&self, id: StreamId) -> Option<Pending> {
        self.entries.get(id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (StreamId, Pending)> + '_ {
        self.entries.iter()
    }

    pub(super) fn iter_from(
        &self,
        start: StreamId,
    ) -> impl Iterator<Item = (StreamId, Pending)> + '_ {
        self.entries.iter_from(start)
    }

    /// Entries without an owner, in the order of their release.
    pub(super) fn iter_released(&self) -> impl Iterator<Item = (StreamId, Pending)> + '_ {
        self.released.iter().map(|id| (id, self.at(id)))
    }

    /// Entries in the order of claiming: those without an owner as they were released, then the
    /// others, the longest idle first.
    pub(super) fn iter_by_age(&self) -> impl Iterator<Item = (StreamId, Pending)> + '_ {
        let owned = self.by_age().iter().map(|&(_, id)| (id, self.at(id)));
        self.iter_released().chain(owned)
    }

    /// When the first in the order of claiming was delivered.
    pub(super) fn oldest_delivery(&self) -> Option<UnixMillis> {
        self.iter_by_age().next().map(|(_, pending)| pending.delivery_time)
    }

    fn by_age(&self) -> &BTreeSet<(UnixMillis, StreamId)> {
        self.by_age.get_or_init(|| {
            let owned = self.entries.iter().filter(|(_, entry)| entry.owner.is_some());
            owned.map(|(id, entry)| (entry.delivery_time, id)).collect()
        })
    }

    fn at(&self, id: StreamId) -> Pending {
        self.entries.get(id).expect("what an order of the list holds is pending")
    }

    /// Adds `ids`, which ascend and lie above every ID of the list, all owned and alike.
    pub(super) fn append(&mut self, ids: &[StreamId], pending: Pending) {
        self.entries.append(ids, pending);
        if let Some(by_age) = self.by_age.get_mut() {
            by_age.extend(ids.iter().map(|&id| (pending.delivery_time, id)));
        }
    }

    /// Adds an entry or replaces what was known of it; returns that. Without an owner it goes to the
    /// end of the line of released entries, wherever it stood before.
    pub(super) fn insert(&mut self, id: StreamId, pending: Pending) -> Option<Pending> {
        let before = self.entries.insert(id, pending);
        if let Some(before) = before {
            self.leave_orders(id, before);
        }
        match pending.owner {
            None => self.released.push(id),
            Some(_) => {
                if let Some(by_age) = self.by_age.get_mut() {
                    by_age.insert((pending.delivery_time, id));
                }
            }
        }
        before
    }

    /// Removes those of `ids` that are there, telling `removed` of each in the order of `ids`.
    pub(super) fn remove_all(
        &mut self,
        ids: &[StreamId],
        mut removed: impl FnMut(StreamId, Pending),
    ) {
        let (released, by_age) = (&mut self.released, self.by_age.get_mut());
        if released.is_empty() && by_age.is_none() {
            return self.entries.remove_all(ids, removed);
        }
        let mut by_age = by_age;
        self.entries.remove_all(ids, |id, pending| {
            match pending.owner {
                None => released.remove(id),
                Some(_) => {
                    if let Some(by_age) = &mut by_age {
                        by_age.remove(&(pending.delivery_time, id));
                    }
                }
            }
            removed(id, pending);
        });
    }

    fn leave_orders(&mut self, id: StreamId, pending: Pending) {
        match pending.owner {
            None => self.released.remove(id),
            Some(_) => {
                if let Some(by_age) = self.by_age.get_mut() {
                    by_age.remove(&(pending.delivery_time, id));
                }
            }
        }
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        // A node of the tree is about half full.
        let aged = self.by_age.get().map_or(0, BTreeSet::len);
        let by_age = 2 * aged * size_of::<(UnixMillis, StreamId)>();
        self.entries.heap_bytes() + self.released.heap_bytes() + by_age
    }
}
