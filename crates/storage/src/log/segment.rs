//! Segment files, from preallocation to reuse.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::dir;
use crate::error::StorageError;
use crate::failpoint;
use crate::format::header::{FileHeader, FileKind};
use crate::format::record::RECORD_HEADER_BYTES;
use crate::fs::{File, Fs};

/// Bytes of a segment before its first record: one page, so that records begin on a page.
pub(crate) const SEGMENT_HEADER_BYTES: u64 = PAGE_BYTES as u64;

/// A header page in memory.
pub(super) const PAGE_BYTES: usize = 4096;

/// Every segment keeps room for the record that seals it.
pub(crate) const SEAL_BYTES: u64 = RECORD_HEADER_BYTES as u64;

/// No segment is laid out smaller than this for want of space: with less than the reserve
/// ([`crate::Options::reserve_bytes`]) it could take no ordinary record, and would keep the log from
/// calling the disk full.
const SEGMENT_BYTES_MIN: u64 = 512 << 10;

/// Of the free space, a new segment takes no more than this part.
const SPACE_SHARE: u64 = 8;

/// Zeros are synced in pieces of this size: a commit that comes meanwhile waits behind one piece and
/// not behind a whole segment. Where 1 MiB was synced at a time, and without a pause, XADDs at 20,000 a
/// second had a p99 of 1.3 to 1.7 ms instead of 0.8.
const FILL_SYNC_BYTES: u64 = 128 << 10;

/// Zeros written at a time. A longer write would be cached in folios as long as it, and ext4 goes
/// through the blocks of a whole folio for each record that is later written into it: a tenth of an
/// unpipelined XADD.
const FILL_BYTES: usize = 16 << 10;

/// A segment file that is not in use yet. Its space is allocated.
#[derive(Debug)]
pub(crate) struct Spare {
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn File>,
    pub(super) bytes: u64,
    /// It held other records before.
    pub(super) recycled: bool,
}

impl Spare {
    /// Bytes for records.
    pub(super) fn capacity(&self) -> u64 {
        capacity(self.bytes)
    }
}

/// What comes after a segment.
#[derive(Debug)]
pub(super) enum Successor {
    /// The usual case: nothing is waited for.
    Ready(Ready),
    /// None was ready, or it was too small: header and name are made durable first.
    Spare(Spare, u32),
}

impl Successor {
    pub(super) fn salt(&self) -> u32 {
        match self {
            Successor::Ready(ready) => ready.salt,
            Successor::Spare(_, salt) => *salt,
        }
    }

    pub(super) fn capacity(&self) -> u64 {
        match self {
            Successor::Ready(ready) => ready.capacity(),
            Successor::Spare(spare, _) => spare.capacity(),
        }
    }
}

/// How the space of a new segment is laid out.
#[derive(Clone, Copy)]
pub(super) enum Layout<'a> {
    /// Every byte written and synced: a later `fdatasync` has no metadata to flush. The function is called
    /// between two pieces, to let others go first; if it says no, the rest is only allocated.
    Written(&'a dyn Fn() -> bool),
    /// Only allocated: quick to make, a little slower to use.
    Allocated,
}

/// Bytes for records in a segment file of this length.
pub(super) fn capacity(bytes: u64) -> u64 {
    bytes.saturating_sub(SEGMENT_HEADER_BYTES + SEAL_BYTES)
}

/// Length of a segment that holds a record of this size, and nothing more.
pub(super) fn bytes_for(record_size: u64) -> u64 {
    (SEGMENT_HEADER_BYTES + SEAL_BYTES + record_size).next_multiple_of(SEGMENT_HEADER_BYTES)
}

/// Length for the next segment: as configured, but less on a small or nearly full disk, so that one
/// segment does not take what the snapshots need.
pub(super) fn bytes_affordable(fs: &dyn Fs, dir: &Path, wanted: u64) -> u64 {
    let free = fs.space_free(&dir::log(dir)).unwrap_or(u64::MAX);
    let share = free / SPACE_SHARE / SEGMENT_HEADER_BYTES * SEGMENT_HEADER_BYTES;
    bytes_allowed(fs, wanted.min(share.max(SEGMENT_BYTES_MIN)))
}

/// No more than the process may write into one file, in whole pages.
pub(super) fn bytes_allowed(fs: &dyn Fs, wanted: u64) -> u64 {
    wanted.min(fs.file_bytes_max() / SEGMENT_HEADER_BYTES * SEGMENT_HEADER_BYTES)
}

/// Lays out a segment file under a spare name.
pub(super) fn create_spare(
    fs: &dyn Fs,
    dir: &Path,
    number: u64,
    bytes: u64,
    layout: Layout<'_>,
) -> Result<Spare, StorageError> {
    let path = dir::spare(dir, number);
    let file = fs.create(&path).map_err(StorageError::io("create", &path))?;
    if let Err(error) = lay_out(&*file, bytes, layout) {
        // A full disk: give back what was taken. The name means nothing, so whether this works does
        // not matter.
        drop(file);
        let _ = fs.remove(&path);
        return Err(StorageError::io("allocate", &path)(error));
    }
    failpoint::pass("spare-laid-out");
    Ok(Spare { path, file, bytes, recycled: false })
}

fn lay_out(file: &dyn File, bytes: u64, layout: Layout<'_>) -> std::io::Result<()> {
    file.allocate(bytes)?;
    let Layout::Written(go_on) = layout else { return Ok(()) };
    let zeros = [0; FILL_BYTES];
    let mut offset = 0;
    while offset < bytes {
        let count = usize::try_from(bytes - offset).unwrap_or(FILL_BYTES).min(FILL_BYTES);
        file.write_all_at(&zeros[..count], offset)?;
        offset += count as u64;
        if offset.is_multiple_of(FILL_SYNC_BYTES) || offset == bytes {
            file.sync_data()?;
            if !go_on() {
                break;
            }
        }
    }
    Ok(())
}

/// A segment file with a durable header and a durable name: going over to it waits for nothing.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn File>,
    pub(super) bytes: u64,
    pub(super) salt: u32,
}

impl Ready {
    /// Bytes for records.
    pub(super) fn capacity(&self) -> u64 {
        capacity(self.bytes)
    }
}

/// Gets a spare ready to be a later segment. Every record below `number` is durable already, which
/// its header and its name vouch for; its first record is known only when it comes into use.
pub(super) fn get_ready(
    fs: &dyn Fs,
    dir: &Path,
    spare: &Spare,
    (number, salt): (u64, u32),
    history: u64,
) -> Result<Ready, StorageError> {
    let path = dir::ready(dir, number);
    head_and_name(fs, dir, spare, &path, (number, salt), history)?;
    Ok(Ready { path, file: spare.file.clone(), bytes: spare.bytes, salt })
}

/// The ready segment begins with record `first`. That its new name is durable is not needed: a power
/// cut leaves it the old one, and recovery knows it by its first record, or by the seal before it.
pub(super) fn enter(
    fs: &dyn Fs,
    dir: &Path,
    ready: &Ready,
    first: u64,
) -> Result<PathBuf, StorageError> {
    let path = dir::segment(dir, first);
    fs.rename(&ready.path, &path).map_err(StorageError::io("rename", &ready.path))?;
    Ok(path)
}

/// Turns a spare into the segment that begins with record `first`, all records before which are
/// durable. When this returns, its header and its name are durable too.
pub(super) fn put_in_use(
    fs: &dyn Fs,
    dir: &Path,
    spare: &Spare,
    (first, salt): (u64, u32),
    history: u64,
) -> Result<PathBuf, StorageError> {
    let path = dir::segment(dir, first);
    head_and_name(fs, dir, spare, &path, (first, salt), history)?;
    Ok(path)
}

/// Header first, then the name, each durable: a file of such a name always has a valid header, so
/// that an invalid one is damage and never an interrupted start.
fn head_and_name(
    fs: &dyn Fs,
    dir: &Path,
    spare: &Spare,
    path: &Path,
    (number, salt): (u64, u32),
    history: u64,
) -> Result<(), StorageError> {
    let recycled = spare.recycled;
    let header = FileHeader { salt, recycled, history, ..FileHeader::new(FileKind::Log, number) };
    let mut page = [0; PAGE_BYTES];
    let encoded = header.encode();
    page[..encoded.len()].copy_from_slice(&encoded);
    spare.file.write_all_at(&page, 0).map_err(StorageError::io("write", &spare.path))?;
    failpoint::pass("header-written");
    spare.file.sync_data().map_err(StorageError::io("sync", &spare.path))?;
    failpoint::pass("header-synced");
    fs.rename(&spare.path, path).map_err(StorageError::io("rename", &spare.path))?;
    failpoint::pass("segment-named");
    // The new segment's name is not durable until its directory is. Without this a power cut could
    // keep the records we acknowledged and lose the file that holds them.
    dir::sync_log(fs, dir)?;
    failpoint::pass("segment-durable");
    Ok(())
}

/// Makes a spare of a segment file that nobody needs any more. `None` if a backup has linked it: its
/// bytes must stay as they are, so it can only be deleted.
pub(crate) fn recycle(
    fs: &dyn Fs,
    dir: &Path,
    from: &Path,
    number: u64,
) -> Result<Option<Spare>, StorageError> {
    let path = dir::spare(dir, number);
    let file = fs.open_write(from).map_err(StorageError::io("open", from))?;
    let bytes = file.size().map_err(StorageError::io("measure", from))?;
    if 1 < file.links().map_err(StorageError::io("examine", from))? {
        return Ok(None);
    }
    failpoint::pass("recycle");
    fs.rename(from, &path).map_err(StorageError::io("rename", from))?;
    failpoint::pass("recycle-renamed");
    // Before its header is overwritten, the old name must be gone for good: a power cut that brought
    // it back would show a segment with a foreign header, which is damage.
    dir::sync_log(fs, dir)?;
    failpoint::pass("recycle-durable");
    Ok(Some(Spare { path, file, bytes, recycled: true }))
}

/// Takes over the spares that an earlier process left. What it did not get to lay out goes: a stub
/// would count as ready, and keep the background from preparing any other.
pub(super) fn adopt_spares(
    fs: &dyn Fs,
    dir: &Path,
    segment_bytes: u64,
) -> Result<Vec<(u64, Spare)>, StorageError> {
    let mut spares = Vec::new();
    for number in dir::list_spares(fs, dir)? {
        let path = dir::spare(dir, number);
        let file = fs.open_write(&path).map_err(StorageError::io("open", &path))?;
        let bytes = file.size().map_err(StorageError::io("measure", &path))?;
        if bytes < SEGMENT_BYTES_MIN.min(segment_bytes) {
            drop(file);
            fs.remove(&path).map_err(StorageError::io("remove", &path))?;
            continue;
        }
        // Whether it was laid out to its end, and what it holds, is not known.
        spares.push((number, Spare { path, file, bytes, recycled: true }));
    }
    Ok(spares)
}
