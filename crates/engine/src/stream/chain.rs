//! The sealed blocks of a stream, oldest first: opened packs, packs, then those that no pack has had yet.

use std::borrow::Cow;
use std::collections::VecDeque;

use super::block::Block;
use super::pack::{PACK_BLOCKS, PACK_WORDS, Pack, PackItem};
use super::{Body, Stored};
use crate::blocks::{Adopt, StoredBlocks};
use crate::id::StreamId;

/// Blocks that are packed under one lock, at least: more than a slice of an adoption visits.
const PACKED_AT_ONCE: usize = 1024;

/// Sealed blocks. IDs and numbers rise from block to block.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chain {
    /// Blocks that were in packs: those in front change most, as they are trimmed or done with.
    opened: VecDeque<Block>,
    /// Changed as wholes: to change one block of a pack makes a new pack of its blocks.
    packs: VecDeque<Pack>,
    /// Blocks in packs.
    packed: usize,
    /// Blocks that no pack has had yet.
    loose: VecDeque<Block>,
}

impl Chain {
    /// Number of blocks.
    pub(super) fn len(&self) -> usize {
        self.opened.len() + self.packed + self.loose.len()
    }

    /// Bytes of memory. Blocks that lie on disk count with what is kept of them.
    pub(super) fn memory_bytes(&self) -> usize {
        let packs: usize = self.packs.iter().map(Pack::memory_bytes).sum();
        let bytes_of = |block: &Block| {
            let bytes = if block.body.location().is_some() { 0 } else { block.body.len() };
            bytes + size_of_val(block.span.deleted.words())
        };
        let others: usize = self.opened.iter().chain(&self.loose).map(bytes_of).sum();
        let capacity = self.opened.capacity() + self.loose.capacity();
        packs + capacity * size_of::<Block>() + others
    }

    /// ID of the last slot and number of the last block.
    pub(super) fn last(&self) -> Option<(StreamId, u64)> {
        let of_block = |block: &Block| (block.span.last, block.number);
        let packed = || self.packs.back().map(|pack| (pack.last, pack.number_last));
        let opened = || self.opened.back().map(of_block);
        self.loose.back().map(of_block).or_else(packed).or_else(opened)
    }

    /// All blocks.
    pub(super) fn iter(&self) -> impl Iterator<Item = Cow<'_, Block>> {
        self.from(StreamId::MIN)
    }

    /// The blocks that lie in memory (`None`) or in files that are `wanted`. Packs without any are passed
    /// over.
    pub(crate) fn blocks_in<'c>(
        &'c self,
        wanted: &'c dyn Fn(Option<u64>) -> bool,
    ) -> impl Iterator<Item = Cow<'c, Block>> {
        let is_wanted =
            move |block: &Block| wanted(block.body.location().map(|location| location.file));
        let has_wanted = move |pack: &&Pack| pack.files().any(|(file, _)| wanted(Some(file)));
        let packed = self.packs.iter().filter(has_wanted).flat_map(Pack::blocks);
        let single = |blocks: &'c VecDeque<Block>| {
            blocks.iter().filter(move |block| is_wanted(block)).map(Cow::Borrowed)
        };
        let packed = packed.filter(is_wanted).map(Cow::Owned);
        single(&self.opened).chain(packed).chain(single(&self.loose))
    }

    /// Tells which blocks lie on disk.
    pub(crate) fn note_stored(&self, stored: &mut StoredBlocks) {
        self.packs.iter().for_each(|pack| stored.note_pack(pack));
        for block in self.opened.iter().chain(&self.loose) {
            if let Some(place) = block.body.location() {
                stored.note(block.number, place);
            }
        }
    }

    /// The blocks from the first on that reaches up to `id`.
    pub(super) fn from(&self, id: StreamId) -> impl Iterator<Item = Cow<'_, Block>> {
        let start = self.packs.partition_point(|pack| pack.last < id);
        let packed = self.packs.range(start..).flat_map(move |pack| pack.blocks_from(id));
        let from =
            |blocks: &'_ VecDeque<Block>| blocks.partition_point(|block| block.span.last < id);
        let opened = self.opened.range(from(&self.opened)..).map(Cow::Borrowed);
        let loose = self.loose.range(from(&self.loose)..).map(Cow::Borrowed);
        opened.chain(packed.map(Cow::Owned)).chain(loose)
    }

    /// The blocks that begin at or below `id`, the last one first.
    pub(super) fn up_to(&self, id: StreamId) -> impl Iterator<Item = Cow<'_, Block>> {
        let up_to =
            |blocks: &'_ VecDeque<Block>| blocks.partition_point(|block| block.span.first <= id);
        let loose = self.loose.range(..up_to(&self.loose)).rev().map(Cow::Borrowed);
        let end = self.packs.partition_point(|pack| pack.first <= id);
        let packed = self.packs.range(..end).rev().flat_map(move |pack| {
            let mut blocks: Vec<Block> = pack.blocks().collect();
            blocks.truncate(blocks.partition_point(|block| block.span.first <= id));
            blocks.into_iter().rev()
        });
        let opened = self.opened.range(..up_to(&self.opened)).rev().map(Cow::Borrowed);
        loose.chain(packed.map(Cow::Owned)).chain(opened)
    }

    /// The blocks on disk in front as packs, for a snapshot.
    pub(super) fn pack_items<'c>(&'c self) -> impl Iterator<Item = PackItem<'c>> {
        let opened = packs_of(self.opened.iter().cloned().collect());
        opened
            .into_iter()
            .map(|pack| -> PackItem<'c> { pack.into_item() })
            .chain(self.packs.iter().map(Pack::item))
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
        let mut remove = |blocks: &mut VecDeque<Block>| {
            while let Some(block) = blocks.pop_front_if(|block| block.span.last < before) {
                removed += u64::from(block.span.live);
            }
        };
        remove(&mut self.opened);
        let mut in_packs = 0;
        if self.opened.is_empty() {
            while let Some(pack) = self.packs.pop_front_if(|pack| pack.last < before) {
                self.packed -= pack.blocks as usize;
                in_packs += pack.live;
            }
            if self.packs.is_empty() {
                remove(&mut self.loose);
            } else if self.packs.front().is_some_and(|pack| pack.first < before) {
                self.open_front();
                remove(&mut self.opened);
            }
        }
        self.shrink_opened();
        removed + in_packs
    }

    /// Removes the entries in the first slots of the first block; returns how many were live, `None`
    /// if there is no block.
    pub(super) fn cut_front(&mut self, slots: u32) -> Option<u64> {
        if slots == 0 {
            return (self.len() != 0).then_some(0);
        }
        if self.opened.is_empty() {
            self.open_front();
        }
        let blocks = if self.opened.is_empty() { &mut self.loose } else { &mut self.opened };
        let removed = blocks.front_mut()?.span.delete_below(slots);
        blocks.pop_front_if(|block| block.span.live == 0);
        self.shrink_opened();
        Some(removed.into())
    }

    /// Removes live entries, each known by its ID and its slot, as far as they lie at or below the end
    /// of the last block. Returns how many.
    pub(super) fn delete(&mut self, ids: &[StreamId], slots: &[u32]) -> usize {
        let mut marks = ids.iter().copied().zip(slots.iter().copied()).peekable();
        let mut done = 0;
        let (mut is_opened_dead, mut is_loose_dead) = (false, false);
        while let Some(&(id, slot)) = marks.peek() {
            let in_opened = self.opened.partition_point(|block| block.span.last < id);
            if let Some(block) = self.opened.get_mut(in_opened) {
                block.delete(id, slot);
                is_opened_dead |= block.span.live == 0;
            } else if let at = self.packs.partition_point(|pack| pack.last < id)
                && let Some(pack) = self.packs.get(at)
            {
                if at == 0 && self.opened.len() < PACK_BLOCKS {
                    self.open_front();
                    continue;
                }
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
            } else {
                let in_loose = self.loose.partition_point(|block| block.span.last < id);
                let Some(block) = self.loose.get_mut(in_loose) else { break };
                block.delete(id, slot);
                is_loose_dead |= block.span.live == 0;
            }
            marks.next();
            done += 1;
        }
        if is_opened_dead {
            remove_dead(&mut self.opened);
            self.shrink_opened();
        }
        if is_loose_dead {
            remove_dead(&mut self.loose);
        }
        done
    }

    /// Takes out the blocks that `is_lost`.
    pub(super) fn remove(&mut self, is_lost: &mut dyn FnMut(&Block) -> bool) -> Vec<Block> {
        let blocks = std::mem::take(self).iter().map(Cow::into_owned).collect::<Vec<_>>();
        let (lost, kept): (Vec<_>, Vec<_>) = blocks.into_iter().partition(|block| is_lost(block));
        self.loose = kept.into();
        self.pack(usize::MAX);
        lost
    }

    /// Visits the blocks from number `from` on, and lets each one take the place that `adopt` gives. A pack
    /// all of whose files `stay` counts as one block, and is passed over.
    /// Stops when `budget` has been used up (at the end of a pack, if it was in one) and returns the
    /// number of the next block.
    pub(crate) fn adopt(
        &mut self,
        from: u64,
        budget: &mut usize,
        stays: &dyn Fn(u64) -> bool,
        adopt: Adopt<'_>,
    ) -> Option<u64> {
        if let Some(next) = adopt_each(&mut self.opened, from, budget, adopt) {
            return Some(next);
        }
        let mut at = self.packs.partition_point(|pack| pack.number_last < from);
        while let Some(pack) = self.packs.get(at) {
            if *budget == 0 {
                return Some(pack.number_first());
            }
            if pack.files().all(|(file, _)| stays(file)) {
                *budget -= 1;
                at += 1;
                continue;
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
        let next = adopt_each(&mut self.loose, from, budget, adopt);
        // Who has no lock to give back has a budget without end.
        self.pack(PACKED_AT_ONCE.max(*budget));
        next
    }

    /// Packs the oldest blocks, as far as they lie on disk and fill packs; no more than `max` of them.
    fn pack(&mut self, max: usize) {
        let is_stored = |block: &Block| block.body.location().is_some();
        let stored = self.loose.iter().take(max).take_while(|block| is_stored(block));
        let whole = stored.count() / PACK_BLOCKS * PACK_BLOCKS;
        if whole == 0 {
            return;
        }
        self.packs.extend(packs_of(self.loose.drain(..whole).collect()));
        self.packed += whole;
        // What the blocks took before they lay on disk.
        self.loose.shrink_to(2 * self.loose.len());
    }

    /// Whoever trims one block after the other has them all, and then none.
    fn shrink_opened(&mut self) {
        if self.opened.is_empty() {
            self.opened = VecDeque::new();
        }
    }

    /// Opens the first pack, if there is one.
    fn open_front(&mut self) {
        if let Some(pack) = self.packs.pop_front() {
            self.packed -= pack.blocks as usize;
            self.opened.extend(pack.blocks());
        }
    }

    /// Changes the blocks of a pack. Those without a live entry disappear, and the pack with the last.
    fn edit(&mut self, at: usize, change: impl FnOnce(&mut Vec<Block>)) {
        let mut blocks: Vec<Block> = self.packs[at].blocks().collect();
        self.packed -= blocks.len();
        change(&mut blocks);
        blocks.retain(|block| block.span.live != 0);
        self.packed += blocks.len();
        let mut packs = packs_of(blocks).into_iter();
        match packs.next() {
            Some(pack) => self.packs[at] = pack,
            None => drop(self.packs.remove(at)),
        }
        for (at, pack) in (at + 1..).zip(packs) {
            self.packs.insert(at, pack);
        }
    }
}

/// Packs of blocks that lie on disk, none with more than it may have.
fn packs_of(blocks: Vec<Block>) -> Vec<Pack> {
    let mut packs = Vec::new();
    let mut rest = &blocks[..];
    while !rest.is_empty() {
        let mut words = 0;
        let fits = rest.iter().take(PACK_BLOCKS).take_while(|block| {
            words += block.span.deleted.words().len();
            words <= PACK_WORDS
        });
        let (pack, more) = rest.split_at(fits.count().max(1));
        packs.extend(Pack::of(pack));
        rest = more;
    }
    packs
}

/// As [`Chain::adopt`] for some of the blocks.
fn adopt_each(
    blocks: &mut VecDeque<Block>,
    from: u64,
    budget: &mut usize,
    adopt: Adopt<'_>,
) -> Option<u64> {
    let start = blocks.partition_point(|block| block.number < from);
    for block in blocks.range_mut(start..) {
        if *budget == 0 {
            return Some(block.number);
        }
        *budget -= 1;
        if let Some((source, at)) = adopt(block.number, block.body.location()) {
            block.body = Body::Stored(Stored { source, at });
        }
    }
    None
}

/// Removes the blocks without a live entry.
fn remove_dead(blocks: &mut VecDeque<Block>) {
    // Nearly always the front; closing gaps elsewhere costs time in proportion to the blocks.
    while blocks.pop_front_if(|block| block.span.live == 0).is_some() {}
    if blocks.iter().any(|block| block.span.live == 0) {
        blocks.retain(|block| block.span.live != 0);
    }
}
