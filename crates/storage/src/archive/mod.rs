//! Backups, and the way back from them, to any record that a log still has.
//!
//! A backup is a directory with the files of a database up to one record: a snapshot, the block files
//! that it refers to, and the log from there. Everything but the end of the log never changes, so it
//! is linked where the file system allows it. A server is not asked: it leaves alone what is pinned
//! ([`crate::fs::Pin`]), for the moment that linking takes.
//!
//! These tools work on the machine's own files, through the readers of the server. Both build under
//! another name and rename at the end: there is a whole result, or none.

mod backup;
mod building;
mod copy;
mod error;
mod manifest;
mod restore;
#[cfg(test)]
mod tests;
mod timeline;

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

pub(crate) use copy::sum_of;

pub use backup::{BackupOptions, BackupReport, backup};
pub use error::ArchiveError;
pub use manifest::{Manifest, ManifestFile};
pub use restore::{RestoreReport, RestoreRequest, Restored, Target, restore, restored_from};

use crate::dir;
use crate::error::StorageError;
use crate::fs::{Fs, Pin, Pinned, RealFs};

/// How long to wait for a server that is removing files at this moment.
const PIN_PATIENCE: Duration = Duration::from_secs(30);

/// How far a backup or restore has come.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// What is being done.
    pub step: Step,
    /// The file.
    pub file: &'a Path,
    /// Bytes of it, or of the whole verification, so far.
    pub bytes: u64,
}

/// The steps of a backup or restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Linking or copying a file.
    Take,
    /// Reading it back.
    Verify,
    /// Giving the result its name.
    Finish,
}

/// Told about progress.
pub type OnProgress<'a> = &'a mut dyn FnMut(Progress<'_>);

/// Keeps the files of a database where they are; of one whose directory or whose log is named.
fn keep(place: &Path) -> Result<Pinned, ArchiveError> {
    let inside = dir::log(place);
    let dir = if inside.is_dir() { inside.as_path() } else { place };
    let began = Instant::now();
    loop {
        if let Some(pin) = RealFs.pin(dir, Pin::Keep).map_err(StorageError::io("open", dir))? {
            return Ok(pin);
        }
        if PIN_PATIENCE < began.elapsed() {
            return Err(ArchiveError::Busy { dir: dir.to_path_buf() });
        }
        thread::sleep(Duration::from_millis(5));
    }
}
