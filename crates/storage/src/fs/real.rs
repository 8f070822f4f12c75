//! The machine's file system.

use std::fs;
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{Advice, FallocateFlags};

use super::removals::Removal;
use super::{Directory, File, Fs, LockAnswer, Pin, Pinned, lock};

/// Files of the machine, through system calls that block.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealFs;

/// Nobody but us reads what clients stored.
pub(super) const FILE_MODE: u32 = 0o600;
const DIR_MODE: u32 = 0o700;

impl Fs for RealFs {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(FILE_MODE);
        Ok(Arc::new(RealFile(options.open(path)?)))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(RealFile(fs::File::open(path)?)))
    }

    fn open_write(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(RealFile(fs::OpenOptions::new().read(true).write(true).open(path)?)))
    }

    fn open_dir(&self, dir: &Path) -> io::Result<Arc<dyn Directory>> {
        Ok(Arc::new(RealDirectory(fs::File::open(dir)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.open_dir(dir)?.sync()
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = fs::read_dir(dir)?
            .map(|entry| {
                entry?.file_name().into_string().map_err(|name| {
                    io::Error::new(io::ErrorKind::InvalidData, format!("foreign name {name:?}"))
                })
            })
            .collect::<io::Result<Vec<_>>>()?;
        names.sort_unstable();
        Ok(names)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        path.try_exists()
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(DIR_MODE).create(path)
    }

    fn space_free(&self, dir: &Path) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(dir)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn file_bytes_max(&self) -> u64 {
        rustix::process::getrlimit(rustix::process::Resource::Fsize).current.unwrap_or(u64::MAX)
    }

    fn lock(&self, path: &Path, owner: &str) -> io::Result<LockAnswer> {
        lock::take(path, owner)
    }

    fn lock_to_read(&self, path: &Path) -> io::Result<LockAnswer> {
        lock::take_to_read(path)
    }

    fn pin(&self, dir: &Path, pin: Pin) -> io::Result<Option<Pinned>> {
        // The directory itself is locked: there is nothing to create, so those may pin who can only
        // read, and the lock of a process that is killed goes with it.
        let removal = (pin == Pin::Remove).then(|| Removal::begin(dir));
        let file = fs::File::open(dir)?;
        let locked = match pin {
            Pin::Keep => file.try_lock_shared(),
            Pin::Remove => file.try_lock(),
        };
        match locked {
            // In this order: the next one of this process must not meet the lock of this one.
            Ok(()) => Ok(Some(Box::new((file, removal)))),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    fn random(&self) -> u64 {
        // The standard library seeds its hash maps from the operating system.
        use std::hash::{BuildHasher, RandomState};
        RandomState::new().hash_one(std::process::id())
    }
}

#[derive(Debug)]
struct RealDirectory(fs::File);

impl Directory for RealDirectory {
    fn sync(&self) -> io::Result<()> {
        self.0.sync_all()
    }
}

#[derive(Debug)]
struct RealFile(fs::File);

impl File for RealFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.0.write_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn links(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.nlink())
    }

    fn forget_cached(&self, offset: u64, len: u64) {
        let _ = rustix::fs::fadvise(&self.0, offset, NonZeroU64::new(len), Advice::DontNeed);
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        let allocate = || rustix::fs::fallocate(&self.0, FallocateFlags::empty(), 0, len);
        match rustix::io::retry_on_intr(allocate) {
            // Some file systems cannot promise space (ZFS, old NFS): a length is all they give, and a
            // full disk is then met while writing.
            Err(rustix::io::Errno::OPNOTSUPP) => self.0.set_len(len),
            other => Ok(other?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_keep_and_one_removes() {
        let dir = tempfile::tempdir().unwrap();
        let pin = |how| RealFs.pin(dir.path(), how).unwrap();
        let first = pin(Pin::Keep).unwrap();
        let second = pin(Pin::Keep).unwrap();
        assert!(pin(Pin::Remove).is_none());
        drop((first, second));
        let removing = pin(Pin::Remove).unwrap();
        assert!(pin(Pin::Keep).is_none());
        drop(removing);
        // Of ours, each waits for its turn.
        let together = std::sync::Barrier::new(4);
        let take_turns = || {
            let mut refused = 0;
            for _ in 0..100 {
                together.wait();
                let pin = pin(Pin::Remove);
                std::thread::yield_now();
                refused += usize::from(pin.is_none());
            }
            refused
        };
        let refused: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(take_turns)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(refused, 0);
        assert!(pin(Pin::Keep).is_some());
    }

    #[test]
    fn an_open_file_outlives_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        RealFs.create(&path).unwrap().write_all_at(b"hello", 3).unwrap();
        let file = RealFs.open(&path).unwrap();
        RealFs.remove(&path).unwrap();
        let mut bytes = [1; 8];
        file.read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!(&bytes, b"\0\0\0hello");
        assert!(!RealFs.exists(&path).unwrap());
    }

    #[test]
    fn creating_never_overwrites() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        RealFs.create(&path).unwrap();
        let error = RealFs.create(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    }
}
