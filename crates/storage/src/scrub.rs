//! The scrub: reads all that lies still beside a running server, and compares the checksums.
//!
//! The mark of the directory, snapshots, block files, and the log as far as it was durable when the scrub
//! came to it; from the disk and not from the page cache as far as the system lets us ask. It takes no
//! lock and keeps nobody from removing a file: one that has lost its name while it was read is of no
//! interest, whatever was found in it. (A segment loses its name before it is used again.)

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use engine::{BlockHeader, BlockLocation, DamagedBlock, Item};

use crate::blocks::{DamagedBlocks, NotedBlocks, Noting, ReadFrom, verify};
use crate::dir;
use crate::error::{Damage, StorageError};
use crate::format::header::HEADER_BYTES;
use crate::fs::Fs;
use crate::log::{Found, SegmentReader};
use crate::snapshot::{SectionKind, SnapshotReader, block_files};

/// Bytes of a segment between two calls of the pace.
const SEGMENT_STEP: u64 = 1 << 20;

/// What a scrub came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScrubReport {
    /// Bytes read.
    pub bytes: u64,
    /// Damage outside of blocks. That of blocks stands with the [`DamagedBlocks`].
    pub damage: Vec<FileDamage>,
    /// It was not broken off.
    pub is_complete: bool,
}

/// Something wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDamage {
    /// The file.
    pub file: PathBuf,
    /// Where.
    pub offset: u64,
    /// What, as a sentence.
    pub what: String,
}

/// Told how many bytes were read, again and again; it waits as long as the pace asks, and may break.
pub type Pace<'a> = &'a mut dyn FnMut(u64) -> ControlFlow<()>;

/// Bytes that a scrub would read now; fewer, as the end of a segment is often nobody's.
///
/// # Errors
///
/// If a directory cannot be listed.
pub fn bytes_to_read(fs: &dyn Fs, dir: &Path) -> Result<u64, StorageError> {
    let snapshots = dir::list_snapshots(fs, dir)?.into_iter().map(|lsn| dir::snapshot(dir, lsn));
    let blocks = dir::list_block_files(fs, dir)?.into_iter().map(|n| dir::block_file(dir, n));
    let segments = dir::list_segments(fs, dir)?.into_iter().map(|first| dir::segment(dir, first));
    // One that has just gone is read by nobody.
    let size = |path: PathBuf| fs.open(&path).and_then(|file| file.size()).unwrap_or(0);
    let mark = std::iter::once(dir::format(dir));
    Ok(mark.chain(snapshots).chain(blocks).chain(segments).map(size).sum())
}

/// Reads everything once; of the log, what is `durable` (a record) when it comes there. Damaged blocks
/// are noted in `damaged`; those that are known from before and turn out to be gone, or whole after all,
/// are forgotten.
///
/// # Errors
///
/// If files cannot be listed or opened: nothing is said of the rest then.
pub fn scrub(
    fs: &dyn Fs,
    dir: &Path,
    durable: &dyn Fn() -> u64,
    damaged: &DamagedBlocks,
    pace: Pace<'_>,
) -> Result<ScrubReport, StorageError> {
    damaged.begin_pass();
    let (counted_on, report) = (CountedOn::default(), ScrubReport::default());
    let mut scrub = Scrub { fs, dir, durable, damaged, counted_on, pace, report };
    if scrub.everything()?.is_continue() {
        scrub.report.is_complete = true;
        damaged.end_pass();
    }
    Ok(scrub.report)
}

struct Scrub<'a> {
    fs: &'a dyn Fs,
    dir: &'a Path,
    durable: &'a dyn Fn() -> u64,
    damaged: &'a DamagedBlocks,
    counted_on: CountedOn,
    pace: Pace<'a>,
    report: ScrubReport,
}

type Flow = Result<ControlFlow<()>, StorageError>;

impl Scrub<'_> {
    fn everything(&mut self) -> Flow {
        if self.mark()?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        for lsn in dir::list_snapshots(self.fs, self.dir)? {
            let read = self.snapshot(lsn);
            if self.judge(&dir::snapshot(self.dir, lsn), read)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        for number in dir::list_block_files(self.fs, self.dir)? {
            if self.block_file(number)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        self.log()
    }

    /// The mark that the directory is ours.
    fn mark(&mut self) -> Flow {
        let path = dir::format(self.dir);
        if let Ok(file) = self.fs.open(&path) {
            file.forget_cached(0, 0);
        }
        let read = match dir::is_marked(self.fs, self.dir) {
            Ok(true) => Ok(ControlFlow::Continue(())),
            // Unlike other files, it never goes.
            Ok(false) => {
                self.found(&path, &StorageError::corrupt(&path, 0, Damage::Missing));
                return Ok(ControlFlow::Continue(()));
            }
            Err(error) => Err(error),
        };
        if self.judge(&path, read)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        Ok(self.read(HEADER_BYTES as u64))
    }

    /// The segments that are there, and what the log goes on to meanwhile, as far as it was durable at
    /// the beginning: what comes later is for the next scrub.
    fn log(&mut self) -> Flow {
        let durable = (self.durable)();
        let listed = dir::list_segments(self.fs, self.dir)?;
        let upto = listed.last().map_or(durable, |last| durable.max(*last));
        let mut from = 0;
        loop {
            let firsts = dir::list_segments(self.fs, self.dir)?;
            let mut left = firsts.into_iter().skip_while(|first| *first < from);
            let Some(first) = left.next().filter(|first| *first <= upto) else {
                return Ok(ControlFlow::Continue(()));
            };
            let read = match left.next() {
                Some(following) => self.segment(first, following),
                None => self.active_segment(first, durable),
            };
            if self.judge(&dir::segment(self.dir, first), read)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            from = first + 1;
        }
    }

    fn snapshot(&mut self, lsn: u64) -> Flow {
        let mut reader = SnapshotReader::open(self.fs, self.dir, lsn)?;
        reader.forget_cached();
        let mut at = 0;
        while reader.next_section()?.is_some() {
            let read = reader.position() - std::mem::replace(&mut at, reader.position());
            if self.read(read).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(self.read(reader.position() - at))
    }

    fn segment(&mut self, first: u64, following: u64) -> Flow {
        let mut reader = SegmentReader::open(self.fs, self.dir, first)?;
        reader.forget_cached();
        let (mut lsn, mut at) = (first, 0);
        while let Found::Record(_) = reader.next(lsn)? {
            lsn += 1;
            if SEGMENT_STEP <= reader.offset() - at {
                let read = reader.offset() - std::mem::replace(&mut at, reader.offset());
                if self.read(read).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        if lsn != following {
            let reason = Damage::Record { lsn, durable_says: following };
            return Err(StorageError::corrupt(reader.path(), reader.offset(), reason));
        }
        Ok(self.read(reader.offset() - at))
    }

    /// The segment that is being written, up to the record that is durable, or to the seal if the log
    /// has gone on to another segment. Nothing is said of what stands behind that.
    ///
    /// What the cache forgets ends with that record as well: to write into a page that is not there, the
    /// next commit would have to wait for it.
    fn active_segment(&mut self, first: u64, durable: u64) -> Flow {
        let mut ahead = SegmentReader::open(self.fs, self.dir, first)?;
        let mut reader = SegmentReader::open(self.fs, self.dir, first)?;
        let mut lsn = first;
        while lsn <= durable {
            let at = ahead.offset();
            let mut upto = lsn;
            while upto <= durable && ahead.offset() - at < SEGMENT_STEP {
                match ahead.next(upto)? {
                    Found::Record(_) => upto += 1,
                    Found::Sealed(_) if upto == lsn => return Ok(ControlFlow::Continue(())),
                    Found::Sealed(_) | Found::Nothing => break,
                }
            }
            reader.forget_cached_between(at, ahead.offset());
            reader.forget();
            // At least one: if there is none ahead, nor here, that is the damage.
            for lsn in lsn..upto.max(lsn + 1) {
                if !matches!(reader.next(lsn)?, Found::Record(_)) {
                    let reason = Damage::Record { lsn, durable_says: durable };
                    return Err(StorageError::corrupt(reader.path(), reader.offset(), reason));
                }
            }
            lsn = upto.max(lsn + 1);
            if self.read(reader.offset() - at).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn block_file(&mut self, number: u64) -> Flow {
        // Before it is read: a file is finished before a snapshot refers to it.
        if !self.counted_on.has(self.fs, self.dir, number)? {
            return Ok(ControlFlow::Continue(()));
        }
        let path = dir::block_file(self.dir, number);
        let file = match self.fs.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(ControlFlow::Continue(()));
            }
            other => other.map_err(StorageError::io("open", &path))?,
        };
        let (pace, bytes) = (&mut *self.pace, &mut self.report.bytes);
        let mut each = |read| {
            *bytes += read;
            pace(read)
        };
        match verify(&*file, &path, number, ReadFrom::Disk, &mut each) {
            Ok(flow) => Ok(flow),
            Err(error) if is_damage(&error) => {
                // Which entries does it hit? None, if it lies outside of the blocks in use.
                if self.blocks_one_by_one(number)? == 0 {
                    return self.judge(&path, Err(error));
                }
                Ok(ControlFlow::Continue(()))
            }
            Err(error) => self.judge(&path, Err(error)),
        }
    }

    /// Notes the damaged ones among the blocks of a file that is known to be damaged somewhere.
    fn blocks_one_by_one(&mut self, number: u64) -> Result<usize, StorageError> {
        let blocks = blocks_of_file(self.fs, self.dir, number)?;
        let path = dir::block_file(self.dir, number);
        let Ok(file) = self.fs.open(&path) else { return Ok(0) };
        let mut found = 0;
        for (offset, block) in blocks {
            let Err(reason) = block.check(&*file, offset) else { continue };
            if !self.fs.exists(&path).map_err(StorageError::io("look for", &path))? {
                return Ok(found);
            }
            found += 1;
            let BlockHeader { first, last, .. } = block.header;
            let location = BlockLocation { file: number, offset, len: block.len };
            let key = block.key.as_ref().into();
            self.damaged.note(&DamagedBlock { key, first, last, location, reason });
        }
        Ok(found)
    }

    /// Damage is reported, unless it is that of a file which has gone meanwhile; other errors end
    /// the scrub.
    fn judge(&mut self, path: &Path, read: Flow) -> Flow {
        let error = match read {
            Ok(flow) => return Ok(flow),
            Err(error) => error,
        };
        if !self.fs.exists(path).map_err(StorageError::io("look for", path))? {
            return Ok(ControlFlow::Continue(()));
        }
        if !is_damage(&error) {
            return Err(error);
        }
        self.found(path, &error);
        Ok(ControlFlow::Continue(()))
    }

    fn found(&mut self, path: &Path, damage: &StorageError) {
        let (offset, what) = match damage {
            StorageError::Corrupt { offset, reason, .. } => (*offset, reason.to_string()),
            other => (0, other.to_string()),
        };
        tracing::error!(file = %path.display(), offset, reason = %what, "a file is damaged");
        self.report.damage.push(FileDamage { file: path.to_path_buf(), offset, what });
    }

    fn read(&mut self, bytes: u64) -> ControlFlow<()> {
        self.report.bytes += bytes;
        (self.pace)(bytes)
    }
}

/// The block files that snapshots refer to, and with them the engine. One beyond these is being written
/// by a checkpoint, or was left by one that failed.
#[derive(Default)]
struct CountedOn {
    numbers: BTreeSet<u64>,
    /// Some snapshot does not say.
    is_unknown: bool,
}

impl CountedOn {
    /// Looks again if it has to: there may be a new snapshot.
    fn has(&mut self, fs: &dyn Fs, dir: &Path, number: u64) -> Result<bool, StorageError> {
        if !self.numbers.contains(&number) {
            self.is_unknown = false;
            for lsn in dir::list_snapshots(fs, dir)? {
                match block_files(fs, dir, lsn) {
                    Ok(files) => self.numbers.extend(files.iter().map(|file| file.number)),
                    Err(StorageError::Corrupt { reason: Damage::Missing, .. }) => {}
                    Err(error) if is_damage(&error) => self.is_unknown = true,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(self.is_unknown || self.numbers.contains(&number))
    }
}

/// Bytes that are wrong, or that the disk refuses to give.
fn is_damage(error: &StorageError) -> bool {
    matches!(error, StorageError::Corrupt { .. }) || error.is_bad_medium()
}

/// The blocks of a file that snapshots refer to.
fn blocks_of_file(fs: &dyn Fs, dir: &Path, number: u64) -> Result<NotedBlocks, StorageError> {
    let mut blocks = NotedBlocks::new();
    for lsn in dir::list_snapshots(fs, dir)? {
        let mut noting = Noting::default();
        let mut read = || {
            let mut reader = SnapshotReader::open(fs, dir, lsn)?;
            while let Some(section) = reader.next_section()? {
                if section.kind == SectionKind::Items {
                    section.for_each::<Item<'_>>(&reader, |item| {
                        noting.item(&item, |place, block| {
                            if place.file == number {
                                blocks.insert(place.offset, block);
                            }
                        });
                        Ok(())
                    })?;
                }
            }
            Ok(())
        };
        match read() {
            // Its own damage is reported with it. What was read before that is good.
            Err(error) if is_damage(&error) => {}
            other => other?,
        }
    }
    Ok(blocks)
}
