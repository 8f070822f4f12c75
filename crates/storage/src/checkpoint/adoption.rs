//! What the live engine takes over from a checkpoint.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine::{BlockLocation, BlockSource, Engine};

use crate::blocks::BlockFiles;

/// Every block that a snapshot has on disk, for the live engine to exchange its heap copies for.
#[derive(Debug)]
pub struct Adoption {
    /// Sorted by block number. All blocks are here, not only those that moved, so that one which an
    /// earlier adoption missed (RENAME between two slices) is caught by the next.
    places: Vec<(u64, BlockLocation)>,
    files: BlockFiles,
    /// Files whose blocks have moved out of them.
    left: BTreeSet<u64>,
}

impl Adoption {
    pub(super) fn new(engine: &Engine, files: BlockFiles, left: BTreeSet<u64>) -> Self {
        Self { places: places(engine), files, left }
    }

    /// The place of a block that lies elsewhere now; `None` if it stays. What [`Engine::adopt`]
    /// asks for.
    #[must_use]
    pub fn place(
        &self,
        number: u64,
        present: Option<BlockLocation>,
    ) -> Option<(Arc<dyn BlockSource>, BlockLocation)> {
        // Nearly all of a long history stays where it is, and is passed over without a search.
        if present.is_some_and(|place| self.stays(place.file)) {
            return None;
        }
        let at = self.places.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        let (_, place) = self.places[at];
        if present == Some(place) { None } else { Some((self.files.source(place)?, place)) }
    }

    /// Whether a block that lies in this file lies there still. One that an earlier adoption missed may
    /// lie in a file that no snapshot refers to any more.
    fn stays(&self, file: u64) -> bool {
        self.files.file_bytes(file).is_some() && !self.left.contains(&file)
    }
}

/// Number and place of every placed block, sorted.
pub(super) fn places(engine: &Engine) -> Vec<(u64, BlockLocation)> {
    let placed = || {
        let blocks = engine.blocks();
        blocks.filter_map(|block| block.location.map(|place| (block.header.number, place)))
    };
    // Counted first: a list that grows as it is filled takes up to three times its memory, and a long
    // history has millions of blocks.
    let mut places = Vec::with_capacity(placed().count());
    places.extend(placed());
    places.sort_unstable_by_key(|(number, _)| *number);
    places.dedup_by_key(|(number, _)| *number);
    places
}
