//! Names in a data directory: built and parsed here only.

use std::path::{Path, PathBuf};

use crate::error::StorageError;
use crate::fs::Fs;

const BLOCK_SUFFIX: &str = ".blk";
const SNAPSHOT_SUFFIX: &str = ".snap";
const TEMPORARY_SUFFIX: &str = ".snap.tmp";

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
