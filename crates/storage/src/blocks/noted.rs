//! What snapshots say of the blocks on disk, for those who check them one by one.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::{BlockHeader, BlockItem, BlockLocation, Item};

use super::TRAILER_BYTES;
use crate::format::header::HEADER_BYTES;
use crate::fs::File;

/// A block that a snapshot refers to.
#[derive(Debug, Clone)]
pub(crate) struct NotedBlock {
    /// Its length.
    pub(crate) len: u32,
    /// What its bytes must begin with.
    pub(crate) header: BlockHeader,
    /// Database and key of the stream.
    pub(crate) db: u8,
    pub(crate) key: Arc<[u8]>,
}

impl NotedBlock {
    /// Reads the block at `offset` of its file and compares it with what was noted.
    ///
    /// # Errors
    ///
    /// Why its entries cannot be read.
    pub(crate) fn check(&self, file: &dyn File, offset: u64) -> Result<(), String> {
        let size = file.size().map_err(|error| error.to_string())?;
        let end = offset.saturating_add(u64::from(self.len));
        // A length from disk allocates nothing before the file is known to be that long.
        if offset < HEADER_BYTES as u64 || size < end.saturating_add(TRAILER_BYTES as u64) {
            return Err("the file ends before it".to_owned());
        }
        let mut bytes = vec![0; self.len as usize];
        file.read_exact_at(&mut bytes, offset).map_err(|error| error.to_string())?;
        match BlockHeader::read(&bytes) {
            Ok(header) if header == self.header => Ok(()),
            Ok(_) => Err("it is another block".to_owned()),
            Err(bad) => Err(bad.to_string()),
        }
    }
}

/// The blocks of one file by their offset.
pub(crate) type NotedBlocks = BTreeMap<u64, NotedBlock>;

/// Follows the items of a snapshot, and knows whose blocks come.
#[derive(Debug, Default)]
pub(crate) struct Noting {
    db: u8,
    key: Arc<[u8]>,
}

impl Noting {
    /// Takes in the next item and hands each block on disk that stands in it to `each`.
    pub(crate) fn item(
        &mut self,
        item: &Item<'_>,
        mut each: impl FnMut(BlockLocation, NotedBlock),
    ) {
        match item {
            Item::Db { db } => self.db = *db,
            Item::Stream { key, .. } => self.key = Arc::from(&**key),
            Item::StreamPart { part } => {
                // A pack that cannot be decoded is found when the item is loaded.
                let blocks = part.blocks().unwrap_or_default();
                blocks.iter().for_each(|block| self.block(block, &mut each));
            }
            _ => {}
        }
    }

    fn block(&self, block: &BlockItem<'_>, each: &mut impl FnMut(BlockLocation, NotedBlock)) {
        let Some(location) = block.location else { return };
        let BlockItem { number, first, last, slots, .. } = *block;
        let header = BlockHeader { number, first, last, slots };
        let (len, db, key) = (location.len, self.db, Arc::clone(&self.key));
        each(location, NotedBlock { len, header, db, key });
    }
}
