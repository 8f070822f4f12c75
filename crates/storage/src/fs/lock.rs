//! The lock of a directory on the machine's file system.
//!
//! It is taken twice: on the directory itself, which nobody can take away by mistake, and on a file in
//! it, which names the holder. A second holder would write over what the first has acknowledged, so
//! the removal of the file must not let one in.

use std::fs::{self, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::io::Errno;

use super::real::FILE_MODE;
use super::{DirLock, LockAnswer, LockFile};

/// Bytes that are read of what a holder left.
const OWNER_BYTES: u64 = 256;

#[derive(Debug)]
struct RealLock {
    /// The directory; `None` where its file system cannot lock it.
    dir: Option<fs::File>,
    path: PathBuf,
    owner: String,
    file: Mutex<fs::File>,
}

/// As [`super::Fs::lock`].
pub(super) fn take(path: &Path, owner: &str) -> io::Result<LockAnswer> {
    let dir = match lock_dir(path, fs::File::try_lock)? {
        DirAnswer::Held(dir) => Some(dir),
        DirAnswer::Unlockable => None,
        DirAnswer::Taken => return taken(path),
    };
    let file = open_file(path)?;
    match file.try_lock() {
        Ok(()) => {
            leave(&file, owner, path);
            let (path, owner) = (path.to_path_buf(), owner.to_owned());
            Ok(LockAnswer::Held(Box::new(RealLock { dir, path, owner, file: Mutex::new(file) })))
        }
        Err(TryLockError::WouldBlock) => taken(path),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// As [`super::Fs::lock_to_read`].
pub(super) fn take_to_read(path: &Path) -> io::Result<LockAnswer> {
    match lock_dir(path, fs::File::try_lock_shared)? {
        DirAnswer::Held(dir) => Ok(LockAnswer::Held(Box::new(Shared(dir)))),
        DirAnswer::Unlockable => Ok(LockAnswer::Held(Box::new(()))),
        DirAnswer::Taken => taken(path),
    }
}

/// The directory, locked for many.
#[derive(Debug)]
struct Shared(#[expect(dead_code, reason = "held for its lock")] fs::File);

impl DirLock for Shared {}

impl DirLock for RealLock {
    fn look(&self) -> io::Result<LockFile> {
        // The file is whole whatever becomes of a holder.
        let mut held = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if is_at(&held, &self.path)? {
            return Ok(LockFile::InPlace);
        }
        // With the directory locked, nobody else came in, and nobody can while the file is made. But
        // the path may lead to another directory by now.
        let is_ours = match &self.dir {
            Some(dir) => is_at(dir, dir_of(&self.path))?,
            None => false,
        };
        if !is_ours {
            return Ok(LockFile::Lost);
        }
        let file = open_file(&self.path)?;
        match file.try_lock() {
            Ok(()) => {
                leave(&file, &self.owner, &self.path);
                *held = file;
                Ok(LockFile::MadeAnew)
            }
            Err(TryLockError::WouldBlock) => Ok(LockFile::Lost),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

enum DirAnswer {
    Held(fs::File),
    Taken,
    /// The file system cannot.
    Unlockable,
}

/// Locks the directory that `path` stands in.
fn lock_dir(
    path: &Path,
    lock: impl Fn(&fs::File) -> Result<(), TryLockError>,
) -> io::Result<DirAnswer> {
    let dir = fs::File::open(dir_of(path))?;
    match lock(&dir) {
        Ok(()) => Ok(DirAnswer::Held(dir)),
        Err(TryLockError::WouldBlock) => Ok(DirAnswer::Taken),
        Err(TryLockError::Error(error)) if cannot_lock_directories(&error) => {
            Ok(DirAnswer::Unlockable)
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// What file systems answer that lock only what is open for writing (NFS), or files alone.
fn cannot_lock_directories(error: &io::Error) -> bool {
    let unable =
        [Errno::BADF, Errno::OPNOTSUPP, Errno::NOSYS, Errno::INVAL, Errno::ISDIR, Errno::NOLCK];
    unable.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

fn dir_of(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}

/// Whether `path` leads to this file or directory.
fn is_at(file: &fs::File, path: &Path) -> io::Result<bool> {
    let found = match fs::metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let held = file.metadata()?;
    Ok((held.dev(), held.ino()) == (found.dev(), found.ino()))
}

fn open_file(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(FILE_MODE);
    options.open(path)
}

/// Writes down who holds the lock. Only the holder writes, and only after it has the lock: a reader who
/// is refused reads the present holder, or at worst an empty file.
///
/// Overwritten and not emptied first, and no error if there is no room: a server must be able to
/// start, and serve reads, on a full disk.
fn leave(mut file: &fs::File, owner: &str, path: &Path) {
    let written = file.rewind().and_then(|()| file.write_all(owner.as_bytes()));
    if let Err(error) = written.and_then(|()| file.set_len(owner.len() as u64)) {
        tracing::warn!(%error, "cannot leave our pid in {}", path.display());
    }
}

/// What the holder left.
fn taken(path: &Path) -> io::Result<LockAnswer> {
    let mut owner = Vec::new();
    match fs::File::open(path) {
        Ok(file) => {
            file.take(OWNER_BYTES).read_to_end(&mut owner)?;
        }
        // Somebody has removed it; the directory is locked all the same.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(LockAnswer::Taken { owner: String::from_utf8_lossy(&owner).into_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(path: &Path, owner: &str) -> Result<Box<dyn DirLock>, String> {
        match take(path, owner).unwrap() {
            LockAnswer::Held(lock) => Ok(lock),
            LockAnswer::Taken { owner } => Err(owner),
        }
    }

    #[test]
    fn a_directory_is_locked_by_one_and_names_its_holder() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("LOCK");
        let held = lock(&path, "17").unwrap();
        // flock(2) excludes by open file, so a second one in the same process is refused as well.
        assert_eq!(lock(&path, "18").unwrap_err(), "17");
        drop(held);
        lock(&path, "18").unwrap();
    }

    #[test]
    fn the_file_may_go_and_the_lock_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("LOCK");
        let held = lock(&path, "17").unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(lock(&path, "18").unwrap_err(), "");
        assert!(matches!(take_to_read(&path).unwrap(), LockAnswer::Taken { .. }));
        assert_eq!(held.look().unwrap(), LockFile::MadeAnew);
        assert_eq!(held.look().unwrap(), LockFile::InPlace);
        assert_eq!(lock(&path, "18").unwrap_err(), "17");
        // Another file in its place, as a copy leaves it.
        fs::write(dir.path().join("copy"), "4711\n").unwrap();
        fs::rename(dir.path().join("copy"), &path).unwrap();
        assert_eq!(held.look().unwrap(), LockFile::MadeAnew);
        assert_eq!(fs::read_to_string(&path).unwrap(), "17");
        drop(held);
        lock(&path, "18").unwrap();
    }

    #[test]
    fn nothing_is_made_in_another_directory_that_has_come_into_the_place() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("data");
        fs::create_dir(&dir).unwrap();
        let path = dir.join("LOCK");
        let held = lock(&path, "17").unwrap();
        fs::rename(&dir, home.path().join("moved")).unwrap();
        assert_eq!(held.look().unwrap(), LockFile::Lost);
        fs::create_dir(&dir).unwrap();
        assert_eq!(held.look().unwrap(), LockFile::Lost);
        assert!(!path.exists());
    }

    #[test]
    fn where_the_directory_cannot_be_locked_the_file_is_and_nothing_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("LOCK");
        let file = open_file(&path).unwrap();
        file.try_lock().unwrap();
        assert_eq!(lock(&path, "18").unwrap_err(), "");
        let (owner, file) = ("17".to_owned(), Mutex::new(file));
        let held = RealLock { dir: None, path: path.clone(), owner, file };
        assert_eq!(held.look().unwrap(), LockFile::InPlace);
        fs::remove_file(&path).unwrap();
        assert_eq!(held.look().unwrap(), LockFile::Lost);
        assert!(!path.exists());
    }

    #[test]
    fn readers_share_it_and_keep_holders_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("LOCK");
        let readers = [take_to_read(&path).unwrap(), take_to_read(&path).unwrap()];
        assert!(readers.iter().all(|answer| matches!(answer, LockAnswer::Held(_))));
        assert_eq!(lock(&path, "18").unwrap_err(), "");
        assert!(!path.exists());
        drop(readers);
        lock(&path, "18").unwrap();
    }
}
