//! Streams: a chain of blocks, sealed ones and one open tail.

use std::collections::BTreeMap;

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
#[derive(Debug, Default, Clone)]
pub(crate) struct Stream {
    pub(crate) last_id: StreamId,
    /// Consumer groups in byte order of the name.
    pub(crate) groups: BTreeMap<Box<[u8]>, Group>,
}

/// Entries of one stream, still in their blocks: cheap to take under the lock, decoded and checked
/// after it.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryRange {}
