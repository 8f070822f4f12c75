//! The log: records in segments, and group commit.
//!
//! Three numbers tell how far it has come: [`Log::last`] is the newest record in the commit buffer,
//! [`Log::written`] the newest that the operating system has, [`Log::durable`] the newest that
//! survives a power cut. Nothing here starts a thread; whoever calls [`Log::commit`] becomes the
//! leader of all who wait at that moment.
//!
//! Going over to another segment syncs nothing of its own: a background thread has called
//! [`Log::prepare_segment`] before.
//!
//! Reading order: `segment` (files), `buffer` (where a record goes), `writer` (how it gets there),
//! `turn` (who does it), `ahead` (what comes next), `reader` (the way back), `removal` and `freed` (how a
//! segment ends), `names` and `poison` (how the log does).

mod ahead;
mod buffer;
mod clean;
mod freed;
mod names;
mod poison;
mod reader;
mod removal;
mod segment;
#[cfg(test)]
mod tests;
mod turn;
mod writer;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::dir;
use crate::error::StorageError;
use crate::failpoint;
use crate::format::record::Kind;
use crate::fs::{File, Fs};
use crate::options::Options;
use crate::sync::{AtomicU64, Mutex, Ordering};

pub use buffer::Urgency;
use buffer::{Buffer, Place};
pub(crate) use clean::CleanStop;
use freed::Freed;
use names::Names;
use poison::Poison;
pub(crate) use reader::{Found, LogPosition, SegmentReader};
use segment::Layout;
pub(crate) use segment::{SEAL_BYTES, SEGMENT_HEADER_BYTES, recycle};
use turn::Turns;
use writer::{Rolling, Writer};

/// A sync that takes so long is worth a line to the operator.
pub const SLOW_SYNC: Duration = Duration::from_secs(1);

/// An open log. Shared by the database, which appends, and those who commit.
#[derive(Debug)]
pub struct Log {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    options: Options,
    buffer: Mutex<Buffer>,
    turns: Turns,
    writer: Mutex<Writer>,
    /// A sync at a time: the operating system reports a failed one to a single caller, and its
    /// neighbour would be told that all is well.
    syncing: Mutex<()>,
    /// Memory of the last batch, to be filled again.
    used: Mutex<Vec<u8>>,
    segments: Mutex<VecDeque<Segment>>,
    freed: Freed,
    last: AtomicU64,
    written: AtomicU64,
    durable: AtomicU64,
    /// See [`Log::set_needed_from`].
    needed_from: AtomicU64,
    poison: Arc<Poison>,
    bytes_written: AtomicU64,
    bytes_synced: AtomicU64,
    syncs: AtomicU64,
    sync_last_us: AtomicU64,
    /// When the sync began that is under way.
    sync_began: Mutex<Option<Instant>>,
    syncs_slow: AtomicU64,
    /// Bytes written and syncs when a segment was last laid out.
    seen_at_layout: Mutex<(u64, u64)>,
    sync_last_end: Mutex<Option<Instant>>,
}

/// A segment in use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment {
    pub(crate) first: u64,
    pub(crate) bytes: u64,
}

/// What INFO tells about the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogStats {
    /// Segments in use.
    pub segments: usize,
    /// Bytes of the files of the log, spares included.
    pub bytes_on_disk: u64,
    /// Spare segments that are ready.
    pub spares: usize,
    /// Bytes written since the start: what a checkpoint is due by.
    pub bytes_written: u64,
    /// Syncs of data since the start.
    pub syncs: u64,
    /// Microseconds that the last one took.
    pub sync_last_us: u64,
    /// Syncs that took [`SLOW_SYNC`] or longer.
    pub syncs_slow: u64,
    /// How long ago it ended; `None` before the first.
    pub sync_last_age: Option<Duration>,
    /// Bytes of records that are not written yet.
    pub bytes_buffered: u64,
    /// Ordinary writes are refused for want of space as soon as the room that is left is used.
    pub is_disk_full: bool,
}

/// Where an opened log goes on.
#[derive(Debug)]
pub(crate) struct LogEnd {
    pub(crate) segments: Vec<Segment>,
    pub(crate) last: u64,
    pub(crate) offset: u64,
    pub(crate) salt: u32,
    /// Of the directory, for the segments to come.
    pub(crate) history: u64,
}

impl Log {
    /// Makes the first segment of a new directory, or of a restored one: that of record `first`.
    pub(crate) fn create(
        fs: &dyn Fs,
        dir: &Path,
        options: &Options,
        (first, history): (u64, u64),
    ) -> Result<(), StorageError> {
        let wanted = options.first_segment_bytes.min(options.segment_bytes);
        let bytes = segment::bytes_affordable(fs, dir, wanted);
        let spare = segment::create_spare(fs, dir, 0, bytes, Layout::Written(&|| true))?;
        let salt = buffer::salt(fs);
        segment::put_in_use(fs, dir, &spare, (first, salt), history).map(|_| ())
    }

    /// Opens the log where recovery found its end; every record up to there is durable.
    pub(crate) fn open(
        fs: Arc<dyn Fs>,
        dir: &Path,
        mut options: Options,
        end: LogEnd,
    ) -> Result<Self, StorageError> {
        let poison = Arc::new(Poison::new());
        let fs: Arc<dyn Fs> = Arc::new(Names::open(fs, dir, poison.clone())?);
        // A limit on the length of files makes for shorter segments, not for a log that cannot grow.
        options.segment_bytes = segment::bytes_allowed(&*fs, options.segment_bytes);
        let active = end.segments.last().expect("a log has a segment");
        let path = dir::segment(dir, active.first);
        let file = fs.open_write(&path).map_err(StorageError::io("open", &path))?;
        let spares = segment::adopt_spares(&*fs, dir, options.segment_bytes)?;
        let used = end.offset - SEGMENT_HEADER_BYTES;
        let rest = segment::capacity(active.bytes).saturating_sub(used);
        let place = Place { first: active.first, last: end.last, rest, salt: end.salt };
        let buffer = Buffer::new(fs.clone(), dir.to_path_buf(), options.clone(), place, spares);
        let LogEnd { segments, last, offset, salt, history } = end;
        let writer = Writer { file, path, offset, salt, history, bytes: 0, left: Vec::new() };
        Ok(Self {
            fs,
            dir: dir.to_path_buf(),
            options,
            buffer: Mutex::new(buffer),
            turns: Turns::default(),
            writer: Mutex::new(writer),
            syncing: Mutex::new(()),
            used: Mutex::new(Vec::new()),
            segments: Mutex::new(segments.into()),
            freed: Freed::default(),
            last: AtomicU64::new(last),
            written: AtomicU64::new(last),
            durable: AtomicU64::new(last),
            needed_from: AtomicU64::new(0),
            poison,
            bytes_written: AtomicU64::new(0),
            bytes_synced: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
            sync_last_us: AtomicU64::new(0),
            sync_began: Mutex::new(None),
            syncs_slow: AtomicU64::new(0),
            seen_at_layout: Mutex::new((0, 0)),
            sync_last_end: Mutex::new(None),
        })
    }

    /// LSN of the newest record, on disk or not.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last.load(Ordering::Acquire)
    }

    /// Newest record that the operating system has: it survives the end of this process.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// Newest record that is durable: it survives a power cut.
    #[must_use]
    pub fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    /// Appends a record to the commit buffer and returns its LSN. `fill` writes the payload.
    ///
    /// # Errors
    ///
    /// `NoSpace`, `TooLong`, `Poisoned`: nothing was appended.
    pub(crate) fn append(
        &self,
        kind: Kind,
        time_ms: u64,
        urgency: Urgency,
        fill: impl Fn(&mut Vec<u8>),
    ) -> Result<u64, StorageError> {
        self.check()?;
        loop {
            let mut buffer = self.buffer.lock();
            match buffer.append(kind, (time_ms, self.durable()), urgency, &fill) {
                Ok(lsn) => {
                    self.last.store(lsn, Ordering::Release);
                    return Ok(lsn);
                }
                Err(error) => {
                    drop(buffer);
                    self.make_way(error)?;
                }
            }
        }
    }

    /// Makes sure that a record with a payload of this length can be appended.
    ///
    /// # Errors
    ///
    /// Those of appending it.
    pub(crate) fn reserve(&self, payload: usize, urgency: Urgency) -> Result<(), StorageError> {
        self.check()?;
        loop {
            let reserved = self.buffer.lock().reserve(payload, urgency);
            match reserved {
                Ok(()) => return Ok(()),
                Err(error) => self.make_way(error)?,
            }
        }
    }

    /// Makes everything appended so far durable, and returns [`Log::durable`]. One caller at a time
    /// does the work for all; a caller whose records another one has made durable returns at once.
    ///
    /// # Errors
    ///
    /// The failure of the disk, the first time; `Poisoned` ever after.
    pub fn commit(&self) -> Result<u64, StorageError> {
        let target = self.last();
        let is_done = || target <= self.durable() || self.is_poisoned();
        if let Some(_turn) = self.turns.lead_unless(is_done) {
            let mut writer = self.writer.lock();
            failpoint::pass("commit");
            let last = self.write_out(&mut writer)?;
            failpoint::pass("commit-written");
            writer.sync(self)?;
            failpoint::pass("commit-synced");
            self.became_durable(last);
            self.bytes_synced.fetch_max(writer.bytes, Ordering::Relaxed);
        }
        self.check()?;
        Ok(self.durable())
    }

    /// Hands everything appended so far to the operating system, and returns [`Log::written`].
    ///
    /// # Errors
    ///
    /// As [`Log::commit`].
    pub fn write(&self) -> Result<u64, StorageError> {
        let target = self.last();
        let is_done = || target <= self.written() || self.is_poisoned();
        if let Some(_turn) = self.turns.lead_unless(is_done) {
            self.write_out(&mut self.writer.lock())?;
        }
        self.check()?;
        Ok(self.written())
    }

    /// Makes everything written so far durable, while others go on writing, and returns
    /// [`Log::durable`].
    ///
    /// # Errors
    ///
    /// As [`Log::commit`].
    pub fn sync(&self) -> Result<u64, StorageError> {
        self.check()?;
        let ((left, active), written, bytes) = {
            let writer = self.writer.lock();
            (writer.unsynced(), self.written(), writer.bytes)
        };
        if self.durable() < written {
            for segment in left.iter().chain([&active]) {
                self.sync_file(&*segment.file, &segment.path)?;
            }
            self.became_durable(written);
            self.bytes_synced.fetch_max(bytes, Ordering::Relaxed);
            self.writer.lock().synced(&left);
        }
        Ok(self.durable())
    }

    /// Bytes written that no sync has covered yet.
    #[must_use]
    pub fn unsynced_bytes(&self) -> u64 {
        let synced = self.bytes_synced.load(Ordering::Relaxed);
        self.bytes_written.load(Ordering::Relaxed).saturating_sub(synced)
    }

    /// Bytes written since the start: what a checkpoint is due by.
    #[must_use]
    pub fn bytes_written(&self) -> u64 {
        self.bytes_written.load(Ordering::Relaxed)
    }

    /// Puts the present durable LSN itself on disk, so that damage to the last records is told from
    /// a torn tail, and gives back segments that a busy log would use again. For an idle moment; there
    /// is no second mark behind one.
    ///
    /// # Errors
    ///
    /// As [`Log::commit`].
    pub fn mark(&self, now: u64) -> Result<(), StorageError> {
        self.check()?;
        self.remove_surplus();
        let appended = {
            let mut buffer = self.buffer.lock();
            let durable = self.durable();
            if buffer.is_marked() || buffer.is_held() || durable != self.last() {
                return Ok(());
            }
            let appended = buffer.append(Kind::Mark, (now, durable), Urgency::Ordinary, |_| {});
            if let Ok(lsn) = appended {
                self.last.store(lsn, Ordering::Release);
            }
            appended
        };
        match appended {
            Ok(_) => self.commit().map(|_| ()),
            // Not worth the last room.
            Err(StorageError::NoSpace { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Promises the next LSN to a transaction: no mark comes in between until [`Log::release`].
    pub(crate) fn hold(&self) -> u64 {
        let mut buffer = self.buffer.lock();
        buffer.set_held(true);
        self.last() + 1
    }

    /// Ends [`Log::hold`].
    pub(crate) fn release(&self) {
        self.buffer.lock().set_held(false);
    }

    /// Makes everything durable and leaves the mark of a clean stop. Nothing may be appended after.
    ///
    /// # Errors
    ///
    /// As [`Log::commit`]. Without the mark the next start recovers as after a crash.
    pub fn stop_cleanly(&self, now: u64) -> Result<(), StorageError> {
        self.commit()?;
        match self.append(Kind::CleanStop, now, Urgency::FreesSpace, |_| {}) {
            Ok(_) => self.commit().map(|_| ())?,
            // The file below says enough.
            Err(StorageError::NoSpace { .. }) => {}
            Err(error) => return Err(error),
        }
        let offset = self.writer.lock().offset;
        let segment = self.segments.lock().back().expect("a log has a segment").first;
        let clean = CleanStop { last: self.durable(), segment, offset };
        dir::write_small(&*self.fs, &dir::clean(&self.dir), &clean.encode())
    }

    /// Bytes of records that have not been handed to the operating system.
    #[must_use]
    pub fn pending_bytes(&self) -> usize {
        self.buffer.lock().pending_bytes()
    }

    /// Figures for INFO.
    #[must_use]
    pub fn stats(&self) -> LogStats {
        let (spares, spare_bytes, is_disk_full, bytes_buffered) = {
            let buffer = self.buffer.lock();
            let (spares, bytes) = buffer.spare_bytes();
            (spares, bytes, buffer.is_disk_full(), buffer.pending_bytes() as u64)
        };
        let segments = self.segments.lock();
        LogStats {
            segments: segments.len(),
            bytes_on_disk: segments.iter().map(|segment| segment.bytes).sum::<u64>() + spare_bytes,
            spares,
            bytes_written: self.bytes_written.load(Ordering::Relaxed),
            syncs: self.syncs.load(Ordering::Relaxed),
            sync_last_us: self.sync_last_us.load(Ordering::Relaxed),
            syncs_slow: self.syncs_slow.load(Ordering::Relaxed),
            sync_last_age: self.sync_last_end.lock().map(|end| end.elapsed()),
            bytes_buffered,
            is_disk_full,
        }
    }

    /// How long the last sync took, zero before the first.
    #[must_use]
    pub fn sync_time_last(&self) -> Duration {
        Duration::from_micros(self.sync_last_us.load(Ordering::Relaxed))
    }

    /// When the sync began that is under way, if there is one.
    #[must_use]
    pub fn sync_began(&self) -> Option<Instant> {
        *self.sync_began.lock()
    }

    /// The first failure of the disk, if there was one: nothing is acknowledged any more.
    #[must_use]
    pub fn poison(&self) -> Option<Arc<StorageError>> {
        self.poison.cause()
    }

    /// The disk that the log is on. A sync of a directory that fails through it ends the log.
    pub(crate) fn fs(&self) -> &Arc<dyn Fs> {
        &self.fs
    }

    pub(crate) fn poison_with(&self, cause: &StorageError) {
        self.poison.set(cause);
    }

    fn is_poisoned(&self) -> bool {
        self.poison.is_set()
    }

    fn check(&self) -> Result<(), StorageError> {
        self.poison.check()
    }

    /// Writes what has gathered. The caller leads.
    fn write_out(&self, writer: &mut Writer) -> Result<u64, StorageError> {
        /// A buffer that grew beyond the usual is not kept.
        const KEPT_BYTES_MAX: usize = 4 << 20;
        self.check()?;
        let empty = std::mem::take(&mut *self.used.lock());
        let mut batch = self.buffer.lock().take(empty);
        if let Err(error) = writer.write(&*self.fs, &self.dir, &mut batch, self) {
            self.poison_with(&error);
            return Err(error);
        }
        self.written.fetch_max(batch.last, Ordering::AcqRel);
        self.bytes_written.store(writer.bytes, Ordering::Relaxed);
        if batch.bytes.capacity() <= KEPT_BYTES_MAX {
            batch.bytes.clear();
            *self.used.lock() = batch.bytes;
        }
        Ok(batch.last)
    }
}

impl Rolling for Log {
    fn sync_file(&self, file: &dyn File, path: &Path) -> Result<(), StorageError> {
        let _one_at_a_time = self.syncing.lock();
        self.check()?;
        // The only clock in this crate: it feeds statistics and decides nothing.
        let begin = Instant::now();
        *self.sync_began.lock() = Some(begin);
        let synced = file.sync_data().map_err(StorageError::io("sync", path));
        if let Err(error) = &synced {
            // Before the lock goes: the next sync would succeed, and mean nothing.
            self.poison_with(error);
        }
        let took = begin.elapsed();
        *self.sync_began.lock() = None;
        if SLOW_SYNC <= took {
            self.syncs_slow.fetch_add(1, Ordering::Relaxed);
        }
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.sync_last_us.store(micros, Ordering::Relaxed);
        *self.sync_last_end.lock() = Some(Instant::now());
        synced
    }

    fn durable(&self) -> u64 {
        Log::durable(self)
    }

    fn became_durable(&self, lsn: u64) {
        self.written.fetch_max(lsn, Ordering::AcqRel);
        self.durable.fetch_max(lsn, Ordering::AcqRel);
    }

    fn rolled(&self, first: u64, bytes: u64) {
        let mut segments = self.segments.lock();
        // A first record too long for an empty segment: the new one took its name and its place.
        segments.pop_back_if(|segment| segment.first == first);
        segments.push_back(Segment { first, bytes });
    }
}
