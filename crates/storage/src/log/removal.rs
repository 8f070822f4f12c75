//! How segments go out of use: a snapshot makes them dispensable, or there is no room for them.

use std::sync::Arc;

use super::freed::{FILES_MAX, unlink};
use super::{Log, Segment, segment};
use crate::dir;
use crate::error::StorageError;
use crate::failpoint;
use crate::fs::{File, Pin};
use crate::sync::Ordering;

impl Log {
    /// Gives up the segments whose records all stand before `lsn`: some become spares, the others
    /// are deleted. Returns how many there were.
    ///
    /// The caller has a durable snapshot that makes them dispensable.
    ///
    /// # Errors
    ///
    /// `Io`: what was not given up yet is given up by the next call. `Poisoned`, also if the reason was
    /// a sync of names: then nothing more is given up.
    pub fn remove_before(&self, lsn: u64) -> Result<usize, StorageError> {
        let (count, unlinked) = self.take_out_before(lsn)?;
        self.free(unlinked)?;
        Ok(count)
    }

    /// As [`Log::remove_before`], and leaves to the caller what becomes of the files without a name.
    fn take_out_before(&self, lsn: u64) -> Result<(usize, Vec<Arc<dyn File>>), StorageError> {
        self.check()?;
        // Most of the time nothing goes, and nobody who removes anything else shall wait.
        if self.segments.lock().get(1).is_none_or(|second| lsn < second.first) {
            return Ok((0, Vec::new()));
        }
        let Some(_pin) = dir::pin(&*self.fs, &self.dir, Pin::Remove)? else {
            tracing::debug!("a backup is being made: segments stay until the next time");
            return Ok((0, Vec::new()));
        };
        // A segment comes into use under a name that need not be durable. It must be before those that
        // stand for the records below it go.
        dir::sync_log(&*self.fs, &self.dir)?;
        self.buffer.lock().begin_removal();
        let mut count = 0;
        let mut unlinked = Vec::new();
        loop {
            let oldest = {
                let mut segments = self.segments.lock();
                match segments.get(1) {
                    Some(second) if second.first <= lsn => segments.pop_front(),
                    _ => None,
                }
            };
            let Some(oldest) = oldest else { return Ok((count, unlinked)) };
            match self.give_up(oldest) {
                Ok(file) => {
                    unlinked.extend(file);
                    // The others go at once: each of these is an open descriptor.
                    unlinked.truncate(FILES_MAX);
                }
                Err(error) => {
                    // It may be a spare already, only not durably so: the next start takes that up.
                    let path = dir::segment(&self.dir, oldest.first);
                    if self.fs.exists(&path).unwrap_or(true) {
                        self.segments.lock().push_front(oldest);
                    }
                    return Err(error);
                }
            }
            count += 1;
        }
    }

    /// Makes a spare of a segment, or deletes it. The file without a name, if that is what is left.
    fn give_up(&self, segment: Segment) -> Result<Option<Arc<dyn File>>, StorageError> {
        let path = dir::segment(&self.dir, segment.first);
        let number = {
            let affordable = segment::bytes_affordable(&*self.fs, &self.dir, segment.bytes);
            let has_space = affordable == segment.bytes;
            let mut buffer = self.buffer.lock();
            let is_wanted = buffer.accepts_spare(segment.bytes, has_space);
            is_wanted.then(|| buffer.take_spare_number())
        };
        if let Some(number) = number
            && let Some(spare) = segment::recycle(&*self.fs, &self.dir, &path, number)?
        {
            self.buffer.lock().add_spare(spare);
            return Ok(None);
        }
        unlink(&*self.fs, &path)
    }

    /// Records below this one serve no restart: their segments may be kept to go back with, and go
    /// when there is no room for the log. 0, the beginning, gives nothing.
    pub fn set_needed_from(&self, lsn: u64) {
        self.needed_from.store(lsn, Ordering::Release);
    }

    /// Makes room at once: gives back what [`Log::free_step`] has not come to, or gives up the oldest
    /// segment that no restart needs, if there is one.
    ///
    /// # Errors
    ///
    /// As [`Log::remove_before`].
    pub fn give_way(&self) -> Result<bool, StorageError> {
        if self.give_back() {
            return Ok(true);
        }
        let Some(second) = self.end_of_dispensable() else { return Ok(false) };
        // The files are closed at once.
        let (count, _) = self.take_out_before(second)?;
        let has_given = 0 < count;
        if has_given {
            tracing::warn!(upto = second - 1, "no room for the log: older log is given up for it");
            self.buffer.lock().set_disk_full(false);
        }
        Ok(has_given)
    }

    /// The append failed: for lack of space, lets go what serves no restart, as long as that can give the
    /// room that is missing. Another failure is one.
    ///
    /// Everybody waits for whoever asks, so this gives no more at a time than it must.
    pub(super) fn make_way(&self, error: StorageError) -> Result<(), StorageError> {
        let StorageError::NoSpace { needed, .. } = error else { return Err(error) };
        let given = self.freed.bytes() + self.bytes_dispensable();
        let could_be = self.space_free().saturating_add(given).min(self.fs.file_bytes_max());
        if given == 0 || could_be < needed {
            return Err(error);
        }
        if self.freed.step() {
            self.buffer.lock().set_disk_full(false);
            return Ok(());
        }
        if self.give_way()? { Ok(()) } else { Err(error) }
    }

    /// Where the oldest segment ends, if no restart needs it.
    fn end_of_dispensable(&self) -> Option<u64> {
        let needed = self.needed_from.load(Ordering::Acquire);
        let second = self.segments.lock().get(1).map(|second| second.first);
        second.filter(|second| *second <= needed)
    }

    /// Of all segments that no restart needs.
    fn bytes_dispensable(&self) -> u64 {
        let needed = self.needed_from.load(Ordering::Acquire);
        let segments = self.segments.lock();
        let nexts = segments.iter().skip(1).map(|next| next.first);
        let pairs = segments.iter().zip(nexts).take_while(|(_, next)| *next <= needed);
        pairs.map(|(segment, _)| segment.bytes).sum()
    }

    /// Where that cannot be told there may be some.
    fn space_free(&self) -> u64 {
        self.fs.space_free(&dir::log(&self.dir)).unwrap_or(u64::MAX)
    }

    /// Makes room of what nobody needs any more, all of it; whether there was any.
    pub fn give_back(&self) -> bool {
        let has_given = self.freed.step();
        if has_given {
            while self.freed.step() {}
            self.buffer.lock().set_disk_full(false);
        }
        has_given
    }

    /// Gives back one of the segments that were kept to be used again.
    pub(super) fn remove_surplus(&self) {
        let Some(spare) = self.buffer.lock().take_surplus() else { return };
        let removed = unlink(&*self.fs, &spare.path);
        if let Err(error) = removed.and_then(|file| self.free(file.into_iter().collect())) {
            // The next start takes it up as the spare that it is.
            tracing::warn!(%error, "a segment that is not needed stays");
        }
    }

    /// Lets the bytes of segments go that have no name any more, once that is durable: a power cut that
    /// brought the name back would show a segment that ends early, which is damage.
    fn free(&self, files: Vec<Arc<dyn File>>) -> Result<(), StorageError> {
        if !files.is_empty() {
            dir::sync_log(&*self.fs, &self.dir)?;
            failpoint::pass("removed-durable");
            self.freed.add(files);
        }
        Ok(())
    }

    /// Gives back a piece of the space of segments that were deleted; whether there was any. In pieces,
    /// as the disk may do nothing else meanwhile.
    pub fn free_step(&self) -> bool {
        self.freed.step()
    }
}
