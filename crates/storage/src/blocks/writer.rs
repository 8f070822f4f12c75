//! Writes sealed blocks into new block files.

use std::path::Path;

use bytes::Bytes;
use engine::BlockLocation;

use super::{BlockFile, PacedFile, TRAILER_BYTES, Trailer};
use crate::dir;
use crate::error::StorageError;
use crate::failpoint;
use crate::format::header::{FileHeader, FileKind, HEADER_BYTES};
use crate::fs::Fs;

/// Bytes of a block file beyond which another one is begun. A longer block has a file of its own.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// Puts blocks into files in the order given, and says where each one went.
pub(crate) struct BlockWriter<'a> {
    fs: &'a dyn Fs,
    dir: &'a Path,
    number_next: u64,
    file_bytes_max: u64,
    current: Option<Current>,
    written: Written,
}

/// What a [`BlockWriter`] has done.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// Block number and place, in the order written.
    pub(crate) places: Vec<(u64, BlockLocation)>,
    /// The new files.
    pub(crate) files: Vec<BlockFile>,
}

/// The file being written.
struct Current {
    number: u64,
    file: PacedFile,
    blocks: u64,
    /// Over the bytes of all blocks.
    crc: crc32fast::Hasher,
}

impl<'a> BlockWriter<'a> {
    /// A writer whose first file will have the number `number_next`.
    pub(crate) fn new(fs: &'a dyn Fs, dir: &'a Path, number_next: u64) -> Self {
        Self {
            fs,
            dir,
            number_next,
            file_bytes_max: FILE_BYTES_MAX,
            current: None,
            written: Written::default(),
        }
    }

    /// Appends a block. Blocks of one stream are best given one after the other: they are read so.
    pub(crate) fn add(&mut self, number: u64, bytes: &Bytes) -> Result<(), StorageError> {
        let len = u32::try_from(bytes.len()).expect("a record, and so an entry, is at most 1 GiB");
        let current = match self.current.take() {
            Some(current) if self.has_room(&current, len) => self.current.insert(current),
            full => {
                self.finish_file(full)?;
                let current = self.begin_file()?;
                self.current.insert(current)
            }
        };
        let location = BlockLocation { file: current.number, offset: current.file.position(), len };
        current.file.write(bytes)?;
        current.crc.update(bytes);
        current.blocks += 1;
        self.written.places.push((number, location));
        Ok(())
    }

    /// Makes everything durable, names included.
    pub(crate) fn finish(mut self) -> Result<Written, StorageError> {
        let last = self.current.take();
        self.finish_file(last)?;
        if !self.written.files.is_empty() {
            // Without this a power cut could keep the snapshot that refers to the files, and lose
            // the files' names.
            let blocks = dir::blocks(self.dir);
            self.fs.sync_dir(&blocks).map_err(StorageError::io("sync", &blocks))?;
            failpoint::pass("blocks-durable");
        }
        Ok(self.written)
    }

    #[cfg(test)]
    pub(super) fn set_file_bytes_max(&mut self, bytes: u64) {
        self.file_bytes_max = bytes;
    }

    fn has_room(&self, current: &Current, len: u32) -> bool {
        let end = current.file.position() + u64::from(len) + TRAILER_BYTES as u64;
        end <= self.file_bytes_max
    }

    fn begin_file(&mut self) -> Result<Current, StorageError> {
        let number = self.number_next;
        self.number_next += 1;
        let mut file = PacedFile::create(self.fs, &dir::block_file(self.dir, number))?;
        file.write(&FileHeader::new(FileKind::Blocks, number).encode())?;
        Ok(Current { number, file, blocks: 0, crc: crc32fast::Hasher::new() })
    }

    fn finish_file(&mut self, current: Option<Current>) -> Result<(), StorageError> {
        let Some(Current { number, mut file, blocks, crc }) = current else { return Ok(()) };
        let bytes = file.position() - HEADER_BYTES as u64;
        file.write(&Trailer { blocks, bytes, crc: crc.finalize() }.encode())?;
        failpoint::pass("blocks-written");
        let length = file.finish()?;
        failpoint::pass("blocks-synced");
        self.written.files.push(BlockFile { number, length, blocks, live_bytes: bytes });
        Ok(())
    }
}
