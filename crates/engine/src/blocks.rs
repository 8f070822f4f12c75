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
    /// Places of the database's array that are still to come, downwards as in SCAN; `None` for all.
    places: Option<usize>,
    /// A key that was left halfway, and the number of its next block. If another key stands in its
    /// place, it has moved to a place that is still to come.
    halfway: Option<(Box<[u8]>, u64)>,
}

/// Gives the new bytes and place of a block, given its number and its present place; `None` leaves
/// the block as it is.
pub type Adopt<'f> =
    &'f mut dyn FnMut(u64, Option<BlockLocation>) -> Option<(Bytes, BlockLocation)>;

impl Engine {
    /// Every sealed block, those of one stream side by side and in order.
    pub fn blocks(&self) -> impl Iterator<Item = BlockRef<'_>> {
        let values = self.dbs.iter().flat_map(|db| db.iter()).map(|(_, entry)| &entry.value);
        let streams = values.filter_map(|value| match value {
            Value::Stream(stream) => Some(stream),
            _ => None,
        });
        streams.flat_map(|stream| stream.blocks()).map(|block| BlockRef {
            number: block.number,
            bytes: &block.bytes,
            location: block.location,
        })
    }

    /// The sealed blocks that have no place on disk yet.
    pub fn blocks_unplaced(&self) -> impl Iterator<Item = (u64, &Bytes)> {
        self.blocks()
            .filter(|block| block.location.is_none())
            .map(|block| (block.number, block.bytes))
    }

    /// Visits about `budget` keys and blocks (at least one) from `cursor` on, and lets each block
    /// take the bytes and the place that `adopt` gives. Returns where to go on, `None` at the end.
    /// The default cursor is the start.
    ///
    /// Keys may change in any way between two slices. A stream that RENAME, COPY or SWAPDB moved
    /// meanwhile may be missed: it then keeps its old, equally good bytes until the next walk.
    pub fn adopt(
        &mut self,
        mut cursor: AdoptCursor,
        budget: usize,
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
                    if let Some(next) = adopt_blocks(stream, from, &mut budget, adopt) {
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

/// Visits the blocks from number `from` on. Returns the next one if the budget ends before.
fn adopt_blocks(
    stream: &mut Stream,
    from: u64,
    budget: &mut usize,
    adopt: Adopt<'_>,
) -> Option<u64> {
    for block in stream.blocks_mut_from(from) {
        if *budget == 0 {
            return Some(block.number);
        }
        *budget -= 1;
        if let Some((bytes, location)) = adopt(block.number, block.location) {
            block.bytes = bytes;
            block.location = Some(location);
        }
    }
    None
}
