//! What a start changes in the log before it goes on: the names of the last segments, the torn tail,
//! and whatever may be in the page cache only.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use super::Scan;
use crate::dir;
use crate::error::StorageError;
use crate::format::record::{self, Record};
use crate::fs::{File, Fs};
use crate::log::{self, SEAL_BYTES, SEGMENT_HEADER_BYTES, SegmentReader};

impl Scan {
    /// Gives every segment the name that the scan found for it: the active one may have come into
    /// use a moment before the crash, and what is not in use becomes a spare. Changes no record.
    /// The names are durable once the directory is synced.
    pub(crate) fn settle_names(&self, fs: &dyn Fs, dir: &Path) -> Result<(), StorageError> {
        for (path, first) in &self.pending {
            let name = dir::segment(dir, *first);
            fs.rename(path, &name).map_err(StorageError::io("rename", path))?;
        }
        for path in &self.unused {
            let number = dir::list_spares(fs, dir)?.last().map_or(1, |last| last + 1);
            if log::recycle(fs, dir, path, number)?.is_none() {
                fs.remove(path).map_err(StorageError::io("remove", path))?;
            }
        }
        Ok(())
    }

    /// Makes the log on disk what the scan says it is: the torn tail gone, and every record durable.
    /// The names are settled already.
    ///
    /// Records that nothing proves durable may only be in the page cache, where an earlier process
    /// left them, possibly after a failed sync that marked them clean: then no sync would ever write
    /// them. So they are written again, and read again from the disk.
    ///
    /// A page whose write failed must not be written through once more. ext4 remembers in it that its
    /// blocks are written, which they are not: what is then written reaches them, is synced without an
    /// error, and reads as zeros after the next mount, as the blocks still count as laid out only. So
    /// the cache forgets all files that are going to be written before anything is.
    pub(crate) fn settle(&self, fs: &dyn Fs, dir: &Path) -> Result<(), StorageError> {
        let spares = dir::list_spares(fs, dir)?.into_iter().map(|number| dir::spare(dir, number));
        let ready = dir::list_ready(fs, dir)?.into_iter().map(|number| dir::ready(dir, number));
        for path in spares.chain(ready) {
            let file = fs.open(&path).map_err(StorageError::io("open", &path))?;
            file.forget_cached(0, 0);
        }
        for part in &self.unproven {
            let path = dir::segment(dir, part.first);
            let file = fs.open_write(&path).map_err(StorageError::io("open", &path))?;
            let again = write_again(&*file, part.from, part.to)
                .map_err(StorageError::io("write again", &path))?;
            if let Some(torn) = self.torn.as_ref().filter(|torn| torn.file == part.path) {
                clear(&*file, torn.offset, torn.bytes)
                    .map_err(StorageError::io("cut the torn tail of", &path))?;
            }
            if let Some((next, successor, salt)) = part.seal {
                let seal = record::seal((next, successor), part.upto, salt);
                file.write_all_at(&seal, part.to).map_err(StorageError::io("seal", &path))?;
            }
            file.sync_data().map_err(StorageError::io("sync", &path))?;
            file.forget_cached(0, 0);
            let there = checksum(&*file, part.from, part.to)
                .map_err(StorageError::io("read again", &path))?;
            if there != again {
                let error = std::io::Error::other("the disk does not have what was synced");
                return Err(StorageError::io("write again", &path)(error));
            }
        }
        Ok(())
    }
}

/// Bytes in memory at a time, and the places where they begin: no page of the cache, however large,
/// lies in two such windows.
const WINDOW_BYTES: u64 = 2 << 20;

/// From where to where the windows go that cover a part of a file.
fn windows(from: u64, to: u64) -> impl Iterator<Item = (u64, u64)> {
    let start = from / WINDOW_BYTES * WINDOW_BYTES;
    let windows = (start..to).step_by(usize::try_from(WINDOW_BYTES).expect("a window"));
    windows.map(move |at| (at.max(from), to.min(at + WINDOW_BYTES)))
}

fn read(file: &dyn File, from: u64, to: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(to - from).expect("at most a window")];
    file.read_exact_at(&mut bytes, from)?;
    Ok(bytes)
}

fn checksum(file: &dyn File, from: u64, to: u64) -> std::io::Result<u32> {
    let mut crc = crc32fast::Hasher::new();
    for (from, to) in windows(from, to) {
        crc.update(&read(file, from, to)?);
    }
    Ok(crc.finalize())
}

/// Writes what stands there already through pages that come anew from the disk, and has the cache
/// forget all that follows. The checksum of what was written.
fn write_again(file: &dyn File, from: u64, to: u64) -> std::io::Result<u32> {
    let mut crc = crc32fast::Hasher::new();
    for (from, to) in windows(from, to) {
        let bytes = read(file, from, to)?;
        file.forget_cached(from / WINDOW_BYTES * WINDOW_BYTES, WINDOW_BYTES);
        file.write_all_at(&bytes, from)?;
        crc.update(&bytes);
    }
    // The window in which it ends is dirty by now, if it was not empty, and has been forgotten before.
    let after = if from < to {
        to.next_multiple_of(WINDOW_BYTES)
    } else {
        to / WINDOW_BYTES * WINDOW_BYTES
    };
    file.forget_cached(after, 0);
    Ok(crc.finalize())
}

/// Writes zeros.
fn clear(file: &dyn File, from: u64, bytes: u64) -> std::io::Result<()> {
    for (from, to) in windows(from, from + bytes) {
        file.write_all_at(&vec![0; usize::try_from(to - from).expect("at most a window")], from)?;
    }
    Ok(())
}

/// A part of a segment to be made durable.
#[derive(Debug)]
pub(super) struct Unproven {
    /// The segment, and its name before names were settled.
    first: u64,
    path: PathBuf,
    from: u64,
    /// Behind the last record, or its seal.
    to: u64,
    /// The seal that is missing there: the next record, the salt of its segment, and of this one.
    seal: Option<(u64, u32, u32)>,
    /// A record known to be durable.
    upto: u64,
}

/// Which records are proven durable by those after them, or by the headers of later segments.
#[derive(Default)]
pub(super) struct Proven {
    upto: u64,
    /// Number, segment (an index) and offset of those beyond.
    records: VecDeque<(u64, usize, u64)>,
    /// Each as if all its records were proven and its seal were missing, until the end is known.
    segments: Vec<Unproven>,
}

impl Proven {
    /// Goes on with another segment. Its header vouches for the records before its number.
    pub(super) fn enter(&mut self, first: u64, reader: &SegmentReader) {
        let path = reader.path().to_path_buf();
        self.segments.push(Unproven { first, path, from: 0, to: 0, seal: None, upto: 0 });
        self.vouch(reader.header().number.saturating_sub(1));
    }

    pub(super) fn record(&mut self, record: &Record<'_>, offset: u64) {
        self.records.push_back((record.stamp.lsn, self.segments.len() - 1, offset));
        self.vouch(record.stamp.durable);
    }

    fn vouch(&mut self, upto: u64) {
        self.upto = self.upto.max(upto);
        while self.records.front().is_some_and(|(lsn, ..)| *lsn <= self.upto) {
            self.records.pop_front();
        }
    }

    /// Nothing more is in this segment; `next` comes after it.
    pub(super) fn leave(&mut self, reader: &SegmentReader, next: u64, is_sealed: bool) {
        let segment = self.segments.last_mut().expect("entered before");
        segment.to = reader.offset() + if is_sealed { SEAL_BYTES } else { 0 };
        segment.from = segment.to;
        segment.seal = (!is_sealed).then(|| (next, 0, reader.salt()));
    }

    /// The segment behind it has this salt.
    pub(super) fn succeeded(&mut self, successor: u32) {
        let segment = self.segments.last_mut().expect("entered before");
        segment.seal = segment.seal.map(|(next, _, salt)| (next, successor, salt));
    }

    /// What has to be written once more. The last segment always, as its end may be torn.
    pub(super) fn end(mut self) -> Vec<Unproven> {
        let last = self.segments.len() - 1;
        self.segments[last].seal = None;
        let mut begin = self.segments.iter().position(|segment| segment.seal.is_some());
        if let Some((_, index, offset)) = self.records.front() {
            self.segments[*index].from = *offset;
            for later in &mut self.segments[*index + 1..] {
                later.from = SEGMENT_HEADER_BYTES;
            }
            begin = begin.map(|begin| begin.min(*index)).or(Some(*index));
        }
        let mut parts = self.segments.split_off(begin.unwrap_or(last));
        for part in &mut parts {
            part.upto = self.upto;
        }
        parts
    }
}
