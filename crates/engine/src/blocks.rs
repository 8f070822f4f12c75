//! Sealed blocks over all keys, for those who put them on disk.
//!
//! The checkpointer's engine lists its blocks, `storage` writes those that have no place yet, and
//! both that engine and the live one then adopt the places on disk. The live engine does so in slices
//! between commands, so that nobody waits for the walk.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::engine::Engine;
use crate::keyspace::Value;
use crate::stream::{Block, BlockHeader, BlockLocation, BlockSource, Body, FileUse, Pack};

/// A sealed block as `storage` sees it.
#[derive(Debug, Clone)]
pub struct BlockRef<'e> {
    /// Database of the stream.
    pub db: u8,
    /// Key of the stream.
    pub key: &'e [u8],
    /// What its header says. A copied stream shares block numbers (and bytes) with its original.
    pub header: BlockHeader,
    /// Where it lies on disk, if it does.
    pub location: Option<BlockLocation>,
    body: Body,
}

impl BlockRef<'_> {
    /// The whole block, header and checksum included, unchecked if it had to be read.
    ///
    /// # Errors
    ///
    /// Why it cannot be read.
    pub fn bytes(&self) -> Result<Bytes, String> {
        self.body.bytes()
    }
}

/// A block that [`Engine::drop_blocks`] took out of its stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DroppedBlock {
    /// Database of the stream.
    pub db: u8,
    /// Its key.
    pub key: Box<[u8]>,
    /// Number, first and last slot of the block.
    pub header: BlockHeader,
    /// Entries that went with it: those that were not deleted before.
    pub entries: u64,
    /// Where the block was.
    pub location: Option<BlockLocation>,
}

/// The blocks of an engine that lie on disk, as they were at one time.
#[derive(Debug, Clone, Default)]
pub struct StoredBlocks {
    packs: Vec<Pack>,
    /// Their places in that list, by the number of the first block.
    seen: BTreeMap<u64, Vec<usize>>,
    /// Blocks in no pack.
    others: BTreeMap<u64, BlockLocation>,
    block_next: u64,
}

impl StoredBlocks {
    pub(crate) fn note_pack(&mut self, pack: &Pack) {
        // A copied stream has the packs of the original, until one of them changes. Then they may have a
        // first block in common, and other files.
        let alike = self.seen.entry(pack.number_first()).or_default();
        if alike.iter().all(|&other| !self.packs[other].is_same(pack)) {
            alike.push(self.packs.len());
            self.packs.push(pack.clone());
        }
    }

    pub(crate) fn note(&mut self, number: u64, place: BlockLocation) {
        self.others.insert(number, place);
    }

    /// The files, by number, and what of them is used. A block counts once, also if several streams have
    /// it; but again where it lies in packs that differ, as a copied stream's do once they were changed.
    #[must_use]
    pub fn files(&self) -> BTreeMap<u64, FileUse> {
        let mut files = BTreeMap::<u64, FileUse>::new();
        for (file, used) in self.packs.iter().flat_map(Pack::files) {
            *files.entry(file).or_default() += used;
        }
        for place in self.others.values() {
            files.entry(place.file).or_default().add(place.len);
        }
        files
    }

    /// The place of each block, by number.
    #[must_use]
    pub fn places(&self) -> BTreeMap<u64, BlockLocation> {
        let others = self.others.iter().map(|(number, place)| (*number, *place));
        self.packs.iter().flat_map(Pack::places).chain(others).collect()
    }

    /// The number of the next block to be sealed: all blocks had numbers below it.
    #[must_use]
    pub fn block_next(&self) -> u64 {
        self.block_next
    }
}

/// How far [`Engine::adopt`] has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdoptCursor {
    db: u8,
    /// Places of the database's array that are still to come, downwards as in SCAN; `None` for all.
    places: Option<usize>,
    /// A key that was left halfway, and the number of its next block. If another key stands in its
    /// place, it has moved to a place that is still to come.
    halfway: Option<(Box<[u8]>, u64)>,
}

/// Gives the place of a block on disk, given its number and its present place; `None` leaves the
/// block as it is.
pub type Adopt<'f> =
    &'f mut dyn FnMut(u64, Option<BlockLocation>) -> Option<(Arc<dyn BlockSource>, BlockLocation)>;

impl Engine {
    /// Every sealed block, those of one stream side by side and in order.
    pub fn blocks(&self) -> impl Iterator<Item = BlockRef<'_>> {
        self.blocks_in(&|_| true)
    }

    /// The sealed blocks that lie in memory (`None`) or in the files that are `wanted`, as
    /// [`Engine::blocks`] has them. What has to be put on disk: of a long history nearly nothing.
    pub fn blocks_in<'e>(
        &'e self,
        wanted: &'e dyn Fn(Option<u64>) -> bool,
    ) -> impl Iterator<Item = BlockRef<'e>> {
        let dbs = (0u8..).zip(&self.dbs);
        let entries = dbs.flat_map(|(number, db)| db.iter().map(move |entry| (number, entry)));
        let streams = entries.filter_map(|(db, (key, entry))| match &entry.value {
            Value::Stream(stream) => Some((db, key, stream)),
            _ => None,
        });
        streams.flat_map(move |(db, key, stream)| {
            stream.blocks.blocks_in(wanted).map(move |block| BlockRef {
                db,
                key,
                header: block.header(),
                location: block.body.location(),
                body: block.into_owned().body,
            })
        })
    }

    /// The blocks that lie on disk.
    #[must_use]
    pub fn stored_blocks(&self) -> StoredBlocks {
        let mut stored = StoredBlocks { block_next: self.sealer.next, ..StoredBlocks::default() };
        for db in &self.dbs {
            for (_, entry) in db.iter() {
                if let Value::Stream(stream) = &entry.value {
                    stream.blocks.note_stored(&mut stored);
                }
            }
        }
        stored
    }

    /// Takes the blocks that `is_lost` out of their streams, for a repair: no operation does so. What
    /// is left is as after an XDEL of their entries; groups keep them pending, as after XDEL.
    pub fn drop_blocks(
        &mut self,
        is_lost: &mut dyn FnMut(&BlockRef<'_>) -> bool,
    ) -> Vec<DroppedBlock> {
        let mut dropped = Vec::new();
        for (number, db) in (0u8..).zip(&mut self.dbs) {
            for index in 0..db.len() {
                let Some((key, Value::Stream(stream))) = db.value_at_mut(index) else { continue };
                let key: Box<[u8]> = key.into();
                let mut is_lost = |block: &Block| {
                    let location = block.body.location();
                    let (header, body) = (block.header(), block.body.clone());
                    is_lost(&BlockRef { db: number, key: &key, header, location, body })
                };
                for block in stream.drop_blocks(&mut is_lost) {
                    dropped.push(DroppedBlock {
                        db: number,
                        key: key.clone(),
                        header: block.header(),
                        entries: block.span.live.into(),
                        location: block.body.location(),
                    });
                }
            }
        }
        dropped
    }

    /// Visits about `budget` keys and blocks (at least one) from `cursor` on, and lets each block
    /// take the place that `adopt` gives. Returns where to go on, `None` at the end.
    /// The default cursor is the start.
    ///
    /// Blocks of files of which `stays` is true are not asked about, as far as whole packs lie in such
    /// files: nearly all of a long history.
    ///
    /// Keys may change in any way between two slices. A stream that RENAME, COPY or SWAPDB moved
    /// meanwhile may be missed: it then keeps its old, equally good bytes until the next walk.
    pub fn adopt(
        &mut self,
        mut cursor: AdoptCursor,
        budget: usize,
        stays: &dyn Fn(u64) -> bool,
        adopt: Adopt<'_>,
    ) -> Option<AdoptCursor> {
        let mut budget = budget.max(1);
        while let Some(db) = self.dbs.get_mut(usize::from(cursor.db)) {
            let mut places = cursor.places.unwrap_or(db.len()).min(db.len());
            while let Some(index) = places.checked_sub(1) {
                if budget == 0 {
                    return Some(AdoptCursor { places: Some(places), ..cursor });
                }
                let (key, value) = db.value_at_mut(index).expect("below the length");
                let halfway = cursor.halfway.take().filter(|(left, _)| **left == *key);
                if let Value::Stream(stream) = value {
                    let from = halfway.map_or(0, |(_, number)| number);
                    if let Some(next) = stream.blocks.adopt(from, &mut budget, stays, adopt) {
                        let halfway = Some((key.into(), next));
                        return Some(AdoptCursor { places: Some(places), halfway, ..cursor });
                    }
                }
                budget = budget.saturating_sub(1);
                places = index;
            }
            cursor = AdoptCursor { db: cursor.db + 1, ..AdoptCursor::default() };
        }
        None
    }
}
