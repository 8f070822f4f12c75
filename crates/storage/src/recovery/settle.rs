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
    /// them. So they are written again.
    pub(crate) fn settle(&self, fs: &dyn Fs, dir: &Path) -> Result<(), StorageError> {
        for part in &self.unproven {
            let path = dir::segment(dir, part.first);
            let file = fs.open_write(&path).map_err(StorageError::io("open", &path))?;
            if let Some(torn) = self.torn.as_ref().filter(|torn| torn.file == part.path) {
                overwrite(&*file, torn.offset, torn.bytes, false)
                    .map_err(StorageError::io("cut the torn tail of", &path))?;
            }
            overwrite(&*file, part.from, part.to - part.from, true)
                .map_err(StorageError::io("write again", &path))?;
            if let Some((next, successor, salt)) = part.seal {
                let seal = record::seal((next, successor), part.upto, salt);
                file.write_all_at(&seal, part.to).map_err(StorageError::io("seal", &path))?;
            }
            file.sync_data().map_err(StorageError::io("sync", &path))?;
        }
        Ok(())
    }
}

/// Writes zeros to a part of a file, or what it has already.
fn overwrite(file: &dyn File, mut at: u64, bytes: u64, keep: bool) -> std::io::Result<()> {
    const PIECE_BYTES: u64 = 1 << 20;
    let end = at + bytes;
    let mut piece = vec![0; usize::try_from(bytes.min(PIECE_BYTES)).expect("at most a piece")];
    while at < end {
        let count = usize::try_from((end - at).min(PIECE_BYTES)).expect("at most a piece");
        let piece = &mut piece[..count];
        if keep {
            file.read_exact_at(piece, at)?;
        }
        file.write_all_at(piece, at)?;
        at += count as u64;
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
