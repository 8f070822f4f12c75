//! Recovery: what the log holds, what a bad record means, and the way back to an engine.
//!
//! Pass 1 ([`scan`]) walks and verifies every record since the snapshot and decides where the log
//! ends. Pass 2 ([`replay`]) applies. Nothing is applied before everything is known to be sound, and
//! nothing on disk is changed before that either: the one step that changes the log, [`Scan::settle`],
//! is the last. The rules: `docs/on-disk-format.md`, "Recovery: what a bad record means".

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::ops::Range;
use std::path::{Path, PathBuf};

use engine::{Engine, Op};

use crate::dir;
use crate::error::{Damage, StorageError};
use crate::format::codec::{self, PAYLOAD_FORMAT};
use crate::format::header::u64_at;
use crate::format::record::{self, Kind, Record};
use crate::fs::Fs;
use crate::log::{CleanStop, Found, LogEnd, SEGMENT_HEADER_BYTES, Segment, SegmentReader};

/// How far recovery has come, for a status line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What it is doing.
    pub phase: Phase,
    /// Records so far in this phase.
    pub records: u64,
    /// Bytes of the log so far in this phase.
    pub bytes: u64,
    /// Bytes of the log files that are to be read: an upper bound.
    pub bytes_total: u64,
}

/// The passes of recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Reading every record and its checksum.
    Verify,
    /// Applying.
    Apply,
}

/// Told about progress now and then.
pub type OnProgress<'a> = &'a mut dyn FnMut(Progress);

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

/// What pass 1 found.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) end: LogEnd,
    pub(crate) torn: Option<TornTail>,
    /// Records that a later one made void.
    pub(crate) voided: Vec<Range<u64>>,
    /// In the active segment, where the records begin that nothing proves durable.
    unproven_from: u64,
}

/// Tells progress about so often.
const PROGRESS_RECORDS: u64 = 1 << 16;

/// LSN of the first record in the log, or of its next one if it is empty.
pub(crate) fn log_first(fs: &dyn Fs, dir: &Path) -> Result<u64, StorageError> {
    Ok(dir::list_segments(fs, dir)?.first().copied().unwrap_or(1))
}

/// Pass 1: verifies the records after `after` and finds the end of the log.
pub(crate) fn scan(
    fs: &dyn Fs,
    dir: &Path,
    after: u64,
    progress: OnProgress<'_>,
) -> Result<Scan, StorageError> {
    let firsts = dir::list_segments(fs, dir)?;
    let start = starting_segment(dir, &firsts, after)?;
    let bytes_total = bytes_from(fs, dir, &firsts[start..])?;
    let mut told = Progress { phase: Phase::Verify, records: 0, bytes: 0, bytes_total };

    let mut segments: Vec<Segment> = Vec::new();
    for &first in &firsts[..start] {
        // Kept for an older snapshot; only their lengths are of interest now.
        segments.push(Segment { first, bytes: bytes_from(fs, dir, &[first])? });
    }
    let mut voided = Vec::new();
    let mut next = firsts[start];
    for (index, &first) in firsts.iter().enumerate().skip(start) {
        let mut reader = SegmentReader::open(fs, dir, first)?;
        segments.push(Segment { first, bytes: reader.file_bytes() });
        let mut proven = Proven::begin(first - 1);
        let is_sealed = loop {
            let offset = reader.offset();
            match reader.next(next)? {
                Found::Record(record) => {
                    note_void(&record, &mut voided);
                    check_payload_format(&record, dir, first, offset)?;
                    proven.record(&record, offset);
                    told.records += 1;
                    told.bytes += record.size() as u64;
                    next += 1;
                    if told.records.is_multiple_of(PROGRESS_RECORDS) {
                        progress(told);
                    }
                }
                Found::Sealed => break true,
                Found::Nothing => break false,
            }
        };
        match firsts.get(index + 1) {
            // The header of the next segment was durable only after all records before it were.
            Some(&following) if following != next => {
                // Open it first: a header that is not valid proves nothing but damage to itself.
                SegmentReader::open(fs, dir, following)?;
                let reason = Damage::Record { lsn: next, durable_says: following };
                return Err(StorageError::corrupt(reader.path(), reader.offset(), reason));
            }
            Some(_) => {}
            None if is_sealed => {
                let missing = dir::segment(dir, next);
                return Err(StorageError::corrupt(&missing, 0, Damage::Missing));
            }
            None => {
                progress(told);
                let torn = judge_tail(&reader, next)?;
                let unproven_from = proven.from(reader.offset());
                let (last, offset, salt) = (next - 1, reader.offset(), reader.salt());
                let end = LogEnd { segments, last, offset, salt };
                return Ok(Scan { end, torn, voided, unproven_from });
            }
        }
    }
    unreachable!("the last segment returns")
}

/// Pass 2: applies the records `after + 1 ..= upto`, all of which are known to be there. Returns how
/// many bytes they had.
pub(crate) fn replay(
    fs: &dyn Fs,
    dir: &Path,
    engine: &mut Engine,
    range: (u64, u64),
    progress: OnProgress<'_>,
) -> Result<u64, StorageError> {
    let (after, upto) = range;
    let voided = voided_before(fs, dir, after, upto)?;
    replay_without(fs, dir, engine, range, &voided, progress)
}

/// As [`replay`], with the void records known.
pub(crate) fn replay_without(
    fs: &dyn Fs,
    dir: &Path,
    engine: &mut Engine,
    (after, upto): (u64, u64),
    voided: &[Range<u64>],
    progress: OnProgress<'_>,
) -> Result<u64, StorageError> {
    let bytes_total = bytes_from(fs, dir, &dir::list_segments(fs, dir)?)?;
    let mut told = Progress { phase: Phase::Apply, records: 0, bytes: 0, bytes_total };
    each_record(fs, dir, (after, upto), &mut |record, path, offset| {
        told.records += 1;
        told.bytes += record.size() as u64;
        if told.records.is_multiple_of(PROGRESS_RECORDS) {
            progress(told);
        }
        let lsn = record.stamp.lsn;
        let is_void = voided.iter().any(|range| range.contains(&lsn));
        if record.stamp.kind != Kind::Ops || is_void {
            return Ok(());
        }
        apply(engine, record).map_err(|what| {
            StorageError::corrupt(
                path,
                offset,
                Damage::Undecodable(format!("record {lsn}: {what}")),
            )
        })
    })?;
    progress(told);
    Ok(told.bytes)
}

/// Applies the operations of a record.
fn apply(engine: &mut Engine, record: &Record<'_>) -> Result<(), String> {
    let mut rest = record.payload;
    while !rest.is_empty() {
        let (op, taken) = codec::decode::<Op<'_>>(rest)?;
        engine.apply(&op, record.stamp.lsn);
        rest = &rest[taken..];
    }
    Ok(())
}

/// Calls `each` for the records `after + 1 ..= upto`, with the file and the offset of each.
fn each_record(
    fs: &dyn Fs,
    dir: &Path,
    (after, upto): (u64, u64),
    each: &mut dyn FnMut(&Record<'_>, &Path, u64) -> Result<(), StorageError>,
) -> Result<(), StorageError> {
    if upto <= after {
        return Ok(());
    }
    let firsts = dir::list_segments(fs, dir)?;
    let start = starting_segment(dir, &firsts, after)?;
    let mut next = firsts[start];
    for &first in &firsts[start..] {
        if upto < next {
            return Ok(());
        }
        let mut reader = SegmentReader::open(fs, dir, first)?;
        let path = reader.path().to_path_buf();
        while next <= upto {
            let offset = reader.offset();
            let Found::Record(record) = reader.next(next)? else { break };
            if after < next {
                each(&record, &path, offset)?;
            }
            next += 1;
        }
    }
    if upto < next {
        return Ok(());
    }
    let last = dir::segment(dir, firsts[firsts.len() - 1]);
    Err(StorageError::corrupt(&last, 0, Damage::Short { found: next - 1, expected: upto }))
}

/// Ranges made void by the records up to `upto`.
fn voided_before(
    fs: &dyn Fs,
    dir: &Path,
    after: u64,
    upto: u64,
) -> Result<Vec<Range<u64>>, StorageError> {
    let mut voided = Vec::new();
    each_record(fs, dir, (after, upto), &mut |record, _, _| {
        note_void(record, &mut voided);
        Ok(())
    })?;
    Ok(voided)
}

/// Index of the segment that holds record `after + 1`, or would.
fn starting_segment(dir: &Path, firsts: &[u64], after: u64) -> Result<usize, StorageError> {
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

fn check_payload_format(
    record: &Record<'_>,
    dir: &Path,
    first: u64,
    offset: u64,
) -> Result<(), StorageError> {
    match record.payload_format {
        PAYLOAD_FORMAT => Ok(()),
        newer if PAYLOAD_FORMAT < newer => Err(StorageError::UnsupportedVersion {
            file: dir::segment(dir, first),
            found: newer.into(),
            supported: PAYLOAD_FORMAT.into(),
        }),
        older => {
            let reason = Damage::Undecodable(format!("payload format {older}"));
            Err(StorageError::corrupt(&dir::segment(dir, first), offset, reason))
        }
    }
}

/// Record `next` is not where it should be, and there is no later segment: the end of the log, a
/// torn tail, or damage.
fn judge_tail(reader: &SegmentReader, next: u64) -> Result<Option<TornTail>, StorageError> {
    let remainder = reader.remainder()?;
    let later = reader.later_records(&remainder, next);
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
        let path = dir::clean(dir);
        let is_clean = dir::exists(fs, &path)?;
        if is_clean {
            let clean = CleanStop::decode(&dir::read_small(fs, &path)?, &path)?;
            let promised = (clean.last, clean.segment, clean.offset);
            if (found, active, self.end.offset) != promised {
                let file = dir::segment(dir, clean.segment);
                let reason = Damage::Short { found, expected: clean.last };
                return Err(StorageError::corrupt(&file, self.end.offset, reason));
            }
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
        Ok(is_clean)
    }

    /// Makes the log on disk what the scan says it is: the torn tail gone, and every record durable.
    ///
    /// Records that nothing proves durable may only be in the page cache, where an earlier process
    /// left them, possibly after a failed sync that marked them clean: then no sync would ever write
    /// them. So they are written again.
    pub(crate) fn settle(&self, fs: &dyn Fs, dir: &Path) -> Result<(), StorageError> {
        let path = dir::segment(dir, self.end.segments.last().expect("a log has a segment").first);
        let file = fs.open_write(&path).map_err(StorageError::io("open", &path))?;
        if let Some(torn) = &self.torn {
            let zeros = vec![0; usize::try_from(torn.bytes).expect("inside a segment")];
            let cut = file.write_all_at(&zeros, torn.offset);
            cut.map_err(StorageError::io("cut the torn tail of", &path))?;
        }
        let unproven = self.end.offset - self.unproven_from;
        let mut bytes = vec![0; usize::try_from(unproven).expect("inside a segment")];
        file.read_exact_at(&mut bytes, self.unproven_from)
            .map_err(StorageError::io("read", &path))?;
        file.write_all_at(&bytes, self.unproven_from).map_err(StorageError::io("write", &path))?;
        file.sync_data().map_err(StorageError::io("sync", &path))
    }
}

/// Which records of a segment are proven durable by those after them.
struct Proven {
    upto: u64,
    /// Number and offset of those beyond.
    unproven: VecDeque<(u64, u64)>,
}

impl Proven {
    fn begin(upto: u64) -> Self {
        Self { upto, unproven: VecDeque::new() }
    }

    fn record(&mut self, record: &Record<'_>, offset: u64) {
        self.unproven.push_back((record.stamp.lsn, offset));
        self.upto = self.upto.max(record.stamp.durable);
        while self.unproven.front().is_some_and(|(lsn, _)| *lsn <= self.upto) {
            self.unproven.pop_front();
        }
    }

    fn from(&self, end: u64) -> u64 {
        self.unproven.front().map_or(end, |(_, offset)| *offset)
    }
}

const _: () = assert!(SEGMENT_HEADER_BYTES.is_multiple_of(record::RECORD_ALIGN as u64));
