//! Reading snapshots and block files from end to end.

use std::sync::Arc;

use bytes::Bytes;
use engine::{
    BlockHeader, BlockItem, BlockLocation, BlockSource, DamagedBlock, ImageLoader, Item, StreamItem,
};

use super::{Check, Content, LostEntries, Noted, NotedBlock, Problem, file_bytes};
use crate::blocks::{BlockFile, TRAILER_BYTES, Trailer};
use crate::dir;
use crate::error::{Damage, StorageError};
use crate::format::header::{FileHeader, FileKind, HEADER_BYTES};
use crate::fs::File;
use crate::snapshot::{SectionKind, SnapshotReader};

/// Bytes read at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// What a snapshot turned out to hold.
#[derive(Default)]
struct Tally {
    items: u64,
    blocks: u64,
    block_bytes: u64,
    /// Database and key of the stream whose parts follow.
    db: u8,
    key: Arc<[u8]>,
}

impl Check<'_> {
    /// Reads every snapshot, and gathers what they say of block files.
    pub(super) fn snapshots(&mut self) -> Result<(), StorageError> {
        for lsn in dir::list_snapshots(self.fs, self.dir)? {
            self.lsn_promised = lsn;
            let path = dir::snapshot(self.dir, lsn);
            let mut tally = Tally::default();
            let problems = match self.snapshot(lsn, &mut tally) {
                Ok(()) => Vec::new(),
                Err(error) => vec![Problem::from_error(error)?],
            };
            let Tally { items, blocks, block_bytes, .. } = tally;
            let content = Content::Snapshot { lsn, items, blocks, block_bytes };
            let bytes = file_bytes(self.fs, &path)?;
            self.report(&path, bytes, content, problems);
        }
        for lsn in dir::list_temporaries(self.fs, self.dir)? {
            let path = dir::snapshot_temporary(self.dir, lsn);
            let bytes = file_bytes(self.fs, &path)?;
            self.report(&path, bytes, Content::Leftover, Vec::new());
        }
        Ok(())
    }

    fn snapshot(&mut self, lsn: u64, tally: &mut Tally) -> Result<(), StorageError> {
        let mut reader = SnapshotReader::open(self.fs, self.dir, lsn)?;
        let mut loader = ImageLoader::new(0, lsn);
        let nowhere: Arc<dyn BlockSource> = Arc::new(Nowhere);
        let mut at = reader.position();
        while let Some(section) = reader.next_section()? {
            self.advance(reader.path(), reader.position() - at);
            at = reader.position();
            match section.kind {
                SectionKind::BlockFiles => {
                    for file in section.values::<BlockFile>(&reader)? {
                        self.noted.entry(file.number).or_default().length = file.length;
                    }
                }
                SectionKind::Items => section.for_each::<Item<'_>>(&reader, |item| {
                    self.note(&item, tally);
                    // Blocks are read with their files, not through this engine.
                    let mut source = |_: BlockLocation| Ok::<_, String>(nowhere.clone());
                    loader.push(&item, &mut source).map_err(|error| error.to_string())
                })?,
                SectionKind::Trailer => unreachable!("the reader keeps it"),
            }
        }
        loader.finish().map(drop).map_err(|error| reader.undecodable(at, error.to_string()))
    }

    /// Counts an item, and keeps where the blocks of a stream are.
    fn note(&mut self, item: &Item<'_>, tally: &mut Tally) {
        tally.items += 1;
        match item {
            Item::Db { db } => tally.db = *db,
            Item::Stream { key, .. } => tally.key = Arc::from(&**key),
            Item::StreamPart { part: StreamItem::Blocks { blocks } } => {
                for block in blocks {
                    self.note_block(block, tally);
                }
            }
            _ => {}
        }
    }

    fn note_block(&mut self, block: &BlockItem<'_>, tally: &mut Tally) {
        let Some(BlockLocation { file, offset, len }) = block.location else { return };
        tally.blocks += 1;
        tally.block_bytes += u64::from(len);
        let BlockItem { number, first, last, slots, .. } = *block;
        let header = BlockHeader { number, first, last, slots };
        let noted = NotedBlock { len, header, db: tally.db, key: tally.key.clone() };
        self.noted.entry(file).or_default().blocks.insert(offset, noted);
    }

    /// Reads every block file, and every block that a snapshot refers to.
    pub(super) fn block_files(&mut self) -> Result<(), StorageError> {
        for number in dir::list_block_files(self.fs, self.dir)? {
            let path = dir::block_file(self.dir, number);
            let bytes = file_bytes(self.fs, &path)?;
            match self.noted.remove(&number) {
                Some(noted) => self.block_file(number, bytes, &noted)?,
                None => self.report(&path, bytes, Content::Leftover, Vec::new()),
            }
        }
        for number in std::mem::take(&mut self.noted).into_keys() {
            let path = dir::block_file(self.dir, number);
            let content = Content::Blocks { number, blocks: 0, block_bytes: 0 };
            self.report(&path, 0, content, vec![Problem::new(0, Damage::Missing)]);
        }
        Ok(())
    }

    fn block_file(&mut self, number: u64, bytes: u64, noted: &Noted) -> Result<(), StorageError> {
        let path = dir::block_file(self.dir, number);
        let file = self.fs.open(&path).map_err(StorageError::io("open", &path))?;
        let mut problems = Vec::new();
        if bytes != noted.length {
            let reason = Damage::Length { found: bytes, expected: noted.length };
            problems.push(Problem::new(bytes.min(noted.length), reason));
        }
        let (mut blocks, mut block_bytes) = (0, 0);
        for (&offset, block) in &noted.blocks {
            // A length from disk allocates nothing before the file is known to be that long.
            let is_inside = offset.saturating_add(u64::from(block.len)) <= bytes;
            let len = if is_inside { block.len as usize } else { 0 };
            match read(&file, offset, len) {
                Ok(found) if is_inside && BlockHeader::read(&found) == Ok(block.header) => {
                    blocks += 1;
                    block_bytes += found.len() as u64;
                }
                _ => problems.push(Problem {
                    entries: Some(block.entries()),
                    ..Problem::new(offset, Damage::Checksum)
                }),
            }
        }
        if let Err(error) = self.whole_block_file(number, &file, bytes) {
            let problem = Problem::from_error(error)?;
            // A damaged block makes the sum of the whole file wrong too: said once is enough.
            if problems.is_empty() {
                problems.push(problem);
            }
        }
        self.report(&path, bytes, Content::Blocks { number, blocks, block_bytes }, problems);
        Ok(())
    }

    /// Header, trailer, and the checksum over all blocks.
    fn whole_block_file(
        &mut self,
        number: u64,
        file: &Arc<dyn File>,
        bytes: u64,
    ) -> Result<(), StorageError> {
        let path = dir::block_file(self.dir, number);
        let corrupt = |offset, reason| Err(StorageError::corrupt(&path, offset, reason));
        let io = |error| StorageError::io("read", &path)(error);
        let (header, trailer) = (HEADER_BYTES as u64, TRAILER_BYTES as u64);
        let Some(blocks_bytes) = bytes.checked_sub(header + trailer) else {
            return corrupt(0, Damage::Length { found: bytes, expected: header + trailer });
        };
        let found =
            FileHeader::decode(&read(file, 0, HEADER_BYTES).map_err(io)?, FileKind::Blocks, &path)?;
        if found.number != number {
            return corrupt(0, Damage::Name { found: found.number });
        }
        let end = header + blocks_bytes;
        let tail = read(file, end, TRAILER_BYTES).map_err(io)?;
        let mut crc = crc32fast::Hasher::new();
        let mut offset = header;
        while offset < end {
            let count = usize::try_from(end - offset).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
            crc.update(&read(file, offset, count).map_err(io)?);
            offset += count as u64;
            self.advance(&path, count as u64);
        }
        match tail.first_chunk().and_then(Trailer::decode) {
            None => corrupt(end, Damage::Checksum),
            Some(trailer) if (trailer.bytes, trailer.crc) != (blocks_bytes, crc.finalize()) => {
                corrupt(header, Damage::Checksum)
            }
            Some(_) => Ok(()),
        }
    }
}

/// For an engine of which nobody reads an entry.
#[derive(Debug)]
struct Nowhere;

impl BlockSource for Nowhere {
    fn read(&self, _: u64, _: usize) -> Result<Bytes, String> {
        Err("not opened".to_owned())
    }

    fn note_damage(&self, _: &DamagedBlock) {}
}

impl NotedBlock {
    /// The entries that are lost with the block.
    fn entries(&self) -> LostEntries {
        LostEntries {
            db: self.db,
            key: String::from_utf8_lossy(&self.key).into_owned(),
            first: self.header.first.to_string(),
            last: self.header.last.to_string(),
        }
    }
}

fn read(file: &Arc<dyn File>, offset: u64, count: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(bytes)
}
