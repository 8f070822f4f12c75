//! Where tests and benches put their data: on a real disk.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// `$TMPDIR` if set, else `target/tmp` of this workspace.
///
/// Not `/tmp`: on many machines that is a tmpfs, where a sync costs nothing and proves nothing.
pub fn scratch_dir() -> PathBuf {
    let dir = match std::env::var_os("TMPDIR") {
        Some(dir) => PathBuf::from(dir),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tmp"),
    };
    std::fs::create_dir_all(&dir).expect("the scratch directory can be made");
    dir.canonicalize().expect("the scratch directory exists")
}

/// A fresh directory below [`scratch_dir`], removed when dropped.
pub fn temp_dir() -> TempDir {
    tempfile::Builder::new()
        .prefix("headwater-")
        .tempdir_in(scratch_dir())
        .expect("a directory can be made in the scratch directory")
}
