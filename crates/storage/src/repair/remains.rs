//! What can be read of a damaged log.

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::dir;
use crate::error::StorageError;
use crate::format::header::{FileHeader, FileKind, u32_at};
use crate::format::record::{self, Kind, RECORD_ALIGN, RECORD_HEADER_BYTES, Record};
use crate::format::search::Search;
use crate::fs::{File, Fs};
use crate::log::SEGMENT_HEADER_BYTES;

/// Where the salt stands in the header of a segment.
const SALT_AT: usize = 24;
/// Bytes that are given up together where the disk refuses to read.
const SECTOR_BYTES: usize = 4096;
/// Bytes read at a time elsewhere.
const CHUNK_BYTES: usize = 1 << 20;
/// Where the first record stands.
const RECORDS_AT: usize = 4096;
const _: () = assert!(RECORDS_AT as u64 == SEGMENT_HEADER_BYTES);

/// The stretches of records that can be read.
#[derive(Debug, Default)]
pub(super) struct Remains {
    /// By rising number of their first record.
    stretches: Vec<Stretch>,
}

/// Records of one segment without a gap.
#[derive(Debug, Clone)]
struct Stretch {
    path: PathBuf,
    salt: u32,
    lsns: Range<u64>,
    /// Where the first of them stands.
    offset: usize,
}

impl Remains {
    /// Reads every segment.
    pub(super) fn find(fs: &dyn Fs, dir: &Path) -> Result<Self, StorageError> {
        let mut stretches = Vec::new();
        let mark = dir::mark(fs, dir).ok().flatten();
        let segments = dir::list_segments(fs, dir)?;
        let segments = segments.into_iter().map(|first| (first, dir::segment(dir, first)));
        // One may have come into use right before a power cut took its new name.
        let ready = dir::list_ready(fs, dir)?;
        let ready = ready.into_iter().map(|number| (number, dir::ready(dir, number)));
        for (first, path) in segments.chain(ready) {
            let bytes = read_all(fs, &path)?;
            let header = match FileHeader::decode(&bytes, FileKind::Log, &path) {
                Ok(header) => Some(header),
                Err(StorageError::Corrupt { .. }) => None,
                Err(error) => return Err(error),
            };
            // A sound header says what the segment is, whatever its file is called.
            let (first, salt) = match header {
                Some(header) => {
                    // The number in the header may be lower than the first record.
                    let claimed = bytes.get(RECORDS_AT..).and_then(record::claimed_lsn);
                    let first = claimed
                        .filter(|lsn| header.number < *lsn)
                        .filter(|lsn| record_at(&bytes, RECORDS_AT, header.salt, *lsn).is_some())
                        .unwrap_or(header.number);
                    let is_ours = |mark: dir::Mark| mark.expect_ours(first, &header, &path).is_ok();
                    if !mark.is_none_or(is_ours) {
                        continue;
                    }
                    (first, Some(header.salt))
                }
                None => (first, salt_by_trial(&bytes, first)),
            };
            if let Some(salt) = salt {
                stretches.extend(stretches_of(&bytes, &path, first, salt));
            }
        }
        stretches.sort_by_key(|stretch| stretch.lsns.start);
        Ok(Self { stretches })
    }

    /// How far one gets from the state after record `lsn`.
    pub(super) fn reach(&self, lsn: u64) -> u64 {
        let mut next = lsn + 1;
        while let Some(stretch) = self.holding(next) {
            next = stretch.lsns.end;
        }
        next - 1
    }

    /// The last readable record.
    pub(super) fn last(&self) -> u64 {
        self.stretches.iter().map(|stretch| stretch.lsns.end - 1).max().unwrap_or(0)
    }

    /// The next records from `lsn` on that can be read.
    pub(super) fn readable_from(&self, lsn: u64) -> Option<Range<u64>> {
        let later = self.stretches.iter().filter(|stretch| lsn < stretch.lsns.end);
        later.map(|stretch| stretch.lsns.clone()).min_by_key(|lsns| lsns.start)
    }

    /// Hands the records `after + 1 ..= upto` to `each`, all of which can be read, with file and
    /// offset.
    pub(super) fn each_record(
        &self,
        fs: &dyn Fs,
        (after, upto): (u64, u64),
        each: &mut dyn FnMut(&Record<'_>, &Path, u64),
    ) -> Result<(), StorageError> {
        let mut next = after + 1;
        while next <= upto {
            let Some(stretch) = self.holding(next) else { return Ok(()) };
            let bytes = read_all(fs, &stretch.path)?;
            let mut offset = stretch.offset;
            for lsn in stretch.lsns.clone() {
                let Some(record) = record_at(&bytes, offset, stretch.salt, lsn) else { break };
                if (next..=upto).contains(&lsn) {
                    each(&record, &stretch.path, offset as u64);
                }
                offset += record.size();
            }
            next = stretch.lsns.end;
        }
        Ok(())
    }

    fn holding(&self, lsn: u64) -> Option<&Stretch> {
        self.stretches.iter().find(|stretch| stretch.lsns.contains(&lsn))
    }
}

/// The stretches in the bytes of one segment.
fn stretches_of(bytes: &[u8], path: &Path, first: u64, salt: u32) -> Vec<Stretch> {
    let mut search = Search::new(bytes, salt);
    let mut stretches = Vec::new();
    let (mut offset, mut lsn) = (RECORDS_AT, first);
    loop {
        let begin = (offset, lsn);
        while let Some(record) = search.record_at(offset).filter(|record| is_record(record, lsn)) {
            offset += record.size();
            lsn += 1;
        }
        if begin.1 < lsn {
            let lsns = begin.1..lsn;
            stretches.push(Stretch { path: path.to_path_buf(), salt, lsns, offset: begin.0 });
        }
        // What follows the gap? The number of a segment may be far below that of its first record.
        let upto = match stretches.is_empty() {
            true => u64::MAX,
            false => lsn + (bytes.len().saturating_sub(offset) / RECORD_HEADER_BYTES) as u64,
        };
        let mut at = offset;
        loop {
            match search.next(at..bytes.len(), &(lsn + 1..=upto)) {
                None => return stretches,
                Some((place, record)) if is_record(&record, record.stamp.lsn) => {
                    (offset, lsn) = (place, record.stamp.lsn);
                    break;
                }
                Some((place, _)) => at = place + RECORD_ALIGN,
            }
        }
    }
}

/// Whether it is this one; the seal is none.
fn is_record(record: &Record<'_>, lsn: u64) -> bool {
    record.stamp.lsn == lsn && record.stamp.kind != Kind::Sealed
}

/// The record that stands there, if it is this one; the seal is none.
fn record_at(bytes: &[u8], offset: usize, salt: u32, lsn: u64) -> Option<Record<'_>> {
    let bytes = bytes.get(offset..)?;
    if record::claimed_lsn(bytes) != Some(lsn) {
        return None;
    }
    record::parse(bytes, salt).filter(|record| is_record(record, lsn))
}

/// The salt of a segment whose header is damaged: the damage may be elsewhere in it, or one bit. The
/// checksum of the first record tells.
fn salt_by_trial(bytes: &[u8], first: u64) -> Option<u32> {
    let salt = u32_at(bytes.get(..RECORDS_AT)?, SALT_AT);
    let flipped = (0..u32::BITS).map(|bit| salt ^ (1 << bit));
    std::iter::once(salt)
        .chain(flipped)
        .find(|salt| record_at(bytes, RECORDS_AT, *salt, first).is_some())
}

/// All bytes of a file; zeros for those that the disk refuses to give.
fn read_all(fs: &dyn Fs, path: &Path) -> Result<Vec<u8>, StorageError> {
    let file = fs.open(path).map_err(StorageError::io("open", path))?;
    let size = file.size().map_err(StorageError::io("examine", path))?;
    let mut bytes = vec![0; usize::try_from(size).expect("a segment fits memory")];
    read_pieces(&*file, path, &mut bytes, 0, CHUNK_BYTES)?;
    Ok(bytes)
}

fn read_pieces(
    file: &dyn File,
    path: &Path,
    bytes: &mut [u8],
    offset: u64,
    piece: usize,
) -> Result<(), StorageError> {
    for (index, bytes) in bytes.chunks_mut(piece).enumerate() {
        let at = offset + (index * piece) as u64;
        let read = file.read_exact_at(bytes, at).map_err(StorageError::io("read", path));
        match read {
            Err(error) if error.is_bad_medium() && SECTOR_BYTES < piece => {
                read_pieces(file, path, bytes, at, SECTOR_BYTES)?;
            }
            Err(error) if error.is_bad_medium() => bytes.fill(0),
            other => other?,
        }
    }
    Ok(())
}
