//! Why there is no backup, or nothing restored.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::error::{Damage, StorageError};

/// A backup or restore that did not happen. Nothing of it is left.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// A file.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The result would overwrite something.
    #[error("{} is there already and not empty; choose a new directory", .dir.display())]
    NotEmpty {
        /// What was named.
        dir: PathBuf,
    },
    /// The result would stand inside a database.
    #[error("{} lies inside the data directory {}; choose a place outside", .dir.display(), .source_dir.display())]
    Inside {
        /// What was named.
        dir: PathBuf,
        /// The database.
        source_dir: PathBuf,
    },
    /// There is nothing that the directory could stand in.
    #[error("{} is missing: make it first", .dir.display())]
    NoParent {
        /// The parent.
        dir: PathBuf,
    },
    /// Somebody else is at work there.
    #[error("{}: somebody else is at work there; try again", .dir.display())]
    Busy {
        /// Where.
        dir: PathBuf,
    },
    /// Neither snapshot nor log reaches so far.
    #[error("cannot go to {wanted}: {reason}")]
    OutOfReach {
        /// As in "cannot go to ...".
        wanted: String,
        /// What there is.
        reason: String,
    },
    /// The log is damaged before it reaches so far.
    #[error("cannot go to {wanted}: {error}{}", with_to_lsn(.before))]
    Damaged {
        /// As in "cannot go to ...".
        wanted: String,
        /// The damage.
        error: StorageError,
        /// The last record before it, if that can be gone to.
        before: Option<u64>,
    },
    /// What a backup says about itself cannot be read. Its files may be sound all the same.
    #[error("{}: {reason}; nothing says yet that more is damaged. Without that file the directory is restored for what it is: move it away, and try again", .file.display())]
    Manifest {
        /// The manifest.
        file: PathBuf,
        /// What is wrong with it.
        reason: Damage,
    },
    /// The log has nothing so old.
    #[error(
        "cannot go to the time {wanted_ms}: the oldest record in the log is {first}, of {first_ms} (Unix milliseconds)"
    )]
    TooEarly {
        /// What was asked for, in Unix milliseconds.
        wanted_ms: u64,
        /// The oldest record.
        first: u64,
        /// When it was written.
        first_ms: u64,
    },
    /// The log belongs to another history than the backup.
    #[error("{} is no continuation of {}: it belongs to another history", .log.display(), .base.display())]
    OtherHistory {
        /// The log.
        log: PathBuf,
        /// The backup.
        base: PathBuf,
    },
    /// What was read back is not what was written, or was damaged before.
    #[error("the result was not sound and is gone: {what}")]
    NotSound {
        /// The first thing found.
        what: String,
    },
}

fn with_to_lsn(before: &Option<u64>) -> String {
    before.map_or_else(String::new, |before| {
        format!(". With --to-lsn {before} everything before it can be restored")
    })
}

impl ArchiveError {
    /// Whether the disk was full.
    #[must_use]
    pub fn is_space(&self) -> bool {
        matches!(self, ArchiveError::Storage(error) if error.is_space())
    }

    /// Whether a file was not there.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, ArchiveError::Storage(StorageError::Io { source, .. })
            if source.kind() == io::ErrorKind::NotFound)
    }
}
