//! Streams: a chain of blocks, sealed ones and one open tail.
//!
//! Reading order: `slots` (the bytes of an entry), `block` (a sealed run of them), `tail` (the open
//! one), this file (the chain and its numbers), `range` (reading), `trim`, then the rules of the
//! commands: `add`, `read`, `info`.

mod bitmap;

use std::collections::BTreeMap;

use crate::command::Order;
use crate::error::CommandError;
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
#[derive(Debug, Clone, Default)]
pub(crate) struct Stream {
    /// Consumer groups by name.
    pub(crate) groups: BTreeMap<Box<[u8]>, Group>,
    length: u64,
    first_id: StreamId,
    last_id: StreamId,
    max_deleted_id: StreamId,
    entries_added: u64,
}

/// The bytes of a block cannot be trusted: its entries cannot be read. The caller knows the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damage {
    /// First and last slot of the block.
    pub(crate) first: StreamId,
    pub(crate) last: StreamId,
    pub(crate) location: Option<BlockLocation>,
}

impl Damage {
    /// The refusal to send for a read of `key`.
    pub(crate) fn of(self, key: &[u8]) -> CommandError {
        let location = match self.location {
            Some(at) => format!("block file {} at offset {}", at.file, at.offset),
            None => "memory".to_owned(),
        };
        CommandError::Damaged { key: key.into(), first: self.first, last: self.last, location }
    }
}

impl Stream {
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

    /// Whether `id` is a live entry.
    pub(crate) fn contains(&self, id: StreamId) -> Result<bool, Damage> {
        unimplemented!("{id}")
    }

    /// Up to `limit` live IDs above `after`, oldest first, without touching their fields.
    pub(crate) fn ids_after(&self, after: StreamId, limit: usize) -> Result<Vec<StreamId>, Damage> {
        unimplemented!("{after} {limit}")
    }

    /// The live entries from `start` to `end` inclusive, at most `count`.
    pub(crate) fn range(
        &self,
        key: &[u8],
        start: StreamId,
        end: StreamId,
        order: Order,
        count: Option<u64>,
    ) -> EntryRange {
        unimplemented!("{key:?} {start} {end} {order:?} {count:?}")
    }

    /// These entries in this order. One that is gone is visited as such (XREADGROUP's history
    /// answers null for it).
    pub(crate) fn pick(&self, key: &[u8], ids: &[StreamId]) -> EntryRange {
        unimplemented!("{key:?} {ids:?}")
    }
}

/// Entries of one stream, still in their blocks: cheap to take under the lock, decoded and checked
/// after it.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryRange {}

impl EntryRange {
    /// No more entries than this will be visited.
    #[must_use]
    pub fn count_max(&self) -> u64 {
        unimplemented!()
    }

    /// Hands each entry to `visit`, in order: its ID and its field/value pairs, `None` for a picked
    /// entry that is gone. Returns how many were visited.
    ///
    /// # Errors
    ///
    /// [`CommandError::Damaged`] if the bytes of a block fail their check; entries visited before
    /// that were good.
    pub fn visit(
        &self,
        visit: impl FnMut(StreamId, Option<Pairs<'_>>),
    ) -> Result<u64, CommandError> {
        let _ = visit;
        unimplemented!()
    }
}

/// The field/value pairs of one entry, in order, straight from the block.
#[derive(Debug, Clone)]
pub struct Pairs<'a> {
    bytes: &'a [u8],
}

impl Pairs<'_> {
    /// Number of pairs still to come.
    #[must_use]
    pub fn pair_count(&self) -> usize {
        self.bytes.len()
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        None
    }
}
