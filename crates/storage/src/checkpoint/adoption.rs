//! What the live engine takes over from a checkpoint.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
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
    /// Such a block was met.
    has_missed: AtomicBool,
    /// The places of all, from then on.
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
        let (has_missed, all) = (AtomicBool::new(false), OnceLock::new());
        Self { written, stored, has_missed, all, files, left }
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
        let written = self.written.get(&number).copied();
        // One that is damaged was not moved with the others of its file.
        let place = written.or_else(|| match present {
            Some(place) if self.left.contains(&place.file) => None,
            _ => self.place_of_missed(number),
        })?;
        if present == Some(place) { None } else { Some((self.files.source(place)?, place)) }
    }

    fn place_of_missed(&self, number: u64) -> Option<BlockLocation> {
        let Some(all) = self.all.get() else {
            self.has_missed.store(true, Ordering::Relaxed);
            return None;
        };
        all.get(&number).copied()
    }

    /// Whether the engine has to be walked over once more, as it has blocks that an earlier adoption
    /// missed. To find their places takes long, so this is asked without a lock in hand.
    #[must_use]
    pub fn wants_another_walk(&self) -> bool {
        let wants = self.has_missed.load(Ordering::Relaxed) && self.all.get().is_none();
        wants.then(|| self.all.get_or_init(|| self.stored.places())).is_some()
    }

    /// Whether a block that lies in this file lies there still. One that an earlier adoption missed may
    /// lie in a file that no snapshot refers to any more.
    #[must_use]
    pub fn stays(&self, file: u64) -> bool {
        self.files.file_bytes(file).is_some() && !self.left.contains(&file)
    }
}
