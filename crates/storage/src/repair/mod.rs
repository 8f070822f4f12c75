//! `headwater repair`: builds a sound directory from what can be read of a damaged one.
//!
//! The damaged directory is only read. Its state is taken from the snapshot that, with the records
//! after it, leads furthest. Records are applied without a gap: behind one that cannot be read,
//! nothing is. Operations are absolute (slots in blocks, counts, positions of keys) and build on those
//! before them, so applied to a state that lacks one they could change the wrong entries. What lies
//! behind a gap is listed instead, so that people can judge it and enter it again.

mod remains;
#[cfg(test)]
mod tests;
mod write;

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use engine::{
    BlockHeader, BlockLocation, BlockSource, DamagedBlock, DroppedBlock, Engine, ImageLoader, Item,
    Settings,
};

use crate::check::{self, CheckReport, OnCheck};
use crate::dir;
use crate::error::StorageError;
use crate::format::record::Record;
use crate::fs::{File, Fs, LockAnswer};
use crate::log::CleanStop;
use crate::options::Options;
use crate::recovery::Replay;
use crate::snapshot::{SectionKind, SnapshotReader};
use remains::Remains;

/// What can be saved of a damaged directory, and what cannot. Nothing is written before
/// [`Repair::write`].
#[derive(Debug)]
pub struct Repair {
    dir: PathBuf,
    /// What is damaged.
    pub check: CheckReport,
    /// The snapshot that the repair begins with; 0 for the empty state before the first record.
    pub snapshot_lsn: u64,
    /// The record up to which everything is there.
    pub lsn_last: u64,
    /// The last record that is known to have been there, readable or not.
    pub lsn_promised: u64,
    /// Blocks whose entries go: they cannot be read.
    pub lost_blocks: Vec<DroppedBlock>,
    engine: Engine,
    remains: Remains,
    _lock: Option<LockAnswer>,
}

/// Records that a repair leaves out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostRecords {
    /// Their numbers.
    pub lsns: Range<u64>,
    /// They can be read, but one before them cannot.
    pub is_readable: bool,
}

/// Reads all that can be read.
///
/// # Errors
///
/// As [`check::check`]; `Unrepairable` if there is nothing to build on: no snapshot can be read, and the
/// log does not begin with the first record.
pub fn examine(fs: &dyn Fs, dir: &Path, progress: OnCheck<'_>) -> Result<Repair, StorageError> {
    let lock = check::claim(fs, dir)?;
    let check = check::read_all(fs, dir, progress)?;
    let remains = Remains::find(fs, dir)?;
    let mut snapshots = dir::list_snapshots(fs, dir)?;
    let lsn_promised = promised(fs, dir, &remains, snapshots.last().copied().unwrap_or(0));
    snapshots.insert(0, 0);
    let mut best: Option<(u64, u64, Engine)> = None;
    while let Some(lsn) = snapshots.pop() {
        let upto = remains.reach(lsn);
        // The empty state without the first record is no state of this database.
        let is_nothing = lsn == 0 && upto == 0 && lsn_promised != 0;
        if is_nothing || best.as_ref().is_some_and(|(_, reached, _)| upto <= *reached) {
            continue;
        }
        match load(fs, dir, lsn) {
            Ok(engine) => best = Some((lsn, upto, engine)),
            Err(StorageError::Corrupt { .. }) => {}
            Err(error) if error.is_bad_medium() => {}
            Err(error) => return Err(error),
        }
    }
    let Some((snapshot_lsn, lsn_last, engine)) = best else {
        return Err(StorageError::Unrepairable { dir: dir.to_path_buf() });
    };
    let mut engine = replay(fs, dir, &remains, (snapshot_lsn, lsn_last), engine)?;
    let lost_blocks = engine.drop_blocks(&mut |block| {
        let is_whole = |bytes: Bytes| BlockHeader::read(&bytes) == Ok(block.header);
        !block.bytes().is_ok_and(is_whole)
    });
    Ok(Repair {
        dir: dir.to_path_buf(),
        check,
        snapshot_lsn,
        lsn_last,
        lsn_promised,
        lost_blocks,
        engine,
        remains,
        _lock: lock,
    })
}

impl Repair {
    /// Whether there is anything to repair.
    #[must_use]
    pub fn is_needed(&self) -> bool {
        !self.check.sound
    }

    /// The records that will not be there.
    #[must_use]
    pub fn lost_records(&self) -> Vec<LostRecords> {
        let mut lost = Vec::new();
        let mut next = self.lsn_last + 1;
        while next <= self.lsn_promised {
            let readable = self.remains.readable_from(next);
            let (lsns, is_readable) = match readable {
                Some(stretch) if stretch.start <= next => (next..stretch.end, true),
                Some(stretch) => (next..stretch.start, false),
                None => (next..self.lsn_promised + 1, false),
            };
            next = lsns.end;
            lost.push(LostRecords { lsns, is_readable });
        }
        lost
    }

    /// Hands the readable ones of the lost records to `each`.
    ///
    /// # Errors
    ///
    /// `Io`.
    pub fn each_lost(
        &self,
        fs: &dyn Fs,
        each: &mut dyn FnMut(&Record<'_>),
    ) -> Result<(), StorageError> {
        for lost in self.lost_records().iter().filter(|lost| lost.is_readable) {
            let range = (lost.lsns.start - 1, lost.lsns.end - 1);
            self.remains.each_record(fs, range, &mut |record, _, _| each(record))?;
        }
        Ok(())
    }

    /// Writes a sound directory at `to`, which must be missing or empty, and checks it.
    /// `options` say how long its first log segment is.
    ///
    /// # Errors
    ///
    /// `Inside`, `NotEmpty`; `Io`. What was written until then is no database yet.
    pub fn write(
        self,
        fs: &dyn Fs,
        to: &Path,
        options: &Options,
    ) -> Result<CheckReport, StorageError> {
        expect_outside(&self.dir, to)?;
        write::write(fs, (&self.dir, to), options, (self.engine, self.lsn_last))?;
        check::check(fs, to, &mut |_| {})
    }

    /// The damaged directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

/// Refuses a result inside the damaged directory, which would be of no use to anybody then.
///
/// # Errors
///
/// `Inside`.
pub fn expect_outside(dir: &Path, to: &Path) -> Result<(), StorageError> {
    match dir::around(to, dir) {
        Some(source_dir) => Err(StorageError::Inside { dir: to.to_path_buf(), source_dir }),
        None => Ok(()),
    }
}

/// The last record that anything in the directory vouches for.
fn promised(fs: &dyn Fs, dir: &Path, remains: &Remains, snapshot: u64) -> u64 {
    let path = dir::clean(dir);
    let clean = dir::read_small(fs, &path).and_then(|bytes| CleanStop::decode(&bytes, &path));
    clean.map_or(0, |clean| clean.last).max(snapshot).max(remains.last())
}

/// The engine of a snapshot. Blocks are not looked at, and their files may be missing.
fn load(fs: &dyn Fs, dir: &Path, lsn: u64) -> Result<Engine, StorageError> {
    if lsn == 0 {
        return Ok(Engine::new(Settings::default(), 0));
    }
    let mut reader = SnapshotReader::open(fs, dir, lsn)?;
    let mut loader = ImageLoader::new(0, lsn);
    let mut files = std::collections::BTreeMap::<u64, Arc<dyn BlockSource>>::new();
    let mut source = |at: BlockLocation| {
        let open = || Arc::new(Salvaged(fs.open(&dir::block_file(dir, at.file)))) as _;
        Ok::<_, String>(Arc::clone(files.entry(at.file).or_insert_with(open)))
    };
    while let Some(section) = reader.next_section()? {
        if section.kind == SectionKind::Items {
            section.for_each::<Item<'_>>(&reader, |item| {
                loader.push(&item, &mut source).map_err(|error| error.to_string())
            })?;
        }
    }
    loader.finish().map_err(|error| reader.undecodable(reader.position(), error.to_string()))
}

/// Applies the records of a range, which are known to be readable.
fn replay(
    fs: &dyn Fs,
    dir: &Path,
    remains: &Remains,
    range: (u64, u64),
    mut engine: Engine,
) -> Result<Engine, StorageError> {
    let mut voided = Vec::new();
    loop {
        let mut replay = Replay::new(&mut engine, &voided);
        remains.each_record(fs, range, &mut |record, path, at| replay.record(record, path, at))?;
        match replay.end()? {
            None => return Ok(engine),
            Some(found) => voided = found,
        }
        engine = load(fs, dir, range.0)?;
    }
}

/// A block file in whatever state it is.
#[derive(Debug)]
struct Salvaged(io::Result<Arc<dyn File>>);

impl BlockSource for Salvaged {
    fn read(&self, offset: u64, len: usize) -> Result<Bytes, String> {
        let file = self.0.as_ref().map_err(ToString::to_string)?;
        let size = file.size().map_err(|error| error.to_string())?;
        // A length from disk allocates nothing before the file is known to be that long.
        if size < offset.saturating_add(len as u64) {
            return Err("the file ends before it".to_owned());
        }
        let mut bytes = vec![0; len];
        file.read_exact_at(&mut bytes, offset).map_err(|error| error.to_string())?;
        Ok(bytes.into())
    }

    fn note_damage(&self, _: &DamagedBlock) {}
}
