//! The data directory: the names of its files, built and parsed here only, its lock and its mark.

use std::path::{Path, PathBuf};

use crate::error::{Damage, StorageError};
use crate::format::header::{FileHeader, FileKind, HEADER_BYTES};
use crate::fs::{DirLock, Fs, LockAnswer, Pin, Pinned};

/// Names that may stand in the directory. `lost+found` is there when it is a mount point.
const KNOWN: &[&str] = &[
    "LOCK",
    "FORMAT",
    "FORMAT.tmp",
    "CLEAN",
    "CLEAN.tmp",
    "log",
    "blocks",
    "snapshots",
    "BACKUP",
    "RESTORED",
    "lost+found",
];

const SEGMENT_SUFFIX: &str = ".log";
const SPARE_SUFFIX: &str = ".spare";
const READY_SUFFIX: &str = ".next";

const BLOCK_SUFFIX: &str = ".blk";
const SNAPSHOT_SUFFIX: &str = ".snap";
const TEMPORARY_SUFFIX: &str = ".snap.tmp";

/// Held by the one server that works in the directory.
pub(crate) fn lock(dir: &Path) -> PathBuf {
    dir.join("LOCK")
}

/// The mark that the directory is complete and ours.
pub(crate) fn format(dir: &Path) -> PathBuf {
    dir.join("FORMAT")
}

/// The mark of a clean stop.
pub(crate) fn clean(dir: &Path) -> PathBuf {
    dir.join("CLEAN")
}

/// The manifest of a backup: a directory that has one is no place for a server.
pub(crate) fn backup(dir: &Path) -> PathBuf {
    dir.join("BACKUP")
}

/// Where a restored directory came from, for people.
pub(crate) fn restored(dir: &Path) -> PathBuf {
    dir.join("RESTORED")
}

/// The directory of the log.
pub(crate) fn log(dir: &Path) -> PathBuf {
    dir.join("log")
}

/// The segment that begins with record `first`.
pub(crate) fn segment(dir: &Path, first: u64) -> PathBuf {
    segment_in(&log(dir), first)
}

/// The first record of a segment, by its path.
pub(crate) fn first_of_segment(path: &Path) -> Option<u64> {
    parse(path.file_name()?.to_str()?, SEGMENT_SUFFIX)
}

/// A segment that is not in use.
pub(crate) fn spare(dir: &Path, number: u64) -> PathBuf {
    numbered(&log(dir), number, SPARE_SUFFIX)
}

/// A segment that is ready to be the next one: no record in it comes before `number`.
pub(crate) fn ready(dir: &Path, number: u64) -> PathBuf {
    numbered(&log(dir), number, READY_SUFFIX)
}

/// Numbers of the segments that are ready, rising.
pub(crate) fn list_ready(fs: &dyn Fs, dir: &Path) -> Result<Vec<u64>, StorageError> {
    list(fs, &log(dir), READY_SUFFIX)
}

/// The segments that are ready, in a directory of segments alone.
pub(crate) fn ready_in(fs: &dyn Fs, log: &Path) -> Result<Vec<PathBuf>, StorageError> {
    let numbers = list(fs, log, READY_SUFFIX)?;
    Ok(numbers.into_iter().map(|number| numbered(log, number, READY_SUFFIX)).collect())
}

/// First LSNs of the segments there are, rising.
pub(crate) fn list_segments(fs: &dyn Fs, dir: &Path) -> Result<Vec<u64>, StorageError> {
    segments_in(fs, &log(dir))
}

/// The same, for a directory of segments alone.
pub(crate) fn segments_in(fs: &dyn Fs, log: &Path) -> Result<Vec<u64>, StorageError> {
    list(fs, log, SEGMENT_SUFFIX)
}

/// The name of a segment in such a directory.
pub(crate) fn segment_in(log: &Path, first: u64) -> PathBuf {
    numbered(log, first, SEGMENT_SUFFIX)
}

/// Numbers of the spare segments there are, rising.
pub(crate) fn list_spares(fs: &dyn Fs, dir: &Path) -> Result<Vec<u64>, StorageError> {
    list(fs, &log(dir), SPARE_SUFFIX)
}

/// The directory of block files.
pub(crate) fn blocks(dir: &Path) -> PathBuf {
    dir.join("blocks")
}

/// A block file.
pub(crate) fn block_file(dir: &Path, number: u64) -> PathBuf {
    numbered(&blocks(dir), number, BLOCK_SUFFIX)
}

/// Numbers of the block files there are, rising.
pub(crate) fn list_block_files(fs: &dyn Fs, dir: &Path) -> Result<Vec<u64>, StorageError> {
    list(fs, &blocks(dir), BLOCK_SUFFIX)
}

/// The directory of snapshots.
pub(crate) fn snapshots(dir: &Path) -> PathBuf {
    dir.join("snapshots")
}

/// The snapshot of the state after record `lsn`.
pub(crate) fn snapshot(dir: &Path, lsn: u64) -> PathBuf {
    numbered(&snapshots(dir), lsn, SNAPSHOT_SUFFIX)
}

/// That snapshot while it is being written.
pub(crate) fn snapshot_temporary(dir: &Path, lsn: u64) -> PathBuf {
    numbered(&snapshots(dir), lsn, TEMPORARY_SUFFIX)
}

/// LSNs of the snapshots there are, rising.
pub(crate) fn list_snapshots(fs: &dyn Fs, dir: &Path) -> Result<Vec<u64>, StorageError> {
    list(fs, &snapshots(dir), SNAPSHOT_SUFFIX)
}

/// LSNs of the snapshots that are not finished, rising.
pub(crate) fn list_temporaries(fs: &dyn Fs, dir: &Path) -> Result<Vec<u64>, StorageError> {
    list(fs, &snapshots(dir), TEMPORARY_SUFFIX)
}

/// Makes the directory if it is missing, refuses it if it is not ours, and locks it for as long as
/// the answer lives.
pub(crate) fn claim(fs: &dyn Fs, dir: &Path) -> Result<Box<dyn DirLock>, StorageError> {
    make_durable(fs, dir)?;
    refuse_foreign(fs, dir)?;
    if exists(fs, &backup(dir))? {
        return Err(StorageError::IsBackup { dir: dir.to_path_buf() });
    }
    let path = lock(dir);
    let owner = format!("{}\n", std::process::id());
    match fs.lock(&path, &owner).map_err(StorageError::io("lock", &path))? {
        LockAnswer::Held(lock) => Ok(lock),
        LockAnswer::Taken { owner } => Err(taken(dir, &owner)),
    }
}

/// The refusal of a directory that somebody else has locked, who left `owner`.
pub(crate) fn taken(dir: &Path, owner: &str) -> StorageError {
    let pid = owner.chars().filter(char::is_ascii_digit).collect();
    StorageError::Locked { dir: dir.to_path_buf(), pid }
}

/// Keeps the files of the database in `dir`, or makes sure that nobody else counts on them (see
/// [`Fs::pin`]): snapshots, blocks and segments together.
pub(crate) fn pin(fs: &dyn Fs, dir: &Path, pin: Pin) -> Result<Option<Pinned>, StorageError> {
    let log = log(dir);
    fs.pin(&log, pin).map_err(StorageError::io("lock", &log))
}

/// Refuses a directory in which something stands that is not ours.
pub(crate) fn refuse_foreign(fs: &dyn Fs, dir: &Path) -> Result<(), StorageError> {
    let names = fs.list(dir).map_err(StorageError::io("open", dir))?;
    let Some(name) = names.iter().find(|name| !KNOWN.contains(&name.as_str())).cloned() else {
        return Ok(());
    };
    let dir = dir.to_path_buf();
    let has = |part: &str| names.iter().any(|name| name == part);
    match has("FORMAT") || ["log", "blocks", "snapshots"].into_iter().all(has) {
        true => Err(StorageError::Stray { dir, name }),
        false => Err(StorageError::NotOurs { dir, name }),
    }
}

/// Where the database `source` really is, if what is to be made at `dest` would stand inside it: no
/// server would start on it again. Of a disk that is none of the machine's nothing is known.
pub(crate) fn around(dest: &Path, source: &Path) -> Option<PathBuf> {
    let source = source.canonicalize().ok()?;
    let dest = std::path::absolute(dest).ok()?;
    // What is missing of the path will be made in what is there.
    let place = dest.ancestors().find_map(|place| place.canonicalize().ok())?;
    let is_itself = place == source && dest.exists();
    (place.starts_with(&source) && !is_itself).then_some(source)
}

/// The data directory that a file of ours belongs to.
pub(crate) fn of_file(file: &Path) -> &Path {
    let parent = file.parent().unwrap_or(file);
    match parent.parent() {
        Some(dir) if [log(dir), blocks(dir), snapshots(dir)].iter().any(|part| part == parent) => {
            dir
        }
        _ => parent,
    }
}

/// Whether this is a segment, in use or not.
pub(crate) fn is_in_log(file: &Path) -> bool {
    file.parent().is_some_and(|parent| parent == log(of_file(file)))
}

/// What the mark of a directory says: whose past this is.
///
/// Two directories that share a past up to some record (one was restored from the other) go on with
/// the same numbers for different records. Their histories differ, so that no file of the one passes
/// for a file of the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// A number that nobody else has; 0 in directories made before there was one.
    pub(crate) history: u64,
    /// Of a restored directory: where it was taken from.
    pub(crate) parent: u64,
    /// Of a restored directory: the last record that it shares with its parent; else 0.
    pub(crate) restored_lsn: u64,
}

impl Mark {
    /// Refuses a segment that belongs to another history than this directory's.
    pub(crate) fn expect_ours(
        &self,
        first: u64,
        header: &FileHeader,
        path: &Path,
    ) -> Result<(), StorageError> {
        let is_shared = first <= self.restored_lsn;
        if is_shared || self.history == 0 || header.history == self.history {
            return Ok(());
        }
        Err(StorageError::corrupt(path, 32, Damage::Foreign { found: header.history }))
    }
}

/// The mark of the directory, if it has one; a damaged or newer mark is an error.
pub(crate) fn mark(fs: &dyn Fs, dir: &Path) -> Result<Option<Mark>, StorageError> {
    let path = format(dir);
    if !exists(fs, &path)? {
        return Ok(None);
    }
    let bytes = read_small(fs, &path)?;
    let FileHeader { number, history, parent, .. } =
        FileHeader::decode(&bytes, FileKind::Directory, &path)?;
    Ok(Some(Mark { history, parent, restored_lsn: number }))
}

/// Whether the directory bears our mark; a damaged or newer mark is an error.
pub(crate) fn is_marked(fs: &dyn Fs, dir: &Path) -> Result<bool, StorageError> {
    mark(fs, dir).map(|mark| mark.is_some())
}

/// Refuses a directory that holds no database, and one that has lost its mark, each by that.
pub(crate) fn expect_marked(fs: &dyn Fs, dir: &Path) -> Result<(), StorageError> {
    if is_marked(fs, dir)? {
        return Ok(());
    }
    expect_parts(fs, dir)?;
    Err(StorageError::corrupt(&format(dir), 0, Damage::Missing))
}

/// Refuses a directory in which nothing is that a database consists of.
pub(crate) fn expect_parts(fs: &dyn Fs, dir: &Path) -> Result<(), StorageError> {
    let names = fs.list(dir).map_err(StorageError::io("open", dir))?;
    let is_part =
        |name: &String| matches!(name.as_str(), "FORMAT" | "log" | "blocks" | "snapshots");
    match names.iter().any(is_part) {
        true => Ok(()),
        false => Err(StorageError::NoDatabase { dir: dir.to_path_buf() }),
    }
}

/// Puts our mark into a directory that is complete otherwise.
pub(crate) fn put_mark(fs: &dyn Fs, dir: &Path, mark: Mark) -> Result<(), StorageError> {
    let Mark { history, parent, restored_lsn } = mark;
    let header =
        FileHeader { history, parent, ..FileHeader::new(FileKind::Directory, restored_lsn) };
    write_small(fs, &format(dir), &header.encode())
}

/// Whether there is something of this name.
pub(crate) fn exists(fs: &dyn Fs, path: &Path) -> Result<bool, StorageError> {
    fs.exists(path).map_err(StorageError::io("look for", path))
}

/// Longest file that [`read_small`] reads.
const SMALL_BYTES: usize = 4096;
const _: () = assert!(HEADER_BYTES <= SMALL_BYTES);

/// The beginning of a file, all of it if it is one of those that [`write_small`] writes.
pub(crate) fn read_small(fs: &dyn Fs, path: &Path) -> Result<Vec<u8>, StorageError> {
    let file = fs.open(path).map_err(StorageError::io("open", path))?;
    let mut bytes = vec![0; SMALL_BYTES];
    let mut len = 0;
    while len < bytes.len() {
        match file.read_at(&mut bytes[len..], len as u64).map_err(StorageError::io("read", path))? {
            0 => break,
            count => len += count,
        }
    }
    bytes.truncate(len);
    Ok(bytes)
}

/// Writes a small file so that its name stands for all of its content or for nothing: aside, synced,
/// renamed, directory synced.
pub(crate) fn write_small(fs: &dyn Fs, path: &Path, bytes: &[u8]) -> Result<(), StorageError> {
    let aside = path.with_extension("tmp");
    if exists(fs, &aside)? {
        fs.remove(&aside).map_err(StorageError::io("remove", &aside))?;
    }
    let file = fs.create(&aside).map_err(StorageError::io("create", &aside))?;
    file.write_all_at(bytes, 0).map_err(StorageError::io("write", &aside))?;
    file.sync_data().map_err(StorageError::io("sync", &aside))?;
    fs.rename(&aside, path).map_err(StorageError::io("rename", &aside))?;
    let dir = path.parent().expect("a file of ours stands in a directory");
    fs.sync_dir(dir).map_err(StorageError::io("sync", dir))
}

/// Makes the names of segments durable.
pub(crate) fn sync_log(fs: &dyn Fs, dir: &Path) -> Result<(), StorageError> {
    let log = log(dir);
    fs.sync_dir(&log).map_err(StorageError::io("sync", &log))
}

/// Makes a directory whose name survives: a database in a directory whose own name is lost is lost
/// with it.
///
/// An earlier start may have made it, or directories above it, and failed before their names were
/// durable. So all names are synced until the directory bears our mark, which it gets last.
fn make_durable(fs: &dyn Fs, dir: &Path) -> Result<(), StorageError> {
    if exists(fs, &format(dir))? {
        return Ok(());
    }
    fs.create_dir(dir).map_err(StorageError::io("create", dir))?;
    for parent in dir.ancestors().filter_map(Path::parent) {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        match fs.sync_dir(parent) {
            Err(error) if is_no_place_of_ours(&error) => {}
            other => other.map_err(StorageError::io("sync", parent))?,
        }
    }
    Ok(())
}

/// Whether a directory cannot be synced because we cannot have made anything in it, or because its
/// file system knows no such thing.
fn is_no_place_of_ours(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{InvalidInput, PermissionDenied, ReadOnlyFilesystem, Unsupported};
    matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem | InvalidInput | Unsupported)
}

/// Twenty digits hold every number, so that names sort as numbers do.
fn numbered(dir: &Path, number: u64, suffix: &str) -> PathBuf {
    dir.join(format!("{number:020}{suffix}"))
}

fn list(fs: &dyn Fs, dir: &Path, suffix: &str) -> Result<Vec<u64>, StorageError> {
    let names = fs.list(dir).map_err(StorageError::io("list", dir))?;
    let mut numbers: Vec<_> = names.iter().filter_map(|name| parse(name, suffix)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

fn parse(name: &str, suffix: &str) -> Option<u64> {
    let digits = name.strip_suffix(suffix)?;
    let all_digits = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| digits.parse().ok())?
}
