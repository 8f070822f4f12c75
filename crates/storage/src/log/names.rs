//! The directories of an open database. They stay open, so that a sync of their names needs no
//! descriptor, and one that failed is not tried again: the next would say yes, to names that are lost.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::poison::Poison;
use crate::dir;
use crate::error::StorageError;
use crate::fs::{Directory, File, Fs, LockAnswer, Pin, Pinned};

/// A file system for the life of a log, which ends with the first sync of a directory that fails.
#[derive(Debug)]
pub(super) struct Names {
    inner: Arc<dyn Fs>,
    open: Vec<(PathBuf, Arc<dyn Directory>)>,
    has_failed: AtomicBool,
    poison: Arc<Poison>,
}

impl Names {
    pub(super) fn open(
        inner: Arc<dyn Fs>,
        dir: &Path,
        poison: Arc<Poison>,
    ) -> Result<Self, StorageError> {
        let open = [dir.to_path_buf(), dir::log(dir), dir::blocks(dir), dir::snapshots(dir)]
            .into_iter()
            .map(|path| match inner.open_dir(&path) {
                Ok(open) => Ok((path, open)),
                Err(error) => Err(StorageError::io("open", &path)(error)),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { inner, open, has_failed: AtomicBool::new(false), poison })
    }
}

impl Fs for Names {
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        if self.has_failed.load(Ordering::Acquire) {
            return Err(io::Error::other("a sync of names has failed before"));
        }
        let open = self.open.iter().find(|(path, _)| path == dir);
        let Some((path, open)) = open else { return self.inner.sync_dir(dir) };
        open.sync().inspect_err(|error| {
            self.has_failed.store(true, Ordering::Release);
            let cause = match error.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code),
                None => error.kind().into(),
            };
            self.poison.set(&StorageError::io("sync", path)(cause));
        })
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.inner.create(path)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.inner.open(path)
    }

    fn open_write(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.inner.open_write(path)
    }

    fn open_dir(&self, dir: &Path) -> io::Result<Arc<dyn Directory>> {
        self.inner.open_dir(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.inner.remove(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.inner.list(dir)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.inner.exists(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.inner.create_dir(path)
    }

    fn space_free(&self, dir: &Path) -> io::Result<u64> {
        self.inner.space_free(dir)
    }

    fn file_bytes_max(&self) -> u64 {
        self.inner.file_bytes_max()
    }

    fn lock(&self, path: &Path, owner: &str) -> io::Result<LockAnswer> {
        self.inner.lock(path, owner)
    }

    fn lock_to_read(&self, path: &Path) -> io::Result<LockAnswer> {
        self.inner.lock_to_read(path)
    }

    fn pin(&self, dir: &Path, pin: Pin) -> io::Result<Option<Pinned>> {
        self.inner.pin(dir, pin)
    }

    fn random(&self) -> u64 {
        self.inner.random()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use engine::{Command, Context};

    use super::*;
    use crate::checkpoint::Checkpointer;
    use crate::database::Database;
    use crate::fs::RealFs;
    use crate::fs::sim::SimFs;
    use crate::options::Options;

    const DIR: &str = "/data";

    fn append(database: &mut Database) -> Result<u64, StorageError> {
        let append = Command::Append { key: b"key", value: &[b'x'; 400] };
        database.execute(&append, Context { db: 0, now: 1 }).unwrap();
        database.log().commit()
    }

    /// A database with segments that a second checkpoint makes dispensable.
    fn written() -> (SimFs, Database, Checkpointer) {
        let fs = SimFs::new(1);
        let (segment_bytes, reserve_bytes) = (8 << 10, 512);
        let options = Options {
            segment_bytes,
            first_segment_bytes: segment_bytes,
            reserve_bytes,
            ..Options::default()
        };
        let arc = Arc::new(fs.clone());
        let opened = Database::open(arc, Path::new(DIR), options, 1, &mut |_| {});
        let (mut database, _) = opened.unwrap();
        let mut checkpointer = Checkpointer::new(database.fs().clone(), DIR.into(), 0);
        for _ in 0..60 {
            append(&mut database).unwrap();
        }
        checkpointer.run(database.log().durable()).unwrap();
        append(&mut database).unwrap();
        (fs, database, checkpointer)
    }

    #[test]
    fn after_a_failed_sync_no_segment_goes() {
        for nth in 1..4 {
            let (fs, database, mut checkpointer) = written();
            let report = checkpointer.run(database.log().durable()).unwrap();
            fs.fail_dir_sync(nth);
            let log = database.log();
            let failed = log.remove_before(report.log_needed_from);
            assert!(matches!(failed, Err(StorageError::Io { .. })), "{nth}: {failed:?}");
            let files = fs.files(Path::new(DIR));
            let again = log.remove_before(report.log_needed_from);
            assert!(matches!(again, Err(StorageError::Poisoned { .. })), "{nth}: {again:?}");
            assert_eq!(fs.files(Path::new(DIR)), files);
            let cause = log.poison().unwrap().to_string();
            assert!(cause.starts_with("cannot sync /data/log: "), "{cause}");
        }
    }

    #[test]
    fn a_snapshot_whose_name_may_be_lost_is_not_built_upon() {
        let (fs, mut database, mut checkpointer) = written();
        fs.fail_dir_sync(1);
        let failed = checkpointer.run(database.log().durable());
        assert!(matches!(failed, Err(StorageError::Io { .. })), "{failed:?}");
        assert!(matches!(database.log().commit(), Err(StorageError::Poisoned { .. })));
        let refused = database
            .execute(&Command::Append { key: b"key", value: b"x" }, Context { db: 0, now: 1 });
        assert!(refused.is_err());
        let before = fs.files(Path::new(DIR));
        let again = checkpointer.run(database.log().durable());
        assert!(again.is_err() || fs.files(Path::new(DIR)) == before, "{again:?}");
    }

    #[test]
    fn a_sync_of_names_needs_no_descriptor() {
        let dir = tempfile::tempdir().unwrap();
        for part in [dir::log(dir.path()), dir::blocks(dir.path()), dir::snapshots(dir.path())] {
            std::fs::create_dir(part).unwrap();
        }
        let poison = Arc::new(Poison::new());
        let names = Names::open(Arc::new(RealFs), dir.path(), poison.clone()).unwrap();
        // Whoever wanted to open it now could not.
        let log = dir::log(dir.path());
        std::fs::rename(&log, dir.path().join("elsewhere")).unwrap();
        names.sync_dir(&log).unwrap();
        // Others are opened: that one cannot be proves nothing about what is synced.
        names.sync_dir(&dir.path().join("other")).unwrap_err();
        assert!(!poison.is_set());
    }
}
