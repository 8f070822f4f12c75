//! Maps block files and hands out the blocks in them.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use bytes::Bytes;
use engine::BlockLocation;

use super::{BlockFile, TRAILER_BYTES};
use crate::dir;
use crate::error::{Damage, StorageError};
use crate::format::header::{FileHeader, FileKind, HEADER_BYTES};
use crate::fs::Fs;

/// Block files, each mapped once. Blocks are slices of the maps: a map goes when the last block in
/// it is dropped, also after its file was deleted.
#[derive(Debug, Default)]
pub(crate) struct BlockMaps {
    files: BTreeMap<u64, Bytes>,
}

impl BlockMaps {
    /// Maps a file that a snapshot refers to. A missing, shortened or mistaken file is corruption;
    /// the blocks in it are checked when they are decoded.
    pub(crate) fn open(
        &mut self,
        fs: &dyn Fs,
        dir: &Path,
        file: &BlockFile,
    ) -> Result<(), StorageError> {
        let path = dir::block_file(dir, file.number);
        let bytes = fs.map(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StorageError::corrupt(&path, 0, Damage::Missing),
            _ => StorageError::io("map", &path)(error),
        })?;
        let found = bytes.len() as u64;
        if found != file.length {
            let reason = Damage::Length { found, expected: file.length };
            return Err(StorageError::corrupt(&path, found.min(file.length), reason));
        }
        let header = FileHeader::decode(&bytes, FileKind::Blocks, &path)?;
        if header.number != file.number {
            let reason = Damage::Name { found: header.number };
            return Err(StorageError::corrupt(&path, 0, reason));
        }
        self.files.insert(file.number, bytes);
        Ok(())
    }

    /// The bytes of a block; `None` if the place is not inside one of the files.
    pub(crate) fn block(&self, place: BlockLocation) -> Option<Bytes> {
        let file = self.files.get(&place.file)?;
        let start = usize::try_from(place.offset).ok()?;
        let end = start.checked_add(usize::try_from(place.len).ok()?)?;
        let room = HEADER_BYTES..=file.len().checked_sub(TRAILER_BYTES)?;
        (room.contains(&start) && room.contains(&end)).then(|| file.slice(start..end))
    }

    /// Length of a mapped file.
    pub(crate) fn file_bytes(&self, number: u64) -> Option<u64> {
        self.files.get(&number).map(|bytes| bytes.len() as u64)
    }
}
