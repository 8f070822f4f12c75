//! Reading the log from end to end.
//!
//! What each segment holds is counted here. What a bad record means is recovery's to say, so that
//! the check and a start never disagree.

use std::path::Path;

use engine::Op;

use super::{Check, Content, FileReport, Problem, TornTail, bytes_if_there, file_bytes};
use crate::error::{Damage, StorageError};
use crate::format::codec;
use crate::format::record::{Kind, Record};
use crate::log::{Found, LogPosition, SegmentReader};
use crate::{dir, recovery};

/// Records between two reports of progress.
const PROGRESS_RECORDS: u64 = 1 << 12;

/// What a segment turned out to hold.
#[derive(Default)]
struct Tally {
    records: u64,
    lsn_last: u64,
}

impl Check<'_> {
    /// The mark that the directory is ours, and that of a clean stop. Whether the log agrees with
    /// the latter is judged with the log.
    pub(super) fn marks(&mut self) -> Result<(), StorageError> {
        let path = dir::format(self.dir);
        let problem = match dir::is_marked(self.fs, self.dir) {
            Ok(true) => None,
            Ok(false) => Some(Problem::new(0, Damage::Missing)),
            Err(error) => Some(Problem::from_error(error)?),
        };
        let bytes = bytes_if_there(self.fs, &path)?.unwrap_or(0);
        self.report(&path, bytes, Content::Mark, problem.into_iter().collect());
        let path = dir::clean(self.dir);
        if let Some(bytes) = bytes_if_there(self.fs, &path)? {
            self.report(&path, bytes, Content::Mark, Vec::new());
        }
        Ok(())
    }

    /// Reads every segment of the log.
    pub(super) fn segments(&mut self) -> Result<(), StorageError> {
        let firsts = dir::list_segments(self.fs, self.dir)?;
        let after = self.judged_after()?;
        for (index, &first) in firsts.iter().enumerate() {
            let path = dir::segment(self.dir, first);
            let mut tally = Tally::default();
            // The last one may have come into use right before a power cut that took the end of the
            // one before it: that is for recovery to judge, if it looks there.
            let is_judged = |following: &u64| index + 2 == firsts.len() && after + 1 < *following;
            let following = firsts.get(index + 1).copied().filter(|next| !is_judged(next));
            let problems = match self.segment((first, following), &mut tally) {
                Ok(()) => Vec::new(),
                Err(error) => vec![Problem::from_error(error)?],
            };
            let Tally { records, lsn_last } = tally;
            let content = Content::Segment { records, lsn_first: first, lsn_last, torn_tail: None };
            let bytes = file_bytes(self.fs, &path)?;
            self.report(&path, bytes, content, problems);
        }
        let spares = dir::list_spares(self.fs, self.dir)?;
        let ready = dir::list_ready(self.fs, self.dir)?;
        let spares = spares.into_iter().map(|number| dir::spare(self.dir, number));
        // One that came into use right before a crash counts as recovery judges it.
        let ready = ready.into_iter().map(|number| dir::ready(self.dir, number));
        for path in spares.chain(ready) {
            let bytes = file_bytes(self.fs, &path)?;
            self.report(&path, bytes, Content::Spare, Vec::new());
        }
        self.judge(after)
    }

    /// Counts the records of a segment, up to the first that is not one. If that is neither the seal
    /// nor the place where the next segment begins, it is damaged, also where no start would look: a
    /// restore may want it.
    fn segment(
        &mut self,
        (first, following): (u64, Option<u64>),
        tally: &mut Tally,
    ) -> Result<(), StorageError> {
        let mut reader = SegmentReader::open(self.fs, self.dir, first)?;
        let path = reader.path().to_path_buf();
        let mut at = 0;
        let mut lsn = first;
        loop {
            let offset = reader.offset();
            if tally.records.is_multiple_of(PROGRESS_RECORDS) {
                self.advance(&path, offset - at);
                at = offset;
            }
            let record = match (reader.next(lsn)?, following) {
                (Found::Record(record), _) => record,
                (Found::Nothing, Some(following)) if following != lsn => {
                    let reason = Damage::Record { lsn, durable_says: following };
                    return Err(StorageError::corrupt(&path, offset, reason));
                }
                _ => return Ok(()),
            };
            if record.stamp.kind == Kind::Ops {
                decode(record.payload).map_err(|what| {
                    let what = format!("record {lsn}: {what}");
                    StorageError::corrupt(&path, offset, Damage::Undecodable(what))
                })?;
            }
            *tally = Tally { records: tally.records + 1, lsn_last: lsn };
            lsn += 1;
        }
    }

    /// Recovery judges the records after this one. Segments below the older of two snapshots are not
    /// needed, and may have come back in part when a power cut undid their removal.
    fn judged_after(&self) -> Result<u64, StorageError> {
        Ok(match dir::list_snapshots(self.fs, self.dir)?[..] {
            [] | [_] => recovery::log_first(self.fs, self.dir)?.saturating_sub(1),
            [.., before, _] => before,
        })
    }

    /// Lets recovery say what the log as a whole comes to.
    fn judge(&mut self, after: u64) -> Result<(), StorageError> {
        let ignore = &mut |_: &Record<'_>, _: &Path, _| {};
        let from = LogPosition::behind(after);
        let scan = recovery::scan(self.fs, self.dir, from, ignore, &mut |_| {}).and_then(|scan| {
            scan.check_promises(self.fs, self.dir, self.lsn_promised)?;
            Ok(scan)
        });
        match scan {
            Ok(scan) => {
                if let Some(torn) = scan.torn {
                    let file = self.file_mut(&torn.file, Content::Mark);
                    if let Content::Segment { torn_tail, .. } = &mut file.content {
                        *torn_tail = Some(TornTail { offset: torn.offset, bytes: torn.bytes });
                    }
                }
            }
            Err(error) => self.segment_problem(error)?,
        }
        // What a start begins with, the log must go on from.
        let begin = self.lsn_reached + 1;
        if begin < recovery::log_first(self.fs, self.dir)? {
            let missing = dir::segment(self.dir, begin);
            self.segment_problem(StorageError::corrupt(&missing, 0, Damage::Missing))?;
        }
        Ok(())
    }

    /// Damage of a segment, or one that is missing.
    fn segment_problem(&mut self, error: StorageError) -> Result<(), StorageError> {
        let StorageError::Corrupt { file, .. } = &error else { return Err(error) };
        let missing = Content::Segment { records: 0, lsn_first: 0, lsn_last: 0, torn_tail: None };
        let file = file.clone();
        let problem = Problem::from_error(error)?;
        let report = self.file_mut(&file, missing);
        if !report.problems.contains(&problem) {
            report.problems.push(problem);
        }
        Ok(())
    }

    /// The report of a file; a new one if it is missing on disk.
    pub(super) fn file_mut(&mut self, path: &Path, content: Content) -> &mut FileReport {
        let index = match self.files.iter().position(|report| report.file == path) {
            Some(index) => index,
            None => {
                self.report(path, 0, content, Vec::new());
                self.files.len() - 1
            }
        };
        &mut self.files[index]
    }
}

/// Whether a payload is operations and nothing else.
fn decode(payload: &[u8]) -> Result<(), String> {
    let mut rest = payload;
    while !rest.is_empty() {
        let (_, taken) = codec::decode::<Op<'_>>(rest)?;
        rest = &rest[taken..];
    }
    Ok(())
}
