//! The live slots of a block or tail, one after another.

use bytes::Bytes;

use super::slots::{Place, Slots};
use super::{Damage, Node};
use crate::id::StreamId;

/// Goes over the live slots and gives ID and slot index of each. Holds the bytes of a sealed block,
/// which were read for this.
pub(super) struct LiveIds<'s> {
    node: Node<'s>,
    bytes: SlotBytes<'s>,
    at: Place,
}

enum SlotBytes<'s> {
    Read(Bytes),
    Tail(&'s [u8]),
}

impl<'s> LiveIds<'s> {
    pub(super) fn new(node: Node<'s>) -> Result<Self, Damage> {
        let bytes = match &node {
            Node::Block(block) => SlotBytes::Read(block.slots()?),
            Node::Tail(tail) => SlotBytes::Tail(&tail.bytes),
        };
        let at = Place { offset: 0, index: 0, previous: node.span().first };
        Ok(Self { node, bytes, at })
    }
}

impl Iterator for LiveIds<'_> {
    type Item = Result<(StreamId, u32), Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = match &self.bytes {
            SlotBytes::Read(bytes) => bytes,
            SlotBytes::Tail(bytes) => *bytes,
        };
        let span = self.node.span();
        let mut slots = Slots::between(bytes, span.first, self.at, span.slots);
        let found = slots.find(|slot| !matches!(slot, Ok(slot) if !span.is_live(slot.index)));
        self.at = slots.place();
        found.map(|slot| slot.map(|slot| (slot.id, slot.index)).map_err(|_| self.node.damage()))
    }
}
