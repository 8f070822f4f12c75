//! Reading the log of a directory that may belong to a running server: for `log show`, for backups
//! and for restores. Nothing here changes anything.
//!
//! Recovery reads a log that nobody writes. Here somebody may, so a record that is not readable gets
//! a second look before it is called damaged: what proves that it was durable was written after it.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::Op;

use crate::dir;
use crate::error::{Damage, StorageError};
use crate::format::codec;
use crate::format::record::{Kind, Record};
use crate::fs::{File, Fs};
use crate::log::{CleanStop, Found, SegmentReader};
use crate::recovery;

/// The segments of a data directory (or a backup), of its `log` directory, or a single one.
#[derive(Debug, Clone)]
pub struct LogFiles {
    /// Where they were found: a directory is looked through again when its log has grown.
    place: PathBuf,
    is_dir: bool,
    segments: Vec<SegmentFile>,
    /// How far the log must reach, if a server has stopped cleanly. One that cannot be read is no
    /// matter before the end of the log.
    clean: Result<Option<CleanStop>, StorageError>,
}

/// A segment of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentFile {
    /// The file.
    pub path: PathBuf,
    /// Its first record, or the one that it will begin with.
    pub first: u64,
}

impl SegmentFile {
    /// Where it is to be looked for if it is not there any more: what came into use a moment ago may
    /// have been found under the name that it had while it was ready, which its server changes.
    pub(crate) fn renamed(&self) -> Option<Self> {
        let path = dir::segment_in(self.path.parent()?, self.first);
        (path != self.path).then_some(Self { path, first: self.first })
    }
}

/// Where a record stands.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The segment.
    pub segment: &'a SegmentFile,
    /// Where in it.
    pub offset: u64,
}

/// Where reading came to its end.
#[derive(Debug)]
pub struct LogEnd {
    /// The last record that was read or passed over.
    pub last: u64,
    /// The segment that it stands in.
    pub segment: SegmentFile,
    /// Where it ends there.
    pub offset: u64,
    /// That segment, open.
    pub file: Arc<dyn File>,
    /// The one before it, if that was read too.
    pub file_before: Option<Arc<dyn File>>,
    /// The segments before it that were read, and whether each bears its seal: then it never changes.
    pub passed: Vec<(SegmentFile, SegmentEnd)>,
}

/// How a segment ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentEnd {
    /// Where its last record ends.
    pub offset: u64,
    /// Whether the seal stands there.
    pub is_sealed: bool,
}

impl LogEnd {
    /// Waits until everything that was read is durable. A server may have left a segment without
    /// syncing it, but no further one before it is: so never more than the last two are not durable.
    ///
    /// # Errors
    ///
    /// Those of `fdatasync(2)`: then what was read may not be there after a power cut.
    pub fn sync(&self) -> Result<(), StorageError> {
        let before = self.passed.last().zip(self.file_before.as_ref());
        let before = before.map(|((segment, _), file)| (segment, file));
        for (segment, file) in before.into_iter().chain([(&self.segment, &self.file)]) {
            match file.sync_data() {
                // Where nobody can write there is nothing to sync.
                Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => {}
                other => other.map_err(StorageError::io("sync", &segment.path))?,
            }
        }
        Ok(())
    }
}

impl LogFiles {
    /// Finds the segments at `place`.
    ///
    /// # Errors
    ///
    /// `NoDatabase` if there are none, `Corrupt` if a single file is no segment, `Io`.
    pub fn find(fs: &dyn Fs, place: &Path) -> Result<Self, StorageError> {
        let is_dir = fs.list(place).is_ok();
        let inside = dir::log(place);
        let is_database = is_dir && dir::exists(fs, &inside)?;
        // Before the segments: a server that starts or stops meanwhile only adds to them.
        let clean = if is_database { CleanStop::read(fs, place) } else { Ok(None) };
        let dir = place;
        let place = if is_database { inside } else { place.to_path_buf() };
        let segments = if is_dir {
            segments_in(fs, &place)?
        } else {
            fs.open(&place).map_err(StorageError::io("open", &place))?;
            let mut reader = SegmentReader::open_any(fs, place.clone())?;
            let first = reader.first_lsn()?.unwrap_or(reader.header().number);
            vec![SegmentFile { path: place.clone(), first }]
        };
        if segments.is_empty() {
            // A database without a log has lost it.
            let is_lost = is_database && dir::exists(fs, &dir::format(dir))?;
            let lost = if is_lost { Some(recovery::lost_log(fs, dir)?) } else { None };
            return Err(lost.unwrap_or(StorageError::NoDatabase { dir: place }));
        }
        Ok(Self { place, is_dir, segments, clean })
    }

    /// These, with other segments before them: all of them, rising.
    pub(crate) fn with_segments(self, segments: Vec<SegmentFile>) -> Self {
        assert!(!segments.is_empty(), "a log has a segment");
        Self { segments, ..self }
    }

    /// The segments, rising.
    #[must_use]
    pub fn segments(&self) -> &[SegmentFile] {
        &self.segments
    }

    /// The first record, or the one that the log will begin with.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.segments[0].first
    }

    /// Hands the records from `from` on to `each`, in order, to the end of the log or until it
    /// breaks off.
    ///
    /// # Errors
    ///
    /// `Corrupt` for a record that was durable and is not readable, and for a segment that is
    /// missing; `LogGivenUp` for what a server gave up meanwhile; `Io`.
    pub fn walk(
        &mut self,
        fs: &dyn Fs,
        from: u64,
        each: &mut dyn FnMut(&Record<'_>, Place<'_>) -> ControlFlow<()>,
    ) -> Result<LogEnd, StorageError> {
        let after = self.segments.partition_point(|segment| segment.first <= from);
        let mut index = after.saturating_sub(1);
        let mut passed = Vec::new();
        let mut file_before = None;
        loop {
            let reader = self.open(fs, index);
            let segment = self.segments[index].clone();
            let mut reader = reader.map_err(|error| given_up(fs, &segment).unwrap_or(error))?;
            let walked = self.walk_segment(fs, &mut reader, (index, from), each);
            let (next, stop) = walked.map_err(|error| given_up(fs, &segment).unwrap_or(error))?;
            let is_sealed = matches!(stop, Stop::Sealed(_));
            let end = SegmentEnd { offset: reader.offset(), is_sealed };
            if stop != Stop::Broken {
                self.expect_next(fs, index, (next, stop))?;
            }
            index += 1;
            if stop == Stop::Broken || self.segments.len() == index {
                if stop != Stop::Broken {
                    self.expect_promised(fs, &reader, next)?;
                }
                let (offset, file) = (reader.offset(), reader.file());
                return Ok(LogEnd { last: next - 1, segment, offset, file, file_before, passed });
            }
            passed.push((segment, end));
            file_before = Some(reader.file());
        }
    }

    /// The segment behind that one begins with record `next`. If it is the last one that is known, it
    /// may have a successor by now.
    fn expect_next(
        &mut self,
        fs: &dyn Fs,
        index: usize,
        (next, stop): (u64, Stop),
    ) -> Result<(), StorageError> {
        match self.segments.get(index + 1) {
            Some(following) if following.first == next => Ok(()),
            Some(_) if stop == Stop::End => {
                // Nothing in it was ever acknowledged.
                self.segments.truncate(index + 1);
                Ok(())
            }
            Some(_) => {
                let log = self.segments[index].path.parent().unwrap_or(&self.place);
                Err(missing(fs, log, next))
            }
            None if self.is_dir => self.look_again(fs, next, stop),
            None => Ok(()),
        }
    }

    /// The log ends before record `next`: no clean stop may say that it was longer.
    fn expect_promised(
        &self,
        fs: &dyn Fs,
        reader: &SegmentReader,
        next: u64,
    ) -> Result<(), StorageError> {
        match &self.clean {
            Ok(Some(clean)) if next <= clean.last => {
                let end = (reader.path(), reader.offset());
                Err(clean.not_reached(fs, &self.place, next - 1, end)?)
            }
            Ok(_) => Ok(()),
            Err(error) => Err(error.clone()),
        }
    }

    /// Opens a segment, wherever it is by now.
    fn open(&mut self, fs: &dyn Fs, index: usize) -> Result<SegmentReader, StorageError> {
        let SegmentFile { path, first } = self.segments[index].clone();
        match SegmentReader::open_at(fs, path, first) {
            Err(StorageError::Corrupt { reason: Damage::Missing, file, .. }) => {
                let Some(renamed) = self.segments[index].renamed() else {
                    return Err(StorageError::corrupt(&file, 0, Damage::Missing));
                };
                let reader = SegmentReader::open_at(fs, renamed.path.clone(), first)?;
                self.segments[index] = renamed;
                Ok(reader)
            }
            other => other,
        }
    }

    /// Finds what follows the last segment that is known, whose end is before record `next`.
    ///
    /// A server may have gone on to another segment since we looked. And one that came into use right
    /// before a power cut may still have the name that it had while it was ready: the next start
    /// gives it the other.
    fn look_again(&mut self, fs: &dyn Fs, next: u64, stop: Stop) -> Result<(), StorageError> {
        // Twice, as a server may give the one that we look at its new name at this moment.
        for _ in 0..2 {
            if let Some(successor) = self.successor(fs, next, stop)? {
                self.segments.push(successor);
                return Ok(());
            }
        }
        let is_sealed = matches!(stop, Stop::Sealed(_));
        match missing(fs, &self.place, next) {
            // If it was given up, what was read last need not be the end of its segment either.
            error @ StorageError::LogGivenUp { .. } => Err(error),
            error if is_sealed => Err(error),
            _ => Ok(()),
        }
    }

    fn successor(
        &self,
        fs: &dyn Fs,
        next: u64,
        stop: Stop,
    ) -> Result<Option<SegmentFile>, StorageError> {
        let last = self.segments.last().map_or(0, |last| last.first);
        // One without records ends where it begins, and is no successor of its own.
        let is_successor = |found: &SegmentFile| found.first == next && last < found.first;
        let listed = segments_in(fs, &self.place)?.into_iter().find(is_successor);
        if listed.is_some() {
            return Ok(listed);
        }
        for path in dir::ready_in(fs, &self.place)? {
            let mut ready = match SegmentReader::open_any(fs, path.clone()) {
                Err(StorageError::Corrupt { reason: Damage::Missing, .. }) => continue,
                other => other?,
            };
            let is_successor = match stop {
                Stop::Sealed(salt) => salt == ready.salt(),
                Stop::End | Stop::Broken => ready.first_lsn()? == Some(next),
            };
            if is_successor {
                return Ok(Some(SegmentFile { path, first: next }));
            }
        }
        Ok(None)
    }

    /// Reads one segment to its end; the number of the record that follows, and why it ends there.
    fn walk_segment(
        &self,
        fs: &dyn Fs,
        reader: &mut SegmentReader,
        (index, from): (usize, u64),
        each: &mut dyn FnMut(&Record<'_>, Place<'_>) -> ControlFlow<()>,
    ) -> Result<(u64, Stop), StorageError> {
        let segment = &self.segments[index];
        let following = self.segments.get(index + 1).map(|segment| segment.first);
        let mut next = segment.first;
        let mut looked_twice_at = 0;
        loop {
            let offset = reader.offset();
            match reader.next(next)? {
                Found::Record(record) => {
                    next += 1;
                    if from < next && each(&record, Place { segment, offset }).is_break() {
                        return Ok((next, Stop::Broken));
                    }
                }
                Found::Sealed(salt) => return Ok((next, Stop::Sealed(salt))),
                Found::Nothing if following == Some(next) => return Ok((next, Stop::End)),
                Found::Nothing => {
                    match self.judge_end(fs, reader, (index, next)) {
                        Ok(()) => return Ok((next, Stop::End)),
                        Err(error) if looked_twice_at == next => return Err(error),
                        // Whatever proves it was written after it: now it must be there.
                        Err(_) => looked_twice_at = next,
                    }
                    reader.forget();
                }
            }
        }
    }

    /// Where record `next` should be, there is none: the end of the log, as recovery judges it, or damage.
    fn judge_end(
        &self,
        fs: &dyn Fs,
        reader: &SegmentReader,
        (index, next): (usize, u64),
    ) -> Result<(), StorageError> {
        let refuse = |durable_says| {
            let reason = Damage::Record { lsn: next, durable_says };
            StorageError::corrupt(reader.path(), reader.offset(), reason)
        };
        let mut behind = Vec::new();
        match &self.segments[index + 1..] {
            [] => {}
            // It may have come into use right before a power cut that took the end of this one.
            [last] => behind.push(last.path.clone()),
            [following, ..] => return Err(refuse(following.first)),
        }
        if self.is_dir {
            behind.extend(dir::ready_in(fs, &self.place)?);
        }
        for path in behind {
            let mut other = match SegmentReader::open_any(fs, path) {
                // A server gave it another name.
                Err(StorageError::Corrupt { reason: Damage::Missing, .. }) => continue,
                other => other?,
            };
            if other.first_lsn()? != Some(next)
                && let Some(proof) = recovery::proof_in(&other, next)?
            {
                return Err(refuse(proof));
            }
        }
        recovery::judge_tail(reader, next).map(drop)
    }
}

/// The operations of a record.
///
/// # Errors
///
/// `Corrupt` if the payload makes no sense although its checksum is right.
pub fn ops<'a>(record: &Record<'a>, place: Place<'_>) -> Result<Vec<Op<'a>>, StorageError> {
    decode(record).map_err(|what| {
        let reason = Damage::Undecodable(format!("record {}: {what}", record.stamp.lsn));
        StorageError::corrupt(&place.segment.path, place.offset, reason)
    })
}

/// As [`ops`], of a record from anywhere.
///
/// # Errors
///
/// What makes no sense.
pub fn decode<'a>(record: &Record<'a>) -> Result<Vec<Op<'a>>, String> {
    let mut ops = Vec::new();
    let mut rest = if record.stamp.kind == Kind::Ops { record.payload } else { &[] };
    while !rest.is_empty() {
        let (op, taken) = match record.payload_format {
            codec::PAYLOAD_FORMAT => codec::decode::<Op<'a>>(rest)?,
            other => return Err(format!("payload format {other}")),
        };
        ops.push(op);
        rest = &rest[taken..];
    }
    Ok(ops)
}

/// Why the reading of a segment ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// By its seal: the segment with this salt follows.
    Sealed(u32),
    /// With its last record.
    End,
    /// `each` had enough.
    Broken,
}

/// That there is no segment which begins with record `first`.
fn missing(fs: &dyn Fs, log: &Path, first: u64) -> StorageError {
    let segment = SegmentFile { path: dir::segment_in(log, first), first };
    let damage = || StorageError::corrupt(&segment.path, 0, Damage::Missing);
    given_up(fs, &segment).unwrap_or_else(damage)
}

/// What it means that a segment cannot be read, if its server has given it up since it was found: the
/// file is gone, and the log begins after it.
fn given_up(fs: &dyn Fs, segment: &SegmentFile) -> Option<StorageError> {
    let log = segment.path.parent()?;
    let is_gone = matches!(fs.exists(&segment.path), Ok(false));
    let oldest = segments_in(fs, log).ok()?.first()?.first;
    (is_gone && segment.first < oldest).then(|| {
        let dir = log.to_path_buf();
        StorageError::LogGivenUp { dir, wanted: segment.first, oldest }
    })
}

fn segments_in(fs: &dyn Fs, log: &Path) -> Result<Vec<SegmentFile>, StorageError> {
    let firsts = dir::segments_in(fs, log)?;
    let segment = |first: u64| SegmentFile { path: dir::segment_in(log, first), first };
    Ok(firsts.into_iter().map(segment).collect())
}

#[cfg(test)]
mod tests {
    use engine::Text;

    use super::*;
    use crate::database::Database;
    use crate::fs::sim::SimFs;
    use crate::options::Options;

    #[test]
    fn a_segment_is_found_that_got_its_name_since_it_was_seen() {
        let (fs, dir) = (Arc::new(SimFs::new(1)), Path::new("/data"));
        let segment_bytes = 8 << 10;
        let options = Options {
            segment_bytes,
            first_segment_bytes: segment_bytes,
            reserve_bytes: 512,
            ..Options::default()
        };
        let (mut database, _) =
            Database::open(fs.clone(), dir, options, 1, &mut |_| {}).expect("an empty disk");
        let value = Text::Borrowed(&[7; 1000]);
        for _ in 0..20 {
            let set = Op::StringSet { db: 0, key: b"k", value: value.clone(), expire_at: None };
            database.record(&[set], 7).expect("there is room");
            database.log().commit().expect("the disk works");
        }
        let mut log = LogFiles::find(&*fs, dir).expect("a log");
        assert!(1 < log.segments.len());
        let seen = log.segments.last_mut().expect("a log has a segment");
        let named = std::mem::replace(&mut seen.path, dir::ready(dir, seen.first));
        let mut records = 0;
        let end = log.walk(&*fs, 1, &mut |_, _| {
            records += 1;
            ControlFlow::Continue(())
        });
        let end = end.expect("the segment is there, under its name");
        assert_eq!((end.last, end.segment.path), (records, named));
        assert_eq!(records, database.log().last());
    }
}
