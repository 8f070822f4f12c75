//! `headwater check`: reads every byte of a directory, changes none, and says what it found.
//!
//! The readers are the server's own, so that what is sound here is sound there. Damage does not end
//! the check: the report has every file, and what is wrong in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::blocks::NotedBlocks;
use crate::dir;
use crate::error::{Damage, StorageError};
use crate::fs::{Fs, LockAnswer};

mod backup;
mod files;
mod segments;
#[cfg(test)]
mod tests;

/// Everything that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// The directory.
    pub dir: PathBuf,
    /// Bytes of all files.
    pub bytes: u64,
    /// Each file, in the order read: snapshots, block files, segments.
    pub files: Vec<FileReport>,
    /// Whether a server would start on this directory and serve everything in it.
    pub sound: bool,
}

/// What was found in one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// Its path.
    pub file: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// What it holds.
    #[serde(flatten)]
    pub content: Content,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

/// What a file holds, as far as it could be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Content {
    /// A snapshot.
    Snapshot {
        /// The record after which the state was this.
        lsn: u64,
        /// Image items in it.
        items: u64,
        /// Blocks that it refers to.
        blocks: u64,
        /// Bytes of those.
        block_bytes: u64,
    },
    /// A block file.
    Blocks {
        /// Its number.
        number: u64,
        /// Sound blocks in it that a snapshot refers to.
        blocks: u64,
        /// Their bytes.
        block_bytes: u64,
    },
    /// A segment of the log.
    Segment {
        /// Sound records in it, up to the first one that is not.
        records: u64,
        /// Number of the first of them; of the next one to come if there is none.
        lsn_first: u64,
        /// Number of the last of them.
        lsn_last: u64,
        /// The end of the last write before a crash, never acknowledged: the next start cuts it.
        torn_tail: Option<TornTail>,
    },
    /// A segment that is kept ready for reuse. Its bytes mean nothing.
    Spare,
    /// The mark of the directory, or that of a clean stop.
    Mark,
    /// Something that is not needed: the rest of an unfinished checkpoint.
    Leftover,
}

/// Bytes after the last whole record that are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TornTail {
    /// Where they begin.
    pub offset: u64,
    /// How many there are, as far as that can be told.
    pub bytes: u64,
}

/// Something wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where.
    pub offset: u64,
    /// What, as a sentence.
    pub what: String,
    /// Which entries cannot be read because of it. None for damage that concerns the whole file.
    pub entries: Option<LostEntries>,
}

/// A run of entries that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LostEntries {
    /// Database of the stream.
    pub db: u8,
    /// Key of the stream; bytes that are not UTF-8 are replaced.
    pub key: String,
    /// First ID of the block.
    pub first: String,
    /// Last ID of the block.
    pub last: String,
}

/// How far a check has come.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// Bytes read so far.
    pub bytes: u64,
    /// Bytes there are to read.
    pub bytes_total: u64,
    /// The file being read.
    pub file: &'a Path,
}

/// Told about progress now and then.
pub type OnCheck<'a> = &'a mut dyn FnMut(Progress<'_>);

/// Reads every byte of the database in `dir`; of a backup, compares them with what it noted of them.
///
/// # Errors
///
/// `NotOurs` and `NoDatabase` if there is nothing to check, `Locked` if a server works there, `Io` if something cannot be read at all. Damage is no error
/// here, it stands in the report.
pub fn check(fs: &dyn Fs, dir: &Path, progress: OnCheck<'_>) -> Result<CheckReport, StorageError> {
    let _lock = claim(fs, dir)?;
    let mut check = Check::read(fs, dir, progress)?;
    check.backup()?;
    Ok(check.end())
}

/// Keeps servers out of a directory that holds a database, damaged or not.
pub(crate) fn claim(fs: &dyn Fs, dir: &Path) -> Result<Option<LockAnswer>, StorageError> {
    expect_database(fs, dir)?;
    lock(fs, dir)
}

/// As [`check`] for one who keeps servers out already, and believes no manifest.
pub(crate) fn read_all(
    fs: &dyn Fs,
    dir: &Path,
    progress: OnCheck<'_>,
) -> Result<CheckReport, StorageError> {
    Ok(Check::read(fs, dir, progress)?.end())
}

/// Tells a damaged database from a directory that never was one.
fn expect_database(fs: &dyn Fs, dir: &Path) -> Result<(), StorageError> {
    dir::refuse_foreign(fs, dir)?;
    dir::expect_parts(fs, dir)
}

/// Keeps servers out while we read. A directory that has no lock file gets none from us; it is locked
/// all the same, as the file may have been removed under a server.
fn lock(fs: &dyn Fs, dir: &Path) -> Result<Option<LockAnswer>, StorageError> {
    let path = dir::lock(dir);
    let owner = format!("{}\n", std::process::id());
    let answer = match dir::exists(fs, &path)? {
        true => fs.lock(&path, &owner),
        false => fs.lock_to_read(&path),
    };
    let answer = match answer {
        // No server can be at work where nobody can write.
        Err(error) if error.kind() == std::io::ErrorKind::ReadOnlyFilesystem => return Ok(None),
        answer => answer.map_err(StorageError::io("lock", &path))?,
    };
    match answer {
        LockAnswer::Taken { owner } => Err(dir::taken(dir, &owner)),
        held => Ok(Some(held)),
    }
}

/// A check on its way.
struct Check<'a> {
    fs: &'a dyn Fs,
    dir: &'a Path,
    progress: &'a mut dyn FnMut(Progress<'_>),
    bytes: u64,
    bytes_total: u64,
    /// Bytes of the files that are closed.
    bytes_of_files: u64,
    /// The newest LSN that a snapshot has, readable or not.
    lsn_promised: u64,
    /// The newest LSN that a start can begin with: that of a sound snapshot, or 0.
    lsn_reached: u64,
    files: Vec<FileReport>,
    /// What snapshots say of each block file: the lengths they noted, and the blocks by offset.
    noted: BTreeMap<u64, Noted>,
}

/// What snapshots say of a block file.
#[derive(Default)]
struct Noted {
    length: u64,
    blocks: NotedBlocks,
}

impl<'a> Check<'a> {
    /// Reads every file.
    fn read(
        fs: &'a dyn Fs,
        dir: &'a Path,
        progress: &'a mut dyn FnMut(Progress<'_>),
    ) -> Result<Self, StorageError> {
        let mut check = Self::new(fs, dir, progress)?;
        check.snapshots()?;
        check.block_files()?;
        check.marks()?;
        check.segments()?;
        Ok(check)
    }

    fn end(self) -> CheckReport {
        let sound = self.files.iter().all(|file| file.problems.is_empty());
        CheckReport { dir: self.dir.to_path_buf(), bytes: self.bytes, files: self.files, sound }
    }

    fn new(
        fs: &'a dyn Fs,
        dir: &'a Path,
        progress: &'a mut dyn FnMut(Progress<'_>),
    ) -> Result<Self, StorageError> {
        let mut bytes_total = 0;
        for sub in [dir::snapshots(dir), dir::blocks(dir), dir::log(dir)] {
            for name in fs.list(&sub).map_err(StorageError::io("list", &sub))? {
                bytes_total += file_bytes(fs, &sub.join(name))?;
            }
        }
        for mark in [dir::format(dir), dir::clean(dir)] {
            bytes_total += bytes_if_there(fs, &mark)?.unwrap_or(0);
        }
        let (files, noted) = (Vec::new(), BTreeMap::new());
        Ok(Self {
            fs,
            dir,
            progress,
            bytes: 0,
            bytes_total,
            bytes_of_files: 0,
            lsn_promised: 0,
            lsn_reached: 0,
            files,
            noted,
        })
    }

    /// Counts bytes as read and shows it.
    fn advance(&mut self, file: &Path, bytes: u64) {
        self.bytes += bytes;
        // Files may grow past what was counted at the start; a bar never runs over its end.
        let bytes_total = self.bytes_total.max(self.bytes);
        (self.progress)(Progress { bytes: self.bytes, bytes_total, file });
    }

    /// Closes a file of `bytes` bytes. What damage kept from being read counts as done.
    fn report(&mut self, file: &Path, bytes: u64, content: Content, problems: Vec<Problem>) {
        self.bytes_of_files += bytes;
        self.advance(file, self.bytes_of_files - self.bytes);
        self.files.push(FileReport { file: file.to_path_buf(), bytes, content, problems });
    }
}

impl Problem {
    /// An error that says where it belongs; others end the check.
    fn from_error(error: StorageError) -> Result<Self, StorageError> {
        match error {
            StorageError::Corrupt { offset, reason, .. } => Ok(Self::new(offset, reason)),
            StorageError::UnsupportedVersion { .. } => {
                Ok(Self { offset: 8, what: error.to_string(), entries: None })
            }
            StorageError::Io { .. } if error.is_bad_medium() => {
                Ok(Self { offset: 0, what: error.to_string(), entries: None })
            }
            other => Err(other),
        }
    }

    fn new(offset: u64, reason: Damage) -> Self {
        Self { offset, what: reason.to_string(), entries: None }
    }
}

/// Length of a file that may be missing.
fn bytes_if_there(fs: &dyn Fs, path: &Path) -> Result<Option<u64>, StorageError> {
    dir::exists(fs, path)?.then(|| file_bytes(fs, path)).transpose()
}

fn file_bytes(fs: &dyn Fs, path: &Path) -> Result<u64, StorageError> {
    fs.open(path).and_then(|file| file.size()).map_err(StorageError::io("examine", path))
}
