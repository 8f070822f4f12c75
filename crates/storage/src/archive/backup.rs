//! Making a backup.

use std::fs::File;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::building::{self, Building};
use super::manifest::{Manifest, ManifestFile};
use super::timeline::{self, Base};
use super::{ArchiveError, OnProgress, Progress, Step, copy, keep};
use crate::check;
use crate::dir;
use crate::error::{Damage, StorageError};
use crate::fs::RealFs;
use crate::inspect::{LogFiles, SegmentFile};

/// How to make a backup.
#[derive(Debug, Clone)]
pub struct BackupOptions {
    /// Read everything back, and check it as `headwater check` does.
    pub verify: bool,
    /// Never link: the backup shares no block with the original.
    pub copy: bool,
    /// The time, in Unix milliseconds.
    pub now_ms: u64,
    /// Version of the program.
    pub version: String,
}

/// A backup that was made.
#[derive(Debug, Clone)]
pub struct BackupReport {
    /// Where it is.
    pub dir: PathBuf,
    /// What it says about itself.
    pub manifest: Manifest,
    /// Bytes of all files.
    pub bytes: u64,
    /// Bytes of those that are linked.
    pub bytes_linked: u64,
    /// How long the server had to leave its files alone.
    pub pinned: Duration,
}

/// Makes a backup of the database in `source`, whether a server runs there or not. It holds
/// everything that was acknowledged before this was called.
///
/// # Errors
///
/// Why there is none.
pub fn backup(
    source: &Path,
    dest: &Path,
    options: &BackupOptions,
    progress: OnProgress<'_>,
) -> Result<BackupReport, ArchiveError> {
    dir::expect_marked(&RealFs, source)?;
    building::expect_outside(dest, source)?;
    let building = Building::begin(dest)?;
    match fill(source, &building.dir, options, progress) {
        Ok(report) => {
            progress(Progress { step: Step::Finish, file: dest, bytes: report.bytes });
            Ok(BackupReport { dir: building.finish()?, ..report })
        }
        Err(error) => {
            building.abandon();
            Err(error)
        }
    }
}

fn fill(
    source: &Path,
    to: &Path,
    options: &BackupOptions,
    progress: OnProgress<'_>,
) -> Result<BackupReport, ArchiveError> {
    let mut taker = Taker { source, to, options, progress, later: Vec::new(), bytes_linked: 0 };
    let began = Instant::now();
    let pin = keep(source)?;
    let base = timeline::newest_base(source, u64::MAX)?;
    let (lsn, lsn_ms) = taker.log(&base)?;
    if base.lsn != 0 {
        taker.whole(&dir::snapshot(source, base.lsn), dir::snapshot(to, base.lsn))?;
    }
    for file in &base.files {
        taker.whole(&dir::block_file(source, file.number), dir::block_file(to, file.number))?;
    }
    taker.prefix(&dir::format(source), dir::format(to), None)?;
    drop(pin);
    let pinned = began.elapsed();
    taker.copy_the_rest()?;

    let Taker { progress, bytes_linked, .. } = taker;
    let files = files(to, options.verify, progress)?;
    let mark = dir::mark(&RealFs, to)?.unwrap_or_default();
    let manifest = Manifest {
        format: Manifest::FORMAT,
        server_version: options.version.clone(),
        created_ms: options.now_ms,
        source: source.canonicalize().unwrap_or_else(|_| source.to_path_buf()),
        history: format!("{:016x}", mark.history),
        lsn,
        lsn_ms,
        snapshot_lsn: base.lsn,
        files,
    };
    manifest.write(to)?;
    if options.verify {
        expect_sound(to, progress)?;
    }
    let bytes = manifest.files.iter().map(|file| file.bytes).sum();
    Ok(BackupReport { dir: to.to_path_buf(), manifest, bytes, bytes_linked, pinned })
}

/// Takes files of a database into a backup.
struct Taker<'a, 'p> {
    source: &'a Path,
    to: &'a Path,
    options: &'a BackupOptions,
    progress: &'p mut dyn FnMut(Progress<'_>),
    /// Files that could not be linked. Open, they stay whatever the server does.
    later: Vec<(File, u64, PathBuf)>,
    bytes_linked: u64,
}

impl Taker<'_, '_> {
    /// Takes the log from the snapshot to its present end; number and time of its last record.
    fn log(&mut self, base: &Base) -> Result<(u64, u64), ArchiveError> {
        let from = base.lsn + 1;
        let mut log = LogFiles::find(&RealFs, self.source)?;
        if from < log.first() {
            let missing = dir::segment(self.source, from);
            let missing = StorageError::corrupt(&missing, 0, Damage::Missing);
            return Err(base.damaged.first().cloned().unwrap_or(missing).into());
        }
        let mut last_ms = 0;
        let end = log.walk(&RealFs, from, &mut |record, _| {
            last_ms = record.stamp.time_ms;
            ControlFlow::Continue(())
        })?;
        if end.last < base.lsn {
            let reason = Damage::Short { found: end.last, expected: base.lsn };
            return Err(StorageError::corrupt(&end.segment.path, end.offset, reason).into());
        }
        // What we have read and now write elsewhere must not be lost at the original: both go on
        // with the next number.
        end.sync()?;
        for (segment, end) in &end.passed {
            self.segment(segment, (!end.is_sealed).then_some(end.offset))?;
        }
        self.segment(&end.segment, Some(end.offset))?;
        Ok((end.last, last_ms))
    }

    /// A segment: its beginning, or all of it.
    fn segment(&mut self, segment: &SegmentFile, bytes: Option<u64>) -> Result<(), ArchiveError> {
        let to = dir::segment(self.to, segment.first);
        let mut take = |from: &Path| match bytes {
            Some(_) => self.prefix(from, to.clone(), bytes),
            None => self.whole(from, to.clone()),
        };
        match (take(&segment.path), segment.renamed()) {
            (Err(error), Some(renamed)) if error.is_missing() => take(&renamed.path),
            (taken, _) => taken,
        }
    }

    /// A file that never changes again, to be called `to`.
    fn whole(&mut self, from: &Path, to: PathBuf) -> Result<(), ArchiveError> {
        let file = File::open(from).map_err(StorageError::io("open", from))?;
        let bytes = file.metadata().map_err(StorageError::io("examine", from))?.len();
        (self.progress)(Progress { step: Step::Take, file: from, bytes: 0 });
        let is_segment = from.starts_with(dir::log(self.source));
        if !self.options.copy && copy::link(from, &to)? {
            self.bytes_linked += bytes;
        } else if is_segment {
            // Not later: a server uses segments again, also open ones.
            copy::copy(&file, bytes, &to, &mut |_| {})?;
        } else {
            self.later.push((file, bytes, to));
        }
        Ok(())
    }

    /// The beginning of a file that may grow, or all of it, to be called `to`.
    fn prefix(&mut self, from: &Path, to: PathBuf, bytes: Option<u64>) -> Result<(), ArchiveError> {
        let file = File::open(from).map_err(StorageError::io("open", from))?;
        let all = file.metadata().map_err(StorageError::io("examine", from))?.len();
        (self.progress)(Progress { step: Step::Take, file: from, bytes: 0 });
        Ok(copy::copy(&file, bytes.unwrap_or(all), &to, &mut |_| {})?)
    }

    fn copy_the_rest(&mut self) -> Result<(), ArchiveError> {
        for (file, bytes, to) in std::mem::take(&mut self.later) {
            copy::copy(&file, bytes, &to, &mut |bytes| {
                (self.progress)(Progress { step: Step::Take, file: &to, bytes });
            })?;
        }
        Ok(())
    }
}

/// Every file of a database that stands in `dir`, with its sum if `verify`.
fn files(
    dir: &Path,
    verify: bool,
    progress: OnProgress<'_>,
) -> Result<Vec<ManifestFile>, ArchiveError> {
    let mut paths = vec![dir::format(dir)];
    paths.extend(dir::list_snapshots(&RealFs, dir)?.iter().map(|lsn| dir::snapshot(dir, *lsn)));
    paths.extend(dir::list_block_files(&RealFs, dir)?.iter().map(|n| dir::block_file(dir, *n)));
    paths.extend(dir::list_segments(&RealFs, dir)?.iter().map(|lsn| dir::segment(dir, *lsn)));
    let mut files = Vec::new();
    for path in paths {
        let name = building::relative(&path);
        let (bytes, crc32) = if verify {
            let told = &mut |bytes| progress(Progress { step: Step::Verify, file: &path, bytes });
            let (bytes, crc) = copy::sum(&path, told)?;
            (bytes, Some(crc))
        } else {
            let metadata = std::fs::metadata(&path).map_err(StorageError::io("examine", &path))?;
            (metadata.len(), None)
        };
        files.push(ManifestFile { name, bytes, crc32 });
    }
    Ok(files)
}

/// Reads every checksum of a database that nobody has open.
pub(super) fn expect_sound(dir: &Path, progress: OnProgress<'_>) -> Result<(), ArchiveError> {
    // Not claimed: whoever builds a directory has it locked.
    let report = check::read_all(&RealFs, dir, &mut |told| {
        progress(Progress { step: Step::Verify, file: told.file, bytes: told.bytes });
    })?;
    let problem = report.files.iter().find_map(|file| {
        let problem = file.problems.first()?;
        let name = building::relative(&file.file);
        Some(format!("{name}, offset {}: {}", problem.offset, problem.what))
    });
    problem.map_or(Ok(()), |what| Err(ArchiveError::NotSound { what }))
}
