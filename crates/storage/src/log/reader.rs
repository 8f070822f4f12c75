//! The way back: the records of one segment, in order.
//!
//! A reader only reads and only tells what is there. What a bad record means is for recovery to say.

use std::cmp::Ordering;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::segment::{PAGE_BYTES, SEGMENT_HEADER_BYTES};
use crate::dir;
use crate::error::{Damage, StorageError};
use crate::format::header::{FileHeader, FileKind};
use crate::format::record::{self, Kind, RECORD_ALIGN, RECORD_HEADER_BYTES, Record, Stamp};
use crate::format::search::Search;
use crate::fs::{File, Fs};

/// Read at a time; a longer record makes its own window.
const WINDOW_BYTES: usize = 1 << 20;

/// Whoever waits for a search is told once in so many bytes: some ten times a second, whatever they are.
const TOLD_BYTES: usize = 1 << 20;
const _: () = assert!(TOLD_BYTES.is_multiple_of(RECORD_ALIGN));

/// A place in the log: behind a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogPosition {
    /// The record; 0 for the beginning.
    pub(crate) lsn: u64,
    /// Where in its segment it stands; 0 where that is not known. Only believed if it stands there.
    pub(crate) offset: u64,
}

impl LogPosition {
    /// Behind this record, wherever that is.
    pub(crate) fn behind(lsn: u64) -> Self {
        Self { lsn, offset: 0 }
    }
}

/// Reads one segment.
#[derive(Debug)]
pub(crate) struct SegmentReader {
    file: Arc<dyn File>,
    path: PathBuf,
    header: FileHeader,
    file_bytes: u64,
    window: Vec<u8>,
    /// Offset of the window in the file.
    window_at: u64,
    /// Offset of the next record.
    offset: u64,
}

/// What stands where the next record should.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    /// The record.
    Record(Record<'a>),
    /// The seal: the next segment has it, the one with this salt.
    Sealed(u32),
    /// Nothing that could be believed.
    Nothing,
}

/// A valid record beyond a bad one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Later {
    pub(crate) lsn: u64,
    pub(crate) durable: u64,
    /// Where it ends.
    pub(crate) end: u64,
}

impl SegmentReader {
    /// Opens the segment that begins with record `first`, and checks its header.
    pub(crate) fn open(fs: &dyn Fs, dir: &Path, first: u64) -> Result<Self, StorageError> {
        Self::open_at(fs, dir::segment(dir, first), first)
    }

    /// As [`SegmentReader::open`], under whatever name it has.
    pub(crate) fn open_at(fs: &dyn Fs, path: PathBuf, first: u64) -> Result<Self, StorageError> {
        let mut reader = Self::open_any(fs, path)?;
        // The number in the header may have been given before the first record was known.
        let found = match reader.header.number.cmp(&first) {
            Ordering::Equal => None,
            Ordering::Greater => Some(reader.header.number),
            Ordering::Less => reader.first_lsn()?.filter(|found| *found != first),
        };
        match found {
            None => Ok(reader),
            Some(found) => {
                let reason = Damage::Name { found };
                Err(StorageError::corrupt(&reader.path, 0, reason))
            }
        }
    }

    /// Opens a segment wherever it stands, whatever record it begins with.
    pub(crate) fn open_any(fs: &dyn Fs, path: PathBuf) -> Result<Self, StorageError> {
        let file = match fs.open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(StorageError::corrupt(&path, 0, Damage::Missing));
            }
            other => other.map_err(StorageError::io("open", &path))?,
        };
        let file_bytes = file.size().map_err(StorageError::io("measure", &path))?;
        if file_bytes < SEGMENT_HEADER_BYTES {
            return Err(StorageError::corrupt(&path, file_bytes, Damage::Header));
        }
        let mut page = [0; PAGE_BYTES];
        file.read_exact_at(&mut page, 0).map_err(StorageError::io("read", &path))?;
        let header = FileHeader::decode(&page, FileKind::Log, &path)?;
        let (window, window_at, offset) = (Vec::new(), 0, SEGMENT_HEADER_BYTES);
        Ok(Self { file, path, header, file_bytes, window, window_at, offset })
    }

    pub(crate) fn file(&self) -> Arc<dyn File> {
        self.file.clone()
    }

    /// Looks at the disk again for what comes next: somebody may have written it meanwhile.
    pub(crate) fn forget(&mut self) {
        self.window.clear();
        self.window_at = self.offset;
    }

    /// Reads from the disk what is still to be read, not from memory.
    pub(crate) fn forget_cached(&self) {
        self.file.forget_cached(0, self.file_bytes);
    }

    /// As [`SegmentReader::forget_cached`], of the whole pages between two offsets.
    pub(crate) fn forget_cached_between(&self, from: u64, to: u64) {
        let page = PAGE_BYTES as u64;
        let (from, to) = (from / page * page, to / page * page);
        if from < to {
            self.file.forget_cached(from, to - from);
        }
    }

    /// The number of the record, or of the seal, at the very beginning; `None` if none is valid.
    pub(crate) fn first_lsn(&mut self) -> Result<Option<u64>, StorageError> {
        let start = self.fill(RECORD_HEADER_BYTES)?;
        let rest = self.file_bytes - self.offset;
        let Some(size) = record::claimed_size(&self.window[start..], rest) else { return Ok(None) };
        let start = self.fill(size)?;
        Ok(record::parse(&self.window[start..], self.header.salt).map(|record| record.stamp.lsn))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn header(&self) -> &FileHeader {
        &self.header
    }

    pub(crate) fn salt(&self) -> u32 {
        self.header.salt
    }

    pub(crate) fn is_recycled(&self) -> bool {
        self.header.recycled
    }

    pub(crate) fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// Where the next record stands.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// What stands in the place of record `lsn`, which is the next one. A record moves the reader on.
    pub(crate) fn next(&mut self, lsn: u64) -> Result<Found<'_>, StorageError> {
        let rest = self.file_bytes.saturating_sub(self.offset);
        let start = self.fill(RECORD_HEADER_BYTES)?;
        let bytes = &self.window[start..];
        // Cheap before costly: zeros and stale bytes seldom claim the right number.
        let is_next = record::claimed_lsn(bytes) == Some(lsn);
        #[cfg(any(test, feature = "sim"))]
        let is_next = is_next || crate::planted::stale_bytes_pass();
        if !is_next {
            return Ok(Found::Nothing);
        }
        let Some(size) = record::claimed_size(bytes, rest) else { return Ok(Found::Nothing) };
        let start = self.fill(size)?;
        let Some(record) = record::parse(&self.window[start..], self.header.salt) else {
            return Ok(Found::Nothing);
        };
        if record.stamp.kind == Kind::Sealed {
            // Not a time, but 32 bits; 0 for a segment that nothing but its name tells.
            let salt = u32::try_from(record.stamp.time_ms).unwrap_or(0);
            return Ok(Found::Sealed(salt));
        }
        self.offset += size as u64;
        Ok(Found::Record(record))
    }

    /// Goes to that record, if it stands there in this segment: whether it does. Those before it are
    /// passed over unread.
    pub(crate) fn skip_to(&mut self, to: LogPosition) -> Result<bool, StorageError> {
        let is_place = SEGMENT_HEADER_BYTES <= to.offset
            && to.offset < self.file_bytes
            && to.offset.is_multiple_of(RECORD_ALIGN as u64);
        if !is_place {
            return Ok(false);
        }
        let before = std::mem::replace(&mut self.offset, to.offset);
        let is_there = matches!(self.next(to.lsn)?, Found::Record(_));
        self.offset = if is_there { to.offset } else { before };
        Ok(is_there)
    }

    /// Reads so that the window holds `count` bytes from the present offset on, or what the file has
    /// of them; returns where in the window they begin.
    fn fill(&mut self, count: usize) -> Result<usize, StorageError> {
        let window_end = self.window_at + self.window.len() as u64;
        let needed_end = (self.offset + count as u64).min(self.file_bytes);
        if self.offset < self.window_at || window_end < needed_end {
            let rest = self.file_bytes.saturating_sub(self.offset);
            let wanted = usize::try_from(rest).unwrap_or(usize::MAX).min(count.max(WINDOW_BYTES));
            self.window.resize(wanted, 0);
            self.file
                .read_exact_at(&mut self.window, self.offset)
                .map_err(StorageError::io("read", &self.path))?;
            self.window_at = self.offset;
        }
        let start = self.offset - self.window_at;
        Ok(usize::try_from(start).expect("inside the window").min(self.window.len()))
    }

    /// All bytes from the present offset to the end of the file.
    pub(crate) fn remainder(&self) -> Result<Vec<u8>, StorageError> {
        let rest = self.file_bytes.saturating_sub(self.offset);
        let mut bytes = vec![0; usize::try_from(rest).expect("a segment fits into memory")];
        self.file
            .read_exact_at(&mut bytes, self.offset)
            .map_err(StorageError::io("read", &self.path))?;
        Ok(bytes)
    }

    /// Valid records with these numbers in `remainder`, wherever they stand. Calls `tell` now and then.
    pub(crate) fn later_records(
        &self,
        remainder: &[u8],
        lsns: &RangeInclusive<u64>,
        tell: &mut dyn FnMut(),
    ) -> Vec<Later> {
        let mut search = Search::new(remainder, self.header.salt);
        let mut found = Vec::new();
        for from in (0..remainder.len()).step_by(TOLD_BYTES) {
            let to = remainder.len().min(from + TOLD_BYTES);
            let mut at = from;
            while let Some((place, record)) = search.next(at..to, lsns) {
                let Stamp { lsn, durable, .. } = record.stamp;
                let end = self.offset + (place + record.size()) as u64;
                found.push(Later { lsn, durable, end });
                at = place + RECORD_ALIGN;
            }
            tell();
        }
        found
    }

    /// No more records than this can stand in so many bytes.
    pub(crate) fn records_max(bytes: u64) -> u64 {
        bytes / RECORD_HEADER_BYTES as u64
    }
}
