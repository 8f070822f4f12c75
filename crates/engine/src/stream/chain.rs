//! The sealed blocks of a stream, oldest first: packs, then those that are not packed.

use std::borrow::Cow;
use std::collections::VecDeque;

use super::block::Block;
use super::pack::{PACK_BLOCKS, Pack, PackItem};
use super::{Body, Stored};
use crate::blocks::Adopt;
use crate::id::StreamId;

/// Sealed blocks. IDs and numbers rise from block to block.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chain {
    /// Changed as wholes: to change one block of a pack makes a new pack of its blocks.
    packs: VecDeque<Pack>,
    /// Blocks in packs.
    packed: usize,
    loose: VecDeque<Block>,
}

impl Chain {
    /// Number of blocks.
    pub(super) fn len(&self) -> usize {
        self.packed + self.loose.len()
    }

    /// Bytes of memory. Blocks that lie on disk count with what is kept of them.
    pub(super) fn memory_bytes(&self) -> usize {
        let packs: usize = self.packs.iter().map(Pack::memory_bytes).sum();
        let bytes_of = |block: &Block| {
            let bytes = if block.body.location().is_some() { 0 } else { block.body.len() };
            bytes + size_of_val(block.span.deleted.words())
        };
        let loose: usize = self.loose.iter().map(bytes_of).sum();
        packs + self.loose.capacity() * size_of::<Block>() + loose
    }

    /// ID of the last slot and number of the last block.
    pub(super) fn last(&self) -> Option<(StreamId, u64)> {
        let packed = || self.packs.back().map(|pack| (pack.last, pack.number_last));
        self.loose.back().map(|block| (block.span.last, block.number)).or_else(packed)
    }

    /// All blocks.
    pub(super) fn iter(&self) -> impl Iterator<Item = Cow<'_, Block>> {
        let packed = self.packs.iter().flat_map(Pack::blocks);
        packed.map(Cow::Owned).chain(self.loose.iter().map(Cow::Borrowed))
    }

    /// The blocks from the first on that reaches up to `id`.
    pub(super) fn from(&self, id: StreamId) -> impl Iterator<Item = Cow<'_, Block>> {
        let start = self.packs.partition_point(|pack| pack.last < id);
        let packed = self.packs.range(start..).flat_map(move |pack| pack.blocks_from(id));
        let start = self.loose.partition_point(|block| block.span.last < id);
        packed.map(Cow::Owned).chain(self.loose.range(start..).map(Cow::Borrowed))
    }

    /// The blocks that begin at or below `id`, the last one first.
    pub(super) fn up_to(&self, id: StreamId) -> impl Iterator<Item = Cow<'_, Block>> {
        let end = self.loose.partition_point(|block| block.span.first <= id);
        let loose = self.loose.range(..end).rev().map(Cow::Borrowed);
        let end = self.packs.partition_point(|pack| pack.first <= id);
        let packed = self.packs.range(..end).rev().flat_map(move |pack| {
            let mut blocks: Vec<Block> = pack.blocks().collect();
            blocks.truncate(blocks.partition_point(|block| block.span.first <= id));
            blocks.into_iter().rev()
        });
        loose.chain(packed.map(Cow::Owned))
    }

    /// The packs for a snapshot.
    pub(super) fn pack_items(&self) -> impl Iterator<Item = PackItem<'_>> {
        self.packs.iter().map(Pack::item)
    }

    /// The other blocks.
    pub(super) fn loose(&self) -> impl Iterator<Item = &Block> {
        self.loose.iter()
    }
}

impl Chain {
    /// Adds a block above all others.
    pub(super) fn push(&mut self, block: Block) {
        self.loose.push_back(block);
    }

    /// Adds a pack above all others.
    ///
    /// # Errors
    ///
    /// Why it cannot stand there.
    pub(super) fn push_pack(&mut self, pack: Pack) -> Result<(), &'static str> {
        if !self.loose.is_empty() {
            return Err("a pack behind blocks");
        }
        self.packed += pack.blocks as usize;
        self.packs.push_back(pack);
        Ok(())
    }

    /// Removes the blocks that end below `before`; returns how many live entries went.
    pub(super) fn remove_below(&mut self, before: StreamId) -> u64 {
        let mut removed = 0;
        while let Some(pack) = self.packs.pop_front_if(|pack| pack.last < before) {
            self.packed -= pack.blocks as usize;
            removed += pack.live;
        }
        match self.packs.front() {
            // Only if a block of it goes: most trims end at a block that stays.
            Some(pack) if pack.blocks().next().is_some_and(|block| block.span.last < before) => {
                let live = pack.live;
                self.edit(0, |blocks| blocks.retain(|block| before <= block.span.last));
                removed += live - self.packs.front().map_or(0, |pack| pack.live);
            }
            Some(_) => {}
            None => {
                while let Some(block) = self.loose.pop_front_if(|block| block.span.last < before) {
                    removed += u64::from(block.span.live);
                }
            }
        }
        removed
    }

    /// Removes the entries in the first slots of the first block; returns how many were live, `None`
    /// if there is no block.
    pub(super) fn cut_front(&mut self, slots: u32) -> Option<u64> {
        let mut removed = 0;
        if self.packs.is_empty() {
            let front = self.loose.front_mut()?;
            removed = front.span.delete_below(slots);
            self.loose.pop_front_if(|block| block.span.live == 0);
        } else if slots != 0 {
            self.edit(0, |blocks| removed = blocks[0].span.delete_below(slots));
        }
        Some(removed.into())
    }

    /// Removes live entries, each known by its ID and its slot, as far as they lie at or below the end
    /// of the last block. Returns how many.
    pub(super) fn delete(&mut self, ids: &[StreamId], slots: &[u32]) -> usize {
        let mut marks = ids.iter().copied().zip(slots.iter().copied()).peekable();
        let mut done = 0;
        let mut is_block_empty = false;
        while let Some(&(id, slot)) = marks.peek() {
            let at = self.packs.partition_point(|pack| pack.last < id);
            if let Some(pack) = self.packs.get(at) {
                let span = pack.first..=pack.last;
                assert!(span.contains(&id), "a deleted entry lies in a block");
                self.edit(at, |blocks| {
                    while let Some((id, slot)) = marks.next_if(|(id, _)| span.contains(id)) {
                        let at = blocks.partition_point(|block| block.span.last < id);
                        blocks[at].delete(id, slot);
                        done += 1;
                    }
                });
                continue;
            }
            let at = self.loose.partition_point(|block| block.span.last < id);
            let Some(block) = self.loose.get_mut(at) else { break };
            block.delete(id, slot);
            is_block_empty |= block.span.live == 0;
            marks.next();
            done += 1;
        }
        if is_block_empty {
            // Nearly always the front; closing gaps elsewhere costs time in proportion to the blocks.
            while self.loose.pop_front_if(|block| block.span.live == 0).is_some() {}
            if self.loose.iter().any(|block| block.span.live == 0) {
                self.loose.retain(|block| block.span.live != 0);
            }
        }
        done
    }

    /// Takes out the blocks that `is_lost`.
    pub(super) fn remove(&mut self, is_lost: &mut dyn FnMut(&Block) -> bool) -> Vec<Block> {
        let blocks = std::mem::take(self).iter().map(Cow::into_owned).collect::<Vec<_>>();
        let (lost, kept): (Vec<_>, Vec<_>) = blocks.into_iter().partition(|block| is_lost(block));
        self.loose = kept.into();
        self.pack();
        lost
    }

    /// Visits the blocks from number `from` on, and lets each one take the place that `adopt` gives.
    /// Stops when `budget` has been used up (at the end of a pack, if it was in one) and returns the
    /// number of the next block.
    pub(crate) fn adopt(&mut self, from: u64, budget: &mut usize, adopt: Adopt<'_>) -> Option<u64> {
        let mut at = self.packs.partition_point(|pack| pack.number_last < from);
        while let Some(pack) = self.packs.get(at) {
            if *budget == 0 {
                return Some(pack.number_first());
            }
            *budget = budget.saturating_sub(pack.blocks as usize);
            let moves: Vec<_> =
                pack.places().map(|(number, place)| adopt(number, Some(place))).collect();
            if moves.iter().any(Option::is_some) {
                self.edit(at, |blocks| {
                    for (block, moved) in blocks.iter_mut().zip(moves) {
                        if let Some((source, at)) = moved {
                            block.body = Body::Stored(Stored { source, at });
                        }
                    }
                });
            }
            at += 1;
        }
        let start = self.loose.partition_point(|block| block.number < from);
        let mut next = None;
        for block in self.loose.range_mut(start..) {
            if *budget == 0 {
                next = Some(block.number);
                break;
            }
            *budget -= 1;
            if let Some((source, at)) = adopt(block.number, block.body.location()) {
                block.body = Body::Stored(Stored { source, at });
            }
        }
        self.pack();
        next
    }

    /// Packs the oldest blocks, as far as they lie on disk and fill packs.
    fn pack(&mut self) {
        let is_stored = |block: &Block| block.body.location().is_some();
        let stored = self.loose.iter().take_while(|block| is_stored(block)).count();
        for _ in 0..stored / PACK_BLOCKS {
            let blocks: Vec<Block> = self.loose.drain(..PACK_BLOCKS).collect();
            self.packs.extend(Pack::of(&blocks));
            self.packed += PACK_BLOCKS;
        }
        // What the blocks took before they lay on disk.
        if stored / PACK_BLOCKS != 0 {
            self.loose.shrink_to(2 * self.loose.len());
        }
    }

    /// Changes the blocks of a pack. Those without a live entry disappear, and the pack with the last.
    fn edit(&mut self, at: usize, change: impl FnOnce(&mut Vec<Block>)) {
        let mut blocks: Vec<Block> = self.packs[at].blocks().collect();
        self.packed -= blocks.len();
        change(&mut blocks);
        blocks.retain(|block| block.span.live != 0);
        self.packed += blocks.len();
        match Pack::of(&blocks) {
            Some(pack) => self.packs[at] = pack,
            None => drop(self.packs.remove(at)),
        }
    }
}
