//! Block files: sealed blocks of stream entries, many to a file, never changed.
//!
//! `docs/on-disk-format.md`, section "Block files".

mod damaged;
mod noted;
mod paced;
mod reader;
#[cfg(test)]
mod tests;
mod trailer;
mod whole;
mod writer;

use serde::{Deserialize, Serialize};

use crate::format::header::HEADER_BYTES;

pub use damaged::DamagedBlocks;
pub(crate) use noted::{NotedBlock, NotedBlocks, Noting};
pub(crate) use paced::PacedFile;
pub(crate) use reader::BlockFiles;
pub(crate) use trailer::{TRAILER_BYTES, Trailer};
pub(crate) use whole::{ReadFrom, verify};
pub(crate) use writer::{BlockWriter, Written};

/// A block file as a snapshot notes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BlockFile {
    /// Number of the file.
    pub(crate) number: u64,
    /// Its length in bytes.
    pub(crate) length: u64,
    /// Blocks in it that the snapshot refers to.
    pub(crate) blocks: u64,
    /// Bytes of those.
    pub(crate) live_bytes: u64,
}

impl BlockFile {
    /// Whether most of the file belongs to entries that are gone, so that the rest is better moved.
    pub(crate) fn is_sparse(&self) -> bool {
        let frame = (HEADER_BYTES + TRAILER_BYTES) as u64;
        self.live_bytes < self.length.saturating_sub(frame) / 2
    }
}
