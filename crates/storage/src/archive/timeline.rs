//! What can be gone back to: a snapshot, and the log from there.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::ArchiveError;
use super::manifest::Manifest;
use crate::blocks::BlockFile;
use crate::dir::{self, Mark};
use crate::error::{Damage, StorageError};
use crate::format::header::FileHeader;
use crate::fs::RealFs;
use crate::inspect::{LogFiles, SegmentFile};
use crate::log::SegmentReader;
use crate::snapshot::{SectionKind, SnapshotReader};

/// A state to begin with.
#[derive(Debug, Default)]
pub(super) struct Base {
    /// The record after which the state was this; 0 for the empty one.
    pub(super) lsn: u64,
    /// The block files that its snapshot refers to.
    pub(super) files: Vec<BlockFile>,
    /// Newer snapshots that are not sound.
    pub(super) damaged: Vec<StorageError>,
}

/// The newest sound snapshot at or below `lsn_max`; without one the beginning.
pub(super) fn newest_base(dir: &Path, lsn_max: u64) -> Result<Base, StorageError> {
    let mut damaged = Vec::new();
    for lsn in dir::list_snapshots(&RealFs, dir)?.into_iter().rev().filter(|lsn| *lsn <= lsn_max) {
        match block_files(dir, lsn) {
            Ok(files) => return Ok(Base { lsn, files, damaged }),
            Err(error @ StorageError::Corrupt { .. }) => damaged.push(error),
            Err(error) => return Err(error),
        }
    }
    Ok(Base { damaged, ..Base::default() })
}

/// Reads a snapshot from end to end; the block files that it refers to, which are there as it says.
fn block_files(dir: &Path, lsn: u64) -> Result<Vec<BlockFile>, StorageError> {
    let mut reader = SnapshotReader::open(&RealFs, dir, lsn)?;
    let mut files = Vec::new();
    while let Some(section) = reader.next_section()? {
        if section.kind == SectionKind::BlockFiles {
            files = section.values::<BlockFile>(&reader)?;
        }
    }
    for file in &files {
        let path = dir::block_file(dir, file.number);
        let found = match std::fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(StorageError::corrupt(&path, 0, Damage::Missing));
            }
            Err(error) => return Err(StorageError::io("examine", &path)(error)),
        };
        if found != file.length {
            let reason = Damage::Length { found, expected: file.length };
            return Err(StorageError::corrupt(&path, found.min(file.length), reason));
        }
    }
    Ok(files)
}

/// The log of `base`, continued by that of `more` (the directory that the backup was made of, or what
/// is left of it).
pub(super) fn continued(
    base: &Path,
    more: Option<&Path>,
    manifest: Option<&Manifest>,
) -> Result<LogFiles, ArchiveError> {
    let ours = LogFiles::find(&RealFs, base)?;
    let Some(more) = more else { return Ok(ours) };
    let theirs = LogFiles::find(&RealFs, more)?;
    let mark = dir::mark(&RealFs, base)?.unwrap_or_default();
    let other_history =
        || ArchiveError::OtherHistory { log: more.to_path_buf(), base: base.to_path_buf() };
    for segment in theirs.segments() {
        let found = header(segment)?;
        let twin = ours.segments().iter().find(|ours| ours.first == segment.first);
        // The salt is drawn anew for each segment, so it tells even directories without a history.
        let is_twin = twin.map(header).transpose()?.is_none_or(|ours| ours.salt == found.salt);
        if !is_twin || !is_known(mark, segment.first, &found) {
            return Err(other_history());
        }
    }
    let last = ours.segments().last().expect("a log has a segment").first;
    let is_between = |first: u64| ours.first() <= first && first < last;
    let mut chain: Vec<SegmentFile> = ours.segments().to_vec();
    // Of the last one the backup has the beginning; where the log still has it, it has all of it.
    chain.retain(|ours| {
        ours.first != last || theirs.segments().iter().all(|theirs| theirs.first != last)
    });
    chain.extend(theirs.segments().iter().filter(|theirs| !is_between(theirs.first)).cloned());
    chain.sort_by_key(|segment| segment.first);
    if let (Some(manifest), Some(next)) =
        (manifest, theirs.segments().iter().find(|theirs| last < theirs.first))
        && chain.iter().any(|segment| segment.path.starts_with(base) && segment.first == last)
        && manifest.lsn + 1 < next.first
    {
        return Err(ArchiveError::OutOfReach {
            wanted: format!("the log in {}", more.display()),
            reason: format!(
                "it begins with record {}, and the backup ends with record {}",
                next.first, manifest.lsn
            ),
        });
    }
    Ok(theirs.with_segments(chain))
}

/// Whether a segment can be part of the same past.
fn is_known(mark: Mark, first: u64, header: &FileHeader) -> bool {
    first <= mark.restored_lsn || mark.history == 0 || header.history == mark.history
}

fn header(segment: &SegmentFile) -> Result<FileHeader, StorageError> {
    let reader = SegmentReader::open_at(&RealFs, segment.path.clone(), segment.first)?;
    Ok(*reader.header())
}

/// Where a restored log ends.
#[derive(Debug, Clone)]
pub(super) struct Cut {
    /// The last record.
    pub(super) lsn: u64,
    /// When it was written.
    pub(super) ms: u64,
    /// The segment that it stands in, and where it ends there.
    pub(super) segment: SegmentFile,
    pub(super) offset: u64,
}

/// What there was on the way to the end of a log.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// The last record that is wanted, if the log has it.
    pub(super) cut: Option<Cut>,
    /// The last record of the log.
    pub(super) last: u64,
    /// When it was written.
    pub(super) last_ms: u64,
    /// When the first one was.
    pub(super) first_ms: u64,
    /// Records before the cut that bear a later time than was asked for: a clock was set back.
    pub(super) later_before_cut: u64,
    /// Why the log could not be read to its end, or is known to have been longer.
    pub(super) damage: Option<StorageError>,
    /// The file that it ended in, and where.
    pub(super) end: Option<(PathBuf, u64)>,
}

impl Survey {
    /// The log reached record `lsn` once, as something says that knows.
    pub(super) fn expect(&mut self, lsn: u64) {
        if self.damage.is_none()
            && self.last < lsn
            && let Some((file, offset)) = &self.end
        {
            let reason = Damage::Short { found: self.last, expected: lsn };
            self.damage = Some(StorageError::corrupt(file, *offset, reason));
        }
    }
}

/// Reads a log from record `from` to its end and finds the last record that `is_wanted` says is.
pub(super) fn survey(
    log: &mut LogFiles,
    from: u64,
    is_wanted: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<Survey, StorageError> {
    let mut found = Survey { last: from.max(log.first()) - 1, ..Survey::default() };
    let mut unwanted = 0;
    let end = log.walk(&RealFs, from, &mut |record, place| {
        let (lsn, ms) = (record.stamp.lsn, record.stamp.time_ms);
        if is_wanted(lsn, ms) {
            found.later_before_cut = unwanted;
            let offset = place.offset + record.size() as u64;
            // Cloning a path per record would cost more than reading it.
            match &mut found.cut {
                Some(cut) if cut.segment.first == place.segment.first => {
                    (cut.lsn, cut.ms, cut.offset) = (lsn, ms, offset);
                }
                cut => *cut = Some(Cut { lsn, ms, segment: place.segment.clone(), offset }),
            }
        } else {
            unwanted += 1;
        }
        if found.first_ms == 0 {
            found.first_ms = ms;
        }
        (found.last, found.last_ms) = (lsn, ms);
        ControlFlow::Continue(())
    });
    match end {
        Ok(end) => {
            found.last = end.last;
            found.end = Some((end.segment.path, end.offset));
            // Where the snapshot is from, the log has been.
            found.expect(from.saturating_sub(1));
        }
        Err(error @ StorageError::Corrupt { .. }) => found.damage = Some(error),
        Err(error) => return Err(error),
    }
    Ok(found)
}
