//! The end of a block file, for those who read all of it.

use crate::format::header::{u32_at, u64_at};

const MAGIC: [u8; 8] = *b"HWBLKEND";
/// Length of the trailer.
pub(crate) const TRAILER_BYTES: usize = 32;

/// What the trailer says of the blocks before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trailer {
    /// Number of blocks.
    pub(crate) blocks: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// CRC-32 of those bytes.
    pub(crate) crc: u32,
}

impl Trailer {
    /// The trailer as it stands on disk.
    pub(crate) fn encode(self) -> [u8; TRAILER_BYTES] {
        let mut bytes = [0; TRAILER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..16].copy_from_slice(&self.blocks.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.bytes.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.crc.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..28]);
        bytes[28..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads a trailer; `None` if these bytes are none.
    pub(crate) fn decode(bytes: &[u8; TRAILER_BYTES]) -> Option<Self> {
        let sound = bytes[..8] == MAGIC && u32_at(bytes, 28) == crc32fast::hash(&bytes[..28]);
        sound.then(|| Self {
            blocks: u64_at(bytes, 8),
            bytes: u64_at(bytes, 16),
            crc: u32_at(bytes, 24),
        })
    }
}
