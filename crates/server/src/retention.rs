//! Keeping log to go back with: `log-retention-time` and `log-retention-size`.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use storage::fs::Fs;
use storage::retention::{self, Kept};
use storage::{Log, RecoveryReport, StorageError};

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

/// After a checkpoint that found no room. What nobody needs goes first: `true`, as that may be enough
/// for the next one. Otherwise all that is only kept for going back.
pub(crate) fn give_way(log: &Log) -> bool {
    if log.give_back() {
        return true;
    }
    loop {
        match log.give_way() {
            Ok(true) => {}
            Ok(false) | Err(StorageError::Poisoned { .. }) => return false,
            Err(error) => {
                tracing::warn!(%error, "older log could not be given up");
                return false;
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use engine::{Command, Context};
    use storage::fs::RealFs;
    use storage::{Database, Options};

    use super::*;

    #[test]
    fn what_nobody_needs_goes_before_what_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let segment_bytes = 64 << 10;
        let options = Options {
            segment_bytes,
            first_segment_bytes: segment_bytes,
            reserve_bytes: 4 << 10,
            spares: 0,
            ..Options::default()
        };
        let opened = Database::open(Arc::new(RealFs), dir.path(), options, 1, &mut |_| {});
        let (mut database, _) = opened.unwrap();
        let append = Command::Append { key: b"k", value: &[7; 8 << 10] };
        while database.log().stats().segments < 25 {
            database.execute(&append, Context { db: 0, now: 1 }).unwrap();
            database.log().commit().unwrap();
        }
        let log = database.log();
        // There is a snapshot, as far as the log is told: the first half is of no use to anybody, and
        // more than a few spares.
        let last = log.durable();
        log.set_needed_from(last);
        let removed = log.remove_before(last / 2).unwrap();
        let left = log.stats().segments;
        assert!(5 < removed && 3 < left, "{removed} {left}");
        assert!(give_way(log), "removed, but not given back yet");
        assert_eq!(log.stats().segments, left);
        assert!(!give_way(log));
        assert!(log.stats().segments < left);
        assert!(!give_way(log), "nothing is left that could go");
    }
}
