//! Those who remove files in one directory, one after the other.
//!
//! `flock(2)` excludes within a process as well: the second one would be told that somebody is in the
//! way, which means a backup, and would leave its work for another time.

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};

static DIRS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
static ENDED: Condvar = Condvar::new();

/// The only one in this process that removes files in a directory, until it is dropped.
#[derive(Debug)]
pub(super) struct Removal(PathBuf);

impl Removal {
    /// Waits until nobody else removes files there.
    pub(super) fn begin(dir: &Path) -> Self {
        let dirs = DIRS.lock().unwrap_or_else(PoisonError::into_inner);
        let is_taken = |dirs: &mut Vec<PathBuf>| dirs.iter().any(|taken| taken == dir);
        let mut dirs = ENDED.wait_while(dirs, is_taken).unwrap_or_else(PoisonError::into_inner);
        dirs.push(dir.to_path_buf());
        Self(dir.to_path_buf())
    }
}

impl Drop for Removal {
    fn drop(&mut self) {
        DIRS.lock().unwrap_or_else(PoisonError::into_inner).retain(|dir| *dir != self.0);
        ENDED.notify_all();
    }
}
