//! From the commit buffer into segment files. Only the leader holds a writer.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::buffer::{Batch, Roll};
use super::segment;
use crate::error::StorageError;
use crate::format::record::{self, Kind, Stamp};
use crate::fs::{File, Fs};

/// The active segment and the place of its next record.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) file: Arc<dyn File>,
    pub(super) path: PathBuf,
    pub(super) offset: u64,
    pub(super) salt: u32,
    /// For the headers of the segments to come.
    pub(super) history: u64,
    /// Bytes written since the start.
    pub(super) bytes: u64,
}

/// What a roll asks of the log around the writer.
pub(super) trait Rolling {
    /// Syncs a file as a commit does: one at a time, and never after a failure.
    fn sync_file(&self, file: &dyn File, path: &Path) -> Result<(), StorageError>;
    /// Every record up to this one is durable.
    fn became_durable(&self, lsn: u64);
    /// The segment that begins with `first` is active now.
    fn rolled(&self, first: u64, bytes: u64);
}

impl Writer {
    /// Writes a batch, without syncing its last segment.
    pub(super) fn write(
        &mut self,
        fs: &dyn Fs,
        dir: &Path,
        batch: &mut Batch,
        rolling: &impl Rolling,
    ) -> Result<(), StorageError> {
        let mut from = 0;
        for roll in batch.rolls.drain(..) {
            self.put(&batch.bytes[from..roll.at])?;
            from = roll.at;
            self.roll(fs, dir, roll, rolling)?;
        }
        self.put(&batch.bytes[from..])
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        let written = self.file.write_all_at(bytes, self.offset);
        written.map_err(StorageError::io("write", &self.path))?;
        self.offset += bytes.len() as u64;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Goes on to another segment. Its header vouches for all records before it, so those are made
    /// durable first. The seal comes last, when the successor can no longer vanish: a sealed segment
    /// without a successor has lost it.
    fn roll(
        &mut self,
        fs: &dyn Fs,
        dir: &Path,
        roll: Roll,
        rolling: &impl Rolling,
    ) -> Result<(), StorageError> {
        let Roll { first, spare, salt, .. } = roll;
        rolling.sync_file(&*self.file, &self.path)?;
        rolling.became_durable(first - 1);
        let path = segment::put_in_use(fs, dir, &spare, (first, salt), self.history)?;
        let mut seal = Vec::new();
        record::begin(&mut seal);
        let stamp = Stamp { lsn: first, time_ms: 0, durable: first - 1, kind: Kind::Sealed };
        record::finish(&mut seal, 0, stamp, self.salt);
        self.put(&seal)?;
        rolling.sync_file(&*self.file, &self.path)?;
        rolling.rolled(first, spare.bytes);
        let offset = segment::SEGMENT_HEADER_BYTES;
        let Writer { history, bytes, .. } = *self;
        *self = Writer { file: spare.file, path, offset, salt, history, bytes };
        Ok(())
    }
}
