//! Recovery: what the log holds, what a bad record means, and the way back to an engine.
//!
//! [`scan`] walks and verifies every record since the snapshot, hands each on as soon as its checksum
//! is known to be right, and decides where the log ends. [`Replay`] applies what it is handed: the
//! log is read once. An engine that was filled from a log which then turns out to be damaged is thrown
//! away, and nothing on disk is changed before all is known: the one step that changes the log,
//! [`Scan::settle`], is the last. The rules: `docs/on-disk-format.md`, "Recovery: what a bad record
//! means".

mod chain;
mod progress;
mod replay;
mod settle;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::path::{Path, PathBuf};

pub(crate) use chain::proof_in;
use chain::{Chain, Follow, Place};
pub use progress::{OnProgress, Phase, Progress};
pub(crate) use replay::Replay;
use settle::{Proven, Unproven};

use crate::dir;
use crate::error::{Damage, StorageError};
use crate::format::codec::PAYLOAD_FORMAT;
use crate::format::header::u64_at;
use crate::format::record::{self, Kind, Record};
use crate::fs::Fs;
use crate::log::{
    CleanStop, Found, LogEnd, LogPosition, SEGMENT_HEADER_BYTES, Segment, SegmentReader,
};
use progress::Teller;

/// What recovery found and did.
#[derive(Debug, Clone, Default)]
pub struct RecoveryReport {
    /// The snapshot it began with; 0 for none.
    pub snapshot_lsn: u64,
    /// The last record of the log.
    pub last_lsn: u64,
    /// Records replayed.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The server before had stopped cleanly.
    pub was_clean: bool,
    /// What was cut off, never acknowledged.
    pub torn_tail: Option<TornTail>,
    /// Why newer snapshots were passed over.
    pub snapshots_damaged: Vec<StorageError>,
}

/// The incomplete end of the active segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TornTail {
    /// The segment.
    pub file: PathBuf,
    /// Where the last whole record ends.
    pub offset: u64,
    /// Bytes dropped.
    pub bytes: u64,
}

/// What a scan found.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) end: LogEnd,
    pub(crate) torn: Option<TornTail>,
    /// Records that a later one made void.
    pub(crate) voided: Vec<Range<u64>>,
    /// What a clean stop says of the end.
    clean: Option<CleanStop>,
    /// Records that nothing proves durable.
    unproven: Vec<Unproven>,
    /// Segments in use that stand under this name still, and begin with that record.
    pending: Vec<(PathBuf, u64)>,
    /// Segments that were ready, or just come into use, and hold nothing that counts.
    unused: Vec<PathBuf>,
}

/// LSN of the first record in the log, or of its next one if it is empty.
pub(crate) fn log_first(fs: &dyn Fs, dir: &Path) -> Result<u64, StorageError> {
    Ok(dir::list_segments(fs, dir)?.first().copied().unwrap_or(1))
}

/// Given each record, with the file and the offset of it.
pub(crate) type OnRecord<'a> = &'a mut dyn FnMut(&Record<'_>, &Path, u64);

/// Verifies the records after `after`, hands each to `each`, and finds the end of the log.
pub(crate) fn scan(
    fs: &dyn Fs,
    dir: &Path,
    from: LogPosition,
    each: OnRecord<'_>,
    progress: OnProgress<'_>,
) -> Result<Scan, StorageError> {
    let after = from.lsn;
    let firsts = dir::list_segments(fs, dir)?;
    let start = starting_segment(fs, dir, &firsts, after)?;
    let mut teller = Teller::new(bytes_from(fs, dir, &firsts[start..])?, progress);

    let mut segments: Vec<Segment> = Vec::new();
    for &first in &firsts[..start] {
        // Kept for an older snapshot; only their lengths are of interest now.
        segments.push(Segment { first, bytes: bytes_from(fs, dir, &[first])? });
    }
    // A directory that is still being made has no mark, and nothing foreign in it.
    let mark = dir::mark(fs, dir)?.unwrap_or_default();
    let clean = CleanStop::read(fs, dir)?;
    let mut chain =
        Chain { fs, dir, firsts: &firsts[start + 1..], ready: dir::list_ready(fs, dir)? };
    let mut voided = Vec::new();
    let mut proven = Proven::default();
    let mut pending = Vec::new();
    let mut place = Place { first: firsts[start], path: dir::segment(dir, firsts[start]) };
    loop {
        let Place { first, path } = place;
        let mut reader = SegmentReader::open_at(fs, path.clone(), first)?;
        mark.expect_ours(first, reader.header(), reader.path())?;
        segments.push(Segment { first, bytes: reader.file_bytes() });
        proven.enter(first, &reader);
        let mut next = if first <= after && reader.skip_to(from)? { after } else { first };
        let sealed = loop {
            let offset = reader.offset();
            match reader.next(next)? {
                Found::Record(record) => {
                    note_void(&record, &mut voided);
                    check_payload_format(&record, &path, offset)?;
                    proven.record(&record, offset);
                    if after < next {
                        each(&record, &path, offset);
                    }
                    teller.record(&record, after < next);
                    next += 1;
                }
                Found::Sealed(salt) => break Some(salt),
                Found::Nothing => break None,
            }
        };
        proven.leave(&reader, next, sealed.is_some());
        let ends_here = sealed.is_none()
            && clean.is_some_and(|clean| clean.is_at((next - 1, first, reader.offset())));
        match chain.follow(&reader, next, sealed, ends_here, &mut || teller.tell())? {
            Follow::Segment(following, salt) => {
                proven.succeeded(salt);
                if following.path != dir::segment(dir, next) {
                    pending.push((following.path.clone(), next));
                }
                place = following;
            }
            Follow::End { unused } => {
                teller.tell();
                let torn = match ends_here {
                    true => None,
                    false => judge_tail_telling(&reader, next, &mut || teller.tell())?,
                };
                let unproven = proven.end();
                let (last, offset, salt) = (next - 1, reader.offset(), reader.salt());
                let end = LogEnd { segments, last, offset, salt, history: mark.history };
                return Ok(Scan { end, torn, voided, clean, unproven, pending, unused });
            }
        }
    }
}

/// Calls `each` for the records behind `from` up to number `upto`, all of which are known to be there,
/// until it fails; returns the place behind the last one.
pub(crate) fn each_record(
    fs: &dyn Fs,
    dir: &Path,
    (from, upto): (LogPosition, u64),
    each: &mut dyn FnMut(&Record<'_>, &Path, u64) -> Result<(), StorageError>,
) -> Result<LogPosition, StorageError> {
    let after = from.lsn;
    if upto <= after {
        return Ok(from);
    }
    let firsts = dir::list_segments(fs, dir)?;
    let start = starting_segment(fs, dir, &firsts, after)?;
    let mut next = firsts[start];
    let mut last = from;
    for &first in &firsts[start..] {
        let mut reader = SegmentReader::open(fs, dir, first)?;
        if first <= after && reader.skip_to(from)? {
            next = after;
        }
        let path = reader.path().to_path_buf();
        while next <= upto {
            let offset = reader.offset();
            let Found::Record(record) = reader.next(next)? else { break };
            if after < next {
                each(&record, &path, offset)?;
            }
            last = LogPosition { lsn: next, offset };
            next += 1;
        }
        if upto < next {
            return Ok(last);
        }
    }
    let last = dir::segment(dir, firsts[firsts.len() - 1]);
    Err(StorageError::corrupt(&last, 0, Damage::Short { found: next - 1, expected: upto }))
}

/// That there is not one segment. Of all that are missing the one is named that begins behind the newest
/// snapshot, whoever finds out: all before that is there.
pub(crate) fn lost_log(fs: &dyn Fs, dir: &Path) -> Result<StorageError, StorageError> {
    let first = dir::list_snapshots(fs, dir)?.last().map_or(1, |lsn| lsn + 1);
    Ok(StorageError::corrupt(&dir::segment(dir, first), 0, Damage::Missing))
}

/// Index of the segment that holds record `after + 1`, or would.
fn starting_segment(
    fs: &dyn Fs,
    dir: &Path,
    firsts: &[u64],
    after: u64,
) -> Result<usize, StorageError> {
    if firsts.is_empty() {
        return Err(lost_log(fs, dir)?);
    }
    let start = firsts.partition_point(|&first| first <= after + 1);
    // Without it, records that no snapshot holds are gone.
    start
        .checked_sub(1)
        .ok_or_else(|| StorageError::corrupt(&dir::segment(dir, after + 1), 0, Damage::Missing))
}

fn bytes_from(fs: &dyn Fs, dir: &Path, firsts: &[u64]) -> Result<u64, StorageError> {
    firsts.iter().try_fold(0, |sum, &first| {
        let path = dir::segment(dir, first);
        let size = fs.open(&path).and_then(|file| file.size());
        Ok(sum + size.map_err(StorageError::io("measure", &path))?)
    })
}

fn note_void(record: &Record<'_>, voided: &mut Vec<Range<u64>>) {
    if record.stamp.kind == Kind::Supersede && 8 <= record.payload.len() {
        voided.push(u64_at(record.payload, 0)..record.stamp.lsn);
    }
}

fn check_payload_format(record: &Record<'_>, path: &Path, offset: u64) -> Result<(), StorageError> {
    match record.payload_format {
        PAYLOAD_FORMAT => Ok(()),
        newer if PAYLOAD_FORMAT < newer => Err(StorageError::UnsupportedVersion {
            file: path.to_path_buf(),
            found: newer.into(),
            supported: PAYLOAD_FORMAT.into(),
        }),
        older => {
            let reason = Damage::Undecodable(format!("payload format {older}"));
            Err(StorageError::corrupt(path, offset, reason))
        }
    }
}

/// Record `next` is not where it should be, and there is no later segment: the end of the log, a
/// torn tail, or damage.
pub(crate) fn judge_tail(
    reader: &SegmentReader,
    next: u64,
) -> Result<Option<TornTail>, StorageError> {
    judge_tail_telling(reader, next, &mut || {})
}

/// As [`judge_tail`]. Calls `tell` now and then.
fn judge_tail_telling(
    reader: &SegmentReader,
    next: u64,
    tell: &mut dyn FnMut(),
) -> Result<Option<TornTail>, StorageError> {
    let remainder = reader.remainder()?;
    let upto = next.saturating_add(SegmentReader::records_max(remainder.len() as u64));
    let later = reader.later_records(&remainder, &(next + 1..=upto), tell);
    if let Some(proof) = later.iter().find(|record| next <= record.durable) {
        let reason = Damage::Record { lsn: next, durable_says: proof.lsn };
        return Err(StorageError::corrupt(reader.path(), reader.offset(), reason));
    }
    // What a torn write left must go. A whole record behind the gap is dangerous: once another
    // record `next` has filled the gap, it would pass for the one after.
    let later_end = later.iter().map(|record| record.end - reader.offset()).max().unwrap_or(0);
    let torn_end = if reader.is_recycled() {
        // Bytes of the file's former life are no tail. A record that was begun shows its number.
        match record::claimed_lsn(&remainder) {
            Some(lsn) if lsn == next => {
                record::claimed_size(&remainder, remainder.len() as u64).unwrap_or(16) as u64
            }
            _ => 0,
        }
    } else {
        let used = remainder.iter().rposition(|&byte| byte != 0);
        used.map_or(0, |last| last as u64 + 1)
    };
    let bytes = later_end.max(torn_end).min(remainder.len() as u64);
    let file = reader.path().to_path_buf();
    Ok((0 < bytes).then(|| TornTail { file, offset: reader.offset(), bytes }))
}

impl Scan {
    /// Compares the end of the log with what is promised elsewhere: by the mark of a clean stop, and
    /// by snapshots, which hold durable records only.
    pub(crate) fn check_promises(
        &self,
        fs: &dyn Fs,
        dir: &Path,
        snapshot_lsn: u64,
    ) -> Result<bool, StorageError> {
        let found = self.end.last;
        let active = self.end.segments.last().expect("a log has a segment").first;
        if let Some(clean) = self.clean
            && !clean.is_at((found, active, self.end.offset))
        {
            let file = dir::segment(dir, active);
            return Err(clean.not_reached(fs, &dir::log(dir), found, (&file, self.end.offset))?);
        }
        if found < snapshot_lsn {
            let file = dir::segment(dir, active);
            let reason = Damage::Short { found, expected: snapshot_lsn };
            return Err(StorageError::corrupt(&file, self.end.offset, reason));
        }
        for range in &self.voided {
            if range.contains(&snapshot_lsn) {
                let reason = Damage::Undecodable(format!(
                    "records from {} on were superseded after this snapshot was made",
                    range.start
                ));
                return Err(StorageError::corrupt(&dir::snapshot(dir, snapshot_lsn), 0, reason));
            }
        }
        Ok(self.clean.is_some())
    }
}

const _: () = assert!(SEGMENT_HEADER_BYTES.is_multiple_of(record::RECORD_ALIGN as u64));
