//! Keeping log to go back with: `log-retention-time` and `log-retention-size`.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use storage::fs::Fs;
use storage::retention::{self, Kept};
use storage::{RecoveryReport, StorageError};

use crate::core::Shared;

/// What is kept, and what must be.
#[derive(Debug)]
pub(crate) struct Retained {
    /// As of the last look.
    kept: Mutex<Kept>,
    /// A restart may need the records from here on.
    needed_from: AtomicU64,
}

impl Retained {
    /// After a recovery. What it passed over may have made it begin further back than usual: then
    /// nothing goes before there is a new snapshot.
    pub(crate) fn new(fs: &dyn Fs, dir: &Path, recovery: &RecoveryReport) -> Self {
        let is_usual = recovery.snapshots_damaged.is_empty();
        let needed = is_usual.then(|| retention::needed_from(fs, dir).ok()).flatten().unwrap_or(1);
        Self { kept: Mutex::default(), needed_from: AtomicU64::new(needed) }
    }

    /// After a checkpoint.
    pub(crate) fn needs_from(&self, lsn: u64) {
        self.needed_from.fetch_max(lsn, Ordering::AcqRel);
    }

    /// For INFO.
    pub(crate) fn kept(&self) -> Kept {
        *self.kept.lock()
    }
}

/// Removes the log that neither a restart nor the configuration asks for; how many segments.
pub(crate) fn enforce(shared: &Shared) -> usize {
    removed(shared).unwrap_or_else(|error| {
        tracing::warn!(%error, "segments that are not needed any more stay for now");
        0
    })
}

/// After a checkpoint that found no room: what is only kept for going back goes first.
pub(crate) fn give_way(shared: &Shared) {
    match shared.log.give_way() {
        Ok(true) | Err(StorageError::Poisoned { .. }) => {}
        Ok(false) => return,
        Err(error) => tracing::warn!(%error, "older log could not be given up"),
    }
    while shared.log.give_way().unwrap_or(false) {}
}

fn removed(shared: &Shared) -> Result<usize, StorageError> {
    let (fs, dir) = &shared.place;
    let needed = shared.retained.needed_from.load(Ordering::Acquire);
    shared.log.set_needed_from(needed);
    let retention = shared.config.settings().retention;
    let from = retention.keeps_from(&**fs, dir, needed, shared.clock.now())?;
    let segments = shared.log.remove_before(from)?;
    *shared.retained.kept.lock() = retention::kept(&**fs, dir, needed)?;
    Ok(segments)
}
