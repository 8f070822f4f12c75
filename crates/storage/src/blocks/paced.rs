//! Sequential writing in the background, beside a log that must not wait.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::StorageError;
use crate::fs::{File, Fs};

/// Bytes gathered before a write. The kernel copies them without a pause, 0.1 ms for so many.
const WRITE_BYTES: usize = 128 << 10;
/// Bytes written before a sync. The log's `fdatasync` waits behind whatever the disk still has to
/// write, so dirty pages must not pile up.
const SYNC_BYTES: u64 = 4 << 20;

/// A new file that is written from its start to its end.
pub(crate) struct PacedFile {
    file: Arc<dyn File>,
    path: PathBuf,
    buffer: Vec<u8>,
    /// Bytes handed to the file.
    written: u64,
    synced: u64,
}

impl PacedFile {
    /// Creates the file, which must not be there.
    pub(crate) fn create(fs: &dyn Fs, path: &Path) -> Result<Self, StorageError> {
        let file = fs.create(path).map_err(StorageError::io("create", path))?;
        Ok(Self { file, path: path.to_path_buf(), buffer: Vec::new(), written: 0, synced: 0 })
    }

    /// Where the next byte goes.
    pub(crate) fn position(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Appends bytes.
    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> Result<(), StorageError> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(WRITE_BYTES - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
            if self.buffer.len() == WRITE_BYTES {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Writes and syncs the rest; the length of the file.
    pub(crate) fn finish(mut self) -> Result<u64, StorageError> {
        self.flush()?;
        self.sync()?;
        Ok(self.written)
    }

    fn flush(&mut self) -> Result<(), StorageError> {
        self.file
            .write_all_at(&self.buffer, self.written)
            .map_err(StorageError::io("write", &self.path))?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        if SYNC_BYTES <= self.written - self.synced {
            self.sync()?;
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        self.file.sync_data().map_err(StorageError::io("sync", &self.path))?;
        self.synced = self.written;
        Ok(())
    }
}
