//! Taking files: by a link, by sharing their blocks, by copying; and reading them back.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::ioctl_ficlone;

use crate::dir;
use crate::error::StorageError;
use crate::fs::{Fs, RealFs};

/// Read and written at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// Bytes written before a sync: the log of a server on the same disk must not wait behind a
/// gigabyte of ours.
const SYNC_BYTES: u64 = 4 << 20;

/// Tries to give `from` another name. `false`: this file system, or our rights, do not allow it.
pub(super) fn link(from: &Path, to: &Path) -> Result<bool, StorageError> {
    match fs::hard_link(from, to) {
        Ok(()) => Ok(true),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::CrossesDevices
                    | io::ErrorKind::PermissionDenied
                    | io::ErrorKind::TooManyLinks
                    | io::ErrorKind::Unsupported
            ) =>
        {
            Ok(false)
        }
        Err(error) => Err(StorageError::io("link", from)(error)),
    }
}

/// Copies the first `bytes` bytes of an open file into a new one and syncs it. Shares the blocks
/// where the file system can, but for segments: they are overwritten, in place or to be used again, and
/// to write over a shared block takes a new one, which a full disk does not have. `told` hears how many
/// bytes there are so far.
pub(super) fn copy(
    from: &File,
    bytes: u64,
    to: &Path,
    told: &mut dyn FnMut(u64),
) -> Result<(), StorageError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    let target = options.open(to).map_err(StorageError::io("create", to))?;
    if !dir::is_in_log(to) && ioctl_ficlone(&target, from).is_ok() {
        target.set_len(bytes).map_err(StorageError::io("cut", to))?;
    } else {
        let mut buffer = vec![0; CHUNK_BYTES];
        let mut done = 0;
        let mut synced = 0;
        while done < bytes {
            let count = usize::try_from(bytes - done).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
            from.read_exact_at(&mut buffer[..count], done)
                .map_err(StorageError::io("read the original of", to))?;
            target.write_all_at(&buffer[..count], done).map_err(StorageError::io("write", to))?;
            done += count as u64;
            told(done);
            if SYNC_BYTES <= done - synced {
                target.sync_data().map_err(StorageError::io("sync", to))?;
                synced = done;
            }
        }
    }
    target.sync_all().map_err(StorageError::io("sync", to))
}

/// Writes a new file and syncs it.
pub(super) fn write(to: &Path, bytes: &[u8]) -> Result<(), StorageError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let target = options.open(to).map_err(StorageError::io("create", to))?;
    target.write_all_at(bytes, 0).map_err(StorageError::io("write", to))?;
    target.sync_all().map_err(StorageError::io("sync", to))
}

/// Length and CRC-32 of a file, read from the disk rather than from memory as far as that can be
/// asked for.
pub(super) fn sum(path: &Path, told: &mut dyn FnMut(u64)) -> Result<(u64, u32), StorageError> {
    let file = RealFs.open(path).map_err(StorageError::io("open", path))?;
    file.forget_cached(0, 0);
    sum_of(&*file, path, told)
}

/// Length and CRC-32 of an open file, from wherever it is. `told` hears how many bytes there are so far.
pub(crate) fn sum_of(
    file: &dyn crate::fs::File,
    path: &Path,
    told: &mut dyn FnMut(u64),
) -> Result<(u64, u32), StorageError> {
    let mut hasher = crc32fast::Hasher::new();
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut done = 0;
    loop {
        match file.read_at(&mut buffer, done).map_err(StorageError::io("read", path))? {
            0 => return Ok((done, hasher.finalize())),
            count => {
                hasher.update(&buffer[..count]);
                done += count as u64;
                told(done);
            }
        }
    }
}
