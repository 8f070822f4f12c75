//! The commit buffer: records on their way to the disk, each already at its place in a segment.
//!
//! Whether there is room for a record, and in which segment, is settled here, before the operation
//! is applied. The writer only carries out what the buffer decided.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use super::segment::{self, Layout, Ready, Spare, Successor};
use crate::error::StorageError;
use crate::format::codec::PAYLOAD_BYTES_MAX;
use crate::format::record::{self, Kind, RECORD_HEADER_BYTES, Stamp};
use crate::fs::Fs;
use crate::options::Options;

/// Who may use the last room in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Leaves the reserve alone.
    Ordinary,
    /// May use the reserve: it frees space, or ends the log.
    FreesSpace,
}

/// Records to be written together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    /// Where in `bytes` a new segment begins, rising.
    pub(super) rolls: Vec<Roll>,
    /// LSN of the last record in it.
    pub(super) last: u64,
}

/// The change to another segment.
#[derive(Debug)]
pub(super) struct Roll {
    pub(super) at: usize,
    pub(super) first: u64,
    pub(super) successor: Successor,
}

/// Where the log goes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// First record of the active segment.
    pub(super) first: u64,
    pub(super) last: u64,
    /// Room in the active segment.
    pub(super) rest: u64,
    pub(super) salt: u32,
}

/// Spares are kept from one checkpoint to the next, but no more than these: 256 MiB of the default.
const SPARES_KEPT_MAX: usize = 4;

#[derive(Debug)]
pub(super) struct Buffer {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    options: Options,
    batch: Batch,
    last: u64,
    /// Room for records behind the last one, in its segment.
    rest: u64,
    /// Of the segment that the last record is in.
    salt: u32,
    /// First record of that segment.
    first: u64,
    spares: VecDeque<Spare>,
    spare_next: u64,
    /// So many segments that go out of use become spares.
    spares_kept: usize,
    /// Segments that the log has gone on to since [`Buffer::begin_removal`].
    rolls_since_removal: usize,
    /// The segment that is ready to be the next one.
    ready: Option<Ready>,
    /// Length of the spare that is getting ready outside; 0 for none.
    preparing_bytes: u64,
    /// The last attempt to lay out a segment met a full disk.
    is_disk_full: bool,
    /// The newest record is a mark.
    is_marked: bool,
    /// A transaction was promised the next number.
    is_held: bool,
}

impl Buffer {
    pub(super) fn new(
        fs: Arc<dyn Fs>,
        dir: PathBuf,
        options: Options,
        Place { first, last, rest, salt }: Place,
        spares: Vec<(u64, Spare)>,
    ) -> Self {
        Self {
            fs,
            dir,
            spares_kept: options.spares + 1,
            options,
            batch: Batch { last, ..Batch::default() },
            last,
            rest,
            salt,
            first,
            ready: None,
            preparing_bytes: 0,
            spare_next: spares.iter().map(|(number, _)| number + 1).max().unwrap_or(1),
            spares: spares.into_iter().map(|(_, spare)| spare).collect(),
            rolls_since_removal: 0,
            is_disk_full: false,
            is_marked: last == 0,
            is_held: false,
        }
    }

    /// Appends a record whose payload `fill` writes, and returns its LSN.
    pub(super) fn append(
        &mut self,
        kind: Kind,
        (time_ms, durable): (u64, u64),
        urgency: Urgency,
        fill: impl FnOnce(&mut Vec<u8>),
    ) -> Result<u64, StorageError> {
        let start = self.batch.bytes.len();
        record::begin(&mut self.batch.bytes);
        fill(&mut self.batch.bytes);
        let payload_len = self.batch.bytes.len() - start - RECORD_HEADER_BYTES;
        if let Err(error) = self.reserve(payload_len, urgency) {
            self.batch.bytes.truncate(start);
            return Err(error);
        }
        let size = record::size_of_record(payload_len) as u64;
        if self.rest < size {
            self.roll(start, size);
        }
        let lsn = self.last + 1;
        let stamp = Stamp { lsn, time_ms, durable, kind };
        record::finish(&mut self.batch.bytes, start, stamp, self.salt);
        self.rest -= size;
        self.last = lsn;
        self.batch.last = lsn;
        self.is_marked = kind == Kind::Mark;
        Ok(lsn)
    }

    /// Makes sure that a record with a payload of this length can be appended.
    pub(super) fn reserve(
        &mut self,
        payload_len: usize,
        urgency: Urgency,
    ) -> Result<(), StorageError> {
        if PAYLOAD_BYTES_MAX < payload_len {
            return Err(StorageError::TooLong { len: payload_len, max: PAYLOAD_BYTES_MAX });
        }
        let size = record::size_of_record(payload_len) as u64;
        let margin = match urgency {
            Urgency::Ordinary => self.options.reserve_bytes.min(self.options.segment_bytes / 8),
            Urgency::FreesSpace => 0,
        };
        if self.has_room(size, margin) {
            return Ok(());
        }
        let needed = segment::bytes_for(size + margin);
        if self.is_disk_full {
            return Err(StorageError::NoSpace { dir: self.dir.clone(), needed });
        }
        // The background has not kept up, or the record is larger than a segment. Allocating without
        // writing is quick enough to do it here.
        let usual = segment::bytes_affordable(&*self.fs, &self.dir, self.options.segment_bytes);
        let number = self.take_spare_number();
        let bytes = usual.max(needed);
        match segment::create_spare(&*self.fs, &self.dir, number, bytes, Layout::Allocated) {
            Ok(spare) => {
                self.spares.push_back(spare);
                Ok(())
            }
            Err(error) if error.is_space() => {
                // That there is no room for a record longer than a segment says nothing about others.
                self.is_disk_full |= needed <= usual;
                Err(StorageError::NoSpace { dir: self.dir.clone(), needed })
            }
            Err(error) => Err(error),
        }
    }

    /// Whether a record of this size fits, and `margin` bytes after it.
    fn has_room(&self, size: u64, margin: u64) -> bool {
        let spares = self.spares.iter().map(Spare::capacity).max().unwrap_or(0);
        let largest_spare = spares.max(self.ready.as_ref().map_or(0, Ready::capacity));
        if size <= self.rest {
            size + margin <= self.rest || margin <= largest_spare
        } else {
            size + margin <= largest_spare
        }
    }

    /// The record that begins at `at` opens a new segment.
    fn roll(&mut self, at: usize, size: u64) {
        let successor = if let Some(ready) = self.ready.take_if(|ready| size <= ready.capacity()) {
            Successor::Ready(ready)
        } else {
            let index = self.spares.iter().position(|spare| size <= spare.capacity());
            let spare = index.and_then(|index| self.spares.remove(index));
            let spare = spare.expect("reserve() made sure of a spare that is large enough");
            Successor::Spare(spare, salt(&*self.fs))
        };
        self.rest = successor.capacity();
        // Records of the file's former life, and of a former use of this LSN, carry another salt.
        self.salt = successor.salt();
        self.first = self.last + 1;
        self.rolls_since_removal += 1;
        self.batch.rolls.push(Roll { at, first: self.first, successor });
    }

    /// Room behind the last record, in its segment.
    pub(super) fn rest(&self) -> u64 {
        self.rest
    }

    /// First record of the segment that the last record is in.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// Whether there is a spare, and no segment ready. While one gets ready it is nobody's room, so a
    /// transaction that was promised some comes first.
    pub(super) fn can_get_ready(&self) -> bool {
        let is_wanted = self.ready.is_none() && self.preparing_bytes == 0;
        is_wanted && !self.spares.is_empty() && !self.is_held
    }

    /// A spare to get ready, for [`Buffer::end_ready`]. A record that needs another segment meanwhile
    /// makes do with what else there is: nobody waits for this with a lock in hand.
    pub(super) fn begin_ready(&mut self) -> Option<Spare> {
        let spare = if self.can_get_ready() { self.spares.pop_front() } else { None };
        self.preparing_bytes = spare.as_ref().map_or(self.preparing_bytes, |spare| spare.bytes);
        spare
    }

    /// It is ready, or never will be. Another segment may have come into use meanwhile: the number of
    /// this one is below its records all the same.
    pub(super) fn end_ready(&mut self, ready: Option<Ready>) {
        self.preparing_bytes = 0;
        self.ready = ready;
    }

    /// Hands over what has gathered. `empty` is a buffer to go on with.
    pub(super) fn take(&mut self, empty: Vec<u8>) -> Batch {
        let next = Batch { bytes: empty, rolls: Vec::new(), last: self.last };
        std::mem::replace(&mut self.batch, next)
    }

    /// Bytes of records that the writer has not taken yet.
    pub(super) fn pending_bytes(&self) -> usize {
        self.batch.bytes.len()
    }

    pub(super) fn is_marked(&self) -> bool {
        self.is_marked
    }

    pub(super) fn is_held(&self) -> bool {
        self.is_held
    }

    pub(super) fn set_held(&mut self, is_held: bool) {
        self.is_held = is_held;
    }

    pub(super) fn wants_spare(&self) -> bool {
        self.spare_count() < self.options.spares
    }

    fn spare_count(&self) -> usize {
        let is_preparing = self.preparing_bytes != 0;
        self.spares.len() + usize::from(self.ready.is_some()) + usize::from(is_preparing)
    }

    pub(super) fn take_spare_number(&mut self) -> u64 {
        let number = self.spare_next;
        self.spare_next += 1;
        number
    }

    /// Segments are about to go out of use. As many as the log has used since the last time become
    /// spares, for it will soon need as many again, and at least one more than are prepared.
    pub(super) fn begin_removal(&mut self) {
        let rolls = std::mem::take(&mut self.rolls_since_removal);
        self.spares_kept = rolls.min(SPARES_KEPT_MAX).max(self.options.spares + 1);
    }

    /// The log rests: takes out a spare beyond those that are prepared anyway, unless a transaction was
    /// promised room.
    pub(super) fn take_surplus(&mut self) -> Option<Spare> {
        if self.is_held {
            return None;
        }
        self.spares_kept = self.options.spares + 1;
        if self.spare_count() <= self.options.spares { None } else { self.spares.pop_back() }
    }

    /// Whether a segment that goes out of use may become a spare. Where the disk has no space to
    /// spare, no more than usual.
    pub(super) fn accepts_spare(&self, bytes: u64, has_space: bool) -> bool {
        let usual = self.options.spares + 1;
        self.spare_count() < if has_space { self.spares_kept } else { usual }
            && self.options.segment_bytes / 2 <= bytes
            && bytes <= self.options.segment_bytes
    }

    pub(super) fn add_spare(&mut self, spare: Spare) {
        self.spares.push_back(spare);
        self.is_disk_full = false;
    }

    pub(super) fn set_disk_full(&mut self, is_disk_full: bool) {
        self.is_disk_full = is_disk_full;
    }

    pub(super) fn is_disk_full(&self) -> bool {
        self.is_disk_full
    }

    pub(super) fn spare_bytes(&self) -> (usize, u64) {
        let bytes = self.spares.iter().map(|spare| spare.bytes).sum::<u64>();
        let ready_bytes = self.ready.as_ref().map_or(0, |ready| ready.bytes);
        (self.spare_count(), bytes + ready_bytes + self.preparing_bytes)
    }
}

/// A new salt.
#[expect(clippy::cast_possible_truncation, reason = "any 32 of the bits will do")]
pub(super) fn salt(fs: &dyn Fs) -> u32 {
    fs.random() as u32
}
