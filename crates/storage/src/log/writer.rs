//! From the commit buffer into segment files. Only the leader holds a writer.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::buffer::{Batch, Roll};
use super::segment::{self, Successor};
use crate::error::StorageError;
use crate::failpoint;
use crate::format::record;
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
    /// Segments before the active one that have not been synced since they were left.
    pub(super) left: Vec<Left>,
}

/// A segment that is full, and sealed.
#[derive(Debug, Clone)]
pub(super) struct Left {
    pub(super) file: Arc<dyn File>,
    pub(super) path: PathBuf,
}

/// What a roll asks of the log around the writer.
pub(super) trait Rolling {
    /// Syncs a file as a commit does: one at a time, and never after a failure.
    fn sync_file(&self, file: &dyn File, path: &Path) -> Result<(), StorageError>;
    /// Every record up to this one is durable.
    fn became_durable(&self, lsn: u64);
    /// Every record up to this one is known to be durable.
    fn durable(&self) -> u64;
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

    /// Goes on to another segment. If one is ready, this syncs nothing: the segment that is left is
    /// synced with the records behind it, by the commit or, with a lazier policy, in the background.
    fn roll(
        &mut self,
        fs: &dyn Fs,
        dir: &Path,
        roll: Roll,
        rolling: &impl Rolling,
    ) -> Result<(), StorageError> {
        let Roll { first, successor, .. } = roll;
        failpoint::pass("roll");
        let salt = successor.salt();
        let (file, path, bytes) = match successor {
            Successor::Ready(ready) => {
                let path = segment::enter(fs, dir, &ready, first)?;
                (ready.file, path, ready.bytes)
            }
            Successor::Spare(spare, salt) => {
                // The header vouches for all records before it, so those are made durable first.
                self.sync(rolling)?;
                rolling.became_durable(first - 1);
                let path = segment::put_in_use(fs, dir, &spare, (first, salt), self.history)?;
                (spare.file, path, spare.bytes)
            }
        };
        failpoint::pass("roll-entered");
        // Last, when the successor can no longer vanish: a sealed segment without one has lost it.
        let seal = record::seal((first, salt), rolling.durable(), self.salt);
        self.put(&seal)?;
        failpoint::pass("roll-sealed");
        rolling.rolled(first, bytes);
        let left = Left {
            file: std::mem::replace(&mut self.file, file),
            path: std::mem::replace(&mut self.path, path),
        };
        self.left.push(left);
        (self.offset, self.salt) = (segment::SEGMENT_HEADER_BYTES, salt);
        Ok(())
    }

    /// Syncs everything written so far.
    pub(super) fn sync(&mut self, rolling: &impl Rolling) -> Result<(), StorageError> {
        for left in self.left.drain(..) {
            rolling.sync_file(&*left.file, &left.path)?;
        }
        rolling.sync_file(&*self.file, &self.path)
    }

    /// What a sync has to cover, in the order of the records: the segments that were left, and the
    /// active one.
    pub(super) fn unsynced(&self) -> (Vec<Left>, Left) {
        let active = Left { file: self.file.clone(), path: self.path.clone() };
        (self.left.clone(), active)
    }

    /// Segments that had been left already when their sync began: nothing has been written to them
    /// since. Of the one that was active then this is not known, so if it has been left meanwhile, it
    /// is synced once more.
    pub(super) fn synced(&mut self, left: &[Left]) {
        self.left.retain(|other| !left.iter().any(|left| Arc::ptr_eq(&left.file, &other.file)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::sim::SimFs;
    use crate::log::segment::{Layout, create_spare, get_ready};

    const DIR: &str = "/data";

    struct Around;

    impl Rolling for Around {
        fn sync_file(&self, file: &dyn File, path: &Path) -> Result<(), StorageError> {
            file.sync_data().map_err(StorageError::io("sync", path))
        }

        fn became_durable(&self, _lsn: u64) {}

        fn durable(&self) -> u64 {
            0
        }

        fn rolled(&self, _first: u64, _bytes: u64) {}
    }

    #[test]
    fn what_is_written_beside_a_sync_is_left_to_the_next_one() {
        let (fs, dir) = (SimFs::new(1), Path::new(DIR));
        fs.create_dir(&crate::dir::log(dir)).unwrap();
        let mut spares = (1..)
            .map(|number| create_spare(&fs, dir, number, 64 << 10, Layout::Allocated).unwrap());
        let first = spares.next().unwrap();
        let path = segment::put_in_use(&fs, dir, &first, (1, 7), 9).unwrap();
        let (file, offset) = (first.file, segment::SEGMENT_HEADER_BYTES);
        let mut writer =
            Writer { file, path, offset, salt: 7, history: 9, bytes: 0, left: Vec::new() };
        let mut roll = |first: u64| {
            let ready = get_ready(&fs, dir, &spares.next().unwrap(), (first, 8), 9).unwrap();
            Roll { at: 8, first, successor: Successor::Ready(ready) }
        };
        let mut leave = |writer: &mut Writer, first: u64| {
            let (bytes, rolls) = (first.to_le_bytes().to_vec(), vec![roll(first)]);
            let mut batch = Batch { bytes, rolls, last: first };
            writer.write(&fs, dir, &mut batch, &Around).unwrap();
        };
        leave(&mut writer, 2);
        let (left, active) = writer.unsynced();
        assert_eq!((left.len(), &*active.path), (1, &*crate::dir::segment(dir, 2)));
        // The sync takes a while; meanwhile the log goes on to a third segment.
        leave(&mut writer, 3);
        writer.synced(&left);
        let paths: Vec<_> = writer.left.iter().map(|left| &left.path).collect();
        assert_eq!(paths, [&active.path], "the end of it is in no sync yet");
    }
}
