//! Looks after the file of the directory's lock, which people remove.

use std::sync::Arc;
use std::time::{Duration, Instant};

use storage::fs::{DirLock, LockFile};

/// How often the file is looked for.
const INTERVAL: Duration = Duration::from_secs(1);

/// Tells once that the file is gone.
pub(crate) struct LockWatch {
    lock: Arc<dyn DirLock>,
    looked_at: Instant,
    is_told: bool,
}

impl LockWatch {
    pub(crate) fn new(lock: Arc<dyn DirLock>) -> Self {
        Self { lock, looked_at: Instant::now(), is_told: false }
    }

    /// Looks, if it is time to.
    pub(crate) fn tick(&mut self) {
        if self.looked_at.elapsed() < INTERVAL {
            return;
        }
        self.looked_at = Instant::now();
        let found = self.lock.look();
        match &found {
            Ok(LockFile::InPlace) => {}
            Ok(LockFile::MadeAnew) => tracing::error!(
                "the file LOCK of the data directory was removed or replaced, and is made anew: nobody else got in, but leave it alone"
            ),
            Ok(LockFile::Lost) if !self.is_told => tracing::error!(
                "the file LOCK of the data directory is not the one that this server holds any more: see to it that no other server works in the directory, and restart this one"
            ),
            Err(error) if !self.is_told => tracing::error!(
                %error,
                "the file LOCK of the data directory cannot be looked after"
            ),
            Ok(LockFile::Lost) | Err(_) => {}
        }
        self.is_told = matches!(found, Ok(LockFile::Lost) | Err(_));
    }
}
