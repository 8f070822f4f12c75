//! What stays and what goes.

use std::collections::BTreeSet;
use std::path::Path;

use super::block_files;
use crate::blocks::BlockFile;
use crate::dir;
use crate::error::StorageError;
use crate::fs::{Fs, Pin};
use crate::{failpoint, recovery, retention};

/// The snapshots that are kept, and the block files that they refer to.
#[derive(Debug)]
pub(crate) struct Keep {
    lsns: BTreeSet<u64>,
    files: BTreeSet<u64>,
}

impl Keep {
    /// Keeps the snapshot at `lsn`, which refers to `files`, and the one before it.
    pub(crate) fn new(
        (lsn, files): (u64, &[BlockFile]),
        (lsn_before, files_before): (u64, &[BlockFile]),
    ) -> Self {
        Self {
            lsns: [lsn, lsn_before].into(),
            files: files.iter().chain(files_before).map(|file| file.number).collect(),
        }
    }

    /// Keeps older snapshots as well, as many as retention wants of those that the log goes on from.
    pub(crate) fn add_older(&mut self, fs: &dyn Fs, dir: &Path) -> Result<(), StorageError> {
        let log_first = recovery::log_first(fs, dir)?;
        let mut lsns = dir::list_snapshots(fs, dir)?;
        lsns.retain(|lsn| !self.lsns.contains(lsn) && log_first <= lsn + 1);
        for lsn in retention::thinned(lsns) {
            match block_files(fs, dir, lsn) {
                Ok(files) => {
                    self.files.extend(files.iter().map(|file| file.number));
                    self.lsns.insert(lsn);
                }
                // It serves nobody. What is damaged of the newest two is for recovery to say.
                Err(error @ StorageError::Corrupt { .. }) => {
                    tracing::warn!(%error, "an older snapshot is damaged, and goes");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Removes the other snapshots, then the other block files.
    pub(crate) fn remove_others(&self, fs: &dyn Fs, dir: &Path) -> Result<(), StorageError> {
        let Some(_pin) = dir::pin(fs, dir, Pin::Remove)? else {
            tracing::debug!("a backup is being made: what it may need stays until the next time");
            return Ok(());
        };
        for lsn in dir::list_snapshots(fs, dir)? {
            if !self.lsns.contains(&lsn) {
                remove(fs, &dir::snapshot(dir, lsn))?;
                failpoint::pass("snapshot-removed");
            }
        }
        let mut files = dir::list_block_files(fs, dir)?;
        files.retain(|number| !self.files.contains(number));
        if !files.is_empty() {
            // Otherwise a power cut could bring a snapshot back whose block files are gone.
            let snapshots = dir::snapshots(dir);
            fs.sync_dir(&snapshots).map_err(StorageError::io("sync", &snapshots))?;
        }
        for number in files {
            failpoint::pass("block-file-remove");
            remove(fs, &dir::block_file(dir, number))?;
            failpoint::pass("block-file-removed");
        }
        Ok(())
    }
}

/// Removes snapshots that were never finished: they have no name that counts.
fn remove_temporaries(fs: &dyn Fs, dir: &Path) -> Result<(), StorageError> {
    for lsn in dir::list_temporaries(fs, dir)? {
        remove(fs, &dir::snapshot_temporary(dir, lsn))?;
    }
    Ok(())
}

/// Removes at a start what an unfinished checkpoint left: temporary snapshots, and block files that
/// no snapshot refers to. With a damaged snapshot in the directory it removes no block file, so that
/// whoever examines the damage finds everything in place.
pub(crate) fn remove_leftovers(fs: &dyn Fs, dir: &Path) -> Result<(), StorageError> {
    remove_temporaries(fs, dir)?;
    let lsns = dir::list_snapshots(fs, dir)?;
    let mut files = BTreeSet::new();
    for &lsn in &lsns {
        match block_files(fs, dir, lsn) {
            Ok(of_this) => files.extend(of_this.iter().map(|file| file.number)),
            Err(StorageError::Corrupt { .. }) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Keep { lsns: lsns.into_iter().collect(), files }.remove_others(fs, dir)
}

fn remove(fs: &dyn Fs, path: &Path) -> Result<(), StorageError> {
    tracing::debug!(path = %path.display(), "removing what no kept snapshot needs");
    fs.remove(path).map_err(StorageError::io("remove", path))
}
