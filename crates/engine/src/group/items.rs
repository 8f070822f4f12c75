//! A group's way through a snapshot: a sequence of items, and back.

use serde::{Deserialize, Serialize};

use super::{Group, Pending};
use crate::id::{StreamId, UnixMillis};
use crate::op::{Ids, Text};

/// Most pending entries of one item: bounds the memory that a snapshot's writer and reader need.
const PENDING_PER_ITEM_MAX: usize = 4096;

/// One part of a consumer group in a snapshot. A group begins with [`GroupItem::Group`]; its
/// consumers follow in byte order of the name, then its pending entries in ID order, then those that
/// have no owner.
///
/// The variants are numbered by their order: **append new ones at the end, change none**.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum GroupItem<'a> {
    /// A group begins.
    Group {
        /// Its name.
        #[serde(borrow)]
        name: Text<'a>,
        /// New deliveries start after this ID.
        last_delivered: StreamId,
        /// The logical read counter, `None` if unknown.
        entries_read: Option<u64>,
    },
    /// A consumer of that group.
    Consumer {
        /// Its name.
        #[serde(borrow)]
        name: Text<'a>,
        /// Last attempt.
        seen: UnixMillis,
        /// Last success.
        active: Option<UnixMillis>,
    },
    /// Pending entries of that group; the four lists are equally long.
    Pending {
        /// Ascending, above those of the item before.
        ids: Ids,
        /// Ordinal of the owner among the group's consumers, from 0.
        owners: Vec<u32>,
        /// Delivery times, each as the (wrapping) difference to the one before, from 0.
        time_differences: Vec<u64>,
        /// Delivery counts.
        counts: Vec<u64>,
    },
    /// Pending entries of that group without an owner; the two lists are equally long.
    Released {
        /// In the order of their release.
        ids: Ids,
        /// Delivery counts.
        counts: Vec<u64>,
    },
}

impl Group {
    /// The group as items.
    pub(crate) fn items<'g>(&'g self, name: &'g [u8]) -> impl Iterator<Item = GroupItem<'g>> {
        let group = GroupItem::Group {
            name: Text::Borrowed(name),
            last_delivered: self.last_delivered,
            entries_read: self.entries_read,
        };
        let consumers = self.consumers.iter().map(|consumer| GroupItem::Consumer {
            name: Text::Borrowed(&consumer.name),
            seen: consumer.seen,
            active: consumer.active,
        });
        let entries = self.pending_items().chain(self.released_items());
        std::iter::once(group).chain(consumers).chain(entries)
    }

    fn pending_items(&self) -> impl Iterator<Item = GroupItem<'_>> {
        let ordinals = self.consumers.ordinals();
        let owned = self.pending.iter().filter_map(|(id, entry)| Some((id, entry, entry.owner?)));
        let mut pending = owned.peekable();
        std::iter::from_fn(move || {
            pending.peek()?;
            let mut ids = Ids::default();
            let (mut owners, mut time_differences, mut counts) = (vec![], vec![], vec![]);
            let mut time_before = 0;
            for (id, entry, owner) in pending.by_ref().take(PENDING_PER_ITEM_MAX) {
                ids.0.push(id);
                owners.push(ordinals[owner.index()]);
                time_differences.push(entry.delivery_time.wrapping_sub(time_before));
                time_before = entry.delivery_time;
                counts.push(entry.delivery_count);
            }
            Some(GroupItem::Pending { ids, owners, time_differences, counts })
        })
    }

    fn released_items(&self) -> impl Iterator<Item = GroupItem<'_>> {
        let mut released = self.pending.iter_released().peekable();
        std::iter::from_fn(move || {
            released.peek()?;
            let entries = released.by_ref().take(PENDING_PER_ITEM_MAX);
            let (ids, counts) = entries.map(|(id, entry)| (id, entry.delivery_count)).unzip();
            Some(GroupItem::Released { ids: Ids(ids), counts })
        })
    }

    /// Takes in an item after the first, which was the caller's to turn into [`Group::new`].
    ///
    /// # Errors
    ///
    /// Why the item cannot belong to this group.
    pub(crate) fn load(&mut self, item: &GroupItem<'_>) -> Result<(), &'static str> {
        match item {
            GroupItem::Group { .. } => Err("a group inside a group"),
            GroupItem::Consumer { name, seen, active } => {
                if self.consumers.slot(name).is_some() {
                    return Err("a consumer twice in one group");
                }
                let slot = self.consumers.insert(name, *seen);
                self.consumers.at_mut(slot).active = *active;
                Ok(())
            }
            GroupItem::Pending { ids, owners, time_differences, counts } => {
                if [owners.len(), time_differences.len(), counts.len()] != [ids.len(); 3] {
                    return Err("lists of pending entries of different length");
                }
                let mut delivery_time: UnixMillis = 0;
                for (item, &id) in ids.iter().enumerate() {
                    delivery_time = delivery_time.wrapping_add(time_differences[item]);
                    self.load_pending(id, owners[item], delivery_time, counts[item])?;
                }
                Ok(())
            }
            GroupItem::Released { ids, counts } => {
                if ids.len() != counts.len() {
                    return Err("lists of released entries of different length");
                }
                for (&id, &delivery_count) in ids.iter().zip(counts) {
                    if self.pending.contains(id) {
                        return Err("a pending entry twice in one group");
                    }
                    let released = Pending { delivery_time: 0, delivery_count, owner: None };
                    self.pending.insert(id, released);
                }
                Ok(())
            }
        }
    }

    fn load_pending(
        &mut self,
        id: StreamId,
        owner: u32,
        delivery_time: UnixMillis,
        delivery_count: u64,
    ) -> Result<(), &'static str> {
        // Consumers of a group that is being loaded got their slots in the order of their items.
        let owner = self.consumers.loaded_slot(owner).ok_or("a pending entry without owner")?;
        if self.pending.released_len() != 0 {
            return Err("owned pending entries behind released ones");
        }
        if self.pending.last_id().is_some_and(|last| id <= last) {
            return Err("pending entries out of order");
        }
        self.pending.append(&[id], Pending { delivery_time, delivery_count, owner: Some(owner) });
        self.consumers.at_mut(owner).pending.append(&[id], ());
        Ok(())
    }
}
