//! The seam to the disk: everything that storage asks of an operating system.
//!
//! [`RealFs`] is the machine's; `SimFs` (feature `sim`) is a disk in memory whose power can be cut.
//! The trait is small on purpose: what it does not offer (appending through a shared position,
//! overwriting by truncation, mapping) storage does not use.
//!
//! A name is durable after [`Fs::sync_dir`], the bytes of a file after [`File::sync_data`], and
//! neither before.

mod lock;
mod real;
mod removals;
#[cfg(any(test, feature = "sim"))]
pub mod sim;

use std::any::Any;
use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;

pub use real::RealFs;

/// Names, directories and whole files.
pub trait Fs: Debug + Send + Sync {
    /// A new file, readable and writable by us alone.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` if the name is taken: nothing is ever overwritten by creating it.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>>;

    /// An existing file, to read.
    ///
    /// # Errors
    ///
    /// Those of `open(2)`.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>>;

    /// An existing file, to read and write.
    ///
    /// # Errors
    ///
    /// Those of `open(2)`.
    fn open_write(&self, path: &Path) -> io::Result<Arc<dyn File>>;

    /// A directory, to sync the names in it later: that needs no descriptor then.
    ///
    /// # Errors
    ///
    /// Those of `open(2)`.
    fn open_dir(&self, dir: &Path) -> io::Result<Arc<dyn Directory>>;

    /// Gives a file another name, replacing what had it.
    ///
    /// # Errors
    ///
    /// Those of `rename(2)`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Takes a file's name away.
    ///
    /// # Errors
    ///
    /// Those of `unlink(2)`.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    ///
    /// Those of `fsync(2)`. As with data, a second try proves nothing.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Names in a directory, sorted.
    ///
    /// # Errors
    ///
    /// Those of `readdir(3)`; a name that is not UTF-8 is `InvalidData`, as we made none such.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Whether there is a file or directory of this name.
    ///
    /// # Errors
    ///
    /// Those of `stat(2)`, except that a missing name is an answer.
    fn exists(&self, path: &Path) -> io::Result<bool>;

    /// Makes a directory (and its parents) unless it is there; for us alone.
    ///
    /// # Errors
    ///
    /// Those of `mkdir(2)`.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// Bytes that may still be allocated on the file system of `dir`.
    ///
    /// # Errors
    ///
    /// Those of `statvfs(3)`.
    fn space_free(&self, dir: &Path) -> io::Result<u64>;

    /// The longest file that this process may write (`ulimit -f`); a file system's own limit counts
    /// as none.
    fn file_bytes_max(&self) -> u64 {
        u64::MAX
    }

    /// Tries to take the lock of a directory, without waiting: that of the directory itself, and that of
    /// the file `path` in it. Whoever gets it leaves `owner` in the file for those who come later. Where
    /// the file system cannot lock directories, the file alone counts.
    ///
    /// # Errors
    ///
    /// Those of `open(2)` and `flock(2)`; being refused is an answer.
    fn lock(&self, path: &Path, owner: &str) -> io::Result<LockAnswer>;

    /// As [`Fs::lock`] for those who only read: makes no file, and many may hold it together.
    ///
    /// A disk that only one process sees has nobody to keep out.
    ///
    /// # Errors
    ///
    /// As for [`Fs::lock`].
    fn lock_to_read(&self, path: &Path) -> io::Result<LockAnswer> {
        let _ = path;
        Ok(LockAnswer::Held(Box::new(())))
    }

    /// Tries to keep the files in a directory from being removed or used again by other processes
    /// (many may hold such a pin), or to make sure that nobody does while we remove some (only one
    /// can, and it pins out all others). `None`: somebody is in the way just now. Of those in one process
    /// that remove, the second waits for the first.
    ///
    /// A disk that only one process sees has nobody to agree with.
    ///
    /// # Errors
    ///
    /// Those of `open(2)` and `flock(2)`.
    fn pin(&self, dir: &Path, pin: Pin) -> io::Result<Option<Pinned>> {
        let _ = (dir, pin);
        Ok(Some(Box::new(())))
    }

    /// A number that nobody can guess, to tell the records of one segment from those of another.
    fn random(&self) -> u64;
}

/// An open directory.
pub trait Directory: Debug + Send + Sync {
    /// Makes the names in it durable.
    ///
    /// # Errors
    ///
    /// As for [`Fs::sync_dir`].
    fn sync(&self) -> io::Result<()>;
}

/// One open file. All methods take a position; none moves one.
pub trait File: Debug + Send + Sync {
    /// Reads up to `buffer.len()` bytes; 0 at the end of the file.
    ///
    /// # Errors
    ///
    /// Those of `pread(2)`.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes some of `bytes`, at least one, and says how many.
    ///
    /// # Errors
    ///
    /// Those of `pwrite(2)`.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Waits until the bytes written so far, and the length that is needed to read them, are durable.
    ///
    /// # Errors
    ///
    /// Those of `fdatasync(2)`. **After an error nothing written since the last success may be
    /// trusted, and a second call that succeeds proves nothing.**
    fn sync_data(&self) -> io::Result<()>;

    /// Length in bytes.
    ///
    /// # Errors
    ///
    /// Those of `fstat(2)`.
    fn size(&self) -> io::Result<u64>;

    /// Cuts the file, or extends it by zeros without allocating them.
    ///
    /// # Errors
    ///
    /// Those of `ftruncate(2)`.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Allocates the file up to `len`, so that writing there cannot run out of space.
    ///
    /// # Errors
    ///
    /// Those of `posix_fallocate(3)`.
    fn allocate(&self, len: u64) -> io::Result<()>;

    /// How many names the file has. With more than one, somebody else counts on its bytes: they must
    /// not be overwritten.
    ///
    /// # Errors
    ///
    /// Those of `fstat(2)`.
    fn links(&self) -> io::Result<u64> {
        Ok(1)
    }

    /// Asks the system to forget what it keeps of these bytes in memory, so that reading them asks
    /// the disk; a length of 0 stands for all that follow. What is not on disk yet stays.
    fn forget_cached(&self, offset: u64, len: u64) {
        let _ = (offset, len);
    }

    /// Fills `buffer`.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` if the file ends before.
    fn read_exact_at(&self, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buffer.is_empty() {
            match self.read_at(buffer, offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    buffer = &mut buffer[count..];
                    offset += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes all of `bytes`. After an error some of them may have been written.
    ///
    /// # Errors
    ///
    /// That of the first write which failed.
    fn write_all_at(&self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write_at(bytes, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    bytes = &bytes[count..];
                    offset += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// What a process wants with the files of a directory that others may want as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pin {
    /// They shall stay: a backup links or copies them.
    Keep,
    /// Some of them shall go.
    Remove,
}

/// Held until it is dropped, or its process ends.
pub type Pinned = Box<dyn Any + Send + Sync>;

/// What [`Fs::lock`] answers.
#[derive(Debug)]
pub enum LockAnswer {
    /// The lock is ours until this is dropped.
    Held(Box<dyn DirLock>),
    /// Somebody else has it; what they left in the file.
    Taken {
        /// The `owner` text of the holder; empty if the file is missing.
        owner: String,
    },
}

/// The lock of a directory, until it is dropped or its process ends.
pub trait DirLock: Debug + Send + Sync {
    /// Looks whether the file of the lock is in its place, and puts it back if that is safe.
    ///
    /// # Errors
    ///
    /// Those of `stat(2)`, `open(2)` and `flock(2)`: then it is not known.
    fn look(&self) -> io::Result<LockFile> {
        Ok(LockFile::InPlace)
    }
}

impl DirLock for () {}

/// What became of the file of a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockFile {
    /// It is there.
    InPlace,
    /// It was gone, or another file was in its place. It is there again, and nobody got past the lock
    /// meanwhile.
    MadeAnew,
    /// It is gone, or another file is in its place. It cannot be made anew: the directory is somewhere
    /// else, or another process may be at work in it.
    Lost,
}
