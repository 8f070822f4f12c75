//! What stands between the database and the simulated disk: a place between two calls, where other
//! work may happen, and planted bugs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use storage::fs::sim::SimFs;
use storage::fs::{Directory, File, Fs, LockAnswer, Pin, Pinned};

/// A bug that the simulation must find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plant {
    /// None.
    Nothing,
    /// A sync of the log says yes and happens with the next one.
    AnswerBeforeSync,
    /// Directories are never synced.
    NoDirectorySync,
    /// A snapshot gets its name first and is synced then.
    SnapshotRenamedBeforeSync,
    /// The log is shortened before the snapshot that replaces it is made.
    SegmentDeletedBeforeSnapshot,
    /// The log is shortened to what the newest snapshot needs; the one before it needs more.
    SegmentOfOlderSnapshotDeleted,
    /// A sync that failed is tried again.
    SyncRetried,
    /// So is one of a directory.
    DirectorySyncRetried,
    /// A start writes through the pages that a failed sync has left.
    PagesOfFailedSyncKept,
    /// A record of a file's former life passes for the next one.
    StaleBytesAccepted,
}

/// What became of files, as their names tell.
#[derive(Debug, Default, Clone, Copy)]
pub struct Names {
    /// Segments that became spares.
    pub recycled: u64,
    /// Of those, how many hold the log again.
    pub reused: u64,
    pub segments_deleted: u64,
    pub block_files_deleted: u64,
}

type Hook = Box<dyn FnMut() + Send>;

/// The disk as the database sees it.
#[derive(Clone)]
pub struct Disk {
    inner: SimFs,
    plant: Plant,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    between: Option<Hook>,
    /// Syncs that a planted bug puts off, by what is to happen first.
    late: BTreeMap<PathBuf, Arc<dyn File>>,
    names: Names,
    /// Files under the names that they have, out of use, that were segments before.
    recycled: BTreeSet<PathBuf>,
}

impl Shared {
    fn renamed(&mut self, from: &Path, to: &Path) {
        let is_segment = |path: &Path| path.extension().is_some_and(|suffix| suffix == "log");
        if is_segment(from) {
            self.names.recycled += 1;
            self.recycled.insert(to.to_path_buf());
        } else if self.recycled.remove(from) {
            if is_segment(to) {
                self.names.reused += 1;
            } else {
                self.recycled.insert(to.to_path_buf());
            }
        }
    }

    fn removed(&mut self, path: &Path) {
        match path.extension().and_then(|suffix| suffix.to_str()) {
            Some("log") => self.names.segments_deleted += 1,
            Some("blk") => self.names.block_files_deleted += 1,
            _ => {}
        }
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Disk({:?})", self.plant)
    }
}

impl Disk {
    pub fn new(inner: SimFs, plant: Plant) -> Self {
        Self { inner, plant, shared: Arc::default() }
    }

    /// Lets `hook` run between any two calls while `work` does its own. For work that a thread of
    /// its own does in a server: whatever happens meanwhile happens in the hook.
    pub fn interleave<R>(
        &self,
        hook: impl FnMut() + Send + 'static,
        work: impl FnOnce() -> R,
    ) -> R {
        self.shared.lock().between = Some(Box::new(hook));
        let result = work();
        self.shared.lock().between = None;
        result
    }

    /// What became of files so far.
    pub fn names(&self) -> Names {
        self.shared.lock().names
    }

    /// Between two calls. The hook is out of its place while it runs: its own calls call no hook.
    fn between(&self) {
        let hook = self.shared.lock().between.take();
        if let Some(mut hook) = hook {
            hook();
            self.shared.lock().between = Some(hook);
        }
    }

    fn sync_names(&self, sync: &dyn Fn() -> io::Result<()>) -> io::Result<()> {
        self.between();
        match self.plant {
            Plant::NoDirectorySync => Ok(()),
            Plant::DirectorySyncRetried => sync().or_else(|_| sync()),
            _ => sync(),
        }
    }

    fn file(&self, path: &Path, file: io::Result<Arc<dyn File>>) -> io::Result<Arc<dyn File>> {
        let (path, disk) = (path.to_path_buf(), self.clone());
        file.map(|inner| Arc::new(DiskFile { inner, path, disk }) as Arc<dyn File>)
    }
}

impl Fs for Disk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.between();
        self.file(path, self.inner.create(path))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.between();
        self.file(path, self.inner.open(path))
    }

    fn open_write(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.between();
        self.file(path, self.inner.open_write(path))
    }

    fn open_dir(&self, dir: &Path) -> io::Result<Arc<dyn Directory>> {
        self.between();
        let inner = self.inner.open_dir(dir)?;
        Ok(Arc::new(DiskDirectory { inner, disk: self.clone() }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.between();
        self.inner.rename(from, to)?;
        let late = {
            let mut shared = self.shared.lock();
            shared.renamed(from, to);
            shared.late.remove(from)
        };
        late.map_or(Ok(()), |file| file.sync_data())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.between();
        self.inner.remove(path)?;
        self.shared.lock().removed(path);
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.sync_names(&|| self.inner.sync_dir(dir))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.between();
        self.inner.list(dir)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.between();
        self.inner.exists(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.between();
        self.inner.create_dir(path)
    }

    fn space_free(&self, dir: &Path) -> io::Result<u64> {
        self.inner.space_free(dir)
    }

    fn lock(&self, path: &Path, owner: &str) -> io::Result<LockAnswer> {
        self.inner.lock(path, owner)
    }

    fn pin(&self, dir: &Path, pin: Pin) -> io::Result<Option<Pinned>> {
        self.between();
        self.inner.pin(dir, pin)
    }

    fn random(&self) -> u64 {
        if self.plant == Plant::StaleBytesAccepted { 1 } else { self.inner.random() }
    }
}

#[derive(Debug)]
struct DiskDirectory {
    inner: Arc<dyn Directory>,
    disk: Disk,
}

impl Directory for DiskDirectory {
    fn sync(&self) -> io::Result<()> {
        self.disk.sync_names(&|| self.inner.sync())
    }
}

#[derive(Debug)]
struct DiskFile {
    inner: Arc<dyn File>,
    path: PathBuf,
    disk: Disk,
}

impl DiskFile {
    /// The key under which syncs of the log are put off.
    const LOG: &str = "log";

    fn ends_with(&self, suffix: &str) -> bool {
        self.path.to_str().is_some_and(|path| path.ends_with(suffix))
    }

    fn is_of_log(&self) -> bool {
        self.path.parent().is_some_and(|dir| dir.ends_with(Self::LOG))
    }
}

impl File for DiskFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.disk.between();
        self.inner.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.disk.between();
        self.inner.write_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.between();
        let put_off = |name: &Path| {
            let mut shared = self.disk.shared.lock();
            shared.late.insert(name.to_path_buf(), self.inner.clone())
        };
        match self.disk.plant {
            Plant::AnswerBeforeSync if self.is_of_log() => match put_off(Path::new(Self::LOG)) {
                Some(before) => before.sync_data(),
                None => Ok(()),
            },
            Plant::SnapshotRenamedBeforeSync if self.ends_with(".snap.tmp") => {
                put_off(&self.path);
                Ok(())
            }
            Plant::SyncRetried => self.inner.sync_data().or_else(|_| self.inner.sync_data()),
            _ => self.inner.sync_data(),
        }
    }

    fn forget_cached(&self, offset: u64, len: u64) {
        if self.disk.plant != Plant::PagesOfFailedSyncKept {
            self.inner.forget_cached(offset, len);
        }
    }

    fn size(&self) -> io::Result<u64> {
        self.disk.between();
        self.inner.size()
    }

    fn links(&self) -> io::Result<u64> {
        self.disk.between();
        self.inner.links()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.between();
        self.inner.set_len(len)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.disk.between();
        self.inner.allocate(len)
    }
}
