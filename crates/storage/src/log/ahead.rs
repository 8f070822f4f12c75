//! What the log goes on with: segments are laid out and got ready before they are needed.

use super::segment::{self, Layout};
use super::{Log, buffer};
use crate::error::StorageError;
use crate::sync::Ordering;

/// From so many bytes a sync on, the metadata that it flushes along with them does not matter.
const LARGE_SYNC_BYTES: u64 = 32 << 10;

impl Log {
    /// Whether [`Log::prepare_segment`] has something to do.
    #[must_use]
    pub fn wants_segment(&self) -> bool {
        let buffer = self.buffer.lock();
        let can_get_ready = buffer.can_get_ready() && buffer.first() <= self.durable();
        buffer.wants_spare() || can_get_ready || buffer.is_disk_full()
    }

    /// Prepares what the log goes on with: lays out a spare segment if one is wanted, and gets one
    /// ready if none is; says whether there was anything to do. Slow, so a background thread
    /// calls this whenever [`Log::wants_segment`], and now and then while the disk is full: that is
    /// how writes resume.
    ///
    /// # Errors
    ///
    /// `Io`. If none could be laid out, also for a full disk, the log stays usable and makes do with the
    /// room that it has. If one could not be got ready, for whatever reason, the log takes nothing more:
    /// its space was laid out before.
    pub fn prepare_segment(&self) -> Result<bool, StorageError> {
        self.prepare_segment_gently(&|_| true)
    }

    /// As [`Log::prepare_segment`], asking between two pieces of what is written whether to `go_on`: what is
    /// not written then is only allocated. It is told whether there is time for a pause, until half of the
    /// room is used that the active segment has.
    ///
    /// # Errors
    ///
    /// As [`Log::prepare_segment`].
    pub fn prepare_segment_gently(
        &self,
        go_on: &dyn Fn(bool) -> bool,
    ) -> Result<bool, StorageError> {
        let has_laid_out = self.lay_out_spare(go_on)?;
        Ok(self.get_segment_ready()? || has_laid_out)
    }

    /// Gives a spare its header and a name, durably, before it is needed. Only once a record of the
    /// active segment is durable, and with it all segments before: so no more than two segments ever
    /// hold records that a crash may take.
    fn get_segment_ready(&self) -> Result<bool, StorageError> {
        let history = self.writer.lock().history;
        let (spare, number) = {
            let mut buffer = self.buffer.lock();
            let durable = self.durable();
            if durable < buffer.first() {
                return Ok(false);
            }
            let Some(spare) = buffer.begin_ready() else { return Ok(false) };
            (spare, durable + 1)
        };
        let salt = buffer::salt(&*self.fs);
        let ready = segment::get_ready(&*self.fs, &self.dir, &spare, (number, salt), history);
        if let Err(error) = &ready {
            // What a failed sync left is not to be built upon.
            self.poison_with(error);
        }
        let mut buffer = self.buffer.lock();
        match ready {
            Ok(ready) => buffer.end_ready(Some(ready)),
            Err(error) => {
                buffer.end_ready(None);
                return Err(error);
            }
        }
        Ok(true)
    }

    /// Whether nothing of the active segment is durable yet, although something is written. Until a
    /// sync no other segment gets ready.
    #[must_use]
    pub fn wants_sync(&self) -> bool {
        let first = self.buffer.lock().first();
        self.durable() < first && first <= self.written()
    }

    /// Zeros spare each sync the metadata of what it writes. Where syncs are few, or large, they cost
    /// more than that: pipelined writes spent 0.3 us of 1.5 us an entry on them.
    fn zeros_pay(&self) -> bool {
        let mut seen = self.seen_at_layout.lock();
        let now = (self.bytes_written.load(Ordering::Relaxed), self.syncs.load(Ordering::Relaxed));
        let (bytes, syncs) = (now.0 - seen.0, now.1 - seen.1);
        *seen = now;
        bytes < LARGE_SYNC_BYTES.saturating_mul(syncs.max(1))
    }

    fn lay_out_spare(&self, go_on: &dyn Fn(bool) -> bool) -> Result<bool, StorageError> {
        self.check()?;
        let active = || {
            let buffer = self.buffer.lock();
            (buffer.first(), buffer.rest())
        };
        let (first_before, rest_before) = active();
        let go_on = || {
            let (first, rest) = active();
            go_on(first == first_before && rest_before / 2 <= rest)
        };
        let (number, layout) = {
            let mut buffer = self.buffer.lock();
            if !buffer.wants_spare() {
                // There is one, so that laying out another may be tried when it is needed.
                buffer.set_disk_full(false);
                return Ok(false);
            }
            // Clients are being refused: they shall not wait for 64 MiB of zeros on top.
            let is_urgent = buffer.is_disk_full();
            let pays = !is_urgent && self.zeros_pay();
            let layout = if pays { Layout::Written(&go_on) } else { Layout::Allocated };
            (buffer.take_spare_number(), layout)
        };
        let bytes = segment::bytes_affordable(&*self.fs, &self.dir, self.options.segment_bytes);
        let spare = segment::create_spare(&*self.fs, &self.dir, number, bytes, layout);
        let mut buffer = self.buffer.lock();
        match spare {
            Ok(spare) => {
                buffer.add_spare(spare);
                Ok(true)
            }
            Err(error) => {
                if !error.is_space() {
                    return Err(error);
                }
                buffer.set_disk_full(true);
                drop(buffer);
                if self.give_way()? { Ok(true) } else { Err(error) }
            }
        }
    }
}
