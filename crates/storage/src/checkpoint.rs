//! Checkpoints: recovery run ahead of time.
//!
//! Nothing here touches the live engine. A checkpoint does what a restart does, up to a durable LSN,
//! and then writes what a later restart shall find instead: block files, a snapshot. What it leaves to
//! the caller is in the report: the places on disk that the live engine may take for its blocks, and the
//! first LSN that the log still has to keep.
//!
//! The order of steps and the crash argument: `docs/on-disk-format.md`, "Which snapshot counts, and
//! when a file may go".

mod adoption;
#[cfg(test)]
mod faults;
mod moving;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use adoption::Adoption;
use engine::{Adopt, AdoptCursor, Engine, FileUse, Item, StoredBlocks, StreamItem};
use moving::Spilled;

use crate::blocks::{BlockFile, BlockFiles, DamagedBlocks};
use crate::error::StorageError;
use crate::format::record::Record;
use crate::fs::Fs;
use crate::log::LogPosition;
use crate::recovery::{self, Replay};
use crate::snapshot::{Keep, Loaded, SnapshotWriter, load_newest_telling, remove_leftovers};

/// Log bytes since the last checkpoint that call for another one.
pub const LOG_BYTES_DEFAULT: u64 = 128 << 20;

/// Whether a checkpoint is due. A limit of 0 stands for never.
#[must_use]
pub fn due(log_bytes_since: u64, log_bytes_max: u64) -> bool {
    log_bytes_max != 0 && log_bytes_max <= log_bytes_since
}

/// Says whether a checkpoint that is under way shall end without a result.
pub type GiveUp<'a> = &'a dyn Fn() -> bool;

/// Makes checkpoints of one directory, one at a time.
#[derive(Debug)]
pub struct Checkpointer {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    hash_seed: u64,
    damaged: DamagedBlocks,
    /// Older snapshots stay, as long as the log goes on from them.
    retains: bool,
    /// See [`Checkpointer::set_memory_max`].
    memory_max: u64,
}

/// What a checkpoint did.
#[derive(Debug)]
pub struct CheckpointReport {
    /// The snapshot that is now the newest.
    pub lsn: u64,
    /// The one before it, which is kept; 0 for none.
    pub lsn_before: u64,
    /// Records replayed to get from the one to the other.
    pub records: u64,
    /// Length of the snapshot, 0 if there was nothing to do.
    pub snapshot_bytes: u64,
    /// Blocks written, and their bytes; those moved out of sparse files included.
    pub blocks: u64,
    /// Bytes of those blocks.
    pub block_bytes: u64,
    /// Records below this one serve no kept snapshot: segments that end before it may be reused.
    pub log_needed_from: u64,
    /// What the live engine may take over.
    pub adoption: Adoption,
    /// Why files that nobody needs are still there. The next checkpoint tries again.
    pub cleanup: Result<(), StorageError>,
}

impl Checkpointer {
    /// For the directory of a database. `hash_seed` is that of [`Engine::new`].
    #[must_use]
    pub fn new(fs: Arc<dyn Fs>, dir: PathBuf, hash_seed: u64) -> Self {
        Self {
            fs,
            dir,
            hash_seed,
            damaged: DamagedBlocks::default(),
            retains: false,
            memory_max: u64::MAX,
        }
    }

    /// Whether to keep snapshots for going back (see [`crate::retention`]), beyond the newest two.
    pub fn set_retains(&mut self, retains: bool) {
        self.retains = retains;
    }

    /// Most bytes of blocks that the replay of a checkpoint may gather in memory: with more, it writes
    /// them before it goes on. They then lie in several files, in the order in which they were sealed.
    pub fn set_memory_max(&mut self, bytes: u64) {
        self.memory_max = bytes;
    }

    /// Lets readers of the blocks that the live engine adopts note damage in `damaged`.
    #[must_use]
    pub fn noting(self, damaged: DamagedBlocks) -> Self {
        Self { damaged, ..self }
    }

    /// Makes a checkpoint of the state after record `upto`, which must be durable.
    ///
    /// # Errors
    ///
    /// What went wrong. Nothing is lost by it: the snapshots before still count, and what
    /// the attempt wrote is removed again.
    pub fn run(&mut self, upto: u64) -> Result<CheckpointReport, StorageError> {
        self.run_unless(upto, &|| false)
    }

    /// As [`Checkpointer::run`], until `give_up` says so: it is asked every few microseconds, at records,
    /// blocks and items, and so has to be cheap.
    ///
    /// # Errors
    ///
    /// As for [`Checkpointer::run`], and `GivenUp`.
    pub fn run_unless(
        &mut self,
        upto: u64,
        give_up: GiveUp<'_>,
    ) -> Result<CheckpointReport, StorageError> {
        let log_first = recovery::log_first(&*self.fs, &self.dir)?;
        let mut voided = Vec::new();
        loop {
            let base = self.load(log_first, give_up)?;
            if upto <= base.lsn {
                return Ok(nothing_to_do(base));
            }
            // Otherwise each attempt on a full disk would leave it fuller.
            remove_leftovers(&*self.fs, &self.dir)?;
            match self.or_clean(self.replay_and_write(base, (upto, &voided), give_up))? {
                Ok(report) => return Ok(report),
                Err(found) => voided = found,
            }
        }
    }

    /// The checkpoint, or the records that turn out to be void.
    fn replay_and_write(
        &self,
        mut base: Loaded,
        (upto, voided): (u64, &[Range<u64>]),
        give_up: GiveUp<'_>,
    ) -> Result<Result<CheckpointReport, Vec<Range<u64>>>, StorageError> {
        let mut spilled = Spilled::default();
        let base_position = base.log_position();
        let mut replay = Replay::new(&mut base.engine, voided);
        let mut each = |record: &Record<'_>, path: &Path, at| {
            go_on(give_up)?;
            replay.record(record, path, at);
            let engine = replay.engine();
            if self.memory_max < engine.block_memory().bytes() {
                let places = (&base.files[..], &mut base.open_files);
                spilled.add(self.move_blocks(engine, &BTreeSet::new(), places, give_up)?);
            }
            Ok(())
        };
        let range = (base_position, upto);
        let position = recovery::each_record(&*self.fs, &self.dir, range, &mut each)?;
        if let Some(found) = replay.end()? {
            return Ok(Err(found));
        }
        self.write_files(base, position, spilled, give_up).map(Ok)
    }

    fn load(&self, log_first: u64, give_up: GiveUp<'_>) -> Result<Loaded, StorageError> {
        let Self { fs, dir, hash_seed, damaged, .. } = self;
        load_newest_telling(&**fs, dir, *hash_seed, log_first, damaged, &mut |_| go_on(give_up))
    }

    /// Writes `base.engine`, which is the state after record `lsn`, and removes what is then of no
    /// use. The rest of `base` is the snapshot that the replay began with.
    #[cfg(test)]
    pub(crate) fn write(&self, base: Loaded, lsn: u64) -> Result<CheckpointReport, StorageError> {
        remove_leftovers(&*self.fs, &self.dir)?;
        let position = LogPosition::behind(lsn);
        self.or_clean(self.write_files(base, position, Spilled::default(), &|| false))
    }

    /// After a failure, removes what was written for nothing.
    fn or_clean<T>(&self, result: Result<T, StorageError>) -> Result<T, StorageError> {
        if result.is_err() {
            // Now, not with the next attempt: on a full disk this is room that the log needs.
            if let Err(error) = remove_leftovers(&*self.fs, &self.dir) {
                tracing::warn!(%error, "could not remove what a failed checkpoint left");
            }
        }
        result
    }

    fn write_files(
        &self,
        base: Loaded,
        position: LogPosition,
        mut spilled: Spilled,
        give_up: GiveUp<'_>,
    ) -> Result<CheckpointReport, StorageError> {
        let lsn = position.lsn;
        let Loaded { mut engine, lsn: lsn_before, files: files_before, mut open_files, .. } = base;
        let fs = &*self.fs;
        let sparse = referenced_files(&engine.stored_blocks(), &open_files)
            .iter()
            .filter(|file| file.is_sparse())
            .map(|file| file.number)
            .collect();
        let places = (&files_before[..], &mut open_files);
        spilled.add(self.move_blocks(&mut engine, &sparse, places, give_up)?);

        let stored = engine.stored_blocks();
        let files = referenced_files(&stored, &open_files);
        let mut writer = SnapshotWriter::create(fs, &self.dir, position, &files)?;
        for item in engine.image() {
            go_on(give_up)?;
            debug_assert!(refers_to(&item, &files), "a snapshot lists the files that it refers to");
            writer.item(&item)?;
        }
        let snapshot_bytes = writer.finish()?;

        let mut keep = Keep::new((lsn, &files), (lsn_before, &files_before));
        let older = if self.retains { keep.add_older(fs, &self.dir) } else { Ok(()) };
        // Without knowing what they refer to, nothing can be removed.
        let cleanup = older.and_then(|()| keep.remove_others(fs, &self.dir));
        if let Err(error) = &cleanup {
            tracing::warn!(%error, "a checkpoint could not remove what is of no use any more");
        }
        Ok(CheckpointReport {
            lsn,
            lsn_before,
            records: lsn - lsn_before,
            snapshot_bytes,
            blocks: spilled.places.len() as u64,
            block_bytes: spilled.bytes,
            log_needed_from: lsn_before + 1,
            adoption: Adoption::new(spilled.places, stored, open_files, sparse),
            cleanup,
        })
    }
}

/// Whether all blocks of an item lie in memory or in these files.
fn refers_to(item: &Item<'_>, files: &[BlockFile]) -> bool {
    let is_listed = |number| files.binary_search_by_key(&number, |file| file.number).is_ok();
    match item {
        Item::StreamPart { part: StreamItem::Pack { pack } } => {
            pack.files.iter().all(|file| is_listed(*file))
        }
        Item::StreamPart { part: StreamItem::Blocks { blocks } } => {
            blocks.iter().filter_map(|block| block.location).all(|place| is_listed(place.file))
        }
        _ => true,
    }
}

fn go_on(give_up: GiveUp<'_>) -> Result<(), StorageError> {
    if give_up() { Err(StorageError::GivenUp) } else { Ok(()) }
}

/// A report for a directory whose newest snapshot is new enough.
fn nothing_to_do(base: Loaded) -> CheckpointReport {
    CheckpointReport {
        lsn: base.lsn,
        lsn_before: base.lsn,
        records: 0,
        snapshot_bytes: 0,
        blocks: 0,
        block_bytes: 0,
        log_needed_from: 1,
        adoption: Adoption::new(
            Vec::new(),
            base.engine.stored_blocks(),
            base.open_files,
            BTreeSet::new(),
        ),
        cleanup: Ok(()),
    }
}

/// Lets every block of an engine take what `adopt` has for it, but for those in files that `stay`.
pub(crate) fn adopt_all(engine: &mut Engine, stays: &dyn Fn(u64) -> bool, adopt: Adopt<'_>) {
    let mut cursor = Some(AdoptCursor::default());
    while let Some(at) = cursor {
        cursor = engine.adopt(at, usize::MAX, stays, adopt);
    }
}

/// The block files that blocks lie in, with what of them they use.
pub(crate) fn referenced_files(stored: &StoredBlocks, open_files: &BlockFiles) -> Vec<BlockFile> {
    let file = |(number, used): (u64, FileUse)| BlockFile {
        number,
        length: open_files.file_bytes(number).expect("a placed block has an open file"),
        blocks: used.blocks,
        live_bytes: used.bytes,
    };
    stored.files().into_iter().map(file).collect()
}
