//! Blocks on their way from memory to disk.

use std::collections::{BTreeMap, BTreeSet};

use engine::{BlockHeader, BlockLocation, Engine};

use super::{Checkpointer, GiveUp, adopt_all, go_on};
use crate::blocks::{BlockFile, BlockFiles, BlockWriter, Written};
use crate::dir;
use crate::error::StorageError;

/// What a checkpoint has written, before the end of its replay and after.
#[derive(Debug, Default)]
pub(super) struct Spilled {
    /// Number and place of each block, the last place of one that was written twice last.
    pub(super) places: Vec<(u64, BlockLocation)>,
    pub(super) bytes: u64,
}

impl Spilled {
    pub(super) fn add(&mut self, written: Written) {
        self.places.extend(written.places);
        self.bytes += written.files.iter().map(|file| file.live_bytes).sum::<u64>();
    }
}

impl Checkpointer {
    /// As [`Checkpointer::write_blocks`]; then `engine` has them on disk and no longer in memory.
    pub(super) fn move_blocks(
        &self,
        engine: &mut Engine,
        sparse: &BTreeSet<u64>,
        (files_before, open_files): (&[BlockFile], &mut BlockFiles),
        give_up: GiveUp<'_>,
    ) -> Result<Written, StorageError> {
        let written = self.write_blocks(engine, sparse, files_before, give_up)?;
        for file in &written.files {
            open_files.open(&*self.fs, &self.dir, file)?;
        }
        let new_places: BTreeMap<_, _> = written.places.iter().copied().collect();
        // Nearly all of a long history stays where it is.
        let stays = |file| !sparse.contains(&file);
        adopt_all(engine, &stays, &mut |number, present| {
            if present.is_some_and(|place| stays(place.file)) {
                return None;
            }
            let place = *new_places.get(&number)?;
            Some((open_files.source(place).expect("just written and opened"), place))
        });
        Ok(written)
    }

    /// Writes the blocks that have no place yet, and those in files that are mostly dead.
    fn write_blocks(
        &self,
        engine: &Engine,
        sparse: &BTreeSet<u64>,
        files_before: &[BlockFile],
        give_up: GiveUp<'_>,
    ) -> Result<Written, StorageError> {
        // A number is never used twice while anything refers to the first file of that number.
        let on_disk = dir::list_block_files(&*self.fs, &self.dir)?;
        let noted = files_before.iter().map(|file| file.number);
        let number_next = on_disk.into_iter().chain(noted).max().map_or(1, |number| number + 1);
        let mut writer = BlockWriter::new(&*self.fs, &self.dir, number_next);
        let mut done = BTreeSet::new();
        let is_due = |file: Option<u64>| file.is_none_or(|file| sparse.contains(&file));
        for block in engine.blocks_in(&is_due) {
            go_on(give_up)?;
            // A copied stream shares its blocks with the original.
            if !done.insert(block.header.number) {
                continue;
            }
            match block.bytes() {
                Ok(bytes)
                    if block.location.is_none()
                        || BlockHeader::read(&bytes) == Ok(block.header) =>
                {
                    writer.add(block.header.number, &bytes)?;
                }
                // A damaged block stays where it is, and its file with it: moving it would give it
                // a file whose trailer vouches for it.
                _ => {}
            }
        }
        writer.finish()
    }
}
