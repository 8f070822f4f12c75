//! The consumers of one group, and how pending entries refer to them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::id_map::IdMap;
use crate::id::UnixMillis;

/// Place of a consumer in its group. Pending entries carry this instead of a name. It is reused
/// after the consumer is gone and never leaves memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConsumerSlot(u32);

/// One consumer.
#[derive(Debug, Clone)]
pub(crate) struct Consumer {
    pub(crate) name: Arc<[u8]>,
    /// Last attempt, successful or not.
    pub(crate) seen: UnixMillis,
    /// Last delivery or claim that brought something.
    pub(crate) active: Option<UnixMillis>,
    /// IDs of the pending entries that it owns. Their data are in the group's list.
    pub(crate) pending: IdMap<()>,
}

/// Consumers by name and by slot.
#[derive(Debug, Clone, Default)]
pub(crate) struct Consumers {
    /// In byte order of the name, which is the order of every listing.
    by_name: BTreeMap<Arc<[u8]>, ConsumerSlot>,
    slots: Vec<Option<Consumer>>,
    free: Vec<ConsumerSlot>,
}

impl ConsumerSlot {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

impl Consumers {
    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(crate) fn slot(&self, name: &[u8]) -> Option<ConsumerSlot> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn by_name(&self, name: &[u8]) -> Option<&Consumer> {
        self.slot(name).map(|slot| self.at(slot))
    }

    /// Every consumer in byte order of the name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Consumer> {
        self.by_name.values().map(|slot| self.at(*slot))
    }

    /// For each slot, the place of its consumer in the order of names.
    pub(crate) fn ordinals(&self) -> Vec<u32> {
        let mut ordinals = vec![0; self.slots.len()];
        for (ordinal, slot) in (0..).zip(self.by_name.values()) {
            ordinals[slot.index()] = ordinal;
        }
        ordinals
    }

    /// The slot of the n-th consumer that came, provided that none has gone.
    pub(crate) fn loaded_slot(&self, ordinal: u32) -> Option<ConsumerSlot> {
        let slot = ConsumerSlot(ordinal);
        self.slots.get(slot.index())?.as_ref().map(|_| slot)
    }

    pub(crate) fn at(&self, slot: ConsumerSlot) -> &Consumer {
        self.slots[slot.index()].as_ref().expect("a slot in use names a consumer")
    }

    pub(crate) fn at_mut(&mut self, slot: ConsumerSlot) -> &mut Consumer {
        self.slots[slot.index()].as_mut().expect("a slot in use names a consumer")
    }

    /// Adds a consumer under a name that is free.
    pub(crate) fn insert(&mut self, name: &[u8], seen: UnixMillis) -> ConsumerSlot {
        let name: Arc<[u8]> = name.into();
        let consumer =
            Consumer { name: name.clone(), seen, active: None, pending: IdMap::default() };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot.index()] = Some(consumer);
                slot
            }
            None => {
                let slot = u32::try_from(self.slots.len())
                    .expect("memory ends long before four thousand million consumers");
                self.slots.push(Some(consumer));
                ConsumerSlot(slot)
            }
        };
        let before = self.by_name.insert(name, slot);
        assert!(before.is_none(), "the consumer exists already");
        slot
    }

    /// Takes a consumer out. Its pending entries are the caller's to remove.
    pub(crate) fn remove(&mut self, name: &[u8]) -> Option<Consumer> {
        let slot = self.by_name.remove(name)?;
        self.free.push(slot);
        self.slots[slot.index()].take()
    }

    /// Bytes on the heap, the views of the pending entries included.
    pub(crate) fn heap_bytes(&self) -> usize {
        // A name is held once, behind two counters; a map node is about two pointers per item.
        let per_consumer = size_of::<(Arc<[u8]>, ConsumerSlot)>() + 4 * size_of::<usize>();
        let slots = self.slots.capacity() * size_of::<Option<Consumer>>();
        let contents: usize = self
            .iter()
            .map(|consumer| consumer.name.len() + per_consumer + consumer.pending.heap_bytes())
            .sum();
        slots + contents
    }
}
