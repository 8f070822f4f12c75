//! Recovery: what the log holds, what a bad record means, and the way back to an engine.
//!
//! [`scan`] walks and verifies every record since the snapshot, hands each on as soon as its checksum
//! is known to be right, and decides where the log ends. [`Replay`] applies what it is handed: the
//! log is read once. An engine that was filled from a log which then turns out to be damaged is thrown
//! away, and nothing on disk is changed before all is known: the one step that changes the log,
//! [`Scan::settle`], is the last. The rules: `docs/on-disk-format.md`, "Recovery: what a bad record
//! means".

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
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
    /// Records replayed so far; 0 while the snapshot is read.
    pub records: u64,
    /// Bytes read so far in this phase.
    pub bytes: u64,
    /// Bytes to read in this phase. For the log an upper bound: its last segment is seldom full.
    pub bytes_total: u64,
}

/// The phases of recovery, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Loading the newest snapshot.
    Snapshot,
    /// Verifying and applying the records of the log since then.
    Log,
}

impl Progress {
    /// How much of the phase is done, 0 to 100.
    #[must_use]
    pub fn percent(&self) -> u64 {
        let of_total = u128::from(self.bytes) * 100 / u128::from(self.bytes_total.max(1));
        if self.bytes_total == 0 { 100 } else { u64::try_from(of_total.min(100)).unwrap_or(100) }
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MIB: u64 = 1 << 20;
        let Self { phase, records, bytes, bytes_total } = *self;
        let (percent, mib, mib_total) = (self.percent(), bytes / MIB, bytes_total / MIB);
        match phase {
            Phase::Snapshot => write!(f, "Loading the snapshot: {percent} %"),
            Phase::Log => write!(f, "Replaying the log: {percent} %, {records} records"),
        }?;
        write!(f, ", {mib} of {mib_total} MiB")
    }
}

/// Told about progress, at least once in every few MiB, and at the end of each phase.
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

/// Progress is told once in so many bytes: some ten times a second.
const PROGRESS_BYTES: u64 = 16 << 20;

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
    after: u64,
    each: OnRecord<'_>,
    progress: OnProgress<'_>,
) -> Result<Scan, StorageError> {
    let firsts = dir::list_segments(fs, dir)?;
    let start = starting_segment(dir, &firsts, after)?;
    let mut teller = Teller::new(bytes_from(fs, dir, &firsts[start..])?, progress);

    let mut segments: Vec<Segment> = Vec::new();
    for &first in &firsts[..start] {
        // Kept for an older snapshot; only their lengths are of interest now.
        segments.push(Segment { first, bytes: bytes_from(fs, dir, &[first])? });
    }
    // A directory that is still being made has no mark, and nothing foreign in it.
    let mark = dir::mark(fs, dir)?.unwrap_or_default();
    let mut voided = Vec::new();
    let mut next = firsts[start];
    for (index, &first) in firsts.iter().enumerate().skip(start) {
        let mut reader = SegmentReader::open(fs, dir, first)?;
        mark.expect_ours(first, reader.header(), reader.path())?;
        let path = reader.path().to_path_buf();
        segments.push(Segment { first, bytes: reader.file_bytes() });
        let mut proven = Proven::begin(first - 1);
        let is_sealed = loop {
            let offset = reader.offset();
            match reader.next(next)? {
                Found::Record(record) => {
                    note_void(&record, &mut voided);
                    check_payload_format(&record, dir, first, offset)?;
                    proven.record(&record, offset);
                    if after < next {
                        each(&record, &path, offset);
                    }
                    teller.record(&record, after < next);
                    next += 1;
                }
                Found::Sealed => break true,
                Found::Nothing => break false,
            }
        };
        match firsts.get(index + 1) {
            // The header of the next segment was durable only after all records before it were.
            Some(&following) if following != next && is_sealed => {
                let missing = dir::segment(dir, next);
                return Err(StorageError::corrupt(&missing, 0, Damage::Missing));
            }
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
                teller.end();
                let torn = judge_tail(&reader, next)?;
                let unproven_from = proven.from(reader.offset());
                let (last, offset, salt) = (next - 1, reader.offset(), reader.salt());
                let end = LogEnd { segments, last, offset, salt, history: mark.history };
                return Ok(Scan { end, torn, voided, unproven_from });
            }
        }
    }
    unreachable!("the last segment returns")
}

/// Passes progress on now and then.
struct Teller<'a> {
    told: Progress,
    next_at: u64,
    progress: OnProgress<'a>,
}

impl<'a> Teller<'a> {
    fn new(bytes_total: u64, progress: OnProgress<'a>) -> Self {
        let told = Progress { phase: Phase::Log, records: 0, bytes: 0, bytes_total };
        progress(told);
        Self { told, next_at: PROGRESS_BYTES, progress }
    }

    fn record(&mut self, record: &Record<'_>, is_replayed: bool) {
        self.told.records += u64::from(is_replayed);
        self.told.bytes += record.size() as u64;
        if self.next_at <= self.told.bytes {
            self.next_at = self.told.bytes + PROGRESS_BYTES;
            (self.progress)(self.told);
        }
    }

    fn end(&mut self) {
        (self.progress)(self.told);
    }
}

/// Applies records to an engine, in the order in which they are read.
///
/// A record may make earlier ones void (kind 4), which is known only once they have been applied. So
/// whoever replays begins with no such ranges, and if [`Replay::end`] finds some, does it again from
/// the snapshot with the ranges known. Nothing writes such records yet, so once is enough.
pub(crate) struct Replay<'a> {
    engine: &'a mut Engine,
    voided: &'a [Range<u64>],
    found: Vec<Range<u64>>,
    failed: Option<StorageError>,
    /// Bytes of the records so far.
    pub(crate) bytes: u64,
}

impl<'a> Replay<'a> {
    /// Onto `engine`, but for the records that are known to be void.
    pub(crate) fn new(engine: &'a mut Engine, voided: &'a [Range<u64>]) -> Self {
        Self { engine, voided, found: Vec::new(), failed: None, bytes: 0 }
    }

    /// Applies the next record, unless what came before it makes that pointless.
    pub(crate) fn record(&mut self, record: &Record<'_>, path: &Path, offset: u64) {
        self.bytes += record.size() as u64;
        note_void(record, &mut self.found);
        let lsn = record.stamp.lsn;
        let is_known = self.found.len() <= self.voided.len();
        let is_void = self.voided.iter().any(|range| range.contains(&lsn));
        if record.stamp.kind != Kind::Ops || is_void || !is_known || self.failed.is_some() {
            return;
        }
        if let Err(what) = apply(self.engine, record) {
            let reason = Damage::Undecodable(format!("record {lsn}: {what}"));
            self.failed = Some(StorageError::corrupt(path, offset, reason));
        }
    }

    /// After the last record: `Some` ranges that are void although their records were applied.
    pub(crate) fn end(self) -> Result<Option<Vec<Range<u64>>>, StorageError> {
        if self.voided.len() < self.found.len() {
            return Ok(Some(self.found));
        }
        self.failed.map_or(Ok(None), Err)
    }
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

/// Calls `each` for the records `after + 1 ..= upto`, all of which are known to be there.
pub(crate) fn each_record(
    fs: &dyn Fs,
    dir: &Path,
    (after, upto): (u64, u64),
    each: OnRecord<'_>,
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
                each(&record, &path, offset);
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
pub(crate) fn judge_tail(
    reader: &SegmentReader,
    next: u64,
) -> Result<Option<TornTail>, StorageError> {
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
