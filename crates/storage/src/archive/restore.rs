//! Making a data directory of a backup, as it was at any record since.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::backup::expect_sound;
use super::building::{self, Building};
use super::manifest::Manifest;
use super::timeline::{self, Base, Cut, Survey};
use super::{ArchiveError, OnProgress, Progress, Step, copy, keep};
use crate::dir::{self, Mark};
use crate::error::{Damage, StorageError};
use crate::format::record::{self, Kind, Stamp};
use crate::fs::{Fs, RealFs};
use crate::inspect::LogFiles;
use crate::log::{Log, SegmentReader};
use crate::options::Options;

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// To the last record there is.
    End,
    /// To this record, inclusive.
    Lsn(u64),
    /// To the last record of this time or before, in Unix milliseconds.
    Time(u64),
}

/// What to restore.
#[derive(Debug, Clone)]
pub struct RestoreRequest {
    /// A backup, or a data directory.
    pub from: PathBuf,
    /// Where to; a new directory.
    pub to: PathBuf,
    /// The log of the directory that the backup was made of, to go beyond the backup.
    pub log: Option<PathBuf>,
    /// How far.
    pub target: Target,
    /// Read everything back.
    pub verify: bool,
    /// For the segment that the restored log goes on with.
    pub options: Options,
    /// The time, in Unix milliseconds.
    pub now_ms: u64,
}

/// What was restored.
#[derive(Debug, Clone)]
pub struct RestoreReport {
    /// Where it is.
    pub dir: PathBuf,
    /// The last record.
    pub lsn: u64,
    /// When it was written; `None` if that is not known, as only a snapshot has it.
    pub lsn_ms: Option<u64>,
    /// Records after it that were left out.
    pub left_out: u64,
    /// The snapshot that it begins with; 0 for none.
    pub snapshot_lsn: u64,
    /// Records up to `lsn` that bear a later time than was asked for.
    pub later_times: u64,
    /// The log cannot be read beyond what was asked for.
    pub damage_beyond: Option<StorageError>,
}

/// What a restored directory says about itself, in the file `RESTORED`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// The backup or directory.
    pub from: PathBuf,
    /// The last record that came from there.
    pub lsn: u64,
    /// When that was written, in Unix milliseconds; 0 if not known.
    pub lsn_ms: u64,
    /// When it was restored.
    pub restored_ms: u64,
}

/// Where a directory was restored from. It serves a line in the log of the server and nothing else,
/// so one that cannot be read is no failure.
#[must_use]
pub fn restored_from(dir: &Path) -> Option<Restored> {
    serde_json::from_slice(&std::fs::read(dir::restored(dir)).ok()?).ok()
}

/// Makes a data directory of what is asked for.
///
/// # Errors
///
/// Why there is none.
pub fn restore(
    request: &RestoreRequest,
    progress: OnProgress<'_>,
) -> Result<RestoreReport, ArchiveError> {
    dir::expect_marked(&RealFs, &request.from)?;
    for place in std::iter::once(&request.from).chain(&request.log) {
        building::expect_outside(&request.to, place)?;
    }
    let building = Building::begin(&request.to)?;
    match fill(request, &building.dir, progress) {
        Ok(report) => {
            progress(Progress { step: Step::Finish, file: &request.to, bytes: 0 });
            Ok(RestoreReport { dir: building.finish()?, ..report })
        }
        Err(error) => {
            building.abandon();
            Err(error)
        }
    }
}

fn fill(
    request: &RestoreRequest,
    to: &Path,
    progress: OnProgress<'_>,
) -> Result<RestoreReport, ArchiveError> {
    let from = request.from.as_path();
    let manifest = match Manifest::read(&RealFs, from) {
        Err(StorageError::Corrupt { file, reason, .. }) => {
            return Err(ArchiveError::Manifest { file, reason });
        }
        other => other?,
    };
    let places = std::iter::once(from).chain(request.log.as_deref());
    let _pins = places.map(keep).collect::<Result<Vec<_>, _>>()?;
    let mut log = timeline::continued(from, request.log.as_deref(), manifest.as_ref())?;
    let (base, found) = choose(request, manifest.as_ref(), &mut log)?;
    let cut = found.cut;
    let lsn = cut.as_ref().map_or(base.lsn, |cut| cut.lsn);

    let mut builder = Builder { from, to, manifest: manifest.as_ref(), progress };
    builder.state(&base)?;
    // What the snapshot holds is not taken from the log.
    if let Some(cut) = cut.as_ref().filter(|cut| base.lsn < cut.lsn) {
        builder.log(&log, base.lsn + 1, cut)?;
        if lsn == found.last {
            // Taken to its end, so it is what the backup has noted.
            builder.expect(&cut.segment.path, &cut.segment.path)?;
        }
    }
    let mark = dir::mark(&RealFs, from)?.unwrap_or_default();
    let history = RealFs.random().max(1);
    Log::create(&RealFs, to, &request.options, (lsn + 1, history))?;
    let lsn_ms = cut.as_ref().map(|cut| cut.ms);
    let origin = from.canonicalize().unwrap_or_else(|_| from.to_path_buf());
    let (restored_ms, ms) = (request.now_ms, lsn_ms.unwrap_or(0));
    let restored = Restored { from: origin, lsn, lsn_ms: ms, restored_ms };
    let line = serde_json::to_vec(&restored).map_err(|error| ArchiveError::OutOfReach {
        wanted: "a directory whose name is not UTF-8".into(),
        reason: error.to_string(),
    })?;
    copy::write(&dir::restored(to), &line)?;
    dir::put_mark(&RealFs, to, Mark { history, parent: mark.history, restored_lsn: lsn })?;
    if request.verify {
        expect_sound(to, progress)?;
    }
    Ok(RestoreReport {
        dir: to.to_path_buf(),
        lsn,
        lsn_ms,
        left_out: found.last.saturating_sub(lsn),
        snapshot_lsn: base.lsn,
        later_times: found.later_before_cut,
        damage_beyond: found.damage,
    })
}

/// The snapshot to begin with, and where the log ends.
fn choose(
    request: &RestoreRequest,
    manifest: Option<&Manifest>,
    log: &mut LogFiles,
) -> Result<(Base, Survey), ArchiveError> {
    let from = request.from.as_path();
    let survey = |log: &mut LogFiles, from, is_wanted: &mut dyn FnMut(u64, u64) -> bool| {
        let mut found = timeline::survey(log, from, is_wanted)?;
        found.expect(manifest.map_or(0, |manifest| manifest.lsn));
        Ok::<_, StorageError>(found)
    };
    match request.target {
        Target::End => {
            let base = newest_reached(from, log, u64::MAX)?;
            let found = survey(log, base.lsn + 1, &mut |_, _| true)?;
            // To the end means to the end.
            Ok((base, whole(found, "the end of the log")?))
        }
        Target::Lsn(wanted) => {
            let base = newest_reached(from, log, wanted)?;
            let found = survey(log, base.lsn + 1, &mut |lsn, _| lsn <= wanted)?;
            if found.last < wanted {
                let wanted = format!("record {wanted}");
                let found = whole(found, &wanted)?;
                let reason = format!("the log ends with record {}", found.last);
                return Err(ArchiveError::OutOfReach { wanted, reason });
            }
            Ok((base, found))
        }
        Target::Time(wanted) => {
            let first = log.first();
            let mut found = survey(log, first, &mut |_, ms| ms <= wanted)?;
            // What is damaged may lie before a snapshot that leads there without it.
            for snapshot in dir::list_snapshots(&RealFs, from)? {
                if found.damage.is_some() && found.last_ms <= wanted && found.last < snapshot {
                    let beyond = survey(log, snapshot + 1, &mut |_, ms| ms <= wanted)?;
                    found = if beyond.cut.is_some() { beyond } else { found };
                }
            }
            if found.last_ms <= wanted {
                // Which record of that time was the last is not known if some cannot be read.
                found = whole(found, "that time")?;
            }
            let Some(cut) = &found.cut else {
                let (wanted_ms, first_ms) = (wanted, found.first_ms);
                return Err(ArchiveError::TooEarly { wanted_ms, first, first_ms });
            };
            let base = newest_reached(from, log, cut.lsn)?;
            Ok((base, found))
        }
    }
}

/// Damage anywhere in a log that is needed whole.
fn whole(found: Survey, wanted: &str) -> Result<Survey, ArchiveError> {
    match found.damage {
        None => Ok(found),
        Some(error) => {
            let (wanted, before) = (wanted.to_owned(), found.cut.map(|_| found.last));
            Err(ArchiveError::Damaged { wanted, error, before })
        }
    }
}

/// The newest sound snapshot up to `lsn` from which the log goes on.
fn newest_reached(from: &Path, log: &LogFiles, lsn: u64) -> Result<Base, ArchiveError> {
    let base = timeline::newest_base(from, lsn)?;
    // Record `lsn` itself may be the snapshot's; then the log is not asked.
    if log.first() <= base.lsn + 1 || (base.lsn == lsn && lsn != 0) {
        return Ok(base);
    }
    if let Some(damage) = base.damaged.into_iter().next() {
        return Err(damage.into());
    }
    let snapshots = dir::list_snapshots(&RealFs, from)?;
    let oldest = snapshots.iter().find(|snapshot| log.first() <= **snapshot + 1);
    Err(ArchiveError::OutOfReach {
        wanted: if lsn == u64::MAX { "the end of the log".into() } else { format!("record {lsn}") },
        reason: match oldest {
            Some(oldest) => format!(
                "the oldest state here is that after record {oldest}; an older backup may reach it"
            ),
            None => format!("the log begins with record {}, and no snapshot fits", log.first()),
        },
    })
}

/// Puts files into the new directory.
struct Builder<'a, 'p> {
    from: &'a Path,
    to: &'a Path,
    manifest: Option<&'a Manifest>,
    progress: &'p mut dyn FnMut(Progress<'_>),
}

impl Builder<'_, '_> {
    /// The snapshot and its block files.
    fn state(&mut self, base: &Base) -> Result<(), ArchiveError> {
        if base.lsn != 0 {
            let lsn = base.lsn;
            self.whole(&dir::snapshot(self.from, lsn), &dir::snapshot(self.to, lsn))?;
        }
        base.files.iter().map(|file| file.number).try_for_each(|number| {
            self.whole(&dir::block_file(self.from, number), &dir::block_file(self.to, number))
        })
    }

    /// The segments with the records from `from` to the cut, the last one cut and sealed there.
    fn log(&mut self, log: &LogFiles, from: u64, cut: &Cut) -> Result<(), ArchiveError> {
        let after = log.segments().partition_point(|segment| segment.first <= from);
        for segment in &log.segments()[after.saturating_sub(1)..] {
            if segment.first < cut.segment.first {
                self.whole(&segment.path, &dir::segment(self.to, segment.first))?;
            }
        }
        let path = &cut.segment.path;
        let reader = SegmentReader::open_at(&RealFs, path.to_path_buf(), cut.segment.first)?;
        let file = File::open(path).map_err(StorageError::io("open", path))?;
        let to = dir::segment(self.to, cut.segment.first);
        copy::copy(&file, cut.offset, &to, &mut |_| {})?;
        let mut seal = Vec::new();
        record::begin(&mut seal);
        let stamp = Stamp { lsn: cut.lsn + 1, time_ms: 0, durable: cut.lsn, kind: Kind::Sealed };
        record::finish(&mut seal, 0, stamp, reader.salt());
        let sealed = RealFs.open_write(&to).and_then(|file| {
            file.write_all_at(&seal, cut.offset)?;
            file.sync_data()
        });
        Ok(sealed.map_err(StorageError::io("seal", &to))?)
    }

    /// Copies a file, and compares it with what the backup noted of it. Never by a link: a backup
    /// must not depend on what becomes of the restored directory.
    fn whole(&mut self, path: &Path, to: &Path) -> Result<(), ArchiveError> {
        let file = File::open(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => StorageError::corrupt(path, 0, Damage::Missing),
            _ => StorageError::io("open", path)(error),
        })?;
        let bytes = file.metadata().map_err(StorageError::io("examine", path))?.len();
        copy::copy(&file, bytes, to, &mut |bytes| {
            (self.progress)(Progress { step: Step::Take, file: path, bytes });
        })?;
        self.expect(path, to)
    }

    /// Compares `copy` with what the backup noted of `path`.
    fn expect(&mut self, path: &Path, copy: &Path) -> Result<(), ArchiveError> {
        if let Some(manifest) = self.manifest
            && path.starts_with(self.from)
        {
            let told =
                &mut |bytes| (self.progress)(Progress { step: Step::Verify, file: path, bytes });
            manifest.expect(path, &building::relative(path), copy::sum(copy, told)?)?;
        }
        Ok(())
    }
}
