//! From one segment to the next.

use std::path::{Path, PathBuf};

use crate::dir;
use crate::error::{Damage, StorageError};
use crate::fs::Fs;
use crate::log::SegmentReader;

/// A segment under the name that it has.
pub(super) struct Place {
    pub(super) first: u64,
    pub(super) path: PathBuf,
}

/// Where the log goes on behind a segment.
pub(super) enum Follow {
    /// The segment, and its salt.
    Segment(Place, u32),
    /// Nowhere. What is `unused` holds nothing that was ever acknowledged.
    End { unused: Vec<PathBuf> },
}

/// What comes after a segment. One that was ready and came into use right before a power cut may
/// have its old name still, or its new one although the records before it are gone.
pub(super) struct Chain<'a> {
    pub(super) fs: &'a dyn Fs,
    pub(super) dir: &'a Path,
    /// First records of the segments to come.
    pub(super) firsts: &'a [u64],
    /// Numbers of those that are ready.
    pub(super) ready: Vec<u64>,
}

impl Chain<'_> {
    /// In the segment of `reader` there is no record `next`; `sealed` is what its seal says. If a clean
    /// stop says that the log `ends_here`, no record is looked for behind it: what a start would read
    /// for that is two segments.
    pub(super) fn follow(
        &mut self,
        reader: &SegmentReader,
        next: u64,
        sealed: Option<u32>,
        ends_here: bool,
        tell: &mut dyn FnMut(),
    ) -> Result<Follow, StorageError> {
        if let Some((&following, later)) = self.firsts.split_first()
            && following == next
        {
            self.firsts = later;
            let path = dir::segment(self.dir, following);
            let salt = SegmentReader::open_at(self.fs, path.clone(), next)?.salt();
            return Ok(Follow::Segment(Place { first: next, path }, salt));
        }
        for number in self.ready.iter().copied().filter(|number| *number <= next) {
            let path = dir::ready(self.dir, number);
            let mut other = SegmentReader::open_any(self.fs, path.clone())?;
            let is_successor = match sealed {
                Some(salt) => salt == other.salt(),
                None => other.first_lsn()? == Some(next),
            };
            if is_successor {
                self.ready.retain(|ready| *ready != number);
                return Ok(Follow::Segment(Place { first: next, path }, other.salt()));
            }
        }
        self.end(reader, next, sealed.is_some(), ends_here, tell)
    }

    /// There is no successor: the end of the log, or damage.
    fn end(
        &self,
        reader: &SegmentReader,
        next: u64,
        is_sealed: bool,
        ends_here: bool,
        tell: &mut dyn FnMut(),
    ) -> Result<Follow, StorageError> {
        let refuse = |durable_says| {
            let reason = Damage::Record { lsn: next, durable_says };
            Err(StorageError::corrupt(reader.path(), reader.offset(), reason))
        };
        if is_sealed {
            return Err(StorageError::corrupt(&dir::segment(self.dir, next), 0, Damage::Missing));
        }
        let firsts = self.firsts.iter().map(|first| (*first, dir::segment(self.dir, *first)));
        let ready = self.ready.iter().map(|number| (*number, dir::ready(self.dir, *number)));
        let mut unused = Vec::new();
        for (says, path) in firsts.chain(ready) {
            // Opened first: a header that is not valid proves nothing but damage to itself.
            let other = SegmentReader::open_any(self.fs, path.clone())?;
            // It was durable only after all records below its number were; and a second segment
            // came into use only after all before the first were.
            if 1 < self.firsts.len() || next < other.header().number {
                return refuse(says);
            }
            if !ends_here && let Some(proof) = proof_in_telling(&other, next, tell)? {
                return refuse(proof);
            }
            unused.push(path);
        }
        Ok(Follow::End { unused })
    }
}

/// The record by which a segment that stands behind the end of the log proves that record `next` was
/// durable, if it does.
pub(crate) fn proof_in(other: &SegmentReader, next: u64) -> Result<Option<u64>, StorageError> {
    proof_in_telling(other, next, &mut || {})
}

/// As [`proof_in`]. Calls `tell` now and then.
fn proof_in_telling(
    other: &SegmentReader,
    next: u64,
    tell: &mut dyn FnMut(),
) -> Result<Option<u64>, StorageError> {
    let number = other.header().number;
    if next < number {
        return Ok(Some(number));
    }
    // Between `next` and its first record lie all the numbers that went with the end of the segment
    // before, however many: its own length says nothing about them.
    let later = other.later_records(&other.remainder()?, &(next + 1..=u64::MAX), tell);
    Ok(later.iter().find(|record| next <= record.durable).map(|record| record.lsn))
}
