//! Sealed blocks over all keys, for those who put them on disk.
//!
//! The checkpointer's engine lists its blocks, `storage` writes those that have no place yet, and
//! both that engine and the live one then adopt the mapped bytes. The live engine does so in slices
//! between commands, so that nobody waits for the walk.

use bytes::Bytes;

use crate::engine::Engine;
use crate::keyspace::Value;
use crate::stream::{BlockLocation, Stream};

/// A sealed block as `storage` sees it.
#[derive(Debug, Clone, Copy)]
pub struct BlockRef<'e> {
    /// Its number. A copied stream shares numbers (and bytes) with its original.
    pub number: u64,
    /// The whole block, header and checksum included.
    pub bytes: &'e Bytes,
    /// Where it lies on disk, if it does.
    pub location: Option<BlockLocation>,
}

/// How far [`Engine::adopt`] has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdoptCursor {
    db: u8,
    /// Place of the next key to visit, counted down as SCAN does; `None` for the database's last.
    index: Option<usize>,
    /// A key that was left halfway, and the number of its next block. If another key stands in its
    /// place, it has moved to a place that is still to come.
    partial: Option<(Box<[u8]>, u64)>,
}

/// Gives the new bytes and place of a block, given its number and its present place; `None` leaves
/// the block as it is.
pub type Adopt<'f> =
    &'f mut dyn FnMut(u64, Option<BlockLocation>) -> Option<(Bytes, BlockLocation)>;

impl Engine {
    /// Every sealed block, those of one stream side by side and in order.
    pub fn blocks(&self) -> impl Iterator<Item = BlockRef<'_>> {
        let entries = self.dbs.iter().flat_map(|db| db.iter());
        let of_streams = entries.filter_map(|(_, entry)| match &entry.value {
            Value::Stream(stream) => Some(stream.blocks().map(|block| BlockRef {
                number: block.number,
                bytes: &block.bytes,
                location: block.location,
            })),
            _ => None,
        });
        of_streams.flatten()
    }

    /// The sealed blocks that have no place on disk yet.
    pub fn blocks_unplaced(&self) -> impl Iterator<Item = (u64, &Bytes)> {
        self.blocks()
            .filter(|block| block.location.is_none())
            .map(|block| (block.number, block.bytes))
    }

    /// Visits about `budget` blocks from `cursor` on (the default cursor is the start) and lets each
    /// take the bytes and the place that `adopt` gives. Returns where to go on, `None` at the end.
    ///
    /// Keys may change in any way between two slices. A stream that RENAME, COPY or SWAPDB moved
    /// meanwhile may be missed: it then keeps its old, equally good bytes until it is adopted anew.
    pub fn adopt(
        &mut self,
        cursor: AdoptCursor,
        budget: usize,
        adopt: Adopt<'_>,
    ) -> Option<AdoptCursor> {
        let AdoptCursor { mut db, mut index, mut partial } = cursor;
        let mut left = budget;
        while let Some(keys) = self.dbs.get_mut(usize::from(db)) {
            let mut at = index.map_or(keys.len(), |index| keys.len().min(index + 1));
            while let Some(here) = at.checked_sub(1) {
                // A key without blocks costs a step too: there may be millions of them.
                let Some(after) = left.checked_sub(1) else {
                    return Some(AdoptCursor { db, index: Some(here), partial });
                };
                left = after;
                let resume = partial.take();
                if let Some((key, Value::Stream(stream))) = keys.value_at_mut(here) {
                    let from =
                        resume.filter(|(name, _)| **name == *key).map_or(0, |(_, from)| from);
                    if let Some(next) = adopt_blocks(stream, from, &mut left, adopt) {
                        let partial = Some((key.into(), next));
                        return Some(AdoptCursor { db, index: Some(here), partial });
                    }
                }
                at = here;
            }
            (db, index, partial) = (db + 1, None, None);
        }
        None
    }
}

/// Visits the blocks of one stream from number `from` on. Returns the number to go on with.
fn adopt_blocks(stream: &mut Stream, from: u64, left: &mut usize, adopt: Adopt<'_>) -> Option<u64> {
    for block in stream.blocks_mut_from(from) {
        let Some(after) = left.checked_sub(1) else { return Some(block.number) };
        *left = after;
        if let Some((bytes, location)) = adopt(block.number, block.location) {
            block.bytes = bytes;
            block.location = Some(location);
        }
    }
    None
}
