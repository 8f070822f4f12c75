//! From snapshots back to an engine.

use std::path::Path;

use engine::{Engine, ImageLoader, Item, Settings};

use super::{SectionKind, SnapshotReader};
use crate::blocks::{BlockFile, BlockFiles, DamagedBlocks};
use crate::dir;
use crate::error::StorageError;
use crate::fs::Fs;
use crate::log::LogPosition;
use crate::recovery::{Phase, Progress};

/// Items between two reports of progress: some ten microseconds.
const ITEMS_PER_REPORT: u32 = 16;

/// A state from disk, before the log is replayed on top of it.
#[derive(Debug)]
pub struct Loaded {
    /// The state after record `lsn`.
    pub engine: Engine,
    /// LSN of the snapshot; 0 for the empty state before the first record.
    pub lsn: u64,
    /// The newest LSN that any snapshot in the directory has, readable or not. A snapshot holds
    /// durable records only, so a log that ends before it has lost some.
    pub lsn_promised: u64,
    /// Why newer snapshots were passed over.
    pub damaged: Vec<StorageError>,
    /// Where in its segment that record stands, if the snapshot says so; else 0.
    pub(crate) log_offset: u64,
    pub(crate) files: Vec<BlockFile>,
    pub(crate) open_files: BlockFiles,
}

impl Loaded {
    /// Where the log goes on from this state.
    pub(crate) fn log_position(&self) -> LogPosition {
        LogPosition { lsn: self.lsn, offset: self.log_offset }
    }

    /// The state before the first record.
    fn empty(hash_seed: u64) -> Self {
        Self {
            engine: Engine::new(Settings::default(), hash_seed),
            lsn: 0,
            lsn_promised: 0,
            damaged: Vec::new(),
            log_offset: 0,
            files: Vec::new(),
            open_files: BlockFiles::default(),
        }
    }
}

/// Loads the newest valid snapshot. A damaged one is passed over in favour of the one before it (in
/// the end, the empty state), provided that the log has every record since: `log_first` is the LSN
/// of the first record in the log, or of its next one if it is empty.
///
/// # Errors
///
/// The damage of the newest snapshot, if no older one will do. A snapshot of a newer format and an
/// error of the machine are final: another snapshot would not be the better answer.
pub fn load_newest(
    fs: &dyn Fs,
    dir: &Path,
    hash_seed: u64,
    log_first: u64,
) -> Result<Loaded, StorageError> {
    let noted = DamagedBlocks::default();
    load_newest_telling(fs, dir, hash_seed, log_first, &noted, &mut |_| Ok(()))
}

/// Told how far a snapshot has been loaded. An error ends that with it.
pub(crate) type OnLoad<'a> = &'a mut dyn FnMut(Progress) -> Result<(), StorageError>;

/// As [`load_newest`], telling how far it is; readers of the engine's blocks will note damage in
/// `noted`.
pub(crate) fn load_newest_telling(
    fs: &dyn Fs,
    dir: &Path,
    hash_seed: u64,
    log_first: u64,
    noted: &DamagedBlocks,
    progress: OnLoad<'_>,
) -> Result<Loaded, StorageError> {
    let mut lsns = dir::list_snapshots(fs, dir)?;
    lsns.sort_unstable();
    let lsn_promised = lsns.last().copied().unwrap_or(0);
    let mut damaged: Vec<StorageError> = Vec::new();
    loop {
        let lsn = lsns.pop();
        if !damaged.is_empty() && lsn.unwrap_or(0) + 1 < log_first {
            return Err(damaged.swap_remove(0));
        }
        let loaded = match lsn {
            Some(lsn) => load(fs, dir, hash_seed, lsn, noted, progress),
            None => Ok(Loaded::empty(hash_seed)),
        };
        match loaded {
            Ok(loaded) => return Ok(Loaded { lsn_promised, damaged, ..loaded }),
            Err(error @ StorageError::Corrupt { .. }) => {
                tracing::warn!(%error, "passing over a damaged snapshot");
                damaged.push(error);
            }
            Err(error) => return Err(error),
        }
    }
}

/// Loads one snapshot.
///
/// # Errors
///
/// `Corrupt` if any byte of it is wrong, or a block file that it refers to is not there as it was.
pub(crate) fn load(
    fs: &dyn Fs,
    dir: &Path,
    hash_seed: u64,
    lsn: u64,
    noted: &DamagedBlocks,
    progress: OnLoad<'_>,
) -> Result<Loaded, StorageError> {
    let mut reader = SnapshotReader::open(fs, dir, lsn)?;
    let mut loader = ImageLoader::new(hash_seed, lsn);
    let mut files = Vec::new();
    let mut open_files = BlockFiles::new(noted);
    let (mut items, mut told) = (0_u32, Ok(()));
    while let Some(section) = reader.next_section()? {
        match section.kind {
            SectionKind::BlockFiles => {
                files = section.values::<BlockFile>(&reader)?;
                for file in &files {
                    open_files.open(fs, dir, file)?;
                }
            }
            SectionKind::Items => section.for_each::<Item<'_>>(&reader, |item| {
                items += 1;
                if items.is_multiple_of(ITEMS_PER_REPORT) && told.is_ok() {
                    told = progress(so_far(&reader));
                }
                let mut source = |at| open_files.source(at).ok_or_else(|| format!("{at:?}"));
                loader.push(&item, &mut source).map_err(|error| error.to_string())
            })?,
            SectionKind::Trailer => unreachable!("the reader keeps it"),
        }
        std::mem::replace(&mut told, Ok(()))?;
        progress(so_far(&reader))?;
    }
    let engine = loader
        .finish()
        .map_err(|error| reader.undecodable(reader.position(), error.to_string()))?;
    let (damaged, log_offset) = (Vec::new(), reader.log_offset());
    Ok(Loaded { engine, lsn, lsn_promised: lsn, damaged, log_offset, files, open_files })
}

/// A section, about 1 MiB, counts once it has been read.
fn so_far(reader: &SnapshotReader) -> Progress {
    let (bytes, bytes_total) = (reader.position(), reader.file_bytes());
    Progress { phase: Phase::Snapshot, records: 0, bytes, bytes_total }
}

/// The block files that a snapshot refers to, without loading the rest of it.
pub(crate) fn block_files(
    fs: &dyn Fs,
    dir: &Path,
    lsn: u64,
) -> Result<Vec<BlockFile>, StorageError> {
    let mut reader = SnapshotReader::open(fs, dir, lsn)?;
    match reader.next_section()? {
        Some(section) => section.values(&reader),
        None => Err(reader.undecodable(reader.position(), "no section of block files")),
    }
}
