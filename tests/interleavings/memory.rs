//! A disk that knows which records it has, and which of them are durable. The threads of a model meet
//! in it only where a real disk would let them: in the middle of a sync.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::format::record;
use crate::fs::{Directory, File, Fs, LockAnswer};
use crate::sync::{AtomicU64, Ordering};

#[derive(Debug, Clone)]
pub(crate) struct Memory {
    shared: Arc<Shared>,
    /// Says that syncs have happened when they have not: the bug that the tests must find.
    is_lying: bool,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Touched in the middle of a sync, so that the model lets others run there.
    middle: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    durable: BTreeSet<u64>,
    syncs: u64,
    failing_sync: Option<u64>,
    has_failed: bool,
    is_in_sync: bool,
}

impl Memory {
    /// A disk whose `failing_sync`th sync fails.
    pub(crate) fn new(failing_sync: Option<u64>, is_lying: bool) -> Self {
        let state = Mutex::new(State { failing_sync, ..State::default() });
        Self { shared: Arc::new(Shared { state, middle: AtomicU64::new(0) }), is_lying }
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.state().has_failed
    }

    pub(crate) fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// Every record up to `lsn` is durable.
    pub(crate) fn has_all(&self, lsn: u64) -> bool {
        let state = self.state();
        (1..=lsn).all(|lsn| state.durable.contains(&lsn))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().expect("no thread of a model panics and goes on")
    }

    fn file(&self) -> Arc<dyn File> {
        Arc::new(MemoryFile { disk: self.clone(), unsynced: Mutex::default() })
    }
}

/// A file of the log.
#[derive(Debug)]
struct MemoryFile {
    disk: Memory,
    unsynced: Mutex<BTreeSet<u64>>,
}

impl File for MemoryFile {
    fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
        Ok(0)
    }

    fn write_at(&self, bytes: &[u8], _: u64) -> io::Result<usize> {
        let mut unsynced = self.unsynced.lock().expect("as above");
        let mut rest = bytes;
        while let Some(size) = record::claimed_size(rest, rest.len() as u64) {
            if rest[40] == 1 || rest[40] == 2 {
                unsynced.extend(record::claimed_lsn(rest));
            }
            rest = &rest[size..];
        }
        Ok(bytes.len())
    }

    fn sync_data(&self) -> io::Result<()> {
        let covered = self.unsynced.lock().expect("as above").clone();
        {
            let mut state = self.disk.state();
            assert!(
                !state.is_in_sync,
                "two syncs at once: only one of them would hear of a failure"
            );
            assert!(!state.has_failed, "a sync after one that failed");
            state.is_in_sync = true;
            state.syncs += 1;
        }
        self.disk.shared.middle.fetch_add(1, Ordering::Relaxed);
        let mut state = self.disk.state();
        state.is_in_sync = false;
        if state.failing_sync == Some(state.syncs) {
            state.has_failed = true;
            return Err(io::ErrorKind::Other.into());
        }
        if !self.disk.is_lying {
            state.durable.extend(covered);
        }
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(0)
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn allocate(&self, _: u64) -> io::Result<()> {
        Ok(())
    }
}

impl Directory for Memory {
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

impl Fs for Memory {
    fn create(&self, _: &Path) -> io::Result<Arc<dyn File>> {
        Ok(self.file())
    }

    fn open(&self, _: &Path) -> io::Result<Arc<dyn File>> {
        Ok(self.file())
    }

    fn open_write(&self, _: &Path) -> io::Result<Arc<dyn File>> {
        Ok(self.file())
    }

    fn open_dir(&self, _: &Path) -> io::Result<Arc<dyn Directory>> {
        Ok(Arc::new(self.clone()))
    }

    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn remove(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, _: &Path) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn exists(&self, _: &Path) -> io::Result<bool> {
        Ok(true)
    }

    fn create_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn space_free(&self, _: &Path) -> io::Result<u64> {
        Ok(1 << 40)
    }

    fn lock(&self, _: &Path, _: &str) -> io::Result<LockAnswer> {
        Ok(LockAnswer::Held(Box::new(())))
    }

    fn random(&self) -> u64 {
        7
    }
}
