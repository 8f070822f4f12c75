//! Writes a snapshot aside and gives it its name when it is whole.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::section::{SectionHeader, SectionKind, Trailer};
use crate::blocks::{BlockFile, PacedFile};
use crate::dir;
use crate::error::StorageError;
use crate::failpoint;
use crate::format::codec;
use crate::format::header::{FileHeader, FileKind};
use crate::fs::Fs;
use crate::log::LogPosition;

/// Bytes of items after which a section ends.
const SECTION_BYTES: usize = 1 << 20;

/// A snapshot being written. Dropped without [`SnapshotWriter::finish`] it leaves a temporary file,
/// which the next start or checkpoint deletes.
pub(crate) struct SnapshotWriter<'a> {
    fs: &'a dyn Fs,
    dir: &'a Path,
    lsn: u64,
    temporary: PathBuf,
    file: PacedFile,
    /// Over every byte so far.
    crc: crc32fast::Hasher,
    sections: u64,
    items: Vec<u8>,
}

impl<'a> SnapshotWriter<'a> {
    /// Begins the snapshot of the state at that place in the log; it refers to `files`.
    pub(crate) fn create(
        fs: &'a dyn Fs,
        dir: &'a Path,
        LogPosition { lsn, offset }: LogPosition,
        files: &[BlockFile],
    ) -> Result<Self, StorageError> {
        let temporary = dir::snapshot_temporary(dir, lsn);
        let mut writer = Self {
            fs,
            dir,
            lsn,
            file: PacedFile::create(fs, &temporary)?,
            temporary,
            crc: crc32fast::Hasher::new(),
            sections: 0,
            items: Vec::new(),
        };
        let header = FileHeader { log_offset: offset, ..FileHeader::new(FileKind::Snapshot, lsn) };
        writer.write(&header.encode())?;
        let mut payload = Vec::new();
        for file in files {
            codec::encode_into(file, &mut payload);
        }
        writer.section(SectionKind::BlockFiles, &payload)?;
        Ok(writer)
    }

    /// Appends an image item.
    pub(crate) fn item(&mut self, item: &impl Serialize) -> Result<(), StorageError> {
        codec::encode_into(item, &mut self.items);
        if SECTION_BYTES <= self.items.len() {
            self.finish_items()?;
        }
        Ok(())
    }

    /// Writes the rest, makes it durable and gives it its name. The length of the file.
    pub(crate) fn finish(mut self) -> Result<u64, StorageError> {
        if !self.items.is_empty() {
            self.finish_items()?;
        }
        let trailer = Trailer {
            sections: self.sections,
            bytes: self.file.position(),
            crc: self.crc.clone().finalize(),
        };
        self.section(SectionKind::Trailer, &trailer.encode())?;
        failpoint::pass("snapshot-written");
        let length = self.file.finish()?;
        failpoint::pass("snapshot-synced");
        let name = dir::snapshot(self.dir, self.lsn);
        self.fs.rename(&self.temporary, &name).map_err(StorageError::io("name", &name))?;
        failpoint::pass("snapshot-named");
        // Only now does the snapshot count: what it replaces may go after this, and not before.
        let snapshots = dir::snapshots(self.dir);
        self.fs.sync_dir(&snapshots).map_err(StorageError::io("sync", &snapshots))?;
        failpoint::pass("snapshot-durable");
        Ok(length)
    }

    fn finish_items(&mut self) -> Result<(), StorageError> {
        let mut items = std::mem::take(&mut self.items);
        self.section(SectionKind::Items, &items)?;
        items.clear();
        self.items = items;
        Ok(())
    }

    fn section(&mut self, kind: SectionKind, payload: &[u8]) -> Result<(), StorageError> {
        let header = SectionHeader {
            kind,
            payload_bytes: payload.len() as u64,
            number: self.sections,
            lsn: self.lsn,
        };
        self.write(&header.encode(payload))?;
        self.write(payload)?;
        self.sections += 1;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        self.crc.update(bytes);
        self.file.write(bytes)
    }
}
