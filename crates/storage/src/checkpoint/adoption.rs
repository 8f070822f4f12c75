//! What the live engine takes over from a checkpoint.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use engine::{BlockLocation, BlockSource, StoredBlocks};

use crate::blocks::BlockFiles;

/// Every block that a snapshot has on disk, for the live engine to exchange its heap copies for.
#[derive(Debug)]
pub struct Adoption {
    /// Those that this checkpoint wrote: nearly all that are asked for.
    written: BTreeMap<u64, BlockLocation>,
    /// All of them, so that one which an earlier adoption missed (RENAME between two slices) is caught by
    /// the next.
    stored: StoredBlocks,
    /// Their places, once such a block was met.
    all: OnceLock<BTreeMap<u64, BlockLocation>>,
    files: BlockFiles,
    /// Files whose blocks have moved out of them.
    left: BTreeSet<u64>,
}

impl Adoption {
    /// Of a block that was `written` twice the last place counts.
    pub(super) fn new(
        written: Vec<(u64, BlockLocation)>,
        stored: StoredBlocks,
        files: BlockFiles,
        left: BTreeSet<u64>,
    ) -> Self {
        let written = written.into_iter().collect();
        Self { written, stored, all: OnceLock::new(), files, left }
    }

    /// The place of a block that lies elsewhere now; `None` if it stays. What [`engine::Engine::adopt`]
    /// asks for.
    #[must_use]
    pub fn place(
        &self,
        number: u64,
        present: Option<BlockLocation>,
    ) -> Option<(Arc<dyn BlockSource>, BlockLocation)> {
        if present.is_some_and(|place| self.stays(place.file)) || self.stored.block_next() <= number
        {
            return None;
        }
        let all = || self.all.get_or_init(|| self.stored.places());
        let place = *self.written.get(&number).or_else(|| all().get(&number))?;
        if present == Some(place) { None } else { Some((self.files.source(place)?, place)) }
    }

    /// Whether a block that lies in this file lies there still. One that an earlier adoption missed may
    /// lie in a file that no snapshot refers to any more.
    #[must_use]
    pub fn stays(&self, file: u64) -> bool {
        self.files.file_bytes(file).is_some() && !self.left.contains(&file)
    }
}
