//! Reads a snapshot from its start to its end, believing nothing that has no checksum.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use super::section::{BadSection, SECTION_HEADER_BYTES, SectionHeader, SectionKind, Trailer};
use crate::dir;
use crate::error::{Damage, StorageError};
use crate::format::codec;
use crate::format::header::{FileHeader, FileKind, HEADER_BYTES};
use crate::fs::{File, Fs};

/// An open snapshot. It is valid once [`SnapshotReader::next_section`] has answered `None`.
pub(crate) struct SnapshotReader {
    path: PathBuf,
    file: Arc<dyn File>,
    lsn: u64,
    log_offset: u64,
    file_bytes: u64,
    offset: u64,
    sections: u64,
    /// Over every byte so far.
    crc: crc32fast::Hasher,
}

/// A section whose checksum was right.
pub(crate) struct Section {
    pub(crate) kind: SectionKind,
    /// Where the payload begins in the file.
    offset: u64,
    payload: Vec<u8>,
}

impl SnapshotReader {
    /// Opens the snapshot at `lsn` and checks its header.
    pub(crate) fn open(fs: &dyn Fs, dir: &Path, lsn: u64) -> Result<Self, StorageError> {
        let path = dir::snapshot(dir, lsn);
        let file = fs.open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StorageError::corrupt(&path, 0, Damage::Missing),
            _ => StorageError::io("open", &path)(error),
        })?;
        let file_bytes = file.size().map_err(StorageError::io("examine", &path))?;
        let mut reader = Self {
            path,
            file,
            lsn,
            log_offset: 0,
            file_bytes,
            offset: 0,
            sections: 0,
            crc: crc32fast::Hasher::new(),
        };
        let header = reader.read(HEADER_BYTES as u64)?;
        let header = FileHeader::decode(&header, FileKind::Snapshot, &reader.path)?;
        if header.number != lsn {
            return Err(reader.damaged(0, Damage::Name { found: header.number }));
        }
        reader.log_offset = header.log_offset;
        Ok(reader)
    }

    /// Reads from the disk what is still to be read, not from memory.
    pub(crate) fn forget_cached(&self) {
        self.file.forget_cached(0, self.file_bytes);
    }

    /// The file's name.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where in its segment the snapshot's own record stands; 0 where nobody noted it.
    pub(crate) fn log_offset(&self) -> u64 {
        self.log_offset
    }

    /// Its length.
    pub(crate) fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// How far the file has been read.
    pub(crate) fn position(&self) -> u64 {
        self.offset
    }

    /// The next section; `None` after a trailer that agrees with everything before it and ends the
    /// file.
    pub(crate) fn next_section(&mut self) -> Result<Option<Section>, StorageError> {
        let start = self.offset;
        let crc_before = self.crc.clone().finalize();
        let bytes = self.read(SECTION_HEADER_BYTES as u64)?;
        let bytes = bytes.first_chunk().expect("read that many");
        let payload = self.read(SectionHeader::announced_bytes(bytes))?;
        let header = SectionHeader::decode(bytes, &payload).map_err(|bad| match bad {
            BadSection::Checksum => self.damaged(start, Damage::Checksum),
            BadSection::Unknown => self.undecodable(start, "a section of unknown kind or format"),
        })?;
        let first_is_files = (self.sections == 0) == (header.kind == SectionKind::BlockFiles);
        if (header.lsn, header.number) != (self.lsn, self.sections) || !first_is_files {
            return Err(self.undecodable(start, "a section of another snapshot or place"));
        }
        if header.kind == SectionKind::Trailer {
            let expected = Trailer { sections: self.sections, bytes: start, crc: crc_before };
            if payload != expected.encode() || self.offset != self.file_bytes {
                return Err(self.undecodable(start, "the trailer does not fit what precedes it"));
            }
            return Ok(None);
        }
        self.sections += 1;
        let offset = start + SECTION_HEADER_BYTES as u64;
        Ok(Some(Section { kind: header.kind, offset, payload }))
    }

    /// Content that makes no sense although its checksum is right.
    pub(crate) fn undecodable(&self, offset: u64, what: impl Into<String>) -> StorageError {
        self.damaged(offset, Damage::Undecodable(what.into()))
    }

    fn damaged(&self, offset: u64, reason: Damage) -> StorageError {
        StorageError::corrupt(&self.path, offset, reason)
    }

    /// The next `count` bytes, which must be there.
    fn read(&mut self, count: u64) -> Result<Vec<u8>, StorageError> {
        // A length from disk allocates nothing before the file is known to be that long.
        if self.file_bytes - self.offset < count {
            let expected = self.offset.saturating_add(count);
            let reason = Damage::Length { found: self.file_bytes, expected };
            return Err(self.damaged(self.offset, reason));
        }
        let mut bytes = vec![0; usize::try_from(count).expect("lengths fit 64 bits")];
        self.file
            .read_exact_at(&mut bytes, self.offset)
            .map_err(StorageError::io("read", &self.path))?;
        self.offset += count;
        self.crc.update(&bytes);
        Ok(bytes)
    }
}

impl Section {
    /// All values of the payload.
    pub(crate) fn values<'a, T: Deserialize<'a>>(
        &'a self,
        reader: &SnapshotReader,
    ) -> Result<Vec<T>, StorageError> {
        let mut values = Vec::new();
        self.for_each(reader, |value| {
            values.push(value);
            Ok(())
        })?;
        Ok(values)
    }

    /// Hands each value of the payload to `each`.
    pub(crate) fn for_each<'a, T: Deserialize<'a>>(
        &'a self,
        reader: &SnapshotReader,
        mut each: impl FnMut(T) -> Result<(), String>,
    ) -> Result<(), StorageError> {
        let mut rest = self.payload.as_slice();
        while !rest.is_empty() {
            let offset = self.offset + (self.payload.len() - rest.len()) as u64;
            let taken = codec::decode::<T>(rest)
                .and_then(|(value, taken)| each(value).map(|()| taken))
                .map_err(|what| reader.undecodable(offset, what))?;
            if taken == 0 {
                return Err(reader.undecodable(offset, "a value without bytes"));
            }
            rest = &rest[taken..];
        }
        Ok(())
    }
}
