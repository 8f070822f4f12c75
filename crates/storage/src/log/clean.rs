//! The mark of a clean stop (`docs/on-disk-format.md`, "Clean stop").

use std::path::Path;

use crate::dir;
use crate::error::{Damage, StorageError};
use crate::format::header::{FileHeader, FileKind, HEADER_BYTES, u32_at, u64_at};
use crate::fs::Fs;

/// The content of `CLEAN`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CleanStop {
    /// The last record.
    pub(crate) last: u64,
    /// First LSN of the segment that it stands in.
    pub(crate) segment: u64,
    /// Where it ends.
    pub(crate) offset: u64,
}

impl CleanStop {
    /// Header, segment, offset, CRC-32 of both.
    const BYTES: usize = HEADER_BYTES + 20;

    /// Reads the mark of a directory; `None` if there is none.
    pub(crate) fn read(fs: &dyn Fs, dir: &Path) -> Result<Option<Self>, StorageError> {
        let path = dir::clean(dir);
        if !dir::exists(fs, &path)? {
            return Ok(None);
        }
        Self::decode(&dir::read_small(fs, &path)?, &path).map(Some)
    }

    /// Whether it says that the log ended with this record, in this segment, at this offset.
    pub(crate) fn is_at(&self, end: (u64, u64, u64)) -> bool {
        (self.last, self.segment, self.offset) == end
    }

    /// What is wrong with a log, by its directory, that ends with record `found` instead, in this file
    /// at this offset.
    pub(crate) fn not_reached(
        &self,
        fs: &dyn Fs,
        log: &Path,
        found: u64,
        (file, offset): (&Path, u64),
    ) -> Result<StorageError, StorageError> {
        let promised = dir::segment_in(log, self.segment);
        if !dir::exists(fs, &promised)? {
            return Ok(StorageError::corrupt(&promised, 0, Damage::Missing));
        }
        Ok(StorageError::corrupt(file, offset, Damage::Short { found, expected: self.last }))
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let header = FileHeader::new(FileKind::Clean, self.last);
        let mut bytes = header.encode().to_vec();
        bytes.extend_from_slice(&self.segment.to_le_bytes());
        bytes.extend_from_slice(&self.offset.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[HEADER_BYTES..]);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8], path: &Path) -> Result<Self, StorageError> {
        let header = FileHeader::decode(bytes, FileKind::Clean, path)?;
        let body = &bytes[HEADER_BYTES..];
        if bytes.len() != Self::BYTES || crc32fast::hash(&body[..16]) != u32_at(body, 16) {
            return Err(StorageError::corrupt(path, HEADER_BYTES as u64, Damage::Checksum));
        }
        Ok(Self { last: header.number, segment: u64_at(body, 0), offset: u64_at(body, 8) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hex_example;

    #[test]
    fn the_example_of_the_page_is_this_mark() {
        let bytes = hex_example("clean");
        let clean = CleanStop { last: 5, segment: 5, offset: 4096 + 56 };
        assert_eq!(CleanStop::decode(&bytes, Path::new("CLEAN")).unwrap(), clean);
        assert_eq!(clean.encode(), bytes);
        for byte in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[byte] ^= 1;
            assert!(CleanStop::decode(&bytes, Path::new("CLEAN")).is_err(), "byte {byte}");
        }
    }
}
