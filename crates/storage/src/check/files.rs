//! Reading snapshots and block files from end to end.

use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use engine::{BlockLocation, BlockSource, DamagedBlock, ImageLoader, Item};

use super::{Check, Content, LostEntries, Noted, Problem, file_bytes};
use crate::blocks::{BlockFile, NotedBlock, Noting, ReadFrom, verify};
use crate::dir;
use crate::error::{Damage, StorageError};
use crate::snapshot::{SectionKind, SnapshotReader};

/// What a snapshot turned out to hold.
#[derive(Default)]
struct Tally {
    items: u64,
    blocks: u64,
    block_bytes: u64,
}

impl Check<'_> {
    /// Reads every snapshot, and gathers what they say of block files.
    pub(super) fn snapshots(&mut self) -> Result<(), StorageError> {
        for lsn in dir::list_snapshots(self.fs, self.dir)? {
            self.lsn_promised = lsn;
            let path = dir::snapshot(self.dir, lsn);
            let mut tally = Tally::default();
            let problems = match self.snapshot(lsn, &mut tally) {
                Ok(()) => {
                    self.lsn_reached = lsn;
                    Vec::new()
                }
                Err(error) => vec![Problem::from_error(error)?],
            };
            let Tally { items, blocks, block_bytes } = tally;
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
        let mut noting = Noting::default();
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
                    tally.items += 1;
                    noting.item(&item, |place, block| {
                        tally.blocks += 1;
                        tally.block_bytes += u64::from(place.len);
                        let noted = self.noted.entry(place.file).or_default();
                        noted.blocks.insert(place.offset, block);
                    });
                    // Blocks are read with their files, not through this engine.
                    let mut source = |_: BlockLocation| Ok::<_, String>(nowhere.clone());
                    loader.push(&item, &mut source).map_err(|error| error.to_string())
                })?,
                SectionKind::Trailer => unreachable!("the reader keeps it"),
            }
        }
        loader.finish().map(drop).map_err(|error| reader.undecodable(at, error.to_string()))
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
            match block.check(&*file, offset) {
                Ok(()) => {
                    blocks += 1;
                    block_bytes += u64::from(block.len);
                }
                Err(what) => {
                    let entries = Some(LostEntries::of(block));
                    problems.push(Problem { offset, what, entries });
                }
            }
        }
        let mut each = |bytes| {
            self.advance(&path, bytes);
            ControlFlow::Continue(())
        };
        if let Err(error) = verify(&*file, &path, number, ReadFrom::Cache, &mut each) {
            let problem = Problem::from_error(error)?;
            // A damaged block makes the sum of the whole file wrong too: said once is enough.
            if problems.is_empty() {
                problems.push(problem);
            }
        }
        self.report(&path, bytes, Content::Blocks { number, blocks, block_bytes }, problems);
        Ok(())
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

impl LostEntries {
    /// The entries that are lost with a block.
    fn of(block: &NotedBlock) -> Self {
        Self {
            db: block.db,
            key: String::from_utf8_lossy(&block.key).into_owned(),
            first: block.header.first.to_string(),
            last: block.header.last.to_string(),
        }
    }
}
