//! Streams: a chain of blocks, sealed ones and one open tail.
//!
//! Reading order: `slots` (the bytes of an entry), `block` (a sealed run of them), `tail` (the open
//! one), `pack` (what is kept of blocks on disk), `chain` (all blocks), this file (the chain and its
//! numbers), `range` (reading), `trim`, `items` (the way through
//! a snapshot), then the rules of the commands: `write`, `references` and `dispose` (what removal means
//! for groups), `read`, `info`.

mod bitmap;
mod block;
mod body;
pub(crate) mod budget;
mod chain;
pub(crate) mod dispose;
pub(crate) mod idmp;
pub(crate) mod info;
mod items;
mod live;
mod pack;
mod range;
pub(crate) mod read;
mod references;
mod sealer;
mod slots;
mod tail;
mod trim;
pub(crate) mod write;

use std::borrow::Cow;
use std::collections::BTreeMap;

pub(crate) use block::Block;
use block::Span;
pub use block::{BadBlock, BlockHeader};
pub use body::{BlockSource, DamagedBlock};
pub(crate) use body::{Body, Stored};
use chain::Chain;
use idmp::Idmp;
pub use idmp::{IDMP_DURATION_S_MAX, IDMP_IIDS_MAX, IdmpItem, IdmpSettings};
pub use items::{BlockItem, StreamItem};
use live::LiveIds;
pub(crate) use pack::Pack;
pub use pack::{FileUse, PackItem};
pub use range::EntryRange;
pub use sealer::BlockMemory;
pub(crate) use sealer::Sealer;
pub use slots::Pairs;
use tail::Tail;

use crate::engine::Settings;
use crate::error::CommandError;
use crate::fields::Fields;
use crate::group::Group;
use crate::id::StreamId;

/// Where a sealed block lies on disk. The engine carries it from snapshot to snapshot and never
/// looks inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BlockLocation {
    /// Number of the block file.
    pub file: u64,
    /// Offset of the block's first byte.
    pub offset: u64,
    /// Length in bytes.
    pub len: u32,
}

/// A stream.
///
/// Every block, the tail included, holds at least one live entry: as in Redis, one that loses its
/// last disappears. IDs rise from slot to slot and from block to block; so do block numbers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stream {
    /// Consumer groups in byte order of the name.
    pub(crate) groups: BTreeMap<Box<[u8]>, Group>,
    /// Those that are sealed.
    pub(crate) blocks: Chain,
    tail: Tail,
    /// Live entries.
    length: u64,
    /// The oldest live entry, `0-0` if there is none.
    first_id: StreamId,
    last_id: StreamId,
    max_deleted_id: StreamId,
    entries_added: u64,
    /// What is remembered of producers; `None` with the default settings and nothing to remember.
    idmp: Option<Box<Idmp>>,
}

/// The bytes of a block cannot be had or trusted: its entries cannot be read. The caller knows the
/// key.
#[derive(Debug, Clone)]
pub(crate) struct Damage {
    /// First and last slot of the block.
    first: StreamId,
    last: StreamId,
    /// Where it lies; `None` for memory.
    stored: Option<Stored>,
    reason: String,
}

impl Damage {
    fn of_block(span: &Span, body: &Body, reason: String) -> Self {
        let stored = match body {
            Body::Memory(_) => None,
            Body::Stored(stored) => Some(stored.clone()),
        };
        Self { first: span.first, last: span.last, stored, reason }
    }

    /// Bytes that carry their checksum, and are no slots.
    fn malformed(span: &Span, body: Option<&Body>) -> Self {
        let reason = "its content makes no sense".to_owned();
        match body {
            Some(body) => Self::of_block(span, body, reason),
            None => Self { first: span.first, last: span.last, stored: None, reason },
        }
    }

    /// The refusal to send for a read of `key`. Whoever keeps the block hears of it.
    pub(crate) fn of(self, key: &[u8]) -> CommandError {
        let Self { first, last, stored, reason } = self;
        let location = match stored {
            Some(Stored { source, at }) => {
                let text = format!("blocks/{:020}.blk at offset {}", at.file, at.offset);
                let key = key.into();
                source.note_damage(&DamagedBlock { key, first, last, location: at, reason });
                text
            }
            None => "memory".to_owned(),
        };
        CommandError::Damaged { key: key.into(), first, last, location }
    }
}

/// A sealed block or the tail.
#[derive(Debug, Clone)]
enum Node<'s> {
    Block(Cow<'s, Block>),
    Tail(&'s Tail),
}

impl<'s> Node<'s> {
    fn span(&self) -> &Span {
        match self {
            Node::Block(block) => &block.span,
            Node::Tail(tail) => &tail.span,
        }
    }

    /// The live slots as ID and slot index.
    fn live_ids(self) -> Result<LiveIds<'s>, Damage> {
        LiveIds::new(self)
    }

    fn last_live(&self) -> Result<StreamId, Damage> {
        if let Some(id) = self.span().last_live() {
            return Ok(id);
        }
        let last = self.clone().live_ids()?.last().ok_or_else(|| self.damage())?;
        last.map(|(id, _)| id)
    }

    fn damage(&self) -> Damage {
        let body = match self {
            Node::Block(block) => Some(&block.body),
            Node::Tail(_) => None,
        };
        Damage::malformed(self.span(), body)
    }
}

impl Stream {
    /// An empty stream.
    pub(crate) fn new(idmp: IdmpSettings) -> Self {
        let is_default = idmp == IdmpSettings::default();
        Self { idmp: (!is_default).then(|| Box::new(Idmp::new(idmp))), ..Self::default() }
    }

    /// Number of live entries.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// The oldest live entry, `0-0` if there is none.
    pub(crate) fn first_id(&self) -> StreamId {
        self.first_id
    }

    /// The highest ID ever assigned, or set by XSETID.
    pub(crate) fn last_id(&self) -> StreamId {
        self.last_id
    }

    /// The highest ID ever removed by XDEL.
    pub(crate) fn max_deleted_id(&self) -> StreamId {
        self.max_deleted_id
    }

    /// Entries appended over the stream's lifetime.
    pub(crate) fn entries_added(&self) -> u64 {
        self.entries_added
    }

    /// Blocks, the tail included: Redis's "nodes".
    pub(crate) fn block_count(&self) -> usize {
        self.blocks.len() + usize::from(!self.tail.is_empty())
    }

    /// Bytes of memory that the stream occupies. Blocks that lie on disk count with their index.
    pub(crate) fn memory_bytes(&self) -> usize {
        let groups: usize =
            self.groups.iter().map(|(name, group)| name.len() + group.memory_bytes()).sum();
        size_of::<Self>()
            + self.blocks.memory_bytes()
            + self.tail.bytes.capacity()
            + self.idmp.as_ref().map_or(0, |idmp| idmp.heap_bytes())
            + groups
    }

    /// Whether `id` is a live entry.
    pub(crate) fn contains(&self, id: StreamId) -> Result<bool, Damage> {
        Ok(self.slot_of(id)?.is_some())
    }

    /// Up to `limit` live IDs above `after`, oldest first, without touching their fields.
    pub(crate) fn ids_after(&self, after: StreamId, limit: usize) -> Result<Vec<StreamId>, Damage> {
        let mut ids = Vec::new();
        let Some(start) = after.next().filter(|_| limit != 0) else { return Ok(ids) };
        for node in self.nodes_from(start) {
            for id in node.live_ids()? {
                let (id, _) = id?;
                if start <= id {
                    ids.push(id);
                    if ids.len() == limit {
                        return Ok(ids);
                    }
                }
            }
        }
        Ok(ids)
    }

    /// The newest live entry.
    pub(crate) fn last_live_id(&self) -> Result<Option<StreamId>, Damage> {
        self.nodes_up_to(StreamId::MAX).next().map(|node| node.last_live()).transpose()
    }

    /// The slot of a live entry in its block.
    fn slot_of(&self, id: StreamId) -> Result<Option<u32>, Damage> {
        let Some(node) = self.nodes_from(id).next().filter(|node| node.span().first <= id) else {
            return Ok(None);
        };
        for slot in node.live_ids()? {
            let (found, index) = slot?;
            if id <= found {
                return Ok(Some(index).filter(|_| found == id));
            }
        }
        Ok(None)
    }

    /// Blocks and tail that begin at or below `id`, the last one first.
    fn nodes_up_to(&self, id: StreamId) -> impl Iterator<Item = Node<'_>> {
        let tail = Some(&self.tail).filter(|tail| !tail.is_empty() && tail.span.first <= id);
        tail.map(Node::Tail).into_iter().chain(self.blocks.up_to(id).map(Node::Block))
    }

    /// Blocks and tail from the first on that reaches up to `id`.
    fn nodes_from(&self, id: StreamId) -> impl Iterator<Item = Node<'_>> {
        let tail = Some(&self.tail).filter(|tail| !tail.is_empty() && id <= tail.span.last);
        self.blocks.from(id).map(Node::Block).chain(tail.map(Node::Tail))
    }
}

/// Applying operations. Nothing here looks into a sealed block: it may be damaged, or far away.
impl Stream {
    /// Adds an entry; seals the tail first if it is full.
    pub(crate) fn apply_append(
        &mut self,
        id: StreamId,
        fields: &Fields<'_>,
        settings: Settings,
        sealer: &mut Sealer,
    ) {
        assert!(self.last_id < id, "an entry is appended above the last ID");
        if self.tail.is_full(fields, settings) {
            self.blocks.push(sealer.seal(&mut self.tail));
        }
        self.tail.append(id, fields);
        if self.length == 0 {
            self.first_id = id;
        }
        self.length += 1;
        self.entries_added += 1;
        self.last_id = id;
    }

    /// See [`crate::Engine::warm`].
    pub(crate) fn warm(&self) -> u64 {
        let tail = &self.tail.bytes;
        let ends = [tail.first(), tail.last()];
        ends.into_iter().flatten().map(|byte| u64::from(*byte)).fold(self.length, u64::wrapping_add)
    }

    /// Removes blocks that end below `before`, and `front_slots` slots of the one then in front.
    pub(crate) fn apply_trim(&mut self, before: StreamId, front_slots: u32, first_id: StreamId) {
        self.length -= self.blocks.remove_below(before);
        if let Some(removed) = self.blocks.cut_front(front_slots) {
            self.length -= removed;
        } else if !self.tail.is_empty() {
            let whole = self.tail.span.last < before;
            let slots = if whole { self.tail.span.slots } else { front_slots };
            self.length -= u64::from(self.tail.span.delete_below(slots));
            self.clear_dead_tail();
        }
        self.set_first(first_id);
    }

    /// Removes live entries, each known by its ID and its slot.
    pub(crate) fn apply_delete(
        &mut self,
        ids: &[StreamId],
        slots: &[u32],
        first_id: StreamId,
        max_deleted_id: StreamId,
    ) {
        assert_eq!(ids.len(), slots.len(), "one slot per ID");
        let in_blocks = self.blocks.delete(ids, slots);
        for (&id, &slot) in ids.iter().zip(slots).skip(in_blocks) {
            assert!(self.tail.span.reaches_over(id), "a deleted entry lies in a block");
            self.tail.span.delete(slot);
        }
        if !self.tail.is_empty() {
            self.clear_dead_tail();
        }
        self.length -= ids.len() as u64;
        self.max_deleted_id = max_deleted_id;
        self.set_first(first_id);
    }

    /// XSETID.
    pub(crate) fn apply_set_id(
        &mut self,
        last_id: StreamId,
        entries_added: u64,
        max_deleted_id: StreamId,
    ) {
        self.last_id = last_id;
        self.entries_added = entries_added;
        self.max_deleted_id = max_deleted_id;
    }

    /// Takes out the blocks that are lost, as if their entries had been deleted. The others must be
    /// readable: the first entry is looked for in them.
    pub(crate) fn drop_blocks(&mut self, is_lost: &mut dyn FnMut(&Block) -> bool) -> Vec<Block> {
        let lost = self.blocks.remove(is_lost);
        for block in &lost {
            self.length -= u64::from(block.span.live);
            self.max_deleted_id = self.max_deleted_id.max(block.span.last);
        }
        if lost.iter().any(|block| block.span.reaches_over(self.first_id)) {
            let first = self.ids_after(StreamId::MIN, 1).ok().and_then(|ids| ids.first().copied());
            let slot = self.nodes_from(StreamId::MIN).next().map(|node| node.span().first);
            self.set_first(first.or(slot).unwrap_or(StreamId::MIN));
        }
        lost
    }

    fn clear_dead_tail(&mut self) {
        if self.tail.span.live == 0 {
            self.tail.clear();
        }
    }

    fn set_first(&mut self, first_id: StreamId) {
        assert_eq!(first_id == StreamId::MIN, self.length == 0, "a first entry iff there is any");
        self.first_id = first_id;
    }
}
